"""The genesis of a community's chain: contracts created, members admitted, deposits taken, from the terms alone.

The operator signs all of it: it deploys, registers the members, issues the community's token and pays in everyone's
prepayment. After the genesis is sealed no contract can be added; what the operator can do then is the contracts' matter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar

from commonwatt.adapters.chain.executors.base import GAS_LIMIT
from commonwatt.adapters.chain.transactions import created_address, sign_transaction
from commonwatt.adapters.ledger.calldata import ADMIT
from commonwatt.contracts import artifact
from commonwatt.contracts.encoding import BOND
from commonwatt.core.accounts import FIRST_MEMBER, Account
from commonwatt.core.errors import LedgerError
from commonwatt.core.records import FINAL_DAYS
from commonwatt.core.units import SECONDS_PER_DAY
from commonwatt.crypto.keccak import keccak256
from commonwatt.crypto.secp256k1 import address_of_secret
from commonwatt.services.ports import LedgerTerms

CONTRACTS: Final = ("token", "members", "vault", "market", "claims")
"""In the order of their creation: each names those before it."""

FINAL_S: Final = FINAL_DAYS * SECONDS_PER_DAY
"""Seconds after a slot's end in which batches for it are taken."""

RECOVERY_S: Final = 7 * SECONDS_PER_DAY
"""Seconds between a regulator's recovery of a wallet and its effect."""

ROLES: Final = ("prosumer", "consumer")
"""What the registry notes for a member, numbered from 1; the settlement treats all roles alike."""

DEPOSIT: Final = "deposit(uint256,uint256)"
DEPOSIT_MANY: Final = "deposit_many(uint256[],uint256[])"

_WORD: Final = 32
_NO_ADDRESS: Final = bytes(20)
_ADMISSIONS, _DEPOSITS = 50, 128
_UNIT_NANO: Final = 1
_Item = TypeVar("_Item")


def community_hash(community: str) -> bytes:
    """The 32 bytes that tell this community's keys from any other's."""
    return keccak256(community.encode())


def role_number(role: str) -> int:
    """The number of a role in the registry. Raises LedgerError for an unknown one."""
    if role not in ROLES:
        raise LedgerError(f"expected a role of {', '.join(ROLES)}, was {role!r}")
    return ROLES.index(role) + 1


def chain_id_of(community: str) -> int:
    """A chain id for a community (32 bits, never 0), so that a transaction of one is void on every other."""
    return int.from_bytes(community_hash(community)[:4], "big") or 1


Planned = tuple[bytes | None, bytes]
"""Recipient (None: a creation) and data of a transaction."""


@dataclass(frozen=True)
class Genesis:
    """What the genesis transactions say, unsigned: it follows from the terms and the operator's 20-byte address alone."""

    terms: LedgerTerms
    operator: bytes

    @cached_property
    def addresses(self) -> dict[str, bytes]:
        """Where each contract will be, by name."""
        return {name: created_address(self.operator, nonce) for nonce, name in enumerate(CONTRACTS)}

    def blocks(self) -> tuple[tuple[Planned, ...], tuple[Planned, ...]]:
        """The two genesis blocks: creations, then what fills the contracts."""
        creations: tuple[Planned, ...] = tuple((None, data) for data in self._creations())
        return creations, tuple((self.addresses[name], data) for name, data in self._calls())

    def _creations(self) -> Iterator[bytes]:
        terms, address = self.terms, self.addresses
        # The pool has no wallet: nothing is ever left in it. Nor have the rewards: an operator that lost half a bond to them
        # would take it back. The other system accounts are the operator's.
        without = (Account.POOL, Account.REWARDS)
        system = [_NO_ADDRESS if account in without else self.operator for account in range(FIRST_MEMBER)]
        window_s = terms.window_slots * terms.slot_s
        yield _creation("token", "Community token", "CWT", self.operator)
        yield _creation("members", self.operator, system, RECOVERY_S)
        yield _creation("vault", address["token"], _UNIT_NANO, address["members"], window_s)
        yield _creation(
            "market",
            community_hash(terms.community),
            address["vault"],
            self.operator,
            [self.operator],
            1,
            terms.slot_s,
            terms.price_cap_micro_per_kwh,
            FINAL_S,
            terms.rules_hash,
            terms.bond_nano,
            terms.bond_share,
            terms.close_after_s,
        )
        yield _creation(
            "claims",
            address["market"],
            terms.demand_bond_nano,
            terms.answer_s,
            terms.supply_most_micro_per_kwh,
            terms.supply_least_micro_per_kwh,
            terms.fee_most_micro_per_kwh,
            terms.penalty_most_micro_per_kwh,
        )

    def _calls(self) -> Iterator[tuple[str, bytes]]:
        yield "vault", _call("vault", "set_market(address,address)", self.addresses["market"], self.addresses["claims"])
        admissions = [
            (m.wallet, role_number(m.role), m.meter_key, keccak256(m.pseudonym.encode()), m.connection_w)
            for m in self.terms.members
        ]
        for chunk in _chunks(admissions, _ADMISSIONS):
            yield "members", artifact("members").method_ids[ADMIT] + admissions_encoded(chunk)
        deposits = [(Account.SUPPLIER.value, self.terms.supplier_deposit_nano), (BOND, self.terms.operator_bond_nano)]
        deposits += [(FIRST_MEMBER + i, m.deposit_nano) for i, m in enumerate(self.terms.members)]
        paid = [(account, nano) for account, nano in deposits if nano]
        total = sum(nano for _, nano in paid)
        if total:
            yield "token", _call("token", "mint(address,uint256)", self.operator, total)
            yield "token", _call("token", "approve(address,uint256)", self.addresses["vault"], total)
        for part in _chunks(paid, _DEPOSITS):
            yield "vault", artifact("vault").method_ids[DEPOSIT_MANY] + deposits_encoded(part)


