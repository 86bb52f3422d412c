"""What single-person images and scenes share: the drawn picture, its light, shadows, things and people."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from repro.data.drawn.labels import Labels, Placed
from repro.data.drawn.render import Canvas
from repro.data.drawn.things import sample_thing


@dataclass(frozen=True)
class Picture:
    """A drawn image: ``jpeg`` bytes, its ``labels``, and ``parts`` (H, W) uint8, the part of the labelled people at each px."""

    jpeg: bytes
    labels: Labels
    parts: np.ndarray


def sample_light(rng: np.random.Generator, outdoor: bool) -> tuple[np.ndarray, float]:
    """(3,) direction to the light, mostly from above and behind the camera, and the ambient share."""
    light = np.array([0.6 * rng.standard_normal(), -0.3 - rng.random(), -0.3 - 0.9 * rng.random()])
    return light / math.sqrt(light @ light), (0.35 if outdoor else 0.45) + 0.35 * rng.random()


def cast_shadow(rng: np.random.Generator, image: np.ndarray, extent: np.ndarray, scale: float, grounded: bool) -> None:
    """Darken the ground under a person: a soft spot that ties it to the ground."""
    height, width = image.shape[:2]
    middle = (extent[0] + extent[2]) / 2
    # Under someone in the air the spot lies up to half a height lower, and it is paler.
    low = extent[3] - 0.015 * scale + (0 if grounded else 0.5 * rng.random() * scale)
    wide, tall = 0.42 * (extent[2] - extent[0]) + 0.03 * scale, 0.035 * scale * (1 + rng.random())
    top, bottom = (int(min(max(y, 0), height)) for y in (low - 3 * tall, low + 3 * tall))  # beyond nothing is darker
    if bottom <= top:
        return
    dy = ((np.arange(top, bottom) - low) / tall)[:, None]
    dx = ((np.arange(width) - middle) / wide)[None]
    # The fourth power across: even under the body, then a soft end.
    dark = 1 - (0.2 + 0.4 * rng.random()) * (1.0 if grounded else 0.6) * np.exp(-(dx**4) - dy**2)
    dark = dark.astype(np.float32)
    image[top:bottom] = (image[top:bottom] * cv2.merge([dark, dark, dark])).astype(np.uint8)


def draw_things(
    rng: np.random.Generator, canvas: Canvas, count: int, box: np.ndarray, unit: float, theme: np.ndarray | None = None
) -> None:
    """Draw ``count`` things with their middle in ``box`` (4,) left, top, right, bottom; ``unit`` px is a person's height."""
    for _ in range(count):
        middle = box[:2] + (box[2:] - box[:2]) * rng.random(2)
        shapes, materials = sample_thing(rng, middle / unit, 0.25 + 0.5 * rng.random(), theme)
        canvas.draw(shapes, materials, unit, np.zeros(2), 0)


def draw_person(canvas: Canvas, person: Placed) -> Placed:
    """Draw a placed figure and return it."""
    figure = person.figure
    canvas.draw(figure.shapes, figure.materials[figure.look], person.scale, person.shift, person.owner)
    return person
