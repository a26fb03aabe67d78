"""Public classes that finetune.py can teach, by the names of the exporter's families."""

from public_models.chameleon import Chameleon
from public_models.emu3 import Emu3
from public_models.janus import Janus
from public_models.llamagen import LlamaGen

TEACHABLE = {
    "janus": Janus,
    "lumina-mgpt": Chameleon,
    "anole": Chameleon,
    "emu3": Emu3,
    "llamagen": LlamaGen,
}
