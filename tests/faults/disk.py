"""A disk that fails: from a moment on, every fsync and fdatasync of this process answers EIO (Linux, by seccomp)."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

_SYSCALLS = {"x86_64": (0xC000003E, (74, 75)), "aarch64": (0xC00000B7, (82, 83))}
_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def syncs_fail() -> None:
    """Let every fsync and fdatasync of this process fail until it ends; raise OSError where the kernel cannot."""
    if platform.system() != "Linux" or platform.machine() not in _SYSCALLS:
        raise OSError(errno.ENOSYS, f"no way to fail a sync on {platform.system()} {platform.machine()}")
    arch, (fsync, fdatasync) = _SYSCALLS[platform.machine()]
    steps = [
        (_LOAD, 0, 0, 4),  # the architecture
        (_IF_EQUAL, 0, 4, arch),
        (_LOAD, 0, 0, 0),  # the number of the call
        (_IF_EQUAL, 1, 0, fsync),
        (_IF_EQUAL, 0, 1, fdatasync),
        (_RETURN, 0, 0, _ERRNO | errno.EIO),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    kept = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(kept)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter of system calls")
