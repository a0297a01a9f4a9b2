"""What a federation's run leaves behind: level 2 slot by slot, what it saved the members of each community, who pays whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa

from commonwatt.core.units import Ints, exact_sum
from commonwatt.services.federation import Crossing
from commonwatt.services.reporting.summary import Summary

FEDERATION: Final = "federation.json"
"""In `public/`: what says that a folder is a federation's, and of which communities."""
EXCHANGES: Final = "exchanges"
"""In `public/`: the table of what crossed."""
EXCHANGE_COLUMNS: Final[Mapping[str, tuple[pa.DataType, str]]] = {
    "slot": (pa.int64(), "Number of the slot."),
    "community": (pa.string(), "Name of the community."),
    "long_wh": (pa.int64(), "What its sellers offered at the price beyond all that its own members asked for."),
    "short_wh": (pa.int64(), "What its buyers asked for at the price beyond all that its own members offered."),
    "energy_wh": (pa.int64(), "What crosses; positive: leaves the community. A slot's rows add up to 0."),
    "price_micro_per_kwh": (pa.int64(), "Price of a kWh that crosses; 0 where nothing does."),
    "amount_nano": (pa.int64(), "What its supplier gets from the others (negative: pays). A slot's rows add up to 0."),
}
EXCHANGE_SCHEMA: Final = pa.schema([(name, kind) for name, (kind, _) in EXCHANGE_COLUMNS.items()])


@dataclass(frozen=True)
class CommunityOutcome:
    """What the whole needs to know of a finished community."""

    name: str
    members: tuple[str, ...]
    """Ids the community uses; the report of the whole belongs to the operators."""
    pseudonyms: tuple[str, ...]
    cost_nano: tuple[int, ...]
    """What each member pays."""
    baseline_nano: tuple[int, ...]
    """Without any market."""
    alone_nano: tuple[int, ...]
    """On the same orders and meters, had nothing crossed."""
    summary: Summary
    manifest_root: str
    verified: bool
    notes: tuple[str, ...] = ()

    @property
    def by_level_two_nano(self) -> Ints:
        """What each member saved because of the other communities (negative: lost), shape (members,)."""
        return np.array(self.alone_nano, np.int64) - np.array(self.cost_nano, np.int64)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> CommunityOutcome:
        """What `to_json` made."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in kept.items()}
        return cls(**{field.name: values[field.name] for field in fields(cls)})


@dataclass(frozen=True)
class Payment:
    """What one community's supplier owes another's for all that crossed."""

    payer: str
    receiver: str
    amount_nano: int


@dataclass(frozen=True)
class FederationFacts:
    """A finished federation."""

    name: str
    currency: str
    time_zone: str
    slot_s: int
    slots: range
    timing: str
    communities: tuple[CommunityOutcome, ...]
    crossings: tuple[Crossing, ...]
    is_met_again: bool = False
    """Whether the audit of the whole found nothing: level 2 met again from the public orders gave the same."""

    @cached_property
    def energy_wh(self) -> Ints:
        """What crossed, shape (slots, communities); positive: left the community."""
        return np.array([c.rows.energy_wh for c in self.crossings], np.int64).reshape(-1, len(self.communities))

    @cached_property
    def price_micro_per_kwh(self) -> Ints:
        """At which price, the same shape."""
        rows = [c.rows.price_micro_per_kwh for c in self.crossings]
        return np.array(rows, np.int64).reshape(-1, len(self.communities))

    @property
    def amount_nano(self) -> Ints:
        """What each community's supplier got for it (negative: paid), the same shape."""
        return self.energy_wh * self.price_micro_per_kwh

    @property
    def is_sound(self) -> bool:
        """Whether every community's books balance and its ledger was audited, and nothing was lost between them."""
        return self.is_met_again and all(c.verified for c in self.communities) and not self.energy_wh.sum(axis=1).any() and not self.amount_nano.sum(axis=1).any()  # fmt: skip

    def payments(self) -> list[Payment]:
        """Who pays whom in the end, with as few payments as there are communities less one: the largest debt to the largest claim."""
        owed = {c.name: exact_sum(self.amount_nano[:, at]) for at, c in enumerate(self.communities)}
        found = []
        while any(owed.values()):
            payer = min(owed, key=lambda name: owed[name])
            receiver = max(owed, key=lambda name: owed[name])
            amount = min(-owed[payer], owed[receiver])
            found.append(Payment(payer, receiver, amount))
            owed[payer] += amount
            owed[receiver] -= amount
        return found


