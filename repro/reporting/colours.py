"""Colours of rows: six hues at most, that colour-blind people can tell apart; what a row is a variant of shares its hue.

``HRNet`` and ``HRNet, quarter offset`` are of one family: the first has the full colour, the next ones are paler and dashed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import seaborn as sns

Colour = tuple[float, float, float]
HUES = 6
PALER = (0.0, 0.45, 0.65, 0.78, 0.86)  # share of white in a family's first, second and further rows
DASHES: tuple[str | tuple[float, ...], ...] = ("", (4, 1.5), (1, 1), (4, 1, 1, 1), (6, 2))


def family(name: str) -> str:
    """What a row is a variant of: its name up to a comma, a bracket or a plus; a name that begins so is its own."""
    return re.split(r"\s*[,(+]", name)[0] or name


def row_styles(names: Iterable[str]) -> dict[str, tuple[Colour, str | tuple[float, ...]]]:
    """The colour and the dashes of each row, in seaborn's terms."""
    hues = sns.color_palette("colorblind", HUES)
    families: list[str] = []
    seen = [0] * HUES
    styles = {}
    for name in names:
        own = family(name)
        if own not in families:
            families.append(own)
        hue = families.index(own) % HUES
        place = min(seen[hue], len(PALER) - 1)
        seen[hue] += 1
        red, green, blue = (value + (1 - value) * PALER[place] for value in hues[hue])
        styles[name] = ((red, green, blue), DASHES[place])
    return styles


def row_colours(names: Iterable[str]) -> dict[str, Colour]:
    """The colour of each row."""
    return {name: colour for name, (colour, _) in row_styles(names).items()}
