"""The wall clock of a hub, set while it runs; the steady clock goes on, as on a real machine (Debian's faketime)."""

from pathlib import Path

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
SHIM = Path(__file__).parent / "no_clock_nanosleep"


class Clock:
    """Processes started with `env` show the time that `set` last said; those of the test and the sandbox do not."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._skipped_s = 0
        self.set(0)

    @property
    def env(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",  # seconds until a process looks into the file again
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DISABLE_SHM": "1",  # a lock in it would stay held by whoever is killed
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": str(SHIM),
        }

    def set(self, ahead_s: int) -> None:
        """So many seconds ahead of the machine's clock; negative: behind. Noticed within a second."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{self._skipped_s + ahead_s:+d}\n")
        fresh.rename(self._file)

    def skip(self, seconds: int) -> None:
        """Go ahead for good, past leases and pauses that a test does not want to wait for."""
        self._skipped_s += seconds
        self.set(0)
