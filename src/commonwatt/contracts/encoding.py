"""What the contracts hash, sign and read, as pure functions on bytes and columns.

Lines are big-endian and 12 bytes long, so that a structured array's memory *is* the calldata. Every function here has
its twin in `market.vy`; the tests compare them.
"""

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from Crypto.Hash import keccak

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

LINE_BYTES: Final = 12
PADDING_BYTES: Final = 20  # the market reads 32 bytes from the start of the last line
MAX_LINES: Final = 1000
MAX_ACCOUNTS: Final = 1024
FIRST_MEMBER: Final = 8
SUPPLIER, GRID, STATE, REWARDS, OPERATOR, UNACCOUNTED, POOL, BOND = range(FIRST_MEMBER)
SETTLEMENT, IMBALANCE, SUPPLIED, TRADES = range(4)
PATH_NET, PATH_TRADES = range(2)

# `who` receives energy_wh * price_micro_per_kwh nano from `other`, who receives the energy.
ENERGY_LINE: Final = np.dtype(
    [("who", ">u2"), ("other", ">u2"), ("energy_wh", ">u4"), ("price_micro_per_kwh", ">i4")],
)
# `who` receives amount_nano from `other`.
AMOUNT_LINE: Final = np.dtype([("who", ">u2"), ("other", ">u2"), ("amount_nano", ">i8")])


def _columns(dtype: np.dtype[Any], columns: dict[str, "ArrayLike"]) -> "NDArray[np.void]":
    """Fill a structured array from integer columns; a value that does not fit its field raises ValueError."""
    arrays = {name: np.asarray(column) for name, column in columns.items()}
    lines = np.zeros(np.broadcast_shapes(*(array.shape for array in arrays.values())), dtype=dtype)
    for name, array in arrays.items():
        if array.size and array.dtype.kind not in "iu":
            raise ValueError(f"{name}: expected integers, was {array.dtype}")
        lines[name] = array
        # What does not fit its field came out as another number.
        if (lines[name] != array).any():
            field = np.iinfo(dtype[name])
            raise ValueError(
                f"{name}: expected {int(field.min)}..{int(field.max)}, was {int(array.min())}..{int(array.max())}"
            )
    return lines


def energy_lines(
    who: "ArrayLike", other: "ArrayLike", energy_wh: "ArrayLike", price_micro_per_kwh: "ArrayLike"
) -> "NDArray[np.void]":
    """Return energy lines [n] of sellers (`who`) and buyers (`other`); ValueError when a value does not fit."""
    return _columns(
        ENERGY_LINE,
        {"who": who, "other": other, "energy_wh": energy_wh, "price_micro_per_kwh": price_micro_per_kwh},
    )


def amount_lines(who: "ArrayLike", other: "ArrayLike", amount_nano: "ArrayLike") -> "NDArray[np.void]":
    """Return amount lines [n]: `who` receives the amount from `other`; ValueError when a value does not fit."""
    return _columns(AMOUNT_LINE, {"who": who, "other": other, "amount_nano": amount_nano})


def pack_lines(energy: "NDArray[np.void]", amounts: "NDArray[np.void]") -> bytes:
    """Return the batch as the market reads it: energy lines, amount lines, padding. At most 1000 lines."""
    if energy.dtype != ENERGY_LINE or amounts.dtype != AMOUNT_LINE:
        raise ValueError(f"expected energy and amount lines, was {energy.dtype} and {amounts.dtype}")
    if len(energy) + len(amounts) > MAX_LINES:
        raise ValueError(f"expected at most {MAX_LINES} lines, was {len(energy) + len(amounts)}")
    return energy.tobytes() + amounts.tobytes() + bytes(PADDING_BYTES)


def unpack_lines(lines: bytes, energy_count: int) -> "tuple[NDArray[np.void], NDArray[np.void]]":
    """Return the energy and the amount lines of a packed batch; ValueError when it is none."""
    body = len(lines) - PADDING_BYTES
    if body < 0 or body % LINE_BYTES or not 0 <= energy_count <= body // LINE_BYTES <= MAX_LINES:
        raise ValueError(f"expected lines of {LINE_BYTES} bytes with padding, was {len(lines)} bytes, {energy_count=}")
    energy = np.frombuffer(lines, dtype=ENERGY_LINE, count=energy_count)
    count = body // LINE_BYTES - energy_count
    amounts = np.frombuffer(lines, dtype=AMOUNT_LINE, count=count, offset=energy_count * LINE_BYTES)
    return energy, amounts


