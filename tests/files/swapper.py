"""A process of its own that exchanges, without end, what is inside a served directory for what is outside of it.

    python swapper.py ROOT OUTSIDE

`dir` is by turns a directory with `x.txt` and a link to OUTSIDE; `file.txt` a file and a link to OUTSIDE/x.txt;
`home/dir`
is by turns there and not. It says `ready` once, and goes on until it is killed.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path


def main(root: Path, outside: Path) -> None:
    os.chdir(root)
    told = False
    while True:
        with suppress(OSError):  # a writer may have come between
            os.rename("dir", "dir.real")
            os.symlink(outside, "dir")
        with suppress(OSError):
            os.rename("file.txt", "file.real")
            os.symlink(outside / "x.txt", "file.txt")
        with suppress(OSError):
            os.rename("home/dir", "home/away")
            os.symlink(outside, "home/dir")
        if not told:
            print("ready", flush=True)
            told = True
        with suppress(OSError):
            if os.path.islink("dir"):
                os.unlink("dir")
            os.rename("dir.real", "dir")
        with suppress(OSError):
            if os.path.islink("file.txt"):
                os.unlink("file.txt")
            os.replace("file.real", "file.txt")
        with suppress(OSError):
            if os.path.islink("home/dir"):
                os.unlink("home/dir")
            os.rename("home/away", "home/dir")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
