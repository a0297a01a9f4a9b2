"""Starting points: per room the simplest thing a new answer can do and keep every promise; method -> statements."""

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class StartingPoint:
    """What a template of a room begins with."""

    says: str
    """What it does, as a sentence."""
    bodies: dict[str, str]
    """Method -> its statements; a method that is not named here raises until somebody writes it."""
    needs: tuple[str, ...] = ()
    class_values: dict[str, str] = field(default_factory=dict)
    """What the room asks of the class beside `needs` and `breaks`: name -> expression."""


_MERIT_ORDER: Final = """\
sells, buys = np.flatnonzero(book.is_sell), np.flatnonzero(~book.is_sell)
limit = book.limit_micro_per_kwh
sells = sells[np.argsort(limit[sells], kind="stable")]
buys = buys[np.argsort(-limit[buys], kind="stable")]
# Both queues laid along one axis of energy: where an order of either ends, a trade ends.
sold_to, bought_to = np.cumsum(book.energy_wh[sells]), np.cumsum(book.energy_wh[buys])
ends = np.union1d(sold_to, bought_to)
ends = ends[ends <= min(sold_to.max(initial=0), bought_to.max(initial=0))]
energy = np.diff(ends, prepend=0)
ends, energy = ends[energy > 0], energy[energy > 0]
sell, buy = sells[np.searchsorted(sold_to, ends)], buys[np.searchsorted(bought_to, ends)]
agreed = limit[sell] <= limit[buy]
sell, buy, energy = sell[agreed], buy[agreed], energy[agreed]
price = context.priced(book, limit[sell], limit[buy], sell)
trades = Trades.at_one_price(sell, buy, energy, price, np.zeros(len(sell), np.int64))
return with_filled(book, trades, np.full(len(book), int(Reason.NO_COUNTERPART)))
"""

_NEWEST: Final = """\
history = settled(observed)
if not len(history):
    nothing = np.zeros(history.load_wh.shape[1], np.int64)
    return Forecasts(nothing, nothing)
return Forecasts(history.load_wh[-1], history.pv_wh[-1])
"""

STARTING_POINTS: Final[dict[str, StartingPoint]] = {
    "metering": StartingPoint(
        "The packets of level `plain`: begin by changing what they reveal.",
        {
            "read": 'return METERINGS.make("plain").read(slot, readings, keys, community, signing)',
            "findings": 'return METERINGS.make("plain").findings(slot, readings, signers, last_counter, community)',
        },
        class_values={"reveals": 'METERINGS.answer("plain").reveals'},
    ),
    "forecasting": StartingPoint(
        "The newest settled reading stands for the coming slot.", {"forecast": _NEWEST}, needs=("readings",)
    ),
    "bidding": StartingPoint(
        "The whole net position at the member's own limit.", {"bid": "return orders_at(wishes, own_limits(wishes))"}
    ),
    "assets": StartingPoint(
        "Does nothing yet: adds no flow and leaves the state alone.",
        {"plan": "return self.dispatch(fleet, state, flows, context)", "dispatch": "return flows, state"},
    ),
    "venues": StartingPoint(
        "Orders meet as in `sealed_batch`: begin by changing how.",
        {
            "simulate": 'return VENUES.make("sealed_batch").simulate(book, context)',
            "meet": 'return VENUES.make("sealed_batch").meet(book, events, context)',
        },
        needs=("orders",),
        class_values={"asks": 'frozenset({"clearing"})', "kinds": "frozenset()"},
    ),
    "clearing": StartingPoint(
        "The cheapest offer meets the highest bid, at a price between their limits, while the offer is not above the bid.",
        {"clear": _MERIT_ORDER},
        needs=("orders",),
    ),
    "pricing": StartingPoint("Half way between both ends.", {"price": "return (low_micro_per_kwh + high_micro_per_kwh) >> 1"}),
    "grid": StartingPoint(
        "Looks at nothing yet, and says so.", {"check": 'return GridVerdict(Verdict.UNCHECKED, reason="no grid model yet")'}
    ),
    "settlement": StartingPoint(
        "Settles as `scheduled` without rewards: begin by changing who pays for what was not delivered.",
        {"settle": 'return SETTLEMENTS.make("scheduled", reward_form="none").settle(book, agreement, readings, context)'},
        needs=("orders", "readings"),
    ),
    "trust": StartingPoint(
        "Everybody is trusted alike.", {"first": "return Scores(np.ones(members))", "update": "return scores"}
    ),
    "validators": StartingPoint(
        "Every approved candidate, in order.", {"elect": "return Election(context.epoch, context.authorities)"}
    ),
}  # fmt: skip
"""By room."""
