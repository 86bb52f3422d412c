"""The images that bottom-up recipes are run on."""

from __future__ import annotations

from pathlib import Path

from repro.approaches.bottom_up.scale import numbers
from repro.approaches.samples import Samples, describe_samples
from repro.approaches.scaling import ScaleLike
from repro.data.catalogue import IMAGES, data_set, evaluation_split, load_images, training_split
from repro.data.drawn.cache import PictureSet
from repro.data.images import ImageSet
from repro.data.sample_set import SampleSet
from repro.errors import ReproError
from repro.recipe import Data
from repro.skeletons.skeleton import Skeleton


def as_images(samples: SampleSet) -> ImageSet:
    """The samples, which are whole images. Raises ReproError for others."""
    if not isinstance(samples, ImageSet):
        raise ReproError(
            f"A bottom-up recipe takes whole images and got {type(samples).__name__}: open the samples of a bottom-up table."
        )
    return samples


def picture_sets(name: str, split: str, scale: ScaleLike, counts: tuple[int, int]) -> list[PictureSet]:
    """The sets of drawn pictures that a table is run on, with so many images to train on and to evaluate.

    Args:
        name: the data set's name.
        split: the split that is evaluated, ``val`` or ``test``.
        scale: the scale, for size and people of scenes.
        counts: number of images of both.
    """
    size = (scale.scenes.side, scale.scenes.side)
    return [
        PictureSet("scene", part, count, size, scale.scenes.people)
        for part, count in zip((training_split(name, split), split), counts, strict=True)
    ]


def open_images(
    name: str,
    root: Path | None,
    scale: ScaleLike,
    skeleton: Skeleton,
    split: str,
    *,
    train: bool = True,
    look: bool = True,
) -> tuple[Samples, Data]:
    """Load the images of a data set, as many as the scale takes; they are decoded each time they are read.

    Args:
        name: the name of the data set.
        root: its folder; None for one that is drawn.
        scale: the scale for the number and size of scenes, and how hard drawn ones are.
        skeleton: the skeleton that people are drawn with.
        split: the split that is evaluated, ``val`` or ``test``.
        train: whether training images are loaded; else the evaluation images stand in their place, and nothing may be trained.
        look: whether photographs that were not looked at before are.
    """
    scenes, drawn = scale.scenes, not data_set(name).needs_root
    size = (scenes.side, scenes.side)

    def load(part: str, limit: int | None) -> ImageSet:
        return load_images(
            name, root, part, limit=limit, size=size, skeleton=skeleton, settings=scenes.people, look=look
        )

    own = numbers(scale, drawn=drawn)
    shown = load(training_split(name, split), own.train) if train else None
    val = load(evaluation_split(name, split), own.val)
    known = val if shown is None else shown
    data = describe_samples(name, root, known, val, "images", scenes.people.fingerprint() if drawn else None)
    return Samples(known, val, IMAGES[name].measures), data
