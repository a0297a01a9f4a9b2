"""Evidence of a slot and member holds by itself: against the root that opened the slot, the wallet, the meter's or gateway's key."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from tests.fakes import markets
from tests.fakes.markets import FIRST, Ran, rows

from commonwatt.contracts.encoding import book_commitment, order_digest
from commonwatt.core.determinism import merkle_holds
from commonwatt.crypto.signatures import signer_address
from commonwatt.metering import GATEWAY, METER, packets_digest
from commonwatt.services.evidence import book_entry, packet_evidence, signed_order
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import EVERY_ORDER, EX_ANTE, STANDING

MODES = pytest.mark.parametrize("signing", [STANDING, EVERY_ORDER])


@cache
def ran(signing: str = STANDING, packets: str = METER) -> Ran:
    feed = markets.FakeFeed.made_up(4)
    feed.silence(1, 3)
    feed.tell(2, 1, 3, 900)
    design = markets.rules(EX_ANTE, order_signing=signing, packet_signing=packets, window_slots=1)
    given = markets.terms(window_slots=1)
    return markets.run(markets.market(EX_ANTE, feed=feed, design=design, founded_on=given), 4)


def public(of: Ran) -> PublicTables:
    return of.audited().public


@MODES
def test_an_order_s_evidence_leads_from_the_wallet_to_the_root_that_opened_the_slot(signing: str) -> None:
    of = ran(signing)
    seen = 0
    for member in range(5):
        entry, signed = book_entry(public(of), FIRST, member), signed_order(public(of), FIRST, member)
        assert (entry is None) == (signed is None)
        if entry is None or signed is None:
            continue
        seen += 1
        assert merkle_holds(entry.book_root, entry.commitment, entry.siblings, entry.sides)
        opened = next(r for r in of.market.ledger.receipts() if (r.kind, r.slot) == ("open", FIRST))
        assert opened.content_hash == "0x" + book_commitment(entry.book_root, entry.orders).hex()
        digest = order_digest(
            of.market.order_domain,
            member=signed.account,
            is_sell=signed.is_sell,
            energy_wh=signed.energy_wh,
            limit_micro_per_kwh=signed.limit_micro_per_kwh,
            first_slot=signed.first_slot,
            last_slot=signed.last_slot,
            path=signed.path,
            salt=signed.salt.to_bytes(32, "big"),
        )
        assert signer_address(digest, signed.signature) == signed.wallet == of.market.terms.members[member].wallet
        assert signed.account == entry.account
        assert signed.is_sell == entry.is_sell
        assert signed.first_slot <= FIRST <= signed.last_slot
        v, r, s = signed.vrs
        assert r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v]) == signed.signature
    assert seen == len(rows(of.tables["orders"], slot=FIRST))


def test_who_has_no_order_has_no_evidence() -> None:
    of = ran()
    ordered = {row["member"] for row in rows(of.tables["orders"], slot=FIRST + 3)}
    for member, name in enumerate(public(of).pseudonyms):
        assert (book_entry(public(of), FIRST + 3, member) is not None) == (name in ordered)


@pytest.mark.parametrize("packets", [METER, GATEWAY])
def test_a_packet_s_evidence_leads_to_the_key_that_may_sign_it(packets: str) -> None:
    of = ran(packets=packets)
    for slot in of.slots:
        for member in range(5):
            found = packet_evidence(public(of), slot, member)
            if found is None:
                continue
            assert merkle_holds(found.root, found.leaf, found.siblings, found.sides)
            signer = signer_address(packets_digest(markets.COMMUNITY, slot, found.root), found.signature)
            assert signer == of.market.packet_signers[member][-1]
            assert (found.enrolment.gateway if found.enrolment else of.market.meter_addresses[member]) == signer
            numbers = (member, slot, found.counter, found.revision, found.import_wh, found.export_wh)
            body = b"".join(n.to_bytes(8, "big", signed=True) for n in numbers)
            assert found.leaf == body + found.packet_hash


def test_a_silent_meter_has_no_packet_until_its_correction() -> None:
    of = ran(packets=GATEWAY)
    assert packet_evidence(public(of), FIRST + 1, 3) is None
    late = packet_evidence(public(of), FIRST + 1, 3, revision=1)
    assert late is not None
    assert late.revision == 1
    assert late.siblings == ()
    on_time = packet_evidence(public(of), FIRST + 1, 2, revision=1)
    assert on_time is not None
    assert on_time.revision == 0
    assert np.all(np.array([len(s) for s in on_time.siblings]) == 32)
