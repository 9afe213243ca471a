"""A model's raw outputs for prepared chips, on whatever CPU runs this.

    python scores.py MODEL.onnx CHIPS.npy OUTPUTS.npz

Needs numpy and onnxruntime alone, so that an emulated CPU needs no more either. Beside
`outputs` (N, labels) it writes what gave them: `onnxruntime`, and of `cpu` what decides
between INT8 kernels.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy._core._multiarray_umath import __cpu_features__ as found

BATCH = 16

TOLD = {
    "SSE42": "SSE4.2",
    "AVX2": "AVX2",
    "AVX512VNNI": "VNNI",
    "ASIMD": "NEON",
    "ASIMDDP": "dot product",
}
"""numpy's name of instructions, and everybody's."""


def main(model: Path, chips: Path, outputs: Path) -> None:
    """Run the model over the chips, (N, C, S, S) or (N, S, S, C) float32."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    size = 1 if isinstance(taken.shape[0], int) else BATCH
    tensor = np.load(chips)
    rows = [
        session.run(None, {taken.name: tensor[start : start + size]})[0]
        for start in range(0, len(tensor), size)
    ]
    cpu = [told for name, told in TOLD.items() if found.get(name)]
    np.savez(outputs, outputs=np.concatenate(rows), onnxruntime=ort.__version__, cpu=cpu)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
