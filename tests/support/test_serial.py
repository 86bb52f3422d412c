from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, make_dataclass
from typing import Literal

import pytest

from repro.errors import ReproError
from repro.support.serial import digest, from_plain, to_plain


@dataclass(frozen=True, kw_only=True)
class Disc:
    radius: float = 1.0
    filled: bool = False


@dataclass(frozen=True, kw_only=True)
class Bar:
    length: int


@dataclass(frozen=True, kw_only=True)
class Picture:
    shape: Disc | Bar
    title: str = "untitled"
    size: tuple[int, int] = (4, 3)
    marks: tuple[float, ...] = ()
    frame: Disc | None = None
    limit: int | None = None
    ink: Literal["black", "blue"] = "black"
    inner: Disc = field(default_factory=Disc)


FULL = Picture(
    shape=Bar(length=2),
    title="a",
    size=(8, 6),
    marks=(0.5, 2.0),
    frame=Disc(radius=3.0),
    limit=7,
    ink="blue",
    inner=Disc(filled=True),
)


def test_fields_at_their_default_are_left_out():
    assert to_plain(Picture(shape=Disc())) == {"type": "Picture", "shape": {"type": "Disc"}}


def test_all_other_fields_are_written():
    assert to_plain(FULL) == {
        "type": "Picture",
        "shape": {"type": "Bar", "length": 2},
        "title": "a",
        "size": [8, 6],
        "marks": [0.5, 2.0],
        "frame": {"type": "Disc", "radius": 3.0},
        "limit": 7,
        "ink": "blue",
        "inner": {"type": "Disc", "filled": True},
    }


@pytest.mark.parametrize("value", [Picture(shape=Disc()), FULL, Picture(shape=Bar(length=0), frame=Disc())])
def test_round_trip_through_json_text(value):
    again = from_plain(Picture, json.loads(json.dumps(to_plain(value))))
    assert again == value
    assert digest(again) == digest(value)


def test_a_union_is_told_apart_by_type():
    assert from_plain(Picture, {"shape": {"type": "Disc", "radius": 2}}).shape == Disc(radius=2.0)
    assert from_plain(Picture, {"shape": {"type": "Bar", "length": 2}}).shape == Bar(length=2)


def test_whole_numbers_stand_for_floats_but_not_the_other_way_round():
    disc = from_plain(Disc, {"radius": 2})
    assert disc.radius == 2.0 and type(disc.radius) is float
    with pytest.raises(ReproError, match=r"value.length is 2.0, expected int"):
        from_plain(Bar, {"length": 2.0})


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        (
            {"shape": {"type": "Disc"}, "colour": 1},
            "Unknown field of value (Picture) 'colour': choose one of shape, title",
        ),
        (
            {"shape": {"type": "Disc", "size": 1}},
            "Unknown field of value.shape (Disc) 'size': choose one of radius, filled.",
        ),
        ({}, "value (Picture) lacks the field 'shape': add it."),
        ({"shape": {"type": "Bar"}}, "value.shape (Bar) lacks the field 'length': add it."),
        ({"shape": {"type": "Ring"}}, "Unknown type of value.shape 'Ring': choose one of Disc, Bar."),
        ({"shape": {"length": 1}}, "Unknown type of value.shape None: choose one of Disc, Bar."),
        ({"shape": {"type": "Bar", "length": "2"}}, "value.shape.length is '2', expected int: correct its value."),
        ({"shape": {"type": "Bar", "length": True}}, "value.shape.length is True, expected int: correct its value."),
        ({"shape": {"type": "Disc", "radius": True}}, "value.shape.radius is True, expected float: correct its value."),
        ({"shape": {"type": "Disc", "filled": 1}}, "value.shape.filled is 1, expected bool: correct its value."),
        ({"shape": {"type": "Disc"}, "title": None}, "value.title is None, expected str: correct its value."),
        ({"shape": {"type": "Disc"}, "size": [1, 2, 3]}, "value.size has 3 items, expected 2: correct its value."),
        ({"shape": {"type": "Disc"}, "size": 3}, "value.size is 3, expected a list: correct its value."),
        ({"shape": {"type": "Disc"}, "marks": [0.5, "x"]}, "value.marks[1] is 'x', expected float: correct its value."),
        ({"shape": {"type": "Disc"}, "ink": "red"}, "Unknown value.ink 'red': choose one of black, blue."),
        ({"shape": {"type": "Disc"}, "inner": {"type": "Bar"}}, "expected the fields of Disc: correct its value."),
        (
            {"shape": {"type": "Disc"}, "limit": "x"},
            "value.limit is 'x', expected one of int, None: correct its value.",
        ),
        ({"shape": 3}, "value.shape is 3, expected one of Disc, Bar: correct its value."),
        ("x", "value is 'x', expected the fields of Picture: correct its value."),
    ],
)
def test_what_does_not_fit_is_named_in_one_sentence(plain, message):
    with pytest.raises(ReproError) as caught:
        from_plain(Picture, plain)
    assert message in str(caught.value)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_the_place_of_the_value_is_the_callers():
    with pytest.raises(ReproError, match="recipe.radius is 'x'"):
        from_plain(Disc, {"radius": "x"}, "recipe")


def test_values_that_json_does_not_know_are_refused():
    with pytest.raises(ReproError, match="of type object to JSON"):
        to_plain(object())


def test_the_digest_is_the_sha256_of_the_plain_form():
    text = '{"shape":{"length":2,"type":"Bar"},"type":"Picture"}'
    assert digest(Picture(shape=Bar(length=2))) == hashlib.sha256(text.encode()).hexdigest()[:12]


def test_the_digest_changes_with_every_value():
    variants = [
        Picture(shape=Disc()),
        Picture(shape=Disc(radius=1.5)),
        Picture(shape=Disc(filled=True)),
        Picture(shape=Disc(), frame=Disc()),
        Picture(shape=Disc(), title=""),
        Picture(shape=Disc(), limit=0),
        Picture(shape=Disc(), inner=Disc(radius=0.5)),
        Picture(shape=Disc(), size=(3, 4)),
    ]
    assert len({digest(v) for v in variants}) == len(variants)


def test_a_new_field_with_a_default_keeps_the_digest_and_reads_old_files():
    newer = make_dataclass("Bar", [("length", int), ("width", float, field(default=0.5))], frozen=True, kw_only=True)
    assert digest(newer(length=2)) == digest(Bar(length=2))
    assert digest(newer(length=2, width=0.6)) != digest(Bar(length=2))
    assert from_plain(newer, to_plain(Bar(length=2))) == newer(length=2)


def test_a_number_is_the_same_number_however_it_was_typed():
    assert digest(Disc(radius=2)) == digest(Disc(radius=2.0))
    assert digest(Disc(radius=1)) == digest(Disc())
    assert digest(Picture(shape=Disc(), marks=(1, 2))) == digest(Picture(shape=Disc(), marks=(1.0, 2.0)))
