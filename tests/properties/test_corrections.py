"""Silent, late, doubled, out-of-order and revised readings: every sum stays exact, and the audit finds nothing."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes import markets
from tests.fakes.markets import FIRST, FakeFeed, Ran

from commonwatt.services.audit import CHECKS
from commonwatt.services.rules import EX_ANTE, EX_POST

HOURS, MEMBERS = 20, 5
SIGNS = {
    "peer_sell": 1, "supplier_sell": 1, "imbalance_long": 1, "correction_long": 1,
    "peer_buy": -1, "supplier_buy": -1, "imbalance_short": -1, "correction_short": -1,
}  # fmt: skip


@dataclass(frozen=True)
class Tale:
    """What becomes known of an hour of one member: when, what, and whether the meter was silent at first."""

    hour: int
    member: int
    after: int
    load_wh: int
    pv_wh: int
    silent: bool
    doubled: bool


TALES = st.lists(
    st.builds(
        Tale,
        hour=st.integers(0, 9),
        member=st.integers(0, MEMBERS - 1),
        after=st.integers(1, 9),
        load_wh=st.integers(0, 4000),
        pv_wh=st.sampled_from([0, 0, 700, 6000]),
        silent=st.booleans(),
        doubled=st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


def ran(tales: list[Tale], timing: str, chain: str) -> Ran:
    feed = FakeFeed.made_up(HOURS)
    for tale in tales:
        if tale.silent:
            feed.silence(tale.hour, tale.member)
        for _ in range(1 + tale.doubled):
            feed.tell(tale.hour + tale.after, tale.hour, tale.member, tale.load_wh, tale.pv_wh)
    return markets.run(markets.market(timing, feed=feed, chain=chain), HOURS)


def holds(result: Ran) -> None:
    """The bills of all revisions together are the newest reading, postings pair off with bills, and the audit is content."""
    newest: dict[tuple[int, str], tuple[int, int]] = {}
    for row in sorted(result.tables["readings"].to_pylist(), key=lambda row: row["revision"]):
        newest[row["slot"], row["member"]] = (row["revision"], row["export_wh"] - row["import_wh"])
    billed: Counter[tuple[int, str]] = Counter()
    money: Counter[str] = Counter()
    for row in result.tables["statements"].to_pylist():
        billed[row["slot"], row["member"]] += SIGNS.get(row["leg"], 0) * row["energy_wh"]
        money[row["member"]] += row["amount_nano"]
    assert {at: billed[at] for at in newest} == {at: net_wh for at, (_, net_wh) in newest.items()}
    posted: Counter[str] = Counter()
    for row in result.tables["postings"].to_pylist():
        posted[row["debit"]] -= row["amount_nano"]
        posted[row["credit"]] += row["amount_nano"]
    assert sum(posted.values()) == 0
    assert {member: posted[f"member:{member}"] for member in money} == dict(money)
    audited = result.audited()
    assert [finding for check in CHECKS for finding in check(audited).findings] == []


@pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TALES)
def test_whatever_becomes_known_late_every_sum_is_exact(timing: str, tales: list[Tale]) -> None:
    holds(ran(tales, timing, "memory"))


def test_all_kinds_of_lateness_at_once_hold_on_the_chain_too() -> None:
    tales = [
        Tale(0, 1, 5, 900, 200, silent=True, doubled=True),
        Tale(0, 1, 2, 800, 100, silent=True, doubled=False),
        Tale(3, 4, 1, 50, 0, silent=False, doubled=False),
        Tale(2, 4, 6, 3000, 0, silent=True, doubled=False),
        Tale(0, 0, 9, 0, 6000, silent=False, doubled=True),
    ]
    result = ran(tales, EX_POST, "embedded")
    holds(result)
    revised = [row for row in result.tables["readings"].to_pylist() if row["revision"] > 0]
    assert {row["slot"] - FIRST for row in revised} >= {0, 2, 3}
