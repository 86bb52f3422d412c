"""The warm start: one backbone an architecture, trained once on drawn people to tell body parts, that all rows start from.

The papers start from ImageNet weights. From random weights a small budget shows nothing of what distinguishes the rows of a
table (losses on heatmaps learn slowly at first), so below ``paper`` scale every row starts from the same backbone. It is
trained on an objective that no row uses, the segmentation of body parts, so that it favours none. Its convolutions start at
one size, whatever they grew to (``models.weight_scale``): as they were left, rows would hardly move away from them.

What a network takes from it goes by the names of its layers. Those of a backbone (``BACKBONE``) must be in the file and fit,
the others are heads and start from it only where it has them in the same shape, as the transposed convolutions of a ResNet. A
network may say more by two methods: ``warm_copies()`` names parts that start as copies of other parts of it (own prefix to the
prefix in the file), ``warm_fresh()`` parts of the backbone that may stay random (prefixes).

The backbones of the ``smoke`` and ``laptop`` scales are kept in ``repro/weights/`` as half-precision safetensors, each with a
manifest (recipe, checksum, accuracy, code) beside it. ``repro warm-start`` makes them; those of larger scales go to
``runs/weights/``.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import nn

from repro import paths, serial
from repro.errors import ReproError, choice_error
from repro.models.backbones.dla import DLA
from repro.models.backbones.hourglass import Hourglass
from repro.models.backbones.hrnet import HRNet
from repro.models.backbones.resnet import ResNet
from repro.models.checkpoints import TIMM_EXTRAS, file_sha256, is_under, load_weights, read_weights
from repro.models.weight_scale import rescale_convolutions
from repro.recipe import Initialisation
from repro.training.checkpoints import write_json

HEAD = "final_layer."
BACKBONE = ("conv", "bn", "layer", "transition", "stage")  # how the names of an HRNet's and a ResNet's parts begin
WEIGHT_SIZE = (
    0.05  # of the weights that rows start from (root mean square), whatever the rate they were trained at left
)
CLASSIFIERS = (*TIMM_EXTRAS, "fc")  # what files of timm's HRNets and torchvision's ResNets have beyond the backbone


def weight_files() -> dict[str, Path]:
    """The manifests of all backbones that are there, by name; committed ones first."""
    folders = (Path(__file__).parent / "weights", paths.runs() / "weights")
    files = [
        file for folder in folders for file in sorted(folder.glob("*.json")) if not file.stem.startswith("enlarge-")
    ]
    return {file.stem: file for file in reversed(files)}


def backbone_name(backbone: HRNet | ResNet) -> str:
    """The name that a backbone's weights are kept under."""
    depth = f"r{backbone.depth}-" if isinstance(backbone, ResNet) else ""
    return f"people-parts-{depth}w{backbone.width}-{serial.digest(backbone)[:6]}"


def plain_backbone(backbone: HRNet | ResNet) -> HRNet | ResNet:
    """The backbone that the warm start is made with: an HRNet's stage 4 is neither multi-scale nor widened there."""
    if isinstance(backbone, ResNet):
        return backbone
    return replace(backbone, multi_scale_stage4=False, fuse_width=None)


def initialisation_for(backbone: HRNet | ResNet) -> Initialisation | None:
    """The warm start of a backbone; None where none has been made."""
    file = weight_files().get(backbone_name(plain_backbone(backbone)))
    if file is None:
        return None
    return Initialisation(name=file.stem, sha256=json.loads(file.read_text())["sha256"], size=WEIGHT_SIZE)


def choose_start(start: str, backbone: HRNet | ResNet | DLA | Hourglass) -> Initialisation | None:
    """The initialisation that ``start`` names: ``warm``, ``random``, or weights that ``import_weights`` took in.

    A DLA and an hourglass start from random weights whatever is asked for: there is no warm start of theirs, and what the
    other rows of their tables start from does not fit.

    Raises:
        ReproError: for another name.
    """
    if start == "random" or isinstance(backbone, (DLA, Hourglass)):
        return None
    if start == "warm":
        return initialisation_for(backbone)
    file = weight_files().get(start)
    if file is None:
        raise choice_error("START", start, ("warm", "random", "a path to a checkpoint", *weight_files()))
    return Initialisation(name=start, sha256=json.loads(file.read_text())["sha256"])


def import_weights(path: Path) -> str:
    """Take a checkpoint (HRNet, timm, torchvision; .pth or .safetensors) into ``runs/weights``; returns its name there.

    Raises:
        ReproError: when the file does not exist or does not hold weights.
    """
    tensors = {name: tensor.contiguous() for name, tensor in read_weights(path).items()}
    folder = paths.runs() / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{path.stem}-{file_sha256(path)[:8]}"
    temporary = folder / f".{name}.{os.getpid()}"
    save_file(tensors, temporary)
    os.replace(temporary, folder / f"{name}.safetensors")
    about = {"sha256": file_sha256(folder / f"{name}.safetensors"), "what": f"imported from {path.name}"}
    write_json(folder / f"{name}.json", about)
    return name


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
    copies, fresh = _warm("copies", network, {}), _warm("fresh", network, ())
    heads = {n.split(".")[0] for n in network.state_dict() if not n.startswith(BACKBONE)}
    optional = (*sorted(heads | set(copies)), *fresh)
    excused = load_weights(
        network, tensors, allow_missing=optional, ignore=CLASSIFIERS, expected_sha256=initialisation.sha256
    )
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


def export_backbone(weights: Path, folder: Path, backbone: HRNet | ResNet, manifest: dict[str, Any]) -> Path:
    """Keep a trained backbone in half precision, without its head, with its manifest beside it.

    A ResNet keeps its transposed convolutions, which serve SimpleBaseline.

    Args:
        weights: safetensors of the part network.
        folder: where to.
        backbone: its settings, which give the name.
        manifest: what is said about it; ``sha256`` and ``backbone`` are added.

    Returns:
        the manifest's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{backbone_name(backbone)}.safetensors"
    tensors = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in load_file(weights).items()
        if not name.startswith(HEAD)
    }
    save_file(tensors, target)
    about = {"backbone": serial.to_plain(backbone), "sha256": file_sha256(target), **manifest}
    write_json(target.with_suffix(".json"), about)
    return target.with_suffix(".json")
