"""From a table's name to recipes and samples: which rows are run, at which size, on which persons."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from repro.data.cached import cache_images
from repro.data.catalogue import (
    DATA_SETS,
    DRAWN,
    DRAWN_SCENES,
    IMAGES,
    PERSONS,
    data_set,
    evaluation_split,
    load_images,
    load_persons,
    training_split,
)
from repro.data.detection_files import load_detected, takes_detections
from repro.data.drawn.cache import PictureSet
from repro.data.images import ImageSet
from repro.data.persons import ImageFiles, PersonSet
from repro.errors import ReproError, choice_error
from repro.metrics.catalogue import COUNTED, METRICS, NEEDS
from repro.metrics.counts import GIBI, GIGA, count_gflops, count_parameters
from repro.papers import PAPERS
from repro.papers.recipes import Row, TableRows, shown_rows, table_rows
from repro.recipe import Data, Recipe
from repro.runs.run import Samples
from repro.scales.scale import Scale, apply_scale, input_divisor, scaled_sizes, shown_size
from repro.skeletons.skeleton import Skeleton
from repro.support.processes import leads


def runnable_rows(paper: str, number: int) -> TableRows:
    """The rows of a table that have recipes. Raises ReproError where there are none."""
    rows = table_rows(paper, number)
    if rows is None:
        raise ReproError(
            f"Table {number} of {paper} is not yet reproducible: no row of it has a recipe; "
            f"`repro list` shows the tables that have."
        )
    return rows


def table_recipes(
    paper: str,
    number: int,
    scale: Scale,
    data: Data,
    seeds: Sequence[int],
    only: Sequence[str] = (),
    start: str = "warm",
    boxes: str | None = None,
) -> dict[tuple[str, int], Recipe]:
    """The recipes of a table's rows by (row, seed).

    Args:
        paper: its key.
        number: of the table.
        scale: that the recipes are brought to.
        data: the persons, already limited to the scale's numbers.
        seeds: one run each.
        only: slugs of the rows to take; all that have recipes when empty.
        start: ``warm``, ``random`` or imported weights, see ``apply_scale``.
        boxes: name of a detector's file, for the rows that are evaluated with a detector's boxes; see ``apply_scale``.

    Raises:
        ReproError: for an unknown row, or one without a recipe.
    """
    rows = check_rows(paper, number, only)
    divisor = table_divisor(paper, number, scale)
    scale = scale.for_skeleton(table_skeleton(paper, number, data.name)).lengthened(runnable_rows(paper, number).length)
    return {
        (name, seed): apply_scale(row.recipe, scale, divisor=divisor, data=data, start=start, boxes=boxes).but(
            seed=seed
        )
        for name, row in rows.items()
        for seed in seeds
        if not only or name in only
    }


def check_rows(paper: str, number: int, only: Sequence[str]) -> dict[str, Row]:
    """The rows of a table that have recipes. Raises ReproError when one of ``only`` is unknown or has none."""
    rows = runnable_rows(paper, number).rows
    for row in only:
        if row not in set(shown_rows(paper, number)["row"]):
            raise choice_error(f"row of table {number} of {paper}", row, rows)
        if row not in rows:
            raise ReproError(
                f"Row {row!r} of table {number} of {paper} is not yet reproducible: choose {', '.join(rows)}."
            )
    return rows


def table_divisor(paper: str, number: int, scale: Scale) -> int:
    """What all inputs of a table are divided by at a scale; it does not depend on the rows that are chosen."""
    table = runnable_rows(paper, number)
    sizes = [shown_size(row.recipe) for row in table.rows.values()]
    return input_divisor(scale, sizes, scenes=table.takes_scenes)


def counts_alone(paper: str, number: int) -> bool:
    """Whether a table prints #Params and GFLOPs and nothing else, so that nothing is trained for it."""
    return {column.metric for column in PAPERS[paper].table(number).columns} <= COUNTED


