"""The key file: drawn once, kept private, and everything derived from it."""

import hashlib
import hmac
import json
import stat
import threading
from pathlib import Path

import numpy as np
import pytest

from commonwatt.adapters import keys as module
from commonwatt.adapters.keys import KeyFile, key_file_findings
from commonwatt.core.errors import InvalidInput
from commonwatt.core.findings import Finding
from commonwatt.crypto.secp256k1 import address_of_secret
from commonwatt.crypto.signatures import signer_address
from commonwatt.services.keyring import Keyring

MASTER = bytes(range(32))
PSEUDONYM = "5cdc3322bdc622e7"
METER_ADDRESS = "ca177c2e32adaceb5dfe29a5a38b7b4e12065111"


def keyring(community: str = "fontana", input_hash: bytes = b"") -> Keyring:
    return KeyFile(MASTER, community, input_hash)


def finding_of(path: Path) -> Finding:
    (finding,) = key_file_findings(path)
    with pytest.raises(InvalidInput) as refused:
        KeyFile.opened(path, "fontana")
    assert refused.value.findings == (finding,)
    assert str(path) in finding.where
    return finding


def private_file(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_the_file_is_drawn_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    first = KeyFile.opened(path, "fontana")
    content = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    second = KeyFile.opened(path, "fontana")
    assert path.read_bytes() == content
    assert first.pseudonym("home-01") == second.pseudonym("home-01")
    assert first.wallet("home-01") == second.wallet("home-01")
    assert first.meter_address(3) == second.meter_address(3)
    assert first.operator_key() == second.operator_key()
    assert [p.name for p in tmp_path.iterdir()] == ["keys.json"]


def test_two_files_hold_different_secrets(tmp_path: Path) -> None:
    first, second = (KeyFile.opened(tmp_path / name, "fontana") for name in ("a.json", "b.json"))
    assert first.operator_key() != second.operator_key()
    assert first.pseudonym("home-01") != second.pseudonym("home-01")


def test_runs_that_start_at_once_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    barrier, operators = threading.Barrier(4), []

    def start() -> None:
        barrier.wait()
        operators.append(KeyFile.opened(path, "fontana").operator_key())

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(operators) == 4
    assert len(set(operators)) == 1


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    before = KeyFile.opened(path, "fontana").operator_key()
    module._create(path)
    assert KeyFile.opened(path, "fontana").operator_key() == before
    assert [p.name for p in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_read_is_refused_with_what_to_type(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys.json"
    KeyFile.opened(path, "fontana")
    path.chmod(mode)
    finding = finding_of(path)
    assert f"chmod 600 {path}" in finding.expected
    assert f"{mode:o}" in finding.found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "an empty file"),
        ("not json", "text that is no JSON"),
        ("[" * 4000, "text that is no JSON"),
        ("[1, 2]", "other JSON"),
        ('{"format": "something"}', "other JSON"),
        ("x" * 5000, "a longer one"),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "text that is no JSON"),
    ],
)
def test_a_file_that_is_no_key_file_is_refused(tmp_path: Path, text: str, found: str) -> None:
    assert finding_of(private_file(tmp_path / "keys.json", text)).found == found


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    KeyFile.opened(path, "fontana")
    private_file(path, json.dumps(json.loads(path.read_text()) | {"version": 2}))
    assert finding_of(path).where.endswith("version")


@pytest.mark.parametrize("secret", ["ab" * 31, "zz" * 32, "", 7, None])
def test_a_garbled_secret_is_refused_and_not_shown(tmp_path: Path, secret: object) -> None:
    content = {"format": module.FORMAT, "version": 1, "master_secret": secret}
    finding = finding_of(private_file(tmp_path / "keys.json", json.dumps(content)))
    assert finding.where.endswith("master_secret")
    assert finding.found == "something else (not shown)"


def test_a_folder_is_no_key_file(tmp_path: Path) -> None:
    finding_of(tmp_path)


def test_a_key_file_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere" / "keys.json", private_file(tmp_path / "file", "") / "keys.json"):
        with pytest.raises(InvalidInput) as refused:
            KeyFile.opened(path, "fontana")
        assert refused.value.findings[0].expected == "a place where a key file can be made"


def test_looking_for_faults_makes_no_file(tmp_path: Path) -> None:
    assert key_file_findings(tmp_path / "keys.json") == []
    assert list(tmp_path.iterdir()) == []


def test_a_resume_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="a key file that can be read"):
        KeyFile.opened(tmp_path / "keys.json", "fontana", create=False)
    assert list(tmp_path.iterdir()) == []


def blinding(ring: Keyring, member: int, slot: int, label: str, value: bytes) -> bytes:
    return ring.meter_blindings(slot, np.array([member]), label, [value])


