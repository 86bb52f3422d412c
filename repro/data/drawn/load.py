"""The data set ``people`` as the rest of the package reads it: persons for top-down, scenes for bottom-up methods."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np

from repro.data.drawn.cache import DrawnImages, PictureSet, open_pictures
from repro.data.drawn.crops import crop_image_size, draw_crop
from repro.data.drawn.formats import SKELETONS, annotation_dicts, skeleton_labels
from repro.data.drawn.labels import label_noise
from repro.data.drawn.scenes import crowd_index, draw_scene
from repro.data.drawn.settings import SPLITS, PeopleSettings, Split, stream
from repro.data.images import ImageSet, joined_regions, people_columns
from repro.data.person_sizes import HEAD_BOX_FACTOR
from repro.data.persons import PersonSet
from repro.errors import ReproError, choice_error
from repro.skeletons.skeleton import Skeleton


@dataclass(frozen=True)
class SceneSet:
    """Scenes with all their people.

    Args:
        skeleton: the skeleton of the keypoints.
        images: an image source; ``images.parts(index)`` gives the body parts.
        annotations: COCO-format annotations of all people, ordered by image; image ids count from 1.
        crowd_indices: (M,) float64 CrowdPose's crowd index of each image.
    """

    skeleton: Skeleton
    images: DrawnImages
    annotations: tuple[dict[str, Any], ...]
    crowd_indices: np.ndarray

    def __len__(self) -> int:
        return len(self.images.ids)

    def of_image(self, index: int) -> list[dict[str, Any]]:
        """The annotations of the image at position ``index``."""
        return [a for a in self.annotations if a["image_id"] == self.images.ids[index]]


def _checked(split: str, skeleton_name: str, limit: int, size: tuple[int, int]) -> Skeleton:
    """The skeleton of that name. Raises ReproError for anything that cannot be drawn."""
    if split not in SPLITS:
        raise choice_error("split of people", split, SPLITS)
    if skeleton_name not in SKELETONS:
        raise choice_error("skeleton of people", skeleton_name, SKELETONS)
    if limit < 1:
        raise ReproError(
            f"The number of images to draw is {limit}: people is endless, give how many you want, 1 or more."
        )
    if len(size) != 2 or min(size) < 16:
        raise ReproError(f"The size of the images to draw is {size}: give (width, height) in px, at least 16 each.")
    return SKELETONS[skeleton_name]


def load_people(
    split: str,
    skeleton_name: str = "coco17",
    *,
    limit: int,
    size: tuple[int, int],
    settings: PeopleSettings | None = None,
) -> PersonSet:
    """Single-person images, drawn once and read from the cache.

    Each image shows one labelled person with its surroundings and is 1.5 times as large as ``size`` each way. The person is
    drawn so that its box, padded by 1.25 and widened to the aspect of ``size``, is about as large as ``size``: the crop of
    ``geometry.crop_matrices`` then hardly changes the scale, and up to about 1.5 times that crop (rotation and scale
    augmentation) still falls on the picture. Where the border of the "photograph" cuts a person, the image ends there.

    Keypoints of the training split carry the label noise of the settings; those of the others are exact. Areas are those
    of the drawn masks (0.53 x the box for ``crowdpose14``, as CrowdPose does). Head sizes are 0.6 x the diagonal of
    the head box.

    Args:
        split: ``train``, ``val`` or ``test``; their images never coincide.
        skeleton_name: ``coco17``, ``mpii16``, ``crowdpose14``, ``lspet14`` or ``wholebody133``; all share one cache.
        limit: number of images. The first images of a larger set are those of a smaller one.
        size: (width, height) of the network's input in px.
        settings: difficulty; None for the defaults.

    Returns:
        The persons; ``images`` is a ``DrawnImages``, whose ``parts(index)`` are the body parts for segmentation.

    Raises:
        ReproError: for an unknown split or skeleton, a limit below 1, or a cache that cannot be written.
    """
    skeleton, settings = _checked(split, skeleton_name, limit, size), settings or PeopleSettings()
    size, part = (size[0], size[1]), cast(Split, split)
    pictures = PictureSet("crop", part, limit, size, settings)
    images, labels, image_index = open_pictures(
        pictures, partial(draw_crop, settings, part, size=size), crop_image_size(size)
    )
    points, visibility = skeleton_labels(labels, skeleton)
    points = _noisy(points, labels.areas, image_index, skeleton, settings, split, "crop_noise")
    annotations = annotation_dicts(skeleton, points, visibility, labels, images.ids[image_index], crop_image_size(size))
    return PersonSet(
        skeleton=skeleton,
        images=images,
        image_index=image_index,
        person_ids=np.array([a["id"] for a in annotations], dtype=np.int64),
        keypoints=points,
        visibility=visibility,
        boxes=labels.boxes.astype(np.float64),
        areas=np.array([a["area"] for a in annotations], dtype=np.float64),
        scores=np.ones(len(points)),
        head_sizes=HEAD_BOX_FACTOR * np.hypot(*labels.head_boxes[:, 2:].astype(np.float64).T),
        annotations=annotations,
    )


def load_scenes(
    split: str,
    skeleton_name: str = "coco17",
    *,
    limit: int,
    size: tuple[int, int] = (512, 512),
    settings: PeopleSettings | None = None,
) -> SceneSet:
    """Scenes of several people, drawn once and read from the cache; arguments and errors as in ``load_people``.

    ``size`` is that of the images; the people's heights in the settings are those in a scene of 512 px and shrink with it.
    """
    skeleton, settings = _checked(split, skeleton_name, limit, size), settings or PeopleSettings()
    size, part = (size[0], size[1]), cast(Split, split)
    pictures = PictureSet("scene", part, limit, size, settings)
    images, labels, image_index = open_pictures(
        pictures, partial(draw_scene, settings, part, size=size), size
    )
    points, visibility = skeleton_labels(labels, skeleton)
    points = _noisy(points, labels.areas, image_index, skeleton, settings, split, "scene_noise")
    annotations = annotation_dicts(skeleton, points, visibility, labels, images.ids[image_index], size)
    boxes = labels.boxes.astype(np.float64)
    of_image = [np.flatnonzero(image_index == i) for i in range(limit)]
    crowd = np.array([crowd_index(points[n], visibility[n] > 0, boxes[n]) for n in of_image])
    return SceneSet(skeleton, images, annotations, crowd)


def from_scenes(scenes: SceneSet) -> ImageSet:
    """Drawn scenes; the loss must not look at the masks of people who have no labelled keypoint."""
    ids, sizes = scenes.images.ids, scenes.images.sizes
    annotations = [{k: v for k, v in a.items() if k != "segmentation"} for a in scenes.annotations]
    unlabelled = [a for a in scenes.annotations if not any(a["keypoints"][2::3])]
    place = {identity: n for n, identity in enumerate(ids.tolist())}
    position = np.array([place[a["image_id"]] for a in annotations], dtype=np.int64)
    regions = [(place[a["image_id"]], a["segmentation"]) for a in unlabelled if a.get("segmentation")]
    return ImageSet(
        skeleton=scenes.skeleton,
        images=scenes.images,
        crowd_indices=scenes.crowd_indices,
        ignored=joined_regions(regions, sizes),
        **people_columns(annotations, position, scenes.skeleton),
    )


def _noisy(
    points: np.ndarray, areas: np.ndarray, image_index: np.ndarray, skeleton: Skeleton, settings: PeopleSettings, split: str,
    kind: str,
) -> np.ndarray:  # fmt: skip
    """(N, K, 2) keypoints with the label noise of the training split, drawn image by image."""
    if split != "train" or settings.label_noise == 0:
        return points
    out = points.copy()
    starts = np.flatnonzero(np.diff(image_index, prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(image_index)], strict=True):
        rng = stream(settings, split, int(image_index[start]), kind)
        out[start:stop] = label_noise(
            rng, points[start:stop], skeleton.sigma_array, areas[start:stop], settings.label_noise
        )
    return out
