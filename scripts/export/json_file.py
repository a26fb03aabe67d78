"""The JSON files of published folders."""

import json


def read_object(path):
    """The object that a file holds, or an error that names the file."""
    try:
        value = json.loads(path.read_text(encoding="utf8"))
    except ValueError as error:
        raise SystemExit(f"{path}: expected JSON: {error}") from None
    if not isinstance(value, dict):
        raise SystemExit(f"{path}: expected an object of JSON, found {type(value).__name__}")
    return value


def read_if_there(path):
    return read_object(path) if path.exists() else {}
