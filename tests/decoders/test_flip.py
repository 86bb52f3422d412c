from __future__ import annotations

import pytest
import torch

from repro.decoders.dark import Dark
from repro.decoders.flip import average_with_mirror, joined, mirror_back, mirror_back_offsets, mirrored_back
from repro.encoders.gaussian import gaussian_heatmaps
from repro.geometry import heatmap_factor
from repro.skeletons.outputs import CENTRES, HEATMAPS, OFFSETS, TAGS, Output
from repro.skeletons.skeleton import COCO17, MPII16, Skeleton

INPUT, HEATMAP = (192, 256), (48, 64)
EYES = Skeleton(
    name="eyes",
    keypoints=("nose", "left_eye", "right_eye"),
    sigmas=(0.1, 0.1, 0.1),
    links=(),
    upper_body=(),
)  # fmt: skip
DESCRIBED = {"heatmaps": HEATMAPS, "offsets": OFFSETS}


def official_flip_back(heatmaps: torch.Tensor, pairs: tuple[tuple[int, int], ...], shift: bool) -> torch.Tensor:
    """HRNet's, value by value: reverse the columns, exchange the pairs, move columns 1 onward by one."""
    batch, keypoints, height, width = heatmaps.shape
    partner = list(range(keypoints))
    for a, b in pairs:
        partner[a], partner[b] = b, a
    out = torch.empty_like(heatmaps)
    for k in range(keypoints):
        for x in range(width):
            out[:, k, :, x] = heatmaps[:, partner[k], :, width - 1 - x]
    if shift:
        before = out.clone()
        for x in range(1, width):
            out[..., x] = before[..., x - 1]
    return out


def test_mirroring_back_by_hand():
    """Rows of the maps 0, 1, 2; the eyes change places."""
    maps = torch.tensor([[[[1.0, 2, 3, 4]], [[5.0, 6, 7, 8]], [[9.0, 10, 11, 12]]]])
    plain = mirror_back(maps, EYES.flip_permutation, shift=False)
    assert plain.tolist() == [[[[4, 3, 2, 1]], [[12, 11, 10, 9]], [[8, 7, 6, 5]]]]
    # Moved to the right by one; column 0 keeps its value, the last one is lost.
    shifted = mirror_back(maps, EYES.flip_permutation, shift=True)
    assert shifted.tolist() == [[[[4, 4, 3, 2]], [[12, 12, 11, 10]], [[8, 8, 7, 6]]]]


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("skeleton", [COCO17, MPII16], ids=lambda s: s.name)
def test_it_is_the_official_flip(skeleton, shift):
    maps = torch.rand(2, len(skeleton), 6, 5, generator=torch.Generator().manual_seed(0))
    got = mirror_back(maps, skeleton.flip_permutation, shift=shift)
    assert torch.equal(got, official_flip_back(maps, skeleton.flip_pairs, shift))


def test_mirroring_back_twice_changes_nothing():
    maps = torch.rand(2, 17, 6, 5, generator=torch.Generator().manual_seed(1))
    once = mirror_back(maps, COCO17.flip_permutation, shift=False)
    assert torch.equal(mirror_back(once, COCO17.flip_permutation, shift=False), maps)
    assert not torch.equal(once, maps)


def test_heatmaps_are_averaged_and_other_outputs_stay_those_of_the_image():
    outputs = {"heatmaps": torch.tensor([[[[1.0, 2, 3]], [[0.0, 0, 0]], [[4.0, 4, 4]]]]), "skeletal": torch.ones(1)}
    mirrored = {"heatmaps": torch.tensor([[[[3.0, 4, 7]], [[2.0, 4, 6]], [[8.0, 8, 8]]]]), "skeletal": torch.zeros(1)}
    got = average_with_mirror(outputs, mirrored, DESCRIBED, EYES, shift=False)
    assert got["heatmaps"].tolist() == [[[[4, 3, 3]], [[4, 4, 4]], [[5, 4, 3]]]]
    assert got["skeletal"] is outputs["skeletal"]
    assert outputs["heatmaps"][0, 0].tolist() == [[1, 2, 3]]  # not changed in place


def heatmaps_of(x_in_input: torch.Tensor, convention: str) -> torch.Tensor:
    """(1, 3, 64, 48): what a perfect network predicts for three keypoints at these input columns and at row 100."""
    at_input = torch.stack([x_in_input, torch.full_like(x_in_input, 100.0)], -1)[None]
    factor = torch.as_tensor(heatmap_factor(INPUT, HEATMAP, convention))
    return gaussian_heatmaps(at_input * factor, HEATMAP, 2.0, truncated=False)


