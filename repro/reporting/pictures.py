"""Pictures small enough to be kept: results and notebooks are committed."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

COLOURS = 256
SEEN = 1.5  # mean difference of 255 levels that few colours may make; curves and bars stay below 0.5


def with_few_colours(png: bytes) -> bytes:
    """A PNG with a palette in place of its colours, at about a quarter of the size.

    Args:
        png: the picture; what is transparent becomes white.

    Returns:
        the smaller PNG, or ``png`` itself where few colours would be seen, as on photographs, or save nothing.
    """
    picture = Image.open(BytesIO(png))
    if picture.mode == "P":
        return png
    full = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA")).convert("RGB")
    few = full.quantize(COLOURS, dither=Image.Dither.NONE)
    difference = np.abs(np.asarray(few.convert("RGB"), dtype=np.int16) - np.asarray(full, dtype=np.int16)).mean()
    saved = BytesIO()
    few.save(saved, "png", optimize=True)
    return saved.getvalue() if difference <= SEEN and saved.tell() < len(png) else png
