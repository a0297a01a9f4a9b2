"""Validators: who proposes and checks blocks in an epoch, from settled facts and a seed."""

from commonwatt.validators.base import VALIDATORS, ElectionContext, Validators

__all__ = ["VALIDATORS", "ElectionContext", "Validators"]
