"""The probe contract of `probe.vy`, compiled, and transactions that call it; needs no compiler."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from eth_abi import decode, encode

from commonwatt.adapters.chain.executors.base import GAS_LIMIT
from commonwatt.adapters.chain.transactions import sign_transaction
from commonwatt.crypto.keccak import keccak256
from commonwatt.crypto.secp256k1 import address_of_secret

CHAIN_ID: Final = 4711
OWNER: Final = bytes(31) + b"\x01"
MEMBER: Final = bytes(31) + b"\x02"
SOURCE: Final = Path(__file__).with_name("probe.vy")
CREATION: Final = bytes.fromhex(
    "6102e751503461002057336102e7526102e761002461000039610307610000f35b5f80fd5f3560e01c6002600c820660011b6102cf0160"
    "1e395f51565b636ed28ed081186102c7576044361034176102cb575f6004356020525f5260405f20546040526024355f6004356020525f"
    "5260405f20556004357f793333530bc27d845c36d8799afd0c1152c33d074b4419780fc2a8265826761460243560605260206060a26020"
    "6040f35b63931bb288811861014a576044361034176102cb576024355f6004356020525f5260405f20556004357f793333530bc27d845c"
    "36d8799afd0c1152c33d074b4419780fc2a8265826761460243560405260206040a260208060a052600e6040527f70726f62653a207265"
    "667573656400000000000000000000000000000000000060605260408160a001602e82825e8051806020830101601f825f031636823750"
    "50601f19601f8251602001011690509050810190506308c379a060805280600401609cfd5b6344df8e7081186102c757346102cb575f63"
    "05f5e100905b8060405260015f6040516020525f5260405f2055600101818118610162575050005b631dc05f1781186101b35760243610"
    "34176102cb5760043580600103600181116102cb57905060405260206040f35b638da5cb5b81186102c757346102cb5760206102e76040"
    "3960206040f35b638c0d0c2981186102c757346102cb5760015c604052604051600181018181106102cb57905060015d6040515f606360"
    "20525f5260405f205560206040f35b63c85e07b981186102c757346102cb574260015543600255005b636979792681186102c757346102"
    "cb574260405243606052466080523360a0523260c0524860e052456101005244610120526101006040f35b63dedd8ed8811861028f5760"
    "24361034176102cb575f6004356020525f5260405f205460405260206040f35b63b3b72cb081186102c757346102cb5760025460405260"
    "206040f35b638cf384b781186102c757346102cb5760015460405260206040f35b5f5ffd5b5f80fd026302c702c70184001801d102c702"
    "c700840210022a02ab855820091fd75be5089a181f347cd632f57492b5c0dff9ea3eae2ad3c7e671619e54861902e78118181820a16576"
    "79706572830004030038"
)


def calldata(signature: str, *arguments: object) -> bytes:
    """Return selector and encoded arguments: `calldata("store(uint256,uint256)", 1, 2)`."""
    types = signature[signature.index("(") + 1 : -1]
    encoded: bytes = encode(types.split(",") if types else [], list(arguments))
    return keccak256(signature.encode())[:4] + encoded


def signed(secret: bytes, nonce: int, to: bytes | None, data: bytes, chain_id: int = CHAIN_ID) -> bytes:
    """Return a raw transaction as the chain wants it."""
    return sign_transaction(secret, chain_id=chain_id, nonce=nonce, to=to, data=data, gas_limit=GAS_LIMIT)


def numbers(returned: bytes) -> tuple[int, ...]:
    """Return the 32-byte words of return data as unsigned integers."""
    found: tuple[int, ...] = decode(["uint256"] * (len(returned) // 32), returned)
    return found


def address(secret: bytes) -> bytes:
    """Return the address of a test key."""
    return address_of_secret(secret)
