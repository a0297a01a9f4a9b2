"""The bundled homes and the example community: what they promise, and that scripts, files and pages agree."""

from __future__ import annotations

import csv
import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commonwatt.adapters import datasets
from commonwatt.adapters.datasets import DatasetMissing, example_folder, homes17

make_homes: Any = importlib.import_module("scripts.make_homes")
make_fontana: Any = importlib.import_module("scripts.make_fontana")
data_facts: Any = importlib.import_module("scripts.data_facts")

HOURS = 8760
LOCAL = ZoneInfo("America/Los_Angeles")
REPO = Path(__file__).resolve().parents[3]
HOMES = [f"h{number:02d}" for number in range(1, 18)]
HOME_MEMBERS = [f"home-{number:02d}" for number in range(1, 18)]
FLATS = [f"flat-{number:02d}" for number in range(1, 9)]
COLUMNS = (
    "id,role,bus,microgrid,pv_w,battery_wh,battery_w,inverter_w,strategy,buy_limit_micro_per_kwh,"
    "sell_limit_micro_per_kwh,connection_w,source,preference,origin"
)


def column(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].to_numpy(), dtype=np.int64)


def home_column(name: str) -> np.ndarray:
    return column(homes17(), name).reshape(17, HOURS)


def profiles() -> pa.Table:
    return pq.read_table(example_folder() / "profiles.parquet")


def member_columns(name: str) -> dict[str, np.ndarray]:
    table = profiles()
    members = table["member"].to_pylist()[:25]
    return dict(zip(members, column(table, name).reshape(HOURS, 25).T, strict=True))


