from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.decoders.offset import OffsetDecoder
from repro.encoders.offsets import OffsetField, discs, gaussian_discs, offset_fields, way_to_points
from repro.errors import ReproError
from repro.skeletons.skeleton import COCO17
from repro.support import serial

PROPERTY = settings(derandomize=True, deadline=None, max_examples=60)
SIZE = (24, 32)


def at(*points: tuple[float, float]) -> torch.Tensor:
    """(1, K, 2) float64."""
    return torch.tensor([points], dtype=torch.float64)


def encode(encoder: OffsetField, points: torch.Tensor, size: tuple[int, int] = SIZE) -> dict[str, torch.Tensor]:
    return encoder(points, torch.ones(points.shape[:2], dtype=points.dtype), size=size, skeleton=COCO17)


def test_the_way_leads_from_the_pixel_to_the_point():
    way = way_to_points(at((2.5, 1.25)), (4, 3))
    assert way.shape == (1, 1, 2, 3, 4)
    assert way[0, 0, :, 2, 0].tolist() == [2.5, -0.75]
    assert way[0, 0, :, 0, 3].tolist() == [-0.5, 1.25]


@pytest.mark.parametrize(
    ("radius", "pixels"),
    # Whole-number points x^2 + y^2 <= R^2 (Gauss's circle problem): 5, 13, 29, 49.
    [(1, 5), (2, 13), (3, 29), (4, 49)],
)
def test_a_disc_around_a_pixel_holds_the_lattice_points_of_its_circle(radius, pixels):
    disc = discs(at((10.0, 12.0)), SIZE, radius)[0, 0]
    assert disc.sum() == pixels
    assert disc[12, 10 + radius] == 1 and disc[12, 10 + radius + 1] == 0 and disc[12 + radius, 10] == 1


def test_a_disc_of_radius_four_has_about_fifty_pixels_wherever_its_centre_lies():
    points = 8 + torch.rand(1, 4000, 2, generator=torch.Generator().manual_seed(0))
    count = discs(points, SIZE, 4.0).sum((-2, -1))
    assert count.mean().item() == pytest.approx(16 * math.pi, rel=0.005)  # 50.3
    assert count.min() >= 45 and count.max() <= 55


def test_the_centre_of_a_disc_is_not_rounded():
    """R = 1 around (5.5, 7): the pixels 5 and 6 of row 7, .5 away; those above are sqrt(.25 + 1) away."""
    assert torch.nonzero(discs(at((5.5, 7.0)), SIZE, 1.0)[0, 0]).tolist() == [[7, 5], [7, 6]]


def test_offsets_by_hand():
    """From the pixel (9, 14) to (10.5, 12): (1.5, -2) px, 2.5 px long; divided by 4."""
    field = offset_fields(at((10.5, 12.0)), SIZE, 4.0)[0, 0]
    assert field[:, 14, 9].tolist() == [0.375, -0.5]
    assert field[:, 12, 15].tolist() == [0, 0]  # 4.5 px away
    assert field[:, 12, 14].tolist() == [-0.875, 0]  # 3.5 px away


@PROPERTY
@given(x=st.floats(-3, 26), y=st.floats(-3, 34), radius=st.sampled_from([1.0, 2.0, 3.5, 4.0]))
def test_offsets_are_in_the_disc_only_never_longer_than_one_and_lead_to_the_point(x, y, radius):
    points = at((x, y))
    field, disc = offset_fields(points, SIZE, radius)[0, 0], discs(points, SIZE, radius)[0, 0]
    assert not field[:, disc == 0].any()
    assert (field.square().sum(0) <= 1 + 1e-12).all()
    for row, column in torch.nonzero(disc).tolist():
        assert column + radius * field[0, row, column].item() == pytest.approx(x, abs=1e-9)
        assert row + radius * field[1, row, column].item() == pytest.approx(y, abs=1e-9)


def test_a_weighted_heatmap_falls_to_135_thousandths_at_the_rim_and_to_nothing_beyond():
    heatmap = gaussian_discs(at((10.0, 12.0)), SIZE, 4.0, 2.0)[0, 0]
    assert heatmap[12, 10] == 1
    assert heatmap[12, 14].item() == pytest.approx(math.exp(-2)) == pytest.approx(0.135, abs=5e-4)
    assert heatmap[15, 13] == 0  # 4.24 px away
    assert heatmap[13, 11].item() == pytest.approx(math.exp(-2 / 8))


def test_the_targets_of_udp_and_of_cal():
    points = at((10.3, 12.8), (3.0, 4.0))
    labelled = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    udp = OffsetField()(points, labelled, size=SIZE, skeleton=COCO17)
    cal = OffsetField(heatmap="gaussian")(points, labelled, size=SIZE, skeleton=COCO17)
    assert {name: tuple(t.shape) for name, t in cal.items()} == {
        "heatmaps": (1, 2, 32, 24),
        "discs": (1, 2, 32, 24),
        "offsets": (1, 2, 2, 32, 24),
        "points": (1, 2, 2),
        "weights": (1, 2),
    }
    assert set(udp) == set(cal) and torch.equal(udp["heatmaps"], udp["discs"])
    assert torch.equal(cal["discs"], udp["discs"]) and torch.equal(cal["offsets"], udp["offsets"])
    assert torch.equal(cal["heatmaps"] > 0, cal["discs"] > 0) and not torch.equal(cal["heatmaps"], cal["discs"])
    assert torch.equal(cal["points"], points) and cal["weights"].tolist() == [[1, 0]]


def test_a_keypoint_outside_the_map_keeps_its_weight():
    """HRNet drops it (``weights_in_view``), UDP's offset targets do not."""
    targets = encode(OffsetField(), at((-500.0, 5.0), (-2.0, 5.0)))
    assert targets["weights"].tolist() == [[1, 1]]
    assert not targets["discs"][0, 0].any() and targets["discs"][0, 1, 5, 2] == 1


@pytest.mark.parametrize("heatmap", ["binary", "gaussian"])
@pytest.mark.parametrize("radius", [1.0, 2.0, 4.0])
@PROPERTY
@given(x=st.floats(0, 23, width=32), y=st.floats(0, 31, width=32))
def test_an_encoded_keypoint_is_decoded_exactly_up_to_the_border(heatmap, radius, x, y):
    targets = encode(OffsetField(radius=radius, heatmap=heatmap), torch.tensor([[[x, y]]]))
    points, _ = OffsetDecoder(radius=radius)(targets)
    torch.testing.assert_close(points, torch.tensor([[[x, y]]]), atol=1e-5, rtol=0)


def test_settings_survive_json_and_defaults_are_left_out():
    encoder = OffsetField(radius=2.0, heatmap="gaussian")
    assert serial.to_plain(encoder) == {"type": "OffsetField", "radius": 2.0, "heatmap": "gaussian"}
    assert serial.from_plain(OffsetField, serial.to_plain(encoder)) == encoder


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"radius": 0.5}, "radius is 0.5: give at least 1"),
        ({"radius": math.nan}, "radius is nan"),
        ({"sigma": 0.0}, "sigma is 0.0: give a positive"),
        ({"heatmap": "round"}, "'round': choose one of binary, gaussian"),
    ],
)
def test_impossible_settings_are_errors(settings_, message):
    with pytest.raises(ReproError, match=message):
        OffsetField(**settings_)
