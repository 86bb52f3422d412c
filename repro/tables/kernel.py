"""The kernel that notebooks are executed with: this interpreter in an environment of its own making.

Whatever else is installed or set (other kernels called ``python3``, MPLBACKEND, a locale that is not UTF-8, start-up files and
settings of IPython, relative paths), notebooks run with this interpreter and this package, draw their figures into themselves
and find the folders that this process has.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync

from repro import paths
from repro.errors import ReproError

# Of the shell and of torchrun, what would change what a notebook does.
_LEFT_OUT = ("PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONWARNINGS", "RANK", "WORLD_SIZE", "LOCAL_RANK")
STARTING = 60  # seconds that a kernel may take


def kernel_environment(own: Path) -> dict[str, str]:
    """The environment variables of a kernel.

    Args:
        own: an empty folder that stands for the user's settings of IPython and Jupyter.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    own_code = str(paths.ROOT) if (paths.ROOT / "pyproject.toml").exists() else None  # None where it is installed
    return {
        **kept,
        **{name: str(folder) for name, folder in paths.folders().items()},
        "PYTHONPATH": os.pathsep.join(filter(None, (own_code, os.environ.get("PYTHONPATH")))),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONUTF8": "1",
        "PYTHONIOENCODING": "utf-8",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "IPYTHONDIR": str(own),
        "JUPYTER_CONFIG_DIR": str(own),
        "JUPYTER_RUNTIME_DIR": str(own),
    }


class OwnKernel(AsyncKernelManager):
    """Starts this interpreter, whatever kernels are installed. What the kernel says of itself goes to a file.

    ``last_words`` are the last line of that, once the kernel has ended.
    """

    last_words = ""

    def __init__(self, **given: Any) -> None:
        self._own = tempfile.TemporaryDirectory(prefix="repro-kernel-", ignore_cleanup_errors=True)
        super().__init__(connection_file=str(Path(self._own.name) / "connection.json"), **given)

    @property
    def kernel_spec(self) -> KernelSpec:
        """This interpreter."""
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3", language="python")

    async def start_kernel(self, **given: Any) -> None:  # type: ignore[override]  # its types are those of a kernel without async
        """Start it in the environment of ``kernel_environment``."""
        own = Path(self._own.name)
        with open(own / "said.txt", "wb") as said:
            await super().start_kernel(**{**given, "env": kernel_environment(own), "stdout": said, "stderr": said})

    async def cleanup_resources(self, restart: bool = False) -> None:  # type: ignore[override]  # as above
        """Remove what it left in its folder, and keep its last words."""
        await super().cleanup_resources(restart=restart)
        said = Path(self._own.name) / "said.txt"
        if not restart and said.exists():
            lines = said.read_text(encoding="utf-8", errors="replace").split("\n")
            self.last_words = next((line.strip() for line in reversed(lines) if line.strip()), "")
            self._own.cleanup()


def try_kernel() -> None:
    """Start a kernel and import the package in it. Raises ReproError, with the reason, where that is not possible."""
    kernel = None
    try:
        kernel = OwnKernel()
        run_sync(_use)(kernel)
    except Exception as error:  # whatever keeps a kernel from starting: each library has errors of its own
        why = (kernel and kernel.last_words) or last_line(error)
        raise ReproError(
            f"The kernel that notebooks are executed with cannot be started by {sys.executable} ({why}): mend this environment, "
            "as by `make environment`."
        ) from error


async def _use(kernel: OwnKernel) -> None:
    """Start a kernel, let it compute, and end it."""
    await kernel.start_kernel()
    client = kernel.client()
    try:
        client.start_channels()
        await client.wait_for_ready(timeout=STARTING)
        answer = await client.execute("import repro, matplotlib_inline.backend_inline", reply=True, timeout=STARTING)
        if answer["content"]["status"] != "ok":
            raise RuntimeError(f"{answer['content']['ename']}: {answer['content']['evalue']}")
        kernel.last_words = ""
    finally:
        client.stop_channels()
        await kernel.shutdown_kernel(now=True)
        await kernel.cleanup_resources()


def last_line(error: BaseException) -> str:
    """The last line of what an error says, which is the reason in those of cells and kernels; its type where it says nothing."""
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    return said[-1] if said else type(error).__name__
