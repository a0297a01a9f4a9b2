"""`commonwatt new`: a template of any room is found, keeps its room's promises and trades; what cannot be made is refused."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.small_runs import commonwatt, environment

import commonwatt as package
from commonwatt.settings.rooms import ROOMS
from commonwatt.wiring.starting_points import STARTING_POINTS

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(package.__file__).resolve().parent
ONE_DAY = ("--from", "2024-05-07", "--to", "2024-05-08", "--set", "ledger.chain=memory")
every_room = pytest.mark.parametrize("room", ROOMS)


def name_in(room: str) -> str:
    return f"drafted_{room}"


def installed(folder: Path) -> str:
    """What PYTHONPATH becomes when the plug-in projects in a folder are installed: their sources, and what pip would write."""
    paths = [str(SOURCE.parent), str(folder / "site")]
    for project in sorted(path.parent for path in folder.glob("*/pyproject.toml")):
        read = tomllib.loads((project / "pyproject.toml").read_text())["project"]
        info = folder / "site" / f"{read['name'].replace('-', '_')}-{read['version']}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {read['name']}\nVersion: {read['version']}\n")
        groups = [
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
            for group, points in read["entry-points"].items()
        ]
        (info / "entry_points.txt").write_text("".join(groups))
        paths.append(str(project / "src"))
    return os.pathsep.join(paths)


@pytest.fixture(scope="session")
def projects(once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A plug-in project a room, "installed". Read only."""

    def make(folder: Path) -> None:
        folder.mkdir()
        for room in ROOMS:
            said = commonwatt("new", room, name_in(room), "--out", folder / room)
            assert said.code == 0, said.both
        (folder / "path.txt").write_text(installed(folder))

    return once("projects", make)


@pytest.fixture
def plugged_in(projects: Path) -> dict[str, str]:
    return {"PYTHONPATH": (projects / "path.txt").read_text()}


def test_every_room_has_a_starting_point_and_no_other() -> None:
    assert set(STARTING_POINTS) == set(ROOMS)


@every_room
def test_a_template_is_listed_under_its_name(room: str, plugged_in: dict[str, str]) -> None:
    said = commonwatt("list", room, env=plugged_in)
    assert said.code == 0, said.both
    line = next(line for line in said.out.splitlines() if line.strip().startswith(name_in(room)))
    assert STARTING_POINTS[room].says in line


def test_a_template_of_every_room_keeps_the_promises_of_its_room(plugged_in: dict[str, str]) -> None:
    swept = [f"tests/conformance/test_{room}.py" for room in ROOMS]
    swept.append("tests/house/test_manner.py::test_every_file_of_a_room_is_an_answer")
    asked = "drafted or every_file_of_a_room"
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-k", asked, *swept],
        cwd=ROOT, env=environment(plugged_in), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr
    for room in ROOMS:
        assert len(re.findall(rf"test_{room}\.py::\S*{name_in(room)}\S* PASSED", ended.stdout)) >= 1, room


@every_room
def test_a_template_reads_as_the_house_writes(room: str, projects: Path, tmp_path: Path) -> None:
    source = projects / room / "src" / f"commonwatt_{name_in(room)}" / f"{name_in(room)}.py"
    copy = tmp_path / f"{name_in(room)}.py"
    shutil.copyfile(source, copy)
    for action in (["check", "--no-cache"], ["format", "--no-cache", "--check"]):
        command = [sys.executable, "-m", "ruff", *action, "--config", str(ROOT / "pyproject.toml"), str(copy)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_day_trades_on_templates_alone(tmp_path: Path, little_street: Path, plugged_in: dict[str, str]) -> None:
    keys = {
        "metering": "metering.level", "forecasting": "forecasting.model", "bidding": "bidding.strategy",
        "assets": "assets.storage", "venues": "market.venue", "clearing": "market.clearing", "pricing": "pricing.policy",
        "grid": "grid.model", "settlement": "settlement.rule", "trust": "trust.model", "validators": "validators.policy",
    }  # fmt: skip
    assert set(keys) == set(ROOMS)
    chosen = [word for room, key in keys.items() for word in ("--set", f"{key}={name_in(room)}")]
    said = commonwatt("run", little_street, *ONE_DAY, *chosen, "--out", tmp_path / "out", env=plugged_in)
    assert said.code == 0, said.both
    assert "Energy 0 Wh off, money 0 off, ledger verified" in said.out
    assert not re.search(r"\b0\.0 kWh traded", said.out)


def test_in_a_checkout_the_template_goes_into_the_room(tmp_path: Path) -> None:
    checkout = tmp_path / "clone"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SOURCE, checkout / "src" / "commonwatt", ignore=ignored)
    (checkout / "tests" / "conformance").mkdir(parents=True)
    shutil.copyfile(ROOT / "pyproject.toml", checkout / "pyproject.toml")
    env = {"PYTHONPATH": str(checkout / "src")}
    said = commonwatt("new", "pricing", "my_price", cwd=checkout / "tests", env=env)
    assert said.code == 0, said.both
    assert said.out.splitlines()[0] == f"A new answer: {Path('src/commonwatt/pricing/my_price.py')}"
    assert "commonwatt list pricing" in said.out
    assert "tests/conformance/test_pricing.py -k my_price" in said.out
    assert "To land it: CONTRIBUTING.md" in said.out
    assert "--set pricing.policy=my_price" in said.out
    listed = commonwatt("list", "pricing", cwd=checkout, env=env)
    assert "my_price" in listed.out
    again = commonwatt("new", "pricing", "my_price", cwd=checkout, env=env)
    assert again.code == 2
    assert "a name that no answer of pricing has, found 'my_price'" in again.err


def test_away_from_a_checkout_a_project_is_made_beside_the_user(tmp_path: Path) -> None:
    said = commonwatt("new", "bidding", "my_way", cwd=tmp_path)
    assert said.code == 0, said.both
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    package_path = Path("commonwatt-my-way/src/commonwatt_my_way")
    expected = ["commonwatt-my-way/README.md", "commonwatt-my-way/pyproject.toml", package_path / "__init__.py"]
    assert files == sorted(map(str, [*expected, package_path / "my_way.py"]))
    assert "pip install -e" in said.out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("claering", "mine"), "new ROOM: expected a room: one of "),
        (("clearing", "uniform_price"), "new NAME: expected a name that no answer of clearing has, found 'uniform_price'"),
        (("clearing", "order_book"), "new NAME: expected a name whose class is none that the room uses: OrderBook is one"),
        (("clearing", "value_error"), "new NAME: expected a name whose class is none that the room uses: ValueError is one"),
        *[
            (("clearing", bad), "new NAME: expected a file name in lower_case that Python can import")
            for bad in ("MyRule", "my-rule", "1st", "_mine", "my__rule", "class", "base", "../escape", "ünder", "")
        ],
    ],
)  # fmt: skip
def test_what_cannot_be_a_new_answer_is_refused(tmp_path: Path, arguments: tuple[str, str], expected: str) -> None:
    said = commonwatt("new", *arguments, cwd=tmp_path)
    assert said.code == 2
    assert said.err.startswith(expected), said.err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for out, found in ((tmp_path, "mine.txt"), (tmp_path / "mine.txt", "a file")):
        said = commonwatt("new", "grid", "my_grid", "--out", out)
        assert (said.code, said.err) == (2, f"--out: expected a new or empty folder, found {found}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_help_shows_an_example() -> None:
    said = commonwatt("new", "--help")
    assert said.code == 0
    assert "commonwatt new clearing my_auction" in said.out
