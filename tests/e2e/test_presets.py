"""Every preset: a whole run whose books balance, that says what of its paper is not built."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pytest
from tests.fakes.tiny_runs import ran, write_morning

from commonwatt.settings import preset_names
from commonwatt.settings.layers import not_built


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_morning(tmp_path_factory.mktemp("presets") / "street")


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_runs_balances_and_says_what_it_lacks(name: str, street: Path, tmp_path: Path) -> None:
    result = ran(street, tmp_path / "run", name, overrides=("ledger.chain=memory",))
    assert result.verified
    summary = result.summary
    assert (summary["energy_mismatch_wh"], summary["money_mismatch_nano"], summary["failed_slots"]) == (0, 0, 0)
    assert summary["not_built"] == list(not_built(name))
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert all(escape(missing) in page for missing in not_built(name))
    assert f'design = "{name}"' in (tmp_path / "run" / "public" / "settings.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(set(preset_names()) - {"community", "no_market"}))
def test_a_preset_names_each_missing_part_once(name: str) -> None:
    missing = not_built(name)
    assert missing
    assert len(set(missing)) == len(missing)


def test_without_a_market_everybody_saves_exactly_nothing(street: Path, tmp_path: Path) -> None:
    result = ran(street, tmp_path / "run", "no_market", overrides=("ledger.chain=memory",))
    assert result.summary["traded_wh"] == 0
    assert not result.results.members.saving_nano.any()
    assert result.results.members.cost_nano.any()
