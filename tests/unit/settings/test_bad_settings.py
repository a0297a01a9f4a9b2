"""Every fault of a community file is found, names its place, what was expected and the nearest right name."""

from pathlib import Path

import pytest
from tests.fakes.communities import TOML, lines_of, told, write_community

from commonwatt.clearing import CLEARINGS
from commonwatt.core.errors import InvalidInput
from commonwatt.metering import METERINGS
from commonwatt.settings import load


def faults(tmp_path: Path, toml: str, *overrides: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        load(write_community(tmp_path, toml), overrides=overrides)
    return lines_of(caught.value)


def test_a_sound_community_has_no_finding(tmp_path: Path) -> None:
    assert told(write_community(tmp_path)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('name = "Test"', 'nam = "Test"', "community.toml:3 community.nam: expected a key of [community]: one of "),
        ('name = "Test"', "name = 3", "community.toml:3 community.name: expected text, found 3"),
        ('name = "Test"', 'name = ""', "community.name: expected text that is not empty, found ''"),
        ('name = "Test"', "slot_s = 1000", "community.slot_s: expected a divisor of 3600 s, such as 900 or 3600, found 1000"),
        ('name = "Test"', "slot_s = 900.5", "community.toml:3 community.slot_s: expected a whole number, found 900.5"),
        ('name = "Test"', "seed = -1", "community.seed: expected at least 0, found -1"),
        ('"Europe/Zurich"', '"Europe/Zuerich"', "time_zone: expected an IANA time zone (did you mean Europe/Zurich?), found 'Europe/Zuerich'"),
        ("retail_micro_per_kwh = 300_000\n", "", "community.toml:6 tariff.retail_micro_per_kwh: expected a value, found none"),
        ("retail_micro_per_kwh = 300_000", "retail_micro_per_kwh = 0.3", "expected a whole number of micro (0.3 per kWh is 300000), found 0.3"),
        ("retail_micro_per_kwh = 300_000", "retail_micro_per_kwh = 3_000_000_000", "expected at most 2147483647, found 3000000000"),
        ("retail_micro_per_kwh = 300_000", "retial = 300_000", "found 300000"),
        ("tax_micro_per_kwh = 20_000", "tax_micro_per_kwh = -1", "tariff.tax_micro_per_kwh: expected at least 0, found -1"),
        ("tax_micro_per_kwh = 20_000", "levy_micro_per_kwh = -1", "tariff.levy_micro_per_kwh: expected at least 0, found -1"),
        ("tax_micro_per_kwh = 20_000", "local_relief_share = 40", "tariff.local_relief_share: expected at most 1.0, found 40"),
        ("tax_micro_per_kwh = 20_000", "local_relief_share = nan", "tariff.local_relief_share: expected "),
        ("tax_micro_per_kwh = 20_000", 'local_relief_share = "a lot"', "tariff.local_relief_share: expected a number, found 'a lot'"),
        ("[data]", '[[tariff.suppliers]]\nname = "a"\nfeed_in_micro_per_kwh = 1\n[data]', "tariff.suppliers[1].retail_micro_per_kwh: expected a value, found none"),
        ("[data]", '[[tariff.suppliers]]\nname = "a"\nretail_micro_per_kwh = 1\nfeed_in_micro_per_kwh = -1\n[data]', "tariff.suppliers[1].feed_in_micro_per_kwh: expected at least 0 (or tariff.allow_negative = true), found -1"),
        ("[data]", '[[tariff.suppliers]]\nname = "a"\nretail_micro_per_kwh = 1\nfeed_in_micro_per_kwh = 1\ngrid_fee = 3\n[data]', "tariff.suppliers[1].grid_fee: expected a key of a supplier"),
        ("[data]", '[[tariff.suppliers]]\nname = "a"\nretail_micro_per_kwh = 1\nfeed_in_micro_per_kwh = 1\n[[tariff.suppliers]]\nname = "a"\nretail_micro_per_kwh = 1\nfeed_in_micro_per_kwh = 1\n[data]', "expected each supplier once"),
        ("[data]", '[settlement]\nimbalance = "two_prices"\n[data]', "settlement.imbalance: expected one of by_direction, single_price, two_price (did you mean two_price?), found 'two_prices'"),
        ("[data]", '[settlement]\nrule = "delivered"\nallocation = "fifo"\n[data]', "settlement.allocation: expected one of first_in_first_out, priority, pro_rata, found 'fifo'"),
        ("[data]", '[settlement]\nallocation = "priority"\n[data]', "settlement.allocation: expected a key of [settlement] or a parameter of scheduled"),
        ("[data]", '[ledger]\nchain = "embeded"\n[data]', "ledger.chain: expected one of embedded, memory (did you mean embedded?), found 'embeded'"),
        ("[data]", '[ledger]\naudit_period = "1 day"\n[data]', "ledger.audit_period: expected hours or days such as 6h or 1d, found '1 day'"),
        ("[data]", "[validators]\nauthorities = []\n[data]", "validators.authorities: expected a list of names, at least one, found []"),
        ("[data]", "[data]\nfrom = 2024-05-07\nto = 2024-05-06", "data.to: expected a day after 2024-05-07, found 2024-05-06"),
        ("[data]", '[data]\nfrom = "7.5.2024"', "data.from: expected a local day such as 2017-05-08, found '7.5.2024'"),
        ("[data]", "[tarif]\n[data]", "community.toml:12 tarif: expected a section: one of "),
        ("[data]", "[data]\nsubstitute = true", "data.substitute: expected one of earlier_day, latest_slot, zero, found true"),
    ],
)  # fmt: skip
def test_a_fault_of_a_key_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = faults(tmp_path, TOML.replace(old, new))
    assert any(expected in line for line in found), found


