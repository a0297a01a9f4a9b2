"""Owing: who could not pay what, what was paid into the supplier's deposit during the run, and what to type so that it suffices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from commonwatt.core.units import NANO_PER_UNIT, Ints
from commonwatt.services.reporting.books import codes, numbers, summed
from commonwatt.services.reporting.summary import Results
from commonwatt.services.reporting.words import listed, local_start, money, several

NAMED = 3
"""Debtors that the ending names; the page has all of them."""


@dataclass(frozen=True)
class Owing:
    """What the money on the ledger says at the end of a run."""

    results: Results

    @cached_property
    def debt_nano(self) -> Ints:
        """What each member owes when everything is settled and final, shape (members,)."""
        balances = self.results.books.tables["balances"]
        held = self._by_member(numbers(balances, "free_nano") + numbers(balances, "pending_nano"))
        return np.maximum(-held, 0)

    @cached_property
    def refused(self) -> Ints:
        """Orders of each member that its balance did not cover, shape (members,)."""
        orders, books = self.results.books.tables["orders"], self.results.books
        short = codes(orders, "reason", ["balance"]) == 0
        return summed(books.member_rows("orders")[short], np.ones(int(short.sum()), np.int64), books.members)

    @property
    def gates_shut(self) -> int:
        """Orders that nobody could place because the supplier's deposit did not cover one more slot."""
        return int((codes(self.results.books.tables["orders"], "reason", ["gate_shut"]) == 0).sum())

    @cached_property
    def debtors(self) -> list[int]:
        """Members that owe something, who owes most first."""
        return [m for m in np.argsort(-self.debt_nano, kind="stable").tolist() if self.debt_nano[m]]

    @cached_property
    def prepayment_nano(self) -> int:
        """A prepayment of every member with which nobody would have owed anything for these bills, rounded up to whole units."""
        if not self.debtors:
            return 0
        deposits = self._by_member(numbers(self.results.books.tables["balances"], "deposit_nano"))
        most = int((deposits + self.debt_nano)[self.debtors].max())
        return -(-most // NANO_PER_UNIT) * NANO_PER_UNIT

    def line(self) -> str:
        """The ending's line, empty where everybody could pay and nothing was paid in."""
        parts = [part for part in (self._debts(), self._refusals(), self._paid_in()) if part]
        return "; ".join(parts)

    def sentences(self) -> list[str]:
        """For the page: what happened, what it means, what to type."""
        said = []
        if self.debtors:
            said.append(
                f"{self._debts(named=len(self.debtors))}. Their neighbours have their money all the same: the supplier's deposit stands in. "
                "What a debtor earns later repays the debt first. Until then it may not order, unless what is still due to it covers the debt."
            )
            said.append(
                f"With a prepayment of {money(self.prepayment_nano, self.results.facts.currency)} a member nobody would owe anything for these "
                f"bills. To see that, run again into another folder with `--set ledger.member_deposit_nano={self.prepayment_nano}`."
            )
        if self.refused.any():
            said.append(
                f"{self._refusals()[:1].upper()}{self._refusals()[1:]}. Its member's account did not hold what the order could have cost; "
                "what a member announced to take out does not count."
            )
        if self.gates_shut:
            said.append(
                f"{several(self.gates_shut, 'order')} could not be placed by anybody: the supplier's deposit did not cover one more slot. "
                "`[ledger] supplier_deposit_nano` raises it before a run, `--resume --top-up` while one waits."
            )
        for paid in self.results.facts.top_ups:
            begins = local_start(self.results.facts, paid.slot - self.results.facts.first_slot)
            amount = money(paid.amount_nano, self.results.facts.currency)
            said.append(
                f"{amount} were paid into the supplier's deposit for the slot of {begins:%d.%m.%Y %H:%M}, which waited for it."
            )
        return said

    def _by_member(self, values: Ints) -> Ints:
        """A column of `balances`, shape (members,)."""
        names = [f"member:{name}" for name in self.results.books.pseudonyms]
        at = codes(self.results.books.tables["balances"], "account", names)
        return summed(at[at >= 0], values[at >= 0], len(names))

    def _debts(self, named: int = NAMED) -> str:
        ids, currency = self.results.books.ids, self.results.facts.currency
        told = [f"{ids[m]} owes {money(int(self.debt_nano[m]), currency)}" for m in self.debtors[:named]]
        more = len(self.debtors) - len(told)
        return listed([*told, f"{more} more owe"] if more > 0 else told)

    def _refusals(self) -> str:
        count = int(self.refused.sum())
        return f"{several(count, 'order')} refused for want of balance" if count else ""

    def _paid_in(self) -> str:
        total = sum(paid.amount_nano for paid in self.results.facts.top_ups)
        return (
            f"{money(total, self.results.facts.currency)} paid into the supplier's deposit (--top-up)" if total else ""
        )
