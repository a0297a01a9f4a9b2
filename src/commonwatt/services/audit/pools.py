"""What the pool of rewards held before each slot: by the statements that stood when the slot was settled, not by those that stand now."""

import numpy as np

from commonwatt.contracts.encoding import TRADES
from commonwatt.core.accounts import FIRST_MEMBER, Account, balances_nano
from commonwatt.services.audit.base import Audited
from commonwatt.services.ports import Batch


def rewards_before(audited: Audited) -> dict[int, int]:
    """By slot what the pool of rewards held when it was settled, nano, slots before it in order.

    A slot that was void and settled again put other money into the pool than before; the slots settled in between drew on what had
    stood until then, which the chain's void batches still show. A slot's own first posting is its time, whatever was repeated since: a
    statement is repeated as it was, or settled without trades, and those earn no rewards.
    """
    public, members = audited.public, len(audited.public.pseudonyms)
    changed = {
        slot: int(balances_nano(public.postings(slot), FIRST_MEMBER + members)[Account.REWARDS])
        for slot in public.slots
    }
    voided = {b.slot for b in audited.claimed_batches if b.is_void and not b.revision}
    posted: dict[int, list[Batch]] = {slot: [] for slot in voided}
    first_s: dict[int, int] = {}
    for batch in audited.claimed_batches:
        if batch.revision or batch.kind == TRADES:
            continue
        first_s.setdefault(batch.slot, batch.posted_s)
        if batch.slot in voided:
            posted[batch.slot].append(batch)
    held, before = 0, {}
    for slot in public.slots:
        before[slot] = held + sum(
            sum(_into_pool_nano(b) for b in batches if _stood(b, first_s[slot])) - changed[of]
            for of, batches in posted.items()
            if of < slot and of in changed and slot in first_s
        )
        held += changed[slot]
    return before


def _stood(batch: Batch, time_s: int) -> bool:
    """Whether a batch stood when another slot was settled. What was voided in the very second of that block was voided behind it."""
    return batch.posted_s < time_s and (not batch.is_void or batch.voided_s >= time_s)


def _into_pool_nano(batch: Batch) -> int:
    lines = batch.lines
    received = np.where(lines.who == Account.REWARDS, lines.amount_nano, 0)
    return int(received.sum() - lines.amount_nano[lines.other == Account.REWARDS].sum())
