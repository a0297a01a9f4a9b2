"""`python -m commonwatt` and the command `commonwatt`: the doors, side by side under one name, and how a signal stops them."""

import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Any

_STOPS = ("SIGINT", "SIGTERM", "SIGHUP")
_INTERRUPTED = 130


def stop_in_order() -> None:
    """From now on a signal to stop raises KeyboardInterrupt once. What the caller's shell has told to ignore (`nohup`) stays ignored."""
    for name in _STOPS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _first)


def _first(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as the interpreter calls it
    for name in _STOPS:
        stop = getattr(signal, name, None)
        if stop is not None and signal.getsignal(stop) is _first:
            signal.signal(stop, _second)
    raise KeyboardInterrupt


def _second(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as the interpreter calls it
    # Journal and chain are whole at any instant, so nothing has to be closed.
    os._exit(_INTERRUPTED)


def doors() -> tuple[Any, ...]:
    """What adds commands to the command line's own."""
    from commonwatt.benchmarks import command as benchmarks

    return (benchmarks,)


def main() -> None:
    """Run the command line with the commands of every door."""
    # Before anything slow is imported: whoever stops a command in its first second gets no traceback either.
    stop_in_order()
    try:
        from commonwatt.cli import open_doors

        open_doors(*doors())
    except KeyboardInterrupt:
        _leave()
    except SystemExit as ended:
        if ended.code != _INTERRUPTED:
            raise
        _leave()
    finally:
        # What is left is the interpreter's own end, which would give the signals back and could be killed with everything done.
        for name in _STOPS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) in (_first, _second):
                signal.signal(number, signal.SIG_IGN)


def _leave() -> None:
    """End with 130 at once: under `-m` the interpreter would kill itself with SIGINT if the interrupt came inside an `exec` of text."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
