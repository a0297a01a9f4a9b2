"""Rule `scheduled`: every case of schedule against meter, worked out by hand."""

import pytest
from tests.fakes.settlement_slots import agreement, bill, book, context, lines, rates, readings, system_balances

from commonwatt.core.accounts import Account, Kind
from commonwatt.core.errors import BrokenPromise, ConservationBroken
from commonwatt.core.records import Reason
from commonwatt.settlement.scheduled import Scheduled

FIRM = Scheduled(reward_form="none")
GATE = Scheduled(reward_form="none", residual="gate")

# Member 0 sells 600 Wh to member 1 at 0.20 per kWh, whatever the meters show.
ORDERS = book((0, "sell", 600), (1, "buy", 600))
TRADE = agreement(ORDERS, (0, 1, 600, 200_000, 200_000))
SOLD = ("peer_sell", 600, 200_000, 120_000_000)
BOUGHT = [("peer_buy", 600, 200_000, -120_000_000)]
LOCAL = [("local_fee", 600, 20_000, -12_000_000), ("tax", 600, 10_000, -6_000_000)]


@pytest.mark.parametrize(
    ("export_wh", "import_wh", "rest"),
    [
        pytest.param(600, 0, [], id="as-agreed"),
        pytest.param(
            400,
            0,
            [
                ("imbalance_short", 200, 350_000, -70_000_000),
                ("grid_fee", 200, 70_000, -14_000_000),
                ("tax", 200, 30_000, -6_000_000),
            ],
            id="less-is-short",
        ),
        pytest.param(
            0,
            50,
            [
                ("supplier_buy", 50, 300_000, -15_000_000),
                ("imbalance_short", 600, 350_000, -210_000_000),
                ("grid_fee", 650, 70_000, -45_500_000),
                ("tax", 650, 30_000, -19_500_000),
            ],
            id="short-by-all-and-the-rest-is-supplied",
        ),
        pytest.param(700, 0, [("supplier_sell", 100, 80_000, 8_000_000)], id="more-is-fed-in"),
        pytest.param(
            600,
            30,
            [
                ("supplier_buy", 30, 300_000, -9_000_000),
                ("grid_fee", 30, 70_000, -2_100_000),
                ("tax", 30, 30_000, -900_000),
            ],
            id="what-the-other-register-shows-is-supplied",
        ),
    ],
)
def test_a_seller_pays_for_what_it_sold_and_did_not_deliver(
    export_wh: int, import_wh: int, rest: list[tuple[str, int, int, int]]
) -> None:
    statement = FIRM.settle(ORDERS, TRADE, readings((export_wh, import_wh), (0, 600)), context(2))

    assert bill(statement, 0) == [SOLD, *rest]
    assert bill(statement, 1) == [*BOUGHT, *LOCAL]


@pytest.mark.parametrize(
    ("export_wh", "import_wh", "rest"),
    [
        pytest.param(0, 600, LOCAL, id="as-agreed"),
        pytest.param(
            0,
            700,
            [
                ("supplier_buy", 100, 300_000, -30_000_000),
                ("grid_fee", 100, 70_000, -7_000_000),
                LOCAL[0],
                LOCAL[1],
                ("tax", 100, 30_000, -3_000_000),
            ],
            id="more-is-supplied",
        ),
        pytest.param(0, 500, [("imbalance_long", 100, 60_000, 6_000_000), *LOCAL], id="less-is-long"),
        pytest.param(
            20,
            0,
            [
                ("supplier_sell", 20, 80_000, 1_600_000),
                ("imbalance_long", 600, 60_000, 36_000_000),
                *LOCAL,
            ],
            id="long-by-all-and-the-rest-is-fed-in",
        ),
        pytest.param(
            40, 600, [("supplier_sell", 40, 80_000, 3_200_000), *LOCAL], id="what-the-other-register-shows-is-fed-in"
        ),
    ],
)
def test_a_buyer_gets_the_imbalance_price_for_what_it_bought_and_did_not_use(
    export_wh: int, import_wh: int, rest: list[tuple[str, int, int, int]]
) -> None:
    statement = FIRM.settle(ORDERS, TRADE, readings((600, 0), (export_wh, import_wh)), context(2))

    assert bill(statement, 1) == [*BOUGHT, *rest]
    assert bill(statement, 0) == [SOLD]


