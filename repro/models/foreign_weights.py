"""Files of weights from elsewhere: what they hold is looked at before any of it is used, and nothing in them is executed."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from repro.errors import ReproError

WRAPPERS = ("state_dict", "model")  # where training scripts put the weights inside their files
_DEEPEST = 5  # wrappers around each other; a file may hold itself
_SHOWN = 3  # names shown of each kind


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file, or of a PyTorch file with or without a ``state_dict`` around them.

    PyTorch files are read with ``weights_only=True``: nothing in them is executed. Names may share a tensor.

    Raises:
        ReproError: when the file does not exist, cannot be read that way, is damaged, or holds something else than dense tensors
            of numbers by name.
    """
    path = Path(path)
    if not path.is_file():
        raise ReproError(f"The weights file {path} does not exist: give the path of a .safetensors or .pth file.")
    if path.suffix == ".safetensors":
        content = _read(path, load_file)
    else:
        _check_archive(path)
        content = _unwrapped(_read(path, lambda file: torch.load(file, map_location="cpu", weights_only=True)))
    if not isinstance(content, Mapping) or not all(isinstance(v, Tensor) for v in content.values()):
        raise ReproError(
            f"The weights file {path} holds no state_dict at its top or under {' or '.join(WRAPPERS)}: give a file "
            "that maps names to tensors."
        )
    if not content or not all(isinstance(name, str) for name in content):
        what = "names that are no text" if content else "no tensor"
        raise ReproError(f"The weights file {path} holds {what}: give a file that maps names to tensors.")
    _check_kinds(path, content)
    return {name: tensor.detach() for name, tensor in content.items()}


def _read(path: Path, load: Any) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # of torch, about kinds of tensors that are refused below
            return load(path)
    except Exception as error:  # a broken file raises whatever its first wrong byte leads to
        if other := _no_weights(path):
            raise ReproError(f"The weights file {path} is {other}: fetch it again, in a browser if need be.") from error
        raise ReproError(
            f"The weights file {path} cannot be read as tensors alone ({type(error).__name__}): give a file that holds "
            "nothing but tensors in dictionaries, as .safetensors or a PyTorch state_dict."
        ) from error


def _no_weights(path: Path) -> str:
    """What a file is that a broken download leaves; '' for others."""
    with path.open("rb") as file:
        begin = file.read(256).lstrip().lower()
    if not begin:
        return "empty"
    return "a page of a web site, no weights" if begin.startswith((b"<!doctype", b"<html")) else ""


def _check_archive(path: Path) -> None:
    """Raise ReproError for a PyTorch file whose parts do not fit their checksums: it is a zip archive, and torch ignores them."""
    with path.open("rb") as file:
        if file.read(2) != b"PK":  # as torch wrote until 1.6, without checksums
            return
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except Exception as error:
        raise ReproError(
            f"The weights file {path} is cut or damaged ({error}): fetch or copy the file again."
        ) from error
    if damaged is not None:
        raise ReproError(
            f"The weights file {path} does not fit its checksums ({damaged}): fetch or copy the file again."
        )


def _unwrapped(content: Any) -> Any:
    """What lies inside of wrappers."""
    for _ in range(_DEEPEST):
        inside = [content[name] for name in WRAPPERS if isinstance(content, Mapping) and name in content]
        inside = [one for one in inside if isinstance(one, Mapping)]
        if not inside:
            break
        content = inside[0]
    return content


def _check_kinds(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Raise ReproError, naming them, for tensors that no network here takes."""
    odd: dict[str, list[str]] = {}
    largest = path.stat().st_size + 2**20
    for name, tensor in weights.items():
        if kind := _oddity(tensor) or ("larger than their file" if tensor.nbytes > largest else ""):
            odd.setdefault(kind, []).append(name)
    if odd:
        listed = "; ".join(f"{kind}: {', '.join(n[:_SHOWN])}{', ...' * (len(n) > _SHOWN)}" for kind, n in odd.items())
        raise ReproError(
            f"The weights file {path} holds tensors that networks here cannot start from ({listed}): save them as dense "
            "tensors of real numbers."
        )


def _oddity(tensor: Tensor) -> str:
    """What is odd about a tensor; '' for a dense one of real numbers."""
    if tensor.is_quantized:
        return "quantised"
    if tensor.device.type == "meta":
        return "without values"
    if tensor.is_nested:
        return "nested"
    if tensor.layout != torch.strided:
        return "sparse"
    return "complex" if tensor.is_complex() else ""


def named_hash(path: Path) -> str | None:
    """The first digits of the SHA-256 that a file's name ends with, as published files have them; None for another name.

    ``hrnet_w32-36af842e.pth`` and ``hrnet-c78dce93_20200708.pth`` do; eight digits that could be a day are none.
    """
    found = re.search(r"-([0-9a-f]{8,64})(?:_[0-9]{8})?(?:\.[A-Za-z]+)+$", path.name)
    return None if found is None or re.fullmatch(r"(?:19|20)[0-9]{6}", found[1]) else found[1]
