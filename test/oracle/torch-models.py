"""Log-probabilities (or the embedding) of a model, written with plain PyTorch from the papers and Hugging Face's documentation.

    apt-get install python3-torch; /usr/bin/python3 torch-models.py FOLDER 1,2,3 [mean|cls]

FOLDER has config.json and model.safetensors (f32). One run over all tokens, no cache, double precision: nothing in common with infc but
the files.
"""
import json
import math
import struct
import sys

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def load(path):
    with open(path, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(n))
        data = f.read()
    out = {}
    for name, t in header.items():
        if name == "__metadata__":
            continue
        begin, end = t["data_offsets"]
        assert t["dtype"] == "F32"
        out[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float32).reshape(t["shape"]).double()
    return out


def rms(x, w, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * w


def turn(x, theta, width, inv_freq=None, scale=1.0):
    """x [heads, seq, d]: the halves of the first `width` elements are rotated."""
    seq = x.shape[1]
    if inv_freq is None:
        inv_freq = theta ** (-torch.arange(0, width, 2) / width)
    angle = torch.outer(torch.arange(seq).double(), inv_freq)
    cos, sin = torch.cat([angle, angle], -1).cos() * scale, torch.cat([angle, angle], -1).sin() * scale
    head, rest = x[..., :width], x[..., width:]
    half = width // 2
    rotated = torch.cat([-head[..., half:], head[..., :half]], -1)
    return torch.cat([head * cos + rotated * sin, rest], -1)


def attend(q, k, v, scale, window=None, cap=None, causal=True):
    """[heads, seq, d]; key heads are repeated."""
    group = q.shape[0] // k.shape[0]
    k, v = k.repeat_interleave(group, 0), v.repeat_interleave(group, 0)
    scores = q @ k.transpose(1, 2) * scale
    if cap:
        scores = torch.tanh(scores / cap) * cap
    i, j = torch.arange(q.shape[1])[:, None], torch.arange(q.shape[1])[None]
    hidden = j > i if causal else torch.zeros(1, 1, dtype=torch.bool)
    if window:
        hidden = hidden | (j <= i - window)
    out = torch.softmax(scores.masked_fill(hidden, -math.inf), -1) @ v
    return out.transpose(0, 1).reshape(q.shape[1], -1)


def heads(x, n):
    return x.reshape(x.shape[0], n, -1).transpose(0, 1)


def llama(c, w, ids):
    """Llama, Mistral with its window, and dynamic NTK: theta grows with the number of tokens seen so far."""
    n, kv, eps = c["num_attention_heads"], c["num_key_value_heads"], c["rms_norm_eps"]
    d = c["hidden_size"] // n
    scaling = c.get("rope_scaling") or {}

    def run(ids):
        theta = c["rope_theta"]
        if scaling.get("rope_type") == "dynamic":
            trained, factor = c["max_position_embeddings"], scaling["factor"]
            length = max(len(ids), trained)
            theta *= (factor * length / trained - (factor - 1)) ** (d / (d - 2))
        x = w["model.embed_tokens.weight"][ids]
        for i in range(c["num_hidden_layers"]):
            p = f"model.layers.{i}."
            h = rms(x, w[p + "input_layernorm.weight"], eps)
            q, k, v = (heads(h @ w[f"{p}self_attn.{s}_proj.weight"].T, m) for s, m in (("q", n), ("k", kv), ("v", kv)))
            a = attend(turn(q, theta, d), turn(k, theta, d), v, d ** -0.5, window=c.get("sliding_window"))
            x = x + a @ w[p + "self_attn.o_proj.weight"].T
            h = rms(x, w[p + "post_attention_layernorm.weight"], eps)
            g = F.silu(h @ w[p + "mlp.gate_proj.weight"].T) * (h @ w[p + "mlp.up_proj.weight"].T)
            x = x + g @ w[p + "mlp.down_proj.weight"].T
        return rms(x, w["model.norm.weight"], eps) @ w["lm_head.weight"].T

    return run(ids)


def gemma(c, w, ids):
    three = "3" in c["model_type"]
    n, kv, d, eps = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"], c["rms_norm_eps"]
    norm = lambda x, name: rms(x, 1 + w[name], eps)
    x = w["model.embed_tokens.weight"][ids] * math.sqrt(c["hidden_size"])
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        local = (i + 1) % c["sliding_window_pattern"] != 0 if three else i % 2 == 0
        h = norm(x, p + "input_layernorm.weight")
        q, k, v = (heads(h @ w[f"{p}self_attn.{s}_proj.weight"].T, m) for s, m in (("q", n), ("k", kv), ("v", kv)))
        if three:
            q, k = norm(q, p + "self_attn.q_norm.weight"), norm(k, p + "self_attn.k_norm.weight")
        theta = c["rope_local_base_freq"] if three and local else c["rope_theta"]
        inv = theta ** (-torch.arange(0, d, 2) / d)
        if three and not local:
            inv = inv / c["rope_scaling"]["factor"]
        a = attend(turn(q, theta, d, inv), turn(k, theta, d, inv), v, c["query_pre_attn_scalar"] ** -0.5,
                   window=c["sliding_window"] if local else None, cap=c.get("attn_logit_softcapping"))
        x = x + norm(a @ w[p + "self_attn.o_proj.weight"].T, p + "post_attention_layernorm.weight")
        h = norm(x, p + "pre_feedforward_layernorm.weight")
        g = gelu_tanh(h @ w[p + "mlp.gate_proj.weight"].T) * (h @ w[p + "mlp.up_proj.weight"].T)
        x = x + norm(g @ w[p + "mlp.down_proj.weight"].T, p + "post_feedforward_layernorm.weight")
    logits = norm(x, "model.norm.weight") @ w["model.embed_tokens.weight"].T
    cap = c.get("final_logit_softcapping")
    return torch.tanh(logits / cap) * cap if cap else logits


def gelu_tanh(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def layer_norm(x, w, name, eps):
    return F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], eps)


