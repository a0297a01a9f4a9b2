"""Signed Ethereum transactions: legacy form with a chain id (EIP-155), built, signed, decoded and recovered.

Legacy only, because a typed transaction buys nothing on a chain without fees (EIP-1559), blobs or access lists, and
every wallet and library can sign this form. Anything else is refused by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from commonwatt.adapters.chain.errors import TransactionRefusedError
from commonwatt.adapters.chain.rlp_codec import RlpError, decode, encode, minimal
from commonwatt.crypto.keccak import keccak256
from commonwatt.crypto.secp256k1 import ADDRESS_BYTES, SignatureError, recover_address, sign

MAX_TRANSACTION_BYTES: Final = 128 * 1024
"""As large as go-ethereum's pool takes; a contract's creation code is limited to 48 KiB anyway (EIP-3860)."""

_FIELDS: Final = 9
_WORD_BYTES: Final = 32
_NONCE_BYTES: Final = 8
_FIRST_BOUND_V: Final = 35


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction whose signature was checked. `to` is None when it creates a contract; `hash` names it."""

    raw: bytes
    hash: bytes
    sender: bytes
    chain_id: int
    nonce: int
    gas_price_wei: int
    gas_limit: int
    to: bytes | None
    value_wei: int
    data: bytes


def sign_transaction(
    secret: bytes,
    *,
    chain_id: int,
    nonce: int,
    to: bytes | None,
    data: bytes,
    gas_limit: int,
    gas_price_wei: int = 0,
    value_wei: int = 0,
) -> bytes:
    """Return the raw signed bytes (EIP-155: the chain id is signed, v = 35 + 2 * chain id + recovery id).

    Args: `secret` is a 32-byte key, `to` a 20-byte address, or None to create a contract from `data`.
    """
    if chain_id <= 0:
        raise TransactionRefusedError(f"expected a positive chain id, was {chain_id}")
    if to is not None and len(to) != ADDRESS_BYTES:
        raise TransactionRefusedError(f"expected an address of {ADDRESS_BYTES} bytes, was {len(to)}")
    body = [minimal(nonce), minimal(gas_price_wei), minimal(gas_limit), to or b"", minimal(value_wei), data]
    recovery_id, r, s = sign(_signing_hash(body, chain_id), secret)
    return encode([*body, minimal(_FIRST_BOUND_V + 2 * chain_id + recovery_id), minimal(r), minimal(s)])


def decode_transaction(raw: bytes, chain_id: int, known_sender: bytes | None = None) -> Transaction:
    """Return the transaction in `raw` with its recovered sender; TransactionRefusedError says what is wrong with it.

    Refused: over MAX_TRANSACTION_BYTES, not RLP in its one canonical form, a typed transaction, another or no chain
    id, a signature that is malformed, has a high s (EIP-2) or recovers to nobody. `known_sender` skips the recovery,
    two thirds of the work, for a node that reads back what it checked itself and whose hashes it has compared.
    """
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise TransactionRefusedError(f"expected at most {MAX_TRANSACTION_BYTES} bytes, was {len(raw)}")
    fields = _decode_fields(raw)
    to, data = fields[3], fields[5]
    nonce, gas_price_wei, gas_limit, value_wei, v, r, s = (_integer(fields[i], i) for i in (0, 1, 2, 4, 6, 7, 8))
    if len(to) not in (0, ADDRESS_BYTES):
        raise TransactionRefusedError(f"expected `to` to be empty or {ADDRESS_BYTES} bytes, was {len(to)}")
    if v < _FIRST_BOUND_V:
        raise TransactionRefusedError(f"expected a signature bound to chain {chain_id} (EIP-155), was v = {v}")
    signed_chain_id, recovery_id = divmod(v - _FIRST_BOUND_V, 2)
    if signed_chain_id != chain_id:
        raise TransactionRefusedError(f"expected chain id {chain_id}, was {signed_chain_id}")
    sender = known_sender or _recover(_signing_hash(fields[:6], chain_id), recovery_id, r, s)
    return Transaction(
        raw, keccak256(raw), sender, chain_id, nonce, gas_price_wei, gas_limit, to or None, value_wei, data
    )


def hashed_bytes(raw: bytes, chain_id: int) -> tuple[bytes, ...]:
    """What `decode_transaction` will hash of these bytes: all of them, and what was signed; nothing of what is no transaction."""
    try:
        fields = _decode_fields(raw) if len(raw) <= MAX_TRANSACTION_BYTES else []
    except TransactionRefusedError:
        return ()
    return (raw, _signed_bytes(fields[:6], chain_id)) if fields else ()


def called(raw: bytes) -> tuple[bytes, bytes]:
    """Return the contract that a raw transaction calls (empty for a creation) and its data, nothing checked but the form."""
    fields = _decode_fields(raw)
    return fields[3], fields[5]


def created_address(sender: bytes, nonce: int) -> bytes:
    """Return the 20-byte address of the contract that `sender` creates with its transaction number `nonce`."""
    return keccak256(encode([sender, minimal(nonce)]))[-ADDRESS_BYTES:]


def _signing_hash(body: Sequence[bytes], chain_id: int) -> bytes:
    return keccak256(_signed_bytes(body, chain_id))


def _signed_bytes(body: Sequence[bytes], chain_id: int) -> bytes:
    return encode([*body, minimal(chain_id), b"", b""])


def _recover(digest: bytes, recovery_id: int, r: int, s: int) -> bytes:
    try:
        return recover_address(digest, recovery_id, r, s)
    except SignatureError as error:
        raise TransactionRefusedError(str(error)) from error


def _decode_fields(raw: bytes) -> list[bytes]:
    if raw[:1] and raw[0] < 0x80:
        raise TransactionRefusedError(f"expected a legacy transaction, was typed (EIP-2718 type {raw[0]})")
    try:
        decoded = decode(raw)
    except RlpError as error:
        raise TransactionRefusedError(f"expected RLP in canonical form: {error}") from error
    fields = [field for field in decoded if isinstance(field, bytes)] if isinstance(decoded, list) else []
    if not isinstance(decoded, list) or len(fields) != len(decoded):
        raise TransactionRefusedError("expected a flat RLP list")
    if len(fields) != _FIELDS:
        raise TransactionRefusedError(f"expected {_FIELDS} fields, was {len(fields)}")
    return fields


def _integer(field: bytes, place: int) -> int:
    limit = _NONCE_BYTES if place == 0 else _WORD_BYTES
    if len(field) > limit or field[:1] == b"\0":
        raise TransactionRefusedError(
            f"expected field {place} to be an integer of at most {limit} bytes without leading zeros"
        )
    return int.from_bytes(field, "big")
