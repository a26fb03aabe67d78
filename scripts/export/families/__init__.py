"""The model families that export.py knows: one module each, found by config.json."""

from families.chameleon import Anole, Lumina
from families.emu3 import Emu3
from families.glm_image import GlmImage
from families.janus import Janus
from families.llamagen import LlamaGen

FAMILIES = {family.name: family for family in (Janus, Lumina, Anole, Emu3, LlamaGen, GlmImage)}


def find(config, name=None):
    """The family asked for by name, or that of a config.json."""
    if name is not None:
        return FAMILIES[name]
    for family in FAMILIES.values():
        if family.knows(config):
            return family
    known = ", ".join(sorted({kind for f in FAMILIES.values() for kind in f.model_types}))
    raise SystemExit(
        f"config.json: expected model_type to be one of {known} but found {config.get('model_type')}: "
        "give --family"
    )
