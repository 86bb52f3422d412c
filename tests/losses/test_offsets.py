from __future__ import annotations

import math

import pytest
import torch

from repro.encoders.offsets import OffsetField
from repro.errors import ReproError
from repro.losses.mixture_mask import MixtureMask
from repro.losses.offsets import DetectionOffsetLoss, UdpLoss, WeightedOffsetLoss, normalised_mask, offset_error
from repro.skeletons.skeleton import COCO17
from repro.support import serial

SIZE = (24, 32)
# One image, two keypoints, maps of two pixels; the second keypoint is not labelled. All sums are over 4 pixels.
TARGETS = {
    "heatmaps": torch.tensor([[[[1.0, 0.5]], [[1.0, 1.0]]]]),
    "discs": torch.tensor([[[[1.0, 1.0]], [[1.0, 1.0]]]]),
    "offsets": torch.tensor([[[[[0.5, -0.5]], [[0.25, 0.0]]], [[[0.0, 0.0]], [[0.0, 0.0]]]]]),
    "points": torch.tensor([[[0.5, 0.25], [0.0, 0.0]]]),
    "weights": torch.tensor([[1.0, 0.0]]),
}
OUTPUTS = {
    "heatmaps": torch.tensor([[[[0.5, 0.25]], [[7.0, 7.0]]]]),
    "offsets": torch.tensor([[[[[0.0, -2.0]], [[1.25, 1.0]]], [[[9.0, 9.0]], [[9.0, 9.0]]]]]),
}
# Differences of the first keypoint's offsets: x -.5 and -1.5, y 1 and 1, at the first and the second pixel.
L1, L2, SMOOTH = (1.5, 2.5), (1.25, 3.25), (0.125 + 0.5, 1.0 + 0.5)


def terms(loss: object, outputs: dict = OUTPUTS, targets: dict = TARGETS) -> dict[str, float]:
    return {name: value.item() for name, value in loss(outputs, targets).items()}


def test_udps_loss_by_hand():
    """Heatmaps: (.25 + .0625) / 2 over 4; offsets: (1.25 + 3.25) / 2 over 4, both pixels in full."""
    assert terms(UdpLoss()) == {"loss": 0.6015625, "heatmap_loss": 0.0390625, "offset_loss": 0.5625}
    assert terms(UdpLoss(alpha=2.0))["loss"] == 0.0390625 + 2 * 0.5625


def test_detection_and_offset_loss_by_hand():
    """Logits .5 and .25 on ones: log(1 + e^-.5) and log(1 + e^-.25)."""
    entropy = (math.log1p(math.exp(-0.5)) + math.log1p(math.exp(-0.25))) / 4
    got = terms(DetectionOffsetLoss(alpha=3.0))
    assert got["heatmap_loss"] == pytest.approx(entropy, rel=1e-6)
    assert got["offset_loss"] == sum(SMOOTH) / 4
    assert got["loss"] == pytest.approx(entropy + 3 * sum(SMOOTH) / 4, rel=1e-6)


def test_outside_the_disc_cross_entropy_is_learned_and_offsets_are_not():
    targets = {**TARGETS, "discs": torch.tensor([[[[1.0, 0.0]], [[1.0, 1.0]]]])}
    got = terms(DetectionOffsetLoss(), targets=targets)
    expected = (math.log1p(math.exp(-0.5)) + math.log1p(math.exp(0.25))) / 4
    assert got["heatmap_loss"] == pytest.approx(expected, rel=1e-6) and got["offset_loss"] == SMOOTH[0] / 4
    assert terms(UdpLoss(), targets=targets)["offset_loss"] == L2[0] / 8


@pytest.mark.parametrize(("distance", "errors"), [("l1", L1), ("l2", L2), ("smooth_l1", SMOOTH)])
def test_the_first_stages_loss_by_hand(distance, errors):
    """Heatmaps without a half: .3125 / 4. Offsets: weights 1 and .5."""
    got = terms(WeightedOffsetLoss(distance=distance, alpha=2.0))
    assert got["heatmap_loss"] == 0.078125
    assert got["offset_loss"] == (errors[0] + 0.5 * errors[1]) / 4
    assert got["loss"] == got["heatmap_loss"] + 2 * got["offset_loss"]
    assert terms(WeightedOffsetLoss(distance=distance, mask="disc"))["offset_loss"] == sum(errors) / 4


