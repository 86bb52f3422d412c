"""What people and things look like: skin, hair and clothes, their colours and patterns.

A material is a row of numbers: colour (3), second colour (3), wave numbers along and across, phase, hardness and strength
of the pattern between the two, grain. Colours are RGB in 0..1. Left and right limbs always share their materials.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

MATERIAL_FIELDS = 12
LOOKS = (
    "skin",
    "skin_dark",
    "hair",
    "brow",
    "eye",
    "iris",
    "lips",
    "hat",
    "top",
    "sleeve",
    "bottom",
    "leg",
    "skirt",
    "sock",
    "shoe",
)
LOOK = {name: i for i, name in enumerate(LOOKS)}
SKINS = np.array(
    [(243, 208, 182), (232, 190, 160), (222, 176, 142), (200, 150, 115), (176, 124, 88), (141, 95, 65), (104, 68, 46),
     (72, 47, 34)]
) / 255.0  # fmt: skip
SKIN_SHARES = np.cumsum([0.22, 0.22, 0.17, 0.12, 0.09, 0.07, 0.06, 0.05])
HAIRS = np.array(
    [(22, 17, 15), (38, 27, 21), (66, 44, 30), (98, 66, 40), (146, 106, 64), (196, 160, 104), (124, 58, 32), (150, 148, 146)]
) / 255.0  # fmt: skip
NEUTRALS = np.array(
    [(20, 20, 24), (235, 235, 232), (120, 122, 125), (36, 44, 70), (62, 84, 122), (150, 132, 104), (84, 74, 60), (200, 196, 184),
     (52, 54, 58), (94, 110, 140)]
) / 255.0  # fmt: skip
_EYE, _IRIS, _WHITE = np.array([0.9, 0.9, 0.88]), np.array([0.12, 0.09, 0.07]), np.array([0.9, 0.9, 0.9])
_LIPS = np.array([0.86, 0.58, 0.58])  # factor on the skin's colour


@dataclass(frozen=True)
class Outfit:
    """One person's clothes.

    Args:
        materials: (len(LOOKS), MATERIAL_FIELDS) float32.
        sleeve: covered share of the arm: 0 none, 1 to the elbow, 2 to the wrist.
        leg: covered share of the leg, counted likewise to the ankle.
        skirt: reach of a skirt, counted likewise; 0 for none.
        loose: how far clothes stand off the body, as a share of its radius.
        low: the top hangs over the hips.
        shoe: thickness of the shoes in heights; 0 for bare feet.
        sock: covered share of the shank from below.
        hair: style of the hair.
        hat: style of the hat.
    """

    materials: np.ndarray
    sleeve: float
    leg: float
    skirt: float
    loose: float
    low: bool
    shoe: float
    sock: float
    hair: str
    hat: str


def within(color: np.ndarray, low: float, high: float) -> np.ndarray:
    """A colour held between two levels; faster for three numbers than ``np.clip``."""
    return np.minimum(np.maximum(color, low), high)


def sample_color(rng: np.random.Generator, vivid: float = 0.5) -> np.ndarray:
    """(3,) a colour of cloth or paint: neutral, or with probability ``vivid`` of any hue."""
    if rng.random() < vivid:
        choice, hue, saturation, value = rng.random(4)
        if choice < 0.8:  # reds to yellows and blues are common, violets and turquoises rare
            hue = (0.98 + 0.17 * hue) % 1 if choice < 0.4 else 0.57 + 0.1 * hue if choice < 0.64 else 0.2 + 0.2 * hue
        return np.array(colorsys.hsv_to_rgb(hue, 0.25 + 0.6 * saturation, 0.25 + 0.7 * value))
    base = NEUTRALS[int(rng.integers(len(NEUTRALS)))]
    return within(base * np.exp(0.2 * rng.standard_normal()) + 0.03 * rng.standard_normal(3), 0.02, 0.98)


def material(
    color: np.ndarray, other: np.ndarray | None = None, waves: tuple[float, float] = (0, 0), phase: float = 0.0,
    hard: float = 1.0, strength: float = 1.0, grain: float = 0.06,
) -> tuple[float, ...]:  # fmt: skip
    """The MATERIAL_FIELDS numbers of a material: see the module."""
    first = color.tolist()  # numbers of Python make a table faster than those of NumPy
    second = first if other is None else other.tolist()
    return (*first, *second, *waves, phase, hard, 0.0 if other is None else strength, grain)


def sample_cloth(rng: np.random.Generator, color: np.ndarray, scale: float = 1.0) -> tuple[float, ...]:
    """A material of cloth: plain, striped, checked or spotted. Waves along count per height, across per half width."""
    kind = rng.random()
    grain = 0.04 + 0.10 * rng.random()
    if kind < 0.5:
        return material(color, grain=grain)
    other = sample_color(rng, 0.5)
    phase, wide = 6.28 * rng.random(), rng.random()
    if kind < 0.68:
        return material(color, other, ((20 + 110 * wide) * scale, 0), phase, 1 + 5 * rng.random(), 1, grain)
    if kind < 0.78:
        return material(color, other, (0, 2 + 5 * wide), phase, 1 + 5 * rng.random(), 1, grain)
    if kind < 0.88:
        return material(color, other, (8 + 22 * wide, 1.5 * rng.standard_normal()), phase, 8, 1, grain)
    return material(color, other, (60 * wide, 3 + 5 * wide), phase, 0.8, 0.5, 0.12 + 0.2 * rng.random())


def sample_outfit(
    rng: np.random.Generator, sporty: float, loose: float, female: bool, theme: np.ndarray | None
) -> Outfit:
    """Draw hair and clothes.

    Args:
        rng: the person's random numbers.
        sporty: probability of sports wear.
        loose: probability of loose clothes.
        female: shares of hair styles, skirts and leotards.
        theme: (3,) a colour of the background that the clothes take (camouflage), or None.
    """
    tone = min(int(SKIN_SHARES.searchsorted(rng.random())), len(SKINS) - 1)
    skin = within(SKINS[tone] * np.exp(0.07 * rng.standard_normal()) + 0.015 * rng.standard_normal(3), 0.05, 0.98)
    dark = tone > 3 or rng.random() < 0.3
    hair = HAIRS[int(rng.integers(3 if dark else len(HAIRS)))] * np.exp(0.2 * rng.standard_normal())
    top, bottom = sample_color(rng, 0.55), sample_color(rng, 0.3)
    if theme is not None:
        top, bottom = (within(theme * np.exp(0.15 * rng.standard_normal()), 0, 1) for _ in range(2))
    sport = rng.random() < sporty
    kind = rng.random()
    fit = 0.0 if rng.random() > loose else 0.12 + 0.4 * rng.random()
    sleeve, leg, skirt, sock = (
        (0.45 + 0.4 * rng.random() if rng.random() < 0.5 else 1.7 + 0.3 * rng.random()),
        2.0,
        0.0,
        0.0,
    )
    shoe, bare = 0.006, False
    if sport and kind < (0.55 if female else 0.25):  # leotard, bare legs and feet
        bottom, leg, fit, shoe = top, 0.0, 0.0, 0.0 if rng.random() < 0.75 else 0.005
        sleeve = 0.0 if rng.random() < 0.5 else 1.9
    elif sport:
        sleeve = (0.0, 0.5, 0.6, 1.9)[int(rng.integers(4))]
        leg = (0.45, 0.7, 0.9, 2.0)[int(rng.integers(4))]
        sock = 0.25 * rng.random() if rng.random() < 0.6 else 0.75
        bare = not female and rng.random() < 0.15
    elif kind < (0.28 if female else 0.0):
        skirt, leg = 0.5 + 1.2 * rng.random(), 0.0 if rng.random() < 0.6 else 2.0
        if rng.random() < 0.5:
            bottom, sleeve = top, 0.5 * float(rng.integers(2))
    elif kind < 0.45:
        leg = 0.5 + 0.45 * rng.random()
        shoe = 0.006 if rng.random() < 0.7 else 0.0
    style = _hair_style(rng, female, sport)
    hat = "none" if rng.random() < 0.85 else ("cap", "helmet")[int(rng.integers(2))]
    rows = _materials(rng, skin, hair, top, bottom, sport and leg == 0, bare)
    return Outfit(
        rows,
        0.0 if bare else sleeve,
        leg,
        skirt,
        fit,
        bool(fit > 0.1 or rng.random() < 0.5) and leg > 0,
        shoe,
        sock,
        style,
        hat,
    )


def _hair_style(rng: np.random.Generator, female: bool, sport: bool) -> str:
    styles = ("long", "tail", "bun", "short") if female else ("short", "short", "short", "bald", "long")
    if sport and female:
        styles = ("tail", "bun", "bun", "short", "long")
    return styles[int(rng.integers(len(styles)))]


def _materials(
    rng: np.random.Generator,
    skin: np.ndarray,
    hair: np.ndarray,
    top: np.ndarray,
    bottom: np.ndarray,
    one_piece: bool,
    bare: bool,
) -> np.ndarray:
    """(len(LOOKS), MATERIAL_FIELDS) the materials of one person."""
    cloth = sample_cloth(rng, top)
    trousers = cloth if one_piece else sample_cloth(rng, bottom) if rng.random() < 0.3 else material(bottom, grain=0.1)
    sleeves = cloth if rng.random() < 0.75 else material(sample_color(rng, 0.5), grain=0.08)
    shoes = sample_color(rng, 0.2)
    rows = {
        "skin": material(skin, grain=0.03),
        "skin_dark": material(skin * 0.78, grain=0.03),
        "hair": material(hair, hair * 1.5 + 0.03, (30, 9), 6.28 * rng.random(), 1, 0.5, 0.12),
        "brow": material(hair * 0.8, grain=0.0),
        "eye": material(_EYE, grain=0.0),
        "iris": material(_IRIS + 0.12 * rng.random(3) * (rng.random() < 0.3), grain=0.0),
        "lips": material(skin * _LIPS, grain=0.0),
        "hat": sample_cloth(rng, sample_color(rng, 0.6)),
        "top": material(skin, grain=0.04) if bare else cloth,
        "sleeve": sleeves,
        "bottom": trousers,
        "leg": trousers,
        "skirt": trousers,
        "sock": material(sample_color(rng, 0.2) if rng.random() < 0.5 else _WHITE, grain=0.04),
        "shoe": material(shoes, grain=0.06),
    }
    table = np.array([rows[name] for name in LOOKS], dtype=np.float32)
    table[:, :6] = np.minimum(np.maximum(table[:, :6], 0), 1)
    return table