def test_the_nearest_key_is_proposed_even_without_its_unit(tmp_path: Path) -> None:
    [*_, line] = [x for x in faults(tmp_path, TOML.replace("retail_micro_per_kwh", "retial")) if "tariff.retial" in x]
    assert "(did you mean retail_micro_per_kwh?)" in line


def test_an_unknown_mechanism_is_answered_with_the_nearest(tmp_path: Path) -> None:
    [line] = faults(tmp_path, TOML + '[market]\nclearing = "uniform_prise"\n')
    assert line == (
        f"community.toml:15 market.clearing: expected one of {', '.join(CLEARINGS.names())} (did you mean uniform_price?), "
        "found 'uniform_prise'"
    )


@pytest.mark.parametrize(
    "place",
    ["market.venue", "pricing.policy", "settlement.rule", "forecasting.model", "grid.model", "metering.level", "trust.model", "validators.policy"],
)  # fmt: skip
def test_every_room_refuses_an_unknown_answer(tmp_path: Path, place: str) -> None:
    [line] = faults(tmp_path, TOML, f"{place}=nonsense")
    assert line.startswith(f"--set {place}: expected one of ") and line.endswith("found 'nonsense'")


def test_a_mechanism_beside_a_venue_that_decides_by_itself_is_refused(tmp_path: Path) -> None:
    [line] = faults(tmp_path, TOML, "market.venue=continuous", "market.clearing=mcafee")
    assert line == (
        "--set market.clearing: expected market.venue on_chain or sealed_batch beside it: continuous decides by itself "
        "who trades with whom, found mcafee"
    )
    [line] = faults(tmp_path, TOML + '[market]\nvenue = "request"\nclearing = "no_market"\n')
    assert line.startswith(
        "community.toml:16 market.clearing: expected market.venue on_chain or sealed_batch beside it"
    )
    # A mechanism of the file is what the venue was laid over, and its two prices are nobody's then.
    mine = TOML + '[market]\nclearing = "mcafee"\n'
    assert load(write_community(tmp_path, mine), None, ("market.venue=continuous", "ledger.path=trades"))
    assert faults(tmp_path, mine, "market.venue=on_chain", "ledger.path=trades")


def test_an_answers_parameters_are_checked(tmp_path: Path) -> None:
    found = faults(tmp_path, TOML + '[settlement]\nresidual = "gat"\ntolerance_share = 2.0\nreward_beta = 1\n')
    assert found[:2] == [
        "community.toml:15 settlement.residual: expected one of gate, metered (did you mean gate?), found 'gat'",
        "community.toml:16 settlement.tolerance_share: expected 0.0..1.0, found 2.0",
    ]
    assert "settlement.reward_beta: expected a key of [settlement] or a parameter of scheduled" in found[2]
    assert "(did you mean reward_beta_micro_per_kwh?)" in found[2]


def test_a_negative_price_needs_the_tariffs_leave(tmp_path: Path) -> None:
    negative = TOML.replace("feed_in_micro_per_kwh = 80_000", "feed_in_micro_per_kwh = -5_000")
    assert faults(tmp_path, negative) == [
        "community.toml:8 tariff.feed_in_micro_per_kwh: expected at least 0 (or tariff.allow_negative = true), found -5000"
    ]
    allowed = negative.replace("[tariff]", "[tariff]\nallow_negative = true")
    assert load(write_community(tmp_path, allowed)).rates(0).feed_in_micro_per_kwh == -5_000