def counted_columns(paper: str, number: int, only: Sequence[str] = ()) -> dict[str, dict[str, float]]:
    """#Params in millions and GFLOPs of each row, at the paper's size; empty for tables that do not print them."""
    printed = {column.metric for column in PAPERS[paper].table(number).columns}
    if not COUNTED & printed:
        return {}
    table = runnable_rows(paper, number)
    counted = {}
    for name, row in table.rows.items():
        if not only or name in only:
            network = row.counted_network.build(table.skeleton)
            unit = GIGA if table.decimal else GIBI
            gflops = count_gflops(network, row.recipe.input.size, unit=unit, shared_once=table.decimal)
            counted[name] = {"params_M": count_parameters(network) / 1e6, "gflops": gflops}
    return counted


def check_measurable(paper: str, number: int, data_name: str) -> None:
    """Raise ReproError when none of a table's printed columns can be measured on a data set."""
    metrics = {column.metric for column in PAPERS[paper].table(number).columns if column.metric}
    wanted = {METRICS[metric].needs for metric in metrics - COUNTED}
    forms = IMAGES if runnable_rows(paper, number).takes_scenes else PERSONS
    measures = {name: form.measures for name, form in forms.items()}
    title = data_set(data_name).title
    if data_name not in measures:
        raise choice_error(f"data set for table {number} of {paper}", data_name, measures)
    if wanted and not wanted & measures[data_name]:
        lacking = " and ".join(NEEDS[w] for w in sorted(wanted))
        able = ", ".join(name for name, other in measures.items() if wanted & other)
        raise ReproError(
            f"Table {number} of {paper} cannot be measured on {title}, which has no {lacking}: choose one "
            f"of {able}."
        )


def check_boxes(
    paper: str, number: int, scale: Scale, data_name: str, boxes: Path | None, only: Sequence[str] = ()
) -> None:
    """Raise ReproError where a detector's file is given that is not used, or is needed and not given.

    Args:
        paper: key of the paper.
        number: of the table.
        scale: that it is run at; only the paper's needs a file, the others simulate a detector.
        data_name: of the data set; drawn people and data sets that detected boxes do not fit have simulated ones at all scales.
        boxes: the file; None for none.
        only: the rows that are run; all when empty.
    """
    taken, detected = _evaluated_on_boxes(paper, number, only)
    if boxes is None:
        if lacks_boxes(paper, number, scale, data_name, boxes, only):
            raise ReproError(
                f"Table {number} of {paper} is evaluated with a detector's boxes, and no file of them was given: name one in "
                "COCO's result format, as in BOXES=/path/to/detections.json."
            )
        return
    if not detected:
        what = "whole images" if taken[0].takes_scenes else "true boxes"
        raise ReproError(
            f"BOXES is {boxes}, which has no effect on table {number} of {paper}: its rows are evaluated on {what}; leave BOXES "
            "out, or choose a table that is evaluated with a detector's boxes, as PAPER=cal TABLE=1."
        )
    if not takes_detections(data_name):
        able = ", ".join(name for name in DATA_SETS if takes_detections(name))
        raise ReproError(
            f"BOXES is {boxes}, but a detector's boxes are simulated on {data_set(data_name).title}: leave BOXES out, or "
            f"choose a data set that takes a detector's file, one of {able}."
        )


def lacks_boxes(
    paper: str, number: int, scale: Scale, data_name: str, boxes: Path | None, only: Sequence[str] = ()
) -> bool:
    """Whether a detector's file is needed that was not given; arguments as of ``check_boxes``."""
    if boxes is not None or scale.name != "paper" or not takes_detections(data_name):
        return False
    return bool(_evaluated_on_boxes(paper, number, only)[1])


def _evaluated_on_boxes(paper: str, number: int, only: Sequence[str]) -> tuple[list[Recipe], list[Recipe]]:
    """The recipes of rows, and those of them that are evaluated with a detector's boxes."""
    rows = check_rows(paper, number, only)
    taken = [row.recipe for name, row in rows.items() if not only or name in only]
    return taken, [one for one in taken if not one.takes_scenes and one.crop_evaluation.boxes != "truth"]


def table_skeleton(paper: str, number: int, data_name: str) -> Skeleton:
    """The skeleton that a table is run with on a data set: the data set's own, or the paper's where people are drawn."""
    return data_set(data_name).skeleton or runnable_rows(paper, number).skeleton


