"""Recipes of *Low-resolution Human Pose Estimation*: tables 1 to 9, at the printed sizes.

Where the paper is silent, contradicts itself or its tables speak against its text:

- **Boxes**: tables 1 and 9 are evaluated with a detector's boxes, tables 2 to 8 with the ground truth's: their AP^50 of 92 to
  93 and their AR 3 above AP are those of ground-truth boxes, whatever the text says.
- **HRNet** of tables 1, 2 and 8 is decoded by the plain argmax of Eq. 4: with the quarter offset its AP^75 could not stay at
  13.1. Table 8 lists the quarter offset beside it. HRNet of table 9 is UDP's published row, with the quarter offset, and so
  are SimpleBaseline's rows.
- **UDP** is trained with the loss that its code uses, both terms squared errors, not with Eq. 8; radius 4 (its code's 4.0).
- **DARK** is trained on the same unbiased crops as UDP, with Gaussians around the unrounded keypoint. Its own code scales crops
  by (W - 1) / (200 s - 1), which moves points at the crop's edge by (W - 1) / (2 (200 s - 1)) input px: by 0.32 px at 128x96
  where the box is 150 px wide.
- **R** is 4 at every size, as in UDP's code, which the paper "strictly follows". Offsets are learned in units of R.
- **sigma** is DARK's: 1 at 64x48 and 128x96, 2 at 256x192, 3 at 384x288. DARK's smoothing kernel is 3, 3, 11 and 11.
- **Second stage** of CAL: 40 epochs after 210, at the learning rate that the first ended with and with Adam's state. The
  one-stage row of table 7 has the mixture mask in both: 250 epochs with it from the first.
- **Table 3**: the binary disc replaces the mask in the second stage alone, so both rows share their first stage.
- **Table 5**: with a binary heatmap the offsets of the first stage are weighted by it too.
- **Table 6**: the distance is used in both stages.
- Inference blurs neither heatmaps nor offsets, as in Algorithm 2. UDP's own decoder does, with kernels of 15 and 7 at 256x192:
  rows of tables 1, 2, 8 and 9 decode UDP's outputs so, with these kernels and with 7 and 3 on smaller maps.
- **Controls** that the paper lacks: tables 3 and 4 with masks whose sums are alike, with the first stage's mask in the second,
  with every displacement in the mixture, and the end of the first stage; table 6 with the corner of smooth L1 at one px; table
  2 with one decoder for HRNet before and after super-resolution.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from repro.data.crops import Input
from repro.decoders.dark import Dark
from repro.decoders.integral import SoftArgmax
from repro.decoders.offset import OffsetDecoder
from repro.decoders.peaks import Argmax, QuarterOffset
from repro.encoders.coordinates import Coordinates
from repro.encoders.gaussian import GaussianHeatmap
from repro.encoders.offsets import OffsetField
from repro.losses.integral import JointL1
from repro.losses.mixture_mask import MixtureMask
from repro.losses.mse import HeatmapMSE
from repro.losses.offsets import Distance, UdpLoss, WeightedOffsetLoss
from repro.models.backbones.hrnet import HRNet
from repro.models.backbones.resnet import ResNet
from repro.models.networks import HeatmapNetwork
from repro.models.offset_networks import OffsetNetwork, TwoBranchNetwork
from repro.models.simple_baseline import DeconvNetwork, IntegralNetwork
from repro.papers.recipes import Expected, Extra, Row, TableRows
from repro.recipe import Evaluation, Method, Recipe, SecondStage
from repro.skeletons.skeleton import COCO17

RADIUS = 4
SIZES = {"64x48": (48, 64), "128x96": (96, 128), "256x192": (192, 256), "256x256": (256, 256), "384x288": (288, 384)}
SIGMA = {"64x48": 1.0, "128x96": 1.0, "256x192": 2.0, "384x288": 3.0}
KERNEL = {"64x48": 3, "128x96": 3, "256x192": 11, "384x288": 11}
BLUR = {"64x48": (7, 3), "128x96": (7, 3), "256x192": (15, 7), "384x288": (15, 7)}  # of UDP's heatmaps and offsets
SECOND = 40  # epochs of CAL's second stage; the first has HRNet's 210

UNBIASED = Evaluation(shift=False)


def heatmap_recipe(size: str, decoder: Argmax | QuarterOffset, network: HeatmapNetwork | DeconvNetwork) -> Recipe:
    """HRNet or SimpleBaseline: Gaussian heatmaps around rounded keypoints, biased crops, the flipped maps shifted."""
    method = Method(encoder=GaussianHeatmap(sigma=SIGMA[size]), network=network, loss=HeatmapMSE(), decoder=decoder)
    return Recipe(method=method, input=Input(size=SIZES[size]))


def hrnet(size: str, width: int, decoder: Argmax | QuarterOffset) -> Recipe:
    """HRNet."""
    return heatmap_recipe(size, decoder, HeatmapNetwork(backbone=HRNet(width=width)))


def simple_baseline(size: str, depth: Literal[50, 101, 152]) -> Recipe:
    """SimpleBaseline."""
    return heatmap_recipe(size, QuarterOffset(), DeconvNetwork(backbone=ResNet(depth=depth)))


def unbiased(method: Method, size: str) -> Recipe:
    """A method on UDP's crops, without the shift of the flipped maps."""
    return Recipe(method=method, input=Input(size=SIZES[size], convention="unbiased"), evaluation=UNBIASED)


