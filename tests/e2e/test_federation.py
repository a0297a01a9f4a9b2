"""Two communities in one run: they trade, both are audited, nothing is lost between them; stopped anywhere it ends in the same bytes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from scripts.reference.results import FEDERATION_FILES, FEDERATION_SUMMARY
from tests.fakes.federations import same_of_all, write_valley
from tests.fakes.lanes import laid, placed
from tests.fakes.small_runs import command, commonwatt, copied, environment, journalled, read_json
from tests.fakes.tampering import change_cell, sealed, text_replaced

from commonwatt.core.errors import InvalidInput
from commonwatt.wiring.auditing_federation import whole_checks

TIMINGS = ("ex_post", "ex_ante")
"""Trading after delivery, and at a gate."""


@pytest.fixture(scope="module")
def valley(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The federation, each community along a lane of its own, with the key files that its first run drew."""
    folder = write_valley(tmp_path_factory.mktemp("valley"))
    for side in ("sunny", "shady"):
        placed(folder / side, laid())
    return folder


WIRED = ("grid.model=radial", "grid.feeder=lane.toml", "grid.fee=line", "grid.fee_micro_per_kwh=4000", "grid.allocation=fixed", "grid.rating_share=0.6")  # fmt: skip
"""After delivery communities may have wires: with fees, losses and caps."""


def timed(out: Path) -> tuple[str, ...]:
    """What was asked of the run in a folder that is named after its timing."""
    asked = f"market.timing={out.name}", *(WIRED if out.name == "ex_post" else ())
    return tuple(word for text in asked for word in ("--set", text))


def ran(valley: Path, out: Path) -> Path:
    """A finished run with the timing that the folder is named after."""
    said = commonwatt("run", valley, "--out", out, *timed(out), "--jobs", "2")
    assert said.code == 0, said.both
    return out


@pytest.fixture(scope="module")
def after(valley: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that traded after delivery."""
    return ran(valley, tmp_path_factory.mktemp("out") / "ex_post")


@pytest.fixture(scope="module")
def before(valley: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that traded at a gate."""
    return ran(valley, tmp_path_factory.mktemp("out") / "ex_ante")


@pytest.fixture(params=TIMINGS)
def finished(request: pytest.FixtureRequest) -> Path:
    """One of the two."""
    run: Path = request.getfixturevalue({"ex_post": "after", "ex_ante": "before"}[request.param])
    return run


def test_two_communities_trade_and_nothing_is_lost(finished: Path) -> None:
    summary = read_json(finished / "summary.json")

    assert summary["exchanged_wh"] > 0
    assert (summary["energy_mismatch_wh"], summary["money_mismatch_nano"]) == (0, 0)
    assert summary["ledger_verified"] is True
    sides = summary["by_community"]
    assert sides["Sunny Side"]["received_nano"] + sides["Shady Side"]["received_nano"] == 0
    assert sum(side["saving_by_exchange_nano"] for side in sides.values()) == summary["saving_by_exchange_nano"] > 0
    for folder in ("sunny-side", "shady-side"):
        own = read_json(finished / "communities" / folder / "summary.json")
        assert (own["energy_mismatch_wh"], own["money_mismatch_nano"], own["ledger_verified"]) == (0, 0, True)


def test_what_one_community_sells_the_other_buys_in_its_own_books(finished: Path) -> None:
    rows = {}
    for folder in ("sunny-side", "shady-side"):
        postings = pq.read_table(finished / "communities" / folder / "public" / "postings.parquet").to_pylist()
        rows[folder] = [
            (row["slot"], row["energy_wh"], row["amount_nano"]) for row in postings if row["kind"] == "exchange"
        ]

    assert rows["sunny-side"] == rows["shady-side"] != []


def test_a_stranger_can_check_all_of_it(finished: Path) -> None:
    said = commonwatt("audit", finished)

    assert said.code == 0, said.both
    assert "Sunny Side:" in said.out
    assert "level 2 met again from all communities' orders" in said.out
    one = commonwatt("audit", finished / "communities" / "shady-side")
    assert one.code == 0, one.both


def test_the_page_says_first_what_trading_with_each_other_saved(after: Path) -> None:
    page = (after / "report.html").read_text(encoding="utf-8")

    assert "By trading with each other the 2 communities saved their members" in page
    assert 'href="communities/sunny-side/report.html"' in page


def test_each_community_has_wires_of_its_own_pays_for_their_losses_and_is_paid_for_the_way(after: Path) -> None:
    for folder in ("sunny-side", "shady-side"):
        out = after / "communities" / folder
        summary = read_json(out / "summary.json")
        tables = {name: pq.read_table(out / "public" / f"{name}.parquet").to_pylist() for name in ("wires", "postings", "trades")}  # fmt: skip
        assert summary["losses_wh"] == sum(row["losses_wh"] for row in tables["wires"]) > 0
        bought = [row for row in tables["postings"] if row["kind"] == "losses"]
        assert {(row["debit"], row["credit"]) for row in bought} == {("grid", "supplier")}
        assert sum(row["energy_wh"] for row in bought) == summary["losses_wh"]
        crossing = [row for row in tables["trades"] if row["round"] == -1]
        # What crosses to the other community leaves through the transformer and pays no fee of the way.
        assert {row["sell_fee_micro_per_kwh"] + row["buy_fee_micro_per_kwh"] for row in crossing} == {0}
        assert (summary["curtailed_pv_wh"] > 0) is (folder == "sunny-side")
    assert read_json(after / "communities" / "sunny-side" / "summary.json")["way_fees_nano"] > 0


def test_a_grid_that_may_cut_what_others_rely_on_is_refused_in_a_federation(valley: Path, tmp_path: Path) -> None:
    on = [word for text in ("market.timing=ex_ante", *WIRED) for word in ("--set", text)]
    said = commonwatt("run", valley, "--out", tmp_path / "out", *on)
    assert said.code == 2
    assert "sunny: grid.model: expected unlimited (a grid that cuts trades after the gate" in said.err
    assert "shady: grid.model: expected unlimited" in said.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("column", "found"),
    [("energy_wh", "a sum of 0 over the communities"), ("price_micro_per_kwh", "level 2"), ("long_wh", "long_wh")],
)
def test_a_changed_figure_of_level_two_is_found(after: Path, tmp_path: Path, column: str, found: str) -> None:
    out = copied(after, tmp_path / "out")
    path = out / "public" / "exchanges.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    next(row for row in rows if row["energy_wh"])[column] += 1
    pq.write_table(table.from_pylist(rows, schema=table.schema), path)

    said = commonwatt("audit", out)

    assert said.code == 1
    assert "checks FAILED" in said.out
    assert found in said.out


