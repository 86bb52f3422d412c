"""Checks of LSPET's joints.mat and of the images that it labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tqdm import tqdm

from repro.data.problems import Found, Inspector, Problem, Severity, far_outside
from repro.data.sets import lspet
from repro.data.values import LARGEST, short
from repro.errors import ReproError
from repro.skeletons.skeleton import LSPET14


def check_lspet(root: Path, split: str | None, decode: bool) -> list[Problem]:
    """All that is wrong with joints.mat and the images.

    Args:
        root: folder of the data set.
        split: ``train``, ``val`` or None for both; the labels and images of the other are not looked at.
        decode: decode the images, not only their headers.
    """
    path = root / "joints.mat"
    try:
        joints = lspet.read_joints(root)
    except ReproError as error:
        return [Problem(str(path), "the file", "joints", str(error))]
    present = np.flatnonzero(lspet.images_present(root, len(joints))) + 1
    if not len(present):
        return [Problem(str(root / "images"), "the folder", "images", f"holds no image, expected {lspet.LAYOUT}")]
    problems = []
    if present[-1] < len(joints):
        message = f"{present[-1] + 1} to {len(joints)} are absent and left out"
        problems.append(Problem(str(root / "images"), "the folder", "images", message, "warning"))
    first, last = lspet.VALIDATION
    numbers = [n for n in range(1, present[-1] + 1) if split is None or (first <= n <= last) == (split == "val")]
    inspector = Inspector(root / "images", (lspet.image_path(root, n).name for n in numbers), decode)
    if not lspet.is_sample(joints[np.array(numbers, dtype=int) - 1]).any():
        problems.append(Problem(str(path), "the file", "joints", "no person has labelled joints that span an area"))
    for number in tqdm(numbers, desc="Checking images", unit="image", disable=None):
        image = inspector.inspect(lspet.image_path(root, number).name)
        if image.fault or image.oddity:
            severity: Severity = "error" if image.fault else "warning"
            what = image.fault or image.oddity
            problems.append(Problem(str(root / "images"), f"image {number}", "images", what, severity))
        found = _check_person(f"image {number}", joints[number - 1], image.size)
        problems += [Problem(str(path), *p) for p in found]
    return problems


def _check_person(item: str, joints: np.ndarray, size: tuple[int, int] | None) -> Found:
    """What is wrong with the labels (14, 3) of one person in an image of ``size``."""
    if odd := sorted(set(joints[:, 2].tolist()) - {0.0, 1.0}):
        yield item, "joints", f"a flag is {short(odd[0])}, expected 0 or 1", "error"
    labelled = joints[joints[:, 2] > 0, :2]
    if not (np.abs(labelled) <= LARGEST).all():
        yield item, "joints", f"a labelled joint is not finite or beyond {LARGEST:g} px", "error"
        return
    if not lspet.is_sample(joints[None])[0]:
        yield item, "joints", f"{len(labelled)} labelled joints span no area, the person is left out", "warning"
    head, neck = joints[LSPET14.index("head")], joints[LSPET14.index("neck")]
    if head[2] > 0 and neck[2] > 0 and (head[:2] == neck[:2]).all():
        yield item, "joints", "neck and head top are the same point, PCKh leaves the person out", "warning"
    if size is not None and (message := far_outside(labelled, size)):
        yield item, "joints", message, "warning"
