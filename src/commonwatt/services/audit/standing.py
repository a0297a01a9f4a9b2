"""Which attempt at a settlement stands on the chain, where something was void."""

from dataclasses import replace

from commonwatt.contracts.encoding import SUPPLIED
from commonwatt.services.audit.base import Audited
from commonwatt.services.ports import SettleCall
from commonwatt.services.posting import NO_PRIOR


def standing(audited: Audited, call: SettleCall) -> SettleCall:
    """A settlement of the tables as the attempt, and of the kind, in which the chain holds it."""
    batch = audited.standing_batches.get((call.slot, call.revision, call.part))
    if batch is None:
        return call
    if batch.kind == SUPPLIED:
        return replace(call, kind=SUPPLIED, prior=NO_PRIOR, attempt=batch.attempt)
    return replace(call, attempt=batch.attempt)
