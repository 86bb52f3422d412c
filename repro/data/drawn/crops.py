"""Images of one labelled person with its surroundings, as top-down methods cut them out.

The image is ``MARGIN`` times as large as the network's input each way, and the person is drawn so that its box, padded by
1.25 and widened to the input's aspect as ``repro.geometry.box_to_center_scale`` does, is about as large as the input:
augmentation by rotation and scale finds real surroundings, and cropping neither enlarges nor shrinks the picture much.

In close-ups the border of the picture cuts the person across the body, so that face and hands are drawn larger. They are of
people who face the camera rather than not.
"""

from __future__ import annotations

import numpy as np

from repro.data.drawn.backgrounds import Backdrop, grain_tile, sample_backdrop
from repro.data.drawn.effects import blur_backdrop, photograph
from repro.data.drawn.labels import Placed, read_labels
from repro.data.drawn.people import HANDS, POINT, Figure, sample_camera, sample_figure
from repro.data.drawn.render import Canvas
from repro.data.drawn.settings import PeopleSettings, stream
from repro.data.drawn.staging import Picture, cast_shadow, draw_person, draw_things, sample_light

MARGIN = 1.5
PADDING = 1.25
LEAST_SEEN = 0.35  # share of the person that things and people before it may leave
CLOSER = 2.0  # how much larger than whole ones people in close-ups are drawn, about
FACING = 2  # times that another person is drawn for a close-up where the one before looks away
LEAST_TRUNK = 0.12  # heights from shoulders to hips that a close-up has to see; others are drawn whole
_HAND_POINTS = np.array([POINT[name] for name in HANDS]).reshape(2, -1)


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
    close = settings.close_up > 0 and bool(rng.random() < settings.close_up)  # without close-ups nothing is drawn here
    camera = sample_camera(rng, settings)
    figure = sample_figure(rng, settings, unit * CLOSER if close else unit, camera)
    for _ in range(FACING if close else 0):
        if figure.turned_away[POINT["nose"]]:
            figure = sample_figure(rng, settings, unit * CLOSER, camera)
    scale, shift = _place(rng, settings, figure, size, image_size, close)
    main = Placed(figure, scale, shift, 1)
    extent = main.extent()
    horizon = extent[3] - scale * (0.02 + 0.9 * rng.random()) if figure.grounded else image_size[1] * 1.6 * rng.random()
    backdrop = sample_backdrop(rng, image_size, settings.clutter, scale, horizon)
    if rng.random() < settings.camouflage:  # the clothes take a colour of the background
        figure.materials[8:13, :3] = np.clip(backdrop.theme * np.exp(0.1 * rng.standard_normal()), 0, 1)
    picture = blur_backdrop(rng, backdrop.image, 1.6 * settings.blur, scale)
    cast_shadow(rng, picture, extent, scale, figure.grounded)
    canvas = Canvas(image_size)
    people = _draw_all(rng, settings, canvas, main, backdrop, camera, extent)
    light, ambient = sample_light(rng, backdrop.outdoor)
    image = canvas.paint(picture, light, ambient, grain_tile())
    jpeg = photograph(rng, image, settings, unit if close else scale)
    return Picture(jpeg, *read_labels(canvas, people, rng, settings.unlabelled))


def _place(
    rng: np.random.Generator,
    settings: PeopleSettings,
    figure: Figure,
    size: tuple[int, int],
    image: tuple[int, int],
    close: bool,
) -> tuple[float, np.ndarray]:
    """Scale and shift that fit the person's box, perhaps cut by a border of the image, to the network's input."""
    extent, edge = _close_up(rng, figure) if close else _truncated(rng, settings, figure)
    width, height = extent[2] - extent[0], extent[3] - extent[1]
    scale = size[0] / (PADDING * max(width, height * size[0] / size[1])) * np.exp(0.05 * rng.standard_normal())
    middle = (extent[:2] + extent[2:]) / 2
    shift = (np.array(image) - 1) / 2 - middle * scale + 0.03 * np.array(size) * rng.standard_normal(2)
    if edge is not None:
        border = -0.5 if edge < 2 else image[edge % 2] - 0.5
        shift[edge % 2] = border - extent[edge] * scale
    return float(scale), shift


def _truncated(rng: np.random.Generator, settings: PeopleSettings, figure: Figure) -> tuple[np.ndarray, int | None]:
    """(4,) extent of what is in the picture, and which side of it the border cuts: 0 left, 1 top, 2 right, 3 bottom."""
    extent = figure.extent.copy()
    if rng.random() >= settings.truncation:
        return extent, None
    span = extent[[2, 3]] - extent[[0, 1]]
    sides = (3, 3, 3, 1) if span[1] > span[0] else (0, 2, 0, 3)  # the long way, most often the bottom
    edge = sides[int(rng.integers(4))]
    cut = span[edge % 2] * (0.08 + 0.42 * rng.random())
    extent[edge] += cut if edge < 2 else -cut
    return extent, edge


def _close_up(rng: np.random.Generator, figure: Figure) -> tuple[np.ndarray, int | None]:
    """As ``_truncated``, with the border across the body between chest and hips, wherever head and legs point.

    In one picture of four the cut moves towards the knees as far as the nearer hand asks for, in another as far as both do.
    """
    places = {name: _middle_of(figure, name) for name in ("shoulder", "hip", "knee")}
    trunk = places["hip"] - places["shoulder"]
    axis = int(np.argmax(np.abs(trunk)))
    way = 1.0 if trunk[axis] > 0 else -1.0  # along which the legs lie
    level = way * places["shoulder"][axis] + abs(trunk[axis]) * (0.15 + 0.75 * rng.random())
    hands = np.sort((way * figure.points[_HAND_POINTS, axis]).max(1)) + 0.01
    wanted = (level, level, hands[0], hands[1])[int(rng.integers(4))]
    level = max(level, min(wanted, way * places["knee"][axis]))
    if abs(trunk[axis]) < LEAST_TRUNK:
        return figure.extent.copy(), None
    corners = np.concatenate(figure.shapes.polygons)
    kept = corners[way * corners[:, axis] <= level]
    extent = np.concatenate([kept.min(0), kept.max(0)])
    edge = axis + 2 if way > 0 else axis
    if way * extent[edge] >= way * figure.extent[edge]:  # no part of the body lies beyond
        return extent, None
    extent[edge] = way * level
    return extent, edge


def _middle_of(figure: Figure, joint: str) -> np.ndarray:
    """(2,) middle between the left and the right one of a joint."""
    return (figure.points[POINT[f"left_{joint}"]] + figure.points[POINT[f"right_{joint}"]]) / 2


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
