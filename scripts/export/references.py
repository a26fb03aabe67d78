"""What each family's public class computes, for check_models.py: the other side of parity."""

import numpy as np
import torch
from transformers import (
    AutoTokenizer,
    GlmImageImageProcessorPil,
    GlmImageProcessor,
    JanusVQVAEConfig,
    PreTrainedTokenizerFast,
)
from transformers.models.janus.modeling_janus import JanusVQVAE, JanusVQVAEDecoder


class Janus:
    """transformers' JanusForConditionalGeneration; the prompt as generation_inference.py of
    deepseek-ai/Janus makes it."""

    def __init__(self, folder, model):
        self.model = model
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))

    def prompts(self, text):
        filled = f"<|User|>: {text}\n\n<|Assistant|>:<begin_of_image>"
        ids = self.tokenizer(filled).input_ids
        pad = self.tokenizer.convert_tokens_to_ids("<｜▁pad▁｜>")
        return ids, [ids[0], *[pad] * (len(ids) - 2), ids[-1]]

    def logits(self, prompts, tokens):
        prompt = self.model.get_input_embeddings()(torch.tensor(np.array(prompts)))
        image = self.model.prepare_embeddings_for_image_generation(torch.tensor([tokens[:-1]]))
        embeds = torch.cat([prompt, image.expand(len(prompts), -1, -1)], 1)
        hidden = self.model.model.language_model(inputs_embeds=embeds).last_hidden_state
        return self.model.model.generation_head(hidden[:, prompt.shape[1] - 1 :]).numpy()

    def greedy(self, text, guidance):
        ids = torch.tensor([self.prompts(text)[0]])
        tokens = self.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            generation_mode="image",
            guidance_scale=guidance,
            do_sample=False,
            max_length=1024,
        )
        return tokens[0].tolist()

    def pixels(self, tokens):
        return self.model.decode_image_tokens(torch.tensor([tokens]))[0].permute(2, 0, 1).numpy()


class Unmasked:
    """A class whose head knows all tokens, of which only the image's are drawn: `ids` has them in the order
    of the package. Greedy decoding is the class's steps, one after the other."""

    row_end = []

    def __init__(self, folder, model, ids, side):
        self.model, self.ids, self.side = model, ids, side
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))

    def encode(self, text):
        return self.tokenizer(text, add_special_tokens=False).input_ids

    def law(self, sequence):
        """Logits of the image tokens behind every position of one sequence."""
        hidden = self.language(torch.tensor([sequence])).last_hidden_state[0]
        return hidden @ self.model.lm_head.weight[self.ids].T

    def behind(self, prompt, tokens):
        """A prompt, image tokens and what stands between them; and where each token was drawn."""
        sequence, drawn = list(prompt), []
        for position, token in enumerate(tokens):
            drawn.append(len(sequence) - 1)
            sequence.append(self.ids[token])
            if (position + 1) % self.side == 0:
                sequence += self.row_end
        return sequence, drawn

    def logits(self, prompts, tokens):
        rows = []
        for prompt in prompts:
            sequence, drawn = self.behind(prompt, tokens)
            rows.append(self.law(sequence)[drawn].numpy())
        return np.stack(rows)

    def greedy(self, text, guidance):
        prompts, tokens = self.prompts(text), []
        for _ in range(self.side**2):
            # Behind the sequence as it stands, with the end of a row where one is due.
            conditional, unconditional = (
                self.law(self.behind(prompt, tokens)[0])[-1] for prompt in prompts
            )
            law = unconditional + guidance * (conditional - unconditional)
            tokens.append(int(law.argmax()))
        return tokens


