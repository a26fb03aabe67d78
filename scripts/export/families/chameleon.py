"""Chameleon classes (ChameleonForConditionalGeneration) that draw: Lumina-mGPT and Anole.

A Llama with normed queries and keys whose vocabulary holds the image tokens; the package's are those of
the codebook, in its order, so the head has 8192 rows. The class can not decode pictures: the decoder
comes from the checkpoint where it is there (model.vqmodel.decoder), else from Meta's vqgan.ckpt.
"""

from transformers import ChameleonConfig
from transformers.models.chameleon.modeling_chameleon import (
    ChameleonImageVocabularyMapping,
    ChameleonRotaryEmbedding,
)

from families import llama
from families.family import Family, check_template, image_ids, image_side, require_tokens
from families.vqgan import Vqgan
from llama_graph import Weights
from published_weights import Checkpoint

BOS, BOI, TURN = "<s>", "<racm3:break>", "<reserved08706>"
LINE = "<reserved08799>"
GRID = 2  # image tokens on a side of what Lumina's size tokens count


class Chameleon(Family):
    model_types = ("chameleon",)
    license = "Chameleon Research License"
    side = 512  # pixels
    row_end = ()  # tokens behind every row of the picture

    def __init__(self, folder, checkpoint, options):
        self.folder, self.checkpoint = folder, checkpoint
        self.config = ChameleonConfig.from_pretrained(folder)
        self.tokenizer_file = options.image_tokenizer
        token = 2 ** (len(self.config.vq_config.channel_multiplier) - 1)
        self.side = image_side(options, self.side, GRID * token)
        self.rows = self.side // token
        self.max_length = options.prompt_length + self.inputs()
        require_tokens(self.tokenizer(), [BOS, BOI, TURN, *self.row_end])
        codes = ChameleonImageVocabularyMapping(self.config.vocabulary_map or {}).img2bpe
        self.vocabulary = self.config.vq_config.num_embeddings
        self.ids = image_ids(codes, self.vocabulary, "IMGIMG..")

    def inputs(self):
        return self.rows**2 + (self.rows - 1) * len(self.row_end)

    def architecture(self):
        c = self.config
        llama.check(c)
        return llama.architecture(
            c,
            self.vocabulary,
            self.max_length,
            qk_norm="layer",
            norm_after=bool(c.swin_norm),
            logits="rows" if self.row_end else "first",
        )

    def weights(self):
        c = self.config
        head = "model.embed_tokens.weight" if c.tie_word_embeddings else "lm_head.weight"
        cos, sin = llama.rotary(ChameleonRotaryEmbedding(c), self.max_length)
        return Weights(
            layers=llama.layers(
                self.checkpoint,
                "model",
                c.num_hidden_layers,
                head_norms=True,
            ),
            norm=lambda: self.checkpoint.read("model.norm.weight"),
            head=llama.picked_head(self.checkpoint, head, self.ids, c.hidden_size),
            cos=cos,
            sin=sin,
        )

    def tables(self):
        return llama.shared_tables(self.checkpoint, "model.embed_tokens.weight", self.ids)

    def image_decoder(self):
        prefix = "model.vqmodel."
        source = self.checkpoint
        if not source.has(f"{prefix}decoder.conv_in.weight"):
            source, prefix = Checkpoint(self.vqgan_file()), ""
        return source.load(Vqgan(self.config.vq_config, self.rows, self.rows), prefix)

    def vqgan_file(self):
        for path in (self.tokenizer_file, self.folder / "vqgan.ckpt"):
            if path and path.is_file():
                return path
        raise SystemExit(
            f"{self.folder}: its weights decode no pictures: expected Meta's tokenizer/vqgan.ckpt of Chameleon "
            "beside them, or under --image-tokenizer"
        )


class Lumina(Chameleon):
    """FlexARInferenceSolver of Alpha-VLLM/Lumina-mGPT: size tokens after the start token, one for the end
    of every row; the unconditional prompt is the image part alone. What its model is free to write before
    the picture (nothing, as trained) is left out."""

    name = "lumina-mgpt"
    sampler = {"guidance": 4, "temperature": 1, "topK": 2000, "topP": 1}
    side = 768
    row_end = (LINE,)

    @classmethod
    def knows(cls, config):
        # The authors' own class, a Chameleon without the mask on image tokens.
        return super().knows(config) and any("XLLMX" in name for name in config["architectures"])

    def sequence(self):
        return {"rowEnd": list(self.row_end)}

    def prompt(self):
        size = f"<reserved{8800 + self.rows // GRID:05d}>"
        require_tokens(self.tokenizer(), [size])
        words = f"Generate an image of {self.side}x{self.side} according to the following prompt:\n{{prompt}}"
        template = f"{BOS}{words}{TURN}{BOI}{size}{size}"
        return {
            "kind": "template",
            "template": check_template(self.tokenizer(), template),
            "unconditional": {"kind": "tail", "length": 3},
        }


class Anole(Chameleon):
    """ImageDecoder of GAIR-NLP/anole: 32 x 32 tokens behind the start token. For words alone its two scales
    of guidance are one, the text's."""

    name = "anole"
    sampler = {"guidance": 3, "temperature": 0.7, "topK": 0, "topP": 0.9}

    def prompt(self):
        template = f"{BOS}{{prompt}}{TURN}{BOI}"
        return {
            "kind": "template",
            "template": check_template(self.tokenizer(), template),
            "unconditional": {"kind": "text", "text": BOS + BOI},
        }
