"""The warm start: one backbone an architecture, trained once on drawn people to tell body parts, that all rows start from.

The papers start from ImageNet weights. From random weights a small budget shows nothing of what distinguishes the rows of a
table (losses on heatmaps learn slowly at first), so below ``paper`` scale every row starts from the same backbone. It is
trained on an objective that no row uses, the segmentation of body parts, so that it favours none. Its convolutions start at
one size, whatever they grew to (``models.weight_scale``): as they were left, rows would hardly move away from them.

What a network takes from it goes by the names of its layers. Those of a backbone (``prefixes``) must be in the file and fit,
the others are heads and start from it only where it has them in the same shape, as the transposed convolutions of a ResNet. A
network may say more by two methods: ``warm_copies()`` names parts that start as copies of other parts of it (own prefix to the
prefix in the file), ``warm_fresh()`` parts of the backbone that may stay random (prefixes).

The backbones of the ``smoke`` and ``laptop`` scales are kept in ``repro/weights/`` as half-precision safetensors, each with a
manifest (recipe, checksum, accuracy, code) beside it. ``repro warm-start`` makes them; those of larger scales go to
``runs/weights/``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from repro import paths
from repro.errors import ReproError, choice_error
from repro.models.backbones.base import Backbone
from repro.models.checkpoints import TIMM_EXTRAS, file_sha256, fitting_weights, is_under, load_weights
from repro.models.foreign_weights import named_hash, read_weights
from repro.models.weight_scale import rescale_convolutions
from repro.recipe import Initialisation
from repro.support import serial
from repro.support.sealed import Damaged, file_checksum, read_json, replacing, write_json

HEAD = "final_layer."
OWN_MODULE = ("backbone.",)  # how the names of a backbone's parameters begin in a network that does not say
WEIGHT_SIZE = (
    0.05  # of the weights that rows start from (root mean square), whatever the rate they were trained at left
)
_WORD = "[wr][0-9]+"  # of a backbone, see ``Backbone.start_word``
# What files of HRNet's authors, of timm's HRNets and of torchvision's ResNets have beyond the backbone.
CLASSIFIERS = (*TIMM_EXTRAS, "head", "fc")


def weight_files() -> dict[str, Path]:
    """The manifests of all weights that rows may start from, by name; committed ones first. Damaged ones are left out."""
    files = [file for folder in _folders() for file in sorted(folder.glob("*.json")) if _is_start(file)]
    return {file.stem: file for file in reversed(files)}


def _folders() -> tuple[Path, Path]:
    return paths.WEIGHTS, paths.runs() / "weights"


def _is_start(file: Path) -> bool:
    """Whether a manifest is whole and of weights that rows may start from: that of the super-resolution network is not."""
    try:
        return "enlarger" not in _manifest(file)
    except ReproError:
        return False


def _manifest(file: Path) -> dict[str, Any]:
    """What a manifest says of the weights beside it. Raises ReproError when it is damaged or they are not there."""
    about = read_json(file)
    whole = isinstance(about, dict) and re.fullmatch("[0-9a-f]{64}", str(about.get("sha256")))
    if not whole or not file.with_suffix(".safetensors").is_file():
        raise Damaged(file, "names no weights", file)
    return about


def _initialisation(name: str, size: float | None = None) -> Initialisation | None:
    """Weights by their name; None where there is no manifest of it. Raises ReproError when its files are damaged."""
    file = next((f for folder in _folders() if (f := folder / f"{name}.json").exists()), None)
    if file is None:
        return None
    about, tensors = _manifest(file), file.with_suffix(".safetensors")
    if not about["sha256"].startswith(file_checksum(tensors)):
        raise ReproError(
            f"The weights {tensors} do not fit the checksum in {file.name}: delete both and make or give them again."
        )
    return Initialisation(name=name, sha256=about["sha256"], size=size)


def initialisation_for(backbone: Backbone) -> Initialisation | None:
    """The warm start of a backbone; None where none has been made. Raises ReproError where its files are damaged."""
    name = backbone.plain().warm_name
    return None if name is None else _initialisation(name, WEIGHT_SIZE)


def choose_start(start: str, backbone: Backbone) -> Initialisation | None:
    """The initialisation that ``start`` names: ``warm``, ``random``, or weights that ``import_weights`` took in.

    A start by backbone, as ``w32=hrnet_w32-36af842e,r50=random``, names one of these for each (``Backbone.start_word``).

    A backbone without a warm start, as a DLA and an hourglass, starts from random weights whatever is asked for: what the
    other rows of its tables start from does not fit.

    Raises:
        ReproError: for another name.
    """
    if not takes_weights(backbone):
        return None
    if by_backbone(start):
        start = starts_of(start).get(backbone.start_word or "", "random")
    if start == "random":
        return None
    if start == "warm":
        return initialisation_for(backbone)
    known = weight_files()
    found = _initialisation(start) if start in known else None
    if found is None:
        raise choice_error("START", start, ("warm", "random", "a path to a checkpoint", *known))
    return found


def takes_weights(backbone: Backbone) -> bool:
    """Whether a backbone starts from weights that are asked for."""
    return backbone.warm_name is not None


def by_backbone(start: str) -> bool:
    """Whether a start names one for each backbone, as ``w32=hrnet_w32-36af842e,r50=random`` does."""
    return re.match(rf"{_WORD}=", start) is not None


def starts_of(start: str) -> dict[str, str]:
    """What a start by backbone names for each: ``{"w32": "hrnet_w32-36af842e", "r50": "random"}``."""
    pairs = (part.partition("=") for part in re.split(rf",\s*(?={_WORD}=)", start))
    return {word.strip(): name.strip() for word, _, name in pairs}


def read_start(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint that rows are to start from.

    Raises:
        ReproError: when the file is damaged, another one than its name says, or holds something else than dense tensors.
    """
    expected = named_hash(path)
    if expected is not None and not (found := file_sha256(path)).startswith(expected):
        raise ReproError(
            f"The name of {path} says that its SHA-256 begins with {expected}, and it begins with {found[: len(expected)]}: "
            "fetch the file again, or rename it when it is another one."
        )
    return read_weights(path)