class Chameleon(Unmasked):
    """transformers' ChameleonForConditionalGeneration without its mask on image tokens. Its pictures are
    drawn by JanusVQVAEDecoder, the same network from other code, with attention in the middle only."""

    def __init__(self, folder, model):
        mapping = model.model.vocabulary_mapping.img2bpe
        side = model.config.vq_config.resolution // 2
        super().__init__(folder, model, [mapping[code] for code in range(len(mapping))], side)
        self.row_end = self.encode(self.line)
        self.vqgan = torch.load(folder / "vqgan.ckpt")["state_dict"]

    line = ""

    def language(self, ids):
        return self.model.model(ids)

    def pixels(self, tokens):
        vq = self.model.config.vq_config
        config = JanusVQVAEConfig(
            latent_channels=vq.latent_channels,
            base_channels=vq.base_channels,
            channel_multiplier=list(vq.channel_multiplier),
            num_res_blocks=vq.num_res_blocks,
        )
        decoder = JanusVQVAEDecoder(config)
        for up in decoder.up:
            up.attn = torch.nn.ModuleList()
        decoder.up = torch.nn.ModuleList(reversed(decoder.up))
        state = {
            name.removeprefix("decoder."): value
            for name, value in self.vqgan.items()
            if name.startswith("decoder.")
        }
        decoder.load_state_dict(state)
        decoder.up = torch.nn.ModuleList(reversed(decoder.up))
        codes = self.vqgan["quantize.embedding.weight"][torch.tensor(tokens)]
        picture = codes.T.reshape(1, -1, self.side, self.side)
        weight, bias = (self.vqgan[f"post_quant_conv.{part}"] for part in ("weight", "bias"))
        return decoder.eval()(torch.nn.functional.conv2d(picture, weight, bias))[0].numpy()


class Lumina(Chameleon):
    """The prompts of FlexARInferenceSolver."""

    line = "<reserved08799>"

    def prompts(self, text):
        side = self.side * 2
        words = f"Generate an image of {side}x{side} according to the following prompt:\n{text}"
        size = f"<reserved{8800 + self.side // 2:05d}>"
        picture = self.encode(f"<racm3:break>{size}{size}")
        return self.encode(f"<s>{words}<reserved08706>") + picture, picture


class Anole(Chameleon):
    """The prompts of ImageDecoder."""

    def prompts(self, text):
        return self.encode(f"<s>{text}<reserved08706><racm3:break>"), self.encode(
            "<s><racm3:break>"
        )


class Emu3(Unmasked):
    """transformers' Emu3ForConditionalGeneration; prompts as image_generation.py of baaivision/Emu3 makes
    them. Greedy tokens are those of `generate` with its own guidance and the authors' allowed tokens."""

    def __init__(self, folder, model):
        mapping = model.vocabulary_mapping
        ids = [mapping.img2bpe[code] for code in range(len(mapping.img2bpe))]
        super().__init__(folder, model, ids, 6)
        self.row_end = [mapping.eol_token_id]
        ends = ("<|extra_201|>", "<|image end|>", "<|extra_204|>")
        self.ends = [self.tokenizer.convert_tokens_to_ids(token) for token in ends]

    def language(self, ids):
        return self.model.model.text_model(ids)

    def prompts(self, text):
        size = f"<|image start|>{self.side}*{self.side}<|image token|>"
        positive = f"<|extra_203|>{text} masterpiece, film grained, best quality.{size}"
        negative = (
            "lowres, bad anatomy, bad hands, text, error, missing fingers, extra digit, fewer digits, "
            "cropped, worst quality, low quality, normal quality, jpeg artifacts, signature, watermark, "
            "username, blurry."
        )
        return self.encode(positive), self.encode(f"<|extra_203|>{negative}{size}")

    def greedy(self, text, guidance):
        prompt, negative = (torch.tensor([ids]) for ids in self.prompts(text))
        length = self.side * (self.side + 1)

        def allowed(_, ids):
            drawn = len(ids) - prompt.shape[1]
            if drawn >= length:
                return [self.ends[drawn - length]]
            return self.row_end if drawn % (self.side + 1) == self.side else self.ids

        found = self.model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            negative_prompt_ids=negative,
            guidance_scale=guidance,
            prefix_allowed_tokens_fn=allowed,
            do_sample=False,
            max_new_tokens=length + len(self.ends),
        )
        drawn = found[0, prompt.shape[1] :].tolist()
        return [self.ids.index(id) for id in drawn if id in self.ids]

    def pixels(self, tokens):
        sequence = self.behind([], tokens)[0] + self.ends
        side = self.side
        return self.model.decode_image_tokens(
            image_tokens=torch.tensor([sequence]), height=side, width=side
        )[0].numpy()


