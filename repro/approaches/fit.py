"""Whether the parts of a method fit: encoder, network, loss and decoder are tried once, on a few pixels that mean nothing.

What a loss and a decoder read is seen while they read it, and what a loss teaches is seen by its gradient, so that parts of other
packages are tried like those of this one. Two things cannot be seen and are declared: a loss whose maps come before the sigmoid
names them in ``logits``, and a decoder that takes such maps has a true ``logits``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import torch
from torch import Tensor

from repro.approaches.base import approach_of
from repro.approaches.bottom_up.outputs import scene_outputs
from repro.data.crops import normalise
from repro.data.scene_batches import SceneInput
from repro.errors import ReproError
from repro.geometry import heatmap_factor
from repro.grouping.shown import Shown
from repro.models.base import built, reduced
from repro.recipe import Recipe
from repro.skeletons.skeleton import Skeleton
from repro.support.foreign import code_of
from repro.training.feed import map_size
from repro.training.returned import check_alike, check_minimised, decoded, grouped, named, network_maps

PEOPLE, SIDE = 2, 128  # of the batch, and px of the longer side of its images
_FAILURES = (RuntimeError, ValueError, TypeError, IndexError, AttributeError)


class _Lacking(KeyError):
    """A map that is asked for and not there."""


class _Watched(dict[str, Tensor]):
    """Maps by name, which remember the names that were asked for."""

    def __init__(self, maps: dict[str, Tensor]) -> None:
        super().__init__(maps)
        self.read: set[str] = set()
        self.lacking = ""

    def __getitem__(self, name: str) -> Tensor:
        if name not in self:
            self.lacking = name
            raise _Lacking(name)
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self:
            return default
        return self[name]

    def items(self) -> Any:
        self.read |= set(self)
        return super().items()

    def values(self) -> Any:
        self.read |= set(self)
        return super().values()


@dataclass(frozen=True)
class Fit:
    """What the parts of a method that fit do with each other's maps.

    Args:
        outputs: the maps that the network gives.
        targets: those that the encoder gives.
        learned: the outputs that a loss teaches.
        decoded: the outputs that the decoder reads.
        missed: mean distance in px of the map by which keypoints are missed that are decoded of the encoder's own maps; None
            where these are not what the decoder reads, and of bottom-up methods.
    """

    outputs: tuple[str, ...]
    targets: tuple[str, ...]
    learned: frozenset[str]
    decoded: frozenset[str]
    missed: float | None


def check_fit(recipe: Recipe, skeleton: Skeleton) -> Fit:
    """Try the parts of a recipe's method together.

    Args:
        recipe: the recipe, at any size; a reduced network is shown small images.
        skeleton: the skeleton of the keypoints.

    Raises:
        ReproError: where they do not fit, with the reason: a part of the other approach, a loss or a decoder that reads what is
            not there, maps of different sizes, an output that nothing teaches, logits read as heat, offsets in another unit.
    """
    small = _small(recipe)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        network = built(reduced(small.method.network), skeleton)
        batch = _fake_batch(small, skeleton)
        given = _tried(small.method.network, network, normalise(batch["images"]))
        outputs = {name: maps.float() for name, maps in network_maps(given, small.method.network).items()}
        targets = named(_make_targets(small, batch, outputs, skeleton), small.method.encoder)
        check_alike(outputs, targets, small.method)
        learned = _learned(small, outputs, targets)
        decoded, missed = _decoded(small, network, batch, outputs, targets, skeleton)
    _check_learned(small, outputs, learned, decoded)
    _check_logits(small, decoded)
    _check_radius(small, decoded)
    return Fit(tuple(outputs), tuple(targets), learned, decoded, missed)


def _small(recipe: Recipe) -> Recipe:
    """The recipe with an input of few pixels."""
    if isinstance(recipe.input, SceneInput):
        return recipe.but(input=replace(recipe.input, size=(SIDE, SIDE)))
    width, height = recipe.input.size
    size = (
        recipe.input.size if max(width, height) <= SIDE else (SIDE * 3 // 4, SIDE) if height > width else (SIDE, SIDE)
    )
    return recipe.but(input=replace(recipe.input, size=size))


def _fake_batch(recipe: Recipe, skeleton: Skeleton) -> dict[str, Tensor]:
    """Images of noise with all keypoints of one person each, or of two in each image of a bottom-up recipe."""
    (width, height), keypoints = recipe.input.size, len(skeleton)
    scenes = isinstance(recipe.input, SceneInput)
    people = (PEOPLE, 2) if scenes else (PEOPLE,)
    places = 0.15 + 0.7 * torch.rand(*people, keypoints, 2)
    batch = {
        "images": torch.randint(0, 256, (PEOPLE, height, width, 3), dtype=torch.uint8),
        "points": places * torch.tensor([width - 1.0, height - 1.0]),
        "labelled": torch.ones(*people, keypoints),
    }
    if not isinstance(recipe.input, SceneInput):
        takes_parts = getattr(recipe.method.encoder, "takes_parts", False)
        return batch | ({"parts": torch.zeros(PEOPLE, height, width, dtype=torch.uint8)} if takes_parts else {})
    area, stride = torch.full(people, 0.49 * width * height), recipe.input.stride
    box = torch.tensor([0.15 * width, 0.15 * height, 0.7 * width, 0.7 * height]).expand(*people, 4)
    mask = torch.ones(PEOPLE, height // stride, width // stride)
    present = torch.ones(*people, dtype=torch.bool)
    return batch | {"areas": area, "segment_areas": area, "boxes": box, "present": present, "mask": mask}


def _make_targets(
    recipe: Recipe, batch: dict[str, Tensor], outputs: dict[str, Tensor], skeleton: Skeleton
) -> dict[str, Tensor]:
    encoder = recipe.method.encoder
    try:
        return approach_of(recipe).targets(recipe, batch, map_size(outputs), skeleton)
    except _FAILURES as error:
        _refuse(encoder, recipe.method.network, error)


def _learned(recipe: Recipe, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> frozenset[str]:
    """The outputs that the losses of all stages teach."""
    learned: set[str] = set()
    for loss in _losses(recipe):
        asked, wanted = _Watched(outputs), _Watched(targets)
        with code_of(loss, "when it is computed"):
            try:
                terms = named(loss(asked, wanted), loss)
            except _Lacking as error:
                _refuse_lacking(recipe, loss, asked, wanted, error)
            except ReproError as error:
                raise ReproError(f"{_name(loss)} does not fit {_pair(recipe)}: {error}") from error
            except _FAILURES as error:
                _refuse(loss, recipe.method.network, error, recipe.method.encoder)
        check_minimised(terms, loss)
        free = {name: maps for name, maps in outputs.items() if maps.requires_grad}
        moved = torch.autograd.grad(terms["loss"], list(free.values()), retain_graph=True, allow_unused=True)
        learned |= {name for name, gradient in zip(free, moved, strict=True) if gradient is not None}
    return frozenset(learned)


def _decoded(
    recipe: Recipe,
    network: torch.nn.Module,
    batch: dict[str, Tensor],
    outputs: dict[str, Tensor],
    targets: dict[str, Tensor],
    skeleton: Skeleton,
) -> tuple[frozenset[str], float | None]:
    """The outputs that the decoder reads, and by how much it misses keypoints in maps that are as the encoder wants them."""
    method = recipe.method
    with torch.inference_mode():
        if isinstance(recipe.input, SceneInput):
            network.eval()
            shown = _Watched(scene_outputs(network, normalise(batch["images"][:1]), recipe, skeleton))
            own = Shown(
                scales={1.0: shown}, stride=recipe.input.stride, skeleton=skeleton, described=method.network.outputs
            )
            _read(recipe, lambda: grouped(method.grouper, own), shown)
            return frozenset(shown.read), None
        asked, decoder = _Watched({name: maps.detach() for name, maps in outputs.items()}), method.person_decoder
        _read(recipe, lambda: decoded(decoder, asked, (PEOPLE, len(skeleton))), asked)
        return frozenset(asked.read), _missed(recipe, batch, outputs, targets, frozenset(asked.read))


def _missed(
    recipe: Recipe,
    batch: dict[str, Tensor],
    outputs: dict[str, Tensor],
    targets: dict[str, Tensor],
    read: frozenset[str],
) -> float | None:
    """Mean distance in px of the map from keypoints to what is decoded of their own targets; None where they are other maps."""
    if not all(name in targets and targets[name].shape == outputs[name].shape for name in read):
        return None
    if getattr(recipe.method.decoder, "logits", False):
        return None
    points, _ = recipe.method.person_decoder({name: targets[name].float() for name in targets})
    factor = heatmap_factor(recipe.input.size, map_size(outputs), recipe.crop_input.convention)
    return float((points - batch["points"] * torch.as_tensor(factor, dtype=torch.float32)).norm(dim=-1).mean())


def _read(recipe: Recipe, decode: Any, asked: _Watched) -> Any:
    """What a decoder gives. Raises ReproError where it cannot read the maps."""
    decoder, network = recipe.method.decoder, recipe.method.network
    try:
        return decode()
    except ReproError as error:
        if asked.lacking:
            raise ReproError(
                f"{_name(decoder)} reads {asked.lacking!r}, which {_name(network)} does not give: it gives {_listed(asked)}; "
                "choose another decoder or network."
            ) from None
        raise ReproError(f"{_name(decoder)} does not fit {_name(network)}: {error}") from error
    except _FAILURES as error:
        _refuse(decoder, network, error)


def _check_learned(
    recipe: Recipe, outputs: dict[str, Tensor], learned: frozenset[str], decoded: frozenset[str]
) -> None:
    """Raise ReproError for an output that the network describes, or the decoder reads, and no loss teaches."""
    method, losses = recipe.method, " and ".join(_name(loss) for loss in _losses(recipe))
    for name in outputs:
        if name in learned or name not in {*method.network.outputs, *decoded}:
            continue
        if name in decoded:
            raise ReproError(
                f"{_name(method.decoder)} reads {name!r}, which {losses} does not teach, so that it would stay random: choose a "
                f"loss that reads {name!r}, or a decoder that does not."
            )
        raise ReproError(
            f"{_name(method.network)} gives {name!r}, which {losses} does not teach and nothing reads: choose a loss that reads "
            "it, or a network without it."
        )


def _check_logits(recipe: Recipe, decoded: frozenset[str]) -> None:
    """Raise ReproError where maps before the sigmoid are decoded as heat, or heat as such maps."""
    decoder, takes = recipe.method.decoder, bool(getattr(recipe.method.decoder, "logits", False))
    for loss in _losses(recipe):
        given = sorted(set(getattr(loss, "logits", ())) & decoded)
        if given and not takes:
            raise ReproError(
                f"{_name(loss)} teaches {given[0]!r} before the sigmoid, which {_name(decoder)} reads as heat: choose a decoder "
                "with logits=True, or another loss."
            )
        if takes and not given:
            raise ReproError(
                f"{_name(decoder)} has logits=True, but {_name(loss)} teaches heat: leave logits out, or choose a loss of logits."
            )


def _check_radius(recipe: Recipe, decoded: frozenset[str]) -> None:
    """Raise ReproError where offsets are taught in units of one radius and decoded in units of another."""
    method = recipe.method
    wanted, taken = (getattr(part, "radius", None) for part in (method.encoder, method.decoder))
    kinds = {output.kind for name, output in method.network.outputs.items() if name in decoded}
    if "offsets" in kinds and None not in (wanted, taken) and wanted != taken:
        raise ReproError(
            f"{_name(method.encoder)} has radius {wanted:g} and {_name(method.decoder)} radius {taken:g}, in whose units offsets "
            "are: give both the same."
        )


def _tried(part: Any, call: Any, *given: Any) -> Any:
    """What a network gives for images."""
    try:
        return call(*given)
    except _FAILURES as error:
        raise ReproError(f"{_name(part)} cannot be shown images ({_short(error)}): mend it.") from error


def _refuse_lacking(recipe: Recipe, loss: Any, asked: _Watched, wanted: _Watched, error: Exception) -> NoReturn:
    """The error for a loss that reads what is not there."""
    giver: Any = recipe.method.encoder
    kind, maps = "target", wanted
    if asked.lacking:
        kind, giver, maps = ("output", recipe.method.network, asked)
    what = "encoder" if kind == "target" else "network"
    raise ReproError(
        f"{_name(loss)} reads the {kind} {maps.lacking!r}, which {_name(giver)} does not give: it gives {_listed(maps)}; choose "
        f"another loss or {what}."
    ) from error


def _refuse(part: Any, network: Any, error: Exception, encoder: Any = None) -> NoReturn:
    """The error for a part that fails on what it is given."""
    givers = _name(network) if encoder is None else f"{_name(network)} and {_name(encoder)}"
    raise ReproError(
        f"{_name(part)} does not fit what {givers} gives ({_short(error)}): choose another one."
    ) from error


def _losses(recipe: Recipe) -> list[Any]:
    return [recipe.method.loss, *([recipe.second_stage.loss] if recipe.second_stage else [])]


def _name(part: Any) -> str:
    return type(part).__name__


def _pair(recipe: Recipe) -> str:
    return f"{_name(recipe.method.encoder)} and {_name(recipe.method.network)}"


def _listed(maps: Iterable[str]) -> str:
    return ", ".join(maps) or "nothing"


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:160] if str(error) else type(error).__name__