def dark(size: str, width: int) -> Recipe:
    """HRNet trained on unrounded Gaussians and decoded by DARK."""
    method = Method(
        encoder=GaussianHeatmap(sigma=SIGMA[size], rounded=False, truncated=False),
        network=HeatmapNetwork(backbone=HRNet(width=width)),
        loss=HeatmapMSE(),
        decoder=Dark(kernel=KERNEL[size]),
    )
    return unbiased(method, size)


def udp(size: str, width: int, blur: tuple[int, int] = (0, 0)) -> Recipe:
    """UDP's offset network: binary heatmaps and offsets; decoded with smoothing kernels ``blur`` for either, 0 for none."""
    method = Method(
        encoder=OffsetField(radius=RADIUS),
        network=OffsetNetwork(backbone=HRNet(width=width)),
        loss=UdpLoss(),
        decoder=OffsetDecoder(radius=RADIUS, heatmap_blur=blur[0], offset_blur=blur[1]),
    )
    return unbiased(method, size)


def cal(
    size: str,
    width: int,
    *,
    components: int | None = None,
    heatmap: Literal["gaussian", "binary"] = "gaussian",
    distance: Distance = "l1",
    corner: float = 1.0,
    mask: Literal["mixture", "disc", "heatmap"] = "mixture",
    normalised: bool = False,
    keep_outliers: bool = False,
    stages: int = 2,
) -> Recipe:
    """CAL, whose ablations exchange one argument.

    Args:
        size: the size as printed.
        width: the width of the HRNet.
        components: the components of the mixture; None for the paper's 1 up to 128x96 and 2 above.
        heatmap: ``gaussian`` or ``binary`` target.
        distance: the distance of the offset loss, in both stages.
        corner: the corner of smooth L1, in both stages, see ``WeightedOffsetLoss``.
        mask: the mask of the offset loss in the second stage.
        normalised: whether that mask has the sum of the target heatmap, which is the mask of the first stage.
        keep_outliers: whether the mixture is fitted to all displacements.
        stages: 1 for the second stage's loss from the first epoch.
    """
    if components is None:
        components = 1 if size in ("64x48", "128x96") else 2
    fitted = MixtureMask(components=components, radius=RADIUS, keep_outliers=keep_outliers)
    mixture = fitted if mask == "mixture" else MixtureMask()
    first = WeightedOffsetLoss(distance=distance, corner=corner)
    second = replace(first, mask=mask, mixture=mixture, normalised=normalised)
    method = Method(
        encoder=OffsetField(radius=RADIUS, heatmap=heatmap, sigma=SIGMA[size]),
        network=TwoBranchNetwork(backbone=HRNet(width=width)),
        loss=first if stages == 2 else second,
        decoder=OffsetDecoder(radius=RADIUS),
    )
    return unbiased(method, size).but(second_stage=SecondStage(loss=second, epochs=SECOND))


