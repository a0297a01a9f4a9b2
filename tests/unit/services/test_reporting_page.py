"""The page, the terminal's ending and the bills, as a reader meets them."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pyarrow as pa
import pytest
from tests.fakes.run_tables import FIRST_SLOT, Rows, changed, facts_of, week

from commonwatt.core.units import NANO_PER_UNIT
from commonwatt.services.reporting.answer import answer
from commonwatt.services.reporting.bills import Bills
from commonwatt.services.reporting.ending import ending
from commonwatt.services.reporting.page import page
from commonwatt.services.reporting.plots import figures
from commonwatt.services.reporting.summary import Results, results
from commonwatt.services.reporting.timeline import LONGEST, days, timeline
from commonwatt.services.reporting.words import counted, energy, exact_price, money, percent

SMALL: dict[str, Any] = {"slots": 30, "homes": 4, "flats": 2}


def made(**changes: Any) -> Results:
    return results(*week(**(SMALL | changes)))


def without_scripts(html: str) -> str:
    return re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)


def test_the_page_opens_with_the_answer_in_words() -> None:
    found = made()
    html = without_scripts(page(found)).replace("\u00a0", " ")
    start = html[html.index("<h1>") : html.index("<nav")]
    told = answer(found)
    for sentence in (
        told.headline,
        told.who,
        told.local,
        told.price,
        told.books,
        "Nobody pays more than without the market.",
    ):
        assert sentence.replace("\u00a0", " ") in start
    assert "Energy 0 Wh off, money 0 off, ledger verified" in start
    assert start.index("saved (") < start.index("of the electricity")


def test_who_pays_more_is_named() -> None:
    facts, tables = week(**SMALL)
    row = tables["statements"].column("leg").to_pylist().index("supplier_buy")
    loser = facts.member_ids[tables["statements"].column("member")[row].as_py()]
    tables = tables | {"statements": changed(tables["statements"], "amount_nano", row, -50 * NANO_PER_UNIT)}
    found = results(facts, tables)
    assert found.summary["members_worse_off"] == 1
    assert re.fullmatch(
        rf"1 neighbour pays more than without the market: {loser} \([\d.]+\xa0USD\)\.", answer(found).worse_off
    )
    assert any(
        line.strip().endswith("1 neighbour pays more than without the market.") for line in ending(found, "out/x")
    )


def test_the_top_of_the_page_says_whose_figures_they_are_and_that_nobody_audited_them() -> None:
    facts, tables = week(**SMALL)
    first, *others = facts.origins
    told = results(replace(facts, origins={first: "measured", **dict.fromkeys(others, "resampled")}), tables)
    html = without_scripts(page(told))
    top = html[: html.index("<nav")]
    assert f"Worked out on past data of {len(others)} resampled homes and 1 measured home; meters" in top
    assert "nobody else has audited the code" in top
    assert "`" not in html
    assert "<code>commonwatt audit</code>" in html


def test_books_that_do_not_balance_raise_an_alarm_on_top() -> None:
    facts, tables = week(**SMALL)
    off = results(facts, tables | {"balances": changed(tables["balances"], "free_nano", 9, 1)})
    html = without_scripts(page(off))
    assert "Do not rely on this page" in html[: html.index("<nav")]
    assert "money 1 nano-USD off" in html
    unverified = without_scripts(page(results(replace(facts, ledger_verified=False), tables)))
    assert "LEDGER NOT VERIFIED" in unverified
    assert "Do not rely on this page" not in without_scripts(page(results(facts, tables)))


class Loads(HTMLParser):
    """Collects what a browser would load or follow."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"iframe", "object", "embed", "link", "base"}
        for name, value in attrs:
            if name in {"src", "href", "srcset", "action", "data"}:
                self.found.append(str(value))
            if name == "id":
                self.ids.append(str(value))


def test_the_page_loads_nothing_and_every_link_of_it_leads_somewhere() -> None:
    html = page(made(timing="ex_ante"))
    reader = Loads()
    reader.feed(without_scripts(html))
    inside = [link for link in reader.found if link.startswith("#")]
    assert all(link[1:] in reader.ids for link in inside)
    # The others lead to files that the run wrote beside the page: every member's bill.
    beside = {link for link in reader.found if link not in inside}
    assert beside == {f"members/{name}/bill.csv" for name in made(timing="ex_ante").books.ids}
    assert len(set(reader.ids)) == len(reader.ids)
    own = without_scripts(html) + html[html.rindex("<script>") :]
    assert not re.search(r"https?:|//cdn|@import|url\(|fetch\(|XMLHttpRequest", own)
    assert "default-src 'none'" in html