def test_a_member_without_a_trade_has_its_registers_with_the_supplier() -> None:
    orders = book((0, "sell", 90))
    statement = FIRM.settle(orders, agreement(orders), readings((100, 30)), context(1))

    assert bill(statement, 0) == [
        ("supplier_sell", 100, 80_000, 8_000_000),
        ("supplier_buy", 30, 300_000, -9_000_000),
        ("grid_fee", 30, 70_000, -2_100_000),
        ("tax", 30, 30_000, -900_000),
    ]
    assert lines(statement.postings, Kind.SUPPLIER) == [
        (Account.SUPPLIER, 8, 8_000_000),
        (8, Account.SUPPLIER, 9_000_000),
    ]
    # 70 Wh are left with the supplier, who sells them at the balancing price.
    assert lines(statement.postings, Kind.WHOLESALE) == [(Account.WHOLESALE, Account.SUPPLIER, 3_500_000)]


def test_a_firm_residual_is_sold_at_the_gate_and_all_of_the_deviation_is_imbalance() -> None:
    orders = book((0, "sell", 1000), (1, "buy", 900))
    traded = agreement(orders, (0, 1, 600, 200_000, 200_000))
    statement = GATE.settle(orders, traded, readings((800, 0), (0, 950)), context(2))

    assert bill(statement, 0) == [
        SOLD,
        ("supplier_sell", 400, 80_000, 32_000_000),
        ("imbalance_short", 200, 350_000, -70_000_000),
        ("grid_fee", 200, 70_000, -14_000_000),
        ("tax", 200, 30_000, -6_000_000),
    ]
    assert bill(statement, 1) == [
        *BOUGHT,
        ("supplier_buy", 300, 300_000, -90_000_000),
        ("imbalance_short", 50, 350_000, -17_500_000),
        ("grid_fee", 350, 70_000, -24_500_000),
        LOCAL[0],
        LOCAL[1],
        ("tax", 350, 30_000, -10_500_000),
    ]


def test_a_firm_residual_that_is_not_used_is_sold_back_at_the_imbalance_price() -> None:
    orders = book((0, "sell", 100), (1, "buy", 900))
    statement = GATE.settle(orders, agreement(orders), readings((130, 0), (0, 700)), context(2))

    assert bill(statement, 0) == [
        ("supplier_sell", 100, 80_000, 8_000_000),
        ("imbalance_long", 30, 60_000, 1_800_000),
    ]
    assert bill(statement, 1)[:2] == [
        ("supplier_buy", 900, 300_000, -270_000_000),
        ("imbalance_long", 200, 60_000, 12_000_000),
    ]


@pytest.mark.parametrize("reason", [Reason.CANCELLED, Reason.CLOSED, Reason.UNREVEALED])
def test_of_an_order_that_did_not_stand_only_what_traded_is_firm(reason: Reason) -> None:
    # Member 0 withdrew the rest of 1000 Wh after 600 had traded, and placed 150 Wh anew.
    orders = book((0, "sell", 1000), (1, "buy", 900), (0, "sell", 150))
    traded = agreement(orders, (0, 1, 600, 200_000, 200_000))
    traded.reason[0] = reason
    statement = GATE.settle(orders, traded, readings((800, 0), (0, 900)), context(2))

    assert bill(statement, 0) == [
        SOLD,
        ("supplier_sell", 150, 80_000, 12_000_000),
        ("imbalance_long", 50, 60_000, 3_000_000),
    ]
    assert bill(statement, 1)[1] == ("supplier_buy", 300, 300_000, -90_000_000)


def test_who_withdrew_all_it_ordered_is_supplied_by_meter_and_outside_the_scheme() -> None:
    orders = book((0, "sell", 1000))
    rule = Scheduled(residual="gate")
    statement = rule.settle(orders, agreement(orders, reason=Reason.CANCELLED), readings((300, 0), (0, 0)), context(2))

    assert bill(statement, 0) == [("supplier_sell", 300, 80_000, 24_000_000)]


@pytest.mark.parametrize("reason", [Reason.BALANCE, Reason.GATE_SHUT, Reason.SLOT_FAILED])
def test_a_refused_order_is_no_schedule_and_its_maker_is_supplied_by_meter(reason: Reason) -> None:
    orders = book((0, "sell", 1000))
    statement = GATE.settle(orders, agreement(orders, reason=reason), readings((0, 40), (0, 10)), context(2))

    assert [name for name, *_ in bill(statement, 0)] == ["supplier_buy", "grid_fee", "tax"]
    assert [name for name, *_ in bill(statement, 1)] == ["supplier_buy", "grid_fee", "tax"]


