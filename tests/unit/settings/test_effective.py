"""The effective configuration is deterministic, loads again as itself, and holds no secret, member or path of the machine."""

from pathlib import Path

import pytest
from tests.fakes.communities import TOML, write_community

from commonwatt.settings import load

WINDOW = '[[tariff.windows]]\nname = "peak"\ndays = "weekdays"\nfrom = "17:00"\nto = "21:00"\nretail_micro_per_kwh = 500_000\n[data]'


@pytest.mark.parametrize("design", ["community", "p2pet"])
def test_it_loads_again_as_itself(tmp_path: Path, design: str) -> None:
    settings = load(write_community(tmp_path / "a", TOML.replace("[data]", WINDOW)), design, ["community.seed=7"])
    again = load(write_community(tmp_path / "b", settings.effective_toml()))
    assert again.effective_toml() == settings.effective_toml()
    assert [again.rates(slot) for slot in range(200)] == [settings.rates(slot) for slot in range(200)]
    assert (again.tariff, again.market, again.ledger, again.data) == (
        settings.tariff,
        settings.market,
        settings.ledger,
        settings.data,
    )
    assert again.members == settings.members


def test_it_loads_without_members(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(load(write_community(tmp_path / "a")).effective_toml())
    assert load(tmp_path / "settings.toml", with_members=False).members == ()


def test_it_writes_the_parameters_that_hold(tmp_path: Path) -> None:
    text = load(write_community(tmp_path), "p2pet").effective_toml()
    assert 'residual = "gate"' in text and "tolerance_share = 0.01" in text and 'design = "p2pet"' in text


def test_it_holds_neither_members_nor_the_place_of_keys_nor_a_path(tmp_path: Path) -> None:
    toml = TOML.replace('"profiles.csv"', f'"{tmp_path}/profiles.csv"')
    text = load(write_community(tmp_path, toml), overrides=['ledger.key_file="/secret/keys.json"']).effective_toml()
    assert "anna" not in text and "keys" not in text and str(tmp_path) not in text
    assert 'profiles = "profiles.csv"' in text
