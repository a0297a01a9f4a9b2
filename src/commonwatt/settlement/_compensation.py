"""Who did without because a seller did not deliver: whose energy of each penalty that is, where penalties go to buyers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from commonwatt.core.splits import ration
from commonwatt.core.units import exact_sum
from commonwatt.settlement._delivery import shares_by_member
from commonwatt.settlement._trades import NOBODY, Peers, energy_by_member

if TYPE_CHECKING:
    from commonwatt.core.units import Ints


def missed_wh(agreed: Peers, delivered_wh: Ints, phantom_wh: Ints, supplied_wh: Ints) -> Ints:
    """Of the energy that sellers sold and did not export, what each member had bought and then took from its supplier, shape (members,).

    A seller's `phantom_wh` is shared over what is open of its trades, that with the pool over what is open of all purchases from it; of
    what falls to a buyer no more counts than its supplier had to provide, for who bought and did not use it missed nothing. What falls to
    other communities counts for nobody. Sums to at most the phantom energy.

    Args: `delivered_wh` is per trade, `phantom_wh` and `supplied_wh` (bought from the supplier) per member.

    """
    members, open_wh = len(phantom_wh), agreed.energy_wh - delivered_wh
    sold = np.flatnonzero(agreed.seller >= 0)
    due_wh = np.zeros_like(open_wh)
    due_wh[sold] = shares_by_member(phantom_wh, open_wh[sold], agreed.seller[sold])
    from_pool = np.flatnonzero((agreed.seller == NOBODY) & (agreed.buyer >= 0))
    due_wh[from_pool] = ration(open_wh[from_pool], exact_sum(due_wh[agreed.buyer == NOBODY]))
    return np.minimum(energy_by_member(agreed.buyer, due_wh, members), supplied_wh)
