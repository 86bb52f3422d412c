"""Prediction on image files and videos, with results in COCO's format and drawn pictures in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from repro.api.boxes import Detector, boxes_of_file, detector_file, detector_folder, known_detectors, load_detector
from repro.api.pictures import draw_people, save_picture
from repro.api.sources import VideoFile, frames_of, opened_video
from repro.api.trained import TrainedRun
from repro.approaches.base import approach_of
from repro.data.photographs import read_photograph
from repro.errors import ReproError
from repro.support.sealed import write_json

BATCH = 16  # photographs in memory at once
WHOLE, DETECTOR = "whole", "detector"


@dataclass(frozen=True)
class Boxes:
    """Where the boxes of people come from.

    Args:
        about: what they are, in a few words, for people who read the output.
        of: gives the boxes of some photographs, whose names and pixels it is shown; None for none.
    """

    about: str
    of: Callable[[Sequence[str], Sequence[np.ndarray]], list[Any] | None]


def choose_boxes(run: TrainedRun, given: str, ids: dict[str, int]) -> Boxes:
    """The boxes that a run is to be given.

    Args:
        run: the run; a bottom-up one takes none.
        given: ``whole``, ``detector``, the name of one of torchvision's, the path of a file in COCO's result format, or empty:
            a detector for people with shoulders where its weights are there, else whole photographs.
        ids: image ids of photographs by their names.

    Raises:
        ReproError: for boxes that cannot be used.
    """
    if not approach_of(run.recipe).needs_boxes:
        if given:
            raise ReproError(f"BOXES is {given}, but the run finds people by itself in whole images: leave it out.")
        return Boxes("people are found in whole images", lambda names, images: None)
    if given == WHOLE:
        return Boxes("each photograph is one person", lambda names, images: None)
    if given in ("", DETECTOR, *known_detectors()):
        return _detected(run, given)
    own = boxes_of_file(Path(given), ids)
    return Boxes(f"boxes of {given}", lambda names, images: [own.get(name, np.zeros((0, 4))) for name in names])


def _detected(run: TrainedRun, given: str) -> Boxes:
    name = "" if given == DETECTOR else given
    found = detector_file(name) if given or "left_shoulder" in run.skeleton.keypoints else None
    if found is not None:
        detect: Detector = load_detector(*found, run.device)
        return Boxes(f"boxes of torchvision's {found[0]}", lambda names, images: list(detect(images)))
    if not given:
        people = "left_shoulder" in run.skeleton.keypoints
        why = "no detector's weights are here (`repro fetch detector-weights`)" if people else "these are no people"
        return Boxes(
            f"each photograph is one person, because no boxes were given and {why}", lambda names, images: None
        )
    files = " or ".join(file for known, (_, file) in known_detectors().items() if name in ("", known))
    raise ReproError(
        f"The weights of the detector are not here: put {files}, as torchvision publishes it, into {detector_folder()}, as by "
        f"`repro fetch detector-weights --root {detector_folder()}`, or give boxes in a file, or --boxes whole."
    )


def predict_files(
    run: TrainedRun,
    images: Sequence[Path],
    videos: Sequence[Path],
    boxes: Boxes,
    ids: dict[str, int],
    out: Path,
    least: float,
) -> list[Path]:
    """Predict on files and write what is found.

    Args:
        run: the run.
        images: image files.
        videos: video files.
        boxes: the source of boxes.
        ids: image ids of the images by name.
        out: the folder that takes ``results.json`` (COCO's result format), ``images.json`` (id, name and size of each image) and
            ``pictures/``, and of each video ``<name>.json`` and ``<name>.mp4``.
        least: keypoints with a lower score are not drawn.

    Returns:
        what was written; of pictures their folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    if images:
        (out / "pictures").mkdir(exist_ok=True)
        entries, about, stems = [], [], [path.stem for path in images]
        for path, photograph, found in _of_files(run, images, boxes):
            entries += found.to_coco(ids[path.name])
            size = {"width": photograph.shape[1], "height": photograph.shape[0]}
            about.append({"id": ids[path.name], "file_name": path.name, **size})
            name = path.stem if stems.count(path.stem) == 1 else path.name
            save_picture(out / "pictures" / f"{name}.jpg", draw_people(photograph, found, least=least))
        write_json(out / "results.json", entries)
        write_json(out / "images.json", about)
        written += [out / "results.json", out / "images.json", out / "pictures"]
    for video in videos:
        written += _of_video(run, video, boxes, out, least)
    return written


def _of_files(run: TrainedRun, images: Sequence[Path], boxes: Boxes) -> Iterator[tuple[Path, np.ndarray, Any]]:
    """Each file with its photograph and the people in it."""
    with tqdm(total=len(images), unit="image", disable=None) as bar:
        for start in range(0, len(images), BATCH):
            some = images[start : start + BATCH]
            photographs = [read_photograph(path) for path in some]
            found = run.predict(photographs, boxes.of([path.name for path in some], photographs))
            yield from zip(some, photographs, found, strict=True)
            bar.update(len(some))


def _of_video(run: TrainedRun, path: Path, boxes: Boxes, out: Path, least: float) -> list[Path]:
    """Predict on the frames of a video, numbered from 0, and draw it."""
    entries: list[dict[str, Any]] = []
    with opened_video(path) as video:
        rate, count = video.get(cv2.CAP_PROP_FPS) or 25.0, int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        drawn, number = VideoFile(out / f"{path.stem}.mp4", rate), 0
        if drawn.path.exists() and drawn.path.samefile(path):
            raise ReproError(f"{out} is the folder of the video {path}, which would be overwritten: name another one.")
        with tqdm(total=max(count, 0) or None, unit="frame", disable=None) as bar:
            for frames in frames_of(video):
                names = [f"{path.name}:{number + i}" for i in range(len(frames))]
                for frame, found in zip(frames, run.predict(frames, boxes.of(names, frames)), strict=True):
                    entries += found.to_coco(number)
                    drawn.write(draw_people(frame, found, least=least))
                    number += 1
                bar.update(len(frames))
        drawn.close()
    if not number:
        raise ReproError(f"The video {path} has no frame that OpenCV can read: give an MP4 with H.264, or images.")
    write_json(out / f"{path.stem}.json", entries)
    return [drawn.path, out / f"{path.stem}.json"]
