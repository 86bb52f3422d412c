"""The bar over a whole command, on a terminal of its own and a clock that tests move."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import pytest
import torch
import tqdm.std
from torch import nn

from repro.support import progress as progress_module
from repro.support.progress import Progress, pixels_seen


class Terminal(io.StringIO):
    """What a terminal is sent."""

    def isatty(self) -> bool:
        return True

    @property
    def last(self) -> str:
        """The bar as it was drawn last, with single blanks."""
        return " ".join(self.getvalue().split("\r")[-1].split())


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time that bars see."""
    now = [1000.0]
    monkeypatch.setattr(tqdm.std, "time", lambda: now[0])
    return now


def test_the_time_left_is_that_of_all_parts(clock):
    with redirect_stderr(Terminal()) as terminal, Progress(100.0) as progress:
        with progress.part("skeletal 2", 40.0):
            progress.say("3 runs, 2 at once")
            clock[0] += 50
            progress.add(25.0)  # a quarter of the whole in 50 s: 150 s are left
            assert terminal.last.startswith("skeletal 2 · 3 runs, 2 at once: 25%|")
            assert terminal.last.endswith("| 00:50<02:30")
        clock[0] += 30
        with progress.part("cal 2", 60.0):
            progress.say("run 1/7")
            progress.reach(0.0)
            assert terminal.last.startswith("cal 2 · run 1/7: 40%|")  # the part before is full
            assert terminal.last.endswith("| 01:20<02:00")  # 40 of 100 in 80 s


def test_the_pace_is_that_since_the_first_step(clock):
    with redirect_stderr(Terminal()) as terminal, Progress(100.0) as progress, progress.part("cal 2", 100.0):
        clock[0] += 30  # processes start
        progress.reach(2.0)
        clock[0] += 20
        progress.reach(12.0)  # ten in twenty seconds: 88 are left
        progress.say("on")
        assert terminal.last.endswith("| 00:50<02:56")


def test_a_part_is_neither_left_nor_gone_back_in(clock):
    with redirect_stderr(Terminal()) as terminal, Progress(100.0) as progress:
        with progress.part("one", 50.0):
            clock[0] += 1
            progress.reach(70.0)
            progress.reach(20.0)
            progress.say("")
            assert " 50%|" in terminal.last
        with progress.part("two", 50.0):
            clock[0] += 1
            progress.reach(10.0)
            progress.say("")
            assert " 60%|" in terminal.last


def test_lines_are_printed_above_the_bar(capsys):
    with redirect_stderr(Terminal()), Progress(10.0) as progress, progress.part("one", 10.0):
        with progress.aside():
            print("a result")
        progress.say("on")
    assert capsys.readouterr().out == "a result\n"


def test_without_a_terminal_there_is_a_line_for_what_is_done(capsys):
    with Progress(10.0) as progress, progress.part("cal 2", 10.0):
        progress.say("7 runs, 2 at once")
        progress.add(3.0)
    with Progress(10.0, shown=False) as progress, progress.part("cal 3", 10.0):
        progress.say("run 1/2")
    with Progress(10.0) as progress, progress.part("", 10.0):
        progress.say("run 1/2")
    said = capsys.readouterr()
    assert said.out == "cal 2 · 7 runs, 2 at once\n" and said.err == ""


def test_without_a_terminal_there_is_a_line_a_minute(capsys, monkeypatch):
    now = [5000.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    with Progress(1000.0) as progress, progress.part("cal 2", 1000.0):
        progress.say("7 runs, 2 at once")
        now[0] += 20  # processes start
        progress.reach(100.0)
        now[0] += 39
        progress.reach(148.0)  # 59 s: not yet
        now[0] += 1
        progress.reach(150.0)  # 50 in the 40 s since the first step: 850 are left
        now[0] += 59
        progress.reach(150.0)
        now[0] += 1
        progress.reach(150.0)  # nothing more in another minute: 50 in 100 s
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "cal 2 · 7 runs, 2 at once",
        "cal 2 · 7 runs, 2 at once: 15 % of all done after 60 s, about 11 minutes left",
        "cal 2 · 7 runs, 2 at once: 15 % of all done after 2 minutes, about 28 minutes left",
    ]


def test_times_are_said_in_fitting_units(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    with Progress(100_000.0) as progress, progress.part("", 100_000.0):
        for seconds in (10.0, 36_000.0):
            now[0] = seconds
            progress.reach(seconds)
    assert capsys.readouterr().out == "36 % of all done after 10.0 hours, about 17.8 hours left\n"


def test_with_a_terminal_or_hidden_there_are_no_lines(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    with redirect_stderr(Terminal()), Progress(100.0) as progress, progress.part("cal 2", 100.0):
        now[0] += 500
        progress.reach(50.0)
    with Progress(100.0, shown=False) as progress, progress.part("cal 2", 100.0):
        now[0] += 500
        progress.reach(50.0)
    assert capsys.readouterr().out == ""


def test_nothing_to_be_done_shows_no_bar():
    with redirect_stderr(Terminal()) as terminal, Progress(0.0) as progress, progress.part("cal 2", 0.0):
        progress.reach(0.0)
    assert terminal.getvalue() == ""


def test_forward_passes_tell_their_pixels():
    network, seen = nn.Conv2d(3, 1, 1), []
    with pixels_seen(network, seen.append):
        network(torch.zeros(2, 3, 4, 5))
        network(torch.zeros(1, 3, 6, 7))
    network(torch.zeros(1, 3, 8, 8))
    assert seen == [2 * 4 * 5, 6 * 7]