def test_the_page_is_the_same_bytes_twice() -> None:
    assert page(made(timing="ex_ante", failed=(20,))) == page(made(timing="ex_ante", failed=(20,)))


def test_a_member_with_markup_in_its_name_stays_text() -> None:
    facts, tables = week(**SMALL)
    first = tables["members"].column("member")[0].as_py()
    evil = "</script><script>alert(1)</script>"
    html = page(results(replace(facts, member_ids={**facts.member_ids, first: evil}), tables))
    assert evil not in html
    assert html.count("<script") == 3
    assert html.count("</script>") == 3


@pytest.mark.parametrize("timing", ["ex_post", "ex_ante"])
def test_plotly_accepts_every_figure(timing: str) -> None:
    go: Any = pytest.importorskip("plotly.graph_objects")
    found = made(timing=timing)
    drawn = figures(found, timeline(found.books))
    assert ("imbalance" in drawn) == (timing == "ex_ante")
    for figure in drawn.values():
        go.Figure(figure)  # raises where a name or a value is not of plotly's schema
    assert json.loads(json.dumps(drawn, allow_nan=False)) == drawn


def test_the_sources_of_energy_add_up_to_what_was_used() -> None:
    for timing in ("ex_post", "ex_ante"):
        line = timeline(made(timing=timing).books)
        used = line.own_wh + line.battery_wh + line.neighbours_wh + line.grid_wh
        assert used.tolist() == line.load_wh.tolist()


def test_days_are_local_and_sum_up_the_slots() -> None:
    books = made(slots=60).books
    line, by_day = timeline(books), days(books)
    assert by_day.slots.tolist() == [7, 24, 24, 5]  # begins at 17:00 in Los Angeles
    assert by_day.load_wh.sum() == line.load_wh.sum()
    assert len(by_day.starts) < len(line.starts) <= LONGEST


def test_an_ex_post_run_says_that_there_is_no_imbalance_and_an_ex_ante_run_what_forecasts_cost() -> None:
    assert "There is none, by construction" in page(made())
    html = page(made(timing="ex_ante")).replace("\u00a0", " ")
    assert re.search(r"trading on forecasts cost them [\d.]+ USD", html)


def test_the_ending_and_the_page_say_the_same_cost_of_forecasts() -> None:
    found = made(timing="ex_ante", slots=40)
    said = re.search(r"cost them ([\d.]+)", answer(found).forecasts)
    assert said
    assert any(line.startswith(f"Forecasts cost the members {said[1]} USD") for line in ending(found, "out/x"))


def test_a_failed_slot_is_shown_with_its_reason() -> None:
    html = without_scripts(page(made(failed=(20,))))
    assert "1 hour of 30 failed and was settled with the supplier" in html
    assert "the clearing raised an error" in html
    assert 'id="failed"' not in without_scripts(page(made()))


@pytest.mark.parametrize("changes", [{"trading": False}, {"slots": 1}])
def test_a_run_without_trades_has_a_page_and_an_ending(changes: dict[str, Any]) -> None:
    found = made(**changes)
    assert "<h1>" in page(found)
    assert len(ending(found, "out/x")) <= 10


def test_a_run_of_nothing_has_a_page_and_an_ending() -> None:
    found = results(facts_of([], [], 0), Rows().tables())
    assert "The market made no difference to anybody." in page(found)
    assert len(ending(found, "out/x")) <= 10


def test_the_page_says_what_is_simulated_resampled_and_substituted() -> None:
    html = without_scripts(page(made(slots=40)))
    for said in ("2 profiles of load and sun are resampled", "meters are simulated", "1 battery is simulated", "1 reading was missing and substituted", "wires were not checked"):  # fmt: skip
        assert said in html
    facts, tables = week(**SMALL)
    assert "has not been audited" in page(results(replace(facts, ledger_verified=None), tables))


