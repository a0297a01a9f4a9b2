"""The contracts: their sources, their compiled artifacts and the loader, which needs no compiler."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from Crypto.Hash import keccak

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

from commonwatt.core.foreign import parsed_json

_FOLDER = resources.files(__name__) / "artifacts"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract.

    `creation_code` is sent with the ABI-encoded constructor arguments behind it. What then lies on the chain is
    `runtime_code` with `immutables_bytes` bytes behind it, the values fixed at deployment; `is_code` compares.
    """

    name: str
    abi: "Sequence[Mapping[str, Any]]"
    creation_code: bytes
    runtime_code: bytes
    immutables_bytes: int
    method_ids: "Mapping[str, bytes]"
    storage_layout: "Mapping[str, Any]"
    source_sha256: str
    compiler: str

    @property
    def runtime_hash(self) -> bytes:
        """Keccak-256 of the runtime code without the immutables behind it: 32 bytes, the same for every deployment."""
        return keccak.new(digest_bits=256, data=self.runtime_code).digest()

    def is_code(self, deployed: bytes) -> bool:
        """Tell whether code found on a chain is this contract's, whatever its constructor was given."""
        size = len(self.runtime_code)
        return deployed[:size] == self.runtime_code and len(deployed) == size + self.immutables_bytes


def names() -> tuple[str, ...]:
    """Return the names of all compiled contracts, sorted."""
    files = (entry.name for entry in _FOLDER.iterdir())
    return tuple(sorted(file.removesuffix(".json") for file in files if file.endswith(".json")))


@cache
def artifact(name: str) -> Artifact:
    """Return a compiled contract by its file's stem; an unknown name raises KeyError and lists the choices."""
    if name not in names():
        raise KeyError(f"expected one of {', '.join(names())}, was {name!r}")
    data = parsed_json((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    layout = data["storage_layout"]
    return Artifact(
        name=name,
        abi=tuple(data["abi"]),
        creation_code=bytes.fromhex(data["bytecode"].removeprefix("0x")),
        runtime_code=bytes.fromhex(data["bytecode_runtime"].removeprefix("0x")),
        immutables_bytes=sum(entry["length"] for entry in layout.get("code_layout", {}).values()),
        method_ids=MappingProxyType(
            {
                signature: bytes.fromhex(selector.removeprefix("0x").zfill(8))
                for signature, selector in data["method_identifiers"].items()
            }
        ),
        storage_layout=MappingProxyType(layout.get("storage_layout", {})),
        source_sha256=data["source_sha256"],
        compiler=data["compiler"],
    )
