"""What a GPU makes of the networks: images a second, share of its bfloat16 peak, memory, and several trainings side by side.

The peak is counted in the network's own multiply-adds (``metrics.counts``), three forward passes a step, two operations each.
``step`` is forward, backward and Adam on images that lie on the device; ``loop`` is the package's own
training, with crops, targets and loss, so that the loop's share outside the network is 1 - loop / step. The most important cases
come first; each has a time limit, and so have all together. Every line is written when it is measured:
``python benchmarks/gpu.py --limit 120 --out gpu.csv``. On a CPU the cases are tiny and show that they run.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from repro.support import processes

PEAKS = {
    "H100": 989e12,
    "H200": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "B200": 2250e12,
}  # operations a second, dense bfloat16
COLUMNS = (
    *(
        "case",
        "kind",
        "network",
        "input",
        "batch",
        "mode",
        "side_by_side",
        "images_per_second",
        "step_ms",
        "share_of_peak",
    ),
    *("peak_memory_gb", "estimated_image_ms", "seconds", "state", "device", "torch"),
)
PERSONS, SCENES = 2048, 1024  # drawn for loops


@dataclass(frozen=True, kw_only=True)
class Case:
    """One measurement.

    Args:
        kind: ``step`` or ``loop``, see above.
        network: ``w32``, ``w48``, ``hgr``, ``hgr-higher``, ``higher`` or ``centernet``.
        size: (width, height) of the input.
        batch: of each training.
        mode: ``eager``, ``benchmark`` where cuDNN times its algorithms first, ``deterministic`` as trainings are, ``graph`` for
            captured CUDA graphs, or ``compile``.
        side_by_side: trainings at once.
        limit: seconds until it is given up.
    """

    kind: str = "step"
    network: str = "w32"
    size: tuple[int, int] = (192, 256)
    batch: int = 128
    mode: str = "eager"
    side_by_side: int = 1
    limit: float = 30.0

    @property
    def title(self) -> str:
        """As lists name it."""
        at_once = f" x{self.side_by_side}" if self.side_by_side > 1 else ""
        return f"{self.kind} {self.network} {self.size[1]}x{self.size[0]} b{self.batch} {self.mode}{at_once}"


BOTTOM_UP = ("hgr", "hgr-higher", "higher", "centernet")
CASES = (
    Case(),
    Case(kind="loop"),
    Case(kind="loop", mode="graph"),
    Case(kind="loop", mode="graph", side_by_side=4, limit=60.0),
    Case(mode="graph"),
    Case(kind="loop", network="hgr", size=(256, 256), batch=32),
    Case(kind="loop", network="hgr", size=(256, 256), batch=32, mode="graph"),
    Case(network="hgr", size=(256, 256), batch=32),
    Case(kind="loop", mode="graph", side_by_side=2, limit=45.0),
    Case(kind="loop", side_by_side=4, limit=60.0),
    Case(size=(96, 128)),
    Case(kind="loop", size=(96, 128)),
    Case(kind="loop", network="hgr", size=(256, 256), batch=32, side_by_side=4, limit=60.0),
    Case(mode="deterministic"),
    Case(size=(96, 128), mode="graph"),
    Case(network="w48"),
    *(Case(network=name, size=(256, 256), batch=32) for name in BOTTOM_UP[1:]),
    *(Case(network=name, size=(512, 512), batch=16) for name in BOTTOM_UP),
    Case(size=(288, 384), batch=64),
    Case(network="w48", size=(96, 128)),
    Case(network="w48", size=(288, 384), batch=64),
    Case(size=(192, 256), batch=256),
    Case(network="hgr", size=(256, 256), batch=32, mode="graph"),
    Case(mode="benchmark", limit=90.0),
    Case(mode="compile", limit=120.0),
    Case(network="w48", mode="graph"),
)
TINY = (
    Case(),
    Case(kind="loop"),
    Case(kind="loop", side_by_side=2),
    *(Case(network=n) for n in BOTTOM_UP),
    Case(mode="graph"),
)


class Measured(Exception):
    """Raised within a training that has been watched long enough."""


def recipe_of(case: Case, tiny: bool) -> Any:
    """The paper's recipe of a network, with the case's input and batch, in bfloat16; a small one where ``tiny``."""
    from repro.models.backbones.dla import DLA
    from repro.papers.hgr.rows import associative, centernet, guided
    from repro.papers.recipes import table_rows

    makers: dict[str, Callable[[], Any]] = {
        "w32": lambda: table_rows("skeletal", 1).rows["hrnet-w32-256x192"].recipe,
        "w48": lambda: table_rows("skeletal", 1).rows["hrnet-w48-256x192"].recipe,
        "hgr": lambda: guided(32, scoring=False),
        "hgr-higher": lambda: guided(32, higher=True, scoring=False),
        "higher": lambda: associative(32),
        "centernet": lambda: centernet(DLA()),
    }
    recipe = makers[case.network]()
    method = recipe.method.but(network=recipe.method.network.reduced()) if tiny else recipe.method
    optimisation = replace(recipe.optimisation, epochs=1000, batch=case.batch, precision="bfloat16")
    return recipe.but(method=method, input=replace(recipe.input, size=case.size), optimisation=optimisation)


class Bench:
    """What one process measures, case by case: ``prepare`` warms up, ``measure`` gives images and seconds."""

    def __init__(self, device: str, seconds: float, tiny: bool) -> None:
        import torch

        from repro.training.distributed import choose_device

        self.device, self.seconds, self.tiny = choose_device(device), seconds, tiny
        self.run: Callable[[], tuple[int, float]] = lambda: (0, 0.0)
        torch.set_num_threads(1)

    def synchronise(self) -> None:
        """Wait for the device."""
        import torch

        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def prepare(self, case: Case) -> None:
        """Build a case and run its first steps."""
        import torch

        if self.device.type == "cuda":
            torch.cuda.init()  # the counters of memory are not there before
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
        self.run = self._loop(case) if case.kind == "loop" else self._steps(case)

    def measure(self, case: Case) -> dict[str, Any]:
        """Images, seconds and peak memory."""
        from repro.training.loop import peak_memory

        images, seconds = self.run()
        self.run = lambda: (0, 0.0)
        return {"images": images, "seconds": seconds, "memory": peak_memory(self.device)}

    def _steps(self, case: Case) -> Callable[[], tuple[int, float]]:
        step = self._graph(case) if case.mode == "graph" and self.device.type == "cuda" else self._step(case)
        for _ in range(5):
            step()
        self.synchronise()

        def run() -> tuple[int, float]:
            started, count = time.perf_counter(), 0
            while time.perf_counter() < started + self.seconds or count < 3:
                for _ in range(1 if self.tiny else 5):
                    step()
                    count += 1
                self.synchronise()
            return count * case.batch, time.perf_counter() - started

        return run

    def _step(self, case: Case, capturable: bool = False) -> Callable[[], None]:
        import torch

        from repro.data.crops import normalise
        from repro.skeletons.skeleton import COCO17

        any_algorithm = case.mode != "deterministic"
        torch.use_deterministic_algorithms(not any_algorithm, warn_only=True)
        torch.backends.cudnn.benchmark = case.mode == "benchmark"  # half a minute of trials for the convolutions of an HRNet
        torch.backends.cudnn.deterministic = not any_algorithm
        torch.manual_seed(0)
        network = recipe_of(case, self.tiny).method.network.build(COCO17)
        network = network.to(self.device, memory_format=torch.channels_last).train()
        fused = {"fused": True, "capturable": capturable} if self.device.type == "cuda" else {}
        optimiser = torch.optim.Adam(network.parameters(), **fused)
        shape = (case.batch, case.size[1], case.size[0], 3)
        images = normalise(torch.randint(0, 256, shape, dtype=torch.uint8, device=self.device)).contiguous(
            memory_format=torch.channels_last
        )
        model = torch.compile(network) if case.mode == "compile" else network

        def step() -> None:
            with torch.autocast(self.device.type, dtype=torch.bfloat16):
                outputs = model(images)
            loss = sum(value.float().square().mean() for value in outputs.values())
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()

        return step

    def _graph(self, case: Case) -> Callable[[], None]:
        import torch

        step = self._step(case, capturable=True)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(4):
                step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        return graph.replay

    def _loop(self, case: Case) -> Callable[[], tuple[int, float]]:
        import numpy as np

        from repro.approaches.base import approach_of
        from repro.data.catalogue import load_images
        from repro.data.drawn.load import load_people
        from repro.skeletons.skeleton import COCO17
        from repro.training.distributed import World
        from repro.training.loop import Job, train

        recipe, few = recipe_of(case, self.tiny), 64 if self.tiny else None
        if approach_of(recipe).name == "bottom_up":
            samples = load_images(
                "people", None, "train", limit=few or SCENES, size=(512, 512), skeleton=COCO17, settings=None
            )
        else:
            samples = load_people("train", limit=few or PERSONS, size=case.size)
            samples = samples.take(np.tile(np.arange(len(samples)), 1 if few else 40))
        whole = len(samples) // case.batch * case.batch
        compiled = "graphs" if case.mode == "graph" and self.device.type == "cuda" else "off"
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = 0 if self.tiny else max(0, min(12, (cores - case.side_by_side) // case.side_by_side))
        seen, go, started = [0], threading.Event(), [0.0]
        warm = (2 if self.tiny else 8) * case.batch
        result: list[tuple[int, float]] = []

        def watch(images: int) -> None:
            seen[0] += images
            if images and seen[0] >= warm and not started[0]:
                self.synchronise()
                ready.set()
                go.wait()
                seen[0], started[0] = 0, time.perf_counter()
            long = started[0] and time.perf_counter() - started[0] > self.seconds
            if long or (started[0] and seen[0] + warm + case.batch >= whole):
                self.synchronise()
                result.append((seen[0], time.perf_counter() - started[0]))
                raise Measured

        ready = threading.Event()
        failed: list[BaseException] = []

        def work() -> None:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    world = World(0, 1, self.device, case.side_by_side, compiled)
                    train(recipe, approach_of(recipe), samples, Path(folder), Job(world, workers, watch))
                except Measured:
                    pass
                except BaseException as error:
                    failed.append(error)
                finally:
                    ready.set()

        thread = threading.Thread(target=work)
        thread.start()
        ready.wait()
        if failed:
            raise failed[0]

        def run() -> tuple[int, float]:
            go.set()
            thread.join()
            if failed:
                raise failed[0]
            return result[0]

        return run


def work(device: str, seconds: float, tiny: bool) -> None:
    """A process that measures: takes cases from standard input, says ``ready``, waits for a line, and gives the numbers."""
    processes.end_with_parent()
    out, sys.stdout = sys.stdout, sys.stderr
    bench = None
    for line in sys.stdin:
        answers: dict[str, Any] = {}
        try:
            import torch

            bench = bench or Bench(device, seconds, tiny)
            given = json.loads(line)
            case = Case(**{**given, "size": tuple(given["size"])})
            bench.prepare(case)
            print(json.dumps({"ready": True}), file=out, flush=True)
            sys.stdin.readline()
            answers = bench.measure(case)
        except torch.OutOfMemoryError:
            answers = {"error": "out of memory"}
        except Exception as error:
            answers = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        print(json.dumps(answers), file=out, flush=True)


class Worker:
    """A process that measures, as its parent sees it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        command = [
            sys.executable,
            __file__,
            "--work",
            "--device",
            arguments.device,
            "--seconds",
            str(arguments.seconds),
        ]
        command += ["--tiny"] if arguments.tiny else []
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)

    def tell(self, line: str) -> None:
        """Send a line."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self, until: float) -> dict[str, Any]:
        """The next answer; an error where there is none in time."""
        if not self.selector.select(max(0.0, until - time.perf_counter())):
            return {"error": "time limit"}
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "the process ended"}

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()


def measure(case: Case, workers: list[Worker], arguments: argparse.Namespace, until: float) -> dict[str, Any]:
    """One case with as many of the workers as it wants side by side; they are there, fresh ones where some were lost."""
    while len(workers) < case.side_by_side:
        workers.append(Worker(arguments))
    team, lines, until = workers[: case.side_by_side], [], min(until, time.perf_counter() + case.limit)
    for worker in team:
        worker.tell(json.dumps(asdict(case)))
    answers = [worker.answer(until) for worker in team]
    if all("ready" in answer for answer in answers):
        for worker in team:
            worker.tell("go")
        answers = [worker.answer(until) for worker in team]
    lines = [answer["error"] for answer in answers if "error" in answer]
    if lines:
        for worker in team:  # one may be waiting for "go", or hang
            worker.end()
            workers.remove(worker)
        return {"error": lines[0]}
    rate = sum(answer["images"] / answer["seconds"] for answer in answers)
    return {"rate": rate, "memory": sum(answer["memory"] for answer in answers)}


def about(case: Case, device: Any, tiny: bool) -> tuple[float, float]:
    """The multiply-adds of a forward pass, and the estimate of ``runs.costs`` for an image of training, in s."""
    from types import SimpleNamespace

    from repro.metrics.counts import count_gflops
    from repro.recipe import Data
    from repro.runs.costs import task_cost
    from repro.runs.run import Task
    from repro.skeletons.skeleton import COCO17

    recipe = recipe_of(case, tiny)
    adds = count_gflops(recipe.method.network.build(COCO17), case.size, unit=1)
    data = Data(name="people", train_fingerprint="", train_count=case.batch, val_fingerprint="", val_count=1)
    samples = SimpleNamespace(val=SimpleNamespace(skeleton=COCO17), train=None)
    return adds, task_cost(Task(recipe.but(data=data)), samples, device.type).crop


def line_of(case: Case, found: dict[str, Any], arguments: argparse.Namespace, seconds: float) -> dict[str, Any]:
    """The line of the table."""
    import torch

    from repro.support.environment import device_name
    from repro.training.distributed import choose_device

    device = choose_device(arguments.device)
    name = device_name(device)
    line = {"case": case.title, **asdict(case), "input": f"{case.size[1]}x{case.size[0]}", "device": name}
    line |= {"torch": torch.__version__, "seconds": round(seconds, 1), "state": found.get("error", "measured")}
    if "rate" in found:
        adds, estimated = about(case, device, arguments.tiny)
        peak = next((value for key, value in PEAKS.items() if key in name), None)
        line |= {
            "images_per_second": round(found["rate"], 1),
            "step_ms": round(1e3 * case.batch * case.side_by_side / found["rate"], 2),
            "share_of_peak": "" if peak is None else round(6 * adds * found["rate"] / peak, 4),
            "peak_memory_gb": round(found["memory"] / 1e9, 2),
            "estimated_image_ms": round(1e3 * estimated, 4),
        }
    return {column: line.get(column, "") for column in COLUMNS}


def write(path: Path, lines: list[dict[str, Any]]) -> None:
    """The table as it is by now, in one piece."""
    import csv

    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(lines)
    os.replace(temporary, path)


def main() -> None:
    """Measure the cases in their order until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seconds", type=float, default=1.5, help="that each case is measured")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for all")
    parser.add_argument("--only", default="", help="text in the names of the cases that are measured")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--tiny", action="store_true", help="small networks and inputs, as on a CPU")
    parser.add_argument("--work", action="store_true", help="be a process that measures; used by the benchmark itself")
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.device, arguments.seconds, arguments.tiny)
        return
    processes.end_with_parent()
    until = time.perf_counter() + arguments.limit
    workers = [Worker(arguments)]  # begins to import while this process does
    from repro.training.distributed import choose_device

    arguments.tiny = arguments.tiny or choose_device(arguments.device).type == "cpu"
    if arguments.tiny:
        workers.pop().end()
        arguments.seconds = min(arguments.seconds, 0.3)
    cases = [replace(c, size=(64, 64), batch=4) for c in TINY] if arguments.tiny else list(CASES)
    lines: list[dict[str, Any]] = []
    for case in cases:
        if arguments.only not in case.title or time.perf_counter() > until - 2:
            continue
        started = time.perf_counter()
        found = measure(case, workers, arguments, until)
        lines.append(line_of(case, found, arguments, time.perf_counter() - started))
        write(arguments.out, lines)
        shown = ("case", "images_per_second", "share_of_peak", "peak_memory_gb", "seconds", "state")
        print("  ".join(f"{name} {lines[-1][name]}" for name in shown), flush=True)
    for worker in workers:
        worker.end()
    print(f"{len(lines)} of {len(cases)} cases; written to {arguments.out}")


if __name__ == "__main__":
    main()
