"""Slurm's programs: handing in scripts, and parsing what squeue and sacct say of jobs.

Plain ``sbatch``, ``squeue`` and ``scontrol`` do: they are on every cluster, also where there is no accounting, without which
``sacct`` answers nothing.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from repro.errors import ReproError

QUEUE_FORMAT = "%F|%K|%T|%r|%N|%M"  # array or job, index, state, reason, node, time
ACCOUNT_FORMAT = "JobID,State,ExitCode,NodeList,Elapsed"
LARGEST_ARRAY = 1000  # indexes are below this, where the cluster does not say otherwise
ACTIVE = (
    *("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT"),
    *("REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"),
)


@dataclass(frozen=True)
class JobState:
    """What Slurm says of a job.

    Args:
        state: the state as Slurm names it, ``RUNNING`` or ``OUT_OF_MEMORY``.
        reason: why it waits, or how it ended; '' where Slurm gives none.
        node: '' where it has none.
        time: the time that it ran for, as ``1:05``.
    """

    state: str
    reason: str = ""
    node: str = ""
    time: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it is still to end."""
        return self.state in ACTIVE


def hand_in(script: Path, *arguments: str, options: Iterable[str] = ()) -> str:
    """Hand a script to Slurm.

    Args:
        script: the script of the shell.
        arguments: the arguments of the script.
        options: the options of sbatch, beside those in the script.

    Returns:
        the number of the job, or of the array.

    Raises:
        ReproError: with what sbatch says, when it refuses.
    """
    said = call(["sbatch", "--parsable", *options, str(script), *arguments])
    return said.strip().splitlines()[-1].partition(";")[0]


def call(command: list[str]) -> str:
    """What one of Slurm's programs prints. Raises ReproError where it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=120)
    except FileNotFoundError:
        raise ReproError(
            f"{command[0]} is not installed on this machine: call this command on a machine from which Slurm takes jobs."
        ) from None
    except subprocess.TimeoutExpired:
        raise ReproError(
            f"{command[0]} did not answer for two minutes: see whether Slurm is up, as by `sinfo`."
        ) from None
    if done.returncode:
        why = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise ReproError(f"Slurm refuses `{' '.join(command[:2])} ...`: {why[:500]}")
    return done.stdout


def job_states(name: str) -> dict[str, JobState]:
    """The jobs of a name that Slurm still knows of, by number, those of arrays as ``12_3``.

    The queue tells of jobs that ended some minutes ago, too; of those before that the accounting tells, where there is one.
    """
    queued = ["squeue", "--noheader", "--array", "--states=all", f"--name={name}", f"--format={QUEUE_FORMAT}"]
    found = parse_queue(call(queued))
    account = ["sacct", "--noheader", "--parsable2", "--allocations", f"--name={name}", "--starttime=now-30days"]
    try:
        ended = parse_account(call([*account, f"--format={ACCOUNT_FORMAT}"]))
    except ReproError:  # no accounting
        ended = {}
    return {**ended, **found}


def parse_queue(text: str) -> dict[str, JobState]:
    """Jobs by number from lines of squeue in ``QUEUE_FORMAT``; what is no such line is left out."""
    found = {}
    for line in text.splitlines():
        parts = [part.strip() for part in line.split("|")]
        if len(parts) == 6 and parts[0].isdecimal():
            number, index, state, reason, node, time = parts
            job = f"{number}_{index}" if index.isdecimal() else number
            found[job] = JobState(state, "" if reason == "None" else reason, node, time)
    return found


def parse_account(text: str) -> dict[str, JobState]:
    """Jobs by number from lines of sacct in ``ACCOUNT_FORMAT``; steps, and arrays as a whole, are left out."""
    found = {}
    for line in text.splitlines():
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 5 or not parts[0].replace("_", "", 1).isdecimal():
            continue
        job, state, code, node, time = parts
        word, _, by = state.partition(" ")
        exit_code, _, signal = code.partition(":")
        how = (
            f"signal {signal}"
            if signal not in ("", "0")
            else f"exit code {exit_code}"
            if exit_code not in ("", "0")
            else ""
        )
        reason = ", ".join(part for part in (by, how) if part)
        found[job] = JobState(word.rstrip("+"), reason, "" if node == "None assigned" else node, time)
    return found


def array_limit() -> int:
    """The number that indexes of an array stay below on this cluster."""
    try:
        said = call(["scontrol", "show", "config"])
    except ReproError:
        return LARGEST_ARRAY
    for line in said.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "MaxArraySize" and value.strip().isdecimal():
            return max(1, int(value))
    return LARGEST_ARRAY


def array_parts(numbers: Iterable[int], limit: int) -> list[tuple[int, str]]:
    """How numbers are handed in as arrays: the first number of each and its indexes, as sbatch takes them.

    >>> array_parts([0, 1, 2, 5, 1003], 1000)
    [(0, '0-2,5'), (1000, '3')]
    """
    parts: dict[int, list[int]] = {}
    for number in sorted(set(numbers)):
        parts.setdefault(number // limit * limit, []).append(number % limit)
    return [(first, _ranges(indexes)) for first, indexes in parts.items()]


def _ranges(indexes: list[int]) -> str:
    """Rising indexes as ``0-2,5``."""
    runs: list[list[int]] = []
    for index in indexes:
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)
