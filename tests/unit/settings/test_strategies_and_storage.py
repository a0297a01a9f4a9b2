"""[bidding] and [assets]: one strategy for everybody or each member's own, and the rule of the batteries."""

import tomllib
from pathlib import Path

import pytest
from tests.fakes.communities import MEMBERS, TOML, told, write_community

from commonwatt.settings import load


def test_each_member_keeps_its_own_strategy_unless_one_is_named_for_all(tmp_path: Path) -> None:
    folder = write_community(tmp_path)
    assert [m.strategy for m in load(folder).members] == ["truthful", "zero_intelligence"]
    everybody = load(folder, overrides=["bidding.strategy=conservative"])
    assert [m.strategy for m in everybody.members] == ["conservative"] * 2
    assert list(everybody.strategies) == ["conservative"]


def test_a_strategy_gets_the_parameters_that_it_takes(tmp_path: Path) -> None:
    members = MEMBERS.replace("truthful", "aggressive").replace("zero_intelligence", "conservative")
    toml = TOML + "\n[bidding]\nreach_share = 0.5\noffered_share = 0.9\n"
    strategies = load(write_community(tmp_path, toml, members)).strategies
    assert strategies["aggressive"].parameters == {"reach_share": 0.5}
    assert strategies["conservative"].parameters == {"offered_share": 0.9}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("bidding.strategy=conservativ", "--set bidding.strategy: expected one of aggressive, conservative, "),
        ("bidding.reach_share=2.0", "--set bidding.reach_share: expected 0.0..1.0, found 2.0"),
        ("bidding.reach=0.5", "--set bidding.reach: expected a key of [bidding] or a parameter of "),
        ("assets.storage=pv", "--set assets.storage: expected one of battery, price_threshold"),
        ("assets.storage=''", "--set assets.storage: expected one of battery, price_threshold"),
        ("assets.one_way_efficiency_share=0.0", "--set assets.one_way_efficiency_share: expected 0.01..1.0"),
        ("assets.discharge_above_micro_per_kwh=1", "--set assets.discharge_above_micro_per_kwh: expected a key of"),
    ],
)
def test_a_fault_is_named_where_it_stands(tmp_path: Path, override: str, expected: str) -> None:
    found = told(write_community(tmp_path), [override])
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_a_strategy_for_all_refuses_the_parameters_of_another(tmp_path: Path) -> None:
    found = told(write_community(tmp_path), ["bidding.strategy=conservative", "bidding.reach_share=0.5"])
    assert found[0].startswith("--set bidding.reach_share: expected a key of [bidding] or a parameter of conservative")


def test_a_run_says_what_it_was_told_and_nothing_where_it_was_told_nothing(tmp_path: Path) -> None:
    folder = write_community(tmp_path)
    usual = tomllib.loads(load(folder).effective_toml())
    assert not {"bidding", "assets"} & set(usual)
    assert load(folder, overrides=["assets.storage=battery"]).effective_toml() == load(folder).effective_toml()
    told_ = tomllib.loads(load(folder, overrides=["assets.storage=price_threshold"]).effective_toml())
    assert told_["assets"]["charge_below_micro_per_kwh"] == 150_000
    chosen = load(folder, overrides=["bidding.strategy=aggressive"]).effective_toml()
    again = write_community(tmp_path / "again", chosen)
    assert load(again).effective_toml() == chosen
    assert {m.strategy for m in load(again).members} == {"aggressive"}
