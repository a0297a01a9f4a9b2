"""Registries: a name is a file, a parameter is checked, a wrong name meets the nearest right one."""

from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import pytest

from commonwatt.clearing import CLEARINGS
from commonwatt.core.errors import InvalidInput, MissingExtra
from commonwatt.core.registry import Registry, class_name, parameter
from commonwatt.pricing import PRICINGS


@dataclass(frozen=True)
class Rehearsed:
    """An answer made up for these tests.

    More of it.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()
    count: int = parameter(3, doc="How many.", low=1, high=5)
    weight: float = parameter(0.5, doc="How much.", low=0.0)
    most: int = parameter(0, doc="At most.", high=9)
    mood: str = parameter("calm", doc="Which.", choices=("calm", "angry"))
    loud: bool = parameter(False, doc="Whether.")


class Rehearsal(Registry[Any]):
    """A room with one answer."""

    def answer(self, name: str) -> type[Any]:  # noqa: ARG002
        return Rehearsed


ROOM = Rehearsal("rehearsal")


def test_names_are_the_files_of_the_room() -> None:
    assert {"two_round_double_auction", "uniform_price"} <= set(CLEARINGS.names())
    assert "base" not in CLEARINGS.names()


def test_a_class_is_named_after_its_file() -> None:
    assert class_name("uniform_price") == "UniformPrice"
    assert class_name("median_14d") == "Median14d"
    assert CLEARINGS.answer("uniform_price").__name__ == "UniformPrice"


def test_an_unknown_name_lists_the_choices_and_the_nearest() -> None:
    with pytest.raises(InvalidInput) as caught:
        CLEARINGS.make("uniform_prise")
    (finding,) = caught.value.findings
    assert "two_round_double_auction, uniform_price" in finding.expected
    assert "did you mean uniform_price?" in finding.expected
    assert finding.found == "'uniform_prise'"


def test_a_name_like_no_other_lists_the_choices_only() -> None:
    with pytest.raises(InvalidInput, match="one of ") as caught:
        PRICINGS.make("zzz")
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"count": 0}, "1..5"),
        ({"count": 6}, "1..5"),
        ({"count": 2.5}, "a whole number"),
        ({"count": True}, "a whole number"),
        ({"weight": -0.1}, "at least 0.0"),
        ({"weight": float("nan")}, "at least 0.0"),
        ({"weight": "much"}, "a number"),
        ({"most": 10}, "at most 9"),
        ({"mood": "clam"}, "one of angry, calm (did you mean calm?)"),
        ({"mood": 3}, "text"),
        ({"loud": 1}, "true or false"),
        ({"cuont": 3}, "a parameter of rehearsed: one of count, loud, mood, most, weight (did you mean count?)"),
    ],
)
def test_a_parameter_out_of_place_is_a_finding(given: dict[str, Any], expected: str) -> None:
    assert [f.expected for f in ROOM.findings("rehearsed", "market", given)] == [expected]


def test_all_parameters_out_of_place_are_found_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        ROOM.make("rehearsed", "market", count=0, mood="sad", lot=1)
    assert [f.where for f in caught.value.findings] == ["market count", "market mood", "market lot"]


def test_sound_parameters_are_kept_and_a_whole_number_serves_as_a_number() -> None:
    assert ROOM.make("rehearsed", count=5, weight=2, loud=True) == Rehearsed(5, 2, 0, "calm", True)


def test_an_answer_of_another_package_enters_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = EntryPoint("outside", "commonwatt.clearing.uniform_price:UniformPrice", "commonwatt.clearing")
    monkeypatch.setattr("commonwatt.core.registry.entry_points", lambda group: [plugin] * (group == plugin.group))
    assert "outside" in Registry[Any]("clearing").names()


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = EntryPoint("outside", "package_that_is_not_here.auction", "commonwatt.clearing")
    monkeypatch.setattr("commonwatt.core.registry.entry_points", lambda group: [plugin] * (group == plugin.group))
    with pytest.raises(MissingExtra, match=r"outside.*'package_that_is_not_here'"):
        Registry[Any]("clearing").make("outside")


def test_a_summary_is_the_first_line() -> None:
    assert ROOM.summary("rehearsed") == "An answer made up for these tests."
