"""The pinned defaults of all settings that a recipe can hold. ``python tests/pin_defaults.py`` pins new ones.

Defaults are left out of recipe keys and of committed files, so what these mean hangs on them: a default never changes. The
script therefore adds to ``pins/defaults.json`` what is new and leaves alone what is pinned.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any

from repro.recipe import Recipe
from repro.support.serial import Open, field_types, to_plain

FILE = Path(__file__).parent / "pins" / "defaults.json"
REQUIRED = "(required)"  # stands for a field without a default

Defaults = dict[str, dict[str, Any]]  # by class and field


def settings_classes(root: type = Recipe) -> dict[str, type]:
    """All dataclasses that can stand in a field of ``root`` or of what stands there, by name; ``root`` is among them."""
    found: dict[str, type] = {}
    waiting: list[Any] = [root]
    while waiting:
        hint = waiting.pop()
        if isinstance(hint, Open):
            waiting += hint.classes
        elif dataclasses.is_dataclass(hint) and found.get(hint.__name__) is not hint:
            assert hint.__name__ not in found, f"two settings classes are named {hint.__name__}: rename the newer one"
            found[hint.__name__] = hint
            waiting += field_types(hint).values()
        waiting += typing.get_args(hint)
    return dict(sorted(found.items()))


def current_defaults(classes: dict[str, type]) -> Defaults:
    """The default of each field, as recipes write it."""
    return {name: {f.name: _default(f) for f in dataclasses.fields(kind)} for name, kind in classes.items()}


def _default(field: dataclasses.Field) -> Any:
    if field.default is not dataclasses.MISSING:
        return to_plain(field.default)
    return REQUIRED if field.default_factory is dataclasses.MISSING else to_plain(field.default_factory())


def pinned_defaults() -> Defaults:
    """What ``FILE`` holds."""
    return json.loads(FILE.read_text())


def differences(pinned: Defaults, now: Defaults) -> tuple[list[str], list[str]]:
    """What breaks old recipes and what is merely new, one sentence each."""
    broken, new = [], []
    for name in sorted(pinned | now):
        if name not in now:
            broken.append(f"{name} is gone, and old recipes name it: give the class its name and its place back.")
            continue
        before = pinned.get(name, {})
        for field in before | now[name]:
            if field not in now[name]:
                broken.append(f"{name}.{field} is gone, and old recipes may hold it: give the field back.")
                continue
            value = json.dumps(now[name][field])
            if field not in before:
                new.append(f"{name}.{field} = {value} is new: pin it with `python tests/pin_defaults.py`.")
            elif (was := json.dumps(before[field])) != value:  # as text: 2 and 2.0 have different keys
                broken.append(
                    f"{name}.{field} was {was} and is {value}: give the default back and add a new field for the new "
                    "behaviour, because keys and files of old runs leave defaults out."
                )
        if name not in pinned and not now[name]:
            new.append(f"{name} is new: pin it with `python tests/pin_defaults.py`.")
    return broken, new


def write(defaults: Defaults) -> None:
    """Write ``FILE``, one line a field."""
    lines = []
    for name in sorted(defaults):
        fields = [f"  {json.dumps(field)}: {json.dumps(value)}" for field, value in defaults[name].items()]
        lines.append(f" {json.dumps(name)}: {{" + ("\n" + ",\n".join(fields) + "\n }" if fields else "}"))
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main() -> None:
    """Pin what is new, and say what differs from what is pinned."""
    pinned, now = pinned_defaults() if FILE.exists() else {}, current_defaults(settings_classes())
    broken, new = differences(pinned, now)
    write({name: {**now.get(name, {}), **pinned.get(name, {})} for name in pinned | now})
    print(f"{len(new)} pins added to {FILE}.", *(f"Not changed: {sentence}" for sentence in broken), sep="\n")


if __name__ == "__main__":
    main()
