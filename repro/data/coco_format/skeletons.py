"""The skeleton of somebody's own keypoints: from the categories of a file in COCO's format, or from a small TOML.

Names and links are those of the category (``keypoints``, ``skeleton``, which counts from 1). Pairs that a mirror exchanges are
those whose names differ in their side alone: ``left_eye`` and ``right_eye``, ``L_Eye`` and ``R_Eye``, ``eyeLeft`` and
``eyeRight``. A TOML says what the category does not, or says it otherwise; all of its entries may be left out:

    name = "dog20"
    keypoints = ["left_eye", "right_eye", "nose"]      # in the order of the file
    links = [["left_eye", "nose"], ["right_eye", "nose"]]
    pairs = [["left_eye", "right_eye"]]                # left first
    sigmas = 0.05                                      # of all, a list, or a table: sigmas = { nose = 0.03 }
    upper_body = ["nose"]                              # the half that half-body augmentation takes, none without
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from repro.data.coco_format.records import person_categories, read_json, spelled
from repro.data.values import short
from repro.errors import ReproError, choice_error
from repro.skeletons.skeleton import Skeleton

SIGMA = 0.05  # of keypoints without one: off by a tenth of the object's size, the root of its area, is a similarity of exp(-1/2)
FIELDS = ("name", "keypoints", "links", "pairs", "sigmas", "upper_body")
_SIDES = {"left": "right", "l": "r", "lft": "rgt"}


def own_skeleton(annotation_file: Path, toml: Path | None = None) -> Skeleton:
    """The skeleton of an annotation file's keypoints.

    Args:
        annotation_file: a file in COCO's format, whose category names its keypoints, unless the TOML does.
        toml: what is said of them beside; None for nothing.

    Raises:
        ReproError: for files that cannot be read, keypoints that are not named, and entries that do not fit.
    """
    said = {} if toml is None else _read_toml(toml)
    category, several = _category(annotation_file)
    where = annotation_file if toml is None else toml
    written: Any = said.get("keypoints", category.get("keypoints"))
    names = _names(written, where)
    given = [spelled(name) for name in category.get("keypoints") or names]
    links = said["links"] if "links" in said else _links(category.get("skeleton"), given, annotation_file)
    pairs = said["pairs"] if "pairs" in said else sided_pairs(written)
    kind = "own" if several else spelled(str(category.get("name") or "own"))
    name = said.get("name") or f"{kind}{len(names)}"
    if not isinstance(name, str):
        raise ReproError(f"{where}: name is {short(name)}, expected a short text as in 'hand21'.")
    skeleton = Skeleton(
        name=name,
        keypoints=names,
        sigmas=_sigmas(said.get("sigmas", SIGMA), names, where),
        links=_couples(links, names, where, "links"),
        upper_body=_names(said["upper_body"], where, "upper_body") if said.get("upper_body") else (),
        pairs=_couples(pairs, names, where, "pairs"),
    )
    _check_pairs(skeleton, where)
    return skeleton


def _check_pairs(skeleton: Skeleton, where: Path) -> None:
    """Raise ReproError for a keypoint in two pairs, and for one called left without a right one."""
    named = [name for pair in skeleton.pairs for name in pair]
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise ReproError(
            f"{where}: pairs has {twice!r} more than once: a keypoint has one that a mirror exchanges it with."
        )
    for name in skeleton.keypoints:
        other = "right_" + name.removeprefix("left_")
        if name.startswith("left_") and name not in named and other not in skeleton.keypoints:
            raise ReproError(
                f"{where} has a keypoint {name!r} and none called {other!r}, which a mirror would make of it: name the pair in "
                "pairs of a TOML, or call the keypoint otherwise."
            )


def sided_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of left and right keypoints whose names differ in a word for the side alone, the left one first."""
    parts = {tuple(_words(name)): name for name in names}
    found = []
    for words, name in parts.items():
        for n, word in enumerate(words):
            other = parts.get((*words[:n], _SIDES.get(word, ""), *words[n + 1 :]))
            if word in _SIDES and other is not None:
                found.append((name, other))
                break
    return found


def _words(name: str) -> list[str]:
    """The words of ``left_eye``, ``L_Eye``, ``eyeLeft`` or ``left eye``, in small letters."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_]+", name)]


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReproError(f"SKELETON is {path}, which does not exist: give the path of a TOML.") from None
    except (OSError, ValueError) as error:
        raise ReproError(f"SKELETON is {path}, which is no readable TOML ({error}): mend it.") from error
    if unknown := sorted(set(said) - set(FIELDS)):
        raise choice_error(f"entry of {path}", unknown[0], FIELDS)
    return said


def _category(path: Path) -> tuple[dict[str, Any], bool]:
    """The category whose keypoints are read, and whether there are more of these keypoints."""
    data = read_json(path)
    known = data.get("categories") if isinstance(data, dict) else None
    chosen = person_categories([c for c in known if isinstance(c, dict)]) if isinstance(known, list) else []
    return chosen[0] if chosen else {}, len(chosen) > 1


def _names(given: Any, where: Path, field: str = "keypoints") -> tuple[str, ...]:
    if not given:
        raise ReproError(
            f"{where} does not name its keypoints: write them into the category's field 'keypoints', or into a TOML given as "
            "SKELETON."
        )
    if not isinstance(given, list) or not all(isinstance(name, str) and name.strip() for name in given):
        raise ReproError(f"{where}: {field} is {short(given)}, expected a list of names.")
    names = tuple(spelled(name) for name in given)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ReproError(f"{where}: {field} has {twice!r} more than once, expected a name of its own for each.")
    return names


def _links(given: Any, names: Sequence[str], path: Path) -> list[tuple[str, str]]:
    """The links of a category, which are pairs of positions from 1."""
    if not given:
        return []
    good = isinstance(given, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(type(n) is int and 1 <= n <= len(names) for n in pair)
        for pair in given
    )
    if not good:
        raise ReproError(
            f"{path}: the category's skeleton is {short(given)}, expected pairs of positions from 1 to {len(names)}: mend it, or "
            "give links in a TOML as SKELETON."
        )
    return [(names[a - 1], names[b - 1]) for a, b in given]


def _couples(given: Any, names: Sequence[str], where: Path, field: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, list) or not all(isinstance(two, (list, tuple)) and len(two) == 2 for two in given):
        raise ReproError(f"{where}: {field} is {short(given)}, expected a list of two names each.")
    found = [(spelled(str(a)), spelled(str(b))) for a, b in given]
    for name in (name for two in found for name in two):
        if name not in names:
            raise choice_error(f"keypoint in {field} of {where}", name, names)
    return tuple(found)


def _sigmas(given: Any, names: Sequence[str], where: Path) -> tuple[float, ...]:
    if isinstance(given, dict):
        own = {spelled(str(name)): sigma for name, sigma in given.items()}
        if unknown := sorted(set(own) - set(names)):
            raise choice_error(f"keypoint in sigmas of {where}", unknown[0], names)
        values: list[Any] = [own.get(name, SIGMA) for name in names]
    else:
        values = given if isinstance(given, list) else [given] * len(names)
    if len(values) != len(names) or not all(type(v) in (int, float) and 0 < v < 10 for v in values):
        raise ReproError(
            f"{where}: sigmas is {short(given)}, expected a number above 0 for all, one for each of the {len(names)} keypoints, "
            "or a table by name."
        )
    return tuple(float(v) for v in values)
