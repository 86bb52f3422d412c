"""A detector's boxes in the form in which its errors matter, where no detector is run: simulated from the ground truth.

The papers' detectors find persons with a box AP of 56.4 (HRNet's for COCO val) and 65.1 (UDP's, which CAL takes); their
boxes can be read from files (``coco_format.read_persons``). Data sets without such files, drawn people among them, get boxes
that are moved, resized, doubled, missed and invented here, with scores that tell good boxes from bad ones imperfectly. They
show what separates the protocols: recall that missed persons bound, precision that false boxes lower, and crops that are off. On
1000 drawn people of the evaluation split and three seeds the box AP of ``DETECTORS`` is 0.55 to 0.57 and 0.64 to 0.65.

Every person and every image has random numbers of its own, drawn from the seed and its id: the boxes of one do not depend on
the others, nor on the order of the set. Boxes are x, y, width, height in image px.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from repro.data.persons import PersonSet
from repro.errors import ReproError
from repro.support import serial

TRIES = 10  # places tried for a false box before it is given up
LOWEST, HIGHEST = 0.01, 0.999  # of scores
_PERSON, _IMAGE = 0, 1  # streams of random numbers
Detection = tuple[np.ndarray, float]  # box (4,) and score


@dataclass(frozen=True, kw_only=True)
class SimulatedDetector:
    """How well the simulated detector works. ``detect`` makes its boxes.

    The defaults stand for the detectors of box AP 56.4; ``DETECTORS`` holds a better one too.

    Args:
        center: deviation of the box's centre, as a share of its width and height.
        size: deviation of the logarithm of its width and height.
        spread: deviation of the logarithm of a factor on both that each person has: some are found well, some badly.
        missed: probability that a person who is large and wholly visible is missed.
        hidden: added to it times the share of keypoints that are not visible.
        small: added to it for persons of no size, falling linearly to nothing at ``small_below``.
        small_below: diagonal of the box over that of the image.
        duplicates: probability of a second box, moved and resized with twice the deviations, at half the score.
        false_positives: mean number of boxes an image that lie on nobody.
        most_overlap: intersection over union with any annotated person that these have at most.
        false_score: mean score of these.
        score_noise: deviation of all scores; a person's box has its intersection over union with the truth as mean.
        seed: the seed of all the random numbers.

    Raises:
        ReproError: for negative deviations and counts, and for shares and probabilities outside 0..1.
    """

    center: float = 0.041
    size: float = 0.082
    spread: float = 0.7
    missed: float = 0.03
    hidden: float = 0.2
    small: float = 0.5
    small_below: float = 0.1
    duplicates: float = 0.1
    false_positives: float = 0.5
    most_overlap: float = 0.3
    false_score: float = 0.4
    score_noise: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        open_ended = ("center", "size", "spread", "false_positives", "score_noise", "seed")
        for field in fields(self):
            value, limit = getattr(self, field.name), np.inf if field.name in open_ended else 1
            if not 0 <= value <= limit:
                expected = "0 or more" if field.name in open_ended else "a number from 0 to 1"
                raise ReproError(f"SimulatedDetector.{field.name} is {value}: give {expected}.")

    def __call__(self, persons: PersonSet) -> PersonSet:
        """``detect`` with these settings."""
        return detect(persons, self)


DETECTORS = {
    "detector-56": SimulatedDetector(),
    "detector-65": SimulatedDetector(center=0.033, size=0.066, missed=0.02, hidden=0.12, false_positives=0.35),
}
# What recipes call the boxes that stand for the papers' detector: another simulation is another recipe.
SIMULATED = f"simulated-{serial.digest(DETECTORS['detector-65'])[:6]}"


def detect(persons: PersonSet, settings: SimulatedDetector) -> PersonSet:
    """The boxes that a detector might find in the images of a set.

    Persons of the set are found or missed; annotated ones that are not in it (crowds, persons without keypoints, which
    COCOeval ignores) only keep false boxes away.

    Args:
        persons: the persons with ground-truth boxes.
        settings: the settings, see the class.

    Returns:
        One entry a detection, as ``coco_format.read_persons`` reads those of a file: ordered by image, then by falling score; ids
        count from 1; keypoints and visibility 0; areas are those of the boxes; head sizes nan. Images and annotations are
        those of ``persons``, so that ``evaluate_coco`` counts the missed persons. Boxes lie within their images.
    """
    found: list[tuple[int, np.ndarray, float]] = []
    for n in range(len(persons)):
        found += [(int(persons.image_index[n]), *one) for one in _found_of_person(persons, n, settings)]
    annotated = _annotated_boxes(persons)
    for index, identity in enumerate(persons.images.ids.tolist()):
        taken, size = annotated.get(identity, np.zeros((0, 4))), persons.images.sizes[index].astype(np.float64)
        found += [
            (index, *one) for one in _false_boxes(_stream(settings.seed, _IMAGE, identity), taken, size, settings)
        ]
    return _as_persons(persons, found)


def box_overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, M) intersection over union of (N, 4) with (M, 4) boxes x, y, width, height; 0 where both are empty."""
    boxes, others = np.asarray(boxes, dtype=np.float64), np.asarray(others, dtype=np.float64)
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum((boxes[:, :2] + boxes[:, 2:])[:, None], (others[:, :2] + others[:, 2:])[None])
    both = np.prod(np.clip(high - low, 0, None), axis=2)
    union = np.prod(boxes[:, 2:], axis=1)[:, None] + np.prod(others[:, 2:], axis=1)[None] - both
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)


