"""The IEEE 34-bus feeder beside its published power flow and OpenDSS: docs/reference/ieee34.{md,svg}, and its balanced equivalents as bundled feeders.

python -m scripts.ieee34              # needs OpenDSS (extra `opendss`); a second
python -m scripts.ieee34 --feeders    # only the bundled feeders; needs nothing
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scripts.ieee34_plot import profile
from scripts.reference.markdown import table, text_of

import commonwatt.adapters
from commonwatt.adapters.feeder_file import FeederFile
from commonwatt.adapters.opendss import opendss_flow
from commonwatt.adapters.phase_feeder import bundled_phase_feeder
from commonwatt.grid import (
    PHASES,
    Feeder,
    PhaseFeeder,
    PhaseFlow,
    PowerFlow,
    Taps,
    balanced,
    controlled_flow,
    phase_flow,
    power_flow,
    published_taps,
    relay_v,
)

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "ieee34.md"
FEEDERS = Path(commonwatt.adapters.__file__).parent / "datasets" / "feeders"
PUBLISHED_VA, PUBLISHED_LOSSES_W = complex(2_042_872, 290_258), 273_049.0
PUBLISHED = {"890": (0.9167, 0.9235, 0.9177)}
"""Of the published power flow what the data names: the source, the losses, and the bus behind the transformer."""
INTRO = """
*Written by `python -m scripts.ieee34`; a test holds the page to it.*

