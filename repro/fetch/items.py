"""What can be fetched: one entry a file, with its address, size, licence and checksum, and the sets that commands name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """A file that lies on a server, or on a page where it has to be fetched by hand.

    Args:
        name: the name as the command writes it.
        what: its content, in a few words.
        file: its name, as it lies on the server.
        licence: its terms, in a few words.
        checked: how far this entry was checked against other sources; no address was opened for it.
        url: the address; empty for a file that has to be fetched by hand.
        page: the page that it is described on or has to be fetched from.
        size: the size of the file in bytes, where it is known to the byte.
        about: the size of the file in bytes, roughly, where only that is known.
        checksum: ``sha256:`` or ``md5:`` and hexadecimal digits, at the least the first eight; empty where none is published.
        place: the folder below the root that the file, or what is unpacked from it, belongs in.
        unpack: whether it is an archive.
        grows: the most that an archive may grow when it is unpacked, as a multiple of its size.
    """

    name: str
    what: str
    file: str
    licence: str
    checked: str
    url: str = ""
    page: str = ""
    size: int | None = None
    about: int | None = None
    checksum: str = ""
    place: str = ""
    unpack: bool = False
    grows: int = 2

    @property
    def by_hand(self) -> bool:
        """Whether no program can fetch it: it lies on a shared drive or behind a form."""
        return not self.url

    @property
    def expected(self) -> int | None:
        """Its size in bytes, as far as it is known."""
        return self.size or self.about


@dataclass(frozen=True)
class Bundle:
    """Files that are used together.

    Args:
        name: the name as the command writes it.
        what: its content, in a few words.
        items: the files.
        then: what is done with them afterwards, with ``{root}`` for the folder.
    """

    name: str
    what: str
    items: tuple[Item, ...]
    then: str


def written_size(size: int | None, *, exact: bool = True) -> str:
    """A number of bytes in decimal units, as in ``19.3 GB``; with ``about`` before it where it is not exact."""
    if size is None:
        return "size unknown"
    number, unit = float(size), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if number < 1000:
            break
        number, unit = number / 1000, larger
    text = f"{size} bytes" if unit == "bytes" else f"{number:.1f} {unit}"
    return text if exact else f"about {text}"
