"""No grid model, and no claim of one."""

import numpy as np

from commonwatt.core.members import Fleet
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason, Verdict
from commonwatt.grid import GRIDS, GridContext


def test_a_grid_that_nobody_modelled_is_unchecked_and_lossless() -> None:
    judged = GRIDS.make("unlimited").check(
        np.array([10**9]), OrderBook.empty(), Agreement.nothing(0, Reason.PRICE), GridContext(1, 3600, Fleet.of(1))
    )
    assert judged.verdict is Verdict.UNCHECKED
    assert judged.losses_wh == 0
    assert judged.curtailed_wh == ()
    assert judged.reason == "no grid model"
