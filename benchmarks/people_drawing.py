"""Images of drawn people a second on one core, without the cache: single persons of 128x96 and scenes of 512x512.

Prints a table and writes it to ``benchmarks/people_drawing.csv``. ``processor`` counts the time that the process had a core,
``clock`` the time that passed: on a quiet machine they agree. Run as ``python benchmarks/people_drawing.py``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import common
import cv2
import pandas as pd
import torch

from repro.data.drawn.crops import draw_crop
from repro.data.drawn.scenes import draw_scene
from repro.data.drawn.settings import MILD, PeopleSettings

CASES = [
    ("single persons", "default", PeopleSettings(), (96, 128), 1000),
    ("single persons", "milder (laptop)", MILD, (96, 128), 1000),
    ("scenes", "default", PeopleSettings(), (512, 512), 100),
    ("scenes", "milder (laptop)", MILD, (512, 512), 100),
]


def seconds_of(action: Callable[[int], object], count: int) -> tuple[float, float]:
    """Seconds on the clock and of the processor for calls with 0 to ``count`` - 1, after some that do not count."""
    for index in range(count // 20):
        action(index)
    started, used = time.perf_counter(), time.process_time()
    for index in range(count):
        action(index)
    return time.perf_counter() - started, time.process_time() - used


def main() -> None:
    """Draw the images of every case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the images that are drawn for each line")
    share = parser.parse_args().share
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    lines = []
    for what, difficulty, settings, size, count in CASES:
        draw, count = draw_scene if what == "scenes" else draw_crop, max(1, round(share * count))
        clock, processor = seconds_of(
            lambda index, draw=draw, settings=settings, size=size: draw(settings, "train", index, size=size), count
        )
        line = {"what": what, "difficulty": difficulty, "size": f"{size[0]}x{size[1]}", "images": count}
        lines.append(line | {"a second (processor)": count / processor, "a second (clock)": count / clock})
    table = pd.DataFrame(lines).round(1)
    common.write(table.assign(**common.machine()).to_dict("records"), __file__)


if __name__ == "__main__":
    main()
