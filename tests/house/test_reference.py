"""What is generated from the code is what the code says now: reference pages, and the example's community file."""

from pathlib import Path

import pytest
from scripts.generate import ROOT, files

from commonwatt.core.members import Member
from commonwatt.settings.faults import keys_of
from commonwatt.settings.member_rows import FIELDS, MEANINGS
from commonwatt.settings.sections import SECTIONS


@pytest.fixture(scope="module")
def generated() -> dict[Path, str]:
    return files()


def test_generated_files_are_what_the_code_says(generated: dict[Path, str]) -> None:
    stale = [
        path.relative_to(ROOT).as_posix()
        for path, text in generated.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert not stale, "run `make generate` (python scripts/generate.py) and commit what it writes"


def test_every_page_is_in_the_navigation(generated: dict[Path, str]) -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [path.name for path in generated if path.suffix == ".md"]
    assert pages == [page for page in pages if f": reference/{page}" in navigation]


def test_every_key_of_a_section_is_on_the_page_of_settings(generated: dict[Path, str]) -> None:
    page = generated[ROOT / "docs/reference/settings.md"]
    for name, model in SECTIONS.items():
        part = page.partition(f"## [{name}]")[2]
        assert all(f"| `{key}` |" in part for key in keys_of(model))


def test_every_member_column_has_a_meaning() -> None:
    assert tuple(MEANINGS) == FIELDS == tuple(Member.__dataclass_fields__)