def integral(depth: Literal[50, 101, 152] = 101) -> Recipe:
    """Integral Pose Regression at 256x256, with an L1 loss on the coordinates of the soft-argmax."""
    method = Method(
        encoder=Coordinates(),
        network=IntegralNetwork(backbone=ResNet(depth=depth)),
        loss=JointL1(),
        decoder=SoftArgmax(),
    )
    return Recipe(method=method, input=Input(size=SIZES["256x256"]))


def detected(recipe: Recipe) -> Row:
    """The row evaluated with a detector's boxes."""
    return Row(recipe.but(evaluation=replace(recipe.crop_evaluation, boxes="detector")))


def enlarged(recipe: Recipe) -> Row:
    """The row of a network for 256x192 that is shown crops of 64x48, enlarged by super-resolution."""
    return Row(recipe.but(evaluation=replace(recipe.crop_evaluation, enlarged_from=SIZES["64x48"])))


def without_offset(recipe: Recipe) -> Row:
    """The row with the offsets left out: the highest pixel of its heatmap."""
    return Row(recipe.but(method=recipe.method.but(decoder=Argmax())))


def first_stage(recipe: Recipe) -> Row:
    """The row of a recipe's first stage alone."""
    return Row(recipe.but(second_stage=None))


def blurred_udp(sizes: tuple[str, ...], widths: tuple[int, ...], slug: str, boxes: str = "truth") -> dict[str, Row]:
    """UDP with its own decoder, by slug: a format string with ``size`` and ``width``."""
    recipes = {
        slug.format(size=size, width=width): udp(size, width, BLUR[size]) for size in sizes for width in widths
    }
    return {name: detected(recipe) if boxes == "detector" else Row(recipe) for name, recipe in recipes.items()}


_BLUR = "UDP with its own decoder, which smooths heatmaps and offsets."


def low_resolution_rows() -> tuple[dict[str, Row], dict[str, Extra], tuple[Expected, ...]]:
    """Table 8: the printed rows, and for each size and backbone three that show what the decoders do."""
    rows: dict[str, Row] = {}
    extras: dict[str, Extra] = {}
    expected: list[Expected] = []
    for size in ("64x48", "128x96"):
        for width in (32, 48):
            of = f"w{width}-{size}"
            place = {"Backbone": f"HRNet-W{width}", "Input size": size}
            rows |= {
                f"hrnet-{of}": Row(hrnet(size, width, Argmax())),
                f"hrnet-quarter-{of}": Row(hrnet(size, width, QuarterOffset())),
                f"udp-{of}": Row(udp(size, width)),
                f"udp-argmax-{of}": without_offset(udp(size, width)),
                f"udp-blur-{of}": Row(udp(size, width, BLUR[size])),
                f"udp-blur-printed-{of}": Row(udp(size, width, BLUR["256x192"])),
                f"dark-{of}": Row(dark(size, width)),
                f"cal-{of}": Row(cal(size, width)),
                f"cal-argmax-{of}": without_offset(cal(size, width)),
            }
            for method, name, why in (
                ("hrnet-quarter", "HRNet, quarter offset", "HRNet's own decoder, which the printed row does not use."),
                ("udp-argmax", "UDP, no offset", "What UDP's offsets add."),
                ("udp-blur", "UDP, smoothed 7 and 3", _BLUR),
                ("udp-blur-printed", "UDP, smoothed 15 and 7", f"{_BLUR} These are the kernels of its code, for 256x192."),
                ("cal-argmax", "CAL, no offset", "What CAL's offsets add."),
            ):
                after = f"{method.split('-')[0]}-{of}"
                extras[f"{method}-{of}"] = Extra(settings={"Method": name, **place}, after=after, why=why)
            steps = (
                ("hrnet", "hrnet-quarter"),
                ("hrnet-quarter", "dark"),
                ("udp-argmax", "udp"),
                ("cal-argmax", "cal"),
                ("hrnet", "udp"),
                ("hrnet", "udp-blur"),
                ("dark", "cal"),
            )
            expected += [
                Expected(f"{before}-{of}", f"{after}-{of}", +1, metric)
                for before, after in steps
                for metric in ("AP", "mean OKS")
            ]
    return rows, extras, tuple(expected)


