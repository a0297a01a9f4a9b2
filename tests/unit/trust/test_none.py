"""No trust model: everybody alike."""

from commonwatt.core.accounts import Postings
from commonwatt.core.records import Legs, Readings, Statement
from commonwatt.core.units import Ints
from commonwatt.trust import TRUSTS, TrustContext


def test_everybody_has_a_score_of_one_before_and_after() -> None:
    model = TRUSTS.make("none")
    nothing: Ints = Readings.empty().member
    context = TrustContext(1, Readings.empty(), Statement(1, 0, Legs.empty(), Postings.empty(), nothing))
    assert model.first(3).score_share.tolist() == [1.0, 1.0, 1.0]
    assert model.update(model.first(3), context).score_share.tolist() == [1.0, 1.0, 1.0]