def test_trades_of_a_member_at_one_price_are_one_leg_and_at_two_prices_two() -> None:
    orders = book((0, "sell", 500), (0, "sell", 500), (1, "buy", 700), (2, "buy", 300))
    traded = agreement(
        orders,
        (0, 2, 500, 200_000, 200_000),
        (1, 2, 200, 200_000, 200_000),
        (1, 3, 300, 190_000, 190_000),
    )
    statement = FIRM.settle(orders, traded, readings((1000, 0), (0, 700), (0, 300)), context(3))

    assert bill(statement, 0) == [
        ("peer_sell", 300, 190_000, 57_000_000),
        ("peer_sell", 700, 200_000, 140_000_000),
    ]
    assert lines(statement.postings, Kind.TRADE) == [(9, 8, 100_000_000), (9, 8, 40_000_000), (10, 8, 57_000_000)]


def test_fills_with_the_pool_leave_it_empty() -> None:
    orders = book((0, "sell", 500), (1, "buy", 200), (2, "buy", 300))
    traded = agreement(orders, (0, -1, 500, 200_000, 0), (-1, 1, 200, 0, 200_000), (-1, 2, 300, 0, 200_000))
    statement = FIRM.settle(orders, traded, readings((500, 0), (0, 200), (0, 300)), context(3))

    assert lines(statement.postings, Kind.TRADE) == [
        (Account.POOL, 8, 100_000_000),
        (9, Account.POOL, 40_000_000),
        (10, Account.POOL, 60_000_000),
    ]
    assert system_balances(statement, 3)[Account.POOL] == 0


@pytest.mark.parametrize(
    ("sell_price", "buy_price", "expected"),
    [
        (190_000, 200_000, [(Account.POOL, 8, 114_000_000), (9, Account.POOL, 120_000_000), (Account.POOL, Account.OPERATOR, 6_000_000)]),
        (200_000, 190_000, [(Account.POOL, 8, 120_000_000), (9, Account.POOL, 114_000_000), (Account.OPERATOR, Account.POOL, 6_000_000)]),
        (-10_000, 0, [(8, Account.POOL, 6_000_000), (9, Account.POOL, 0), (Account.POOL, Account.OPERATOR, 6_000_000)]),
    ],
)  # fmt: skip
def test_the_difference_of_two_prices_goes_through_the_pool_to_the_operator(
    sell_price: int, buy_price: int, expected: list[tuple[int, int, int]]
) -> None:
    traded = agreement(ORDERS, (0, 1, 600, sell_price, buy_price))
    statement = FIRM.settle(ORDERS, traded, readings((600, 0), (0, 600)), context(2))

    assert lines(statement.postings, Kind.TRADE) == expected


def test_at_a_negative_price_the_seller_pays_the_buyer() -> None:
    traded = agreement(ORDERS, (0, 1, 600, -5_000, -5_000))
    negative = rates(feed_in=-20_000, balancing=-30_000)
    statement = FIRM.settle(ORDERS, traded, readings((700, 0), (0, 600)), context(2, rates=negative))

    assert bill(statement, 0) == [("peer_sell", 600, -5_000, -3_000_000), ("supplier_sell", 100, -20_000, -2_000_000)]
    assert bill(statement, 1)[0] == ("peer_buy", 600, -5_000, 3_000_000)
    assert lines(statement.postings, Kind.TRADE) == [(8, 9, 3_000_000)]
    assert lines(statement.postings, Kind.SUPPLIER) == [(8, Account.SUPPLIER, 2_000_000)]
    assert lines(statement.postings, Kind.WHOLESALE) == [(Account.SUPPLIER, Account.WHOLESALE, 3_000_000)]


def test_fees_go_to_the_grid_and_taxes_to_the_state() -> None:
    statement = FIRM.settle(ORDERS, TRADE, readings((600, 0), (0, 700)), context(2))
    balances = system_balances(statement, 2)

    assert balances[Account.GRID] == 12_000_000 + 7_000_000
    assert balances[Account.STATE] == 6_000_000 + 3_000_000
    # The supplier sold 100 Wh at retail and bought them at the balancing price.
    assert balances[Account.SUPPLIER] == 30_000_000 - 5_000_000
    assert balances[Account.WHOLESALE] == 5_000_000


def test_equal_taxes_are_one_leg() -> None:
    statement = FIRM.settle(ORDERS, TRADE, readings((600, 0), (0, 700)), context(2, rates=rates(tax=10_000)))

    assert bill(statement, 1)[-1] == ("tax", 700, 10_000, -7_000_000)


