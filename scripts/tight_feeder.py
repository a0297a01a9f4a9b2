"""The demo community on a feeder made tight: limits, rules of curtailment and mechanisms beside each other: docs/reference/tight-feeder.{csv,md}.

    python -m scripts.tight_feeder                     # runs what the CSV file lacks, then writes both
    python -m scripts.tight_feeder --days 7            # the first so many days of May 2017 (the table says how many)

Each run is a whole one: it is settled on a ledger, reported, and audits itself. Exit 1 where energy or money was off, or an audit did not pass.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import io
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scripts.every_market import Silent

from commonwatt.services.comparison.metrics import jain
from commonwatt.services.reporting.curtailed import lost_by_member
from commonwatt.wiring.running import RunRequest, run_community

ROOT = Path(__file__).resolve().parents[1]
CSV = ROOT / "docs" / "reference" / "tight-feeder.csv"
PAGE = CSV.with_suffix(".md")
RATING_SHARE = 0.02
"""So little of the ratings may be used that noon and evening pass them: the street's cables are meant for more than these members trade."""
TIMINGS = ("ex_ante", "ex_post")
RULES = ("pro_rata", "newest", "least_welfare")
MECHANISMS = ("uniform_price", "multi_criteria", "central_optimum", "bilateral_primal_dual")
ALWAYS = (
    "ledger.chain=memory",
    "forecasting.model=median_14d",
    "grid.model=radial",
    "grid.feeder=street",
    f"grid.rating_share={RATING_SHARE}",
)
KEYS = ("timing", "limits", "curtailment", "clearing")
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
    "members_worse_off",
    "failed_slots",
    "energy_mismatch_wh",
    "money_mismatch_nano",
    "ledger_verified",
)
FIGURES = ("days", *SUMMARY, "jain_share", "members_curtailed", "most_curtailed", "most_curtailed_wh", "lost_nano")
HEAD = """# A tight feeder

*Written by `scripts/tight_feeder.py`.*

The demo community (25 members on the bundled feeder `street`, the first {days} days of May 2017) where lines and transformer may use only {share} of
their ratings; ledger `memory`, forecasts `median_14d` before the gate. *Beyond* are slots whose schedule, cuts aside, or whose meters passed a
limit; *cut* is what the verdict took of trades (sell side), *again* the slots whose market was cleared again within tighter limits; *saved* is what
all members together save against no market, *Jain* the evenness of the gains, *hit* how many members lost a trade to the grid, the one who lost
most, and about what the cuts were worth beside the supplier's prices. The same numbers, and more, are in [a CSV file](tight-feeder.csv).

| timing | limits | rule | mechanism | agreed beyond | metered beyond | cut kWh | again | traded kWh | saved | Jain | hit |
|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|---|
"""

Key = tuple[str, str, str, str]
Row = dict[str, str]


def keys() -> list[Key]:
    """Every combination that says something: rules where the verdict cuts, mechanisms where the market knows the wires."""
    found: list[Key] = []
    for timing in TIMINGS:
        found += [(timing, "none", "pro_rata", name) for name in MECHANISMS]
        if timing == "ex_ante":
            found += [(timing, "verdict", rule, name) for rule, name in product(RULES, MECHANISMS)]
        found += [(timing, "market", "pro_rata", name) for name in MECHANISMS]
    return found


