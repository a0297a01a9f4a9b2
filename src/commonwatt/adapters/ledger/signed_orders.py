"""Signed orders of trades posted one by one, in plain Python: whether each line lies within two of them, and how full they are."""

from collections.abc import MutableMapping, Sequence

import numpy as np

from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.orders import SETTLE_TRADES, Instructions
from commonwatt.core.units import Ints
from commonwatt.crypto.signatures import signer_address
from commonwatt.services.instructing import order_digests
from commonwatt.services.ports import TradesCall

Fills = MutableMapping[tuple[bytes, int], int]
"""Wh filled by digest of an order and slot."""


class RevertedError(Exception):
    """The rules refuse a call; the message is the contract's reason."""


def require(holds: bool, reason: str) -> None:
    """Refuse where a rule does not hold."""
    if not holds:
        raise RevertedError(reason)


class SignedOrders:
    """What `market.settle_trades` checks of orders; there is no way to cancel one or to change a wallet here."""

    def __init__(self, domain: bytes, wallets: Sequence[bytes]) -> None:
        self._domain = domain
        self._wallets = wallets
        self.filled_wh: Fills = {}

    def fills(self, call: TradesCall) -> Fills:
        """How full the orders of a call are with it. RevertedError where a line is not within its orders."""
        self._check_lines(call)
        orders = call.orders
        fills: Fills = {}
        filled_wh = np.zeros(len(orders), np.int64)
        for side in (call.sell_order, call.buy_order):
            np.add.at(filled_wh, side, call.postings.energy_wh)
        for row, digest in enumerate(order_digests(self._domain, orders)):
            signer = signer_address(digest, orders.signature[row].tobytes())
            member = int(orders.member[row])
            require(0 <= member < len(self._wallets) and signer == self._wallets[member], "market: order not signed")
            require(int(orders.path[row]) == SETTLE_TRADES, "market: other path")
            is_valid = int(orders.first_slot[row]) <= call.slot <= int(orders.last_slot[row])
            require(is_valid, "market: order not valid")
            key = digest, call.slot
            used_wh = fills.get(key, self.filled_wh.get(key, 0)) + int(filled_wh[row])
            require(used_wh <= int(orders.energy_wh[row]), "market: overfilled")
            fills[key] = used_wh
        return fills

    @staticmethod
    def _check_lines(call: TradesCall) -> None:
        """The first line and side that is not within its order gives the reason, as in the contract."""
        postings = call.postings
        # With a negative price the side that gave the energy pays for it, and so is the debit.
        turned = postings.price_micro_per_kwh < 0
        accounts = np.where(turned, postings.debit, postings.credit), np.where(turned, postings.credit, postings.debit)
        sides = zip(accounts, (call.sell_order, call.buy_order), (True, False), strict=True)
        reasons = [_line_reasons(call.orders, *side, postings.price_micro_per_kwh) for side in sides]
        for of_line in zip(*reasons, strict=True):
            for reason in of_line:
                require(not reason, reason)


def _line_reasons(
    orders: Instructions,
    account: Ints,
    at: Ints,
    is_sell: bool,
    price: Ints,
) -> list[str]:
    """Per line why its order of one side does not allow it; empty where it does."""
    known = (at >= 0) & (at < len(orders))
    own = orders.take(np.where(known, at, 0)) if len(orders) else Instructions.of(len(at))
    limit = own.limit_micro_per_kwh
    is_theirs = (account >= FIRST_MEMBER) & (own.member + FIRST_MEMBER == account)
    is_within = (own.is_sell == is_sell) & ((price >= limit) if is_sell else (price <= limit))
    rules = ((known, "market: fills"), (is_theirs, "market: order of another"), (is_within, "market: limit"))
    return ["".join([reason for holds, reason in rules if not holds[line]][:1]) for line in range(len(at))]
