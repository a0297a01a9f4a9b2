"""The reference page of settings is the one the models give."""

from pathlib import Path

from commonwatt.core.members import Member
from commonwatt.settings.faults import keys_of
from commonwatt.settings.member_rows import FIELDS, MEANINGS
from commonwatt.settings.reference import settings_reference
from commonwatt.settings.sections import SECTIONS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "settings.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_reference()


def test_every_key_is_on_the_page() -> None:
    page = settings_reference()
    for name, model in SECTIONS.items():
        part = page.partition(f"## [{name}]")[2]
        assert all(f"| `{key}` |" in part for key in keys_of(model))


def test_every_member_column_has_a_meaning() -> None:
    assert tuple(MEANINGS) == FIELDS == tuple(Member.__dataclass_fields__)