def closest_boxes(persons: PersonSet, detected: PersonSet, least: float = 0.3) -> np.ndarray:
    """(N,) for each person the position of the detection that overlaps its box most, -1 where none reaches ``least``."""
    found = np.full(len(persons), -1)
    for image in np.unique(persons.image_index):
        own, boxes = np.flatnonzero(persons.image_index == image), np.flatnonzero(detected.image_index == image)
        if len(boxes):
            overlaps = box_overlaps(persons.boxes[own], detected.boxes[boxes])
            found[own] = np.where(overlaps.max(1) >= least, boxes[overlaps.argmax(1)], -1)
    return found


def shift_box(box: np.ndarray, by: np.ndarray, image_size: np.ndarray) -> np.ndarray:
    """Move and resize a box and cut it at the borders of its image.

    Args:
        box: (4,) x, y, width, height.
        by: (4,) the centre's shift in shares of width and height, and the logarithms of the factors on these.
        image_size: (2,) width, height.
    """
    center = box[:2] + box[2:] / 2 + by[:2] * box[2:]
    half = box[2:] * np.exp(by[2:]) / 2
    low, high = np.clip(center - half, 0, image_size), np.clip(center + half, 0, image_size)
    return np.concatenate([low, high - low])


def miss_probability(settings: SimulatedDetector, visible: float, relative_size: float) -> float:
    """How likely a person is missed: more with few visible keypoints (a share) and for small ones (see the settings)."""
    smallness = max(0.0, 1 - relative_size / settings.small_below) if settings.small_below else 0.0
    return min(1.0, settings.missed + settings.hidden * (1 - visible) + settings.small * smallness)


def _stream(seed: int, kind: int, identity: int) -> np.random.Generator:
    return np.random.default_rng([seed, kind, identity % 2**64])


def _found_of_person(persons: PersonSet, n: int, settings: SimulatedDetector) -> list[Detection]:
    """The boxes of one person: none, one, or one and its duplicate. Boxes cut to nothing by the borders are left out."""
    rng = _stream(settings.seed, _PERSON, int(persons.person_ids[n]))
    chance, doubled, factor, *noise = rng.random(), rng.random(), rng.standard_normal(), *rng.standard_normal(2)
    by = rng.standard_normal((2, 4)) * np.repeat([settings.center, settings.size], 2) * np.exp(settings.spread * factor)
    truth, size = persons.boxes[n], persons.images.sizes[persons.image_index[n]].astype(np.float64)
    visible = float((persons.visibility[n] == 2).mean())
    if chance < miss_probability(settings, visible, np.hypot(*truth[2:]) / np.hypot(*size)):
        return []
    found = []
    for times, weight in ((1, 1.0), (2, 0.5))[: 2 if doubled < settings.duplicates else 1]:
        box = shift_box(truth, by[times - 1] * times, size)
        level = weight * float(box_overlaps(box[None], truth[None])[0, 0])
        if box[2:].min() > 0:
            found.append((box, _score(level, noise[times - 1], settings)))
    return found


def _false_boxes(
    rng: np.random.Generator, taken: np.ndarray, image_size: np.ndarray, settings: SimulatedDetector
) -> Iterator[Detection]:
    """Boxes that lie on nobody: as large as those of the image's persons or smaller, half the image where there is none.

    Args:
        rng: the random generator of the image.
        taken: (M, 4) boxes of all annotated persons.
        image_size: (2,) width, height.
        settings: the settings, see the class.
    """
    for _ in range(rng.poisson(settings.false_positives)):
        shape = taken[rng.integers(len(taken)), 2:] if len(taken) else image_size / 2
        shape = np.minimum(shape * rng.uniform(0.3, 1.0) * np.exp(0.1 * rng.standard_normal(2)), image_size)
        boxes = np.concatenate([rng.random((TRIES, 2)) * (image_size - shape), np.tile(shape, (TRIES, 1))], axis=1)
        free = (box_overlaps(boxes, taken) <= settings.most_overlap).all(axis=1)
        noise = rng.standard_normal()
        if free.any() and shape.min() > 0:
            yield boxes[np.argmax(free)], _score(settings.false_score, noise, settings)


def _score(level: float, noise: float, settings: SimulatedDetector) -> float:
    return float(np.clip(level + settings.score_noise * noise, LOWEST, HIGHEST))


def _annotated_boxes(persons: PersonSet) -> dict[int, np.ndarray]:
    """The boxes of all annotations by image id."""
    boxes = defaultdict(list)
    for annotation in persons.annotations:
        boxes[annotation["image_id"]].append(annotation["bbox"])
    return {image: np.array(own, dtype=np.float64) for image, own in boxes.items()}


def _as_persons(persons: PersonSet, found: list[tuple[int, np.ndarray, float]]) -> PersonSet:
    """Detections (position of the image, box, score) as a set."""
    n, k = len(found), len(persons.skeleton)
    index = np.array([one[0] for one in found], dtype=np.int64)
    boxes = np.array([one[1] for one in found], dtype=np.float64).reshape(n, 4)
    scores = np.array([one[2] for one in found], dtype=np.float64)
    order = np.lexsort((*boxes.T, -scores, index))
    return PersonSet(
        skeleton=persons.skeleton,
        images=persons.images,
        image_index=index[order],
        person_ids=np.arange(1, n + 1),
        keypoints=np.zeros((n, k, 2)),
        visibility=np.zeros((n, k), dtype=np.int8),
        boxes=boxes[order],
        areas=np.prod(boxes[order, 2:], axis=1),
        scores=scores[order],
        head_sizes=np.full(n, np.nan),
        annotations=persons.annotations,
    )
