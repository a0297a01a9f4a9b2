"""The command line: one file a command; faults of the input are listed, never traced."""

import sys
from typing import Protocol
from zoneinfo import ZoneInfoNotFoundError

import typer

from commonwatt.cli import audit, bill, check, clear, compare, feeder, importing, init, listing, new, run, watch
from commonwatt.cli.endings import BAD_INPUT, EXIT_CODES, INTERRUPTED, exit_code, say_failure
from commonwatt.cli.plain_help import speak_plainly
from commonwatt.core.errors import CommonwattError

app = typer.Typer(
    name="commonwatt",
    help="A neighbourhood trades its own electricity, settles it on a ledger, and proves that the settlement is right.",
    epilog="Start with `commonwatt init mine && commonwatt run mine`; `commonwatt COMMAND --help` shows an example. Exit codes: "
    + ", ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())
    + ".",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (init, importing, feeder, check, run, compare, audit, bill, watch, clear, listing, new):
    module.register(app)


class Commands(Protocol):
    """What adds commands of another door."""

    def register(self, app: typer.Typer) -> None:
        """Add them."""
        ...


def open_doors(*doors: Commands) -> None:
    """Run the command line with the commands of other doors beside its own.

    Exit codes: 0 done, 1 a verification failed, 2 bad input, 130 interrupted.
    """
    for door in doors:
        door.register(app)
    speak_plainly(app)
    try:
        app()
    except CommonwattError as error:
        say_failure(error)
        sys.exit(exit_code(type(error)))
    except OSError as error:
        # A full disk, a folder that vanished: the journal is whole up to the last finished step.
        print(f"{error.filename or 'commonwatt'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except ZoneInfoNotFoundError as error:
        # The name of every zone is checked where it is read; only a machine without the data has none of them.
        print(f"time zones: expected the system's data or the package tzdata, found neither ({error})", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
