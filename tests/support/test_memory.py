from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from repro.support import memory

FAULTS = """
import resource, torch
from repro.support.memory import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def passes(count):
    started = faults()
    for _ in range(count):
        kept = [torch.ones(10_000_000) for _ in range(3)]  # 40 MB each, more than comes from the heap by default
        del kept
    return faults() - started

print({before} and keep_freed_memory())
passes(3)
print(passes(6))
"""
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")


def faults_of_later_passes(*, kept: bool) -> int:
    command = [sys.executable, "-c", FAULTS.replace("{before}", str(kept))]
    said, faults = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert said == str(kept)
    return int(faults)


@glibc
def test_later_passes_get_the_memory_of_the_first():
    """Six passes of 120 MB are 175,782 pages of 4 KB, or 343 of 2 MB; a busy machine takes some of those that are kept."""
    kept, given_back = (faults_of_later_passes(kept=kept) for kept in (True, False))
    assert 3 * kept < given_back and given_back > 300


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not memory.keep_freed_memory()


def test_a_library_without_the_switch_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    assert not memory.keep_freed_memory()
