"""The demo month on a feeder made tight: limits, rules, envelopes and mechanisms beside each other: docs/reference/tight-feeder.{csv,md,svg}.

    python -m scripts.tight_feeder                     # runs what the files lack, then writes them; minutes a run
    python -m scripts.tight_feeder --jobs 2            # two at once
    python -m scripts.tight_feeder --only ex_post      # of what is lacking, what has this word among its choices
    python -m scripts.tight_feeder --page              # runs nothing

Each run is a whole one: it is settled on a ledger, reported, and audits itself. A row is written as soon as its run ends, so that nothing is lost
by an interruption. Exit 1 where energy or money was off, an audit did not pass, or a count of ours is not the run's own.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import multiprocessing
import tempfile
from pathlib import Path

from scripts.every_market import Silent
from scripts.reference.markdown import csv_text
from scripts.tight.counts import counted
from scripts.tight.lane import FILE
from scripts.tight.page import page
from scripts.tight.plot import bars
from scripts.tight.told import Key, Row, told

from commonwatt.adapters.feeder_file import FEEDER, read_feeder_file
from commonwatt.services.reporting.books import numbers
from commonwatt.services.reporting.curtailed import lost_by_member
from commonwatt.wiring.running import RunRequest, RunResult, run_community

ROOT = Path(__file__).resolve().parents[1]
CSV = ROOT / "docs" / "reference" / "tight-feeder.csv"
MEMBERS = CSV.with_name("tight-feeder-members.csv")
PAGE = CSV.with_suffix(".md")
FIRST, DAYS = dt.date(2017, 5, 1), 31
ALWAYS = (
    "ledger.chain=memory",
    "forecasting.model=median_14d",
    "grid.model=radial",
    f"grid.feeder={FILE}",
    f"data.from={FIRST}",
    f"data.to={FIRST + dt.timedelta(DAYS)}",
)
KEYS = ("timing", "limits", "curtailment", "allocation", "clearing")
DESIGNS = (
    ("none", "pro_rata", "none"),
    ("verdict", "pro_rata", "none"),
    ("verdict", "newest", "none"),
    ("verdict", "least_welfare", "none"),
    ("market", "pro_rata", "none"),
    ("market", "pro_rata", "fixed"),
    ("market", "pro_rata", "envelope"),
)
"""Where limits count, the rule of cuts, and what is allotted."""
OPTIMA = ("central_optimum", "bilateral_primal_dual")
SUMMARY = (
    "slots",
    "scheduled_violation_slots",
    "scheduled_line_violations",
    "scheduled_voltage_violations",
    "metered_violation_slots",
    "metered_line_violations",
    "metered_voltage_violations",
    "curtailed_slots",
    "curtailed_trades",
    "curtailed_wh",
    "recleared_slots",
    "traded_wh",
    "delivered_wh",
    "cost_nano",
    "baseline_nano",
    "clearing_efficiency_share",
    "imbalance_wh",
    "imported_wh",
    "exported_wh",
    "losses_wh",
    "curtailed_pv_wh",
    "line_loading_max_share",
    "voltage_min_share",
    "voltage_max_share",
    "members_worse_off",
    "failed_slots",
    "infeasible_slots",
    "energy_mismatch_wh",
    "money_mismatch_nano",
    "ledger_verified",
)
COUNTED = (
    "agreed_slots",
    "left_slots",
    "metered_slots",
    "loads_alone_slots",
    "agreed_most",
    "metered_most",
    "welfare_nano",
)
FIGURES = ("days", *SUMMARY, *COUNTED)
OF_MEMBER = (
    "member",
    "bus",
    "cost_nano",
    "baseline_nano",
    "sold_wh",
    "bought_wh",
    "sales_cut_wh",
    "purchases_cut_wh",
    "cut_nano",
    "pv_wh",
    "held_back_wh",
)

Rows = dict[Key, tuple[Row, list[Row]]]
"""Of every combination its row and its members'."""


def keys() -> list[Key]:
    """Every combination that says something: optima without limits and with all of them; after delivery no verdict cuts."""
    found: list[Key] = []
    for design in DESIGNS:
        plain = design[0] != "verdict" and design[2] == "none"
        found += [
            ("ex_ante", *design, name) for name in ("uniform_price", "multi_criteria", *(OPTIMA if plain else ()))
        ]
    after = [design for design in DESIGNS if design[0] != "verdict"]
    found += [("ex_post", *design, "uniform_price") for design in after]
    found += [("ex_post", *design, "multi_criteria") for design in (after[0], after[-1])]
    return found


