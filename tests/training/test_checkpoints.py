from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from repro.training import checkpoints
from repro.training.checkpoints import load_state, save_state, write_json


def pair(seed: int) -> tuple[nn.Module, torch.optim.Adam]:
    """A network with BatchNorm (buffers) and a parameter that no output uses, and its optimiser."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    network.register_parameter("unused", nn.Parameter(torch.ones(2)))
    return network, torch.optim.Adam(network.parameters(), lr=0.1)


def step(network: nn.Module, optimiser: torch.optim.Adam, seed: int) -> None:
    """One step on random images."""
    images = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(seed))
    optimiser.zero_grad()
    network(images).square().mean().backward()
    optimiser.step()


def weights(network: nn.Module) -> dict[str, list]:
    """All tensors of the state as lists, which compare exactly."""
    return {name: tensor.tolist() for name, tensor in network.state_dict().items()}


def test_a_training_goes_on_from_a_state_as_if_nothing_had_happened(tmp_path):
    network, optimiser = pair(0)
    for seed in range(3):
        step(network, optimiser, seed)
    save_state(tmp_path, 3, network, optimiser)
    other, its_optimiser = pair(1)
    assert load_state(tmp_path, other, its_optimiser) == 3
    assert weights(other) == weights(network)
    for seed in range(3, 6):
        step(network, optimiser, seed)
        step(other, its_optimiser, seed)
    assert weights(other) == weights(network)


def test_there_is_nothing_to_go_on_from_at_first(tmp_path):
    network, optimiser = pair(0)
    before = weights(network)
    assert load_state(tmp_path, network, optimiser) == 0
    assert weights(network) == before and not optimiser.state


def test_a_state_replaces_the_former_one(tmp_path):
    network, optimiser = pair(0)
    for epoch in (1, 2, 3):
        step(network, optimiser, epoch)
        save_state(tmp_path, epoch, network, optimiser)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["state-00003.safetensors", "state.json"]
    pointer = json.loads((tmp_path / "state.json").read_text())
    assert (pointer["epoch"], pointer["file"]) == (3, "state-00003.safetensors")


@pytest.mark.parametrize("broken", ["save_file", "write_sealed"])
def test_a_state_that_could_not_be_written_leaves_the_former_one(tmp_path, monkeypatch, broken):
    network, optimiser = pair(0)
    step(network, optimiser, 0)
    save_state(tmp_path, 1, network, optimiser)
    kept = weights(network)

    def fail(*arguments) -> None:
        if broken == "save_file":
            Path(arguments[1]).write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    step(network, optimiser, 1)
    monkeypatch.setattr(checkpoints, broken, fail)
    with pytest.raises(OSError, match="No space left"):
        save_state(tmp_path, 2, network, optimiser)
    monkeypatch.undo()
    other, its_optimiser = pair(1)
    assert load_state(tmp_path, other, its_optimiser) == 1
    assert weights(other) == kept
    assert not list(tmp_path.glob(".*")), "what was half written takes up the full disk"


def test_moments_keep_the_memory_layout_of_their_parameters(tmp_path):
    network, optimiser = pair(0)
    network.to(memory_format=torch.channels_last)
    step(network, optimiser, 0)
    save_state(tmp_path, 1, network, optimiser)
    other, its_optimiser = pair(1)
    other.to(memory_format=torch.channels_last)
    load_state(tmp_path, other, its_optimiser)
    parameter = other[0].weight
    assert parameter.is_contiguous(memory_format=torch.channels_last)
    assert its_optimiser.state[parameter]["exp_avg"].stride() == parameter.stride()
    assert torch.equal(its_optimiser.state[parameter]["exp_avg"], optimiser.state[network[0].weight]["exp_avg"])


def test_json_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"b": [1, 2.5, None]})
    assert json.loads(path.read_text()) == {"b": [1, 2.5, None]}
    with pytest.raises(TypeError):
        write_json(path, {"c": 1, "d": object()})
    assert json.loads(path.read_text()) == {"b": [1, 2.5, None]}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
