"""Market: one choice from each room, the members, and the ports to the outside; what the trading day works with."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from commonwatt.assets import Asset
from commonwatt.bidding import Bidding
from commonwatt.core.members import Fleet, Member
from commonwatt.core.orders import Preference, Source
from commonwatt.core.units import Ints
from commonwatt.forecasting import Forecasting
from commonwatt.metering import GATEWAY, enrolment_digest
from commonwatt.services.claims import ClaimsLedger
from commonwatt.services.enrolment import Enrolment, packet_signers
from commonwatt.services.federation import Others
from commonwatt.services.feed import Feed
from commonwatt.services.keyring import Keyring
from commonwatt.services.ports import LedgerTerms
from commonwatt.services.rules import Rules
from commonwatt.trust import Trust
from commonwatt.validators import Validators


@dataclass(frozen=True)
class Market:
    """One choice from each room, and what they work on."""

    rules: Rules
    members: tuple[Member, ...]
    authorities: tuple[str, ...]
    terms: LedgerTerms

    assets: tuple[Asset, ...]
    bidding: dict[str, Bidding]
    """By strategy name."""
    forecasting: Forecasting
    trust: Trust
    validators: Validators

    feed: Feed
    keys: Keyring
    ledger: ClaimsLedger
    others: Others | None = None
    """The other communities of a federation; None: there are none."""

    @cached_property
    def fleet(self) -> Fleet:
        """The members' assets as columns."""
        names = ("pv_w", "battery_wh", "battery_w", "battery_min_wh", "inverter_w", "connection_w")
        return Fleet(**{name: self._column(name) for name in names})

    @cached_property
    def buy_limit_micro_per_kwh(self) -> Ints:
        """Members' standing limits, all-in."""
        return self._column("buy_limit_micro_per_kwh")

    @cached_property
    def sell_limit_micro_per_kwh(self) -> Ints:
        """Members' standing limits for what they sell."""
        return self._column("sell_limit_micro_per_kwh")

    @cached_property
    def source(self) -> Ints:
        """`Source` of what each member offers."""
        return np.array([Source[(m.source or "unknown").upper()] for m in self.members], np.int64)

    @cached_property
    def preference(self) -> Ints:
        """`Preference` of each member."""
        return np.array([Preference[m.preference.upper()] for m in self.members], np.int64)

    @cached_property
    def strategies(self) -> tuple[tuple[str, Ints], ...]:
        """(strategy, indices of the members that use it), in order of name."""
        names = np.array([m.strategy for m in self.members])
        return tuple((str(name), np.flatnonzero(names == name)) for name in np.unique(names))

    @cached_property
    def meter_addresses(self) -> tuple[bytes, ...]:
        """The address of each member's meter key."""
        return tuple(self.keys.meter_address(index) for index in range(len(self.members)))

    @cached_property
    def enrolments(self) -> tuple[Enrolment, ...]:
        """The gateway that each meter enrolled, by member index; none where meters sign for themselves."""
        if self.rules.packet_signing != GATEWAY:
            return ()
        gateway = self.keys.gateway_address()
        digest = enrolment_digest(self.rules.community, gateway)
        return tuple(Enrolment(m, gateway, self.keys.sign_meter(m, digest)) for m in range(len(self.members)))

    @cached_property
    def packet_signers(self) -> tuple[tuple[bytes, ...], ...]:
        """By member index the addresses that may sign its packets: its meter's, then its gateway's."""
        return packet_signers(self.meter_addresses, self.enrolments)

    @cached_property
    def order_domain(self) -> bytes:
        """The domain under which members sign orders; the ledger must be founded."""
        return self.ledger.order_domain()

    @cached_property
    def exposure_nano(self) -> int:
        """The most that one slot can cost all members together: connection limit x price cap."""
        connection_wh = int(self.fleet.connection_w.sum()) * self.rules.slots.slot_s // 3600
        return connection_wh * self.terms.price_cap_micro_per_kwh

    def _column(self, name: str) -> Ints:
        return np.array([getattr(m, name) for m in self.members], np.int64)
