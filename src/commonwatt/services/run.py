"""The run: which half of which slot is due, journalled before anything that follows is visible, posted exactly once, resumable."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from commonwatt.core.encoding import decode, encode
from commonwatt.core.errors import DepositShort, JournalError
from commonwatt.services.attending import attend, fold_again, fold_answers, fold_heard, give_back, listen
from commonwatt.services.covering import top_up
from commonwatt.services.delivering import delivered_s
from commonwatt.services.feed import LateReading
from commonwatt.services.halves import (
    AGAIN,
    ANSWERS,
    DELIVERY,
    END,
    GATE,
    HEARD,
    TOP_UP,
    Again,
    Answers,
    DeliveryHalf,
    EndHalf,
    GateHalf,
    Half,
    Heard,
    TopUp,
)
from commonwatt.services.journal import Journal, JournalReader
from commonwatt.services.market import Market
from commonwatt.services.planning import gate_s
from commonwatt.services.ports import AnchorCall, Signed
from commonwatt.services.posting import send
from commonwatt.services.rules import EX_ANTE, Rules
from commonwatt.services.state import State
from commonwatt.services.trading_day import deliver, gate

RUN_ANCHOR = 1
"""`AnchorCall.kind` of a run's public files."""


@dataclass
class Progress:
    """What a run did: steps it found in the journal, and steps it executed."""

    total: int
    resumed: int = 0
    executed: int = 0
    waiting: tuple[LateReading, ...] = ()
    """Late readings that the run ended too early to settle."""
    paid_in_nano: int = 0
    """What this process paid into the supplier's deposit."""
    mended: str = ""
    """What of the ledger had to be made again, in words."""
    half: str = ""
    """Which half slot was just executed; empty before the first."""

    @property
    def done(self) -> int:
        """Finished half slots."""
        return self.resumed + self.executed


def schedule(market: Market, slots: range) -> Iterator[tuple[int, str]]:
    """The halves in the order in which time brings them: the gate of s comes while s - 1 is delivered and s - 2 is settled."""
    for slot in slots:
        if market.rules.timing == EX_ANTE:
            yield slot, GATE
            if slot > slots.start:
                yield slot - 1, DELIVERY
        else:
            yield slot, DELIVERY
    if market.rules.timing == EX_ANTE and len(slots):
        yield slots[-1], DELIVERY


def trade_days(
    market: Market,
    journal: Journal,
    slots: range,
    tick: Callable[[Progress], None] = lambda _: None,
    top_up_nano: int = 0,
) -> Progress:
    """Run every half slot of `slots` that the journal does not hold yet; what it holds is folded and its calls sent again.

    `tick` is called after each half and may raise to stop (the journal is whole then). The first slot that the supplier's deposit does
    not cover has `top_up_nano` paid in.

    Raises:
        JournalError: the journal is of another run or out of order.
        DepositShort: the supplier's deposit does not cover a slot; resumable with more.
        VerificationFailed: the books do not balance or the ledger disagrees; resumable.

    """
    due = list(schedule(market, slots))
    progress = Progress(total=len(due))
    market.ledger.found(market.terms, market.rules.slots.start_s(slots.start) - market.rules.slots.slot_s)
    state = State.first(market, slots)
    is_closed = _fold_journal(market, journal, state, due, progress)
    if not is_closed:
        listen(market, journal, state, slots.start)
    progress.mended = market.ledger.caught_up()
    if not is_closed:
        attend(market, journal, state, lambda: halves(journal))
    tick(progress)
    for slot, half in due[progress.resumed :]:
        if half == GATE:
            record: Half = gate(market, state, slot)
        else:
            record = _delivered(market, journal, state, slot, top_up_nano - progress.paid_in_nano, progress)
        journal.append(slot, half, encode(record))
        fold(market, state, record)
        progress.executed += 1
        progress.half = half
        tick(progress)
        listen(market, journal, state, slot)
        attend(market, journal, state, lambda: halves(journal))
    if not is_closed:
        give_back(market, journal, state, slots.stop, final_s(market.rules, slots))
    progress.waiting = tuple(state.late)
    return progress


def _fold_journal(
    market: Market, journal: Journal, state: State, due: list[tuple[int, str]], progress: Progress
) -> bool:
    """Fold everything journalled; whether the run is closed."""
    for number, (slot, half, payload) in enumerate(journal.rows()):
        if half == END:
            final = final_s(market.rules, range(due[0][0], due[-1][0] + 1))
            send(market.ledger, _restored(EndHalf, payload).calls, final)
            return True
        if half in _BESIDE:
            kind, folded = _BESIDE[half]
            folded(market, state, _restored(kind, payload))
            continue
        if progress.resumed >= len(due) or due[progress.resumed] != (slot, half):
            raise JournalError(
                f"expected a journal of these slots and this timing, was {half} of slot {slot} at row {number}"
            )
        fold(market, state, _decoded(half, payload))
        progress.resumed += 1
    return False


