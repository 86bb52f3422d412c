"""One progress bar over everything that a command makes: it counts estimated seconds, so that its time left is that of the whole.

Where stderr is no terminal there is no bar; what it would say of a part with a label is then printed, a line each, and every
minute a line says how much is done and what is left.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

from torch import nn
from tqdm import tqdm

EVERY = 60.0  # s between two lines where there is no bar
FORMAT = "{desc}{percentage:3.0f}%|{bar}| {elapsed}<{remaining}"


class _Bar(tqdm):
    """A bar whose pace is that since ``begun``, (done, seconds) at its first step: starting processes is no pace."""

    begun: tuple[float, float] | None = None

    @property
    def format_dict(self) -> dict[str, Any]:
        about = cast("dict[str, Any]", super().format_dict)
        if self.begun is not None:
            done, seconds = about["n"] - self.begun[0], about["elapsed"] - self.begun[1]
            if done > 0 and seconds > 0:
                about["rate"] = done / seconds
        return about


class Progress:
    """The bar; its parts follow one another, as tables do.

    The time left is the time taken for a second of the estimate since the first step, times the seconds of it that are left.

    Args:
        seconds: the seconds of all parts together, as estimated.
        shown: whether this process shows it.
    """

    def __init__(self, seconds: float, *, shown: bool = True) -> None:
        hidden = None if shown and seconds > 0 else True
        self._bar = _Bar(total=max(seconds, 1e-9), disable=hidden, smoothing=0, bar_format=FORMAT)
        self._shown = shown
        self._start = self._end = self._done = 0.0
        self._label = self._said = ""
        self._total, self._tells = seconds, bool(shown and seconds > 0 and self._bar.disable)
        self._started = self._told = time.monotonic()
        self._begun: tuple[float, float] | None = None  # (done, when) at the first step

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    @contextmanager
    def part(self, label: str, seconds: float) -> Iterator[None]:
        """The next part, which says its label and fills ``seconds`` of the bar, however much of it was done elsewhere."""
        self._label, self._start, self._end = label, self._end, self._end + seconds
        yield
        self.reach(seconds)

    def say(self, text: str) -> None:
        """Show what is being done in the part, behind its label."""
        text = f"{self._label} · {text}" if self._label else text
        if not self._bar.disable:
            self._bar.set_description(text)
        elif self._shown and self._label:
            _print(text)
        self._said = text

    def add(self, seconds: float) -> None:
        """So many seconds more of the part are done."""
        self.reach(self._done - self._start + seconds)

    def reach(self, seconds: float) -> None:
        """So many seconds of the part are done; the bar neither leaves the part nor goes back."""
        step = min(self._start + seconds, self._end) - self._done
        self._done += max(step, 0.0)
        if step > 0:
            self._bar.update(step)
            if self._bar.begun is None and not self._bar.disable:
                self._bar.begun = (self._bar.n, self._bar.format_dict["elapsed"])
        else:
            self._bar.refresh()  # its clock goes on
        if self._tells:
            self._tell(time.monotonic())

    def _tell(self, now: float) -> None:
        """A line, where the last one is a minute old."""
        if self._begun is None and self._done > 0:
            self._begun = (self._done, now)
        if now - self._told < EVERY:
            return
        self._told, left = now, self._total - self._done
        if self._begun is not None and self._done > self._begun[0]:
            left *= (now - self._begun[1]) / (self._done - self._begun[0])
        what = f"{self._said}: " if self._said else ""
        share = min(99, int(100 * self._done / self._total))
        _print(f"{what}{share} % of all done after {_long(now - self._started)}, about {_long(left)} left")

    def aside(self) -> AbstractContextManager:
        """Within it other lines can be printed: the bar is put away and drawn again below them."""
        return tqdm.external_write_mode(file=sys.stdout)


def _print(text: str) -> None:
    """Print a line that a log shows at once."""
    tqdm.write(text)
    sys.stdout.flush()


def _long(seconds: float) -> str:
    """A time in words."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 100 * 60 else f"{seconds / 3600:.1f} hours"


@contextmanager
def pixels_seen(network: nn.Module, seen: Callable[[int], object]) -> Iterator[None]:
    """Within it ``seen`` is called for each forward pass with the pixels of its images, (B, 3, H, W): B x H x W."""
    handle = network.register_forward_hook(lambda module, given, made: seen(given[0][:, 0].numel()))
    try:
        yield
    finally:
        handle.remove()