def table_samples(
    paper: str,
    number: int,
    data_name: str,
    root: Path | None,
    scale: Scale,
    boxes: Path | None = None,
    *,
    decode: bool = True,
    train: bool = True,
) -> tuple[Samples, Data]:
    """The persons that a table is run on; drawn ones are drawn for its largest input. Images for bottom-up methods.

    ``boxes`` is a detector's file for the evaluation split; ``decode`` and ``train`` as of ``open_samples``.
    """
    table = runnable_rows(paper, number)
    skeleton = table_skeleton(paper, number, data_name)
    if table.takes_scenes:
        return open_scene_samples(data_name, root, scale, skeleton, table.split, train=train)
    largest = _largest_input(paper, number, scale)
    return open_samples(data_name, root, scale, largest, skeleton, boxes, decode=decode, train=train)


def drawn_sets(paper: str, number: int, data_name: str, scale: Scale) -> list[PictureSet]:
    """The sets of drawn pictures that a table is run on; none for photographs and for a table that prints counts alone."""
    if data_set(data_name).needs_root or counts_alone(paper, number):
        return []
    table, counts = runnable_rows(paper, number), sample_counts(paper, number, data_name, scale)
    if table.takes_scenes:
        side, splits = scale.scenes.side, (training_split(data_name, table.split), table.split)
        about = ("scene", (side, side), scale.scenes.people)
    else:
        splits = ("train", "val")
        people = scale.for_skeleton(table_skeleton(paper, number, data_name)).people
        about = ("crop", _largest_input(paper, number, scale), people)
    kind, size, people = about
    return [PictureSet(kind, split, count, size, people) for split, count in zip(splits, counts, strict=True)]


def _largest_input(paper: str, number: int, scale: Scale) -> tuple[int, int]:
    """The largest of a table's inputs at a scale, which people are drawn for."""
    divisor = table_divisor(paper, number, scale)
    sizes = [scaled_sizes(row.recipe, scale, divisor)[0] for row in runnable_rows(paper, number).rows.values()]
    return max(sizes, key=lambda size: size[0] * size[1])


def sample_counts(paper: str, number: int, data_name: str, scale: Scale) -> tuple[int, int]:
    """How many persons, or images, a table is trained and evaluated on at most, before any is read.

    Raises:
        ReproError: where the scale does not limit the persons of a data set that is read from files.
    """
    table, drawn = runnable_rows(paper, number), not data_set(data_name).needs_root
    scale = scale.for_skeleton(table_skeleton(paper, number, data_name))
    if table.takes_scenes:
        limits = (scale.training_limit(drawn=drawn, scenes=True), scale.scenes.val)
        endless = (DRAWN_SCENES["train"], DRAWN_SCENES["val"])
    else:
        limits = (scale.training_limit(drawn=drawn), scale.drawn_val if drawn else scale.val)
        endless = (DRAWN["train"], DRAWN["val"])
    if None in limits and not drawn:
        raise ReproError(
            f"Scale {scale.name} takes all persons of {data_set(data_name).title}, so that the length of its trainings is not "
            "known before they are read: leave MINUTES out, or choose a smaller scale."
        )
    train, val = (most if limit is None else limit for limit, most in zip(limits, endless, strict=True))
    return train, val


def open_samples(
    name: str,
    root: Path | None,
    scale: Scale,
    size: tuple[int, int],
    skeleton: Skeleton,
    boxes: Path | None = None,
    *,
    decode: bool = True,
    train: bool = True,
) -> tuple[Samples, Data]:
    """Load the persons of a data set, as many as the scale takes, with their images decoded once into a cache.

    Args:
        name: of the data set.
        root: its folder; None for one that is drawn.
        scale: for the number of persons, and how hard drawn ones are.
        size: (width, height) that persons are drawn for.
        skeleton: that they are drawn with.
        boxes: a detector's file for the evaluation split; None for none.
        decode: whether images are decoded into the cache, without which each is when it is read.
        train: whether training persons are loaded; else the evaluation persons stand in their place, and nothing may be trained.
    """
    scale = scale.for_skeleton(skeleton)
    drawn = not data_set(name).needs_root
    limits = (scale.training_limit(drawn=drawn), scale.drawn_val if drawn else scale.val)

    def load(split: str, limit: int | None) -> PersonSet:
        return load_persons(name, root, split, limit=limit, size=size, skeleton=skeleton, people=scale.people)

    shown = load("train", limits[0]) if train else None
    val = load("val", limits[1])
    known = val if shown is None else shown
    data = _described(name, root, known, val, "persons", scale.people.fingerprint() if drawn else None)
    if decode:
        val = _cached(val)
        known = _cached(known) if train else val
    detected = None if boxes is None else load_detected(name, root, boxes, val)
    return Samples(known, val, PERSONS[name].measures, detected), data


