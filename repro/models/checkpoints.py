"""Weights to files and back: checked by name, shape and SHA-256, never unpickled.

Official and timm files load into networks that keep the official names. What a file and a network do not share is an
error that lists it, unless the caller names it. Names are matched by dotted prefixes: ``final_layer`` stands for
``final_layer.weight`` and ``final_layer.0.bias``, not for ``final_layer2.weight``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from repro.errors import ReproError
from repro.models.foreign_weights import read_weights
from repro.support.sealed import about_bytes, replacing

Shape = tuple[int, ...]

# What timm's HRNet classifiers have beyond HRNet-W32 and -W48 for poses: pass it as ``ignore``.
TIMM_EXTRAS = (
    "incre_modules",
    "downsamp_modules",
    "final_layer.0",
    "final_layer.1",
    "classifier",
    "stage4.2.fuse_layers.1",
    "stage4.2.fuse_layers.2",
    "stage4.2.fuse_layers.3",
)

_PREFIXES = ("module.", "_orig_mod.")  # DataParallel's and torch.compile's
_METADATA = "repro"  # one JSON text, because the order of several entries changes from file to file
_SHOWN = 3  # names shown of each group
ADVICE = "Build the network that the file was made for, or name what may differ in allow_missing or ignore."
COUNTER = ".num_batches_tracked"  # of BatchNorm, which PyTorch has kept since 0.4.1 and does not use here


@dataclass(frozen=True)
class KeyDiff:
    """How the names and shapes of a file differ from those of a network.

    Args:
        missing: names of the network that the file lacks.
        unexpected: names of the file that the network lacks.
        reshaped: name, the network's shape and the file's, where the two differ.
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    reshaped: tuple[tuple[str, Shape, Shape], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.reshaped)

    def split(self, *, allow_missing: Iterable[str] = (), ignore: Iterable[str] = ()) -> tuple[KeyDiff, KeyDiff]:
        """The part that the prefixes excuse, and the rest.

        ``allow_missing`` excuses what is missing or has another shape, ``ignore`` what is unexpected.
        """
        allowed, ignored = tuple(allow_missing), tuple(ignore)
        parts = []
        for wanted in (True, False):
            missing = tuple(n for n in self.missing if is_under(n, allowed) is wanted)
            unexpected = tuple(n for n in self.unexpected if is_under(n, ignored) is wanted)
            reshaped = tuple(r for r in self.reshaped if is_under(r[0], allowed) is wanted)
            parts.append(KeyDiff(missing, unexpected, reshaped))
        return parts[0], parts[1]

    def __str__(self) -> str:
        shapes = {name: f"{name} is {theirs}, expected {ours}" for name, ours, theirs in self.reshaped}
        lines = [
            *_grouped("missing in the file", self.missing, str),
            *_grouped("unexpected in the file", self.unexpected, str),
            *_grouped("of another shape", tuple(shapes), shapes.__getitem__),
        ]
        return "\n".join(lines)


def _grouped(title: str, names: tuple[str, ...], show: Callable[[str], str]) -> list[str]:
    """A line with the count of names, and one for each group with the same first part and its first names."""
    if not names:
        return []
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.partition(".")[0], []).append(name)
    lines = [f"  {title}: {len(names)}"]
    for prefix, members in groups.items():
        more = ", ..." if len(members) > _SHOWN else ""
        lines.append(f"    {prefix} ({len(members)}): {', '.join(map(show, members[:_SHOWN]))}{more}")
    return lines


def is_under(name: str, prefixes: Iterable[str]) -> bool:
    """Whether a dotted name is one of the prefixes or below one."""
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def key_diff(model: Mapping[str, Shape], file: Mapping[str, Shape]) -> KeyDiff:
    """Compare the names and shapes of a network with those of a file; orders are the mappings' own."""
    return KeyDiff(
        missing=tuple(name for name in model if name not in file),
        unexpected=tuple(name for name in file if name not in model),
        reshaped=tuple(
            (n, tuple(s), tuple(file[n])) for n, s in model.items() if n in file and tuple(file[n]) != tuple(s)
        ),
    )


def rename_keys(names: Iterable[str], rename: Mapping[str, str]) -> dict[str, str]:
    """New names: without the prefixes of wrappers, and with each prefix in ``rename`` replaced by its value.

    Returns:
        old name to new name.

    Raises:
        ReproError: when two names become one.
    """
    renamed: dict[str, str] = {}
    taken: dict[str, str] = {}
    for name in names:
        new = name
        while new.startswith(_PREFIXES):
            new = new.partition(".")[2]
        for old, replacement in rename.items():
            if is_under(new, (old,)):
                new = ".".join(part for part in (replacement, new[len(old) + 1 :]) if part)
                break
        if new in taken:
            raise ReproError(f"Weights {taken[new]!r} and {name!r} would both be called {new!r}: change rename.")
        renamed[name], taken[new] = new, name
    return renamed


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file, 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(path: str | Path, expected: str) -> None:
    """Raise ReproError unless the file's SHA-256 begins with ``expected`` (8 to 64 hex digits)."""
    if not 8 <= len(expected) <= 64:
        raise ReproError(f"The expected SHA-256 {expected!r} has {len(expected)} digits: give 8 to 64 of them.")
    found = file_sha256(path)
    if not found.startswith(expected.lower()):
        raise ReproError(f"The SHA-256 of {path} is {found}, expected {expected}: fetch or copy the file again.")


