"""A federation to start from: everybody of the example in one of two communities, which may run as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from commonwatt.adapters.datasets import example_folder
from commonwatt.core.errors import InvalidInput
from commonwatt.settings.federation import federation_path, open_members, read_federation
from commonwatt.settings.starting_federation import start_federation


@pytest.fixture(scope="module")
def valley(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("started") / "valley"
    start_federation(folder)
    return folder


def test_everybody_lives_in_one_of_two_communities(valley: Path) -> None:
    lines = [(valley / side / "members.csv").read_text(encoding="utf-8").splitlines() for side in ("upper", "lower")]
    example = (example_folder() / "members.csv").read_text(encoding="utf-8").splitlines()

    assert sorted(lines[0][1:] + lines[1][1:]) == sorted(example[1:])
    assert (len(lines[0]), len(lines[1])) == (16, 11)


def test_both_may_run_as_they_are(valley: Path) -> None:
    path = federation_path(valley)
    assert path is not None
    federation = read_federation(path)

    for at, name in enumerate(("Upper valley", "Lower valley")):
        community, found = open_members(federation, at, None, ())
        assert found == []
        assert community is not None
        assert community.settings.community.name == name


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(InvalidInput, match="a new or empty folder"):
        start_federation(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_with_a_community_is_no_federation(tmp_path: Path) -> None:
    (tmp_path / "federation.toml").touch()
    assert federation_path(tmp_path) == tmp_path / "federation.toml"
    (tmp_path / "community.toml").touch()

    assert federation_path(tmp_path) is None
    assert federation_path(tmp_path / "federation.toml") == tmp_path / "federation.toml"
    assert federation_path(tmp_path / "nowhere") is None
