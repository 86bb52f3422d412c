"""What the benchmarks share: the kind of processor, times of the processor, and the tables that are written.

Times are those that the processor spent on the process, which others on the machine hardly disturb; variants that are compared
take turns. A processor with native bfloat16 behaves as one without where ``ONEDNN_MAX_CPU_ISA`` forbids it: ``both_kinds`` runs
a benchmark in a process of each kind.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import pandas as pd
import torch

from repro.support.environment import device_name, has_native_bfloat16

FORBIDDEN = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}  # no bfloat16, as most laptops and cloud machines
CPU = torch.device("cpu")


def processor() -> str:
    """The processor's model."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def bfloat16_kind() -> str:
    """``native``, ``forbidden`` where a processor that has it is kept from it, or ``none``."""
    if has_native_bfloat16(CPU):
        return "native"
    features = torch.cpu.get_capabilities()
    return "forbidden" if any(features.get(n, False) for n in ("amx_bf16", "avx512_bf16", "bf16")) else "none"


def machine(device: torch.device = CPU) -> dict[str, str]:
    """What a line of a table says about where it was measured."""
    if device.type == "cuda":
        return {"device": device_name(device), "bfloat16": "native", "torch": torch.__version__}
    return {"device": processor(), "bfloat16": bfloat16_kind(), "torch": torch.__version__}


def one_thread() -> None:
    """Compute on one thread, OpenCV too."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)


def milliseconds(
    calls: Mapping[Any, Callable[[], object]],
    seconds: float,
    least: int = 5,
    clock: Callable[[], float] = time.process_time,
) -> dict[Any, float]:
    """Median time of each call in ms; all take turns for about ``seconds``, after one round that does not count."""
    times: dict[Any, list[float]] = {name: [] for name in calls}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or any(len(some) < least + 1 for some in times.values()):
        for name, call in calls.items():
            started = clock()
            call()
            times[name].append(1000 * (clock() - started))
    return {name: statistics.median(some[1:]) for name, some in times.items()}


def both_kinds(script: str, *arguments: str, threads: int = 1) -> list[dict[str, Any]]:
    """The lines that ``script --lines`` prints as JSON: as the processor is, and without bfloat16 where it has that."""
    kinds = [{}, FORBIDDEN] if bfloat16_kind() == "native" else [{}]
    lines = []
    for kind in kinds:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), **kind}
        command = [sys.executable, script, "--lines", *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
        lines += json.loads(done.stdout.splitlines()[-1])
    return lines


def parser(doc: str, seconds: float) -> argparse.ArgumentParser:
    """Options of every benchmark: ``--seconds`` a measurement, and ``--lines``, by which it calls itself."""
    options = argparse.ArgumentParser(description=doc.splitlines()[0])
    options.add_argument("--seconds", type=float, default=seconds, help="that each measurement takes")
    options.add_argument("--lines", action="store_true", help="print lines as JSON; used by the benchmark itself")
    return options


def write_between(path: Path, marks: tuple[str, str], table: pd.DataFrame) -> None:
    """Put a table between two marks of a Markdown file."""
    before, _, rest = path.read_text().partition(marks[0])
    _, _, after = rest.partition(marks[1])
    path.write_text(f"{before}{marks[0]}\n\n{table.to_markdown(index=False)}\n\n{marks[1]}{after}")


def write(lines: list[dict[str, Any]], script: str) -> None:
    """Print a table and write it beside its script, as csv."""
    table, path = pd.DataFrame(lines), Path(script).with_suffix(".csv")
    table.to_csv(path, index=False)
    print(table.to_markdown(index=False))
    print(f"Written to {path}")
