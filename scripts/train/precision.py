"""bfloat16 where the processor multiplies in it; elsewhere it is emulated, 15 times slower than float32."""

import torch

_CAPABILITIES = torch.cpu.get_capabilities()
FAST_BFLOAT16 = any(_CAPABILITIES.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def mixed():
    """The context of a training step."""
    return torch.autocast("cpu", torch.bfloat16, enabled=FAST_BFLOAT16)
