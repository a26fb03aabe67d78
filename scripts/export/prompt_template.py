"""Ids of prompts as the manifest's `prompt` of kind "template" says; docs/model-package.md."""


class PromptTemplate:
    """`rule` is the manifest's `prompt`, `tokenizer` one of Hugging Face's tokenizers."""

    def __init__(self, rule, tokenizer):
        self.template, self.rule, self.tokenizer = (
            rule["template"],
            rule["unconditional"],
            tokenizer,
        )

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def ids(self, text):
        return self.encode(self.template.replace("{prompt}", text.strip()))

    def unconditional(self, ids):
        """The second row of guidance beside a prompt's ids; lengths may differ."""
        kind = self.rule["kind"]
        if kind == "pad":
            pad = self.tokenizer.token_to_id(self.rule["token"])
            return [ids[0], *[pad] * (len(ids) - 2), ids[-1]]
        return ids[-self.rule["length"] :] if kind == "tail" else self.encode(self.rule["text"])
