"""Downloads that go on where they broke off, through the standard library alone.

What has come lies in ``NAME.part``; ``NAME.part.json`` keeps the server's ETag and Last-Modified. The next call asks for the rest
under the condition that the file is still that one (If-Range), and begins again where the server has another by then.
"""

from __future__ import annotations

import errno
import http.client
import json
import re
import shutil
import ssl
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from repro.errors import ReproError
from repro.fetch.items import written_size

BLOCK = 2**20
TIMEOUT = 60.0  # seconds without a byte
ATTEMPTS = 3  # without one that brings something
PAUSE = 2.0  # seconds between two
LOCAL = ("localhost", "127.0.0.1", "::1")
Count = Callable[[int, "int | None"], None]


class _Broken(Exception):
    """The connection ended early."""


def check_address(url: str) -> None:
    """Raise ReproError for an address that is neither https nor, for trials, http on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL):
        return
    raise ReproError(f"{url} is not fetched: expected an address that begins with https://; fetch it by hand.")


class _Secure(HTTPRedirectHandler):
    """Follows a server to another address only where that is secure too."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass(frozen=True)
class _State:
    """What is known of a file that has come in part."""

    url: str
    etag: str = ""
    modified: str = ""
    size: int | None = None

    @property
    def condition(self) -> str:
        """What the server can be asked to compare; empty where it said nothing that it can be held to."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


def part_of(target: Path) -> Path:
    """The file that a download grows in."""
    return target.with_name(target.name + ".part")


def _state_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_state(part: Path, url: str) -> _State | None:
    """The state of a part that can be gone on with; None where there is none."""
    try:
        state = _State(**json.loads(_state_file(part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return state if state.url == url and state.condition and part.is_file() else None


def discard(target: Path) -> None:
    """Remove what has come of a download."""
    _forget(part_of(target))


def download(url: str, target: Path, size: int | None = None, count: Count = lambda done, total: None) -> None:
    """Fetch a file to ``target``, from where an earlier call broke off.

    Args:
        url: the address; https, or http on this machine.
        target: the file that is made once all has come; its folder is there.
        size: the size of the file in bytes, where it is known: a server that offers another one is refused.
        count: is called with the bytes that are there and with their number in the end, None where the server does not say.

    Raises:
        ReproError: in one sentence, for an address that is not secure, no network, a server's refusal, another size, a full
            disk, and a connection that broke ATTEMPTS times without bringing anything.
    """
    check_address(url)
    part, left = part_of(target), ATTEMPTS
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _go_on(url, part, size, count)
            break
        except _Broken as error:
            there = part.stat().st_size if part.exists() else 0
            left = ATTEMPTS - 1 if there > before else left - 1
            if left <= 0:
                raise ReproError(_broken(url, part, there, error)) from error
            time.sleep(PAUSE)
    part.replace(target)
    _state_file(part).unlink(missing_ok=True)


def _broken(url: str, part: Path, there: int, error: Exception) -> str:
    state = _read_state(part, url)
    then = "goes on from there" if state else "begins again, as the server does not say whether its file stays the same"
    of = f" of {written_size(state.size)}" if state and state.size else ""
    return (
        f"The connection to {urlsplit(url).hostname} broke after {written_size(there)}{of} of {url} ({error}): "
        f"the next call of the same command {then}."
    )


def _go_on(url: str, part: Path, size: int | None, count: Count) -> None:
    """One connection. Raises _Broken when it ends early, ReproError for what another one would not mend."""
    kept = _read_state(part, url)
    start = part.stat().st_size if kept else 0
    if kept and kept.size is not None and start == kept.size:
        return
    response = _open(url, part, start, kept)
    with response:
        if start and response.status == 206:
            same = kept is not None and _validators(response) in ((kept.etag, kept.modified), ("", ""))
            total = _total(response, start)
            if not same or total is None:
                _forget(part)
                raise _Broken("the server's file has changed")
        else:
            start, total = 0, _length(response)
        if size is not None and total is not None and total != size:
            raise ReproError(
                f"{url} is {total} bytes long, expected {size}: it has changed since it was listed, or a page stands in its "
                "place; nothing was kept, look at it in a browser."
            )
        if not start:
            etag, modified = _validators(response)
            _forget(part)
            _save(_state_file(part), json.dumps(asdict(_State(url, etag, modified, total))).encode())
        _check_room(part, (total or 0) - start)
        _receive(response, part, start, total, count)


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _state_file(part).unlink(missing_ok=True)


def _open(url: str, part: Path, start: int, kept: _State | None) -> http.client.HTTPResponse:
    headers = {"User-Agent": "repro-pose", "Accept-Encoding": "identity"}
    if start and kept:
        headers |= {"Range": f"bytes={start}-", "If-Range": kept.condition}
    host = urlsplit(url).hostname
    try:
        ask = build_opener(_Secure()).open
        response: http.client.HTTPResponse = ask(Request(url, headers=headers), timeout=TIMEOUT)
        return response
    except HTTPError as error:
        with error:
            if error.code == 416 and start:
                _forget(part)
                raise _Broken("the server's file is shorter by now") from error
            if error.code in (500, 502, 503, 504):
                raise _Broken(f"its answer was {error.code}") from error
            what = "has no such file" if error.code in (404, 410) else "refuses it"
            raise ReproError(
                f"{host} {what} ({error.code} {error.reason}): {url}; `repro fetch` names the page to look at."
            ) from error
    except URLError as error:
        why = error.reason
        if isinstance(why, ssl.SSLCertVerificationError):
            raise ReproError(
                f"{host} cannot prove who it is ({why.verify_message}): mend this machine's certificates or clock; "
                "nothing was fetched."
            ) from error
        raise ReproError(
            f"{host} is not reached ({getattr(why, 'strerror', None) or why}): look whether this machine has a network or needs "
            "https_proxy, then call the same command again."
        ) from error
    except (http.client.HTTPException, OSError) as error:
        raise _Broken(str(error) or type(error).__name__) from error


def _validators(response: http.client.HTTPResponse) -> tuple[str, str]:
    return response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")


def _length(response: http.client.HTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _total(response: http.client.HTTPResponse, start: int) -> int | None:
    """The whole size that a partial answer states; None where it is not the part that was asked for."""
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
    return int(found[3]) if found and int(found[1]) == start else None


def _receive(response: http.client.HTTPResponse, part: Path, start: int, total: int | None, count: Count) -> None:
    done = start
    with _writing(part, start > 0) as file:
        count(done, total)
        while True:
            try:
                block = response.read(BLOCK if total is None else min(BLOCK, max(total - done, 0)))
            except http.client.IncompleteRead as error:
                block, why = error.partial, "it ended early"
            except (http.client.HTTPException, OSError) as error:
                raise _Broken(str(error) or type(error).__name__) from error
            else:
                why = ""
            _put(file, block, part)
            done += len(block)
            count(done, total)
            if why or (not block and total is not None and done < total):
                raise _Broken(why or "it ended early")
            if not block or done == total:
                return


def _writing(path: Path, on: bool) -> IO[bytes]:
    try:
        return path.open("ab", buffering=0) if on else path.open("wb", buffering=0)
    except OSError as error:
        raise _unwritten(path, error) from error


def _put(file: IO[bytes], block: bytes, path: Path) -> None:
    view = memoryview(block)
    try:
        while view:
            view = view[file.write(view) :]
    except OSError as error:
        raise _unwritten(path, error) from error


def _save(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> ReproError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ReproError(
            f"The disk of {path.parent} is full: free some room; what has come is kept, the next call of the same "
            "command goes on."
        )
    return ReproError(f"{path} cannot be written ({error.strerror}): make its folder writable or name another --root.")


def _check_room(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if free < needed:
        raise ReproError(
            f"The disk of {part.parent} has {written_size(free)} left and {written_size(needed)} are needed: free some room "
            "or name another --root; the next call of the same command goes on."
        )
