"""Make a small Janus, of its public class, for an image folder: text tokenizer and image tokenizer are trained
here, the language model is random. finetune.py teaches it (docs/finetuning.md).

python scripts/train/small_janus.py --data FOLDER/train --out FOLDER/janus
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    JanusConfig,
    JanusForConditionalGeneration,
    JanusVisionConfig,
    JanusVQVAEConfig,
    LlamaConfig,
)

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "export"))

import precision
from caption_folder import CaptionFolder
from folder_writer import FolderWriter
from image_tokenizer import Codebook
from run_log import RunLog
from tiny_models import JANUS_SPECIAL
from train_image_tokenizer import PLAIN_STEPS, reconstruction_loss


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="images with captions")
    parser.add_argument("--out", type=Path, required=True, help="a Hugging Face checkpoint")
    parser.add_argument("--side", type=int, default=8, help="tokens on a side, of 4x4 pixels each")
    parser.add_argument("--codes", type=int, default=512)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--channels", type=int, default=32, help="of the image tokenizer")
    parser.add_argument("--init", type=Path, help="go on with this checkpoint's image tokenizer")
    parser.add_argument("--steps", type=int, default=800, help="of the image tokenizer")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def text_tokenizer(captions):
    """Byte-level BPE of the captions, as Janus has one, with its special tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=768, special_tokens=JANUS_SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(captions, trainer)
    begin = JANUS_SPECIAL[0]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", special_tokens=[(begin, tokenizer.token_to_id(begin))]
    )
    return tokenizer


def new_model(options, tokenizer):
    hidden, id = options.hidden, tokenizer.token_to_id
    text = LlamaConfig(
        hidden_size=hidden,
        intermediate_size=hidden * 5 // 2,
        num_hidden_layers=options.layers,
        num_attention_heads=hidden // 32,
        num_key_value_heads=hidden // 64,
        vocab_size=tokenizer.get_vocab_size(),
        max_position_embeddings=1024,
        bos_token_id=id(JANUS_SPECIAL[0]),
        eos_token_id=id(JANUS_SPECIAL[1]),
        pad_token_id=id(JANUS_SPECIAL[2]),
    )
    # The tower that reads images plays no part in drawing them: as small as its class allows.
    vision = JanusVisionConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=options.side * 2,
        patch_size=2,
        projection_dim=hidden,
        num_image_tokens=options.side**2,
    )
    vq = JanusVQVAEConfig(
        embed_dim=8,
        num_embeddings=options.codes,
        latent_channels=32,
        base_channels=options.channels,
        channel_multiplier=[1, 1, 2],
        num_res_blocks=1,
        projection_dim=hidden,
        image_token_embed_dim=hidden,
    )
    placeholder = id("<image_placeholder>")
    config = JanusConfig(
        text_config=text, vision_config=vision, vq_config=vq, image_token_id=placeholder
    )
    model = JanusForConditionalGeneration(config)
    model.generation_config.generation_kwargs = {"boi_token_id": id("<begin_of_image>")}
    return model


