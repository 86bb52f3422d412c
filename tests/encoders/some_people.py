"""Hand-placed people that tests of bottom-up encoders and losses share."""

from __future__ import annotations

import torch

from repro.encoders.people_batch import PeopleBatch
from repro.skeletons.skeleton import Skeleton

SIZE = (40, 32)
THREE = Skeleton(name="three", keypoints=("a", "b", "c"), sigmas=(0.025, 0.062, 0.107), links=(), upper_body=())


def people_of(
    *images: list[list[tuple[float, float] | None]],
    areas: list[list[float]] | None = None,
    boxes: list[list[tuple[float, float, float, float]]] | None = None,
    size: tuple[int, int] = SIZE,
) -> PeopleBatch:
    """Images of people of keypoints (x, y) in map px, None where unlabelled. Missing people are filled with nan.

    Areas are 6400 px^2 (80 x 80 of the input) and boxes 20 x 20 map px at the corner unless given.
    """
    batch, most = len(images), max(1, *(len(image) for image in images))
    keypoints = next(len(person) for image in images for person in image)
    points = torch.full((batch, most, keypoints, 2), float("nan"))
    labelled = torch.zeros(batch, most, keypoints)
    present = torch.zeros(batch, most, dtype=torch.bool)
    area, box = torch.full((batch, most), 6400.0), torch.tensor([0.0, 0.0, 20.0, 20.0]).repeat(batch, most, 1)
    for b, image in enumerate(images):
        for p, person in enumerate(image):
            present[b, p] = True
            for k, place in enumerate(person):
                if place is not None:
                    points[b, p, k], labelled[b, p, k] = torch.tensor(place), 1
            if areas is not None:
                area[b, p] = areas[b][p]
            if boxes is not None:
                box[b, p] = torch.tensor(boxes[b][p])
    mask = torch.ones(batch, size[1], size[0])
    return PeopleBatch(
        points=points, labelled=labelled, areas=area, segment_areas=area, boxes=box, present=present, mask=mask
    )


def random_people(batch: int, people: int, keypoints: int, seed: int, size: tuple[int, int] = SIZE) -> PeopleBatch:
    """People all over and around the map, some absent, some keypoints unlabelled."""
    generator = torch.Generator().manual_seed(seed)
    rand = lambda *shape: torch.rand(*shape, generator=generator)  # noqa: E731
    points = rand(batch, people, keypoints, 2) * (torch.tensor(size) + 8.0) - 4
    areas = 500 + 9000 * rand(batch, people)
    return PeopleBatch(
        points=points,
        labelled=(rand(batch, people, keypoints) > 0.2).float(),
        areas=areas,
        segment_areas=areas,
        boxes=torch.cat([rand(batch, people, 2) * 20, 2 + rand(batch, people, 2) * 20], -1),
        present=rand(batch, people) > 0.2,
        mask=(rand(batch, size[1], size[0]) > 0.1).float(),
    )
