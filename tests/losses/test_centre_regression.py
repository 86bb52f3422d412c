from __future__ import annotations

import pytest
import torch

from repro.errors import ReproError
from repro.losses.centre_regression import GuidedLoss, _smooth_l1_of_all, normalised_smooth_l1, smooth_l1
from repro.losses.redistributed import RedistributedLoss
from repro.losses.tradeoff import TradeoffLoss


def test_smooth_l1_by_hand():
    """Beta 1/9: at 1/18 the square 4.5 / 324 = 1/72, at 1 the line 1 - 1/18; both are 1/18 at beta."""
    values = smooth_l1(torch.tensor([1 / 18, -1 / 18, 1 / 9, 1.0, -1.0], dtype=torch.float64))
    assert values.tolist() == pytest.approx([1 / 72, 1 / 72, 1 / 18, 17 / 18, 17 / 18])


def test_smooth_l1_is_torchs():
    values = torch.linspace(-2, 2, 41, dtype=torch.float64)
    expected = torch.nn.functional.smooth_l1_loss(values, torch.zeros_like(values), beta=0.3, reduction="none")
    torch.testing.assert_close(smooth_l1(values, 0.3), expected)


def offsets_example() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two keypoints on 1 x 3 pixels. Weight 1/2 at the first pixel of keypoint 1 and 1/4 at the last of keypoint 2."""
    predicted, weights = torch.zeros(1, 4, 1, 3), torch.zeros(1, 2, 1, 3)
    predicted[0, :, 0, 0] = torch.tensor([1.0, -2.0, 9.0, 9.0])
    predicted[0, :, 0, 2] = torch.tensor([9.0, 9.0, 3.0, 0.0])
    weights[0, 0, 0, 0], weights[0, 1, 0, 2] = 0.5, 0.25
    return predicted, torch.zeros(1, 4, 1, 3), weights


def test_weighted_errors_over_the_number_of_positive_weights():
    """(.5 (17/18 + 35/18) + .25 (53/18 + 0)) / 4: x and y count each."""
    expected = (0.5 * 52 / 18 + 0.25 * 53 / 18) / 4
    assert normalised_smooth_l1(*offsets_example()).item() == pytest.approx(expected)


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_a_gpu_computes_the_same_over_whole_maps(share):
    generator = torch.Generator().manual_seed(0)
    predicted, target = torch.randn(2, 2, 6, 4, 5, dtype=torch.float64, generator=generator)
    weights = torch.rand(2, 3, 4, 5, dtype=torch.float64, generator=generator)
    weights *= torch.rand(2, 3, 4, 5, generator=generator) < share
    predicted.requires_grad_()
    found, expected = (
        torch.autograd.grad(loss, predicted)[0]
        for loss in (
            _smooth_l1_of_all(predicted, target, weights, 0.2),
            normalised_smooth_l1(predicted, target, weights, 0.2),
        )
    )
    assert _smooth_l1_of_all(predicted, target, weights, 0.2).item() == pytest.approx(
        normalised_smooth_l1(predicted, target, weights, 0.2).item()
    )
    torch.testing.assert_close(found, expected)


def test_without_positive_weights_the_loss_is_zero_and_can_be_differentiated():
    predicted, target, weights = offsets_example()
    loss = normalised_smooth_l1(predicted.requires_grad_(), target, weights * 0)
    loss.backward()
    assert loss.item() == 0 and not predicted.grad.any()


def test_only_weighted_entries_are_learned_from():
    """Beyond beta the slope is the weight over the number, 4."""
    predicted, target, weights = offsets_example()
    normalised_smooth_l1(predicted.requires_grad_(), target, weights).backward()
    expected = torch.zeros(4, 3)
    expected[0, 0], expected[1, 0], expected[2, 2] = 0.125, -0.125, 0.0625
    torch.testing.assert_close(predicted.grad[0, :, 0], expected)


def test_disagreeing_offsets_are_an_error():
    predicted, target, weights = offsets_example()
    with pytest.raises(ReproError, match="but targets"):
        normalised_smooth_l1(predicted[:, :2], target, weights)


def guided_example() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Heatmap errors of 2 with weight 0.1 on 3 maps: .4; centre errors of 1 with weight 0.5: .5; offsets as above."""
    offsets, wanted, weights = offsets_example()
    outputs = {"heatmaps": torch.full((1, 3, 1, 3), 2.0), "centres": torch.ones(1, 1, 1, 3), "offsets": offsets}
    targets = {
        "heatmaps": torch.zeros(1, 3, 1, 3),
        "heatmap_weights": torch.full((1, 1, 1, 3), 0.1),
        "centres": torch.zeros(1, 1, 1, 3),
        "centre_weights": torch.full((1, 1, 1, 3), 0.5),
        "offsets": wanted,
        "offset_weights": weights,
    }
    return outputs, targets


