"""Late readings: a revision holds only the difference and touches nobody but its member."""

import pytest
from tests.fakes.settlement_slots import agreement, bill, book, context, lines, readings, system_balances

from commonwatt.core.accounts import Account, Kind
from commonwatt.core.records import Readings
from commonwatt.settlement import correction, correction_findings
from commonwatt.settlement.scheduled import Scheduled

# Member 0 exports 600 (400 sold), member 1 imports 500 (400 bought), member 2 imports 50; ex_post.
ORDERS = book((0, "sell", 600), (1, "buy", 400))
SUBSTITUTED = readings((600, 0), (0, 500), (0, 50))
CONTEXT = context(3, "ex_post")
SETTLED = Scheduled().settle(ORDERS, agreement(ORDERS, (0, 1, 400, 200_000, 200_000)), SUBSTITUTED, CONTEXT)


def one(member: int, export_wh: int, import_wh: int) -> Readings:
    return readings((export_wh, import_wh), members=[member])


@pytest.mark.parametrize(
    ("member", "before", "after", "expected"),
    [
        pytest.param(
            1,
            (0, 500),
            (0, 530),
            [
                ("correction_short", 30, 300_000, -9_000_000),
                ("grid_fee", 30, 70_000, -2_100_000),
                ("tax", 30, 30_000, -900_000),
            ],
            id="used-more",
        ),
        pytest.param(
            1,
            (0, 500),
            (0, 470),
            [
                ("correction_long", 30, 300_000, 9_000_000),
                ("grid_fee", 30, 70_000, 2_100_000),
                ("tax", 30, 30_000, 900_000),
            ],
            id="used-less-is-paid-back-as-charged",
        ),
        pytest.param(
            1,
            (0, 500),
            (0, 380),
            [
                ("correction_long", 20, 80_000, 1_600_000),
                ("correction_long", 100, 300_000, 30_000_000),
                ("grid_fee", 100, 70_000, 7_000_000),
                ("tax", 100, 30_000, 3_000_000),
            ],
            id="used-less-than-it-bought-is-fed-in",
        ),
        pytest.param(0, (600, 0), (640, 0), [("correction_long", 40, 80_000, 3_200_000)], id="exported-more"),
        pytest.param(0, (600, 0), (560, 0), [("correction_short", 40, 80_000, -3_200_000)], id="exported-less"),
        pytest.param(
            0,
            (600, 0),
            (390, 0),
            [
                ("correction_short", 200, 80_000, -16_000_000),
                ("correction_short", 10, 300_000, -3_000_000),
                ("grid_fee", 10, 70_000, -700_000),
                ("tax", 10, 30_000, -300_000),
            ],
            id="exported-less-than-it-sold-is-supplied",
        ),
        pytest.param(2, (0, 50), (0, 50), [], id="no-difference"),
    ],
)
def test_a_late_reading_settles_the_difference_with_the_supplier(
    member: int, before: tuple[int, int], after: tuple[int, int], expected: list[tuple[str, int, int, int]]
) -> None:
    old, new = one(member, *before), one(member, *after)
    revision = correction(SETTLED, 1, old, new, CONTEXT)

    assert bill(revision, member) == expected
    assert correction_findings(revision, old, new, CONTEXT) == []
    assert set(revision.legs.member.tolist()) <= {member}
    assert (revision.slot, revision.revision, len(revision.delivered_wh)) == (7, 1, 0)


def test_every_posting_of_a_correction_has_a_system_account_on_one_side() -> None:
    revision = correction(SETTLED, 1, SUBSTITUTED, readings((390, 5), (0, 380), (7, 80)), CONTEXT)
    postings = revision.postings

    assert len(postings) > 0
    assert ((postings.debit < 8) != (postings.credit < 8))[postings.kind != Kind.WHOLESALE].all()


def test_a_correction_reaches_grid_state_supplier_and_wholesale() -> None:
    revision = correction(SETTLED, 1, one(1, 0, 500), one(1, 0, 530), CONTEXT)
    balances = system_balances(revision, 3)

    assert lines(revision.postings, Kind.CORRECTION) == [(9, Account.SUPPLIER, 9_000_000)]
    assert balances[Account.GRID] == 2_100_000
    assert balances[Account.STATE] == 900_000
    assert balances[Account.WHOLESALE] == 1_500_000
    assert balances[Account.SUPPLIER] == 9_000_000 - 1_500_000


def test_two_corrections_come_to_the_same_as_one() -> None:
    first = correction(SETTLED, 1, one(1, 0, 500), one(1, 0, 350), CONTEXT)
    second = correction(SETTLED, 2, one(1, 0, 350), one(1, 10, 460), CONTEXT)
    direct = correction(SETTLED, 1, one(1, 0, 500), one(1, 10, 460), CONTEXT)

    assert second.revision == 2
    total = int(first.legs.amount_nano.sum()) + int(second.legs.amount_nano.sum())
    assert total == int(direct.legs.amount_nano.sum()) != 0


@pytest.mark.parametrize(
    ("revision", "after", "match"),
    [(0, one(1, 0, 5), "revision of at least 1"), (1, one(2, 0, 5), "the same members")],
)
def test_a_correction_of_nothing_is_refused(revision: int, after: Readings, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        correction(SETTLED, revision, one(1, 0, 500), after, CONTEXT)
