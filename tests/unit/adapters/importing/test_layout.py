"""A layout is data: keys with choices, columns with sums, alternatives and what may be missing."""

from pathlib import Path

import pytest

from commonwatt.adapters.importing.layout import KEYS, Layout, columns_of, layout_names, layout_of, layout_says, mapped


@pytest.mark.parametrize(
    ("text", "header", "columns"),
    [
        ("a", ["a", "b"], ["a"]),
        ("a + b", ["a", "b"], ["a", "b"]),
        ("a + b", ["a + b", "a", "b"], ["a + b"]),
        ("a + b?", ["a"], ["a"]),
        ("use | a + b", ["a", "b"], ["a", "b"]),
        ("use | a + b", ["use", "a", "b"], ["use"]),
        ("a? + b?", ["c"], []),
        ("a + b", ["a"], None),
        ("a", [], None),
    ],
)
def test_columns_are_summed_chosen_or_missed(text: str, header: list[str], columns: list[str] | None) -> None:
    assert columns_of(text, header) == columns


@pytest.mark.parametrize("name", layout_names())
def test_a_named_layout_is_whole(name: str) -> None:
    layout, found = layout_of(name)
    assert found == []
    assert layout_says(name)
    assert layout.time and layout.member and layout.unit and layout.stamps and layout.values


def test_a_layout_may_be_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('time = ["Date", "Clock"]\nnet = "Saldo"\nunit = "kWh"\nslot_s = 900\n')
    assert layout_of(str(path)) == (Layout(time="Date + Clock", net="Saldo", unit="kWh", slot_s="900"), [])


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("unit=kwh", "--map unit: expected one of Wh, kWh, W, kW (did you mean kWh?), found 'kwh'"),
        ("units=kWh", "(did you mean unit?)"),
        ("zone=Europe/Zurick", "(did you mean Europe/Zurich?)"),
        ("slot_s=700", "a divisor of 3600 s, such as 900 or 3600"),
        ("header=0", "the number of a line, from 1"),
        ("time", "expected key=value, such as time=Datum, found no ="),
        ("=x", "a key before ="),
    ],
)
def test_a_mapping_out_of_place_is_a_finding(text: str, finding: str) -> None:
    _, [found] = mapped([text])
    said = str(found)
    assert finding in said or (finding.startswith("--map unit:") and "kWh" in said and said.endswith("found 'kwh'"))


def test_an_unknown_layout_is_answered_with_the_nearest() -> None:
    _, [found] = layout_of("pecan_stret")
    assert "did you mean pecan_street?" in str(found)


def test_a_layout_says_its_keys_as_a_file_spells_them() -> None:
    assert Layout(import_="Bezug", unit="kWh").given() == {"import": "Bezug", "unit": "kWh"}
    assert "import" in KEYS and "import_" not in KEYS
