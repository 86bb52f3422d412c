"""The data sets: the one place that knows which there are, what each needs, how it is read and what can be measured on it.

A data set is read as persons for top-down methods, as images with all their people for bottom-up ones, or as both. One that is
added is an entry here, and a module in ``repro.data.sets`` for what its files are like.
"""

from __future__ import annotations

from pathlib import Path

from repro.data.coco_format import read_images, read_persons
from repro.data.drawn.load import from_scenes, load_people, load_scenes
from repro.data.drawn.settings import SPLITS, PeopleSettings
from repro.data.forms import DataSet, Form, Wanted
from repro.data.images import ImageSet
from repro.data.persons import PersonSet
from repro.data.sets import (
    check_coco_wholebody,
    check_lspet,
    check_mpii,
    coco,
    coco_wholebody,
    crowdpose,
    lspet,
    mpii,
    own,
)
from repro.errors import ReproError, choice_error
from repro.skeletons.skeleton import COCO17, CROWDPOSE14, LSPET14, MPII16, Skeleton
from repro.skeletons.wholebody import WHOLEBODY133

DRAWN = {"train": 150_000, "val": 5_000}  # persons of the endless data set where no limit is given: as many as COCO has
DRAWN_SCENES = {"train": 64_115, "val": 5_000, "test": 5_000}  # its images, likewise


def _drawn_persons(w: Wanted) -> PersonSet:
    limit = DRAWN[w.split] if w.limit is None else w.limit
    return load_people(w.split, w.skeleton.name, limit=limit, size=w.size, settings=w.people)


def _drawn_images(w: Wanted) -> ImageSet:
    limit = DRAWN_SCENES[w.split] if w.limit is None else w.limit
    return from_scenes(load_scenes(w.split, w.skeleton.name, limit=limit, size=w.size, settings=w.people))


def _coco_persons(w: Wanted) -> PersonSet:
    return read_persons(*coco.find_files(w.folder, w.split), limit=w.limit, boxes=w.boxes, look=w.look)


def _coco_images(w: Wanted) -> ImageSet:
    files = coco.find_files(w.folder, w.split)
    return read_images(*files, limit=w.limit, annotated_only=w.split == "train", look=w.look)


def _wholebody_persons(w: Wanted) -> PersonSet:
    files = coco_wholebody.find_files(w.folder, w.split)
    return coco_wholebody.load_coco_wholebody(*files, limit=w.limit, boxes=w.boxes, look=w.look)


def _crowdpose_images(w: Wanted) -> ImageSet:
    files = crowdpose.find_files(w.folder, w.split)
    return crowdpose.load_crowdpose(*files, limit=w.limit, annotated_only=w.split in ("train", "trainval"), look=w.look)


def _own_persons(w: Wanted) -> PersonSet:
    return read_persons(*own.find_files(w.folder, w.split), w.skeleton, limit=w.limit, look=w.look)


def _own_images(w: Wanted) -> ImageSet:
    files = own.find_files(w.folder, w.split)
    return read_images(*files, w.skeleton, limit=w.limit, annotated_only=w.split == "train", look=w.look)


DATA_SETS: dict[str, DataSet] = {
    data.name: data
    for data in (
        DataSet(
            name="people",
            title="drawn people",
            skeleton=None,
            persons=Form(_drawn_persons, frozenset({"oks", "pckh"})),
            images=Form(_drawn_images, frozenset({"oks", "crowd"}), SPLITS),
            redistributable=True,
        ),
        DataSet(
            name="coco",
            title="COCO 2017 keypoints",
            skeleton=COCO17,
            layout=coco.LAYOUT,
            persons=Form(_coco_persons, frozenset({"oks"})),
            images=Form(_coco_images, frozenset({"oks"})),
            check=coco.CHECK,
            takes_boxes=True,
        ),
        DataSet(
            name="mpii",
            title="MPII Human Pose",
            skeleton=MPII16,
            layout=mpii.LAYOUT,
            persons=Form(lambda w: mpii.load_mpii(w.folder, w.split, limit=w.limit), frozenset({"oks", "pckh"})),
            check=check_mpii.CHECK,
        ),
        DataSet(
            name="lspet",
            title="Leeds Sports Pose Extended",
            skeleton=LSPET14,
            layout=lspet.LAYOUT,
            persons=Form(lambda w: lspet.load_lspet(w.folder, w.split, limit=w.limit), frozenset({"oks", "pckh"})),
            check=check_lspet.check_lspet,
        ),
        DataSet(
            name="coco-wholebody",
            title="COCO-WholeBody",
            skeleton=WHOLEBODY133,
            layout=coco_wholebody.LAYOUT,
            persons=Form(_wholebody_persons, frozenset({"oks"})),
            check=check_coco_wholebody.CHECK,
            takes_boxes=True,
        ),
        DataSet(
            name="crowdpose",
            title="CrowdPose",
            skeleton=CROWDPOSE14,
            layout=crowdpose.LAYOUT,
            images=Form(_crowdpose_images, frozenset({"oks", "crowd"}), crowdpose.SPLITS),
            check=crowdpose.CHECK,
        ),
        DataSet(
            name=own.NAME,
            title="own keypoints in COCO's format",
            skeleton=None,
            layout=own.LAYOUT,
            persons=Form(_own_persons, frozenset({"oks"})),
            images=Form(_own_images, frozenset({"oks"})),
        ),
    )
}
PERSONS: dict[str, Form[PersonSet]] = {name: one.persons for name, one in DATA_SETS.items() if one.persons}
IMAGES: dict[str, Form[ImageSet]] = {name: one.images for name, one in DATA_SETS.items() if one.images}