def net_positions(energy: "NDArray[np.void]", amounts: "NDArray[np.void]", accounts: int) -> tuple[int, ...]:
    """Return each account's net in nano [accounts], positive to the account, exactly.

    ValueError for a line that names an unknown account or the same one twice. A product can be 2^63 and a sum larger,
    so the low and high halves are summed apart and joined as Python integers.
    """
    who = np.concatenate([energy["who"], amounts["who"]]).astype(np.int64)
    other = np.concatenate([energy["other"], amounts["other"]]).astype(np.int64)
    if len(who) and max(int(who.max()), int(other.max())) >= accounts:
        raise ValueError(f"expected indices below {accounts}, was {max(int(who.max()), int(other.max()))}")
    if np.any(who == other):
        raise ValueError(f"expected two accounts on a line, was {int(who[who == other][0])} on both sides")
    product = energy["energy_wh"].astype(np.int64) * energy["price_micro_per_kwh"].astype(np.int64)
    amount = np.concatenate([product, amounts["amount_nano"].astype(np.int64)])
    halves = [np.zeros(accounts, dtype=np.int64) for _ in range(2)]
    for half, part in zip(halves, (amount & 0xFFFFFFFF, amount >> 32), strict=True):
        np.add.at(half, who, part)
        np.subtract.at(half, other, part)
    return tuple((high << 32) + low for low, high in zip(halves[0].tolist(), halves[1].tolist(), strict=True))


def moved_accounts(energy: "NDArray[np.void]", amounts: "NDArray[np.void]", accounts: int) -> "NDArray[np.int64]":
    """Return the indices below `accounts` whose net is not zero (as `net_positions`, modulo 2^64: for counting only)."""
    net = np.zeros(accounts, np.int64)
    product = energy["energy_wh"].astype(np.int64) * energy["price_micro_per_kwh"].astype(np.int64)
    for lines, amount in ((energy, product), (amounts, amounts["amount_nano"].astype(np.int64))):
        np.add.at(net, lines["who"], amount)
        np.subtract.at(net, lines["other"], amount)
    return np.flatnonzero(net)


def pool_turns(energy: "NDArray[np.void]") -> int:
    """Return in how many of the pairs that the market reads at once a line names the pool; the line left over is none."""
    is_pool = (energy["who"] == POOL) | (energy["other"] == POOL)
    pairs = len(energy) // 2
    return int(is_pool[: 2 * pairs].reshape(pairs, 2).any(axis=1).sum())


def pool_energy_wh(energy: "NDArray[np.void]") -> int:
    """Return what the pool is left with: energy bought less energy sold; a batch must end with 0."""
    column = energy["energy_wh"].astype(np.int64)
    return int(column[energy["other"] == POOL].sum() - column[energy["who"] == POOL].sum())


def cap_nano(connection_w: int, slot_s: int, price_cap_micro_per_kwh: int) -> int:
    """Return the greatest net of a member in one batch: connection limit x slot x price cap, rounded down."""
    return connection_w * slot_s * price_cap_micro_per_kwh // 3600


def lock_nano(member_nets_nano: "Sequence[int]", bond_nano: int, bond_share: int) -> int:
    """Return what a batch locks of the operator's bond: `bond_nano`, and `bond_share` thousandths of what members are debited."""
    return bond_nano + -sum(min(net, 0) for net in member_nets_nano) * bond_share // 1000


def keccak256(data: bytes) -> bytes:
    """Return Keccak-256, the hash of the EVM (not SHA3-256): 32 bytes."""
    return keccak.new(digest_bits=256, data=data).digest()


@cache
def _type_hash(struct_type: bytes) -> bytes:
    """Return the hash of a struct's type (EIP-712), worked out once: there are few types and many structs."""
    return keccak256(struct_type)


def _word(value: int | bytes) -> bytes:
    """Return one ABI word of an unsigned integer or of 32 bytes."""
    if isinstance(value, int):
        return value.to_bytes(32, "big")
    if len(value) != 32:
        raise ValueError(f"expected 32 bytes, was {len(value)}")
    return value


def _hash_words(*values: int | bytes) -> bytes:
    """Return Keccak-256 of the ABI encoding of static words."""
    return keccak256(b"".join(_word(value) for value in values))


