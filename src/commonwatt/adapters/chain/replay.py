"""Reading a chain back: every stored block is checked against its own hash, then run again and compared."""

from collections.abc import Iterable

from commonwatt.adapters.chain.blocks import Block, Receipt, decode_receipt, header_hash, merkle_root
from commonwatt.adapters.chain.chain_file import StoredBlock
from commonwatt.adapters.chain.errors import BlockRefusedError, CorruptChainError, TransactionRefusedError
from commonwatt.adapters.chain.machine import ChainMachine, Head
from commonwatt.adapters.chain.transactions import Transaction, decode_transaction
from commonwatt.crypto.keccak import keccak256


def read_block(stored: StoredBlock) -> Block:
    """Return a stored block with its receipts after checking that its roots and hash cover what is stored.

    Errors: CorruptChainError, naming the block and what disagrees.
    """
    number = stored.number
    if tuple(keccak256(raw) for raw in stored.raws) != stored.hashes:
        raise CorruptChainError("a transaction does not have the hash it is listed under", number)
    if merkle_root(stored.raws) != stored.transactions_root:
        raise CorruptChainError("its transactions do not give its transactions root", number)
    if merkle_root(stored.receipts) != stored.receipts_root:
        raise CorruptChainError("its receipts do not give its receipts root", number)
    roots = (stored.parent_hash, stored.transactions_root, stored.receipts_root)
    if header_hash(number, stored.time_s, *roots, stored.seals_genesis) != stored.hash:
        raise CorruptChainError("its fields do not give its hash", number)
    receipts = tuple(decode_receipt(encoded, number, i) for i, encoded in enumerate(stored.receipts))
    if tuple(receipt.transaction_hash for receipt in receipts) != stored.hashes:
        raise CorruptChainError("a receipt belongs to another transaction", number)
    return Block(number, stored.time_s, *roots, stored.seals_genesis, stored.hash, receipts, stored.receipts)


def replay(machine: ChainMachine, stored_blocks: Iterable[StoredBlock], chain_id: int, expected: Head | None) -> None:
    """Bring a fresh machine to the end of a file that this node wrote, comparing every block.

    Signatures are not recovered again: the node did so before it wrote the block, and the sender is part of the
    receipt, which the block's hash covers (`verify` does recover them). `expected` is a block the file must hold.
    Errors: CorruptChainError, naming the first bad block.
    """
    for stored in stored_blocks:
        recorded = read_block(stored)
        if recorded.parent_hash != machine.head.hash:
            raise CorruptChainError("its parent is not the block before it", recorded.number)
        transactions = [
            _own_transaction(raw, chain_id, receipt)
            for raw, receipt in zip(stored.raws, recorded.receipts, strict=True)
        ]
        try:
            block = machine.apply(transactions, recorded.time_s, seals_genesis=recorded.seals_genesis)
        except (TransactionRefusedError, BlockRefusedError) as error:
            raise CorruptChainError(f"breaks a rule: {error}", recorded.number) from error
        if block.hash != recorded.hash:
            raise CorruptChainError("running it again gives other receipts", recorded.number)
        if expected is not None and expected.number == block.number and expected.hash != block.hash:
            raise CorruptChainError(f"expected 0x{expected.hash.hex()}, was 0x{block.hash.hex()}", block.number)
    if expected is not None and expected.number > machine.head.number:
        raise CorruptChainError(f"expected at least block {expected.number}, the last is {machine.head.number}")


def _own_transaction(raw: bytes, chain_id: int, receipt: Receipt) -> Transaction:
    try:
        return decode_transaction(raw, chain_id, known_sender=receipt.sender)
    except TransactionRefusedError as error:
        raise CorruptChainError(f"transaction {receipt.position}: {error.reason}", receipt.block) from error
