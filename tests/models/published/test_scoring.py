"""The released scoring network, whose features stand in another order."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from repro.errors import ReproError
from repro.grouping.scores import ScoringNetwork, pose_features
from repro.models.published import convert, load_published, recognise
from repro.models.published.scoring import COCO_PAIRS
from repro.skeletons.skeleton import COCO17, CROWDPOSE14, Skeleton

SIZES = {"coco17": 74, "crowdpose14": 59}


def released(skeleton: Skeleton) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = {"l1": (256, SIZES[skeleton.name]), "l2": (256, 256), "l3": (1, 256)}
    state = {}
    for name, (after, before) in sizes.items():
        state[f"{name}.weight"] = torch.randn(after, before, generator=generator) / before**0.5
        state[f"{name}.bias"] = torch.randn(after, generator=generator)
    return state


def released_features(points: Tensor, values: Tensor) -> Tensor:
    """COCO's: offsets, lengths and values; limbs 9 and 11 are the torso's sides."""
    offsets = torch.stack([points[:, i] - points[:, j] for i, j in COCO_PAIRS], 1)
    lengths = offsets.norm(dim=-1)
    torso = ((lengths[:, 9] + lengths[:, 11]) / 2).clamp(min=1)[:, None]
    return torch.cat([(offsets / torso[..., None]).flatten(1), lengths / torso, values], 1)


@torch.no_grad()
def test_cocos_network_gives_the_released_estimate(tmp_path):
    state = released(COCO17)
    torch.save(state, tmp_path / "rescore.pth")
    model = ScoringNetwork().build(COCO17)
    assert load_published(model, tmp_path / "rescore.pth") == "hgr-scoring-coco17"
    generator = torch.Generator().manual_seed(1)
    points = 100 * torch.rand(5, 17, 2, generator=generator)
    values = torch.rand(5, 17, generator=generator)  # heat times the centre's heat, as released
    x = released_features(points, values)
    for name in ("l1", "l2"):
        x = F.relu(F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"]))
    expected = F.linear(x, state["l3.weight"], state["l3.bias"])
    torch.testing.assert_close(model(pose_features(points, values, COCO17)), expected, rtol=1e-5, atol=1e-5)


def test_crowdposes_network_loads_with_its_columns_moved():
    state = released(CROWDPOSE14)
    assert recognise(state) == "hgr-scoring-crowdpose14"
    first = convert(state, "hgr-scoring-crowdpose14")["0.weight"]
    assert first.shape == (256, 59)
    # The first pair here, left shoulder and elbow (0, 2), is the released one at place 3: its x and y are columns 6 and 7.
    assert torch.equal(first[:, :2], state["l1.weight"][:, 6:8])
    assert torch.equal(first[:, 45:], state["l1.weight"][:, 45:])
    ScoringNetwork().build(CROWDPOSE14).load_state_dict(convert(state, "hgr-scoring-crowdpose14"))


def test_a_scoring_network_that_lacks_a_layer():
    state = released(COCO17)
    del state["l2.bias"]
    with pytest.raises(ReproError, match=r"not those of hgr-scoring-coco17(.|\n)*l2\.bias"):
        convert(state, "hgr-scoring-coco17")
