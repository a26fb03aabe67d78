"""What export.py asks of a family."""

import re
from abc import ABC, abstractmethod

from tokenizers import Tokenizer

ROWS = 4096  # rows of a table that are in memory at a time
LARGEST_SIDE = 2**14  # pixels that a package's picture may have on a side


class Family(ABC):
    """One checkpoint of a family. `options` are export.py's."""

    name = ""
    model_types = ()
    license = ""
    # Sampler that the authors' code uses when nothing else is asked for.
    sampler = {"guidance": 1, "temperature": 1, "topK": 0, "topP": 1}

    @classmethod
    def knows(cls, config):
        """Whether a folder's config.json is of this family."""
        return config.get("model_type") in cls.model_types

    @abstractmethod
    def __init__(self, folder, checkpoint, options): ...

    @abstractmethod
    def architecture(self):
        """llama_graph.Architecture"""

    @abstractmethod
    def weights(self):
        """llama_graph.Weights"""

    # What a family sets: image tokens that the head knows; tokens and pixels on a side of the picture.
    vocabulary = rows = side = 0
    # Ids of the image tokens, in the codebook's order, where they are among those of text.
    ids = None

    def image(self):
        """The manifest's `image`."""
        return {
            "vocabulary": self.vocabulary,
            "rows": self.rows,
            "columns": self.rows,
            "width": self.side,
            "height": self.side,
        }

    @abstractmethod
    def prompt(self):
        """The manifest's `prompt`."""

    @abstractmethod
    def tables(self):
        """{name: (shape, pieces)} of image_embedding and text_embedding."""

    @abstractmethod
    def image_decoder(self):
        """A module from tokens [B, N] to an image [B, 3, H, W] in [-1, 1], or None for a model whose
        tokens go elsewhere."""

    def sequence(self):
        """The manifest's `sequence`: tokens between image tokens that are always the same."""
        return None

    def prompt_encoder(self, path):
        """Writes the graph that makes input rows of prompts of kind `embeddings`."""
        raise NotImplementedError

    def tokenizer(self):
        """The file of the tokenizer, copied into the package."""
        return self.folder / "tokenizer.json"


def image_side(options, usual, token):
    """Pixels of a square picture's side: --image-size, or the authors'; whole tokens of `token` pixels."""
    side = usual if options.image_size is None else options.image_size
    if isinstance(side, tuple):
        raise SystemExit("--image-size: expected one number, since this family draws squares")
    return whole_tokens(side, token)


def whole_tokens(side, token):
    """Pixels of a picture's side, as they were asked for."""
    if not token <= side <= LARGEST_SIDE or side % token:
        raise SystemExit(
            f"--image-size: expected a multiple of {token} up to {LARGEST_SIDE} but received {side}"
        )
    return side


def image_ids(codes, count, example):
    """Ids in the vocabulary of text and images of the codes 0 to count - 1, by vocabulary_map."""
    ids = [codes.get(code) for code in range(count)]
    if None in ids:
        raise SystemExit(
            f"config.json: expected vocabulary_map to name all {count} image tokens ({example}), but "
            f"found none for code {ids.index(None)}"
        )
    return ids


def table(checkpoint, name):
    """(shape, pieces) of a weight that becomes a table as it is."""
    shape = checkpoint.shape(name)

    def pieces():
        for first in range(0, shape[0], ROWS):
            yield checkpoint.rows(name, first, min(first + ROWS, shape[0])).numpy()

    return shape, pieces()


def read_tokenizer(path):
    if not path.is_file():
        raise SystemExit(f"{path}: expected the checkpoint's tokenizer, found none")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library throws no other
        raise SystemExit(
            f"{path}: expected a tokenizer in Hugging Face's format: {error}"
        ) from None


def special_prefix(path):
    """The tokens that a tokenizer puts before every text (usually one: begin of sentence)."""
    tokenizer = read_tokenizer(path)
    whole = tokenizer.encode("a").ids
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    extra = len(whole) - len(bare)
    if whole[extra:] != bare:
        raise SystemExit(f"{path}: puts special tokens behind a text, which no family here does")
    return "".join(tokenizer.id_to_token(id) for id in whole[:extra])


def check_template(path, template):
    """The engine reads the text between special tokens piece by piece; a tokenizer that marks the
    beginning of a text only once would give other ids there."""
    tokenizer = read_tokenizer(path)
    names = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    longest_first = sorted(map(re.escape, names), key=len, reverse=True)
    filled = template.replace("{prompt}", "a red fox, in the Snow")
    ids = []
    for part in re.split(f"({'|'.join(longest_first)})", filled):
        whole = part in names
        ids += (
            [tokenizer.token_to_id(part)]
            if whole
            else tokenizer.encode(part, add_special_tokens=False).ids
        )
    if ids != tokenizer.encode(filled, add_special_tokens=False).ids:
        raise SystemExit(
            f"{path}: reads the pieces of the chat template in another way than the whole"
        )
    return template


def require_tokens(path, tokens):
    tokenizer = read_tokenizer(path)
    for token in tokens:
        if tokenizer.token_to_id(token) is None:
            raise SystemExit(f"{path}: expected the special token {token}, found none")
