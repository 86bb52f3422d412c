"""Unpacking archives that others made: nothing is written until all names, kinds and sizes in the archive are in order."""

from __future__ import annotations

import errno
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from repro.errors import ReproError
from repro.fetch.items import written_size

BLOCK = 2**20
MOST_FILES = 1_000_000
MOST_REST = 2**26  # bytes after the last file of a tar archive, which are padding
Count = Callable[[int, "int | None"], None]


@dataclass(frozen=True)
class _Member:
    """A file or folder in an archive, ``kind`` being ``file``, ``folder`` or what else it is."""

    name: str
    kind: str
    size: int


def unpack(archive: Path, folder: Path, most: int, count: Count = lambda done, total: None) -> dict[str, int]:
    """Unpack a zip or tar archive into a folder.

    Files of the same name and size that are there already are written anew, as those of an unpacking that broke off.

    Args:
        archive: a ``.zip``, or a ``.tar`` compressed in whatever way.
        folder: the folder that receives its content; made where it is missing.
        most: the bytes that all files together may have.
        count: is called with the bytes written and with those of all files.

    Returns:
        The number of files by the first part of their path.

    Raises:
        ReproError: before anything is written, for a path that leaves the folder, a link, a device, a name that comes twice, more
            than ``most`` bytes or MOST_FILES files, a file of another size that is in the way, too little room; and for an
            archive that is damaged or a disk that is full, after which the next call begins the unpacking again.
    """
    opened = _open_zip if zipfile.is_zipfile(archive) else _open_tar
    with _readable(archive):
        with opened(archive) as members:
            files = _checked(archive, folder, (member for member, _ in members), most)
        total, done = sum(files.values()), 0
        _check_room(folder, total)
        with opened(archive) as members:
            for member, source in members:
                if member.kind == "file":
                    done = _write(archive, source(), folder / member.name, member.size, done, total, count)
    tops: dict[str, int] = {}
    for name in files:
        top = PurePosixPath(name).parts[0]
        tops[top] = tops.get(top, 0) + 1
    return tops


Members = Iterator[tuple[_Member, Callable[[], IO[bytes]]]]


@contextmanager
def _open_zip(path: Path) -> Iterator[Members]:
    with zipfile.ZipFile(path) as archive:

        def members() -> Members:
            for info in archive.infolist():
                # the name as it stands in the archive: zipfile cuts it at a NUL and turns separators
                yield _Member(info.orig_filename, _zip_kind(info), info.file_size), partial(archive.open, info)

        yield members()