def gpt2(c, w, ids):
    eps, n = c["layer_norm_epsilon"], c["n_head"]
    x = w["transformer.wte.weight"][ids] + w["transformer.wpe.weight"][: len(ids)]
    conv = lambda x, name: x @ w[name + ".weight"] + w[name + ".bias"]
    for i in range(c["n_layer"]):
        p = f"transformer.h.{i}."
        q, k, v = (heads(t, n) for t in conv(layer_norm(x, w, p + "ln_1", eps), p + "attn.c_attn").chunk(3, -1))
        x = x + conv(attend(q, k, v, q.shape[-1] ** -0.5), p + "attn.c_proj")
        x = x + conv(gelu_tanh(conv(layer_norm(x, w, p + "ln_2", eps), p + "mlp.c_fc")), p + "mlp.c_proj")
    return layer_norm(x, w, "transformer.ln_f", eps) @ w["transformer.wte.weight"].T


def neox(c, w, ids):
    eps, n = c["layer_norm_eps"], c["num_attention_heads"]
    d = c["hidden_size"] // n
    width = int(d * c["rotary_pct"])
    lin = lambda x, name: F.linear(x, w[name + ".weight"], w[name + ".bias"])
    x = w["gpt_neox.embed_in.weight"][ids]
    for i in range(c["num_hidden_layers"]):
        p = f"gpt_neox.layers.{i}."
        fused = lin(layer_norm(x, w, p + "input_layernorm", eps), p + "attention.query_key_value")
        q, k, v = fused.reshape(len(ids), n, 3, d).permute(2, 1, 0, 3)
        a = attend(turn(q, c["rotary_emb_base"], width), turn(k, c["rotary_emb_base"], width), v, d ** -0.5)
        a = lin(a, p + "attention.dense")
        mlp = lambda x: lin(F.gelu(lin(layer_norm(x, w, p + "post_attention_layernorm", eps), p + "mlp.dense_h_to_4h")),
                            p + "mlp.dense_4h_to_h")
        x = x + a + mlp(x) if c["use_parallel_residual"] else (x + a) + mlp(x + a)
    return layer_norm(x, w, "gpt_neox.final_layer_norm", eps) @ w["embed_out.weight"].T


