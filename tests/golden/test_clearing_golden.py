"""Golden case `p2pet-two-rounds`: computed by hand in its `why.md`."""

import json
import tomllib
from pathlib import Path

from tests.fakes.books import book_of, context

from commonwatt.clearing import CLEARINGS
from commonwatt.core.orders import Preference, Source
from commonwatt.core.records import Reason
from commonwatt.core.welfare import optimum_welfare_nano, welfare_nano

CASE = Path(__file__).parent / "p2pet-two-rounds"


def test_two_rounds_clear_as_computed_by_hand() -> None:
    orders = tomllib.loads((CASE / "input.toml").read_text())["orders"]
    expected = json.loads((CASE / "expected.json").read_text())
    book = book_of(
        *(
            (
                o["side"],
                o["energy_wh"],
                o["limit_micro_per_kwh"],
                int(Source[o.get("source", "unknown").upper()]),
                int(Preference[o.get("preference", "any").upper()]),
            )
            for o in orders
        )
    )
    names = [o["member"] for o in orders]
    agreement = CLEARINGS.make("two_round_double_auction").clear(book, context())
    trades = agreement.trades
    columns = (trades.sell_order, trades.buy_order, trades.energy_wh, trades.sell_price_micro_per_kwh, trades.round)
    found = [[names[s], names[b], int(e), int(p), int(r)] for s, b, e, p, r in zip(*columns, strict=True)]
    assert found == expected["trades"]
    assert {n: Reason(int(r)).name for n, r in zip(names, agreement.reason, strict=True)} == expected["reasons"]
    assert welfare_nano(book, trades) == expected["welfare_nano"]
    assert optimum_welfare_nano(book) == expected["optimum_welfare_nano"]
