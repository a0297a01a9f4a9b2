"""A run on a feeder with a loop, end to end; where loops are taken, and what is said of them elsewhere."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from tests.fakes.lanes import ON
from tests.fakes.tiny_runs import ran
from tests.fakes.wires import line, wires

from commonwatt.adapters.feeder_file import FeederFile, read_feeder
from commonwatt.core.errors import InvalidInput
from commonwatt.wiring.auditing import AuditRequest, audit_run
from commonwatt.wiring.checking import check_lines
from commonwatt.wiring.feeders import FeederRequest, feeder_told


def ring_of(folder: Path, rating_a: float = 100) -> Path:
    lane = wires(*(line(f"h{at}", f"h{(at + 1) % 6}", 60, 0.4, rating_a) for at in range(6)), root="h0")
    (folder / "ring.toml").write_text(FeederFile(lane).text, encoding="utf-8")
    return folder


def test_a_run_on_a_feeder_with_a_loop_is_settled_and_audited(street: Path, tmp_path: Path) -> None:
    on = (*ON, "grid.feeder=ring.toml", "grid.model=meshed")
    result = ran(ring_of(street), tmp_path / "run", overrides=on)
    assert result.verified
    assert result.summary["losses_wh"] not in (0, None)
    assert [check.name for check in audit_run(AuditRequest(tmp_path / "run")).checks if check.findings] == []
    tight = (*on, "market.timing=ex_ante", "grid.rating_share=0.05")
    result = ran(ring_of(street, rating_a=5), tmp_path / "tight", overrides=tight)
    assert result.results.whole("curtailed_slots") > 0
    assert [check.name for check in audit_run(AuditRequest(tmp_path / "tight")).checks if check.findings] == []


def test_the_radial_model_finds_the_loop_and_the_meshed_one_what_to_install(
    street: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ring_of(street)
    with pytest.raises(InvalidInput) as error:
        check_lines(street, None, ("grid.model=radial", "grid.feeder=ring.toml"))
    assert "ring.toml:68 line h5-h0: expected a radial feeder" in str(error.value)
    spec = importlib.util.find_spec
    monkeypatch.setattr(
        "commonwatt.core.registry.find_spec", lambda name: None if name == "power_grid_model" else spec(name)
    )
    with pytest.raises(InvalidInput) as error:
        check_lines(street, None, ("grid.model=meshed", "grid.feeder=ring.toml"))
    assert "expected the package power_grid_model for it: pip install 'commonwatt[grid]', found 'meshed'" in str(
        error.value
    )


def test_the_command_says_that_a_feeder_has_loops(street: Path, tmp_path: Path) -> None:
    path = ring_of(street) / "ring.toml"
    said = feeder_told(FeederRequest(str(path), tmp_path / "mine.toml"))
    assert said[1] == "It has 1 loop: only the grid model meshed takes it."
    assert 'model = "meshed"' in said[-1]
    file, found = read_feeder(str(tmp_path / "mine.toml"), Path(), "x", may_loop=True)
    assert found == []
    assert file is not None
