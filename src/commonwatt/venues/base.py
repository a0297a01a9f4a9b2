"""Venues: how orders meet. Events and context in, an agreement out, and what became of every event."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

import numpy as np

from commonwatt.clearing import Clearing, ClearingContext
from commonwatt.core.determinism import merkle_root
from commonwatt.core.events import EventKind, Events, event_findings
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Trades
from commonwatt.core.registry import Answer, Registry
from commonwatt.core.units import Bytes2D, Flags, Ints

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from commonwatt.core.columns import Columns

NONCE_BYTES: Final = 32

_ORDER = np.dtype(
    [
        ("domain", "S16"),
        ("slot", ">i8"),
        ("member", ">i8"),
        ("is_sell", "i1"),
        ("energy_wh", ">i8"),
        ("limit_micro_per_kwh", ">i8"),
        ("source", "i1"),
        ("preference", "i1"),
    ]
)
"""What a member seals: its wish, bound to the slot. The sequence is not in it, because sealing decides it."""

_REVEALED = np.dtype([*_ORDER.descr, ("sequence", ">i8")])

_TRADE = np.dtype(
    [
        ("domain", "S16"),
        ("slot", ">i8"),
        ("sell_order", ">i8"),
        ("buy_order", ">i8"),
        ("energy_wh", ">i8"),
        ("sell_price_micro_per_kwh", ">i8"),
        ("buy_price_micro_per_kwh", ">i8"),
        ("round", "i1"),
        ("sell_fee_micro_per_kwh", ">i8"),
        ("buy_fee_micro_per_kwh", ">i8"),
    ]
)


_EVENT = np.dtype(
    [
        ("domain", "S16"),
        ("slot", ">i8"),
        ("time_ms", ">i8"),
        ("kind", "i1"),
        ("member", ">i8"),
        ("order", ">i8"),
        ("request", ">i8"),
        ("energy_wh", ">i8"),
        ("price_micro_per_kwh", ">i8"),
        ("commitment", "u1", (32,)),
    ]
)

PROMISES = frozenset({"efficiency", "order_independence"})
"""What a venue may declare in `breaks`."""


@dataclass(frozen=True)
class VenueContext:
    """What a venue may look at beside orders and events."""

    clearing: Clearing
    """The mechanism of the market, for venues that ask it."""
    market: ClearingContext
    """What the mechanism may look at: slot, rates, pricing."""
    window_ms: int
    """How long the market of the slot is open, milliseconds; event times count from its opening."""
    nonces: Bytes2D
    """What opens the seal of each order, shape (orders, 32)."""
    rng: np.random.Generator
    """Seeded per slot, for `simulate` alone."""

    @property
    def slot(self) -> int:
        """The slot whose orders meet."""
        return self.market.slot


@dataclass(frozen=True)
class Meeting:
    """What a venue makes of the orders and events of one slot."""

    agreement: Agreement
    outcome: Ints
    """`EventOutcome` of each event, shape (events,)."""
    rounds: int = 0
    """How often the orders met again because wires could not carry what they agreed before."""


class Venue(Answer, Protocol):
    """How the orders of a slot meet.

    Promises: what `clearing` promises of an agreement, a reason for each order that was not filled among them; an order that no event brought in
    takes no part; every event has an outcome; deterministic; the orders are independent of the sequence in which they arrive, and
    welfare is the mechanism's (unless `breaks` says otherwise). The book is in sequence order, its limits are as signed (all-in).
    """

    asks: ClassVar[frozenset[str]]
    """Who decides in it beside itself: `clearing` (who trades with whom, at what price), or only `pricing` (at what price)."""

    kinds: ClassVar[frozenset[EventKind]]
    """The kinds of event that it takes."""

    def simulate(self, book: OrderBook, context: VenueContext) -> Events:
        """The events of a run on past data, which has none of its own: by a rule, with what is drawn drawn from `context.rng`."""
        ...

    def meet(self, book: OrderBook, events: Events, context: VenueContext) -> Meeting:
        """Let the orders of one slot meet as the events say.

        Raises:
            ValueError: events of another form (`core.events.event_findings`), or not one nonce of 32 bytes an order where seals are opened.

        """
        ...


VENUES = Registry[Venue]("venues", "venue", section="market")


def order_leaves(book: OrderBook, slot: int) -> list[bytes]:
    """Canonical bytes of revealed orders, one a row: fixed width, big endian, bound to the slot, with their sequence."""
    return _rows(_table(_REVEALED, b"commonwatt/order", slot, book))


def trade_leaves(trades: Trades, slot: int) -> list[bytes]:
    """Canonical bytes of trades, one a row: fixed width, big endian, bound to the slot."""
    return _rows(_table(_TRADE, b"commonwatt/trade", slot, trades))


def commitments(book: OrderBook, nonces: Bytes2D, slot: int) -> list[bytes]:
    """What seals each order before the gate: SHA-256 of its canonical bytes without the sequence, then its nonce.

    Raises:
        ValueError: when there is not one nonce of 32 bytes an order.

    """
    if nonces.shape != (len(book), NONCE_BYTES):
        raise ValueError(f"expected one nonce of {NONCE_BYTES} bytes for {len(book)} orders, was {nonces.shape}")
    raw, blinding = _table(_ORDER, b"commonwatt/order", slot, book).tobytes(), nonces.tobytes()
    width = _ORDER.itemsize
    return [
        sha256(raw[row * width : (row + 1) * width] + blinding[row * NONCE_BYTES : (row + 1) * NONCE_BYTES]).digest()
        for row in range(len(book))
    ]


def event_leaves(events: Events, slot: int) -> list[bytes]:
    """Canonical bytes of events, one a row: fixed width, big endian, bound to the slot; their order is their sequence."""
    return _rows(_table(_EVENT, b"commonwatt/event", slot, events))


def required_form(events: Events, orders: int, kinds: frozenset[EventKind]) -> None:
    """What every venue asks of its events before it looks at them.

    Raises:
        ValueError: events of another form.

    """
    if findings := event_findings(events, orders, kinds):
        raise ValueError("; ".join(str(finding) for finding in findings))


def named(book: OrderBook, events: Events, are: Flags) -> Flags:
    """Which orders some of the events are about, shape (orders,)."""
    flags = np.zeros(len(book), np.bool_)
    flags[events.order[are]] = True
    return flags


def book_root(sealed: Sequence[bytes]) -> bytes:
    """The root that opens a slot: over commitments in sequence order, revealed later or not."""
    return merkle_root(sealed)


def order_root(book: OrderBook, slot: int, events: Events | None = None) -> bytes:
    """The root of the revealed orders of a slot and behind them its events; `book` in sequence order with limits as signed."""
    return merkle_root(revealed_leaves(book, slot, events))


def revealed_leaves(book: OrderBook, slot: int, events: Events | None = None) -> list[bytes]:
    """What `order_root` is over: every order, then every event."""
    return order_leaves(book, slot) + (event_leaves(events, slot) if events is not None and len(events) else [])


def clearing_root(trades: Trades, slot: int) -> bytes:
    """The root of a slot's trades, in the order of the agreement."""
    return merkle_root(trade_leaves(trades, slot))


def _table(layout: np.dtype[Any], domain: bytes, slot: int, columns: Columns) -> npt.NDArray[Any]:
    table = np.zeros(len(columns), layout)
    table["domain"], table["slot"] = domain, slot
    for name in (layout.names or ())[2:]:
        table[name] = getattr(columns, name)
    return table


def _rows(table: npt.NDArray[Any]) -> list[bytes]:
    raw, width = table.tobytes(), table.dtype.itemsize
    return [raw[start : start + width] for start in range(0, len(raw), width)]
