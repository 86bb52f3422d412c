"""What the published networks compute, from their own names: the formulas of the official definitions, and weights from a seed.

A function takes a state_dict and images; what layers there are is read off the names.
"""

from __future__ import annotations

import lzma
import math
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import deform_conv2d

# Names and shapes as the official code makes them; the source of each list stands in its first line.
NETWORKS = Path(__file__).parents[2] / "data" / "published" / "networks.txt.xz"
HEATMAP, REGRESSION = "multi_level_layers_4x_heatmap", "multi_level_layers_4x_regression"
# Rows y and x of the 3x3 kernel, row by row.
REGULAR = torch.tensor([[-1.0, -1, -1, 0, 0, 0, 1, 1, 1], [-1, 0, 1, -1, 0, 1, -1, 0, 1]])

State = dict[str, Tensor]


@cache
def shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    """The shapes of each published network, by its name and the tensor's."""
    lists: dict[str, dict[str, tuple[int, ...]]] = {}
    for line in lzma.decompress(NETWORKS.read_bytes()).decode().splitlines():
        if line.startswith("["):
            current = lists.setdefault(line[1:-1], {})
        elif line and not line.startswith("#"):
            name, shape = line.split()
            current[name] = () if shape == "scalar" else tuple(map(int, shape.split("x")))
    return lists


def weights_of(network: str, seed: int = 0) -> State:
    """Weights of a published network from a seed; every output depends visibly on every layer."""
    generator = torch.Generator().manual_seed(seed)
    state: State = {}
    for name, shape in shapes()[network].items():
        state[name] = _value(name, shape, generator)
    for name in state:  # the branches share the weights of their convolutions
        if name.startswith(HEATMAP) and "conv" in name and name.endswith("weight"):
            state[name] = state[f"{HEATMAP}.0{name[len(HEATMAP) + 2 :]}"]
    return state


