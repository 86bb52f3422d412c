"""Frozen dataclasses to plain JSON values and back, with errors for what does not fit.

A field that stands at its default is left out, so that a new option does not change what older files mean. Where a field's
annotation is a union of dataclasses, the value carries the class name as ``type``; the annotation is the list of what may
stand there, so no registry is needed.

A field that is ``Annotated`` with ``Open`` takes, besides the classes named there, any frozen dataclass that fits one of its
protocols. Such a class is written as ``module:Class``, and its module is imported when it is read.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import sys
import types
import typing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, cast

from repro.errors import ReproError, choice_error
from repro.support.foreign import code_of
from repro.support.protocols import misfit

T = TypeVar("T")


@dataclass(frozen=True)
class Open:
    """Says of a field that it takes classes of other packages too.

    Args:
        classes: the classes of this package, which are written by their bare names.
        protocols: the protocols; a class of another package fits one of them.
    """

    classes: tuple[type, ...]
    protocols: tuple[type, ...]

    def check(self, part: object, where: str) -> None:
        """Raise ReproError when a part fits none of the protocols or is not what it was after JSON; ``where`` names the field."""
        if why := misfit(part, *self.protocols) or _lost(part):
            raise ReproError(f"{where} is {type(part).__name__}, which does not fit there, because {why}.")


def _lost(part: Any) -> str:
    """Why settings are not the same after JSON, the end of a sentence; '' when they are. Keys and files rest on that."""
    try:
        hash(part)
        if from_plain(type(part), json.loads(json.dumps(to_plain(part))), type(part).__name__) == part:
            return ""
        return "it differs from itself once it is written to JSON and read again: keep fields as they are given"
    except Exception as error:  # of somebody's class, whose own methods may raise anything
        why = str(error).rstrip(".")
    return f"it cannot be written to JSON and read again ({why}): make its fields numbers, strings, tuples or other settings"


def field_types(settings: Any) -> dict[str, Any]:
    """The annotations of a dataclass's fields, evaluated, with what they are annotated with."""
    return _field_types(settings)


@lru_cache
def _field_types(settings: Any) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(settings, include_extras=True)
    except Exception as error:  # annotations are expressions, and raise what these raise
        raise ReproError(
            f"The annotations of {settings.__name__} cannot be read ({error}): import what they name where the module runs, "
            "not for type checking alone."
        ) from error
    return {field.name: hints[field.name] for field in dataclasses.fields(settings)}


def open_kind(annotation: Any) -> Open | None:
    """What says of a field with this annotation that it is open; None for other fields."""
    found = getattr(annotation, "__metadata__", ()) or [open_kind(one) for one in typing.get_args(annotation)]
    return next((one for one in found if isinstance(one, Open)), None)


def check_parts(settings: Any) -> None:
    """Raise ReproError when an open field of a dataclass holds something that does not fit there."""
    for name, annotation in field_types(type(settings)).items():
        kind, part = open_kind(annotation), getattr(settings, name)
        if kind is not None and part is not None and type(part) not in kind.classes:
            kind.check(part, f"{name} of {type(settings).__name__}")


