"""What is predicted on: image files, folders of them, and videos, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from repro import paths
from repro.data.coco_format import read_json
from repro.data.values import is_id
from repro.errors import ReproError

IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"}
FRAMES = 16  # of a video that are in memory at once


def split_sources(given: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """The image files and the videos that some paths name; of a folder the image files in it, by name.

    Raises:
        ReproError: for a path that is not there, a file of another kind, and a folder without images.
    """
    images: list[Path] = []
    videos: list[Path] = []
    for text in given:
        path = paths.user_path("IMAGES", text)
        if path.is_dir():
            own = sorted(
                file for file in path.iterdir() if file.suffix.lower() in IMAGES and not file.name.startswith(".")
            )
            if not own:
                raise ReproError(
                    f"The folder {path} holds no image: give one with files of {', '.join(sorted(IMAGES))}."
                )
            images += own
        elif not path.is_file():
            raise ReproError(f"{path} does not exist: give image files, folders of them, or videos.")
        elif path.suffix.lower() in VIDEOS:
            videos.append(path)
        elif path.suffix.lower() in IMAGES:
            images.append(path)
        else:
            kinds = ", ".join(sorted(IMAGES | VIDEOS))
            raise ReproError(f"{path} is neither an image nor a video by its name: give files of {kinds}.")
    for known in (images, videos):
        names = [path.name for path in known]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ReproError(
                f"Several files are called {twice}, and results go by names: predict on them one after the other."
            )
    return images, videos


def image_ids(images: Sequence[Path], annotations: Path | None) -> dict[str, int]:
    """The image id of each file by its name.

    Args:
        images: the files.
        annotations: an annotation file in COCO's format, whose ``images`` say it; None to take the number that is a file's name,
            as in ``000000000139.jpg``, where all have one, and 1, 2, 3 where not.

    Raises:
        ReproError: for a file that the annotations do not name.
    """
    names = [path.name for path in images]
    if annotations is None:
        numbers = [int(path.stem) if path.stem.isdecimal() and path.stem.isascii() else -1 for path in images]
        good = len(set(numbers)) == len(numbers) and all(0 <= number < 2**62 for number in numbers)
        return dict(zip(names, numbers if good else range(1, len(names) + 1), strict=True))
    data = read_json(annotations)
    entries = data.get("images") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        raise ReproError(f"{annotations} has no list 'images': give an annotation file in COCO's format.")
    own = [entry for entry in entries if isinstance(entry, dict) and is_id(entry.get("id"))]
    known = {Path(str(entry.get("file_name"))).name: int(entry["id"]) for entry in own}
    missing = [name for name in names if name not in known]
    if missing:
        raise ReproError(f"{annotations} names no image {missing[0]}: give the annotation file of these photographs.")
    return {name: known[name] for name in names}


@contextmanager
def opened_video(path: Path) -> Iterator[cv2.VideoCapture]:
    """A video, opened. Raises ReproError where it cannot be read."""
    video = cv2.VideoCapture(str(path))
    try:
        if not video.isOpened():
            raise ReproError(f"The video {path} cannot be read by OpenCV: give an MP4 with H.264, or images.")
        yield video
    finally:
        video.release()


def frames_of(video: cv2.VideoCapture) -> Iterator[list[np.ndarray]]:
    """The frames of a video, (H, W, 3) uint8 RGB each, FRAMES at a time."""
    while True:
        frames: list[np.ndarray] = []
        while len(frames) < FRAMES:
            good, frame = video.read()
            if not good:
                break
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        if frames:
            yield frames
        if len(frames) < FRAMES:
            return


class VideoFile:
    """An MP4 that frames of one size are written to.

    Args:
        path: the path that is written to.
        rate: frames a second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self.path, self.rate = path, rate
        self._writer: cv2.VideoWriter | None = None

    def write(self, frame: np.ndarray) -> None:
        """Add a frame, (H, W, 3) uint8 RGB. Raises ReproError where OpenCV cannot write videos."""
        if self._writer is None:
            size = (frame.shape[1], frame.shape[0])
            self._writer = cv2.VideoWriter(str(self.path), cv2.VideoWriter.fourcc(*"mp4v"), self.rate, size)
            if not self._writer.isOpened():
                raise ReproError(
                    f"OpenCV cannot write the video {self.path}: name a folder that can be written, in --out."
                )
        self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer.release()
