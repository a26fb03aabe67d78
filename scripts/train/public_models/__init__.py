"""Public classes that finetune.py can teach: one module each, by the name of the exporter's family."""

from public_models.janus import Janus

TEACHABLE = {"janus": Janus}
