"""Artifacts: the files of a run, under FOLDER/RUN_ID/NAME."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from workbench.errors import BadInput
from workbench.model import new_id
from workbench.ports import Artifact

# A letter or digit first leaves no way out of the folder ("..", "/x"), and keeps clear of our temporary files.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def check_names(artifacts: Sequence[Artifact]) -> None:
    """Pass artifacts whose names can be file names anywhere; BadInput otherwise, or for a name given twice."""
    seen: set[str] = set()
    for artifact in artifacts:
        if not _NAME.fullmatch(artifact.name) or ".." in artifact.name or artifact.name.endswith("."):
            raise BadInput(
                "artifact", artifact.name, "is not a file name", "use up to 128 letters, digits and . _ - (not ..)"
            )
        if artifact.name.lower() in seen:  # some file systems do not tell A from a
            raise BadInput("artifact", artifact.name, "is given twice", "give each its own name")
        seen.add(artifact.name.lower())


@contextmanager
def staged(folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Callable[[], None]]:
    """Write artifacts to temporary files in a run's folder; the function yielded moves them to their names.

    On leaving, temporary files are removed, moved ones stay. Raises BadInput when the folder cannot be written.
    """
    suffix = new_id()
    pairs = [(folder / f".{artifact.name}.{suffix}", folder / artifact.name) for artifact in artifacts]

    def publish() -> None:
        with _explained(folder):
            for temporary, final in pairs:
                os.replace(temporary, final)
            if pairs:
                _sync_folder(folder)
                _sync_folder(folder.parent)

    try:
        with _explained(folder):
            for artifact, (temporary, _) in zip(artifacts, pairs, strict=True):
                folder.mkdir(parents=True, exist_ok=True)
                with temporary.open("xb") as file:
                    file.write(artifact.content)
                    file.flush()
                    os.fsync(file.fileno())
        yield publish
    finally:
        with suppress(OSError):  # the folder may never have come to be; what is left over is never read
            for temporary, _ in pairs:
                temporary.unlink(missing_ok=True)
            if pairs and not any(folder.iterdir()):
                folder.rmdir()


def read_checked(file: Path, expected: str) -> bytes:
    """Read an artifact. Raises BadInput when it is gone or its SHA-256 is not the expected one."""
    remedy = "restore the file from a backup, or run again"
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInput("artifact", str(file), f"cannot be read ({error.strerror})", remedy) from None
    actual = sha256(content).hexdigest()
    if actual != expected:
        raise BadInput("artifact", str(file), f"was changed (SHA-256 {actual}, kept as {expected})", remedy)
    return content


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadInput(
            "artifacts folder", str(folder), f"cannot be written ({reason})", "choose another home with WORKBENCH_HOME"
        ) from None


def _sync_folder(folder: Path) -> None:
    """Make renames in a folder last through a power cut; Windows cannot, and does without."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
