"""Bad input never gets half-way: every fault at once, in words, exit code 2, and nothing written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.small_runs import MEMBERS, TOML, Said, commonwatt, copied, files_of, write_small_community

from commonwatt.core.errors import InvalidInput
from commonwatt.wiring.running import RunRequest, run_community

FINDING = re.compile(r"^.+: expected .+, found .+$")


def findings_of(said: Said) -> list[str]:
    """The findings of a refused command, one a line; everything on standard error, exit code 2."""
    assert said.code == 2, said.both
    assert said.out == ""
    lines = said.err.splitlines()
    if len(lines) > 1:
        assert lines[-1] == f"{len(lines) - 1} findings."
        lines = lines[:-1]
    assert lines
    assert [line for line in lines if not FINDING.match(line)] == []
    return lines


class Quiet:
    """A watcher of a run that should not begin."""

    def stage(self, name: str, total: int | None = None) -> None:
        """No run gets here."""
        pytest.fail(f"{name} of {total} steps began")

    def at(self, done: int) -> None:
        """No run gets here."""

    def say(self, text: str) -> None:
        """No run gets here."""


def refused(street: Path, tmp_path: Path, **asked: Any) -> list[str]:
    """The findings of a run that is refused; neither results nor a key file come of it. In process, for there are many."""
    before = files_of(street)
    with pytest.raises(InvalidInput) as told:
        run_community(RunRequest(street, tmp_path / "results" / "out", **asked), Quiet())
    assert not (tmp_path / "results").exists()
    assert files_of(street) == before
    assert "keys.json" not in before
    lines = str(told.value).splitlines()
    assert [line for line in lines if not FINDING.match(line)] == []
    return lines


def has(lines: list[str], *parts: str) -> bool:
    """Whether one finding holds all the parts."""
    return any(all(part in line for part in parts) for line in lines)


SPOILED_TOML = (
    TOML.replace("feed_in_micro_per_kwh = 80_000", "feed_in_micro_per_kwh = -80_000")
    .replace("tax_micro_per_kwh = 20_000", "taxes_micro_per_kwh = 20_000", 1)
    .replace('time_zone = "Europe/Zurich"', 'time_zone = "Europe/Zurick"')
    + '[market]\nclearing = "uniform_prise"\n[pricing]\npolicy = "middle"\n'
)
SPOILED_MEMBERS = (
    MEMBERS.replace("barn,prosumer,3000,5000,2000,500,1000", "barn,prosumer,3000,5000,2000,500,9000")
    .replace("roof-1,prosumer,6000,0,0,0,0", "roof-1,prosumer,6000,4000,2000,4500,0")
    .replace("flat-1,consumer,0", "../flat-1,consumer,0")
    .replace("260000", "-260000")
    .replace("zero_intelligence,290000", "zero_inteligence,290000")
)


def _spoil_profiles(street: Path) -> None:
    path = street / "profiles.csv"
    lines = path.read_text().splitlines()
    lines[7] = lines[2]  # the second row again
    lines[11] = lines[11].rpartition(",")[0] + ",NaN"
    lines[12] = lines[12].replace("Z,", ",", 1)  # no zone
    lines[13] = "yesterday," + lines[13].partition(",")[2]
    lines[16] = lines[16].replace("roof-1", "rof-1")
    path.write_text("\n".join(lines) + "\n")


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    street = write_small_community(tmp_path / "street", toml=SPOILED_TOML, members=SPOILED_MEMBERS)
    before = files_of(street)
    lines = findings_of(commonwatt("run", street, "--out", tmp_path / "results" / "out"))
    assert files_of(street) == before
    assert not (tmp_path / "results").exists()
    assert has(lines, "community.toml", "feed_in_micro_per_kwh", "-80000")
    assert has(lines, "taxes_micro_per_kwh", "tax_micro_per_kwh")
    assert has(lines, "time_zone", "Europe/Zurich?", "Europe/Zurick")
    assert has(lines, "clearing", "did you mean uniform_price?", "uniform_prise")
    assert has(lines, "pricing.policy", "midpoint", "'middle'")
    assert has(lines, "members.csv:4 battery_initial_wh", "at most battery_wh 5000", "9000")
    assert has(lines, "members.csv:2 battery_min_wh", "at most battery_wh 4000", "4500")
    assert has(lines, "members.csv:5 id", "../flat-1")
    assert has(lines, "members.csv:2 buy_limit_micro_per_kwh", "-260000")
    assert has(lines, "members.csv:6 strategy", "did you mean zero_intelligence?")


def test_every_fault_of_the_data_is_said_at_once_with_its_line(tmp_path: Path) -> None:
    street = write_small_community(tmp_path / "street")
    _spoil_profiles(street)
    lines = refused(street, tmp_path)
    assert has(lines, "profiles.csv:8 start", "each time once a member (line 3 has it)")
    assert has(lines, "profiles.csv:12 pv_wh", "a whole number of Wh", "NaN")
    assert has(lines, "profiles.csv:13 start")
    assert has(lines, "profiles.csv:14 start", "yesterday")
    assert has(lines, "profiles.csv:17 member", "did you mean roof-1?", "rof-1")


def test_a_missing_column_and_a_gap_too_long_are_said(tmp_path: Path) -> None:
    street = write_small_community(tmp_path / "gap", gaps={"flat-2": range(20, 50)})
    assert has(refused(street, tmp_path), "profiles.csv", "flat-2")
    path = street / "profiles.csv"
    path.write_text(path.read_text().replace("load_wh,pv_wh", "load_kwh,pv_wh", 1))
    assert has(refused(street, tmp_path), "profiles.csv:1 load_wh", "'load_kwh'")


def test_times_with_and_without_a_zone_do_not_mix(tmp_path: Path) -> None:
    street = write_small_community(tmp_path / "street")
    path = street / "profiles.csv"
    path.write_text(path.read_text().replace("2024-05-06T12:00Z", "2024-05-06T12:00"))
    lines = refused(street, tmp_path)
    assert has(lines, "profiles.csv", "start", "2024-05-06T12:00")


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", ".", "/etc", "", "a\\b", "nul\x07", "x" * 65, "-rf"])
def test_a_member_cannot_be_named_like_a_path(tmp_path: Path, name: str) -> None:
    street = write_small_community(tmp_path / "street", members=MEMBERS.replace("flat-1,", f"{name},"))
    assert has(refused(street, tmp_path), "members.csv:5 id")


def test_two_members_whose_folders_could_be_one_are_refused(tmp_path: Path) -> None:
    street = write_small_community(tmp_path / "street", members=MEMBERS.replace("flat-2", "FLAT-1"))
    assert has(refused(street, tmp_path), "members.csv:6 id", "an id of its own")


FLAGS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"preset": "p2pett"}, ("--preset", "did you mean p2pet?")),
    ({"overrides": ("tariff.retail=1",)}, ("--set", "retail_micro_per_kwh")),
    ({"overrides": ("tarif.retail_micro_per_kwh=1",)}, ("--set", "tariff")),
    ({"overrides": ("nonsense",)}, ("--set", "nonsense")),
    ({"overrides": ("community.slot_s=7",)}, ("--set", "slot_s", "7")),
    ({"overrides": ("market.clearing=uniform",)}, ("--set", "did you mean uniform_price?")),
    ({"overrides": ("ledger.chain=besu",)}, ("--set", "besu")),
    ({"first": "yesterday"}, ("--from", "a date, YYYY-MM-DD", "yesterday")),
    ({"first": "2024-13-01"}, ("--from", "a date")),
    ({"first": "2024-05-08", "end": "2024-05-07"}, ("--to", "a day after 2024-05-08", "2024-05-07")),
    ({"first": "2024-05-07", "end": "2024-05-07"}, ("--to", "a day after 2024-05-07")),
    ({"first": "2023-01-01"}, ("--from", "days within the data", "2023-01-01")),
    ({"end": "2024-06-01"}, ("--to", "days within the data", "2024-06-01")),
    ({"end": "9999-12-31"}, ("--to", "days within the data", "9999-12-31")),
    ({"first": "0001-01-01"}, ("--from", "days within the data", "0001-01-01")),
    ({"first": "99999999-01-01"}, ("--from", "a date")),
]


@pytest.mark.parametrize(("asked", "parts"), FLAGS, ids=[str(asked) for asked, _ in FLAGS])
def test_a_bad_flag_is_a_finding_that_names_it(tmp_path: Path, asked: dict[str, Any], parts: tuple[str, ...]) -> None:
    street = write_small_community(tmp_path / "street")
    assert has(refused(street, tmp_path, **asked), *parts)


def test_bad_flags_are_said_on_the_command_line(tmp_path: Path) -> None:
    street = write_small_community(tmp_path / "street")
    dates = ("--from", "monday", "--to", "friday")
    lines = findings_of(commonwatt("run", street, "--out", tmp_path / "out", *dates))
    assert has(lines, "--from", "monday")
    assert has(lines, "--to", "friday")
    names = ("--preset", "p2pett", "--set", "tarif.x=1", "--set", "tariff.retail=1")
    lines = findings_of(commonwatt("run", street, "--out", tmp_path / "out", *names))
    assert len(lines) == 3
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["community.toml", "members.csv", "profiles.csv"])
@pytest.mark.parametrize("fault", ["empty", "missing", "folder", "binary"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, fault: str) -> None:
    street = write_small_community(tmp_path / "street")
    path = street / name
    path.unlink()
    if fault == "folder":
        path.mkdir()
    elif fault != "missing":
        path.write_bytes({"empty": b"", "binary": b"\xff\xfe\x00\x01\x00"}[fault])
    assert has(refused(street, tmp_path), name)


def test_a_folder_that_is_no_community_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert has(refused(tmp_path / "empty", tmp_path), "community.toml")
    assert has(refused(tmp_path / "nowhere", tmp_path), "nowhere")


def test_a_damaged_key_file_is_a_finding_beside_the_others(tmp_path: Path) -> None:
    street = write_small_community(tmp_path / "street", toml=SPOILED_TOML)
    (street / "keys.json").write_text("hello")
    (street / "keys.json").chmod(0o600)
    lines = findings_of(commonwatt("run", street, "--out", tmp_path / "out"))
    assert has(lines, "keys.json", "a key file", "text that is no JSON")
    assert has(lines, "feed_in_micro_per_kwh")
    assert not (tmp_path / "out").exists()


def test_a_key_file_that_others_may_read_is_refused(little_street: Path, tmp_path: Path) -> None:
    street = copied(little_street, tmp_path / "street")
    (street / "keys.json").chmod(0o644)
    lines = findings_of(commonwatt("run", street, "--out", tmp_path / "out"))
    assert has(lines, "keys.json", "chmod 600")
    assert not (tmp_path / "out").exists()


def test_a_key_file_that_cannot_be_made_leaves_no_results_folder(tmp_path: Path) -> None:
    street = write_small_community(tmp_path / "street")
    lines = refused(street, tmp_path, overrides=("ledger.key_file=nowhere/keys.json",))
    assert has(lines, "nowhere/keys.json", "a place where a key file can be made")


@pytest.mark.parametrize("where", ["a file", "below a file", "a name too long"])
def test_an_output_folder_that_cannot_be_is_refused(tmp_path: Path, where: str) -> None:
    street = write_small_community(tmp_path / "street")
    (tmp_path / "taken").write_text("mine")
    out = {"a file": "taken", "below a file": "taken/out", "a name too long": "x" * 300}[where]
    said = commonwatt("run", street, "--out", tmp_path / out)
    assert has(findings_of(said), str(tmp_path / out))
    assert (tmp_path / "taken").read_text() == "mine"
    assert not (street / "keys.json").exists()


def test_check_says_what_run_says(tmp_path: Path) -> None:
    street = write_small_community(tmp_path / "street", toml=SPOILED_TOML, members=SPOILED_MEMBERS)
    _spoil_profiles(street)
    checked = findings_of(commonwatt("check", street))
    assert checked == findings_of(commonwatt("run", street, "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert not (street / "keys.json").exists()
