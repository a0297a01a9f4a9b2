"""Kills runs at every step boundary, at random instants and again and again, and writes the table: python scripts/kills.py OUT.csv [EVERY]."""

import csv
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.fakes.kill_harness import Kill, Killing

SEED = 20261121
AT_INSTANTS, REPEATED = 40, 10
"""Random instants, and chains of two to four kills in a row, by preset."""


def kills(killing: Killing, every: int) -> list[tuple[str, Kill]]:
    """Every case by kind; of the step boundaries every `every`-th."""
    done: list[tuple[str, Kill]] = []

    def note(kind: str, kill: Kill) -> None:
        done.append((kind, kill))
        if kill.differences:
            print(f"DIFFERENT {kill}", file=sys.stderr)

    for preset in killing.presets:
        draws = random.Random(f"{SEED} {preset}")
        for event in range(0, len(killing.events[preset]), every):
            note("at a step boundary", killing.at_event(preset, event))
        for _ in range(AT_INSTANTS):
            note("at a random instant", killing.at_instant(preset, draws.random()))
        for _ in range(REPEATED):
            note("again during resumes", killing.again_and_again(preset, draws, draws.randint(2, 4)))
    return done


def main() -> None:
    """Run all cases, write the CSV, print the table in Markdown."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="commonwatt-kills-") as root:
        done = kills(Killing(Path(root)), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    with Path(sys.argv[1]).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(
            ["kind", "preset", "where", "kills", "journalled", "resumed", "executed", "resume_s", "differences"]
        )
        for kind, kill in done:
            rows.writerow([kind, kill.preset, kill.where, kill.deaths, kill.rows, kill.resumed, kill.executed,
                           f"{kill.resume_s:.3f}", "; ".join(kill.differences)])  # fmt: skip
    print("| killed | design | kills | resumed to | differences | time to resume, median | greatest |")
    print("|---|---|---|---|---|---|---|")
    for kind, preset in dict.fromkeys((kind, kill.preset) for kind, kill in done):
        of = [kill for k, kill in done if (k, kill.preset) == (kind, preset)]
        seconds = [kill.resume_s for kill in of]
        print(
            f"| {kind} | `{preset}` | {sum(kill.deaths for kill in of)} | {len(of)} ends | {sum(bool(kill.differences) for kill in of)} "
            f"| {statistics.median(seconds):.2f} s | {max(seconds):.2f} s |"
        )
    total = [kill for _, kill in done]
    print(
        f"\n{sum(kill.deaths for kill in total)} kills, {len(total)} resumed runs, {sum(bool(kill.differences) for kill in total)} differences; "
        f"seed {SEED}, {time.perf_counter() - begun:.0f} s in all."
    )
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    print(f"commonwatt {version('commonwatt')} ({commit}), Python {platform.python_version()}, NumPy {version('numpy')}, "
          f"PyArrow {version('pyarrow')}, pyrevm {version('pyrevm')}, {platform.system()} {platform.machine()}.")  # fmt: skip
    sys.exit(any(kill.differences for kill in total))


if __name__ == "__main__":
    main()
