"""The printed training details of every row, compared with the recipe that it is run with at paper scale.

``papers/<key>/printed.toml`` holds blocks; a later one overrides an earlier one field by field::

    [[details]]
    tables = [1, 2]                   # of the paper; all when left out
    rows = ["hrnet-*"]                # patterns of rows; all when left out
    source = "section 4.1"            # where the values stand
    printed = {learning_rate = 1e-3}  # what the paper prints
    taken = {batch = 128}             # what it leaves open, from ``source``

    [[differs]]
    tables, rows                      # as above
    field = "rotation"
    ours = 90                         # the recipe's value
    why = "..."                       # in one sentence

    [[stated]]
    tables, rows
    text = "..."                      # a difference that is no field

The fields are those of ``details_of``. ``deviations`` compares; a test demands that each difference is stated, and that no
statement is left over.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from repro.data.augment import Augmentation
from repro.encoders.offsets import OffsetField
from repro.errors import ReproError
from repro.grouping.tags import TagGrouper
from repro.papers import PAPERS
from repro.recipe import Evaluation, Recipe

KEYS = {
    "details": {"tables", "rows", "source", "printed", "taken"},
    "differs": {"tables", "rows", "field", "ours", "why"},
    "stated": {"tables", "rows", "text"},
}


@dataclass(frozen=True)
class Printed:
    """A value as the paper prints it, or as it was taken from elsewhere.

    Args:
        value: the value of the field.
        source: the place that it stands in.
        taken: whether the paper leaves it open.
    """

    value: Any
    source: str
    taken: bool


@dataclass(frozen=True)
class Deviation:
    """A field of a row's recipe that is not as printed.

    Args:
        row: slug of the row.
        field: the field, see ``details_of``.
        printed: the value to be.
        ours: the recipe's.
        why: the reason; '' where none is stated.
    """

    row: str
    field: str
    printed: Printed
    ours: Any
    why: str


def details_of(recipe: Recipe) -> dict[str, Any]:
    """The details of a recipe at paper scale that papers print, as TOML values; ``"none"`` where there is nothing.

    ``drops`` are epochs; ``rotation`` is the largest in degrees and ``rotated`` the share of samples; ``scale`` lowest and
    highest, ``translation`` the largest as a share of the crop; ``mirror`` and ``half_body`` are probabilities; ``input`` is
    (width, height); ``sigma`` is that of keypoints in px of the heatmap; ``start`` is ``imagenet`` for backbones whose weights
    START takes.
    """
    optimisation = recipe.optimisation
    return {
        "optimiser": "Adam",
        "learning_rate": optimisation.learning_rate,
        "drops": [round(share * optimisation.epochs) for share in optimisation.steps],
        "epochs": optimisation.epochs,
        "second_stage": recipe.second_stage.epochs if recipe.second_stage else 0,
        "batch": optimisation.batch,
        "warm_up": optimisation.warm_up,
        "weight_decay": optimisation.weight_decay,
        **_augmentation_details(recipe),
        "input": list(recipe.input.size),
        "sigma": _sigma(recipe),
        **_protocol_details(recipe),
        "start": "random" if recipe.method.network.backbone.warm_name is None else "imagenet",
    }


def _protocol_details(recipe: Recipe) -> dict[str, Any]:
    one = recipe.evaluation
    if isinstance(one, Evaluation):
        boxes = one.boxes if one.boxes == "truth" else "detector"
        return {"boxes": boxes, "flip_test": one.flip, "scales": [1.0], "several_scales": "none", "split": "val"}
    several = len(one.scales) > 1
    return {
        "boxes": "none",
        "flip_test": one.flip,
        "scales": list(one.scales),
        "several_scales": _several_scales(recipe) if several else "none",
        "split": one.split,
    }


def _several_scales(recipe: Recipe) -> str:
    """How several scales are combined; tags are averaged whatever the protocol says."""
    return "averaged" if isinstance(recipe.method.grouper, TagGrouper) else recipe.scene_evaluation.reading


def _augmentation_details(recipe: Recipe) -> dict[str, Any]:
    one = recipe.augmentation
    if isinstance(one, Augmentation):
        return {
            "rotation": 2 * one.rotation,
            "rotated": one.rotation_probability,
            "scale": [round(1 - one.scale, 6), round(1 + one.scale, 6)],
            "translation": 0.0,
            "mirror": one.mirror,
            "half_body": one.half_body,
        }
    return {
        "rotation": one.rotation,
        "rotated": 1.0,
        "scale": list(one.scale),
        "translation": one.translation,
        "mirror": one.mirror,
        "half_body": 0.0,
    }


def _sigma(recipe: Recipe) -> float | str:
    """Of keypoints; ``none`` for maps that are no Gaussians, ``by type`` for one that keypoints do not share."""
    encoder: Any = recipe.method.encoder
    if isinstance(encoder, OffsetField):
        return encoder.sigma if encoder.heatmap == "gaussian" else "none"
    for name in ("keypoints", "heatmaps"):
        encoder = getattr(encoder, name, encoder)
    if hasattr(encoder, "scale_threshold"):
        return "by type"
    return getattr(encoder, "sigma", "none")


@cache
def printed_file(paper: str) -> Mapping[str, list[dict[str, Any]]]:
    """The blocks of a paper's file, none where there is no file. Raises ReproError, naming the block, for unknown fields."""
    path = PAPERS.folder(paper) / "printed.toml"
    if not path.exists():  # as a paper of another package may do without
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ReproError(f"The printed details {path} cannot be read ({error}): mend the file.") from error
    for kind, blocks in content.items():
        for number, block in enumerate(blocks, start=1):
            if unknown := set(block) - KEYS.get(kind, set()):
                raise ReproError(
                    f"Block {number} of {kind} in {path} has {', '.join(sorted(unknown))}: see papers/details.py."
                )
    return content


