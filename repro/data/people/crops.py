"""Images of one labelled person with its surroundings, as top-down methods cut them out.

The image is ``MARGIN`` times as large as the network's input each way, and the person is drawn so that its box, padded by
1.25 and widened to the input's aspect as ``repro.geometry.box_to_center_scale`` does, is about as large as the input:
augmentation by rotation and scale finds real surroundings, and cropping neither enlarges nor shrinks the picture much.
"""

from __future__ import annotations

import numpy as np

from repro.data.people.backgrounds import Backdrop, noise_tiles, sample_backdrop
from repro.data.people.effects import blur_backdrop, photograph
from repro.data.people.labels import Placed, read_labels
from repro.data.people.people import Figure, sample_camera, sample_figure
from repro.data.people.render import Canvas
from repro.data.people.settings import PeopleSettings, stream
from repro.data.people.staging import Picture, cast_shadow, draw_person, draw_things, sample_light

MARGIN = 1.5
PADDING = 1.25
LEAST_SEEN = 0.35  # share of the person that things and people before it may leave


def crop_image_size(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of the drawn image for a network input of ``size``."""
    return round(MARGIN * size[0]), round(MARGIN * size[1])


def draw_crop(settings: PeopleSettings, split: str, index: int, size: tuple[int, int]) -> Picture:
    """Draw image ``index`` of a split.

    Args:
        settings: difficulty.
        split: ``train``, ``val`` or ``test``.
        index: not negative; images are independent of each other.
        size: (width, height) of the network's input.
    """
    rng = stream(settings, split, index, "crop")
    image_size = crop_image_size(size)
    unit = size[1] / PADDING
    camera = sample_camera(rng, settings)
    figure = sample_figure(rng, settings, unit, camera)
    scale, shift = _place(rng, settings, figure, size, image_size)
    extent = figure.extent * scale + np.tile(shift, 2)
    horizon = extent[3] - scale * (0.02 + 0.9 * rng.random()) if figure.grounded else image_size[1] * 1.6 * rng.random()
    backdrop = sample_backdrop(rng, image_size, settings.clutter, scale, horizon)
    if rng.random() < settings.camouflage:  # the clothes take a colour of the background
        figure.materials[8:13, :3] = np.clip(backdrop.theme * np.exp(0.1 * rng.standard_normal()), 0, 1)
    picture = blur_backdrop(rng, backdrop.image, 1.6 * settings.blur, scale)
    cast_shadow(rng, picture, extent, scale, figure.grounded)
    canvas = Canvas(image_size)
    people = _draw_all(rng, settings, canvas, Placed(figure, scale, shift, 1), backdrop, camera, extent)
    light, ambient = sample_light(rng, backdrop.outdoor)
    image = canvas.paint(picture, light, ambient, noise_tiles()[1, 0])
    jpeg = photograph(rng, image, settings, scale)
    return Picture(jpeg, *read_labels(canvas, people, rng, settings.unlabelled))


def _place(
    rng: np.random.Generator, settings: PeopleSettings, figure: Figure, size: tuple[int, int], image: tuple[int, int]
) -> tuple[float, np.ndarray]:
    """Scale and shift that fit the person's box, perhaps cut by a border of the image, to the network's input."""
    extent = figure.extent.copy()
    edge = None
    if rng.random() < settings.truncation:
        span = extent[[2, 3]] - extent[[0, 1]]
        sides = (3, 3, 3, 1) if span[1] > span[0] else (0, 2, 0, 3)  # the long way, most often the bottom
        edge = sides[int(rng.integers(4))]
        cut = span[edge % 2] * (0.08 + 0.42 * rng.random())
        extent[edge] += cut if edge < 2 else -cut
    width, height = extent[2] - extent[0], extent[3] - extent[1]
    scale = size[0] / (PADDING * max(width, height * size[0] / size[1])) * np.exp(0.05 * rng.standard_normal())
    middle = (extent[:2] + extent[2:]) / 2
    shift = (np.array(image) - 1) / 2 - middle * scale + 0.03 * np.array(size) * rng.standard_normal(2)
    if edge is not None:
        border = -0.5 if edge < 2 else image[edge % 2] - 0.5
        shift[edge % 2] = border - extent[edge] * scale
    return float(scale), shift


def _draw_all(
    rng: np.random.Generator, settings: PeopleSettings, canvas: Canvas, main: Placed, backdrop: Backdrop, camera: np.ndarray,
    extent: np.ndarray,
) -> list[Placed]:  # fmt: skip
    """Things and people behind, the person, things and people before it; returns the labelled people."""
    width, height = canvas.size
    ground = np.array([0, min(max(backdrop.horizon - 0.3 * main.scale, 0.2 * height), 0.9 * height), width, height])
    draw_things(rng, canvas, int(rng.poisson(0.8 * settings.clutter)), ground, main.scale)
    if main.figure.grounded and rng.random() < 0.15:  # a box or beam that the person stands on
        under = np.array([extent[0], extent[3] + 0.1 * main.scale, extent[2], extent[3] + 0.3 * main.scale])
        draw_things(rng, canvas, 1, under, main.scale)
    count = 1 + int(rng.poisson(0.35)) if rng.random() < settings.neighbours else 0
    others = [_neighbour(rng, settings, main, camera, extent, backdrop) for _ in range(count)]
    for i, (other, before) in enumerate(others):
        if not before:
            draw_person(canvas, Placed(other.figure, other.scale, other.shift, i + 2))
    draw_person(canvas, main)
    occluders = 1 + int(rng.poisson(0.4)) if rng.random() < settings.occluders else 0
    if not occluders and not any(before for _, before in others):
        return [main]
    window = main.map_window(canvas.size)
    seen = np.count_nonzero(canvas.covered(1, window))
    kept = canvas.numbers.copy()
    for i, (other, before) in enumerate(others):
        if before:
            draw_person(canvas, Placed(other.figure, other.scale, other.shift, i + 2))
    draw_things(rng, canvas, occluders, extent, main.scale)
    if np.count_nonzero(canvas.covered(1, window)) < LEAST_SEEN * seen:
        canvas.numbers = kept
    return [main]


def _neighbour(
    rng: np.random.Generator,
    settings: PeopleSettings,
    main: Placed,
    camera: np.ndarray,
    extent: np.ndarray,
    backdrop: Backdrop,
) -> tuple[Placed, bool]:
    """Another person beside the main one, and whether it stands before it: nearer people are larger and lower."""
    before = bool(rng.random() < 0.3)
    factor = np.exp(0.12 * rng.standard_normal() + (0.12 if before else -0.9 * rng.random() ** 1.5))
    scale = main.scale * factor
    theme = backdrop.theme if rng.random() < settings.camouflage else None
    figure = sample_figure(rng, settings, scale, camera, theme, settings.sport * 0.5)
    box = figure.extent * scale
    wide = (extent[2] - extent[0] + box[2] - box[0]) / 2
    away = wide * (0.35 + 0.9 * rng.random()) * (1 if rng.random() < 0.5 else -1)
    middle = (extent[0] + extent[2]) / 2 + away
    low = extent[3] + main.scale * (0.35 * (factor - 1) + 0.05 * rng.standard_normal())
    shift = np.array([middle - (box[0] + box[2]) / 2, low - box[3]])
    return Placed(figure, float(scale), shift, 0), before
