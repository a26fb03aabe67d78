"""The autoregressive stage of GLM-Image: GlmImageForConditionalGeneration, text to image, tokens out.

A GLM-4 (norms around its blocks, half of a head rotated) whose first ids are the image tokens. It draws a
sketch of about 256 tokens and then the picture, a token for 32 x 32 pixels; a diffusion stage that is not
here makes pixels of the picture's tokens. The end token behind them is never drawn: nothing reads it, and
where it would stand is known. Prompts are those of GlmImageProcessor, the sampler the checkpoint's own
(generation_config.json), without guidance, as GlmImagePipeline of diffusers draws.

Positions have three axes: a prompt's token has one number on all of them; a grid's tokens have where the
grid begins, and their row and column from there on; the next grid begins behind its longer side. Only
differences matter to attention, so every image may begin at the same row of the rotary table: that of the
longest prompt.
"""

import math

import torch
from transformers import GlmImageConfig
from transformers.models.glm_image.modeling_glm_image import GlmImageTextRotaryEmbedding

from families import llama
from families.chat_template import chat
from families.family import (
    Family,
    check_template,
    read_tokenizer,
    require_tokens,
    special_prefix,
    whole_tokens,
)
from json_file import read_if_there, read_object
from llama_graph import Weights

PIXELS = 32  # of a token's side
SKETCH = 16  # tokens of a square picture's sketch on a side, whatever the picture's size
TEXT = "model.language_model"
DECODER = (
    "GLM-Image's diffusion stage: the last rows x columns of them, each twice along rows and columns, as "
    "prior_token_ids of diffusers' GlmImagePipeline"
)


def grid_positions(first, rows, columns):
    """[3, rows * columns]: of an image whose grid begins at `first`."""
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return first + torch.stack([torch.zeros_like(row), row, column]).flatten(1)


def positions(prompt, grids):
    """[3, prompt + tokens]: a prompt of that many tokens, and grids of rows and columns behind it."""
    parts, first = [torch.arange(prompt).expand(3, -1)], prompt
    for rows, columns in grids:
        parts.append(grid_positions(first, rows, columns))
        first += max(rows, columns)
    return torch.cat(parts, 1)


def sketch_of(rows, columns):
    """The rows and columns of a picture's sketch, as GlmImageProcessor rounds them."""
    ratio = rows / columns
    sketch = int(math.sqrt(ratio) * SKETCH), int(math.sqrt(1 / ratio) * SKETCH)
    if min(sketch) < 1:
        raise SystemExit(f"--image-size: expected sides that differ less than by {SKETCH**2} times")
    return sketch


