"""A training on images that stay on a device, its steps and its targets."""

from __future__ import annotations

import pytest
import torch

from repro.approaches.base import approach_of
from repro.data.resident import Residence
from repro.losses.mse import HeatmapMSE
from repro.training.device import autocast
from repro.training.distributed import World
from repro.training.feed import Feed, Step, map_size
from repro.training.loop import Job, build_network, train

from ..tiny_runs import SKELETAL, tiny_recipe
from ..tiny_scenes import scene_data, scene_recipe, tiny_scenes
from .test_loop import left_by, read_log

CPU = torch.device("cpu")


def losses(folder) -> list[float]:
    return [line["loss"] for line in read_log(folder)]


def test_a_training_on_resident_images_learns_the_same(data, persons, tmp_path):
    recipe = tiny_recipe(data, SKELETAL)
    residence = Residence(CPU, always=True)
    for name, kept in (("read", None), ("resident", residence)):
        (tmp_path / name).mkdir()
        train(recipe, approach_of(recipe), persons, tmp_path / name, Job(World(0, 1, CPU), residence=kept))
    found, expected = losses(tmp_path / "resident"), losses(tmp_path / "read")
    assert len(expected) == 3
    assert found == pytest.approx(expected, rel=1e-3)  # images may differ by a grey level, see test_device_warps


def test_a_training_on_resident_scenes_learns_the_same(tmp_path):
    scenes = tiny_scenes(4)
    recipe = scene_recipe(scene_data(scenes, scenes))
    for name, kept in (("read", None), ("resident", Residence(CPU, always=True))):
        (tmp_path / name).mkdir()
        train(recipe, approach_of(recipe), scenes, tmp_path / name, Job(World(0, 1, CPU), residence=kept))
    assert losses(tmp_path / "resident") == pytest.approx(losses(tmp_path / "read"), rel=1e-3)


def test_targets_made_ahead_are_taken(data, persons):
    recipe = tiny_recipe(data)
    batch = next(iter(approach_of(recipe).batches(recipe, persons)(epoch=0, batch=8)))
    outputs = {"heatmaps": torch.zeros(8, 14, 16, 12)}
    feed = Feed(approach_of(recipe), recipe, persons.skeleton, CPU)
    made = feed.targets(Step(batch), outputs)
    expected = approach_of(recipe).targets(recipe, batch, map_size(outputs), persons.skeleton)
    assert all(torch.equal(made[name], value) for name, value in expected.items())
    assert feed.size == (12, 16)
    assert feed.targets(Step(batch, expected), outputs) is expected


@pytest.mark.cuda
@pytest.mark.parametrize("scene", [False, True])
def test_on_a_gpu_every_step_has_the_batches_and_targets_of_the_cpu(scene, data, persons):
    samples = tiny_scenes(6) if scene else persons
    recipe = scene_recipe(scene_data(samples, samples)) if scene else tiny_recipe(data, SKELETAL)
    drawn = {"epoch": 0, "batch": 2}
    gpu = torch.device("cuda")
    resident = approach_of(recipe).batches(recipe, samples, 0, Residence(gpu, always=True))
    width, height = recipe.input.size
    outputs = {"heatmaps": torch.zeros(2, 1, height // 4, width // 4)}
    feed = Feed(approach_of(recipe), recipe, samples.skeleton, gpu)
    plain = approach_of(recipe).batches(recipe, samples)(**drawn)
    steps = feed.steps(resident(**drawn))
    ahead = 0
    for step, batch in zip(steps, plain, strict=True):
        ahead += step.targets is not None
        expected = approach_of(recipe).targets(recipe, batch, map_size(outputs), samples.skeleton)
        found = feed.targets(step, outputs)
        for name, value in expected.items():
            torch.testing.assert_close(found[name].cpu(), value, rtol=1e-4, atol=1e-4)
        for name, value in batch.items():
            if name != "images":
                torch.testing.assert_close(step.batch[name].cpu(), value)
    assert ahead == len(samples) // 2 - 1


@pytest.mark.cuda
@pytest.mark.parametrize("resident", [False, True])
def test_a_training_on_a_gpu_begins_with_the_losses_of_the_cpu(resident, data, persons, tmp_path):
    recipe = tiny_recipe(data, SKELETAL, epochs=1)
    gpu = torch.device("cuda")
    for name, device in (("cpu", CPU), ("gpu", gpu)):
        (tmp_path / name).mkdir()
        kept = Residence(device, always=resident and device == gpu)
        train(recipe, approach_of(recipe), persons, tmp_path / name, Job(World(0, 1, device), residence=kept))
    assert losses(tmp_path / "gpu") == pytest.approx(losses(tmp_path / "cpu"), rel=2e-2)  # three steps of float32


@pytest.mark.cuda
@pytest.mark.parametrize("compiled", ["off", "graphs"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_training_on_a_gpu_is_repeated_exactly(compiled, precision, data, persons, tmp_path):
    """Of networks whose kernels are all deterministic: heatmaps from an HRNet, without deformable convolutions."""
    recipe = tiny_recipe(data, precision=precision)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        train(recipe, approach_of(recipe), persons, tmp_path / name, Job(World(0, 1, torch.device("cuda"), compiled=compiled)))
    assert left_by(tmp_path / "first") == left_by(tmp_path / "second")


@pytest.mark.cuda
def test_an_interrupted_training_on_a_gpu_goes_on(data, persons, tmp_path):
    recipe, world = tiny_recipe(data), World(0, 1, torch.device("cuda"))

    class Stop(Exception):
        pass

    seen = []

    def stop(count: int) -> None:
        seen.append(count)
        if sum(seen) > 30:  # in the second epoch of 24 persons
            raise Stop

    (tmp_path / "whole").mkdir()
    train(recipe, approach_of(recipe), persons, tmp_path / "whole", Job(world))
    (tmp_path / "parts").mkdir()
    with pytest.raises(Stop):
        train(recipe, approach_of(recipe), persons, tmp_path / "parts", Job(world, progress=stop))
    train(recipe, approach_of(recipe), persons, tmp_path / "parts", Job(world))
    assert losses(tmp_path / "parts") == pytest.approx(losses(tmp_path / "whole"), rel=1e-6)


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_step_on_a_gpu_makes_nobody_wait(precision, data, persons):
    """PyTorch raises an error where the host would wait for the device."""
    from repro.training.loop import train_step

    gpu = torch.device("cuda")
    recipe = tiny_recipe(data, precision=precision)
    network = build_network(recipe, persons, gpu).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    feed = Feed(approach_of(recipe), recipe, persons.skeleton, gpu)
    batches = approach_of(recipe).batches(recipe, persons, 0, Residence(gpu, always=True))
    steps = feed.steps(batches(epoch=0, batch=8))
    train_step(recipe, network, optimiser, next(steps), feed)  # what is set up once may wait
    for step in steps:
        torch.cuda.set_sync_debug_mode("error")
        try:
            terms = train_step(recipe, network, optimiser, step, feed)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert torch.isfinite(terms["loss"])
    assert isinstance(recipe.loss, HeatmapMSE) and autocast(recipe, gpu) is not None
