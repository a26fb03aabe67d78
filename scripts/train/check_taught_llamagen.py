"""LlamaGen through finetune.py: prompts that are features, its own files of weights, and the package's drawing. Runs in
check_finetuning.py."""

import json
import subprocess

import numpy as np
import torch

import tiny_models
from check_taught_families import SIZE, UNMEASURED, check_learns, run_in_parts
from feature_prompts import FeaturePrompts
from public_models import TEACHABLE
from tiny_finetuning import COMMAND, moved, package_of, refused, run, taught

# Through the library: prompts of features have no command line.
DRAW = """
import { loadModel } from %s;
const [folder, features] = process.argv.slice(1);
const model = await loadModel(folder);
const prompt = new Float32Array(JSON.parse(features));
const draw = async (decoding) => {
  const { tokens } = await model.generate(prompt, { seed: 3, ...decoding });
  return Array.from(tokens[0]);
};
const tokens = [await draw({ decoder: 'ar' }), await draw({ decoder: 'sjd2', window: 16 })];
console.log(JSON.stringify(tokens));
await model.dispose();
"""


def write_features(images):
    random = np.random.default_rng(2)
    for index, path in enumerate(sorted(images.glob("*.png"))):
        features = random.standard_normal((3 + index, 16)).astype(np.float16)
        np.save(path.with_suffix(".npy"), features)


def weights_of(folder):
    found = torch.load(folder / "t2i.pt", weights_only=True)["model"]
    return found, torch.load(folder / "vq.pt", weights_only=True)["model"]


def check_tokens(model, images):
    """The nearest codes, all of length 1, by distance."""
    pixels = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(5)) * 2 - 1
    with torch.no_grad():
        vectors = model.images.quant_conv(model.images.encoder(pixels)).permute(0, 2, 3, 1)
        vectors = torch.nn.functional.normalize(vectors.flatten(0, 2), dim=-1)
        codes = torch.nn.functional.normalize(images["quantize.embedding.weight"], dim=-1)
        expected = torch.cdist(vectors, codes).argmin(-1).view(3, -1)
        found = model.tokenize(pixels)
    assert torch.equal(found, expected) and len(found.unique()) > 8


@torch.no_grad()
def check_parity(model, package, images):
    """Prompts of two lengths in one batch, and the unconditional one: inputs and laws are the package's."""
    paths = [images / f"{index}.npy" for index in (0, 5)]
    ids = [model.prompts.add(path) for path in paths]
    prompts = model.prompts.pack(ids)
    tokens = torch.randint(64, (2, package.length), generator=torch.Generator().manual_seed(3))
    inputs = model.image_embedding(tokens[:, :-1])
    nothing = model.prompts.unconditional_for(prompts)
    laws = [model.predict(model, packed, inputs)[0].numpy() for packed in (prompts, nothing)]
    for row, path in enumerate(paths):
        features = np.load(path).astype(np.float32)
        found = [
            package.begin(package.prompts(features)),
            package.feed(tokens[row, :-1].tolist(), 0),
        ]
        found = np.concatenate(found, 1)
        for expected, logits in zip(laws, found):
            # Sums of a few products in another order.
            assert np.abs(logits - expected[row]).max() < 1e-4 * expected.std()


def check_draws(package, images):
    library = json.dumps((COMMAND.parent.parent / "dist/index.js").as_uri())
    features = np.load(images / "4.npy").astype(np.float32).flatten().tolist()
    program = ["node", "--input-type=module", "-e", DRAW % library]
    command = [*program, str(package.folder), json.dumps(features)]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    expected, found = json.loads(made.stdout)
    assert len(expected) == package.length and len(set(expected)) > 8
    assert found == expected, "another picture than that of ar"


def check_llamagen(root):
    folder, whole, images = root / "llamagen", root / "llamagen-whole", root / "images"
    folder.mkdir()
    tiny_models.llamagen(folder)
    refused(root, "1.npy: expected features of the picture's caption", *SIZE, model="llamagen")
    np.save(images / "1.npy", np.zeros((13, 16)))
    refused(root, "expected shape [n, 16] with n from 1 to 12 but found", *SIZE, model="llamagen")
    write_features(images)
    start, pictures = weights_of(folder)
    check_tokens(taught(folder, *SIZE), pictures)
    check_learns(root, "llamagen")
    run_in_parts(root, "llamagen")
    weights, same_pictures = weights_of(whole / "model")
    again = weights_of(root / "llamagen-parts/model")[0]
    assert not moved(weights, again)
    parts = {name.split(".")[0] for name in moved(start, weights)}
    assert parts == {"layers", "norm", "output"}, parts
    assert all(torch.equal(value, same_pictures[name]) for name, value in pictures.items())
    run(root, "llamagen-lora", "--steps", 1, "--lora", 4, *SIZE, *UNMEASURED, model="llamagen")
    lora = weights_of(root / "llamagen-lora/model")[0]
    maps = {name.split(".")[-2] for name in moved(start, lora)}
    assert maps == set(TEACHABLE["llamagen"].linear_maps), maps
    package = package_of(whole / "model", root / "llamagen-package", *SIZE)
    model = taught(whole / "model", *SIZE)
    model.prompts = FeaturePrompts(package.manifest["prompt"])
    check_parity(model, package, images)
    check_draws(package, images)
