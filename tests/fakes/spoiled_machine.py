"""Commands typed on a machine that something is wrong with: a full disk, permissions that hold, a clock that jumps, no time zones, a feed that breaks off."""

from __future__ import annotations

import ctypes
import datetime as dt
import errno
import os
import sqlite3
import sys
import tempfile
import time
import zoneinfo
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from tests.fakes.small_runs import Said

from commonwatt.adapters.feeds.profiles import ProfileFeed
from commonwatt.services.feed import Metered
from commonwatt.settings import checking

Spoil = Callable[[], object]


def typed(*arguments: str | Path, spoil: Spoil = lambda: None) -> Said:
    """`commonwatt ARGUMENTS` in a fork of this process, after `spoil`; a fork starts warm, and what it spoils ends with it. 70 is a traceback."""
    (out, out_end), (err, err_end) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        _type([str(argument) for argument in arguments], spoil, (out_end, err_end))
    os.close(out_end)
    os.close(err_end)
    # What a command says fits into a pipe.
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = []
    for end in (out, err):
        with os.fdopen(end, encoding="utf-8") as file:
            said.append(file.read())
    return Said(code, *said)


def _type(arguments: list[str], spoil: Spoil, ends: tuple[int, int]) -> None:
    status = 70
    try:
        # Not only the descriptors: a test's own capture has put other streams in their place.
        sys.stdout, sys.stderr = (os.fdopen(end, "w", encoding="utf-8") for end in ends)
        os.environ["COLUMNS"] = "200"
        from commonwatt.__main__ import main

        sys.argv = ["commonwatt", *arguments]
        spoil()
        main()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException as error:  # noqa: BLE001 - whatever comes out of it is what is tested
        print(f"Traceback: {error!r}", file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def full_for(path: Path) -> Spoil:
    """The disk is full for one file that is written beside itself first: that neighbour is the device that is always full."""

    def spoil() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(path.name + ".tmp").symlink_to("/dev/full")

    return spoil


def full_database(name: str, pages: int) -> Spoil:
    """SQLite finds the disk full when a file whose path ends so would grow beyond so many pages."""

    def spoil() -> None:
        connect = sqlite3.connect

        def limited(path: Any, *args: Any, **kwargs: Any) -> sqlite3.Connection:
            db: sqlite3.Connection = connect(path, *args, **kwargs)
            if str(path).endswith(name):
                db.execute(f"PRAGMA max_page_count = {pages}")
            return db

        sqlite3.connect = limited  # type: ignore[assignment]

    return spoil


def permissions_hold() -> None:
    """Root, too, may no longer write what its permissions forbid: gives up CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH for good."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    if libc.capget(header, data):
        raise OSError(ctypes.get_errno(), "capget")
    data[0] &= ~0b110
    if libc.capset(header, data):
        raise OSError(ctypes.get_errno(), "capset")


def read_only(folder: Path) -> Path:
    """Take the right to write from a folder and everything below it; pytest gives it back when it removes the folder."""
    for path in [*folder.rglob("*"), folder]:
        path.chmod(path.stat().st_mode & ~0o222)
    return folder


def no_temporary_folder() -> None:
    """As Python says it where none of TMPDIR, /tmp, /var/tmp and the current folder can be written."""

    def none(*_: object) -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    tempfile.gettempdir = tempfile._get_default_tempdir = none  # type: ignore[attr-defined]
    tempfile.tempdir = None
    os.environ["TMPDIR"] = os.environ["SQLITE_TMPDIR"] = "/nonexistent"


def _jumps() -> Iterator[float]:
    """Seconds since 1970 that go back a day, forth a year, before 1970 and past 2038."""
    places = (1_700_000_000, 1_699_913_600, 1_731_536_000, -86_400, 2_200_000_000, 0)
    return (float(places[at % len(places)] + at) for at in count())


def jumping_clock() -> None:
    """Every look at the wall clock finds another time, mostly an earlier one."""
    jumps, real = _jumps(), dt.datetime

    class Jumping(real):  # type: ignore[misc, valid-type]
        __slots__ = ()  # C extensions look at its size

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return real.fromtimestamp(next(jumps), tz)

    time.time = lambda: next(jumps)
    time.time_ns = lambda: int(next(jumps) * 10**9)
    dt.datetime = Jumping  # type: ignore[misc]


class ClockWatch:
    """Notes which modules ask for the wall clock, from Python or from NumPy."""

    ASKING = ("time", "time_ns", "localtime", "gmtime", "ctime", "now", "utcnow", "today")

    def __init__(self, told: Path) -> None:
        self._told = told

    def __call__(self) -> None:
        """From now on, in every call of this process."""
        sys.setprofile(self._called)

    def _called(self, frame: Any, event: str, called: Any) -> None:
        if event != "c_call" or getattr(called, "__name__", "") not in self.ASKING:
            return
        owner = getattr(called, "__self__", None)
        if owner is time or (isinstance(owner, type) and issubclass(owner, dt.date)):
            with self._told.open("a", encoding="utf-8") as file:
                file.write(f"{frame.f_globals.get('__name__')} {called.__name__}\n")


def no_time_zones() -> None:
    """Neither the system's time zone data nor the package of them."""
    zoneinfo.reset_tzpath([])
    zoneinfo.ZoneInfo.clear_cache()
    for name in [name for name in sys.modules if name.partition(".")[0] == "tzdata"]:
        del sys.modules[name]
    sys.modules["tzdata"] = None  # type: ignore[assignment]


def feed_breaks_off(slots: int) -> Spoil:
    """After so many slots the feed cannot be read any more."""

    def spoil() -> None:
        metered, asked = ProfileFeed.metered, set[int]()

        def broken(self: ProfileFeed, slot: int) -> Metered:
            asked.add(slot)
            if len(asked) > slots:
                raise OSError(errno.EIO, "Input/output error", "profiles.csv")
            return metered(self, slot)

        ProfileFeed.metered = broken  # type: ignore[method-assign]

    return spoil


def no_check_of_connections() -> None:
    """Data beyond a connection are let through, so that the ledger sees them."""
    checking._connection_findings = lambda *_: []
