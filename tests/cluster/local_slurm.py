"""A real Slurm of one node, on ports of its own, for as long as a test takes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "munged", "munge", "sbatch", "squeue", "scancel", "scontrol")
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5
CryptoType=crypto/munge
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/daemon
SlurmctldPidFile={folder}/controller.pid
SlurmdPidFile={folder}/daemon.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=1
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Why no Slurm can be started here; '' where it can."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    lacking = [name for name in PROGRAMS if not shutil.which(name, path=path)]
    if lacking:
        return f"Slurm is not installed: {', '.join(lacking)} not found (on Debian: apt-get install slurm-wlm munge)"
    return "" if os.geteuid() == 0 else "slurmd has to be started by root"


@contextmanager
def local_slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Within it a Slurm runs whose files lie in ``folder``; gives the environment that its programs are called in."""
    for name in ("controller", "daemon"):
        (folder / name).mkdir(parents=True)
    host, path = socket.gethostname().partition(".")[0], f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    controller, daemon = _free_ports(2)
    about = {"host": host, "controller": controller, "daemon": daemon, "folder": folder}
    cores = len(os.sched_getaffinity(0))
    (folder / "slurm.conf").write_text(CONFIGURATION.format(**about, cores=cores), encoding="utf-8")
    environment = {**os.environ, "PATH": path, "SLURM_CONF": str(folder / "slurm.conf")}
    with _munge(environment), (folder / "said.txt").open("wb") as said:
        started = []
        try:
            for name in ("slurmctld", "slurmd"):
                started.append(subprocess.Popen([name, "-D"], env=environment, stdout=said, stderr=said))
            _wait_for_idle(environment, folder)
            yield environment
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait(30)


@contextmanager
def _munge(environment: dict[str, str]) -> Iterator[None]:
    """Within it credentials can be made: by a munged that runs already, or one of its own."""
    if subprocess.run(["munge", "-n"], env=environment, capture_output=True).returncode == 0:
        yield
        return
    for name in ("/run/munge", "/var/log/munge", "/var/lib/munge"):
        Path(name).mkdir(parents=True, exist_ok=True)
        shutil.chown(name, "munge", "munge")
    process = subprocess.Popen(
        ["munged", "--foreground"], env=environment, user="munge", group="munge", extra_groups=[]
    )
    try:
        for _ in range(50):
            if subprocess.run(["munge", "-n"], env=environment, capture_output=True).returncode == 0:
                break
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _free_ports(count: int) -> list[int]:
    """Ports that nothing listens to."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _wait_for_idle(environment: dict[str, str], folder: Path) -> None:
    for _ in range(60):
        done = subprocess.run(["sinfo", "-h", "-o", "%t"], env=environment, capture_output=True, text=True)
        if "idle" in done.stdout:
            return
        time.sleep(0.5)
    raise RuntimeError(f"Slurm did not start: {(folder / 'said.txt').read_text(errors='replace')[-2000:]}")
