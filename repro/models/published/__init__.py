"""Published weights under the names of the networks here: HRNet, SimpleBaseline, HigherHRNet and the heatmap-guided networks.

``recognise`` tells the family of a state_dict, ``convert`` renames it, strictly, and ``load_published`` reads a file into a
network. Whether the network then computes what the published one does is tested by family, on weights made from a seed; no
published file was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from repro.errors import ReproError, choice_error
from repro.models.checkpoints import check_sha256, fitting_weights
from repro.models.foreign_weights import read_weights
from repro.models.published.bottom_up import guided, higherhrnet
from repro.models.published.family import Family, without_prefixes
from repro.models.published.scoring import scoring
from repro.models.published.top_down import hrnet, simple_baseline
from repro.skeletons.skeleton import COCO17, CROWDPOSE14

_ALL = (
    *(hrnet(width) for width in (32, 48)),
    *(simple_baseline(depth) for depth in (50, 101, 152)),
    *(higherhrnet(width) for width in (32, 48)),
    *(guided(width) for width in (32, 48)),
    guided(48, higher=True),
    *(scoring(skeleton) for skeleton in (COCO17, CROWDPOSE14)),
)
FAMILIES: dict[str, Family] = {family.name: family for family in _ALL}

__all__ = ["FAMILIES", "Family", "convert", "load_published", "recognise"]


def recognise(state_dict: Mapping[str, Tensor]) -> str | None:
    """The family of published weights, by a few of their names and sizes; None for weights of another kind.

    A file that is damaged elsewhere is recognised too: ``convert`` then says what is missing or left over.

    Args:
        state_dict: tensors by published name, also with the prefixes of DataParallel, torch.compile or mmpose.

    Raises:
        ReproError: when two names differ by such a prefix alone.
    """
    weights = without_prefixes(state_dict)
    return next((name for name, family in FAMILIES.items() if family.fits(weights)), None)


def convert(
    state_dict: Mapping[str, Tensor], family: str, *, origin: str | Path = "the state_dict"
) -> dict[str, Tensor]:
    """Published weights under the names here, all of them or none.

    The number of keypoints is the file's. Counters of batches may be missing, as torch allows.

    Args:
        state_dict: the tensors, as ``recognise`` takes them.
        family: one of ``FAMILIES``.
        origin: their file, for messages.

    Returns:
        tensors by the names of the network here, without copies: most share memory with those given.

    Raises:
        ReproError: for an unknown family; for tensors that are missing, left over or of another shape, by their published names;
            where copies of a weight that the released network shares differ, or a constant has another value.
    """
    if family not in FAMILIES:
        raise choice_error("family of published weights", family, FAMILIES)
    return FAMILIES[family].converted(without_prefixes(state_dict), str(origin))


def load_published(network: nn.Module, path: str | Path, *, expected_sha256: str | None = None) -> str:
    """Load a published file into a network, all of it.

    Args:
        network: one that the file was made for; it stays as it is when an error is raised.
        path: a ``.pth`` or ``.safetensors`` file; nothing in it is executed.
        expected_sha256: the first 8 to 64 hex digits of the file's SHA-256, checked before it is read.

    Returns:
        the family.

    Raises:
        ReproError: when the file is unreadable or another one, of no family, not whole, or does not fit the network.
    """
    if expected_sha256 is not None and Path(path).is_file():
        check_sha256(path, expected_sha256)
    state_dict = read_weights(path)
    family = recognise(state_dict)
    if family is None:
        first = ", ".join(list(state_dict)[:3])
        raise ReproError(
            f"The weights in {path} ({len(state_dict)} tensors, first {first}) are of no published network that is known here: "
            f"give a file of {', '.join(FAMILIES)}."
        )
    weights, _ = fitting_weights(network, convert(state_dict, family, origin=path), path)
    network.load_state_dict(weights, strict=False)
    return family