@pytest.mark.full
def test_a_community_taken_from_another_run_is_found(after: Path, valley: Path, tmp_path: Path) -> None:
    out = copied(after, tmp_path / "out")
    alone = tmp_path / "alone"
    assert commonwatt("run", valley / "shady", "--out", alone, *timed(after)).code == 0
    subprocess.run(["rm", "-rf", out / "communities" / "shady-side"], check=True)
    copied(alone, out / "communities" / "shady-side")

    said = commonwatt("audit", out)

    assert said.code == 1
    assert "root" in said.out
    assert "Shady Side slot" in said.out


def test_a_second_row_of_a_slot_and_community_is_found(after: Path, tmp_path: Path) -> None:
    out = copied(after, tmp_path / "out")
    path = out / "public" / "exchanges.parquet"
    table = pq.read_table(path)
    pq.write_table(
        table.from_pylist([{**table.to_pylist()[0], "energy_wh": 5}, *table.to_pylist()], table.schema), path
    )

    found = [str(finding) for check in whole_checks(out) for finding in check.findings]

    assert any("expected one row, found another" in finding for finding in found), found


def test_alone_a_community_of_a_federation_says_what_cannot_be_checked(after: Path) -> None:
    said = commonwatt("audit", after / "communities" / "shady-side")

    assert "not checked  what crossed to other communities: this run belongs to the federation 'Valley'" in said.out


def test_an_exchange_of_a_run_that_belongs_to_no_federation_is_found(after: Path, tmp_path: Path) -> None:
    public = copied(after / "communities" / "shady-side" / "public", tmp_path / "public")
    text_replaced(public / "inputs.json", '  "federation": "Valley",\n', "")
    sealed(public)

    said = commonwatt("audit", public)

    assert said.code == 1
    assert "nothing that crosses: by inputs.json the run is by itself, found exchange" in said.out


def fuzzed() -> list[tuple[str, object]]:
    odd: list[object] = [
        None,
        -1,
        0,
        1.5,
        10**18,
        10**30,
        "",
        "..",
        "\ud800",
        [],
        {},
        True,
        [[0, 1, 1]],
        [[0, 0]],
        [[0, 2]],
        [0],
        {"a": 1},
    ]
    keys = ("format", "name", "currency", "slot_s", "first_slot", "end_slot", "communities")
    return [(key, value) for key in keys for value in odd] + [
        ("links", value) for value in odd if value not in (None, [])
    ]


