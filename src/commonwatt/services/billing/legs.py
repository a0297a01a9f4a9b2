"""One member's lines from its own readings, orders and trades and the tariff: the settlement rules told again, in whole numbers.

`commonwatt.settlement` computes all members at once on columns; the tests hold both together, line by line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from commonwatt.core.imbalance import BY_DIRECTION, imbalance_prices
from commonwatt.core.smoothing import smoothed_mwh, tolerated_mwh, whole_wh
from commonwatt.core.tariff import Rates
from commonwatt.services.billing.bill import LEGS, Line, OrderProof, Reading, TradeProof
from commonwatt.services.billing.terms import Terms

EX_POST = "ex_post"


@dataclass(frozen=True)
class Supplied:
    """What the member has with its supplier in a slot, Wh, each at least 0."""

    sell_wh: int
    buy_wh: int
    short_wh: int
    long_wh: int


@dataclass(frozen=True)
class Expected:
    """Lines that follow exactly, and the reward, of which only the most it can be follows from one member's data.

    Rule `scheduled`: its energy is exact, its amount at most this. Rule `delivered`: its energy is at most this, its amount exact.
    """

    lines: tuple[Line, ...]
    reward: Line | None


def slot_lines(
    terms: Terms,
    rates: Rates,
    reading: Reading,
    taken: Sequence[OrderProof],
    trades: Sequence[TradeProof],
    surplus_wh: int = 0,
    error_mwh: int = 0,
) -> Expected:
    """The lines of revision 0. `taken` are the member's orders that were not refused, `trades` those that count.

    `surplus_wh` is what all members together are long less what they are short; only its sign matters. `error_mwh` is the member's
    forecast error before the slot (`error_after`).
    The energy of a trade is what it says was delivered; whether that is right is another check (`trade_findings`).
    """
    own = {order.sequence: order.is_sell for order in taken}
    sides = [(trade.sell_order in own and own[trade.sell_order], trade) for trade in trades]
    sold = sum(trade.delivered_wh for sells, trade in sides if sells)
    bought = sum(trade.delivered_wh for sells, trade in sides if not sells)
    supply = _by_meter(sold, bought, reading)
    lines = _peer_lines(sides)
    reward = None
    net = reading.export_wh - reading.import_wh
    if terms.timing != EX_POST and terms.rule == "scheduled":
        ordered = [(1 if order.is_sell else -1) * wh for order in taken if (wh := _stood_wh(order, trades))]
        if terms.residual == "gate" and ordered:
            supply = _firm(sum(ordered), [wh for wh in ordered if wh > 0], sold, bought, net)
        if terms.reward_form != "none" and ordered:
            earning, costing = _honest(terms, sum(ordered), net, error_mwh)
            lines += _line("penalty", costing, terms.penalty_gamma_micro_per_kwh, -1)
            reward = next(iter(_line("reward", earning, terms.reward_beta_micro_per_kwh, 1)), None)
    if terms.rule == "delivered":
        offered = sum(trade.energy_wh for sells, trade in sides if sells)
        lines += _line("penalty", max(offered - reading.export_wh, 0), terms.penalty_gamma_micro_per_kwh, -1)
        if terms.penalty_to == "buyers":
            missed = sum(trade.energy_wh for sells, trade in sides if not sells) - bought
            most = min(missed, supply.buy_wh)
            reward = next(iter(_line("reward", most, terms.penalty_gamma_micro_per_kwh, 1)), None)
    form = terms.imbalance if terms.timing != EX_POST and terms.rule == "scheduled" else BY_DIRECTION
    lines += _supply_lines(supply, bought, rates, form, surplus_wh)
    lines += way_lines(sides)
    return Expected(_in_order(lines), reward)


def _stood_wh(order: OrderProof, trades: Sequence[TradeProof]) -> int:
    """What of an order stood at the close."""
    if not order.is_left_out:
        return order.energy_wh
    return sum(trade.energy_wh for trade in trades if order.sequence in (trade.sell_order, trade.buy_order))


def error_after(terms: Terms, reading: Reading, sealed: Sequence[OrderProof], error_mwh: int) -> int:
    """The member's forecast error after a slot in which it had these orders sealed, whether it withdrew them and the slot failed or not."""
    if not sealed:
        return error_mwh
    ordered = sum((1 if order.is_sell else -1) * order.energy_wh for order in sealed)
    return smoothed_mwh(error_mwh, abs(ordered - (reading.export_wh - reading.import_wh)), terms.error_weight_ppm)


def correction_lines(rates: Rates, settled: Sequence[Line], before: Reading, after: Reading) -> tuple[Line, ...]:
    """The lines of a later revision: with the peer energies of revision 0 held fast, the difference of two readings at the tariff."""
    sold = sum(line.energy_wh for line in settled if line.leg == "peer_sell")
    bought = sum(line.energy_wh for line in settled if line.leg == "peer_buy")
    old, new = _by_meter(sold, bought, before), _by_meter(sold, bought, after)
    supplied = (new.buy_wh + new.short_wh) - (old.buy_wh + old.short_wh)
    fed_in = (new.sell_wh + new.long_wh) - (old.sell_wh + old.long_wh)
    more, less = max(supplied, 0), max(-supplied, 0)
    return _in_order(
        [
            *_line("correction_short", more, rates.retail_micro_per_kwh, -1),
            *_line("correction_long", less, rates.retail_micro_per_kwh, 1),
            *_line("correction_long", max(fed_in, 0), rates.feed_in_micro_per_kwh, 1),
            *_line("correction_short", max(-fed_in, 0), rates.feed_in_micro_per_kwh, -1),
            *_charges(more, 0, rates, -1),
            *_charges(less, 0, rates, 1),
        ]
    )