def person_batch(spread: float = 0.6) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """float64 outputs that need gradients, and targets, of 4 persons with 3 keypoints each, one of them not labelled."""
    generator = torch.Generator().manual_seed(0)
    points = 5 + torch.rand(4, 3, 2, generator=generator, dtype=torch.float64) * torch.tensor([13.0, 21.0])
    labelled = torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64).expand(4, 3)
    encoder = OffsetField(heatmap="gaussian")
    targets = encoder(points, labelled, size=SIZE, skeleton=COCO17)
    moved = points + spread * torch.randn(4, 3, 2, generator=generator, dtype=torch.float64)
    heatmaps = encoder(moved, labelled, size=SIZE, skeleton=COCO17)["heatmaps"]
    offsets = 0.3 * torch.randn(4, 3, 2, 32, 24, generator=generator, dtype=torch.float64)
    return {"heatmaps": heatmaps.requires_grad_(), "offsets": offsets.requires_grad_()}, targets


def test_the_second_stage_weighs_by_the_mixture_mask():
    outputs, targets = person_batch()
    got = WeightedOffsetLoss(mask="mixture", mixture=MixtureMask(components=2))(outputs, targets)
    mask, number = MixtureMask(components=2)(outputs["heatmaps"], targets)
    mask = mask * targets["weights"][..., None, None]
    expected = (mask[:, :, None] * (outputs["offsets"] - targets["offsets"]).abs()).sum() / (4 * 3 * 32 * 24)
    assert got["offset_loss"].item() == pytest.approx(expected.item(), rel=1e-12)
    assert 4 <= got["displacements"] == number <= 8
    first = WeightedOffsetLoss()(outputs, targets)
    assert got["heatmap_loss"] == first["heatmap_loss"] and got["offset_loss"] != first["offset_loss"]


@pytest.mark.parametrize(
    "loss", [UdpLoss(), DetectionOffsetLoss(), *(WeightedOffsetLoss(mask=m) for m in ("heatmap", "disc", "mixture"))]
)
def test_offsets_teach_the_offsets_alone(loss):
    """The mask is taken from the heatmaps, but no gradient flows back through it, nor from what has no weight."""
    outputs, targets = person_batch()
    loss(outputs, targets)["offset_loss"].backward()
    assert outputs["heatmaps"].grad is None or not outputs["heatmaps"].grad.any()
    gradient = outputs["offsets"].grad
    assert gradient[:, :2].any() and not gradient[:, 2].any()
    assert not (gradient.abs().sum(2) * (1 - targets["discs"])).any()


def test_l1_gradients_are_the_weights():
    """d/do of m |o - t| / (B K H W) is m sign(o - t) / (B K H W)."""
    outputs, targets = person_batch()
    WeightedOffsetLoss()(outputs, targets)["loss"].backward()
    sign = (outputs["offsets"] - targets["offsets"]).detach().sign()
    mask = (targets["heatmaps"] * targets["weights"][..., None, None])[:, :, None]
    torch.testing.assert_close(outputs["offsets"].grad, mask * sign / (4 * 3 * 32 * 24))


@pytest.mark.parametrize(
    "loss", [UdpLoss(), DetectionOffsetLoss(), *(WeightedOffsetLoss(distance=d) for d in ("l1", "l2", "smooth_l1"))]
)
def test_gradients_are_those_of_finite_differences(loss):
    generator = torch.Generator().manual_seed(1)
    points = torch.tensor([[[2.3, 1.6], [1.0, 2.2]]], dtype=torch.float64)
    encoder = OffsetField(radius=1.5, heatmap="gaussian", sigma=1.0)
    targets = encoder(points, torch.ones(1, 2).double(), size=(5, 4), skeleton=COCO17)
    heatmaps, offsets = (
        torch.randn(1, 2, *shape, generator=generator, dtype=torch.float64, requires_grad=True)
        for shape in ((4, 5), (2, 4, 5))
    )

    def total(h: torch.Tensor, o: torch.Tensor) -> torch.Tensor:
        return loss({"heatmaps": h, "offsets": o}, targets)["loss"]

    assert torch.autograd.gradcheck(total, (heatmaps, offsets))


def test_smooth_l1_has_its_corner_at_one():
    difference = torch.tensor([0.5, 1.0, 3.0])  # .125, .5, 2.5
    target = torch.zeros(1, 1, 2, 1, 3)
    predicted = torch.stack([difference, torch.zeros(3)])[None, None, :, None]
    assert offset_error(predicted, target, torch.ones(1, 1, 1, 3), "smooth_l1").item() == pytest.approx(3.125 / 3)


