"""Trading: from members' positions to the orders that are accepted, how they met, and what the grid said."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from commonwatt.bidding import BiddingContext, Wishes
from commonwatt.clearing import Position, promise_findings
from commonwatt.core.accounts import FIRST_MEMBER, Account
from commonwatt.core.determinism import stream
from commonwatt.core.errors import BrokenPromise, require
from commonwatt.core.events import EventOutcome, Events
from commonwatt.core.orders import SETTLE_TRADES, Instructions, OrderBook, book_findings
from commonwatt.core.records import (
    NO_ENVELOPE,
    NO_EXCHANGE,
    NOTHING_TRADED,
    WITH_OTHERS,
    Agreement,
    Deviation,
    Envelope,
    Exchange,
    GridVerdict,
    PriceHistory,
    Reason,
    Trades,
    Verdict,
)
from commonwatt.core.units import Bytes2D, Flags, Ints
from commonwatt.services.claims import Revocation
from commonwatt.services.drawing import drawn_events, in_drawn_sequence
from commonwatt.services.failing import attempted
from commonwatt.services.halves import Trading
from commonwatt.services.instructing import instructed, revoked, standing_rows
from commonwatt.services.judging import AtGate, curtailed, cut_agreement, gate_verdict, ordered_wh
from commonwatt.services.market import Market
from commonwatt.services.pairing import one_price_findings
from commonwatt.services.ports import Balances
from commonwatt.services.withdrawing import Announcement, held_back_nano
from commonwatt.venues import Meeting, book_root, clearing_root, commitments, order_leaves, order_root


def trade(
    market: Market,
    slot: int,
    net_wh: Ints,
    balances: Balances,
    standing: Instructions,
    open_gates: Sequence[tuple[int, Trading]] = (),
    unable: str = "",
    prices: PriceHistory = NOTHING_TRADED,
    revocations: Sequence[Revocation] = (),
    announced: Sequence[Announcement] = (),
    deviation: Deviation | None = None,
    envelope: Envelope = NO_ENVELOPE,
    flowed: tuple[GridVerdict, str] | None = None,
) -> Trading:
    """Bid on the members' net positions, accept what is covered, let the orders meet, ask the grid.

    `open_gates` are earlier slots, with what they traded, that are not settled yet: what they may cost is no longer free, and the supplier's deposit covers them
    too. `standing` is what members signed for the whole run. A room that fails, or breaks a promise, makes the slot failed: no trades, the reason is recorded. `unable` says that one
    already did, before there were positions. `prices` is what the settled slots say, `revocations` what members took back of what they signed,
    `announced` what wallets said of withdrawals, `deviation` how far the newest settled slot was from its orders. Nobody orders
    beyond the `envelope`. Where the energy has flowed already, `flowed` is what the grid said of it, or why it could not tell.
    """
    wished, failed = OrderBook.empty(), unable
    if not failed:
        wished, failed = attempted(lambda: _bid(market, slot, envelope.held(net_wh), prices), wished)
    refusal = _refusals(market, slot, wished, balances, announced, open_gates, standing)
    refusal[_revoked(market, slot, wished, standing, revocations)] = int(Reason.INSTRUCTION)
    accepted = in_drawn_sequence(market.rules.seed, slot, wished.take(refusal == Reason.FILLED))
    refused = wished.take(refusal != Reason.FILLED)
    nonces = _nonces(market, slot, accepted)
    exchange = _exchanged(market, slot, accepted)
    events, met = Events.empty(), None
    if not failed:
        events, failed = attempted(
            lambda: drawn_events(market.rules, slot, accepted, nonces, exchange, deviation), events
        )
    if not failed:
        how = (events, nonces, exchange, deviation)
        met, failed = attempted(lambda: _met(market, slot, wished, accepted, how, flowed), None)
    if met and flowed and flowed[1]:
        met, failed = None, flowed[1]
    meeting, verdict, cut = met or _unmet(accepted, events, failed)
    if not failed and flowed is None and verdict.verdict == Verdict.INFEASIBLE:
        meeting, failed = _void(accepted, events), f"the grid cannot carry the trades: {verdict.reason}"
    book = OrderBook.joined([accepted, refused.replaced(sequence=np.arange(len(accepted), len(wished)))])
    signed, instruction = instructed(market, slot, book, standing)
    return Trading(
        book=book,
        accepted=len(accepted),
        events=events,
        outcome=meeting.outcome,
        nonces=nonces,
        instruction=instruction,
        signed=signed,
        agreement=Agreement(
            meeting.agreement.trades,
            np.concatenate([meeting.agreement.reason, refusal[refusal != Reason.FILLED]]),
        ),
        book_root=book_root(commitments(accepted, nonces, slot)),
        # Over the refused ones too: what was refused cannot be told differently afterwards.
        order_root=order_root(book, slot, events),
        clearing_root=clearing_root(meeting.agreement.trades, slot),
        verdict=verdict,
        curtailed=cut,
        failed=failed,
        exchange=exchange,
    )


def _exchanged(market: Market, slot: int, accepted: OrderBook) -> Exchange:
    """What crosses to other communities; asked for in every slot, also in one without orders, because they wait for each other."""
    if market.others is None:
        return NO_EXCHANGE
    rates = market.rules.rates(slot)
    return market.others.exchange(slot, Position.of(market.rules.as_cleared(slot, accepted), rates))


def _met(
    market: Market,
    slot: int,
    wished: OrderBook,
    accepted: OrderBook,
    how: tuple[Events, Bytes2D, Exchange, Deviation | None],
    flowed: tuple[GridVerdict, str] | None,
) -> tuple[Meeting, GridVerdict, Trades]:
    """What the grid leaves of how the accepted orders meet, and what it cuts; promises of the way to settle are checked here."""
    meeting = market.rules.met(slot, accepted, *how)
    agreement, rules = meeting.agreement, market.rules
    _require_one_price(market, agreement.trades.take(agreement.trades.round != WITH_OTHERS))
    if flowed is not None:
        return meeting, flowed[0], Trades.empty()
    verdict = gate_verdict(
        rules, AtGate(slot, market.fleet, ordered_wh(wished, len(market.members))), accepted, meeting
    )
    if verdict.verdict == Verdict.INFEASIBLE:
        return meeting, verdict, Trades.empty()
    left = cut_agreement(accepted, agreement, verdict)
    if left is not agreement:
        _require_promises(market, accepted, left, slot)
    return replace(meeting, agreement=left), verdict, curtailed(agreement, verdict)


def _bid(market: Market, slot: int, net_wh: Ints, prices: PriceHistory) -> OrderBook:
    books = []
    for strategy, members in market.strategies:
        wishes = Wishes(
            member=members,
            net_wh=net_wh[members],
            buy_limit_micro_per_kwh=market.buy_limit_micro_per_kwh[members],
            sell_limit_micro_per_kwh=market.sell_limit_micro_per_kwh[members],
            source=market.source[members],
            preference=market.preference[members],
        )
        rng = stream(market.rules.seed, "bidding", strategy, slot)
        context = BiddingContext(slot, market.rules.rates(slot), rng, prices)
        books.append(market.bidding[strategy].bid(wishes, context))
    book = OrderBook.joined(books)
    book = book.replaced(sequence=np.arange(len(book)))
    require(book_findings(book, [m.id for m in market.members], f"slot {slot} orders"))
    return book


def _refusals(
    market: Market,
    slot: int,
    book: OrderBook,
    balances: Balances,
    announced: Sequence[Announcement],
    open_gates: Sequence[tuple[int, Trading]],
    standing: Instructions,
) -> Ints:
    """Per order FILLED where it is accepted, else GATE_SHUT, INSTRUCTION or BALANCE."""
    free = balances.free_nano
    # What is announced to be taken out may be gone when the slot is settled.
    covering = free - held_back_nano(announced, len(free), market.rules.opened_s(slot) // market.rules.window_s)
    debt = np.minimum(free[FIRST_MEMBER:], 0)
    if int(covering[Account.SUPPLIER]) + int(debt.sum()) < market.exposure_nano * (len(open_gates) + 1):
        return np.full(len(book), int(Reason.GATE_SHUT), np.int64)
    wanted = market.rules.most_cost_nano(slot, book, book.energy_wh, len(market.members))
    # What may still be debited for slots that are traded and not settled is not free any more.
    for gate, traded in open_gates:
        fills_wh = traded.agreement.trades.filled_wh(len(traded.book))
        wanted += market.rules.most_cost_nano(gate, traded.book, fills_wh, len(market.members))
    in_debt = free[FIRST_MEMBER:] + balances.pending_nano[FIRST_MEMBER:] * (debt < 0) < 0
    uncovered = (wanted > np.maximum(covering[FIRST_MEMBER:], 0)) | in_debt
    refusal = np.where(uncovered[book.member], int(Reason.BALANCE), int(Reason.FILLED))
    if len(standing):
        is_signed = standing.take(standing_rows(book)).covers(book, slot, market.rules.path)
        refusal = np.where(is_signed, refusal, int(Reason.INSTRUCTION))
    return refusal


def _revoked(
    market: Market, slot: int, book: OrderBook, standing: Instructions, revocations: Sequence[Revocation]
) -> Flags:
    """Whether each order's instruction was taken back: nothing stands behind it then when somebody demands that."""
    if not revocations:
        return np.zeros(len(book), np.bool_)
    signed = standing.take(standing_rows(book)) if len(standing) else instructed(market, slot, book, standing)[0]
    wallets = [member.wallet for member in market.terms.members]
    return revoked(signed, wallets, revocations, market.rules.opened_s(slot))


def _nonces(market: Market, slot: int, book: OrderBook) -> Bytes2D:
    drawn = market.keys.order_nonces(slot, book.member, order_leaves(book, slot))
    return np.frombuffer(drawn, np.uint8).reshape(len(book), 32)


def _require_promises(market: Market, book: OrderBook, agreement: Agreement, slot: int) -> None:
    seen = market.rules.as_cleared(slot, book)
    if findings := promise_findings(seen, agreement, market.rules.breaks):
        raise BrokenPromise("; ".join(str(f) for f in findings))
    _require_one_price(market, agreement.trades)


def _require_one_price(market: Market, trades: Trades) -> None:
    if market.rules.path == SETTLE_TRADES and (findings := one_price_findings(trades)):
        raise BrokenPromise("; ".join(str(f) for f in findings))


def _unmet(book: OrderBook, events: Events, failed: str) -> tuple[Meeting, GridVerdict, Trades]:
    return _void(book, events), GridVerdict(Verdict.UNCHECKED, reason=failed), Trades.empty()


def _void(book: OrderBook, events: Events) -> Meeting:
    return Meeting(Agreement.nothing(len(book), Reason.SLOT_FAILED), np.full(len(events), int(EventOutcome.VOID)))