def load_weights(
    model: nn.Module,
    path: str | Path,
    *,
    allow_missing: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    rename: Mapping[str, str] | None = None,
    expected_sha256: str | None = None,
) -> KeyDiff:
    """Load weights into a network, all of them unless the caller excuses some.

    Args:
        model: the network; it stays as it is when an error is raised.
        path: a ``.safetensors`` or PyTorch file.
        allow_missing: prefixes of names that the file may lack or hold in another shape, as ``final_layer`` for another
            number of keypoints. They keep their present values.
        ignore: prefixes of names in the file that the network need not have, as ``TIMM_EXTRAS``.
        rename: prefixes of the file's names to the network's, as ``{"backbone": "", "keypoint_head": ""}``.
        expected_sha256: the first 8 to 64 hex digits of the file's SHA-256, checked before it is read.

    Returns:
        What was excused.

    Raises:
        ReproError: when the file is unreadable or another one, or for any difference that was not excused.
    """
    if expected_sha256 is not None and Path(path).is_file():
        check_sha256(path, expected_sha256)
    weights, excused = fitting_weights(
        model, read_weights(path), path, allow_missing=allow_missing, ignore=ignore, rename=rename
    )
    model.load_state_dict(weights, strict=False)
    return excused


def fitting_weights(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    path: str | Path,
    *,
    allow_missing: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    rename: Mapping[str, str] | None = None,
) -> tuple[dict[str, Tensor], KeyDiff]:
    """What a network takes of some weights, which may have no values yet (``torch.device("meta")``), as the network may.

    As in torch, a file may lack BatchNorm's counters of batches, and hold one number as a vector of it.

    Args:
        model: the network; it stays as it is.
        weights: tensors by name.
        path: their file, for messages.
        allow_missing: the choice that ``load_weights`` takes.
        ignore: the names that ``load_weights`` takes.
        rename: the function that ``load_weights`` takes.

    Returns:
        the tensors by the network's names, and what was excused.

    Raises:
        ReproError: for any difference that was not excused.
    """
    names = rename_keys(weights, rename or {})
    weights, target = {new: weights[old] for old, new in names.items()}, model.state_dict()
    weights |= {n: w[0] for n, w in weights.items() if n in target and target[n].ndim == 0 and w.shape == (1,)}
    diff = key_diff({n: tuple(t.shape) for n, t in target.items()}, {n: tuple(t.shape) for n, t in weights.items()})
    diff = replace(diff, missing=tuple(name for name in diff.missing if not name.endswith(COUNTER)))
    excused, rest = diff.split(allow_missing=allow_missing, ignore=ignore)
    if rest:
        raise ReproError(f"The weights in {path} do not fit {type(model).__name__}:\n{rest}\n{ADVICE}")
    left_out = {*excused.unexpected, *(name for name, _, _ in excused.reshaped)}
    taken = {n: t for n, t in weights.items() if n not in left_out}
    whole = [f"{n} is {t.dtype}" for n, t in taken.items() if target[n].is_floating_point() > t.is_floating_point()]
    if whole:
        more = ", ..." if len(whole) > _SHOWN else ""
        raise ReproError(
            f"The weights in {path} do not fit {type(model).__name__}, which has floating-point numbers in {len(whole)} places "
            f"where the file has others ({', '.join(whole[:_SHOWN]).replace('torch.', '')}{more}): give a file of weights that "
            "were not quantised."
        )
    return taken, excused


def save_weights(model: nn.Module, path: str | Path, metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Save a network's weights as safetensors, whole or not at all: under a temporary name that is then exchanged.

    Args:
        model: the network; the prefixes of DataParallel and torch.compile are dropped.
        path: the path to write to; its folder exists.
        metadata: JSON values to keep in the file, see ``read_metadata``. Equal weights and metadata give equal files.

    Returns:
        length and checksum of the file, for ``support.sealed.check_file``.
    """
    path = Path(path)
    state = model.state_dict()
    names = rename_keys(state, {})
    # Copies, because safetensors refuses tensors that share memory or are not contiguous (channels_last).
    tensors = {
        names[n]: t.detach().to("cpu", copy=True, memory_format=torch.contiguous_format) for n, t in state.items()
    }
    content = save(tensors, {_METADATA: json.dumps(dict(metadata or {}), sort_keys=True)})
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return about_bytes(content)


def read_metadata(path: str | Path) -> dict[str, Any]:
    """The metadata that ``save_weights`` put into a file; empty for files from elsewhere."""
    with safe_open(path, framework="pt") as file:
        return json.loads((file.metadata() or {}).get(_METADATA, "{}"))
