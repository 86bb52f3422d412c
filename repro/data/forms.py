"""What the catalogue of data sets says of each: the forms in which it is read, and what is known before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from repro.data.drawn.settings import PeopleSettings
from repro.data.images import ImageSet
from repro.data.persons import PersonSet
from repro.data.problems import Check
from repro.skeletons.skeleton import Skeleton


@dataclass(frozen=True)
class Wanted:
    """What is read of a data set: the arguments of ``load_persons`` and ``load_images``."""

    root: Path | None
    split: str
    limit: int | None
    size: tuple[int, int]
    skeleton: Skeleton
    people: PeopleSettings | None
    boxes: Path | None = None
    look: bool = True

    @property
    def folder(self) -> Path:
        """The root of a data set that has files, which ``check_root`` has seen."""
        assert self.root is not None, "a data set with files is read from a folder"
        return self.root


Samples = TypeVar("Samples", PersonSet, ImageSet)


@dataclass(frozen=True)
class Form(Generic[Samples]):
    """A form in which a data set is read.

    Args:
        load: gives the persons, or the images, of a ``Wanted``.
        measures: what can be computed on them, as ``metrics.catalogue.NEEDS`` names it: ``oks`` (AP), ``pckh``, ``crowd`` (AP by
            how crowded an image is).
        splits: what can be asked for.
    """

    load: Callable[[Wanted], Samples]
    measures: frozenset[str]
    splits: tuple[str, ...] = ("train", "val")


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """What is known about a data set before it is read.

    Args:
        name: the name as recipes and commands write it.
        title: the title as tables and figures write it.
        skeleton: the skeleton of its people; None for a data set that is drawn with any skeleton.
        layout: the files expected under the root, in one line; empty for a data set that is drawn.
        persons: how it is read for top-down methods; None where it is not.
        images: how it is read for bottom-up methods; None where it is not.
        check: the check of its files; None where there are none.
        takes_boxes: whether a detector's boxes can be used in place of the ground truth's.
        redistributable: whether its images may be passed on, as in committed result folders.
    """

    name: str
    title: str
    skeleton: Skeleton | None
    layout: str = ""
    persons: Form[PersonSet] | None = None
    images: Form[ImageSet] | None = None
    check: Check | None = None
    takes_boxes: bool = False
    redistributable: bool = False

    @property
    def is_own(self) -> bool:
        """Whether its keypoints are somebody's own, which its files or a TOML tell, and its check follows."""
        return self.needs_root and self.skeleton is None

    @property
    def needs_root(self) -> bool:
        """Whether a folder with its files has to be given."""
        return bool(self.layout)
