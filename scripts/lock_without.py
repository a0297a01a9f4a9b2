"""Print a lock file without one package: `python scripts/lock_without.py pyrevm requirements.lock`."""

import sys
from pathlib import Path


def without(package: str, text: str) -> str:
    """The lock file's text without the entry of a package and its hashes."""
    kept, skipping = [], False
    for line in text.splitlines():
        if line and not line[0].isspace() and not line.startswith("#"):
            skipping = line.startswith(f"{package}==")
        if not skipping:
            kept.append(line)
    return "\n".join(kept) + "\n"


if __name__ == "__main__":
    print(without(sys.argv[1], Path(sys.argv[2]).read_text(encoding="utf-8")), end="")
