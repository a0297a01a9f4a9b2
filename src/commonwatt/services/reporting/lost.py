"""What losses cost: the grid buys them from the supplier, and its fees recover them, or do not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from commonwatt.core.accounts import Account, Kind
from commonwatt.core.units import exact_sum
from commonwatt.services.reporting.books import Books, codes, numbers
from commonwatt.services.reporting.words import money, percent

_ENDS: Final = (Account.GRID.name.lower(),)
_KINDS: Final = (Kind.LOSSES.name.lower(), Kind.FEE.name.lower())
_SUPPLIED: Final = ("supplier_buy", "imbalance_short")
"""Legs that pay the grid fee, corrections apart."""


@dataclass(frozen=True)
class Lost:
    """What a run's losses cost the grid, and what its fees brought in."""

    books: Books

    @cached_property
    def _grid_nano(self) -> tuple[int, int]:
        """What the account `grid` got (negative: paid) by kind: losses, fees."""
        postings = self.books.tables["postings"]
        kind, amount = codes(postings, "kind", _KINDS), numbers(postings, "amount_nano")
        net = sum(sign * amount * (codes(postings, side, _ENDS) == 0) for side, sign in (("credit", 1), ("debit", -1)))
        losses, fees = (exact_sum(np.asarray(net)[kind == code]) for code in (0, 1))
        return losses, fees

    @property
    def cost_nano(self) -> int:
        """What the grid paid the supplier for what was lost (negative: it was paid)."""
        return -self._grid_nano[0]

    @property
    def fees_nano(self) -> int:
        """What fees left with the grid: those of supply, of neighbours and of the way, less reliefs and what the pool of rewards took."""
        return self._grid_nano[1]

    @property
    def recovered_share(self) -> float | None:
        """The part of the cost that the fees bear; None where there is no cost."""
        return min(1.0, max(0.0, self.fees_nano / self.cost_nano)) if self.cost_nano > 0 else None

    @property
    def recovering_fee_micro_per_kwh(self) -> int | None:
        """The least grid fee on energy from the supplier that alone bears the cost; None where there is no cost or no such energy."""
        base_wh = exact_sum(self.books.legs("energy_wh", *_SUPPLIED))
        return -(-self.cost_nano // base_wh) if base_wh and self.cost_nano > 0 else None

    def sentence(self) -> str:
        """For the report; empty where nothing was paid."""
        if not self.cost_nano:
            return ""
        currency, share = self.books.facts.currency, self.recovered_share
        if share is None:
            return f"The grid was paid {money(-self.cost_nano, currency)} for taking what was lost: the price was below zero."
        text = f"The grid bought what was lost from the supplier for {money(self.cost_nano, currency)}"
        if share == 1:
            return f"{text}; its fees brought in {money(self.fees_nano, currency)}, which recovers that."
        return f"{text}; its fees brought in {money(self.fees_nano, currency)}, which recovers {percent(share)}. {self._remedy()}"

    def words(self) -> str:
        """For a terminal, within a line; empty where nothing was paid."""
        share = self.recovered_share
        if share is None:
            return ""
        said = "recovered by the grid's fees"
        if share < 1:
            fee = self.recovering_fee_micro_per_kwh
            said = f"{percent(share)} recovered" + (f"; recovering fee: {fee} micro per kWh" if fee is not None else "")
        return f" ({money(self.cost_nano, self.books.facts.currency)}, {said})"

    def _remedy(self) -> str:
        fee = self.recovering_fee_micro_per_kwh
        if fee is None:
            return "Nothing was bought from the supplier that a grid fee could be asked on."
        return f"A grid fee of {fee} micro per kWh from the supplier alone would (`[tariff] grid_fee_micro_per_kwh`)."
