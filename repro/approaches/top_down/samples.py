"""The persons that top-down recipes are run on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from repro.approaches.samples import Samples, describe_samples
from repro.approaches.scaling import ScaleLike
from repro.approaches.top_down.scale import numbers, scaled_sizes
from repro.data.cached import cache_images
from repro.data.catalogue import PERSONS, data_set, load_persons
from repro.data.detection_files import load_detected
from repro.data.detections import DETECTORS, SIMULATED, detect
from repro.data.drawn.cache import PictureSet
from repro.data.persons import ImageFiles, PersonSet
from repro.data.sample_set import SampleSet
from repro.errors import ReproError
from repro.recipe import Data, Recipe
from repro.skeletons.skeleton import Skeleton


def as_persons(samples: SampleSet) -> PersonSet:
    """The samples, which are persons. Raises ReproError for others."""
    if not isinstance(samples, PersonSet):
        raise ReproError(
            f"A top-down recipe takes persons and got {type(samples).__name__}: open the samples of a top-down table."
        )
    return samples


def evaluated_persons(samples: Samples, recipe: Recipe) -> PersonSet:
    """The persons, or a detector's boxes, that a recipe is evaluated on. Raises ReproError where these were not given."""
    boxes = recipe.crop_evaluation.boxes
    if boxes == "truth":
        return as_persons(samples.val)
    if boxes == SIMULATED:
        return detect(as_persons(samples.val), DETECTORS["detector-65"])
    if samples.detected is None:
        raise ReproError(
            f"The recipe is evaluated with the boxes {boxes!r} and none were given: name the detector's "
            "file, as in BOXES=/path/to/detections.json."
        )
    return samples.detected


def largest_input(recipes: Sequence[Recipe], scale: ScaleLike, divisor: int) -> tuple[int, int]:
    """(width, height) of the largest of a table's inputs at a scale, which people are drawn for."""
    return max((scaled_sizes(recipe, scale, divisor)[0] for recipe in recipes), key=lambda size: size[0] * size[1])


def picture_sets(
    recipes: Sequence[Recipe], scale: ScaleLike, divisor: int, counts: tuple[int, int]
) -> list[PictureSet]:
    """The sets of drawn pictures that a table is run on, with so many persons to train on and to evaluate."""
    size = largest_input(recipes, scale, divisor)
    return [
        PictureSet("crop", split, count, size, scale.people)
        for split, count in zip(("train", "val"), counts, strict=True)
    ]


def open_persons(
    name: str,
    root: Path | None,
    scale: ScaleLike,
    size: tuple[int, int],
    skeleton: Skeleton,
    boxes: Path | None = None,
    *,
    decode: bool = True,
    train: bool = True,
) -> tuple[Samples, Data]:
    """Load the persons of a data set, as many as the scale takes, with their images decoded once into a cache.

    Args:
        name: the name of the data set.
        root: its folder; None for one that is drawn.
        scale: the scale for the number of persons, and how hard drawn ones are.
        size: (width, height) that persons are drawn for.
        skeleton: the skeleton that they are drawn with.
        boxes: a detector's file for the evaluation split; None for none.
        decode: whether images are decoded into the cache, without which each is when it is read.
        train: whether training persons are loaded; else the evaluation persons stand in their place, and nothing may be trained.
    """
    scale = scale.for_skeleton(skeleton)
    drawn = not data_set(name).needs_root
    own = numbers(scale, drawn=drawn)

    def load(split: str, limit: int | None) -> PersonSet:
        return load_persons(
            name, root, split, limit=limit, size=size, skeleton=skeleton, people=scale.people, look=decode
        )

    shown = load("train", own.train) if train else None
    val = load("val", own.val)
    known = val if shown is None else shown
    data = describe_samples(name, root, known, val, "persons", scale.people.fingerprint() if drawn else None)
    if decode:
        val = _cached(val)
        known = _cached(known) if train else val
    detected = None if boxes is None else load_detected(name, root, boxes, val)
    return Samples(known, val, PERSONS[name].measures, detected), data


def _cached(persons: PersonSet) -> PersonSet:
    if not isinstance(persons.images, ImageFiles):
        return persons
    return replace(persons, images=cache_images(persons.images))