def test_after_the_fact_trades_are_delivered_and_nothing_is_imbalance() -> None:
    orders = book((0, "sell", 700), (1, "buy", 600))
    rule = Scheduled(residual="gate")
    statement = rule.settle(
        orders, agreement(orders, (0, 1, 600, 200_000, 200_000)), readings((700, 50), (0, 600)), context(2, "ex_post")
    )

    assert bill(statement, 0)[:3] == [
        SOLD,
        ("supplier_sell", 100, 80_000, 8_000_000),
        ("supplier_buy", 50, 300_000, -15_000_000),
    ]
    assert statement.delivered_wh.tolist() == [600]
    assert lines(statement.postings, Kind.REWARD) == []


@pytest.mark.parametrize("registers", [((599, 0), (0, 600)), ((600, 0), (0, 599))])
def test_after_the_fact_nobody_trades_more_than_was_metered(registers: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(BrokenPromise, match="within what was metered"):
        FIRM.settle(ORDERS, TRADE, readings(*registers), context(2, "ex_post"))


def test_a_pool_that_keeps_energy_stops_the_run() -> None:
    traded = agreement(ORDERS, (0, -1, 600, 200_000, 0), (-1, 1, 599, 0, 200_000))
    with pytest.raises(ConservationBroken, match="1 Wh left"):
        FIRM.settle(ORDERS, traded, readings((600, 0), (0, 600)), context(2))


def test_readings_in_another_order_are_refused() -> None:
    with pytest.raises(BrokenPromise, match="one reading of each of 2 members"):
        FIRM.settle(ORDERS, TRADE, readings((600, 0), (0, 600), members=[1, 0]), context(2))


def test_a_community_without_trades_settles() -> None:
    nothing = book()
    statement = Scheduled().settle(nothing, agreement(nothing), readings((0, 0), (0, 10)), context(2))

    assert bill(statement, 0) == []
    assert bill(statement, 1)[0] == ("supplier_buy", 10, 300_000, -3_000_000)
    assert len(Scheduled().settle(nothing, agreement(nothing), readings(), context(0)).postings) == 0


@pytest.mark.parametrize(
    ("exported_wh", "imported_wh", "prices"),
    [
        pytest.param(
            400,
            500,
            {"by_direction": (350, 60), "two_price": (350, 80), "single_price": (350, 350)},
            id="the-community-is-short",
        ),
        pytest.param(
            500,
            300,
            {"by_direction": (350, 60), "two_price": (300, 60), "single_price": (60, 60)},
            id="the-community-is-long",
        ),
        pytest.param(
            500,
            500,
            {"by_direction": (350, 60), "two_price": (300, 80), "single_price": (205, 205)},
            id="the-community-is-neither",
        ),
    ],
)
def test_what_imbalance_costs_may_depend_on_which_way_the_community_was_off(
    exported_wh: int, imported_wh: int, prices: dict[str, tuple[int, int]]
) -> None:
    for form, (short, long) in prices.items():
        rule = Scheduled(reward_form="none", imbalance=form)
        statement = rule.settle(ORDERS, TRADE, readings((exported_wh, 0), (0, imported_wh)), context(2))
        missing, unused = 600 - exported_wh, 600 - imported_wh

        assert ("imbalance_short", missing, short * 1000, -missing * short * 1000) in bill(statement, 0)
        assert ("imbalance_long", unused, long * 1000, unused * long * 1000) in bill(statement, 1)


def test_levies_and_what_a_local_trade_saves_of_the_fee_are_lines_of_their_own() -> None:
    tariff = rates(levy=9_000, local_levy=4_000, local_relief=15_000)
    statement = FIRM.settle(ORDERS, TRADE, readings((600, 0), (0, 700)), context(2, rates=tariff))

    assert bill(statement, 1) == [
        *BOUGHT,
        ("supplier_buy", 100, 300_000, -30_000_000),
        ("grid_fee", 100, 70_000, -7_000_000),
        *LOCAL,
        ("tax", 100, 30_000, -3_000_000),
        ("levy", 600, 4_000, -2_400_000),
        ("levy", 100, 9_000, -900_000),
        ("fee_relief", 600, 15_000, 9_000_000),
    ]
    assert (9, Account.STATE, 2_400_000) in lines(statement.postings, Kind.TAX)
    assert (Account.GRID, 9, 9_000_000) in lines(statement.postings, Kind.FEE)


def test_one_levy_on_all_energy_is_one_line() -> None:
    tariff = rates(levy=9_000, local_levy=9_000)
    statement = FIRM.settle(ORDERS, TRADE, readings((600, 0), (0, 700)), context(2, rates=tariff))

    assert bill(statement, 1)[-1] == ("levy", 700, 9_000, -6_300_000)
