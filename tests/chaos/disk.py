"""A small file system, to be filled and freed: only root can have one."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE_MB = 192


class Disk:
    """Mounted at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def give_to(self, user: str) -> None:
        os.chown(self.path, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)

    def fill(self) -> None:
        """Until not one page is left."""
        with self._filler.open("wb") as filler:
            size, step = 0, 1 << 20
            while step:
                try:
                    os.posix_fallocate(filler.fileno(), size, step)
                    size += step
                except OSError:
                    step = step // 16 if step > 4096 else 0

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(path: Path) -> Iterator[Disk | None]:
    """A tmpfs there, for the block; None where this machine does not let us mount one."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(path)], capture_output=True, check=False
    )
    if mounted.returncode:
        yield None
        return
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
