"""What a camera does to a picture: blur, exposure, colour cast, noise and JPEG compression."""

from __future__ import annotations

import cv2
import numpy as np

from repro.data.drawn.backgrounds import TILE, noise_tiles
from repro.data.drawn.settings import PeopleSettings
from repro.errors import ReproError

_COLOR, _GRAY = np.eye(3), np.array([0.3, 0.59, 0.11])
_LEVELS = np.linspace(0, 1, 256)


def blur_backdrop(rng: np.random.Generator, image: np.ndarray, probability: float, unit: float) -> np.ndarray:
    """Out-of-focus background: a Gaussian of up to 3 % of ``unit`` px, with the given probability."""
    if rng.random() >= probability:
        return image
    return cv2.GaussianBlur(image, (0, 0), 0.3 + 0.03 * unit * rng.random())


def expose(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Change saturation, gamma, contrast and colour cast of (H, W, 3) uint8; rarely turn it grey."""
    # One matrix for saturation, and one table a channel for all that depends on the level alone: two passes over the picture.
    fade = 1.0 if rng.random() < 0.05 else 0.1 + 0.5 * rng.random()
    image = cv2.transform(image, (1 - fade) * _COLOR + fade * _GRAY)
    gamma = np.exp(0.2 * rng.standard_normal())
    # Gain and lift have a part that all channels share, contrast and brightness, and a smaller one of each, the colour cast.
    gain = 1.2 + 0.2 * rng.standard_normal() + 0.06 * rng.standard_normal(3)
    lift = 8 + 14 * rng.standard_normal() + 5 * rng.standard_normal(3)
    level = _LEVELS**gamma
    table = (level - 0.5) * 255 * gain[:, None] + 127.5 + lift[:, None]
    table = np.minimum(np.maximum(table, 0), 255).astype(np.uint8)
    return cv2.LUT(image, np.ascontiguousarray(table.T)[None])


def soften(rng: np.random.Generator, image: np.ndarray, probability: float, unit: float) -> np.ndarray:
    """Blur the whole picture: by the lens always a little, sometimes more, sometimes along a line as a moving camera."""
    if rng.random() < probability:
        image = cv2.GaussianBlur(image, (0, 0), 0.35 + 0.012 * unit * rng.random())
    if rng.random() < 0.4 * probability:
        length = max(2, int(0.05 * unit * rng.random()))
        angle = np.pi * rng.random()
        # The path of a point of light while the shutter is open: a line of ``length`` px through the middle of the kernel.
        kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
        reach = 0.5 * length * np.array([np.cos(angle), np.sin(angle)])
        ends = [tuple(int(v) for v in np.round((length + s * reach) * 16)) for s in (-1, 1)]
        cv2.line(kernel, *ends, 1.0, 1, cv2.LINE_8, 4)
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    return image


def add_noise(rng: np.random.Generator, image: np.ndarray, probability: float) -> np.ndarray:
    """Sensor noise: a window of the noise tiles, between white and coarse, of spread 1 to 9 grey levels."""
    if rng.random() >= probability:
        return image
    height, width = image.shape[:2]
    spread = 1 + 8 * rng.random() ** 2
    tile = noise_tiles()[0]
    y, x, turn = (int(rng.integers(TILE)) for _ in range(3))
    gray, tint = (_window(tile[i], y, x, height, width) for i in (turn % 2, 1 - turn % 2))
    # Noise of brightness is stronger than that of colour, which is one field: added to red, taken from blue.
    gray, tint = gray * spread, tint * (0.5 * spread)
    return cv2.add(image, cv2.merge([gray + tint, gray, gray - tint]), dtype=cv2.CV_8U)


def _window(tile: np.ndarray, y: int, x: int, height: int, width: int) -> np.ndarray:
    """(height, width) of a periodic tile from (y, x) on."""
    if height <= TILE and width <= TILE:
        return tile[y : y + height, x : x + width]
    return tile[np.arange(y, y + height)[:, None] % TILE, np.arange(x, x + width)[None] % TILE]


def photograph(rng: np.random.Generator, image: np.ndarray, settings: PeopleSettings, unit: float) -> bytes:
    """Everything between the scene and the file: (H, W, 3) uint8 RGB to the bytes of a JPEG."""
    image = soften(rng, expose(rng, image), settings.blur, unit)
    image = add_noise(rng, image, settings.noise)
    low, high = settings.jpeg_quality
    return encode_jpeg(image, int(rng.integers(low, high + 1)))


def encode_jpeg(image: np.ndarray, quality: int) -> bytes:
    """(H, W, 3) uint8 RGB to JPEG bytes. Raises ReproError when OpenCV cannot."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ReproError(f"An image of shape {image.shape} could not be written as JPEG: give (H, W, 3) uint8.")
    return data.tobytes()


def decode_jpeg(data: bytes | np.ndarray) -> np.ndarray:
    """JPEG bytes to (H, W, 3) uint8 RGB. Raises ReproError when they are damaged."""
    image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ReproError(
            f"{len(data)} bytes that should be a JPEG cannot be decoded: delete the cache, it will be drawn again."
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
