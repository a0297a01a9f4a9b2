"""Claims on a chain: calldata of demands, answers, expirations and reclaims; demands, and what members took back, read from blocks."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from commonwatt.adapters.chain.blocks import Block
from commonwatt.adapters.chain.transactions import Transaction
from commonwatt.adapters.ledger.calldata import word
from commonwatt.contracts import artifact, encoding
from commonwatt.crypto.keccak import keccak256
from commonwatt.crypto.secp256k1 import sign
from commonwatt.services.claims import (
    AnswerOrderCall,
    AnswerPositionCall,
    ClaimCall,
    Demand,
    DemandCall,
    DemandState,
    ExpireCall,
    FeedCall,
    Revocation,
    Substitute,
)
from commonwatt.services.ports import Batch

if TYPE_CHECKING:
    from commonwatt.services.evidence import PacketEvidence

CONTRACT: Final = "claims"

DEMANDED: Final = keccak256(b"Demanded(bytes32,bytes32,uint256,uint256,uint256,uint256,uint256,uint256,uint256)")
_CLOSED: Final = {
    keccak256(b"Answered(bytes32)"): DemandState.ANSWERED,
    keccak256(b"Expired(bytes32)"): DemandState.EXPIRED,
    keccak256(b"Reclaimed(bytes32)"): DemandState.RECLAIMED,
}
_CANCELLED: Final = keccak256(b"Cancelled(uint256,bytes32)")
_ROTATED: Final = keccak256(b"WalletRotated(uint256,address)")
_PLACE: Final = "(uint256,uint256,uint256,uint256,uint256,bytes32,uint256)"
_ORDER: Final = "(uint256,bool,uint256,int256,uint256,uint256,uint256,uint256)"
_ENTRY: Final = "(uint256,int256,uint256,uint256,bytes32)"
_PROOF: Final = "(bytes32[],uint256,bytes32,uint256)"
_PACKET: Final = "(uint256,uint256,uint256,uint256,bytes32,bytes32[],uint256,uint256[3],uint256[3],uint256[3][])"
_NOBODY: Final = (0, 0, 0)
_NO_PACKET: Final = (0, 0, 0, 0, bytes(32), (), 0, _NOBODY, _NOBODY, ())


def claim_data(call: ClaimCall, domain: bytes, secret: bytes) -> bytes:
    """Calldata of a call; where a quorum has to sign for a silent meter, `secret` does in the market's `domain`."""
    if isinstance(call, DemandCall):
        batch = call.batch
        return _data("demand", (_PLACE, "bytes"), _place(batch), batch.packed, call.line, call.side, call.account)
    if isinstance(call, AnswerOrderCall):
        return _answer_order(call)
    if isinstance(call, FeedCall):
        return _data("feed", ("bytes32", _PLACE, "bytes"), call.id, _place(call.batch), call.batch.packed)
    if isinstance(call, AnswerPositionCall):
        now = _packet(call.now, domain, secret)
        before = _NO_PACKET if call.before is None else _packet(call.before, domain, secret)
        return _data("answer_position", ("bytes32", _PACKET, _PACKET), call.id, now, before)
    if isinstance(call, ExpireCall):
        return _data("expire", ("bytes32", _PLACE, "bytes"), call.id, _place(call.batch), call.batch.packed)
    return _data("reclaim", ("bytes32",), call.id)


def demands(blocks: Iterable[tuple[list[Transaction], Block]], claims: bytes) -> Iterator[Demand]:
    """Every demand that the claims at this 20-byte address took, in order, as it stands after the last block."""
    found: dict[bytes, Demand] = {}
    for transactions, block in blocks:
        for transaction, receipt in zip(transactions, block.receipts, strict=True):
            for log in receipt.logs:
                if log.address != claims:
                    continue
                named = log.topics[1]
                if log.topics[0] == DEMANDED:
                    found[named] = _demand(named, log.topics[3], log.data, transaction.data[4:], block.time_s)
                elif log.topics[0] in _CLOSED:
                    found[named] = replace(found[named], state=_CLOSED[log.topics[0]], closed_s=block.time_s)
    yield from found.values()


def revocations(
    blocks: Iterable[tuple[list[Transaction], Block]], market: bytes, members: bytes
) -> Iterator[Revocation]:
    """The orders cancelled at the market, and the wallets changed in the registry, of these 20-byte addresses, in order."""
    for _, block in blocks:
        for log in (log for receipt in block.receipts for log in receipt.logs):
            account = int.from_bytes(log.topics[1], "big") if len(log.topics) > 1 else 0
            if (log.address, log.topics[0]) == (market, _CANCELLED):
                yield Revocation(block.time_s, account, order_hash=log.topics[2], wallet=b"")
            elif (log.address, log.topics[0]) == (members, _ROTATED):
                yield Revocation(block.time_s, account, order_hash=b"", wallet=log.topics[2][-20:])


def _demand(named: bytes, member: bytes, said: bytes, words: bytes, time_s: int) -> Demand:
    attempt, generation, line, side, demander, deadline_s = (word(said, i) for i in range(6))
    return Demand(
        id=named,
        slot=word(words, 0),
        kind=word(words, 1),
        revision=word(words, 2),
        part=word(words, 3),
        attempt=attempt,
        generation=generation,
        line=line,
        side=side,
        demander=demander,
        member=int.from_bytes(member, "big"),
        asked_s=time_s,
        deadline_s=deadline_s,
        state=DemandState.OPEN,
        closed_s=0,
    )


def _answer_order(call: AnswerOrderCall) -> bytes:
    signed, entry = call.signed, call.entry
    order = (
        signed.account,
        signed.is_sell,
        signed.energy_wh,
        signed.limit_micro_per_kwh,
        signed.first_slot,
        signed.last_slot,
        signed.path,
        signed.salt,
    )
    sealed = (entry.energy_wh, entry.limit_micro_per_kwh, entry.source, entry.preference, entry.nonce)
    proof = (entry.siblings, entry.sides, entry.book_root, entry.orders)
    types = ("bytes32", _ORDER, "uint256[3]", _ENTRY, _PROOF)
    return _data("answer_order", types, call.id, order, signed.vrs, sealed, proof)


def _packet(said: "PacketEvidence | Substitute", domain: bytes, secret: bytes) -> tuple[Any, ...]:
    if isinstance(said, Substitute):
        digest = encoding.silent_digest(domain, said.slot, said.account, said.import_wh, said.export_wh)
        recovery_id, r, s = sign(digest, secret)
        quorum = ((27 + recovery_id, r, s),)
        return (0, 0, said.import_wh, said.export_wh, bytes(32), (), 0, _NOBODY, _NOBODY, quorum)
    return (
        said.revision,
        said.counter,
        said.import_wh,
        said.export_wh,
        said.packet_hash,
        said.siblings,
        said.sides,
        said.vrs,
        _vrs(said.enrolment.signature) if said.enrolment else _NOBODY,
        (),
    )


def _vrs(signature: bytes) -> tuple[int, int, int]:
    return signature[64], int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")


def _place(batch: Batch) -> tuple[Any, ...]:
    return batch.slot, batch.kind, batch.revision, batch.part, batch.parts, batch.prior, batch.energy_lines


def _data(name: str, types: tuple[str, ...], *arguments: Any) -> bytes:
    """Calldata of a function of the claims; what `types` does not name is a number."""
    from eth_abi import encode  # slow to import, and needed for claims only

    full = (*types, *("uint256" for _ in arguments[len(types) :]))
    selector = artifact(CONTRACT).method_ids[f"{name}({','.join(full)})"]
    encoded: bytes = encode(full, arguments)
    return selector + encoded
