"""Files that the package writes and later trusts: whole or not at all, with a checksum and with what they belong to.

JSON carries its checksum in its field ``seal``, its ``kind``, and fields that say what it belongs to (a run's key, say). Of
other files a sealed JSON beside them keeps length and checksum. What was written before there were checksums is taken as it
is, where its caller knows the fields that it had then.
"""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from tqdm import tqdm

from repro.errors import ReproError
from repro.support import processes

UNWRITABLE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST),  # a file or a folder where the other should be
}
_known: dict[tuple[int, ...], str] = {}  # checksums of files by device, inode, length and time of modification


class Damaged(ReproError):
    """A file that the package wrote is lost, cut, altered, or of something else.

    Args:
        file: the file that is damaged.
        why: the rest of the sentence that begins with the file.
        delete: what to delete so that it is made again; the file itself when None.
        advice: what to do, where that is something else.
    """

    def __init__(self, file: Path, why: str, delete: Path | None = None, advice: str = "") -> None:
        super().__init__(f"{file} {why}: {advice or f'delete {delete or file} and start again, it is made anew'}.")
        self.file, self.why, self.delete, self.advice = file, why, delete, advice

    def __reduce__(self) -> tuple[Any, ...]:
        return Damaged, (self.file, self.why, self.delete, self.advice)


_told: set[Path] = set()


def tell(damaged: Damaged, what: str, *, in_jobs: bool = False) -> None:
    """Say once that a file does not fit and ``what`` happens; of the processes of a command the first speaks, or jobs too."""
    first = in_jobs or multiprocessing.parent_process() is None
    if damaged.file not in _told and processes.leads() and first:
        _told.add(damaged.file)
        tqdm.write(f"{damaged.file} {damaged.why}: {what}.", file=sys.stderr)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file to write: it takes the place of ``path`` when it is whole and on the disk, else it is removed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except SafetensorError as error:  # safetensors' word for what the system says in its text
        number = re.search(r"os error (\d+)", str(error))
        code = int(number[1]) if number else errno.EIO
        raise OSError(code, os.strerror(code)) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def sealed(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """The content with its kind and its checksum, as ``unsealed`` takes it."""
    whole = {"kind": kind, **content}
    return {**whole, "seal": _seal(json.loads(json.dumps(whole)))}


def write_sealed(path: Path, kind: str, content: dict[str, Any]) -> None:
    """Write JSON with its kind and its checksum, whole or not at all."""
    write_json(path, sealed(kind, content))


def read_json(path: Path) -> Any:
    """The value in a JSON file. Raises Damaged when it is not there or is no whole JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Damaged(path, "is not there") from None
    except OSError as error:
        raise Damaged(path, f"cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise Damaged(path, "is cut or holds no JSON") from error


def read_sealed(path: Path, kind: str, *, before: Iterable[str] | None = None, **identity: Any) -> dict[str, Any]:
    """The content of a sealed JSON file, without ``seal``; see ``unsealed``. Raises Damaged also when it is not there."""
    return unsealed(read_json(path), path, kind, before=before, **identity)


def unsealed(
    content: Any, path: Path, kind: str, *, before: Iterable[str] | None = None, **identity: Any
) -> dict[str, Any]:
    """The content without its seal.

    Args:
        content: the content that was read.
        path: the path that it was read from.
        kind: the kind that it has to be of.
        before: the fields that files of this kind had before there were seals: exactly these are taken without one, and lack
            ``kind``. None where there were no such files.
        identity: fields of a sealed file that must have these values.

    Raises:
        Damaged: when seal, kind or identity do not fit.
    """
    if not isinstance(content, dict):
        raise Damaged(path, "holds something else than it should")
    if "seal" not in content:
        if before is not None and set(content) == set(before):
            return content
        raise Damaged(path, "lacks its checksum")
    content = dict(content)
    if content.pop("seal") != _seal(content):
        raise Damaged(path, "does not fit its checksum")
    for name, value in {"kind": kind, **identity}.items():
        if content.get(name) != value:
            raise Damaged(path, f"has {name} {content.get(name)!r}, expected {value!r}")
    return content


def _seal(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def checksum(data: bytes) -> str:
    """32 hex digits of the SHA-256 of bytes, as ``file_checksum`` gives them."""
    return hashlib.sha256(data).hexdigest()[:32]


def file_checksum(path: Path) -> str:
    """32 hex digits of the SHA-256 of a file; a file that looks unchanged is not read a second time by this process."""
    state = path.stat()
    key = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
    if key not in _known:
        with path.open("rb") as file:
            _known[key] = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    return _known[key]


def about_file(path: Path) -> dict[str, Any]:
    """``bytes`` and ``sum`` of a file, for ``check_file``."""
    return {"bytes": path.stat().st_size, "sum": file_checksum(path)}


def about_bytes(data: bytes) -> dict[str, Any]:
    """``bytes`` and ``sum`` of the file that will hold these bytes."""
    return {"bytes": len(data), "sum": checksum(data)}


def check_file(path: Path, about: dict[str, Any], *, deep: bool = True, delete: Path | None = None) -> None:
    """Compare a file with what ``about_file`` said of it.

    Args:
        path: the file.
        about: its ``bytes`` and ``sum``.
        deep: whether its content is read; else its length alone is compared.
        delete: what to delete where it does not fit; the file itself when None.

    Raises:
        Damaged: when it is not there, cut, or altered.
    """
    try:
        if path.stat().st_size != about["bytes"]:
            raise Damaged(path, f"has {path.stat().st_size} bytes, expected {about['bytes']}", delete)
        if deep and file_checksum(path) != about["sum"]:
            raise Damaged(path, "does not fit its checksum", delete)
    except FileNotFoundError:
        raise Damaged(path, "is not there", delete) from None
    except OSError as error:
        raise Damaged(path, f"cannot be read ({error.strerror})", delete) from error


@contextmanager
def writable(place: Path, variable: str, kept: str = "nothing that was complete is lost") -> Iterator[None]:
    """Say in one sentence that a disk is full or may not be written to.

    Args:
        place: the place that is written to.
        variable: the environment variable that names it.
        kept: what the user may rely on.

    Raises:
        ReproError: in place of the OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise ReproError(
            f"{place} cannot be written ({error}): free disk space, or let {variable} name a folder that can be written, and "
            f"start again; {kept}."
        ) from error
