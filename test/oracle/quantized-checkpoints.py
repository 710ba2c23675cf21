"""Small quantized layers as GPTQ, AWQ and fp8 checkpoints keep them, and the weights they mean.

    python3 test/oracle/quantized-checkpoints.py > test/import/fixtures/quantized-checkpoints.json

Packs field by field from the formats' documentation (AutoGPTQ's and AutoAWQ's README and packing order; DeepSeek-V3's README for fp8
blocks; OCP's table for e4m3). Needs numpy only; nothing is shared with infc.
"""
import base64
import json
import sys

import numpy as np

rng = np.random.default_rng(11)
DT = {"int32": "I32", "float16": "F16", "float32": "F32", "uint8": "F8_E4M3"}


def dump(a):
    return {"dtype": DT[str(a.dtype)], "shape": list(a.shape), "data": base64.b64encode(a.tobytes()).decode()}


def case(config, tensors, w):
    return {"config": config, "tensors": {f"layer.{k}": dump(v) for k, v in tensors.items()},
            "weight": dump(w.astype(np.float32))}


def words(fields, bits):
    """Packs the last axis, lowest field first."""
    per = 32 // bits
    f = fields.astype(np.uint64).reshape(*fields.shape[:-1], -1, per)
    return sum(f[..., i] << np.uint64(bits * i) for i in range(per)).astype(np.uint32).view(np.int32)


def gptq(bits, group, symmetric, order=None, version="gptq"):
    n_out, n_in = 16, 64
    groups = n_in // group
    q = rng.integers(0, 2 ** bits, (n_out, n_in))
    z = np.full((groups, n_out), 2 ** (bits - 1)) if symmetric else rng.integers(0, 2 ** bits, (groups, n_out))
    s = rng.uniform(0.001, 0.1, (groups, n_out)).astype(np.float16)
    g = np.arange(n_in) // group if order is None else order // group
    w = s[g].T.astype(np.float64) * (q - z[g].T)
    stored = z if version == "gptq_v2" else (z - 1) % 2 ** bits
    config = {"quant_method": "gptq", "bits": bits, "group_size": group, "desc_act": order is not None,
              "sym": symmetric, "checkpoint_format": version}
    return case(config, {
        "qweight": words(q, bits).T.copy(), "qzeros": words(stored, bits), "scales": s, "g_idx": g.astype(np.int32),
    }, w)


def awq():
    n_out, n_in, group = 16, 64, 32
    q = rng.integers(0, 16, (n_in, n_out))
    z = rng.integers(0, 16, (n_in // group, n_out))
    s = rng.uniform(0.001, 0.1, (n_in // group, n_out)).astype(np.float16)
    w = (s.repeat(group, 0).astype(np.float64) * (q - z.repeat(group, 0))).T
    # Field i of a word holds output order[i] of its eight.
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    pack = lambda a: words(a.reshape(a.shape[0], -1, 8)[:, :, order].reshape(a.shape), 4)
    config = {"quant_method": "awq", "bits": 4, "group_size": group, "version": "gemm", "zero_point": True}
    return case(config, {"qweight": pack(q), "qzeros": pack(z), "scales": s}, w)


def e4m3(b):
    b = int(b)
    sign, e, m = (-1.0 if b & 128 else 1.0), (b >> 3) & 15, b & 7
    return sign * (m / 8 * 2.0 ** -6 if e == 0 else (1 + m / 8) * 2.0 ** (e - 7))


def fp8(scale_name, scale, spread, block=None):
    codes = rng.integers(0, 256, (24, 40)).astype(np.uint8)
    codes[(codes & 127) == 127] = 1  # no NaN
    v = np.vectorize(e4m3)(codes)
    config = {"quant_method": "fp8", **({"weight_block_size": block} if block else {})}
    return case(config, {"weight": codes, scale_name: scale}, (v * spread(scale.astype(np.float64))).astype(np.float32))


blocks = lambda s: s.repeat(16, 0)[:24].repeat(16, 1)[:, :40]
random_scale = lambda *shape: rng.uniform(0.01, 1, shape).astype(np.float32)
json.dump({
    "gptq symmetric": gptq(4, 32, True),
    "gptq affine": gptq(4, 32, False),
    "gptq v2": gptq(4, 64, False, version="gptq_v2"),
    "gptq 8 bits": gptq(8, 32, True),
    "gptq sorted": gptq(4, 32, False, order=rng.permutation(64)),
    "awq": awq(),
    "fp8 blocks": fp8("weight_scale_inv", random_scale(2, 3), blocks, [16, 16]),
    "fp8 rows": fp8("weight_scale", random_scale(24, 1), lambda s: s),
    "fp8 whole": fp8("weight_scale", random_scale(1), lambda s: s),
}, sys.stdout, indent=1)
print()