def test_pseudonyms_are_16_hex_digits_and_differ() -> None:
    names = {keyring().pseudonym(f"home-{i}") for i in range(50)}
    assert len(names) == 50
    assert all(len(name) == 16 and set(name) <= set("0123456789abcdef") for name in names)


def test_a_meters_signature_is_that_of_its_address() -> None:
    ring = keyring()
    for member in (0, 1, 24):
        assert signer_address(b"\3" * 32, ring.sign_meter(member, b"\3" * 32)) == ring.meter_address(member)


def test_no_two_labels_share_a_secret() -> None:
    ring = keyring()
    # Names chosen to look alike across labels: member 1, member id "1".
    addresses = [ring.wallet("1"), ring.wallet("11"), ring.meter_address(1), ring.meter_address(11)]
    addresses.append(address_of_secret(ring.operator_key()))
    assert len(set(addresses)) == 5
    value = b"value"
    nonces = ring.order_nonces(7, np.array([1]), [value])
    assert nonces != blinding(ring, 1, 7, "order", value)


def test_parts_of_a_label_cannot_be_shifted_into_each_other() -> None:
    ring = keyring()
    # The second call's label, slot, member and value are the first one's bytes, cut in other places.
    tail = b"cccc"
    first = blinding(ring, 1, 7, "a", len(tail).to_bytes(8, "big") + tail)
    assert first != blinding(ring, 8 + len(tail), 1, "a" + "\0" * 7 + "\7", tail)
    assert KeyFile(MASTER, "ab").wallet("c") != KeyFile(MASTER, "a").wallet("bc")


def test_blindings_stand_one_after_the_other() -> None:
    ring, values = keyring(), [b"a", b"longer"]
    both = ring.meter_blindings(7, np.array([1, 2]), "packet", values)
    assert both == blinding(ring, 1, 7, "packet", values[0]) + blinding(ring, 2, 7, "packet", values[1])


def test_a_blinding_serves_one_value_only() -> None:
    ring = keyring()
    base = (1, 7, "packet", b"value")
    others = [(2, 7, "packet", b"value"), (1, 8, "packet", b"value"), (1, 7, "order", b"value"), (1, 7, "packet", b"v")]
    blindings = {blinding(ring, *arguments) for arguments in (base, *others)}
    assert len(blindings) == 5
    assert blinding(ring, *base) == blinding(keyring(), *base)
    assert all(len(blinding) == 32 for blinding in blindings)


def test_order_nonces_stand_one_after_the_other_and_serve_one_value_each() -> None:
    ring = keyring()
    both = ring.order_nonces(7, np.array([1, 2]), [b"a", b"b"])
    assert both == ring.order_nonces(7, np.array([1]), [b"a"]) + ring.order_nonces(7, np.array([2]), [b"b"])
    assert ring.order_nonces(7, np.array([1]), [b"a"]) != ring.order_nonces(8, np.array([1]), [b"a"])
    assert ring.order_nonces(7, np.array([], np.int64), []) == b""


def test_another_input_has_other_blindings_and_the_same_names() -> None:
    one, other = keyring(input_hash=b"one"), keyring(input_hash=b"other")
    assert blinding(one, 1, 7, "packet", b"v") != blinding(other, 1, 7, "packet", b"v")
    assert one.order_nonces(7, np.array([1]), [b"v"]) != other.order_nonces(7, np.array([1]), [b"v"])
    assert one.pseudonym("home-01") == other.pseudonym("home-01")
    assert one.meter_address(1) == other.meter_address(1)
    assert one.operator_key() == other.operator_key()


def test_another_community_shares_nothing() -> None:
    one, other = keyring("fontana"), keyring("elsewhere")
    assert one.pseudonym("home-01") != other.pseudonym("home-01")
    assert one.wallet("home-01") != other.wallet("home-01")
    assert one.meter_address(1) != other.meter_address(1)
    assert one.operator_key() != other.operator_key()


def test_what_was_derived_once_stays_derived_so() -> None:
    # Held fast: a change here gives every running community other names, wallets and keys.
    ring = keyring()
    assert ring.pseudonym("home-01") == PSEUDONYM
    assert ring.meter_address(0).hex() == METER_ADDRESS


def test_the_derivation_is_rfc_5869s() -> None:
    # Computed again from the RFC's own two steps: extract, then expand by one block.
    parts = (b"pseudonym", b"fontana", b"home-01")
    info = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    extracted = hmac.digest(b"commonwatt/keys/1", MASTER, hashlib.sha256)
    assert hmac.digest(extracted, info + b"\1", hashlib.sha256)[:8].hex() == keyring().pseudonym("home-01")


def test_a_master_secret_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes, was 31"):
        KeyFile(b"\0" * 31, "fontana")


def test_the_secret_does_not_show_in_the_objects_text() -> None:
    ring = KeyFile(MASTER, "fontana")
    assert MASTER.hex() not in repr(ring)
    assert repr(MASTER) not in repr(ring)