@pytest.mark.parametrize("timing", ["ex_post", "ex_ante"])
def test_the_ending_has_ten_lines_at_most_and_says_what_to_type_next(timing: str) -> None:
    lines = ending(made(timing=timing, failed=(20,)), "out/demo")
    text = "\n".join(lines)
    assert len(lines) <= 10
    for said in ("out/demo/report.html", "commonwatt audit out/demo", "commonwatt run --preset", "saved", "ledger verified", "between neighbours"):  # fmt: skip
        assert said in text
    assert ("Forecasts" in text) == (timing == "ex_ante")


def test_a_bill_adds_up_to_the_members_cost_and_keeps_local_time() -> None:
    found = made(slots=40)
    for member in range(found.books.members):
        lines = list(csv.DictReader(io.StringIO(Bills(found.books).csv(member).decode())))
        assert sum(int(line["amount_nano"]) for line in lines) == -int(found.members.cost_nano[member])
        total = int(lines[-1]["running_total_USD"].replace(".", ""))
        assert total == -int(found.members.cost_nano[member])
        assert lines[0]["slot_start"].endswith("-07:00")
        marked = {line["slot"] for line in lines if line["reading"] == "substituted"}
        assert marked == ({str(FIRST_SLOT + 30)} if member == 2 else set())


def test_a_bill_tells_the_two_hours_apart_when_the_clock_goes_back() -> None:
    first = 1_699_171_200 // 3600  # 5 November 2023, 08:00 UTC: 01:00 in Los Angeles, twice
    rows = Rows()
    rows.add("members", "ann", "", "", "prosumer", 10_000)
    for slot in (first, first + 1):
        rows.add("statements", slot, "ann", 0, "supplier_sell", 1, -5, -5)
    base = facts_of(["ann"], ["Ann"], 2)
    facts = replace(base, first_slot=first, rates={first + at: base.rates[FIRST_SLOT + at] for at in range(2)})
    lines = list(csv.DictReader(io.StringIO(Bills(results(facts, rows.tables()).books).csv(0).decode())))
    assert [line["slot_start"] for line in lines] == ["2023-11-05T01:00:00-07:00", "2023-11-05T01:00:00-08:00"]
    assert [line["amount_USD"] for line in lines] == ["-0.000000005", "-0.000000005"]
    assert lines[1]["running_total_USD"] == "-0.000000010"


def test_numbers_are_rounded_for_people() -> None:
    assert [money(a, "USD") for a in (12_345_000_000, -12_344_000_000)] == ["12.35\u00a0USD", "\u221212.34\u00a0USD"]
    assert money(-1, "USD") == "0.00\u00a0USD"
    assert energy(285_573) == "285.6\u00a0kWh"
    assert energy(123_456_789) == "123.5\u00a0MWh"
    assert [percent(share) for share in (0.1234, 0.0456, 0.0, 1.0)] == [
        "12\u00a0%",
        "4.6\u00a0%",
        "0\u00a0%",
        "100\u00a0%",
    ]


def test_a_saving_is_the_difference_of_the_two_amounts_beside_it() -> None:
    found = made(slots=40)
    amounts = re.findall(r"[\d.]+(?=\u00a0USD)", answer(found).headline)
    cost, baseline, saved = (round(100 * float(amount)) for amount in amounts)
    assert baseline - cost == saved


def test_a_table_of_dictionaries_reads_the_same() -> None:
    facts, tables = week(**SMALL)
    statements = tables["statements"]
    at = statements.schema.get_field_index("leg")
    packed = statements.set_column(at, "leg", statements.column(at).dictionary_encode())
    assert pa.types.is_dictionary(packed.schema.field("leg").type)
    one, other = (Bills(results(facts, tables | {"statements": s}).books).csv(0) for s in (statements, packed))
    assert one == other


@pytest.mark.parametrize(
    ("number", "many", "said"),
    [
        (1, "slots", "1 slot"),
        (0, "hashes", "0 hashes"),
        (1, "hashes", "1 hash"),
        (1, "kinds of file", "1 kind of file"),
        (22, "kinds of file", "22 kinds of file"),
        (1, "ledger", "1 ledger"),
    ],
)
def test_one_of_a_kind_is_not_many(number: int, many: str, said: str) -> None:
    assert counted(number, many) == said


@pytest.mark.parametrize(
    ("price", "said"),
    [(176_000, "0.176"), (300_000, "0.300"), (12, "0.000012"), (-1_050_500, "\u22121.0505"), (0, "0.000")],
)
def test_an_exact_price_has_as_many_decimals_as_it_needs(price: int, said: str) -> None:
    assert exact_price(price) == said
