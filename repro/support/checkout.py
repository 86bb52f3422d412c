"""The state of the code: what git knows of the package's own checkout, or what REPRO_COMMIT states where there is none.

Git is asked about this checkout alone, by its folder: a repository around it, or one that results lie in, is not looked at. No
configuration of a repository makes git start a command here.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from repro import paths
from repro.errors import ReproError

# A monitor of files, hooks and the fetching of absent objects are commands that a repository's configuration names.
_SAFE = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}


def code_state() -> dict[str, Any]:
    """The commit of the code, and whether tracked or new files differ from it.

    Returns:
        ``commit`` and ``dirty`` as git says them. Outside a checkout those that REPRO_COMMIT states, with ``commit_stated``;
        None for both where it is not set.

    Raises:
        ReproError: when REPRO_COMMIT is not 40 hex digits.
    """
    stated = stated_commit()
    commit = _git("rev-parse", "HEAD")
    if commit is not None:
        changes = _git("status", "--porcelain", "--ignore-submodules=all", "--", ".", ":!results")
        return {"commit": commit.strip(), "dirty": None if changes is None else bool(changes)}
    if stated is not None:
        return {"commit": stated, "dirty": False, "commit_stated": True}
    return {"commit": None, "dirty": None}


def origin() -> str:
    """The address of the checkout's ``origin`` as git has it; '' where there is none."""
    return (_git("remote", "get-url", "origin") or "").strip()


def stated_commit() -> str | None:
    """The commit in ``$REPRO_COMMIT``, which an image or an export without ``.git`` is made from; None where it is not set.

    Raises:
        ReproError: when it is not 40 hex digits.
    """
    given = os.environ.get("REPRO_COMMIT", "").strip()
    if given and not re.fullmatch(r"[0-9a-fA-F]{40}", given):
        raise ReproError(
            f"REPRO_COMMIT is {given!r}, expected the 40 hex digits of the commit that this code comes from, as "
            "`git rev-parse HEAD` prints them: give them, or leave the variable out."
        )
    return given.lower() or None


def known_to_git(folder: Path) -> set[str]:
    """The files below a folder of the checkout that git tracks or has staged, relative to it; none for a folder elsewhere."""
    place, root = folder.resolve(), paths.ROOT.resolve()
    if not place.is_relative_to(root):
        return set()
    below = place.relative_to(root).as_posix()
    listed = _git("ls-files", "-z", "--", f":(top,literal){'' if below == '.' else below}") or ""
    prefix = "" if below == "." else below + "/"
    return {name.removeprefix(prefix) for name in listed.split("\0") if name.startswith(prefix) and name}


def _git(*arguments: str) -> str | None:
    """What git prints about the checkout; None where there is no checkout or no git, and when git fails."""
    place = paths.ROOT / ".git"
    if not place.exists():
        return None
    outer = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", *_SAFE, f"--git-dir={place}", f"--work-tree={paths.ROOT}", *arguments]
    try:
        done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, check=True, env=outer | _QUIET, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="surrogateescape")
