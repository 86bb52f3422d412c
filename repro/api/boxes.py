"""Boxes of the people in photographs: from a file in COCO's result format, or from torchvision's detectors.

The weights of a detector are not fetched without being asked for (``repro fetch detector-weights``): they are looked for where
torchvision keeps them, ``torch.hub.get_dir()/checkpoints``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from repro.data.coco_format import read_boxes
from repro.data.coco_format.records import PERSON
from repro.errors import ReproError

LEAST_SCORE = 0.5  # of a detector's boxes
PERSON_LABEL = 1  # of torchvision's detectors, which learned COCO
Detector = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


def boxes_of_file(path: Path, ids: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The boxes of photographs in a detector's file.

    Args:
        path: a file in COCO's result format.
        ids: the image id of each photograph, by its name.

    Returns:
        by name (P, 5) x, y, width, height, score; boxes without an area are left out.

    Raises:
        ReproError: for a file that cannot be used, or none of whose boxes lies in one of the photographs.
    """
    found = read_boxes(path, PERSON)
    good = (found.boxes[:, 2:] > 0).all(1)
    lines = np.concatenate([found.boxes, found.scores[:, None]], axis=1)
    chosen = {name: lines[good & (found.image_ids == identity)] for name, identity in ids.items()}
    if ids and not any(map(len, chosen.values())):
        name, identity = next(iter(ids.items()))
        raise ReproError(
            f"{path} has no box in any of the photographs; {name} is taken for image {identity}: give the annotation file that "
            "names the photographs, as in --annotations instances.json."
        )
    return chosen


def known_detectors() -> dict[str, tuple[Callable[..., Any], str]]:
    """torchvision's detectors of people by name, the best first: what builds one, and the file of its weights."""
    from torchvision.models import detection

    found = {}
    for name, kept in (
        ("keypointrcnn", (detection.keypointrcnn_resnet50_fpn, detection.KeypointRCNN_ResNet50_FPN_Weights.COCO_V1)),
        ("fasterrcnn", (detection.fasterrcnn_resnet50_fpn, detection.FasterRCNN_ResNet50_FPN_Weights.COCO_V1)),
    ):
        build, weights = kept
        found[name] = (build, str(weights.url).rsplit("/", 1)[1])
    return found


def detector_folder() -> Path:
    """Where torchvision keeps weights."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def detector_file(name: str = "") -> tuple[str, Path] | None:
    """The name and the weights of a detector that is there; None for none. ``name`` is one of ``known_detectors``, or empty."""
    folder = detector_folder()
    for known, (_, file) in known_detectors().items():
        if name in ("", known) and (folder / file).is_file():
            return known, folder / file
    return None


def load_detector(name: str, file: Path, device: torch.device) -> Detector:
    """A detector of people.

    Args:
        name: one of ``known_detectors``.
        file: its weights.
        device: the device that computes.

    Returns:
        what gives (P, 5) x, y, width, height, score of the people with a score of LEAST_SCORE in each (H, W, 3) uint8 RGB.

    Raises:
        ReproError: for weights that do not fit.
    """
    build, _ = known_detectors()[name]
    network = build(weights=None, weights_backbone=None)
    try:
        network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    except Exception as error:  # of many kinds, one for each way of not being a checkpoint
        raise ReproError(f"{file} holds no weights of {name} ({str(error)[:200]}): fetch it again.") from error
    network.to(device).eval()

    @torch.inference_mode()
    def detect(photographs: Sequence[np.ndarray]) -> list[np.ndarray]:
        boxes = []
        for photograph in photographs:  # of sizes of their own
            shown = torch.from_numpy(np.ascontiguousarray(photograph)).to(device).permute(2, 0, 1).float() / 255
            boxes.append(people_of(network([shown])[0]))
        return boxes

    return detect


def people_of(found: Mapping[str, torch.Tensor]) -> np.ndarray:
    """(P, 5) x, y, width, height, score of the people among a detector's ``boxes`` (two corners), ``labels`` and ``scores``."""
    boxes, scores, labels = (found[name].cpu().double().numpy() for name in ("boxes", "scores", "labels"))
    size = boxes[:, 2:] - boxes[:, :2]
    chosen = (labels == PERSON_LABEL) & (scores >= LEAST_SCORE) & (size > 0).all(1)
    return np.concatenate([boxes[chosen, :2], size[chosen], scores[chosen, None]], axis=1)
