"""Writes a package so that a half-written one never stands under its final name."""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def entry(path):
    """How a manifest names a file."""
    return {"path": path.name, "sha256": digest(path)}


class PackageWriter:
    """A context in which files are made in `folder`, beside `out`. `finish` moves them: a manifest that
    was there goes first and the new one comes last, so that a folder with a manifest is a whole package.
    What else lies in `out` (a README, a licence) stays."""

    def __init__(self, out):
        self.out = Path(out)

    def __enter__(self):
        self.out.parent.mkdir(parents=True, exist_ok=True)
        made = tempfile.mkdtemp(prefix=f".{self.out.name}.", dir=self.out.parent)
        self.folder = Path(made)
        return self

    def finish(self, manifest):
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        self.out.mkdir(exist_ok=True)
        final = self.out / "model.json"
        final.unlink(missing_ok=True)
        for path in sorted(self.folder.iterdir()):
            os.replace(path, self.out / path.name)
        staged = self.folder / "model.json"
        staged.write_text(text, encoding="utf8")
        os.replace(staged, final)
        for path in sorted(self.out.iterdir()):
            print(f"{path.stat().st_size / 1e6:10.2f} MB  {path.name}")

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)
