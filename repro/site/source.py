"""Where the code of a number is to be seen: its commit on the web, where the checkout has an address there, and its classes."""

from __future__ import annotations

import re
from typing import Any

from repro.errors import ReproError
from repro.recipe import Recipe
from repro.support.checkout import origin


def web_address(given: str) -> str:
    """The address that commits are linked at: as given, or of the checkout's origin; '' where there is none on the web.

    Raises:
        ReproError: for one that is given and no address.
    """
    if given.strip():
        if not re.fullmatch(r"https?://[^\s]+", given.strip()):
            raise ReproError(f"REPOSITORY is {given!r:.200}, expected an address as in https://example.org/owner/name.")
        return given.strip().removesuffix("/").removesuffix(".git")
    found = re.fullmatch(r"(?:https://|ssh://git@|git@)([\w.-]+\.\w+)[:/]([\w./-]+?)(?:\.git)?", origin())
    return f"https://{found[1]}/{found[2]}" if found else ""


def commit_text(commit: str | None, address: str) -> str:
    """A commit, linked where the repository has an address."""
    if not commit:
        return "no git"
    return f"[`{commit[:12]}`]({address}/commit/{commit})" if address else f"`{commit[:12]}`"


def class_link(part: object) -> str:
    """A link to the page of the class of a recipe's part."""
    name = type(part).__name__
    return f"{{py:class}}`{name} <{type(part).__module__}.{name}>`"


def parts_of(recipe: Recipe) -> dict[str, str]:
    """Links to the classes of a recipe's method."""
    method = recipe.method
    backbone: Any = getattr(method.network, "backbone", None)
    parts = {
        "encoder": method.encoder,
        "network": method.network,
        "backbone": backbone,
        "loss": recipe.loss,
        "decoder": method.decoder,
    }
    return {name: class_link(part) if part is not None else "" for name, part in parts.items()}