def deposit_calls(operator: bytes, vault: bytes, account: int, amount_nano: int) -> tuple[tuple[str, bytes], ...]:
    """Contract and data of what pays into an account after the genesis: tokens are issued, approved, and paid in."""
    return (
        ("token", _call("token", "mint(address,uint256)", operator, amount_nano)),
        ("token", _call("token", "approve(address,uint256)", vault, amount_nano)),
        ("vault", _call("vault", DEPOSIT, account, amount_nano)),
    )


@dataclass(frozen=True)
class Foundation:
    """The genesis transactions that follow from the terms, the operator's key and the chain id."""

    terms: LedgerTerms
    secret: bytes
    chain_id: int

    def blocks(self) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """The raw transactions of the two genesis blocks: creations, then what fills the contracts."""
        creations, calls = Genesis(self.terms, address_of_secret(self.secret)).blocks()
        raws = [
            sign_transaction(self.secret, chain_id=self.chain_id, nonce=nonce, to=to, data=data, gas_limit=GAS_LIMIT)
            for nonce, (to, data) in enumerate([*creations, *calls])
        ]
        return tuple(raws[: len(creations)]), tuple(raws[len(creations) :])


def _chunks(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _creation(name: str, *arguments: Any) -> bytes:
    constructor = next(entry for entry in artifact(name).abi if entry["type"] == "constructor")
    return artifact(name).creation_code + _encoded([entry["type"] for entry in constructor["inputs"]], arguments)


def _call(name: str, signature: str, *arguments: Any) -> bytes:
    inner = signature[signature.index("(") + 1 : -1]
    types = [inner] if inner.startswith("(") else inner.split(",")
    return artifact(name).method_ids[signature] + _encoded(types, arguments)


def admissions_encoded(members: Sequence[tuple[bytes, int, bytes, bytes, int]]) -> bytes:
    """Arguments of `ADMIT`; written out, as those of `DEPOSIT_MANY` are, because of a hundred members each costs a general encoder 20 ms."""
    return _words(_WORD, len(members), *(field for member in members for field in member))


def deposits_encoded(paid: Sequence[tuple[int, int]]) -> bytes:
    """Arguments of `DEPOSIT_MANY`: accounts, then what each is paid, nano."""
    second = (3 + len(paid)) * _WORD
    accounts, amounts = ([pair[at] for pair in paid] for at in (0, 1))
    return _words(2 * _WORD, second, len(paid), *accounts, len(paid), *amounts)


def _words(*values: int | bytes) -> bytes:
    """Words of unsigned numbers, addresses and hashes."""
    return b"".join([v.to_bytes(_WORD, "big") if isinstance(v, int) else v.rjust(_WORD, b"\0") for v in values])


def _encoded(types: Sequence[str], arguments: Sequence[Any]) -> bytes:
    from eth_abi import encode  # slow to import, and needed for a genesis only

    encoded: bytes = encode(types, arguments)
    return encoded
