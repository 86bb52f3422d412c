"""The training loop: one recipe, one network, one folder that holds everything about it."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from repro.data.crops import normalise
from repro.data.resident import Residence
from repro.data.sample_set import SampleSet
from repro.errors import ReproError
from repro.models.base import built
from repro.models.checkpoints import save_weights
from repro.recipe import Recipe
from repro.support.foreign import code_of, title
from repro.support.sealed import Damaged
from repro.training.checkpoints import Ledger, load_state, open_ledger, replacing, save_state, snapshot_file
from repro.training.device import compile_network, network_products, prepare
from repro.training.distributed import World, share_of_batch
from repro.training.feed import Epochs, Feed, Lessons, Step
from repro.training.follow import Board, board_of, write_csv
from repro.training.precision import autocast
from repro.training.returned import check_alike, check_minimised, compared, maps_of, named
from repro.training.schedule import learning_rate
from repro.training.warm_start import load_initialisation

SNAPSHOTS = 6  # weights kept over a training, evenly spaced, the last ones included: they make its learning curve


@dataclass(frozen=True)
class Job:
    """How a training is carried out; nothing here changes its numbers but the device and the threads.

    Args:
        world: processes and device.
        workers: processes that read and cut images.
        progress: called after each step with the persons, or images, seen in it.
        residence: the device that images stay on; None for the world's.
    """

    world: World
    workers: int = 0
    progress: Callable[[int], object] = lambda persons: None
    residence: Residence | None = None


def build_network(recipe: Recipe, samples: SampleSet, device: torch.device) -> nn.Module:
    """The recipe's network: random weights from its seed, then those of its initialisation where it has one."""
    torch.manual_seed(recipe.seed)
    network = built(recipe.method.network, samples.skeleton)
    if recipe.initialisation is not None:
        load_initialisation(network, recipe.initialisation)
    return cast(Any, network).to(device, memory_format=torch.channels_last)  # convolutions are fastest so, in either precision


def train(
    recipe: Recipe, lessons: Lessons, samples: SampleSet, folder: Path, job: Job, before: Path | None = None
) -> None:
    """Train the last stage of a recipe's network in ``folder``, going on where an earlier call was stopped.

    ``lessons`` is the recipe's approach, which makes batches and targets of the samples. A second stage begins with the state
    that the first one left in the folder ``before``. Bottom-up recipes take images in place of persons, which are counted in
    their stead.

    Leaves ``model.safetensors``, ``snapshots/``, ``log.jsonl`` (one line an epoch) and the same as ``log.csv``. Numbers are a
    function of the recipe, the device and the number of threads: order and augmentation are drawn from (seed, epoch) and every
    epoch ends with a complete state on disk.

    Raises:
        ReproError: when there are fewer persons than a batch holds, the loss stops being a number, or what an earlier call left
            is damaged.
    """
    optimisation, device = recipe.optimisation, job.world.device
    steps = len(samples) // optimisation.batch
    if not steps:
        raise ReproError(
            f"{len(samples)} training persons are fewer than a batch of {optimisation.batch}: take a smaller scale or more data."
        )
    share_of_batch(optimisation.batch, job.world)
    prepare(device)
    network = build_network(recipe, samples, device)
    if not any(True for _ in network.parameters()):
        raise ReproError(f"{title(recipe.method.network)} builds a network without parameters: there is nothing to train.")
    optimiser = torch.optim.Adam(
        network.parameters(), lr=optimisation.learning_rate, weight_decay=optimisation.weight_decay, fused=True
    )
    ledger = open_ledger(folder, recipe.training_key, recipe.epochs, snapshot_epochs(recipe.epochs))
    done = _load(recipe, folder, before, network, optimiser)
    if job.world.leads:
        _write_log(folder / "log.jsonl", ledger)
    job.progress((done - recipe.epochs.start) * steps * optimisation.batch)
    model = DistributedDataParallel(network) if job.world.size > 1 else network
    batches = lessons.batches(recipe, samples, job.workers, job.residence or Residence(device, job.world.sharing))
    feed = Feed(lessons, recipe, samples.skeleton, device)
    if job.world.compiled != "off":
        _compile(recipe, model, job.world)
    with board_of(folder, done, wanted=job.world.leads) as board:
        for epoch in range(done, recipe.epochs.stop):
            line = _train_epoch(recipe, model, optimiser, batches, feed, epoch, steps, job)
            if job.world.leads:
                _end_epoch(folder, recipe, line, network, optimiser, ledger, board)
            job.world.wait()
    if job.world.leads:
        save_weights(network, folder / "model.safetensors", {"recipe": recipe.training_key})


def _load(
    recipe: Recipe, folder: Path, before: Path | None, network: nn.Module, optimiser: torch.optim.Optimizer
) -> int:
    """Restore the state that a training goes on from, its own or that of the stage before; returns the finished epochs."""
    if before is None or (folder / "state.json").exists():
        return load_state(folder, network, optimiser, recipe.training_key)
    done = load_state(before, network, optimiser, recipe.first_stage.training_key)
    if done != recipe.epochs.start:
        why = f"is of epoch {done}, expected {recipe.epochs.start}" if done else "is not there"
        raise Damaged(before / "state.json", why, before)
    return done


