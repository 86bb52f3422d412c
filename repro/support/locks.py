"""Locks on files and folders, which vanish with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

YOUNG_SECONDS = 2.0  # a folder that was just made may not have its lock yet


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file ``path``; wait, after saying for ``what``, while another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            click.echo(f"Another process is working on {what}; waiting for it to end.", err=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Hold:
    """A file or folder that is in use, by any number of holders, for as long as this object lives."""

    def __init__(self, path: Path) -> None:
        self._number: int | None = os.open(path, os.O_RDONLY)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(self._number, fcntl.LOCK_SH)  # waits for ``is_held`` at most

    def close(self) -> None:
        """Let go."""
        if self._number is not None:
            os.close(self._number)
            self._number = None

    def __del__(self) -> None:
        self.close()


def is_held(path: Path) -> bool:
    """Whether this or another process holds a file or folder."""
    try:
        number = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(number)
    return False


def remove_left(folders: Iterable[Path]) -> None:
    """Remove the folders among these that processes which were killed have left: nobody holds them any more."""
    for folder in folders:
        with suppress(OSError):  # it is another process's, which has just finished
            if time.time() - folder.stat().st_mtime > YOUNG_SECONDS and not is_held(folder):
                shutil.rmtree(folder, ignore_errors=True)
