"""The same input gives the same bytes; another seed or another key file does not."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.fakes.small_runs import commonwatt, copied, files_of, promised, read_json

ONE_DAY = ("--from", "2024-05-07", "--to", "2024-05-08")
IN_MEMORY = ("--set", "ledger.chain=memory")


def run(street: Path, out: Path, *more: str) -> dict[str, bytes]:
    """What a day leaves that is promised to be the same every time."""
    said = commonwatt("run", street, "--out", out, *ONE_DAY, *more)
    assert said.code == 0, said.both
    return promised(out)


@pytest.mark.parametrize(
    ("preset", "chain"),
    [("p2pet", "embedded"), ("community", "memory"), pytest.param("community", "embedded", marks=pytest.mark.full)],
)
def test_two_runs_of_the_same_input_are_the_same_bytes(
    street_with_gaps: Path, tmp_path: Path, preset: str, chain: str
) -> None:
    # Another folder, another name, another day of the week: nothing of it may show.
    design: tuple[str, ...] = ("--preset", preset, "--set", f"ledger.chain={chain}", "--csv")
    there = copied(street_with_gaps, tmp_path / "moved")
    if preset == "p2pet":
        design += ("--set", "bidding.signing=order", "--set", "metering.signing=gateway")
    one = run(there, tmp_path / "one", *design)
    two = run(there, tmp_path / "somewhere" / "else", *design)
    assert sorted(one) == sorted(two)
    assert [name for name in one if one[name] != two[name]] == []


def test_another_seed_draws_another_sequence(little_street: Path, tmp_path: Path) -> None:
    one = run(little_street, tmp_path / "one", *IN_MEMORY)
    two = run(little_street, tmp_path / "two", *IN_MEMORY, "--set", "community.seed=2")
    assert one["public/orders.parquet"] != two["public/orders.parquet"]
    assert one["public/members.parquet"] == two["public/members.parquet"]


def test_another_key_file_changes_every_pseudonym_and_no_figure(little_street: Path, tmp_path: Path) -> None:
    other = {"COMMONWATT_KEY_FILE": str(tmp_path / "other-keys.json")}
    run(little_street, tmp_path / "one", *IN_MEMORY)
    said = commonwatt("run", little_street, "--out", tmp_path / "two", *ONE_DAY, *IN_MEMORY, env=other)
    assert said.code == 0, said.both
    one, two = (
        set(pq.read_table(tmp_path / name / "public" / "members.parquet")["member"].to_pylist())
        for name in ("one", "two")
    )
    assert len(one) == len(two) == 5
    assert not one & two
    assert read_json(tmp_path / "one" / "summary.json") == read_json(tmp_path / "two" / "summary.json")
    assert (tmp_path / "other-keys.json").stat().st_mode & 0o777 == 0o600


def test_nothing_public_holds_the_secret_or_the_place_of_it(little_street: Path, tmp_path: Path) -> None:
    run(little_street, tmp_path / "one", *IN_MEMORY)
    secret = read_json(little_street / "keys.json")["master_secret"]
    for name, data in files_of(tmp_path / "one").items():
        assert secret.encode() not in data, name
        assert bytes.fromhex(secret) not in data, name


def test_a_run_leaves_its_community_as_it_was_but_for_the_key_file(street_with_gaps: Path, tmp_path: Path) -> None:
    street = copied(street_with_gaps, tmp_path / "street")
    (street / "keys.json").unlink(missing_ok=True)
    before = files_of(street)
    run(street, tmp_path / "out", *IN_MEMORY)
    after = files_of(street)
    assert set(after) - set(before) == {"keys.json"}
    assert all(after[name] == before[name] for name in before)
