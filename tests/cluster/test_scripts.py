"""The batch scripts say what is asked for, survive odd folders, and are shell that bash can read."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from repro.cluster.scripts import advance_script, train_script
from repro.cluster.submission import Resources, Submission


@pytest.fixture
def submission(tmp_path, monkeypatch) -> Submission:
    monkeypatch.setenv("REPRO_RUNS", str(tmp_path / "my runs"))
    return Submission("20260102T030405-skeletal3", (), Resources(), str(tmp_path / "it's here"))


def options(script: str) -> list[str]:
    """What sbatch reads of a script."""
    return [line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH ")]


def test_a_training_without_gpus_asks_for_one_core_and_may_be_queued_again(submission, tmp_path):
    script = train_script(submission, "/opt/python", {"REPRO_RUNS": "/data/my runs"})
    assert script.startswith("#!/bin/bash\n#SBATCH ")
    assert options(script) == [
        "--job-name=repro-20260102T030405-skeletal3",
        f'--output="{tmp_path}/my runs/cluster/20260102T030405-skeletal3/logs/%A_%a.log"',
        *("--open-mode=append", "--nodes=1", "--ntasks-per-node=1", "--cpus-per-task=1"),
        *("--requeue", "--signal=B:USR1@120"),
    ]
    assert "export REPRO_RUNS='/data/my runs'" in script
    assert "/opt/python -m repro job train 20260102T030405-skeletal3 $(($1 + SLURM_ARRAY_TASK_ID)) &" in script


def test_gpus_limits_and_accounts_are_asked_for(submission):
    own = Resources(
        gpus=4, gpu_kind="a100", cpus=8, memory="64G", time="24:00:00", partition="gpu", plain_partition="cpu", account="pose",
        options=("--qos=long",), setup="module load cuda",
    )  # fmt: skip
    script = train_script(replace(submission, resources=own), "python", {})
    assert {"--gres=gpu:a100:4", "--cpus-per-task=32", "--mem=64G", "--time=24:00:00"} <= set(options(script))
    assert {"--partition=gpu", "--account=pose", "--qos=long"} <= set(options(script))
    assert "\nmodule load cuda\n" in script
    assert "python -m torch.distributed.run --standalone --nproc-per-node 4 -m repro job train" in script
    plain = advance_script(replace(submission, resources=own), "python", {})
    assert "--partition=cpu" in options(plain) and not any("gres" in one or "mem" in one for one in options(plain))


def test_several_nodes_meet_at_the_first_on_a_port_of_the_jobs_own(submission):
    script = train_script(replace(submission, resources=Resources(gpus=2, nodes=3)), "python", {})
    assert "--nodes=3" in options(script)
    assert "srun --kill-on-bad-exit=1 python -m torch.distributed.run --nnodes 3 --nproc-per-node 2 " in script
    assert '--rdzv-endpoint "$first:$((20000 + SLURM_JOB_ID % 20000))"' in script
    assert 'export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"' in script


@pytest.mark.parametrize("nodes, gpus", [(1, 0), (1, 2), (2, 2)])
def test_bash_reads_the_scripts(submission, nodes, gpus):
    own = replace(submission, resources=Resources(nodes=nodes, gpus=gpus, setup="export A='b c'"))
    for script in (train_script(own, "/a b/python", {"X": "it's"}), advance_script(own, "/a b/python", {"X": "it's"})):
        done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr


def test_a_percent_sign_of_a_folder_is_no_pattern(submission, tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_RUNS", str(tmp_path / "100%"))
    assert f'--output="{tmp_path}/100%%/cluster/' in train_script(submission, "python", {})


def run(script: str, folder, tmp_path, number: str = "0") -> subprocess.CompletedProcess:
    folder.mkdir(exist_ok=True)
    about = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_JOB_ID": "12"}
    return subprocess.run(["bash", "-c", script, "train.sh", number], env=about, capture_output=True, text=True)


def program(path, text: str) -> str:
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_the_script_ends_as_the_training_does_and_gives_it_its_number(submission, tmp_path):
    python = program(tmp_path / "python", 'echo "$PWD: $*"; exit 7')
    done = run(train_script(submission, python, {}), tmp_path / "it's here", tmp_path, "1000")
    assert done.returncode == 7
    assert done.stdout == f"{tmp_path}/it's here: -m repro job train 20260102T030405-skeletal3 1003\n"


def test_near_its_time_limit_a_job_queues_itself_again_while_the_training_goes_on(submission, tmp_path):
    python = program(tmp_path / "python", "kill -USR1 $PPID; sleep 0.5; echo trained")
    program(tmp_path / "scontrol", 'echo "scontrol $*"')
    done = run(train_script(submission, python, {}), tmp_path / "it's here", tmp_path)
    said = done.stdout.splitlines()
    assert said[0].startswith("The time limit is near") and said[1:] == ["scontrol requeue 12_3", "trained"]
    assert done.returncode == 0
