"""What runs are made on, and what a complete training leaves for its evaluation."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from tqdm import tqdm

from repro.data.catalogue import DATA_SETS
from repro.data.persons import PersonSet
from repro.data.sample_set import LabelledSet, SampleSet
from repro.errors import ReproError
from repro.metrics.evidence import Evidence
from repro.recipe import Data, Recipe
from repro.support.processes import leads


@dataclass(frozen=True)
class Samples:
    """What runs are made on.

    Args:
        train: training persons, or images for bottom-up recipes.
        val: evaluation persons with their ground-truth boxes, or images.
        measures: what the data set allows to be measured.
        detected: the boxes of a detector in the evaluation images, read from its file; None where there is none.
    """

    train: SampleSet
    val: SampleSet
    measures: frozenset[str]
    detected: PersonSet | None = None


@dataclass(frozen=True)
class Trained:
    """A complete training.

    Args:
        folder: the folder of the run, which also keeps what its evaluations share.
        snapshots: kept weights in their order, each with what was seen until then; the last are the final ones.
    """

    folder: Path
    snapshots: Sequence[tuple[Path, dict[str, float]]]


@dataclass(frozen=True)
class Evaluated:
    """What the evaluation of a recipe has come to.

    Args:
        recipe: the recipe.
        poses: the columns that are kept of what was predicted.
        metrics: the metrics as fractions, by key.
        evidence: what metrics rest on, image by image.
        curve: the metrics of the snapshots, each with what was seen until then and on how many samples it was measured (``of``).
    """

    recipe: Recipe
    poses: dict[str, np.ndarray]
    metrics: dict[str, float]
    evidence: dict[str, Evidence]
    curve: list[dict[str, float]]


Gains = dict[str, dict[str, float]]  # of ``metrics.error_gains``, and how many ``images`` they are ``of``


class Kept(Protocol):
    """A complete run, as poses are read from it."""

    @property
    def recipe(self) -> Recipe:
        """What was run."""

    def arrays(self, *names: str) -> dict[str, np.ndarray]:
        """The named columns of what was predicted, in that order."""


def describe_samples(
    name: str, root: Path | None, train: LabelledSet, val: LabelledSet, what: str, drawn: str | None
) -> Data:
    """What recipes say about the samples, after a look at whether something can be learned and measured on them.

    Args:
        name: the data set's name.
        root: its folder; None for one that is drawn.
        train: the training samples.
        val: the evaluation samples.
        what: what a sample is called, in the plural.
        drawn: fingerprint of the settings that people are drawn with; None for photographs.

    Raises:
        ReproError: where there are no samples, or none with labels.
    """
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
        skeleton=val.skeleton if _is_own(name) else None,
    )


def _is_own(name: str) -> bool:
    """Whether a data set's keypoints are somebody's own; samples in memory may have any name."""
    return name not in DATA_SETS or DATA_SETS[name].is_own


def _tell_shared(name: str, root: Path | None, train: LabelledSet, val: LabelledSet) -> None:
    """Say so on stderr where images that are evaluated are trained on, byte for byte."""
    known, digests = set(getattr(train.images, "digests", None) or ()), getattr(val.images, "digests", None) or ()
    shared = [path for path, digest in zip(getattr(val.images, "paths", ()), digests, strict=False) if digest in known]
    if shared and leads():
        tqdm.write(
            f"{len(shared)} of {len(digests)} evaluation images of {name} under {root} are training images too, the first is "
            f"{shared[0]}: numbers on them say nothing about other images; give each image to one split.",
            file=sys.stderr,
        )