def ran(key: Key) -> tuple[Key, Row, list[Row]]:
    """The row of a combination, and those of its members."""
    timing, limits, rule, allocation, name = key
    chosen = (
        f"market.timing={timing}",
        f"market.clearing={name}",
        f"grid.limits={limits}",
        f"grid.curtailment={rule}",
        f"grid.allocation={allocation}",
    )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        request = RunRequest(ROOT / "examples" / "fontana", out, overrides=(*chosen, *ALWAYS))
        result = run_community(request, Silent())
        feeder, findings = read_feeder_file(out / "public" / FEEDER)
    if feeder is None:
        raise ValueError(f"expected the run's feeder, was {findings}")
    summary, told = result.results.summary, counted(result.results.books, feeder.feeder)
    row = (
        dict(zip(KEYS, key, strict=True))
        | {"days": str(DAYS)}
        | {name: str(summary[name]) for name in SUMMARY}
        | {name: str(told[name]) for name in COUNTED}
    )
    return key, row, [dict(zip(KEYS, key, strict=True)) | member for member in _members(result)]


def _members(result: RunResult) -> list[Row]:
    books, figures = result.results.books, result.results.members
    sold, bought, lost = lost_by_member(books)
    flows = books.tables["flows"]
    held = books.by_member(books.per_cell(books.cell_rows("flows"), numbers(flows, "curtailed_pv_wh")))
    columns = [
        *(books.ids, books.tables["members"].column("bus").to_pylist()),
        *(figures.cost_nano, figures.baseline_nano, figures.sold_wh, figures.bought_wh),
        *(sold, bought, lost, figures.pv_wh, held),
    ]
    return [dict(zip(OF_MEMBER, map(str, cells), strict=True)) for cells in zip(*columns, strict=True)]


def kept() -> Rows:
    """What the files have of these days."""
    of_member: dict[Key, list[Row]] = {}
    for row in _read(MEMBERS):
        of_member.setdefault(tuple(row[name] for name in KEYS), []).append(row)
    found = {tuple(row[name] for name in KEYS): row for row in _read(CSV) if row["days"] == str(DAYS)}
    return {key: (found[key], of_member[key]) for key in keys() if key in found and key in of_member}


def _read(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return rows if rows and set(KEYS) <= set(rows[0]) else []


def tables(rows: Rows) -> tuple[str, str]:
    """The CSV files: of runs, and of their members."""
    there = [rows[key] for key in keys() if key in rows]
    return csv_text((*KEYS, *FIGURES), [row for row, _ in there]), csv_text(
        (*KEYS, *OF_MEMBER), [member for _, members in there for member in members]
    )


def is_sound(row: Row) -> bool:
    """Whether nothing is off, the audit passed, and the run counted what we count."""
    checks = [row[name] for name in ("energy_mismatch_wh", "money_mismatch_nano", "ledger_verified")]
    is_same = row["metered_slots"] == row["metered_violation_slots"] and (
        row["timing"] != "ex_ante" or row["agreed_slots"] == row["scheduled_violation_slots"]
    )
    return is_same and checks == ["0", "0", "True"]


def _written(rows: Rows) -> None:
    for path, text in zip((CSV, MEMBERS), tables(rows), strict=True):
        path.write_text(text, encoding="utf-8")


def main() -> int:
    """Run what is missing and write the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    rows = kept()
    missing = [key for key in keys() if key not in rows and (not asked.only or asked.only in key)]
    if missing and not asked.page:
        with multiprocessing.get_context("spawn").Pool(asked.jobs) as pool:
            for key, row, members in pool.imap_unordered(ran, missing):
                rows[key] = row, members
                print(*key, *(row[name] for name in COUNTED), flush=True)
                _written(rows)
    _written(rows)
    PAGE.write_text(page(rows, keys()), encoding="utf-8")
    PAGE.with_suffix(".svg").write_text(bars(told(rows, keys())), encoding="utf-8")
    return 0 if all(is_sound(row) for row, _ in rows.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