def test_with_offsets_in_units_of_r_both_terms_start_about_equal():
    """For a prediction of zero, R = 4 and sigma = 2, by integrals over the disc: heatmaps pi sigma^2 (1 - e^-4) = 12.34;
    offsets (8 / R) times the integral of r^2 exp(-r^2 / 8) to 4, 2 (8 (sqrt(pi / 2) erf(sqrt 2) - 2 e^-2)) = 14.81."""
    points = 8 + torch.rand(200, 1, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([7.0, 15.0])
    targets = OffsetField(heatmap="gaussian")(points, torch.ones(200, 1), size=SIZE, skeleton=COCO17)
    outputs = {"heatmaps": torch.zeros(200, 1, 32, 24), "offsets": torch.zeros(200, 1, 2, 32, 24)}
    got = terms(WeightedOffsetLoss(), outputs, targets)
    heatmap = math.pi * 4 * (1 - math.exp(-4))
    offset = 16 * (math.sqrt(math.pi / 2) * math.erf(math.sqrt(2)) - 2 * math.exp(-2))
    assert got["heatmap_loss"] * 24 * 32 == pytest.approx(heatmap, rel=0.01)
    assert got["offset_loss"] * 24 * 32 == pytest.approx(offset, rel=0.01)


@pytest.mark.parametrize("loss", [UdpLoss(), DetectionOffsetLoss(), WeightedOffsetLoss(mask="mixture")])
def test_losses_are_computed_in_float32(loss):
    outputs, targets = person_batch()
    outputs = {name: value.detach().bfloat16() for name, value in outputs.items()}
    got = loss(outputs, {name: value.float() for name, value in targets.items()})
    assert all(value.dtype == torch.float32 and value.ndim == 0 for value in got.values())


@pytest.mark.parametrize("loss", [UdpLoss(), DetectionOffsetLoss(), WeightedOffsetLoss()])
@pytest.mark.parametrize(("name", "what"), [("heatmaps", "heatmaps"), ("offsets", "offsets")])
def test_shapes_that_disagree_are_errors(loss, name, what):
    outputs = {**OUTPUTS, name: OUTPUTS[name][..., :1]}
    with pytest.raises(ReproError, match=f"Predicted {what} have shape"):
        loss(outputs, TARGETS)


def test_settings_survive_json():
    loss = WeightedOffsetLoss(mask="mixture", mixture=MixtureMask(components=2))
    plain = serial.to_plain(loss)
    mixture = {"type": "MixtureMask", "components": 2}
    assert plain == {"type": "WeightedOffsetLoss", "mask": "mixture", "mixture": mixture}
    assert serial.from_plain(WeightedOffsetLoss, plain) == loss
    assert serial.to_plain(WeightedOffsetLoss()) == {"type": "WeightedOffsetLoss"}


def test_unknown_choices_are_errors():
    with pytest.raises(ReproError, match="'huber': choose one of l1, smooth_l1, l2"):
        WeightedOffsetLoss(distance="huber")
    with pytest.raises(ReproError, match="'binary': choose one of heatmap, disc, mixture"):
        WeightedOffsetLoss(mask="binary")


def test_smooth_l1_with_its_corner_at_a_quarter_by_hand():
    """Above the corner |d| - 1/8: .375 and .875 at the first pixel, 1.375 and .875 at the second; below it 2 d^2."""
    got = terms(WeightedOffsetLoss(mask="disc", distance="smooth_l1", corner=0.25))["offset_loss"]
    assert got == (0.375 + 0.875 + 1.375 + 0.875) / 4
    near, zero = torch.full((1, 1, 2, 1, 1), 0.125), torch.zeros(1, 1, 2, 1, 1)
    assert offset_error(near, zero, torch.ones(1, 1, 1, 1), "smooth_l1", 0.25).item() == 2 * 2 * 0.125**2


@pytest.mark.parametrize("corner", [0.0, -1.0, math.nan])
def test_another_corner_is_refused(corner):
    with pytest.raises(ReproError, match="corner is .*: give a number above 0"):
        WeightedOffsetLoss(corner=corner)


def test_a_normalised_mask_has_the_sum_of_the_target_heatmap():
    """The disc's two ones become .75 each, half of 1.5; a mask without a pixel stays without."""
    heatmaps = torch.tensor([[[[1.0, 0.5]], [[1.0, 1.0]]]])
    masks = torch.tensor([[[[1.0, 1.0]], [[0.0, 0.0]]]])
    assert normalised_mask(masks, heatmaps).tolist() == [[[[0.75, 0.75]], [[0.0, 0.0]]]]
    plain = terms(WeightedOffsetLoss(mask="disc"))["offset_loss"]
    assert terms(WeightedOffsetLoss(mask="disc", normalised=True))["offset_loss"] == 0.75 * plain
    same = terms(WeightedOffsetLoss(mask="heatmap", normalised=True))
    assert same == terms(WeightedOffsetLoss(mask="heatmap"))
