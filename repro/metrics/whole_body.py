"""Average precision of a whole body, part by part: the official evaluation of COCO-WholeBody (Jin et al., ECCV 2020).

Each part is a keypoint evaluation of its own, with the keypoints and sigmas of the part and the area of the whole person.
The figures agree with those of the official code (xtcocotools) on its own example. Its rules:

- a person is ignored for a part of which no keypoint has v > 0, whatever the file's ``num_keypoints`` and flags say;
- the area of a prediction is the extent of its body's keypoints, also for other parts;
- predictions of a part rank by ``<part>_score`` where they have one, else by ``score``; those of body and whole body always
  by ``score``;
- a prediction of which no keypoint of the part has a third number above 0 is left out of that part.

The hand is the mean of the left and the right one, as the authors of the data set advise.

AP of a part counts who passes an OKS of 0.5 at least, which few small faces do after a short training. The mean OKS of a part
(``part_oks``), with the same keypoints, sigmas and area, has no threshold and tells such trainings apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from repro.data.persons import PersonSet
from repro.errors import ReproError
from repro.metrics.coco import evaluate_coco, number_array
from repro.metrics.evidence import Evidence, ratio_of
from repro.metrics.oks import oks
from repro.skeletons.skeleton import Skeleton
from repro.skeletons.wholebody import WHOLEBODY133

WHOLE = "whole"
HANDS = ("lefthand", "righthand")
RANKED_BY_SCORE = (
    "body",
    WHOLE,
)  # the official example's figures of the body rank by `score` though it has `body_score`


def evaluate_whole_body(
    annotations: Iterable[dict[str, Any]],
    image_ids: Iterable[int],
    predictions: Sequence[dict[str, Any]],
    *,
    skeleton: Skeleton = WHOLEBODY133,
    drop_unseen: bool = True,
    evidence: dict[str, Evidence] | None = None,
) -> dict[str, float]:
    """The ten numbers of COCO's keypoint evaluation for each part, both hands together and the whole body.

    Args:
        annotations: the annotations that ``evaluate_coco`` takes, with the ``keypoints`` of the whole body (x, y, v each; see
            ``coco_wholebody.joined_keypoints`` for files that keep the parts apart); ``num_keypoints`` is not read.
        image_ids: the images that are evaluated, also those without persons.
        predictions: COCO result dicts with the ``keypoints`` of the whole body (x, y, score each), ``score`` and, if wanted,
            ``foot_score``, ``face_score``, ``lefthand_score`` and ``righthand_score``.
        skeleton: the skeleton with the parts body, lefthand and righthand, and any others.
        drop_unseen: whether predictions of a part without a keypoint above 0 are left out, as by the official code.
            pycocotools counts them.
        evidence: takes what ``<part>_AP`` rests on, see ``evaluate_coco``; the hand's follows from those of both hands.

    Returns:
        ``<part>_<statistic>``, as in ``body_AP`` or ``whole_AR75``, for the parts of the skeleton, ``hand`` and ``whole``;
        the statistics are those of ``evaluate_coco``, nan where no person counts.

    Raises:
        ReproError: as ``evaluate_coco``, or when the skeleton lacks the body or a hand.
    """
    persons, found, images = list(annotations), list(predictions), list(image_ids)
    parts = dict(skeleton.parts)
    if missing := [name for name in ("body", *HANDS) if name not in parts]:
        raise ReproError(
            f"Skeleton {skeleton.name} has no part {missing[0]!r}: whole bodies are evaluated with one that has, as "
            "wholebody133."
        )
    labels, poses = _rows(persons, "Annotation", len(skeleton)), _rows(found, "Prediction", len(skeleton))
    body = poses[:, [skeleton.index(n) for n in parts["body"]], :2]
    areas = np.prod(np.ptp(body, axis=1), axis=-1)
    figures: dict[str, float] = {}
    for part, members in (*skeleton.parts, (WHOLE, skeleton.keypoints)):
        index = np.array([skeleton.index(n) for n in members])
        seen = (poses[:, index, 2] > 0).any(1) if drop_unseen else np.ones(len(found), dtype=bool)
        kept = np.flatnonzero(seen).tolist()
        own = evaluate_coco(
            [_truth(person, row) for person, row in zip(persons, labels[:, index], strict=True)],
            images,
            [_result(found[n], poses[n, index], part) for n in kept],
            skeleton.sigma_array[index],
            areas=areas[kept],
            evidence=evidence,
            name=f"{part}_AP",
        )
        figures |= {f"{part}_{name}": value for name, value in own.items()}
    left, right = ({n.split("_", 1)[1]: v for n, v in figures.items() if n.startswith(f"{h}_")} for h in HANDS)
    return figures | {f"hand_{name}": (left[name] + right[name]) / 2 for name in left}


def part_oks(
    persons: PersonSet, predicted: np.ndarray, evidence: dict[str, Evidence] | None = None
) -> dict[str, float]:
    """The mean OKS of each part, of both hands together and of the whole body, for crops whose person is known.

    The OKS of a part is taken over its labelled keypoints, with their sigmas and the area of the whole person as in
    ``evaluate_whole_body``, between each person and its own pose; the mean is over the persons who have a labelled keypoint of
    the part. The hand is the mean of ``lefthand_OKS`` and ``righthand_OKS``, as ``hand_AP`` is. ``whole_OKS`` is
    ``metrics.coco.mean_oks``.

    Args:
        persons: N of a skeleton with the parts lefthand and righthand, and any others.
        predicted: (N, K, 2) x, y in image px, in the order of ``persons``.
        evidence: takes what ``<part>_OKS`` rests on, image by image in the order of their ids; None to leave it out.

    Returns:
        ``<part>_OKS`` as fractions; nan where nobody has the part.

    Raises:
        ReproError: when the number of poses is not that of the persons, or as ``oks``.
    """
    skeleton, sigmas = persons.skeleton, persons.skeleton.sigma_array
    if len(predicted) != len(persons):
        raise ReproError(f"Got {len(predicted)} poses for {len(persons)} persons: give each person its own, in order.")
    figures: dict[str, float] = {}
    for part, members in (*skeleton.parts, (WHOLE, skeleton.keypoints)):
        own = np.array([skeleton.index(n) for n in members])
        each = oks(predicted[:, own], persons.keypoints[:, own], persons.visibility[:, own], persons.areas, sigmas[own])
        known = each[~np.isnan(each)]
        figures[f"{part}_OKS"] = float(known.mean()) if known.size else float("nan")
        if evidence is not None:
            evidence[f"{part}_OKS"] = ratio_of(each, *persons.ranked_images)
    return figures | {"hand_OKS": sum(figures[f"{hand}_OKS"] for hand in HANDS) / 2}


def _rows(records: list[dict[str, Any]], kind: str, size: int) -> np.ndarray:
    """(N, K, 3) keypoints of records. Raises ReproError for a record without them or with another number of them."""
    rows = np.zeros((len(records), size, 3))
    for n, record in enumerate(records):
        flat = number_array(record.get("keypoints", ()), f"{kind} {n} (image {record.get('image_id')})", "keypoints")
        if flat.shape != (3 * size,):
            raise ReproError(
                f"{kind} {n} (image {record.get('image_id')}) has keypoints of shape {flat.shape}, expected the "
                f"{3 * size} numbers of a whole body: join those of its parts."
            )
        rows[n] = flat.reshape(size, 3)
    return rows


def _truth(annotation: dict[str, Any], row: np.ndarray) -> dict[str, Any]:
    """The annotation of one part, whose keypoints are (K, 3); without any v > 0 it is ignored."""
    return {**annotation, "keypoints": row.ravel().tolist(), "num_keypoints": int((row[:, 2] > 0).sum())}


def _result(prediction: dict[str, Any], row: np.ndarray, part: str) -> dict[str, Any]:
    """The prediction of one part, whose keypoints are (K, 3)."""
    field = "score" if part in RANKED_BY_SCORE or f"{part}_score" not in prediction else f"{part}_score"
    own = {**prediction, "keypoints": row.ravel().tolist()}
    return {**own, "score": prediction[field]} if field in prediction else own
