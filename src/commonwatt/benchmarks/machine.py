"""The machine a benchmark ran on, as far as it explains the figures; nothing that tells whose it is."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import commonwatt

LIBRARIES = ("numpy", "pyarrow", "pyrevm", "py-evm", "coincurve", "cryptography")
"""Packages whose version moves the figures."""


def machine() -> dict[str, Any]:
    """Processor, cores this process may use, memory in MB, kind of system."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Of Commonwatt, Python and the libraries that are installed."""
    found = {"commonwatt": commonwatt.__version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.is_file() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()
