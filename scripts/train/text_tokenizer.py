"""Build tokenizer.json (Hugging Face tokenizers format): one token per word.

python scripts/train/text_tokenizer.py --data training/data
python scripts/train/text_tokenizer.py --scenes DIR/scenes
"""

import argparse
import json
import sys
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scenes"))

import words as scene_words
from captions import all_words

SPECIAL = ["<pad>", "<unk>", "<uncond>", "<boi>"]
# Removed everywhere: they fill the few prompt slots and say nothing about an icon.
FUNCTION_WORDS = (
    "a an the of and with in on at to for from by is are its it this that some my your me please "
    "draw s"
).split()


def build(words, left_out=FUNCTION_WORDS):
    words = [word for word in words if word not in left_out]
    vocabulary = {token: index for index, token in enumerate(SPECIAL + words)}
    # WordPiece without any "##" piece is one token per word. WordLevel would say the same, but
    # @huggingface/tokenizers 0.2 (JavaScript) drops the unknown token of a WordLevel model.
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex("[^a-z0-9]+"), " "),
            normalizers.Replace(Regex(rf"\b({'|'.join(left_out)})\b"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--scenes", type=Path, help="folder of sprites; replaces --data")
    options = parser.parse_args()
    if options.scenes:
        objects = json.load(open(options.scenes / "objects.json"))
        tokenizer = build(scene_words.vocabulary(objects), scene_words.FUNCTION_WORDS)
        examples = ["Three yellow stars on a blue background.", "a cat to the left of a red house"]
    else:
        tokenizer = build(all_words(json.load(open(options.data / "concepts.json"))))
        examples = ["A red apple.", "a slice of pizza"]
    tokenizer.save(str((options.scenes or options.data) / "tokenizer.json"))
    print(f"{tokenizer.get_vocab_size()} words")
    for text in [*examples, "The Piñata's <pad> xyzzy"]:
        print(text, "->", tokenizer.encode(text).tokens)


if __name__ == "__main__":
    main()
