"""Drawing: what the published seed decides of a slot, the sequence of its orders and the events of a run; a run and its audit ask the same."""

import numpy as np

from commonwatt.core.determinism import stream
from commonwatt.core.events import Events
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Deviation, Exchange
from commonwatt.core.units import Bytes2D
from commonwatt.services.rules import Rules


def in_drawn_sequence(seed: int, slot: int, orders: OrderBook) -> OrderBook:
    """Accepted orders in the sequence that a slot's seed draws, whichever way they stand.

    They are drawn from by member, then by what they say: which strategies the members have is private, and no part of it.
    """
    columns = [values for name, values in orders.arrays().items() if name not in ("member", "sequence")]
    from_first = np.lexsort([*columns, orders.member])
    drawn = stream(seed, "sequence", slot).permutation(len(orders))
    return orders.take(from_first[drawn]).replaced(sequence=np.arange(len(orders)))


def drawn_events(
    rules: Rules, slot: int, orders: OrderBook, nonces: Bytes2D, exchange: Exchange, deviation: Deviation | None
) -> Events:
    """The events of accepted orders in a run on past data, which has no others; raises whatever the venue does."""
    return rules.venue.simulate(orders, rules.venue_context(slot, orders, nonces, exchange, deviation))
