"""How networks are started on a device: the same numbers, the same names, and a sentence where it cannot be done."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from repro.errors import ReproError
from repro.training import device as devices
from repro.training.device import checked_compiled, compile_network, network_products, prepare
from repro.training.loop import build_network

from ..tiny_runs import tiny_recipe

CPU = torch.device("cpu")


class Tiny(nn.Module):
    """A convolution and a batch normalisation; ``broken`` networks cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"heatmaps": self.layers(images)}


def pair() -> tuple[Tiny, Tiny]:
    torch.manual_seed(0)
    first, second = Tiny(), Tiny()
    second.load_state_dict(first.state_dict())
    return first.train(), second.train()


def gradients(network: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    network.zero_grad()
    network(images)["heatmaps"].square().mean().backward()
    return [parameter.grad.clone() for parameter in network.parameters()]


@pytest.mark.parametrize(
    ("given", "value"), [("1", "auto"), ("0", "off"), ("", "off"), ("graphs", "graphs"), ("inductor", "inductor")]
)
def test_ways_to_start_kernels(given, value):
    assert checked_compiled(given) == value


def test_an_unknown_way_is_refused():
    with pytest.raises(ReproError, match="COMPILE.*'yes'.*off, auto, graphs, inductor"):
        checked_compiled("yes")


@pytest.mark.parametrize(("wanted", "said"), [("off", False), ("auto", False), ("graphs", True)])
def test_a_cpu_computes_as_it_is(wanted, said, data, capsys):
    network, _ = pair()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert compile_network(network, tiny_recipe(data), torch.randn(2, 3, 8, 8), wanted) == "off"
    assert ("CUDA graphs need a GPU" in capsys.readouterr().err) == said
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_a_compiler_that_fails_is_done_without(data, capsys, monkeypatch):
    def fail(network, recipe, images):
        network(images)  # moves the means of the batch normalisation
        network._compiled_call_impl = lambda *_: None
        raise RuntimeError("no compiler\nand much more")

    monkeypatch.setattr(devices, "_compile", fail)
    network, same = pair()
    images = torch.randn(2, 3, 8, 8)
    assert compile_network(network, tiny_recipe(data), images, "inductor") == "off"
    said = capsys.readouterr().err.splitlines()
    assert said == ["The network is not compiled (RuntimeError: no compiler): it computes as with COMPILE=off."]
    assert all(torch.equal(a, b) for a, b in zip(gradients(network, images), gradients(same, images), strict=True))
    for name, value in same.state_dict().items():
        assert torch.equal(network.state_dict()[name], value)


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
def test_a_compiled_network_has_the_same_gradients_and_names(data):
    network, same = pair()
    images = torch.randn(2, 3, 8, 8)
    assert compile_network(network, tiny_recipe(data), images, "inductor") == "inductor"
    for found, expected in zip(gradients(network, images), gradients(same, images), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert list(network.state_dict()) == list(same.state_dict())
    for name, value in same.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value)


@pytest.fixture
def flags() -> Iterator[None]:
    """Leaves what is said about float32 and algorithms as it was."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
    prepare(CPU)


def test_a_cpu_is_left_as_it_is_but_for_deterministic_algorithms(data):
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    prepare(CPU)
    assert torch.are_deterministic_algorithms_enabled() and not torch.is_deterministic_algorithms_warn_only_enabled()
    with network_products(tiny_recipe(data, precision="bfloat16"), CPU):
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_products_on_a_gpu_are_rounded_within_fast_networks_alone(precision, data, monkeypatch, flags):
    monkeypatch.setattr(devices, "computed_precision", lambda recipe, device: precision)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    prepare(torch.device("cuda"))
    assert not torch.backends.cuda.matmul.allow_tf32 and not torch.backends.cudnn.allow_tf32
    with network_products(tiny_recipe(data), torch.device("cuda")):
        assert torch.backends.cuda.matmul.allow_tf32 == (precision == "bfloat16")
        assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_recorded_networks_have_the_same_gradients(precision, data, persons):
    gpu = torch.device("cuda")
    prepare(gpu)
    recipe = tiny_recipe(data, precision=precision)
    images = torch.randn(8, 64, 48, 3, device=gpu).permute(0, 3, 1, 2)
    plain, recorded = (build_network(recipe, persons, gpu).train() for _ in range(2))
    names = list(recorded.state_dict())
    assert compile_network(recorded, recipe, torch.zeros_like(images), "auto") == "graphs"
    for shown in (images, images.flip(-1)):
        for network in (plain, recorded):
            network.zero_grad(set_to_none=True)
            with devices.autocast(recipe, gpu):
                outputs = network(shown)
            outputs["heatmaps"].float().square().mean().backward()
        for (name, a), b in zip(plain.named_parameters(), recorded.parameters(), strict=True):
            torch.testing.assert_close(
                b.grad, a.grad, rtol=1e-3, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
            )
    assert list(recorded.state_dict()) == names
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(recorded.state_dict()[name], value, rtol=1e-4, atol=1e-5)
    recorded.eval(), plain.eval()
    with torch.inference_mode():
        torch.testing.assert_close(
            recorded(images[:3])["heatmaps"], plain(images[:3])["heatmaps"], rtol=1e-3, atol=1e-4
        )


def test_a_compiled_network_with_another_gradient_is_done_without(data, capsys, monkeypatch):
    def turn(network, recipe, images):
        network._compiled_call_impl = lambda shown: {n: v.flip(-1) * v for n, v in network.forward(shown).items()}

    monkeypatch.setattr(devices, "_compile", turn)
    network, same = pair()
    images = torch.randn(2, 3, 8, 8)
    assert compile_network(network, tiny_recipe(data), images, "inductor") == "off"
    assert "gradients are not those that it had before" in capsys.readouterr().err
    assert all(torch.equal(a, b) for a, b in zip(gradients(network, images), gradients(same, images), strict=True))
