"""The chat template of a published folder around a user's words."""

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from json_file import read_object

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
            template = read_object(path).get(key) if key else path.read_text(encoding="utf8")
            if isinstance(template, str):
                return render(path, template, answering)
    return default


def render(path, template, answering):
    message = {"role": "user", "content": [{"type": "text", "text": "{prompt}"}]}
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    try:
        rendered = environment.from_string(template).render(
            messages=[message], add_generation_prompt=answering, bos_token="", eos_token=""
        )
    except TemplateError as error:
        raise SystemExit(f"{path}: expected a chat template: {error}") from None
    if rendered.count("{prompt}") != 1:
        raise SystemExit(f"{path}: the chat template does not show the user's words")
    return rendered
