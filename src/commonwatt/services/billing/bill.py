"""A bill as data: one member's slots with readings, orders, trades and lines, and the part of the chain that holds them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

FORMAT: Final = "commonwatt bill 1"

LEGS: Final = (
    "peer_sell",
    "peer_buy",
    "supplier_sell",
    "supplier_buy",
    "imbalance_short",
    "imbalance_long",
    "correction_short",
    "correction_long",
    "grid_fee",
    "local_fee",
    "tax",
    "reward",
    "penalty",
    "levy",
    "fee_relief",
)
"""The kinds of line in the order of `core.records.Leg`."""

QUALITIES: Final = ("measured", "substituted", "corrected")
"""How a reading came about, in the order of `core.records.Quality`."""


@dataclass(frozen=True)
class TreePath:
    """How a leaf is shown to be under a root: sibling hashes (hex) from the bottom up, and their sides as bits."""

    siblings: tuple[str, ...]
    sides: int


@dataclass(frozen=True)
class Reading:
    """Both registers of the member's meter for a slot, and the packet that carries them; hex, empty where there is no packet."""

    import_wh: int
    export_wh: int
    quality: str
    counter: int
    packet_hash: str
    opening: str
    signature: str
    path: TreePath
    """To the root that was signed: of the meter's own packet, or of all packets of its gateway."""


@dataclass(frozen=True)
class OrderProof:
    """An order of the member, and its way to the roots of sealed and of revealed orders."""

    sequence: int
    is_sell: bool
    energy_wh: int
    limit_micro_per_kwh: int
    source: int
    preference: int
    is_left_out: bool
    """Whether no more of it stood at the close than what traded: its member withdrew the rest, it never came in, or the grid cut it."""
    nonce: str
    """Blinding of the sealed order (hex); empty for an order that was refused, which was never sealed."""
    sealed: TreePath
    revealed: TreePath


@dataclass(frozen=True)
class TradeProof:
    """A trade of the member, and its way to the root of the slot's trades."""

    sell_order: int
    buy_order: int
    energy_wh: int
    sell_price_micro_per_kwh: int
    buy_price_micro_per_kwh: int
    sell_fee_micro_per_kwh: int
    """What each side pays the grid for its part of the way."""
    buy_fee_micro_per_kwh: int
    round: int
    delivered_wh: int
    path: TreePath


def in_order(trades: Iterable[TradeProof]) -> list[TradeProof]:
    """Trades in the one order in which a bill lists them: by their orders, then by their place in the tree."""
    return sorted(trades, key=lambda trade: (trade.sell_order, trade.buy_order, trade.round, trade.path.siblings))


@dataclass(frozen=True)
class Line:
    """A line of the bill: what it is for, what it is charged on, at what price, and the money (positive: to the member)."""

    leg: str
    energy_wh: int
    price_micro_per_kwh: int
    amount_nano: int


@dataclass(frozen=True)
class Entry:
    """A slot (revision 0) or a correction of one (revision r), as far as it is the member's."""

    slot: int
    revision: int
    is_billed: bool
    """False: it stands here only because a correction on this bill builds on it."""
    failed: bool
    """Whether the slot's trades were void, everybody's."""
    reading: Reading
    orders: tuple[OrderProof, ...]
    trades: tuple[TradeProof, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class BlockPart:
    """A block of the chain: its transactions and receipts in order, in base64, or `#` and the hash (hex) of one that says nothing here."""

    number: int
    transactions: tuple[str, ...]
    receipts: tuple[str, ...]


@dataclass(frozen=True)
class ChainPart:
    """The headers of the whole chain, and the blocks that hold what the bill needs."""

    fork: str
    head_hash: str
    headers: tuple[str, ...]
    """In base64, 73 bytes a block: time (8), transactions root (32), receipts root (32), whether it seals the genesis (1)."""
    blocks: tuple[BlockPart, ...]


@dataclass(frozen=True)
class FileHash:
    """A public file of the run under the anchored root: its SHA-256 in hex."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Gateway:
    """A gateway that may sign the packets of the member's meter, by the meter's own signature; hex."""

    address: str
    signature: str


@dataclass(frozen=True)
class Member:
    """Whose bill it is. `name`, `profile` and `supplier` are the operator's word; the rest is on the chain."""

    name: str
    profile: str
    """Where the load and sun of the run come from: measured, doubtful, resampled, simulated, or empty: not said."""
    supplier: str
    """Name of its own supplier in the tariff, empty where it has none: the operator's word too, but the member knows its contract."""
    pseudonym: str
    index: int
    gateways: tuple[Gateway, ...]


@dataclass(frozen=True)
class Totals:
    """What the bill comes to; energies in Wh, money in nano-currency, positive: to the member."""

    amount_nano: int
    without_market_nano: int
    import_wh: int
    export_wh: int
    bought_wh: int
    sold_wh: int


@dataclass(frozen=True)
class Bill:
    """A whole bill."""

    format: str
    member: Member
    first_slot: int
    end_slot: int
    settings: str
    """The run's public settings (TOML): community, currency, time zone, tariff, rules."""
    files: tuple[FileHash, ...]
    totals: Totals
    entries: tuple[Entry, ...]
    chain: ChainPart

    @property
    def billed(self) -> tuple[Entry, ...]:
        """The entries whose lines are on the bill, in order of slot and revision."""
        return tuple(entry for entry in self.entries if entry.is_billed)
