"""Who waits at a terminal for a bill's check sees how far it is."""

import io
from collections.abc import Iterator

from commonwatt.wiring.bill_waiting import WaitingLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def seconds(*times: float) -> Iterator[float]:
    yield from times


def test_a_terminal_is_told_the_block_and_the_time_left() -> None:
    terminal, clock = Terminal(), seconds(0, 0.5, 4)
    line = WaitingLine(terminal, lambda: next(clock))
    line.at(0, 100)
    line.at(25, 100)
    shown = [text.strip() for text in terminal.getvalue().split("\r")]
    assert shown == ["", "checking the chain: block 0 of 100", "checking the chain: block 25 of 100, about 12 s left"]


def test_the_line_is_left_empty_at_the_end() -> None:
    terminal = Terminal()
    line = WaitingLine(terminal)
    line.say("checking the lines")
    line.say("")
    last = terminal.getvalue().split("\r")[-2]
    assert last.strip() == ""
    assert len(last) >= len("checking the lines")


def test_a_file_and_nothing_at_all_are_told_nothing() -> None:
    file = io.StringIO()
    WaitingLine(file).at(3, 9)
    WaitingLine(None).at(3, 9)
    assert file.getvalue() == ""
