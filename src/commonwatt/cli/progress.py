"""Progress: a bar of finished steps with the time that remains, on a terminal; silent elsewhere."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class StepBar:
    """Shows stages of long work; fulfils `wiring.workers.Watcher`."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("reading the input", total=None)

    def stage(self, name: str, total: int | None = None) -> None:
        """A new stage of `total` steps (None: unknown)."""
        self._progress.reset(self._task, description=name, total=total)

    def at(self, done: int) -> None:
        """`done` steps of this stage are finished."""
        self._progress.update(self._task, completed=done)

    def say(self, text: str) -> None:
        """A line above the bar, or, where there is none, a line."""
        self._progress.console.print(text, markup=False, highlight=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
