"""A folder of images with captions, as Hugging Face's imagefolder has it.

FOLDER/metadata.jsonl    lines with "file_name" (relative to the folder) and "text" (or "caption"), or
FOLDER/**/picture.png    with a picture.txt beside it

Everything is looked at before training begins: what is wrong is said by file and field.
"""

import copy
import json
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}
FIELDS = ("text", "caption")


def fail(where, what):
    raise SystemExit(f"{where}: {what}")


def metadata_entries(path):
    """(image path, caption) of a metadata.jsonl."""
    for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            fail(where, f"expected a JSON object but found {line[:40]!r} ({error.msg})")
        if not isinstance(entry, dict):
            fail(where, f"expected a JSON object but found {line[:40]!r}")
        name = entry.get("file_name")
        if not isinstance(name, str) or not name:
            fail(where, f"file_name: expected a path but found {name!r}")
        caption = next((entry[field] for field in FIELDS if field in entry), None)
        if not isinstance(caption, str) or not caption.strip():
            fail(where, f"text: expected a caption but found {caption!r}")
        yield path.parent / name, caption


def text_file_entries(folder):
    """(image path, caption) of images with .txt files."""
    for image in sorted(folder.rglob("*")):
        if image.suffix.lower() not in SUFFIXES:
            continue
        beside = image.with_suffix(".txt")
        if not beside.is_file():
            fail(image, f"expected its caption in {beside.name} (or a metadata.jsonl in {folder})")
        caption = beside.read_text(encoding="utf8").strip()
        if not caption:
            fail(beside, "expected a caption but found nothing")
        yield image, caption


class CaptionFolder:
    def __init__(self, folder):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            fail(self.folder, "expected a folder of images with captions")
        metadata = self.folder / "metadata.jsonl"
        entries = metadata_entries(metadata) if metadata.exists() else text_file_entries(folder)
        entries = list(entries)
        if not entries:
            fail(self.folder, "expected images with captions (metadata.jsonl or .txt), found none")
        self.paths = [path for path, _ in entries]
        self.captions = [caption.strip() for _, caption in entries]
        for path in self.paths:
            if not path.is_file():
                fail(metadata, f"file_name: names {path}, which is not there")

    def __len__(self):
        return len(self.paths)

    def part(self, indices):
        """A folder of some of the images."""
        part = copy.copy(self)
        part.paths = [self.paths[i] for i in indices]
        part.captions = [self.captions[i] for i in indices]
        return part

    def fingerprint(self):
        """What tells this folder's images from others: names, sizes and times of their files."""
        stats = [path.stat() for path in self.paths]
        return [
            [str(path), stat.st_size, stat.st_mtime_ns] for path, stat in zip(self.paths, stats)
        ]

    def pixels(self, indices, width, height=None):
        """uint8 [B, 3, height, width]: scaled to cover the square (or rectangle), its middle cut out."""
        return np.stack([self.image(self.paths[i], width, height or width) for i in indices])

    def image(self, path, width, height):
        try:
            with Image.open(path) as image:
                image = image.convert("RGBA")
        except (UnidentifiedImageError, OSError) as error:
            fail(path, f"expected an image ({error})")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image).convert("RGB")
        if image.size != (width, height):
            scale = max(width / image.width, height / image.height)
            size = max(width, round(image.width * scale)), max(height, round(image.height * scale))
            image = image.resize(size, Image.Resampling.LANCZOS)
            left, top = (size[0] - width) // 2, (size[1] - height) // 2
            image = image.crop((left, top, left + width, top + height))
        return np.asarray(image).transpose(2, 0, 1)