def _zip_kind(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.flag_bits & 1:
        return "an encrypted file"
    if info.is_dir():
        return "folder" if kind in (0, stat.S_IFDIR) else "no plain folder"
    if kind == stat.S_IFLNK:
        return "a link"
    return "file" if kind in (0, stat.S_IFREG) else "no plain file"


@contextmanager
def _open_tar(path: Path) -> Iterator[Members]:
    with tarfile.open(path) as archive:

        def members() -> Members:
            for info in archive:
                yield _Member(info.name, _tar_kind(info), info.size), partial(_content, archive, info)
            _read_rest(archive)

        yield members()


def _read_rest(archive: tarfile.TarFile) -> None:
    """Read to the end of the file, where compressions keep a checksum of it. Raises tarfile.ReadError for a long rest."""
    assert archive.fileobj is not None, "an archive that is open has a file"
    rest = 0
    while block := archive.fileobj.read(BLOCK):
        rest += len(block)
        if rest > MOST_REST:
            raise tarfile.ReadError("data follow its end")


def _tar_kind(info: tarfile.TarInfo) -> str:
    if info.isdir():
        return "folder"
    if info.issym() or info.islnk():
        return "a link"
    return "file" if info.isreg() else "a device or pipe"


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(info)
    assert file is not None, "plain files have a content"
    return file


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """Turns what the libraries say of damaged archives, and what the system says of a full disk, into one sentence."""
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise ReproError(
            f"{archive} cannot be unpacked ({error}): delete it and call the same command again."
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ReproError(
                f"The disk filled up while {archive} was unpacked: free some room; the next call of the same command "
                "unpacks it again."
            ) from error
        if error.errno is None:  # of a compression
            raise ReproError(
                f"{archive} cannot be unpacked ({error}): delete it and call the same command again."
            ) from error
        raise ReproError(
            f"{error.filename or archive} cannot be written ({error.strerror}): mend that first."
        ) from error


def _checked(archive: Path, folder: Path, members: Iterator[_Member], most: int) -> dict[str, int]:
    """The sizes of all files by name. Raises ReproError for the first member that is not in order."""
    files: dict[str, int] = {}
    folders: set[str] = set()
    total, root = 0, folder.resolve()
    safe: set[Path] = set()
    for member in members:
        wrong = _wrong_name(member.name) or ("" if member.kind in ("file", "folder") else f"is {member.kind}")
        path = PurePosixPath(member.name)
        key = str(path)
        if not wrong and member.kind == "folder":
            folders.add(key)
            continue
        if not wrong and key in files:
            wrong = "comes twice"
        if not wrong:
            wrong = _in_the_way(folder / path, member.size, root, safe)
        if wrong:
            raise _refused(archive, f"{member.name!r:.200} {wrong}")
        files[key] = member.size
        folders.update(str(parent) for parent in path.parents)
        total += member.size
        if total > most:
            raise _refused(archive, f"it holds more than {written_size(most)}, the most that is expected of it")
        if len(files) > MOST_FILES:
            raise _refused(archive, f"it holds more than {MOST_FILES} files")
    both = sorted(files.keys() & folders)
    if both:
        raise _refused(archive, f"{both[0]!r:.200} is both a file and a folder")
    if not files:
        raise _refused(archive, "it holds no file")
    return files


def _refused(archive: Path, why: str) -> ReproError:
    return ReproError(f"{archive} is not unpacked, nothing of it was written: {why}.")


def _wrong_name(name: str) -> str:
    """What is wrong with a path in an archive; '' for one that stays inside."""
    if not name or "\0" in name or "\\" in name:
        return "is no plain path"
    if name.startswith("/") or (len(name) > 1 and name[1] == ":"):
        return "is an absolute path"
    return "leaves the folder" if ".." in PurePosixPath(name).parts else ""


def _in_the_way(target: Path, size: int, root: Path, safe: set[Path]) -> str:
    """What stands where a file belongs; '' for nothing, and for a file of the same size."""
    if target.parent not in safe:
        if not target.parent.resolve().is_relative_to(root):
            return f"would go through a link to {target.parent.resolve()}: unpack where no link leads elsewhere"
        safe.add(target.parent)
    try:
        there = target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    if not stat.S_ISREG(there.st_mode):
        return f"would replace {target}, which is no file: move it away"
    return "" if there.st_size == size else f"would replace {target}, a file of another size: move it away"


def _check_room(folder: Path, total: int) -> None:
    there = next(one for one in (folder, *folder.resolve().parents) if one.exists())
    free = shutil.disk_usage(there).free
    if free < total:
        raise ReproError(
            f"The disk of {folder} has {written_size(free)} left and unpacking needs {written_size(total)}: free some room, then "
            "call the same command again."
        )


def _write(archive: Path, source: IO[bytes], target: Path, size: int, done: int, total: int, count: Count) -> int:
    """Write one file, whole or not at all. Returns the bytes written so far."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    with source, part.open("xb") as file:
        written = 0
        while block := source.read(BLOCK):
            written += len(block)
            if written > size:
                break
            file.write(block)
            count(done + written, total)
    if written != size:
        part.unlink()
        raise ReproError(
            f"{archive} is damaged: {target.name!r:.200} has another size than stated; delete it and call again."
        )
    part.replace(target)
    return done + written
