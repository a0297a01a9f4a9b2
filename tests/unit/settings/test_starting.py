"""A new community folder: whole or not at all, sound, every key explained."""

import tomllib
from pathlib import Path

import pytest
from tests.fakes.communities import lines_of, told

from commonwatt.adapters.datasets import example_folder
from commonwatt.core.errors import InvalidInput
from commonwatt.settings import load
from commonwatt.settings.faults import keys_of
from commonwatt.settings.sections import SECTIONS
from commonwatt.settings.written import community_toml, start_community


def test_a_new_community_is_sound_and_named_after_its_folder(tmp_path: Path) -> None:
    files = start_community(tmp_path / "mine")
    assert [file.name for file in files] == ["community.toml", "members.csv", "profiles.parquet"]
    assert told(tmp_path / "mine") == []
    assert load(tmp_path / "mine").community.name == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_the_keys_and_results_of_a_new_community_stay_out_of_version_control(tmp_path: Path) -> None:
    start_community(tmp_path / "mine")
    kept_out = (tmp_path / "mine" / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert load(tmp_path / "mine").key_path.name in kept_out
    assert "out/" in kept_out


def test_an_empty_folder_may_become_one(tmp_path: Path) -> None:
    start_community(tmp_path)
    assert told(tmp_path) == []


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InvalidInput) as caught:
        start_community(tmp_path)
    assert lines_of(caught.value) == [f"{tmp_path}: expected a new or empty folder, found notes.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(InvalidInput, match="expected a new or empty folder, found a file"):
        start_community(tmp_path / "mine")


def test_nothing_is_left_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_source: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(InvalidInput, match="no space left on device"):
        start_community(tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("design", ["community", "p2pet"])
def test_every_key_stands_in_the_file_with_an_explanation(design: str) -> None:
    lines = community_toml({"community": {"design": design}}).splitlines()
    for name, model in SECTIONS.items():
        start = lines.index(f"[{name}]")
        body = lines[start + 1 :]
        for key in keys_of(model):
            if key in ("windows", "suppliers"):
                assert f"# [[tariff.{key}]]" in [line.partition("  ")[0] for line in body]
                continue
            [at, *_] = [i for i, line in enumerate(body) if line.removeprefix("# ").startswith(f"{key} = ")]
            assert body[at - 1].startswith("# ") and not body[at - 1].startswith("# [[")


def with_every_key(text: str) -> str:
    """The file with its commented-out keys (not the example of a window) made active."""
    before, _, after = text.partition("# [[tariff.windows]]")
    after = after[after.index("[market]") :]
    lines = (before + after).splitlines()
    return "\n".join(line.removeprefix("# ") if line.split(" ")[2:3] == ["="] else line for line in lines)


def test_the_keys_that_are_commented_out_say_what_holds(tmp_path: Path) -> None:
    start_community(tmp_path)
    before = load(tmp_path)
    path = tmp_path / "community.toml"
    path.write_text(with_every_key(path.read_text()))
    after = load(tmp_path)
    assert tomllib.loads(path.read_text())["ledger"]["window_slots"] == 4
    assert after.rates(0) == before.rates(0)
    assert after.effective_toml().partition("[market]")[2] == before.effective_toml().partition("[market]")[2]


def test_the_example_file_is_what_the_writer_writes() -> None:
    text = (example_folder() / "community.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    tables.pop("members")
    intro_end = text.index("\n\n")
    assert text[intro_end:] == community_toml(tables, "intro")[len("# intro") :]
