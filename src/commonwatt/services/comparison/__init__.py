"""Comparison: the same days under several designs, and what each does to every member."""

from commonwatt.services.comparison.comparing import Comparison, compare
from commonwatt.services.comparison.outcome import Outcome, outcome_of

__all__ = ["Comparison", "Outcome", "compare", "outcome_of"]
