"""Defaults, preset, file, command line: later layers win, and a new answer drops what the old one took."""

from pathlib import Path

from tests.fakes.communities import TOML, told, write_community

from commonwatt.settings import load, preset_names


def test_every_preset_is_a_sound_design(tmp_path: Path) -> None:
    write_community(tmp_path)
    assert preset_names() == [
        "bc-et-mf",
        "community",
        "layered-trust",
        "no_market",
        "p2pet",
        "pbet-chain",
        "sealed-auction",
    ]
    for name in preset_names():
        assert told(tmp_path, design=name) == []


def test_the_default_design_settles_metered_energy(tmp_path: Path) -> None:
    settings = load(write_community(tmp_path))
    assert (settings.market.timing, settings.market.clearing, settings.community.design) == (
        "ex_post",
        "uniform_price",
        "community",
    )


def test_a_preset_fills_what_the_file_leaves_open(tmp_path: Path) -> None:
    settings = load(write_community(tmp_path, TOML + '[forecasting]\nmodel = "persistence"\n'), "p2pet")
    assert settings.community.design == "p2pet"
    assert settings.market.clearing == "two_round_double_auction"
    assert settings.forecasting.model == "persistence"
    assert settings.parameters("settlement")["residual"] == "gate"


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    settings = load(write_community(tmp_path), overrides=["tariff.retail_micro_per_kwh=1", "community.name=Two words"])
    assert settings.tariff.retail_micro_per_kwh == 1
    assert settings.community.name == "Two words"


def test_the_last_override_wins_and_toml_values_are_read(tmp_path: Path) -> None:
    sets = ["community.seed=1", "community.seed=2", 'validators.authorities=["a", "b"]', "tariff.allow_negative=true"]
    settings = load(write_community(tmp_path), overrides=sets)
    assert settings.community.seed == 2
    assert settings.validators.authorities == ("a", "b")
    assert settings.tariff.allow_negative is True


def test_a_new_rule_drops_the_parameters_of_the_old_one(tmp_path: Path) -> None:
    settings = load(write_community(tmp_path), "p2pet", ["settlement.rule=delivered"])
    assert settings.parameters("settlement") == {"penalty_gamma_micro_per_kwh": 10_000}


def test_a_parameter_beside_a_rule_that_does_not_take_it_is_a_fault(tmp_path: Path) -> None:
    write_community(tmp_path, TOML + '[settlement]\nrule = "delivered"\nresidual = "gate"\n')
    [line] = told(tmp_path)
    assert line.startswith(
        "community.toml:16 settlement.residual: expected a key of [settlement] or a parameter of delivered"
    )


def test_a_folder_and_its_file_are_the_same_community(tmp_path: Path) -> None:
    write_community(tmp_path)
    assert load(tmp_path) == load(tmp_path / "community.toml")


def test_the_environment_says_where_the_keys_are(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    write_community(tmp_path)
    monkeypatch.delenv("COMMONWATT_KEY_FILE", raising=False)
    assert load(tmp_path).key_path == tmp_path / "keys.json"
    monkeypatch.setenv("COMMONWATT_KEY_FILE", "/elsewhere/keys.json")
    assert load(tmp_path).key_path == Path("/elsewhere/keys.json")
