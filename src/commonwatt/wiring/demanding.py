"""Demanding: what a member sends to the chain of a stopped run, the next right step each time: demand, void, take the bond back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from commonwatt.adapters.keys import KeyFile
from commonwatt.adapters.store.run_folder import RunFolder
from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.errors import require
from commonwatt.core.findings import Finding, one_of
from commonwatt.core.units import NANO_PER_UNIT
from commonwatt.services.answering import place_of
from commonwatt.services.claims import ClaimCall, ClaimsLedger, Demand, DemandCall, DemandState, ExpireCall, ReclaimCall
from commonwatt.services.deciding import is_decided
from commonwatt.services.ports import Batch
from commonwatt.services.reporting.words import day
from commonwatt.services.watching import Doubt
from commonwatt.settings import FILE_NAME, load
from commonwatt.wiring.watched import Watched, is_stopped, names_in

KEYS = "keys.json"

_BEFORE = "claims: demanded before"
_SHORT = "vault: not free"
"""Why the contract refuses a demand of a member who has not enough money."""


@dataclass(frozen=True)
class Wallet:
    """Whose wallet sends."""

    pseudonym: str
    key: bytes
    address: bytes


def wallet_of(directory: Path, member: str | None, keys: Path | None) -> Wallet:
    """The wallet of the member that sends, from the community's key file.

    Raises:
        InvalidInput: nobody named, no key file, or a run on which nothing can be demanded any more; all findings at once.

    """
    if not is_stopped(directory):
        was = (
            "one that is finished, or none: its batches cannot be voided any more"
            if directory.exists()
            else "no folder"
        )
        require([Finding(f"{directory} --send", "a run that was stopped before its end", was)])
    named, found = names_in(directory), []
    by_pseudonym = {pseudonym: name for name, pseudonym in named.items()}
    name = by_pseudonym.get(member or "", member or "")
    if name not in named:
        found.append(Finding("--member", f"who sends, {one_of(name, named)}", member or "nobody"))
    settings = load(RunFolder(directory).settings, with_members=False)
    path = keys / KEYS if keys is not None and keys.is_dir() else keys or settings.environment_key_file
    if path is None:
        found.append(Finding("--keys", f"the community's key file ({KEYS} beside its {FILE_NAME})", "none"))
    require(found)
    assert path is not None, "checked above"
    held = KeyFile.opened(path, settings.community.name, create=False)
    if held.pseudonym(name) != named[name]:
        require([Finding(f"--keys {path}", "the key file of this run", "another")])
    return Wallet(named[name], held.wallet_key(name), held.wallet(name))


class Sender:
    """A member at the chain of a stopped run; what it does is said in `lines`, and `again` is how the command was typed."""

    def __init__(self, watched: Watched, ledger: ClaimsLedger, wallet: Wallet, again: str) -> None:
        self.watched, self.ledger, self.again = watched, ledger, again
        self.account = FIRST_MEMBER + watched.pseudonyms.index(wallet.pseudonym)
        self.terms = ledger.claim_terms()
        self.now_s = max(entry.time_s for entry in ledger.entries())
        self.lines: list[str] = []

    def step(self, doubts: Sequence[Doubt], undecided: bool = False) -> list[str]:
        """Do whatever is due: void what nobody answered for, take bonds back, demand what is doubted. Returns what to say.

        What the contract would not decide for the member is demanded only with `undecided`: an answer may cost its bond.
        """
        self._void_unanswered()
        waits = self._take_back()
        asked = self._demand([d for d in doubts if undecided or self._is_decided(d)])
        if asked or waits:
            until = min(d.deadline_s for d in self._own(DemandState.OPEN))
            self.lines.append(
                f"Next: the operator goes on (the run's command with --resume) and has until {self._when(until)} to answer."
            )
            self.lines.append(f"      When the run is past that and stopped: {self.again}")
        elif not self.lines:
            self.lines.append("Nothing to demand.")
        return self.lines

    def _void_unanswered(self) -> None:
        """Let each of the member's demands whose time is over void its batch, once a batch."""
        for demand in self._own(DemandState.OPEN):
            batch = self._live().get(demand.place)
            if batch is None or self.now_s <= demand.deadline_s or self.now_s >= self.terms.end_s(batch.posted_s):
                continue
            if self._send(ExpireCall(demand.id, batch), self._named(demand)):
                paid = self._received_nano() - self.terms.demand_bond_nano
                self.lines.append(
                    f"{self._named(demand)}: no answer until {self._when(demand.deadline_s)}, so its batch is void. Your bond is back, "
                    f"and {self._money(paid)} of the operator's are yours; when it goes on it settles the slot again."
                )

    def _take_back(self) -> int:
        """Take back the bonds of demands that came to nothing; returns how many still wait for their answer."""
        waits = 0
        for demand in self._own(DemandState.OPEN):
            batch = self._live().get(demand.place)
            if batch is None or self.now_s >= self.terms.end_s(batch.posted_s):
                if self._send(ReclaimCall(demand.id), self._named(demand)):
                    self.lines.append(
                        f"{self._named(demand)}: can no longer be voided by this demand; your bond is back."
                    )
                continue
            waits += 1
            self.lines.append(
                f"{self._named(demand)}: demanded, the operator may answer until {self._when(demand.deadline_s)}."
            )
        return waits

    def _is_decided(self, doubt: Doubt) -> bool:
        """Whether the contract would decide a demand for the member; says so where it would not."""
        slot, member = doubt.batch.slot, self.account - FIRST_MEMBER
        live, known = self.watched.live(slot)[slot], self.watched.evidence(slot)[member]
        connection_ws = self.ledger.members()[member].connection_w * self.watched.rules.slots.slot_s
        if is_decided(doubt, member, live, known, self.terms, connection_ws):
            return True
        self.lines.append(
            f"slot {slot} line {doubt.line}: not demanded. The contract knows your limit without fees and the bounds of the tariff, not the "
            f"hour's, so the operator could answer and your bond would be lost; the audit is exact. To demand it all the same: {self.again} --undecided"
        )
        return False

    def _demand(self, doubts: Sequence[Doubt]) -> int:
        """Demand what is doubted and was not demanded before; returns how many demands were sent."""
        sent = 0
        before = set()
        for doubt in doubts:
            where = f"slot {doubt.batch.slot} line {doubt.line}"
            for batch, line, side in (*doubt.together, (doubt.batch, doubt.line, doubt.side)):
                key = (place_of(batch), line, side)
                if key in before or place_of(batch) not in self._live():
                    continue
                if self.now_s >= self.terms.last_s(batch.posted_s):
                    until = self._when(self.terms.last_s(batch.posted_s))
                    self.lines.append(f"{where}: too late to demand, that was possible until {until}.")
                    continue
                before.add(key)
                call = DemandCall(batch, line, side, self.account)
                # The contract knows best: a trade is asked about once, a position again once a part beside it was void.
                if self.ledger.refusal(call) == _BEFORE:
                    continue
                if self._send(call, where):
                    sent += 1
                    self.lines.append(
                        f"slot {batch.slot} line {line}: demanded what stands behind it; {self._money(self.terms.demand_bond_nano)} of yours "
                        "are parked, and lost to the operator's bond if it can show it."
                    )
        return sent

    def _send(self, call: ClaimCall, where: str) -> bool:
        """Send one call as a block of its own, at the chain's time; what the contract would refuse is not sent, and said."""
        reason = self.ledger.refusal(call)
        if not reason:
            (receipt,) = self.ledger.post(self.ledger.sign_claims([call]), self.now_s)
            reason = receipt.reason
        if reason:
            bond = self._money(self.terms.demand_bond_nano)
            why = f"your free balance does not cover the bond of {bond}" if reason == _SHORT else reason
            self.lines.append(f"{where}: the chain refuses it ({why}).")
        return not reason

    def _own(self, state: DemandState) -> list[Demand]:
        return [d for d in self.ledger.demands() if d.demander == self.account and d.state == state]

    def _live(self) -> dict[tuple[int, int, int, int, int], Batch]:
        return {place_of(batch): batch for batch in self.ledger.batches() if not batch.is_void}

    def _received_nano(self) -> int:
        """What the newest transaction moved to the member."""
        *_, newest = self.ledger.entries()
        return sum(nano for _, payee, nano in newest.moved_nano if payee == self.account)

    def _named(self, demand: Demand) -> str:
        return f"slot {demand.slot} line {demand.line}"

    def _money(self, amount_nano: int) -> str:
        return f"{amount_nano / NANO_PER_UNIT:.4f} {self.watched.settings.community.currency}"

    def _when(self, instant_s: int) -> str:
        """An instant on the community's wall clock."""
        grid, zone = self.watched.settings.slots, self.watched.settings.zone
        begins = grid.local_start(grid.slot_of(instant_s), zone)
        minutes, seconds = divmod(instant_s - grid.start_s(grid.slot_of(instant_s)), 60)
        at = begins.hour * 60 + begins.minute + minutes
        return f"{day(begins.date())}, {at // 60:02d}:{at % 60:02d}" + (f":{seconds:02d}" if seconds else "")
