"""Whether an object has what a protocol asks for: its members, and methods that can be called as the protocol calls them."""

from __future__ import annotations

import dataclasses
import inspect
from functools import lru_cache
from typing import Any

from repro.support.foreign import told


def misfit(part: object, *protocols: type) -> str:
    """Why the settings of a part fit none of several protocols, the end of a sentence; '' when they fit one."""
    kind: Any = type(part)
    reasons = [_misfit(kind, protocol) or _unreadable(part, protocol) for protocol in protocols]
    return "" if "" in reasons else reasons[0]


def _unreadable(part: object, protocol: Any) -> str:
    """Why an attribute that a protocol asks for cannot be read; '' where all can."""
    for name, member in vars(protocol).items():
        if isinstance(member, property):
            try:
                getattr(part, name)
            except Exception as error:
                return f"its {name!r} cannot be read, which ends with {told(error, part)}: mend it"
    return ""


@lru_cache
def _misfit(kind: Any, protocol: Any) -> str:
    """Why the instances of a class do not fit a protocol; '' when they do."""
    parameters = getattr(kind, "__dataclass_params__", None)
    if parameters is None or not parameters.frozen:
        return "it is no frozen dataclass: write @dataclass(frozen=True, kw_only=True) above its class"
    if not parameters.eq:
        return "its class has eq=False, so that equal settings differ: leave that out"
    fields = {field.name for field in dataclasses.fields(kind)}
    members = {name: one for base in reversed(protocol.__mro__) for name, one in vars(base).items()}
    for name, member in members.items():
        called = inspect.isfunction(member)
        if (name.startswith("_") and name != "__call__") or not (called or isinstance(member, property)):
            continue
        own = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
        if (called and not callable(own)) or (not called and own is None and name not in fields):
            what = "method" if called else "attribute"
            said = "it cannot be called" if name == "__call__" else f"it has no {what} {name!r}"
            return f"{said}: give it {f'{name}{_signature(member)}' if called else f'one, as {protocol.__name__} has'}"
        if called and not _takes(own, member):
            return (
                f"its {name}{_signature(own)} cannot be called as {name}{_signature(member)} is: give it these "
                "arguments"
            )
    return ""


def _signature(function: Any) -> str:
    """Names of the arguments of a method, without types."""
    found = inspect.signature(function).parameters.values()
    plain = [one.replace(annotation=inspect.Parameter.empty) for one in found]
    return str(inspect.Signature(plain))


def _takes(method: Any, member: Any) -> bool:
    """Whether a method can be called as that of a protocol is."""
    wanted = inspect.signature(member).parameters.values()
    by_name = {one.name: None for one in wanted if one.kind is inspect.Parameter.KEYWORD_ONLY}
    by_place = [None for one in wanted if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    try:
        inspect.signature(method).bind(*by_place, **by_name)
    except (TypeError, ValueError):
        return False
    return True
