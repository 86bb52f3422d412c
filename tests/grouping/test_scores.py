from __future__ import annotations

import pytest
import torch

from repro.errors import ReproError
from repro.grouping.people import People
from repro.grouping.scores import (
    Scorer,
    ScoringNetwork,
    ScoringTraining,
    feature_count,
    naive_scores,
    neighbours,
    pose_features,
    torso_lengths,
    train_scoring,
)
from repro.skeletons.skeleton import COCO17, CROWDPOSE14

# The 19 sticks of COCO's annotation files, from 1.
STICKS = "16-14 14-12 17-15 15-13 12-13 6-12 7-13 6-7 6-8 7-9 8-10 9-11 2-3 1-2 1-3 2-4 3-5 4-6 5-7"


def random_poses(count: int, joints: int = 17) -> torch.Tensor:
    return 200 * torch.rand(count, joints, 2, generator=torch.Generator().manual_seed(0))


def test_the_pairs_are_the_sticks_of_coco():
    expected = {frozenset(int(n) - 1 for n in stick.split("-")) for stick in STICKS.split()}
    assert {frozenset(pair) for pair in neighbours(COCO17)} == expected
    assert len(neighbours(COCO17)) == 19 and len(neighbours(CROWDPOSE14)) == 15


def test_dimensions():
    assert feature_count(COCO17) == 74 and feature_count(CROWDPOSE14) == 59


def test_parameters_of_the_network():
    """74 * 256 + 256 + 256 * 256 + 256 + 256 + 1."""
    model = ScoringNetwork().build(COCO17)
    assert sum(p.numel() for p in model.parameters()) == 85249
    assert not model[0].bias.any() and not model[4].bias.any()
    assert model[0].weight.abs().max() <= (3 / 74) ** 0.5  # kaiming-uniform, a = 1: bound sqrt(6 / (2 * 74))


def test_features_by_hand():
    """Shoulders at (0, 0) and (40, 0), hips at (0, 100) and (40, 60): torso (100 + 60) / 2 = 80."""
    points = torch.zeros(1, 17, 2)
    for name, place in {"right_shoulder": (40, 0), "left_hip": (0, 100), "right_hip": (40, 60)}.items():
        points[0, COCO17.index(name)] = torch.tensor(place, dtype=torch.float32)
    heats = torch.linspace(0, 1, 17)[None]
    features = pose_features(points, heats, COCO17)[0]
    assert torso_lengths(points, COCO17).item() == 80
    pair = neighbours(COCO17).index((COCO17.index("left_shoulder"), COCO17.index("right_shoulder")))
    assert features[2 * pair : 2 * pair + 2].tolist() == [-0.5, 0] and features[38 + pair] == 0.5
    assert torch.equal(features[57:], heats[0])


def test_the_torso_of_crowdpose_is_its_torso():
    """Thigh and shank must not matter."""
    points = random_poses(3, 14)
    bent = points.clone()
    for name in ("left_knee", "left_ankle"):
        bent[:, CROWDPOSE14.index(name)] += 500
    assert torch.equal(torso_lengths(points, CROWDPOSE14), torso_lengths(bent, CROWDPOSE14))
    bent[:, CROWDPOSE14.index("left_hip")] += 500
    assert not torch.equal(torso_lengths(points, CROWDPOSE14), torso_lengths(bent, CROWDPOSE14))


def test_scale_and_place_cancel():
    points, heats = random_poses(5), torch.rand(5, 17)
    torch.testing.assert_close(
        pose_features(points, heats, COCO17), pose_features(3 * points + 70, heats, COCO17), rtol=1e-4, atol=1e-5
    )
    assert torso_lengths(points / 1e4, COCO17).tolist() == [1] * 5  # at least 1 px


def test_the_naive_score():
    heats = torch.tensor([[1.0, 0.5, 0.0]])
    assert naive_scores(heats, torch.tensor([0.8])).item() == pytest.approx(0.4)
    assert naive_scores(heats, torch.tensor([1.0]), torch.tensor([[True, True, False]])).item() == pytest.approx(0.75)
    assert naive_scores(heats, torch.tensor([1.0]), torch.zeros(1, 3, dtype=torch.bool)).item() == 0