def _table(rows: dict[str, Row], note: str = "", **more: Any) -> TableRows:
    return TableRows(data="coco", skeleton=COCO17, rows=rows, note=note, **more)


def _steps(*pairs: tuple[str, str]) -> tuple[Expected, ...]:
    """Rises of AP and mean OKS from the first row of each pair to the second."""
    return tuple(Expected(*pair, +1, metric) for pair in pairs for metric in ("AP", "mean OKS"))


_SUMS = "Every keypoint's mask has the sum of its target heatmap: else masks differ in weight too, up to eight times."
_ALL = "Algorithm 1 as printed: displacements beyond the mask's square count too."
_DEPTHS: tuple[Literal[50, 101, 152], ...] = (50, 101, 152)
_LOW = "128x96"
_BASE = Row(cal(_LOW, 32))  # the row with 74.3 AP, the same run in tables 3 to 8
_ROWS_8, _EXTRAS_8, _EXPECTED_8 = low_resolution_rows()
_BOXES = (
    "Boxes of a detector are read from a file at paper scale and simulated below it: moved, missed, doubled and false ones, "
    "with imperfect scores. The networks are those of Table 8."
)

TABLES = {
    1: _table(
        {
            **{f"simplebaseline-r{depth}-{_LOW}": detected(simple_baseline(_LOW, depth)) for depth in _DEPTHS},
            **{f"hrnet-w{width}-{_LOW}": detected(hrnet(_LOW, width, Argmax())) for width in (32, 48)},
            **{f"udp-w{width}-{_LOW}": detected(udp(_LOW, width)) for width in (32, 48)},
            **{f"cal-w{width}-{_LOW}": detected(cal(_LOW, width)) for width in (32, 48)},
            **blurred_udp((_LOW,), (32, 48), "udp-blur-w{width}-{size}", "detector"),
        },
        _BOXES + " The evaluation split stands for test-dev below paper scale.",
        extras={
            f"udp-blur-w{width}-{_LOW}": Extra(
                {"Method": "UDP, smoothed 7 and 3", "Backbone": f"HRNet-W{width}", "Input size": _LOW},
                f"udp-w{width}-{_LOW}",
                _BLUR,
            )
            for width in (32, 48)
        },
    ),
    2: _table(
        {
            **{f"hrnet-w{width}": Row(hrnet("64x48", width, Argmax())) for width in (32, 48)},
            **{f"udp-w{width}": Row(udp("64x48", width)) for width in (32, 48)},
            **{f"hrnet-spsr-w{width}": enlarged(hrnet("256x192", width, QuarterOffset())) for width in (32, 48)},
            **{f"udp-spsr-w{width}": enlarged(udp("256x192", width)) for width in (32, 48)},
            **{f"cal-w{width}": Row(cal("64x48", width)) for width in (32, 48)},
            **{f"hrnet-quarter-w{width}": Row(hrnet("64x48", width, QuarterOffset())) for width in (32, 48)},
            **blurred_udp(("64x48",), (32, 48), "udp-blur-w{width}"),
        },
        "SPSR's weights are not available: a small super-resolution network trained on drawn people stands for it. Its rows "
        "are networks trained on ordinary crops of the enlarged size and shown enlarged ones. At laptop scale 64x48 is "
        "enlarged to 128x96.",
        expected=tuple(
            Expected(f"{before}-w{width}", f"{after}-w{width}", +1, metric)
            for before, after in (
                ("hrnet", "hrnet-spsr"),
                ("hrnet-quarter", "hrnet-spsr"),
                ("udp", "udp-spsr"),
                ("udp-spsr", "cal"),
            )
            for width in (32, 48)
            for metric in ("AP", "mean OKS")
        ),
        extras={
            f"{slug}-w{width}": Extra({"Method": name, "Backbone": f"HRNet-W{width}"}, f"{after}-w{width}", why)
            for slug, name, after, why in (
                ("hrnet-quarter", "HRNet, quarter offset", "hrnet", "The decoder that HRNet has after super-resolution."),
                ("udp-blur", "UDP, smoothed 7 and 3", "udp", _BLUR),
            )
            for width in (32, 48)
        },
    ),
    3: _table(
        {
            "binary": Row(cal(_LOW, 32, mask="disc")),
            "mgm": _BASE,
            "first-stage": first_stage(_BASE.recipe),
            "second-stage-g": Row(cal(_LOW, 32, mask="heatmap")),
            "binary-normalised": Row(cal(_LOW, 32, mask="disc", normalised=True)),
            "mgm-normalised": Row(cal(_LOW, 32, normalised=True)),
            "mgm-all": Row(cal(_LOW, 32, keep_outliers=True)),
        },
        extras={
            "first-stage": Extra({"Mask Type": "first stage alone"}, "mgm", "Where both rows begin their second stage."),
            "second-stage-g": Extra(
                {"Mask Type": "G in both stages"}, "first-stage", "What 40 epochs more do without another mask."
            ),
            "binary-normalised": Extra({"Mask Type": "Binary, sum of G"}, "second-stage-g", _SUMS),
            "mgm-normalised": Extra({"Mask Type": "MGM, sum of G"}, "binary-normalised", _SUMS),
            "mgm-all": Extra({"Mask Type": "MGM, all displacements"}, "mgm-normalised", _ALL),
        },
        expected=_steps(("second-stage-g", "mgm"), ("binary-normalised", "mgm-normalised")),
    ),
    4: _table(
        {
            **{
                f"{size}-k{components}": Row(cal(size, 32, components=components))
                for size in ("128x96", "256x192")
                for components in (1, 2, 3)
            },
            **{
                f"128x96-k{components}-{name}": Row(
                    cal("128x96", 32, components=components, keep_outliers=name == "all", normalised=name == "normalised")
                )
                for name in ("all", "normalised")
                for components in (1, 2)
            },
        },
        extras={
            f"128x96-k{components}-{name}": Extra(
                {"Resolution": "128x96", "Components": f"{components}, {what}"}, f"128x96-k{components}", why
            )
            for name, what, why in (("all", "all displacements", _ALL), ("normalised", "sum of G", _SUMS))
            for components in (1, 2)
        },
    ),
    5: _table({"binary": Row(cal(_LOW, 32, heatmap="binary")), "gaussian": _BASE}),
    6: _table(
        {
            "l2": Row(cal(_LOW, 32, distance="l2")),
            "smooth-l1": Row(cal(_LOW, 32, distance="smooth_l1")),
            "l1": _BASE,
            "smooth-l1-px": Row(cal(_LOW, 32, distance="smooth_l1", corner=1 / RADIUS)),
        },
        extras={
            "smooth-l1-px": Extra(
                {"Loss Type": "Smooth L1, corner at 1 px"},
                "smooth-l1",
                "Eq. 7 on offsets in px: with targets in units of R, none above 1, smooth L1 is half of L2.",
            )
        },
    ),
    7: _table({"one-stage": Row(cal(_LOW, 32, stages=1)), "two-stage": _BASE}),
    8: _table(_ROWS_8, extras=_EXTRAS_8, expected=_EXPECTED_8),
    9: _table(
        {
            "ipr-r101-256x256": detected(integral()),
            "simplebaseline-r152-384x288": detected(simple_baseline("384x288", 152)),
            "hrnet-w48-384x288": detected(hrnet("384x288", 48, QuarterOffset())),
            "udp-w48-384x288": detected(udp("384x288", 48)),
            "cal-w48-384x288": detected(cal("384x288", 48)),
            **blurred_udp(("384x288",), (48,), "udp-blur-w{width}-{size}", "detector"),
        },
        _BOXES.removesuffix(" The networks are those of Table 8."),
        extras={
            "udp-blur-w48-384x288": Extra(
                {"Method": "UDP, smoothed 15 and 7", "Backbone": "HRNet-W48", "Input size": "384x288"},
                "udp-w48-384x288",
                _BLUR,
            )
        },
    ),
}
