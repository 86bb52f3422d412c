"""Draws ``docs/picture.png``, the picture of the README: a part of a committed table, and poses of its rows.

``python docs/picture.py`` draws it anew. All numbers and poses are those of the result folder.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro import paths
from repro.reporting.colours import row_colours
from repro.reporting.examples import read_examples
from repro.reporting.pictures import with_few_colours
from repro.skeletons.draw import draw_pose
from repro.skeletons.skeleton import COCO17

FOLDER = paths.RESULTS / "cal" / "table8" / "laptop-people-20261121T131756-4679a63"
ROWS = {name: f"{name.lower()}-w48-128x96" for name in ("HRNet", "UDP", "DARK", "CAL")}
STEPS = {"UDP": ("HRNet", "UDP"), "DARK": ("DARK", "CAL"), "CAL": ("UDP", "CAL")}  # the step that stands in a method's line
PEOPLE = (0, 4)  # the examples that are drawn
TARGET = Path(__file__).with_name("picture.png")


def cells(table: pd.DataFrame, label: str) -> list[str]:
    """The line of a method: name, AP printed and ours, then a step: its name, the printed change, ours with its interval."""
    ap = table[table["metric"] == "AP"].set_index("row")
    own = ap.loc[[ROWS[label]]].iloc[0]
    line = [label, f"{own['printed']:.1f}", f"{own['ours']:.1f} ± {own['spread']:.1f}"]
    if label not in STEPS:
        return [*line, "", "", ""]
    baseline, proposed = STEPS[label]
    after, before = ap.loc[[ROWS[proposed]]], ap.loc[[ROWS[baseline]]].iloc[0]
    step = after[after["baseline"] == ROWS[baseline]].iloc[0]
    change = f"{step['step ours']:+.1f}   [{step['low']:+.1f}, {step['high']:+.1f}]"
    return [*line, f"{baseline} → {proposed}", f"{step['printed'] - before['printed']:+.1f}", change]


def draw_table(axis: Axes, table: pd.DataFrame) -> None:
    """The table as text, one method a line, each in the colour of its poses."""
    places = (0.0, 0.16, 0.30, 0.47, 0.68, 0.80)
    heads = ("", "AP printed\n(COCO)", "AP ours\n(drawn people)", "step", "printed", "ours, 95 % interval\n(seeds alone)")
    axis.set(xlim=(0, 1), ylim=(len(ROWS) - 0.4, -1.4))
    axis.axis("off")
    for place, head in zip(places, heads, strict=True):
        axis.text(place, -0.75, head, fontsize=9, color="0.35", va="center")
    axis.axhline(-0.4, color="0.7", linewidth=0.8)
    colours = row_colours(ROWS.values())
    for number, label in enumerate(ROWS):
        for place, text in zip(places, cells(table, label), strict=True):
            first = place == places[0]
            weight, colour = ("bold", colours[ROWS[label]]) if first else ("normal", "0.1")
            axis.text(place, number, text, fontsize=11, va="center", weight=weight, color=colour)


def draw() -> Figure:
    """The whole picture: the table above, below it the truth and the poses of each method, one person a line."""
    figure = plt.figure(figsize=(9.6, 7.6), layout="constrained", facecolor="white")
    above, below = figure.subfigures(2, 1, height_ratios=(2.1, 5.5))
    draw_table(above.subplots(), pd.read_csv(FOLDER / "table.csv"))
    examples, colours = read_examples(FOLDER), row_colours(ROWS.values())
    axes = below.subplots(len(PEOPLE), len(ROWS) + 1)
    for line, number in zip(axes, PEOPLE, strict=True):
        example = examples[number]
        assert example.image is not None, "drawn people are kept with their pictures"
        shown, (width, height) = np.asarray(example.visibility) > 0, example.size
        for axis, label in zip(line, ("truth", *ROWS), strict=True):
            axis.imshow(example.image)
            points = example.truth if label == "truth" else example.poses[ROWS[label]]
            draw_pose(axis, points, shown, COCO17, "white", 3.4)
            draw_pose(axis, points, shown, COCO17, "0.2" if label == "truth" else colours[ROWS[label]], 2.0)
            axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[], aspect="equal")
            if number == PEOPLE[0]:
                axis.set_title(label, fontsize=11, weight="bold", color="0.2" if label == "truth" else colours[ROWS[label]])
    return figure


def main() -> None:
    """Write the picture."""
    saved = BytesIO()
    draw().savefig(saved, format="png", dpi=100)
    TARGET.write_bytes(with_few_colours(saved.getvalue()))
    print(f"{TARGET.name}: {TARGET.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
