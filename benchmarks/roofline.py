"""An estimate, not a measurement: what a GPU's memory and its multipliers would take for a training step of HRNet-W32 at 256x192.

The step is carried out on shapes alone (torch's ``meta`` device), and each operation that would be a kernel is counted: its
multiply-adds, and the bytes that it reads and writes once, in bfloat16. Batch normalisation reads its input twice, for the
statistics and to apply them, and so does its gradient. No cache is counted, nor that a convolution may read its input several
times. Each kind takes at least the longer of the two times; kinds follow each other. Run as ``python benchmarks/roofline.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import common
import pandas as pd
import torch
from gpu import Case, recipe_of
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from repro.skeletons.skeleton import COCO17

MARKS = ("<!-- roofline -->", "<!-- end of roofline -->")
CARD, BANDWIDTH, PEAK = "H200", 4.8e12, 989e12  # bytes a second; operations a second, dense bfloat16
KINDS = {
    "convolution": "convolutions",
    "convolution_backward": "convolutions",
    "native_batch_norm": "batch normalisation",
    "native_batch_norm_backward": "batch normalisation",
    "relu_": "ReLU",
    "relu": "ReLU",
    "threshold_backward": "ReLU",
    "add": "sums of branches and of gradients",
    "add_": "sums of branches and of gradients",
    "upsample_nearest2d": "interpolation",
    "upsample_nearest2d_backward": "interpolation",
}
TWICE = {"native_batch_norm", "native_batch_norm_backward"}  # read their large inputs two times
ORDER = (*dict.fromkeys(KINDS.values()), "the rest")


class Counted(TorchDispatchMode):
    """Adds up bytes and operations of what is computed within it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width  # bytes a number
        self.bytes = dict.fromkeys(ORDER, 0)
        self.operations = dict.fromkeys(ORDER, 0)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func.is_view:
            return out
        name = func.overloadpacket.__name__
        kind = KINDS.get(name, "the rest")
        read, written = numbers(args), numbers(out if name[-1] != "_" else (args[0],))
        self.bytes[kind] += self.width * (read * (2 if name in TWICE else 1) + written)
        if func.overloadpacket in flop_registry:
            self.operations[kind] += flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out


def numbers(tree: Any) -> int:
    """Of all tensors in the arguments or in the result of an operation."""
    return sum(one.numel() for one in tree_leaves(tree) if isinstance(one, Tensor))


def counted(network: nn.Module, images: Tensor) -> Counted:
    """A network's forward and backward pass on shapes."""
    network, images = network.to("meta").train(), images.to("meta")
    with Counted(2) as count:
        sum(maps.square().mean() for maps in network(images).values()).backward()
    return count


def lines(count: Counted) -> Iterable[dict[str, Any]]:
    """A line for each kind, and their sum."""
    total: dict[str, Any] = {"what": "a step", "GB": 0.0, "TFLOP": 0.0, "ms for memory": 0.0, "ms for products": 0.0}
    least = 0.0
    for kind in ORDER:
        amounts = {"GB": count.bytes[kind] / 1e9, "TFLOP": count.operations[kind] / 1e12}
        times = {"ms for memory": 1e12 * amounts["GB"] / BANDWIDTH, "ms for products": 1e15 * amounts["TFLOP"] / PEAK}
        least += max(times.values())
        line = {**amounts, **times}
        total |= {name: total[name] + value for name, value in line.items()}
        yield {
            "what": kind,
            **{name: round(value, 2) for name, value in line.items()},
            "least ms": round(max(times.values()), 2),
        }
    yield {**{n: v if isinstance(v, str) else round(v, 2) for n, v in total.items()}, "least ms": round(least, 2)}


def main() -> None:
    """Count, and write the table into the README."""
    case = Case()
    network = recipe_of(case, False).method.network.build(COCO17)
    found = list(lines(counted(network, torch.empty(case.batch, 3, *case.size[::-1]))))
    table = pd.DataFrame(found)
    least, products = found[-1]["least ms"], found[-1]["ms for products"]
    print(table.to_markdown(index=False))
    print(f"{CARD}: at most {100 * products / least:.0f} % of the peak, {1e3 * case.batch / least:.0f} images a second")
    common.write_between(Path(__file__).with_name("README.md"), MARKS, table)


if __name__ == "__main__":
    main()
