"""Keys: every secret of a community, derived from one file that was drawn once from the operating system's randomness."""

import contextlib
import json
import os
import secrets
import stat
import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from commonwatt.core.errors import InvalidInput, require
from commonwatt.core.findings import Finding
from commonwatt.core.foreign import parsed_json
from commonwatt.core.units import Ints
from commonwatt.crypto.mac import Mac
from commonwatt.crypto.secp256k1 import CURVE_ORDER, SECRET_BYTES
from commonwatt.crypto.signatures import Signer

FORMAT: Final = "commonwatt key file"
VERSION: Final = 1
SALT: Final = b"commonwatt/keys/1"
PSEUDONYM_BYTES: Final = 8
_WIDE_BYTES: Final = 48
"""So much wider than the curve's order that the reduction's bias cannot be noticed."""
_LARGEST_FILE_BYTES: Final = 4096
_MEMBER_AND_LENGTH = struct.Struct(">qQ")


class KeyFile:
    """The secrets of one community (fulfils `services.keyring.Keyring`), derived by HKDF-SHA256 (RFC 5869) and kept while it lives.

    Signing keys and pseudonyms depend on the file and the community's name; blindings and nonces also on `input_hash`, so that two runs
    of different input share none. One blinding serves one value: it is HMAC-SHA256, under a derived key, of label, slot, member and value.
    """

    def __init__(self, master: bytes, community: str, input_hash: bytes = b"") -> None:
        if len(master) != SECRET_BYTES:
            raise ValueError(f"expected a master secret of {SECRET_BYTES} bytes, was {len(master)}")
        self._master = master
        self._community = community.encode()
        self._meters: dict[int, Signer] = {}
        self._wallets: dict[str, Signer] = {}
        self._pseudonyms: dict[str, str] = {}
        self._blindings = Mac(self._derived(SECRET_BYTES, b"blinding", input_hash))
        self._nonces = Mac(self._derived(SECRET_BYTES, b"order-nonce", input_hash))

    @classmethod
    def opened(cls, path: Path, community: str, input_hash: bytes = b"", *, create: bool = True) -> "KeyFile":
        """The keys of the file at `path`, which is drawn first if there is none and `create` is true (a resume says false).

        Raises:
            InvalidInput: the file cannot be read or made, is not a key file, or others than its owner may read it.

        """
        if create and not path.exists():
            _create(path)
        return cls(_master_secret(path), community, input_hash)

    def pseudonym(self, member_id: str) -> str:
        """The public name of a member, 16 hex digits."""
        if member_id not in self._pseudonyms:
            self._pseudonyms[member_id] = self._derived(PSEUDONYM_BYTES, b"pseudonym", member_id.encode()).hex()
        return self._pseudonyms[member_id]

    def wallet(self, member_id: str) -> bytes:
        """The 20-byte address of a member's wallet."""
        return self._wallet(member_id).address

    def sign_wallet(self, member_id: str, digest: bytes) -> bytes:
        """The signature of a member's wallet over a 32-byte digest: 65 bytes r, s, v."""
        return self._wallet(member_id).sign(digest)

    def wallet_key(self, member_id: str) -> bytes:
        """A member's own 32-byte private key, for what its wallet sends to a chain itself."""
        return self._signing_key(b"wallet", member_id.encode())

    def meter_address(self, member: int) -> bytes:
        """The 20-byte address of the meter key of a member index."""
        return self._meter(member).address

    def sign_meter(self, member: int, digest: bytes) -> bytes:
        """The meter's signature over a 32-byte digest: 65 bytes r, s, v."""
        return self._meter(member).sign(digest)

    def gateway_address(self) -> bytes:
        """The 20-byte address of the gateway's key."""
        return self._gateway.address

    def sign_gateway(self, digest: bytes) -> bytes:
        """The gateway's signature over a 32-byte digest: 65 bytes r, s, v."""
        return self._gateway.sign(digest)

    def operator_key(self) -> bytes:
        """The operator's 32-byte private key."""
        return self._signing_key(b"operator")

    def meter_blindings(self, slot: int, members: Ints, label: str, values: Sequence[bytes]) -> bytes:
        """32 bytes a value, one after the other; each serves its value only."""
        return self._blindings.digests(_messages(label.encode(), slot, members.tolist(), values))

    def order_nonces(self, slot: int, members: Ints, values: Sequence[bytes]) -> bytes:
        """32-byte blindings of sealed orders, one after the other; each serves one value only."""
        return self._nonces.digests(_messages(b"order", slot, members.tolist(), values))

    def order_salt(self, slot: int, member: int, value: bytes) -> bytes:
        """32 bytes that tell a signed order or instruction from every other; public once it is signed."""
        return self._nonces.digests(_messages(b"salt", slot, (member,), (value,)))

    def _wallet(self, member_id: str) -> Signer:
        if member_id not in self._wallets:
            self._wallets[member_id] = Signer(self._signing_key(b"wallet", member_id.encode()))
        return self._wallets[member_id]

    @cached_property
    def _gateway(self) -> Signer:
        return Signer(self._signing_key(b"gateway"))

    def _meter(self, member: int) -> Signer:
        if member not in self._meters:
            self._meters[member] = Signer(self._signing_key(b"meter", str(member).encode()))
        return self._meters[member]

    def _signing_key(self, label: bytes, *name: bytes) -> bytes:
        """A private key in 1..order-1."""
        wide = int.from_bytes(self._derived(_WIDE_BYTES, label, *name), "big")
        return (wide % (CURVE_ORDER - 1) + 1).to_bytes(SECRET_BYTES, "big")

    def _derived(self, length: int, label: bytes, *name: bytes) -> bytes:
        """`length` bytes for a label and a name; every part with its length before it, so that no two lists of parts are the same bytes."""
        info = b"".join(len(part).to_bytes(4, "big") + part for part in (label, self._community, *name))
        return HKDF(algorithm=SHA256(), length=length, salt=SALT, info=info).derive(self._master)


