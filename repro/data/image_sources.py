"""The data sets of bottom-up methods by name, as ``repro.data.sources`` lists those of top-down ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from repro.data.drawn.load import load_scenes
from repro.data.drawn.settings import PeopleSettings
from repro.data.images import ImageSet, from_scenes, load_coco_images, load_crowdpose
from repro.data.sets import coco
from repro.data.sources import DATA_SETS, DataSet, Split, check_root
from repro.errors import ReproError, choice_error
from repro.skeletons.skeleton import COCO17, CROWDPOSE14, Skeleton

CROWDPOSE_LAYOUT = "annotations/crowdpose_{train,val,test}.json (or json/) and the images in images/"


@dataclass(frozen=True)
class WantedImages:
    """What is read of a data set; the arguments of ``load_images``."""

    root: Path | None
    split: str
    limit: int | None = None
    size: tuple[int, int] = (512, 512)
    skeleton: Skeleton = COCO17
    people: PeopleSettings | None = None

    @property
    def folder(self) -> Path:
        """The root of a data set that has files, which ``check_root`` has seen."""
        assert self.root is not None, "a data set with files is read from a folder"
        return self.root


@dataclass(frozen=True)
class ImageData:
    """What is known about a data set before its images are read.

    Args:
        name: as recipes and commands write it.
        title: as tables and figures write it.
        skeleton: of its people; None for a data set that is drawn with any skeleton.
        layout: the files expected under the root, in one line; empty where there are none.
        needs_root: whether files have to be given.
        splits: what can be asked for.
        load: gives the images of a ``WantedImages``.
        measures: what can be computed on it: ``oks`` (AP), and ``crowd`` (AP by how crowded an image is).
        redistributable: whether its images may be passed on, as in committed result folders.
    """

    name: str
    title: str
    skeleton: Skeleton | None
    layout: str
    needs_root: bool
    splits: tuple[str, ...]
    load: Callable[[WantedImages], ImageSet]
    measures: frozenset[str] = frozenset({"oks"})
    redistributable: bool = False


DRAWN_SCENES = {"train": 64_115, "val": 5_000, "test": 5_000}  # where no limit is given: as many as COCO has


def find_crowdpose(root: Path, split: str) -> tuple[list[Path], Path]:
    """The annotation files and the image folder of a split of CrowdPose.

    ``trainval``, what the papers train on, is ``crowdpose_trainval.json`` where that lies there, else the files of both.

    Raises:
        ReproError: naming the file or folder that is missing.
    """
    folder = next((root / name for name in ("annotations", "json") if (root / name).is_dir()), root / "annotations")
    files = [folder / f"crowdpose_{split}.json"]
    if split == "trainval" and not files[0].is_file():
        files = [folder / "crowdpose_train.json", folder / "crowdpose_val.json"]
    for file in files:
        if not file.is_file():
            raise ReproError(f"CrowdPose has no {file}: expected {CROWDPOSE_LAYOUT}; give the folder that holds them.")
    if not (root / "images").is_dir():
        raise ReproError(f"CrowdPose has no {root / 'images'}: expected {CROWDPOSE_LAYOUT}; add the image folder.")
    return files, root / "images"


def _people(wanted: WantedImages) -> ImageSet:
    limit = DRAWN_SCENES[wanted.split] if wanted.limit is None else wanted.limit
    scenes = load_scenes(wanted.split, wanted.skeleton.name, limit=limit, size=wanted.size, settings=wanted.people)
    return from_scenes(scenes)


def _coco(wanted: WantedImages) -> ImageSet:
    files = coco.find_files(wanted.folder, cast(Split, wanted.split))
    return load_coco_images(*files, limit=wanted.limit, annotated_only=wanted.split == "train")


def _crowdpose(wanted: WantedImages) -> ImageSet:
    files, folder = find_crowdpose(wanted.folder, wanted.split)
    return load_crowdpose(files, folder, limit=wanted.limit, annotated_only=wanted.split in ("train", "trainval"))


IMAGE_SETS: dict[str, ImageData] = {
    data.name: data
    for data in (
        ImageData(
            "people",
            "drawn people",
            None,
            "",
            False,
            ("train", "val", "test"),
            _people,
            measures=frozenset({"oks", "crowd"}),
            redistributable=True,
        ),
        ImageData("coco", "COCO 2017 keypoints", COCO17, coco.LAYOUT, True, ("train", "val"), _coco),
        ImageData(
            "crowdpose",
            "CrowdPose",
            CROWDPOSE14,
            CROWDPOSE_LAYOUT,
            True,
            ("train", "val", "trainval", "test"),
            _crowdpose,
            measures=frozenset({"oks", "crowd"}),
        ),
    )
}


def image_data(name: str) -> ImageData:
    """The data set of images of this name. Raises ReproError, with the names there are, for an unknown one."""
    if name not in IMAGE_SETS:
        raise choice_error("data set of images", name, IMAGE_SETS)
    return IMAGE_SETS[name]


def known_data(name: str) -> DataSet | ImageData:
    """What is known about a data set of either kind. Raises ReproError, with all names there are, for an unknown one."""
    known: dict[str, DataSet | ImageData] = {**DATA_SETS, **{key: one for key, one in IMAGE_SETS.items() if key not in DATA_SETS}}
    if name not in known:
        raise choice_error("data set", name, known)
    return known[name]


def evaluation_split(name: str, split: str) -> str:
    """The split that a recipe's ``val`` or ``test`` is on a data set: COCO, whose test-dev has no labels, has only ``val``."""
    return split if split in image_data(name).splits else "val"


def training_split(name: str, split: str) -> str:
    """The split that is trained on where ``split`` is evaluated: training and validation of CrowdPose before its test."""
    both = split == "test" and "trainval" in image_data(name).splits
    return "trainval" if both else "train"


def load_images(
    name: str,
    root: Path | None,
    split: str,
    *,
    limit: int | None = None,
    size: tuple[int, int] = (512, 512),
    skeleton: Skeleton = COCO17,
    settings: PeopleSettings | None = None,
) -> ImageSet:
    """Read a split of a data set with all people of each image.

    Training splits hold the images that have an annotation of a person, the others all images: what is found in an image
    without people counts as wrong.

    Args:
        name: one of ``IMAGE_SETS``.
        root: the folder of the data set; None for one that is drawn.
        split: ``train`` or ``val``; of drawn people also ``test``, the held-out split that stands for COCO's test-dev; of
            CrowdPose also ``trainval`` and ``test``.
        limit: the first so many images only, 1 or more; None for all.
        size: (width, height) of the scenes to draw in px; others do not depend on it.
        skeleton: of drawn people; others have their own.
        settings: how hard drawn people are; None for the defaults.

    Raises:
        ReproError: for an unknown name or split, a limit below 1, a root or file that is missing (the message names the
            path and the expected files) or files that cannot be used.
    """
    chosen = image_data(name)
    if split not in chosen.splits:
        raise choice_error(f"split of {chosen.title}", split, chosen.splits)
    if limit is not None and limit < 1:
        raise ReproError(f"The limit of images is {limit}: give 1 or more, or none for all.")
    return chosen.load(WantedImages(check_root(chosen, root), split, limit, size, skeleton, settings))