def bert(c, w, ids, pooling):
    """By PyTorch's own encoder layer."""
    h = c["hidden_size"]
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = layer_norm(x + w["embeddings.token_type_embeddings.weight"][0], w, "embeddings.LayerNorm", c["layer_norm_eps"])
    for i in range(c["num_hidden_layers"]):
        p = f"encoder.layer.{i}."
        layer = torch.nn.TransformerEncoderLayer(h, c["num_attention_heads"], c["intermediate_size"], 0.0, "gelu",
                                                 c["layer_norm_eps"], batch_first=True, norm_first=False)
        part = lambda s: [torch.cat([w[f"{p}attention.self.{x}.{s}"] for x in ("query", "key", "value")])]
        state = {"self_attn.in_proj_weight": part("weight")[0], "self_attn.in_proj_bias": part("bias")[0]}
        for mine, theirs in (("self_attn.out_proj", "attention.output.dense"), ("norm1", "attention.output.LayerNorm"),
                             ("linear1", "intermediate.dense"), ("linear2", "output.dense"), ("norm2", "output.LayerNorm")):
            for s in ("weight", "bias"):
                state[f"{mine}.{s}"] = w[f"{p}{theirs}.{s}"]
        layer.load_state_dict(state)
        # train() keeps PyTorch off its fused path, which is single precision only; dropout is zero.
        x = layer.train()(x[None])[0]
    return x[0] if pooling == "cls" else x.mean(0)


def rwkv(c, w, ids):
    """Token by token, from the formulas of the papers: version 4 with sums kept as they are, version 5 with a matrix per head."""
    five, h, eps = c["model_type"] == "rwkv5", c["hidden_size"], c["layer_norm_epsilon"]
    layers, size = c["num_hidden_layers"], c.get("head_size", c["hidden_size"])
    n = h // size
    zero = lambda *shape: [torch.zeros(*shape) for _ in range(layers)]
    before_a, before_f, top, bottom, matrix = zero(h), zero(h), zero(h), zero(h), zero(n, size, size)
    rows = []
    for t in ids:
        x = layer_norm(w["rwkv.embeddings.weight"][t], w, "rwkv.blocks.0.pre_ln", eps)
        for i in range(layers):
            p = f"rwkv.blocks.{i}."
            a, z = p + "attention.", layer_norm(x, w, p + "ln1", eps)
            see = lambda k: w[a + k + ".weight"] @ (z * w[a + "time_mix_" + k].flatten()
                                                    + before_a[i] * (1 - w[a + "time_mix_" + k].flatten()))
            r, k, v = see("receptance"), see("key"), see("value")
            if five:
                g, decay = F.silu(see("gate")), torch.exp(-torch.exp(w[a + "time_decay"])).reshape(n, size, 1)
                kv = k.reshape(n, size, 1) * v.reshape(n, 1, size)
                seen = (r.reshape(n, 1, size) @ (matrix[i] + w[a + "time_faaaa"].reshape(n, size, 1) * kv)).reshape(1, h)
                matrix[i] = decay * matrix[i] + kv
                y = F.group_norm(seen / 8, n, w[a + "ln_x.weight"], w[a + "ln_x.bias"], 1e-5)[0] * g
            else:
                now = torch.exp(w[a + "time_first"] + k)
                y = torch.sigmoid(r) * (top[i] + now * v) / (bottom[i] + now)
                decay = torch.exp(-torch.exp(w[a + "time_decay"]))
                top[i], bottom[i] = decay * top[i] + torch.exp(k) * v, decay * bottom[i] + torch.exp(k)
            x, before_a[i] = x + w[a + "output.weight"] @ y, z
            f, z = p + "feed_forward.", layer_norm(x, w, p + "ln2", eps)
            see = lambda k: w[f + k + ".weight"] @ (z * w[f + "time_mix_" + k].flatten()
                                                    + before_f[i] * (1 - w[f + "time_mix_" + k].flatten()))
            x = x + torch.sigmoid(see("receptance")) * (w[f + "value.weight"] @ F.relu(see("key")) ** 2)
            before_f[i] = z
        rows.append(w["head.weight"] @ layer_norm(x, w, "rwkv.ln_out", eps))
    return torch.stack(rows)


def main():
    folder, tokens = sys.argv[1], [int(t) for t in sys.argv[2].split(",")]
    c, w = json.load(open(f"{folder}/config.json")), load(f"{folder}/model.safetensors")
    ids = torch.tensor(tokens)
    kind = c["model_type"]
    with torch.no_grad():
        if kind == "bert":
            print(json.dumps([bert(c, w, ids, sys.argv[3]).tolist()]))
            return
        families = {"gpt2": gpt2, "gpt_neox": neox, "gemma2": gemma, "gemma3_text": gemma,
                    "rwkv4": rwkv, "rwkv5": rwkv}
        logits = families.get(kind, llama)(c, w, ids)
        print(json.dumps(torch.log_softmax(logits, -1).tolist()))


main()