def open_scene_samples(
    name: str, root: Path | None, scale: Scale, skeleton: Skeleton, split: str, *, train: bool = True
) -> tuple[Samples, Data]:
    """Load the images of a data set, as many as the scale takes; they are decoded each time they are read.

    Args:
        name: of the data set.
        root: its folder; None for one that is drawn.
        scale: for the number and size of scenes, and how hard drawn ones are.
        skeleton: that people are drawn with.
        split: that is evaluated, ``val`` or ``test``.
        train: as of ``open_samples``.
    """
    scenes, drawn = scale.scenes, not data_set(name).needs_root
    size = (scenes.side, scenes.side)

    def load(part: str, limit: int | None) -> ImageSet:
        return load_images(name, root, part, limit=limit, size=size, skeleton=skeleton, settings=scenes.people)

    limit = scale.training_limit(drawn=drawn, scenes=True)
    shown = load(training_split(name, split), limit) if train else None
    val = load(evaluation_split(name, split), scenes.val)
    known = val if shown is None else shown
    data = _described(name, root, known, val, "images", scenes.people.fingerprint() if drawn else None)
    return Samples(known, val, IMAGES[name].measures), data


def _described(
    name: str, root: Path | None, train: PersonSet | ImageSet, val: PersonSet | ImageSet, what: str, drawn: str | None
) -> Data:
    """What recipes say about the samples. Raises ReproError where there are none."""
    for split, samples in (("training", train), ("evaluation", val)):
        if not len(samples):
            raise ReproError(
                f"Data set {name} has no {split} {what} under {root}: give the folder that holds its files, and run "
                f"`repro data check {name} --root {root}` if it is the right one."
            )
    if what == "persons" and len(train) < 2:
        raise ReproError(
            f"Data set {name} has one training person under {root}, but a batch needs two at least: give more labelled persons."
        )
    if not (train.visibility > 0).any() or not any(a["num_keypoints"] and not a["iscrowd"] for a in val.annotations):
        split = "evaluation" if (train.visibility > 0).any() else "training"
        raise ReproError(
            f"Data set {name} under {root} has no labelled person in the {split} {what} that are taken: nothing can be "
            "learned or measured; run `repro data check` on it, or give a folder whose files hold labels."
        )
    _tell_shared(name, root, train, val)
    return Data(
        name=name,
        train_fingerprint=train.fingerprint(),
        train_count=len(train),
        val_fingerprint=val.fingerprint(),
        val_count=len(val),
        drawn=drawn,
    )


def _tell_shared(name: str, root: Path | None, train: PersonSet | ImageSet, val: PersonSet | ImageSet) -> None:
    """Say so on stderr where images that are evaluated are trained on, byte for byte."""
    if train is val:
        return
    known, digests = set(getattr(train.images, "digests", None) or ()), getattr(val.images, "digests", None) or ()
    shared = [path for path, digest in zip(getattr(val.images, "paths", ()), digests, strict=False) if digest in known]
    if shared and leads():
        tqdm.write(
            f"{len(shared)} of {len(digests)} evaluation images of {name} under {root} are training images too, the first is "
            f"{shared[0]}: numbers on them say nothing about other images; give each image to one split.",
            file=sys.stderr,
        )


def _cached(persons: PersonSet) -> PersonSet:
    if not isinstance(persons.images, ImageFiles):
        return persons
    return replace(persons, images=cache_images(persons.images))
