"""What the reference says a run leaves is what a run leaves; the tutorial's commands do what it says."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from scripts.generate import ROOT
from scripts.reference.results import FILES, NAMES, SUMMARY, TIMING
from tests.fakes.small_runs import MEMBERS, commonwatt, read_json
from tests.house.test_docs import commands_of

from commonwatt.services.schemas import COLUMNS, PUBLIC

TUTORIAL = ROOT / "docs" / "tutorials" / "first-community.md"


def test_a_run_leaves_the_files_of_the_reference_and_no_others(community_run: Path) -> None:
    first, *others = [line.split(",")[0] for line in MEMBERS.splitlines()[1:]]
    left = {path.relative_to(community_run).as_posix() for path in community_run.rglob("*") if path.is_file()}
    mine = {name.replace(f"members/{first}/", "members/ID/") for name in left if name.split("/")[1:2] != others}
    mine = {name for name in mine if not any(name.startswith(f"members/{other}/") for other in others)}
    assert mine == set(FILES) | {f"public/{name}.csv" for name in PUBLIC}


def test_tables_have_the_columns_of_the_reference(community_run: Path) -> None:
    for name in PUBLIC:
        assert pq.read_schema(community_run / "public" / f"{name}.parquet").names == list(COLUMNS[name])


def test_figures_have_the_names_of_the_reference(community_run: Path) -> None:
    assert list(read_json(community_run / "summary.json")) == list(SUMMARY)
    assert set(read_json(community_run / "timing.json")) == set(TIMING)


def test_names_in_tables_are_those_of_the_reference(p2pet_run: Path) -> None:
    seen = {
        (table, column): set(pq.read_table(p2pet_run / "public" / f"{table}.parquet")[column].to_pylist())
        for table, column in (
            ("statements", "leg"),
            ("orders", "reason"),
            ("orders", "source"),
            ("orders", "preference"),
            ("readings", "quality"),
            ("postings", "kind"),
        )
    }
    for (_, column), names in seen.items():
        assert names
        assert names <= {each.name.lower() for each in NAMES[column]}


@pytest.mark.full
def test_the_commands_of_the_tutorial_do_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the page, in an empty folder, with one day of data so that it does not take minutes."""
    monkeypatch.chdir(tmp_path)
    for words in commands_of(TUTORIAL):
        words = [word.replace("out/NAME", "out/mine").replace("anna", "home-01") for word in words]
        said = commonwatt(*words)
        assert said.code == 0, (words, said.both)
        if words[0] == "init":
            settings = tmp_path / "mine" / "community.toml"
            settings.write_text(settings.read_text().replace('to = "2017-05-15"', 'to = "2017-05-09"'))
    assert (tmp_path / "out/mine/report.html").is_file()
    assert (tmp_path / "out/mine/members/home-01/bill.csv").is_file()
