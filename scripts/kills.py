"""Kills runs everywhere, resumes them, compares: python scripts/kills.py OUT.csv [SHARE] [py-evm | feeder]; the table in Markdown again: ... OUT.csv --table.

SHARE (default 1) thins the cases out: 0.1 is a tenth of them. With `py-evm` the reference executes the contracts, with `feeder` runs
are on a feeder. Rows are added to OUT.csv.
"""

import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.fakes.kill_harness import DESIGNS, ON_FEEDER, ON_REFERENCE, Design, Kill, Killing
from tests.fakes.kill_table import read_rows, row_of, summary, write_rows

SEED = 20261121
EVERY_STEP = {"embedded": 1, "memory": 2}
EVERY_FILE = 24
AT_INSTANTS, TYPED, REPEATED = 8, 2, 2
"""Random instants, the same with the command as it is typed, and chains of two to four kills in a row, by design."""


def kills(killing: Killing, share: float) -> Iterator[Kill]:
    """Every case of a design."""
    draws = random.Random(f"{SEED} {killing.design}")
    steps = killing.steps[:: round(EVERY_STEP[killing.design.ledger] / share)]
    for event in (*steps, *killing.files[:: round(EVERY_FILE / share)]):
        yield killing.at_event(event)
    for _ in range(max(1, round(AT_INSTANTS * share))):
        yield killing.at_instant(draws)
    for _ in range(max(1, round(TYPED * share))):
        yield killing.command_at_instant(draws)
    for _ in range(max(1, round(REPEATED * share))):
        yield killing.again_and_again(draws, draws.randint(2, 4))


def of_design(design: Design, share: float) -> Iterator[Kill]:
    """Kill runs of one design in folders of their own, and say what differs at once."""
    with tempfile.TemporaryDirectory(prefix="commonwatt-kills-") as root:
        for kill in kills(Killing(Path(root), design), share):
            if kill.differences:
                print(f"DIFFERENT {kill}", file=sys.stderr, flush=True)
            yield kill


def commit() -> str:
    """The code that is killed; `+` after it where something is not committed."""
    said = [
        subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()
        for words in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--untracked-files=no", "src"))
    ]
    return said[0] + ("+" if said[1] else "")


def main() -> None:
    """Run all cases, write the CSV after every design, print the table in Markdown."""
    path, more = Path(sys.argv[1]), sys.argv[2:]
    if more == ["--table"]:
        print(summary(read_rows(path)), end="")
        return
    sets = {"py-evm": ON_REFERENCE, "feeder": ON_FEEDER}
    designs = next((sets[word] for word in more if word in sets), DESIGNS)
    share = float(next((word for word in more if word not in sets), 1))
    begun, rows, code = time.perf_counter(), read_rows(path) if path.exists() else [], commit()
    for design in designs:
        rows += [row_of(kill, code) for kill in of_design(design, share)]
        write_rows(path, rows)
        print(f"{design}: {len(rows)} resumed runs, {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    print(summary(rows))
    print(f"commonwatt {version('commonwatt')} ({code}), Python {platform.python_version()}, NumPy {version('numpy')}, "
          f"PyArrow {version('pyarrow')}, pyrevm {version('pyrevm')}, py-evm {version('py-evm')}, "
          f"{platform.system()} {platform.machine()}; seed {SEED}, {time.perf_counter() - begun:.0f} s in all.")  # fmt: skip
    sys.exit(any(row["differences"] for row in rows))


if __name__ == "__main__":
    main()
