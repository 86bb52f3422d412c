"""Networks of trained runs as files that need nothing of this package: ONNX, TorchScript, ``torch.export``.

What is exported is the network in float32: normalised images in, named maps out. Decoding maps into points is not part of it; a
JSON beside the file says what has to be known for that: the input's size, mean and deviation, the maps and their strides, the
keypoints.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from repro.api.trained import TrainedRun
from repro.data.crops import MEAN, STD
from repro.errors import ReproError, choice_error
from repro.models.base import built
from repro.models.checkpoints import load_weights
from repro.support import serial
from repro.support.sealed import replacing, write_json

SUFFIXES = {".onnx": "ONNX", ".ts": "TorchScript", ".pt2": "torch.export"}
BATCH = 2  # images of the example that the network is followed with; any number can be shown later


class NamedMaps(nn.Module):
    """A network whose maps come in a fixed order.

    Args:
        network: the network, which gives maps by name.
        names: the names, in this order.
    """

    def __init__(self, network: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network = network
        self.names = names

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Maps of images (B, 3, H, W)."""
        maps = self.network(images)
        return tuple(maps[name] for name in self.names)


def export_run(run: TrainedRun, path: str | Path) -> list[Path]:
    """Write the network of a run to a file.

    Args:
        run: the run.
        path: the file, whose suffix says the format: ``.onnx`` (needs the extra ``export``), ``.ts`` (TorchScript) or ``.pt2``
            (``torch.export``).

    Returns:
        the file, and the JSON beside it.

    Raises:
        ReproError: for another suffix, where packages for ONNX are missing, and for a network that the format cannot hold.
    """
    target = Path(path)
    if target.suffix not in SUFFIXES:
        raise choice_error("suffix of an exported network", target.suffix, SUFFIXES)
    width, height = run.recipe.input.size
    network = built(run.recipe.method.network, run.skeleton)  # on the CPU, whatever the run computes on
    load_weights(network, run.weights)
    with torch.inference_mode():
        maps = network.eval()(torch.zeros(1, 3, height, width))
    shown = NamedMaps(network, tuple(maps)).eval()
    example = torch.randn(BATCH, 3, height, width, generator=torch.Generator().manual_seed(0))
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary, _quiet():
        try:
            _write(shown, example, temporary, target.suffix)
        except ImportError as error:
            raise ReproError(
                f"ONNX needs the package {error.name}: install the extra, as by `pip install -e .[export]`, or "
                "export to .ts or .pt2."
            ) from error
        except Exception as error:  # of as many kinds as there are operations that a format lacks
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ReproError(
                f"This network cannot be exported as {SUFFIXES[target.suffix]} ({first[:200]}): choose another of "
                f"{', '.join(SUFFIXES)}."
            ) from error
    about = target.with_suffix(".json")
    write_json(about, describe_export(run, {name: tuple(value.shape[1:]) for name, value in maps.items()}))
    return [target, about]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch and ONNX say of their own ways."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _write(network: nn.Module, example: Tensor, file: Path, suffix: str) -> None:
    names: Any = network.names
    if suffix == ".onnx":
        import onnx  # noqa: F401, its absence is told before anything is done
        import onnxscript  # noqa: F401

        torch.onnx.export(
            network,
            (example,),
            str(file),
            input_names=["images"],
            output_names=list(names),
            dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1)}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    elif suffix == ".ts":
        with torch.inference_mode():
            torch.jit.save(torch.jit.trace(network, example), str(file))
    else:
        program = torch.export.export(
            network, (example,), dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1)}}
        )
        with file.open("wb") as written:
            torch.export.save(program, written)


def describe_export(run: TrainedRun, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """What has to be known of an exported network.

    Args:
        run: the run.
        shapes: the shape of each map of one image.
    """
    described = run.recipe.method.network.outputs
    return {
        "recipe": run.recipe.key,
        "input": {
            "images": ["batch", 3, *run.recipe.input.size[::-1]],
            "mean": list(MEAN),
            "std": list(STD),
            "range": [0, 1],
        },
        "outputs": {
            name: {"shape": list(shape), "stride": described[name].stride if name in described else None}
            for name, shape in shapes.items()
        },
        "decoder": serial.to_plain(run.recipe.method.decoder),
        "keypoints": list(run.skeleton.keypoints),
        "links": [list(pair) for pair in run.skeleton.links],
    }
