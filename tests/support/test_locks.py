"""What is in use stays, what nobody holds any more goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from repro.support.locks import Hold, is_held, remove_left

HOLD = """
import sys, time
from pathlib import Path
from repro.support.locks import Hold
hold = Hold(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_folder_is_held_until_its_holders_let_go(tmp_path):
    assert not is_held(tmp_path)
    first, second = Hold(tmp_path), Hold(tmp_path)
    first.close()
    assert is_held(tmp_path)
    del second
    assert not is_held(tmp_path) and not is_held(tmp_path / "nothing")


def test_what_a_killed_process_held_is_removed_by_the_next(tmp_path):
    left, young = tmp_path / "left.partial", tmp_path / "young.partial"
    for folder in (left, young):
        folder.mkdir()
        (folder / "half").write_text("of it")
    os.utime(left, (1, 1))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    other = subprocess.Popen([sys.executable, "-c", HOLD, left], stdout=subprocess.PIPE, text=True, env=environment)
    with other:
        assert other.stdout.readline() == "held\n"
        remove_left(tmp_path.glob("*.partial"))
        assert left.exists() and young.exists()
        other.send_signal(signal.SIGKILL)
    remove_left(tmp_path.glob("*.partial"))
    assert not left.exists() and young.exists()