def key_file_findings(path: Path) -> list[Finding]:
    """What is wrong with the key file at `path`, without making one; nothing where there is none yet."""
    if not path.exists():
        return []
    try:
        _master_secret(path)
    except InvalidInput as error:
        return list(error.findings)
    return []


def _messages(label: bytes, slot: int, members: Iterable[int], values: Sequence[bytes]) -> Iterator[bytes]:
    # Label and value have their length before them and the numbers are fixed: no two calls hash the same bytes.
    head = len(label).to_bytes(4, "big") + label + slot.to_bytes(8, "big", signed=True)
    pairs = zip(members, values, strict=True)
    return (head + _MEMBER_AND_LENGTH.pack(member, len(value)) + value for member, value in pairs)


def _create(path: Path) -> None:
    """Draw a master secret and make the file appear whole, readable by its owner only, or not at all."""
    text = json.dumps(
        {"format": FORMAT, "version": VERSION, "master_secret": secrets.token_hex(SECRET_BYTES)}, indent=1
    )
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link never replaces what is there: when two runs start at once, both go on with the file of the first.
        with contextlib.suppress(FileExistsError):
            _put(draft, path)
        _make_durable(path.parent)
    except OSError as error:
        require([Finding(str(path), "a place where a key file can be made", error.strerror or str(error))])
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def _put(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links; two runs that start at the same moment are told apart by the check.
        if not path.exists():
            draft.replace(path)


def _make_durable(folder: Path) -> None:
    """Write the folder's entry through, so that a power cut does not leave a ledger without its keys; not possible on Windows."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _master_secret(path: Path) -> bytes:
    """The 32 bytes of a key file. The mode is asked of the open file, so that nobody can exchange it in between."""
    text, mode = _contents(path)
    if os.name != "nt" and mode & 0o077:
        require(
            [
                Finding(
                    str(path),
                    f"a key file that only its owner may read (type: chmod 600 {path})",
                    f"mode {mode:o}; if others may have read it, its secrets are theirs too",
                )
            ]
        )
    try:
        content: Any = parsed_json(text)
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        require([Finding(str(path), f'a key file, JSON with "format": "{FORMAT}"', _described(text, content))])
    if content.get("version") != VERSION:
        require([Finding(f"{path} version", str(VERSION), repr(content.get("version")))])
    try:
        master = bytes.fromhex(content.get("master_secret", ""))
    except (TypeError, ValueError):
        master = b""
    if len(master) != SECRET_BYTES:
        # Never shows what it found: it may be most of a secret.
        require([Finding(f"{path} master_secret", f"{2 * SECRET_BYTES} hex digits", "something else (not shown)")])
    return master


def _contents(path: Path) -> tuple[str, int]:
    """Text and permission bits of a key file."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(_LARGEST_FILE_BYTES + 1)
    except OSError as error:
        require([Finding(str(path), "a key file that can be read", error.strerror or str(error))])
        raise
    if len(data) > _LARGEST_FILE_BYTES:
        require([Finding(str(path), f"a key file of at most {_LARGEST_FILE_BYTES} bytes", "a longer one")])
    return data.decode("utf-8", errors="replace"), mode


def _described(text: str, content: object) -> str:
    if not text.strip():
        return "an empty file"
    return "other JSON" if content is not None else "text that is no JSON"