def _compile(recipe: Recipe, model: nn.Module, world: World) -> None:
    """Compile the network of a single process for the size of its batches."""
    if world.size > 1:
        print("Networks that several processes train together are not compiled, as with COMPILE=off.", file=sys.stderr)
        return
    width, height = recipe.input.size
    images = torch.zeros((recipe.optimisation.batch, height, width, 3), dtype=torch.uint8, device=world.device)
    model.train()
    compile_network(model, recipe, normalise(images), world.compiled)


def _train_epoch(
    recipe: Recipe,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    batches: Epochs,
    feed: Feed,
    epoch: int,
    steps: int,
    job: Job,
) -> dict[str, float]:
    """One pass; returns the line for the log."""
    optimisation, device = recipe.optimisation, job.world.device
    started = time.perf_counter()
    sums: dict[str, Any] = {}
    model.train()
    crops = batches(epoch=epoch, batch=optimisation.batch, rank=job.world.rank, world=job.world.size)
    for number, step in enumerate(feed.steps(crops)):
        rate = learning_rate(optimisation, epoch * steps + number, steps)
        for group in optimiser.param_groups:
            group["lr"] = rate
        terms = train_step(recipe, model, optimiser, step, feed)
        for name, value in terms.items():
            sums[name] = sums.get(name, 0) + value.detach()
        job.progress(optimisation.batch)
    totals = job.world.mean(torch.stack(list(sums.values()))).tolist()  # a GPU is waited for here, once an epoch
    means = {name: total / steps for name, total in zip(sums, totals, strict=True)}
    if not means["loss"] < float("inf"):
        raise ReproError(
            f"The loss of run {recipe.training_key} is {means['loss']} in epoch {epoch + 1}: lower the learning rate "
            f"{optimisation.learning_rate} or train in float32."
        )
    seconds = time.perf_counter() - started
    seen = steps * optimisation.batch
    return {
        "epoch": epoch + 1,
        "persons": (epoch + 1) * seen,
        **means,
        "learning_rate": rate,
        "seconds": round(seconds, 2),
        "persons_per_second": round(seen / seconds, 1),
        "peak_memory_mb": round(peak_memory(device) / 1e6),
    }


def train_step(
    recipe: Recipe,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    step: Step,
    feed: Feed,
) -> dict[str, Tensor]:
    """One optimiser step; returns the named loss terms."""
    images, method = normalise(step.batch["images"]), recipe.method
    with autocast(recipe, images.device), network_products(recipe, images.device):
        maps = maps_of(model, images, method.network)
    outputs = {name: _plain(value) for name, value in maps.items()}
    targets = named(feed.targets(step, outputs), method.encoder)
    check_alike(outputs, targets, method)
    terms = compared(recipe.loss, outputs, targets, method)
    check_minimised(terms, recipe.loss)
    optimiser.zero_grad(set_to_none=True)
    with network_products(recipe, images.device), _gradients_of(method.network), _gradients_of(recipe.loss):
        terms["loss"].backward()
    optimiser.step()
    return terms


def _gradients_of(part: object) -> AbstractContextManager[None]:
    return code_of(part, "when its gradient is computed")


def _plain(maps: Tensor) -> Tensor:
    """In float32, and in the memory format of targets: an operation on two formats takes four times as long."""
    return maps.to(torch.float32, memory_format=torch.contiguous_format)


def _end_epoch(
    folder: Path,
    recipe: Recipe,
    line: dict[str, float],
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    ledger: Ledger,
    board: Board,
) -> None:
    """Write the epoch's log line, its snapshot if one is due, and the state that training can go on from."""
    epoch = int(line["epoch"])
    ledger.log.append(json.dumps(line))
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(ledger.log[-1] + "\n")
    write_csv(folder / "log.csv", ledger.log)
    board.add(line)
    if epoch in snapshot_epochs(recipe.epochs):
        target = snapshot_file(folder, epoch)
        target.parent.mkdir(exist_ok=True)
        ledger.snapshots[target.name] = save_weights(network, target, {"recipe": recipe.training_key})
    save_state(folder, epoch, network, optimiser, ledger)


def snapshot_epochs(epochs: range) -> set[int]:
    """The epochs, counted from 1, after which weights are kept: evenly spaced, the last one included.

    At most SNAPSHOTS of a first stage, and two of a second, which is short.
    """
    count = min(SNAPSHOTS if epochs.start == 0 else 2, len(epochs))
    return {epochs.start + round((i + 1) * len(epochs) / count) for i in range(count)}


def _write_log(path: Path, ledger: Ledger) -> None:
    """Make the log that of the state: without the lines of epochs whose state was lost, with lines that the file has lost."""
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in ledger.log), encoding="utf-8")


def peak_memory(device: torch.device) -> int:
    """Bytes: the GPU's peak allocation, or the process's peak resident size on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
