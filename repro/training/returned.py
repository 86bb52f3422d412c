"""What parts of methods return, looked at before it is used: a part of another package may return anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import Tensor, nn

from repro.errors import ReproError
from repro.grouping.people import People
from repro.grouping.shown import Shown
from repro.recipe import Grouper, Loss, Method, PersonDecoder
from repro.support.foreign import code_of, is_foreign, kind_of

Maps = dict[str, Tensor]
_FAILURES = (RuntimeError, ValueError, TypeError, IndexError, AttributeError)  # of operations on tensors that do not fit


def named(found: Any, part: object) -> Maps:
    """What an encoder, a network or a loss returned. Raises ReproError, naming the part, unless it is tensors by name."""
    kind = type(part).__name__
    if not isinstance(found, Mapping):
        raise ReproError(f"{kind} returns {kind_of(found)}, expected tensors by name: return a dict of them.")
    for name, value in found.items():
        if not isinstance(value, Tensor):
            raise ReproError(f"{kind} returns {name!r} as {kind_of(value)}, expected a tensor: return tensors by name.")
    return cast(Maps, found)


def maps_of(module: nn.Module, images: Tensor, network: object) -> Maps:
    """The maps that a module gives for images (B, 3, H, W). Raises ReproError, naming its settings, where it gives none."""
    with code_of(network, "when it is shown images"):
        found = module(images)
    return network_maps(found, network)


def network_maps(found: Any, network: object) -> Maps:
    """What a network returned. Raises ReproError, naming it, unless it is tensors by name and the first of them are maps."""
    maps = named(found, network)
    first = next(iter(maps.values()), None)
    if first is None or first.ndim < 4:
        what = "nothing" if first is None else f"{next(iter(maps))!r} as {kind_of(first)}"
        raise ReproError(
            f"{type(network).__name__} returns {what} first, expected maps (B, C, H, W): return maps by name."
        )
    return maps


def check_alike(outputs: Maps, targets: Maps, method: Method) -> None:
    """Raise ReproError, naming encoder and network, where heatmaps that both give have other sizes or numbers of channels."""
    for name, described in method.network.outputs.items():
        if described.kind != "heat" or name not in outputs or name not in targets:
            continue
        given, wanted = tuple(outputs[name].shape), tuple(targets[name].shape)
        if len(given) == len(wanted) == 4 and given != wanted:
            raise ReproError(
                f"{type(method.encoder).__name__} gives {name!r} of shape {wanted}, {type(method.network).__name__} of shape "
                f"{given}: make targets of the size that the encoder is called with, a channel for each of the network's."
            )


def compared(loss: Loss, outputs: Maps, targets: Maps, method: Method) -> Maps:
    """The terms of a loss. Raises ReproError, naming what it was given, where it cannot compare that."""
    network, encoder = (type(part).__name__ for part in (method.network, method.encoder))
    with code_of(loss, "when it is computed"):
        try:
            return named(loss(outputs, targets), loss)
        except KeyError as error:
            raise ReproError(
                f"{type(loss).__name__} needs {error}, which {network} and {encoder} do not both give: choose parts of a method "
                "that fit."
            ) from error
        except _FAILURES as error:
            if isinstance(error, ReproError) or not any(map(is_foreign, (loss, method.network, method.encoder))):
                raise
            if type(error) not in _FAILURES:  # as where the memory of a GPU does not suffice
                raise
            text = (str(error).splitlines() or [type(error).__name__])[0]
            raise ReproError(
                f"{type(loss).__name__} cannot compare what {network} and {encoder} give ({text}): outputs {_shapes(outputs)}; "
                f"targets {_shapes(targets)}. Give maps that fit each other and the loss."
            ) from error


def check_minimised(terms: Maps, part: object) -> None:
    """Raise ReproError, naming the loss, unless 'loss' is among its terms, one number that the network has a part in."""
    kind = type(part).__name__
    if "loss" not in terms:
        raise ReproError(f"{kind} gives {', '.join(terms) or 'nothing'} and no 'loss': name what is minimised so.")
    loss = terms["loss"]
    if loss.ndim:
        raise ReproError(f"{kind} gives a loss of shape {tuple(loss.shape)}, expected one number: take the mean or the sum.")
    if not loss.requires_grad:
        raise ReproError(
            f"{kind} gives a loss without a gradient: compute it from the outputs by operations of torch, without detach."
        )


def decoded(decoder: PersonDecoder, outputs: Maps, expected: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The points (B, K, 2) and scores (B, K) of a decoder, (B, K) being ``expected``. Raises ReproError for anything else."""
    kind = type(decoder).__name__
    with code_of(decoder, "when it decodes"):
        try:
            found: Any = decoder(outputs)
        except KeyError as error:
            raise _lacking(decoder, error, outputs) from error
    fits = isinstance(found, tuple) and len(found) == 2 and all(isinstance(one, Tensor) for one in found)
    if not fits or [tuple(one.shape) for one in found] != [(*expected, 2), expected]:
        what = ", ".join(kind_of(one) for one in found) if isinstance(found, tuple) else kind_of(found)
        raise ReproError(
            f"{kind} returns {what}, expected points {(*expected, 2)} and scores {expected}: return both, in a tuple."
        )
    points, scores = (one.float() if one.element_size() < 4 else one for one in found)  # NumPy knows no bfloat16
    return points, scores


def grouped(grouper: Grouper, shown: Shown) -> People:
    """The people that a grouper finds in an image. Raises ReproError, naming it, for anything but people of the skeleton."""
    kind, keypoints = type(grouper).__name__, len(shown.skeleton)
    with code_of(grouper, "when it groups"):
        try:
            found: Any = grouper.people(shown)
        except KeyError as error:
            raise _lacking(grouper, error, shown.scales[1.0]) from error
    if not isinstance(found, People):
        raise ReproError(f"{kind} returns {kind_of(found)}, expected People: return repro.grouping.people.People.")
    for name in ("points", "keypoint_scores", "scores"):
        if not isinstance(value := getattr(found, name), Tensor):
            raise ReproError(f"{kind} returns people whose {name} are {kind_of(value)}, expected a tensor: give them as one.")
    if found.points.shape[1] != keypoints:
        raise ReproError(
            f"{kind} returns people of {found.points.shape[1]} keypoints, expected the {keypoints} of {shown.skeleton.name}: "
            "give each person all of them."
        )
    return found


def _lacking(part: object, error: KeyError, maps: Maps) -> ReproError:
    """The error for a decoder or grouper that reads a map which is not there."""
    return ReproError(
        f"{type(part).__name__} reads {error}, which the network does not give: it gives {', '.join(maps) or 'nothing'}; choose "
        "another decoder or network."
    )


def _shapes(maps: Maps) -> str:
    return ", ".join(f"{name} {tuple(value.shape)}" for name, value in maps.items())