@torch.no_grad()
def rotary(embedding, places):
    """cos and sin [positions, rotated elements / 2] of [3, positions] places."""
    # In fp64: a table's rows lie further on than the same places do in the class.
    angles = places[:, :, None].double() * embedding.inv_freq.double()
    angles = embedding.recomposition_frequencies(angles)
    angles = angles[:, : angles.shape[-1] // 2]
    return [
        (part * embedding.attention_scaling).float().numpy()
        for part in (angles.cos(), angles.sin())
    ]


class GlmImage(Family):
    name = "glm-image"
    model_types = ("glm_image",)
    license = "MIT"
    sampler = {"guidance": 1, "temperature": 0.9, "topK": 0, "topP": 0.75}
    side = 1024  # pixels of a picture that is a square

    def __init__(self, folder, checkpoint, options):
        self.folder, self.checkpoint = folder, checkpoint
        self.config = GlmImageConfig.from_pretrained(folder)
        self.text = self.config.text_config
        self.check_config()
        size = self.side if options.image_size is None else options.image_size
        width, height = size if isinstance(size, tuple) else (size, size)
        self.picture = tuple(whole_tokens(side, PIXELS) // PIXELS for side in (height, width))
        self.sketch = sketch_of(*self.picture)
        self.prompts = options.prompt_length
        self.max_length = self.prompts + math.prod(self.sketch) + math.prod(self.picture)
        self.sampler = {**self.sampler, **self.authors_sampler()}
        self.begin = self.begin_token()
        require_tokens(self.tokenizer(), [*self.grid_tokens(), self.begin])

    def check_config(self):
        text, rope = self.text, self.text.rope_parameters
        self.vocabulary = self.config.vq_config.num_embeddings
        head = llama.head_size(text)
        rotated = int(head * rope.get("partial_rotary_factor", 1))
        self.rotated = None if rotated == head else rotated
        sections = rope.get("mrope_section", [8, 12, 12])
        for holds, field, expected, found in (
            (text.hidden_act == "silu", "hidden_act", "silu", text.hidden_act),
            (
                sum(sections) * 2 == rotated,
                "rope_parameters.mrope_section",
                f"{rotated // 2} in all, half of what is rotated of a head",
                sections,
            ),
            (
                self.vocabulary <= text.vision_vocab_size,
                "vision_vocab_size",
                f"at least {self.vocabulary}, the image tokens of vq_config",
                text.vision_vocab_size,
            ),
        ):
            if not holds:
                raise SystemExit(
                    f"config.json: text_config.{field}: expected {expected}, but found {found}"
                )

    def authors_sampler(self):
        """What transformers' `generate` makes of the checkpoint's generation_config.json."""
        file = self.folder / "generation_config.json"
        if not file.exists():
            return {}
        given, sampler = read_object(file), {}
        for name, ours, usual, kinds, least, most in (
            ("temperature", "temperature", 1, (int, float), 0, 100),
            ("top_k", "topK", 50, (int,), 0, 2**24),
            ("top_p", "topP", 1, (int, float), 1e-6, 1),
        ):
            value = usual if given.get(name) is None else given[name]
            if type(value) not in kinds or not least <= value <= most:
                raise SystemExit(
                    f"{file}: {name}: expected {kinds[-1].__name__} from {least} to {most}, but found {value!r}"
                )
            sampler[ours] = value
        return sampler

    def architecture(self):
        return llama.architecture(
            self.text,
            self.vocabulary,
            self.max_length,
            rope="offset",
            rotated=self.rotated,
        )

    def layers(self):
        text = self.text
        made = llama.layers(
            self.checkpoint, TEXT, text.num_hidden_layers, biases=text.attention_bias
        )
        for index, layer in enumerate(made):

            def one(part, name=f"{TEXT}.layers.{index}"):
                return lambda: self.checkpoint.read(f"{name}.{part}.weight")

            layer["gate_up"] = one("mlp.gate_up_proj")
            layer["attention_added_norm"] = one("post_self_attn_layernorm")
            layer["feed_forward_added_norm"] = one("post_mlp_layernorm")
        return made

    def weights(self):
        places = positions(self.prompts, [self.sketch, self.picture])
        cos, sin = rotary(GlmImageTextRotaryEmbedding(self.text), places)
        return Weights(
            layers=self.layers(),
            norm=lambda: self.checkpoint.read(f"{TEXT}.norm.weight"),
            head=llama.picked_head(
                self.checkpoint, "lm_head.weight", range(self.vocabulary), self.text.hidden_size
            ),
            cos=cos,
            sin=sin,
        )

    def image(self):
        rows, columns = self.picture
        return {
            "vocabulary": self.vocabulary,
            "rows": rows,
            "columns": columns,
            "width": columns * PIXELS,
            "height": rows * PIXELS,
            "decodedBy": DECODER,
        }

    def sequence(self):
        rows, columns = self.sketch
        return {"sketch": {"rows": rows, "columns": columns}}

    def tokenizer(self):
        """Beside the weights, or in the pipeline's `processor`."""
        return self.beside("tokenizer.json")

    def beside(self, name):
        other = self.folder.parent / "processor" / name
        return self.folder / name if (self.folder / name).exists() or not other.exists() else other

    def begin_token(self):
        id = self.config.image_start_token_id
        token = read_tokenizer(self.tokenizer()).id_to_token(id)
        if token is None:
            raise SystemExit(
                f"{self.tokenizer()}: expected a token {id}, which begins an image, found none"
            )
        return token

    def grid_tokens(self):
        """Around the size of a grid."""
        file = self.beside("tokenizer_config.json")
        given, tokens = read_if_there(file), []
        for name, usual in (("grid_bos_token", "<sop>"), ("grid_eos_token", "<eop>")):
            token = given.get(name, usual)
            token = token.get("content") if isinstance(token, dict) else token
            if not isinstance(token, str):
                raise SystemExit(f"{file}: {name}: expected a token, but found {token!r}")
            tokens.append(token)
        return tokens

    def prompt(self):
        path = self.tokenizer()
        begin, end = self.grid_tokens()
        grids = [f"{begin}{rows} {columns}{end}" for rows, columns in (self.picture, self.sketch)]
        frame = "".join(grids) + self.begin
        words = chat([self.folder, path.parent], default="{prompt}", answering=False)
        prefix = special_prefix(path)
        return {
            "kind": "template",
            "length": self.prompts,
            "template": check_template(path, prefix + words + frame),
            # The authors draw without guidance; who asks for it leads away from no words.
            "unconditional": {"kind": "text", "text": prefix + frame},
        }

    def tables(self):
        name = f"{TEXT}.embed_tokens.weight"
        return llama.shared_tables(self.checkpoint, name, range(self.vocabulary))

    def image_decoder(self):
        return None
