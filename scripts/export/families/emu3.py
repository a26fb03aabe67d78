"""Emu3's generating model: Emu3ForConditionalGeneration.

A Llama whose vocabulary ends in 32768 image tokens; the head has those only. Behind the last image token
of every row stands a token for its end. Template, negative prompt and sampler are those of
image_generation.py in baaivision/Emu3.
"""

from torch import nn
from transformers import Emu3Config
from transformers.models.emu3.modeling_emu3 import (
    Emu3ImageVocabularyMapping,
    Emu3RotaryEmbedding,
    Emu3VQVAE,
)

from families import llama
from families.family import Family, check_template, image_ids, image_side, require_tokens
from llama_graph import Weights

BOS, BOI, IMAGE, LINE = "<|extra_203|>", "<|image start|>", "<|image token|>", "<|extra_200|>"
POSITIVE = " masterpiece, film grained, best quality."
NEGATIVE = (
    "lowres, bad anatomy, bad hands, text, error, missing fingers, extra digit, fewer digits, cropped, worst "
    "quality, low quality, normal quality, jpeg artifacts, signature, watermark, username, blurry."
)


class Pixels(nn.Module):
    """The first of the frames that the class decodes and throws the others of away; only this one goes
    through the picture's part of the network."""

    def __init__(self, vq, rows, columns):
        super().__init__()
        self.vq, self.rows, self.columns = vq, rows, columns

    def forward(self, tokens):
        codes = self.vq.quantize.embedding(tokens).unflatten(1, (1, self.rows, self.columns))
        codes = codes.permute(0, 4, 1, 2, 3)
        decoder = self.vq.decoder
        h, codes = self.first_frame(self.vq.post_quant_conv(codes)), self.first_frame(codes)
        h = decoder.up_block(decoder.middle_block(decoder.conv_in(h), codes), codes)
        image = decoder.conv_out(nn.functional.silu(decoder.norm_out(h, codes)))
        return image.clamp(-1, 1)

    def first_frame(self, x):
        for layer in self.vq.decoder.time_res_stack:
            x = layer(x)
        for layer in self.vq.decoder.time_conv:
            x = nn.functional.silu(layer(x))
        return x[:, :, 0]


class Emu3(Family):
    name = "emu3"
    model_types = ("emu3",)
    license = "Apache-2.0"
    sampler = {"guidance": 3, "temperature": 1, "topK": 2048, "topP": 1}
    side = 720  # pixels

    def __init__(self, folder, checkpoint, options):
        self.folder, self.checkpoint = folder, checkpoint
        self.config = Emu3Config.from_pretrained(folder)
        self.text, self.vq = self.config.text_config, self.config.vq_config
        token = 2 ** (len(self.vq.channel_multiplier) - 1)
        self.side = image_side(options, self.side, token)
        self.rows = self.side // token
        self.max_length = options.prompt_length + self.rows * (self.rows + 1) - 1
        require_tokens(self.tokenizer(), [BOS, BOI, IMAGE, LINE])
        codes = Emu3ImageVocabularyMapping(self.config.vocabulary_map or {}).img2bpe
        self.vocabulary = self.vq.codebook_size
        self.ids = image_ids(codes, self.vocabulary, "<|visual token ..|>")
        # Checkpoints as transformers 4 wrote them have other names.
        old = checkpoint.has("text_model.lm_head.weight")
        self.language = "text_model.model" if old else "model.text_model"
        self.embedding = f"{self.language}.embed_tokens.weight"
        self.lm_head = "text_model.lm_head.weight" if old else "lm_head.weight"
        self.pixels = "vqmodel." if old else "model.vqmodel."

    def architecture(self):
        llama.check(self.text)
        return llama.architecture(self.text, self.vocabulary, self.max_length, logits="rows")

    def weights(self):
        head = self.embedding if self.config.tie_word_embeddings else self.lm_head
        cos, sin = llama.rotary(Emu3RotaryEmbedding(self.text), self.max_length)
        return Weights(
            layers=llama.layers(self.checkpoint, self.language, self.text.num_hidden_layers),
            norm=lambda: self.checkpoint.read(f"{self.language}.norm.weight"),
            head=llama.picked_head(self.checkpoint, head, self.ids, self.text.hidden_size),
            cos=cos,
            sin=sin,
        )

    def sequence(self):
        return {"rowEnd": [LINE]}

    def prompt(self):
        size = f"{BOI}{self.rows}*{self.rows}{IMAGE}"
        template = check_template(self.tokenizer(), f"{BOS}{{prompt}}{POSITIVE}{size}")
        return {
            "kind": "template",
            "template": template,
            "unconditional": {"kind": "text", "text": f"{BOS}{NEGATIVE}{size}"},
        }

    def tables(self):
        return llama.shared_tables(self.checkpoint, self.embedding, self.ids)

    def image_decoder(self):
        model = self.checkpoint.load(Emu3VQVAE(self.vq), self.pixels)
        return Pixels(model, self.rows, self.rows).eval()
