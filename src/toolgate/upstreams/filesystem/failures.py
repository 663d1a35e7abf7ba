"""What goes wrong with a file, as the model is told: what, and the next step. No path of the machine is ever in it."""

import errno
import os


class Failure(Exception):
    """Ends one tool call as an error that the model reads. The message names paths as the caller writes them."""


class Missing(Failure):
    """There is no such file or directory, or none that may be known of."""


class Stopped(Exception):
    """The caller took the call back; nobody reads the answer."""


_REASONS: dict[int, str] = {
    errno.ENOENT: "does not exist",
    errno.ENOTDIR: "is not a directory, or leads through something that is none",
    errno.EISDIR: "is a directory",
    errno.EEXIST: "exists already",
    errno.ENOTEMPTY: "is a directory that is not empty",
    errno.ELOOP: "is, or leads through, a symbolic link, which is not followed here",
    errno.EXDEV: "lies on another file system, which is not entered from here",
    errno.EACCES: "may not be used by the account that the gateway runs as",
    errno.EPERM: "may not be used by the account that the gateway runs as",
    errno.EROFS: "lies on a file system that is read-only",
    errno.ENAMETOOLONG: "has a name that is too long",
    errno.ENOSPC: "cannot be written: the disk is full; nothing was changed",
    errno.EDQUOT: "cannot be written: the disk quota is used up; nothing was changed",
    errno.ENXIO: "is no regular file",
    errno.EMFILE: "cannot be opened now: too many files are open; try again",
    errno.ENFILE: "cannot be opened now: too many files are open; try again",
    errno.EILSEQ: "has a name that this file system does not take",
    errno.EINVAL: "cannot be used so: the file system refuses it",
    errno.ETXTBSY: "is a program that is running",
    errno.ESTALE: "was replaced just now; try again",
}


def of_error(error: OSError, shown: str) -> Failure:
    """The failure that an OSError of this path means. The error's own text is left out: it names real paths."""
    number = error.errno or 0
    reason = _REASONS.get(number) or f"cannot be used: {os.strerror(number).lower() if number else 'unknown error'}"
    return (Missing if number == errno.ENOENT else Failure)(f"`{shown}` {reason}")
