"""The system calls that Python has no name for: `openat2` (Linux 5.6) and renaming without replacing (Linux, macOS)."""

import ctypes
import errno
import os
import stat
import sys
from typing import Any

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08

_OPENAT2 = 437
"""The same on every architecture that Python runs on, save alpha."""

_AGAIN = 8
_RENAME_NOREPLACE = 1
_RENAME_EXCL = 4


class _OpenHow(ctypes.Structure):
    """`struct open_how` of openat2(2)."""

    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def _library() -> Any:
    return None if sys.platform == "win32" else ctypes.CDLL(None, use_errno=True)


def _syscall() -> Any:
    if _LIBRARY is None or not sys.platform.startswith("linux"):
        return None
    call = _LIBRARY.syscall
    call.restype = ctypes.c_long
    call.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t]
    return call


def _renaming() -> tuple[Any, int] | None:
    """The function that renames without replacing, and its flag; None where there is none."""
    for name, flag in (("renameat2", _RENAME_NOREPLACE), ("renameatx_np", _RENAME_EXCL)):
        call = getattr(_LIBRARY, name, None)
        if call is not None:
            call.restype = ctypes.c_int
            call.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
            return call, flag
    return None


_LIBRARY = _library()
_CALL = _syscall()
_RENAME = _renaming()
_HOW_BYTES = ctypes.sizeof(_OpenHow)


def openat2(directory: int, path: bytes, flags: int, resolve: int) -> int:
    """Opens `path` beneath the directory. Raises OSError, ENOSYS where the system has no such call."""
    if _CALL is None:
        raise OSError(errno.ENOSYS, "openat2")
    how = _OpenHow(flags, 0, resolve)
    for _ in range(_AGAIN):
        opened = _CALL(_OPENAT2, directory, path, ctypes.addressof(how), _HOW_BYTES)
        if opened >= 0:
            return int(opened)
        if ctypes.get_errno() not in (errno.EAGAIN, errno.EINTR):
            break
    raise OSError(ctypes.get_errno(), "openat2")


def has_openat2() -> bool:
    """Whether the kernel has it, and no filter of a sandbox forbids it."""
    directory = os.open(os.sep, os.O_RDONLY)
    try:
        os.close(openat2(directory, b".", os.O_RDONLY, RESOLVE_BENEATH))
    except OSError:
        return False
    finally:
        os.close(directory)
    return True


def rename_new(source_directory: int, source: str, target_directory: int, target: str) -> None:
    """Renames, and never replaces what has the new name. Raises FileExistsError then, and OSError.

    Where the system cannot promise that in one step, a file gets its new name as a second link, which fails when the
    name is taken; only for a directory there is a moment between looking and renaming.
    """
    if _RENAME is not None:
        call, flag = _RENAME
        done = call(source_directory, os.fsencode(source), target_directory, os.fsencode(target), flag)
        if done == 0:
            return
        number = ctypes.get_errno()
        if number not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise OSError(number, os.strerror(number))
    _rename_in_steps(source_directory, source, target_directory, target)


def _rename_in_steps(source_directory: int, source: str, target_directory: int, target: str) -> None:
    found = os.stat(source, dir_fd=source_directory, follow_symlinks=False)
    if stat.S_ISREG(found.st_mode):
        try:
            os.link(source, target, src_dir_fd=source_directory, dst_dir_fd=target_directory, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
                raise
        else:
            os.unlink(source, dir_fd=source_directory)
            return
    try:
        os.stat(target, dir_fd=target_directory, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(source, target, src_dir_fd=source_directory, dst_dir_fd=target_directory)
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
