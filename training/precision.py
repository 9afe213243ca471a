"""Choose the arithmetic that is fast on this processor."""

import torch


def half_precision() -> torch.autocast:
    """Return a context that computes in bfloat16 where the processor has instructions for it.

    Processors without AVX-512 only emulate bfloat16, which takes ten times as long as float32.
    """
    fast = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return torch.autocast("cpu", torch.bfloat16, enabled=fast)
