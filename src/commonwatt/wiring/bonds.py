"""What keeps the operator honest, from the settings: its bond, the time to answer, the bounds of the tariff, the hash of the rules."""

from dataclasses import replace
from hashlib import sha256
from typing import Final

from commonwatt.core.records import FINAL_DAYS
from commonwatt.core.units import SECONDS_PER_DAY, amount_nano, slot_energy_wh
from commonwatt.grid import GRIDS, dearest_way_micro_per_kwh
from commonwatt.services.pairing import LINES_PER_PART
from commonwatt.services.ports import LedgerTerms
from commonwatt.settings import Settings
from commonwatt.settlement import SETTLEMENTS

BOND_SHARE: Final = 100
"""Thousandths of what a batch debits members that the bond locks for it."""

CLOSE_AFTER_S: Final = 30 * SECONDS_PER_DAY
"""Without a batch for so long anyone may close the market."""

_LINES_OF_A_MEMBER: Final = 20
"""More than a member has in one batch: two orders' fills in two rounds, supply, imbalance, fees and taxes, penalty, reward."""


def with_bonds(terms: LedgerTerms, settings: Settings) -> LedgerTerms:
    """The terms with what follows from the settings and the members' connections; run and audit ask the same function."""
    ledger, rates = settings.ledger, settings.rate_book.every()
    window_s = terms.window_slots * terms.slot_s
    chosen = settings.choices["settlement"]
    settlement = SETTLEMENTS.make(chosen.name, **chosen.parameters)
    founded = replace(
        terms,
        rules_hash=_rules_hash(terms, settings),
        bond_nano=ledger.bond_nano,
        bond_share=BOND_SHARE,
        demand_bond_nano=ledger.demand_bond_nano,
        answer_s=ledger.answer_s or max(min(terms.slot_s, window_s // 4), 1),
        close_after_s=max(CLOSE_AFTER_S, 2 * window_s),
        supply_most_micro_per_kwh=max(max(r.energy_prices) for r in rates),
        supply_least_micro_per_kwh=min(min(r.energy_prices) for r in rates),
        fee_most_micro_per_kwh=max(0, *(r.charges_micro_per_kwh for r in rates)) + _dearest_way(settings),
        # An answer from outside the package may charge for something else; then only the price cap bounds it.
        penalty_most_micro_per_kwh=getattr(settlement, "penalty_gamma_micro_per_kwh", settings.price_cap_micro_per_kwh),
    )
    return replace(founded, operator_bond_nano=ledger.operator_bond_nano or most_locked_nano(founded))


def _dearest_way(settings: Settings) -> int:
    """What a member pays at most for its part of a trade's way, micro/kWh, beside the charges of the tariff."""
    chosen = settings.choices["grid"]
    feeder = settings.feeder.feeder if settings.feeder else None
    return dearest_way_micro_per_kwh(GRIDS.make(chosen.name, **chosen.parameters), feeder)


def _rules_hash(terms: LedgerTerms, settings: Settings) -> bytes:
    """Of the settings, of what is said of the members where anything is, and of the feeder: nobody tells it otherwise after a gate."""
    said = [member.facts.line for member in terms.members]
    rules = settings.effective_toml() + ("\n".join(["", *said]) if any(said) else "")
    return sha256((rules + (settings.feeder.text if settings.feeder else "")).encode()).digest()


def most_locked_nano(terms: LedgerTerms) -> int:
    """The most that batches can lock of the bond at once, nano.

    A lock lasts two windows at most. In two windows a slot has at most one revision posted, since the next one waits until the window
    of this one has closed; and slots are settled until their final date. So, for every slot of that time: its parts, and a share of what
    they can debit members, which the price cap bounds. A burst of late corrections of all slots at once is within it.
    """
    slots = FINAL_DAYS * SECONDS_PER_DAY // terms.slot_s + 2 * terms.window_slots
    parts = 1 + len(terms.members) * _LINES_OF_A_MEMBER // LINES_PER_PART
    slot_wh = sum(slot_energy_wh(member.connection_w, terms.slot_s) + 1 for member in terms.members)
    debits_nano = amount_nano(slot_wh, terms.price_cap_micro_per_kwh) * parts
    return slots * (parts * terms.bond_nano + debits_nano * terms.bond_share // 1000)