OFFSET = (0.5 * 52 / 18 + 0.25 * 53 / 18) / 4


def test_in_the_code_the_centre_is_one_more_channel():
    """The mean over four channels of .4, .4, .4 and .5, and a hundredth of the offsets' loss."""
    got = {name: value.item() for name, value in GuidedLoss()(*guided_example()).items()}
    expected = {"loss": 1.7 / 4 + 0.01 * OFFSET, "heatmap_loss": 0.4, "centre_loss": 0.5, "offset_loss": OFFSET}
    assert got == pytest.approx(expected)


def test_in_the_paper_the_centre_stands_beside_the_offsets():
    """Eq. 4 squares the mask: 4 x .01; Eq. 6: .04 + .01 (offsets + .5)."""
    got = GuidedLoss(heatmaps=TradeoffLoss(mode="paper"), centre="paper")(*guided_example())
    assert got["loss"].item() == pytest.approx(0.04 + 0.01 * (OFFSET + 0.5))


def test_the_code_form_is_one_mean_over_all_channels():
    outputs, targets = guided_example()
    generator = torch.Generator().manual_seed(1)
    outputs = {name: torch.randn(value.shape, generator=generator) for name, value in outputs.items()}
    maps = torch.cat([outputs["heatmaps"], outputs["centres"]], 1)
    targets["centre_weights"] = targets["heatmap_weights"]
    got = GuidedLoss(offset_weight=0.0)(outputs, targets)["loss"]
    torch.testing.assert_close(got, (0.1 * maps.square()).mean())


def test_each_branch_is_compared_where_the_network_gives_them():
    """Branches with errors of 1 and 3 have a mean of 2: (1 + 9) / 2 = 5 of a tenth, instead of 4."""
    outputs, targets = guided_example()
    outputs["heatmaps_branches"] = torch.tensor([1.0, 3.0]).view(1, 2, 1, 1, 1).expand(1, 2, 3, 1, 3)
    assert GuidedLoss()(outputs, targets)["heatmap_loss"].item() == pytest.approx(0.5)


def test_middle_supervision_and_larger_heatmaps_are_added():
    outputs, targets = guided_example()
    plain = GuidedLoss()(outputs, targets)["loss"].item()
    more = {**outputs, "middle_heatmaps": torch.ones(1, 3, 1, 3), "heatmaps_2x": torch.ones(1, 3, 2, 6)}
    larger = {"heatmaps_2x": torch.zeros(1, 3, 2, 6), "heatmap_weights_2x": torch.full((1, 1, 2, 6), 0.025)}
    got = GuidedLoss(middle_weight=2.0)(more, {**targets, **larger})
    assert got["middle_loss"].item() == pytest.approx(0.1) and got["higher_loss"].item() == pytest.approx(0.025)
    assert got["loss"].item() == pytest.approx(plain + 2 * 0.1 + 0.025)


def test_the_redistributed_loss_takes_the_keypoints_and_leaves_the_centre():
    """The weight of an estimate of 2, clamped to 1, is .1013: .1013 x 4 x .1 on keypoints, .5 on the centre as before."""
    got = GuidedLoss(heatmaps=RedistributedLoss())(*guided_example())
    assert got["heatmap_loss"].item() == pytest.approx(0.04051, abs=2e-5) and got["centre_loss"].item() == 0.5


def test_all_outputs_are_learned_from():
    outputs, targets = guided_example()
    outputs = {name: value.clone().requires_grad_() for name, value in outputs.items()}
    GuidedLoss()(outputs, targets)["loss"].backward()
    assert all(value.grad.any() for value in outputs.values())


def test_unknown_choice():
    with pytest.raises(ReproError, match="channel, paper"):
        GuidedLoss(centre="code")
