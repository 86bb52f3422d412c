"""A default that changes would give old runs to new recipes. Here every default that a recipe can leave out is pinned."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from .pin_defaults import REQUIRED, current_defaults, differences, pinned_defaults, settings_classes

PINNED = pinned_defaults()
CLASSES = settings_classes()


@pytest.mark.parametrize("name", sorted(PINNED | CLASSES))
def test_defaults_stay_what_files_of_today_mean(name):
    pinned = {name: PINNED[name]} if name in PINNED else {}
    now = current_defaults({name: CLASSES[name]}) if name in CLASSES else {}
    broken, new = differences(pinned, now)
    assert not broken and not new, "\n".join(broken + new)


@dataclass(frozen=True)
class Leaf:
    size: float = 2.0


@dataclass(frozen=True)
class Other:
    pass


@dataclass(frozen=True)
class Tree:
    kind: Leaf | tuple[Other, ...] | None
    leaf: Leaf = field(default_factory=Leaf)
    names: tuple[str, ...] = ("a",)


NOW = {
    "Leaf": {"size": 2.0},
    "Other": {},
    "Tree": {"kind": REQUIRED, "leaf": {"type": "Leaf"}, "names": ["a"]},
}


def test_classes_are_found_in_unions_tuples_and_fields():
    assert settings_classes(Tree) == {"Leaf": Leaf, "Other": Other, "Tree": Tree}
    assert current_defaults(settings_classes(Tree)) == NOW


@pytest.mark.parametrize(
    ("pinned", "broken", "new"),
    [
        (NOW, "", ""),
        ({**NOW, "Leaf": {"size": 3.0}}, "Leaf.size was 3.0 and is 2.0: give the default back and add a new field", ""),
        ({**NOW, "Leaf": {"size": 2}}, "Leaf.size was 2 and is 2.0: give the default back", ""),
        ({**NOW, "Leaf": {"size": REQUIRED}}, 'Leaf.size was "(required)" and is 2.0', ""),
        ({**NOW, "Leaf": {"size": 2.0, "width": 1}}, "Leaf.width is gone, and old recipes may hold it", ""),
        ({**NOW, "Bark": {}}, "Bark is gone, and old recipes name it", ""),
        ({**NOW, "Leaf": {}}, "", "Leaf.size = 2.0 is new: pin it with `python tests/pin_defaults.py`."),
        ({name: NOW[name] for name in ("Leaf", "Tree")}, "", "Other is new: pin it"),
    ],
)
def test_what_differs_is_told_in_sentences(pinned, broken, new):
    for sentences, expected in zip(differences(pinned, NOW), (broken, new), strict=True):
        assert len(sentences) == bool(expected)
        assert all(expected in sentence for sentence in sentences)
