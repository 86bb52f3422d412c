"""What a metric rests on, image by image, so that it can be computed again for any weighting of the images.

Intervals are made by drawing the evaluation images anew, with replacement. Each draw is a whole number of times that every image
counts. For a metric that is a ratio of sums (mean OKS, PCK, PCKh) it is enough to keep both sums of each image. AP is none:
it follows from the order of all detections by score and from which of them are matched at each threshold. That is kept, and
the AP of any weighting is the one that COCOeval computes when it is given every image as often as it is weighted (but for
the order of detections with equal scores).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pycocotools.cocoeval import COCOeval

from repro.errors import ReproError

RECALLS = np.linspace(0, 1, 101)  # at which COCOeval reads precision
CHUNK = 2_000_000  # weighted detections that are computed at once


@dataclass(frozen=True)
class Ratio:
    """A metric that is a ratio of sums over images.

    Args:
        numerator: (I,) of each image, as the sum of its persons' OKS.
        denominator: (I,), as the number of its persons.
    """

    numerator: np.ndarray
    denominator: np.ndarray

    @property
    def images(self) -> int:
        """The number of images."""
        return len(self.numerator)

    def values(self, weights: np.ndarray) -> np.ndarray:
        """(B,) values of the metric for (B, I) weights of the images; nan where the denominator is 0."""
        _check_weights(weights, self.images)
        total = weights @ np.asarray(self.denominator, dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return weights @ np.asarray(self.numerator, dtype=np.float64) / total


@dataclass(frozen=True)
class Matches:
    """What AP rests on: D detections by falling score, at T thresholds of OKS.

    Args:
        image: (D,) position of each detection's image.
        matched: (D, T) whether it is matched with a person that counts.
        false: (D, T) whether it is a false one: neither matched nor ignored.
        persons: (I,) number of persons that count in each image.
    """

    image: np.ndarray
    matched: np.ndarray
    false: np.ndarray
    persons: np.ndarray

    @property
    def images(self) -> int:
        """The number of images."""
        return len(self.persons)

    def values(self, weights: np.ndarray) -> np.ndarray:
        """(B,) AP, the mean over the thresholds, for (B, I) whole numbers of times that images count; nan without persons."""
        _check_weights(weights, self.images)
        out = np.full(len(weights), np.nan)
        rows = max(1, CHUNK // max(1, len(self.image)))
        for start in range(0, len(weights), rows):
            some = weights[start : start + rows]
            counted = some @ np.asarray(self.persons, dtype=np.float64)
            has = counted > 0
            out[start : start + rows][has] = self._precision(some[has], counted[has])
        return out

    def _precision(self, weights: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """AP for weights whose images have ``counted`` persons, all above 0.

        Only matched detections are looked at, as precision is nowhere higher than at one of them and recall rises there alone.
        """
        times = weights[:, self.image].astype(np.float64)
        total, seen, found = np.zeros(len(weights)), b"", times
        for t in range(self.matched.shape[1]):
            hits = np.flatnonzero(self.matched[:, t])
            if not len(hits):
                continue
            used = self.matched[:, t] | self.false[:, t]
            if used.tobytes() != seen:  # thresholds mostly leave out the same ones
                seen, found = used.tobytes(), np.cumsum(times * used, axis=1)
            true = np.cumsum(times[:, hits], axis=1)
            precision = true / (found[:, hits] + np.spacing(1))
            precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
            recall = true / counted[:, None]
            for b in range(len(weights)):
                at = np.searchsorted(recall[b], RECALLS, side="left")
                total[b] += precision[b, at[at < len(hits)]].sum()
        return total / (self.matched.shape[1] * len(RECALLS))


Evidence = Ratio | Matches


def matches_of(evaluation: COCOeval, area: str = "all") -> Matches:
    """The matches of an evaluation that has run, for one range of areas and its largest number of detections an image.

    Images are in the order of ``evaluation.params.imgIds``. Raises ReproError for more than one category.
    """
    params = evaluation.params
    if len(params.catIds) > 1:
        raise ReproError(f"The evaluation has {len(params.catIds)} categories: matches are kept for one, as COCO's person.")
    first = params.areaRngLbl.index(area) * len(params.imgIds)
    places = evaluation.evalImgs[first : first + len(params.imgIds)] if params.catIds else [None] * len(params.imgIds)
    thresholds = len(params.iouThrs)
    persons = np.zeros(len(params.imgIds), dtype=np.uint16)
    scores, image, matched, ignored = [np.zeros(0)], [np.zeros(0, int)], [np.zeros((thresholds, 0))], []
    ignored = [np.zeros((thresholds, 0), dtype=bool)]
    for position, found in enumerate(places):
        if found is None:
            continue
        most = params.maxDets[-1]
        persons[position] = int(np.count_nonzero(found["gtIgnore"] == 0))
        scores.append(np.asarray(found["dtScores"][:most], dtype=np.float64))
        image.append(np.full(len(scores[-1]), position))
        matched.append(found["dtMatches"][:, :most])
        ignored.append(np.asarray(found["dtIgnore"][:, :most], dtype=bool))
    order = np.argsort(-np.concatenate(scores), kind="mergesort")
    hit = (np.concatenate(matched, axis=1) != 0)[:, order]
    left_out = np.concatenate(ignored, axis=1)[:, order]
    return Matches(
        image=np.concatenate(image)[order].astype(np.uint32),
        matched=(hit & ~left_out).T,
        false=(~hit & ~left_out).T,
        persons=persons,
    )


def ratio_of(values: np.ndarray, image_index: np.ndarray, images: int, counts: np.ndarray | None = None) -> Ratio:
    """The sums of a mean over persons.

    Args:
        values: (N,) of each person, nan for one that does not count; with ``counts`` a person's own sum.
        image_index: (N,) position of each person's image.
        images: number of images.
        counts: (N,) what each person adds to the denominator; None for 1.
    """
    values = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(values)
    each = np.ones(len(values)) if counts is None else np.asarray(counts, dtype=np.float64)
    index = np.asarray(image_index)[known]
    return Ratio(
        np.bincount(index, weights=values[known], minlength=images),
        np.bincount(index, weights=each[known], minlength=images),
    )


def to_arrays(evidence: Evidence) -> dict[str, np.ndarray]:
    """As small arrays: sums in float32, matches a bit each."""
    if isinstance(evidence, Ratio):
        return {
            "numerator": evidence.numerator.astype(np.float32),
            "denominator": evidence.denominator.astype(np.float32),
        }
    shape = np.array(evidence.matched.shape)
    bits = {name: np.packbits(getattr(evidence, name)) for name in ("matched", "false")}
    return {"image": evidence.image.astype(np.uint32), "persons": evidence.persons.astype(np.uint16), "shape": shape, **bits}


def from_arrays(arrays: dict[str, np.ndarray]) -> Evidence:
    """What ``to_arrays`` made. Raises ReproError for anything else."""
    if set(arrays) == {"numerator", "denominator"}:
        return Ratio(arrays["numerator"].astype(np.float64), arrays["denominator"].astype(np.float64))
    if set(arrays) != {"image", "persons", "shape", "matched", "false"}:
        raise ReproError(f"The arrays {sorted(arrays)} are no evidence of a metric: reproduce the table again.")
    shape = tuple(int(n) for n in arrays["shape"])
    count = int(np.prod(shape))
    bits = {n: np.unpackbits(arrays[n], count=count).reshape(shape).astype(bool) for n in ("matched", "false")}
    return Matches(image=arrays["image"], persons=arrays["persons"], **bits)


def packed(evidence: Mapping[str, Evidence], prefix: str = "evidence") -> dict[str, np.ndarray]:
    """The arrays of several metrics under names of one file: ``prefix|metric|array``."""
    return {
        f"{prefix}|{metric}|{name}": array for metric, one in evidence.items() for name, array in to_arrays(one).items()
    }


def unpacked(file: Mapping[str, np.ndarray], prefix: str = "evidence") -> dict[str, Evidence]:
    """What ``packed`` put into a file among other arrays, by metric."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for key in file:
        if key.startswith(f"{prefix}|"):
            metric, name = key.removeprefix(f"{prefix}|").rsplit("|", 1)
            found.setdefault(metric, {})[name] = file[key]
    return {metric: from_arrays(arrays) for metric, arrays in found.items()}


def _check_weights(weights: np.ndarray, images: int) -> None:
    if weights.ndim != 2 or weights.shape[1] != images:
        raise ReproError(f"Weights have shape {weights.shape}, expected (B, {images}): give one to each image.")
