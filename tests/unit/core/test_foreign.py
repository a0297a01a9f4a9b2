"""What strangers wrote is parsed within limits: too deep, too long or no text at all is one kind of error, and the process stands."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commonwatt.adapters.store.files import read_json
from commonwatt.core.foreign import DEEPEST, MOST_TOML, parsed_json, parsed_toml, toml_of


@pytest.fixture(autouse=True)
def raised_limit() -> Iterator[None]:
    """As packages of chains leave the interpreter: its own guard no longer stands before the end of the stack."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "[" * 200_000 + "]" * 200_000, '"' + "[" * 99 + '",' + "[" * 101])  # fmt: skip
def test_json_that_is_too_deep_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="too deep a nesting"):
        parsed_json(text)


@pytest.mark.parametrize("text", ["a." * 200_000 + "b = 1", "a.b." * 60 + "c = 1", f"a = {'[' * 200_000}", f"a = {'{b = ' * 120}1{'}' * 120}"])  # fmt: skip
def test_toml_that_is_too_deep_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="too deep a nesting"):
        parsed_toml(text)


def test_what_is_as_deep_as_allowed_and_brackets_within_text_are_read() -> None:
    deep = "[" * DEEPEST + "]" * DEEPEST
    assert parsed_json(deep) == json.loads(deep)
    told = {"a": "[" * 500, "b": '\\"[{' * 500, "c": [{}] * 500}
    assert parsed_json(json.dumps(told)) == told
    assert (
        parsed_toml("a = '[' # [\n" + "b" * 9 + " = '[' # [\n" + 'c = """' + "[" * 200 + '"\\""""')["c"]
        == "[" * 200 + '""'
    )
    assert parsed_toml(f'a = "{"a. b." * 400}"\nb = {"[" * 50}{"]" * 50}')["a"] == "a. b." * 400


@pytest.mark.parametrize(("text", "most"), [("[1, 2]", 5), ("9" * 5000, 10**6), ("NaN,", 100), ("", 1)])
def test_what_is_no_json_or_too_long_is_a_value_error(text: str, most: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed_json(text, most)


def test_a_fault_of_toml_has_its_line() -> None:
    assert [str(each) for each in toml_of("a.toml", b"a = 1\nb = \n")[1]] == [
        "a.toml:2: expected TOML, found Invalid value"
    ]
    assert [str(each) for each in toml_of("a.toml", b"a = 1\nb = '\xfc'")[1]] == [
        "a.toml:2: expected text in UTF-8, found the byte 0xfc"
    ]
    assert str(toml_of("a.toml", b"a" * (MOST_TOML + 1))[1][0]).startswith("a.toml: expected TOML, found 16,777,217")


def _folder(path: Path) -> None:
    path.mkdir()


def _vast(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


@pytest.mark.parametrize(
    "make",
    [_folder, os.mkfifo, _vast, lambda path: path.symlink_to("/dev/zero"), lambda path: path.write_bytes(b"\xff")],
)
def test_a_file_that_is_no_json_is_an_error_at_once(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "any.json"
    make(path)
    with pytest.raises((OSError, ValueError)):
        read_json(path)
