"""Random lives of a community: the contracts stay solvent, sum to zero, settle once, and let everybody's money out."""

import dataclasses
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.fakes.contract_world import (
    ANSWER_S,
    BOND_DEPOSIT,
    BOND_NANO,
    BOND_SHARE,
    CAP_NANO,
    COIN,
    DEMAND_BOND_NANO,
    FIRST_SLOT,
    WINDOW_S,
    Batch,
    RevertedError,
    World,
    reverts,
)
from tests.fakes.demanding import Asker, Book, Wish
from tests.fakes.vault_model import VaultModel

from commonwatt.contracts import encoding

ACCOUNTS = 12
TRADING = st.sampled_from([0, 1, 3, 8, 9, 10, 11])
FUNDED = st.sampled_from([0, 3, 8, 9, 10, 11])
WITH_WALLET = [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11]
MEMBERS = range(8, ACCOUNTS)
# Everybody would buy and sell anything: every line between members has an answer.
WISHES = [
    Wish(k, is_sell, 10**6, -(10**9) if is_sell else 10**9, 0, 2**60) for k in MEMBERS for is_sell in (True, False)
]


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[tuple[int, int, int, int]], list[tuple[int, int, int]]]:
    """Lines that nearly always stay within the caps, some through the pool."""
    pairs = st.tuples(TRADING, TRADING).filter(lambda pair: pair[0] != pair[1])
    trades = st.tuples(pairs, st.integers(0, 1500), st.integers(-200_000, 900_000))
    energy = [(*pair, wh, price) for pair, wh, price in draw(st.lists(trades, max_size=5))]
    for pair, wh, price in draw(st.lists(trades, max_size=1)):
        energy += [(pair[0], encoding.POOL, wh, price), (encoding.POOL, pair[1], wh, price)]
    with_system = pairs.filter(lambda pair: min(pair) < encoding.FIRST_MEMBER)
    transfers = st.tuples(with_system, st.integers(-COIN, COIN))
    amounts = [(*pair, nano) for pair, nano in draw(st.lists(transfers, max_size=3))]
    return energy, amounts


def nets_of(batch: Batch) -> dict[int, int]:
    """Return the nets by hand, line by line."""
    nets = dict.fromkeys(range(ACCOUNTS), 0)
    for who, other, wh, price in batch.energy:
        nets[who] += wh * price
        nets[other] -= wh * price
    for who, other, nano in batch.amounts:
        nets[who] += nano
        nets[other] -= nano
    return nets


@dataclasses.dataclass
class Posted:
    """A batch that was accepted: its nets, epoch, attempt, and whether it stands."""

    batch: Batch
    nets: dict[int, int]
    epoch: int
    attempt: int = 1
    stands: bool = True

    @property
    def lock(self) -> int:
        """What the bond locks for it."""
        return encoding.lock_nano([self.nets[index] for index in range(8, ACCOUNTS)], BOND_NANO, BOND_SHARE)


@dataclasses.dataclass
class Asked:
    """A demand that was accepted."""

    entry: Posted
    id: bytes
    who: int
    deadline_s: int
    wish: int | None
    """Which wish answers it; None on a line with a system account."""
    is_open: bool = True


