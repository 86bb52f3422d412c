"""Regions of COCO's annotations (polygons and run-length codes), checked before pycocotools sees them.

Its C code trusts its input: a run-length code that does not fill its image makes it loop for ever, a polygon far outside the
image makes it write beyond its memory.
"""

from __future__ import annotations

from typing import Any

from pycocotools import mask as run_length

from repro.data.values import is_number, short

FAR = 10  # a polygon may reach so many times the longer side of its image beyond it


def region_fault(region: Any, width: int, height: int) -> str | None:
    """What is wrong with a segmentation in an image of ``width`` x ``height`` px; None when nothing is.

    Right are: nothing (null or an empty list), a list of polygons (each a list of x, y, x, y, ...), and a run-length code
    {size: [height, width], counts} whose counts, a list or compressed text, add up to the number of px.
    """
    if region is None or region == []:
        return None
    if isinstance(region, list):
        return next((f for polygon in region if (f := _polygon_fault(polygon, FAR * max(width, height)))), None)
    if not isinstance(region, dict) or "counts" not in region:
        return f"is {short(region)}, expected a list of polygons or a run-length code of size and counts"
    if region.get("size") != [height, width]:
        return f"is for {short(region.get('size'))} px, its image has {[height, width]} (height, width)"
    counts = region["counts"]
    runs = _runs(counts, width * height) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(type(n) is int and n >= 0 for n in runs):
        return f"has the counts {short(counts)}, expected whole numbers of 0 or more or their compressed text"
    if sum(runs) != width * height:
        return f"has a run-length code of {short(sum(runs))} px, its image has {width * height}"
    return None


def _polygon_fault(polygon: Any, far: float) -> str | None:
    if not isinstance(polygon, list) or len(polygon) % 2:
        return f"holds {short(polygon)}, expected polygons: lists of x, y, x, y and so on"
    wrong = [v for v in polygon if not is_number(v, far)]
    return f"holds the coordinate {short(wrong[0])}, expected numbers of at most {far:g} px" if wrong else None


def _runs(text: str, most: int) -> list[int] | None:
    """The runs of a compressed code, None where it is none: 5 bits a character, the lowest first, and from the fourth run on
    the difference from the run before the last."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        if not 0 <= runs[-1] <= most:
            return None
        value = shift = 0
    return None if shift else runs


def codes(region: Any, width: int, height: int) -> list[dict[str, Any]]:
    """Compressed run-length codes of a region without fault. Polygons of fewer than three points enclose nothing."""
    if not region:
        return []
    if isinstance(region, list):
        polygons = [[float(v) for v in polygon] for polygon in region if len(polygon) >= 6]
        return run_length.frPyObjects(polygons, height, width) if polygons else []
    code = {"size": [height, width], "counts": region["counts"]}
    return [run_length.frPyObjects(code, height, width) if isinstance(code["counts"], list) else code]