def check_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise ReproError, naming the first, for weights that are not finite in float32, or a variance below 0."""
    wrong = [n for n, t in tensors.items() if t.is_floating_point() and not t.float().isfinite().all()]
    negative = [n for n, t in tensors.items() if n.endswith("running_var") and (t < 0).any()]
    for names, what in ((wrong, "that are not finite"), (negative, "below 0, where variances are,")):
        if names:
            raise ReproError(
                f"The weights file {path} holds numbers {what} in {len(names)} tensors, the first is {names[0]}: give the file "
                "of a training that went well."
            )


def import_weights(path: Path, tensors: dict[str, Tensor] | None = None) -> str:
    """Take a checkpoint (HRNet, timm, torchvision; .pth or .safetensors) into ``runs/weights``; returns its name there.

    Args:
        path: the path of the checkpoint.
        tensors: what ``read_start`` found in it; None to read it now.

    Raises:
        ReproError: when the file does not exist or does not hold weights, or runs cannot be written.
    """
    tensors = read_start(path) if tensors is None else tensors
    name, folder = imported_name(path), paths.runs() / "weights"
    if name in weight_files():
        try:
            _initialisation(name)
            return name
        except ReproError:  # damaged: it is taken in again
            pass
    paths.check_writable("REPRO_RUNS")
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"{name}.safetensors") as temporary:  # copies, as names may share a tensor
        save_file({n: t.clone(memory_format=torch.contiguous_format) for n, t in tensors.items()}, temporary)
    about = {"sha256": file_sha256(folder / f"{name}.safetensors"), "what": f"imported from {path.name}"}
    write_json(folder / f"{name}.json", about)
    return name


def imported_name(path: Path) -> str:
    """The name that a checkpoint gets in ``runs/weights``: its own, fit for a file, and the first digits of its SHA-256."""
    stem = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "_", path.stem).lstrip(".")[:100]
    return f"{stem}-{file_sha256(path)[:8]}"


def check_fit(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise ReproError, with the differences, when a network cannot start from these weights; it may be one without values."""
    fitting_weights(network, tensors, path, **_excuses(network))


def _excuses(network: nn.Module) -> dict[str, Any]:
    """What a file and a network need not share: heads, parts that have other sources, and classifiers."""
    prefixes = getattr(network, "prefixes", OWN_MODULE)
    heads = {n.split(".")[0] for n in network.state_dict() if not n.startswith(prefixes)}
    optional = (*sorted(heads | set(_warm("copies", network, {}))), *_warm("fresh", network, ()))
    return {"allow_missing": optional, "ignore": CLASSIFIERS}


def load_initialisation(network: nn.Module, initialisation: Initialisation) -> None:
    """Load a warm start into a network; heads that it lacks keep their random weights.

    Args:
        network: any of the package's; see the module for ``warm_copies`` and ``warm_fresh``.
        initialisation: the weights.

    Raises:
        ReproError: when there is no such file, its checksum differs, or the backbone is another one.
    """
    file = weight_files().get(initialisation.name)
    if file is None:
        raise ReproError(
            f"The initial weights {initialisation.name!r} are neither in the package nor in {paths.runs()}/weights: "
            "make them with `repro warm-start` and the run's --scale, --width or --depth, or give START= the checkpoint again."
        )
    tensors = file.with_suffix(".safetensors")
    copies = _warm("copies", network, {})
    excused = load_weights(network, tensors, expected_sha256=initialisation.sha256, **_excuses(network))
    if initialisation.size is not None:
        kept = {*excused.missing, *(name for name, _, _ in excused.reshaped)}
        rescale_convolutions(network, initialisation.size, set(network.state_dict()) - kept)
    for own, source in copies.items():
        if any(is_under(name, (own,)) for name in excused.missing):  # a checkpoint of the same network has it
            network.get_submodule(own).load_state_dict(network.get_submodule(source).state_dict())


def _warm(what: str, network: nn.Module, default: Any) -> Any:
    """What the network's method ``warm_copies`` or ``warm_fresh`` says; ``default`` where it has none."""
    method = getattr(network, f"warm_{what}", None)
    return default if method is None else method()


def export_backbone(weights: Path, folder: Path, backbone: Backbone, manifest: dict[str, Any]) -> Path:
    """Keep a trained backbone in half precision, without its head, with its manifest beside it.

    A ResNet keeps its transposed convolutions, which serve SimpleBaseline.

    Args:
        weights: safetensors of the part network.
        folder: the folder to write to.
        backbone: its settings, which give the name.
        manifest: what is said about it; ``sha256`` and ``backbone`` are added.

    Returns:
        the manifest's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{backbone.warm_name}.safetensors"
    tensors = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in load_file(weights).items()
        if not name.startswith(HEAD)
    }
    save_file(tensors, target)
    about = {"backbone": serial.to_plain(backbone), "sha256": file_sha256(target), **manifest}
    write_json(target.with_suffix(".json"), about)
    return target.with_suffix(".json")
