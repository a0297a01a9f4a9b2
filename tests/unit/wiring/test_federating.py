"""What a federation needs before it may run: every fault of all its communities at once, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.federations import SUNNY, write_side, write_valley
from tests.fakes.small_runs import TOML

from commonwatt.core.errors import InvalidInput, VerificationFailed
from commonwatt.wiring.auditing import AuditRequest
from commonwatt.wiring.auditing_federation import audit_federation
from commonwatt.wiring.federating import run_federation
from commonwatt.wiring.running import RunRequest


class Silent:
    """A listener that keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def stage(self, name: str, total: int | None = None) -> None:
        """A new stage."""

    def at(self, done: int) -> None:
        """So many steps."""

    def say(self, text: str) -> None:
        """A line."""
        self.said.append(text)


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def federation(text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "federation.toml").write_text(text, encoding="utf-8")

    return write


def shady(old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: changed(folder / "shady" / "community.toml", old, new)


def third(folder: Path) -> None:
    write_side(folder / "third", "Third Side", SUNNY)


def twice_the_name(folder: Path) -> None:
    changed(folder / "shady" / "community.toml", "Shady Side", "SUNNY side")


def one_key_file(folder: Path) -> None:
    for side in ("sunny", "shady"):
        changed(folder / side / "community.toml", "[data]", '[ledger]\nkey_file = "../keys.json"\n\n[data]')


def no_link(folder: Path) -> None:
    third(folder)
    federation('[federation]\ncommunities = ["sunny", "shady", "third"]\nlinks = [["sunny", "shady"]]\n')(folder)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(federation('[federation]\ncommunities = ["sunny", "shade"]\n'), "federation.toml:2 federation.communities: shade: expected a community's folder or its community.toml (did you mean shady?), found no such folder", id="missing-folder"),
        pytest.param(federation('[federation]\ncommunities = ["sunny"]\n'), "federation.toml:2 federation.communities: expected 2..1000 communities, found 1", id="one-alone"),
        pytest.param(federation('[federation]\ncommunities = ["sunny", "shady/../sunny"]\n'), "federation.toml:2 federation.communities: expected every community once, found shady/../sunny, which is sunny again", id="one-twice"),
        pytest.param(federation('[federation]\ncommunities = "sunny"\n'), 'federation.communities: expected a list of community folders such as ["north", "south"], found \'sunny\'', id="no-list"),
        pytest.param(federation("federation = 3\n"), "federation.toml:1 federation: expected a table, found 3", id="no-table"),
        pytest.param(federation('[federation]\ncommunites = ["sunny", "shady"]\ncommunities = ["sunny", "shady"]\n'), "federation.communites: expected one of communities, links, name (did you mean communities?), found an unknown key", id="misspelt"),
        pytest.param(federation('[federation]\ncommunities = ["sunny", "shady"]\nlinks = [["sunny", "shaddy"]]\n'), "federation.toml:3 federation.links: expected one of shady, sunny (did you mean shady?), found 'shaddy'", id="link-to-nobody"),
        pytest.param(federation('[federation]\ncommunities = ["sunny", "shady"]\nlinks = [["sunny", "sunny"]]\n'), "federation.links: expected a link between two communities, found sunny with itself", id="link-to-itself"),
        pytest.param(no_link, "federation.toml:3 federation.links: expected a link of every community to another (or no links: all are linked), found none of third", id="no-link"),
        pytest.param(shady("[tariff]", "slot_s = 900\n\n[tariff]"), "shady: ", id="slot-length"),
        pytest.param(shady('"CHF"', '"EUR"'), "shady: expected the currency (community.currency) of sunny, CHF, found EUR", id="currency"),
        pytest.param(shady("[data]", '[market]\ntiming = "ex_ante"\n\n[data]'), "shady: expected the timing (market.timing) of sunny, ex_post, found ex_ante", id="timing"),
        pytest.param(twice_the_name, "shady: expected a name of its own (community.name), found SUNNY side, as sunny has", id="same-name"),
        pytest.param(one_key_file, "shady: expected a key file of its own, found keys.json, as sunny has", id="one-key-file"),
        pytest.param(shady("[data]", '[ledger]\npath = "trades"\n\n[data]'), "shady: ledger.path: expected net in a federation, found trades", id="trade-by-trade"),
        pytest.param(shady("[data]", '[market]\nvenue = "continuous"\n\n[data]'), "shady: market.venue: expected sealed_batch (orders that are taken back or answered one by one leave no position before they meet) in a federation, found continuous", id="venue"),
        pytest.param(shady("retail_micro_per_kwh = 300_000", "retail_micro_per_kwh = 0.3"), "shady: community.toml:7 tariff.retail_micro_per_kwh: expected a whole number of micro (0.3 per kWh is 300000), found 0.3", id="fault-of-one"),
    ],
)  # fmt: skip
def test_a_federation_that_cannot_run_is_refused_before_anything_is_written(
    tmp_path: Path, spoil: Callable[[Path], None], expected: str
) -> None:
    folder = write_valley(tmp_path / "valley")
    spoil(folder)

    with pytest.raises(InvalidInput) as raised:
        run_federation(RunRequest(folder / "federation.toml", tmp_path / "out"), 1, Silent())

    assert expected in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_faults_of_several_communities_are_told_together(tmp_path: Path) -> None:
    folder = write_valley(tmp_path / "valley")
    for side in ("sunny", "shady"):
        changed(folder / side / "community.toml", "feed_in_micro_per_kwh = 80_000", "feed_in_micro_per_kwh = -1")

    with pytest.raises(InvalidInput) as raised:
        run_federation(RunRequest(folder / "federation.toml", tmp_path / "out"), 1, Silent())

    assert [str(finding).partition(":")[0] for finding in raised.value.findings] == ["sunny", "shady"]


@pytest.mark.full
def test_a_community_that_cannot_go_on_stops_all_and_they_go_on_together(tmp_path: Path) -> None:
    """The supplier of one side has paid in too little; after a top-up both are at their end, and the books balance."""
    folder = write_valley(tmp_path / "valley", hours=3)
    text = TOML.replace("Little Street", "Sunny Side")
    (folder / "sunny" / "community.toml").write_text(text + "\n[ledger]\nsupplier_deposit_nano = 1\n", encoding="utf-8")
    request = RunRequest(folder / "federation.toml", tmp_path / "out")

    with pytest.raises(
        VerificationFailed, match=r"Sunny Side: slot .* expected a supplier's deposit that covers it"
    ) as short:
        run_federation(request, 2, Silent())
    assert "A community that cannot go on stops all" in str(short.value)

    again = RunRequest(request.file, request.out, resume=True, top_up="500")
    result = run_federation(again, 2, Silent())

    assert result.verified
    assert audit_federation(AuditRequest(result.out)).passed
    assert result.summary["money_mismatch_nano"] == 0