def data_set(name: str) -> DataSet:
    """The data set of this name. Raises ReproError, with the names there are, for an unknown one."""
    if name not in DATA_SETS:
        raise choice_error("data set", name, DATA_SETS)
    return DATA_SETS[name]


def evaluation_split(name: str, split: str) -> str:
    """The split that a recipe's ``val`` or ``test`` is on a data set of images: COCO, whose test-dev has no labels, has only
    ``val``."""
    return split if split in _images(name).splits else "val"


def training_split(name: str, split: str) -> str:
    """The split that is trained on where ``split`` is evaluated: training and validation of CrowdPose before its test."""
    both = split == "test" and "trainval" in _images(name).splits
    return "trainval" if both else "train"


def load_persons(
    name: str,
    root: Path | None,
    split: str,
    *,
    limit: int | None = None,
    boxes: Path | None = None,
    size: tuple[int, int] = (192, 256),
    skeleton: Skeleton | None = None,
    people: PeopleSettings | None = None,
    look: bool = True,
) -> PersonSet:
    """Read a split of a data set person by person.

    Args:
        name: one of ``PERSONS``.
        root: the folder of the data set; None for one that is drawn.
        split: ``train`` or ``val``.
        limit: the first so many persons only, with their images.
        boxes: a detector's JSON, in place of the ground-truth boxes; for data sets that take one.
        size: (width, height) of the network's input, which drawn persons are drawn for; others do not depend on it.
        skeleton: the skeleton of drawn persons; others have their own.
        people: difficulty of drawn persons; None for the defaults.
        look: whether the image files of COCO's data sets are looked at; else they need not be there, and have checksums only
            where they were looked at before.

    Raises:
        ReproError: for an unknown name or split, a negative limit, boxes where none can be used, a root or file that is
            missing (the message names the path and the expected files) or files that cannot be used.
    """
    chosen = data_set(name)
    if name not in PERSONS:
        raise choice_error("data set of persons", name, PERSONS)
    if split not in PERSONS[name].splits:
        raise choice_error("split", split, PERSONS[name].splits)
    if limit is not None and limit < 0:
        raise ReproError(f"The limit of persons is {limit}: give 0 or more, or none for all.")
    if boxes is not None and not chosen.takes_boxes:
        raise ReproError(
            f"Detected boxes {boxes} cannot be used with {chosen.title}: only ground-truth boxes fit there."
        )
    folder = check_root(chosen, root)
    wanted = Wanted(folder, split, limit, size, _wanted_skeleton(chosen, folder, skeleton), people, boxes, look)
    return PERSONS[name].load(wanted)


def load_images(
    name: str,
    root: Path | None,
    split: str,
    *,
    limit: int | None = None,
    size: tuple[int, int] = (512, 512),
    skeleton: Skeleton | None = None,
    settings: PeopleSettings | None = None,
    look: bool = True,
) -> ImageSet:
    """Read a split of a data set with all people of each image.

    Training splits hold the images that have an annotation of a person, the others all images: what is found in an image
    without people counts as wrong.

    Args:
        name: one of ``IMAGES``.
        root: the folder of the data set; None for one that is drawn.
        split: ``train`` or ``val``; of drawn people also ``test``, the held-out split that stands for COCO's test-dev; of
            CrowdPose also ``trainval`` and ``test``.
        limit: the first so many images only, 1 or more; None for all.
        size: (width, height) of the scenes to draw in px; others do not depend on it.
        skeleton: the skeleton of drawn people; others have their own.
        settings: how hard drawn people are; None for the defaults.
        look: whether the image files of COCO's data sets are looked at; else they have checksums only where they were before.

    Raises:
        ReproError: for an unknown name or split, a limit below 1, a root or file that is missing (the message names the
            path and the expected files) or files that cannot be used.
    """
    form = _images(name)
    if split not in form.splits:
        raise choice_error(f"split of {DATA_SETS[name].title}", split, form.splits)
    if limit is not None and limit < 1:
        raise ReproError(f"The limit of images is {limit}: give 1 or more, or none for all.")
    chosen, folder = DATA_SETS[name], check_root(DATA_SETS[name], root)
    return form.load(Wanted(folder, split, limit, size, _wanted_skeleton(chosen, folder, skeleton), settings, look=look))


def _wanted_skeleton(chosen: DataSet, root: Path | None, given: Skeleton | None) -> Skeleton:
    """The skeleton that a data set is read with: what is given, what the files of own keypoints tell, or COCO's."""
    return given or (own.read_skeleton(root) if chosen.is_own else COCO17)


def skeleton_given(name: str, root: Path | None, toml: Path | None) -> Skeleton | None:
    """The skeleton of own keypoints, of their training file and the TOML beside; None for other data sets.

    Raises:
        ReproError: for files that tell none, and for a TOML beside a data set that has its own skeleton.
    """
    if data_set(name).is_own:
        return own.read_skeleton(root, toml)
    if toml is not None:
        raise ReproError(
            f"SKELETON is {toml}, which has no effect on {data_set(name).title}: leave it out, or take DATA={own.NAME}."
        )
    return None


def _images(name: str) -> Form[ImageSet]:
    """How a data set is read for bottom-up methods. Raises ReproError, with those that are, where it is not."""
    if name not in IMAGES:
        raise choice_error("data set of images", name, IMAGES)
    return IMAGES[name]


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
