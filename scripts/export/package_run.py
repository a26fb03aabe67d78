"""A package of version 2 run as docs/model-package.md says, in Python: prompts, sequence, passes.

Not fast and not speculative: what the exporters are checked with, and the format's second reader.
"""

import json

import numpy as np
from tokenizers import Tokenizer

from onnx_decoder import OnnxDecoder, session
from prompt_template import PromptTemplate


class Package:
    def __init__(self, folder, kind="decoder"):
        self.folder, self.kind = folder, kind
        self.manifest = json.loads((folder / "model.json").read_text(encoding="utf8"))
        self.prompt = self.manifest["prompt"]
        if self.prompt["kind"] == "template":
            self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self.template = PromptTemplate(self.prompt, self.tokenizer)
        self.decoders = {}
        image = self.manifest["image"]
        sequence = self.manifest.get("sequence", {})
        self.sketch = sequence.get("sketch", {"rows": 0, "columns": 1})
        self.columns = image["columns"]
        self.behind_sketch = self.sketch["rows"] * self.sketch["columns"]
        self.length = self.behind_sketch + image["rows"] * image["columns"]
        row_end = sequence.get("rowEnd", [])
        self.row_end = [self.tokenizer.token_to_id(token) for token in row_end]

    def decoder(self, rows):
        if rows not in self.decoders:
            self.decoders[rows] = OnnxDecoder(self.folder, rows, self.kind)
        return self.decoders[rows]

    def prompts(self, prompt):
        """Ids of the conditional and of the unconditional row; lengths may differ. Of embeddings, their
        input rows."""
        if self.prompt["kind"] == "template":
            ids = self.template.ids(prompt)
            return ids, self.template.unconditional(ids)
        encoder = session(self.folder / self.manifest["files"]["promptEncoder"]["path"])
        rows = encoder.run(None, {"embeddings": prompt[None]})[0][0]
        return rows, self.decoder(2).tables["unconditional_embedding"][-len(rows) :]

    def rows(self, prompt):
        if self.prompt["kind"] == "embeddings":
            return prompt
        return self.decoder(2).tables["text_embedding"][prompt]

    def inputs_before(self, position):
        """Input rows between the prompt and the row whose output is the law of an image position + 1:
        image tokens before `position`, and what stands at the ends of their rows."""
        return position + self.ended(position) * len(self.row_end)

    def ended(self, position):
        """Rows of the sketch and of the picture that end before a position."""
        if position < self.behind_sketch:
            return position // self.sketch["columns"]
        return self.sketch["rows"] + (position - self.behind_sketch) // self.columns

    def inputs(self, tables, tokens, first):
        """Input rows of image tokens `first` .. and which of them have laws of image positions."""
        rows, laws = [], []
        for position, token in enumerate(tokens, first):
            rows.append(tables["image_embedding"][token])
            if self.ended(position + 1) > self.ended(position):
                rows += [tables["text_embedding"][id] for id in self.row_end]
            laws.append(len(rows) - 1)
        return np.array(rows, np.float32), laws

    def begin(self, prompts):
        """Feed the prompts; the law of image position 0, [R, 1, V].

        Rows are aligned at their ends. What a longer one has more goes first, while the others' caches
        get rows that the next pass overwrites.
        """
        prompts = [self.rows(prompt) for prompt in prompts]
        self.pasts = np.array([len(prompt) for prompt in prompts])
        # Where the rotary table is read: as if every prompt had been padded to the full length.
        self.offsets = self.prompt.get("length", 0) - self.pasts
        shortest, longest = self.pasts.min(), self.pasts.max()
        if longest > shortest:
            width = self.manifest["hiddenSize"]
            rows = np.zeros((len(prompts), longest - shortest, width), np.float32)
            for row, prompt in enumerate(prompts):
                extra = prompt[: len(prompt) - shortest]
                rows[row, : len(extra)] = extra
            # What the others read may lie anywhere in the rotary table, but not behind its end.
            self.run(rows, [0] * len(prompts), offsets=[self.offsets.min()] * len(prompts))
        rows = np.stack([prompt[len(prompt) - shortest :] for prompt in prompts])
        return self.run(rows, self.pasts - shortest, shortest - 1)

    def run(self, embeds, pasts, logits=0, offsets=None):
        decoder = self.decoder(len(embeds))
        offsets = self.offsets if offsets is None else offsets
        return decoder.run(np.asarray(embeds, np.float32), pasts, logits, offsets)

    def feed(self, tokens, first):
        """Feed image tokens at positions `first` ..; the laws of the positions after each, [R, n, V]."""
        decoder = self.decoder(len(self.pasts))
        rows, laws = self.inputs(decoder.tables, tokens, first)
        past = self.pasts + self.inputs_before(first)
        embeds = np.repeat(rows[None], len(self.pasts), 0)
        return self.run(embeds, past, laws if "logit_rows" in decoder.types else 0)

    def greedy(self, prompt, guidance):
        """Tokens and at each step the margin between the best and the second guided logit."""
        prompts = self.prompts(prompt)
        logits = self.begin(prompts if guidance != 1 else prompts[:1])
        tokens, margins = [], []
        for position in range(self.length):
            law = logits[:, -1].astype(np.float32)
            law = law[1] + guidance * (law[0] - law[1]) if guidance != 1 else law[0]
            best = np.partition(law, -2)[-2:]
            margins.append(float(best[1] - best[0]))
            tokens.append(int(law.argmax()))
            if position + 1 < self.length:
                logits = self.feed(tokens[-1:], position)
        return tokens, margins

    def pixels(self, tokens):
        decoder = session(self.folder / self.manifest["files"]["imageDecoder"]["path"])
        return decoder.run(None, {"tokens": np.array([tokens], np.int64)})[0][0]
