"""Delegated authority."""

import pytest

from commonwatt.core.errors import InvalidInput
from commonwatt.core.records import Scores
from commonwatt.validators import VALIDATORS, ElectionContext


def test_all_authorities_validate_in_the_order_of_their_approval() -> None:
    election = VALIDATORS.make("authority").elect(ElectionContext(2, ("town", "coop", "dso"), Scores.empty()))
    assert election.validators == ("town", "coop", "dso")


@pytest.mark.parametrize(("authorities", "found"), [((), "none"), (("coop", "dso", "coop"), "coop 2 times")])
def test_nobody_or_somebody_twice_is_refused(authorities: tuple[str, ...], found: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        VALIDATORS.make("authority").elect(ElectionContext(2, authorities, Scores.empty()))
    assert [finding.found for finding in refused.value.findings] == [found]
