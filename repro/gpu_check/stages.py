"""The stages of a check, in their order."""

from __future__ import annotations

import csv
import json
import shlex
import sys
import threading
import time
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from repro import paths
from repro.gpu_check.process import Check, Process

STAGES = ("versions", "draw", "tests", "bench", "kernels", "warm", "tables")
WRITING = 35.0  # s: the folder of the last table, with its intervals and its executed notebook
CAREFUL = 0.8  # of a table's seconds, which its length is chosen for
NEEDED = ("papermill", "ipykernel", "pycocotools")


def go_through(check: Check, stages: list[str], tables: list[tuple[str, int, str]], listed: int) -> None:
    """The stages in their order; what fails in one is told and the next is begun."""
    if "draw" in stages and "tables" in stages:
        begin_drawing(check, tables[:listed])
    steps = {
        "versions": check_versions,
        "tests": check_tests,
        "bench": check_bench,
        "kernels": check_kernels,
        "warm": check_warm,
    }
    try:
        for stage in (one for one in STAGES if one in stages and one != "draw"):
            began = time.monotonic()
            check.box.say(f"--- {stage}, {check.left:.0f} s left")
            try:
                if stage == "tables":
                    check_tables(check, tables, listed)
                else:
                    steps[stage](check)
            except Exception as error:  # the minutes go on
                check.box.say(f"{stage} failed: {type(error).__name__}: {error}")
                check.box.note(stage, failed=f"{type(error).__name__}: {error}"[:500])
            check.box.note("seconds", **{stage: round(time.monotonic() - began, 1)})
    finally:
        for process in check.running:
            process.end()
        check.box.add_trainings()
        check.box.say(f"--- done, {check.left:.0f} s left; kept in {check.box.folder}")


def check_versions(check: Check) -> None:
    """Packages, device and driver."""
    import torch

    from repro.support.environment import describe
    from repro.support.processes import available_cores
    from repro.training.distributed import choose_device

    device = choose_device(check.order.device)
    about = {**describe(device), "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    about |= {"cores": available_cores(), "missing": [name for name in NEEDED if find_spec(name) is None]}
    if device.type == "cuda":
        about["memory_gb"] = round(torch.cuda.get_device_properties(device).total_memory / 1e9, 1)
        query = ["nvidia-smi", "--query-gpu=name,driver_version,power.limit,clocks.max.sm", "--format=csv,noheader"]
        about["driver"] = check.run(query, 10)[1]
    check.box.note("versions", **about)
    check.box.say(json.dumps(about))


def check_tests(check: Check) -> None:
    """The tests marked ``cuda``: failures are kept and go no further."""
    tests = sorted((paths.ROOT / "tests").rglob("test_*.py"))
    files = [f for f in tests if "mark.cuda" in f.read_text(encoding="utf-8")]
    if not files:
        check.box.note("tests", state="no test is marked cuda")
        return
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "cuda",
        "--durations=8",
        "--tb=short",
        "-p",
        "no:nbval",
        "-p",
    ]
    command += ["no:cacheprovider", "--override-ini", "addopts=--import-mode=importlib", *map(str, files)]
    code, lines = check.run(command, check.share("tests"), check.box.folder / "tests.txt")
    check.box.note("tests", exit_code=code, last=lines[-1:] or "")


def check_bench(check: Check) -> None:
    """Speeds of networks and trainings; the trainings' correct the estimates of tables."""
    out, seconds = check.box.folder / "gpu.csv", check.share("bench")
    command = [sys.executable, str(paths.ROOT / "benchmarks" / "gpu.py"), "--device", check.order.device]
    command += ["--limit", f"{seconds - 5:.0f}", "--out", str(out)]
    code, _ = check.run(command, seconds)
    check.box.note("bench", exit_code=code)
    if check.order.device.startswith("cuda"):  # on a CPU its cases are tiny
        learn_speeds(check, out)


def check_kernels(check: Check) -> None:
    """Which kernels a step's time goes to."""
    out = check.box.folder / "kernels.csv"
    command = [sys.executable, str(paths.ROOT / "benchmarks" / "kernels.py"), "--device", check.order.device]
    code, lines = check.run([*command, "--out", str(out)], check.share("kernels"))
    check.box.note("kernels", exit_code=code, last=lines[-1:] or "")


def learn_speeds(check: Check, file: Path) -> None:
    """Take the factors from the trainings that were measured, alone and side by side."""
    if not file.exists():
        return
    with file.open(encoding="utf-8") as opened:
        loops = [line for line in csv.DictReader(opened) if line["kind"] == "loop" and line["images_per_second"]]
    for kind, network in (("top_down", "w32"), ("bottom_up", "hgr")):
        found: dict[int, Any] = {}
        own = [line for line in loops if line["network"] == network]
        recorded = [line for line in own if line["mode"] == "graph"]  # as tables are trained
        for line in recorded or own:
            factor = 1e3 / float(line["images_per_second"]) / float(line["estimated_image_ms"])
            count = int(line["side_by_side"])
            found[count] = max(factor, found.get(count, 0.0))  # the slowest of several sizes
        if found:
            check.factors[kind] = found
    alone = [
        float(line["images_per_second"]) for line in loops if line["network"] == "w32" and line["side_by_side"] == "1"
    ]
    if alone:
        check.rate = max(alone)  # of a small input, as a warm start's
    check.box.note("bench", factors=check.factors, warm_rate=check.rate)