def ran(key: Key, days: int) -> Row:
    """The row of a combination."""
    timing, limits, rule, name = key
    begins = dt.date(2017, 5, 1)
    chosen = (
        *ALWAYS,
        f"market.timing={timing}",
        f"market.clearing={name}",
        f"grid.limits={limits}",
        f"grid.curtailment={rule}",
        f"data.from={begins}",
        f"data.to={begins + dt.timedelta(days)}",
    )
    with tempfile.TemporaryDirectory() as folder:
        result = run_community(
            RunRequest(ROOT / "examples" / "fontana", Path(folder) / "run", overrides=chosen), Silent()
        )
        results, summary = result.results, result.summary
        told = pq.read_table(Path(folder) / "run" / "public" / "curtailments.parquet").num_rows
    row = dict(zip(KEYS, key, strict=True)) | {name: str(summary[name]) for name in SUMMARY}
    sold, bought, lost = lost_by_member(results.books)
    hit = sold + bought
    most = int(hit.argmax())
    return row | {
        "days": str(days),
        "jain_share": f"{float(jain(results.members.saving_nano[None, :].astype(np.float64))[0]):.6f}",
        "members_curtailed": str(int((hit > 0).sum())),
        "most_curtailed": results.books.ids[most] if told else "",
        "most_curtailed_wh": str(int(hit[most])),
        "lost_nano": str(int(lost.sum())),
    }


def kept() -> dict[Key, Row]:
    """The rows of the file."""
    if not CSV.exists():
        return {}
    with CSV.open(newline="", encoding="utf-8") as file:
        return {
            (row["timing"], row["limits"], row["curtailment"], row["clearing"]): row for row in csv.DictReader(file)
        }


def table(rows: dict[Key, Row]) -> str:
    """The CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, (*KEYS, *FIGURES), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows[key] for key in keys() if key in rows)
    return text.getvalue()


def page(rows: dict[Key, Row]) -> str:
    """The page of the reference."""
    there = [rows[key] for key in keys() if key in rows]
    days = ", ".join(sorted({row["days"] for row in there}, key=int))
    text = HEAD.format(days=days, share=f"{100 * RATING_SHARE:g} %") + "".join(_line(row) for row in there)
    missing = len(keys()) - len(there)
    text += "\nWhere no Jain stands it has not been computed.\n" if any(not row["jain_share"] for row in there) else ""
    return text + (f"\n{missing} of {len(keys())} combinations have not been run yet.\n" if missing else "")


def _line(row: Row) -> str:
    saved = 1 - int(row["cost_nano"]) / int(row["baseline_nano"])
    hit = "\u2013"
    if int(row["members_curtailed"]):
        hit = (
            f"{row['members_curtailed']}, most {row['most_curtailed']} ({int(row['most_curtailed_wh']) / 1000:.1f} kWh); "
            f"{int(row['lost_nano']) / 1e9:.2f}"
        )
    rule = row["curtailment"] if row["limits"] == "verdict" else "\u2013"
    cells = [
        *(row["timing"], row["limits"], rule, f"`{row['clearing']}`"),
        *(row["scheduled_violation_slots"], row["metered_violation_slots"]),
        *(f"{int(row['curtailed_wh']) / 1000:.1f}", row["recleared_slots"], f"{int(row['traded_wh']) / 1000:.1f}"),
        *(f"{100 * saved:.2f} %", f"{float(row['jain_share']):.3f}" if row["jain_share"] else "\u2013", hit),
    ]
    return "| " + " | ".join(cells) + " |\n"


def is_sound(row: Row) -> bool:
    """Whether nothing is off and the audit passed."""
    return [row[name] for name in ("energy_mismatch_wh", "money_mismatch_nano", "ledger_verified")] == [
        "0",
        "0",
        "True",
    ]


def main() -> int:
    """Run what is missing and write both files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--days", type=int, default=7)
    days = parser.parse_args().days
    rows = {key: row for key, row in kept().items() if row["days"] == str(days) and row["jain_share"]}
    for key in keys():
        if key not in rows:
            rows[key] = ran(key, days)
            print(*key, rows[key]["scheduled_violation_slots"], rows[key]["traded_wh"], flush=True)
            CSV.write_text(table(rows), encoding="utf-8")
    CSV.write_text(table(rows), encoding="utf-8")
    PAGE.write_text(page(rows), encoding="utf-8")
    return 0 if all(map(is_sound, rows.values())) else 1


if __name__ == "__main__":
    raise SystemExit(main())
