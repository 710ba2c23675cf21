"""Blocks of random bytes and the weights they mean, by ggml-org's own Python package.

    pip install gguf; python test/oracle/gguf-blocks.py > test/import/fixtures/gguf-blocks.json

Writes the fixture that test/import/codecs.test.ts compares with. Factors are made finite; everything else is any byte.
"""
import base64
import json
import sys

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as T
from gguf.quants import dequantize

# Where the f16 factors stand in a block.
TYPES = {
    "Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}
BLOCKS = 3

rng = np.random.default_rng(5)
out = {}
for name, halves in TYPES.items():
    block, size = GGML_QUANT_SIZES[T[name]]
    data = rng.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
    for at in halves:
        factors = rng.normal(0, 0.1, BLOCKS).astype(np.float16)
        data[:, at:at + 2] = factors.view(np.uint8).reshape(BLOCKS, 2)
    weights = dequantize(data, T[name]).astype(np.float32).reshape(-1)
    assert weights.size == BLOCKS * block
    out[name] = {
        "data": base64.b64encode(data.tobytes()).decode(),
        "weights": base64.b64encode(weights.astype("<f4").tobytes()).decode(),
    }
json.dump(out, sys.stdout, indent=2)
print()
