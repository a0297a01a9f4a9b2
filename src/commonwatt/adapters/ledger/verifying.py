"""Verifying a ledger's chain from its export, and telling what its transactions cost in gas."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from commonwatt.adapters.chain.executors import open_executor
from commonwatt.adapters.chain.machine import ChainMachine
from commonwatt.adapters.chain.readable import ReadableChain
from commonwatt.adapters.chain.transactions import Transaction, decode_transaction
from commonwatt.adapters.chain.verification import verify
from commonwatt.adapters.ledger import calldata
from commonwatt.core.findings import Finding
from commonwatt.services.ports import ChainCheck

REPLAYED_SLOTS: Final = 24
"""Slots that are run on py-evm (a few seconds) to know their gas exactly; the rest of a run is a model fitted on them."""

_SETTLE: Final = "settle"


def check_export(path: Path, *, reference: bool) -> ChainCheck:
    """Links, signatures, roots and every transaction of an exported chain; `reference` runs it on py-evm."""
    report = verify(path, "py-evm" if reference else "auto")
    findings = tuple(Finding(f"chain {d.place}: {d.what}", d.expected, d.found) for d in report.disagreements)
    gas = {"0x" + digest.hex(): used for digest, used in report.gas_used.items()}
    return ChainCheck(findings, report.transactions, report.executor, gas)


def gas_of(chain: ReadableChain, replayed_slots: int = REPLAYED_SLOTS) -> tuple[dict[str, int], str]:
    """Gas by transaction hash, and where it comes from.

    The genesis and the first `replayed_slots` slots are run on py-evm, which counts exactly; pyrevm does not. For later
    transactions a settlement's gas is a line through the number of its lines, fitted by least squares on the later half
    of the replayed slots (the first ones pay for storage that was empty), any other's the mean of its kind.
    """
    executor, _ = open_executor("py-evm", chain.chain_id, chain.fork)
    machine = ChainMachine(executor, chain.chain_id, chain.fork)
    gas: dict[str, int] = {}
    samples: list[tuple[str, int, int]] = []
    rest: list[tuple[str, str, int]] = []
    settled: set[int] = set()
    for transactions, time_s, seals in _decoded_blocks(chain):
        described = [(_name(transaction), *_described(transaction)) for transaction in transactions]
        # What is no settlement costs little to replay; so a short run is replayed whole, its last anchor included.
        if len(settled) >= replayed_slots and (rest or any(kind == _SETTLE for _, kind, *_ in described)):
            rest += [(name, kind, lines) for name, kind, lines, _ in described]
            continue
        block = machine.apply(transactions, time_s, seals_genesis=seals)
        for (name, kind, lines, slot), receipt in zip(described, block.receipts, strict=True):
            gas[name] = receipt.gas_used or 0
            samples.append((kind, lines, gas[name]))
            settled |= {slot} if kind == _SETTLE else set()
    if rest:
        gas |= _modelled(samples, rest)
        return gas, "model"
    return gas, f"py-evm replay of {len(settled)} slots"


def _modelled(samples: list[tuple[str, int, int]], rest: list[tuple[str, str, int]]) -> dict[str, int]:
    settles = [(lines, used) for kind, lines, used in samples if kind == _SETTLE]
    later = np.array(settles[len(settles) // 2 :], np.float64)
    design = np.column_stack([np.ones(len(later)), later[:, 0]])
    (base, per_line), *_ = np.linalg.lstsq(design, later[:, 1], rcond=None)
    means = {}
    for kind in {kind for _, kind, _ in rest} - {_SETTLE}:
        # A kind that did not occur yet (an anchor, once a day) stores one word as the other plain calls do.
        of_kind = [used for k, _, used in samples if k == kind] or [u for k, _, u in samples if k in ("open", "clear")]
        means[kind] = sum(of_kind) / len(of_kind)
    return {name: round(base + per_line * lines if kind == _SETTLE else means[kind]) for name, kind, lines in rest}


def _decoded_blocks(chain: ReadableChain) -> Iterator[tuple[list[Transaction], int, bool]]:
    for raws, block in chain.raw_blocks():
        transactions = [
            decode_transaction(raw, chain.chain_id, receipt.sender)
            for raw, receipt in zip(raws, block.receipts, strict=True)
        ]
        yield transactions, block.time_s, block.seals_genesis


def _described(transaction: Transaction) -> tuple[str, int, int]:
    place = calldata.read_place(transaction.data) if transaction.to is not None else None
    if place is None:
        return "genesis", 0, 0
    return place.kind, calldata.line_count(transaction.data), place.slot


def _name(transaction: Transaction) -> str:
    return "0x" + transaction.hash.hex()
