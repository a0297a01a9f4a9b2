"""Every clearing mechanism under both settlement rules and both timings on the same days: `python -m scripts.every_market COMMUNITY --from DAY --to DAY --csv FILE`."""

from __future__ import annotations

import argparse
import csv
import tempfile
from itertools import product
from pathlib import Path

from commonwatt.clearing import CLEARINGS
from commonwatt.settlement import SETTLEMENTS
from commonwatt.wiring.running import RunRequest, run_community

TIMINGS = ("ex_post", "ex_ante")
FIGURES = (
    "traded_wh",
    "delivered_wh",
    "cost_saving_share",
    "members_worse_off",
    "imbalance_wh",
    "failed_slots",
    "energy_mismatch_wh",
    "money_mismatch_nano",
    "ledger_verified",
)


class Silent:
    """A watcher that says nothing."""

    def stage(self, name: str, total: int | None = None) -> None:
        """A stage begins."""

    def at(self, done: int) -> None:
        """Steps are done."""


def main() -> None:
    """Write a row a run as soon as it is over; exit 1 where energy or money was off, or a run does not pass its own audit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("community", type=Path)
    parser.add_argument("--from", dest="first", required=True, help="first local day")
    parser.add_argument("--to", dest="end", required=True, help="local day after the last")
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=CLEARINGS.names(), help="mechanisms; all where left out")
    asked = parser.parse_args()
    off = 0
    with asked.csv.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["clearing", "timing", "rule", *FIGURES])
        for name, timing, rule in product(asked.only, TIMINGS, SETTLEMENTS.names()):
            chosen = (f"market.clearing={name}", f"market.timing={timing}", f"settlement.rule={rule}")
            with tempfile.TemporaryDirectory() as folder:
                request = RunRequest(
                    asked.community,
                    Path(folder) / "run",
                    overrides=(*chosen, "ledger.chain=memory"),
                    first=asked.first,
                    end=asked.end,
                )
                summary = run_community(request, Silent()).summary
            rows.writerow([name, timing, rule, *(summary[figure] for figure in FIGURES)])
            file.flush()
            off += (
                bool(summary["energy_mismatch_wh"] or summary["money_mismatch_nano"]) or not summary["ledger_verified"]
            )
    raise SystemExit(bool(off))


if __name__ == "__main__":
    main()
