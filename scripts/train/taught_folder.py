"""The result of finetune.py: a Hugging Face folder like the one it started from, and beside it

sjd2.json           the noise levels, as the manifest's `denoising`, and the recipe
sjd2.safetensors    timestep_embedding [N + 1, d], embedding_mean [d], embedding_std [d]

scripts/export/export.py makes a package for the decoder sjd2 of it.
"""

import json
import shutil

from safetensors.torch import load_file, save_file

from folder_writer import FolderWriter

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".onnx", ".gguf", ".index.json")
OURS = ("sjd2.json", "image_tokenizer.jsonl")


def copy_what_is_no_weight(source, folder):
    """Tokenizer, templates, preprocessor settings: what the class does not write itself."""
    for path in sorted(source.iterdir()):
        skipped = path.name.endswith(WEIGHTS) or path.name in OURS or path.name.startswith(".")
        if path.is_file() and not skipped and not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)


def keep_architectures(source, folder):
    """Which class a checkpoint is for, as its authors said: the exporter tells families by it, and
    transformers writes its own."""
    path = folder / "config.json"
    if not path.exists():
        return
    before = json.loads((source / "config.json").read_text(encoding="utf8"))
    after = json.loads(path.read_text(encoding="utf8"))
    after["architectures"] = before.get("architectures")
    path.write_text(json.dumps(after, indent=2) + "\n", encoding="utf8")


def restore(source, model, levels):
    """A folder that was taught before brings its timestep table; the embedding and its statistics are as
    they were, since they do not move."""
    if not levels or not (source / "sjd2.json").exists():
        return
    before = json.loads((source / "sjd2.json").read_text(encoding="utf8"))["denoising"]
    if before != levels.manifest():
        raise SystemExit(
            f"{source / 'sjd2.json'}: denoising: expected {levels.manifest()} but found {before}: give its --levels"
        )
    table = load_file(source / "sjd2.safetensors")["timestep_embedding"]
    model.timestep_embedding.data.copy_(table)


def write(out, source, model, levels, facts):
    with FolderWriter(out) as writer:
        model.save(writer.folder)
        keep_architectures(source, writer.folder)
        copy_what_is_no_weight(source, writer.folder)
        if levels:
            tables = {
                "timestep_embedding": model.timestep_embedding,
                "embedding_mean": model.mean,
                "embedding_std": model.std,
            }
            tables = {
                name: table.detach().float().cpu().contiguous().clone()
                for name, table in tables.items()
            }
            save_file(tables, writer.folder / "sjd2.safetensors")
            text = json.dumps({"denoising": levels.manifest(), "finetuning": facts}, indent=2)
            (writer.folder / "sjd2.json").write_text(text + "\n", encoding="utf8")
        writer.finish()