def member_rows() -> list[dict[str, str]]:
    with (example_folder() / "members.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def local_days(values: np.ndarray) -> np.ndarray:
    """The ordinary days (24 hours) of a year of hours in UTC, by the wall clock; other days are left as -1."""
    days = np.full((365, 24), -1, dtype=np.int64)
    begin = datetime(2016, 8, 1, tzinfo=LOCAL)
    first = begin.astimezone(UTC)
    for day in range(365):
        midnight = (begin + timedelta(days=day)).astimezone(UTC)
        following = (begin + timedelta(days=day + 1)).astimezone(UTC)
        if following - midnight == timedelta(hours=24):
            hour = (midnight - first) // timedelta(hours=1)
            days[day] = values[hour : hour + 24]
    return days


def test_every_home_has_every_hour_of_one_year_once() -> None:
    starts = [datetime(2016, 8, 1, 7, tzinfo=UTC) + timedelta(hours=hour) for hour in range(HOURS)]
    table = homes17()
    assert table["home"].to_pylist() == [home for home in HOMES for _ in range(HOURS)]
    assert table["start"].to_pylist() == starts * 17


def test_every_member_has_every_hour_of_one_year_once_in_order() -> None:
    table = profiles()
    first = datetime(2016, 8, 1, 7, tzinfo=UTC)
    expected = [first + timedelta(hours=hour) for hour in range(HOURS) for _ in range(25)]
    assert table["start"].to_pylist() == expected
    assert table["member"].to_pylist() == sorted(HOME_MEMBERS + FLATS) * HOURS


@pytest.mark.parametrize("who", ["home", "member"])
def test_energies_are_whole_and_never_negative(who: str) -> None:
    table = homes17() if who == "home" else profiles()
    types = [pa.timestamp("ms", tz="UTC"), pa.string(), pa.int32(), pa.int32()]
    assert table.schema.names == ["start", who, "load_wh", "pv_wh"]
    assert table.schema.types == types
    assert all(table[name].null_count == 0 for name in table.schema.names)
    for name in ("load_wh", "pv_wh"):
        assert column(table, name).min() == 0
        assert 0 < column(table, name).max() < 15_000


def test_pv_stays_within_its_nominal_power() -> None:
    for row, pv_wh in zip(member_rows()[:17], home_column("pv_wh"), strict=True):
        assert pv_wh.max() <= int(row["pv_w"])


@pytest.mark.parametrize("home", [1, 7, 8])
@pytest.mark.parametrize(
    ("first", "days"), [(datetime(2016, 12, 1, tzinfo=UTC), 62), (datetime(2017, 5, 22, tzinfo=UTC), 60)]
)
def test_pv_that_faces_south_is_centred_on_solar_noon_in_winter_and_summer(
    home: int, first: datetime, days: int
) -> None:
    pv_wh = home_column("pv_wh")[home - 1].astype(np.float64)
    assert abs(data_facts.off_noon_min(pv_wh, first, days)) < 5


@pytest.mark.parametrize("change", [datetime(2016, 11, 6, tzinfo=UTC), datetime(2017, 3, 12, tzinfo=UTC)])
def test_pv_does_not_jump_when_the_clock_changes(change: datetime) -> None:
    pv_wh = home_column("pv_wh").astype(np.float64)
    for home in (1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14):
        assert abs(data_facts.clock_step_min(pv_wh[home - 1], change)) < 15


@pytest.mark.parametrize(
    ("day", "noon_utc"),
    [
        (datetime(2016, 11, 3, tzinfo=UTC), 19 + 33.2 / 60),
        (datetime(2017, 2, 11, tzinfo=UTC), 20 + 3.9 / 60),
        (datetime(2017, 4, 15, tzinfo=UTC), 19 + 49.6 / 60),
    ],
)
def test_solar_noon_follows_longitude_and_almanac(day: datetime, noon_utc: float) -> None:
    # 12:00 + 7 h 49.6 min for 117.4 degrees west, less the almanac's equation of time: +16.4, -14.3 and 0.0 min.
    assert data_facts.solar_noon_h(day) == pytest.approx(noon_utc, abs=1 / 60)


def test_the_hour_read_twice_has_one_value_and_the_skipped_hour_is_left_out() -> None:
    second_one_o_clock = datetime(2016, 11, 6, 9, tzinfo=UTC)
    after_the_skip = datetime(2017, 3, 12, 10, tzinfo=UTC)
    row = make_homes.wall_clock_row
    assert row(second_one_o_clock) == row(second_one_o_clock - timedelta(hours=1)) == 97 * 24 + 1
    assert row(after_the_skip) == row(after_the_skip - timedelta(hours=1)) + 2 == 223 * 24 + 3
    hour = (second_one_o_clock - datetime(2016, 8, 1, 7, tzinfo=UTC)) // timedelta(hours=1)
    load_wh = home_column("load_wh")
    assert (load_wh[:, hour] == load_wh[:, hour - 1]).all()


@pytest.mark.parametrize("energy", [-0.001, float("nan"), float("inf")])
def test_an_energy_that_cannot_be_stops_the_script(energy: float) -> None:
    with pytest.raises(ValueError, match=r"Building_3, row 7: expected energy of 0 Wh or more, was"):
        make_homes.whole_wh(energy, "Building_3, row 7")


def source_rows() -> list[dict[str, str]]:
    start = datetime(2016, 7, 31, 23)  # noqa: DTZ001 - the wall clock, an hour back: midnight is hour 24
    labels = [start + timedelta(hours=row) for row in range(HOURS)]
    return [
        {
            "Month": f"{label.month}.0",
            "Hour": f"{label.hour + 1}.0",
            "Day Type": f"{label.isoweekday()}.0",
            "Equipment Electric Power [kWh]": "0.0015",
            "Solar Generation [W/kW]": "250.1",
        }
        for label in labels
    ]


def test_a_source_file_becomes_whole_wh() -> None:
    load_wh, pv_wh = make_homes.read_building(source_rows(), 5_000, "Building_1")
    assert set(load_wh) == {2}
    assert set(pv_wh) == {1251}


def test_a_source_file_on_another_calendar_is_refused() -> None:
    rows = source_rows()
    rows[31] = rows[31] | {"Day Type": "5.0"}
    with pytest.raises(
        ValueError, match=r"Building_1, row 31: expected month, hour, day type \(8, 7, 2\), was \(8, 7, 5\)"
    ):
        make_homes.read_building(rows, 5_000, "Building_1")
    with pytest.raises(ValueError, match="expected 8760 rows, was 8759"):
        make_homes.read_building(rows[1:], 5_000, "Building_1")


def test_homes_of_the_example_are_the_measured_ones() -> None:
    for name in ("load_wh", "pv_wh"):
        members = member_columns(name)
        for member, values in zip(HOME_MEMBERS, home_column(name), strict=True):
            assert (members[member] == values).all()


def test_flats_have_no_pv() -> None:
    pv_wh = member_columns("pv_wh")
    assert not any(pv_wh[flat].any() for flat in FLATS)


def best_error_wh(day_wh: np.ndarray, candidates_wh: np.ndarray, share: float) -> float:
    errors = np.abs(candidates_wh * share - day_wh).max(axis=1)
    return float(errors.min())


@pytest.mark.parametrize("flat", FLATS)
def test_each_day_of_a_flat_is_a_day_that_a_home_had(flat: str) -> None:
    homes = np.stack([local_days(values) for values in home_column("load_wh")])
    share = make_fontana.size_share(flat)
    weekend = [(datetime(2016, 8, 1, tzinfo=UTC) + timedelta(days=day)).weekday() >= 5 for day in range(365)]
    sound = set(np.flatnonzero(homes.min(axis=(0, 2)) >= 0).tolist())
    unmatched = []
    for day, day_wh in enumerate(local_days(member_columns("load_wh")[flat])):
        if day_wh[0] < 0:
            continue
        near = [
            other
            for other in range(max(0, day - 21), min(365, day + 22))
            if weekend[other] == weekend[day] and other in sound
        ]
        candidates = homes[:, near].reshape(-1, 24)
        shifted = np.concatenate([np.roll(candidates, hours, axis=1) for hours in (-1, 0, 1)])
        if best_error_wh(day_wh, shifted, share) > 0.51:
            unmatched.append(day)
    # A day whose source is one of the two days of a changing clock finds none among the ordinary days.
    assert all(min(abs(day - 97), abs(day - 223)) <= 21 for day in unmatched)
    assert len(unmatched) < 10


def test_flats_take_no_day_from_a_home_whose_load_looks_faulty() -> None:
    chosen = make_fontana.donors(make_fontana.homes_by_wall_clock()[0])
    assert [home + 1 for home in range(17) if home not in chosen] == [7, 12, 14, 15]


def test_flats_differ_from_each_other() -> None:
    load_wh = member_columns("load_wh")
    flats = np.stack([load_wh[flat] for flat in FLATS])
    correlation = np.corrcoef(flats)[np.triu_indices(8, 1)]
    assert correlation.max() < 0.5
    assert len({int(total) for total in flats.sum(axis=1)}) == 8


def test_the_script_makes_the_profiles_that_ship() -> None:
    assert make_fontana.profiles(make_fontana.community()).equals(profiles())


def test_the_script_makes_the_members_that_ship() -> None:
    made = make_fontana.member_rows(make_fontana.community())
    assert [{name: str(value) for name, value in row.items()} for row in made] == member_rows()


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.parquet", "two.parquet"):
        make_homes.write_profiles(homes17(), tmp_path / name)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    assert pq.read_table(tmp_path / "one.parquet").equals(homes17())


def test_members_are_seventeen_homes_and_eight_flats_on_buses_of_their_own() -> None:
    assert (example_folder() / "members.csv").read_text().splitlines()[0] == COLUMNS
    rows = member_rows()
    assert [row["id"] for row in rows] == HOME_MEMBERS + FLATS
    assert len({row["bus"] for row in rows}) == 25
    for row in rows:
        is_home = row["id"].startswith("home-")
        measured = "doubtful" if row["id"] in ("home-12", "home-14", "home-15") else "measured"
        assert (row["role"], row["source"], row["origin"]) == (
            ("prosumer", "pv", measured) if is_home else ("consumer", "", "resampled")
        )
        assert (int(row["pv_w"]) > 0) == is_home
        assert (int(row["battery_wh"]) > 0) == (int(row["battery_w"]) > 0)
        assert int(row["inverter_w"]) >= max(int(row["pv_w"]), int(row["battery_w"]))
        assert row["preference"] in ("renewable", "any")
    assert sum(int(row["battery_wh"]) > 0 for row in rows) == 6


def test_limits_lie_in_their_ranges_and_some_but_not_all_pairs_can_trade() -> None:
    buys = np.array([int(row["buy_limit_micro_per_kwh"]) for row in member_rows()])
    sells = np.array([int(row["sell_limit_micro_per_kwh"]) for row in member_rows()[:17]])
    assert ((buys >= 180_000) & (buys <= 340_000) & (buys % 1_000 == 0)).all()
    assert ((sells >= 60_000) & (sells <= 160_000) & (sells % 1_000 == 0)).all()
    assert len(set(buys)) > 15
    assert len(set(sells)) > 10
    local_fees_micro_per_kwh = 60_000
    can_trade = (buys[:, None] - local_fees_micro_per_kwh >= sells).mean()
    assert 0.5 < can_trade < 1


def test_connections_carry_the_year_with_a_quarter_to_spare() -> None:
    load_wh, pv_wh = member_columns("load_wh"), member_columns("pv_wh")
    for row in member_rows():
        most_w = np.abs(load_wh[row["id"]] - pv_wh[row["id"]]).max() + int(row["battery_w"])
        assert int(row["connection_w"]) >= 1.25 * most_w


def test_the_page_shows_the_figures_of_the_files() -> None:
    page = data_facts.PAGE.read_text(encoding="utf-8")
    shown = page.split(data_facts.BEGIN)[1].split(data_facts.END)[0].strip()
    assert shown == data_facts.figures().strip()


def test_the_readme_of_the_example_states_seed_and_ranges() -> None:
    text = (example_folder() / "README.md").read_text(encoding="utf-8")
    buy, sell = make_fontana.BUY_LIMITS, make_fontana.SELL_LIMITS
    for limits in (buy, sell):
        low, high, step = (f"{limit:,}".replace(",", " ") for limit in (limits[0], limits[-1], limits.step))
        assert f"uniform, {low} to {high} micro-USD/kWh in steps of {step}" in text
    assert str(make_fontana.SEED) in text


def test_the_licence_ships_with_the_data() -> None:
    text = (Path(datasets.__file__).parent / "LICENSES.md").read_text(encoding="utf-8")
    assert "Copyright (c) 2020 Jose Ramon Vazquez-Canteli, Intelligent Environments Laboratory" in text
    assert "Permission is hereby granted, free of charge" in text


def test_the_files_stay_small() -> None:
    assert (Path(datasets.__file__).parent / "homes17.parquet").stat().st_size < 600_000
    assert (example_folder() / "profiles.parquet").stat().st_size < 600_000


def test_a_checkout_serves_its_own_example() -> None:
    assert example_folder() in (REPO / "examples" / "fontana", Path(datasets.__file__).resolve().parent / "fontana")


def test_an_installation_without_data_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "_HERE", tmp_path / "src" / "commonwatt" / "adapters" / "datasets")
    with pytest.raises(DatasetMissing, match=r"expected the example community at .*fontana or .*fontana, was absent"):
        example_folder()
    with pytest.raises(FileNotFoundError, match=r"expected the bundled data set at .*homes17\.parquet, was absent"):
        homes17()


def test_the_packaged_copy_comes_before_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "src" / "commonwatt" / "adapters" / "datasets"
    monkeypatch.setattr(datasets, "_HERE", here)
    for folder in (tmp_path / "examples" / "fontana", here / "fontana"):
        folder.mkdir(parents=True)
        (folder / "members.csv").write_text("id\n")
        assert example_folder() == folder
