"""What the run asked of the ledger: transactions and gas, by kind and by slot."""

from __future__ import annotations

from dataclasses import dataclass

from commonwatt.services.reporting.books import Books

KINDS = ("open", "clear", "trades", "settle", "anchor")


@dataclass(frozen=True)
class Transaction:
    """One transaction as the receipts name it."""

    slot: int
    kind: str
    gas: float | None
    """By the model of the contracts, or the mean of its kind; None where its kind is not known."""


def transactions(books: Books) -> list[Transaction]:
    """The run's transactions: those of the receipts in their order (one that several share counts once), then the anchors."""
    table, gas = books.tables["receipts"], books.facts.gas_by_transaction
    seen: dict[str, tuple[int, str]] = {}
    for slot, kind, name in zip(*(table.column(c).to_pylist() for c in ("slot", "kind", "transaction")), strict=True):
        if name:
            seen.setdefault(name, (slot, kind))
    for slot, name in books.facts.anchors:
        seen.setdefault(name, (slot, "anchor"))
    measured: dict[str, list[int]] = {}
    for name, (_, kind) in seen.items():
        if name in gas:
            measured.setdefault(kind, []).append(gas[name])
    means = {kind: sum(values) / len(values) for kind, values in measured.items()}
    return [Transaction(slot, kind, gas.get(name, means.get(kind))) for name, (slot, kind) in seen.items()]


def gas_per_trade(used: list[Transaction], trades: int) -> float | None:
    """Gas of all transactions over the rows of trades; None without trades, or where some gas is not known."""
    known = [t.gas for t in used if t.gas is not None]
    if not trades or not known or len(known) < len(used):
        return None
    return sum(known) / trades
