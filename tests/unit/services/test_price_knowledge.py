"""What strategies are told of prices: settled slots and nothing later."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.fakes import markets
from tests.fakes.markets import FIRST, rows

from commonwatt.bidding import BIDDINGS, BiddingContext, Wishes
from commonwatt.core.orders import OrderBook
from commonwatt.services.rules import EX_ANTE, EX_POST

HOURS = 6


@dataclass
class Listener:
    """A truthful strategy that writes down what it was told."""

    heard: list[BiddingContext] = field(default_factory=list)

    def bid(self, wishes: Wishes, context: BiddingContext) -> OrderBook:
        self.heard.append(context)
        return BIDDINGS.make("truthful").bid(wishes, context)


def listened(timing: str) -> tuple[list[BiddingContext], list[dict[str, Any]]]:
    ear = Listener()
    ran = markets.run(markets.market(timing, hours=HOURS, bidding={"truthful": ear, "zero_intelligence": ear}), HOURS)
    return ear.heard, ran.tables["trades"].to_pylist()


@pytest.mark.parametrize(("timing", "behind"), [(EX_ANTE, 2), (EX_POST, 1)])
def test_prices_reach_up_to_the_newest_settled_slot(timing: str, behind: int) -> None:
    heard, _ = listened(timing)
    assert {context.slot for context in heard} == set(range(FIRST, FIRST + HOURS))
    for context in heard:
        # The first slots of a run know the past of the feed, in which nobody traded.
        newest = max(context.slot - behind, FIRST - 1)
        assert context.prices.first_slot + len(context.prices) - 1 == newest


@pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])
def test_the_price_of_a_slot_is_what_its_buyers_paid_on_average(timing: str) -> None:
    heard, trades = listened(timing)
    prices = heard[-1].prices
    traded = 0
    for row in range(len(prices)):
        of = [t for t in trades if t["slot"] == prices.first_slot + row and t["buyer"] is not None]
        energy = sum(t["energy_wh"] for t in of)
        paid = sum(t["energy_wh"] * t["buy_price_micro_per_kwh"] for t in of)
        assert prices.energy_wh[row] == energy
        assert prices.price_micro_per_kwh[row] == (paid // energy if energy else 0)
        traded += energy
    assert traded > 0


def test_nobody_can_write_into_what_others_read() -> None:
    heard, _ = listened(EX_POST)
    with pytest.raises(ValueError, match="read-only"):
        heard[-1].prices.energy_wh[0] = 1


def test_a_run_that_expects_prices_trades_near_them() -> None:
    members = tuple(replace(m, strategy="forecast_based") for m in markets.MEMBERS)
    ran = markets.run(markets.market(EX_POST, hours=HOURS, members=members), HOURS)
    assert {row["reason"] for row in rows(ran.tables["orders"])} & {"filled", "rationed"}
