"""Both executors, one behaviour: every promise of the interface, and the defects of pyrevm that it hides."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.chain_probe import CHAIN_ID, CREATION, MEMBER, OWNER, SOURCE, address, calldata, numbers

from commonwatt.adapters.chain.blocks import describe_revert
from commonwatt.adapters.chain.errors import ExecutorUnavailableError
from commonwatt.adapters.chain.executors import Executor, Outcome, open_executor
from commonwatt.adapters.chain.executors.base import GAS_LIMIT, state_digest
from commonwatt.crypto.keccak import keccak256

NAMES = ["pyrevm", "py-evm"] if find_spec("pyrevm") else ["py-evm"]


class Probe:
    """An executor with the probe contract in it, whose transactions carry the right nonces."""

    def __init__(self, name: str) -> None:
        self.executor: Executor = open_executor(name, CHAIN_ID, "cancun")[0]
        self.owner, self.nonce = address(OWNER), 1
        self.executor.begin_block(0, 1_000)
        created = self.executor.create(self.owner, 0, CREATION)
        assert created.contract is not None
        self.contract = created.contract
        self.created = created

    def call(self, signature: str, *arguments: object) -> Outcome:
        self.nonce += 1
        return self.executor.call(self.owner, self.nonce - 1, self.contract, calldata(signature, *arguments))

    def view(self, signature: str, *arguments: object) -> tuple[int, ...]:
        outcome = self.executor.view(address(MEMBER), self.contract, calldata(signature, *arguments))
        assert outcome.succeeded
        return numbers(outcome.return_data)


@pytest.fixture(params=NAMES)
def probe(request: pytest.FixtureRequest) -> Probe:
    return Probe(request.param)


def test_the_probe_is_compiled_from_its_source() -> None:
    vyper = pytest.importorskip("vyper")
    compiled = vyper.compile_code(SOURCE.read_text(), output_formats=["bytecode"])["bytecode"]
    assert bytes.fromhex(compiled[2:]) == CREATION


def test_a_write_stays_and_is_logged(probe: Probe) -> None:
    outcome = probe.call("store(uint256,uint256)", 7, 41)
    assert outcome.succeeded
    assert [log.address for log in outcome.logs] == [probe.contract]
    assert outcome.logs[0].topics[1] == (7).to_bytes(32, "big")
    assert numbers(outcome.logs[0].data) == (41,)
    assert numbers(probe.call("store(uint256,uint256)", 7, 42).return_data) == (41,)
    assert probe.view("held(uint256)", 7) == (42,)


def test_a_revert_says_why_and_changes_nothing(probe: Probe) -> None:
    before = state_digest(probe.executor)
    outcome = probe.call("store_then_fail(uint256,uint256)", 7, 41)
    assert not outcome.succeeded
    assert describe_revert(outcome.return_data) == "probe: refused"
    assert outcome.logs == ()
    assert state_digest(probe.executor) == before


def test_an_underflow_reverts(probe: Probe) -> None:
    outcome = probe.call("subtract(uint256)", 2)
    assert (outcome.succeeded, outcome.return_data) == (False, b"")


def test_running_out_of_gas_fails_and_changes_nothing(probe: Probe) -> None:
    before = state_digest(probe.executor)
    outcome = probe.call("burn()")
    assert (outcome.succeeded, outcome.return_data, outcome.logs) == (False, b"", ())
    assert state_digest(probe.executor) == before


def test_transient_storage_starts_empty_in_every_transaction(probe: Probe) -> None:
    assert [numbers(probe.call("mark()").return_data) for _ in range(3)] == [(0,), (0,), (0,)]


def test_transient_storage_of_a_view_does_not_reach_a_transaction(probe: Probe) -> None:
    assert probe.view("mark()") == (0,)
    assert probe.view("mark()") == (0,)
    assert numbers(probe.call("mark()").return_data) == (0,)


def test_a_view_leaves_nothing_behind_even_when_it_writes_or_fails(probe: Probe) -> None:
    probe.call("store(uint256,uint256)", 7, 41)
    before = state_digest(probe.executor)
    assert probe.view("store(uint256,uint256)", 7, 99) == (41,)
    failed = probe.executor.view(probe.owner, probe.contract, calldata("store_then_fail(uint256,uint256)", 8, 1))
    assert describe_revert(failed.return_data) == "probe: refused"
    assert state_digest(probe.executor) == before
    assert probe.view("held(uint256)", 7) == (41,)


def test_a_trial_runs_calls_on_each_other_and_leaves_nothing_behind(probe: Probe) -> None:
    probe.call("store(uint256,uint256)", 7, 41)
    before = state_digest(probe.executor)
    tried = [
        calldata("store(uint256,uint256)", 7, 99),
        calldata("store(uint256,uint256)", 7, 100),
        calldata("store_then_fail(uint256,uint256)", 8, 1),
        calldata("mark()"),
        calldata("mark()"),
    ]
    outcomes = probe.executor.trial(77, 9_999_999_999, probe.owner, [(probe.contract, data) for data in tried])
    assert [outcome.succeeded for outcome in outcomes] == [True, True, False, True, True]
    assert [numbers(outcomes[k].return_data) for k in (0, 1, 3, 4)] == [(41,), (99,), (0,), (0,)]
    assert describe_revert(outcomes[2].return_data) == "probe: refused"
    assert state_digest(probe.executor) == before
    assert probe.view("held(uint256)", 7) == (41,)


def test_contracts_read_the_block_and_the_chain(probe: Probe) -> None:
    probe.executor.begin_block(5, 1_700_000_000)
    probe.call("stamp()")
    assert probe.view("stamped()") == (1_700_000_000,)
    assert probe.view("numbered()") == (5,)
    member = int.from_bytes(address(MEMBER), "big")
    assert probe.view("surroundings()") == (1_700_000_000, 5, CHAIN_ID, member, member, 0, GAS_LIMIT, 0)


def test_a_creation_that_fails_leaves_no_contract(probe: Probe) -> None:
    for code in ("fe", "5f5ffd", "617fff5ff3"):  # an invalid instruction, a revert, code beyond the size limit
        outcome = probe.executor.create(probe.owner, probe.nonce, bytes.fromhex(code))
        probe.nonce += 1
        assert (outcome.succeeded, outcome.contract, outcome.return_data) == (False, None, b"")
    assert set(probe.executor.accounts()) == {probe.contract}


def test_storage_and_code_can_be_read_as_they_are(probe: Probe) -> None:
    before = probe.executor.code(probe.contract)
    assert keccak256(before) == probe.created.return_data
    probe.executor.begin_block(3, 777)
    probe.call("stamp()")
    assert sorted(probe.executor.words(probe.contract, 0, 4)) == [0, 0, 3, 777]
    assert probe.executor.code(b"\x09" * 20) == b""
    if callable(compact := getattr(probe.executor, "compact", None)):
        compact()
        assert probe.executor.code(probe.contract) == before


def test_an_unknown_executor_or_fork_is_refused_by_name() -> None:
    with pytest.raises(ExecutorUnavailableError, match=r"auto, pyrevm, py-evm, was 'geth'"):
        open_executor("geth", 1, "cancun")
    with pytest.raises(ExecutorUnavailableError, match=r"cancun, prague, was 'london'"):
        open_executor("auto", 1, "london")


def test_without_pyrevm_py_evm_steps_in_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrevm", None)
    executor, note = open_executor("auto", 1, "cancun")
    assert executor.name == "py-evm"
    assert note is not None
    assert "py-evm" in note
    with pytest.raises(ExecutorUnavailableError, match="'pyrevm' cannot run"):
        open_executor("pyrevm", 1, "cancun")


def test_the_prague_rules_run_on_py_evm_with_the_bls_precompiles() -> None:
    executor, note = open_executor("auto", 1, "prague")
    assert executor.name == "py-evm"
    assert note is not None
    infinity_plus_infinity = executor.view(bytes(20), (0x0B).to_bytes(20, "big"), bytes(256))
    assert infinity_plus_infinity.return_data == bytes(128)


@pytest.mark.parametrize("name", NAMES)
def test_under_cancun_a_call_to_a_bls_precompile_succeeds_with_empty_output(name: str) -> None:
    """The trap that contracts must guard against by checking the length; Ethereum did so too before Prague."""
    executor, _ = open_executor(name, 1, "cancun")
    outcome = executor.view(bytes(20), (0x0B).to_bytes(20, "big"), bytes(256))
    assert (outcome.succeeded, outcome.return_data) == (True, b"")


def test_py_evm_counts_gas_the_same_for_the_same_call_whatever_was_read_before() -> None:
    probe = Probe("py-evm")
    probe.call("store(uint256,uint256)", 7, 1)
    plain = probe.call("store(uint256,uint256)", 7, 2).gas_used
    probe.view("held(uint256)", 7)
    probe.view("store(uint256,uint256)", 7, 5)
    assert probe.call("store(uint256,uint256)", 7, 3).gas_used == plain
    assert plain is not None
    assert 21_000 < plain < 60_000


CALLS = {
    "store": "store(uint256,uint256)",
    "fail": "store_then_fail(uint256,uint256)",
    "subtract": "subtract(uint256)",
    "mark": "mark()",
    "stamp": "stamp()",
}


def _step(probe: Probe, name: str, key: int, amount: int) -> object:
    """Take one step of a random history: a block, a read, a write that a view undoes, or a transaction."""
    if name == "block":
        probe.executor.begin_block(key, amount)
        return None
    if name == "read":
        return probe.view("held(uint256)", key)
    if name == "write in a view":
        return probe.view("store(uint256,uint256)", key, amount)
    signature = CALLS[name]
    return probe.call(signature, *(key, amount)[: signature.count("uint256")])


def _essence(answer: object) -> object:
    """All of an outcome but the gas, which only one of them counts."""
    if isinstance(answer, Outcome):
        return (answer.succeeded, answer.return_data, answer.logs, answer.contract)
    return answer


@pytest.mark.skipif("pyrevm" not in NAMES, reason="pyrevm has no wheel for this Python; py-evm is the reference anyway")
@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([*CALLS, "block", "read", "write in a view"]), st.integers(0, 3), st.integers(0, 2)),
        max_size=12,
    )
)
def test_both_executors_agree_on_any_sequence(steps: list[tuple[str, int, int]]) -> None:
    fast, reference = Probe("pyrevm"), Probe("py-evm")
    assert _essence(fast.created) == _essence(reference.created)
    for name, key, amount in steps:
        assert _essence(_step(fast, name, key, amount)) == _essence(_step(reference, name, key, amount))
    assert fast.executor.accounts() == reference.executor.accounts()
    assert state_digest(fast.executor) == state_digest(reference.executor)


@pytest.mark.skipif("pyrevm" not in NAMES, reason="pyrevm has no wheel for this Python")
def test_a_compacted_pyrevm_goes_on_as_if_nothing_happened() -> None:
    from commonwatt.adapters.chain.executors.pyrevm_executor import PyrevmExecutor

    plain, compacting = Probe("pyrevm"), Probe("pyrevm")
    assert isinstance(compacting.executor, PyrevmExecutor)
    for number in range(6):
        for probe in (plain, compacting):
            probe.executor.begin_block(number, 1_000 + number)
            probe.call("store(uint256,uint256)", number % 4, number)
            probe.call("stamp()")
        before = state_digest(compacting.executor)
        compacting.executor.compact()
        assert state_digest(compacting.executor) == before == state_digest(plain.executor)
        assert compacting.view("owner()") == plain.view("owner()")  # an immutable, kept in the code
    assert _essence(compacting.call("mark()")) == _essence(plain.call("mark()"))


@pytest.mark.skipif("pyrevm" not in NAMES, reason="pyrevm has no wheel for this Python")
def test_pyrevm_compacts_by_itself_after_so_many_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    from commonwatt.adapters.chain.executors.pyrevm_executor import PyrevmExecutor

    executor = PyrevmExecutor(CHAIN_ID, compact_after=3)
    compacted: list[int] = []
    compact = executor.compact

    def counted() -> None:
        compacted.append(1)
        compact()

    monkeypatch.setattr(executor, "compact", counted)
    executor.begin_block(0, 0)
    contract = executor.create(address(OWNER), 0, CREATION).contract
    assert contract is not None
    for number in range(1, 7):
        executor.begin_block(number, number)
        executor.call(address(OWNER), number, contract, calldata("store(uint256,uint256)", number, number))
    assert len(compacted) == 2
    stored = executor.view(address(OWNER), contract, calldata("held(uint256)", 2))
    assert numbers(stored.return_data) == (2,)
