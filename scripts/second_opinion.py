"""Our power flow beside power-grid-model's: the largest differences on the bundled street and on feeders drawn by chance."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from commonwatt.adapters.feeder_file import read_feeder
from commonwatt.benchmarks.low_voltage import flows_w, low_voltage
from commonwatt.core.units import whole_wh
from commonwatt.grid import Feeder, power_flow
from commonwatt.grid._pgm import matrix_flow

SLOTS = 2000
SIZES = (10, 40, 129, 500)


def main() -> None:
    """Print the table; end with an error where a difference is too large."""
    print(
        f"{'feeder':<12} {'buses':>5} {'slots':>6} {'lowest':>7} {'voltage':>9} {'loading':>9} {'losses':>9} {'Wh':>4}   ms a slot"
    )
    for feeder, strength in cases():
        buses = len(feeder.buses)
        injected, reactive = (part * strength for part in flows_w(buses, SLOTS))
        power_flow(feeder, injected[:, :1], reactive[:, :1])
        begin = time.process_time()
        ours = power_flow(feeder, injected, reactive)
        between = time.process_time()
        theirs = matrix_flow(feeder, injected, reactive)
        spent = between - begin, time.process_time() - between
        if (ours.is_solved != theirs.is_solved).any() or not ours.is_solved.all():
            raise SystemExit(f"{feeder.name}: expected every slot solved by both")
        at = [feeder.tree.names.index(name) for name in ("transformer", *(each.id for each in feeder.branches))]
        voltage = np.abs(ours.voltage_share[feeder.tree.node] - theirs.voltage_share).max()
        loading = np.abs(ours.loading_share[at] - theirs.loading_share).max()
        losses = np.abs(ours.losses_w / theirs.losses_w - 1).max()
        wh = np.abs(ours.losses_wh(900) - whole_wh(theirs.losses_w / 4)).max()
        times = " / ".join(f"{1000 * each / SLOTS:.4f}" for each in spent)
        row = f"{feeder.name:<12} {buses:>5} {SLOTS:>6} {theirs.voltage_share.min():>7.4f} {voltage:>9.1e} {loading:>9.1e} {losses:>9.1e} {wh:>4}"
        print(f"{row}   {times}")
        if voltage > 1e-6 or loading > 1e-6 or losses > 1e-6:
            raise SystemExit(f"{feeder.name}: expected differences of 1e-6 at most")
    print(
        "lowest voltage, largest differences of voltages and loadings (of nominal), of losses (relative, and in whole Wh of a quarter hour);"
    )
    print("CPU time of ours and of theirs")


def cases() -> Iterator[tuple[Feeder, float]]:
    """Feeders, and how much stronger than on a usual day their flows are."""
    file, found = read_feeder("street", Path(), "street")
    if file is None:
        raise SystemExit("; ".join(map(str, found)))
    yield file.feeder, 2.0
    yield from ((low_voltage(size), strength) for size in SIZES for strength in (1.0, 2.0))


if __name__ == "__main__":
    main()
