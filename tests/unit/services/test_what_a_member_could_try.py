"""What a member could try on a full line, and what it gains: the figures of the page of the grid, one slot each, settled by the usual terms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from tests.fakes import markets
from tests.fakes.wires import line, wires

from commonwatt.clearing import CLEARINGS
from commonwatt.core.events import Events
from commonwatt.core.members import Fleet
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import NO_EXCHANGE, Readings
from commonwatt.core.units import Ints
from commonwatt.grid import GRIDS
from commonwatt.services.judging import AtGate, cut_agreement, gate_verdict, ordered_wh
from commonwatt.services.rules import EX_ANTE
from commonwatt.settlement import SETTLEMENTS

SLOT = 9
BEHIND, ELSEWHERE = "b", "c"
"""Buses: behind the line that fills, and on a wide one of its own."""
NARROW_WH, WIDE_WH = 4001, 100_000
"""What the line carries in the hour."""

Wish = tuple[int, int, int]
"""Member, Wh (above 0: to sell), limit."""
BUYERS: tuple[Wish, ...] = ((2, -12_000, 300_000), (3, -12_000, 300_000))


@dataclass(frozen=True)
class Game:
    """One hour of a few members at a gate; whoever they are, their meters show the same whatever they order."""

    meters_wh: tuple[int, ...]
    """Out of each member."""
    buses: str
    carries_wh: int = NARROW_WH
    clearing: str = "uniform_price"
    rule: str = "scheduled"
    firm: str = "metered"

    def money(self, *wishes: Wish, **grid: Any) -> Ints:
        """What each member gets in all, thousandths of the currency."""
        feeder = wires(
            line("a", BEHIND, 60, 0.1, self.carries_wh / (math.sqrt(3) * 400 * 0.95)),
            line("a", ELSEWHERE, 60, 0.1, 500),
            root="a",
        )
        bus = np.array([feeder.places[each] for each in self.buses], np.int64)
        more = {"residual": self.firm} if self.rule == "scheduled" else {}
        rules = markets.rules(
            EX_ANTE,
            clearing=CLEARINGS.make(self.clearing),
            grid=GRIDS.make("radial", **grid),
            settlement=SETTLEMENTS.make(self.rule, **more),
            feeder=feeder,
            bus=bus,
        )
        member, out_wh, limit = np.array(wishes, np.int64).T
        book = OrderBook.of(
            len(wishes),
            member=member,
            is_sell=out_wh > 0,
            energy_wh=np.abs(out_wh),
            limit_micro_per_kwh=limit,
            sequence=np.arange(len(wishes)),
        )
        members, nonces = len(self.meters_wh), np.zeros((len(wishes), 32), np.uint8)
        met = rules.met(SLOT, book, Events.empty(), nonces, NO_EXCHANGE)
        gate = AtGate(SLOT, Fleet.of(members, connection_w=50_000), ordered_wh(book, members))
        agreed = cut_agreement(book, met.agreement, gate_verdict(rules, gate, book, met))
        meters = np.array(self.meters_wh)
        readings = Readings.of(
            members, member=np.arange(members), import_wh=np.maximum(-meters, 0), export_wh=np.maximum(meters, 0)
        )
        # Enough in the pool of rewards that nobody's reward hangs on somebody else's fees.
        terms = rules.settlement_context(SLOT, members, 10**12)
        legs = rules.settlement.settle(book, agreed, readings, terms).legs
        nano = np.zeros(members, np.int64)
        np.add.at(nano, legs.member, legs.amount_nano)
        thousandths: Ints = np.round(nano / 10**6).astype(np.int64)
        return thousandths


def over_ordered(rule: str, carries_wh: int, firm: str = "metered", **grid: Any) -> int:
    """What the first of two equal sellers gains by ordering three times what it has."""
    game = Game((4000, 4000, -12_000, -12_000), "bbcc", carries_wh, rule=rule, firm=firm)
    other = (1, 4000, 100_000)
    honest, greedy = (game.money((0, energy, 100_000), other, *BUYERS, **grid)[0] for energy in (4000, 12_000))
    return int(greedy - honest)


@pytest.mark.parametrize(
    ("limits", "rule", "firm", "full", "empty"),
    [
        ("market", "scheduled", "metered", 125, -920),
        ("market", "scheduled", "gate", 255, -920),
        ("market", "delivered", "metered", 205, -80),
        ("verdict", "scheduled", "metered", 247, -920),
        ("verdict", "delivered", "metered", 215, -80),
    ],
)
def test_ordering_more_than_one_has_pays_where_the_line_is_full_and_costs_where_it_is_not(
    limits: str, rule: str, firm: str, full: int, empty: int
) -> None:
    assert over_ordered(rule, NARROW_WH, firm, limits=limits) == full
    assert over_ordered(rule, WIDE_WH, firm, limits=limits) == empty


@pytest.mark.parametrize("curtailment", ["newest", "least_welfare"])
def test_cuts_that_are_not_pro_rata_are_not_moved_by_ordering_more(curtailment: str) -> None:
    assert over_ordered("scheduled", NARROW_WH, limits="verdict", curtailment=curtailment) <= 0


@pytest.mark.parametrize("limits", ["market", "verdict"])
def test_the_same_orders_from_two_accounts_get_the_same(limits: str) -> None:
    other = (1, 4000, 100_000)
    one = Game((4000, 4000, -12_000, -12_000), "bbcc").money((0, 4000, 100_000), other, *BUYERS, limits=limits)
    two = Game((2000, 4000, -12_000, -12_000, 2000), "bbccb").money(
        (0, 2000, 100_000), other, *BUYERS, (4, 2000, 100_000), limits=limits
    )
    assert abs(int(two[0] + two[4] - one[0])) <= 1, "to the thousandth, but for the rounding of whole Wh"


def asked_less(**grid: Any) -> int:
    """What the first of two sellers gains by asking 0.081 where it would ask 0.12, the other asking 0.10."""
    game = Game((4000, 4000, -12_000, -12_000), "bbcc")
    other = (1, 4000, 100_000)
    honest, cheap = (game.money((0, 4000, limit), other, *BUYERS, **grid)[0] for limit in (120_000, 81_000))
    return int(cheap - honest)


@pytest.mark.parametrize(
    ("grid", "gain"),
    [
        ({"limits": "market"}, 820),
        ({"limits": "verdict", "curtailment": "least_welfare"}, 855),
        ({"limits": "verdict", "curtailment": "pro_rata"}, 0),
        ({"limits": "verdict", "curtailment": "newest"}, 0),
    ],
)
def test_asking_less_than_one_would_take_wins_the_line_where_limits_decide(grid: dict[str, Any], gain: int) -> None:
    assert asked_less(**grid) == gain


def asked_more(clearing: str) -> tuple[int, int]:
    """What a seller behind a line gains by asking 0.25 of its only neighbour where it would take 0.10, and what the neighbour does."""
    game = Game((4000, 4000, -4000, -4000), "bcbc", 3000, clearing)
    others = ((1, 4000, 100_000), (2, -4000, 300_000), (3, -4000, 200_000))
    honest, dear = (game.money((0, 4000, limit), *others) for limit in (100_000, 250_000))
    return int((dear - honest)[0]), int((dear - honest)[2])


def test_asking_more_of_a_neighbour_pays_where_neighbours_meet_first() -> None:
    assert asked_more("uniform_price") == (300, -300)


@pytest.mark.parametrize("clearing", ["central_optimum", "multi_criteria", "bilateral_primal_dual"])
def test_asking_more_of_a_neighbour_costs_where_a_mechanism_sees_the_whole_feeder(clearing: str) -> None:
    assert asked_more(clearing)[0] < 0


@pytest.mark.parametrize(
    ("clearing", "rule", "seller", "friend", "rival"),
    [
        ("uniform_price", "scheduled", 819, -280, -720),
        ("uniform_price", "delivered", 819, 0, -820),
        ("pay_as_bid", "scheduled", 819, -996, -4),
    ],
)
def test_a_friend_who_buys_a_rivals_energy_and_does_not_use_it_clears_the_line(
    clearing: str, rule: str, seller: int, friend: int, rival: int
) -> None:
    game = Game((4000, 4000, -12_000, -12_000, 0), "bbccb", clearing=clearing, rule=rule)
    honest = ((0, 4000, 110_000), (1, 4000, 100_000), *BUYERS)
    gain = game.money(*honest, (4, -4000, 299_000)) - game.money(*honest)
    assert [int(gain[member]) for member in (0, 4, 1)] == [seller, friend, rival]


@pytest.mark.parametrize("clearing", ["central_optimum", "multi_criteria", "bilateral_primal_dual"])
@pytest.mark.parametrize("rule", ["scheduled", "delivered"])
def test_orders_that_only_open_a_line_the_other_way_cost_their_members_more_than_they_bring_but_once(
    clearing: str, rule: str
) -> None:
    game = Game((8000, 0, -12_000, 0), "bccb", clearing=clearing, rule=rule)
    honest = ((0, 8000, 100_000), (2, -12_000, 300_000))
    pretended = ((1, 4000, 90_000), (3, -4000, 299_000))
    gained = game.money(*honest, *pretended) - game.money(*honest)
    pays = (clearing, rule) == ("bilateral_primal_dual", "delivered")
    assert (int(gained[0] + gained[1] + gained[3]) > 0) is pays
