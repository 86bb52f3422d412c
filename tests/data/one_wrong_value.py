"""One value of a small valid file is changed: where, into what, and what a refusal has to say."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from repro.errors import ReproError

ABSENT = object()
NUMBERS = (0, 1, -1, 2, 3.5, 41, 2**31, 2**63, 10**40, 1e300, -1e300, math.inf, -math.inf, math.nan)
OTHERS = ("", "1", "x", "../x", "/x", "a\0b", "\ud800", None, True, False, [], [1], {}, {"a": 1}, [[1, 2], 3])
VALUES = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(OTHERS),
    st.just(ABSENT),
    st.sampled_from(("text", "negative", "huge", "nested", "float")),  # of the value that is there
)


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The paths of all values inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(content: Any, place: tuple, change: Any) -> Any:
    """A copy of the content whose value at ``place`` is another."""
    out = copy.deepcopy(content)
    holder = out
    for key in place[:-1]:
        holder = holder[key]
    old = holder[place[-1]]
    if change is ABSENT:
        del holder[place[-1]]
    else:
        holder[place[-1]] = _made_of(old, change)
    return out


def _made_of(old: Any, change: Any) -> Any:
    number = isinstance(old, int | float) and not isinstance(old, bool)
    if change == "text":
        return str(old)
    if change == "negative":
        return -old if number else old
    if change == "huge":
        return old * 1e300 if number else old
    if change == "float":
        return float(old) if number else old
    if change == "nested":
        return [old]
    return change


def assert_one_sentence(error: ReproError, file: Path) -> None:
    """A refusal is one line, without Python's own words, and names the file."""
    text = str(error)
    assert "\n" not in text and text.endswith((".", ")")), text
    assert file.name in text, text
    assert not any(word in text for word in ("Traceback", "Error:", "KeyError", "dtype", "inhomogeneous")), text


def assert_names(error: ReproError, field: str, item: str) -> None:
    """A refusal of a value deep in the file names its field and the item that it belongs to.

    A changed id may be noticed where it is used: then the item that uses it is named.
    """
    text = str(error)
    assert field in text, (text, field)
    if field not in ("id", "image_id", "category_id"):
        assert item in text, (text, item)
