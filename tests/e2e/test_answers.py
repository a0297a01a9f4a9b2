"""Every answer that a setting can name trades a day through the command line, and the audit confirms it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.fakes.small_runs import commonwatt
from tests.fakes.tampering import change_cell, changed, sealed

from commonwatt.assets import ALWAYS
from commonwatt.settings.rooms import ROOMS

ONE_DAY = ("--from", "2024-05-07", "--to", "2024-05-08", "--set", "ledger.chain=memory")
AT_A_GATE = ("market.timing=ex_ante", "forecasting.model=median_14d")
CHOICES = {
    "bidding.strategy": ROOMS["bidding"].names(),
    "forecasting.model": ROOMS["forecasting"].names(),
    "assets.storage": [name for name in ROOMS["assets"].names() if name not in ALWAYS],
    "market.clearing": ROOMS["clearing"].names(),
    "settlement.rule": ROOMS["settlement"].names(),
    "pricing.policy": ROOMS["pricing"].names(),
    "grid.model": ROOMS["grid"].names(),
}
"""In as many days as the largest room has answers every answer has its turn."""
DAYS = [
    tuple(f"{key}={names[day % len(names)]}" for key, names in CHOICES.items())
    for day in range(max(map(len, CHOICES.values())))
]


def settings(overrides: tuple[str, ...]) -> list[str]:
    return [word for override in overrides for word in ("--set", override)]


def wired(street: Path, folder: Path) -> Path:
    """A copy of a street whose members have a bus each on the bundled feeder."""
    shutil.copytree(street, folder)
    said = commonwatt("feeder", "street", "--members", folder / "members.csv")
    assert said.code == 0, said.both
    return folder


@pytest.mark.parametrize("timing", ["ex_ante", "ex_post"])
@pytest.mark.parametrize("overrides", DAYS, ids=" ".join)
def test_a_day_trades_and_passes_the_audit(
    tmp_path: Path, little_street: Path, overrides: tuple[str, ...], timing: str
) -> None:
    overrides = (f"market.timing={timing}", *overrides)
    little_street = wired(little_street, tmp_path.with_name(f"{tmp_path.name}-street"))
    overrides = (*overrides, "grid.feeder=street")
    said = commonwatt("run", little_street, *ONE_DAY, *settings(overrides), "--out", tmp_path)
    assert said.code == 0, said.both
    assert "Energy 0 Wh off, money 0 off, ledger verified" in said.out


def test_the_audit_cuts_again_what_the_grid_cut_at_connections(tmp_path: Path, little_street: Path) -> None:
    overrides = (
        *AT_A_GATE,
        "market.clearing=two_round_double_auction",
        "grid.model=capacity",
        "grid.connection_share=0.05",
    )
    said = commonwatt("run", little_street, *ONE_DAY, *settings(overrides), "--out", tmp_path)
    assert said.code == 0, said.both
    audited = commonwatt("audit", tmp_path)
    assert audited.code == 0, audited.both
    assert "what the wires carried, computed again (24 slots)" in audited.out
    assert "not public" not in audited.out
    cuts = pq.read_table(tmp_path / "public" / "curtailments.parquet")
    assert cuts.num_rows
    change_cell(tmp_path / "public", "curtailments", "energy_wh", changed)
    sealed(tmp_path / "public")
    assert "curtailments slot" in commonwatt("audit", tmp_path).out