def test_a_negative_price_of_a_window_is_found(tmp_path: Path) -> None:
    window = '[[tariff.windows]]\nfrom = "12:00"\nto = "14:00"\nfeed_in_micro_per_kwh = -1\n[data]'
    [line] = faults(tmp_path, TOML.replace("[data]", window))
    assert line.startswith("community.toml:15 tariff.windows[1].feed_in_micro_per_kwh: expected at least 0")


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (
            'from = "17:20"\nto = "21:00"',
            "windows[1].from: expected a time at which a slot of 3600 s begins, found '17:20'",
        ),
        ('from = "17:00"\nto = "25:00"', "windows[1].to: expected a time of day from 00:00 to 24:00, found '25:00'"),
        ('from = "17:00"\nto = "17:00"', "windows[1].to: expected another time than from"),
        ('from = "17:00"', "windows[1].to: expected a value, found none"),
        ('from = "17:00"\nto = "18:00"\ndays = "weekday"', "did you mean weekdays?"),
        ('from = "17:00"\nto = "18:00"\ndays = ["mo"]', "did you mean mon?"),
        ('from = "17:00"\nto = "18:00"\nretail = 1', "did you mean retail_micro_per_kwh?"),
    ],
)
def test_a_fault_of_a_window_is_named(tmp_path: Path, window: str, expected: str) -> None:
    found = faults(tmp_path, TOML.replace("[data]", f"[[tariff.windows]]\n{window}\n[data]"))
    assert any(expected in line for line in found), found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("marke.clearing=x", "--set marke.clearing: expected a section: one of "),
        ("market.clearing", "--set market.clearing: expected section.key=value, found something else"),
        ("clearing=uniform_price", "--set clearing=uniform_price: expected section.key=value"),
        (
            "tariff.retail_micro_per_kwh=much",
            "--set tariff.retail_micro_per_kwh: expected a whole number, found 'much'",
        ),
        ("market.timming=ex_ante", "--set market.timming: expected a key of [market]"),
        (
            "community.design=p2pett",
            "--set community.design: expected one of bc-et-mf, community, layered-trust, no_market, p2pet, pbet-chain, sealed-auction (did you mean p2pet?)",
        ),
    ],
)
def test_a_faulty_override_is_named_as_it_was_typed(tmp_path: Path, text: str, expected: str) -> None:
    found = faults(tmp_path, TOML, text)
    assert any(line.startswith(expected) for line in found), found


def test_an_unknown_preset_is_answered_with_the_nearest(tmp_path: Path) -> None:
    assert told(write_community(tmp_path), design="comunity") == [
        "--preset: expected one of bc-et-mf, community, layered-trust, no_market, p2pet, pbet-chain, sealed-auction (did you mean community?), found 'comunity'"
    ]


def test_a_toml_error_names_its_line(tmp_path: Path) -> None:
    [line] = faults(tmp_path, "[community]\nname = Test\n")
    assert line.startswith("community.toml:2: expected TOML, found ")


def test_a_file_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    write_community(tmp_path)
    (tmp_path / "community.toml").write_bytes(b'[community]\nname = "Z\xfcrich"\n')
    assert told(tmp_path) == ["community.toml:2: expected text in UTF-8, found the byte 0xfc"]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert told(tmp_path / "comunity.toml") == ["comunity.toml: expected a file, found none"]


def test_a_level_that_reveals_too_little_is_refused_and_both_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    METERINGS.names()
    paths = {"sums_only": "tests.fakes.metering_levels"}
    monkeypatch.setitem(METERINGS.__dict__, "_paths", paths)
    found = faults(tmp_path, TOML, "metering.level=sums_only")
    assert (
        "community.toml market.clearing: expected a metering level that reveals orders, which clearing uniform_price needs, "
        "found metering sums_only, which reveals sums"
    ) in [line.replace("preset community", "community.toml") for line in found]


def test_faults_of_settings_members_and_data_come_together(tmp_path: Path) -> None:
    write_community(
        tmp_path,
        TOML.replace("80_000", "-80_000") + '[market]\nclearing = "uniform"\n',
        "id,buy_limit_micro_per_kwh,sell_limit_micro_per_kwh,battery_wh,battery_w,battery_initial_wh\na,1,1,5,5,9\n",
        ["2024-05-06T00:00Z,a,NaN,1", "2024-05-06T00:00Z,b,1,-1"],
    )
    places = [line.split(": expected")[0] for line in told(tmp_path, ["pricing.policy=mid"])]
    assert places == [
        "community.toml:15 market.clearing",
        "--set pricing.policy",
        "community.toml:8 tariff.feed_in_micro_per_kwh",
        "members.csv:2 battery_initial_wh",
        "profiles.csv:3 member",
        "profiles.csv:2 load_wh",
        "profiles.csv:3 pv_wh",
    ]


def test_a_window_that_a_slot_of_a_gate_may_outlast_is_refused(tmp_path: Path) -> None:
    one = TOML.replace("[data]", "[ledger]\nwindow_slots = 1\n[data]")
    found = faults(tmp_path, one, "market.timing=ex_ante")
    assert len(found) == 1
    assert "ledger.window_slots: expected at least 2 where orders are placed at a gate" in found[0]
    load(write_community(tmp_path / "later", one))
    load(write_community(tmp_path / "two", one), overrides=("market.timing=ex_ante", "ledger.window_slots=2"))
