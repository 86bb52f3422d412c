"""Checks of MPII's JSON files and of gt_valid.mat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from repro.data.problems import Found, Inspector, SplitFiles, far_outside
from repro.data.sets import mpii
from repro.data.values import LARGEST, is_number, list_fault, short
from repro.errors import ReproError
from repro.geometry import PIXEL_STD
from repro.skeletons.skeleton import MPII16


def check_mpii(data: Any, root: Path, split: str, decode: bool) -> Found:
    """All that is wrong with the JSON file of a split, its images and, for ``val``, with gt_valid.mat.

    Args:
        data: content of the JSON file, of any form.
        root: folder of the data set.
        split: ``train`` or ``val``.
        decode: decode the images, not only their headers.
    """
    if not isinstance(data, list):
        yield "the file", "JSON", f"is {short(data)}, expected a list of entries", "error"
        return
    if not data:
        yield "the file", "entries", "holds no entry, so nothing can be trained or evaluated", "error"
        return
    sizes: dict[str, tuple[int, int] | None] = {}
    inspector = Inspector(root / "images", (e.get("image") for e in data if isinstance(e, dict)), decode)
    labelled = False
    for position, entry in enumerate(tqdm(data, desc="Checking entries", unit="entry", disable=None)):
        item = f"entry {position + 1}"
        if not isinstance(entry, dict):
            yield item, "entry", f"is {short(entry)}, expected an object", "error"
            continue
        given = entry.get("image")
        name = given if isinstance(given, str) else ""
        if name not in sizes or not name:
            found = inspector.inspect(entry.get("image"))
            sizes[name] = found.size
            if found.fault or found.oddity:
                yield item, "image", found.fault or found.oddity, "error" if found.fault else "warning"
        flags = entry.get("joints_vis")
        labelled |= not isinstance(flags, list) or any(v not in (0, False) for v in flags)
        yield from _check_crop(item, entry)
        yield from _check_joints(item, entry, sizes.get(name))
    if not labelled:
        yield "the file", "joints_vis", "no joint of any person is labelled", "error"
    if split == "val":
        yield from _check_truth(data, root)


def image_names(data: Any) -> dict[int | str, str]:
    """The file names, by themselves, of content of any form."""
    entries = data if isinstance(data, list) else []
    return {e["image"]: e["image"] for e in entries if isinstance(e, dict) and isinstance(e.get("image"), str)}


def _check_crop(item: str, entry: dict[str, Any]) -> Found:
    """What is wrong with ``center`` and ``scale``."""
    if fault := list_fault(entry.get("center"), 2, LARGEST):
        yield item, "center", f"{fault}: x, y", "error"
    scale = entry.get("scale")
    if not is_number(scale, LARGEST / PIXEL_STD) or scale <= 0:
        yield item, "scale", f"is {short(scale)}, expected more than 0: the person's height / 200 px", "error"


def _check_joints(item: str, entry: dict[str, Any], size: tuple[int, int] | None) -> Found:
    """What is wrong with ``joints`` and ``joints_vis`` of an entry whose image has ``size``."""
    flags, joints = entry.get("joints_vis"), entry.get("joints")
    if fault := list_fault(flags, len(MPII16)):
        yield item, "joints_vis", fault, "error"
        flags = None
    elif odd := [v for v in flags or () if v not in (0, 1)]:
        yield item, "joints_vis", f"holds {odd[0]:g}, expected 0 or 1", "error"
    if fault := _joints_fault(joints):
        yield item, "joints", fault, "error"
    elif size is not None and flags is not None:
        labelled = np.array(joints, dtype=np.float64)[np.array(flags) > 0] - 1
        if message := far_outside(labelled, size):
            yield item, "joints", message, "warning"


def _joints_fault(joints: Any) -> str | None:
    """What is wrong with a value that should be 16 pairs of numbers; None when nothing is."""
    if not isinstance(joints, list) or len(joints) != len(MPII16):
        count = f"holds {len(joints)} joints" if isinstance(joints, list) else f"is {short(joints)}"
        return f"{count}, expected {len(MPII16)} joints"
    faults = (list_fault(j, 2, LARGEST) for j in joints)
    return next((f"one joint {f}: x, y" for f in faults if f), None)


def _check_truth(entries: list[Any], root: Path) -> Found:
    """What is wrong with gt_valid.mat, seen from the JSON file of the validation split."""
    try:
        truth, labelled, heads = mpii.read_truth(mpii.find_file(root, mpii.TRUTH), len(entries))
    except ReproError as error:
        yield "the file", "gt_valid.mat", str(error), "error"
        return
    if not labelled.any():
        yield "the file", "jnt_missing", "of gt_valid.mat says that no joint of any person is labelled", "error"
    for position in np.flatnonzero(np.isnan(heads)).tolist():
        yield f"entry {position + 1}", "headboxes_src", "has no size, PCKh leaves the person out", "warning"
    for position, entry in enumerate(entries):
        joints = entry.get("joints") if isinstance(entry, dict) else None
        if _joints_fault(joints):
            continue
        apart = np.abs(np.array(joints, dtype=np.float64) - 1 - truth[position])[labelled[position]]
        if apart.size and apart.max() > 1:
            message = f"differ from pos_gt_src of gt_valid.mat by {apart.max():g} px: the files may be of two releases"
            yield f"entry {position + 1}", "joints", message, "warning"


CHECK = SplitFiles(lambda root, split: mpii.find_file(root, mpii.FILES[split]), check_mpii, image_names)
