"""Where training computes, and in what: a GPU if there is one, and bfloat16 where it is multiplied in
hardware; elsewhere it is emulated, 15 times slower than float32."""

import torch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# It says once a convolution that it does not know the processor, and leaves the work to oneDNN.
torch.backends.nnpack.set_flags(False)
_CAPABILITIES = torch.cpu.get_capabilities()
FAST_BFLOAT16 = DEVICE.type == "cuda" or any(
    _CAPABILITIES.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16")
)


def mixed():
    """The context of a training step."""
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=FAST_BFLOAT16)