def batch_key(community: bytes, slot: int, kind: int, revision: int, part: int) -> bytes:
    """Return the key a batch is posted under, once."""
    return _hash_words(community, slot, kind, revision, part)


def content_hash(key: bytes, parts: int, prior: bytes, energy_count: int, lines: bytes) -> bytes:
    """Return the value stored under the key: `lines` are packed, `prior` is 32 zero bytes without a base."""
    return _hash_words(key, parts, prior, energy_count, keccak256(lines))


def book_commitment(book_root: bytes, orders: int) -> bytes:
    """Return what `market.opened(slot)` holds."""
    return _hash_words(book_root, orders)


def clearing_commitment(order_root: bytes, clearing_root: bytes) -> bytes:
    """Return what `market.cleared(slot)` holds."""
    return _hash_words(order_root, clearing_root)


def domain_separator(chain_id: int, market: bytes) -> bytes:
    """Return the EIP-712 domain of a market at a 20-byte address."""
    if len(market) != 20:
        raise ValueError(f"expected an address of 20 bytes, was {len(market)}")
    return _hash_words(
        keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
        keccak256(b"Commonwatt market"),
        keccak256(b"1"),
        chain_id,
        bytes(12) + market,
    )


def _digest(domain: bytes, struct_type: bytes, content: bytes, attempt: int) -> bytes:
    """Return the EIP-712 digest of a struct of a content hash and an attempt."""
    return keccak256(b"\x19\x01" + _word(domain) + _hash_words(_type_hash(struct_type), content, attempt))


def batch_digest(domain: bytes, content: bytes, attempt: int) -> bytes:
    """Return what signers sign to post a batch (EIP-712); attempt 1, or 2 after a void."""
    return _digest(domain, b"Batch(bytes32 content,uint256 attempt)", content, attempt)


def void_digest(domain: bytes, content: bytes, attempt: int) -> bytes:
    """Return what signers sign to void the batch that stands as this attempt (EIP-712)."""
    return _digest(domain, b"Void(bytes32 content,uint256 attempt)", content, attempt)


ORDER_TYPE: Final = (
    b"Order(uint256 member,bool isSell,uint256 energyWh,int256 limitMicroPerKwh,uint256 firstSlot,uint256 lastSlot,"
    b"uint256 path,uint256 salt)"
)


def order_hash(
    *,
    member: int,
    is_sell: bool,
    energy_wh: int,
    limit_micro_per_kwh: int,
    first_slot: int,
    last_slot: int,
    path: int,
    salt: bytes,
) -> bytes:
    """Return the EIP-712 hash of an order, by which the market knows its cancellation; fields as in `order_digest`."""
    limit = limit_micro_per_kwh % 2**256
    numbers = (member, int(is_sell), energy_wh, limit, first_slot, last_slot, path)
    return _hash_words(_type_hash(ORDER_TYPE), *numbers, salt)


def order_digest(
    domain: bytes,
    *,
    member: int,
    is_sell: bool,
    energy_wh: int,
    limit_micro_per_kwh: int,
    first_slot: int,
    last_slot: int,
    path: int,
    salt: bytes,
) -> bytes:
    """Return what a member's wallet signs for an order, or for a standing instruction of many slots (EIP-712).

    `member` is the account index, `energy_wh` the greatest energy in any one slot of first..last, `path` 0 for `settle_net` and 1 for
    `settle_trades`, `salt` 32 bytes that tell one order from the next.
    """
    hashed = order_hash(
        member=member,
        is_sell=is_sell,
        energy_wh=energy_wh,
        limit_micro_per_kwh=limit_micro_per_kwh,
        first_slot=first_slot,
        last_slot=last_slot,
        path=path,
        salt=salt,
    )
    return keccak256(b"\x19\x01" + _word(domain) + hashed)


def silent_digest(domain: bytes, slot: int, member: int, import_wh: int, export_wh: int) -> bytes:
    """Return what signers sign of a meter that was silent (EIP-712): the registers put in its place, by account index."""
    silent = _type_hash(b"Silent(uint256 slot,uint256 member,uint256 importWh,uint256 exportWh)")
    return keccak256(b"\x19\x01" + _word(domain) + _hash_words(silent, slot, member, import_wh, export_wh))


def demand_id(key: bytes, attempt: int, generation: int, line: int, side: int) -> bytes:
    """Return the id of a demand on one side (0: `who`, 1: the other) of a line of the batch under a key."""
    return _hash_words(key, attempt, generation, line, side)
