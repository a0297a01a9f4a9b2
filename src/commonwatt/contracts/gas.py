"""What a call costs in gas: a model fitted on py-evm for exactly the compiled contracts that ship (`make artifacts`)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Final

from commonwatt.contracts import artifact
from commonwatt.core.foreign import parsed_json

FILE: Final = "gas_model.json"
FITTED_ON: Final = ("market", "members", "vault")
"""The contracts whose code a posting runs through."""

_TRANSACTION, _ZERO_BYTE, _OTHER_BYTE = 21_000, 4, 16


@dataclass(frozen=True)
class SettleWork:
    """What the gas of a settlement depends on, counted."""

    energy_lines: int
    pool_turns: int
    """Pairs of energy lines, as the market reads them, in which the pool is named: what it takes is counted besides."""
    amount_lines: int
    moved: int
    """Accounts whose balance changes."""
    filled: int
    """Of these, the system accounts that no settlement moved before: storage that was empty costs more."""
    accounts: int
    """Accounts of the community, the eight system accounts included."""
    first_of_epoch: int
    """1 for the first batch of a window, which notes that the market is alive."""

    def row(self) -> tuple[int, ...]:
        """The regressors in order of `GasModel.settle_gas`, a constant first."""
        return 1, *(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True)
class RestWork(SettleWork):
    """The same of a settlement that builds on trades or on the revision before: its base is looked up, each line's sides are checked."""


@dataclass(frozen=True)
class TradesWork:
    """What the gas of trades posted one by one depends on, counted."""

    energy_lines: int
    orders: int
    """Signed orders, each of a member of its own: checked, noted as filled, paid."""
    accounts: int
    first_of_epoch: int
    """1 for the first batch of a window, which notes that the market is alive."""

    def row(self) -> tuple[int, ...]:
        """The regressors in order of `GasModel.trades_gas`, a constant first."""
        return 1, *(getattr(self, field.name) for field in fields(self))


Work = SettleWork | TradesWork

KINDS_OF_WORK: Final = {"settle": SettleWork, "rest": RestWork, "trades": TradesWork}
"""By name in the file."""


@dataclass(frozen=True)
class GasModel:
    """Gas beyond the price of a transaction and its bytes, which is known exactly."""

    plain_gas: Mapping[str, int]
    """By kind (`open`, `clear`, `anchor`): what the call costs, the same every time."""
    settle_gas: tuple[int, ...]
    """Of a settlement: gas for each regressor of `SettleWork.row`."""
    rest_gas: tuple[int, ...]
    """Of one that builds on another, likewise."""
    trades_gas: tuple[int, ...]
    """Of trades posted one by one: gas for each regressor of `TradesWork.row`."""

    def gas(self, kind: str, data: bytes, work: Work | None = None) -> int:
        """Gas of a transaction with this calldata; `work` of `settle` and `trades`. Raises KeyError for a kind without a model."""
        if work is None:
            return intrinsic_gas(data) + self.plain_gas[kind]
        models = {SettleWork: self.settle_gas, RestWork: self.rest_gas, TradesWork: self.trades_gas}
        return intrinsic_gas(data) + sum(gas * n for gas, n in zip(models[type(work)], work.row(), strict=True))


def intrinsic_gas(data: bytes) -> int:
    """What a transaction with this calldata costs before anything runs (Cancun)."""
    zeros = data.count(0)
    return _TRANSACTION + _ZERO_BYTE * zeros + _OTHER_BYTE * (len(data) - zeros)


def code_hashes() -> dict[str, str]:
    """The Keccak-256 (hex) of the shipped code that a model must have been fitted on."""
    return {name: artifact(name).runtime_hash.hex() for name in FITTED_ON}


@cache
def gas_model() -> GasModel | None:
    """The shipped model; None when it was fitted on other code than the shipped contracts."""
    fitted = parsed_json((resources.files(__package__) / FILE).read_text(encoding="utf-8"))
    if fitted["code_hashes"] != code_hashes():
        return None
    return GasModel(fitted["plain_gas"], *(tuple(fitted[f"{kind}_gas"].values()) for kind in KINDS_OF_WORK))
