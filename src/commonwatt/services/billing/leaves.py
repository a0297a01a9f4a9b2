"""What a meter signed and what roots were made over, byte for byte, without NumPy: packets, orders, trades."""

import struct
from hashlib import sha256
from typing import Final

from commonwatt.core.determinism import root_over
from commonwatt.metering import packet_body
from commonwatt.services.billing.bill import Entry, OrderProof, TradeProof, TreePath

_WISH: Final = struct.Struct(">16sqqbqqbb")
_SEQUENCE: Final = struct.Struct(">q")
_TRADE: Final = struct.Struct(">16sqqqqqqbqq")


def order_leaf(order: OrderProof, slot: int, member: int) -> bytes:
    """A revealed order under the order root."""
    return _order_body(order, slot, member) + _SEQUENCE.pack(order.sequence)


def sealed_leaf(order: OrderProof, slot: int, member: int) -> bytes:
    """A sealed order under the book root: the commitment to its wish and nonce."""
    return sha256(_order_body(order, slot, member) + unhex(order.nonce, 32)).digest()


def trade_leaf(trade: TradeProof, slot: int) -> bytes:
    """A trade under the clearing root."""
    numbers = (trade.sell_order, trade.buy_order, trade.energy_wh)
    prices = (trade.sell_price_micro_per_kwh, trade.buy_price_micro_per_kwh)
    fees = (trade.sell_fee_micro_per_kwh, trade.buy_fee_micro_per_kwh)
    return _TRADE.pack(b"commonwatt/trade", slot, *numbers, *prices, trade.round, *fees)


def holds(root: bytes, leaf: bytes, path: TreePath) -> bool:
    """Whether a path leads from a leaf to a root; written in one way only, so that a place in the tree has one path.

    Raises:
        ValueError: siblings that are not 32 bytes in hex.

    """
    return climbed(leaf, path) == root


def climbed(leaf: bytes, path: TreePath) -> bytes | None:
    """The root to which a path leads, None where it is not written in its one way.

    Raises:
        ValueError: siblings that are not 32 bytes in hex.

    """
    if not 0 <= path.sides < 1 << len(path.siblings):
        return None
    return root_over(leaf, [unhex(sibling, 32) for sibling in path.siblings], path.sides)


def packet_leaf(entry: Entry, member: int) -> bytes:
    """The packet of an entry's reading under the root that was signed."""
    reading = entry.reading
    numbers = (reading.counter, entry.revision, reading.import_wh, reading.export_wh)
    return packet_body(member, entry.slot, *numbers) + unhex(reading.packet_hash, 32)


def unhex(text: str, size: int) -> bytes:
    """The bytes of a text in hex, lower case, without a prefix.

    Raises:
        ValueError: another text, or another number of bytes.

    """
    data = bytes.fromhex(text)
    if data.hex() != text or len(data) != size:
        raise ValueError(f"expected {size} bytes in hex, found {text!r:.80}")
    return data


def _order_body(order: OrderProof, slot: int, member: int) -> bytes:
    wish = (int(order.is_sell), order.energy_wh, order.limit_micro_per_kwh, order.source, order.preference)
    return _WISH.pack(b"commonwatt/order", slot, member, *wish)
