"""What the documents tell a reader to type or to open is there: commands with their options, make targets, files."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripts.generate import ROOT
from scripts.reference.commands import all_commands
from tests.fakes.kill_table import read_rows, summary

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
CODE = re.compile(r"^```\w*\n(.*?)^```|(?<!`)`([^`\n]+)`", re.MULTILINE | re.DOTALL)
OURS = ("src/", "docs/", "scripts/", "tests/", "examples/")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())


def code_of(page: Path) -> Iterator[str]:
    """Every line of code of a page, without comments."""
    for block, inline in CODE.findall(page.read_text(encoding="utf-8")):
        for line in (block or inline).splitlines():
            yield line.partition(" #")[0].strip()


def blocks_of(page: Path) -> list[str]:
    """Every block of code of a page, whole."""
    return [block for block, _ in CODE.findall(page.read_text(encoding="utf-8")) if block]


def commands_of(page: Path) -> Iterator[list[str]]:
    """The words of every `commonwatt` command on a page, the name itself left out."""
    for line in code_of(page):
        for command in re.split(r"&&|\|", line):
            if command.strip().startswith("commonwatt "):
                yield shlex.split(command)[1:]


def faults(words: list[str], commands: dict[str, Any]) -> list[str]:
    """What the command line would not take of a command; words in capitals stand for what a reader fills in."""
    name, *rest = words
    if name.isupper() or name == "--help":
        return []
    if name not in commands:
        return [name]
    known = {option: parameter for parameter in commands[name].params for option in parameter.opts}
    options = [word.partition("=")[0] for word in rest if word.startswith("--")]
    return [f"{name} {option}" for option in options if option not in {*known, "--help"}]


@each_page
def test_every_command_that_a_page_names_exists_with_its_options(page: Path) -> None:
    commands = all_commands()
    assert [fault for words in commands_of(page) for fault in faults(words, commands)] == []


@each_page
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {words[1] for line in code_of(page) if (words := line.split())[:1] == ["make"] and len(words) > 1}
    assert {target for target in targets if "=" not in target and f"\n{target}:" not in makefile} == set()


@each_page
def test_every_file_of_ours_that_a_page_names_exists(page: Path) -> None:
    named = {line for line in code_of(page) if line.startswith(OURS) and re.fullmatch(r"[\w./-]+", line)}
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_page_is_in_the_navigation_and_within_reach_of_the_first_one() -> None:
    docs = ROOT / "docs"
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")} - {"index.md"}
    for text in ((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), (docs / "index.md").read_text(encoding="utf-8")):
        assert pages - set(re.findall(r"[\w/-]+\.md", text)) == set()


def test_the_guard_itself_sees_a_wrong_command() -> None:
    commands = all_commands()
    assert faults(["run", "mine", "--form", "2017-05-08"], commands) == ["run --form"]
    assert faults(["chek", "mine"], commands) == ["chek"]
    assert faults(["COMMAND", "--help"], commands) == []
    assert sum(1 for page in PAGES for _ in commands_of(page)) > 30


def test_every_test_that_an_explanation_names_exists() -> None:
    tests = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    named = {line for page in PAGES for line in code_of(page) if re.fullmatch(r"test_\w+", line)}
    assert len(named) > 30
    assert named - tests == set()


def test_the_table_of_kills_is_made_from_its_file_and_nothing_differed() -> None:
    rows = read_rows(ROOT / "docs" / "explain" / "kills.csv")
    page = (ROOT / "docs" / "explain" / "faults.md").read_text(encoding="utf-8")
    assert summary(rows) in page
    assert f"## Killed {sum(int(row['kills']) for row in rows)} times" in page
    assert [row for row in rows if row["differences"]] == []
    assert sum(int(row["kills"]) for row in rows) >= 200
