"""A family's small random package and what its class computes, for the engine's tests.

python scripts/export/write_fixture.py janus test/fixtures/janus
"""

import argparse
import json
import tempfile
from pathlib import Path

import torch
import transformers

import export
import tiny_models
from references import REFERENCES

PROMPTS = ["a red fox in the snow", "Two small cars: one blue!"]


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("family", choices=sorted(tiny_models.TINY))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    torch.backends.nnpack.set_flags(False)
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as root:
        source = Path(root) / options.family
        source.mkdir()
        model = tiny_models.TINY[options.family](source)
        arguments = [str(source), "--out", str(options.folder), "--dtype", "fp32"]
        arguments += ["--prompt-length", "64" if options.family == "janus" else "256"]
        arguments += tiny_models.IMAGE_SIZE.get(options.family, [])
        export.export(export.parse(arguments))
        reference = REFERENCES[options.family](source, model)
    manifest = json.loads((options.folder / "model.json").read_text(encoding="utf8"))
    guidance = manifest["sampler"]["guidance"]
    cases = []
    given = hasattr(reference, "example")
    for text in [reference.example] if given else PROMPTS:
        conditional, unconditional = reference.prompts(text)
        tokens = reference.greedy(text, guidance)
        pixels = reference.pixels(tokens)
        cases.append(
            {
                **(
                    {"embeddings": text.tolist()}
                    if given
                    else {
                        "prompt": text,
                        "ids": conditional,
                        "unconditionalIds": unconditional,
                    }
                ),
                "greedy": tokens,
                "pixels": None if pixels is None else pixels.clip(-1, 1).round(4).tolist(),
            }
        )
    fixture = {
        "about": f"made by scripts/export/write_fixture.py {options.family}",
        "decoderSha256": manifest["files"]["weights"][0]["sha256"],
        "guidance": guidance,
        "cases": cases,
    }
    (options.folder / "parity.json").write_text(json.dumps(fixture) + "\n")


if __name__ == "__main__":
    main()
