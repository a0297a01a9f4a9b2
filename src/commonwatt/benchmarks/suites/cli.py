"""The command line: how long a user waits for the first words."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commonwatt.benchmarks.base import Figure, Job, Trial
from commonwatt.core.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence


class HelpTrial(Trial):
    """`commonwatt --help` in a process of its own, from start to end."""

    reference_name = "python -c pass"

    def __init__(self, size: int) -> None:
        self.size = size

    def run(self, ready: Any) -> str:  # noqa: ARG002
        """Ask for help."""
        return _said(["-m", "commonwatt", "--help"])

    def reference(self) -> object:
        """Start Python for nothing."""
        return _said(["-c", "pass"])

    def findings(self, ready: Any, result: str) -> list[Finding]:  # noqa: ARG002
        """The help must name the commands."""
        missing = [name for name in ("init", "check", "run", "audit", "bench") if f" {name} " not in result]
        return [Finding("help", "every command named", f"nothing of {', '.join(missing)}")] if missing else []


@dataclass(frozen=True)
class Cli:
    """Start-up of the command."""

    def jobs(self, scale: float) -> list[Job]:  # noqa: ARG002
        """Help cannot be asked for in part, so `scale` changes nothing."""
        figure = Figure("help", "s", 0.3, note="end to end, the start of Python included")
        return [Job((figure,), 1, HelpTrial, runs=15)]


def _said(arguments: Sequence[str]) -> str:
    ended = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)  # noqa: S603
    return ended.stdout
