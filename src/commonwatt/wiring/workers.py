"""Workers: several jobs at a time in processes of their own, watched from one place, stopped in order."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any, Final, Protocol, cast

from commonwatt.core.errors import CommonwattError

_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP")
_WAIT_S: Final = 0.2
"""How long the parent listens before it looks whether a worker lives."""
_TELLINGS: Final = 100
"""How often a job tells how far it is, at most."""


class Watcher(Protocol):
    """Who is told how far long work has come; may raise KeyboardInterrupt to stop it."""

    def stage(self, name: str, total: int | None = None) -> None:
        """A new stage begins."""
        ...

    def at(self, done: int) -> None:
        """So many steps of it are finished."""
        ...

    def say(self, text: str) -> None:
        """Something that is worth a line."""
        ...


Job = Callable[[Any, Watcher], None]
"""What a worker does with a task: a function of a module, so that a new process finds it."""


@dataclass(frozen=True)
class Told:
    """What a job says about itself."""

    task: int
    kind: str
    """`at` (share is how far the steps of its longest stage are), `done`, `failed`, or `stopped`."""
    share: float = 0.0
    why: str = ""


class Relay:
    """The watcher of one job: passes on how far it is, and stops it where that was asked."""

    def __init__(self, task: int, tell: Callable[[Told], None], is_stopped: Callable[[], bool]) -> None:
        self._task = task
        self._tell = tell
        self._is_stopped = is_stopped
        self._total: int | None = None
        self._told = 0

    def stage(self, name: str, total: int | None = None) -> None:  # noqa: ARG002 - as a watcher has it
        """Only a stage whose length is known is counted."""
        self._stop_if_asked()
        self._total, self._told = total, 0

    def at(self, done: int) -> None:
        """Tell every hundredth; called after every whole step, which is where a job may stop."""
        self._stop_if_asked()
        if self._total and done * _TELLINGS // self._total > self._told:
            self._told = done * _TELLINGS // self._total
            self._tell(Told(self._task, "at", done / self._total))

    def say(self, text: str) -> None:
        """Nothing: whoever gave the jobs has read the same input and says so once."""

    def _stop_if_asked(self) -> None:
        if self._is_stopped():
            raise KeyboardInterrupt


def work_off(job: Job, tasks: Sequence[Any], jobs: int, told: Callable[[Told], None]) -> None:
    """Do the job for every task, `jobs` at a time; `told` hears of each how far it is and how it ended. A failed one stops no other.

    With one job at a time the work is done in this process. `told` may raise KeyboardInterrupt, as Ctrl-C does: every worker then stops
    after the step it is at.

    Raises:
        KeyboardInterrupt: stopped; what was finished is.

    """
    if min(jobs, len(tasks)) <= 1:
        for task in range(len(tasks)):
            told(_ended(job, tasks, task, Relay(task, told, lambda: False)))
        return
    if not _work_beside(job, tasks, min(jobs, len(tasks)), told):
        raise KeyboardInterrupt


def _work_beside(job: Job, tasks: Sequence[Any], jobs: int, told: Callable[[Told], None]) -> bool:
    """Whether all was done; False: stopped.

    An interrupt ends here and is raised again by the caller: its traceback would keep pipes and locks until the process ends at once,
    and the system would then say that they leak.
    """
    waiting = deque(range(len(tasks)))
    workers = [_Worker(job, tasks) for _ in range(jobs)]
    try:
        with signals_ignored():
            # What is ignored when a process begins stays so: Ctrl-C in a terminal goes to all, and one of them is to answer.
            for worker in workers:
                worker.begin()
        busy = {worker.line: worker for worker in workers if worker.take(waiting)}
        while busy:
            for line in connection.wait(list(busy)):
                worker = busy[cast("Connection", line)]
                one = worker.heard()
                told(one)
                if one.kind != "at" and not worker.take(waiting):
                    del busy[worker.line]
        for task in waiting:
            told(workers[-1].died(task))
    except KeyboardInterrupt:
        return False
    finally:
        _joined(workers)
    return True


class _Worker:
    """One process and the line to it, which nobody else uses.

    A queue for all would have one lock for all, and a process that is killed while it holds that lock leaves the others waiting for ever.
    """

    def __init__(self, job: Job, tasks: Sequence[Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self.line, self._far = context.Pipe()
        self.process = context.Process(target=_work, args=(job, tasks, self._far))
        self._task = -1

    def begin(self) -> None:
        """Start it; its end of the line is then its own, so that the line breaks when it dies."""
        self.process.start()
        self._far.close()

    def take(self, waiting: deque[int]) -> bool:
        """Whether it does one more of those that wait; what the dead cannot take stays there."""
        if not waiting or not self.tell(waiting[0]):
            return False
        self._task = waiting.popleft()
        return True

    def heard(self) -> Told:
        """What it says next: that it died, where it did."""
        try:
            return cast("Told", self.line.recv())
        except (EOFError, OSError):
            return self.died(self._task)

    def died(self, task: int) -> Told:
        """That it will not do this one any more."""
        self.process.join()
        return Told(task, "failed", why=f"its process ended without a word (exit {self.process.exitcode})")

    def tell(self, task: int | None) -> bool:
        """Whether it could be told: a task; None: to stop after the step it is at."""
        try:
            self.line.send(task)
        except OSError:
            return False
        return True

    def ended(self) -> bool:
        """Whether it is gone; what it still says is read meanwhile, because a full line would keep it from ending."""
        if self.process.pid is None:
            return True
        try:
            while self.line.poll(_WAIT_S):
                self.line.recv()
        except (EOFError, OSError):
            self.process.join()
        return not self.process.is_alive()


def _joined(workers: Sequence[_Worker]) -> None:
    """Stop and wait for every worker; whoever is impatient (a second Ctrl-C) kills them, which costs at most the step they are at."""
    for worker in workers:
        worker.tell(None)
    try:
        for worker in workers:
            while not worker.ended():
                pass
    except KeyboardInterrupt:
        for worker in workers:
            if worker.process.is_alive():
                worker.process.kill()
        raise
    finally:
        for worker in workers:
            worker.line.close()


def _work(job: Job, tasks: Sequence[Any], line: Connection) -> None:
    """The life of a worker: one task after the other until it is told to stop or left alone: whatever comes while it works means that."""
    try:
        while (task := line.recv()) is not None:
            line.send(_ended(job, tasks, task, Relay(task, line.send, line.poll)))
    except (KeyboardInterrupt, EOFError, OSError):
        return


def _ended(job: Job, tasks: Sequence[Any], task: int, relay: Relay) -> Told:
    try:
        job(tasks[task], relay)
    except (CommonwattError, OSError) as error:
        return Told(task, "failed", why="\n".join([str(error), *getattr(error, "__notes__", ())]))
    return Told(task, "done", 1.0)


@contextmanager
def signals_ignored() -> Iterator[None]:
    """Ctrl-C and its like do nothing meanwhile, nor in processes that begin meanwhile."""
    kept = [(number, signal.getsignal(number)) for name in _SIGNALS if (number := getattr(signal, name, None))]
    for number, _ in kept:
        signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in kept:
            signal.signal(number, handler)
