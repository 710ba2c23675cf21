import type { HostOp, HostTensor, HostValue } from '../host.ts';
import { encodeFloat } from '../minifloat.ts';
import { emptyTensor, isTensor, toNumbers } from './values.ts';

const numbersAt = (v: HostValue | undefined): number[] | undefined => (isTensor(v) ? toNumbers(v) : undefined);

function store(dtype: HostTensor['dtype'], shape: readonly number[], values: Float32Array): HostTensor {
  const out = emptyTensor(dtype, shape);
  const narrow = dtype === 'f16' || dtype === 'bf16';
  values.forEach((v, i) => {
    out.data[i] = narrow ? encodeFloat(dtype, v) : v;
  });
  return out;
}

/**
 * Linear attention with decay (state *= e^g) and the delta rule (v <- beta (v - S'k)), one position after the other, in f32
 * (LinearAttention of ai.onnx). Inputs query, key, value [b, t, heads*d], state?, decay?, beta?.
 */
export const linearAttention: HostOp = (inputs, attrs, { fail }) => {
  const [q, k, v, past] = inputs;
  if (!isTensor(q) || !isTensor(k) || !isTensor(v)) return fail('query, key and value are needed');
  const [heads, kvHeads] = [Number(attrs.heads), Number(attrs.kvHeads)];
  const [batch = 1, time = 1, hidden = 1] = q.shape;
  const dk = hidden / heads;
  const dv = (v.shape[2] ?? 1) / kvHeads;
  const group = heads / kvHeads;
  const [qs, ks, vs, decay, beta] = [
    toNumbers(q),
    toNumbers(k),
    toNumbers(v),
    numbersAt(inputs[4]),
    numbersAt(inputs[5]),
  ];
  const scale = Number(attrs.scale) || 1 / Math.sqrt(dk);
  const decayWidth = isTensor(inputs[4]) ? (inputs[4].shape[2] ?? 1) : 0;
  const betaWidth = isTensor(inputs[5]) ? (inputs[5].shape[2] ?? 1) : 0;
  const state = isTensor(past) ? Float32Array.from(toNumbers(past)) : new Float32Array(batch * kvHeads * dk * dv);
  const out = new Float32Array(batch * time * heads * dv);
  const value = new Float32Array(dv);
  for (let b = 0; b < batch; b++) {
    for (let t = 0; t < time; t++) {
      const at = b * time + t;
      for (let h = 0; h < kvHeads; h++) {
        const s = state.subarray((b * kvHeads + h) * dk * dv, (b * kvHeads + h + 1) * dk * dv);
        const key = (at * kvHeads + h) * dk;
        for (let i = 0; decay && i < dk; i++) {
          const g = decay[at * decayWidth + (decayWidth === kvHeads ? h : h * dk + i)] ?? 0;
          for (let j = 0; j < dv; j++) s[i * dv + j] = (s[i * dv + j] ?? 0) * Math.exp(g);
        }
        for (let j = 0; j < dv; j++) {
          value[j] = vs[(at * kvHeads + h) * dv + j] ?? 0;
          if (!beta) continue;
          let known = 0;
          for (let i = 0; i < dk; i++) known += (s[i * dv + j] ?? 0) * (ks[key + i] ?? 0);
          value[j] = (beta[at * betaWidth + (betaWidth === 1 ? 0 : h)] ?? 0) * ((value[j] ?? 0) - known);
        }
        for (let i = 0; i < dk; i++)
          for (let j = 0; j < dv; j++) s[i * dv + j] = (s[i * dv + j] ?? 0) + (ks[key + i] ?? 0) * (value[j] ?? 0);
        for (let g = h * group; g < (h + 1) * group; g++) {
          for (let j = 0; j < dv; j++) {
            let sum = 0;
            for (let i = 0; i < dk; i++) sum += (qs[(at * heads + g) * dk + i] ?? 0) * (s[i * dv + j] ?? 0);
            out[(at * heads + g) * dv + j] = scale * sum;
          }
        }
      }
    }
  }
  const stateType = isTensor(past) ? past.dtype : q.dtype;
  return [store(q.dtype, [batch, time, heads * dv], out), store(stateType, [batch, kvHeads, dk, dv], state)];
};
