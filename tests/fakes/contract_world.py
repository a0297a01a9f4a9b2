"""A community's contracts on an in-process EVM (py-evm), deployed from the shipped artifacts, and hands to work them."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import boa
import coincurve
import pytest
from eth_abi import decode, encode

from commonwatt.contracts import artifact, encoding

NO_ADDRESS = bytes(20)
NO_HASH = bytes(32)
SLOT_S = 900
WINDOW_S = 3600
PRICE_CAP = 1_000_000  # micro per kWh
CONNECTION_W = 10_000
CAP_NANO = encoding.cap_nano(CONNECTION_W, SLOT_S, PRICE_CAP)
FINAL_S = 60 * 86_400
RECOVERY_S = 7 * 86_400
START_S = 500_000 * WINDOW_S  # the first second of an epoch
FIRST_SLOT = START_S // SLOT_S - 200
COMMUNITY = encoding.keccak256(b"test community")
COIN = 10**9  # nano
RULES = encoding.keccak256(b"rules")
BOND_NANO = 10**8
BOND_SHARE = 100  # thousandths
DEMAND_BOND_NANO = 10**7
ANSWER_S = 900
CLOSE_AFTER_S = 30 * 86_400
SUPPLY_MOST, SUPPLY_LEAST, FEE_MOST, PENALTY_MOST = 300_000, 80_000, 60_000, 10_000
BOND_DEPOSIT = 100 * COIN

EnergyLine = tuple[int, int, int, int]
AmountLine = tuple[int, int, int]


class RevertedError(Exception):
    """A call reverted; the message is the contract's reason, empty when it gave none."""


def reverts(reason: str) -> contextlib.AbstractContextManager[Any]:
    """Expect a revert with exactly this reason."""
    return pytest.raises(RevertedError, match=f"^{re.escape(reason)}$")


def abi_type(entry: dict[str, Any]) -> str:
    """Return the canonical type of an ABI entry, tuples spelled out."""
    if not entry["type"].startswith("tuple"):
        return str(entry["type"])
    inner = ",".join(abi_type(part) for part in entry["components"])
    return f"({inner}){entry['type'].removeprefix('tuple')}"


def key_of(name: str) -> coincurve.PrivateKey:
    """Return the key that belongs to a name."""
    return coincurve.PrivateKey(encoding.keccak256(name.encode()))


def address_of(name: str) -> bytes:
    """Return the address that belongs to a name."""
    point = bytes(key_of(name).public_key.format(compressed=False))
    return encoding.keccak256(point[1:])[12:]


def sign(name: str, digest: bytes) -> tuple[int, int, int]:
    """Return (v, r, s) of a digest by the key of a name."""
    raw = key_of(name).sign_recoverable(digest, hasher=None)
    return 27 + raw[64], int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")


class Contract:
    """A deployed contract; every call is its own transaction."""

    def __init__(self, env: Any, abi: Sequence[Any], address: bytes) -> None:
        self.env = env
        self.address = address
        self.functions = {entry["name"]: entry for entry in abi if entry["type"] == "function"}
        self.events = {
            encoding.keccak256(f"{entry['name']}({','.join(abi_type(i) for i in entry['inputs'])})".encode()): entry
            for entry in abi
            if entry["type"] == "event"
        }
        self.last: Any = None

    def data(self, function: str, *arguments: Any) -> bytes:
        """Return the calldata of a call."""
        types = [abi_type(entry) for entry in self.functions[function]["inputs"]]
        selector = encoding.keccak256(f"{function}({','.join(types)})".encode())[:4]
        return selector + bytes(encode(types, arguments))

    def call(self, function: str, *arguments: Any, sender: bytes = NO_ADDRESS) -> Any:
        """Call a function; one result is returned bare, several as a tuple."""
        data = self.data(function, *arguments)
        self.last = self.env.execute_code(to_address=self.address, sender=sender, data=data)
        if self.last.is_error:
            raise RevertedError(revert_reason(self.last.output))
        outputs = [abi_type(entry) for entry in self.functions[function]["outputs"]]
        values = decode(outputs, self.last.output)
        return values[0] if len(values) == 1 else values

    def transaction_gas(self, function: str, *arguments: Any, sender: bytes = NO_ADDRESS) -> int:
        """Return the gas of a call as a transaction: intrinsic cost (Cancun) and execution from cold storage."""
        self.env.evm.reset_access_counters()
        self.call(function, *arguments, sender=sender)
        data = self.data(function, *arguments)
        return 21_000 + sum(16 if byte else 4 for byte in data) + int(self.last.get_gas_used())

    def logs(self) -> list[tuple[str, dict[str, Any]]]:
        """Return this contract's events of the last call: name and arguments."""
        found = []
        for _, address, topics, data in self.last.get_raw_log_entries():
            if bytes(address) != self.address:
                continue
            entry = self.events[topics[0].to_bytes(32, "big")]
            indexed = [i for i in entry["inputs"] if i["indexed"]]
            plain = [i for i in entry["inputs"] if not i["indexed"]]
            values = {
                i["name"]: decode([abi_type(i)], topic.to_bytes(32, "big"))[0]
                for i, topic in zip(indexed, topics[1:], strict=True)
            }
            values |= dict(zip([i["name"] for i in plain], decode([abi_type(i) for i in plain], data), strict=True))
            found.append((entry["name"], values))
        return found


