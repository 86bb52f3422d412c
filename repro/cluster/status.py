"""How far a submission is: what Slurm says of its jobs, what these said themselves, and what their runs' files show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from repro.cluster.progress import ended_epochs
from repro.cluster.slurm import JobState, job_states
from repro.cluster.submission import ADVANCE, Submission, Training, read_rounds, read_written, said
from repro.errors import ReproError

WORDS = ("complete", "running", "pending", "failed", "killed")


@dataclass(frozen=True)
class Shown:
    """How far a job is: one of WORDS, and what else is to be said."""

    word: str
    text: str = ""


def submission_status(submission: Submission) -> list[str]:
    """Lines that say how far a submission is: its trainings, the job that writes results, and the folders that it wrote."""
    place, lines = submission.place, []
    rounds = read_rounds(place)
    try:
        states = job_states(submission.job_name)
    except ReproError as error:
        states = {}
        lines.append(f"Slurm tells nothing: {error}")
    last = {one.number: states.get(one.jobs[-1]) if one.jobs else None for one in rounds.trainings}
    shown = [(one, state_of(one, said(place, one.number), last[one.number])) for one in rounds.trainings]
    counts = Counter(state.word for _, state in shown)
    counted = ", ".join(f"{counts[word]} {word}" for word in WORDS if counts[word])
    lines.insert(0, f"{submission.name}: {len(shown)} trainings" + (f", {counted}" if counted else ""))
    for training, state in shown:
        lines.append(
            f"  {training.number:3d}  {state.word:8s} {training.title}{': ' if state.text else ''}{state.text}"
        )
        if state.word in ("failed", "killed"):
            lines.append(f"       {place / 'logs' / training.log}")
    for title, folder in read_written(place).items():
        lines.append(f"  {title}: results in {folder}")
    if rounds.advances:
        lines += _advance_lines(submission, rounds.advances[-1], states, everything=counts["complete"] == len(shown))
    active = sorted(job for job, state in states.items() if state.is_active)
    if active:
        lines.append(f"  To end it all: scancel {' '.join(sorted({job.partition('_')[0] for job in active}, key=int))}")
    return lines


def state_of(training: Training, about: dict[str, Any], job: JobState | None) -> Shown:
    """How far a training is.

    Args:
        training: the training of a submission.
        about: what its last job said.
        job: what Slurm says of its last job; None where it knows nothing of it any more.
    """
    if about.get("state") == "complete":
        return Shown("complete", "" if not about.get("restarts") else f"after {about['restarts']} restarts")
    if job is not None and job.state in ("RUNNING", "COMPLETING"):
        return Shown("running", f"on {job.node} for {job.time}{_epochs(training)}")
    if job is not None and job.is_active:
        return Shown("pending", (job.reason or job.state.lower()) + _epochs(training))
    if about.get("state") == "failed":
        return Shown("failed", str(about.get("reason", "")))
    if job is None:
        return Shown("killed", "Slurm knows nothing of its job any more" + _epochs(training))
    reason = f", {job.reason}" if job.reason else ""
    return Shown("killed", f"{job.state}{reason}{_epochs(training)}")


def _epochs(training: Training) -> str:
    """How many epochs an unfinished training has ended."""
    epochs = ended_epochs(training)
    return "" if epochs is None else f", {epochs} of {training.epochs} epochs"


def _advance_lines(submission: Submission, job: str, states: dict[str, JobState], *, everything: bool) -> list[str]:
    """What the job that goes on behind the trainings is at."""
    state = states.get(job)
    log = submission.place / "logs" / f"advance-{job}.log"
    if state is not None and state.is_active:
        waits = f" ({state.reason})" if state.reason else ""
        return [f"  Job {job}, which writes results and hands in what is left: {state.state.lower()}{waits}"]
    ended = state.state if state else "ended"
    if ended in ("COMPLETED", "ended") and everything:
        return []
    how = f"{ended}{', ' + state.reason if state and state.reason else ''}"
    about = said(submission.place, ADVANCE)
    why = [f"       {about.get('reason', '')}"] if about.get("job") == job else []
    return [
        f"  Job {job}, which writes results and hands in what is left: {how}; {log}",
        *why,
        f"  To go on: repro submit --again {submission.name}",
    ]
