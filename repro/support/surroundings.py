"""What a command makes of the surroundings it is started in, before it does anything else."""

from __future__ import annotations

import getpass
import os
import sys

from repro import paths
from repro.support.checkout import stated_commit


def settle() -> None:
    """Check and fix what the environment names, so that nothing in it can fail or mean something else later.

    - Folders become absolute, so that they mean the same to processes in another folder.
    - Figures go to files, whatever MPLBACKEND says; the kernels of notebooks have a way of their own.
    - What a terminal's encoding lacks is printed as a code, instead of ending the command.
    - A user without a name, as in a container, gets its number for one: torch asks for the name of the user.

    Raises:
        ReproError: for a folder that is none, and a commit that is none, and another REPRO_KEEP than 1.
    """
    stated_commit()
    paths.keeps_results()
    folders = paths.folders()
    os.environ.update({name: str(folders[name]) for name in folders if name in os.environ or not paths.CHECKOUT})
    if "MPLBACKEND" in os.environ:
        os.environ["MPLBACKEND"] = "Agg"
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        os.environ["USER"] = str(os.getuid())
