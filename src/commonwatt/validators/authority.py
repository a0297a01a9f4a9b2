"""Authority: the approved operators validate, all of them."""

from dataclasses import dataclass
from typing import ClassVar

from commonwatt.core.errors import require
from commonwatt.core.findings import Finding
from commonwatt.core.records import Election
from commonwatt.validators.base import ElectionContext


@dataclass(frozen=True)
class Authority:
    """Delegated authority: every approved candidate, in the order in which they were approved, in every epoch."""

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    def elect(self, context: ElectionContext) -> Election:
        """All authorities in order.

        Raises:
            InvalidInput: nobody is approved, or somebody twice.

        """
        names = context.authorities
        found = [] if names else [Finding("validators authorities", "at least one approved authority", "none")]
        for name in sorted({name for name in names if names.count(name) > 1}):
            found.append(Finding("validators authorities", "every authority once", f"{name} {names.count(name)} times"))
        require(found)
        return Election(context.epoch, names)
