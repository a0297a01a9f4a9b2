"""The catalogue: every answer of every room, with what it takes, and an answer that cannot be had by its name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from commonwatt.clearing import CLEARINGS
from commonwatt.core.errors import InvalidInput
from commonwatt.settings.rooms import ROOMS, name_finding
from commonwatt.settlement import SETTLEMENTS
from commonwatt.wiring.catalogue import catalogue_lines, matrix_lines
from commonwatt.wiring.one_market import ClearRequest, clear_file


@pytest.fixture
def incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    """A settlement rule from outside whose package is not there."""
    monkeypatch.setitem(SETTLEMENTS._paths, "outlandish", "no_such_package.outlandish")


def test_every_answer_of_every_room_is_listed_with_what_it_is() -> None:
    lines = catalogue_lines(None)
    for room, registry in ROOMS.items():
        at = next(i for i, line in enumerate(lines) if line.split(" ")[0] == room)
        listed = [line.split()[0] for line in lines[at + 1 : at + 1 + len(registry.names())]]
        assert listed == registry.names()
        assert all(len(line.split()) > 3 for line in lines[at + 1 : at + 1 + len(registry.names())])


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_shows_every_parameter_of_its_answers(room: str) -> None:
    text = "\n".join(catalogue_lines(room))
    for name in ROOMS[room].names():
        assert name in text
        for field in dataclasses.fields(ROOMS[room].answer(name)):
            assert f"      {field.name} = {field.default}" in text


def test_parameters_say_unit_choices_and_range() -> None:
    text = "\n".join(catalogue_lines("settlement"))
    assert "penalty_gamma_micro_per_kwh = 10000: penalty for energy that did not (micro/kWh, 0..2147483647)" in text
    (residual,) = (line for line in text.splitlines() if "residual = metered:" in line)
    assert residual.endswith("(metered or gate)")


def test_an_unknown_room_names_the_nearest() -> None:
    with pytest.raises(InvalidInput, match=r"did you mean settlement\?"):
        catalogue_lines("setlement")


@pytest.mark.usefixtures("incomplete")
def test_an_answer_whose_package_is_missing_is_shown_and_does_not_stop_the_list() -> None:
    for room in (None, "settlement"):
        (line,) = [line for line in catalogue_lines(room) if "outlandish" in line]
        assert "not available" in line
        assert "no_such_package" in line
    (line,) = [line for line in matrix_lines() if "outlandish" in line]
    assert "not available" in line


def test_the_matrix_says_of_every_answer_whether_each_level_gives_what_it_needs() -> None:
    head, *lines = matrix_lines()
    assert "plain" in head
    assert len(lines) == sum(len(registry.names()) for registry in ROOMS.values())
    assert all(line.endswith(("yes", "no")) for line in lines)
    assert any(line.startswith("settlement delivered") and "orders, readings" in line for line in lines)


def test_the_matrix_of_one_room_shows_that_room_only() -> None:
    head, *lines = matrix_lines("clearing")
    assert "plain" in head
    assert [line.split()[:2] for line in lines] == [["clearing", name] for name in ROOMS["clearing"].names()]
    with pytest.raises(InvalidInput, match=r"did you mean clearing\?"):
        matrix_lines("clearin")


def test_an_answer_without_its_package_is_listed_and_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("commonwatt.core.registry.find_spec", lambda name: None if name == "scipy" else name)
    told = "the package scipy for it: pip install 'commonwatt[optimum]'"
    lacking = [line.split()[0] for line in catalogue_lines("clearing") if line.endswith(f" Lacks {told}.")]
    assert lacking == ["bilateral_primal_dual", "multi_criteria"]
    for name in CLEARINGS.names():
        found = name_finding(CLEARINGS, name, "[market] clearing")
        assert (found is not None and found.expected == told) == (name in lacking)
    with pytest.raises(InvalidInput, match=r"--mechanism: expected the package scipy.*found 'multi_criteria'"):
        clear_file(ClearRequest(Path("examples/orders.csv"), "multi_criteria", (), tmp_path))
