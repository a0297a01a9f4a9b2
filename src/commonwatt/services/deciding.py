"""Deciding: whether the contract would decide a demand for the member: by its bounds, not by the tariff of the hour."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.units import SECONDS_PER_HOUR
from commonwatt.services.answering import is_position, place_of
from commonwatt.services.claims import ClaimTerms
from commonwatt.services.ports import Batch
from commonwatt.services.watching import CHARGE, PENALTY, SUPPLY, Doubt, Evidence, Lines, peer_doubts, position_doubts


def is_decided(
    doubt: Doubt,
    member: int,
    batches: Sequence[Batch],
    evidence: Evidence,
    terms: ClaimTerms,
    connection_ws: int,
) -> bool:
    """Whether nobody could answer a demand on a doubted line, as far as members know; else its bond may be lost.

    Of a trade the contract knows the signed limit without fees. Of a position it knows the bounds of the tariff over all hours
    (`claims.answer_order`, `claims.answer_position`). What a quorum says of a silent meter it believes; a meter that was not silent is taken
    to be heard here.

    Args: `member` is the dense index, `batches` are the live ones of the slot, `connection_ws` is what the member's connection carries in
    a slot, watt seconds.
    """
    account = member + FIRST_MEMBER
    mine = Lines.of_member(batches, account)
    if not is_position(doubt.batch, doubt.line, doubt.side):
        rates = replace(evidence.rates, local_fee_micro_per_kwh=0, local_tax_micro_per_kwh=0)
        beyond = peer_doubts(mine, replace(evidence, rates=rates))
        asked = (place_of(doubt.batch), doubt.line, doubt.side)
        return any((place_of(d.batch), d.line, d.side) == asked for d in beyond)
    revision = doubt.batch.revision
    so_far = [own for own in mine if own.batch.revision <= revision]
    return any(d.batch.revision == revision for d in position_doubts(so_far, evidence, account)) or not _is_within(
        so_far, terms, connection_ws
    )


def _is_within(mine: Sequence[Lines], terms: ClaimTerms, connection_ws: int) -> bool:
    """Whether supply prices, fees and penalties of a position lie within what the contract was founded with."""
    energy_wh, paid_nano = 0, {CHARGE: 0, PENALTY: 0}
    for own in mine:
        supplied = own.kind == SUPPLY
        low, high = own.price < terms.supply_least_micro_per_kwh, own.price > terms.supply_most_micro_per_kwh
        if (supplied & np.where(own.gives, low, high)).any():
            return False
        energy_wh += int(own.energy_wh[own.kind <= SUPPLY].sum())
        for kind in paid_nano:
            paid_nano[kind] -= int(own.received_nano[own.kind == kind].sum())
    missed_nano = terms.penalty_most_micro_per_kwh * connection_ws * 2 // SECONDS_PER_HOUR
    return paid_nano[CHARGE] <= terms.fee_most_micro_per_kwh * energy_wh and paid_nano[PENALTY] <= missed_nano
