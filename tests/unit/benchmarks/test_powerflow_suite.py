"""The suite of power flows: a right answer passes its gate, every kind of wrong one does not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from commonwatt.benchmarks.days import AllottedTrial, TightTrial
from commonwatt.benchmarks.measuring import measure
from commonwatt.benchmarks.suites import powerflow
from commonwatt.benchmarks.suites.powerflow import Powerflow, StepTrial, SweepTrial
from commonwatt.core.errors import VerificationFailed
from commonwatt.grid import PowerFlow

TRIAL = SweepTrial(300)
RIGHT = TRIAL.run(None)


def wheres(flow: PowerFlow) -> set[str]:
    return {finding.where for finding in TRIAL.findings(None, flow)}


def test_the_sweep_has_the_limit_of_the_specification_at_its_full_size_only() -> None:
    sweep, step, *slots = (job.figures[0] for job in Powerflow().jobs(1.0))
    assert {(slot.unit, slot.limit) for slot in slots} == {("CPU-s", None)}
    assert (sweep.job, sweep.unit, sweep.limit) == ("sweep-129x35040", "CPU-s", 0.3)
    assert (step.job, step.unit, step.limit) == ("grid-step", "ms", None)
    smaller = Powerflow().jobs(0.1)[0].figures[0]
    assert (smaller.job, smaller.limit) == ("sweep-129x3504", None)


def test_a_right_answer_passes() -> None:
    assert TRIAL.findings(None, RIGHT) == []
    assert TRIAL.reference_name == "power-grid-model"


def test_a_voltage_that_is_off_is_found() -> None:
    voltage = RIGHT.voltage_share.copy()
    voltage[7] += 1e-5
    assert wheres(replace(RIGHT, voltage_share=voltage)) == {"voltage_share"}


def test_losses_that_are_off_are_found() -> None:
    assert wheres(replace(RIGHT, losses_w=RIGHT.losses_w * 1.0001)) == {"losses_share"}


def test_slots_that_were_not_solved_are_found() -> None:
    unsolved = np.zeros_like(RIGHT.is_solved)
    assert wheres(replace(RIGHT, is_solved=unsolved)) == {"solved", "slots"}


def test_the_verdict_of_a_slot_loses_what_power_grid_model_loses() -> None:
    trial = StepTrial(40)
    right = trial.run(None)
    assert trial.findings(None, right) == []
    wrong = [replace(right[0], losses_wh=right[0].losses_wh + 1), *right[1:]]
    assert [finding.where for finding in trial.findings(None, wrong)] == ["losses_wh"]


def test_without_the_second_opinion_nothing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(powerflow, "is_installed", lambda: False)
    job = replace(Powerflow().jobs(0.01)[0], runs=2)
    with pytest.raises(VerificationFailed, match="pip install 'commonwatt\\[grid\\]'"):
        measure(job, 100, "powerflow")


def test_a_whole_slot_is_one_of_25_homes_at_any_scale_and_one_that_nothing_holds_back_is_not_reported() -> None:
    names = ["slot-without-grid", "slot-on-street", "gate-without-grid", "gate-on-tight-street", "gate-with-envelopes"]
    assert [(job.name, job.size) for job in Powerflow().jobs(0.01)[2:-1]] == [(name, 25 * 96) for name in names]
    assert [jobs[-1].name for jobs in map(Powerflow().jobs, (1.0, 0.1))] == [
        "community-day-on-feeder",
        "community-day-of-10-homes-on-feeder",
    ]
    idle: Any = SimpleNamespace(journal=SimpleNamespace(rows=lambda: iter(())))
    kinds: list[tuple[Any, str]] = [(TightTrial, "wires"), (AllottedTrial, "envelopes")]
    for trial, where in kinds:
        assert [finding.where for finding in trial.market_findings(trial.__new__(trial), idle)] == [where]
