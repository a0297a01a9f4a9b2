"""Every trust model keeps the promises of its room."""

import numpy as np
import pytest

from commonwatt.core.accounts import Postings
from commonwatt.core.records import Legs, Readings, Scores, Statement
from commonwatt.trust import TRUSTS, TrustContext

NAMES = pytest.mark.parametrize("name", TRUSTS.names())


def context(slot: int = 467_376) -> TrustContext:
    readings = Readings.of(4, member=np.arange(4), import_wh=700, export_wh=np.array([0, 10, 20, 0]))
    statement = Statement(slot, 0, Legs.empty(), Postings.empty(), np.zeros(0, np.int64))
    return TrustContext(slot, readings, statement)


def after(name: str, slots: int) -> Scores:
    model = TRUSTS.make(name)
    scores = model.first(4)
    for slot in range(slots):
        scores = model.update(scores, context(slot))
    return scores


def test_the_room_has_answers() -> None:
    assert "none" in TRUSTS.names()


@NAMES
@pytest.mark.parametrize("slots", [0, 1, 30])
def test_scores_lie_between_0_and_1_one_row_a_member(name: str, slots: int) -> None:
    share = after(name, slots).score_share
    assert share.shape == (4,)
    assert ((share >= 0) & (share <= 1)).all()
    assert (share == after(name, slots).score_share).all()


@NAMES
def test_a_community_without_members_has_no_scores(name: str) -> None:
    assert len(TRUSTS.make(name).first(0)) == 0


@NAMES
def test_a_trust_model_breaks_no_promise(name: str) -> None:
    assert not TRUSTS.answer(name).breaks