@pytest.mark.parametrize(
    ("convention", "shift", "back", "mean"),
    [
        # 47 - (191 - x) / 4 = x / 4 - 3/4; a pixel to the right it is x / 4 + 1/4; the mean of the maps lies half way.
        ("biased", False, -0.75, -0.375),
        ("biased", True, 0.25, 0.125),
        ("unbiased", False, 0.0, 0.0),
        ("unbiased", True, 1.0, 0.5),
    ],
)
def test_where_a_perfect_network_finds_keypoints_with_the_flip_test(convention, shift, back, mean):
    """Left and right eye are at different columns, so exchanging them wrongly would be off by many pixels."""
    columns = torch.tensor([70.3, 96.0, 121.7], dtype=torch.float64)
    outputs = {"heatmaps": heatmaps_of(columns, convention)}
    names_exchanged = columns[list(EYES.flip_permutation)]  # the mirror image's left eye is the right eye
    mirrored = {"heatmaps": heatmaps_of(191 - names_exchanged, convention)}
    dark = Dark(kernel=1)
    plain, _ = dark(outputs)
    alone, _ = dark({"heatmaps": mirror_back(mirrored["heatmaps"], EYES.flip_permutation, shift=shift)})
    together, _ = dark(average_with_mirror(outputs, mirrored, DESCRIBED, EYES, shift=shift))
    torch.testing.assert_close((alone - plain)[0, :, 0], torch.full((3,), back), atol=1e-3, rtol=0)
    torch.testing.assert_close((together - plain)[0, :, 0], torch.full((3,), mean), atol=5e-3, rtol=0)
    torch.testing.assert_close((together - plain)[0, :, 1], torch.zeros(3), atol=5e-3, rtol=0)


def test_offsets_by_hand():
    """The x parts are mirrored and change their sign, the y parts are only mirrored; the eyes change places."""
    fields = torch.tensor(
        [[[[[1.0, 2, 3]], [[4.0, 5, 6]]], [[[7.0, 8, 9]], [[1.0, 1, 0]]], [[[0.0, 2, 4]], [[3.0, 5, 7]]]]]
    )
    back = mirror_back_offsets(fields, EYES.flip_permutation, shift=False)
    assert back.tolist() == [
        [[[[-3, -2, -1]], [[6, 5, 4]]], [[[-4, -2, 0]], [[7, 5, 3]]], [[[-9, -8, -7]], [[0, 1, 1]]]]
    ]
    shifted = mirror_back_offsets(fields, EYES.flip_permutation, shift=True)
    assert shifted[0, 0].tolist() == [[[-3, -3, -2]], [[6, 6, 5]]]
    assert torch.equal(mirror_back_offsets(back, EYES.flip_permutation, shift=False), fields)


def test_offsets_are_averaged_beside_the_heatmaps():
    maps, field = torch.zeros(1, 3, 1, 2), torch.tensor([[0.5, 0.25]])  # of one row: dx = .5 and .25
    fields = torch.stack([field, 4 * field]).expand(1, 3, 2, 1, 2)
    outputs = {"heatmaps": maps, "offsets": fields, "other": maps}
    got = average_with_mirror(outputs, {**outputs, "other": maps + 1}, DESCRIBED, EYES, shift=False)
    # dx: (.5 - .25) / 2 and (.25 - .5) / 2; dy: (2 + 1) / 2 twice.
    assert got["offsets"][0, 0].tolist() == [[[0.125, -0.125]], [[1.5, 1.5]]]
    assert list(got) == list(outputs) and got["other"] is maps


def test_offsets_may_lie_channel_by_channel():
    """(B, 2K, H, W), x and y of one keypoint after the other, is (B, K, 2, H, W) written in another way."""
    fields = torch.rand(2, 3, 2, 4, 5, generator=torch.Generator().manual_seed(2))
    expected = mirror_back_offsets(fields, EYES.flip_permutation, shift=False)
    assert torch.equal(mirrored_back(fields, OFFSETS, EYES), expected)
    assert torch.equal(mirrored_back(fields.flatten(1, 2), OFFSETS, EYES), expected.flatten(1, 2))


def test_channels_that_are_no_keypoints_stay_in_their_places():
    maps = torch.tensor([[[[1.0, 2, 3]], [[4.0, 5, 6]]]])
    assert mirrored_back(maps, CENTRES, EYES).tolist() == [[[[3, 2, 1]], [[6, 5, 4]]]]


def test_maps_are_joined_as_their_network_says():
    own, back = torch.tensor([[[[0.2]]]]), torch.tensor([[[[0.6]]]])
    assert joined(own, back, HEATMAPS).item() == pytest.approx(0.4)
    assert joined(own, back, TAGS).shape == (1, 1, 2, 1, 1) and joined(own, back, TAGS)[0, 0, 1].item() == back.item()
    assert joined(own, back, Output(kind="offsets", flip="own")) is own
    logits = joined(own.logit(), back.logit(), Output(kind="heat", logits=True))
    assert logits.sigmoid().item() == pytest.approx(0.4)
