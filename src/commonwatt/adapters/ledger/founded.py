"""What a chain was founded on and what came after: every genesis transaction compared with the one that public terms give."""

from collections.abc import Iterator
from functools import cache
from typing import Final

from commonwatt.adapters.chain.blocks import Block
from commonwatt.adapters.chain.readable import ReadableChain
from commonwatt.adapters.chain.transactions import Transaction, decode_transaction
from commonwatt.adapters.ledger.calldata import SETTLE
from commonwatt.adapters.ledger.foundation import CONTRACTS, DEPOSIT, Genesis, Planned, chain_id_of, deposit_calls
from commonwatt.contracts import artifact
from commonwatt.contracts import encoding as lines
from commonwatt.core.findings import Finding
from commonwatt.crypto.keccak import keccak256
from commonwatt.services.ports import LedgerTerms

FORK: Final = "cancun"
"""The rule set of every community's chain."""

GENESIS_BLOCKS: Final = 3
"""Creations, what fills the contracts, and the empty block that seals."""


def foundation_findings(chain: ReadableChain, terms: LedgerTerms, founded_s: int) -> list[Finding]:
    """Where a chain's genesis differs from the one that follows from the terms and its own operator's address.

    Creation code and constructor arguments are compared byte by byte: a contract that has the package's code could still have been created
    by other code, which wrote into its storage what no transaction put there.
    """
    found = []
    expected_id = chain_id_of(terms.community)
    if (chain.chain_id, chain.fork) != (expected_id, FORK):
        found.append(
            Finding("genesis chain id and rules", f"{expected_id}, {FORK}", f"{chain.chain_id}, {chain.fork!r}")
        )
    first = list(_first_blocks(chain))
    if len(first) < GENESIS_BLOCKS or not first[0][0]:
        return [*found, Finding("genesis", f"{GENESIS_BLOCKS} blocks", f"{len(first)}, or an empty first one")]
    genesis = Genesis(terms, first[0][0][0].sender)
    for number, planned in enumerate((*genesis.blocks(), ())):
        transactions, block = first[number]
        found += _block_findings(genesis, number, planned, transactions)
        seals = number == GENESIS_BLOCKS - 1
        if block.time_s != founded_s or block.seals_genesis != seals:
            expected = f"at {founded_s} s, {'sealing' if seals else 'not sealing'}"
            was = f"at {block.time_s} s, {'sealing' if block.seals_genesis else 'not sealing'}"
            found.append(Finding(f"genesis block {number}", expected, was))
        found += [
            Finding(f"genesis block {number} transaction {r.position}", "success", r.revert_reason)
            for r in block.receipts
            if not r.succeeded
        ]
    return found


def call_name(transaction: Transaction, addresses: dict[str, bytes]) -> str:
    """What a transaction calls, such as `vault.deposit`; `settle_net` of another kind than 0 with its kind."""
    if transaction.to is None:
        return "a creation"
    contract = next((name for name, address in addresses.items() if address == transaction.to), None)
    if contract is None:
        return f"0x{transaction.to.hex()}"
    signature = _methods(contract).get(transaction.data[:4])
    if signature is None:
        return f"{contract}.0x{transaction.data[:4].hex()}"
    kind = int.from_bytes(transaction.data[36:68], "big")
    of_kind = f" of kind {kind}" if signature == SETTLE and kind != lines.SETTLEMENT else ""
    return f"{contract}.{signature.partition('(')[0]}{of_kind}"


def is_deposit(transactions: list[Transaction], addresses: dict[str, bytes], operator: bytes) -> bool:
    """Whether a block is one payment into an account and nothing else: what was issued is what was paid in."""
    selector = artifact("vault").method_ids[DEPOSIT]
    said = transactions[-1].data if transactions else b""
    if not said.startswith(selector) or len(said) != len(selector) + 64:
        return False
    account, amount_nano = (int.from_bytes(said[at : at + 32], "big") for at in (4, 36))
    planned = deposit_calls(operator, addresses["vault"], account, amount_nano)
    return [(t.to, t.data) for t in transactions] == [(addresses[name], data) for name, data in planned]


def later_blocks(chain: ReadableChain) -> Iterator[tuple[list[Transaction], Block]]:
    """The blocks after the genesis, with their transactions."""
    return blocks(chain, GENESIS_BLOCKS)


def _first_blocks(chain: ReadableChain) -> Iterator[tuple[list[Transaction], Block]]:
    for _, decoded in zip(range(GENESIS_BLOCKS), blocks(chain), strict=False):
        yield decoded


def blocks(chain: ReadableChain, first: int = 0) -> Iterator[tuple[list[Transaction], Block]]:
    """The blocks from number `first` on, with their transactions."""
    for raws, block in chain.raw_blocks(first):
        yield (
            [decode_transaction(raw, chain.chain_id, r.sender) for raw, r in zip(raws, block.receipts, strict=True)],
            block,
        )


def _block_findings(
    genesis: Genesis, number: int, planned: tuple[Planned, ...], transactions: list[Transaction]
) -> list[Finding]:
    found = []
    if len(transactions) != len(planned):
        found.append(Finding(f"genesis block {number}", f"{len(planned)} transactions", str(len(transactions))))
    for position, ((to, data), transaction) in enumerate(zip(planned, transactions, strict=False)):
        where = f"genesis block {number} transaction {position}"
        if transaction.sender != genesis.operator:
            found.append(Finding(where, f"from 0x{genesis.operator.hex()}", f"from 0x{transaction.sender.hex()}"))
        if transaction.to != to or transaction.data != data:
            found.append(_differs(f"{where} ({_planned_name(genesis, number, position, to)})", data, transaction))
    return found


def _planned_name(genesis: Genesis, number: int, position: int, to: bytes | None) -> str:
    if number == 0:
        return CONTRACTS[position]
    return next(name for name, address in genesis.addresses.items() if address == to)


def _differs(where: str, data: bytes, transaction: Transaction) -> Finding:
    """Name the first 32-byte word that differs; a creation's words stand behind the package's creation code and have its arguments' names."""
    was, arguments = transaction.data, list[str]()
    if transaction.to is None:
        name = next((n for n in CONTRACTS if data.startswith(artifact(n).creation_code)), CONTRACTS[0])
        code, arguments = artifact(name).creation_code, _arguments(name)
        if not was.startswith(code):
            digest = keccak256(was).hex()[:16]
            return Finding(where, "the package's creation code", f"other code, keccak {digest}…")
        first = len(code)
    else:
        if data[:4] != was[:4]:
            return Finding(where, f"a call of 0x{data[:4].hex()}", f"0x{was[:4].hex()}")
        first = 4
    for at in range(first, max(len(data), len(was)), 32):
        ours, theirs = data[at : at + 32], was[at : at + 32]
        if ours != theirs:
            number = (at - first) // 32
            word = arguments[number] if number < len(arguments) else f"word {number}"
            return Finding(f"{where} {word}", _word(ours), _word(theirs))
    return Finding(where, "the contract of this name", "a call of another one")


def _arguments(contract: str) -> list[str]:
    """The names of what a contract is built with; each has a word, be it the place of its value."""
    constructor = next(entry for entry in artifact(contract).abi if entry["type"] == "constructor")
    return [str(entry["name"]).rstrip("_") for entry in constructor["inputs"]]


def _word(word: bytes) -> str:
    value = int.from_bytes(word, "big")
    return str(value) if value < 2**80 else f"0x{word.hex()}"


@cache
def _methods(contract: str) -> dict[bytes, str]:
    return {selector: signature for signature, selector in artifact(contract).method_ids.items()}