def revert_reason(output: bytes) -> str:
    """Return the text of a revert, empty for a bare one."""
    return str(decode(["string"], output[4:])[0]) if output[:4] == bytes.fromhex("08c379a0") else ""


def deploy(env: Any, abi: Sequence[Any], creation_code: bytes, *arguments: Any, sender: bytes) -> Contract:
    """Deploy a contract and return it."""
    constructor = [entry for entry in abi if entry["type"] == "constructor"]
    types = [abi_type(entry) for entry in constructor[0]["inputs"]] if constructor else []
    address, computation = env.deploy(sender=sender, bytecode=creation_code + encode(types, arguments))
    if computation.is_error:
        raise RevertedError(revert_reason(computation.output))
    return Contract(env, abi, bytes(address.canonical_address))


def deploy_shipped(env: Any, name: str, *arguments: Any, sender: bytes) -> Contract:
    """Deploy a contract from the artifact the package ships."""
    shipped = artifact(name)
    return deploy(env, shipped.abi, shipped.creation_code, *arguments, sender=sender)


@dataclass(frozen=True)
class Batch:
    """The arguments of `settle_net` but for the signatures."""

    slot: int
    energy: Sequence[EnergyLine] = ()
    amounts: Sequence[AmountLine] = ()
    kind: int = encoding.SETTLEMENT
    revision: int = 0
    part: int = 0
    parts: int = 1
    prior: bytes = NO_HASH

    @property
    def lines(self) -> bytes:
        """The packed lines."""
        energy = encoding.energy_lines(*([line[k] for line in self.energy] for k in range(4)))
        amounts = encoding.amount_lines(*([line[k] for line in self.amounts] for k in range(3)))
        return encoding.pack_lines(energy, amounts)

    @property
    def key(self) -> bytes:
        """The key it is posted under."""
        return encoding.batch_key(COMMUNITY, self.slot, self.kind, self.revision, self.part)

    @property
    def content(self) -> bytes:
        """Its content hash."""
        return encoding.content_hash(self.key, self.parts, self.prior, len(self.energy), self.lines)

    @property
    def place(self) -> tuple[Any, ...]:
        """Where it stands, as the claims are told."""
        return (self.slot, self.kind, self.revision, self.part, self.parts, self.prior, len(self.energy))

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments before the signatures."""
        place = (self.slot, self.kind, self.revision, self.part, self.parts, self.prior)
        return (*place, len(self.energy), self.lines)


@dataclass
class World:
    """The five contracts, with `members` wallets 'member 8', 'member 9', ... and three signers of whom two are enough."""

    members_count: int = 4
    signer_names: tuple[str, ...] = ("signer a", "signer b", "signer c")
    quorum: int = 2
    unit_nano: int = 1
    price_cap: int = PRICE_CAP
    env: Any = field(init=False)
    token: Contract = field(init=False)
    members: Contract = field(init=False)
    vault: Contract = field(init=False)
    market: Contract = field(init=False)
    claims: Contract = field(init=False)
    books: dict[int, tuple[bytes, int]] = field(default_factory=dict)
    """Root and number of orders by slot, where a test has its own book."""

    def __post_init__(self) -> None:
        self.env = boa.Env()
        self.env.timestamp = START_S
        deployer = address_of("deployer")
        self.token = deploy_shipped(self.env, "token", "Watt", "W", self.operator, sender=deployer)
        system = [NO_ADDRESS if k == encoding.POOL else address_of(f"system {k}") for k in range(8)]
        self.members = deploy_shipped(self.env, "members", self.regulator, system, RECOVERY_S, sender=deployer)
        self.vault = deploy_shipped(
            self.env, "vault", self.token.address, self.unit_nano, self.members.address, WINDOW_S, sender=deployer
        )
        self.market = deploy_shipped(self.env, "market", *self.market_arguments(), sender=deployer)
        self.claims = deploy_shipped(self.env, "claims", *self.claims_arguments(), sender=deployer)
        self.vault.call("set_market", self.market.address, self.claims.address, sender=deployer)
        for first in range(8, 8 + self.members_count, 50):
            last = min(first + 50, 8 + self.members_count)
            admissions = [self.admission(index) for index in range(first, last)]
            self.members.call("admit_many", admissions, sender=self.regulator)
        self.token.call("mint", self.operator, 2**90, sender=self.operator)
        self.token.call("approve", self.vault.address, 2**256 - 1, sender=self.operator)
        self.deposit(encoding.BOND, BOND_DEPOSIT)

    def market_arguments(self) -> tuple[Any, ...]:
        """Return what the market is built with."""
        signers = [address_of(name) for name in self.signer_names]
        terms = (self.quorum, SLOT_S, self.price_cap, FINAL_S, RULES, BOND_NANO, BOND_SHARE, CLOSE_AFTER_S)
        return (COMMUNITY, self.vault.address, self.operator, signers, *terms)

    def claims_arguments(self) -> tuple[Any, ...]:
        """Return what the claims are built with."""
        bounds = (SUPPLY_MOST, SUPPLY_LEAST, FEE_MOST, PENALTY_MOST)
        return (self.market.address, DEMAND_BOND_NANO, ANSWER_S, *bounds)

    operator = address_of("operator")
    regulator = address_of("regulator")

    @staticmethod
    def admission(index: int, connection_w: int = CONNECTION_W) -> tuple[bytes, int, bytes, bytes, int]:
        """Return the arguments that admit 'member INDEX'."""
        root = encoding.keccak256(f"root {index}".encode())
        return address_of(f"member {index}"), 3, address_of(f"meter {index}"), root, connection_w

    @staticmethod
    def wallet(index: int) -> bytes:
        """Return the wallet of an account."""
        return address_of(f"member {index}" if index >= encoding.FIRST_MEMBER else f"system {index}")

    @contextlib.contextmanager
    def anchored(self) -> Iterator[None]:
        """Undo on exit whatever happened inside."""
        with self.env.anchor():
            yield
        self.books.clear()

    def pass_s(self, seconds: int) -> None:
        """Let time pass."""
        self.env.timestamp += seconds

    def pass_epochs(self, epochs: int) -> None:
        """Go to the first second of a later epoch."""
        self.env.timestamp = (self.env.timestamp // WINDOW_S + epochs) * WINDOW_S

    def deposit(self, index: int, nano: int) -> None:
        """Pay into an account."""
        self.vault.call("deposit", index, nano // self.unit_nano, sender=self.operator)

    def clear_slot(self, slot: int) -> None:
        """Open and clear a slot, if it is not."""
        book = self.books.get(slot, (encoding.keccak256(b"book"), 3))
        self.market.call("open", slot, *book, sender=self.operator)
        roots = encoding.keccak256(b"orders"), encoding.keccak256(b"clearing")
        self.market.call("clear", slot, *roots, sender=self.operator)

    def signatures(self, digest: bytes, names: Sequence[str] | None = None) -> list[tuple[int, int, int]]:
        """Return a quorum's signatures, or those of the named, ascending by address."""
        if names is None:
            names = sorted(self.signer_names, key=address_of)[: self.quorum]
        return [sign(name, digest) for name in sorted(names, key=address_of)]

    def domain(self) -> bytes:
        """Return the market's EIP-712 domain as computed off chain."""
        return encoding.domain_separator(int(self.env.evm.patch.chain_id), self.market.address)

    def post(self, batch: Batch, attempt: int = 1, names: Sequence[str] | None = None) -> bool:
        """Post a batch, clearing its slot first."""
        self.clear_slot(batch.slot)
        digest = encoding.batch_digest(self.domain(), batch.content, attempt)
        return bool(self.market.call("settle_net", *batch.arguments, self.signatures(digest, names)))

    def void(self, batch: Batch, attempt: int = 1, names: Sequence[str] | None = None) -> None:
        """Void a batch."""
        digest = encoding.void_digest(self.domain(), batch.content, attempt)
        self.market.call("void", *batch.arguments, self.signatures(digest, names))

    def account(self, index: int) -> tuple[int, int, int]:
        """Return balance and the two pendings, rolled to now."""
        balance, current, previous, _ = self.vault.call("account_of", index)
        return balance, current, previous

    def accounts(self) -> list[tuple[int, int, int]]:
        """Return every account that exists."""
        return [self.account(index) for index in range(8 + self.members_count)]