class Life(RuleBasedStateMachine):
    """Deposits, batches, demands, answers, voids, withdrawals and time in any order, next to the model."""

    posted = Bundle("posted")
    asked = Bundle("asked")
    shared: World

    def __init__(self) -> None:
        super().__init__()
        self.world = self.shared
        self.anchor = self.world.anchored()
        self.anchor.__enter__()
        self.slot = FIRST_SLOT
        self.announced: dict[int, tuple[int, int]] = {}
        self.demands: list[Asked] = []

    @initialize(target=posted, deposit=st.integers(1, 20 * COIN))
    def begin(self, deposit: int) -> Any:
        self.model = VaultModel(ACCOUNTS, self.world.env.timestamp // WINDOW_S)
        self.world.deposit(0, deposit)
        self.model.deposit(0, deposit)
        self.model.deposit(encoding.BOND, BOND_DEPOSIT)
        for index in MEMBERS:
            self.deposit(index, COIN)
        return self.post_in_next_slot([(8, 9, 600, 200_000), (0, 10, 500, 300_000)], [(1, 9, 77)])

    def teardown(self) -> None:
        try:
            if hasattr(self, "model"):
                self.everybody_leaves()
        finally:
            self.anchor.__exit__(None, None, None)

    @rule(index=FUNDED, nano=st.integers(1, 3 * COIN))
    def deposit(self, index: int, nano: int) -> None:
        self.world.deposit(index, nano)
        self.model.deposit(index, nano)

    @rule(seconds=st.integers(1, WINDOW_S))
    def pass_seconds(self, seconds: int) -> None:
        self.world.pass_s(seconds)
        self.model.epoch = self.world.env.timestamp // WINDOW_S

    @rule(epochs=st.integers(1, 3))
    def pass_epochs(self, epochs: int) -> None:
        self.world.pass_epochs(epochs)
        self.model.epoch = self.world.env.timestamp // WINDOW_S

    @rule(target=posted, lines=batches())
    def post(self, lines: tuple[list[Any], list[Any]]) -> Any:
        return self.post_in_next_slot(*lines)

    def post_in_next_slot(self, energy: list[Any], amounts: list[Any]) -> Any:
        self.slot += 1
        Book(WISHES, self.slot).announce(self.world)
        return self.try_to_post(Batch(self.slot, energy, amounts), 1)

    @rule(target=posted, entry=posted, lines=batches())
    def post_again_after_a_void(self, entry: Posted, lines: tuple[list[Any], list[Any]]) -> Any:
        other = dataclasses.replace(entry.batch, energy=lines[0], amounts=[*lines[1], (1, 2, 0)])
        if entry.stands or other.content == entry.batch.content:
            return multiple()
        state = self.world.market.call("batch_of", entry.batch.key)
        if state[2:] != (1, 2):
            with reverts("market: goes to the supplier" if state[3] == 2 else "market: key taken"):
                self.world.post(dataclasses.replace(other, amounts=[(1, 2, 424_242)]), attempt=2)
            return multiple()
        return self.try_to_post(other, 2)

    def try_to_post(self, batch: Batch, attempt: int) -> Any:
        """Post where the rules allow it, and see a refusal without effect where they do not."""
        self.world.vault.call("touch", list(range(ACCOUNTS)))
        nets = nets_of(batch)
        assert encoding.net_positions(*encoding.unpack_lines(batch.lines, len(batch.energy)), ACCOUNTS) == tuple(
            nets[index] for index in range(ACCOUNTS)
        )
        after = dataclasses.replace(self.model, balances=dict(self.model.balances), credits=list(self.model.credits))
        after.apply(nets, Posted(batch, nets, 0).lock)
        if any(abs(nets[index]) > CAP_NANO for index in range(8, ACCOUNTS)):
            with reverts("market: cap"):
                self.world.post(batch, attempt)
            return multiple()
        if after.surplus() < 0:
            with reverts("market: supplier short"):
                self.world.post(batch, attempt)
            return multiple()
        assert self.world.post(batch, attempt) is True
        self.model = after
        return Posted(batch, nets, self.model.epoch, attempt)

    @rule(entry=posted)
    def post_the_same(self, entry: Posted) -> None:
        if entry.stands:
            assert self.world.post(entry.batch, entry.attempt) is False
        else:
            with pytest.raises(RevertedError, match=r"was voided|key taken|goes to the supplier"):
                self.world.post(entry.batch, 2)

    @rule(entry=posted)
    def void(self, entry: Posted) -> None:
        if not entry.stands:
            with pytest.raises(RevertedError, match=r"no such batch|signer|demanded"):
                self.world.void(entry.batch, entry.attempt)
        elif any(demand.is_open and demand.entry is entry for demand in self.demands):
            with reverts("market: demanded"):
                self.world.void(entry.batch, entry.attempt)
        elif self.model.epoch > entry.epoch + 1:
            with pytest.raises(RevertedError, match=r"^market: (window closed|demanded)$"):
                self.world.void(entry.batch, entry.attempt)
        else:
            self.world.void(entry.batch, entry.attempt)
            self.model.undo(entry.nets, entry.epoch, entry.lock)
            entry.stands = False

    @rule(target=asked, entry=posted, who=st.sampled_from(MEMBERS), data=st.data())
    def demand(self, entry: Posted, who: int, data: st.DataObject) -> Any:
        lines = [line[:2] for line in (*entry.batch.energy, *entry.batch.amounts)]
        askable = [(k, side) for k, pair in enumerate(lines) for side in (0, 1) if pair[side] >= 8]
        line, side = data.draw(st.sampled_from([*askable, *askable, (0, 0), (0, 1), (len(lines), 0)]))
        pair = (*lines, (who, 0))[line]
        asks = (line, who if line == len(lines) else side)
        now_s = self.world.env.timestamp
        call = (entry.batch.place, entry.batch.lines, *asks, who)
        is_live = entry.stands and now_s + 2 * ANSWER_S < (entry.epoch + 2) * WINDOW_S
        is_due = line == len(lines) or pair[side] >= 8
        if not is_live or not is_due or self.model.free(who) < DEMAND_BOND_NANO:
            with pytest.raises(RevertedError, match=r"^(claims: |vault: not free)"):
                self.world.claims.call("demand", *call, sender=self.world.wallet(who))
            return multiple()
        try:
            found = self.world.claims.call("demand", *call, sender=self.world.wallet(who))
        except RevertedError as error:
            assert str(error) == "claims: demanded before"
            return multiple()
        self.model.move(who, encoding.POOL, DEMAND_BOND_NANO)
        is_trade = line < len(lines) and (min(pair) >= 8 or encoding.POOL in pair)
        wish = 2 * (pair[side] - 8) + side if is_trade else None
        self.demands.append(Asked(entry, found, who, now_s + ANSWER_S, wish))
        return self.demands[-1]

    @rule(demand=asked)
    def answer(self, demand: Asked) -> None:
        asker, book = Asker(self.world), Book(WISHES, demand.entry.batch.slot)
        if not demand.is_open or demand.wish is None or self.world.env.timestamp > demand.deadline_s:
            with pytest.raises(RevertedError, match=r"not open|too late|a position"):
                asker.answer(demand.id, book, demand.wish or 0)
            return
        asker.answer(demand.id, book, demand.wish)
        demand.is_open = False
        self.model.move(encoding.POOL, encoding.BOND, DEMAND_BOND_NANO)

    @rule(demand=asked)
    def expire(self, demand: Asked) -> None:
        entry = demand.entry
        is_due = demand.is_open and self.world.env.timestamp > demand.deadline_s
        if not is_due or not entry.stands or self.model.epoch > entry.epoch + 1:
            with pytest.raises(RevertedError, match=r"not open|time to answer|no such batch|another|window closed"):
                Asker(self.world).expire(demand.id, entry.batch)
            return
        Asker(self.world).expire(demand.id, entry.batch)
        demand.is_open = entry.stands = False
        self.model.undo(entry.nets, entry.epoch, entry.lock)
        self.model.move(encoding.BOND, demand.who, entry.lock // 2)
        self.model.move(encoding.BOND, encoding.REWARDS, entry.lock - entry.lock // 2)
        self.model.move(encoding.POOL, demand.who, DEMAND_BOND_NANO)

    @rule(demand=asked)
    def reclaim(self, demand: Asked) -> None:
        if not demand.is_open or (demand.entry.stands and self.model.epoch < demand.entry.epoch + 2):
            with pytest.raises(RevertedError, match=r"not open|can still be voided"):
                self.world.claims.call("reclaim", demand.id)
            return
        self.world.claims.call("reclaim", demand.id)
        demand.is_open = False
        self.model.move(encoding.POOL, demand.who, DEMAND_BOND_NANO)

    @rule(
        entry=posted,
        who=st.sampled_from(MEMBERS),
        end=st.sampled_from(("answer", "expire", "answer", "expire", "reclaim")),
        data=st.data(),
    )
    def ask_and_follow_up(self, entry: Posted, who: int, end: str, data: st.DataObject) -> None:
        demand = self.demand(entry, who, data)
        if not isinstance(demand, Asked):
            return
        if end == "answer":
            self.answer(demand)
        elif end == "expire":
            self.pass_seconds(ANSWER_S + 1)
            self.expire(demand)
        else:
            self.pass_epochs(2)
            self.reclaim(demand)

    @rule(index=FUNDED, nano=st.integers(1, 2 * COIN))
    def announce(self, index: int, nano: int) -> None:
        self.world.vault.call("announce", index, nano, sender=self.world.wallet(index))
        self.announced[index] = (nano, self.model.epoch + 2)

    @precondition(lambda self: self.announced)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        index = data.draw(st.sampled_from(sorted(self.announced)))
        nano, ready = self.announced[index]
        if self.model.epoch < ready and data.draw(st.booleans()):
            self.world.pass_epochs(ready - self.model.epoch)
            self.model.epoch = ready
        # Matured credits repay debts when touched; the supplier's withdrawal counts debts as last touched.
        self.world.vault.call("touch", list(range(ACCOUNTS)))
        payable = min(nano, self.model.surplus() if index == 0 else self.model.free(index))
        sender = self.world.wallet(index)
        if self.model.epoch != ready or payable <= 0:
            with pytest.raises(RevertedError, match=r"too early|lapsed|nothing free"):
                self.world.vault.call("withdraw", index, sender=sender)
            return
        assert self.world.vault.call("withdraw", index, sender=sender) == payable
        self.model.withdraw(index, payable)
        del self.announced[index]

    @invariant()
    def accounts_are_the_models(self) -> None:
        if hasattr(self, "model"):
            assert self.world.accounts() == [self.model.account(index) for index in range(ACCOUNTS)]

    @invariant()
    def everything_is_backed(self) -> None:
        if not hasattr(self, "model"):
            return
        vault = self.world.vault
        held = vault.call("held")
        raw = [vault.call("raw_account_of", index) for index in range(ACCOUNTS)]
        assert held == self.world.token.call("balanceOf", vault.address) == self.model.held
        assert sum(balance + current + previous for balance, current, previous, _ in raw) == held
        assert vault.call("total_debt") == sum(max(-balance, 0) for balance, *_ in raw[1:]) >= self.model.debt()
        assert sum(max(balance, 0) + current + previous for balance, current, previous, _ in raw[1:]) <= held
        assert vault.call("surplus") >= 0
        parked = DEMAND_BOND_NANO * sum(demand.is_open for demand in self.demands)
        assert raw[encoding.POOL][:3] == (parked, 0, 0)

    def everybody_leaves(self) -> None:
        """After the last window everybody takes what is theirs, the supplier last, and nothing is left."""
        for entry in range(2):
            self.world.pass_epochs(2)
            self.model.epoch += 2
            for demand in self.demands:
                self.reclaim(demand)
            self.world.vault.call("touch", list(range(ACCOUNTS)))
            if entry == 0:
                for index in WITH_WALLET:
                    self.world.vault.call("announce", index, 2**78, sender=self.world.wallet(index))
        for index in reversed(WITH_WALLET):
            payable = self.model.surplus() if index == 0 else self.model.free(index)
            if payable > 0:
                assert self.world.vault.call("withdraw", index, sender=self.world.wallet(index)) == payable
                self.model.withdraw(index, payable)
        assert self.world.vault.call("held") == 0
        assert self.world.token.call("balanceOf", self.world.vault.address) == 0


def live(examples: int, steps: int) -> None:
    """Run the machine on one deployment."""
    world = World()
    machine = type("SharedLife", (Life,), {"shared": world})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            # To shrink a life takes minutes where it may take for ever: the one that failed is printed whole instead.
            phases=(Phase.generate,),
            print_blob=True,
        ),
    )


def test_whatever_happens_the_vault_stays_solvent_and_lets_everybody_out() -> None:
    live(examples=12, steps=25)


@pytest.mark.full
def test_whatever_happens_for_longer() -> None:
    live(examples=60, steps=50)