@pytest.mark.full
def test_no_changed_value_of_the_federations_file_ends_in_a_traceback(after: Path, tmp_path: Path) -> None:
    out = copied(after, tmp_path / "out")
    path = out / "public" / "federation.json"
    sound = read_json(path)
    changes = [{**sound, key: value} for key, value in fuzzed()]
    for key in ("name", "folder", "root"):
        first, *rest = sound["communities"]
        changes += [
            {**sound, "communities": [{**first, key: odd}, *rest]} for odd in (None, 1, "", ".", "..", "a/b", "x")
        ]
    changes += [{key: value for key, value in sound.items() if key != left} for left in sound]
    for change in changes:
        path.write_text(json.dumps(change), encoding="utf-8")
        try:
            assert not all(check.passed for check in whole_checks(out)), change
        except InvalidInput as error:
            assert error.findings

    said = commonwatt("audit", out)
    assert said.code == 1
    assert "Traceback" not in said.both


def test_a_community_whose_tables_have_another_form_is_a_finding(after: Path, tmp_path: Path) -> None:
    out = copied(after, tmp_path / "out")
    change_cell(out / "communities" / "sunny-side" / "public", "members", "meter_key", lambda _: "0xnothing", 0)

    checks = whole_checks(out)

    assert checks[0].findings
    assert checks[1].skipped == "not every community can be read"


def test_a_trade_is_asked_of_its_own_community(after: Path) -> None:
    said = commonwatt("audit", after, "--member", "flat-1")

    assert said.code == 2
    assert "a community's own folder" in said.err


@pytest.mark.full
def test_how_many_processes_work_changes_no_byte(before: Path, valley: Path, tmp_path: Path) -> None:
    said = commonwatt("run", valley, "--out", tmp_path / "one", *timed(before), "--jobs", "1")

    assert said.code == 0, said.both
    assert same_of_all(tmp_path / "one") == same_of_all(before)


@pytest.mark.full
@pytest.mark.parametrize("with_", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_federation_goes_on_to_the_same_bytes(
    before: Path, valley: Path, tmp_path: Path, with_: signal.Signals
) -> None:
    out = tmp_path / "out"
    asked: list[str | Path] = ["run", valley, "--out", out, *timed(before), "--jobs", "2"]
    process = subprocess.Popen(
        command(*asked), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while journalled(out) < 2 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(with_)
    _, err = process.communicate(timeout=60)

    if with_ == signal.SIGINT:
        assert (process.returncode, "--resume goes on" in err) == (130, True), err
        assert not (out / "summary.json").exists()
    assert commonwatt(*asked).code == 2, "without --resume the folder is refused"
    wait_for_the_last(out)
    said = commonwatt(*asked, "--resume")

    assert said.code == 0, said.both
    assert same_of_all(out) == same_of_all(before)


@pytest.mark.full
def test_resuming_a_finished_federation_trades_nothing_again(after: Path, valley: Path, tmp_path: Path) -> None:
    out = copied(after, tmp_path / "out")

    said = commonwatt("run", valley, "--out", out, *timed(after), "--resume")

    assert said.code == 0, said.both
    assert same_of_all(out) == same_of_all(after)
    assert read_json(out / "communities" / "sunny-side" / "timing.json")["executed_steps"] == 0


def wait_for_the_last(out: Path) -> None:
    """The processes of a killed federation stop after the step they are at; until then they hold their folders."""
    import fcntl

    deadline = time.monotonic() + 30
    for lock in out.glob("communities/*/private/journal.lock"):
        with lock.open("a") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    assert time.monotonic() < deadline, f"{lock} is still held ({os.getpid()})"
                    time.sleep(0.05)


def test_a_federation_leaves_the_files_and_figures_of_the_reference(after: Path) -> None:
    left = {path.relative_to(after).as_posix() for path in after.rglob("*") if path.is_file()}
    named = {re.sub("(outcomes/)[^/]+", r"\1NAME", name) for name in left if not name.startswith("communities/")}

    assert {name.replace("NAME.json", "NAME") for name in FEDERATION_FILES} == named | {"communities/NAME/"}
    assert list(read_json(after / "summary.json")) == list(FEDERATION_SUMMARY)


def test_other_commands_ask_for_one_community(valley: Path, after: Path) -> None:
    assert (
        "found a federation of several"
        in commonwatt("compare", valley, "--design", "p2pet", "--design", "no_market").err
    )
    bill = commonwatt("bill", after, "--member", "flat-1")
    assert (bill.code, "communities" in bill.err) == (2, True)
