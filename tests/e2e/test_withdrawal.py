"""A member announces, on a run that was stopped, that it takes its money out; what it orders meanwhile, and who agrees with that."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from operator import itemgetter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.e2e.test_demands import run_until
from tests.fakes.small_runs import commonwatt, copied
from tests.fakes.tiny_runs import ran, write_morning

from commonwatt.adapters.chain.executors.base import GAS_LIMIT
from commonwatt.adapters.chain.transactions import sign_transaction
from commonwatt.adapters.ledger import open_live
from commonwatt.adapters.store.run_folder import RunFolder
from commonwatt.contracts import artifact
from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.settings import load
from commonwatt.wiring.demanding import wallet_of
from commonwatt.wiring.watched import names_in

Once = Callable[[str, Callable[[Path], object]], Path]
HOURS, WINDOW = 10, 2
"""Hours of the morning, from nine o'clock UTC on, and of a window."""
MEMBER = "flat-1"
ALL_NANO = 10**18
"""More than it has."""


def sent(street: Path, out: Path, method: str, *amounts_nano: int) -> str:
    """Have the member's wallet call the vault on a stopped run's chain for its account; why it was refused, empty where it was not."""
    wallet, folder = wallet_of(out, MEMBER, street), RunFolder(out)
    name = load(folder.settings, with_members=False).community.name
    with closing(open_live(folder.live_chain, name, wallet.key)) as ledger:
        chain = ledger.chain
        words = (FIRST_MEMBER + [member.wallet for member in ledger.members()].index(wallet.address), *amounts_nano)
        data = artifact("vault").method_ids[method] + b"".join(word.to_bytes(32, "big") for word in words)
        raw = sign_transaction(
            wallet.key,
            chain_id=chain.chain_id,
            nonce=chain.next_nonce(wallet.address),
            to=ledger.deployment.addresses["vault"],
            data=data,
            gas_limit=GAS_LIMIT,
        )
        (receipt,) = chain.append([raw], chain.head.time_s).receipts
        return receipt.revert_reason


@pytest.fixture(scope="session")
def morning(once: Once) -> Path:
    """A street, and a run of it that was stopped after its first hour."""

    def make(folder: Path) -> None:
        street = write_morning(folder / "street", HOURS)
        toml = street / "community.toml"
        toml.write_text(f"{toml.read_text(encoding='utf-8')}\n[ledger]\nwindow_slots = {WINDOW}\n", encoding="utf-8")
        run_until(street, folder / "begun", 1, resume=False)

    return once("withdrawal", make)


def reasons(out: Path) -> list[str]:
    """Hour by hour what became of the member's order."""
    orders = pq.read_table(out / "public" / "orders.parquet").to_pylist()
    return [row["reason"] for row in sorted(orders, key=itemgetter("slot")) if row["member"] == names_in(out)[MEMBER]]


def assert_everybody_agrees(out: Path) -> str:
    """Audit and watch of the finished run; what the audit said."""
    audited, watched = commonwatt("audit", out), commonwatt("watch", out)
    assert audited.code == 0, audited.both
    assert watched.code == 0, watched.both
    assert "every line is borne out" in watched.out
    return audited.out


def test_a_member_that_takes_its_money_out_orders_on_nothing_of_it(morning: Path, tmp_path: Path) -> None:
    street, out = morning / "street", copied(morning / "begun", tmp_path / "out")
    assert sent(street, out, "announce(uint256,uint256)", ALL_NANO) == ""
    run_until(street, out, 2 * WINDOW + 1)
    assert commonwatt("watch", out).code == 0
    assert sent(street, out, "withdraw(uint256)") == ""
    said = commonwatt("run", street, "--out", out, "--resume")
    assert said.code == 0, said.both
    assert "Energy 0 Wh off, money 0 off, ledger verified" in said.out
    assert "9 orders refused for want of balance" in said.out
    assert reasons(out) == ["filled", *["balance"] * (HOURS - 1)]
    assert "1 vault.announce, 1 vault.withdraw" in assert_everybody_agrees(out)


def test_a_member_that_changes_its_mind_orders_again(morning: Path, tmp_path: Path) -> None:
    street, out = morning / "street", copied(morning / "begun", tmp_path / "out")
    assert sent(street, out, "announce(uint256,uint256)", ALL_NANO) == ""
    run_until(street, out, 3)
    assert sent(street, out, "announce(uint256,uint256)", 0) == ""
    result = ran(street, out, resume=True)
    assert result.verified
    assert reasons(out)[:4] == ["filled", "balance", "balance", "filled"]
    assert "balance" not in reasons(out)[3:]
    assert "2 vault.announce" in assert_everybody_agrees(out)
