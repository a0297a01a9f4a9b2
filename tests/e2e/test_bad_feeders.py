"""Bad feeders at the door: every fault at once, in words and with its line, exit code 2, nothing written; odd ones are doubted. In process, for there are many."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.small_runs import Said, files_of
from tests.fakes.wires import line, wires

from commonwatt.adapters.feeder_file import FeederFile
from commonwatt.cli import open_doors

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explain" / "grid-feeders.md"
GOOD = PAGE.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
"""The example of the page, as a reader copies it."""
Typed = Callable[..., Said]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    """The command line within this process, with its endings."""

    def type_in(*arguments: str | Path) -> Said:
        monkeypatch.setattr("sys.argv", ["commonwatt", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            open_doors()
        told = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int) or code is None
        return Said(code or 0, told.out, told.err)

    return type_in


def refused(typed: Typed, path: Path) -> list[str]:
    """The findings: of both commands the same, and nothing is written by either."""
    before = sorted(path.parent.iterdir())
    checked, converted = typed("check", path), typed("feeder", path, "--to", path.parent / "made.toml")
    assert (checked.code, converted.code) == (2, 2), checked.both + converted.both
    assert checked.out == converted.out == ""
    assert checked.err == converted.err
    assert sorted(path.parent.iterdir()) == before
    lines = checked.err.splitlines()
    if len(lines) > 1:
        assert lines.pop() == f"{len(lines)} findings."
    assert all(re.fullmatch(r".+: expected .+, found .+", each) for each in lines), lines
    return lines


def written(folder: Path, text: str, name: str = "feeder.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


ISLAND = '[[bus]]\nid = "n09"\n'
APART = ISLAND + '[[bus]]\nid = "n08"\n[[line]]\nid = "l09"\nbegin = "n09"\nend = "n08"\nlength_m = 9\nr_ohm_per_km = 1\nx_ohm_per_km = 1\nrating_a = 9\n'  # fmt: skip


def changed(*pairs: tuple[str, str]) -> str:
    """The example with parts of it replaced."""
    text = GOOD
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after, 1)
    return text


def replaced(key: str, value: str) -> str:
    """The example with another value of a key, where it stands last."""
    at = GOOD.rindex(f"{key} = ")
    return GOOD[:at] + f"{key} = {value}" + GOOD[GOOD.index("\n", at) :]


def test_the_example_of_the_page_is_a_feeder_without_a_doubt(tmp_path: Path, typed: Typed) -> None:
    said = typed("check", written(tmp_path, GOOD))
    assert (said.code, said.err) == (0, "")
    assert (
        said.out == "feeder.toml: no faults found.\nFeeder lane: 2 buses, 1 line of 35 m, a transformer of 160 kVA.\n"
    )


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        (GOOD + ISLAND, '[[bus]]\nid = "n09"', "bus n09: expected a way to n00, found none from n09"),
        (GOOD + APART, '[[bus]]\nid = "n09"', "bus n09: expected a way to n00, found none from n09, n08"),
        (changed(("r_ohm_per_km = 0.208", "r_ohm_per_km = 0"), ("x_ohm_per_km = 0.080", "x_ohm_per_km = 0")), "[[line]]", "line l01 impedance: expected r_ohm_per_km or x_ohm_per_km of more than 0, found 0"),
        (replaced("rating_a", "0"), "rating_a", "line l01 rating_a: expected more than 0: a line of no capacity is none, found 0"),
        (replaced("length_m", "nan"), "length_m", "line l01 length_m: expected more than 0, found nan"),
        (replaced("length_m", "inf"), "length_m", "line l01 length_m: expected more than 0, found inf"),
        (replaced("length_m", "-35"), "length_m", "line l01 length_m: expected more than 0, found -35"),
        (replaced("length_m", "1e300"), "length_m", "line l01 length_m: expected 1,000,000 at most, found 1e+300"),
        (replaced("length_m", "'35 m'"), "length_m", "line l01 length_m: expected a number, found '35 m'"),
        (replaced("rating_va", "0"), "rating_va", "transformer rating_va: expected more than 0, found 0"),
        (changed(("load_loss_w = 1_750", "load_loss_w = 9_000")), "load_loss_w = 9_000", "transformer load_loss_w: expected 0 to short_circuit_share x rating_va (6400), found 9000"),
        (replaced("short_circuit_share", "4"), "short_circuit_share", "transformer short_circuit_share: expected between 0 and 1: without it the transformer had no impedance, found 4"),
        (replaced("end", '"n02"'), 'end = "n02"', "line l01 end: expected the id of a bus (did you mean n01?), found 'n02'"),
        (replaced("root", '"n0"'), "root", "root: expected the id of a bus (did you mean n01?), found 'n0'"),
        (GOOD + '[[bus]]\nid = "n01"\n', '[[bus]]\nid = "n01"\n', "bus n01: expected an id of its own, found the id twice"),
        (GOOD + GOOD[GOOD.index("[[line]]") :], "", "line l01: expected an id of its own, found the id twice"),
        (GOOD + '[[load]]\nbus = "n01"\ndraw_w = -inf\ndraw_var = 0\n', "draw_w", "load 1 draw_w: expected a number, found -inf"),
        (GOOD.replace("rating_a", "rating"), "rating =", "line l01 rating: expected a known key: one of begin, end, id, length_m, r_ohm_per_km, rating_a, x_ohm_per_km (did you mean rating_a?), found 270"),
        (GOOD + "[[line]\n", "[[line]\n", ": expected TOML, found Expected ']]' at the end of an array declaration"),
    ],
)  # fmt: skip
def test_a_feeder_that_cannot_be_is_found_with_its_line(
    tmp_path: Path, typed: Typed, text: str, at: str, expected: str
) -> None:
    found = refused(typed, written(tmp_path, text))
    line = text.rindex(at) if at else text.rindex("[[line]]")
    number = text[:line].count("\n") + 1
    assert f"feeder.toml:{number}{'' if expected.startswith(':') else ' '}{expected}" in found, found


def test_limits_of_voltage_the_wrong_way_round_are_two_findings(tmp_path: Path, typed: Typed) -> None:
    text = changed(("voltage_low_share = 0.90", "voltage_low_share = 1.10"), ("voltage_high_share = 1.10", "voltage_high_share = 0.90"))  # fmt: skip
    assert refused(typed, written(tmp_path, text)) == [
        "feeder.toml:5 voltage_low_share: expected between 0 and 1, found 1.1",
        "feeder.toml:6 voltage_high_share: expected between 1 and 2, found 0.9",
    ]


def test_every_fault_is_told_at_once(tmp_path: Path, typed: Typed) -> None:
    text = changed(("length_m = 35", "length_m = 0"), ("rating_va = 160_000", "rating_va = -1"), ("rating_a = 270", "rating_a = nan"))  # fmt: skip
    found = refused(typed, written(tmp_path, text + ISLAND))
    assert [each.split(": ")[0] for each in found] == [
        f"feeder.toml:{line_of(text, 'rating_va')} transformer rating_va",
        f"feeder.toml:{line_of(text, 'length_m')} line l01 length_m",
        f"feeder.toml:{line_of(text, 'rating_a')} line l01 rating_a",
        f"feeder.toml:{text.count(chr(10)) + 1} bus n09",
    ]


@pytest.mark.parametrize(("name", "none"), [("feeder.toml", "feeder.toml transformer: expected a table [transformer], found none"), ("net.json", "net.json: expected the JSON of a pandapower network")])  # fmt: skip
def test_what_is_no_file_of_a_feeder_is_found_at_once(tmp_path: Path, typed: Typed, name: str, none: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"")
    assert refused(typed, path)[0].startswith(none)
    path.write_bytes(bytes(range(256)) * 40)
    assert refused(typed, path) == [f"{name}:2: expected text in UTF-8, found the byte 0x80"]
    with path.open("r+b") as file:
        file.truncate(100 * 2**20)
    assert refused(typed, path) == [f"{name}: expected 64 MiB at most, found 100 MiB"]
    path.write_text(("a = " if name.endswith("toml") else "") + "[" * 100_000, encoding="utf-8")
    assert refused(typed, path)[0].endswith("found too deep a nesting")
    path.unlink()
    assert refused(typed, path)[0].endswith("found none")
    written(tmp_path, GOOD, "feedr.toml")
    if name == "feeder.toml":
        assert refused(typed, path) == ["feeder.toml: expected a file (did you mean feedr.toml?), found none"]


def test_a_folder_is_no_feeder(tmp_path: Path, typed: Typed) -> None:
    (tmp_path / "feeder.toml").mkdir()
    said = typed("feeder", tmp_path / "feeder.toml")
    assert (said.code, said.out) == (2, "")
    assert said.err == "feeder.toml: expected a file that can be read, found is a directory\n"
    assert typed("check", tmp_path / "feeder.toml").code == 2


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        (replaced("r_ohm_per_km", "208"), "Doubt: line l01 r_ohm_per_km is 208, and hardly ever above 20: was it written in milliohm per km?"),
        (replaced("x_ohm_per_km", "0.00008"), "Doubt: line l01 x_ohm_per_km is 8e-05, and hardly ever below 0.005: was it written in ohm per m?"),
        (replaced("rating_a", "0.27"), "Doubt: line l01 rating_a is 0.27, and hardly ever below 2: was it written in kA?"),
        (replaced("length_m", "0.035"), "Doubt: line l01 length_m is 0.035, and hardly ever below 0.5: was it written in km?"),
        (changed(("base_v = 400", "base_v = 0.4")), "Doubt: base_v is 0.4, and hardly ever below 50: was it written in kV?"),
        (changed(("rating_va = 160_000", "rating_va = 160"), ("= 1_750", "= 1.75")), "Doubt: transformer rating_va is 160, and hardly ever below 2000: was it written in kVA or MVA?"),
        (changed(("load_loss_w = 1_750", "load_loss_w = 1.75")), "Doubt: transformer load_loss_w over rating_va is 1.09375e-05, and hardly ever below 0.0005: was it written in kW?"),
        (GOOD + '[[load]]\nbus = "n01"\ndraw_w = 200_000\ndraw_var = 0\n', "Doubt: the feeder's own loads pass its limits without any member: transformer at 128 % of what it may carry."),
        (GOOD + '[[load]]\nbus = "n01"\ndraw_w = 1e9\ndraw_var = 0\n', "Doubt: the feeder cannot bring what its own loads draw: a power flow of them alone has no solution."),
    ],
)  # fmt: skip
def test_a_feeder_that_hardly_is_is_doubted_and_no_fault(tmp_path: Path, typed: Typed, text: str, doubt: str) -> None:
    checked, told = typed("check", written(tmp_path, text)), typed("feeder", tmp_path / "feeder.toml")
    assert (checked.code, checked.err) == (told.code, told.err) == (0, "")
    assert checked.out.splitlines()[1:] == told.out.splitlines()
    assert doubt in told.out.splitlines(), told.out


def test_options_of_a_community_are_none_of_a_feeder(tmp_path: Path, typed: Typed) -> None:
    said = typed("check", written(tmp_path, GOOD), "--data", "--preset", "p2pet")
    assert said.code == 2
    assert said.err.splitlines()[0] == f"--preset: expected a community, found the feeder {tmp_path / 'feeder.toml'}"
    assert said.err.splitlines()[-1] == "2 findings."


RING = FeederFile(wires(*(line(f"h{at}", f"h{(at + 1) % 6}", 60, 0.4, 100) for at in range(6)), root="h0")).text


@pytest.mark.parametrize(
    ("feeder", "members", "code", "expected"),
    [
        (RING, ("", ""), 2, "mine.toml:68 line h5-h0: expected a radial feeder: one way to every bus, found a loop over h5"),
        (None, (",h3", ",hh3"), 2, "members.csv:4 bus: expected a bus of the feeder: one of h0, h1, h2, h3, h4, h5 (did you mean h3?), found 'hh3'"),
        (None, (",h3", ","), 2, "members.csv:4 bus: expected a bus of the feeder: one of h0, h1, h2, h3, h4, h5, found ''"),
        ("small", ("", ""), 0, "Doubt: the transformer of 2 kVA is smaller than what members "),
        ("slip", ("", ""), 0, "Doubt: line h0-h1 r_ohm_per_km is 400 (and 4 more like it), and hardly ever above 20: was it written in milliohm per km?"),
    ],
)  # fmt: skip
def test_a_community_on_a_bad_feeder_is_found_or_doubted(
    street: Path, tmp_path: Path, typed: Typed, feeder: str | None, members: tuple[str, str], code: int, expected: str
) -> None:
    for path in street.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    lane = (tmp_path / "lane.toml").read_text(encoding="utf-8")
    texts = {"small": lane.replace("rating_va = 100000.0", "rating_va = 2000.0").replace("load_loss_w = 1500.0", "load_loss_w = 30.0"), "slip": lane.replace("r_ohm_per_km = 0.4", "r_ohm_per_km = 400")}  # fmt: skip
    written(tmp_path, texts.get(feeder or "", feeder or lane), "mine.toml")
    rows = (tmp_path / "members.csv").read_text(encoding="utf-8")
    written(tmp_path, rows.replace(*members) if members[0] else rows, "members.csv")
    before = files_of(tmp_path)
    said = typed("check", tmp_path, "--set", "grid.model=radial", "--set", "grid.feeder=mine.toml")
    assert said.code == code, said.both
    assert any(each.startswith(expected) for each in (said.err if code else said.out).splitlines()), said.both
    assert files_of(tmp_path) == before
