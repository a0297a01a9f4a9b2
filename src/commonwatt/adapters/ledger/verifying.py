"""Verifying a ledger's chain from its export: links, signatures, roots, and everything run again."""

from collections.abc import Callable
from pathlib import Path

from commonwatt.adapters.chain.machine import ChainMachine
from commonwatt.adapters.chain.verification import verified
from commonwatt.core.findings import Finding
from commonwatt.services.ports import ChainCheck


def check_export(
    path: Path, *, reference: bool, at: Callable[[int], None] = lambda _: None
) -> tuple[ChainCheck, ChainMachine]:
    """Links, signatures, roots and every transaction of an exported chain, and the state it ends in; `reference` runs it on py-evm.

    `at` is told how many blocks were run.
    """
    report, machine = verified(path, "py-evm" if reference else "auto", at)
    findings = tuple(Finding(f"chain {d.place}: {d.what}", d.expected, d.found) for d in report.disagreements)
    gas = {"0x" + digest.hex(): used for digest, used in report.gas_used.items()}
    return ChainCheck(findings, report.transactions, report.executor, gas), machine
