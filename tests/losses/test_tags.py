from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.errors import ReproError
from repro.losses.tags import AssociativeLoss, pull_and_push, read_tags

PROPERTY = settings(derandomize=True, deadline=None, max_examples=30)


def test_tags_are_read_at_x_and_y():
    tags = torch.arange(24.0).view(1, 2, 3, 4)  # value 12 k + 4 y + x
    positions = torch.tensor([[[[1, 2], [3, 0]], [[0, 0], [2, 1]]]])
    assert read_tags(tags, positions).tolist() == [[[9, 15], [0, 18]]]


def test_pull_and_push_by_hand():
    """Means 1 and 3: spreads ((1)^2 + (1)^2) / 2 = 1 and 0. Push: 2 exp(-4) / (2 x 1) / 2; max(1 - 2, 0) = 0."""
    tags = torch.tensor([[[0.0, 2.0], [3.0, 99.0]]])
    read = torch.tensor([[[True, True], [True, False]]])
    pull, push = pull_and_push(tags, read)
    assert pull.item() == 0.5 and push.item() == pytest.approx(0.5 * math.exp(-4))
    assert pull_and_push(tags, read, "max")[1].item() == 0
    near = torch.tensor([[[1.0, 1.0], [1.25, 99.0]]])
    assert pull_and_push(near, read, "max")[1].item() == pytest.approx(0.5 * 0.75)
    with pytest.raises(ReproError, match="exp, max"):
        pull_and_push(tags, read, "mean")


def test_nobody_costs_nothing_and_one_person_is_not_pushed():
    tags = torch.tensor([[[5.0, 7.0], [1.0, 2.0]], [[5.0, 7.0], [1.0, 2.0]]])
    read = torch.tensor([[[False, False], [False, False]], [[True, True], [False, False]]])
    pull, push = pull_and_push(tags, read)
    assert pull.tolist() == [0, 1] and push.tolist() == [0, 0]


def slow(tags: list[list[float]]) -> tuple[float, float]:
    """HigherHRNet's sums, person by person; each list holds the tags that are read."""
    means = [sum(t) / len(t) for t in tags if t]
    n = len(means)
    pull = sum(sum((x - m) ** 2 for x in t) / len(t) for t, m in zip([t for t in tags if t], means, strict=True))
    push = sum(math.exp(-((a - b) ** 2)) for i, a in enumerate(means) for j, b in enumerate(means) if i != j)
    return pull / max(n, 1), 0.5 * push / max(n * (n - 1), 1)


@PROPERTY
@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.floats(-3, 3)), min_size=3, max_size=3),
        min_size=1,
        max_size=5,
    )
)
def test_it_is_the_definition_person_by_person(people):
    tags = torch.tensor([[[9.0 if t is None else t for t in person] for person in people]], dtype=torch.float64)
    read = torch.tensor([[[t is not None for t in person] for person in people]])
    pull, push = pull_and_push(tags, read)
    expected = slow([[t for t in person if t is not None] for person in people])
    assert (pull.item(), push.item()) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def example() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Heatmap errors of 1 at one size and 2 at the other; two people of one keypoint, with tags 0 and 1."""
    tags = torch.zeros(1, 1, 2, 2)
    tags[0, 0, 1, 1] = 1
    outputs = {"heatmaps": torch.ones(1, 1, 2, 2), "tags": tags, "heatmaps_2x": torch.full((1, 1, 4, 4), 2.0)}
    targets = {
        "heatmaps": torch.zeros(1, 1, 2, 2),
        "heatmap_weights": torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]]]),
        "heatmaps_2x": torch.zeros(1, 1, 4, 4),
        "heatmap_weights_2x": torch.ones(1, 1, 4, 4),
        "tag_positions": torch.tensor([[[[0, 0]], [[1, 1]]]]),
        "tags_read": torch.ones(1, 2, 1, dtype=torch.bool),
    }
    return outputs, targets


def test_the_loss_is_heat_at_both_sizes_and_a_thousandth_of_the_tags():
    got = {name: value.item() for name, value in AssociativeLoss()(*example()).items()}
    push = 0.5 * math.exp(-1)
    expected = {"heatmap_loss": 0.75, "higher_loss": 4, "pull_loss": 0, "push_loss": push, "loss": 4.75 + 1e-3 * push}
    assert got == pytest.approx(expected)


def test_weights_are_settings_and_one_size_is_enough():
    outputs, targets = example()
    del outputs["heatmaps_2x"]
    got = AssociativeLoss(push_weight=2.0)(outputs, targets)
    assert got["loss"].item() == pytest.approx(0.75 + math.exp(-1)) and "higher_loss" not in got


def test_tags_are_averaged_over_images():
    tags = torch.zeros(2, 1, 1, 2)
    tags[0, 0, 0, 1] = 2
    targets = {
        "heatmaps": torch.zeros(2, 1, 1, 2),
        "heatmap_weights": torch.ones(2, 1, 1, 2),
        "tag_positions": torch.tensor([[[0, 0]], [[1, 0]]]).expand(2, 2, 1, 2),
        "tags_read": torch.ones(2, 2, 1, dtype=torch.bool),
    }
    got = AssociativeLoss()({"heatmaps": torch.zeros(2, 1, 1, 2), "tags": tags}, targets)
    assert got["push_loss"].item() == pytest.approx((0.5 * math.exp(-4) + 0.5) / 2)


def test_gradient_pulls_together_and_pushes_apart():
    outputs, targets = example()
    tags = outputs["tags"].requires_grad_()
    AssociativeLoss(push_weight=1.0)({**outputs, "tags": tags}, targets)["loss"].backward()
    assert tags.grad[0, 0, 0, 0] > 0 > tags.grad[0, 0, 1, 1] and tags.grad[0, 0, 0, 1] == 0


def test_a_tag_map_of_another_size_is_an_error():
    outputs, targets = example()
    with pytest.raises(ReproError, match=r"Tag maps have shape \(1, 1, 4, 4\)"):
        AssociativeLoss()({**outputs, "tags": torch.zeros(1, 1, 4, 4)}, targets)
