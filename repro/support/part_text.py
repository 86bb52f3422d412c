"""Parts as a person writes them: ``Dark(kernel=9)``, ``my_package.parts:WidePeaks``, or the JSON of a recipe."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from repro.errors import ReproError

KINDS = ("encoder", "network", "loss", "decoder")  # of parts of a method
HOW = (
    "write a name as in Dark, with values as in Dark(kernel=9), a class of your own as in module:Class(size=3), or JSON"
)
_CALL = re.compile(r"\s*(?P<name>[A-Za-z_][\w.]*(?::[A-Za-z_][\w.]*)?)\s*(?P<values>\(.*\))?\s*", re.DOTALL)
_NAMES = {"true": True, "false": False, "null": None, "none": None}


def parse_part(text: str, where: str) -> dict[str, Any]:
    """The plain form of a part, as ``serial.from_plain`` takes it. Nothing of the text is executed.

    Args:
        text: ``Name``, ``Name(key=value, ...)`` with numbers, strings, lists and other parts as values, ``module:Class(...)``, or
            a JSON object with a ``type``.
        where: what it is, as errors name it.

    Raises:
        ReproError: for a text that cannot be read.
    """
    if text.lstrip().startswith("{"):
        return _parse_json(text, where)
    found = _CALL.fullmatch(text)
    if found is None:
        raise ReproError(f"The {where} is {text!r:.200}, which cannot be read: {HOW}.")
    try:
        call = ast.parse(f"part{found['values'] or '()'}", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ReproError(f"The {where} is {text!r:.200}, which cannot be read ({error}): {HOW}.") from error
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        raise ReproError(f"The {where} is {text!r:.200}, which is no name with values: {HOW}.")
    return {"type": found["name"], **_keywords(call, text, where)}


def _parse_json(text: str, where: str) -> dict[str, Any]:
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReproError(f"The {where} is {text!r:.200}, which is no JSON ({error}): {HOW}.") from error
    if not isinstance(plain.get("type"), str):
        raise ReproError(f'The {where} is {text!r:.200}, which names no type: begin it with {{"type": "Dark"}}.')
    return plain


def _keywords(call: ast.Call, text: str, where: str) -> dict[str, Any]:
    """The values of a call by name."""
    if call.args or any(one.arg is None for one in call.keywords):
        raise ReproError(
            f"The {where} is {text!r:.200}, which has a value without a name: name each, as in Dark(kernel=9)."
        )
    names = [str(one.arg) for one in call.keywords]
    if len(set(names)) < len(names):
        raise ReproError(f"The {where} is {text!r:.200}, which names a value twice: name each once.")
    return {str(one.arg): _value(one.value, text, where) for one in call.keywords}


def _value(node: ast.expr, text: str, where: str) -> Any:
    """A number, a string, a list of values, or another part."""
    if isinstance(node, ast.Constant) and (node.value is None or type(node.value) in (bool, int, float, str)):
        return node.value
    if isinstance(node, ast.Name) and node.id.lower() in _NAMES:
        return _NAMES[node.id.lower()]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        number = node.operand.value
        if type(number) in (int, float):
            return -number  # type: ignore[operator]
    if isinstance(node, (ast.Tuple, ast.List)):
        return [_value(one, text, where) for one in node.elts]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return {"type": node.func.id, **_keywords(node, text, where)}
    raise ReproError(
        f"The {where} is {text!r:.200}, of which {ast.unparse(node)!r:.80} cannot be read: give numbers, words in quotes, lists, "
        "or other parts."
    )
