"""The chat template of a published folder around a user's words."""

import json

from jinja2.sandbox import ImmutableSandboxedEnvironment

FILES = (
    ("chat_template.jinja", None),
    ("chat_template.json", "chat_template"),
    ("processor_config.json", "chat_template"),
    ("tokenizer_config.json", "chat_template"),
)


def chat(folders, default, answering=True):
    """What the first template of `folders` makes of {prompt}, or `default` where there is none; with the
    words that begin an answer, if it has any, where the authors' code asks for them (`answering`)."""
    for folder in folders:
        for name, key in FILES:
            path = folder / name
            if not path.exists():
                continue
            text = path.read_text(encoding="utf8")
            template = json.loads(text).get(key) if key else text
            if isinstance(template, str):
                return render(path, template, answering)
    return default


def render(path, template, answering):
    message = {"role": "user", "content": [{"type": "text", "text": "{prompt}"}]}
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    rendered = environment.from_string(template).render(
        messages=[message], add_generation_prompt=answering, bos_token="", eos_token=""
    )
    if rendered.count("{prompt}") != 1:
        raise SystemExit(f"{path}: the chat template does not show the user's words")
    return rendered
