"""Kernels of the notebooks under test, a plugin of pytest: `-p tests.kernels`.

They listen on files, not on ports. A port is picked before the kernel that is to take it runs, and a second later
another program may have it: the kernel then dies. What a kernel says on stderr is shown.
"""

from __future__ import annotations

import atexit
import itertools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import nbval.kernel
from jupyter_client.manager import KernelManager

_FOLDER = Path(tempfile.mkdtemp(prefix="kernels-"))  # short: such an address has at most 107 characters
_numbers = itertools.count()


class FileKernel(KernelManager):
    """A kernel that listens on files."""

    def __init__(self, **given: Any) -> None:
        super().__init__(transport="ipc", ip=str(_FOLDER / str(next(_numbers))), **given)

    def start_kernel(self, **given: Any) -> Any:
        """Start it, with our own stderr in place of nowhere."""
        given.pop("stderr").close()
        return super().start_kernel(**given)


atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
nbval.kernel.KernelManager = FileKernel