def without_market_nano(rates: Rates, reading: Reading) -> int:
    """What the same reading comes to with the supplier alone, positive: to the member."""
    return reading.export_wh * rates.feed_in_micro_per_kwh - reading.import_wh * rates.all_in_micro_per_kwh


def _by_meter(sold: int, bought: int, reading: Reading) -> Supplied:
    return Supplied(
        sell_wh=max(reading.export_wh - sold, 0),
        buy_wh=max(reading.import_wh - bought, 0),
        short_wh=max(sold - reading.export_wh, 0),
        long_wh=max(bought - reading.import_wh, 0),
    )


def _firm(ordered: int, sells: Sequence[int], sold: int, bought: int, net: int) -> Supplied:
    """Residual `gate`: the unfilled rest of an order is the supplier's at the gate, and all of ordered - metered is imbalance."""
    sell, missing = sum(sells), ordered - net
    return Supplied(sell - sold, sell - ordered - bought, max(missing, 0), max(-missing, 0))


def _honest(terms: Terms, ordered: int, net: int, error_mwh: int) -> tuple[int, int]:
    """Energy that earns a reward and energy that costs a penalty."""
    size, moved = abs(ordered), abs(net)
    after_mwh = smoothed_mwh(error_mwh, abs(ordered - net), terms.error_weight_ppm)
    error_wh = whole_wh(after_mwh)
    if terms.reward_form != "band":
        return max(size - error_wh, 0), min(error_wh, size + moved)
    if after_mwh <= tolerated_mwh(size, terms.tolerance_ppm):
        return min(size, moved), 0
    return 0, min(error_wh, size + moved)


def _peer_lines(sides: Sequence[tuple[bool, TradeProof]]) -> list[Line]:
    energy: dict[tuple[bool, int], int] = {}
    for sells, trade in sides:
        key = sells, trade.sell_price_micro_per_kwh if sells else trade.buy_price_micro_per_kwh
        energy[key] = energy.get(key, 0) + trade.delivered_wh
    lines = []
    for (sells, price), energy_wh in energy.items():
        lines += _line("peer_sell" if sells else "peer_buy", energy_wh, price, 1 if sells else -1)
    return lines


def way_lines(sides: Sequence[tuple[bool, TradeProof]]) -> list[Line]:
    """The fees of the way, a line a price, on what was delivered of trades; each with whether the member sells."""
    energy: dict[int, int] = {}
    for sells, trade in sides:
        fee = trade.sell_fee_micro_per_kwh if sells else trade.buy_fee_micro_per_kwh
        energy[fee] = energy.get(fee, 0) + trade.delivered_wh
    return [line for fee, energy_wh in energy.items() for line in _line("local_fee", energy_wh, fee, -1)]


def of_the_way(lines: Sequence[Line], rates: Rates) -> frozenset[int]:
    """Which lines of an entry are fees of the way, by place: every local fee but the tariff's own on what was bought from neighbours."""
    bought = sum(line.energy_wh for line in lines if line.leg == "peer_buy")
    local = [at for at, line in enumerate(lines) if line.leg == "local_fee"]
    own = (rates.local_fee_micro_per_kwh, bought)
    tariff = next((at for at in local if (lines[at].price_micro_per_kwh, lines[at].energy_wh) == own), None)
    return frozenset(at for at in local if at != tariff)


def _supply_lines(supply: Supplied, bought: int, rates: Rates, form: str, surplus_wh: int) -> list[Line]:
    short_price, long_price = imbalance_prices(
        form,
        surplus_wh,
        rates.retail_micro_per_kwh,
        rates.feed_in_micro_per_kwh,
        rates.imbalance_buy_micro_per_kwh,
        rates.imbalance_sell_micro_per_kwh,
    )
    return [
        *_line("supplier_sell", supply.sell_wh, rates.feed_in_micro_per_kwh, 1),
        *_line("supplier_buy", supply.buy_wh, rates.retail_micro_per_kwh, -1),
        *_line("imbalance_short", supply.short_wh, short_price, -1),
        *_line("imbalance_long", supply.long_wh, long_price, 1),
        *_charges(supply.buy_wh + supply.short_wh, bought, rates, -1),
    ]


def _charges(supplied: int, bought: int, rates: Rates, sign: int) -> list[Line]:
    lines = _line("grid_fee", supplied, rates.grid_fee_micro_per_kwh, sign)
    lines += _line("local_fee", bought, rates.local_fee_micro_per_kwh, sign)
    lines += _line("fee_relief", bought, rates.local_relief_micro_per_kwh, -sign)
    lines += _both("tax", supplied, rates.tax_micro_per_kwh, bought, rates.local_tax_micro_per_kwh, sign)
    return lines + _both("levy", supplied, rates.levy_micro_per_kwh, bought, rates.local_levy_micro_per_kwh, sign)


def _both(leg: str, supplied: int, price: int, bought: int, local_price: int, sign: int) -> list[Line]:
    """One line where supplied energy and energy from peers are charged the same, else one each."""
    if price == local_price:
        return _line(leg, supplied + bought, price, sign)
    return _line(leg, supplied, price, sign) + _line(leg, bought, local_price, sign)


_FREE_OF_ENERGY = ("grid_fee", "local_fee", "tax", "reward", "penalty", "levy", "fee_relief")


def _line(leg: str, energy_wh: int, price: int, sign: int) -> list[Line]:
    """One line, or none: nothing was charged, or a fee at no price."""
    if energy_wh <= 0 or (price == 0 and leg in _FREE_OF_ENERGY):
        return []
    return [Line(leg, energy_wh, price, sign * energy_wh * price)]


def _in_order(lines: Sequence[Line]) -> tuple[Line, ...]:
    return tuple(sorted(lines, key=lambda line: (LEGS.index(line.leg), line.price_micro_per_kwh)))
