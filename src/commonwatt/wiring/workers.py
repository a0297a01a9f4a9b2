"""Workers: several jobs at a time in processes of their own, watched from one place, stopped in order."""

import multiprocessing
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from typing import Any, Final, Protocol

from commonwatt.core.errors import CommonwattError

_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP")
_WAIT_S: Final = 0.2
"""How long the parent listens before it looks whether its workers live."""
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

    An interrupt ends here and is raised again by the caller: its traceback would keep queues and locks until the process ends at once,
    and the system would then say that they leak.
    """
    context = multiprocessing.get_context("spawn")
    waiting, said, stop = context.SimpleQueue(), context.Queue(), context.Event()
    for task in range(len(tasks)):
        waiting.put(task)
    for _ in range(jobs):
        waiting.put(None)
    workers = [context.Process(target=_work, args=(job, tasks, waiting, said, stop)) for _ in range(jobs)]
    left = set(range(len(tasks)))
    try:
        with signals_ignored():
            # What is ignored when a process begins stays so: Ctrl-C in a terminal goes to all, and one of them is to answer.
            for worker in workers:
                worker.start()
        while left:
            for one in _heard(said, workers):
                if one.kind != "at":
                    left.discard(one.task)
                told(one)
            if left and not any(worker.is_alive() for worker in workers):
                for one in [*_heard(said, workers), *(_died(task, workers) for task in sorted(left))]:
                    if one.task in left and one.kind != "at":
                        left.discard(one.task)
                        told(one)
    except KeyboardInterrupt:
        stop.set()
        return False
    finally:
        _joined(workers, said)
    return True


def _died(task: int, workers: Sequence[SpawnProcess]) -> Told:
    codes = sorted({worker.exitcode for worker in workers if worker.exitcode})
    return Told(
        task, "failed", why=f"its process ended without a word (exit {', '.join(map(str, codes)) or 'unknown'})"
    )


def _heard(said: Any, workers: Sequence[SpawnProcess]) -> Iterator[Told]:
    """What has been said: waits a little for the first word, and for the last ones once nobody can say more."""
    try:
        yield said.get(timeout=_WAIT_S if any(w.is_alive() for w in workers) else 2 * _WAIT_S)
        while True:
            yield said.get_nowait()
    except queue.Empty:
        return


def _joined(workers: Sequence[SpawnProcess], said: Any) -> None:
    """Wait for every worker; whoever is impatient (a second Ctrl-C) kills them, which costs at most the step they are at."""
    try:
        for worker in workers:
            while worker.pid is not None and worker.is_alive():
                list(_heard(said, workers))  # a full pipe would keep them from ending
                worker.join(_WAIT_S)
    except KeyboardInterrupt:
        for worker in workers:
            if worker.is_alive():
                worker.kill()
        raise
    finally:
        said.close()


def _work(job: Job, tasks: Sequence[Any], waiting: Any, said: Any, stop: Any) -> None:
    """The life of a worker: one task after the other until there is none, or until it is told to stop or left alone."""
    parent = multiprocessing.parent_process()

    def is_stopped() -> bool:
        return bool(stop.is_set()) or parent is None or not parent.is_alive()

    try:
        while (task := waiting.get()) is not None and not is_stopped():
            said.put(_ended(job, tasks, task, Relay(task, said.put, is_stopped)))
    except KeyboardInterrupt:
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
