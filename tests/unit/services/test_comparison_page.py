"""The page and the last lines of a comparison: the answer first, losers as visible as winners, footnotes under every table."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from tests.fakes.outcomes import dearer, moved, outcome

from commonwatt.services.comparison import Comparison, compare
from commonwatt.services.comparison.ending import ending
from commonwatt.services.comparison.page import page
from commonwatt.services.comparison.plots import figures
from commonwatt.services.comparison.telling import other_meters

UNIT = 10**9


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    base = replace(outcome("fair"), not_built=[])
    steep = [[0] * len(base.members) for _ in base.days]
    for member in range(6):
        steep[0][member] = (member + 1) * 300 * UNIT
    return compare(
        {
            "paper": [replace(moved(base, "paper", 5_000_000), not_built=["smoothing <of> errors"])],
            "fair": [base],
            "steep": [dearer(base, "steep", steep)],
        }
    )


@pytest.fixture(scope="module")
def html(comparison: Comparison) -> str:
    return page(comparison, {name: f"runs/{name}/report.html" for name in comparison.designs})


def test_the_answer_stands_above_everything_else(html: str) -> None:
    assert html.index("<h1>With fair the bills of 25 neighbours come to") < html.index("<section")
    assert re.search(r"<h1>[^<]*without a market, to 689\.95", html)


def test_every_table_of_designs_has_the_footnote(html: str) -> None:
    note = "\u00b9 paper: not built yet, so the plainest answer stands in. Missing: smoothing &lt;of&gt; errors."
    assert html.count(note) == 1
    assert note in html[html.index('<section id="designs">') : html.index("</section>")]
    assert html.count('id="notes"') == 1
    for section in ("sure", "table", "metrics", "answers"):
        body = html[html.index(f'<section id="{section}">') :]
        assert '\u00b9 not built whole yet: <a href="#notes">' in body[: body.index("</section>")], section


def test_losers_are_named_marked_and_drawn(html: str, comparison: Comparison) -> None:
    assert "steep: 6 neighbours pay more" in html
    table = html[html.index('<section id="table">') : html.index('<section id="metrics">')]
    assert table.count('class="n loss"') >= 6
    drawn = figures(comparison)["members"]["data"]
    crosses = next(trace for trace in drawn if trace["name"] == "pays more")
    assert len(crosses["x"]) == 6
    assert max(crosses["x"]) < 0
    assert sum(len(trace["x"]) for trace in drawn if trace["name"] != "middle member") == 3 * 25


def test_footnotes_are_numbered_as_the_tables_are_read(comparison: Comparison) -> None:
    base = comparison.outcomes["fair"][0]
    lacking = {n: replace(moved(base, n, by), not_built=[f"part {n}"]) for n, by in (("last", 2 * UNIT), ("first", 0))}
    html = page(compare({name: [one] for name, one in lacking.items()}), {})
    assert html.index("\u00b9 first: not built yet") < html.index("\u00b2 last: not built yet")


def test_a_loss_of_less_than_a_cent_is_marked_as_one(comparison: Comparison) -> None:
    base = comparison.outcomes["fair"][0]
    hair = [[0] * len(base.members) for _ in base.days]
    free = replace(base, design="free", cost_nano=base.baseline_nano)
    hair[0][2] = 1
    html = page(compare({"free": [free], "hair": [dearer(free, "hair", hair)]}), {})
    assert '<td class="n loss">\u22120.00</td>' in html
    assert "hair: 1 neighbour pays more" in html


def test_one_figure_has_one_value_wherever_it_stands(comparison: Comparison) -> None:
    """39.994 and 30.005 are 39.99 and 30.01 (rounded): 9.98, although their exact difference is 9.989."""
    base = comparison.outcomes["fair"][0]
    flat = [[0] * len(base.members) for _ in base.days]
    costs = {}
    for name, total in (("cheap", 30_005_000_000), ("dear", 39_994_000_000)):
        costs[name] = [list(row) for row in flat]
        costs[name][0][0] = total
    runs = {n: [replace(base, design=n, cost_nano=c, baseline_nano=costs["dear"])] for n, c in costs.items()}
    html = page(compare(runs), {})
    assert "<b>9.98 USD</b>" in html
    assert re.search(r"<tfoot><tr><th scope=row>Together</th><td></td><td class=.n.>9\.98</td>", html)
    assert re.search(r"Saved together, USD<small>[^<]*</small></th><td class=.n.>9\.98</td>", html)
    assert re.search(r"<th scope=row>dear</th><td>[^<]*</td><td class=.n.>9\.98</td>", html)
    assert "dear is 9.98\u00a0USD behind cheap" in html


def test_members_whose_meters_look_faulty_are_taken_out_of_the_answer(comparison: Comparison) -> None:
    base = comparison.outcomes["fair"][0]
    origins = ["doubtful" if at == 3 else "measured" for at in range(len(base.members))]
    gift = [[0] * len(base.members) for _ in base.days]
    gift[0][3] = -50 * UNIT
    fair, faulty = replace(base, origins=origins), replace(dearer(base, "gifts", gift), origins=origins)
    small = [[-UNIT // 100 * (at != 3) for at in range(len(base.members))], *gift[1:]]
    html = page(compare({"fair": [fair], "gifts": [faulty], "kind": [dearer(fair, "kind", small)]}), {})
    assert "<h1>With gifts" in html
    assert f"The profiles of {base.members[3]} look faulty. Without it the best design is then kind" in html
    assert "look faulty" not in page(compare({"fair": [replace(base, origins=["measured"] * 25)]}), {})


def test_every_line_of_a_plot_differs_in_more_than_its_colour(comparison: Comparison) -> None:
    base = comparison.outcomes["fair"][0]
    drawn = figures(compare({f"d{n}": [moved(base, f"d{n}", n)] for n in range(20)}))["days"]["data"]
    styles = [(line["line"]["color"].replace("#0072B2", "#56B4E9"), line["line"]["dash"]) for line in drawn]
    assert len(set(styles)) == 20, "on a dark ground blue becomes sky"


def test_every_plot_has_its_place_and_no_figure_is_missing(html: str) -> None:
    figures_json = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.DOTALL)
    assert figures_json
    for name in json.loads(figures_json[1]):
        assert html.count(f'id="plot-{name}"') == 1


def test_a_name_leads_to_the_report_of_its_run(html: str) -> None:
    assert '<a href="runs/steep/report.html">steep</a>' in html
    assert '<a href="runs/paper/report.html">paper \u00b9</a>' in html


def test_the_same_comparison_gives_the_same_page(html: str, comparison: Comparison) -> None:
    assert html == page(comparison, {name: f"runs/{name}/report.html" for name in comparison.designs})


def test_the_last_screen_has_a_line_a_design_and_stays_a_screen_however_many_there_are(comparison: Comparison) -> None:
    base = comparison.outcomes["fair"][0]
    for count in (2, 8, 12, 30):
        many = compare({f"design-{n:02d}": [moved(base, f"design-{n:02d}", n * UNIT)] for n in range(count)})
        lines = ending(many, "out/compared")
        assert len(lines) <= 24
        assert sum(line.startswith("  design-") for line in lines) == min(count, 12)
        assert "design-00" in "".join(lines)
        assert f"design-{count - 1:02d}" in "".join(lines), "the worst one is never left out"
        assert all(line.isascii() for line in lines)


def test_meters_that_are_not_the_same_are_said_with_what_was_held_back(comparison: Comparison) -> None:
    base = comparison.outcomes["fair"][0]
    less = [[nano + UNIT for nano in row] for row in base.baseline_nano]
    held = base.sums | {"curtailed_pv_wh": [1000.0 * len(base.days)] + [0.0] * (len(base.days) - 1)}
    capped = replace(moved(base, "capped", UNIT), baseline_nano=less, sums=held)
    found = compare({"fair": [base], "capped": [capped]})
    told = other_meters(found)
    assert f"on those of capped (inverters held back {len(base.days)}.0\u00a0kWh of PV)" in told
    assert told in page(found, {})
    lines = ending(found, "out")
    assert any("The same days under each design:" in line for line in lines)
    assert any(line.startswith("Meters    Not all designs left the same meters.") for line in lines)
    assert other_meters(comparison) == ""
    assert any("The same meters under each design:" in line for line in ending(comparison, "out"))


def test_the_last_screen_says_what_designs_ask_of_the_wires_where_there_are_any(comparison: Comparison) -> None:
    assert not any(line.startswith("Wires") for line in ending(comparison, "out"))
    base = comparison.outcomes["fair"][0]
    days = len(base.days)
    wired = replace(base, totals=base.totals | {"line_loading_max_share": 1.2})
    full = replace(moved(wired, "full", UNIT), sums=wired.sums | {"metered_violation_slots": [2.0] * days})
    lines = ending(compare({"fair": [wired], "full": [full]}), "out")
    assert f"Wires     hours metered beyond a limit: fair 0, full {2 * days}" in lines
    quiet = ending(compare({"fair": [wired], "still": [moved(wired, "still", UNIT)]}), "out")
    assert "Wires     no limit was passed by the meters" in quiet


def test_designs_that_differ_in_the_grid_alone_are_told_apart(comparison: Comparison) -> None:
    base = comparison.outcomes["fair"][0]
    tight = replace(moved(base, "tight", UNIT), answers=base.answers | {"Grid": "radial on lane: rating_share 0.5"})
    html = page(compare({"fair": [base], "tight": [tight]}), {})
    assert "<td>radial on lane: rating_share 0.5</td>" in html


def test_a_design_that_failed_is_said_on_page_and_screen(comparison: Comparison) -> None:
    failed = replace(comparison, failed={"broken": "slot 7: something"})
    assert "broken is left out: it could not be run to its end. slot 7: something" in page(failed, {})
    assert any(line.startswith("FAILED    broken") for line in ending(failed, "out"))
