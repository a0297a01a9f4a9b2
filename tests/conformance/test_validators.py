"""Every validator policy keeps the promises of its room."""

import numpy as np
import pytest

from commonwatt.core.records import Scores
from commonwatt.validators import VALIDATORS, ElectionContext

NAMES = pytest.mark.parametrize("name", VALIDATORS.names())
CANDIDATES = pytest.mark.parametrize("authorities", [("operator",), ("dso", "coop", "town", "broker")])


def context(authorities: tuple[str, ...], epoch: int = 3) -> ElectionContext:
    return ElectionContext(epoch, authorities, Scores(np.linspace(0, 1, 5)))


def test_the_room_has_answers() -> None:
    assert "authority" in VALIDATORS.names()


@NAMES
@CANDIDATES
@pytest.mark.parametrize("epoch", [0, 3, 400])
def test_an_election_names_at_least_one_candidate_and_nobody_twice(
    name: str, authorities: tuple[str, ...], epoch: int
) -> None:
    election = VALIDATORS.make(name).elect(context(authorities, epoch))
    assert election.epoch == epoch
    assert election.validators
    assert set(election.validators) <= set(authorities)
    assert len(set(election.validators)) == len(election.validators)


@NAMES
@CANDIDATES
def test_anyone_can_repeat_an_election(name: str, authorities: tuple[str, ...]) -> None:
    one, other = (VALIDATORS.make(name).elect(context(authorities)) for _ in range(2))
    assert one == other


@NAMES
def test_a_policy_breaks_no_promise(name: str) -> None:
    assert not VALIDATORS.answer(name).breaks
