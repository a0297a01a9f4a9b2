"""Members who watch and demand on a run's chain while it goes on, and an operator who posts what its books do not say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes import markets

from commonwatt.adapters.chain.executors.base import GAS_LIMIT
from commonwatt.adapters.chain.transactions import sign_transaction
from commonwatt.adapters.ledger.embedded import EmbeddedLedger
from commonwatt.contracts import artifact
from commonwatt.contracts.encoding import SUPPLIED
from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.crypto.secp256k1 import address_of_secret
from commonwatt.services.claims import ClaimCall, ClaimsLedger, Demand, DemandCall, DemandState, ExpireCall
from commonwatt.services.market import Market
from commonwatt.services.ports import Batch, Call, SettleCall, Signed

Change = Callable[[SettleCall], SettleCall]


class Cheating:
    """A ledger whose operator changes what it posts of one slot; `attempts` of it, as long as it lasts."""

    def __init__(self, ledger: ClaimsLedger, slot: int, change: Change, attempts: Sequence[int] = (1,)) -> None:
        self.ledger = ledger
        self._slot = slot
        self._change = change
        self._attempts = attempts

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)

    def sign(self, calls: Sequence[Call]) -> tuple[Signed, ...]:
        """Sign other settlements than were asked for."""
        return self.ledger.sign([self._changed(call) for call in calls])

    def _changed(self, call: Call) -> Call:
        if not isinstance(call, SettleCall) or call.slot != self._slot or call.kind == SUPPLIED or call.revision:
            return call
        return self._change(call) if call.attempt in self._attempts else call


@dataclass
class Claimant:
    """A member at the chain of a market in this process."""

    market: Market
    index: int
    asked: list[bytes] = field(default_factory=list)

    @property
    def account(self) -> int:
        """Its account."""
        return FIRST_MEMBER + self.index

    @property
    def key(self) -> bytes:
        """Of its wallet."""
        return markets.keys().wallet_key(self.market.members[self.index].id)

    @property
    def ledger(self) -> EmbeddedLedger:
        """The market's chain, seen with the member's own key."""
        chain = self.market.ledger.chain  # type: ignore[attr-defined]
        return EmbeddedLedger(chain, self.key)

    def batch(self, slot: int, attempt: int = 1, kind: int = 0, revision: int = 0) -> Batch:
        """A batch of the chain."""
        place = (slot, kind, revision, attempt)
        return next(b for b in self.ledger.batches() if (b.slot, b.kind, b.revision, b.attempt) == place)

    def lines(self, batch: Batch, *, peer: bool) -> list[tuple[int, int]]:
        """Number and side of its lines of energy with members or the pool, or else with the supplier."""
        found = []
        pairs = zip(batch.lines.who.tolist(), batch.lines.other.tolist(), strict=True)
        for line, (who, other) in enumerate(pairs):
            if self.account not in (who, other) or line >= batch.energy_lines:
                continue
            side = 0 if who == self.account else 1
            counterparty = other if side == 0 else who
            if (counterparty >= FIRST_MEMBER or counterparty == 6) if peer else counterparty == 0:
                found.append((line, side))
        return found

    def send(self, *calls: ClaimCall) -> list[str]:
        """Send at the chain's present time; why each was refused, empty where it was not."""
        ledger = self.ledger
        receipts = ledger.post(ledger.sign_claims(calls), ledger.chain.head.time_s)
        return [receipt.reason for receipt in receipts]

    def transact(self, contract: str, method: str, *words: int | bytes) -> str:
        """Send a call of any contract, its arguments a word each; why it was refused, empty where it was not."""
        said = (w.to_bytes(32, "big", signed=w < 0) if isinstance(w, int) else w.rjust(32, b"\0") for w in words)
        return self.send_data(contract, artifact(contract).method_ids[method] + b"".join(said))

    def send_data(self, contract: str, data: bytes) -> str:
        """Send any data to a contract at the chain's present time; why it was refused, empty where it was not."""
        ledger, chain = self.ledger, self.ledger.chain
        raw = sign_transaction(
            self.key,
            chain_id=chain.chain_id,
            nonce=chain.next_nonce(address_of_secret(self.key)),
            to=ledger.deployment.addresses[contract],
            data=data,
            gas_limit=GAS_LIMIT,
        )
        (receipt,) = chain.append([raw], chain.head.time_s).receipts
        return receipt.revert_reason

    def demand(self, batch: Batch, line: int, side: int) -> list[str]:
        """Demand what stands behind a line."""
        return self.send(DemandCall(batch, line, side, self.account))

    def expire(self) -> list[str]:
        """Let every demand of its own that nobody answered in time void its batch."""
        live = {(b.slot, b.kind, b.revision, b.part, b.attempt): b for b in self.ledger.batches() if not b.is_void}
        return self.send(*(ExpireCall(d.id, live[d.place]) for d in self.open_demands if d.place in live))

    @property
    def demands(self) -> list[Demand]:
        """Its demands."""
        return [d for d in self.ledger.demands() if d.demander == self.account]

    @property
    def open_demands(self) -> list[Demand]:
        """Those that wait."""
        return [d for d in self.demands if d.state == DemandState.OPEN]
