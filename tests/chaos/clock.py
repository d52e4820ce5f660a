"""A clock that can be moved while a process runs: libfaketime before it, reading how far from a file."""

import os
from importlib.resources import files
from pathlib import Path


class MovableClock:
    """The clock of one process. Only its time of day moves: how long something takes is measured as ever."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._file = directory / "clock"
        self.move(0)

    @property
    def environment(self) -> dict[str, str]:
        """What the process needs in its environment."""
        library = files("libfaketime") / "vendor/libfaketime/src/libfaketime.so.1"
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def move(self, seconds: int) -> None:
        """From now on it is so much ahead of the true time (or behind it)."""
        written = self._file.with_suffix(".new")
        written.write_text(f"{seconds:+d}\n")
        os.replace(written, self._file)
