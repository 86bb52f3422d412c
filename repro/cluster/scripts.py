"""The two batch scripts of a submission, as text.

``train.sh`` makes one training, the one whose number is its first argument plus the job's index in its array. It may be started
again at any moment, after a preemption, on another node, near its time limit: a training goes on from its last whole epoch, bit
for bit. ``advance.sh`` looks at what is complete, writes result folders, and hands in what is still to be made.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from repro.cluster.submission import Resources, Submission

WARNED = 120  # seconds before its limit that a job is told, and starts again in a new one
PORTS = "$((20000 + SLURM_JOB_ID % 20000))"  # one a job, where several share a node


def train_script(submission: Submission, python: str, environment: Mapping[str, str]) -> str:
    """The script that makes one training.

    Args:
        submission: the submission whose resources it asks for.
        python: the interpreter.
        environment: variables that are set.
    """
    own = submission.resources
    asked = [f"--nodes={own.nodes}", "--ntasks-per-node=1", f"--cpus-per-task={own.cpus * own.processes_a_node}"]
    if own.gpus:
        asked.append(f"--gres=gpu:{own.gpu_kind + ':' if own.gpu_kind else ''}{own.gpus}")
    if own.memory:
        asked.append(f"--mem={own.memory}")
    asked += ["--requeue", f"--signal=B:USR1@{WARNED}"]
    head = _head(submission, asked, own.partition, "%A_%a")
    job = f"-m repro job train {shlex.quote(submission.name)} $(($1 + SLURM_ARRAY_TASK_ID))"
    return "\n".join(
        [*head, *_surroundings(submission, environment), *_again(), _started(python, job, own), *_waited()]
    )


def advance_script(submission: Submission, python: str, environment: Mapping[str, str]) -> str:
    """The script that looks at what is complete and goes on; arguments as of ``train_script``."""
    own = submission.resources
    asked = ["--nodes=1", "--ntasks=1", "--requeue"]
    head = _head(submission, asked, own.plain_partition or own.partition, "advance-%j")
    job = f"{shlex.quote(python)} -m repro job advance {shlex.quote(submission.name)}"
    return "\n".join([*head, *_surroundings(submission, environment), job, ""])


def _head(submission: Submission, asked: list[str], partition: str, log: str) -> list[str]:
    """The first lines, which sbatch reads."""
    own = submission.resources
    options = [
        f"--job-name={submission.job_name}",
        f"--output={_log(submission.place / 'logs', log)}",
        "--open-mode=append",
    ]
    options += asked
    for name, value in (("time", own.time), ("partition", partition), ("account", own.account)):
        if value:
            options.append(f"--{name}={value}")
    return ["#!/bin/bash", *(f"#SBATCH {option}" for option in (*options, *own.options)), ""]


def _log(folder: Path, name: str) -> str:
    """The file of a log as sbatch reads it: in quotes, for the sake of blanks, and with no other pattern than the name's."""
    return f'"{str(folder).replace("%", "%%")}/{name}.log"'


def _surroundings(submission: Submission, environment: Mapping[str, str]) -> list[str]:
    """Folder, variables and what the user sets up."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in sorted(environment.items())]
    setup = [submission.resources.setup] if submission.resources.setup else []
    return [*setup, *exports, f"cd {shlex.quote(submission.folder)} || exit 1", ""]


def _again() -> list[str]:
    """A job that is told of its time limit is queued again, in its own name."""
    return [
        "near_limit() {",
        '  echo "The time limit is near: the job is queued again and goes on from its last epoch."',
        '  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"',
        "}",
        "trap near_limit USR1",
        "",
    ]


def _started(python: str, job: str, own: Resources) -> str:
    """The command, in the background, so that the shell hears signals."""
    python, processes = shlex.quote(python), own.processes_a_node
    if own.nodes > 1:
        lines = [
            'export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"',  # since Slurm 22.05 srun does not take it from the job
            'first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
            f"srun --kill-on-bad-exit=1 {python} -m torch.distributed.run --nnodes {own.nodes} --nproc-per-node {processes} "
            f'--rdzv-backend c10d --rdzv-id "$SLURM_JOB_ID" --rdzv-endpoint "$first:{PORTS}" {job} &',
        ]
        return "\n".join(lines)
    if processes > 1:
        return f"{python} -m torch.distributed.run --standalone --nproc-per-node {processes} {job} &"
    return f"{python} {job} &"


def _waited() -> list[str]:
    """Wait for the command, also after a signal was heard, and end as it does."""
    return [
        "made=$!",
        'wait "$made"; code=$?',
        'while kill -0 "$made" 2>/dev/null; do wait "$made"; code=$?; done',
        'exit "$code"',
        "",
    ]
