from __future__ import annotations

import math

import pytest
import torch

from repro.losses.centernet import CenterNetLoss, focal_loss, read_vectors, weighted_l1


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def test_focal_loss_by_hand():
    """One peak estimated at .5: -.25 ln .5. Beside it t = .5 estimated at .5: -(1/16) x .25 ln .5. Far away t = 0 at .1:
    -.01 ln .9. One positive."""
    logits = torch.tensor([[[[logit(0.5), logit(0.5), logit(0.1)]]]])
    target = torch.tensor([[[[1.0, 0.5, 0.0]]]])
    expected = 0.25 * math.log(2) * (1 + 1 / 16) - 0.01 * math.log(0.9)
    assert focal_loss(logits, target, torch.ones(1, 1, 1, 3)).item() == pytest.approx(expected, rel=1e-5)
    # Two equal images have twice the sum and two positives.
    twice = focal_loss(logits.repeat(2, 1, 1, 1), target.repeat(2, 1, 1, 1), torch.ones(2, 1, 1, 3))
    assert twice.item() == pytest.approx(expected, rel=1e-5)
    masked = focal_loss(logits, target, torch.tensor([[[[1.0, 1.0, 0.0]]]]))
    assert masked.item() == pytest.approx(0.25 * math.log(2) * (1 + 1 / 16), rel=1e-5)


def test_without_a_peak_the_sum_is_not_divided():
    logits, target = torch.full((1, 1, 1, 2), logit(0.5)), torch.zeros(1, 1, 1, 2)
    assert focal_loss(logits, target, torch.ones(1, 1, 1, 2)).item() == pytest.approx(0.5 * math.log(2), rel=1e-5)


def test_extreme_logits_stay_finite():
    logits = torch.tensor([[[[-200.0, 200.0]]]]).requires_grad_()
    loss = focal_loss(logits, torch.tensor([[[[1.0, 0.0]]]]), torch.ones(1, 1, 1, 2))
    loss.backward()
    assert (
        loss.item() == pytest.approx(-2 * (1 - 1e-4) ** 2 * math.log(1e-4), rel=1e-3) and logits.grad.isfinite().all()
    )


def test_vectors_are_read_at_places():
    maps = torch.arange(12.0).view(1, 2, 2, 3)  # 6 c + place
    assert read_vectors(maps, torch.tensor([[4, 0]])).tolist() == [[[4, 10], [0, 6]]]


def test_l1_is_the_mean_over_entries_that_count():
    found, wanted = torch.tensor([[[1.0, -3.0], [50.0, 50.0]]]), torch.zeros(1, 2, 2)
    assert weighted_l1(found, wanted, torch.tensor([[1.0, 0.0]])).item() == 2
    assert weighted_l1(found, wanted, torch.zeros(1, 2)).item() == 0


def example() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """One person of one keypoint on 1 x 2 pixels: centre at pixel 0, keypoint at pixel 1. All estimates .5 or 0."""
    outputs = {name: torch.zeros(1, 1, 1, 2) for name in ("centres", "heatmaps")}
    outputs |= {name: torch.zeros(1, 2, 1, 2) for name in ("sizes", "offsets", "centre_offsets", "keypoint_offsets")}
    targets = {
        "centres": torch.tensor([[[[1.0, 0.0]]]]),
        "heatmaps": torch.tensor([[[[0.0, 1.0]]]]),
        "heatmap_weights": torch.ones(1, 1, 1, 2),
        "centre_indices": torch.tensor([[0]]),
        "centre_weights": torch.ones(1, 1),
        "sizes": torch.tensor([[[10.0, 20.0]]]),
        "centre_offsets": torch.tensor([[[0.5, 0.25]]]),
        "offsets": torch.tensor([[[[1.0, 3.0]]]]),
        "offset_weights": torch.ones(1, 1, 1),
        "keypoint_indices": torch.tensor([[[1]]]),
        "keypoint_offsets": torch.tensor([[[[0.1, 0.3]]]]),
    }
    return outputs, targets


HEAT = 0.5 * math.log(2)  # .25 ln 2 for the peak and .25 ln 2 for the pixel beside it


def test_terms_and_weights():
    got = {name: value.item() for name, value in CenterNetLoss()(*example()).items()}
    expected = {"centre_loss": HEAT, "heatmap_loss": HEAT, "size_loss": 15, "offset_loss": 2}
    expected |= {"centre_offset_loss": 0.375, "keypoint_offset_loss": 0.2}
    assert got == pytest.approx({**expected, "loss": 2 * HEAT + 0.1 * 15 + 2 + 0.375 + 0.2}, rel=1e-5)


def test_vectors_are_learned_at_their_pixels_alone():
    outputs, targets = example()
    outputs = {name: value.requires_grad_() for name, value in outputs.items()}
    CenterNetLoss()(outputs, targets)["loss"].backward()
    for name, place in (("sizes", 0), ("offsets", 0), ("centre_offsets", 0), ("keypoint_offsets", 1)):
        gradient = outputs[name].grad[0, :, 0]
        assert gradient[:, place].all() and not gradient[:, 1 - place].any()


def test_earlier_stacks_are_averaged_in():
    outputs, targets = example()
    first = {f"stack1.{name}": value for name, value in outputs.items()}
    first["stack1.sizes"] = torch.full((1, 2, 1, 2), 4.0)  # errors 6 and 16: 11 instead of 15
    got = CenterNetLoss()({**first, **outputs}, targets)
    assert got["size_loss"].item() == 13 and got["centre_loss"].item() == pytest.approx(HEAT, rel=1e-5)
