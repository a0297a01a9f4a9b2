"""Opening: the choice between the two executors."""

from importlib.util import find_spec

from commonwatt.adapters.chain.errors import ExecutorUnavailableError
from commonwatt.adapters.chain.executors.base import EXECUTORS, FORKS, Executor


def open_executor(name: str, chain_id: int, fork: str) -> tuple[Executor, str | None]:
    """Return the executor called `name` with an empty state, and a note for people when it is not the fast one.

    `auto` takes pyrevm where it can be imported and knows the fork, else py-evm. Errors: ExecutorUnavailableError.
    """
    if name not in EXECUTORS:
        raise ExecutorUnavailableError(f"expected an executor of {', '.join(EXECUTORS)}, was {name!r}")
    if fork not in FORKS:
        raise ExecutorUnavailableError(f"expected a fork of {', '.join(FORKS)}, was {fork!r}")
    missing = _why_not_pyrevm(fork)
    if name == "pyrevm" and missing:
        raise ExecutorUnavailableError(f"executor 'pyrevm' cannot run: {missing}")
    if name == "py-evm" or missing:
        from commonwatt.adapters.chain.executors.py_evm_executor import PyEvmExecutor

        note = f"contracts run on py-evm (slower, same results): {missing}" if missing and name == "auto" else None
        return PyEvmExecutor(chain_id, fork), note
    from commonwatt.adapters.chain.executors.pyrevm_executor import PyrevmExecutor

    return PyrevmExecutor(chain_id), None


def _why_not_pyrevm(fork: str) -> str | None:
    if fork != "cancun":
        return f"pyrevm lacks what the {fork} rules add (EIP-2537)"
    try:
        found = find_spec("pyrevm") is not None
    except ValueError:  # a module placed in sys.modules without a spec
        found = True
    if not found:
        return "pyrevm is not installed (it has no wheel for this Python or platform)"
    try:
        import pyrevm  # noqa: F401
    except ImportError as error:
        return f"pyrevm cannot be imported ({error})"
    return None
