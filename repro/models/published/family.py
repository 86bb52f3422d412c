"""What a family of published networks is: whose names it has, and from which of them each tensor here comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from repro.errors import ReproError
from repro.models.checkpoints import COUNTER, is_under, key_diff, rename_keys

PREFIXES = {"backbone": "", "keypoint_head": "", "head": ""}  # of mmpose's files, 0.x and 1.x
USUAL_KEYPOINTS = 17  # where the layer that tells the number is missing


def same(name: str) -> tuple[str, ...]:
    """The published names of a tensor that is called the same here."""
    return (name,)


def unchanged(name: str, tensor: Tensor) -> Tensor:
    """The tensor as it is."""
    return tensor


@dataclass(frozen=True, kw_only=True)
class Family:
    """A published network of one size, for any number of keypoints.

    Args:
        name: the name, as ``hrnet-w32``.
        build: the network here, from the number of keypoints.
        keypoints: the number of keypoints, from the published tensors by name.
        marks: published names, each with its first sizes, None for any; () for a name alone.
        absent: dotted prefixes under which the published network has nothing.
        sources: published names of a tensor here; several where the published network has copies of one shared weight.
        constants: published tensors without a counterpart here, and the values that they must have.
        arrange: the value here, from the name here and the published value.
    """

    name: str
    build: Callable[[int], nn.Module]
    keypoints: Callable[[Mapping[str, Tensor]], int | None]
    marks: Mapping[str, tuple[int | None, ...]]
    absent: tuple[str, ...] = ()
    sources: Callable[[str], tuple[str, ...]] = same
    constants: Mapping[str, Tensor] = field(default_factory=dict)
    arrange: Callable[[str, Tensor], Tensor] = unchanged

    def fits(self, weights: Mapping[str, Tensor]) -> bool:
        """Whether published weights, without prefixes, have the marks of this family."""
        marked = all(name in weights and _begins(weights[name], sizes) for name, sizes in self.marks.items())
        return marked and not any(is_under(name, self.absent) for name in weights)

    def network(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """The network without values for the number of keypoints of the weights."""
        with torch.device("meta"):
            return self.build(self.keypoints(weights) or USUAL_KEYPOINTS)

    def converted(self, weights: Mapping[str, Tensor], origin: str) -> dict[str, Tensor]:
        """Published weights, without prefixes, under the names here.

        Args:
            weights: tensors by published name.
            origin: the place that they are from, for messages.

        Raises:
            ReproError: for tensors that are missing, left over or of another shape, by their published names; for copies of a
                shared weight that differ; for a constant of another value.
        """
        own = {name: tuple(t.shape) for name, t in self.network(weights).state_dict().items()}
        wanted = {source: shape for name, shape in own.items() for source in self.sources(name)}
        wanted |= {name: tuple(t.shape) for name, t in self.constants.items()}
        weights = {n: t[0] if wanted.get(n) == () and t.shape == (1,) else t for n, t in weights.items()}
        diff = key_diff(wanted, {n: tuple(t.shape) for n, t in weights.items()})
        diff = replace(diff, missing=tuple(name for name in diff.missing if not name.endswith(COUNTER)))
        if diff:
            raise ReproError(
                f"The weights in {origin} are not those of {self.name}, in the published names:\n{diff}\n"
                "Give the published file of that network, whole, or name another family."
            )
        self._check_constants(weights, origin)
        sources = {name: self.sources(name) for name in own}
        _check_copies(weights, [s for s in sources.values() if len(s) > 1], origin)
        return {name: self.arrange(name, weights[s[0]]) for name, s in sources.items() if s[0] in weights}

    def _check_constants(self, weights: Mapping[str, Tensor], origin: str) -> None:
        for name, value in self.constants.items():
            if not _equal(weights[name], value):
                raise ReproError(
                    f"The weights in {origin} have {name} = {weights[name].tolist()}, where {self.name} has the constant "
                    f"{value.tolist()}: give a file whose constants were not changed."
                )


def _begins(tensor: Tensor, sizes: tuple[int | None, ...]) -> bool:
    """Whether a tensor's first dimensions have these sizes."""
    found = tuple(tensor.shape)[: len(sizes)]
    return len(found) == len(sizes) and all(want in (None, size) for want, size in zip(sizes, found, strict=True))


def _check_copies(weights: Mapping[str, Tensor], groups: list[tuple[str, ...]], origin: str) -> None:
    """Raise ReproError where copies of one shared weight differ."""
    for first, *others in groups:
        for other in others:
            if not _equal(weights[other], weights[first]):
                raise ReproError(
                    f"The weights in {origin} have different values in {first} and {other}, which are one shared weight in the "
                    "released network and here: give a file that was trained with shared weights."
                )


def _equal(found: Tensor, expected: Tensor) -> bool:
    """Whether two tensors of one shape are equal, as far as they have values."""
    return found.is_meta or expected.is_meta or torch.equal(found, expected.to(found))


def without_prefixes(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without the prefixes of wrappers and of mmpose. Raises ReproError when two names become one."""
    return {new: weights[old] for old, new in rename_keys(weights, PREFIXES).items()}


def first_size(name: str) -> Callable[[Mapping[str, Tensor]], int | None]:
    """A function that reads the first dimension of a tensor; None where it is missing or has none."""

    def read(weights: Mapping[str, Tensor]) -> int | None:
        return len(weights[name]) if name in weights and weights[name].ndim else None

    return read
