"""The data sets by name: the one place that knows which there are, what they need and what can be measured on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from repro.data import coco, lspet, mpii
from repro.data.persons import PersonSet
from repro.errors import ReproError, choice_error
from repro.skeletons import COCO17, LSPET14, MPII16, Skeleton

Split = Literal["train", "val"]


@dataclass(frozen=True)
class DataSet:
    """What is known about a data set before it is read.

    Args:
        name: as recipes and commands write it.
        title: as tables and figures write it.
        skeleton: of its persons.
        layout: the files expected under the root, in one line; empty where there are none.
        needs_root: whether files have to be given; False for a data set that is drawn.
        measures: what can be computed on it: ``oks`` (AP) and ``pckh``.
        load: ``load(root, split, limit, boxes)`` gives the persons; root is None where none is needed.
        takes_boxes: whether a detector's boxes can be used in place of the ground truth's.
        redistributable: whether its images may be passed on, as in committed result folders.
    """

    name: str
    title: str
    skeleton: Skeleton
    layout: str
    needs_root: bool
    measures: frozenset[str]
    load: Callable[[Path | None, Split, int | None, Path | None], PersonSet]
    takes_boxes: bool = False
    redistributable: bool = False


DATA_SETS: dict[str, DataSet] = {
    data_set.name: data_set
    for data_set in (
        DataSet(
            name="coco",
            title="COCO 2017 keypoints",
            skeleton=COCO17,
            layout=coco.LAYOUT,
            needs_root=True,
            measures=frozenset({"oks"}),
            load=lambda root, split, limit, boxes: coco.load_coco(
                *coco.find_files(root, split), limit=limit, boxes=boxes
            ),
            takes_boxes=True,
        ),
        DataSet(
            name="mpii",
            title="MPII Human Pose",
            skeleton=MPII16,
            layout=mpii.LAYOUT,
            needs_root=True,
            measures=frozenset({"oks", "pckh"}),
            load=lambda root, split, limit, boxes: mpii.load_mpii(root, split, limit=limit),
        ),
        DataSet(
            name="lspet",
            title="Leeds Sports Pose Extended",
            skeleton=LSPET14,
            layout=lspet.LAYOUT,
            needs_root=True,
            measures=frozenset({"oks", "pckh"}),
            load=lambda root, split, limit, boxes: lspet.load_lspet(root, split, limit=limit),
        ),
    )
}


def data_set(name: str) -> DataSet:
    """The data set of this name. Raises ReproError, with the names there are, for an unknown one."""
    if name not in DATA_SETS:
        raise choice_error("data set", name, DATA_SETS)
    return DATA_SETS[name]


def load_persons(
    name: str, root: Path | None, split: Split, *, limit: int | None = None, boxes: Path | None = None
) -> PersonSet:
    """Read a split of a data set.

    Args:
        name: one of ``DATA_SETS``.
        root: the folder of the data set; None for one that is drawn.
        split: ``train`` or ``val``.
        limit: the first so many persons only, with their images.
        boxes: a detector's JSON, in place of the ground-truth boxes; COCO only.

    Raises:
        ReproError: for an unknown name or split, a negative limit, boxes where none can be used, a root or file that is
            missing (the message names the path and the expected files) or files that cannot be used.
    """
    chosen = data_set(name)
    if split not in ("train", "val"):
        raise choice_error("split", split, ("train", "val"))
    if limit is not None and limit < 0:
        raise ReproError(f"The limit of persons is {limit}: give 0 or more, or none for all.")
    if boxes is not None and not chosen.takes_boxes:
        raise ReproError(
            f"Detected boxes {boxes} cannot be used with {chosen.title}: only ground-truth boxes fit there."
        )
    return chosen.load(check_root(chosen, root), split, limit, boxes)


def check_root(chosen: DataSet, root: Path | None) -> Path | None:
    """The root as a path, None where none is needed. Raises ReproError when it is needed and missing."""
    if not chosen.needs_root:
        return None
    how = f"expected {chosen.layout}; pass the folder that holds them, as in DATA_ROOT=/path/to/{chosen.name}."
    if root is None:
        raise ReproError(f"{chosen.title} is read from files and no folder was given: {how}")
    if not Path(root).is_dir():
        raise ReproError(f"The folder {root} of {chosen.title} does not exist: {how}")
    return Path(root)
