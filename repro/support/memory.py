"""Memory that tensors leave is kept for the next ones.

A training step on a processor asks for the same gigabyte again and again. The C library of Linux gives large blocks back to the
system as soon as they are free, and the system hands them out anew page by page, each filled with zeros first: a tenth of a
training step on whole images, and a third of their evaluation. Numbers do not depend on it; a process holds what it needed at
its peak.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_NEVER = 2**31 - 1
_LARGEST = (2**30, 2**25)  # bytes of a block that may come from the heap; what older libraries take


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it has freed; whether its C library knows how, as glibc does.

    What has been asked for before is not touched. Calling it again does nothing more.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library, as musl
        return False
    kept = any(mallopt(_MMAP_THRESHOLD, size) for size in _LARGEST)
    return bool(mallopt(_TRIM_THRESHOLD, _NEVER)) and kept
