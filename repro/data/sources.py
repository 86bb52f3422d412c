"""The data sets by name: the one place that knows which there are, what they need and what can be measured on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, cast

from repro.data.drawn.load import load_people
from repro.data.drawn.settings import PeopleSettings
from repro.data.persons import PersonSet
from repro.data.sets import coco, coco_wholebody, lspet, mpii
from repro.errors import ReproError, choice_error
from repro.skeletons.skeleton import COCO17, LSPET14, MPII16, Skeleton
from repro.skeletons.wholebody import WHOLEBODY133

Split = Literal["train", "val"]


@dataclass(frozen=True)
class Wanted:
    """What is read of a data set.

    Args:
        root: the folder of the data set; None for one that is drawn.
        split: ``train`` or ``val``.
        limit: the first so many persons only; None for all.
        boxes: a detector's JSON in place of the ground-truth boxes; None for the latter.
        size: (width, height) of the network's input, which drawn persons are drawn for.
        skeleton: of drawn persons.
        people: difficulty of drawn persons; None for the defaults.
        look: whether image files are looked at: whether they are there, of what size, and their content.
    """

    root: Path | None
    split: Split
    limit: int | None = None
    boxes: Path | None = None
    size: tuple[int, int] = (192, 256)
    skeleton: Skeleton = COCO17
    people: PeopleSettings | None = None
    look: bool = True

    @property
    def folder(self) -> Path:
        """The root of a data set that has files, which ``check_root`` has seen."""
        assert self.root is not None, "a data set with files is read from a folder"
        return self.root


class Checked(Protocol):
    """What ``check_root`` reads of a data set of either kind."""

    @property
    def name(self) -> str:
        """As commands write it."""

    @property
    def title(self) -> str:
        """As tables write it."""

    @property
    def layout(self) -> str:
        """The files expected under the root."""

    @property
    def needs_root(self) -> bool:
        """Whether files have to be given."""


@dataclass(frozen=True)
class DataSet:
    """What is known about a data set before it is read.

    Args:
        name: as recipes and commands write it.
        title: as tables and figures write it.
        skeleton: of its persons; None for a data set that is drawn with any skeleton.
        layout: the files expected under the root, in one line; empty where there are none.
        needs_root: whether files have to be given; False for a data set that is drawn.
        measures: what can be computed on it: ``oks`` (AP) and ``pckh``.
        load: gives the persons of a ``Wanted``.
        takes_boxes: whether a detector's boxes can be used in place of the ground truth's.
        redistributable: whether its images may be passed on, as in committed result folders.
    """

    name: str
    title: str
    skeleton: Skeleton | None
    layout: str
    needs_root: bool
    measures: frozenset[str]
    load: Callable[[Wanted], PersonSet]
    takes_boxes: bool = False
    redistributable: bool = False


DRAWN = {"train": 150_000, "val": 5_000}  # persons of the endless data set where no limit is given: as many as COCO has

DATA_SETS: dict[str, DataSet] = {
    data_set.name: data_set
    for data_set in (
        DataSet(
            name="people",
            title="drawn people",
            skeleton=None,
            layout="",
            needs_root=False,
            measures=frozenset({"oks", "pckh"}),
            load=lambda w: load_people(
                w.split,
                w.skeleton.name,
                limit=DRAWN[w.split] if w.limit is None else w.limit,
                size=w.size,
                settings=w.people,
            ),
            redistributable=True,
        ),
        DataSet(
            name="coco",
            title="COCO 2017 keypoints",
            skeleton=COCO17,
            layout=coco.LAYOUT,
            needs_root=True,
            measures=frozenset({"oks"}),
            load=lambda w: coco.load_coco(*coco.find_files(w.folder, w.split), limit=w.limit, boxes=w.boxes, look=w.look),
            takes_boxes=True,
        ),
        DataSet(
            name="mpii",
            title="MPII Human Pose",
            skeleton=MPII16,
            layout=mpii.LAYOUT,
            needs_root=True,
            measures=frozenset({"oks", "pckh"}),
            load=lambda w: mpii.load_mpii(w.folder, w.split, limit=w.limit),
        ),
        DataSet(
            name="lspet",
            title="Leeds Sports Pose Extended",
            skeleton=LSPET14,
            layout=lspet.LAYOUT,
            needs_root=True,
            measures=frozenset({"oks", "pckh"}),
            load=lambda w: lspet.load_lspet(w.folder, w.split, limit=w.limit),
        ),
        DataSet(
            name="coco-wholebody",
            title="COCO-WholeBody",
            skeleton=WHOLEBODY133,
            layout=coco_wholebody.LAYOUT,
            needs_root=True,
            measures=frozenset({"oks"}),
            load=lambda w: coco_wholebody.load_coco_wholebody(
                *coco_wholebody.find_files(w.folder, w.split), limit=w.limit, boxes=w.boxes, look=w.look
            ),
            takes_boxes=True,
        ),
    )
}


def data_set(name: str) -> DataSet:
    """The data set of this name. Raises ReproError, with the names there are, for an unknown one."""
    if name not in DATA_SETS:
        raise choice_error("data set", name, DATA_SETS)
    return DATA_SETS[name]


def load_persons(
    name: str,
    root: Path | None,
    split: str,
    *,
    limit: int | None = None,
    boxes: Path | None = None,
    size: tuple[int, int] = (192, 256),
    skeleton: Skeleton = COCO17,
    people: PeopleSettings | None = None,
    look: bool = True,
) -> PersonSet:
    """Read a split of a data set.

    Args:
        name: one of ``DATA_SETS``.
        root: the folder of the data set; None for one that is drawn.
        split: ``train`` or ``val``.
        limit: the first so many persons only, with their images.
        boxes: a detector's JSON, in place of the ground-truth boxes; COCO and COCO-WholeBody only.
        size: (width, height) of the network's input, which drawn persons are drawn for; others do not depend on it.
        skeleton: of drawn persons; others have their own.
        people: difficulty of drawn persons; None for the defaults.
        look: whether the image files of COCO's data sets are looked at; else they need not be there and have no checksums.

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
    return chosen.load(Wanted(check_root(chosen, root), cast(Split, split), limit, boxes, size, skeleton, people, look))


def check_root(chosen: Checked, root: Path | None) -> Path | None:
    """The root as a path, None where none is needed. Raises ReproError when it is needed and missing."""
    if not chosen.needs_root:
        return None
    how = f"expected {chosen.layout}; pass the folder that holds them, as in DATA_ROOT=/path/to/{chosen.name}."
    if root is None:
        raise ReproError(f"{chosen.title} is read from files and no folder was given: {how}")
    if not Path(root).is_dir():
        raise ReproError(f"The folder {root} of {chosen.title} does not exist: {how}")
    return Path(root)