class LlamaGen:
    """llamagen_model.py, with prompts padded as sample_t2i.py pads them; pictures by JanusVQVAE, the same
    image tokenizer from other code."""

    example = np.random.default_rng(5).standard_normal((7, 16)).astype(np.float32)

    def __init__(self, folder, model):
        self.model = model
        self.images = torch.load(folder / "vq.pt")["model"]

    def prompts(self, features):
        captions = self.model.cls_embedding
        given = torch.from_numpy(features), captions.uncond_embedding[-len(features) :]
        return [captions.cap_proj(rows).numpy() for rows in given]

    def logits(self, prompts, tokens):
        return self.laws(self.example, tokens[:-1]).numpy()

    def laws(self, features, tokens):
        valid, captions = len(features), self.model.cls_embedding
        padding = torch.zeros(self.model.prompt - valid, features.shape[1])
        conditional = torch.cat([padding, torch.from_numpy(features)])
        both = torch.stack([conditional, captions.uncond_embedding])
        return self.model((both, valid), torch.tensor([tokens] * 2, dtype=torch.int64))

    def greedy(self, features, guidance):
        tokens = []
        for _ in range(self.model.side**2):
            conditional, unconditional = self.laws(features, tokens)[:, -1]
            law = unconditional + guidance * (conditional - unconditional)
            tokens.append(int(law.argmax()))
        return tokens

    def pixels(self, tokens):
        config = JanusVQVAEConfig(
            num_embeddings=64,
            embed_dim=8,
            latent_channels=8,
            base_channels=32,
            channel_multiplier=[1, 1],
            num_res_blocks=1,
        )
        model = JanusVQVAE(config).eval()
        middle = {"0": "block_1", "1": "attn_1", "2": "block_2"}

        def name(theirs):
            for half, levels in (("encoder", "down"), ("decoder", "up")):
                theirs = theirs.replace(f"{half}.conv_blocks", f"{half}.{levels}")
            parts = theirs.replace(".res.", ".block.").split(".")
            if parts[1:2] == ["mid"]:
                parts[2] = middle[parts[2]]
            return ".".join(parts)

        model.load_state_dict({name(key): value for key, value in self.images.items()})
        side = self.model.side
        codes = torch.nn.functional.normalize(model.quantize.embedding.weight, dim=-1)
        codes = codes[torch.tensor(tokens)].T.reshape(1, -1, side, side)
        return model.decoder(model.post_quant_conv(codes))[0].numpy()


class GlmImage:
    """transformers' GlmImageForConditionalGeneration; prompts and grids by its own processor, as
    GlmImagePipeline of diffusers asks for them, positions by the class. Greedy tokens are those of
    `generate`, which may draw image tokens and in the end the end token."""

    width, height = 128, 192  # pixels

    def __init__(self, folder, model):
        self.model = model
        tokenizer = AutoTokenizer.from_pretrained(folder / "processor")
        template = (folder / "processor" / "chat_template.jinja").read_text()
        images = GlmImageImageProcessorPil()
        self.processor = GlmImageProcessor(images, tokenizer, chat_template=template)
        self.vocabulary = model.config.vq_config.num_embeddings

    def inputs(self, text):
        message = {"role": "user", "content": [{"type": "text", "text": text}]}
        return self.processor.apply_chat_template(
            [message],
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"target_h": self.height, "target_w": self.width},
        )

    def prompts(self, text):
        self.grids = self.inputs(text)["image_grid_thw"]
        return [self.inputs(words)["input_ids"][0].tolist() for words in (text, "")]

    def logits(self, prompts, tokens):
        rows = []
        for prompt in prompts:
            ids = torch.tensor([prompt])
            first = self.model(ids, image_grid_thw=self.grids, use_cache=True)
            others = self.model(
                torch.tensor([tokens[:-1]]), past_key_values=first.past_key_values, use_cache=True
            )
            logits = torch.cat([first.logits[0, -1:], others.logits[0]])
            rows.append(logits[:, : self.vocabulary].numpy())
        return np.stack(rows)

    def greedy(self, text, guidance):
        assert guidance == 1, "the authors draw without"
        inputs = self.inputs(text)
        length = inputs["image_grid_thw"].prod(-1).sum().item()
        begin = inputs["input_ids"].shape[1]
        image, end = list(range(self.vocabulary)), [self.model.config.image_end_token_id]
        found = self.model.generate(
            **inputs,
            prefix_allowed_tokens_fn=lambda _, ids: image if len(ids) - begin < length else end,
            do_sample=False,
            max_new_tokens=length + 1,
        )
        drawn = found[0, begin:].tolist()
        assert drawn[length:] == end
        return drawn[:length]

    def pixels(self, tokens):
        """A diffusion model makes them, which is no part of the class."""
        return None


REFERENCES = {
    "janus": Janus,
    "lumina-mgpt": Lumina,
    "anole": Anole,
    "emu3": Emu3,
    "llamagen": LlamaGen,
    "glm-image": GlmImage,
}
