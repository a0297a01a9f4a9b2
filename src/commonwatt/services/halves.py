"""The two halves of a slot as they are journalled: everything that resume, replay, the public tables and the audit are made from."""

from dataclasses import dataclass, field

from commonwatt.assets import Flows
from commonwatt.core.events import Events
from commonwatt.core.orders import Instructions, OrderBook
from commonwatt.core.records import (
    NO_ENVELOPE,
    NO_EXCHANGE,
    Agreement,
    AssetState,
    Election,
    Envelope,
    Exchange,
    Forecasts,
    GridVerdict,
    Plans,
    Readings,
    Scores,
    Statement,
    Trades,
)
from commonwatt.core.units import Bytes2D, Ints
from commonwatt.services.ports import Signed

GATE = "gate"
DELIVERY = "delivery"
END = "end"
TOP_UP = "top_up"
HEARD = "heard"
ANSWERS = "answers"
AGAIN = "again"


@dataclass(frozen=True)
class Trading:
    """What happened to the orders of a slot."""

    book: OrderBook
    """Accepted orders in sequence order, then the refused ones; limits as signed."""
    accepted: int
    """How many rows were accepted; they alone are under `book_root`, the refused ones are under `order_root` too."""
    events: Events
    """How the accepted orders met, where the venue tells; under `order_root`, too."""
    outcome: Ints
    """`EventOutcome` of each event."""
    nonces: Bytes2D
    """Blinding of each accepted order's commitment, 32 bytes."""
    instruction: Ints
    """For each order the row of what its member signed: in the run's standing instructions, or in `signed`."""
    signed: Instructions
    """What members signed at this slot: every standing instruction at a run's first one, or one an order."""
    agreement: Agreement
    book_root: bytes
    order_root: bytes
    clearing_root: bytes
    verdict: GridVerdict
    failed: str
    """Why the slot could not be traded; empty when it was."""
    curtailed: Trades = field(default_factory=Trades.empty)
    """What the grid cut, a row for each cut that the verdict names: the trade, with the energy that it lost."""
    exchange: Exchange = NO_EXCHANGE
    """What was agreed with other communities; it stands, supplier with supplier, when the slot fails too."""


@dataclass(frozen=True)
class GateHalf:
    """Until the gate: forecast, plan, orders, agreement."""

    slot: int
    forecasts: Forecasts
    plans: Plans
    trading: Trading
    calls: tuple[Signed, ...]
    envelope: Envelope = NO_ENVELOPE
    """What members may send out and take in, by what was known here."""


@dataclass(frozen=True)
class Correction:
    """Late readings of one earlier slot, settled together: the new full readings and the difference in money."""

    readings: Readings
    """One row a corrected member."""
    load_wh: Ints
    pv_wh: Ints
    """What the panels could give."""
    curtailed_pv_wh: Ints
    """What the inverter held back of it."""
    statement: Statement


@dataclass(frozen=True)
class DeliveryHalf:
    """After delivery: readings, statement, corrections that became due, scores."""

    slot: int
    flows: Flows
    state: AssetState
    readings: Readings
    trading: Trading | None
    """The orders of an ex_post slot; None where they are in the gate half."""
    failed: str
    """Why the trades were void after the gate; empty when they were not."""
    statement: Statement
    corrections: tuple[Correction, ...]
    scores: Scores
    election: Election | None
    calls: tuple[Signed, ...]
    flowed: GridVerdict
    """What the grid model says of the energy that was metered, with its losses."""
    envelope: Envelope = NO_ENVELOPE
    """What members might send out and take in; that of the gate where there is one."""

    def statements(self) -> tuple[Statement, ...]:
        """The slot's own statement, then those of the corrections."""
        return (self.statement, *(correction.statement for correction in self.corrections))


@dataclass(frozen=True)
class TopUp:
    """Money paid into the supplier's deposit before a slot that it did not cover."""

    slot: int
    amount_nano: int
    time_s: int
    calls: tuple[Signed, ...]


Half = GateHalf | DeliveryHalf
"""A finished half slot."""


@dataclass(frozen=True)
class EndHalf:
    """The end of a run: the anchor of its public files."""

    manifest_root: bytes
    calls: tuple[Signed, ...]


@dataclass(frozen=True)
class Heard:
    """What others sent to the ledger, one block of it."""

    slot: int
    time_s: int
    calls: tuple[Signed, ...]


@dataclass(frozen=True)
class Answers:
    """What the operator sent to the claims: answers to demands, or the bonds of unanswered ones given back."""

    slot: int
    time_s: int
    demands: tuple[bytes, ...]
    """Ids of the demands that it answers."""
    calls: tuple[Signed, ...]


@dataclass(frozen=True)
class Again:
    """A settlement that was voided, settled again: its statement stands in place of the one before."""

    slot: int
    """The slot that was voided."""
    revision: int
    time_s: int
    statement: Statement
    void: str
    """Why the trades of the slot no longer stand; empty where they do."""
    calls: tuple[Signed, ...]
