"""The company of a federation: its communities at work in some processes, a thread each, and the barrier at which they meet."""

import multiprocessing
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Final

from commonwatt.clearing import Position
from commonwatt.core.errors import CommonwattError
from commonwatt.core.records import Exchange
from commonwatt.services.federation import Barrier
from commonwatt.wiring.running import Beside
from commonwatt.wiring.workers import Relay, Told, Watcher, signals_ignored

_WAIT_S: Final = 0.1
"""How long either side listens before it looks whether the other lives."""

Job = Callable[[Any, Watcher, Beside], None]
"""What is done for a community: a function of a module, so that a new process finds it."""


@dataclass(frozen=True)
class _Said:
    """A community's position, on its way to the barrier."""

    community: int
    slot: int
    position: Position


@dataclass(frozen=True)
class _Heard:
    """What crosses, on its way back."""

    community: int
    slot: int
    exchange: Exchange


def keep_company(job: Job, tasks: Sequence[Any], jobs: int, barrier: Barrier, told: Callable[[Told], None]) -> bool:
    """Do the job for every community at once, in `jobs` processes; `told` hears of each how far it is and how it ended.

    They wait for each other at the barrier, so one that fails stops all of them after the step they are at; so does a KeyboardInterrupt
    that `told` raises, or Ctrl-C. Which process is faster changes nothing of what they hear.

    Returns whether every community was run to its end.

    Raises:
        KeyboardInterrupt: stopped; what was journalled is kept.
        JournalError: what a community brings is not what it brought before.

    """
    context = multiprocessing.get_context("spawn")
    jobs = min(jobs, len(tasks))
    hosts = {at: at % jobs for at in range(len(tasks))}
    pipes, workers = [], []
    for number in range(jobs):
        here, there = context.Pipe()
        own = [at for at, host in hosts.items() if host == number]
        workers.append(context.Process(target=_host, args=(job, {at: tasks[at] for at in own}, there)))
        pipes.append((here, there))
    lines = [here for here, _ in pipes]
    left, ended = set(hosts), set[int]()
    try:
        with signals_ignored():
            for worker in workers:
                worker.start()
        for _, there in pipes:
            there.close()
        for message in _messages(lines):
            if isinstance(message, int):
                # Whoever died in silence would be waited for at the barrier for ever.
                lost = sorted(at for at in left - ended if hosts[at] == message)
                if lost:
                    others = f", and so did {len(lost) - 1} others in it" if len(lost) > 1 else ""
                    told(Told(lost[0], "failed", why=f"its process ended without a word{others}"))
                    _stop(lines)
            elif isinstance(message, _Said):
                for community, exchange in barrier.heard(message.community, message.slot, message.position):
                    _send(lines[hosts[community]], _Heard(community, message.slot, exchange))
            else:
                told(message)
                if message.kind != "at":
                    ended.add(message.task)
                if message.kind == "done":
                    left.discard(message.task)
                elif message.kind == "failed":
                    _stop(lines)
    finally:
        _stop(lines)
        _joined(workers, lines)
    return not left


def _messages(lines: Sequence[Connection]) -> Iterator[Any]:
    """What the processes say, until each has hung up; of one that hangs up its number."""
    listening = list(lines)
    while listening:
        for line in wait(listening, _WAIT_S):
            assert isinstance(line, Connection)
            try:
                yield line.recv()
            except (EOFError, OSError):
                listening.remove(line)
                yield lines.index(line)


def _send(line: Connection, message: Any) -> None:
    try:
        line.send(message)
    except OSError:
        return  # that process is gone; its line says so to whoever listens


def _stop(lines: Sequence[Connection]) -> None:
    for line in lines:
        _send(line, None)


def _joined(workers: Sequence[SpawnProcess], lines: Sequence[Connection]) -> None:
    """Wait for every process; whoever is impatient (a second Ctrl-C) kills them, which costs at most the step they are at."""
    try:
        while any(worker.pid is not None and worker.is_alive() for worker in workers):
            for line in wait(list(lines), _WAIT_S):
                assert isinstance(line, Connection)
                try:
                    line.recv()  # a full pipe would keep them from ending
                except (EOFError, OSError):
                    for worker in workers:
                        worker.join(_WAIT_S)
    except KeyboardInterrupt:
        for worker in workers:
            if worker.is_alive():
                worker.kill()
        raise
    finally:
        for line in lines:
            line.close()


# --- in a process of its own


class _Room:
    """What the communities of one process share: the line to the barrier, a turn at what needs memory, and whether to stop."""

    def __init__(self, line: Connection, communities: Sequence[int]) -> None:
        self.stopped = threading.Event()
        self.turn = threading.Lock()
        self.inboxes = {at: queue.SimpleQueue[_Heard | None]() for at in communities}
        self._line = line
        self._saying = threading.Lock()

    def say(self, message: Any) -> None:
        with self._saying:
            _send(self._line, message)

    def stop(self) -> None:
        self.stopped.set()
        for inbox in self.inboxes.values():
            inbox.put(None)

    def listen(self, is_over: Callable[[], bool]) -> None:
        """Hand on what comes until all communities are at their end; a federation that hangs up stops them."""
        while not is_over():
            try:
                if not self._line.poll(_WAIT_S):
                    continue
                message = self._line.recv()
            except (EOFError, OSError):
                message = None
            if message is None:
                self.stop()
                time.sleep(_WAIT_S)  # a line that was hung up is ready for ever
            else:
                self.inboxes[message.community].put(message)


class _OthersByLine:
    """The other communities, reached over the line of this process (fulfils `services.federation.Others`)."""

    def __init__(self, community: int, room: _Room) -> None:
        self._community, self._room = community, room

    def exchange(self, slot: int, position: Position) -> Exchange:
        """Say the position and wait for what crosses."""
        self._room.say(_Said(self._community, slot, position))
        heard = self._room.inboxes[self._community].get()
        if heard is None:
            raise KeyboardInterrupt
        return heard.exchange


def _host(job: Job, tasks: dict[int, Any], line: Connection) -> None:
    """The life of a process: a thread for each of its communities."""
    room = _Room(line, list(tasks))
    with ThreadPoolExecutor(len(tasks)) as threads:
        running = [threads.submit(_live, job, task, at, room) for at, task in tasks.items()]
        room.listen(lambda: all(one.done() for one in running))
    for one in running:
        one.result()
    line.close()


def _live(job: Job, task: Any, community: int, room: _Room) -> None:
    relay = Relay(community, room.say, room.stopped.is_set)

    @contextmanager
    def turn() -> Iterator[None]:
        with room.turn:
            yield

    ended = Told(community, "failed", why="a fault of the program, see above")
    try:
        job(task, relay, Beside(_OthersByLine(community, room), turn=turn, cpu_clock=time.thread_time))
    except (CommonwattError, OSError) as error:
        why = "\n".join([str(error), *getattr(error, "__notes__", ())])
        ended = Told(community, "failed", why=why)
    except KeyboardInterrupt:
        ended = Told(community, "stopped")
    else:
        ended = Told(community, "done", 1.0)
    finally:
        room.say(ended)