def to_plain(value: Any, annotation: Any = None) -> Any:
    """A dataclass (or a tuple, string, number, bool, None) as JSON values, fields at their default left out.

    Args:
        value: the value to write.
        annotation: the annotation of the field that it stands in, where it is not that of a dataclass given whole.

    Raises:
        ReproError: for a value that JSON does not know, and a class in an open field that no other process finds.
    """
    if dataclasses.is_dataclass(value):
        plain = {"type": _written_type(type(value), annotation)}
        for field in dataclasses.fields(value):
            hint = field_types(type(value))[field.name]
            item = _as_declared(hint, getattr(value, field.name))
            if not _at_default(field, item):
                plain[field.name] = to_plain(item, hint)
        return plain
    if isinstance(value, (tuple, list)):
        return [to_plain(v) for v in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise ReproError(
        f"Cannot write {value!r} of type {type(value).__name__} to JSON: use numbers, strings or dataclasses."
    )


def from_plain(expected: type[T], plain: Any, where: str = "value") -> T:
    """The dataclass of type ``expected`` that ``to_plain`` made ``plain`` from.

    Raises:
        ReproError: for an unknown field, a missing field, a wrong type or an unknown ``type``; it names the place.
    """
    if getattr(expected, "__metadata__", None) and (kind := open_kind(expected)):
        return cast(T, _from_open(kind, plain, where))
    origin = typing.get_origin(expected)
    if origin in (typing.Union, types.UnionType):
        return _from_union(typing.get_args(expected), plain, where)
    if origin is typing.Literal:
        if plain not in typing.get_args(expected):
            raise choice_error(where, plain, typing.get_args(expected))
        return plain
    if origin is tuple:
        return cast(T, _from_list(typing.get_args(expected), plain, where))
    if dataclasses.is_dataclass(expected):
        return _from_fields(expected, plain, where)
    if expected is float and isinstance(plain, int) and not isinstance(plain, bool):
        return cast(T, float(plain))
    if expected is type(None) and plain is None:
        return None
    if expected is Any or not isinstance(expected, type):
        raise ReproError(
            f"{where} is annotated as {expected}, which files cannot hold: use numbers, strings, tuples or other settings."
        )
    if not isinstance(plain, expected) or (isinstance(plain, bool) and expected is not bool):
        raise ReproError(
            f"{where} is {plain!r}, expected {getattr(expected, '__name__', expected)}: correct its value."
        )
    return plain


def digest(value: Any, annotation: Any = None) -> str:
    """12 hex digits of the SHA-256 of a dataclass's plain form: its identity. ``annotation`` as of ``to_plain``."""
    text = json.dumps(to_plain(value, annotation), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _as_declared(expected: Any, value: Any) -> Any:
    """Whole numbers as floats where the annotation says float: 2 and 2.0 give the same numbers, so one identity."""
    options = typing.get_args(expected)
    if type(value) is int and (expected is float or (float in options and int not in options)):
        return float(value)
    if isinstance(value, tuple) and typing.get_origin(expected) is tuple:
        items = options[:1] * len(value) if options[-1] is Ellipsis else options
        if len(items) == len(value):
            return tuple(_as_declared(t, v) for t, v in zip(items, value, strict=True))
    return value


def _written_type(settings: type, annotation: Any) -> str:
    """The name that a class is written by: the bare one, or with its module where only the module says what it is."""
    kind = open_kind(annotation)
    if kind is None or settings in kind.classes:
        return settings.__name__
    found: Any = sys.modules.get(settings.__module__)
    for part in settings.__qualname__.split("."):
        found = getattr(found, part, None)
    if settings.__module__ == "__main__" or found is not settings:
        raise ReproError(
            f"{settings.__qualname__} of {settings.__module__} cannot be part of a recipe, because no other process finds it: "
            "write it at the top level of a module that can be imported."
        )
    return f"{settings.__module__}:{settings.__qualname__}"


def _at_default(field: dataclasses.Field, value: Any) -> bool:
    if field.default is not dataclasses.MISSING:
        return value == field.default and type(value) is type(field.default)
    if field.default_factory is not dataclasses.MISSING:
        return value == field.default_factory()
    return False


def _is_settings(option: Any) -> bool:
    return dataclasses.is_dataclass(option)


def _from_open(kind: Open, plain: Any, where: str) -> Any:
    """A part in an open field, of this package or of another one."""
    known = {one.__name__: one for one in kind.classes}
    name = plain.get("type") if isinstance(plain, dict) else None
    if name in known:
        return from_plain(known[name], plain, where)
    if not isinstance(name, str) or ":" not in name:
        raise choice_error(f"type of {where}", name, (*known, "'module:Class' of a class of your own"))
    part: Any = from_plain(_imported(name, where), {k: v for k, v in plain.items() if k != "type"}, where)
    kind.check(part, where)
    return part


def _imported(name: str, where: str) -> type:
    """The dataclass that ``module:Class`` names."""
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise ReproError(
            f"The type of {where} is {name!r}, which cannot be imported ({error}): install its package, or put the folder that "
            "holds it into PYTHONPATH."
        ) from error
    except (Exception, SystemExit) as error:  # whatever the lines of somebody's module raise
        raise ReproError(
            f"The type of {where} is {name!r}, whose module ends with {type(error).__name__} when it is imported ({error}): "
            "mend the module."
        ) from error
    if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
        raise ReproError(
            f"The type of {where} is {name!r}, which is no dataclass: name the class that holds the settings."
        )
    return found


def _from_union(options: tuple[Any, ...], plain: Any, where: str) -> Any:
    if plain is None and type(None) in options:
        return None
    for option in options:
        if open_kind(option) is not None:
            return from_plain(option, plain, where)
    classes: dict[str, type] = {option.__name__: option for option in options if _is_settings(option)}
    if isinstance(plain, dict) and classes:
        if plain.get("type") not in classes:
            raise choice_error(f"type of {where}", plain.get("type"), classes)
        return from_plain(classes[plain["type"]], plain, where)
    others = [option for option in options if not dataclasses.is_dataclass(option) and option is not type(None)]
    for option in others:
        try:
            return from_plain(option, plain, where)
        except ReproError:
            continue
    names = ", ".join(
        "None" if option is type(None) else getattr(option, "__name__", str(option)) for option in options
    )
    raise ReproError(f"{where} is {plain!r}, expected one of {names}: correct its value.")


def _from_list(items: tuple[Any, ...], plain: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(plain, (list, tuple)):
        raise ReproError(f"{where} is {plain!r}, expected a list: correct its value.")
    if len(items) == 2 and items[1] is Ellipsis:
        items = (items[0],) * len(plain)
    if len(items) != len(plain):
        raise ReproError(f"{where} has {len(plain)} items, expected {len(items)}: correct its value.")
    return tuple(from_plain(t, v, f"{where}[{i}]") for i, (t, v) in enumerate(zip(items, plain, strict=True)))


def _from_fields(expected: type[T], plain: Any, where: str) -> T:
    if not isinstance(plain, dict) or plain.get("type", expected.__name__) != expected.__name__:
        raise ReproError(f"{where} is {plain!r}, expected the fields of {expected.__name__}: correct its value.")
    hints = field_types(expected)
    known = {f.name: f for f in dataclasses.fields(cast(Any, expected))}
    given = {k: v for k, v in plain.items() if k != "type"}
    if unknown := set(given) - set(known):
        raise choice_error(f"field of {where} ({expected.__name__})", sorted(unknown)[0], known)
    values = {k: from_plain(hints[k], v, f"{where}.{k}") for k, v in given.items()}
    required = [
        f.name
        for f in known.values()
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING and f.name not in values
    ]
    if required:
        raise ReproError(f"{where} ({expected.__name__}) lacks the field {required[0]!r}: add it.")
    with code_of(expected, f"when it is built of {_listed(values)}", "give other values, or mend it"):
        return expected(**values)


def _listed(values: dict[str, Any]) -> str:
    """Values by name, in a few words."""
    return ", ".join(f"{name}={value!r:.60}" for name, value in values.items()) or "its defaults"
