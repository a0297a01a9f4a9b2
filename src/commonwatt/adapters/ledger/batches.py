"""Batches read back from a chain: what was settled, line by line, and what of it was voided."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from commonwatt.adapters.chain.blocks import Block, Log
from commonwatt.adapters.chain.blocks import Receipt as ChainReceipt
from commonwatt.adapters.chain.transactions import Transaction
from commonwatt.adapters.ledger import calldata
from commonwatt.contracts import encoding
from commonwatt.crypto.keccak import keccak256
from commonwatt.services.ports import Batch, BatchLines

SETTLED: Final = keccak256(b"Settled(uint256,bytes32,bytes32,uint256,uint256,uint256,uint256,uint256)")
VOIDED: Final = keccak256(b"Voided(uint256,bytes32,bytes32,uint256)")
CONTENT_TOPIC: Final = 3
"""Where both events name the content hash."""

_ATTEMPT_WORD: Final = 4
"""Where `Settled` says which attempt it is."""


def posted_batches(blocks: Iterable[tuple[list[Transaction], Block]], market: bytes) -> Iterator[Batch]:
    """The batches that the market at this 20-byte address accepted, in order; a repetition without effect is none."""
    found: list[tuple[bytes, Transaction, int, int]] = []
    void: dict[bytes, int] = {}
    for transactions, block in blocks:
        for transaction, receipt in zip(transactions, block.receipts, strict=True):
            void |= dict.fromkeys((log.topics[CONTENT_TOPIC] for log in _logs(receipt, market, VOIDED)), block.time_s)
            for log in _logs(receipt, market, SETTLED):
                attempt = calldata.word(log.data, _ATTEMPT_WORD)
                found.append((log.topics[CONTENT_TOPIC], transaction, block.time_s, attempt))
    for content, transaction, time_s, attempt in found:
        yield batch_of(calldata.read_posted(transaction.data), content, time_s, attempt, void.get(content, 0))


def batch_of(posted: calldata.Posted, content: bytes, time_s: int, attempt: int = 1, voided_s: int = 0) -> Batch:
    """A posting as a batch; `content` is its hash, `time_s` the time of its block, `voided_s` that of its void (0: it stands)."""
    return Batch(
        slot=posted.slot,
        kind=posted.kind,
        revision=posted.revision,
        part=posted.part,
        parts=posted.parts,
        prior=posted.prior,
        content_hash=content,
        posted_s=time_s,
        is_void=voided_s > 0,
        energy_lines=posted.energy_count,
        lines=lines_of(posted.packed, posted.energy_count),
        packed=posted.packed,
        attempt=attempt,
        voided_s=voided_s,
    )


def lines_of(packed: bytes, energy_count: int) -> BatchLines:
    """Packed lines as columns, energy lines first.

    Raises:
        ValueError: the bytes are no whole number of lines, or fewer than `energy_count`.

    """
    energy, amounts = encoding.unpack_lines(packed, energy_count)
    price = energy["price_micro_per_kwh"].astype(np.int64)
    energy_wh = energy["energy_wh"].astype(np.int64)
    rest = np.zeros(len(amounts), np.int64)
    return BatchLines(
        who=np.concatenate([energy["who"], amounts["who"]]),
        other=np.concatenate([energy["other"], amounts["other"]]),
        energy_wh=np.concatenate([energy_wh, rest]),
        price_micro_per_kwh=np.concatenate([price, rest]),
        amount_nano=np.concatenate([energy_wh * price, amounts["amount_nano"].astype(np.int64)]),
    )


def _logs(receipt: ChainReceipt, market: bytes, event: bytes) -> Iterator[Log]:
    return (log for log in receipt.logs if log.address == market and log.topics[0] == event)
