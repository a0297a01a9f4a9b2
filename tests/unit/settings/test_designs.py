"""A design: a preset, a clearing mechanism or a TOML file, laid over the community file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.small_runs import TOML, write_small_community

from commonwatt.settings.designs import design_of, designs
from commonwatt.settings.loading import draft

OWN = TOML.replace(
    "[data]", '[market]\nclearing = "two_round_double_auction"\n\n[settlement]\nrule = "delivered"\n\n[data]'
)


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """A community whose file says itself how its market works."""
    return write_small_community(tmp_path / "street", days=1, toml=OWN)


def test_a_preset_wins_over_what_the_file_says_of_the_market(street: Path) -> None:
    settings = draft(street, over=design_of("p2pet")[0]).settings()
    assert settings.community.design == "p2pet"
    assert settings.settlement.rule == "scheduled"
    assert settings.market.timing == "ex_ante"
    assert settings.not_built
    assert settings.tariff.retail_micro_per_kwh == 300_000


def test_a_clearing_name_changes_the_mechanism_and_nothing_else(street: Path) -> None:
    settings, plain = draft(street, over=design_of("uniform_price")[0]).settings(), draft(street).settings()
    assert (settings.market.clearing, plain.market.clearing) == ("uniform_price", "two_round_double_auction")
    assert settings.settlement == plain.settlement
    assert settings.community == plain.community


def test_a_file_changes_what_it_says_on_top_of_the_preset_it_names(street: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[community]\ndesign = "p2pet"\n\n[settlement]\nrule = "delivered"\n')
    design, found = design_of(str(tmp_path / "mine.toml"))
    assert not found
    assert design is not None
    assert design.name == "mine"
    settings = draft(street, over=design).settings()
    assert settings.community.design == "p2pet"
    assert settings.market.timing == "ex_ante"
    assert settings.settlement.rule == "delivered"


def test_set_wins_over_a_design(street: Path) -> None:
    settings = draft(street, None, ("settlement.rule=delivered",), over=design_of("p2pet")[0]).settings()
    assert settings.settlement.rule == "delivered"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[data]\nprofiles = 'other.csv'\n", "mine.toml:2 data.profiles"),
        ("[community]\nseed = 9\n", "mine.toml:2 community.seed"),
        ("[ledger]\nchain = 'memory'\n", "mine.toml:2 ledger.chain"),
        ("members = 'other.csv'\n", "mine.toml:1 members"),
        ("[community]\ndesign = 'p2p'\n", "mine.toml:2 community.design"),
        ("[markets]\n", "mine.toml:1 markets"),
        ("[market\n", "mine.toml:1"),
    ],
)
def test_what_is_the_same_for_all_designs_is_refused_in_one(tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    _, found = design_of(str(tmp_path / "mine.toml"))
    assert [finding.where for finding in found] == [place]


def test_a_fault_within_a_design_is_found_where_it_stands(street: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[market]\ntiming = "ex_post"\nclearing = "uniform_prise"\n')
    found = draft(street, over=design_of(str(tmp_path / "mine.toml"))[0]).findings
    assert [finding.where for finding in found] == ["mine.toml market.clearing"]
    assert "did you mean uniform_price?" in found[0].expected


def test_every_fault_of_the_list_is_said_at_once(tmp_path: Path) -> None:
    _, found = designs(["p2pe", "p2pet", "p2pet", str(tmp_path / "none.toml")])
    said = "\n".join(map(str, found))
    assert "--design p2pe" in said
    assert "did you mean p2pet?" in said
    assert "--design p2pet: expected each design once, found it twice" in said
    assert "none.toml" in said


def test_one_design_is_no_comparison() -> None:
    assert [str(f) for f in designs(["p2pet"])[1]] == ["--design: expected two designs or more, found 1"]


def test_a_name_that_is_a_preset_and_a_mechanism_is_offered_once() -> None:
    _, found = design_of("x")
    assert found[0].expected.count("no_market") == 1