def exchanges_table(facts: FederationFacts) -> pa.Table:
    """`exchanges`: level 2 slot by slot, a row a community."""
    names, rows = [c.name for c in facts.communities], facts.crossings
    count, slots = len(names), len(rows)
    columns = {
        "slot": np.repeat(np.array([c.slot for c in rows], np.int64), count),
        "community": pa.array(names * slots, pa.string()),
        "long_wh": np.concatenate([c.rows.long_wh for c in rows] or [np.zeros(0, np.int64)]),
        "short_wh": np.concatenate([c.rows.short_wh for c in rows] or [np.zeros(0, np.int64)]),
        "energy_wh": facts.energy_wh.ravel(),
        "price_micro_per_kwh": facts.price_micro_per_kwh.ravel(),
        "amount_nano": facts.amount_nano.ravel(),
    }
    return pa.table([columns[name] for name in EXCHANGE_SCHEMA.names], schema=EXCHANGE_SCHEMA)


def federation_summary(facts: FederationFacts) -> dict[str, Any]:
    """`summary.json` of the whole: sums over the communities, what crossed, and each community's own line."""
    by_level_two = [c.by_level_two_nano for c in facts.communities]
    everybody = np.concatenate(by_level_two)
    out_wh, price = np.maximum(facts.energy_wh, 0), facts.price_micro_per_kwh
    crossed = price[out_wh > 0]
    exchanged_wh, exchanged_nano = exact_sum(out_wh.ravel()), exact_sum((out_wh * price).ravel())
    return {
        "communities": len(facts.communities),
        "slots": len(facts.slots),
        "slots_with_exchange": int(facts.energy_wh.any(axis=1).sum()),
        "members": len(everybody),
        "exchanged_wh": exchanged_wh,
        "exchanged_nano": exchanged_nano,
        "exchange_price_mean_micro_per_kwh": (2 * exchanged_nano + exchanged_wh) // (2 * exchanged_wh) if exchanged_wh else None,
        "exchange_price_min_micro_per_kwh": int(crossed.min()) if len(crossed) else None,
        "exchange_price_max_micro_per_kwh": int(crossed.max()) if len(crossed) else None,
        "baseline_nano": sum(sum(c.baseline_nano) for c in facts.communities),
        "cost_alone_nano": sum(sum(c.alone_nano) for c in facts.communities),
        "cost_nano": sum(sum(c.cost_nano) for c in facts.communities),
        "saving_by_exchange_nano": exact_sum(everybody),
        "members_better_by_exchange": int((everybody > 0).sum()),
        "members_worse_by_exchange": int((everybody < 0).sum()),
        "energy_mismatch_wh": _whole(facts, "energy_mismatch_wh") + int(np.abs(facts.energy_wh.sum(axis=1)).sum()),
        "money_mismatch_nano": _whole(facts, "money_mismatch_nano") + int(np.abs(facts.amount_nano.sum(axis=1)).sum()),
        "failed_slots": _whole(facts, "failed_slots"),
        "ledger_verified": facts.is_sound,
        "by_community": {c.name: _line(facts, at, c) for at, c in enumerate(facts.communities)},
        "payments": [asdict(payment) for payment in facts.payments()],
    }  # fmt: skip


def _whole(facts: FederationFacts, key: str) -> int:
    """The sum over the communities of a figure of their summaries that is a whole number."""
    values = [outcome.summary[key] for outcome in facts.communities]
    return sum(value for value in values if isinstance(value, int))


def _line(facts: FederationFacts, at: int, outcome: CommunityOutcome) -> dict[str, Any]:
    energy, saved = facts.energy_wh[:, at], outcome.by_level_two_nano
    return {
        "members": len(outcome.members),
        "sold_wh": exact_sum(np.maximum(energy, 0)),
        "bought_wh": exact_sum(np.maximum(-energy, 0)),
        "received_nano": exact_sum(facts.amount_nano[:, at]),
        "baseline_nano": sum(outcome.baseline_nano),
        "cost_alone_nano": sum(outcome.alone_nano),
        "cost_nano": sum(outcome.cost_nano),
        "saving_by_exchange_nano": exact_sum(saved),
        "members_better_by_exchange": int((saved > 0).sum()),
        "members_worse_by_exchange": int((saved < 0).sum()),
        "ledger_verified": outcome.verified,
    }
