"""Writes a folder so that a half-written one never stands under its final name."""

import os
import shutil
import tempfile
from pathlib import Path


class FolderWriter:
    """A context in which files are made in `folder`, beside `out`, which must not be there or be empty.
    `finish` gives the folder its name; without it nothing stays."""

    def __init__(self, out):
        self.out = Path(out)

    def __enter__(self):
        if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise SystemExit(f"{self.out}: expected a folder that is not there yet, or empty")
        self.out.parent.mkdir(parents=True, exist_ok=True)
        made = tempfile.mkdtemp(prefix=f".{self.out.name}.", dir=self.out.parent)
        self.folder = Path(made)
        return self

    def finish(self):
        # As any new folder has it: mkdtemp makes one that nobody else may read.
        mask = os.umask(0)
        os.umask(mask)
        self.folder.chmod(0o777 & ~mask)
        os.replace(self.folder, self.out)

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)
