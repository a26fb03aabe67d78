"""Janus in its authors' layout (deepseek-ai): read into transformers' class, and written as it was.

What reads pictures for answers about them is not part of drawing: the class's model has none of it, and the
result has the checkpoint's.
"""

import json

from safetensors.torch import save_file
from transformers import JanusConfig, JanusForConditionalGeneration, JanusVisionConfig

from families.janus_authors import stored_name

SHARD = 4_000_000_000  # bytes of one file
INDEX = "model.safetensors.index.json"
# The modules of JanusModel that draw.
DRAWING = (
    "language_model",
    "generation_embeddings",
    "generation_aligner",
    "generation_head",
    "vqmodel",
)


def load(family):
    vision = JanusVisionConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
        image_size=family.side,
        patch_size=family.side // family.rows,
    )
    config = JanusConfig(text_config=family.text, vq_config=family.vq, vision_config=vision)
    network = JanusForConditionalGeneration(config)
    network.model.vision_model = network.model.aligner = network.lm_head = None
    for name in DRAWING:
        family.checkpoint.load(getattr(network.model, name), f"model.{name}.")
    return network


def save(network, checkpoint, folder):
    """All weights of the checkpoint in safetensors, those that may have moved as they are now; one shard is in
    memory at a time."""
    drawing = {
        stored_name(f"model.{module}.{name}"): weight.detach().cpu()
        for module in DRAWING
        for name, weight in getattr(network.model, module).state_dict().items()
    }
    places, shard, size = {}, {}, 0

    def write():
        file = f"model-{len(set(places.values())) + 1:05}.safetensors"
        save_file(shard, folder / file, {"format": "pt"})
        places.update(dict.fromkeys(shard, file))
        shard.clear()

    for name in checkpoint.files:
        weight = drawing[name] if name in drawing else checkpoint.stored_tensor(name)
        if shard and size + weight.nbytes > SHARD:
            write()
            size = 0
        shard[name] = weight.contiguous()
        size += weight.nbytes
    write()
    index = json.dumps({"metadata": {}, "weight_map": places})
    (folder / INDEX).write_text(index, encoding="utf8")