def check_warm(check: Check) -> None:
    """The warm start of W32, which all tables of the list start from."""
    seconds = check.share("warm")
    process = check.begin_order(replace(check.order, what="warm", seconds=seconds, rate=check.rate))
    process.wait(min(1.5 * seconds, check.left), "RESULT")
    process.end()
    if process.result["state"] != "made":
        check.box.say(f"No warm start ({process.result['state']}): rows start from random weights.")
    check.box.note("warm", **process.result)


@dataclass
class TableProcess:
    """A table, and the process that makes it."""

    paper: str
    table: int
    only: str
    process: Process
    noted: bool = False

    @property
    def name(self) -> str:
        """As notes have it."""
        return f"{self.paper} {self.table} {self.only}".strip()

    @property
    def kind(self) -> str:
        """As ``approach_name`` says."""
        return approach_name(self.paper, self.table)


def approach_name(paper: str, table: int) -> str:
    """The approach of a table's methods, ``top_down`` or ``bottom_up``."""
    from repro.approaches.base import approach_of
    from repro.papers.recipes import runnable_rows

    return approach_of(runnable_rows(paper, table).first).name


def check_tables(check: Check, tables: list[tuple[str, int, str]], listed: int) -> None:
    """Tables in their order: those of the list share what is left, the rest takes what is over.

    Each has a process of its own. The next one begins, and reads its people, while one trains; a folder is written while the
    next table trains. Tables of persons and of whole images have a lane each with half of the jobs, so that one computes while
    the other begins.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        check.box.note("tables", state=f"not begun, packages are missing: {', '.join(missing)}")
        return
    kinds = {one: approach_name(*one[:2]) for one in tables}
    if check.order.jobs < 2 or len(set(kinds.values())) < 2:
        make_tables(check, tables, listed, 1)
        return
    lanes = []
    for kind in dict.fromkeys(kinds.values()):
        own = [one for one in tables if kinds[one] == kind]
        count = sum(kinds[one] == kind for one in tables[:listed])
        lanes.append(threading.Thread(target=_make_lane, args=(check, own, count, kind), daemon=True))
        lanes[-1].start()
    for lane in lanes:
        lane.join(max(0.0, check.left - 1))


def _make_lane(check: Check, tables: list[tuple[str, int, str]], listed: int, kind: str) -> None:
    try:
        make_tables(check, tables, listed, 2)
    except Exception as error:  # the other lane goes on
        check.box.say(f"Tables of {kind} failed: {type(error).__name__}: {error}")
        check.box.note("tables", **{f"lane of {kind}": f"{type(error).__name__}: {error}"[:500]})


def make_tables(check: Check, tables: list[tuple[str, int, str]], listed: int, lanes: int) -> None:
    """Make tables of one lane, of ``lanes`` that share the device and its jobs."""
    begun: list[TableProcess] = []
    jobs = max(1, check.order.jobs // lanes)

    def begin(number: int) -> None:
        if number < len(tables):
            paper, table, only = tables[number]
            order = replace(check.order, what="table", paper=paper, table=table, only=only, jobs=jobs)
            begun.append(TableProcess(paper, table, only, check.begin_order(order, indent=f"  [{paper} {table}] ")))

    begin(0)
    told: list[TableProcess] = []
    for number in range(len(tables)):
        if check.left < WRITING:
            break
        begin(number + 1)
        told.append(begun[number])
        make_table(check, told[-1], max(1, listed - number), lanes)
        collect(check, told)
    while check.left > 3 and any(not one.noted for one in told):
        time.sleep(0.2)
        collect(check, told)
    for one in begun:
        one.process.end()
    collect(check, begun, ended=True)


def make_table(check: Check, one: TableProcess, to_come: int, lanes: int) -> None:
    """Let a table train for its share of the time, and wait until the device is free again."""
    if not one.process.wait(check.left - WRITING, "READY", "RESULT") or one.process.said("READY") is None:
        return
    seconds = (check.left - WRITING) / to_come
    known = check.factors[one.kind]
    together = known[max(known)] if lanes > 1 else 0.0  # the other lane trains too
    factors = {count: lanes * together or factor for count, factor in known.items()}
    check.box.say(f"{one.name}: {seconds:.0f} of {check.left:.0f} s, factors {factors}")
    most = CAREFUL * (check.left - WRITING)
    one.process.tell(seconds=min(CAREFUL * seconds, most), most=most, factors=factors)
    one.process.wait(check.left - 5, "TRAINED", "RESULT")
    made = json.loads(one.process.said("TRAINED") or "{}")
    if ratio := made.get("ratio"):
        check.factors[one.kind] = {count: ratio * factor for count, factor in check.factors[one.kind].items()}


def collect(check: Check, begun: list[TableProcess], *, ended: bool = False) -> None:
    """Keep what tables have come to: those with a result, and with ``ended`` those that had to be ended."""
    for one in begun:
        if not one.noted and (ended or one.process.said("RESULT") is not None or one.process.wait(0)):
            one.process.end()
            one.noted = True
            result = one.process.result
            made = json.loads(one.process.said("TRAINED") or "{}")
            check.box.note("tables", **{one.name: made | result})
            if "folder" in result:
                check.box.add_result(Path(result["folder"]))
            check.box.add_trainings()


def begin_drawing(check: Check, tables: list[tuple[str, int, str]]) -> None:
    """Begin to draw the tables' people, one table after the other, at low priority."""
    orders = [replace(check.order, what="draw", paper=p, table=t, only=o) for p, t, o in tables]
    commands = [
        shlex.join([sys.executable, "-m", "repro.gpu_check.made", json.dumps(asdict(order))]) for order in orders
    ]
    check.begin(["nice", "-n", "10", "sh", "-c", "; ".join(commands)], indent="  [drawing] ")
