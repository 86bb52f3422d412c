from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pytest

from repro.support.protocols import misfit


class Drawer(Protocol):
    @property
    def width(self) -> int: ...

    def __call__(self, points: list, *, size: int) -> list: ...

    def smaller(self) -> Drawer: ...


@dataclass(frozen=True)
class Pen:
    width: int = 2

    def __call__(self, points, *, size, colour="black"):
        return points

    def smaller(self):
        return self


class Loose(Pen):
    pass


@dataclass
class Melted:
    width: int = 2


@dataclass(frozen=True)
class Mute:
    width: int = 2

    def smaller(self):
        return self


@dataclass(frozen=True)
class Blind(Pen):
    def __call__(self, points):
        return points


@dataclass(frozen=True)
class Endless(Pen):
    smaller: int = 1


@dataclass(frozen=True)
class Flat:
    def __call__(self, points, *, size):
        return points

    def smaller(self):
        return self


def test_a_class_may_take_more_than_its_protocol_gives():
    assert misfit(Pen(), Drawer) == "" and misfit(Loose(), Drawer) == ""


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (Melted(), "it is no frozen dataclass"),
        (3, "it is no frozen dataclass"),
        (Mute(), "it cannot be called: give it __call__(self, points, *, size)"),
        (Blind(), "its __call__(self, points) cannot be called as __call__(self, points, *, size) is"),
        (Endless(), "it has no method 'smaller': give it smaller(self)"),
        (Flat(), "it has no attribute 'width': give it one, as Drawer has"),
    ],
)
def test_what_is_lacking_is_said(part, why):
    assert misfit(part, Drawer).startswith(why)


def test_one_of_several_protocols_is_enough():
    class Other(Protocol):
        def rub(self) -> None: ...

    assert misfit(Pen(), Other, Drawer) == "" and "'rub'" in misfit(Pen(), Other)
