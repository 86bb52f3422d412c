"""Parts of a method are tried together: those of every row fit, and what does not fit is refused with its reason."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from repro.approaches.fit import check_fit
from repro.decoders.dark import Dark
from repro.decoders.offset import OffsetDecoder
from repro.decoders.peaks import Argmax, QuarterOffset
from repro.encoders.centernet import CenterNetTargets
from repro.encoders.gaussian import GaussianHeatmap
from repro.encoders.offsets import OffsetField
from repro.encoders.skeletal import SkeletalHeatmap
from repro.errors import ReproError
from repro.grouping.centernet import CenterNetGrouper
from repro.losses.mse import HeatmapMSE, SkeletalLoss
from repro.losses.offsets import DetectionOffsetLoss, UdpLoss, WeightedOffsetLoss
from repro.models.networks import HeatmapNetwork, SkeletalNetwork
from repro.models.offset_networks import OffsetNetwork, TwoBranchNetwork
from repro.papers import PAPERS
from repro.papers.recipes import table_rows
from repro.recipe import SecondStage
from repro.skeletons.skeleton import COCO17

UDP = table_rows("cal", 8).rows["udp-w32-64x48"].recipe
DARK = table_rows("cal", 8).rows["dark-w32-64x48"].recipe
GUIDED = table_rows("hgr", 4).rows["baseline"].recipe


def but(recipe, **parts):
    return recipe.but(method=recipe.method.but(**parts))


def some_rows():
    """One row of each kind of method, by paper, table and slug."""
    seen = set()
    for key, paper in PAPERS.items():
        for table in paper.tables:
            for slug, row in (found.rows if (found := table_rows(key, table.number)) else {}).items():
                method, second = row.recipe.method, row.recipe.second_stage
                parts = (method.encoder, method.network, method.loss, method.decoder, second and second.loss)
                kinds = (key, *(type(part).__name__ for part in parts))
                if kinds not in seen:
                    seen.add(kinds)
                    yield pytest.param(key, table.number, slug, id=f"{key}-{table.number}-{slug}")


@pytest.mark.parametrize(("paper", "table", "slug"), list(some_rows()))
def test_the_parts_of_every_kind_of_row_fit(paper, table, slug):
    rows = table_rows(paper, table)
    fit = check_fit(rows.rows[slug].recipe, rows.skeleton)
    assert fit.decoded <= fit.learned <= set(fit.outputs)


def test_it_is_told_how_far_perfect_maps_are_missed():
    assert check_fit(UDP, COCO17).missed == pytest.approx(0, abs=1e-4)  # offsets lead to the keypoint itself
    assert check_fit(DARK, COCO17).missed < 0.05
    rounded = but(DARK, decoder=Argmax())
    assert 0.2 < check_fit(rounded, COCO17).missed < 0.71  # half a pixel in x and in y at most
    assert check_fit(but(UDP, decoder=Argmax()), COCO17).missed <= 4 + 0.71  # any pixel of a disc of radius 4


def test_random_numbers_of_the_caller_stay_what_they_are():
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    check_fit(DARK, COCO17)
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (but(UDP, loss=HeatmapMSE()), "OffsetDecoder reads 'offsets', which HeatmapMSE does not teach"),
        (
            but(UDP, loss=HeatmapMSE(), decoder=Argmax()),
            "OffsetNetwork gives 'offsets', which HeatmapMSE does not teach and nothing reads",
        ),
        (but(DARK, decoder=OffsetDecoder()), "reads 'offsets', which HeatmapNetwork does not give: it gives heatmaps"),
        (but(DARK, loss=UdpLoss()), "UdpLoss reads the output 'offsets', which HeatmapNetwork does not give"),
        (
            but(DARK, network=OffsetNetwork(), loss=UdpLoss()),
            "UdpLoss reads the target 'discs'|UdpLoss reads the target 'offsets', which GaussianHeatmap does not give",
        ),
        (but(DARK, loss=SkeletalLoss()), "SkeletalLoss reads the output 'skeletal'"),
        (but(DARK, encoder=CenterNetTargets()), "encoder is CenterNetTargets, which is not made for points of single persons"),
        (but(DARK, decoder=CenterNetGrouper()), "decoder is CenterNetGrouper, which is not made for maps of single persons"),
        (but(GUIDED, decoder=Dark()), "decoder is Dark, which is not made for maps of whole images"),
        (but(GUIDED, encoder=GaussianHeatmap()), "encoder is GaussianHeatmap, which is not made for all people"),
        (but(UDP, encoder=OffsetField(radius=3)), "OffsetField has radius 3 and OffsetDecoder radius 4"),
        (but(UDP, loss=DetectionOffsetLoss()), "DetectionOffsetLoss teaches 'heatmaps' before the sigmoid, which OffsetDecoder"),
        (but(UDP, decoder=OffsetDecoder(logits=True)), "OffsetDecoder has logits=True, but UdpLoss teaches heat"),
        (
            DARK.but(second_stage=SecondStage(loss=WeightedOffsetLoss())),
            "WeightedOffsetLoss reads the output 'offsets', which HeatmapNetwork does not give",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(recipe, says):
    with pytest.raises(ReproError, match=says):
        check_fit(recipe, COCO17)


def test_parts_of_different_papers_fit():
    skeletal = but(DARK, encoder=SkeletalHeatmap(), network=SkeletalNetwork(), loss=SkeletalLoss())
    assert check_fit(skeletal, COCO17).learned == {"heatmaps", "skeletal"}
    unseen = but(DARK, network=SkeletalNetwork())  # skeletal maps are learned through the keypoints' alone
    assert check_fit(unseen, COCO17).learned == {"heatmaps", "skeletal"}
    both = but(UDP, network=TwoBranchNetwork(), loss=UdpLoss(), decoder=QuarterOffset())
    assert check_fit(both, COCO17).decoded == {"heatmaps"}
    logits = but(UDP, loss=DetectionOffsetLoss(), decoder=OffsetDecoder(logits=True))
    assert check_fit(logits, COCO17).missed is None


@dataclass(frozen=True, kw_only=True)
class NoNumber:
    """A loss that names no number to minimise."""

    def __call__(self, outputs, targets):
        return {"error": outputs["heatmaps"].mean()}


@dataclass(frozen=True, kw_only=True)
class OnePoint:
    """A decoder of one keypoint."""

    def __call__(self, outputs):
        heat = outputs["heatmaps"][:, :1].amax((-2, -1))
        return heat[..., None].expand(-1, -1, 2), heat


@dataclass(frozen=True, kw_only=True)
class Larger:
    """An encoder whose maps are larger than asked for."""

    def __call__(self, points, labelled, *, size, skeleton):
        return GaussianHeatmap()(points, labelled, size=(size[0] + 1, size[1]), skeleton=skeleton)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"loss": NoNumber()}, "NoNumber gives error and no 'loss'"),
        ({"decoder": OnePoint()}, r"OnePoint returns a tensor \(2, 1, 2\), a tensor \(2, 1\), expected points \(2, 17, 2\)"),
        ({"encoder": Larger()}, r"Larger gives 'heatmaps' of shape \(2, 17, 16, 13\), HeatmapNetwork of shape \(2, 17, 16, 12\)"),
    ],
)
def test_parts_of_other_packages_are_tried_too(parts, says):
    with pytest.raises(ReproError, match=says):
        check_fit(but(DARK, network=HeatmapNetwork(), **parts), COCO17)
