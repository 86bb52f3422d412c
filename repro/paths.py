"""Where things lie. Every path of the package starts here; in a checkout none depends on the working directory.

``$REPRO_RUNS``, ``$REPRO_RESULTS`` and ``$REPRO_CACHE`` name other folders than those in the checkout: ``~`` is the home folder,
a relative path is meant from the working directory. A package that was installed, without a
checkout, has them in the working directory. New results go to ``local/`` in the checkout's folder of results, which git
ignores; ``REPRO_KEEP=1`` puts them beside the committed ones.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from repro.errors import ReproError

_INSIDE = Path(__file__).resolve().parent
ROOT = _INSIDE.parent
CHECKOUT = (ROOT / "pyproject.toml").is_file()  # else the package was installed, and brings what lies beside it in a checkout
NOTEBOOKS = (ROOT if CHECKOUT else _INSIDE) / "notebooks"
RESULTS = (ROOT if CHECKOUT else _INSIDE) / "results"  # the committed ones; an installed package has those of experiments alone
LOCAL = "local"  # in the checkout's folder of results: those of this machine
WEIGHTS = _INSIDE / "weights"  # that the package brings: of warm starts and of the enlarger
FOLDERS = {
    "REPRO_RUNS": "runs",
    "REPRO_RESULTS": "results",
    "REPRO_CACHE": "cache",
}  # variable: what it is the folder of


def runs() -> Path:
    """The folder of trained runs: ``$REPRO_RUNS``, or ``runs/``. Raises ReproError for what is no folder."""
    return _named("REPRO_RUNS", _home() / "runs")


def results() -> Path:
    """The folder of results: ``$REPRO_RESULTS``, or ``results/``. Raises ReproError."""
    return _named("REPRO_RESULTS", RESULTS if CHECKOUT else _home() / "results")


def keeps_results() -> bool:
    """Whether new results go beside the committed ones: ``REPRO_KEEP=1``. Raises ReproError for another value."""
    given = os.environ.get("REPRO_KEEP", "").strip()
    if given not in ("", "0", "1"):
        raise ReproError(
            f"REPRO_KEEP (KEEP of make) is {given!r:.200}, expected 1, which puts new results beside the committed ones, or "
            "nothing."
        )
    return given == "1"


def result_places() -> tuple[Path, ...]:
    """The folders that hold ``<paper>/table<N>/``: that of results and, in the checkout, ``local/`` in it."""
    place = results()
    return (place, place / LOCAL) if place.resolve() == RESULTS.resolve() else (place,)


def new_results() -> Path:
    """The one of ``result_places`` that new results go to. In the checkout that is ``local/``, unless they are to be kept."""
    return result_places()[0 if keeps_results() else -1]


def is_local(path: Path) -> bool:
    """Whether a path lies in ``local/`` of the checkout's results, which git ignores."""
    return path.resolve().is_relative_to((RESULTS / LOCAL).resolve())


def cache() -> Path:
    """The folder of what can be drawn or decoded again: ``$REPRO_CACHE``, or ``cache/``. Raises ReproError."""
    return _named("REPRO_CACHE", _home() / "cache")


def folders() -> dict[str, Path]:
    """The three folders, absolute, by the variable that names them: what another process, in another folder, is to be given."""
    return {"REPRO_RUNS": runs(), "REPRO_RESULTS": results(), "REPRO_CACHE": cache()}


def _home() -> Path:
    """Where the three folders lie that no variable names."""
    return ROOT if CHECKOUT else Path.cwd()


def _named(variable: str, default: Path) -> Path:
    """The absolute path that a variable names; ``default`` where it is not set."""
    given = os.environ.get(variable)
    if given is None:
        return default
    if not given.strip():
        raise ReproError(f"{variable} is empty, expected a folder: name one, or leave the variable out.")
    path = user_path(variable, given).absolute()
    try:
        there = next(one for one in (path, *path.parents) if one.exists())
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise ReproError(
            f"{variable} is {given!r}, which cannot be read ({reason(error)}): name another folder."
        ) from error
    if not there.is_dir():
        where = "" if there == path else f" below {there},"
        raise ReproError(
            f"{variable} is {given!r},{where} which is a file and no folder: name a folder, or leave the variable out."
        )
    return path


def user_path(what: str, given: str | Path) -> Path:
    """A path as a user gives it, with ``~`` expanded; ``what`` is for the message. ReproError for an unknown home or none."""
    if not str(given).strip():
        raise ReproError(f"{what} is empty, expected a path.")
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise ReproError(f"{what} is {str(given)!r}, and there is no such home folder: write the path out.") from error


def reason(error: BaseException) -> str:
    """Why something failed, as the operating system words it."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def check_writable(*needed: str, room: int = 0) -> None:
    """Try that files can be written to some of the three folders, and make these.

    Args:
        needed: variables that name them, as REPRO_RESULTS.
        room: bytes that have to be free in each.

    Raises:
        ReproError: when one cannot be written or has too little room; it names the others that cannot be written either.
    """
    if any(_why_not_written(variable) for variable in needed):
        failed = {variable: why for variable in FOLDERS if (why := _why_not_written(variable))}
        listed = "; ".join(f"that of {FOLDERS[one]}, {folders()[one]} ({why})" for one, why in failed.items())
        raise ReproError(
            f"Folders cannot be written: {listed}. Make them writable, or name other ones in {', '.join(failed)}."
        )
    for variable in needed:
        free = shutil.disk_usage(folders()[variable]).free
        if free < room:
            raise ReproError(
                f"The folder of {FOLDERS[variable]}, {folders()[variable]}, has too little space left on its device "
                f"({free / 1e6:.1f} MB free, at least {room / 1e6:.0f} MB are needed): free some, or name a folder elsewhere in "
                f"{variable}."
            )


def _why_not_written(variable: str) -> str:
    """Why a file cannot be written to a folder, which is made; '' where it can."""
    folder = folders()[variable]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"tried")
    except OSError as error:
        return reason(error)
    return ""
