"""Executors: what runs a contract. Two of them, one interface; `open_executor` picks."""

from commonwatt.adapters.chain.executors.base import Executor, Outcome
from commonwatt.adapters.chain.executors.opening import open_executor

__all__ = ["Executor", "Outcome", "open_executor"]
