"""Every clearing mechanism under both settlement rules and both timings on the demo week: docs/reference/every-market.{csv,md}.

    python -m scripts.every_market                     # runs what the CSV file lacks, then writes both; ten seconds a run
    python -m scripts.every_market --only NAME         # runs the four of a mechanism anew
    python -m scripts.every_market --jobs 4

Each run is a whole one: it is settled on a ledger, reported, and audits itself. Exit 1 where energy or money was off, a slot failed, or
an audit did not pass.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import tempfile
from itertools import product
from pathlib import Path

from scripts.reference.markdown import csv_text

from commonwatt.clearing import CLEARINGS
from commonwatt.settlement import SETTLEMENTS
from commonwatt.wiring.running import RunRequest, run_community

ROOT = Path(__file__).resolve().parents[1]
CSV = ROOT / "docs" / "reference" / "every-market.csv"
PAGE = CSV.with_suffix(".md")
TIMINGS = ("ex_post", "ex_ante")
ALWAYS = ("ledger.chain=memory", "forecasting.model=median_14d")
"""Plain books, for speed; forecasts as most presets with a gate have them (`ex_post` asks for none)."""
KEYS = ("clearing", "timing", "rule")
CHECKS = ("energy_mismatch_wh", "money_mismatch_nano", "failed_slots", "ledger_verified")
FIGURES = (
    "traded_wh",
    "delivered_wh",
    "imbalance_wh",
    "cost_nano",
    "baseline_nano",
    "members_worse_off",
    "clearing_efficiency_share",
    "efficiency_share",
    *CHECKS,
)
HEAD = """# Every market

*Written by `scripts/every_market.py`; a test holds the page to its table and the table to the mechanisms that there are.*

The demo week (25 members, 8 to 14 May 2017) under every clearing mechanism, with both timings and both settlement rules: defaults, ledger
`memory`, forecasts `median_14d` before the gate. *Saved* is what all members together save against no market, *pay more* the members whose bill
is above the one without a market, *welfare* that of the orders over their optimum, *traded* what was agreed. After delivery (`ex_post`) both rules
come to the same unless the table says otherwise. The same numbers, and more, are in [a CSV file](every-market.csv).
"""
AFTER = """
Of what `vickrey_clarke_groves` saves, part is the operator's debt; what `mcafee` does not save is partly the operator's gain. `no_market` at a gate
trades nothing, and saves 0. What the mechanisms are is on the page of [clearing](../explain/clearing.md), what a firm schedule costs households whose
forecasts are off on that of [settlement](../explain/settlement.md).
"""

Key = tuple[str, str, str]
Row = dict[str, str]


class Silent:
    """A watcher that says nothing."""

    def stage(self, name: str, total: int | None = None) -> None:
        """A stage begins."""

    def at(self, done: int) -> None:
        """Steps are done."""

    def say(self, text: str) -> None:
        """Something that is worth a line."""


def keys() -> list[Key]:
    """Every combination, in the order of the table."""
    return list(product(CLEARINGS.names(), TIMINGS, SETTLEMENTS.names()))


def ran(key: Key) -> Row:
    """The row of a combination."""
    name, timing, rule = key
    chosen = (f"market.clearing={name}", f"market.timing={timing}", f"settlement.rule={rule}")
    with tempfile.TemporaryDirectory() as folder:
        request = RunRequest(ROOT / "examples" / "fontana", Path(folder) / "run", overrides=(*chosen, *ALWAYS))
        summary = run_community(request, Silent()).summary
    return dict(zip(KEYS, key, strict=True)) | {figure: str(summary[figure]) for figure in FIGURES}


def kept() -> dict[Key, Row]:
    """The rows of the file."""
    if not CSV.exists():
        return {}
    with CSV.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {(row["clearing"], row["timing"], row["rule"]): row for row in rows}


def table(rows: dict[Key, Row]) -> str:
    """The CSV file."""
    return csv_text((*KEYS, *FIGURES), (rows[key] for key in keys() if key in rows))


def is_sound(row: Row) -> bool:
    """Whether nothing is off, no slot failed and the ledger was verified."""
    return [row[name] for name in CHECKS] == ["0", "0", "0", "True"]


def page(rows: dict[Key, Row]) -> str:
    """The page of the reference: a line a mechanism, the largest saving after delivery first."""
    whole = [name for name in CLEARINGS.names() if all(key in rows for key in keys() if key[0] == name)]
    rows = {key: row for key, row in rows.items() if key[0] in whole}
    sound = sum(map(is_sound, rows.values()))
    lines = [HEAD.rstrip(), ""]
    lines += [f"In {sound} of {len(rows)} runs energy and money were off by 0, no slot failed and the audit of the ledger passed.", ""]  # fmt: skip
    if missing := [f"`{name}`" for name in CLEARINGS.names() if name not in whole]:
        lines += [f"Not run yet: {', '.join(missing)}.", ""]
    lines += [
        "| mechanism | `ex_post`: saved | pay more | welfare | traded, kWh | `ex_ante`, `scheduled`: saved | pay more | `ex_ante`, `delivered`: saved | pay more |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    names = sorted(whole, key=lambda name: (-_saved(rows[name, "ex_post", "scheduled"]), name))
    lines += [_line(name, rows) for name in names]
    for name in names:
        after = [rows[name, "ex_post", rule] for rule in SETTLEMENTS.names()]
        if len({_shown(row) for row in after}) > 1:
            said = "; ".join(f"`{row['rule']}` saves {_shown(row)[0]}, {_shown(row)[1]} pay more" for row in after)
            lines += ["", f"`{name}` after delivery: {said}."]
    return "\n".join(lines) + "\n" + AFTER


def _line(name: str, rows: dict[Key, Row]) -> str:
    post = rows[name, "ex_post", "scheduled"]
    traded = f"{int(post['traded_wh']) / 1000:.0f}"
    cells = [*_shown(post), _percent(float(post["clearing_efficiency_share"])), traded]
    for rule in ("scheduled", "delivered"):
        cells += _shown(rows[name, "ex_ante", rule])
    return f"| `{name}` | " + " | ".join(cells) + " |"


def _shown(row: Row) -> tuple[str, str]:
    return _percent(_saved(row)), row["members_worse_off"]


def _saved(row: Row) -> float:
    return 1 - int(row["cost_nano"]) / int(row["baseline_nano"])


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def main() -> None:
    """Run what is missing, a row written as soon as it is over; exit 1 where a run is not sound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="mechanisms that are run anew")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    asked = parser.parse_args()
    rows = {key: row for key, row in kept().items() if key[0] not in asked.only}
    due = [key for key in keys() if key not in rows]
    with multiprocessing.get_context("spawn").Pool(asked.jobs) as pool:
        for key, row in zip(due, pool.imap(ran, due), strict=True):
            rows[key] = row
            CSV.write_text(table(rows), encoding="utf-8")
            print(*key, *(row[name] for name in FIGURES), flush=True)
    PAGE.write_text(page(rows), encoding="utf-8")
    raise SystemExit(not all(is_sound(rows[key]) for key in keys()))


if __name__ == "__main__":
    main()
