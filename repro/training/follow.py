"""Following a training while it goes on: its log as CSV, and for TensorBoard where REPRO_TENSORBOARD=1 asks for it.

Both show what ``log.jsonl`` holds and nothing reads them again.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from repro.errors import ReproError
from repro.support.sealed import replacing

VARIABLE = "REPRO_TENSORBOARD"
FOLDER = "tensorboard"  # in that of a run


def write_csv(path: Path, log: Iterable[str]) -> None:
    """Write the lines of a log, JSON each, as CSV: a column a name, in the order of their first appearance."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in log]
    names = list(dict.fromkeys(name for line in lines for name in line))
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


class Board:
    """Where the lines of a log are shown; this one shows nothing."""

    def add(self, line: Mapping[str, float]) -> None:
        """Show the line of an epoch."""

    def close(self) -> None:
        """End."""


class TensorBoard(Board):
    """The lines as curves over the epochs.

    Args:
        folder: the folder that takes them.
        done: epochs that were ended before; later ones of an earlier session are taken back.

    Raises:
        ReproError: when tensorboard is not installed.
    """

    def __init__(self, folder: Path, done: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ReproError(
                f"{VARIABLE} asks for TensorBoard, which is not installed ({error}): install it, as by `pip install "
                "tensorboard`, or leave the variable out."
            ) from error
        self._writer: Any = SummaryWriter(str(folder), purge_step=done + 1)

    def add(self, line: Mapping[str, float]) -> None:
        for name, value in line.items():
            if name not in ("epoch", "persons"):
                self._writer.add_scalar(name, value, int(line["epoch"]))
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def wants_board() -> bool:
    """Whether REPRO_TENSORBOARD asks for TensorBoard. Raises ReproError for anything but 0 and 1."""
    given = os.environ.get(VARIABLE, "").strip()
    if given not in ("", "0", "1"):
        raise ReproError(f"{VARIABLE} is {given!r}, expected 1 to show trainings in TensorBoard, or 0.")
    return given == "1"


@contextmanager
def board_of(folder: Path, done: int, *, wanted: bool = True) -> Iterator[Board]:
    """What shows a training that works in a folder, and has ended some epochs; nothing unless it is ``wanted`` and asked for."""
    board = TensorBoard(folder / FOLDER, done) if wanted and wants_board() else Board()
    try:
        yield board
    finally:
        board.close()