def _delivered(
    market: Market, journal: Journal, state: State, slot: int, top_up_nano: int, progress: Progress
) -> DeliveryHalf:
    """The delivery of a slot; where the supplier's deposit does not cover it, after paying in what may be paid in."""
    try:
        return deliver(market, state, slot)
    except DepositShort:
        if top_up_nano <= 0:
            raise
    paid = top_up(market, slot, top_up_nano, delivered_s(market, slot))
    journal.append(slot, TOP_UP, encode(paid))
    _pay_in(market, state, paid)
    progress.paid_in_nano += top_up_nano
    return deliver(market, state, slot)


def _pay_in(market: Market, state: State, paid: TopUp) -> None:  # noqa: ARG001 - as all rows beside the halves are folded
    send(market.ledger, paid.calls, paid.time_s)


_BESIDE: dict[str, tuple[type[Any], Callable[[Market, State, Any], None]]] = {
    TOP_UP: (TopUp, _pay_in),
    HEARD: (Heard, fold_heard),
    ANSWERS: (Answers, fold_answers),
    AGAIN: (Again, fold_again),
}
"""Rows of the journal that are no half of a slot, and how each is folded."""


def fold(market: Market, state: State, record: Half) -> None:
    """Send what a journalled half signed (the ledger knows what it already has) and let the state follow."""
    if isinstance(record, GateHalf):
        send(market.ledger, record.calls, gate_s(market, record.slot))
        state.after_gate(record)
    else:
        time_s = delivered_s(market, record.slot)
        send(market.ledger, record.calls, time_s)
        state.after_delivery(record, time_s, market.feed.arrived(record.slot))


def halves(journal: JournalReader) -> Iterator[Half]:
    """Every journalled half, in order, with the statements that stand: what was void and settled again is as it was then."""
    agains = [_restored(Again, payload) for _, half, payload in journal.rows() if half == AGAIN]
    again = {(a.slot, a.revision): a for a in agains}
    for _, half, payload in journal.rows():
        if half in (GATE, DELIVERY):
            record = _decoded(half, payload)
            yield _standing(record, again) if again and isinstance(record, DeliveryHalf) else record


def newest_calls(journal: JournalReader) -> tuple[Signed, ...]:
    """What the newest journalled row sends; a chain that lacks any of it is a step behind its journal."""
    kinds: dict[str, type[Any]] = {GATE: GateHalf, DELIVERY: DeliveryHalf, END: EndHalf}
    kinds |= {half: kind for half, (kind, _) in _BESIDE.items()}
    rows = list(journal.rows())
    if not rows:
        return ()
    _, half, payload = rows[-1]
    calls: tuple[Signed, ...] = _restored(kinds[half], payload).calls
    return calls


def _standing(half: DeliveryHalf, again: dict[tuple[int, int], Again]) -> DeliveryHalf:
    first = again.get((half.slot, 0))
    if first is not None:
        half = replace(half, statement=first.statement, failed=half.failed or first.void)
    corrections = tuple(
        replace(c, statement=again[c.statement.slot, c.statement.revision].statement)
        if (c.statement.slot, c.statement.revision) in again
        else c
        for c in half.corrections
    )
    return replace(half, corrections=corrections)


def _decoded(half: str, payload: bytes) -> Half:
    return _restored(GateHalf, payload) if half == GATE else _restored(DeliveryHalf, payload)


Record = TypeVar("Record")


def _restored(kind: type[Record], payload: bytes) -> Record:
    try:
        record: Record = decode(kind, payload)
    except ValueError as error:
        raise JournalError(f"expected a journalled {kind.__name__}, was of another version ({error})") from error
    return record


def anchor_run(market: Market, journal: Journal, slots: range, root: bytes) -> EndHalf:
    """Anchor the root of the run's public files as its last transaction, when every credit is final; once, whatever happens.

    Raises:
        JournalError: the run was anchored before with another root.

    """
    end = next((_restored(EndHalf, payload) for _, half, payload in journal.rows() if half == END), None)
    if end is None:
        period = (market.rules.slots.start_s(slots.stop) - 1) // market.rules.audit_period_s
        end = EndHalf(root, market.ledger.sign([AnchorCall(period, RUN_ANCHOR, root)]))
        journal.append(slots.stop, END, encode(end))
    if end.manifest_root != root:
        raise JournalError(f"expected public files with root {end.manifest_root.hex()}, was {root.hex()}")
    send(market.ledger, end.calls, final_s(market.rules, slots))
    return end


def final_s(rules: Rules, slots: range) -> int:
    """When the last batch of a run is final: its window and the next have passed."""
    return (rules.slots.start_s(slots.stop) // rules.window_s + 2) * rules.window_s
