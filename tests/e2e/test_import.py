"""`commonwatt import` at the command line: a file becomes a community that runs; what cannot be guessed is a finding and nothing is written."""

from pathlib import Path

from tests.fakes.meter_files import Shape, written
from tests.fakes.small_runs import commonwatt

LOCAL = Shape(local=True, date="%d.%m.%Y", separator=";", comma=True)


def test_a_meter_file_becomes_a_community_that_runs_and_audits(tmp_path: Path) -> None:
    path, into, out = written(tmp_path / "meters.csv", LOCAL), tmp_path / "mine", tmp_path / "out"
    said = commonwatt("import", path, "--into", into, "--map", "zone=Europe/Zurich")
    assert said.code == 0, said.err
    assert "3 homes (anna, ben, cleo)" in said.out
    assert commonwatt("check", into, "--data").code == 0
    ran = commonwatt("run", into, "--out", out, "--set", "ledger.chain=memory")
    assert ran.code == 0, ran.err
    assert "Energy 0 Wh off, money 0 off" in ran.out


def test_without_a_terminal_nobody_is_asked_and_nothing_is_written(tmp_path: Path) -> None:
    said = commonwatt("import", written(tmp_path / "meters.csv", LOCAL), "--into", tmp_path / "mine")
    assert said.code == 2
    assert "meters.csv:1 zone: expected of which time zone are times such as" in said.err
    assert "columns Time, Home, load_kWh, pv_kWh" in said.err
    assert not (tmp_path / "mine").exists()
