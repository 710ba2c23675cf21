import { readFileSync } from 'node:fs';

type Vector = Float64Array;
type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Vector }>;

/** All tensors of a safetensors file of f32, widened. */
export function readWeights(file: string): Weights {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header: Record<string, { shape: number[]; data_offsets: [number, number] }> = JSON.parse(
    bytes.toString('utf8', 8, start),
  );
  return new Map(
    Object.entries(header).flatMap(([name, t]) => {
      if (name === '__metadata__') return [];
      const [from, to] = t.data_offsets;
      const data = Float64Array.from({ length: (to - from) / 4 }, (_, i) => bytes.readFloatLE(start + from + 4 * i));
      return [[name, { shape: t.shape, data }] as const];
    }),
  );
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const at = (x: Vector, i: number): number => x[i] ?? Number.NaN;

/**
 * RWKV by its recurrences in double precision, one token at a time: version 4 (Peng et al. 2023, eq. 19-22, sums kept under their largest
 * exponent) and version 5.2 (Peng et al. 2024, one matrix a head). rwkv.cpp's files hold -exp(w) of version 4's decays, exp(-exp(w)) of
 * version 5's. Shares nothing with the compiler.
 */
export class PlainRwkv {
  private readonly width: number;
  private readonly layers: number;
  private readonly heads: number;
  private readonly states = new Map<string, Vector>();

  constructor(private readonly weights: Weights) {
    this.width = weights.get('emb.weight')?.shape[1] ?? 0;
    this.layers = [...weights.keys()].filter((k) => k.endsWith('.ln1.weight')).length;
    this.heads = weights.get('blocks.0.att.time_faaaa')?.shape[0] ?? 0;
  }

  /** Logits after one more token. */
  step(token: number): Vector {
    const embedded = this.data('emb.weight').subarray(token * this.width, (token + 1) * this.width);
    let x = this.norm(embedded, 'blocks.0.ln0');
    for (let i = 0; i < this.layers; i++) {
      const [a, f] = [`blocks.${i}.att`, `blocks.${i}.ffn`];
      const mixed =
        this.heads > 0
          ? this.mixHeads(a, this.norm(x, `blocks.${i}.ln1`))
          : this.mix(a, this.norm(x, `blocks.${i}.ln1`));
      x = x.map((v, k) => v + at(mixed, k));
      const y = this.norm(x, `blocks.${i}.ln2`);
      const see = this.shifted(f, y);
      const r = see('receptance').map(sigmoid);
      const hidden = this.times(
        `${f}.value`,
        see('key').map((v) => Math.max(v, 0) ** 2),
      );
      x = x.map((v, k) => v + at(r, k) * at(hidden, k));
    }
    return this.times('head', this.norm(x, 'ln_out'));
  }

  private mix(a: string, x: Vector): Vector {
    const see = this.shifted(a, x);
    const [r, k, v] = [see('receptance'), see('key'), see('value')];
    const [first, decay] = [this.data(`${a}.time_first`), this.data(`${a}.time_decay`)];
    const [top, bottom, most] = [this.state(`${a}.top`), this.state(`${a}.bottom`), this.state(`${a}.most`, -1e38)];
    const y = x.map((_, i) => {
      const [now, p] = [at(k, i), at(most, i)];
      const q = Math.max(p, at(first, i) + now);
      const [old, fresh] = [Math.exp(p - q), Math.exp(at(first, i) + now - q)];
      const out = (old * at(top, i) + fresh * at(v, i)) / (old * at(bottom, i) + fresh);
      const next = Math.max(p + at(decay, i), now);
      const [kept, added] = [Math.exp(p + at(decay, i) - next), Math.exp(now - next)];
      top[i] = kept * at(top, i) + added * at(v, i);
      bottom[i] = kept * at(bottom, i) + added;
      most[i] = next;
      return sigmoid(at(r, i)) * out;
    });
    return this.times(`${a}.output`, y);
  }

  private mixHeads(a: string, x: Vector): Vector {
    const see = this.shifted(a, x);
    const [r, k, v, g] = [see('receptance'), see('key'), see('value'), see('gate')];
    const [first, decay] = [this.data(`${a}.time_faaaa`), this.data(`${a}.time_decay`)];
    const size = this.width / this.heads;
    const matrix = this.state(`${a}.matrix`, 0, this.width * size);
    const y = new Float64Array(this.width);
    for (let i = 0; i < this.width; i++)
      for (let j = 0; j < size; j++) {
        const h = Math.floor(i / size) * size;
        const [kv, seen] = [at(k, i) * at(v, h + j), at(matrix, i * size + j)];
        y[h + j] = at(y, h + j) + at(r, i) * (seen + at(first, i) * kv);
        matrix[i * size + j] = at(decay, i) * seen + kv;
      }
    for (let h = 0; h < this.width; h += size) {
      const part = y.subarray(h, h + size);
      part.set(normalized(part));
    }
    const [scale, shift] = [this.data(`${a}.ln_x.weight`), this.data(`${a}.ln_x.bias`)];
    return this.times(
      `${a}.output`,
      y.map((s, i) => (s * at(scale, i) + at(shift, i)) * at(g, i) * sigmoid(at(g, i))),
    );
  }

  /** Products of this token mixed with the one before it. */
  private shifted(part: string, x: Vector): (name: string) => Vector {
    const before = Float64Array.from(this.state(`${part}.before`));
    this.states.set(`${part}.before`, x);
    return (name) => {
      const mix = this.data(`${part}.time_mix_${name.charAt(0)}`);
      return this.times(
        `${part}.${name}`,
        x.map((v, i) => v * at(mix, i) + at(before, i) * (1 - at(mix, i))),
      );
    };
  }

  private times(name: string, x: Vector): Vector {
    const w = this.data(`${name}.weight`);
    return Float64Array.from({ length: w.length / x.length }, (_, row) => {
      let sum = 0;
      for (let i = 0; i < x.length; i++) sum += at(w, row * x.length + i) * at(x, i);
      return sum;
    });
  }

  private norm(x: Vector, name: string): Vector {
    const [scale, shift] = [this.data(`${name}.weight`), this.data(`${name}.bias`)];
    return normalized(x).map((v, i) => v * at(scale, i) + at(shift, i));
  }

  private state(name: string, fill = 0, length = this.width): Vector {
    const made = this.states.get(name) ?? new Float64Array(length).fill(fill);
    this.states.set(name, made);
    return made;
  }

  private data(name: string): Vector {
    const t = this.weights.get(name);
    if (!t) throw new Error(`no weight '${name}'`);
    return t.data;
  }
}

function normalized(x: Vector): Vector {
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length;
  return x.map((v) => (v - mean) / Math.sqrt(variance + 1e-5));
}