def test_training_learns_the_mean_heat_and_is_repeatable():
    """The label is the heat that all keypoints of a pose share: of variance 1/12."""
    heats = torch.rand(600, 1, generator=torch.Generator().manual_seed(1)).expand(-1, 17)
    points = random_poses(600)
    features, labels = pose_features(points, heats, COCO17), heats.mean(1)
    training = ScoringTraining(epochs=8, batch=50)
    before = torch.random.get_rng_state()
    first = train_scoring(features, labels, COCO17, training=training)
    assert torch.equal(before, torch.random.get_rng_state())
    second = train_scoring(features, labels, COCO17, training=training)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    with torch.no_grad():
        error = (first(features)[:, 0] - labels).square().mean()
    assert error < 1 / 12 / 3


def test_a_smaller_set_than_a_batch_is_one_batch():
    features, labels = pose_features(random_poses(5), torch.rand(5, 17), COCO17), torch.ones(5)
    start = ScoringNetwork().build(COCO17)
    trained = train_scoring(features, labels, COCO17, training=ScoringTraining(epochs=30))
    with torch.no_grad():
        assert (trained(features) - 1).abs().mean() < 0.2
    assert start[0].weight.shape == trained[0].weight.shape


def test_what_the_scorer_does_with_the_estimate():
    people = People(points=random_poses(2), keypoint_scores=torch.ones(2, 17), scores=torch.tensor([0.5, 0.25]))

    def model(features):
        return torch.full((len(features), 1), 0.8)

    assert Scorer(model=model, skeleton=COCO17)(people).tolist() == pytest.approx([0.4, 0.2])
    assert Scorer(model=model, skeleton=COCO17, score="estimate")(people).tolist() == pytest.approx([0.8, 0.8])
    with pytest.raises(ReproError, match="product, estimate"):
        Scorer(model=model, skeleton=COCO17, score="sum")


def test_errors():
    with pytest.raises(ReproError, match="expected \\(M, 17, 2\\)"):
        pose_features(random_poses(2, 14), torch.ones(2, 14), COCO17)
    with pytest.raises(ReproError, match="at least one pose"):
        train_scoring(torch.zeros(0, 74), torch.zeros(0), COCO17)
    with pytest.raises(ReproError, match="\\(3, 59\\)"):
        train_scoring(torch.zeros(3, 74), torch.zeros(3), CROWDPOSE14)


@pytest.mark.parametrize("skeleton", [COCO17, CROWDPOSE14])
def test_a_released_network_sees_heat_times_centre_in_its_own_unit_of_length(skeleton):
    generator = torch.Generator().manual_seed(0)
    points = 50 * torch.rand(3, len(skeleton), 2, generator=generator)
    heats, centres = torch.rand(3, len(skeleton), generator=generator), torch.tensor([0.9, 0.5, 0.1])
    people = People(points=points, keypoint_scores=heats, scores=heats.mean(1) * centres)
    seen = []

    def model(features):
        seen.append(features)
        return torch.ones(len(features), 1)

    assert torch.equal(Scorer(model=model, skeleton=skeleton, released=True)(people), people.scores)
    (features,) = seen
    assert torch.allclose(features[:, -len(skeleton) :], heats * centres[:, None])
    at = {name: points[:, skeleton.index(name)] for name in skeleton.keypoints}
    ends = [("left_hip", "left_knee"), ("left_knee", "left_ankle")] if skeleton is CROWDPOSE14 else [
        ("left_shoulder", "left_hip"), ("right_shoulder", "right_hip")]  # fmt: skip
    unit = torch.stack([(at[a] - at[b]).norm(dim=1) for a, b in ends]).mean(0)
    i, j = neighbours(skeleton)[0]
    assert torch.allclose(features[:, :2], (points[:, i] - points[:, j]) / unit[:, None], atol=1e-6)
