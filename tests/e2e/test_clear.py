"""`commonwatt clear`: one market from a file, as a user starts it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.small_runs import commonwatt

from commonwatt.clearing import CLEARINGS
from commonwatt.pricing import PRICINGS
from commonwatt.services.schemas import COLUMNS

EXAMPLE = Path(__file__).parents[2] / "examples" / "orders.csv"
GIVES_UP = {"no_market", "mcafee"}
"""Who leaves something untraded where everybody could trade."""
HEADER = "order_id,member,side,energy_wh,limit_micro_per_kwh"


def orders_file(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "ORDERS.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cleared(folder: Path, orders: Path, mechanism: str, *more: str) -> dict[str, Any]:
    said = commonwatt("clear", orders, "--mechanism", mechanism, "--out", folder, *more)
    assert said.code == 0, said.both
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return found


def test_one_market_leaves_trades_orders_and_figures(tmp_path: Path) -> None:
    figures = cleared(tmp_path / "out", EXAMPLE, "two_round_double_auction")
    trades, orders = rows_of(tmp_path / "out" / "trades.csv"), rows_of(tmp_path / "out" / "orders.csv")
    assert list(trades[0]) == list(COLUMNS["trades"])
    assert figures["traded_wh"] == sum(int(trade["energy_wh"]) for trade in trades) == 2000
    by_id = {order["order_id"]: order for order in orders}
    assert [order["order_id"] for order in orders] == [f"o{number}" for number in range(1, 8)]
    for side, name in (("sell", "seller"), ("buy", "buyer")):
        for order_id, order in by_id.items():
            mine = [trade for trade in trades if trade[f"{side}_order"] == order_id]
            assert {trade[name] for trade in mine} <= {order["member"]}
            if order["side"] == side:
                assert sum(int(trade["energy_wh"]) for trade in mine) == int(order["filled_wh"])
    assert {order["order_id"] for order in orders if not order["reason"]} == {"o1", "o2", "o3", "o6"}
    assert by_id["o5"]["reason"] == "no_counterpart"
    welfare = sum(
        int(t["energy_wh"])
        * (int(by_id[t["buy_order"]]["limit_micro_per_kwh"]) - int(by_id[t["sell_order"]]["limit_micro_per_kwh"]))
        for t in trades
    )
    assert (figures["welfare_nano"], figures["optimum_welfare_nano"]) == (welfare, 178_000_000)
    assert figures["clearing_efficiency_share"] == round(welfare / 178_000_000, 9)
    assert figures["cpu_s"] >= 0


def test_where_the_pool_is_the_partner_its_side_is_empty(tmp_path: Path) -> None:
    figures = cleared(tmp_path / "out", EXAMPLE, "uniform_price")
    trades = rows_of(tmp_path / "out" / "trades.csv")
    assert all((trade["seller"] == "") != (trade["buyer"] == "") for trade in trades)
    assert all((trade["sell_order"] == "") == (trade["seller"] == "") for trade in trades)
    assert figures["price_min_micro_per_kwh"] == figures["price_max_micro_per_kwh"] == 150_000
    assert figures["clearing_efficiency_share"] == 1.0


@pytest.mark.parametrize("mechanism", CLEARINGS.names())
@pytest.mark.parametrize(
    "rows",
    [
        [],
        ["a,ben,buy,5,100", "b,carla,buy,7,0"],
        ["a,ben,sell,5,100", "b,carla,sell,7,-20"],
        ["a,ben,buy,5,-30", "b,carla,sell,7,-20", "c,dario,sell,1,0"],
    ],
    ids=["no orders", "buyers only", "sellers only", "all bids below all offers"],
)
def test_a_market_without_trades_is_a_market(tmp_path: Path, mechanism: str, rows: list[str]) -> None:
    figures = cleared(tmp_path / "out", orders_file(tmp_path, *rows), mechanism)
    assert figures["traded_wh"] == figures["welfare_nano"] == figures["optimum_welfare_nano"] == 0
    assert figures["clearing_efficiency_share"] == 1.0
    assert figures["price_mean_micro_per_kwh"] is None
    assert rows_of(tmp_path / "out" / "trades.csv") == []
    assert all(order["reason"] and order["filled_wh"] == "0" for order in rows_of(tmp_path / "out" / "orders.csv"))


def test_a_member_on_both_sides_is_bad_input_and_nothing_is_written(tmp_path: Path) -> None:
    orders = orders_file(tmp_path, "a,ben,buy,5,100", "b,ben,sell,5,10")
    said = commonwatt("clear", orders, "--mechanism", "uniform_price", "--out", tmp_path / "out")
    assert said.code == 2
    assert said.err.strip() == "ORDERS.csv:3 side: expected buy, the side that member ben has in line 2, found 'sell'"
    assert not (tmp_path / "out").exists()


def test_faults_of_file_mechanism_parameters_and_folder_are_listed_together(tmp_path: Path) -> None:
    orders = orders_file(tmp_path, "a,ben,buy,-5,100")
    said = commonwatt(
        "clear", orders, "--mechanism", "uniform_prise", "--param", "shares", "--pricing", "mid", "--out", tmp_path
    )
    assert said.code == 2
    assert said.err.splitlines()[:-2] == [
        "--out: expected a new or empty folder, found ORDERS.csv",
        f"--pricing: expected one of {', '.join(PRICINGS.names())} (did you mean midpoint?), found 'mid'",
        *[line for line in said.err.splitlines() if line.startswith("--mechanism")],
    ]
    assert "did you mean uniform_price?" in said.err
    assert "ORDERS.csv:2 energy_wh: expected 1..2147483647, found '-5'" in said.err


def test_a_parameter_that_a_mechanism_does_not_take_is_named(tmp_path: Path) -> None:
    arguments = ("clear", EXAMPLE, "--mechanism", "uniform_price", "--out", tmp_path / "out")
    said = commonwatt(*arguments, "--param", "tie=proximity")
    assert said.code == 2
    assert "--param tie: expected a parameter of uniform_price" in said.err


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ("static_members=-1", "--param static_members: expected 0..2147483647, found -1"),
        ("static_members=many", "--param static_members: expected a whole number, found 'many'"),
        ("key=rank", "--param key: expected one of dynamic, ranked, static (did you mean ranked?), found 'rank'"),
    ],
)
def test_a_parameter_out_of_range_is_a_finding(tmp_path: Path, parameter: str, expected: str) -> None:
    arguments = ("clear", EXAMPLE, "--mechanism", "allocation_keys", "--out", tmp_path / "out", "--param", parameter)
    said = commonwatt(*arguments)
    assert (said.code, said.err.strip()) == (2, expected)


def test_a_parameter_and_the_tariff_reach_the_mechanism(tmp_path: Path) -> None:
    tariff = ("--retail-micro-per-kwh", "300000", "--feed-in-micro-per-kwh", "80000", "--param", "key=ranked")
    figures = cleared(tmp_path / "out", EXAMPLE, "allocation_keys", *tariff)
    assert figures["parameters"] == {"key": "ranked", "static_members": 0}
    assert figures["price_mean_micro_per_kwh"] == 190_000
    filled = {order["member"]: order["filled_wh"] for order in rows_of(tmp_path / "out" / "orders.csv")}
    assert (filled["carla"], filled["dario"]) == ("500", "0")


def test_two_microgrids_without_a_link_do_not_trade_on_one_ring(tmp_path: Path) -> None:
    rows = ("a,ben,buy,5,100,north", "b,carla,sell,5,10,south", "c,dario,sell,3,20,north")
    figures = cleared(tmp_path / "out", orders_file(tmp_path, *rows, header=HEADER + ",microgrid"), "token_ring")
    assert figures["traded_wh"] == 3
    assert [trade["seller"] for trade in rows_of(tmp_path / "out" / "trades.csv")] == ["dario"]


LINES = "bus,toward,limit_wh\nsubstation,,\nroof,substation,50\nmill,substation,500\n"


def test_a_full_line_parts_prices_and_the_duals_say_what_it_is_worth(tmp_path: Path) -> None:
    lines = tmp_path / "LINES.csv"
    lines.write_text(LINES, encoding="utf-8")
    rows = ("o1,anna,sell,200,10,roof", "o2,ben,sell,100,25,mill", "o3,carla,buy,120,40,mill")
    orders = orders_file(tmp_path, *rows, header=f"{HEADER},bus")
    nodal = ("--param", "price=nodal", "--lines", str(lines))
    figures = cleared(tmp_path / "out", orders, "multi_criteria", *nodal)
    assert (figures["traded_wh"], figures["note"]) == (120, "")
    duals = {(row["of"], row["name"]): float(row["value"]) for row in rows_of(tmp_path / "out" / "duals.csv")}
    assert duals["line", "roof"] == 15
    assert [duals["bus", name] for name in ("roof", "mill")] == [10, 25]
    assert [duals["energy", name] for name in ("o1", "o2", "o3")] == [0, 0, 15]
    bilateral = cleared(tmp_path / "pairs", orders, "bilateral_primal_dual", "--lines", str(lines))
    assert bilateral["traded_wh"] == 120
    assert "rounds" in bilateral["note"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("bus,toward,limit_wh\na,b,5\nb,a,5\n", "LINES.csv:2 toward: expected lines that end at a root"),
        ("bus,toward,limit_wh\na,,\na,c,5\n", "LINES.csv:3 bus: expected a bus of its own (line 2 has it), found 'a'"),
        ("bus,toward,limit_wh\na,,\nb,a,-1\n", "LINES.csv:3 limit_wh: expected"),
        ("bus,toward,limit_wh,loss_share\na,,,\nb,a,1,2\n", "LINES.csv:3 loss_share: expected a number from 0 to 1"),
        (
            "bus,toward,limit_wh,fee_micro_per_kwh\na,,,\nb,a,1,-5\n",
            "LINES.csv:3 fee_micro_per_kwh: expected a whole number",
        ),
        ("bus,toward,limit_wh\na,,\n", "ORDERS.csv bus: expected empty, or "),
        ("bus,limit_wh\na,5\n", "LINES.csv:1"),
    ],
)
def test_lines_that_are_no_feeder_are_bad_input_and_nothing_is_written(
    tmp_path: Path, lines: str, expected: str
) -> None:
    path = tmp_path / "LINES.csv"
    path.write_text(lines, encoding="utf-8")
    orders = orders_file(tmp_path, "o1,anna,sell,200,10,roof", header=f"{HEADER},bus")
    said = commonwatt("clear", orders, "--mechanism", "multi_criteria", "--lines", path, "--out", tmp_path / "out")
    assert said.code == 2
    assert expected in said.both
    assert not (tmp_path / "out").exists()


def test_the_same_seed_draws_the_same_meetings(tmp_path: Path) -> None:
    rows = [
        f"o{number},m{number},{'sell' if number % 2 else 'buy'},5,{1000 - number % 2 * 1000 + number}"
        for number in range(40)
    ]
    orders = orders_file(tmp_path, *rows)
    for folder, seed in (("one", "3"), ("again", "3"), ("other", "4")):
        cleared(tmp_path / folder, orders, "random_matching", "--seed", seed)
    one, again, other = ((tmp_path / name / "trades.csv").read_bytes() for name in ("one", "again", "other"))
    assert one == again != other


@pytest.mark.full
@pytest.mark.parametrize("mechanism", CLEARINGS.names())
def test_a_million_orders_at_one_price_clear(tmp_path: Path, mechanism: str) -> None:
    rows = (f"o{number},m{number},{'sell' if number % 2 else 'buy'},{1 + number % 7},0" for number in range(1_000_000))
    figures = cleared(tmp_path / "out", orders_file(tmp_path, *rows), mechanism)
    least = min(sum(1 + number % 7 for number in range(side, 1_000_000, 2)) for side in (0, 1))
    assert figures["traded_wh"] == least or (mechanism in GIVES_UP and figures["traded_wh"] < least)
    assert figures["price_mean_micro_per_kwh"] in (0, None)


def test_people_are_told_prices_in_the_currency_and_files_keep_millionths(tmp_path: Path) -> None:
    said = commonwatt("clear", EXAMPLE, "--mechanism", "pay_as_bid", "--out", tmp_path / "out")
    figures = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert "micro" not in said.out
    assert (
        f"Traded 2.0\u00a0kWh at {figures['price_min_micro_per_kwh'] / 1e6:.3f} to {figures['price_max_micro_per_kwh'] / 1e6:.3f} per kWh"
        in said.out
    )


def test_a_single_order_is_one_order(tmp_path: Path) -> None:
    said = commonwatt(
        "clear",
        orders_file(tmp_path, "a,anna,buy,100,250000"),
        "--mechanism",
        "uniform_price",
        "--out",
        tmp_path / "out",
    )
    assert said.out.startswith("uniform_price: 1 order, 0 trades, 0 orders filled whole")