class Training:
    """The image tokenizer's, with the codebook of ours (means of what chose a code, restarts): the class
    has no training of its own. Codes have length 1, since that is how they enter the decoder."""

    def __init__(self, vq):
        self.vq = vq
        self.codebook = Codebook(*vq.quantize.embedding.weight.shape)
        # Without attention in the encoder a drawing has the same tokens wherever it stands on the grid.
        for name, parameter in vq.encoder.named_parameters():
            if "attn" in name and "proj_out" in name:
                parameter.data.zero_()
            if "attn" in name:
                parameter.requires_grad_(False)
        vq.quantize.requires_grad_(False)

    def vectors(self, images):
        z = F.normalize(self.vq.quant_conv(self.vq.encoder(images)).float(), dim=1)
        return z, z.permute(0, 2, 3, 1).flatten(0, 2)

    def loss(self, images, plain):
        z, vectors = self.vectors(images)
        commit = 0.0
        if plain:
            codes = z
        else:
            indices = self.codebook.nearest(vectors.detach())
            self.codebook.follow(vectors.detach(), indices)
            self.normalise()
            chosen = self.codebook.codes[indices].view(*z.permute(0, 2, 3, 1).shape)
            chosen = chosen.permute(0, 3, 1, 2)
            commit = F.mse_loss(z, chosen)
            codes = z + (chosen - z).detach()
        output = self.vq.decoder(self.vq.post_quant_conv(codes))
        return reconstruction_loss(output.float(), images) + commit

    def normalise(self):
        self.codebook.codes.copy_(F.normalize(self.codebook.codes, dim=1))

    def begin(self, images):
        self.codebook.initialise(self.vectors(images)[1].detach())

    def go_on(self, codes):
        self.codebook.codes.copy_(codes)
        self.codebook.sums.copy_(codes)

    @torch.no_grad()
    def psnr(self, images):
        """dB, and the number of codes in use."""
        z, vectors = self.vectors(images)
        indices = self.codebook.nearest(vectors)
        chosen = self.codebook.codes[indices].view(*z.permute(0, 2, 3, 1).shape)
        output = self.vq.decoder(self.vq.post_quant_conv(chosen.permute(0, 3, 1, 2)))
        error = (output.clamp(-1, 1) - images).div(2).square().mean((1, 2, 3))
        return (-10 * error.log10()).mean().item(), len(indices.unique())


def train_image_tokenizer(model, images, options, log):
    vq = model.model.vqmodel.to(precision.DEVICE).train()
    training = Training(vq)
    training.codebook.to(precision.DEVICE)
    if options.init:
        training.go_on(vq.quantize.embedding.weight.data)
    parameters = [p for p in vq.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, options.lr, betas=(0.9, 0.98), weight_decay=0)
    rng = np.random.default_rng(options.seed)
    plain_steps = 0 if options.init else min(PLAIN_STEPS, options.steps // 4)

    def batch(count):
        chosen = rng.integers(len(images), size=count)
        return images[chosen].to(precision.DEVICE).float() / 127.5 - 1

    for step in range(options.steps):
        if step == plain_steps and not options.init:
            training.begin(batch(64))
        rate = min(1, (step + 1) / 40, (options.steps - step) / options.steps * 2)
        optimiser.param_groups[0]["lr"] = options.lr * rate
        with precision.mixed():
            loss = training.loss(batch(options.batch), step < plain_steps)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        log.add(tokens=options.batch * options.side**2, loss=loss.item())
        if (step + 1) % 50 == 0 or step + 1 == options.steps:
            psnr, used = training.psnr(batch(64))
            log.write_means(step=step + 1, psnr=psnr, codes=used)
    vq.quantize.embedding.weight.data.copy_(training.codebook.codes)


def main():
    options = parse()
    torch.manual_seed(options.seed)
    folder = CaptionFolder(options.data)
    tokenizer = text_tokenizer(folder.captions)
    model = new_model(options, tokenizer)
    vq = model.model.vqmodel
    if options.init:
        vq.load_state_dict(
            JanusForConditionalGeneration.from_pretrained(options.init).model.vqmodel.state_dict()
        )
    else:
        # The class is made to be loaded, not trained: its own small initial values learn slowly.
        for module in vq.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.reset_parameters()
    count = sum(p.numel() for p in model.model.language_model.parameters())
    print(f"{count / 1e6:.2f} M parameters in the language model", flush=True)
    images = torch.from_numpy(folder.pixels(range(len(folder)), options.side * 4))
    with FolderWriter(options.out) as writer:
        log = RunLog(writer.folder / "image_tokenizer.jsonl")
        train_image_tokenizer(model, images, options, log)
        model.float().cpu().save_pretrained(writer.folder)
        tokenizer.save(str(writer.folder / "tokenizer.json"))
        writer.finish()


if __name__ == "__main__":
    main()
