"""A check under way: its time, what it knows of the device's speed, and the processes that do the work."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from repro import paths
from repro.gpu_check.box import Box
from repro.gpu_check.made import Order

SHARES = {"tests": 0.25, "bench": 0.25, "kernels": 0.06, "warm": 0.12}  # of the minutes, at most
MOST = {"tests": 90.0, "bench": 100.0, "kernels": 30.0, "warm": 75.0}  # s
FACTOR = 0.1  # seconds of a GPU for each that is estimated, where nothing was measured


class Process:
    """A process whose lines go to the log as they come.

    Args:
        box: the box of the log.
        command: the command with its arguments.
        environment: the environment that it has.
        keep: a file for its lines alone.
        indent: the indent before its lines in the log.
    """

    def __init__(
        self, box: Box, command: list[str], environment: dict[str, str], keep: Path | None = None, indent: str = "  "
    ) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=paths.ROOT,
            start_new_session=True,
        )
        self._box, self._keep, self._indent = box, keep, indent
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._over = False
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in io.TextIOWrapper(cast(IO[bytes], self._process.stdout), errors="replace", newline=None):
            if text := line.rstrip():
                self._box.say(self._indent + text)
                with self._news:
                    self.lines.append(text)
                    self._news.notify_all()
                if self._keep is not None:
                    self._keep.write_text("\n".join(self.lines) + "\n", encoding="utf-8")
        with self._news:
            self._over = True
            self._news.notify_all()

    def said(self, word: str) -> str | None:
        """What followed the word at the beginning of a line, in the last such line; None where there is none."""
        return next((one[len(word) :].strip() for one in reversed(self.lines) if one.split(" ")[0] == word), None)

    def wait(self, seconds: float, *words: str) -> bool:
        """Wait until a line begins with one of the words, or the process has ended; whether that came in time."""
        with self._news:
            return self._news.wait_for(
                lambda: self._over or any(self.said(word) is not None for word in words), max(0.0, seconds)
            )

    def tell(self, **values: Any) -> None:
        """Send a line of JSON."""
        with suppress(BrokenPipeError):
            into = cast(IO[bytes], self._process.stdin)
            into.write(json.dumps(values).encode() + b"\n")
            into.flush()

    def end(self) -> int | None:
        """End it with all that it started; its exit code, None where it had to be ended."""
        code = self._process.poll()
        if code is None and self._over:
            with suppress(subprocess.TimeoutExpired):
                code = self._process.wait(5)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        return code

    @property
    def result(self) -> dict[str, Any]:
        """What a process of ``made`` came to."""
        found = self.said("RESULT")
        if found is not None:
            return json.loads(found)
        code = self._process.poll()
        return {
            "state": "its time was over"
            if code in (None, -signal.SIGKILL)
            else f"failed with exit code {code}: see log.txt"
        }


@dataclass
class Check:
    """A check under way.

    Args:
        box: the box that keeps what is done.
        end: the end by time.monotonic(), when all has to be over.
        seconds: the seconds of the whole.
        order: what all processes are told: scale, device and so on.
        environment: the environment of the processes.
        factors: seconds for each estimated one, of ``crops`` and of ``scenes``, by the number of trainings side by side.
        rate: crops a second that a warm start is shown.
        running: processes that were begun.
    """

    box: Box
    end: float
    seconds: float
    order: Order
    environment: dict[str, str]
    factors: dict[str, dict[int, float]] = field(default_factory=lambda: {"top_down": {1: FACTOR}, "bottom_up": {1: FACTOR}})
    rate: float = 2500.0
    running: list[Process] = field(default_factory=list)

    @property
    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()

    def share(self, stage: str) -> float:
        """The seconds that a stage may take."""
        return max(0.0, min(SHARES[stage] * self.seconds, MOST[stage], self.left))

    def begin(self, command: list[str], **options: Any) -> Process:
        """Begin a process, which ends with the check at the latest."""
        self.running.append(Process(self.box, command, self.environment, **options))
        return self.running[-1]

    def run(self, command: list[str], seconds: float, keep: Path | None = None) -> tuple[int | None, list[str]]:
        """Run a command for so many seconds at most; its exit code, None where it was ended, and its lines."""
        process = self.begin(command, keep=keep)
        process.wait(seconds)
        return process.end(), process.lines

    def begin_order(self, order: Order, **options: Any) -> Process:
        """Begin a process of ``made``."""
        return self.begin([sys.executable, "-m", "repro.gpu_check.made", json.dumps(asdict(order))], **options)