def blocks_of(blocks: Iterable[dict[str, Any]], table: int, row: str) -> list[dict[str, Any]]:
    """The blocks that are about a row of a table."""
    return [
        block
        for block in blocks
        if table in block.get("tables", (table,)) and any(fnmatchcase(row, one) for one in block.get("rows", ("*",)))
    ]


def printed_details(paper: str, table: int, row: str) -> dict[str, Printed]:
    """What is printed of a row's training and testing, or taken from elsewhere, by field."""
    found: dict[str, Printed] = {}
    for block in blocks_of(printed_file(paper).get("details", ()), table, row):
        for kind in ("taken", "printed"):
            for field, value in block.get(kind, {}).items():
                found[field] = Printed(value, block["source"], kind == "taken")
    return found


def deviations(paper: str, table: int, recipes: Mapping[str, Recipe]) -> list[Deviation]:
    """Where the recipes of rows at paper scale are not as printed, row by row."""
    found = []
    for row, recipe in recipes.items():
        ours, stated = details_of(recipe), blocks_of(printed_file(paper).get("differs", ()), table, row)
        for field, printed in printed_details(paper, table, row).items():
            if ours[field] != printed.value:
                why = [block["why"] for block in stated if block["field"] == field and block["ours"] == ours[field]]
                found.append(Deviation(row, field, printed, ours[field], why[-1] if why else ""))
    return found


def statements(paper: str, table: int, rows: Iterable[str]) -> list[str]:
    """Differences of rows that are no field of a recipe."""
    blocks = [block for row in rows for block in blocks_of(printed_file(paper).get("stated", ()), table, row)]
    return list(dict.fromkeys(block["text"] for block in blocks))


def said_deviations(paper: str, table: int, recipes: Mapping[str, Recipe]) -> list[str]:
    """The deviations in lines, those of several rows together, and the statements."""
    groups: dict[str, list[str]] = {}
    for one in deviations(paper, table, recipes):
        value, field = _said(one.printed.value), one.field.replace("_", " ")
        theirs = f"not printed, {value} in {one.printed.source}" if one.printed.taken else f"printed {value}"
        text = f"{field}: {theirs}; ours {_said(one.ours)}. {one.why}"
        groups.setdefault(text, []).append(one.row)
    every = list(recipes)
    lines = [text if rows == every else f"{', '.join(rows)}: {text}" for text, rows in groups.items()]
    return lines + statements(paper, table, every)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " to ".join(map(_said, value)) if len(value) == 2 else ", ".join(map(_said, value))
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
