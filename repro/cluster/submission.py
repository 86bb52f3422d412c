"""A submission: a folder that holds what was asked for, the scripts of its jobs, and what became of each training.

    runs/cluster/<name>/submission.json     what was asked for, and what a job gets; written once
    runs/cluster/<name>/train.sh, advance.sh
    runs/cluster/<name>/rounds.json         the trainings and the jobs that they were handed in with; ``advance`` alone writes it
    runs/cluster/<name>/said/<number>.json  what the last job of a training said of it: begun, complete or failed
    runs/cluster/<name>/said/advance.json   why the last job that looked at what is complete failed, where one did
    runs/cluster/<name>/written.json        the result folders by table
    runs/cluster/<name>/logs/

Jobs of a submission know nothing of one another: whether a training is complete, its run's own files tell (``runs.files``).
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from repro import paths
from repro.errors import ReproError, choice_error
from repro.support.sealed import Damaged, read_json, write_json

ADVANCE = "advance"  # in the place of a training's number: the job that goes on behind trainings


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a training's job gets.

    Args:
        gpus: the number of GPUs on each node.
        gpu_kind: name of the GPU as the cluster writes it, as ``a100``; '' for any.
        nodes: the number of nodes that one training is spread over.
        processes: the number of processes of a training on each node, started by ``torchrun`` where there are several; 0 for
            one a GPU, or one.
        cpus: cores of each process.
        memory: the memory of each node, as sbatch writes it (``32G``); '' for the cluster's default.
        time: limit of a job, as sbatch writes it (``24:00:00``); '' for the cluster's default.
        partition: '' for the cluster's default.
        plain_partition: the partition of the jobs that need no GPU; '' for ``partition``.
        account: '' for the user's default.
        options: the options of sbatch, as ``--qos=long``.
        setup: lines of the shell before the command, as ``module load cuda``.
        at_once: jobs of trainings at most; 0 for any number.
        attempts: how often a training is handed in whose jobs are killed.
    """

    gpus: int = 0
    gpu_kind: str = ""
    nodes: int = 1
    processes: int = 0
    cpus: int = 1
    memory: str = ""
    time: str = ""
    partition: str = ""
    plain_partition: str = ""
    account: str = ""
    options: tuple[str, ...] = ()
    setup: str = ""
    at_once: int = 0
    attempts: int = 3

    @property
    def processes_a_node(self) -> int:
        """Processes of a training on each node."""
        return self.processes or max(1, self.gpus)


@dataclass(frozen=True)
class Submission:
    """What was asked for.

    Args:
        name: the name of the folder.
        options: those of the command line, by name, one set a table number.
        resources: the resources of a training.
        folder: the folder that jobs are started in, which relative paths are meant from.
    """

    name: str
    options: tuple[dict[str, str], ...]
    resources: Resources
    folder: str

    @property
    def place(self) -> Path:
        """Its folder."""
        return submissions_folder() / self.name

    @property
    def job_name(self) -> str:
        """What Slurm knows its jobs by."""
        return f"repro-{self.name}"

    def keep(self) -> None:
        """Write ``submission.json``."""
        for part in ("logs", "said"):
            (self.place / part).mkdir(parents=True, exist_ok=True)
        write_json(self.place / "submission.json", asdict(self))


@dataclass
class Training:
    """A training of a submission.

    Args:
        number: the number from 0, which its job is given.
        key: the key of the training.
        title: table, rows and seeds that it is for.
        epochs: the epochs that it ends with.
        tables: numbers of the requests that need it.
        tries: how often it was handed in since a user asked for it.
        jobs: the jobs, as ``12_3``, of every time it was handed in.
    """

    number: int
    key: str
    title: str
    epochs: int
    tables: list[int]
    tries: int = 0
    jobs: list[str] = field(default_factory=list)

    @property
    def log(self) -> str:
        """The name of its last job's log in ``logs/``."""
        return f"{self.jobs[-1]}.log" if self.jobs else ""


@dataclass
class Rounds:
    """How often was looked at what is still to be made, and what was handed in for it.

    Args:
        advances: the jobs that look, in their order.
        trainings: all that were ever handed in.
    """

    advances: list[str] = field(default_factory=list)
    trainings: list[Training] = field(default_factory=list)

    def training(self, key: str, title: str, epochs: int, tables: list[int]) -> Training:
        """The training of that key, a new one where there is none."""
        for one in self.trainings:
            if one.key == key:
                return one
        self.trainings.append(Training(len(self.trainings), key, title, epochs, tables))
        return self.trainings[-1]


def submissions_folder() -> Path:
    """Where submissions are kept."""
    return paths.runs() / "cluster"


def new_name(titles: list[str], now: datetime | None = None) -> str:
    """A name for a submission of tables, as ``20260102T030405-skeletal3``."""
    first = re.sub(r"[^a-z0-9]", "", titles[0].lower()) if titles else "nothing"
    more = f"-and-{len(titles) - 1}" if len(titles) > 1 else ""
    return f"{(now or datetime.now(UTC)):%Y%m%dT%H%M%S}-{first}{more}"


def submission_names() -> list[str]:
    """All that there are, the oldest first."""
    return sorted(file.parent.name for file in submissions_folder().glob("*/submission.json"))


def read_submission(name: str) -> Submission:
    """A submission by name. Raises ReproError for an unknown or damaged one."""
    known = submission_names()
    if name not in known:
        if not known:
            raise ReproError(f"There is no submission in {submissions_folder()}: `repro submit` makes one.")
        raise choice_error("submission", name, known)
    stored = _read(submissions_folder() / name / "submission.json", {one.name for one in fields(Submission)})
    given = {**stored["resources"], "options": tuple(stored["resources"]["options"])}
    return Submission(stored["name"], tuple(stored["options"]), Resources(**given), stored["folder"])


def read_rounds(place: Path) -> Rounds:
    """What ``rounds.json`` in a submission's folder says; nothing before the first round."""
    if not (place / "rounds.json").exists():
        return Rounds()
    stored = _read(place / "rounds.json", {"advances", "trainings"})
    return Rounds(stored["advances"], [Training(**one) for one in stored["trainings"]])


def keep_rounds(place: Path, rounds: Rounds) -> None:
    """Write ``rounds.json``."""
    write_json(place / "rounds.json", asdict(rounds))


def say(place: Path, number: int | str, state: str, **about: Any) -> None:
    """Keep what became of a training, or of ADVANCE: ``begun``, ``complete`` or ``failed``, with what else is to be known."""
    (place / "said").mkdir(parents=True, exist_ok=True)
    write_json(place / "said" / f"{number}.json", {"state": state, **about})


def said(place: Path, number: int | str) -> dict[str, Any]:
    """What the last job of a training, or of ADVANCE, said; nothing where none has begun."""
    file = place / "said" / f"{number}.json"
    return _read(file, {"state"}) if file.exists() else {}


def read_written(place: Path) -> dict[str, str]:
    """The result folders that were written, by table."""
    return _read(place / "written.json", set()) if (place / "written.json").exists() else {}


def keep_written(place: Path, written: dict[str, str]) -> None:
    """Write ``written.json``."""
    write_json(place / "written.json", written)


def _read(file: Path, expected: set[str]) -> dict[str, Any]:
    found = read_json(file)
    if not isinstance(found, dict) or not expected <= set(found):
        raise Damaged(file, "is no file of a submission", file.parent)
    return found
