"""Pictures drawn by several processes, in the order and with the bytes that one alone gives.

Painter k of n draws the pictures k, k + n, k + 2n, ... and writes them to its standard output, from which they are taken in turn.
A painter that is ahead waits until its pipe is read, so that no more than a few pictures wait in memory. The painters are plain
commands of Python: a script that asks for people needs no guard against being run again, as it would with ``multiprocessing``.
"""

from __future__ import annotations

import itertools
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, cast

import cv2

from repro import paths
from repro.data.drawn.labels import Labels
from repro.data.drawn.staging import Picture
from repro.errors import ReproError

PARALLEL_FROM = 1000  # pictures: fewer are drawn by the calling process, before painters have begun


@dataclass(frozen=True)
class DrawnPicture:
    """A picture as files: its JPEG, the PNG of its body parts, its labels."""

    jpeg: bytes
    parts: bytes
    labels: Labels


def painters_for(count: int) -> int:
    """How many processes draw so many pictures: one a core that this process may use, one for a few pictures."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if count >= PARALLEL_FROM else 1


def draw_pictures(draw: Callable[[int], Picture], count: int, painters: int = 1) -> Iterator[DrawnPicture]:
    """The pictures 0 .. count - 1 in their order.

    Args:
        draw: draws the picture of an index; with several painters it is pickled.
        count: the number of pictures.
        painters: processes that draw; 1 draws in the calling one.

    Raises:
        ReproError: when a painter ends before its last picture.
    """
    if painters < 2:
        yield from (draw_picture(draw, index) for index in range(count))
        return
    command = [sys.executable, "-c", f"from {__name__} import paint; paint()"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(paths.ROOT), *filter(None, sys.path)])}
    running = []
    try:
        for number in range(painters):
            process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            running.append(process)
            with cast(IO[bytes], process.stdin) as stream:
                pickle.dump((draw, range(number, count, painters)), stream)
        for process in itertools.islice(itertools.cycle(running), count):
            yield _next_picture(process)
    finally:
        for process in running:
            process.terminate()
            cast(IO[bytes], process.stdout).close()
            process.wait()


def _next_picture(process: subprocess.Popen[bytes]) -> DrawnPicture:
    try:
        return pickle.load(cast(IO[bytes], process.stdout))
    except (EOFError, pickle.UnpicklingError) as error:
        raise ReproError(
            f"A process that drew people ended early, with exit code {process.wait()}: see its message above; where memory ran "
            "out, ask for fewer images or give more."
        ) from error


def paint() -> None:
    """A painter: reads what to draw from standard input and writes the pictures to standard output."""
    cv2.setNumThreads(0)
    draw, indices = pickle.load(sys.stdin.buffer)
    out, sys.stdout = sys.stdout.buffer, sys.stderr  # nothing else may come between the pictures
    try:
        for index in indices:
            pickle.dump(draw_picture(draw, index), out)
            out.flush()
    except BrokenPipeError:  # the process that asked has ended
        os._exit(1)


def draw_picture(draw: Callable[[int], Picture], index: int) -> DrawnPicture:
    """The picture of an index as files."""
    picture = draw(index)
    return DrawnPicture(picture.jpeg, cv2.imencode(".png", picture.parts)[1].tobytes(), picture.labels)
