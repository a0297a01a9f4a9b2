"""Compile the Vyper contracts into the artifacts that ship inside the package (`make artifacts`).

The same source gives the same bytes: keys are sorted, and no path, time or host enters an artifact.
"""

import hashlib
import json
import re
from pathlib import Path

from vyper import __version__ as vyper_version
from vyper.compiler import compile_from_file_input
from vyper.compiler.input_bundle import FilesystemInputBundle

CONTRACTS = Path(__file__).resolve().parent.parent / "src" / "commonwatt" / "contracts"
MODULES = CONTRACTS / "modules"
IMPORT = re.compile(r"^from modules import (\w+)$", re.MULTILINE)
OUTPUT_FORMATS = ["abi", "bytecode", "bytecode_runtime", "layout", "method_identifiers"]
SIZE_LIMIT_BYTES = 24_576  # EIP-170


def compile_contract(path: Path) -> dict[str, object]:
    """Compile one contract; the result is what its artifact holds."""
    bundle = FilesystemInputBundle([CONTRACTS])
    output = compile_from_file_input(
        bundle.load_file(Path(path.name)),
        input_bundle=bundle,
        output_formats=OUTPUT_FORMATS,
        no_bytecode_metadata=True,
    )
    runtime = str(output["bytecode_runtime"])
    size_bytes = len(runtime) // 2 - 1
    if size_bytes > SIZE_LIMIT_BYTES:
        raise ValueError(f"{path.name}: expected at most {SIZE_LIMIT_BYTES} bytes of code, was {size_bytes}")
    return {
        "abi": output["abi"],
        "bytecode": output["bytecode"],
        "bytecode_runtime": runtime,
        "compiler": f"vyper {vyper_version}",
        "method_identifiers": output["method_identifiers"],
        "name": path.stem,
        "source_sha256": hashlib.sha256("".join(sources(path)).encode()).hexdigest(),
        "storage_layout": output["layout"],
    }


def sources(path: Path) -> list[str]:
    """Return a contract's text and those of the modules it imports, theirs included, each once, in order of name behind it."""
    found, waiting = {path: path.read_text(encoding="utf-8")}, [path]
    while waiting:
        for name in IMPORT.findall(found[waiting.pop()]):
            module = MODULES / f"{name}.vy"
            if module not in found:
                found[module] = module.read_text(encoding="utf-8")
                waiting.append(module)
    return [found[path], *(found[module] for module in sorted(set(found) - {path}))]


def artifact_text(path: Path) -> str:
    """Return the artifact of a contract as it is written, one key a line at the top level."""
    return json.dumps(compile_contract(path), indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write every contract's artifact and say how large each is."""
    folder = CONTRACTS / "artifacts"
    folder.mkdir(exist_ok=True)
    for path in sorted(CONTRACTS.glob("*.vy")):
        text = artifact_text(path)
        (folder / f"{path.stem}.json").write_text(text, encoding="utf-8")
        size_bytes = len(json.loads(text)["bytecode_runtime"]) // 2 - 1
        print(f"{path.stem}: {size_bytes} of {SIZE_LIMIT_BYTES} bytes")


if __name__ == "__main__":
    main()
