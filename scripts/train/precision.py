"""Where training computes, and in what: a GPU if there is one, and bfloat16 where it is multiplied in
hardware; elsewhere it is emulated, 15 times slower than float32."""

from pathlib import Path

import torch


def _multiplies_bfloat16():
    names = ("avx512_bf16", "amx_bf16", "bf16")
    if hasattr(torch.cpu, "get_capabilities"):
        return any(torch.cpu.get_capabilities().get(name) for name in names)
    # PyTorch before 2.12 does not tell.
    flags = Path("/proc/cpuinfo")
    return flags.exists() and any(name in flags.read_text().split() for name in names)


DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# It says once a convolution that it does not know the processor, and leaves the work to oneDNN.
torch.backends.nnpack.set_flags(False)
# Shapes stay the same for a whole training: worth a search for the fastest convolution.
torch.backends.cudnn.benchmark = True
FAST_BFLOAT16 = DEVICE.type == "cuda" or _multiplies_bfloat16()


def mixed():
    """The context of a training step."""
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=FAST_BFLOAT16)
