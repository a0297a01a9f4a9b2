"""Trading alone: what each member of a community would have paid on the same orders and meters, had nothing crossed to other communities."""

import numpy as np

from commonwatt.core.records import NO_EXCHANGE, Agreement, Reason, Statement
from commonwatt.core.units import Ints
from commonwatt.services.audit.base import met_again
from commonwatt.services.audit.slots import newest_before
from commonwatt.services.deviating import PublishedErrors
from commonwatt.services.failing import attempted
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import Rules
from commonwatt.services.state import rewards_change_nano
from commonwatt.settlement import correction


def alone_cost_nano(public: PublicTables, rules: Rules) -> Ints:
    """What every member pays in all, shape (members,), nano; a gain is negative.

    Every slot is cleared and settled again without its exchange; orders, readings and late readings are those of the run. A slot that
    failed stays one.
    """
    members = len(public.pseudonyms)
    cost, rewards = np.zeros(members, np.int64), 0
    errors = PublishedErrors(public, rules)
    for slot in public.slots:
        first = _settled(public, rules, slot, rewards, errors.before(slot))
        statements = [first, *_corrections(public, rules, first)]
        for statement in statements:
            rewards += rewards_change_nano(statement)
            np.subtract.at(cost, statement.legs.member, statement.legs.amount_nano)
    return cost


def billed_cost_nano(public: PublicTables) -> Ints:
    """What every member does pay, shape (members,), nano."""
    cost = np.zeros(len(public.pseudonyms), np.int64)
    for member, amount_nano in public.billed_parts():
        np.subtract.at(cost, member, amount_nano)
    return cost


def _settled(public: PublicTables, rules: Rules, slot: int, rewards_nano: int, errors_mwh: Ints | None) -> Statement:
    book, accepted, _, reason = public.orders(slot)
    agreement = Agreement.nothing(len(book), Reason.SLOT_FAILED)
    if not (reason[:accepted] == Reason.SLOT_FAILED).any():
        agreement = _agreed(public, rules, slot)
    context = rules.settlement_context(slot, len(public.pseudonyms), rewards_nano, errors_mwh=errors_mwh)
    return rules.settlement.settle(book, agreement, public.readings(slot, 0), context)


def _agreed(public: PublicTables, rules: Rules, slot: int) -> Agreement:
    _, accepted, _, reason = public.orders(slot)
    nothing = Agreement.nothing(accepted, Reason.SLOT_FAILED)
    own, _ = attempted(lambda: met_again(public, rules, slot, NO_EXCHANGE).agreement, nothing)
    return Agreement(own.trades, np.concatenate([own.reason, reason[accepted:]]))


def _corrections(public: PublicTables, rules: Rules, settled: Statement) -> list[Statement]:
    context = rules.settlement_context(settled.slot, len(public.pseudonyms), 0)
    statements = []
    for revision in public.revisions(settled.slot)[1:]:
        new = public.readings(settled.slot, revision)
        old = newest_before(public, settled.slot, revision, new)
        statements.append(correction(settled, revision, old, new, context))
    return statements
