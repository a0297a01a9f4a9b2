"""Attending to others: what they sent is heard, demands are answered, what was voided is settled again; journalled before it is sent."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.encoding import encode
from commonwatt.core.records import Statement
from commonwatt.services.answering import answer, due
from commonwatt.services.claims import ClaimCall, DemandState, ReclaimCall, Revocation
from commonwatt.services.covering import require_covered
from commonwatt.services.delivering import settle
from commonwatt.services.halves import (
    AGAIN,
    ANSWERS,
    HEARD,
    Again,
    Answers,
    DeliveryHalf,
    GateHalf,
    Half,
    Heard,
    Trading,
)
from commonwatt.services.journal import Journal
from commonwatt.services.knowing import evidence_of
from commonwatt.services.market import Market
from commonwatt.services.ports import Balances, Batch
from commonwatt.services.posting import send
from commonwatt.services.public import PublicTables
from commonwatt.services.repeating import VOIDED, repeat, to_repeat
from commonwatt.services.state import State
from commonwatt.services.tables import TableBuilder
from commonwatt.services.watching import Evidence


def listen(market: Market, journal: Journal, state: State, slot: int) -> None:
    """Journal what others sent to the ledger since the last step, before `slot`."""
    for block in market.ledger.foreign():
        heard = Heard(slot, block.time_s, block.calls)
        journal.append(slot, HEARD, encode(heard))
        fold_heard(market, state, heard)


def fold_heard(market: Market, state: State, heard: Heard) -> None:
    """Send again what others sent (the ledger knows what it already has); whatever it said to that is their matter."""
    market.ledger.post(heard.calls, heard.time_s)
    state.heard_s, state.is_attended = heard.time_s, False


def fold_answers(market: Market, state: State, answers: Answers) -> None:
    """Send journalled answers. One that the contract refuses is not sent twice: its demand runs out, and its batch with it."""
    market.ledger.post(answers.calls, answers.time_s)
    state.answered |= set(answers.demands)


def fold_again(market: Market, state: State, again: Again) -> None:
    """Send what was settled again and let the state follow."""
    send(market.ledger, again.calls, again.time_s)
    state.after_again(again)


def attend(market: Market, journal: Journal, state: State, halves: Callable[[], Iterator[Half]]) -> None:
    """Answer every demand that can be answered, settle again whatever is void, note what was taken back; nothing when nobody sent anything.

    `halves` gives the journalled halves, with the statements that stand.

    Raises:
        DepositShort: the supplier's deposit does not cover a slot once more; resumable with more.
        LedgerDisagrees: something void cannot be settled again.

    """
    if state.is_attended:
        return
    state.revocations, state.announced = market.ledger.revocations(), market.ledger.announcements()
    books = _Books.of(market, halves())
    _answer_demands(market, journal, state, books)
    for batch in list(to_repeat(list(market.ledger.batches()))):
        _settle_again(market, journal, state, books, batch)
    state.is_attended = True


def give_back(market: Market, journal: Journal, state: State, slot: int, time_s: int) -> None:
    """At the end of a run, when no batch can be voided any more: the bonds of demands that nobody answered go back."""
    if not state.heard_s:
        return
    unanswered = [demand for demand in market.ledger.demands() if demand.state == DemandState.OPEN]
    if unanswered:
        calls = market.ledger.sign_claims([ReclaimCall(demand.id) for demand in unanswered])
        _journalled(market, journal, state, Answers(slot, time_s, (), calls))


@dataclass(frozen=True)
class _Books:
    """What the operator has journalled, as tables and by slot."""

    market: Market
    tables: PublicTables
    trading: dict[int, Trading]
    delivered: dict[int, DeliveryHalf]
    statements: dict[tuple[int, int], Statement]
    """By slot and revision."""

    @classmethod
    def of(cls, market: Market, halves: Iterator[Half]) -> "_Books":
        builder = TableBuilder(market)
        trading: dict[int, Trading] = {}
        delivered: dict[int, DeliveryHalf] = {}
        statements: dict[tuple[int, int], Statement] = {}
        for half in halves:
            builder.add(half)
            if isinstance(half, GateHalf):
                trading[half.slot] = half.trading
                continue
            delivered[half.slot] = half
            trading |= {half.slot: half.trading} if half.trading else {}
            statements |= {(s.slot, s.revision): s for s in half.statements()}
        nothing = np.zeros(FIRST_MEMBER + len(market.members), np.int64)
        tables = builder.finish((), Balances(nothing, nothing, nothing), nothing)
        return cls(market, PublicTables(tables), trading, delivered, statements)

    def known(self, slot: int, revocations: Sequence[Revocation]) -> dict[int, Evidence]:
        """What each member knows of a slot; `revocations` is what members took back of what they signed."""
        cap = self.market.terms.price_cap_micro_per_kwh
        return evidence_of(self.tables, self.market.rules, cap, slot, revocations)


def _answer_demands(market: Market, journal: Journal, state: State, books: _Books) -> None:
    batches = list(market.ledger.batches())
    asked = due([d for d in market.ledger.demands() if d.id not in state.answered], batches, state.heard_s)
    calls: list[ClaimCall] = []
    answered = []
    for demand, batch in asked:
        known = books.known(demand.slot, state.revocations)[demand.member - FIRST_MEMBER]
        given = answer(demand, batch, batches, books.tables, known)
        calls += given
        answered += [demand.id] if given else []
    if calls:
        signed = market.ledger.sign_claims(calls)
        _journalled(market, journal, state, Answers(asked[0][0].slot, state.heard_s, tuple(answered), signed))


def _journalled(market: Market, journal: Journal, state: State, answers: Answers) -> None:
    journal.append(answers.slot, ANSWERS, encode(answers))
    fold_answers(market, state, answers)


def _settle_again(market: Market, journal: Journal, state: State, books: _Books, batch: Batch) -> None:
    slot, revision = batch.slot, batch.revision

    def without_trades() -> Statement:
        half = books.delivered[slot]
        return settle(market, state, books.trading[slot], half.readings, slot, half.flowed.losses_wh, void=VOIDED)[0]

    batches, statement = list(market.ledger.batches()), books.statements[slot, revision]
    done = repeat(batch, batches, statement, without_trades, books.known(slot, state.revocations), market.rules.path)
    require_covered(slot, done.calls, market.ledger.balances(state.heard_s))
    again = Again(slot, revision, state.heard_s, done.statement, done.void, market.ledger.sign(done.calls))
    journal.append(slot, AGAIN, encode(again))
    fold_again(market, state, again)