def _value(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.tensor(7)
    if name.endswith("regular_matrix"):
        return REGULAR.clone()
    normal = torch.randn(shape, generator=generator)
    if name.endswith("running_var"):
        return 1 + 0.1 * normal.abs()
    if len(shape) == 4:
        inputs = shape[0] if shape[2] == 4 else math.prod(shape[1:])
        return normal / math.sqrt(inputs)
    return (0.7 + 0.1 * normal) if name.endswith("weight") else 0.2 * normal


def norm(s: State, name: str, x: Tensor) -> Tensor:
    return F.batch_norm(x, s[f"{name}.running_mean"], s[f"{name}.running_var"], s[f"{name}.weight"], s[f"{name}.bias"])


def conv(s: State, name: str, x: Tensor, stride: int = 1) -> Tensor:
    weight = s[f"{name}.weight"]
    return F.conv2d(x, weight, s.get(f"{name}.bias"), stride=stride, padding=weight.shape[-1] // 2)


def conv_norm(s: State, name: str, x: Tensor, stride: int = 1) -> Tensor:
    return norm(s, f"{name}.1", conv(s, f"{name}.0", x, stride))


def has(s: State, name: str) -> bool:
    return any(n.startswith(f"{name}.") for n in s)


def count(s: State, name: str) -> int:
    """How many numbered parts follow a name."""
    return len({n[len(name) + 1 :].partition(".")[0] for n in s if n.startswith(f"{name}.")})


def basic(s: State, name: str, x: Tensor) -> Tensor:
    y = F.relu(norm(s, f"{name}.bn1", conv(s, f"{name}.conv1", x)))
    return F.relu(norm(s, f"{name}.bn2", conv(s, f"{name}.conv2", y)) + x)


def bottleneck(s: State, name: str, x: Tensor, stride: int = 1) -> Tensor:
    y = F.relu(norm(s, f"{name}.bn1", conv(s, f"{name}.conv1", x)))
    y = F.relu(norm(s, f"{name}.bn2", conv(s, f"{name}.conv2", y, stride)))
    y = norm(s, f"{name}.bn3", conv(s, f"{name}.conv3", y))
    return F.relu(y + (conv_norm(s, f"{name}.downsample", x, stride) if has(s, f"{name}.downsample") else x))


def exchange(s: State, name: str, xs: list[Tensor]) -> list[Tensor]:
    for i in range(len(xs)):
        for block in range(count(s, f"{name}.branches.{i}")):
            xs[i] = basic(s, f"{name}.branches.{i}.{block}", xs[i])
    several = has(s, f"{name}.fuse_layers.1")
    return [F.relu(sum(fused(s, f"{name}.fuse_layers.{i}.{j}", x, i, j) for j, x in enumerate(xs)))
            for i in range(len(xs) if several else 1)]  # fmt: skip


def fused(s: State, name: str, x: Tensor, i: int, j: int) -> Tensor:
    """What branch j adds to output i."""
    if j > i:
        return F.interpolate(conv_norm(s, name, x), scale_factor=2 ** (j - i), mode="nearest")
    for step in range(i - j):
        x = conv_norm(s, f"{name}.{step}", x, 2)
        x = x if step == i - j - 1 else F.relu(x)
    return x


def hrnet_features(s: State, images: Tensor) -> list[Tensor]:
    x = F.relu(norm(s, "bn1", conv(s, "conv1", images, 2)))
    x = F.relu(norm(s, "bn2", conv(s, "conv2", x, 2)))
    for block in range(4):
        x = bottleneck(s, f"layer1.{block}", x)
    xs = [F.relu(conv_norm(s, "transition1.0", x)), F.relu(conv_norm(s, "transition1.1.0", x, 2))]
    for stage in (2, 3, 4):
        if stage > 2:
            xs = [*xs, F.relu(conv_norm(s, f"transition{stage - 1}.{stage - 1}.0", xs[-1], 2))]
        for module in range(count(s, f"stage{stage}")):
            xs = exchange(s, f"stage{stage}.{module}", xs)
    return xs


def hrnet(s: State, images: Tensor) -> State:
    return {"heatmaps": conv(s, "final_layer", hrnet_features(s, images)[0])}


def simple_baseline(s: State, images: Tensor) -> State:
    x = F.relu(norm(s, "bn1", conv(s, "conv1", images, 2)))
    x = F.max_pool2d(x, 3, 2, 1)
    for stage in (1, 2, 3, 4):
        for block in range(count(s, f"layer{stage}")):
            x = bottleneck(s, f"layer{stage}.{block}", x, 2 if stage > 1 and block == 0 else 1)
    for layer in (0, 3, 6):
        x = F.conv_transpose2d(x, s[f"deconv_layers.{layer}.weight"], stride=2, padding=1)
        x = F.relu(norm(s, f"deconv_layers.{layer + 1}", x))
    return {"heatmaps": conv(s, "final_layer", x)}


def upsampled(s: State, x: Tensor) -> Tensor:
    x = F.conv_transpose2d(x, s["deconv_layers.0.0.0.weight"], stride=2, padding=1)
    x = F.relu(norm(s, "deconv_layers.0.0.1", x))
    for block in range(1, count(s, "deconv_layers.0")):
        x = basic(s, f"deconv_layers.0.{block}.0", x)
    return x


def higherhrnet(s: State, images: Tensor) -> State:
    x = hrnet_features(s, images)[0]
    maps = conv(s, "final_layers.0", x)
    keypoints = maps.shape[1] // 2
    higher = conv(s, "final_layers.1", upsampled(s, torch.cat([x, maps], 1)))
    return {"heatmaps": maps[:, :keypoints], "tags": maps[:, keypoints:], "heatmaps_2x": higher}


def offsets_of(s: State, name: str, number: int, x: Tensor) -> Tensor:
    batch, _, height, width = x.shape
    matrix = s[f"{name}.regular_matrix"]
    transform = conv(s, f"{name}.transform_matrix_conv{number}", x).permute(0, 2, 3, 1).reshape(-1, 2, 2)
    moved = (transform @ matrix - matrix).transpose(1, 2)
    return moved.reshape(batch, height, width, 18).permute(0, 3, 1, 2)


def adaptive(s: State, name: str, x: Tensor, dilation: int) -> Tensor:
    y = x
    for number in (1, 2):
        y = deform_conv2d(y, offsets_of(s, name, number, x), s[f"{name}.stn_conv{number}.weight"],
                          padding=dilation, dilation=dilation)  # fmt: skip
        y = norm(s, f"{name}.bn{number}", y)
        y = F.relu(y) if number == 1 else y
    return F.relu(y + x)


def guided(s: State, images: Tensor) -> State:
    xs = hrnet_features(s, images)
    size = xs[0].shape[-2:]
    f = torch.cat([xs[0], *(F.interpolate(x, size, mode="bilinear", align_corners=False) for x in xs[1:])], 1)
    reduced = F.relu(conv_norm(s, "transition_cls", f))
    branches = [conv(s, "final_layers.0", adaptive(s, f"{HEATMAP}.{b}.0", reduced, b + 1)) for b in range(3)]
    mean = torch.stack(branches).mean(0)
    regressed = F.relu(conv_norm(s, "transition_reg", torch.cat([f, mean], 1)))
    maps = conv(s, "final_layers.1", adaptive(s, f"{REGRESSION}.0.0", regressed, 1))
    found = {"heatmaps": mean, "offsets": maps[:, :-1], "centres": maps[:, -1:]}
    if not has(s, "deconv_layers"):
        return found
    higher = conv(s, "final_layers.2", upsampled(s, torch.cat([reduced, mean], 1)))
    return {**found, "heatmaps_branches": torch.stack(branches, 1), "heatmaps_2x": higher}