A feeder of 24.9 kV in Arizona, 35 miles long, unbalanced, with two sets of regulators and a part at 4.16 kV behind a transformer: published
with its power flow by the [IEEE PES Test Feeder Working Group](https://cmte.ieee.org/pes-testfeeders/) so that programs can be compared. Its tables ship with the package
(`adapters/datasets/feeders/phases/ieee34.toml`). Three answers stand beside each other here:

- **published**: what its authors print;
- **OpenDSS**: EPRI's program, given our tables as its commands (`adapters/opendss.py`);
- **ours**: a backward and forward sweep of three phases in NumPy (`grid/_phase_sweep.py`), which shares nothing with OpenDSS but the tables.

How lines, loads, capacitors and regulators are modelled: [the grid](../explain/grid-power-flow.md#three-phases).
"""
BALANCED = """
Runs know no phases: `[grid] feeder = "ieee34_loaded"` is one phase that stands for three ([by these rules](../explain/grid-power-flow.md#the-balanced-equivalent)),
the feeder's own loads and taps as published; `ieee34` is the same without them, for members who are its only load. What that costs in truth: voltages per unit of
the nominal one, **all phases** the mean of those that are there.
"""


@dataclass(frozen=True)
class Answers:
    """The feeder, and everything the page sets beside each other."""

    feeder: PhaseFeeder
    ours: PhaseFlow
    theirs: PhaseFlow
    even: Feeder
    even_flow: PowerFlow

    @classmethod
    def of(cls, feeder: PhaseFeeder) -> Answers:
        """Solve it by everybody, at the published taps."""
        taps, even = published_taps(feeder), balanced(feeder, with_loads=True)
        nothing = np.zeros((len(even.buses), 1))
        theirs, _ = opendss_flow(feeder, taps)
        return cls(feeder, phase_flow(feeder, taps), theirs, even, power_flow(even, nothing, nothing))

    def even_share(self, bus: str) -> float:
        """The voltage of a bus of the balanced equivalent."""
        return float(self.even_flow.voltage_share[self.even.tree.bus_names.index(bus), 0])

    def largest(self) -> float:
        """The largest difference between OpenDSS and ours at any node and phase."""
        return max(float(np.abs(self.ours.at(node) - self.theirs.at(node)).max()) for node in self.ours.nodes)


def feeder_texts() -> dict[Path, str]:
    """The balanced equivalents as bundled files."""
    feeder = bundled_phase_feeder("ieee34")
    both = (balanced(feeder, with_loads=with_loads) for with_loads in (False, True))
    return {FEEDERS / f"{even.name}.toml": FeederFile(even).text for even in both}


def pages() -> dict[Path, str]:
    """The page and its picture."""
    answers = Answers.of(bundled_phase_feeder("ieee34"))
    lines = ["# The IEEE 34-bus feeder, beside OpenDSS", "", INTRO.strip(), ""]
    lines += _totals(answers) + _tap_lines(answers) + _buses(answers) + _balanced(answers)
    return {PAGE: text_of(lines), PAGE.with_suffix(".svg"): profile(answers.feeder, answers.ours, answers.even_share)}


def _totals(answers: Answers) -> list[str]:
    said = [
        ("published", PUBLISHED_VA, PUBLISHED_LOSSES_W),
        ("OpenDSS", answers.theirs.source_va, answers.theirs.losses_va.real),
        ("ours", answers.ours.source_va, answers.ours.losses_va.real),
    ]
    rows = [
        (
            name,
            *(f"{value / 1000:,.3f}" for value in (va.real, va.imag, lost)),
            *(
                "" if name == "published" else f"{100 * (value / known - 1):+.3f} %"
                for value, known in ((va.real, PUBLISHED_VA.real), (lost, PUBLISHED_LOSSES_W))
            ),
        )
        for name, va, lost in said
    ]
    apart = answers.largest()
    columns = ("", "source, kW", "source, kVAr", "losses, kW", "kW against published", "losses against published")
    return [
        "## The whole",
        "",
        *table(columns, rows),
        f"OpenDSS and ours: the largest difference of a voltage, at any node and phase, is below {math.ceil(1e6 * apart)}e-6 of the nominal "
        f"one; of the source's power below {math.ceil(abs(answers.theirs.source_va - answers.ours.source_va))} VA.",
        "",
        "![Voltages of the three phases over the distance from the substation](ieee34.svg)",
        "",
    ]


def _tap_lines(answers: Answers) -> list[str]:
    feeder = answers.feeder
    flow, found, rests = controlled_flow(feeder)
    theirs, their_taps = opendss_flow(feeder)
    rows = []
    sets: list[tuple[str, Taps, PhaseFlow]] = [
        ("published", published_taps(feeder), answers.ours),
        ("OpenDSS, its own controls from neutral", their_taps, theirs),
        ("ours, by the rule from neutral", found, flow),
    ]
    for name, taps, said in sets:
        solved = phase_flow(feeder, taps)
        for each in feeder.regulators:
            seen = relay_v(feeder, solved, each)
            low, high = each.hold_v - each.band_v / 2, each.hold_v + each.band_v / 2
            rows.append(
                (
                    name,
                    each.end,
                    ", ".join(str(tap) for tap in taps[each.end]),
                    ", ".join(f"{volt:.2f}" for volt in seen),
                    f"{low:g} to {high:g}",
                    "every phase" if all(low <= volt <= high for volt in seen) else _outside(seen.tolist(), low, high),
                    f"{said.source_va.real / 1000:,.2f}",
                )
            )
    columns = ("taps", "behind", "A, B, C", "its control sees, V", "band, V", "in its band", "source, kW")
    return [
        "## Taps",
        "",
        "A control sees the voltage behind its regulator, less what its compensator says the line drops. Many sets of taps are at rest, and which one is "
        "found follows from the order of the moves: ours moves the regulator nearest to the root first, one step at a time; OpenDSS's controls have "
        f"an order of their own. {'All of ours are at rest.' if rests else 'Ours are not at rest.'}",
        "",
        *table(columns, rows),
    ]


def _outside(seen: list[float], low: float, high: float) -> str:
    return "not " + ", ".join(phase for phase, volt in zip(PHASES, seen, strict=True) if not low <= volt <= high)


def _buses(answers: Answers) -> list[str]:
    rows = []
    for bus in answers.feeder.buses:
        known = PUBLISHED.get(bus.id)
        for at, phase in enumerate(PHASES):
            ours, theirs = float(answers.ours.at(bus.id)[at]), float(answers.theirs.at(bus.id)[at])
            if ours > 0:
                said = (f"{known[at]:.4f}", f"{1e4 * (ours - known[at]):+.1f}") if known else ("", "")
                apart = str(round(1e6 * (ours - theirs)))
                rows.append((bus.id, phase, said[0], f"{theirs:.6f}", f"{ours:.6f}", apart, said[1]))
    columns = ("bus", "phase", "published", "OpenDSS", "ours", "ours - OpenDSS, 1e-6", "ours - published, 1e-4")
    return [
        "## Every bus and phase",
        "",
        "Voltages to ground per unit of the nominal one, at the published taps. `814r` and `852r` are behind the regulators.",
        "",
        *table(columns, rows),
    ]


def _balanced(answers: Answers) -> list[str]:
    flow, given = answers.even_flow, answers.even
    drawn_w = -float(given.own_va.real.sum())
    rows = [
        ("source, kW", f"{answers.ours.source_va.real / 1000:,.1f}", f"{(drawn_w + flow.losses_w[0]) / 1000:,.1f}"),
        ("losses, kW", f"{answers.ours.losses_va.real / 1000:,.1f}", f"{flow.losses_w[0] / 1000:,.1f}"),
    ]
    lines = ["## The balanced equivalent", "", BALANCED.strip(), "", *table(("", "three phases", "balanced"), rows)]
    by_bus, worst = [], {True: 0.0, False: 0.0}
    for bus in given.buses:
        there = answers.ours.at(bus.id)[answers.ours.at(bus.id) > 0]
        apart, even = answers.even_share(bus.id) - float(there.mean()), answers.even_share(bus.id)
        worst[len(there) == len(PHASES)] = max(worst[len(there) == len(PHASES)], abs(apart))
        spread = f"{there.min():.4f} to {there.max():.4f}" if len(there) > 1 else "one phase"
        by_bus.append((bus.id, f"{there.mean():.4f}", spread, f"{even:.4f}", str(round(1e4 * apart))))
    loading = dict(zip(given.tree.names, flow.loading_share[:, 0].tolist(), strict=True))
    full = max(loading, key=lambda name: loading[name])
    lines += [
        f"The largest difference to the mean is {worst[True]:.4f} where there are three phases and {worst[False]:.4f} where there is one; losses are lower, "
        f"as unbalance costs some. As published, {full} carries {100 * loading[full]:.1f} % of its nameplate: a run on `ieee34_loaded` says so in every "
        "slot, unless `[grid] rating_share` allows for it.",
        "",
        *table(("bus", "all phases", "lowest to highest", "balanced", "difference, 1e-4"), by_bus),
    ]
    return lines


def main() -> int:
    """Write the files anew, name those that changed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeders", action="store_true", help="only the bundled feeders")
    texts = feeder_texts()
    if not parser.parse_args().feeders:
        texts |= pages()
    for path, text in texts.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
