"""From an entry of the table to files in a folder: download, verify, unpack, and remember what is done."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from repro.errors import ReproError, choice_error
from repro.fetch.data_sets import DATA_SETS
from repro.fetch.download import BLOCK, discard, download, part_of
from repro.fetch.items import Bundle, Item, written_size
from repro.fetch.unpack import unpack
from repro.fetch.weights import WEIGHTS
from repro.paths import reason
from repro.support.locks import locked

BUNDLES = (*DATA_SETS, *WEIGHTS)
FOLDER = ".fetch"  # below the root: what is on its way, and a note of each item that is done
Count = Callable[[int, "int | None"], None]


def chosen(name: str) -> Bundle:
    """The bundle of a name, or one of a single item. Raises ReproError for another name."""
    for bundle in BUNDLES:
        if bundle.name == name:
            return bundle
    for bundle in BUNDLES:
        for item in bundle.items:
            if item.name == name:
                return Bundle(name, item.what, (item,), "{root} holds what was fetched.")
    raise choice_error(
        "name to fetch", name, [bundle.name for bundle in BUNDLES] + ["one of the files that `repro fetch` lists"]
    )


def place_of(item: Item, root: Path) -> Path:
    """The file that an item, which is no archive, becomes."""
    return root / item.place / item.file


def is_there(item: Item, root: Path) -> bool:
    """Whether an item was fetched before and its files are still there; of one fetched by hand, whether the file is there."""
    if item.by_hand:
        return place_of(item, root).is_file() or (not item.place and (root / Path(item.file).stem).is_dir())
    try:
        note = json.loads(_note(item, root).read_text(encoding="utf-8"))
        same = note["url"] == item.url and note["checksum"] == item.checksum
        return same and all(_files(root / name) >= number for name, number in note["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def state(item: Item, root: Path) -> str:
    """What a call would do for an item, in a few words."""
    if is_there(item, root):
        return "there already"
    if item.by_hand:
        return f"by hand: {item.file} from {item.page} to {place_of(item, root)}"
    part = part_of(root / FOLDER / item.file)
    gone = f", {written_size(part.stat().st_size)} of it are there" if part.exists() else ""
    size = written_size(item.expected, exact=item.size is not None)
    return f"to fetch: {item.url} ({size}{gone})"


def fetch(item: Item, root: Path, *, keep: bool = False) -> str:
    """Fetch, verify and unpack one item.

    Args:
        item: the item that is not fetched by hand.
        root: the folder of the data set or of the weights; made where it is missing.
        keep: whether the archive stays, in ``.fetch``.

    Returns:
        One line on what was done and how it was verified.

    Raises:
        ReproError: in one sentence, for whatever fails; see ``download`` and ``unpack``.
    """
    work = root / FOLDER
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReproError(f"{work} cannot be made ({reason(error)}): name another --root.") from error
    with locked(work / "lock", f"{root}"):
        if is_there(item, root):
            return "there already"
        file = work / item.file
        _check_free(item, root)
        if not file.exists():
            _check_room(item, root)
            with _bar(f"{item.name}") as count:
                download(item.url, file, item.size, count)
        verified = verify(item, file)
        if item.unpack:
            most = item.grows * file.stat().st_size + BLOCK
            with _bar(f"unpacking {item.file}") as count:
                files = unpack(file, root / item.place, most, count)
            _remember(item, root, {str(Path(item.place) / name): number for name, number in files.items()})
            if not keep:
                file.unlink()
        else:
            place_of(item, root).parent.mkdir(parents=True, exist_ok=True)
            _remember(item, root, {str(Path(item.place) / item.file): 1})
            file.replace(place_of(item, root))
    return f"fetched, {verified}"


def verify(item: Item, file: Path) -> str:
    """Compare size and checksum of a file that came.

    Returns:
        What was compared, in a few words.

    Raises:
        ReproError: where they differ; the file is removed then.
    """
    size = file.stat().st_size
    kind, _, digits = item.checksum.partition(":")
    names = {"sha256", kind or "sha256"}
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in names}
    with _bar(f"verifying {item.file}") as count, file.open("rb") as opened:
        done = 0
        while block := opened.read(BLOCK):
            for one in hashes.values():
                one.update(block)
            done += len(block)
            count(done, size)
    wrong = ""
    if item.size is not None and size != item.size:
        wrong = f"it is {size} bytes long, expected {item.size}"
    elif digits and not hashes[kind].hexdigest().startswith(digits):
        wrong = f"its {kind} is {hashes[kind].hexdigest()}, expected {digits}{'...' if len(digits) < 32 else ''}"
    if wrong:
        file.unlink()
        discard(file)
        raise ReproError(
            f"{item.file} from {item.url} is not what was expected and was removed, unopened: {wrong}; call the same command "
            "again, and where it stays so the server has another file: look at " + (item.page or "its page") + "."
        )
    if digits:
        return f"{kind} as published" + (" (its first digits)" if len(digits) < 32 else "")
    return f"whole; no checksum of it is published, its sha256 is {hashes['sha256'].hexdigest()}"


def _note(item: Item, root: Path) -> Path:
    return root / FOLDER / f"{item.name}.json"


def _remember(item: Item, root: Path, files: dict[str, int]) -> None:
    """Note what was fetched, and the number of files by the first part of their path."""
    note = {"url": item.url, "checksum": item.checksum, "files": files}
    _note(item, root).write_text(json.dumps(note, indent=1), encoding="utf-8")


def _check_free(item: Item, root: Path) -> None:
    """Raise ReproError where a file of the user stands where one that is fetched would go."""
    target = place_of(item, root)
    if not item.unpack and target.exists():
        raise ReproError(f"{target} is there and was not fetched from {item.url}: use it, or move it away.")


def _files(path: Path) -> int:
    """The number of files at a path and below it."""
    return 1 if path.is_file() else sum(one.is_file() for one in path.rglob("*"))


def _check_room(item: Item, root: Path) -> None:
    """Raise ReproError where there is no room for the file and what it is unpacked to, before hours are spent on it."""
    part = part_of(root / FOLDER / item.file)
    there = part.stat().st_size if part.exists() else 0
    needed = (item.expected or 0) * (2 if item.unpack else 1) - there
    free = shutil.disk_usage(root).free
    if free < needed:
        more = ", unpacked beside its archive" if item.unpack else ""
        raise ReproError(
            f"The disk of {root} has {written_size(free)} left and {item.name} needs about {written_size(needed)}{more}: free "
            "some room or name another --root."
        )


@contextmanager
def _bar(label: str) -> Iterator[Count]:
    """A bar in bytes; none where stderr is no terminal."""
    with tqdm(desc=label, unit="B", unit_scale=True, disable=None) as bar:

        def count(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield count
