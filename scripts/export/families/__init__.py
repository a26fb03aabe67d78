"""The model families that export.py knows: one module each, found by config.json's model_type."""

from families.janus import Janus

FAMILIES = {family.name: family for family in (Janus,)}


def find(config, name=None):
    """The family asked for by name, or that of a config.json."""
    if name is not None:
        return FAMILIES[name]
    kind = config.get("model_type")
    for family in FAMILIES.values():
        if kind in family.model_types:
            return family
    known = ", ".join(sorted(kind for f in FAMILIES.values() for kind in f.model_types))
    raise SystemExit(
        f"config.json: expected model_type to be one of {known} but found {kind}: give --family"
    )
