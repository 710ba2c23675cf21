var __defProp = Object.defineProperty;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __esm = (fn2, res, err) => function __init() {
  if (err) throw err[0];
  try {
    return fn2 && (res = (0, fn2[__getOwnPropNames(fn2)[0]])(fn2 = 0)), res;
  } catch (e) {
    throw err = [e], e;
  }
};
var __export = (target, all) => {
  for (var name2 in all)
    __defProp(target, name2, { get: all[name2], enumerable: true });
};

// runtime/errors.ts
function describePlace({ file, offset, node, pointer }) {
  const parts = [];
  if (node !== void 0) parts.push(`node '${node}'`);
  if (pointer !== void 0) parts.push(`at ${pointer === "" ? "/" : pointer}`);
  if (file !== void 0) parts.push(file);
  if (offset !== void 0) parts.push(`byte ${offset}`);
  return parts.join(", ");
}
var InfcError;
var init_errors = __esm({
  "runtime/errors.ts"() {
    "use strict";
    InfcError = class extends Error {
      name = "InfcError";
      code;
      reason;
      place;
      fix;
      constructor(code, reason, details = {}) {
        const { fix, cause, ...place2 } = details;
        const at = describePlace(place2);
        super(
          `${code}: ${reason}${at ? ` (${at})` : ""}${fix ? `. ${fix}` : ""}`,
          cause === void 0 ? void 0 : { cause }
        );
        this.code = code;
        this.reason = reason;
        this.place = place2;
        this.fix = fix;
      }
      /** Plain data for `--json` output and for messages between workers. */
      toJSON() {
        return {
          code: this.code,
          reason: this.reason,
          place: this.place,
          ...this.fix === void 0 ? {} : { fix: this.fix }
        };
      }
    };
  }
});

// runtime/dtype.ts
function viewOf(dtype, buffer, offset, elements) {
  switch (dtype) {
    case "f64":
      return new Float64Array(buffer, offset, elements);
    case "c128":
      return new Float64Array(buffer, offset, elements * 2);
    case "f32":
      return new Float32Array(buffer, offset, elements);
    case "c64":
      return new Float32Array(buffer, offset, elements * 2);
    case "i64":
      return new BigInt64Array(buffer, offset, elements);
    case "u64":
      return new BigUint64Array(buffer, offset, elements);
    case "i32":
      return new Int32Array(buffer, offset, elements);
    case "u32":
      return new Uint32Array(buffer, offset, elements);
    case "i16":
      return new Int16Array(buffer, offset, elements);
    case "u16":
    case "f16":
    case "bf16":
      return new Uint16Array(buffer, offset, elements);
    case "i8":
      return new Int8Array(buffer, offset, elements);
    default:
      return new Uint8Array(buffer, offset, byteLength(dtype, elements));
  }
}
var bitsOf, byteLength;
var init_dtype = __esm({
  "runtime/dtype.ts"() {
    "use strict";
    bitsOf = {
      f64: 64,
      f32: 32,
      f16: 16,
      bf16: 16,
      f8e4m3fn: 8,
      f8e4m3fnuz: 8,
      f8e5m2: 8,
      f8e5m2fnuz: 8,
      f8e8m0: 8,
      f4e2m1: 4,
      i64: 64,
      i32: 32,
      i16: 16,
      i8: 8,
      i4: 4,
      i2: 2,
      u64: 64,
      u32: 32,
      u16: 16,
      u8: 8,
      u4: 4,
      u2: 2,
      bool: 8,
      c64: 64,
      c128: 128,
      string: 0
    };
    byteLength = (dtype, elements) => Math.ceil(bitsOf[dtype] * elements / 8);
  }
});

// runtime/minifloat.ts
function exponentOf(x2) {
  scratch.setFloat64(0, x2);
  const e = scratch.getUint32(0) >>> 20 & 2047;
  return e === 0 ? exponentOf(x2 * 2 ** 64) - 64 : e - 1023;
}
function roundHalfEven(x2) {
  if (!(Math.abs(x2) < 4503599627370496)) return x2;
  const f = Math.floor(x2);
  const d = x2 - f;
  const r = d < 0.5 ? f : d > 0.5 ? f + 1 : f % 2 === 0 ? f : f + 1;
  return r === 0 && (x2 < 0 || Object.is(x2, -0)) ? -0 : r;
}
function encodeFloat(dtype, value, saturate = false) {
  if (dtype === "f8e8m0") return encodeE8m0(value);
  const t = LAYOUTS[dtype];
  if (!t) throw new TypeError(`${dtype} is not a narrow float`);
  const negative = value < 0 || Object.is(value, -0);
  const sign2 = negative ? 1 << t.exponent + t.mantissa : 0;
  if (Number.isNaN(value)) return t.nan ?? t.largest;
  const a = Math.abs(value);
  if (a === 0) return t.unsignedZero ? 0 : sign2;
  let bits;
  if (a === Number.POSITIVE_INFINITY) bits = Number.POSITIVE_INFINITY;
  else {
    const e = Math.max(exponentOf(a), 1 - t.bias);
    bits = (e + t.bias - 1) * 2 ** t.mantissa + roundHalfEven(a * 2 ** (t.mantissa - e));
  }
  if (bits > t.largest) {
    if (saturate || t.infinity === void 0 && t.nan === void 0) bits = t.largest;
    else if (t.infinity !== void 0) bits = t.infinity;
    else return (t.unsignedZero ? 0 : sign2) | (t.nan ?? t.largest);
  }
  return bits === 0 && t.unsignedZero ? 0 : sign2 | bits;
}
function decodeFloat(dtype, bits) {
  if (dtype === "f16") return decodeHalf(bits);
  if (dtype === "bf16") {
    scratch.setUint32(0, bits << 16);
    return scratch.getFloat32(0);
  }
  if (dtype === "f8e8m0") return bits === 255 ? Number.NaN : 2 ** (bits - 127);
  const t = LAYOUTS[dtype];
  if (!t) throw new TypeError(`${dtype} is not a narrow float`);
  return decodeWith(t, bits);
}
function decodeWith(t, bits) {
  const signBit = 1 << t.exponent + t.mantissa;
  if (t.unsignedZero && bits === signBit) return Number.NaN;
  const magnitude = bits & signBit - 1;
  const sign2 = bits & signBit ? -1 : 1;
  if (magnitude > t.largest) return magnitude === t.infinity ? sign2 * Number.POSITIVE_INFINITY : Number.NaN;
  const e = magnitude >> t.mantissa;
  const m = magnitude & (1 << t.mantissa) - 1;
  return e === 0 ? sign2 * m * 2 ** (1 - t.bias - t.mantissa) : sign2 * (m + (1 << t.mantissa)) * 2 ** (e - t.bias - t.mantissa);
}
function decodeHalf(bits) {
  const e = bits >> 10 & 31;
  const m = bits & 1023;
  const sign2 = bits & 32768 ? -1 : 1;
  if (e === 31) return m === 0 ? sign2 * Number.POSITIVE_INFINITY : Number.NaN;
  return e === 0 ? sign2 * m * 2 ** -24 : sign2 * (m + 1024) * 2 ** (e - 25);
}
function encodeE8m0(value) {
  if (Number.isNaN(value)) return 255;
  const a = Math.abs(value);
  if (a === 0) return 0;
  if (a === Number.POSITIVE_INFINITY) return 254;
  const e = exponentOf(a);
  const up2 = 2 ** e === a ? e : e + 1;
  return Math.min(254, Math.max(0, up2 + 127));
}
var LAYOUTS, scratch;
var init_minifloat = __esm({
  "runtime/minifloat.ts"() {
    "use strict";
    LAYOUTS = {
      f16: { exponent: 5, mantissa: 10, bias: 15, largest: 31743, infinity: 31744, nan: 32256 },
      bf16: { exponent: 8, mantissa: 7, bias: 127, largest: 32639, infinity: 32640, nan: 32704 },
      f8e4m3fn: { exponent: 4, mantissa: 3, bias: 7, largest: 126, nan: 127 },
      f8e4m3fnuz: { exponent: 4, mantissa: 3, bias: 8, largest: 127, nan: 128, unsignedZero: true },
      f8e5m2: { exponent: 5, mantissa: 2, bias: 15, largest: 123, infinity: 124, nan: 127 },
      f8e5m2fnuz: { exponent: 5, mantissa: 2, bias: 16, largest: 127, nan: 128, unsignedZero: true },
      f4e2m1: { exponent: 2, mantissa: 1, bias: 1, largest: 7 }
    };
    scratch = new DataView(new ArrayBuffer(8));
  }
});

// runtime/host/fail.ts
var fail;
var init_fail = __esm({
  "runtime/host/fail.ts"() {
    "use strict";
    fail = (_inputs, attrs, context) => context.fail(String(attrs.reason), String(attrs.fix));
  }
});

// runtime/host/values.ts
function emptyTensor(dtype, shape) {
  const count = sizeOf(shape);
  return { dtype, shape, data: viewOf(dtype, new ArrayBuffer(byteLength(dtype, count)), 0, count) };
}
function numericData(t) {
  if (ArrayBuffer.isView(t.data)) return t.data;
  throw new TypeError("a string tensor has no numeric data");
}
function toNumbers(t) {
  const data = numericData(t);
  const numbers2 = Array.from(data, Number);
  return t.dtype === "f16" ? numbers2.map((v) => decodeFloat("f16", v)) : t.dtype === "bf16" ? numbers2.map((v) => decodeFloat("bf16", v)) : numbers2;
}
function stridesOf(shape) {
  const out = new Array(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) out[i] = (out[i + 1] ?? 1) * (shape[i + 1] ?? 1);
  return out;
}
var sizeOf, isTensor2;
var init_values = __esm({
  "runtime/host/values.ts"() {
    "use strict";
    init_dtype();
    init_minifloat();
    sizeOf = (shape) => shape.reduce((n, d) => n * d, 1);
    isTensor2 = (v) => typeof v === "object" && v !== null && "dtype" in v;
  }
});

// runtime/host/recurrent.ts
function prepare(inputs, attrs, lengths) {
  const [gates, weights] = inputs;
  if (!isTensor2(gates) || !isTensor2(weights)) throw new TypeError("a recurrence needs projected inputs and weights");
  const [steps = 0, batch = 0] = gates.shape;
  const limit = Number(attrs.clip ?? 0);
  const list = (name2) => Array.isArray(attrs[name2]) ? attrs[name2] : [];
  const [alphas, betas] = [list("alphas"), list("betas")];
  return {
    steps,
    batch,
    hidden: weights.shape[1] ?? 0,
    gates: toNumbers(gates),
    weights: toNumbers(weights),
    lengths: optional(inputs[lengths]),
    reverse: attrs.reverse === 1,
    dtype: gates.dtype,
    functions: list("activations").map((name2, i) => {
      const f = activations[String(name2)];
      if (!f) throw new TypeError(`unknown activation '${String(name2)}'`);
      return (x2) => f(x2, Number(alphas[i] ?? 0), Number(betas[i] ?? 0));
    }),
    clip: limit > 0 ? (x2) => Math.min(limit, Math.max(-limit, x2)) : (x2) => x2
  };
}
function functionAt(run, i) {
  const f = run.functions[i];
  if (!f) throw new TypeError(`a recurrence lacks activation ${i}`);
  return f;
}
function dot(run, row, h, base) {
  let sum2 = 0;
  for (let k = 0; k < run.hidden; k++) sum2 += (run.weights[row * run.hidden + k] ?? 0) * (h[base + k] ?? 0);
  return sum2;
}
function through(run, states, cell) {
  const { steps, batch, hidden, dtype } = run;
  const width = states.length * hidden;
  const out = emptyTensor(dtype, [steps, batch, width]);
  const narrow2 = dtype === "f16" || dtype === "bf16";
  const perStep = run.gates.length / Math.max(1, steps * batch);
  for (let s = 0; s < steps; s++) {
    const t = run.reverse ? steps - 1 - s : s;
    for (let b = 0; b < batch; b++) {
      if (t < (run.lengths?.[b] ?? steps)) cell((t * batch + b) * perStep, b);
      states.forEach((state, i) => {
        for (let j = 0; j < hidden; j++) {
          const x2 = state[b * hidden + j] ?? 0;
          out.data[(t * batch + b) * width + i * hidden + j] = narrow2 ? encodeFloat(dtype, x2) : x2;
        }
      });
    }
  }
  return out;
}
var activations, optional, stateOf, lstm, gru, rnn;
var init_recurrent = __esm({
  "runtime/host/recurrent.ts"() {
    "use strict";
    init_minifloat();
    init_values();
    activations = {
      tanh: Math.tanh,
      sigmoid: (x2) => 1 / (1 + Math.exp(-x2)),
      relu: (x2) => Math.max(0, x2),
      affine: (x2, a, b) => a * x2 + b,
      leakyrelu: (x2, a) => x2 < 0 ? a * x2 : x2,
      thresholdedrelu: (x2, a) => x2 > a ? x2 : 0,
      scaledtanh: (x2, a, b) => a * Math.tanh(b * x2),
      hardsigmoid: (x2, a, b) => Math.min(1, Math.max(0, a * x2 + b)),
      elu: (x2, a) => x2 < 0 ? a * Math.expm1(x2) : x2,
      softsign: (x2) => x2 / (1 + Math.abs(x2)),
      softplus: (x2) => Math.log1p(Math.exp(x2))
    };
    optional = (v) => isTensor2(v) ? toNumbers(v) : void 0;
    stateOf = (v, size) => Float64Array.from(optional(v) ?? new Float64Array(size));
    lstm = (inputs, attrs) => {
      const run = prepare(inputs, attrs, 5);
      const { hidden: n, clip } = run;
      const [f, g, out] = [functionAt(run, 0), functionAt(run, 1), functionAt(run, 2)];
      const h = stateOf(inputs[2], run.batch * n);
      const c = stateOf(inputs[3], run.batch * n);
      const p = stateOf(inputs[4], 3 * n);
      const next = new Float64Array(n);
      const states = through(run, [h, c], (at, b) => {
        const base = b * n;
        for (let j = 0; j < n; j++) {
          const gate = (k) => (run.gates[at + k * n + j] ?? 0) + dot(run, k * n + j, h, base);
          const old = c[base + j] ?? 0;
          const i = f(clip(gate(0) + (p[j] ?? 0) * old));
          const forget = attrs.inputForget === 1 ? 1 - i : f(clip(gate(2) + (p[2 * n + j] ?? 0) * old));
          const cell = forget * old + i * g(clip(gate(3)));
          c[base + j] = cell;
          next[j] = f(clip(gate(1) + (p[n + j] ?? 0) * cell)) * out(cell);
        }
        h.set(next, base);
      });
      return [states];
    };
    gru = (inputs, attrs) => {
      const run = prepare(inputs, attrs, 4);
      const { hidden: n, clip } = run;
      const [f, g] = [functionAt(run, 0), functionAt(run, 1)];
      const h = stateOf(inputs[2], run.batch * n);
      const bias = stateOf(inputs[3], n);
      const z = new Float64Array(n);
      const r = new Float64Array(n);
      const reset = new Float64Array(n);
      const next = new Float64Array(n);
      const states = through(run, [h], (at, b) => {
        const base = b * n;
        for (let j = 0; j < n; j++) {
          z[j] = f(clip((run.gates[at + j] ?? 0) + dot(run, j, h, base)));
          r[j] = f(clip((run.gates[at + n + j] ?? 0) + dot(run, n + j, h, base)));
          reset[j] = (r[j] ?? 0) * (h[base + j] ?? 0);
        }
        for (let j = 0; j < n; j++) {
          const row = 2 * n + j;
          const linear = attrs.linearBeforeReset === 1 ? (r[j] ?? 0) * (dot(run, row, h, base) + (bias[j] ?? 0)) : dot(run, row, reset, 0);
          const candidate = g(clip((run.gates[at + row] ?? 0) + linear));
          next[j] = (1 - (z[j] ?? 0)) * candidate + (z[j] ?? 0) * (h[base + j] ?? 0);
        }
        h.set(next, base);
      });
      return [states];
    };
    rnn = (inputs, attrs) => {
      const run = prepare(inputs, attrs, 3);
      const { hidden: n, clip } = run;
      const f = functionAt(run, 0);
      const h = stateOf(inputs[2], run.batch * n);
      const next = new Float64Array(n);
      const states = through(run, [h], (at, b) => {
        for (let j = 0; j < n; j++) next[j] = f(clip((run.gates[at + j] ?? 0) + dot(run, j, h, b * n)));
        h.set(next, b * n);
      });
      return [states];
    };
  }
});

// runtime/host/sequence.ts
function position(v, length, last, c) {
  const i = Number(tensorOf(v, c).data[0] ?? 0);
  if (!(i >= -length && i <= last))
    return c.fail(`position ${i} is outside a sequence of ${length}`, `Use a position from ${-length} to ${last}`);
  return i < 0 ? i + length : i;
}
function part(t, axis, start, count) {
  const shape = t.shape.map((d, i) => i === axis ? count : d);
  const inner = sizeOf(t.shape.slice(axis + 1));
  const outer = sizeOf(t.shape.slice(0, axis));
  const length = t.shape[axis] ?? 1;
  if (!ArrayBuffer.isView(t.data)) {
    const strings = t.data;
    const rows = Array.from(
      { length: outer },
      (_, o) => strings.slice((o * length + start) * inner, (o * length + start + count) * inner)
    );
    return { dtype: t.dtype, shape, data: rows.flat() };
  }
  const out = emptyTensor(t.dtype, shape);
  const from = bytesOf2(t);
  const to = bytesOf2(out);
  const size = to.byteLength / Math.max(1, sizeOf(shape));
  for (let o = 0; o < outer; o++) {
    const begin = (o * length + start) * inner * size;
    to.set(from.subarray(begin, begin + count * inner * size), o * count * inner * size);
  }
  return out;
}
function bytesOf2(t) {
  const data = numericData(t);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
var sequenceOf, tensorOf, kept, scalar, sequenceConstruct, sequenceEmpty, sequenceAt, sequenceInsert, sequenceErase, sequenceLength, splitToSequence, concatFromSequence, optional2, optionalEmpty, optionalGetElement, optionalHasElement, containerIdentity;
var init_sequence = __esm({
  "runtime/host/sequence.ts"() {
    "use strict";
    init_values();
    sequenceOf = (v, c) => Array.isArray(v) ? v : c.fail("the input is not a sequence");
    tensorOf = (v, c) => isTensor2(v) ? v : c.fail("the input is not a tensor");
    kept = (t) => ({ ...t, data: t.data.slice() });
    scalar = (dtype, value) => {
      const t = emptyTensor(dtype, []);
      if (t.data instanceof BigInt64Array) t.data[0] = BigInt(value);
      else t.data[0] = value;
      return t;
    };
    sequenceConstruct = (inputs, _attrs, c) => [inputs.map((v) => kept(tensorOf(v, c)))];
    sequenceEmpty = () => [[]];
    sequenceAt = ([s, at], _attrs, c) => {
      const list = sequenceOf(s, c);
      return [list[position(at, list.length, list.length - 1, c)] ?? null];
    };
    sequenceInsert = ([s, t, at], _attrs, c) => {
      const list = [...sequenceOf(s, c)];
      const where = at ? position(at, list.length, list.length, c) : list.length;
      list.splice(where, 0, kept(tensorOf(t, c)));
      return [list];
    };
    sequenceErase = ([s, at], _attrs, c) => {
      const list = [...sequenceOf(s, c)];
      if (list.length === 0) c.fail("nothing can be erased from an empty sequence");
      list.splice(at ? position(at, list.length, list.length - 1, c) : list.length - 1, 1);
      return [list];
    };
    sequenceLength = ([s], _attrs, c) => [scalar("i64", sequenceOf(s, c).length)];
    splitToSequence = ([x2, split2], attrs, c) => {
      const t = tensorOf(x2, c);
      const axis = Number(attrs.axis ?? 0);
      const length = t.shape[axis] ?? 1;
      const sizes = [];
      if (isTensor2(split2) && split2.shape.length > 0) sizes.push(...Array.from(split2.data, Number));
      else {
        const piece = isTensor2(split2) ? Number(split2.data[0] ?? 0) : 1;
        if (!(piece > 0)) c.fail(`pieces of ${piece}`);
        for (let at2 = 0; at2 < length; at2 += piece) sizes.push(Math.min(piece, length - at2));
      }
      const total = sizes.reduce((a, b) => a + b, 0);
      if (total !== length || sizes.some((s) => s < 0))
        c.fail(`pieces of ${sizes.join(", ")} do not make up ${length} along axis ${axis}`);
      let at = 0;
      const pieces = sizes.map((size) => {
        const p = part(t, axis, at, size);
        at += size;
        const drop = !isTensor2(split2) && attrs.keepdims === 0;
        return drop ? { ...p, shape: p.shape.filter((_, i) => i !== axis) } : p;
      });
      return [pieces];
    };
    concatFromSequence = ([s], attrs, c) => {
      const axis = Number(attrs.axis ?? 0);
      const list = sequenceOf(s, c).map((v) => {
        const t = tensorOf(v, c);
        return attrs.new_axis === 1 ? { ...t, shape: [...t.shape.slice(0, axis), 1, ...t.shape.slice(axis)] } : t;
      });
      const [first] = list;
      if (!first) return c.fail("an empty sequence has no concatenation");
      const clash2 = list.find(
        (t) => t.shape.length !== first.shape.length || t.shape.some((d, i) => i !== axis && d !== first.shape[i])
      );
      if (clash2) c.fail(`shapes [${first.shape.join(", ")}] and [${clash2.shape.join(", ")}] differ outside axis ${axis}`);
      const total = list.reduce((n, t) => n + (t.shape[axis] ?? 1), 0);
      const shape = first.shape.map((d, i) => i === axis ? total : d);
      const outer = sizeOf(shape.slice(0, axis));
      const row = (t) => sizeOf(t.shape.slice(axis));
      if (!ArrayBuffer.isView(first.data)) {
        const strings = [];
        for (let o = 0; o < outer; o++)
          for (const t of list) strings.push(...Array.from(t.data, String).slice(o * row(t), (o + 1) * row(t)));
        return [{ dtype: first.dtype, shape, data: strings }];
      }
      const out = emptyTensor(first.dtype, shape);
      const to = bytesOf2(out);
      const size = to.byteLength / Math.max(1, sizeOf(shape));
      let at = 0;
      for (let o = 0; o < outer; o++) {
        for (const t of list) {
          const bytes2 = row(t) * size;
          to.set(bytesOf2(t).subarray(o * bytes2, (o + 1) * bytes2), at);
          at += bytes2;
        }
      }
      return [out];
    };
    optional2 = ([v]) => [isTensor2(v) ? kept(v) : v ?? null];
    optionalEmpty = () => [null];
    optionalGetElement = ([v], _attrs, c) => [v ?? c.fail("the optional has no value")];
    optionalHasElement = ([v]) => [scalar("bool", v === null || v === void 0 ? 0 : 1)];
    containerIdentity = ([v]) => [v ?? null];
  }
});

// runtime/host/index.ts
var host_exports = {};
__export(host_exports, {
  hostFunctions: () => hostFunctions
});
var functions, hostFunctions;
var init_host = __esm({
  "runtime/host/index.ts"() {
    "use strict";
    init_fail();
    init_recurrent();
    init_sequence();
    functions = {
      concat_from_sequence: concatFromSequence,
      container_identity: containerIdentity,
      fail,
      gru,
      lstm,
      optional: optional2,
      optional_empty: optionalEmpty,
      optional_get_element: optionalGetElement,
      optional_has_element: optionalHasElement,
      rnn,
      sequence_at: sequenceAt,
      sequence_construct: sequenceConstruct,
      sequence_empty: sequenceEmpty,
      sequence_erase: sequenceErase,
      sequence_insert: sequenceInsert,
      sequence_length: sequenceLength,
      split_to_sequence: splitToSequence
    };
    hostFunctions = (name2) => functions[name2];
  }
});

// runtime/devices/webgpu.ts
var webgpu_exports = {};
__export(webgpu_exports, {
  WebGpuDevice: () => WebGpuDevice,
  foldGrid: () => foldGrid
});
function foldGrid(x2, y, z) {
  if (x2 <= MAX_GROUPS2 && y <= MAX_GROUPS2 && z <= MAX_GROUPS2) return [x2, y, z];
  const total = x2 * y * z;
  const depth = Math.ceil(total / MAX_GROUPS2 / MAX_GROUPS2);
  const rows = Math.ceil(total / depth / MAX_GROUPS2);
  return [Math.ceil(total / depth / rows), rows, depth];
}
var ALIGN2, MAX_GROUPS2, MAX_UNIFORMS, up, WebGpuDevice, bufferOf;
var init_webgpu = __esm({
  "runtime/devices/webgpu.ts"() {
    "use strict";
    init_errors();
    ALIGN2 = 256;
    MAX_GROUPS2 = 65535;
    MAX_UNIFORMS = 4096;
    up = (n, to) => Math.ceil(n / to) * to;
    WebGpuDevice = class _WebGpuDevice {
      constructor(device) {
        this.device = device;
        device.lost.then((info) => {
          if (!this.destroyed)
            this.failure = new InfcError("INFC6031", `the GPU device was lost: ${info.message || info.reason}`, {
              fix: "Load the model again"
            });
        });
        device.onuncapturederror = (event) => {
          this.failure ??= new InfcError("INFC6032", `the GPU reported an error: ${event.error.message}`, {
            fix: "Run infc verify to find the kernel, or use the Wasm target"
          });
        };
      }
      device;
      kind = "webgpu";
      align = ALIGN2;
      kernels = [];
      encoder;
      pass;
      uniforms = /* @__PURE__ */ new Map();
      failure;
      destroyed = false;
      /** Throws INFC6030 when there is no WebGPU adapter. */
      static async create(options = {}) {
        const gpu = options.gpu ?? (typeof navigator === "undefined" ? void 0 : navigator.gpu);
        const missing = (reason) => new InfcError("INFC6030", reason, {
          fix: "Use a browser with WebGPU, pass gpu from the npm package webgpu in Node, or compile for wasm"
        });
        if (!gpu) throw missing("WebGPU is not available here");
        const { powerPreference } = options;
        const adapter = await gpu.requestAdapter(powerPreference ? { powerPreference } : {});
        if (!adapter) throw missing("WebGPU found no adapter");
        const wanted = [
          "maxBufferSize",
          "maxStorageBufferBindingSize",
          "maxStorageBuffersPerShaderStage",
          "maxComputeWorkgroupStorageSize",
          "maxComputeInvocationsPerWorkgroup",
          "maxComputeWorkgroupSizeX"
        ];
        const device = await adapter.requestDevice({
          requiredFeatures: ["subgroups", "shader-f16"].filter((f) => adapter.features.has(f)),
          requiredLimits: Object.fromEntries(wanted.map((l) => [l, adapter.limits[l]]))
        });
        return new _WebGpuDevice(device);
      }
      async load(source) {
        const decoder = new TextDecoder();
        const texts = /* @__PURE__ */ new Map();
        const loaded = [];
        for (const k of source.kernels) {
          let code = texts.get(k.file);
          if (code === void 0) {
            code = decoder.decode(await source.read(k.file));
            texts.set(k.file, code);
          }
          const access = [];
          for (const m of code.matchAll(/@binding\((\d+)\)\s*var<storage,\s*(read_write|read)>/g))
            access[Number(m[1])] = m[2] === "read" ? "read" : "read_write";
          const hasScalars = k.scalars.length > 0;
          loaded.push({ name: k.name, file: k.file, code, entry: k.entry, access, hasScalars, pipelines: /* @__PURE__ */ new Map() });
        }
        await Promise.all([...texts].map(([file, code]) => this.check(file, code)));
        this.kernels = loaded;
      }
      /** Throws INFC6033 with the compiler's complaints. */
      async check(file, code) {
        this.device.pushErrorScope("validation");
        const info = await this.device.createShaderModule({ code }).getCompilationInfo();
        await this.device.popErrorScope();
        const error = info.messages.find((m) => m.type === "error");
        if (error)
          throw new InfcError("INFC6033", `the GPU's compiler refuses ${file}:${error.lineNum}: ${error.message}`, {
            file,
            fix: "Compile the model again with this version of infc"
          });
      }
      allocate(bytes2) {
        const size = up(Math.max(bytes2, 1), ALIGN2) + ALIGN2;
        if (size > this.device.limits.maxBufferSize)
          throw new InfcError("INFC6034", `a block of ${bytes2} bytes is larger than this GPU allows`, {
            fix: `At most ${this.device.limits.maxBufferSize} bytes: use smaller dimensions or the Wasm target`
          });
        const { STORAGE: STORAGE2, COPY_SRC, COPY_DST } = GPUBufferUsage;
        const memory = {
          bytes: bytes2,
          buffer: this.device.createBuffer({ size, usage: STORAGE2 | COPY_SRC | COPY_DST })
        };
        return memory;
      }
      free(memory) {
        this.submit();
        bufferOf(memory).destroy();
      }
      write(memory, offset, data) {
        if (data.byteLength === 0) return;
        this.submit();
        const whole = data.byteLength - data.byteLength % 4;
        const { queue } = this.device;
        if (whole > 0) queue.writeBuffer(bufferOf(memory), offset, data, 0, whole);
        if (whole < data.byteLength) {
          const rest = new Uint8Array(4);
          rest.set(data.subarray(whole));
          queue.writeBuffer(bufferOf(memory), offset + whole, rest);
        }
      }
      fill(range4, value) {
        if (range4.bytes === 0) return;
        if (value === 0) this.commands().clearBuffer(bufferOf(range4.memory), range4.offset, up(range4.bytes, 4));
        else this.write(range4.memory, range4.offset, new Uint8Array(range4.bytes).fill(value));
      }
      copy(from, fromOffset, to, toOffset, bytes2) {
        if (bytes2 === 0) return;
        if (fromOffset % 4 !== 0 || toOffset % 4 !== 0 || bytes2 % 4 !== 0 && toOffset % ALIGN2 !== 0)
          throw new InfcError("INFC6035", `a copy of ${bytes2} bytes at offset ${toOffset} is not aligned to 4 bytes`, {
            fix: "Compile the model for wasm"
          });
        const [a, b] = [bufferOf(from), bufferOf(to)];
        const size = up(bytes2, 4);
        if (a !== b) this.commands().copyBufferToBuffer(a, fromOffset, b, toOffset, size);
        else {
          const temporary = this.device.createBuffer({ size, usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
          const commands = this.commands();
          commands.copyBufferToBuffer(a, fromOffset, temporary, 0, size);
          commands.copyBufferToBuffer(temporary, 0, b, toOffset, size);
        }
      }
      async read(range4) {
        if (range4.bytes === 0) return new Uint8Array(0);
        const start = range4.offset - range4.offset % 4;
        const size = up(range4.offset + range4.bytes - start, 4);
        const { MAP_READ, COPY_DST } = GPUBufferUsage;
        const staging = this.device.createBuffer({ size, usage: MAP_READ | COPY_DST });
        this.commands().copyBufferToBuffer(bufferOf(range4.memory), start, staging, 0, size);
        this.submit();
        try {
          await staging.mapAsync(GPUMapMode.READ);
        } catch (cause) {
          this.raise();
          throw new InfcError("INFC6032", "results could not be read back from the GPU", { cause });
        }
        const at = range4.offset - start;
        const bytes2 = new Uint8Array(staging.getMappedRange()).slice(at, at + range4.bytes);
        staging.destroy();
        this.raise();
        return bytes2;
      }
      prepare(request) {
        const kernel = this.kernels[request.kernel];
        if (!kernel) throw new InfcError("INFC6018", `the plan has no kernel ${request.kernel}`);
        const staged = [];
        const ranges = request.bindings.map((b) => ({
          buffer: bufferOf(b.memory),
          offset: b.offset,
          size: Math.max(16, up(b.bytes, 4))
        }));
        const writes = (i) => kernel.access[i] === "read_write";
        const written = new Set(ranges.filter((_, i) => writes(i)).map((r) => r.buffer));
        const widened = ranges.map((r, i) => !writes(i) && written.has(r.buffer));
        const entries = ranges.map((range4, binding) => {
          const twice = ranges.slice(0, binding).some(
            (o) => o.buffer === range4.buffer && o.offset < range4.offset + range4.size && range4.offset < o.offset + o.size
          );
          const clash2 = twice && (widened[binding] || writes(binding));
          if (!clash2 && range4.offset % ALIGN2 === 0) return { binding, resource: range4 };
          if (range4.offset % 4 !== 0)
            throw new InfcError("INFC6035", `kernel ${kernel.name} reads at byte ${range4.offset}, not a multiple of 4`, {
              fix: "Compile the model for wasm"
            });
          const { STORAGE: STORAGE2, COPY_SRC, COPY_DST } = GPUBufferUsage;
          const temporary = this.device.createBuffer({ size: range4.size, usage: STORAGE2 | COPY_SRC | COPY_DST });
          staged.push({ range: range4, temporary, written: writes(binding) });
          widened[binding] = false;
          return { binding, resource: { buffer: temporary } };
        });
        if (kernel.hasScalars)
          entries.push({ binding: ranges.length, resource: { buffer: this.uniform(request.scalars) } });
        const pipeline2 = this.pipeline(kernel, widened);
        const group = this.device.createBindGroup({ layout: pipeline2.getBindGroupLayout(0), entries });
        const [x2, y, z] = request.grid;
        const launch = { kernel: request.kernel, pipeline: pipeline2, group, grid: foldGrid(x2, y, z), staged };
        return launch;
      }
      /** The kernel with the marked bindings declared read-write instead of read. */
      pipeline(kernel, widened) {
        const key2 = widened.map((w) => w ? "w" : "r").join("");
        const known = kernel.pipelines.get(key2);
        if (known) return known;
        const code = kernel.code.replace(
          /(@binding\((\d+)\)\s*var<storage,\s*)read>/g,
          (whole, head, binding) => widened[Number(binding)] ? `${head}read_write>` : whole
        );
        const entries = kernel.access.map((access, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: access === "read" && !widened[binding] ? "read-only-storage" : "storage" }
        }));
        if (kernel.hasScalars)
          entries.push({ binding: kernel.access.length, visibility: GPUShaderStage.COMPUTE, buffer: { type: "uniform" } });
        const pipeline2 = this.device.createComputePipeline({
          label: kernel.name,
          layout: this.device.createPipelineLayout({ bindGroupLayouts: [this.device.createBindGroupLayout({ entries })] }),
          compute: { module: this.device.createShaderModule({ code }), entryPoint: kernel.entry }
        });
        kernel.pipelines.set(key2, pipeline2);
        return pipeline2;
      }
      /** A uniform buffer with these scalars; equal tuples share one. */
      uniform(scalars) {
        const key2 = scalars.join();
        const known = this.uniforms.get(key2);
        if (known) return known;
        const buffer = this.device.createBuffer({
          size: up(scalars.length * 4, 16),
          usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST
        });
        this.device.queue.writeBuffer(buffer, 0, Int32Array.from(scalars));
        if (this.uniforms.size >= MAX_UNIFORMS) this.uniforms.clear();
        this.uniforms.set(key2, buffer);
        return buffer;
      }
      launch(launch) {
        const { pipeline: pipeline2, group, grid, staged } = launch;
        if (grid[0] * grid[1] * grid[2] === 0) return;
        for (const { range: range4, temporary } of staged)
          this.commands().copyBufferToBuffer(range4.buffer, range4.offset, temporary, 0, range4.size);
        this.encoder ??= this.device.createCommandEncoder();
        this.pass ??= this.encoder.beginComputePass();
        this.pass.setPipeline(pipeline2);
        this.pass.setBindGroup(0, group);
        this.pass.dispatchWorkgroups(...grid);
        for (const { range: range4, temporary, written } of staged)
          if (written) this.commands().copyBufferToBuffer(temporary, 0, range4.buffer, range4.offset, range4.size);
      }
      async finish() {
        this.submit();
        this.raise();
        await this.device.queue.onSubmittedWorkDone();
        this.raise();
      }
      destroy() {
        this.destroyed = true;
        this.device.destroy();
      }
      /** The encoder outside of a compute pass. */
      commands() {
        this.pass?.end();
        this.pass = void 0;
        this.encoder ??= this.device.createCommandEncoder();
        return this.encoder;
      }
      submit() {
        if (!this.encoder) return;
        this.device.queue.submit([this.commands().finish()]);
        this.encoder = void 0;
      }
      raise() {
        const { failure } = this;
        if (!failure) return;
        if (failure.code !== "INFC6031") this.failure = void 0;
        throw failure;
      }
    };
    bufferOf = (memory) => memory.buffer;
  }
});

// compiler/compile.ts
import { readFile as readFile2 } from "node:fs/promises";
import path2 from "node:path";

// compiler/ir/dim.ts
init_errors();
var sums = /* @__PURE__ */ new Map();
function intern(constant4, terms) {
  if (terms.length === 0) return constant4;
  let key2 = "";
  for (const t of terms) key2 += `${t.coefficient}*${t.key}+`;
  key2 += constant4;
  const found = sums.get(key2)?.deref();
  if (found) return found;
  const sum2 = { key: key2, constant: constant4, terms };
  sums.set(key2, new WeakRef(sum2));
  return sum2;
}
var keyOf = (d) => typeof d === "number" ? String(d) : d.key;
var termsOf = (d) => typeof d === "number" ? [] : d.terms;
var constantOf = (d) => typeof d === "number" ? d : d.constant;
var atomDim = (atom2) => intern(0, [{ key: atom2.key, factors: [atom2], coefficient: 1 }]);
function sym(name2, bounds = {}) {
  const { min: min2 = 0, max: max2 = 2147483647, multipleOf = 1 } = bounds;
  return atomDim({ kind: "sym", key: `${name2}[${min2},${keyOf(max2)},${multipleOf}]`, name: name2, min: min2, max: max2, multipleOf });
}
var isStatic = (d) => typeof d === "number";
function asSym(d) {
  if (typeof d === "number" || d.constant !== 0 || d.terms.length !== 1) return void 0;
  const term = d.terms[0];
  const atom2 = term?.factors[0];
  return term?.coefficient === 1 && term.factors.length === 1 && atom2?.kind === "sym" ? atom2 : void 0;
}
function add(a, b) {
  if (typeof a === "number" && typeof b === "number") return a + b;
  return combine(a, b, 1);
}
function sub(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return combine(a, b, -1);
}
function combine(a, b, sign2) {
  const xs = termsOf(a);
  const ys = termsOf(b);
  const out = [];
  let i = 0;
  let j = 0;
  while (i < xs.length || j < ys.length) {
    const x2 = xs[i];
    const y = ys[j];
    if (x2 && (!y || x2.key < y.key)) {
      out.push(x2);
      i++;
    } else if (y && (!x2 || y.key < x2.key)) {
      out.push(sign2 === 1 ? y : { ...y, coefficient: -y.coefficient });
      j++;
    } else if (x2 && y) {
      const coefficient = x2.coefficient + sign2 * y.coefficient;
      if (coefficient !== 0) out.push({ ...x2, coefficient });
      i++;
      j++;
    }
  }
  const sum2 = intern(constantOf(a) + sign2 * constantOf(b), out);
  return out.some((t) => t.factors.some((f) => f.kind === "mod")) ? recombine(sum2) : sum2;
}
function recombine(sum2) {
  for (const t of termsOf(sum2)) {
    for (const f of t.factors) {
      if (f.kind !== "mod") continue;
      const quotient = floorDiv(f.a, f.b);
      const rest = t.factors.reduce((p, g) => g === f ? p : mul(p, atomDim(g)), t.coefficient);
      const partner = mul(rest, mul(f.b, quotient));
      const wanted = termsOf(partner);
      if (wanted.length === 0 || constantOf(partner) !== 0) continue;
      const has = wanted.every((w) => termsOf(sum2).some((x2) => x2.key === w.key && x2.coefficient === w.coefficient));
      if (has) return add(sub(sub(sum2, partner), intern(0, [t])), mul(rest, f.a));
    }
  }
  return sum2;
}
function mul(a, b) {
  if (typeof a === "number" && typeof b === "number") return a * b;
  const out = /* @__PURE__ */ new Map();
  const put2 = (factors, coefficient) => {
    if (coefficient === 0) return;
    const key2 = factors.map((f) => f.key).join(".");
    const old = out.get(key2);
    out.set(key2, { key: key2, factors, coefficient: coefficient + (old?.coefficient ?? 0) });
  };
  const ca = constantOf(a);
  const cb = constantOf(b);
  for (const x2 of termsOf(a)) {
    put2(x2.factors, x2.coefficient * cb);
    for (const y of termsOf(b)) {
      put2(
        [...x2.factors, ...y.factors].sort((p, q) => p.key < q.key ? -1 : p.key > q.key ? 1 : 0),
        x2.coefficient * y.coefficient
      );
    }
  }
  for (const y of termsOf(b)) put2(y.factors, ca * y.coefficient);
  const terms = [...out.values()].filter((t) => t.coefficient !== 0);
  terms.sort((p, q) => p.key < q.key ? -1 : p.key > q.key ? 1 : 0);
  return intern(ca * cb, terms);
}
var product = (dims2) => dims2.reduce(mul, 1);
function divideExactly(a, d) {
  if (d === 1) return a;
  if (a === d) return 1;
  if (a === 0) return 0;
  const dc = typeof d === "number" ? d : d.constant === 0 && d.terms.length === 1 ? d.terms[0]?.coefficient : void 0;
  if (dc === void 0 || dc === 0) return void 0;
  const df = typeof d === "number" ? [] : d.terms[0]?.factors ?? [];
  const out = [];
  const ac = constantOf(a);
  if (ac !== 0 && (df.length > 0 || ac % dc !== 0)) return void 0;
  for (const t of termsOf(a)) {
    if (t.coefficient % dc !== 0) return void 0;
    const left = [...t.factors];
    for (const f of df) {
      const at = left.findIndex((x2) => x2.key === f.key);
      if (at < 0) return void 0;
      left.splice(at, 1);
    }
    out.push({ key: left.map((f) => f.key).join("."), factors: left, coefficient: t.coefficient / dc });
  }
  let rest = df.length === 0 ? ac / dc : 0;
  for (const t of out) rest = add(rest, t.factors.length === 0 ? t.coefficient : intern(0, [t]));
  return rest;
}
function splitBy(a, d) {
  let q = 0;
  let r = 0;
  for (const t of termsOf(a)) {
    const part4 = intern(0, [t]);
    const exact = divideExactly(part4, d);
    if (exact === void 0) r = add(r, part4);
    else q = add(q, exact);
  }
  const c = constantOf(a);
  if (typeof d === "number") {
    q = add(q, Math.floor(c / d));
    r = add(r, c - Math.floor(c / d) * d);
  } else {
    r = add(r, c);
  }
  return { q, r };
}
function floorDiv(a, d) {
  if (d === 1 || a === 0) return a;
  if (typeof d === "number" && d <= 0) throw new InfcError("INFC2001", `division of a dimension by ${d}`);
  if (typeof a === "number" && typeof d === "number") return Math.floor(a / d);
  const { q, r } = splitBy(a, d);
  if (isWithin(r, d)) return q;
  if (q !== 0) return add(q, floorDiv(r, d));
  const inner = soleCall(a, "div");
  if (inner) return floorDiv(inner.a, mul(inner.b, d));
  return atomDim({ kind: "div", key: `(${keyOf(a)})/(${keyOf(d)})`, a, b: d });
}
function mod(a, d) {
  if (d === 1 || a === 0) return 0;
  if (typeof d === "number" && d <= 0) throw new InfcError("INFC2001", `remainder of a dimension by ${d}`);
  if (typeof a === "number" && typeof d === "number") return a - Math.floor(a / d) * d;
  const { r } = splitBy(a, d);
  if (isWithin(r, d)) return r;
  if (r !== a) return mod(r, d);
  const inner = soleCall(a, "mod");
  if (inner && divideExactly(inner.b, d) !== void 0) return mod(inner.a, d);
  return atomDim({ kind: "mod", key: `(${keyOf(a)})%(${keyOf(d)})`, a, b: d });
}
var ceilDiv = (a, d) => floorDiv(add(a, sub(d, 1)), d);
function min(a, b) {
  if (typeof a === "number" && typeof b === "number") return Math.min(a, b);
  if (isAtMost(a, b)) return a;
  if (isAtMost(b, a)) return b;
  const [x2, y] = keyOf(a) < keyOf(b) ? [a, b] : [b, a];
  return atomDim({ kind: "min", key: `min(${keyOf(x2)},${keyOf(y)})`, a: x2, b: y });
}
function max(a, b) {
  if (typeof a === "number" && typeof b === "number") return Math.max(a, b);
  if (isAtMost(a, b)) return b;
  if (isAtMost(b, a)) return a;
  const [x2, y] = keyOf(a) < keyOf(b) ? [a, b] : [b, a];
  return atomDim({ kind: "max", key: `max(${keyOf(x2)},${keyOf(y)})`, a: x2, b: y });
}
function soleCall(d, kind) {
  if (typeof d === "number" || d.constant !== 0 || d.terms.length !== 1) return void 0;
  const t = d.terms[0];
  const atom2 = t?.factors[0];
  return t?.coefficient === 1 && t.factors.length === 1 && atom2 !== void 0 && atom2.kind === kind ? atom2 : void 0;
}
function isWithin(r, d) {
  return lowerBound(r) >= 0 && isAtMost(r, sub(d, 1));
}
function isAtMost(a, b) {
  const gap = sub(b, a);
  if (typeof gap === "number") return gap >= 0;
  if (lowerBound(gap) >= 0) return true;
  let tight = gap;
  for (let round = 0; round < 4; round++) {
    const next = relaxNegative(tight);
    if (next === tight) return false;
    tight = next;
    if (lowerBound(tight) >= 0) return true;
  }
  return false;
}
function relaxNegative(d) {
  for (const t of termsOf(d)) {
    if (t.coefficient >= 0) continue;
    const at = t.factors.findIndex((f) => f.kind === "sym" && typeof f.max !== "number");
    const s = t.factors[at];
    if (s?.kind !== "sym") continue;
    const others = t.factors.filter((_, i) => i !== at);
    if (others.some((f) => atomRange(f).min < 0)) continue;
    const rest = others.reduce((p, f) => mul(p, atomDim(f)), 1);
    return add(sub(d, intern(0, [t])), mul(mul(rest, s.max), t.coefficient));
  }
  return d;
}
function atomRange(atom2) {
  if (atom2.kind === "sym")
    return { min: atom2.min, max: typeof atom2.max === "number" ? atom2.max : Math.max(atom2.min, range(atom2.max).max) };
  const a = range(atom2.a);
  const b = range(atom2.b);
  switch (atom2.kind) {
    case "min":
      return { min: Math.min(a.min, b.min), max: Math.min(a.max, b.max) };
    case "max":
      return { min: Math.max(a.min, b.min), max: Math.max(a.max, b.max) };
    case "mod":
      return { min: 0, max: Math.max(0, Math.min(b.max - 1, a.min >= 0 ? a.max : Number.POSITIVE_INFINITY)) };
    case "div": {
      const bMin = Math.max(1, b.min);
      const lo = a.min >= 0 ? Math.floor(a.min / Math.max(1, b.max)) : Math.floor(a.min / bMin);
      const hi = a.max >= 0 ? Math.floor(a.max / bMin) : Math.floor(a.max / Math.max(1, b.max));
      return { min: lo, max: hi };
    }
  }
}
function range(d) {
  if (typeof d === "number") return { min: d, max: d };
  let lo = d.constant;
  let hi = d.constant;
  for (const t of d.terms) {
    let pMin = 1;
    let pMax = 1;
    for (const f of t.factors) {
      const r = atomRange(f);
      const c = [pMin * r.min, pMin * r.max, pMax * r.min, pMax * r.max].map((v) => Number.isNaN(v) ? 0 : v);
      pMin = Math.min(...c);
      pMax = Math.max(...c);
    }
    lo += t.coefficient * (t.coefficient >= 0 ? pMin : pMax);
    hi += t.coefficient * (t.coefficient >= 0 ? pMax : pMin);
  }
  return { min: lo, max: hi };
}
var lowerBound = (d) => range(d).min;
var upperBound = (d) => range(d).max;
function equals(a, b) {
  const gap = sub(a, b);
  if (typeof gap === "number") return gap === 0;
  const r = range(gap);
  return r.min > 0 || r.max < 0 ? false : void 0;
}
function lessThan(a, b) {
  if (isAtMost(add(a, 1), b)) return true;
  if (isAtMost(b, a)) return false;
  return void 0;
}
function isMultipleOf(d, n) {
  if (typeof d === "number") return d % n === 0;
  if (d.constant % n !== 0) return false;
  return d.terms.every((t) => {
    let m = Math.abs(t.coefficient);
    for (const f of t.factors) if (f.kind === "sym") m *= f.multipleOf;
    return m % n === 0;
  });
}
function substitute(d, replace) {
  if (typeof d === "number") return d;
  let out = d.constant;
  for (const t of d.terms) {
    let p = t.coefficient;
    for (const f of t.factors) p = mul(p, substituteAtom(f, replace));
    out = add(out, p);
  }
  return out;
}
function substituteAtom(atom2, replace) {
  if (atom2.kind === "sym") return replace(atom2) ?? atomDim(atom2);
  const a = substitute(atom2.a, replace);
  const b = substitute(atom2.b, replace);
  return atom2.kind === "div" ? floorDiv(a, b) : atom2.kind === "mod" ? mod(a, b) : atom2.kind === "min" ? min(a, b) : max(a, b);
}
function evaluate(d, values) {
  const lookup = values instanceof Map ? (n) => values.get(n) : (n) => values[n];
  const v = substitute(d, (s) => lookup(s.name));
  if (typeof v !== "number")
    throw new InfcError("INFC2002", `dimension ${formatDim(v)} has no value yet`, {
      fix: "Give every symbolic dimension a value"
    });
  return v;
}
function collectSyms(d, into = /* @__PURE__ */ new Map()) {
  for (const t of termsOf(d)) {
    for (const f of t.factors) {
      if (f.kind === "sym") into.set(f.name, f);
      else {
        collectSyms(f.a, into);
        collectSyms(f.b, into);
      }
    }
  }
  return into;
}
function coefficientOf(d, name2) {
  let c = 0;
  for (const t of termsOf(d)) {
    let hits = 0;
    let rest = t.coefficient;
    for (const f of t.factors) {
      if (f.kind === "sym" && f.name === name2) hits++;
      else {
        if (f.kind !== "sym" && collectSyms(atomDim(f)).has(name2)) return void 0;
        rest = mul(rest, atomDim(f));
      }
    }
    if (hits > 1) return void 0;
    if (hits === 1) c = add(c, rest);
  }
  return c;
}
function formatDim(d) {
  if (typeof d === "number") return String(d);
  let out = "";
  for (const t of d.terms) {
    const body = t.factors.map(formatAtom).join("*");
    const c = Math.abs(t.coefficient) === 1 ? body : `${Math.abs(t.coefficient)}*${body}`;
    out += t.coefficient < 0 ? `-${c}` : out === "" ? c : `+${c}`;
  }
  return d.constant === 0 ? out : d.constant > 0 ? `${out}+${d.constant}` : `${out}${d.constant}`;
}
function formatAtom(a) {
  if (a.kind === "sym") return a.name;
  const x2 = formatDim(a.a);
  const y = formatDim(a.b);
  return a.kind === "div" ? `((${x2})/(${y}))` : a.kind === "mod" ? `((${x2})%(${y}))` : `${a.kind}(${x2},${y})`;
}

// compiler/ir/dtype.ts
init_dtype();
var FLOATS = /* @__PURE__ */ new Set([
  "f64",
  "f32",
  "f16",
  "bf16",
  "f8e4m3fn",
  "f8e4m3fnuz",
  "f8e5m2",
  "f8e5m2fnuz",
  "f8e8m0",
  "f4e2m1"
]);
var isFloat = (dtype) => FLOATS.has(dtype);
var isSigned = (dtype) => /^i\d/.test(dtype);
var isUnsigned = (dtype) => /^u\d/.test(dtype);
var isInteger = (dtype) => isSigned(dtype) || isUnsigned(dtype);
function computeType(dtype) {
  switch (dtype) {
    case "f64":
    case "c128":
      return "f64";
    case "i64":
    case "u64":
    case "u32":
    case "i32":
    case "bool":
      return dtype;
    case "i16":
    case "i8":
    case "i4":
    case "i2":
      return "i32";
    case "u16":
    case "u8":
    case "u4":
    case "u2":
      return "u32";
    default:
      return "f32";
  }
}

// compiler/ir/graph.ts
init_errors();
var tensor = (dtype, shape, format = "dense") => ({ dtype, shape, format });
var Value = class {
  constructor(id, name2, type) {
    this.id = id;
    this.name = name2;
    this.type = type;
  }
  id;
  name;
  type;
  /** Nodes that read this value, once per use. */
  uses = [];
  producer;
  constant;
  /** Contents of a small integer tensor, when shape arithmetic knows them symbolically (row-major). */
  known;
};
var Node = class {
  constructor(id, op, inputs, outputs, attrs, source) {
    this.id = id;
    this.op = op;
    this.inputs = inputs;
    this.outputs = outputs;
    this.attrs = attrs;
    this.source = source;
  }
  id;
  op;
  inputs;
  outputs;
  attrs;
  source;
};
var nextId = 1;
var Graph = class {
  constructor(name2) {
    this.name = name2;
  }
  name;
  inputs = [];
  outputs = [];
  nodes = [];
  made = 0;
  input(name2, type) {
    const v = new Value(nextId++, name2, type);
    this.inputs.push(v);
    return v;
  }
  constant(constant4) {
    const v = new Value(nextId++, constant4.name, constant4.type);
    v.constant = constant4;
    return v;
  }
  /** Appends a node (or inserts it before `before`) with outputs of the given types. */
  node(op, inputs, attrs, types, source, names2 = [], before) {
    const id = nextId++;
    const made = this.made++;
    const outputs = types.map((t, i) => new Value(nextId++, names2[i] || `${op}_${made}${i === 0 ? "" : `_${i}`}`, t));
    const node = new Node(id, op, [...inputs], outputs, attrs, source);
    for (const o of outputs) o.producer = node;
    for (const v of inputs) v?.uses.push(node);
    if (before === void 0) this.nodes.push(node);
    else {
      const at = this.nodes.indexOf(before);
      if (at < 0)
        throw new InfcError("INFC2003", `insertion point is not in graph '${this.name}'`, { node: before.source.name });
      this.nodes.splice(at, 0, node);
    }
    return node;
  }
  /** Makes every user of `from` (and the graph's outputs) use `to`. */
  replaceUses(from, to) {
    if (from === to) return;
    for (const user of new Set(from.uses)) {
      for (let i = 0; i < user.inputs.length; i++) {
        if (user.inputs[i] === from) {
          user.inputs[i] = to;
          to.uses.push(user);
        }
      }
    }
    from.uses.length = 0;
    this.replaceOutputs(from, to);
  }
  /** Bodies may hand an outer value straight out. */
  replaceOutputs(from, to) {
    this.outputs = this.outputs.map((o) => o === from ? to : o);
    for (const node of this.nodes) for (const body of subgraphs(node)) body.replaceOutputs(from, to);
  }
  setInput(node, index, value) {
    const old = node.inputs[index];
    if (old) removeOne(old.uses, node);
    node.inputs[index] = value;
    value?.uses.push(node);
  }
  /** Removes a node none of whose outputs is used. */
  remove(node) {
    const used = node.outputs.find((o) => o.uses.length > 0 || this.outputs.includes(o));
    if (used)
      throw new InfcError("INFC2004", `cannot remove a node whose output '${used.name}' is used`, {
        node: node.source.name
      });
    detach(node);
    const at = this.nodes.indexOf(node);
    if (at >= 0) this.nodes.splice(at, 1);
  }
};
function detach(node) {
  for (const v of node.inputs) if (v) removeOne(v.uses, node);
  for (const body of subgraphs(node)) body.nodes.forEach(detach);
}
var discard = (body) => body.nodes.forEach(detach);
function removeOne(list, item) {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}
var formatType = (t) => `${t.container ? `${t.container} ` : ""}${t.dtype}[${t.shape.map(formatDim).join(", ")}]${t.format === "dense" ? "" : ` ${t.format}`}`;
var subgraphs = (node) => Object.values(node.attrs).flatMap(
  (a) => a instanceof Graph ? [a] : Array.isArray(a) ? a.filter((x2) => x2 instanceof Graph) : []
);
function forEachNode(graph, visit) {
  for (const node of [...graph.nodes]) {
    visit(node, graph);
    for (const s of subgraphs(node)) forEachNode(s, visit);
  }
}

// compiler/ir/graph-builder.ts
init_errors();

// compiler/ir/expr.ts
var lift = (v, like2) => v instanceof Expr ? v : constant(like2, v);
var Expr = class _Expr {
  constructor(type, width, node) {
    this.type = type;
    this.width = width;
    this.node = node;
  }
  type;
  width;
  node;
  unary(op, type = this.type) {
    return new _Expr(type, this.width, { kind: "unary", op, a: this });
  }
  binary(op, other) {
    let a = this;
    let b = lift(other, this.type);
    if (a.type !== b.type) throw new TypeError(`${op}: operand types ${a.type} and ${b.type} differ`);
    if (a.width !== b.width) {
      if (a.width === 1) a = a.splat(b.width);
      else if (b.width === 1) b = b.splat(a.width);
      else throw new TypeError(`${op}: widths ${a.width} and ${b.width} differ`);
    }
    const type = COMPARES.has(op) ? "bool" : a.type;
    return new _Expr(type, a.width, { kind: "binary", op, a, b });
  }
  add(b) {
    return this.binary("add", b);
  }
  sub(b) {
    return this.binary("sub", b);
  }
  mul(b) {
    return this.binary("mul", b);
  }
  div(b) {
    return this.binary("div", b);
  }
  rem(b) {
    return this.binary("rem", b);
  }
  min(b) {
    return this.binary("min", b);
  }
  max(b) {
    return this.binary("max", b);
  }
  pow(b) {
    return this.binary("pow", b);
  }
  atan2(b) {
    return this.binary("atan2", b);
  }
  and(b) {
    return this.binary("and", b);
  }
  or(b) {
    return this.binary("or", b);
  }
  xor(b) {
    return this.binary("xor", b);
  }
  shl(b) {
    return this.binary("shl", b);
  }
  shr(b) {
    return this.binary("shr", b);
  }
  lt(b) {
    return this.binary("lt", b);
  }
  le(b) {
    return this.binary("le", b);
  }
  gt(b) {
    return this.binary("gt", b);
  }
  ge(b) {
    return this.binary("ge", b);
  }
  eq(b) {
    return this.binary("eq", b);
  }
  ne(b) {
    return this.binary("ne", b);
  }
  neg() {
    return this.unary("neg");
  }
  abs() {
    return this.unary("abs");
  }
  not() {
    return this.unary("not");
  }
  floor() {
    return this.unary("floor");
  }
  ceil() {
    return this.unary("ceil");
  }
  trunc() {
    return this.unary("trunc");
  }
  round() {
    return this.unary("round");
  }
  sqrt() {
    return this.unary("sqrt");
  }
  exp() {
    return this.unary("exp");
  }
  exp2() {
    return this.unary("exp2");
  }
  log() {
    return this.unary("log");
  }
  log2() {
    return this.unary("log2");
  }
  sin() {
    return this.unary("sin");
  }
  cos() {
    return this.unary("cos");
  }
  tan() {
    return this.unary("tan");
  }
  asin() {
    return this.unary("asin");
  }
  acos() {
    return this.unary("acos");
  }
  atan() {
    return this.unary("atan");
  }
  sinh() {
    return this.unary("sinh");
  }
  cosh() {
    return this.unary("cosh");
  }
  tanh() {
    return this.unary("tanh");
  }
  asinh() {
    return this.unary("asinh");
  }
  acosh() {
    return this.unary("acosh");
  }
  atanh() {
    return this.unary("atanh");
  }
  erf() {
    return this.unary("erf");
  }
  popcount() {
    return this.unary("popcount");
  }
  clz() {
    return this.unary("clz");
  }
  isNan() {
    return this.unary("isnan", "bool");
  }
  fma(b, c) {
    const [x2, y, z] = sameWidth([this, lift(b, this.type), lift(c, this.type)]);
    return new _Expr(this.type, x2.width, { kind: "fma", a: x2, b: y, c: z });
  }
  /** this ? a : b */
  select(a, b) {
    const [condition, x2, y] = sameWidth([this, a, lift(b, a.type)]);
    if (x2.type !== y.type) throw new TypeError(`select: types ${x2.type} and ${y.type} differ`);
    return new _Expr(x2.type, x2.width, { kind: "select", condition, a: x2, b: y });
  }
  /** Like select, but only the chosen side is evaluated: the other's loads may be out of bounds. */
  guard(a, otherwise) {
    return new _Expr(a.type, a.width, { kind: "guard", condition: this, a, otherwise: lift(otherwise, a.type) });
  }
  cast(type) {
    return type === this.type ? this : new _Expr(type, this.width, { kind: "cast", a: this });
  }
  bitcast(type) {
    return type === this.type ? this : new _Expr(type, this.width, { kind: "bitcast", a: this });
  }
  /** The value after a round trip through storage of `to` (wraps integers, rounds floats); the type stays. */
  narrow(to) {
    return new _Expr(this.type, this.width, { kind: "narrow", a: this, to });
  }
  splat(width) {
    return width === 1 ? this : new _Expr(this.type, width, { kind: "splat", a: this });
  }
  extract(lane) {
    return this.width === 1 ? this : new _Expr(this.type, 1, { kind: "extract", a: this, lane });
  }
  shuffle(b, lanes) {
    return new _Expr(this.type, this.width, { kind: "shuffle", a: this, b, lanes });
  }
  /** c + the dot product of the four int8 lanes of each 32-bit element (this and b are u32 words). */
  dot4(b, c) {
    return new _Expr("i32", c.width, { kind: "dot4", a: this, b, c });
  }
  subgroupAdd() {
    return new _Expr(this.type, this.width, { kind: "subgroup", op: "add", a: this, mask: 0 });
  }
  subgroupMax() {
    return new _Expr(this.type, this.width, { kind: "subgroup", op: "max", a: this, mask: 0 });
  }
  subgroupMin() {
    return new _Expr(this.type, this.width, { kind: "subgroup", op: "min", a: this, mask: 0 });
  }
  get f32() {
    return this.cast("f32");
  }
  get i32() {
    return this.cast("i32");
  }
  get u32() {
    return this.cast("u32");
  }
};
var COMPARES = /* @__PURE__ */ new Set(["lt", "le", "gt", "ge", "eq", "ne"]);
function sameWidth(xs) {
  const width = xs.reduce((w, x2) => x2.width > w ? x2.width : w, 1);
  const fit2 = (x2) => x2.width === width ? x2 : x2.splat(width);
  return [fit2(xs[0]), fit2(xs[1]), fit2(xs[2])];
}
function constant(type, value) {
  const wide = type === "i64" || type === "u64";
  const v = typeof value === "boolean" ? Number(value) : value;
  return new Expr(type, 1, { kind: "const", value: wide ? BigInt(v) : Number(v) });
}
var dimValue = (dim2) => typeof dim2 === "number" ? constant("i32", dim2) : new Expr("i32", 1, { kind: "dim", dim: dim2 });
var variable = (name2, type, width = 1) => new Expr(type, width, { kind: "var", name: name2 });
var pack = (elements) => {
  const first = elements[0];
  if (!first) throw new TypeError("pack of nothing");
  return new Expr(first.type, elements.length, { kind: "pack", elements });
};
var foldResults = (fold) => fold.init.map((e, index) => new Expr(e.type, 1, { kind: "foldResult", fold, index }));

// compiler/ir/symbolic.ts
var MOST_ELEMENTS = 64;
var UNKNOWN = /* @__PURE__ */ Symbol("unknown");
function symbolicContents(op, inputs, known, attrs, outputs) {
  if (!op.scalar && !op.element) return void 0;
  if (inputs.length > 0 && !inputs.some((_, i) => known(i))) return void 0;
  const values = outputs.map((output, index) => contentsOf(op, inputs, known, attrs, outputs, output, index));
  return values.some((v) => v) ? values : void 0;
}
function contentsOf(op, inputs, known, attrs, outputs, output, index) {
  if (output.dtype === "string" || output.dtype === "c64" || output.dtype === "c128" || output.container)
    return void 0;
  const shape = output.shape.filter(isStatic);
  const count = shape.reduce((n, d) => n * d, 1);
  if (shape.length !== output.shape.length || count > MOST_ELEMENTS) return void 0;
  const linear = (i, position3) => {
    const type = inputs[i];
    const contents = known(i);
    if (!type || !contents || !isStatic(position3)) throw UNKNOWN;
    const value = contents[position3];
    if (value === void 0) throw UNKNOWN;
    const compute = computeType(type.dtype);
    if (isStatic(value)) return constant(compute, compute === "i64" || compute === "u64" ? BigInt(value) : value);
    return dimValue(value).cast(compute);
  };
  const at = (i, coords) => linear(i, positionOf(inputs[i]?.shape ?? [], coords));
  const context = {
    inputs,
    outputs,
    attrs,
    at,
    linear,
    guarded: (i, coords, otherwise) => {
      const dims2 = inputs[i]?.shape ?? [];
      for (let axis = 0; axis < dims2.length; axis++) {
        const c = coords[axis] ?? 0;
        const d = dims2[axis] ?? 1;
        const below = lessThan(c, 0);
        const inside2 = lessThan(c, d);
        if (below === void 0 || inside2 === void 0) throw UNKNOWN;
        if (below || !inside2) return otherwise;
      }
      return at(i, coords);
    },
    index: (value) => toDim(value),
    fold: (_monoid, extents, init, next) => {
      let state = init;
      const bounds = extents.filter(isStatic);
      if (bounds.length !== extents.length || bounds.reduce((n, d) => n * d, 1) > 4096) throw UNKNOWN;
      forEachIndex(bounds, (loops) => {
        state = next(loops, state).map((e) => leaf(e));
      });
      return [...state];
    }
  };
  try {
    const contents = [];
    const element2 = op.element?.(context);
    forEachIndex(shape, (coords) => {
      const value = element2 ? element2(coords, index) : scalarAt(op, context, output, coords);
      contents.push(toDim(value));
    });
    return contents;
  } catch (e) {
    if (e === UNKNOWN) return void 0;
    throw e;
  }
}
function scalarAt(op, context, output, coords) {
  const types = [];
  const operands = [];
  context.inputs.forEach((type, i) => {
    if (!type) throw UNKNOWN;
    types.push(type);
    const skip = coords.length - type.shape.length;
    operands.push(
      context.at(
        i,
        type.shape.map((d, axis) => d === 1 ? 0 : coords[axis + skip] ?? 0)
      )
    );
  });
  if (!op.scalar) throw UNKNOWN;
  return op.scalar(operands, context.attrs, { inputs: types, output });
}
function positionOf(shape, coords) {
  let position3 = 0;
  shape.forEach((d, axis) => {
    position3 = add(mul(position3, d), coords[axis] ?? 0);
  });
  return position3;
}
function forEachIndex(shape, visit) {
  const count = shape.reduce((n, d) => n * d, 1);
  for (let linear = 0; linear < count; linear++) {
    const index = new Array(shape.length);
    let rest = linear;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const d = shape[axis] ?? 1;
      index[axis] = rest % d;
      rest = Math.floor(rest / d);
    }
    visit(index);
  }
}
function leaf(e) {
  const d = toDim(e);
  if (!isStatic(d)) return dimValue(d).cast(e.type);
  return constant(e.type, e.type === "i64" || e.type === "u64" ? BigInt(d) : d);
}
var isFloating = (e) => e.type === "f32" || e.type === "f64" || e.type === "f16";
function toDim(e) {
  const n = e.node;
  switch (n.kind) {
    case "const":
      return checked(Number(n.value), e);
    case "dim":
      return n.dim;
    case "unary":
      return checked(unary(n.op, toDim(n.a)), e);
    case "binary":
      return checked(binary(n.op, toDim(n.a), toDim(n.b), n.a), e);
    case "fma":
      return checked(add(product2(toDim(n.a), toDim(n.b)), toDim(n.c)), e);
    case "select":
    case "guard": {
      const condition = toDim(n.condition);
      if (!isStatic(condition)) throw UNKNOWN;
      const other = n.kind === "select" ? n.b : n.otherwise;
      return condition !== 0 ? toDim(n.a) : toDim(other);
    }
    case "cast": {
      const a = toDim(n.a);
      if (e.type === "bool") return compare("ne", a, 0);
      return isStatic(a) && !isFloating(e) ? checked(Math.trunc(a), e) : a;
    }
    case "narrow": {
      const a = toDim(n.a);
      return isStatic(a) && isFloating(e) && n.to === "f32" ? Math.fround(a) : a;
    }
    default:
      throw UNKNOWN;
  }
}
function checked(d, e) {
  if (isStatic(d) && (Number.isNaN(d) || !isFloating(e) && !Number.isSafeInteger(d))) throw UNKNOWN;
  return d;
}
function product2(a, b) {
  if (isStatic(a) && !isStatic(b) && !Number.isInteger(a) || isStatic(b) && !isStatic(a) && !Number.isInteger(b))
    throw UNKNOWN;
  return mul(a, b);
}
function unary(op, a) {
  switch (op) {
    case "neg":
      return sub(0, a);
    case "not":
      return isStatic(a) && (a === 0 || a === 1) ? 1 - a : unknown();
    case "abs":
      return isStatic(a) ? Math.abs(a) : range(a).min >= 0 ? a : unknown();
    case "floor":
      return isStatic(a) ? Math.floor(a) : a;
    case "ceil":
      return isStatic(a) ? Math.ceil(a) : a;
    case "trunc":
      return isStatic(a) ? Math.trunc(a) : a;
    case "sqrt":
      return isStatic(a) ? Math.sqrt(a) : unknown();
    case "exp":
      return isStatic(a) ? Math.exp(a) : unknown();
    case "log":
      return isStatic(a) ? Math.log(a) : unknown();
    default:
      return unknown();
  }
}
function unknown() {
  throw UNKNOWN;
}
function binary(op, a, b, left) {
  switch (op) {
    case "add":
      return sumOf(a, b, 1);
    case "sub":
      return sumOf(a, b, -1);
    case "mul":
      return product2(a, b);
    case "div":
      if (isStatic(a) && isStatic(b))
        return b === 0 && !isFloating(left) ? unknown() : isFloating(left) ? a / b : Math.trunc(a / b);
      if (isFloating(left)) return divideExactly(a, b) ?? unknown();
      return positive(a, b) ? floorDiv(a, b) : unknown();
    case "rem":
      if (isStatic(a) && isStatic(b)) return b === 0 ? unknown() : a % b;
      return positive(a, b) && !isFloating(left) ? mod(a, b) : unknown();
    case "min":
      return min(a, b);
    case "max":
      return max(a, b);
    case "pow":
      return isStatic(a) && isStatic(b) ? a ** b : unknown();
    case "and":
      return left.type !== "bool" ? unknown() : a === 0 || b === 0 ? 0 : isStatic(a) && isStatic(b) ? 1 : unknown();
    case "or":
      return left.type !== "bool" ? unknown() : a === 1 || b === 1 ? 1 : isStatic(a) && isStatic(b) ? 0 : unknown();
    case "xor":
      return left.type === "bool" && isStatic(a) && isStatic(b) ? a ^ b : unknown();
    case "lt":
    case "le":
    case "gt":
    case "ge":
    case "eq":
    case "ne":
      return compare(op, a, b);
    default:
      return unknown();
  }
}
function sumOf(a, b, sign2) {
  if (isStatic(a) !== isStatic(b) && (isStatic(a) && !Number.isInteger(a) || isStatic(b) && !Number.isInteger(b)))
    throw UNKNOWN;
  return sign2 === 1 ? add(a, b) : sub(a, b);
}
var positive = (a, b) => range(a).min >= 0 && range(b).min > 0;
function compare(op, a, b) {
  const truth2 = op === "lt" ? lessThan(a, b) : op === "gt" ? lessThan(b, a) : op === "le" ? negate(lessThan(b, a)) : op === "ge" ? negate(lessThan(a, b)) : op === "eq" ? equals(a, b) : negate(equals(a, b));
  if (truth2 === void 0) throw UNKNOWN;
  return truth2 ? 1 : 0;
}
var negate = (truth2) => truth2 === void 0 ? void 0 : !truth2;

// compiler/ir/graph-builder.ts
var GraphBuilder = class {
  constructor(graph, ops, source, before = void 0) {
    this.graph = graph;
    this.ops = ops;
    this.source = source;
    this.before = before;
  }
  graph;
  ops;
  source;
  before;
  /** Adds a node and returns its outputs. Throws INFC2xxx when the op refuses its inputs. */
  nodes(op, inputs, attrs = {}, names2 = []) {
    const def = this.ops.op(op);
    if (!def)
      throw new InfcError("INFC2005", `unknown op '${op}'`, {
        node: this.source.name,
        fix: "Register a plugin that defines it"
      });
    const context = inferContext(op, inputs, attrs, this.source);
    const types = def.infer(context);
    const list = Array.isArray(types) ? types : [types];
    const node = this.graph.node(op, inputs, attrs, list, this.source, names2, this.before);
    const known = def.known?.(context) ?? symbolicContents(def, context.inputs, context.known, attrs, list);
    if (known) {
      node.outputs.forEach((o, i) => {
        o.known = known[i];
      });
    }
    return node.outputs;
  }
  /** Adds a node with one output. */
  node(op, inputs, attrs = {}, name2 = "") {
    const [out] = this.nodes(op, inputs, attrs, [name2]);
    if (!out) throw new InfcError("INFC2006", `op '${op}' has no output`, { node: this.source.name });
    return out;
  }
  /** A constant from JavaScript numbers; floats of 16 bits are given as raw bits. */
  constant(dtype, shape, values, name2 = "") {
    const bytes2 = new Uint8Array(byteLength(dtype, values.length));
    const view = viewOf(dtype, bytes2.buffer, 0, values.length);
    for (let i = 0; i < values.length; i++) {
      const v = values[i];
      if (v !== void 0)
        view[i] = view instanceof BigInt64Array || view instanceof BigUint64Array ? BigInt(v) : Number(v);
    }
    const c = {
      name: name2 || `const_${dtype}`,
      type: tensor(dtype, shape),
      bytes: bytes2.byteLength,
      read: () => bytes2
    };
    const value = this.graph.constant(c);
    return value;
  }
  scalar(dtype, value) {
    return this.constant(dtype, [], [value]);
  }
};
function contentsOf2(value) {
  const { constant: constant4, type } = value;
  if (value.known || !constant4 || !SMALL_DTYPES.has(type.dtype) || type.format !== "dense") return value.known;
  const count = type.shape.reduce((n, d) => typeof d === "number" ? n * d : Number.NaN, 1);
  if (!(count <= 64)) return void 0;
  const bytes2 = constant4.read();
  const aligned2 = bytes2.slice(0, byteLength(type.dtype, count));
  const contents = Array.from(viewOf(type.dtype, aligned2.buffer, 0, count), Number);
  if (contents.every((x2) => Number.isFinite(x2))) value.known = contents;
  return value.known;
}
var SMALL_DTYPES = /* @__PURE__ */ new Set(["i64", "i32", "bool", "f32", "u8", "f64"]);
function inferContext(op, inputs, attrs, source) {
  return {
    inputs: inputs.map((v) => v?.type ?? null),
    attrs,
    known: (i) => {
      const v = inputs[i];
      return v ? contentsOf2(v) : void 0;
    },
    dataDependent: (hint, max2) => sym(`${hint}@${source.name}`, { min: 0, max: max2 }),
    fail: (reason, fix) => {
      const seen = inputs.map((v) => v ? formatType(v.type) : "-").join(", ");
      throw new InfcError("INFC2010", `${op}: ${reason} (inputs: ${seen || "none"})`, {
        node: source.name,
        ...fix ? { fix } : {}
      });
    }
  };
}

// compiler/lower/loops.ts
init_errors();

// compiler/ir/kernel-builder.ts
var KernelBuilder = class {
  constructor(name2, kind, lanes, grid) {
    this.name = name2;
    this.kind = kind;
    this.lanes = lanes;
    this.grid = grid;
    this.lane = lanes === 1 ? 0 : sym("lane", { max: lanes - 1 });
    const g = (axis, n) => n === 1 ? 0 : sym(axis, { max: sub(n, 1) });
    this.group = { x: g("groupX", grid[0]), y: g("groupY", grid[1]), z: g("groupZ", grid[2]) };
  }
  name;
  kind;
  lanes;
  grid;
  buffers = [];
  sharedBuffers = [];
  /** Open blocks, outermost first; statements go to the last. */
  blocks = [[]];
  counter = 0;
  lane;
  /** Workgroup index; for simd kernels only x is used. */
  group;
  fresh(hint) {
    return `${hint}${this.counter++}`;
  }
  push(statement) {
    this.blocks.at(-1)?.push(statement);
  }
  /** How many blocks are open inside the kernel body. */
  get depth() {
    return this.blocks.length - 1;
  }
  /**
   * Appends what `write` builds to the open block at `depth` instead of the innermost one: it then runs before the inner block that
   * is still being built (hoisting).
   */
  at(depth, write) {
    const inner = this.blocks.splice(depth + 1);
    try {
      return write();
    } finally {
      this.blocks.push(...inner);
    }
  }
  buffer(name2, storage2, access, elements) {
    const b = { name: name2, storage: storage2, space: "global", access, elements };
    this.buffers.push(b);
    return b;
  }
  /** Workgroup memory (simt) or per-thread scratch (simd), uninitialised. */
  shared(name2, storage2, elements) {
    const b = { name: name2, storage: storage2, space: "shared", access: "read_write", elements };
    this.sharedBuffers.push(b);
    return b;
  }
  load(buffer, index, width = 1) {
    return new Expr(computeType(buffer.storage), width, { kind: "load", buffer, index });
  }
  store(buffer, index, value) {
    this.push({ kind: "store", buffer, index, value });
  }
  /** Names a value: computed once, here. `exact` uses the hint as the name; the caller keeps names unique. */
  let(value, hint = "t", exact = false) {
    const name2 = exact ? hint : this.fresh(hint);
    this.push({ kind: "let", name: name2, value });
    return variable(name2, value.type, value.width);
  }
  /** Turns a computed i32 into an index; `min` and `max` are facts the caller guarantees (clamp first when they come from data). */
  index(value, bounds, hint = "x") {
    const name2 = this.fresh(hint);
    this.push({ kind: "let", name: name2, value: value.cast("i32") });
    return sym(name2, bounds);
  }
  var(initial, hint = "v", exact = false) {
    const name2 = exact ? hint : this.fresh(hint);
    this.push({ kind: "var", name: name2, value: initial });
    const value = variable(name2, initial.type, initial.width);
    return {
      value,
      set: (v) => {
        let e = v instanceof Expr ? v : constant(initial.type, v);
        if (e.width !== value.width) e = e.splat(value.width);
        this.push({ kind: "set", name: name2, value: e });
      }
    };
  }
  /** for (i = from; i < to; i += step) */
  for(from, to, step, body, hint = "i", exact = false) {
    const name2 = exact ? hint : this.fresh(hint);
    const low = typeof from === "number" ? from : 0;
    const index = sym(name2, {
      min: low,
      max: sub(to, 1),
      multipleOf: typeof step === "number" && from === 0 ? step : 1
    });
    const inner = this.collect(() => body(index));
    if (upperBound(sub(to, from)) <= 0) return;
    this.push({ kind: "for", name: name2, from, to, step, body: inner });
  }
  if(condition, then, otherwise) {
    const a = this.collect(then);
    const b = otherwise ? this.collect(otherwise) : [];
    this.push({ kind: "if", condition, body: a, otherwise: b });
  }
  barrier() {
    this.push({ kind: "barrier" });
  }
  atomicAdd(buffer, index, value) {
    this.push({ kind: "atomicAdd", buffer, index, value });
  }
  comment(text2) {
    this.push({ kind: "comment", text: text2 });
  }
  intrinsic(name2, type, width, ...args) {
    return new Expr(type, width, { kind: "intrinsic", name: name2, args });
  }
  intrinsicStatement(name2, ...args) {
    this.push({ kind: "intrinsic", name: name2, args });
  }
  collect(write) {
    const inner = [];
    this.blocks.push(inner);
    try {
      write();
    } finally {
      this.blocks.pop();
    }
    return inner;
  }
  /** Closes the kernel. Scalars are all symbols used that nothing inside the kernel defines. */
  done(note) {
    const body = this.blocks[0] ?? [];
    const free = freeSymbols(body, [...this.buffers.map((b) => b.elements), ...this.grid]);
    return {
      name: this.name,
      kind: this.kind,
      buffers: this.buffers,
      shared: this.sharedBuffers,
      scalars: free,
      lanes: this.lanes,
      grid: this.grid,
      body,
      note
    };
  }
};
var PREDEFINED = /* @__PURE__ */ new Set(["lane", "groupX", "groupY", "groupZ"]);
function freeSymbols(body, dims2) {
  const used = /* @__PURE__ */ new Set();
  const defined = new Set(PREDEFINED);
  const dim2 = (d) => {
    for (const name2 of collectSyms(d).keys()) used.add(name2);
  };
  const seen = /* @__PURE__ */ new Set();
  const expr = (e) => {
    if (seen.has(e)) return;
    seen.add(e);
    visitExpr(e, expr, dim2);
  };
  const statements = (list) => {
    for (const s of list) {
      switch (s.kind) {
        case "let":
        case "var":
          defined.add(s.name);
          expr(s.value);
          break;
        case "set":
          expr(s.value);
          break;
        case "store":
        case "atomicAdd":
          dim2(s.index);
          expr(s.value);
          break;
        case "for":
          defined.add(s.name);
          dim2(s.from);
          dim2(s.to);
          dim2(s.step);
          statements(s.body);
          break;
        case "if":
          expr(s.condition);
          statements(s.body);
          statements(s.otherwise);
          break;
        case "intrinsic":
          for (const a of s.args) {
            if (a instanceof Expr) expr(a);
            else if (typeof a === "number" || "terms" in a) dim2(a);
          }
          break;
      }
    }
  };
  for (const d of dims2) dim2(d);
  statements(body);
  return [...used].filter((n) => !defined.has(n)).sort();
}
function visitExpr(e, operand, dim2) {
  const n = e.node;
  switch (n.kind) {
    case "const":
    case "var":
      break;
    case "dim":
      dim2(n.dim);
      break;
    case "load":
      dim2(n.index);
      break;
    case "unary":
    case "cast":
    case "bitcast":
    case "narrow":
    case "splat":
    case "extract":
    case "subgroup":
      operand(n.a);
      break;
    case "binary":
    case "shuffle":
      operand(n.a);
      operand(n.b);
      break;
    case "fma":
    case "dot4":
      operand(n.a);
      operand(n.b);
      operand(n.c);
      break;
    case "select":
      operand(n.condition);
      operand(n.a);
      operand(n.b);
      break;
    case "guard":
      operand(n.condition);
      operand(n.a);
      operand(n.otherwise);
      break;
    case "pack":
      n.elements.forEach(operand);
      break;
    case "intrinsic":
      n.args.forEach(operand);
      break;
    case "foldResult":
      for (const l of n.fold.loops) dim2(l.extent);
      n.fold.init.forEach(operand);
      n.fold.next.forEach(operand);
      break;
  }
}

// compiler/lower/element.ts
init_errors();
function ravel(coords, shape) {
  let position3 = 0;
  shape.forEach((d, i) => {
    position3 = add(mul(position3, d), coords[i] ?? 0);
  });
  return position3;
}
function unravel(position3, shape) {
  const coords = new Array(shape.length);
  let rest = position3;
  for (let i = shape.length - 1; i >= 0; i--) {
    const d = shape[i] ?? 1;
    if (i === 0) coords[i] = d === 1 ? 0 : rest;
    else {
      coords[i] = mod(rest, d);
      rest = floorDiv(rest, d);
    }
  }
  return coords;
}
var ElementEvaluator = class {
  constructor(ops, source, prefix = "") {
    this.ops = ops;
    this.source = source;
    this.prefix = prefix;
  }
  ops;
  source;
  prefix;
  /** Index symbols made from data, with the (clamped, i32) expression that defines each. */
  indices = /* @__PURE__ */ new Map();
  memo = /* @__PURE__ */ new Map();
  bodies = /* @__PURE__ */ new Map();
  counter = 0;
  fresh(hint) {
    return `${this.prefix}${hint}${this.counter++}`;
  }
  at(value, coords) {
    const key2 = `${value.id}:${coords.map((c) => typeof c === "number" ? c : c.key).join(",")}`;
    const old = this.memo.get(key2);
    if (old) return old;
    const e = this.compute(value, coords);
    this.memo.set(key2, e);
    return e;
  }
  linear(value, position3) {
    const producer = value.producer;
    if (!producer || !this.source.isInside(value)) return this.source.read(value, position3);
    const input = producer.inputs[0];
    if (this.ops.op(producer.op)?.view && input) return this.linear(input, position3);
    return this.at(value, unravel(position3, this.source.typeOf(value).shape));
  }
  compute(value, coords) {
    const type = this.source.typeOf(value);
    const node = value.producer;
    if (!node || !this.source.isInside(value)) return this.source.read(value, ravel(coords, type.shape));
    const op = this.ops.op(node.op);
    const input = node.inputs[0];
    if (op?.view && input) return this.linear(input, ravel(coords, type.shape));
    if (op?.scalar) {
      const types = [];
      const args = [];
      for (const v of node.inputs) {
        if (!v) continue;
        const t = this.source.typeOf(v);
        types.push(t);
        args.push(this.at(v, broadcastCoords(coords, type.shape, t.shape)));
      }
      const e = op.scalar(args, node.attrs, { inputs: types, output: type });
      const wanted = computeType(type.dtype);
      if (e.type !== wanted)
        throw new InfcError("INFC3001", `op '${node.op}' computes ${e.type} where its output is ${type.dtype}`, {
          node: node.source.name
        });
      return rounded(e, type.dtype, node.op === "cast");
    }
    const body = this.body(node);
    return body(coords, node.outputs.indexOf(value));
  }
  body(node) {
    const old = this.bodies.get(node);
    if (old) return old;
    const op = this.ops.op(node.op);
    if (!op?.element)
      throw new InfcError("INFC3002", `op '${node.op}' has no element form`, {
        node: node.source.name,
        fix: "Run it as a host step"
      });
    const typeAt = (i) => this.source.typeOf(this.input(node, i));
    const context = {
      inputs: node.inputs.map((v) => v ? this.source.typeOf(v) : null),
      outputs: node.outputs.map((v) => this.source.typeOf(v)),
      attrs: node.attrs,
      at: (i, coords) => this.at(this.input(node, i), coords),
      linear: (i, position3) => this.linear(this.input(node, i), position3),
      guarded: (i, coords, otherwise) => {
        const shape = typeAt(i).shape;
        let inside2;
        coords.forEach((c, axis) => {
          const d = shape[axis] ?? 1;
          const both2 = (e2) => {
            inside2 = inside2 ? inside2.and(e2) : e2;
          };
          if (!isAtMost(0, c)) both2(dimValue(c).ge(0));
          if (!isAtMost(c, sub(d, 1))) both2(dimValue(c).lt(dimValue(d)));
        });
        const e = this.at(this.input(node, i), coords);
        return inside2 ? inside2.guard(e, otherwise) : e;
      },
      index: (value, extent) => {
        const last = dimValue(sub(extent, 1)).cast(value.type);
        const name2 = this.fresh("x");
        this.indices.set(name2, value.min(last).max(constant(value.type, 0)).cast("i32"));
        return sym(name2, { max: sub(extent, 1) });
      },
      fold: (monoid, extents, init, next) => {
        const loops = [];
        const dims2 = extents.map((extent) => {
          if (extent === 1) return 0;
          const name2 = this.fresh("r");
          loops.push({ name: name2, extent });
          return sym(name2, { max: sub(extent, 1) });
        });
        const state = init.map(() => this.fresh("s"));
        const vars = init.map((e, i) => variable(state[i] ?? "", e.type));
        return foldResults({ kind: "fold", monoid, loops, init, state, next: next(dims2, vars) });
      }
    };
    const made = op.element(context);
    this.bodies.set(node, made);
    return made;
  }
  input(node, i) {
    const v = node.inputs[i];
    if (!v) throw new InfcError("INFC3003", `op '${node.op}' reads its omitted input ${i}`, { node: node.source.name });
    return v;
  }
};
function broadcastCoords(coords, to, from) {
  const shift2 = to.length - from.length;
  return from.map((d, i) => {
    const c = coords[i + shift2] ?? 0;
    if (d === 1) return 0;
    return d === to[i + shift2] || isAtMost(c, sub(d, 1)) ? c : min(c, sub(d, 1));
  });
}
function rounded(e, dtype, isCast) {
  switch (dtype) {
    case "f64":
    case "f32":
    case "i64":
    case "i32":
    case "u64":
    case "u32":
    case "bool":
      return e;
    case "f16":
    case "bf16":
      return isCast ? e.narrow(dtype) : e;
    default:
      return e.narrow(dtype);
  }
}
var elementsOf = (type) => product(type.shape);

// compiler/lower/substitute.ts
function mapExpr(e, memo, visit) {
  const old = memo.get(e);
  if (old) return old;
  const go = (x2) => mapExpr(x2, memo, visit);
  const out = visit(e, go) ?? rebuild(e, go);
  memo.set(e, out);
  return out;
}
function rebuild(e, go) {
  const n = e.node;
  switch (n.kind) {
    case "const":
    case "var":
    case "dim":
    case "load":
    case "foldResult":
      return e;
    case "unary": {
      const a = go(n.a);
      return a === n.a ? e : new Expr(e.type, a.width, { ...n, a });
    }
    case "cast":
    case "bitcast":
    case "narrow": {
      const a = go(n.a);
      return a === n.a ? e : new Expr(e.type, a.width, { ...n, a });
    }
    case "splat":
    case "extract":
    case "subgroup": {
      const a = go(n.a);
      return a === n.a ? e : new Expr(e.type, e.width, { ...n, a });
    }
    case "binary": {
      const a = go(n.a);
      const b = go(n.b);
      if (a === n.a && b === n.b) return e;
      const width = a.width > b.width ? a.width : b.width;
      return new Expr(e.type, width, { ...n, a: fit(a, width), b: fit(b, width) });
    }
    case "shuffle": {
      const a = go(n.a);
      const b = go(n.b);
      return a === n.a && b === n.b ? e : new Expr(e.type, e.width, { ...n, a, b });
    }
    case "fma":
    case "dot4": {
      const a = go(n.a);
      const b = go(n.b);
      const c = go(n.c);
      if (a === n.a && b === n.b && c === n.c) return e;
      const width = [a, b, c].reduce((w, x2) => x2.width > w ? x2.width : w, a.width);
      return new Expr(e.type, width, { ...n, a: fit(a, width), b: fit(b, width), c: fit(c, width) });
    }
    case "select": {
      const condition = go(n.condition);
      const a = go(n.a);
      const b = go(n.b);
      if (condition === n.condition && a === n.a && b === n.b) return e;
      const width = [condition, a, b].reduce((w, x2) => x2.width > w ? x2.width : w, a.width);
      return new Expr(e.type, width, { ...n, condition: fit(condition, width), a: fit(a, width), b: fit(b, width) });
    }
    case "guard": {
      const condition = go(n.condition);
      const a = go(n.a);
      const otherwise = go(n.otherwise);
      return condition === n.condition && a === n.a && otherwise === n.otherwise ? e : new Expr(e.type, e.width, { ...n, condition, a, otherwise });
    }
    case "pack": {
      const elements = n.elements.map(go);
      return elements.every((x2, i) => x2 === n.elements[i]) ? e : new Expr(e.type, e.width, { ...n, elements });
    }
    case "intrinsic": {
      const args = n.args.map(go);
      return args.every((x2, i) => x2 === n.args[i]) ? e : new Expr(e.type, e.width, { ...n, args });
    }
  }
}
var fit = (e, width) => e.width === width ? e : e.splat(width);
var symbolCache = /* @__PURE__ */ new WeakMap();
function symbolsOf(e, indices) {
  const old = symbolCache.get(e);
  if (old) return old;
  const out = /* @__PURE__ */ new Set();
  const addAll = (names2) => {
    for (const n of names2) out.add(n);
  };
  if (e.node.kind === "var") out.add(e.node.name);
  visitExpr(
    e,
    (x2) => addAll(symbolsOf(x2, indices)),
    (d) => {
      for (const name2 of collectSyms(d).keys()) {
        out.add(name2);
        const definition = indices.get(name2);
        if (definition) addAll(symbolsOf(definition, indices));
      }
    }
  );
  if (e.node.kind === "foldResult") {
    for (const l of e.node.fold.loops) out.delete(l.name);
    for (const s of e.node.fold.state) out.delete(s);
  }
  symbolCache.set(e, out);
  return out;
}
function substituteSyms(e, replace, indices, fresh) {
  const depends = (x2) => {
    const names2 = symbolsOf(x2, indices);
    for (const name2 of replace.keys()) if (names2.has(name2)) return true;
    return false;
  };
  const renamed = /* @__PURE__ */ new Map();
  const states = /* @__PURE__ */ new Map();
  const memo = /* @__PURE__ */ new Map();
  const sym2 = (s) => {
    const done = renamed.get(s.name);
    if (done !== void 0) return done;
    const definition = indices.get(s.name);
    if (definition) {
      if (!depends(definition)) return void 0;
      const copy = walk(definition);
      const name2 = fresh("x");
      indices.set(name2, copy);
      const d = symLike(s, name2);
      renamed.set(s.name, d);
      return d;
    }
    return replace.get(s.name);
  };
  const dim2 = (d) => substitute(d, sym2);
  const walk = (x2) => mapExpr(x2, memo, (y, go) => {
    const n = y.node;
    switch (n.kind) {
      case "dim": {
        const d = dim2(n.dim);
        return d === n.dim ? y : new Expr(y.type, y.width, { kind: "dim", dim: d });
      }
      case "load": {
        const index = dim2(n.index);
        return index === n.index ? y : new Expr(y.type, y.width, { ...n, index });
      }
      case "var": {
        const name2 = states.get(n.name);
        return name2 ? new Expr(y.type, y.width, { kind: "var", name: name2 }) : y;
      }
      case "foldResult": {
        if (!depends(y)) return y;
        const fold = folds.get(n.fold) ?? copyFold(n.fold, go);
        return fold === n.fold ? y : new Expr(y.type, y.width, { ...n, fold });
      }
      default:
        return void 0;
    }
  });
  const folds = /* @__PURE__ */ new Map();
  const copyFold = (f, go) => {
    const loops = f.loops.map((l) => {
      const name2 = fresh("r");
      const extent = dim2(l.extent);
      renamed.set(l.name, loopSym(name2, extent));
      return { name: name2, extent };
    });
    for (const s of f.state) states.set(s, fresh("s"));
    const copy = {
      ...f,
      loops,
      init: f.init.map(go),
      state: f.state.map((s) => states.get(s) ?? s),
      next: f.next.map(go)
    };
    folds.set(f, copy);
    return copy;
  };
  return walk(e);
}
var symLike = (s, name2) => sym(name2, { min: s.min, max: s.max, multipleOf: s.multipleOf });
var loopSym = (name2, extent) => sym(name2, { max: sub(extent, 1) });

// compiler/lower/emit.ts
var Emitter = class {
  constructor(k, indices, foldWidth = 1, prefix = "") {
    this.k = k;
    this.indices = indices;
    this.foldWidth = foldWidth;
    this.prefix = prefix;
    this.base = k.depth;
  }
  k;
  indices;
  foldWidth;
  prefix;
  scopes = [{ names: /* @__PURE__ */ new Set(), computed: /* @__PURE__ */ new Map(), conditional: false }];
  uses = /* @__PURE__ */ new Map();
  counter = 0;
  /** Blocks of the kernel that were open before this emitter began: nothing is hoisted out of them. */
  base;
  fresh = (hint) => `${this.prefix}${hint}_${this.counter++}`;
  get depth() {
    return this.scopes.length - 1;
  }
  get scope() {
    const s = this.scopes.at(-1);
    if (!s) throw new Error("no open scope");
    return s;
  }
  nested(names2, conditional, write) {
    this.scopes.push({ names: new Set(names2), computed: /* @__PURE__ */ new Map(), conditional });
    try {
      write();
    } finally {
      this.scopes.pop();
    }
  }
  atDepth(depth, write) {
    if (depth === this.depth) return write();
    const inner = this.scopes.splice(depth + 1);
    try {
      return this.k.at(this.base + depth, write);
    } finally {
      this.scopes.push(...inner);
    }
  }
  /** Opens a loop; `body` gets the index as a dim and may emit into it. */
  for(from, to, step, body, name2 = this.fresh("i")) {
    this.k.for(from, to, step, (i) => this.nested([...collectSyms(i).keys()], false, () => body(i)), name2, true);
  }
  /** Opens a conditional block. */
  if(condition, body, otherwise) {
    this.k.if(condition, () => this.nested([], true, body), otherwise && (() => this.nested([], true, otherwise)));
  }
  /** A variable that one of two lazily evaluated expressions sets. */
  choose(condition, a, otherwise, b, width) {
    const isConstant = otherwise.node.kind === "const";
    const start = isConstant ? otherwise : constant(otherwise.type, 0);
    const v = this.k.var(width === 1 ? start : start.splat(width), this.fresh("g"), true);
    this.if(this.value(condition), () => v.set(a()), isConstant ? void 0 : () => v.set(b()));
    return v.value;
  }
  /** Call before emitting: expressions reached more than once from these roots are computed once. */
  count(roots) {
    const visit = (e) => {
      const n = (this.uses.get(e) ?? 0) + 1;
      this.uses.set(e, n);
      if (n > 1) return;
      visitExpr(e, visit, (d) => {
        for (const name2 of collectSyms(d).keys()) {
          const definition = this.indices.get(name2);
          if (definition && !this.uses.has(definition)) visit(definition);
        }
      });
    };
    roots.forEach(visit);
  }
  /** Innermost scope that defines something `e` depends on, not above the last conditional. */
  depthOf(e) {
    return this.depthOfNames(symbolsOf(e, this.indices));
  }
  depthOfNames(names2) {
    for (let d = this.depth; d > 0; d--) {
      const s = this.scopes[d];
      if (!s) continue;
      if (s.conditional) return d;
      for (const n of s.names) if (names2.has(n)) return d;
    }
    return 0;
  }
  computedBefore(e) {
    for (let d = this.depth; d >= 0; d--) {
      const found = this.scopes[d]?.computed.get(e);
      if (found) return found;
    }
    return void 0;
  }
  /** The expression with folds, data-derived indices and shared parts computed by statements emitted so far. */
  value(e) {
    const n = e.node;
    if (n.kind === "const") return e;
    const old = this.computedBefore(e);
    if (old) return old;
    if (n.kind === "var") return e;
    if (n.kind === "dim") {
      this.defineIndices(n.dim);
      return e;
    }
    const depth = this.depthOf(e);
    if (n.kind === "foldResult") {
      this.atDepth(depth, () => this.emitFold(n.fold));
      return this.computedBefore(e) ?? e;
    }
    const shared = (this.uses.get(e) ?? 0) > 1 || depth < this.depth;
    if (!shared && n.kind !== "guard") return this.plain(e);
    return this.atDepth(depth, () => {
      const again = this.computedBefore(e);
      if (again) return again;
      const made = n.kind === "guard" ? this.emitGuard(e) : this.k.let(this.plain(e));
      this.scope.computed.set(e, made);
      return made;
    });
  }
  plain(e) {
    if (e.node.kind === "load") {
      this.defineIndices(e.node.index);
      return e;
    }
    return rebuild(e, (x2) => this.value(x2));
  }
  /** Emits the definitions of data-derived index symbols that a dim uses and that are not in scope yet. */
  defineIndices(d) {
    for (const name2 of collectSyms(d).keys()) {
      const definition = this.indices.get(name2);
      if (!definition || this.scopes.some((s) => s.names.has(name2))) continue;
      this.atDepth(this.depthOf(definition), () => {
        this.k.let(this.value(definition), name2, true);
        this.scope.names.add(name2);
      });
    }
  }
  emitGuard(e) {
    const n = e.node;
    if (n.kind !== "guard") throw new Error("not a guard");
    return this.choose(
      n.condition,
      () => this.value(n.a),
      n.otherwise,
      () => this.value(n.otherwise),
      e.width
    );
  }
  emitFold(fold) {
    if (this.results(fold)) return;
    const vars = this.foldVector(fold) ?? this.foldCooperative(fold) ?? this.foldScalar(fold);
    this.remember(fold, vars);
  }
  results(fold) {
    return this.foldsDone.some((done) => this.scopes[done.depth] === done.scope && done.fold === fold);
  }
  foldsDone = [];
  remember(fold, vars) {
    const scope = this.scope;
    for (const e of this.foldNodes(fold)) {
      const n = e.node;
      const v = n.kind === "foldResult" ? vars[n.index] : void 0;
      if (v) scope.computed.set(e, v.value);
    }
    this.foldsDone.push({ fold, depth: this.depth, scope });
  }
  foldNodes(fold) {
    const out = [];
    for (const e of this.uses.keys()) if (e.node.kind === "foldResult" && e.node.fold === fold) out.push(e);
    return out;
  }
  /** From here on, monoid folds at kernel level are shared by all lanes of the workgroup. */
  cooperate(lanes) {
    this.lanesTogether = lanes;
  }
  lanesTogether = 1;
  /** Emits, at kernel level, every fold of `e` that does not depend on an inner loop; afterwards lanes may diverge. */
  prepareFolds(e) {
    const seen = /* @__PURE__ */ new Set();
    const visit = (x2) => {
      if (seen.has(x2)) return;
      seen.add(x2);
      visitExpr(x2, visit, (d) => {
        for (const name2 of collectSyms(d).keys()) {
          const definition = this.indices.get(name2);
          if (definition) visit(definition);
        }
      });
      if (x2.node.kind === "foldResult" && !this.dependsOnOpenName(x2)) this.value(x2);
    };
    visit(e);
    this.lanesTogether = 1;
  }
  /** Whether it names something no open block defines yet: it belongs to a loop still to come. */
  dependsOnOpenName(e) {
    const names2 = symbolsOf(e, this.indices);
    return names2.has("f") || [...names2].some((n) => this.foldLocals.has(n));
  }
  /** Loop and state names of all counted folds. */
  get foldLocals() {
    const out = /* @__PURE__ */ new Set();
    for (const e of this.uses.keys()) {
      if (e.node.kind !== "foldResult") continue;
      for (const l of e.node.fold.loops) out.add(l.name);
      for (const s of e.node.fold.state) out.add(s);
    }
    return out;
  }
  /** A monoid fold whose last loop is dealt to the lanes, then combined through shared memory; else undefined. */
  foldCooperative(fold) {
    const lanes = this.lanesTogether;
    const inner = fold.loops.at(-1);
    const init = fold.init[0];
    if (lanes === 1 || this.depth !== 0 || !inner || !init || fold.init.length !== 1 || !SHARED_MONOIDS.has(fold.monoid))
      return void 0;
    const item = monoidItem(fold, this.indices);
    const state = fold.state[0];
    if (!item || state === void 0 || !is32(init.type)) return void 0;
    const part4 = this.k.var(identity(fold.monoid, init.type), this.fresh("part"), true);
    const outer = fold.loops.slice(0, -1);
    this.loops(
      outer,
      0,
      () => {
        this.k.for(
          this.k.lane,
          inner.extent,
          lanes,
          () => {
            this.nested([inner.name, state], false, () => part4.set(combine2(fold.monoid, part4.value, this.value(item))));
          },
          inner.name,
          true
        );
      },
      [state]
    );
    const shared = this.k.shared(this.fresh("shared"), storageOf(init.type), lanes);
    const lane = this.k.lane;
    this.k.store(shared, lane, part4.value);
    this.k.barrier();
    for (let stride = lanes / 2; stride >= 1; stride /= 2) {
      this.k.if(dimValue(lane).lt(stride), () => {
        this.k.store(
          shared,
          lane,
          combine2(fold.monoid, this.k.load(shared, lane), this.k.load(shared, addDim(lane, stride)))
        );
      });
      this.k.barrier();
    }
    const total = this.k.var(combine2(fold.monoid, this.value(init), this.k.load(shared, 0)), state, true);
    this.k.barrier();
    return [total];
  }
  foldScalar(fold) {
    const vars = fold.init.map((x2, i) => this.k.var(this.value(x2), fold.state[i] ?? this.fresh("s"), true));
    this.loops(
      fold.loops,
      0,
      () => {
        const next = fold.next.map((x2) => this.value(x2));
        if (vars.length === 1) vars[0]?.set(next[0] ?? constant("f32", 0));
        else {
          const held = next.map((x2) => x2.node.kind === "var" || x2.node.kind === "const" ? x2 : this.k.let(x2));
          const frozen = held.map(
            (x2) => fold.state.some((s) => x2.node.kind === "var" && x2.node.name === s) ? this.k.let(x2) : x2
          );
          vars.forEach((v, i) => {
            const x2 = frozen[i];
            if (x2) v.set(x2);
          });
        }
      },
      fold.state
    );
    return vars;
  }
  loops(loops, at, body, states) {
    const l = loops[at];
    if (!l) {
      body();
      return;
    }
    this.k.for(
      0,
      l.extent,
      1,
      () => this.nested([l.name, ...states], false, () => this.loops(loops, at + 1, body, states)),
      l.name,
      true
    );
  }
  // ---- vectors -----------------------------------------------------------------------------------------------------------------
  /** A sum, product, max or min over a contiguous innermost loop, four (foldWidth) partial results at a time; else undefined. */
  foldVector(fold) {
    const width = this.foldWidth;
    const inner = fold.loops.at(-1);
    const init = fold.init[0];
    const next = fold.next[0];
    if (width === 1 || !inner || !init || !next || fold.init.length !== 1 || !VECTOR_MONOIDS.has(fold.monoid))
      return void 0;
    if (!is32(init.type) || typeof inner.extent === "number" && inner.extent < 2 * width) return void 0;
    const item = monoidItem(fold, this.indices);
    if (!item || !this.isVectorizable(item, inner.name, true)) return void 0;
    const state = fold.state[0] ?? "s";
    const total = this.k.var(this.value(init), state, true);
    const accumulator = this.k.var(identity(fold.monoid, init.type).splat(width), this.fresh("acc"), true);
    const whole = mul(floorDiv(inner.extent, width), width);
    const outer = fold.loops.slice(0, -1);
    this.loops(
      outer,
      0,
      () => {
        this.k.for(
          0,
          whole,
          width,
          () => {
            this.nested(
              [inner.name, state],
              false,
              () => accumulator.set(combine2(fold.monoid, accumulator.value, this.vector(item, inner.name, width)))
            );
          },
          inner.name,
          true
        );
        if (typeof inner.extent !== "number" || inner.extent % width !== 0) {
          const name2 = this.fresh("t");
          const tail = substituteSyms(
            item,
            /* @__PURE__ */ new Map([[inner.name, sym(name2, { max: sub(inner.extent, 1) })]]),
            this.indices,
            this.fresh
          );
          this.count([tail]);
          this.k.for(
            whole,
            inner.extent,
            1,
            () => {
              this.nested([name2, state], false, () => total.set(combine2(fold.monoid, total.value, this.value(tail))));
            },
            name2,
            true
          );
        }
      },
      [state]
    );
    let sum2 = accumulator.value.extract(0);
    for (let l = 1; l < width; l++) sum2 = combine2(fold.monoid, sum2, accumulator.value.extract(l));
    total.set(combine2(fold.monoid, total.value, sum2));
    return [total];
  }
  /**
   * Whether `width` consecutive values of `e` along symbol `j` are worth computing side by side: 32-bit types, and at least one
   * contiguous load (or `needLoad` false) with nothing that falls apart into single lanes.
   */
  isVectorizable(e, j, needLoad) {
    let loads = 0;
    let broken = false;
    const seen = /* @__PURE__ */ new Set();
    const visit = (x2) => {
      if (broken || seen.has(x2)) return;
      seen.add(x2);
      if (!symbolsOf(x2, this.indices).has(j)) return;
      const n = x2.node;
      if (!is32(x2.type) && x2.type !== "bool") broken = true;
      else if (n.kind === "load") {
        if (coefficientOf(n.index, j) === 1 && this.isDirect(n.index, j)) loads++;
        else broken = true;
      } else if (n.kind === "dim") {
        if (!this.isDirect(n.dim, j) || typeof coefficientOf(n.dim, j) !== "number") broken = true;
      } else if (n.kind === "guard") {
        if (symbolsOf(n.condition, this.indices).has(j)) broken = true;
        visit(n.a);
        visit(n.otherwise);
      } else if (n.kind === "foldResult") {
        if (n.fold.loops.some((l) => collectSyms(l.extent).has(j))) broken = true;
        n.fold.init.forEach(visit);
        n.fold.next.forEach(visit);
      } else if (n.kind === "narrow" || n.kind === "intrinsic" || n.kind === "bitcast") {
        if (n.kind === "narrow" && !VECTOR_NARROW.has(n.to)) broken = true;
        else visitExpr(x2, visit, () => {
        });
      } else visitExpr(x2, visit, () => {
      });
    };
    visit(e);
    return !broken && (loads > 0 || !needLoad);
  }
  /** No data-derived index in the dim depends on `j`. */
  isDirect(d, j) {
    for (const name2 of collectSyms(d).keys()) {
      const definition = this.indices.get(name2);
      if (definition && symbolsOf(definition, this.indices).has(j)) return false;
    }
    return coefficientOf(d, j) !== void 0;
  }
  /** `width` values of `e` for j, j+1, ... side by side. Shared vectors are named in the innermost scope. */
  vector(e, j, width) {
    if (!symbolsOf(e, this.indices).has(j)) {
      const same = this.value(e);
      return same.width === width ? same : same.splat(width);
    }
    const done = this.vectors(j).get(e);
    if (done && this.scopes.includes(done.scope)) return done.value;
    let v = this.vectorNode(e, j, width);
    if ((this.uses.get(e) ?? 0) > 1 && v.node.kind !== "var") v = this.k.let(v);
    this.vectors(j).set(e, { value: v, scope: this.scope });
    return v;
  }
  vectorMemos = /* @__PURE__ */ new Map();
  vectors(j) {
    let m = this.vectorMemos.get(j);
    if (!m) {
      m = /* @__PURE__ */ new Map();
      this.vectorMemos.set(j, m);
    }
    return m;
  }
  vectorNode(e, j, width) {
    const n = e.node;
    const go = (x2) => symbolsOf(x2, this.indices).has(j) ? this.vector(x2, j, width) : this.value(x2);
    switch (n.kind) {
      case "load":
        if (coefficientOf(n.index, j) === 1 && this.isDirect(n.index, j)) {
          this.defineIndices(n.index);
          return new Expr(e.type, width, n);
        }
        return this.lanes(e, j, width);
      case "dim": {
        const c = coefficientOf(n.dim, j);
        if (typeof c !== "number" || !this.isDirect(n.dim, j)) return this.lanes(e, j, width);
        this.defineIndices(n.dim);
        const steps = pack(Array.from({ length: width }, (_, l) => constant("i32", c * l)));
        return dimValue(n.dim).splat(width).add(steps);
      }
      case "unary":
      case "binary":
      case "fma":
      case "select":
      case "cast":
        if (!is32(e.type) && e.type !== "bool") return this.lanes(e, j, width);
        if ((n.kind === "cast" || n.kind === "binary" || n.kind === "unary") && !is32(n.a.type) && n.a.type !== "bool")
          return this.lanes(e, j, width);
        return rebuild(e, go);
      case "bitcast":
      case "narrow":
        return rebuild(e, go);
      case "splat":
        return go(n.a);
      case "guard": {
        if (symbolsOf(n.condition, this.indices).has(j)) return this.lanes(e, j, width);
        return this.choose(
          n.condition,
          () => this.vector(n.a, j, width),
          n.otherwise,
          () => this.vector(n.otherwise, j, width),
          width
        );
      }
      case "foldResult":
        return this.vectorFold(e, n.fold, n.index, j, width);
      default:
        return this.lanes(e, j, width);
    }
  }
  lanes(e, j, width) {
    const s = this.symNamed(e, j);
    const lanes = [];
    for (let l = 0; l < width; l++) {
      const one2 = l === 0 || !s ? e : substituteSyms(e, /* @__PURE__ */ new Map([[j, addDim(s, l)]]), this.indices, this.fresh);
      if (l > 0) this.count([one2]);
      lanes.push(this.value(one2));
    }
    return pack(lanes);
  }
  /** The dim of symbol `j` as it stands in an expression. */
  symNamed(e, j) {
    let found;
    const seen = /* @__PURE__ */ new Set();
    const dims2 = (d) => {
      const s = collectSyms(d).get(j);
      if (s) found = sym(s.name, { min: s.min, max: s.max, multipleOf: s.multipleOf });
      for (const name2 of collectSyms(d).keys()) {
        const definition = this.indices.get(name2);
        if (definition && !found) visit(definition);
      }
    };
    const visit = (x2) => {
      if (found || seen.has(x2)) return;
      seen.add(x2);
      visitExpr(x2, visit, dims2);
    };
    visit(e);
    return found;
  }
  vectorFold(e, fold, index, j, width) {
    if (fold.loops.some((l) => collectSyms(l.extent).has(j)) || fold.init.some((x2) => !is32(x2.type)))
      return this.lanes(e, j, width);
    const memo = this.vectors(j);
    const vars = fold.init.map((x2) => this.k.var(this.vector(x2, j, width), this.fresh("vs"), true));
    fold.state.forEach((s, i) => {
      const v = vars[i];
      if (v) this.vectorStates.set(s, v.value);
    });
    this.loops(
      fold.loops,
      0,
      () => {
        const next = fold.next.map((x2) => this.vectorWithStates(x2, j, width, fold.state));
        const held = vars.length === 1 ? next : next.map((x2) => this.k.let(x2));
        vars.forEach((v, i) => {
          const x2 = held[i];
          if (x2) v.set(x2);
        });
      },
      fold.state
    );
    for (const node of this.foldNodes(fold)) {
      const n = node.node;
      const v = n.kind === "foldResult" ? vars[n.index] : void 0;
      if (v) memo.set(node, { value: v.value, scope: this.scope });
    }
    return vars[index]?.value ?? e;
  }
  vectorStates = /* @__PURE__ */ new Map();
  /** Like vector(), in a fold's body: the running states are vectors although they do not name `j`. */
  vectorWithStates(e, j, width, states) {
    if (e.node.kind === "var") {
      const v = this.vectorStates.get(e.node.name);
      if (v) return v;
    }
    const names2 = symbolsOf(e, this.indices);
    if (!states.some((s) => names2.has(s))) return this.vector(e, j, width);
    const n = e.node;
    switch (n.kind) {
      case "unary":
      case "binary":
      case "fma":
      case "select":
      case "cast":
      case "narrow":
      case "bitcast":
        return rebuild(e, (x2) => this.vectorWithStates(x2, j, width, states));
      case "guard": {
        return this.choose(
          n.condition,
          () => this.vectorWithStates(n.a, j, width, states),
          n.otherwise,
          () => this.vectorWithStates(n.otherwise, j, width, states),
          width
        );
      }
      default:
        return this.vector(e, j, width);
    }
  }
};
var VECTOR_MONOIDS = /* @__PURE__ */ new Set(["sum", "prod", "max", "min"]);
var SHARED_MONOIDS = /* @__PURE__ */ new Set(["sum", "prod", "max", "min"]);
var storageOf = (type) => type === "i32" || type === "u32" ? type : "f32";
var VECTOR_NARROW = /* @__PURE__ */ new Set(["i8", "u8", "i16", "u16", "f16", "bf16"]);
var is32 = (type) => type === "f32" || type === "i32" || type === "u32";
var addDim = (d, n) => sub(d, -n);
function monoidItem(fold, indices) {
  const next = fold.next[0];
  const state = fold.state[0];
  const isState = (x2) => x2.node.kind === "var" && x2.node.name === state;
  const n = next?.node;
  const wanted = { sum: "add", prod: "mul", max: "max", min: "min" }[fold.monoid];
  if (n?.kind === "binary" && n.op === wanted) {
    const item = isState(n.a) ? n.b : isState(n.b) ? n.a : void 0;
    return item && state !== void 0 && !symbolsOf(item, indices).has(state) ? item : void 0;
  }
  if (n?.kind === "fma" && fold.monoid === "sum" && isState(n.c)) return n.a.mul(n.b);
  return void 0;
}
function combine2(monoid, a, b) {
  switch (monoid) {
    case "prod":
      return a.mul(b);
    case "max":
      return a.max(b);
    case "min":
      return a.min(b);
    default:
      return b.node.kind === "binary" && b.node.op === "mul" && b.type === "f32" ? b.node.a.fma(b.node.b, a) : a.add(b);
  }
}
function identity(monoid, type) {
  const float3 = type === "f32";
  switch (monoid) {
    case "prod":
      return constant(type, 1);
    case "max":
      return constant(type, float3 ? Number.NEGATIVE_INFINITY : type === "u32" ? 0 : -2147483648);
    case "min":
      return constant(type, float3 ? Number.POSITIVE_INFINITY : type === "u32" ? 4294967295 : 2147483647);
    default:
      return constant(type, 0);
  }
}

// compiler/lower/region.ts
var legalTemplates = (node, target, templates) => templates.filter((t) => t.op === node.op && t.when(node, target)).sort((a, b) => b.score - a.score);
var isInRegion = (region) => {
  const nodes = new Set(region.nodes);
  return (v) => v.producer !== void 0 && nodes.has(v.producer);
};
var typeOf = (v) => v.type;
function guess(d) {
  if (typeof d === "number") return d;
  const r = range(d);
  return Math.min(r.max, Math.max(r.min, 64));
}

// compiler/lower/loops.ts
var Bindings = class {
  constructor(k) {
    this.k = k;
  }
  k;
  args = [];
  buffers = /* @__PURE__ */ new Map();
  read(value) {
    return this.once(`v${value.id}`, { kind: "value", value }, value.type, "read");
  }
  write(value) {
    return this.once(`v${value.id}`, { kind: "value", value }, value.type, "write");
  }
  once(key2, arg, type, access) {
    const old = this.buffers.get(key2);
    if (old) {
      if (access === "write" && old.access === "read")
        throw new InfcError("INFC3004", `a kernel reads and writes value '${key2}'`);
      return old;
    }
    const b = this.k.buffer(`b${this.buffers.size}`, type.dtype, access, elementsOf(type));
    this.buffers.set(key2, b);
    this.args.push(arg);
    return b;
  }
};
function positionIn(place2, coords) {
  const shifted = place2.start === 0 ? coords : coords.map((c, i) => i === place2.axis ? add(c, place2.start) : c);
  return ravel(shifted, place2.value.type.shape);
}
function lowerRegion(region, context, place2 = { value: region.output, axis: 0, start: 0 }) {
  return context.target.kernels === "simd" ? lowerSimd(region, context, place2) : lowerSimt(region, context, place2);
}
var RegionElements = class {
  evaluator;
  constructor(region, context, k, bindings, prefix) {
    this.evaluator = new ElementEvaluator(
      context.ops,
      { read: (v, position3) => k.load(bindings.read(v), position3), isInside: isInRegion(region), typeOf },
      prefix
    );
  }
};
function probe(region, context, coords) {
  const k = new KernelBuilder("probe", "simd", 1, [1, 1, 1]);
  const { evaluator } = new RegionElements(region, context, k, new Bindings(k), "");
  return { e: evaluator.at(region.output, coords), evaluator };
}
var axisSyms = (shape) => shape.map((d, i) => d === 1 ? 0 : sym(`c${i}`, { max: sub(d, 1) }));
function foldDepth(e, indices, rank) {
  let depth = 0;
  let hasFold = false;
  const seen = /* @__PURE__ */ new Set();
  const visit = (x2) => {
    if (seen.has(x2)) return;
    seen.add(x2);
    if (x2.node.kind === "foldResult") {
      hasFold = true;
      const names2 = symbolsOf(x2, indices);
      for (let i = rank; i > depth; i--) if (names2.has(`c${i - 1}`)) depth = i;
    }
    visitExpr(x2, visit, (d) => {
      for (const name2 of collectSyms(d).keys()) {
        const definition = indices.get(name2);
        if (definition) visit(definition);
      }
    });
  };
  visit(e);
  return { hasFold, depth };
}
function chooseShape(region, context, place2) {
  const dims2 = region.output.type.shape;
  const rank = dims2.length;
  const { e, evaluator } = probe(region, context, axisSyms(dims2));
  const { hasFold, depth } = foldDepth(e, evaluator.indices, rank);
  const trips2 = largestFold(e);
  const choice = (from, vector) => ({
    shape: { outer: dims2.slice(0, from), inner: dims2.slice(from) },
    vector,
    hoisted: hasFold && depth < rank,
    hasFold,
    trips: trips2
  });
  const narrow2 = bitsOf[region.output.type.dtype] <= 32 && bitsOf[region.output.type.dtype] >= 8;
  const least = hasFold ? depth : 0;
  const canVector = (from) => {
    const outer = dims2.slice(0, from);
    const inner = dims2.slice(from);
    const total = product(inner);
    if (isStatic(total) && total < 8) return false;
    const f = sym("f", { max: sub(total, 1) });
    const coords = [...axisSyms(outer), ...unravel(f, inner)];
    if (coefficientOf(positionIn(place2, coords), "f") !== 1) return false;
    const p = probe(region, context, coords);
    const k = new KernelBuilder("probe", "simd", 1, [1, 1, 1]);
    return new Emitter(k, p.evaluator.indices).isVectorizable(p.e, "f", true);
  };
  if (narrow2 && context.target.vectorBytes >= 16) {
    for (let from = hasFold && depth === rank ? 0 : least; from < rank; from++) {
      if (canVector(from)) return choice(from, true);
    }
  }
  if (hasFold && depth < rank) return choice(depth, false);
  return choice(hasFold ? rank : Math.max(0, rank - 1), false);
}
var ITEM_ELEMENTS = 16384;
var blockOf = (trips2) => Math.max(64, ITEM_ELEMENTS / Math.max(1, trips2) & ~3);
function lowerSimd(region, context, place2) {
  const { shape, hasFold, vector, hoisted, trips: trips2 } = chooseShape(region, context, place2);
  const rows = product(shape.outer);
  const columns = product(shape.inner);
  const block2 = shape.outer.length === 0 && !hoisted ? blockOf(trips2) : void 0;
  const grid = block2 === void 0 ? rows : ceilDiv(columns, block2);
  const k = new KernelBuilder(context.name(region), "simd", 1, [grid, 1, 1]);
  const bindings = new Bindings(k);
  const width = context.target.vectorBytes >= 16 ? 4 : 1;
  const makeElements = (prefix) => new RegionElements(region, context, k, bindings, prefix).evaluator;
  const main2 = makeElements("");
  const out = () => bindings.write(place2.value);
  const outer = unravel(k.group.x, shape.outer);
  const emitter = new Emitter(k, main2.indices, width);
  if (columns === 1) {
    const coords = [...outer, ...shape.inner.map(() => 0)];
    const e = main2.at(region.output, coords);
    emitter.count([e]);
    k.store(out(), positionIn(place2, coords), emitter.value(e));
  } else {
    const from = block2 === void 0 ? 0 : mul(k.group.x, block2);
    const to = block2 === void 0 ? columns : minOf(columns, add(from, block2), grid);
    const coordsAt = (f) => [...outer, ...unravel(f, shape.inner)];
    const element2 = (evaluator, f) => evaluator.at(region.output, coordsAt(f));
    const position3 = (f) => positionIn(place2, coordsAt(f));
    const whole = vector ? block2 === void 0 ? mul(floorDiv(columns, width), width) : add(from, mul(floorDiv(sub(to, from), width), width)) : from;
    if (vector) {
      const name2 = "f";
      const index = loopSym2(name2, columns, from, width);
      const e = element2(main2, index);
      emitter.count([e]);
      emitter.for(from, whole, width, () => k.store(out(), position3(index), emitter.vector(e, name2, width)), name2);
    }
    if (!vector || !isStatic(columns) || columns % width !== 0) {
      const tail = vector ? makeElements("t") : main2;
      const name2 = vector ? "g" : "f";
      const index = loopSym2(name2, columns, 0, 1);
      const e = element2(tail, index);
      const last = vector ? new Emitter(k, tail.indices, width, "t") : emitter;
      last.count([e]);
      last.for(whole, to, 1, () => k.store(out(), position3(index), last.value(e)), name2);
    }
  }
  return finish(k, bindings, region, vector ? "auto-vector" : "auto-scalar", hasFold);
}
var loopSym2 = (name2, columns, from, step) => sym(name2, { max: sub(columns, 1), multipleOf: step > 1 && from === 0 ? step : 1 });
var minOf = (a, b, grid) => grid === 1 ? a : min(a, b);
var LANES = 64;
function lowerSimt(region, context, place2) {
  const dims2 = region.output.type.shape;
  const rank = dims2.length;
  const p = probe(region, context, axisSyms(dims2));
  const { hasFold, depth } = foldDepth(p.e, p.evaluator.indices, rank);
  const total = product(dims2);
  const rows = hasFold ? product(dims2.slice(0, depth)) : 1;
  const trips2 = largestFold(p.e);
  const cooperative = hasFold && trips2 >= 64 && (depth < rank || range(rows).max <= 65536 || trips2 >= 256);
  if (!cooperative) {
    const k2 = new KernelBuilder(context.name(region), "simt", LANES, [ceilDiv(total, LANES), 1, 1]);
    const bindings2 = new Bindings(k2);
    const { evaluator: evaluator2 } = new RegionElements(region, context, k2, bindings2, "");
    const f2 = sym("f", { max: sub(total, 1) });
    const coords = unravel(f2, dims2);
    const e2 = evaluator2.at(region.output, coords);
    const emitter2 = new Emitter(k2, evaluator2.indices);
    emitter2.count([e2]);
    k2.let(dimValue(add(mul(k2.group.x, LANES), k2.lane)), "f", true);
    const write = () => k2.store(bindings2.write(place2.value), positionIn(place2, coords), emitter2.value(e2));
    if (isStatic(total) && total % LANES === 0) write();
    else emitter2.if(dimValue(f2).lt(dimValue(total)), write);
    return finish(k2, bindings2, region, "auto-lane", hasFold);
  }
  const inner = dims2.slice(depth);
  const columns = product(inner);
  const k = new KernelBuilder(context.name(region), "simt", LANES, [rows, 1, 1]);
  const bindings = new Bindings(k);
  const { evaluator } = new RegionElements(region, context, k, bindings, "");
  const f = sym("f", { max: sub(columns, 1), min: 0 });
  const coordsAt = (position3) => [...unravel(k.group.x, dims2.slice(0, depth)), ...unravel(position3, inner)];
  const e = evaluator.at(region.output, coordsAt(f));
  const emitter = new Emitter(k, evaluator.indices);
  emitter.cooperate(LANES);
  emitter.count([e]);
  emitter.prepareFolds(e);
  const store = (position3) => k.store(bindings.write(place2.value), positionIn(place2, coordsAt(position3)), emitter.value(e));
  if (columns === 1) emitter.if(dimValue(k.lane).eq(0), () => store(0));
  else emitter.for(k.lane, columns, LANES, () => store(f), "f");
  return finish(k, bindings, region, "auto-row", hasFold);
}
function largestFold(e) {
  let most = 0;
  const seen = /* @__PURE__ */ new Set();
  const visit = (x2) => {
    if (seen.has(x2)) return;
    seen.add(x2);
    if (x2.node.kind === "foldResult") {
      const trips2 = x2.node.fold.loops.reduce((n, l) => n * guess(l.extent), 1);
      if (trips2 > most) most = trips2;
    }
    visitExpr(x2, visit, () => {
    });
  };
  visit(e);
  return most;
}
function finish(k, bindings, region, template, hasFold) {
  const bytes2 = bindings.args.reduce((sum2, a) => add(sum2, a.kind === "value" ? bytesOf(a.value.type) : 0), 0);
  const note = {
    op: region.output.producer?.op ?? "copy",
    sources: region.nodes.map((n) => n.source.name),
    template,
    why: hasFold ? "reduction lowered from the element expression" : "elementwise and movement ops fused into one loop",
    bytes: bytes2,
    flops: mul(elementsOf(region.output.type), region.nodes.length)
  };
  return { kernel: k.done(note), args: bindings.args };
}
var bytesOf = (type) => ceilDiv(mul(elementsOf(type), bitsOf[type.dtype]), 8);

// backends/reference/evaluate.ts
init_errors();

// backends/reference/print-js.ts
init_errors();
init_minifloat();

// backends/reference/scalar.ts
init_errors();
init_minifloat();
var mismatch = () => {
  throw new InfcError("INFC4001", "a kernel mixes 64-bit integers with other numbers without a cast");
};
var num1 = (f) => (a) => typeof a === "number" ? f(a) : mismatch();
var num2 = (f) => (a, b) => typeof a === "number" && typeof b === "number" ? f(a, b) : mismatch();
var big1 = (f) => (a) => typeof a === "bigint" ? f(a) : mismatch();
var big2 = (f) => (a, b) => typeof a === "bigint" && typeof b === "bigint" ? f(a, b) : mismatch();
var i32 = (x2) => x2 | 0;
var u32 = (x2) => x2 >>> 0;
var i64 = (x2) => BigInt.asIntN(64, x2);
var u64 = (x2) => BigInt.asUintN(64, x2);
var f16 = (x2) => decodeFloat("f16", encodeFloat("f16", x2));
var f64 = (x2) => x2;
var rounderOf = (type) => type === "f32" ? Math.fround : type === "f64" ? f64 : type === "f16" ? f16 : type === "u32" ? u32 : i32;
var isFloatType = (t) => t === "f32" || t === "f64" || t === "f16";
var isBig = (t) => t === "i64" || t === "u64";
var FLOAT_UNARY = {
  neg: (a) => -a,
  abs: Math.abs,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: roundHalfEven,
  sqrt: Math.sqrt,
  exp: Math.exp,
  exp2: (a) => 2 ** a,
  log: Math.log,
  log2: Math.log2,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erf
};
var popcount = (x2) => {
  let n = 0;
  for (let v = x2 >>> 0; v !== 0; v &= v - 1) n++;
  return n;
};
function unaryFunction(op, type) {
  if (op === "isnan") return (a) => typeof a === "number" && Number.isNaN(a) ? 1 : 0;
  if (isFloatType(type)) {
    const f = FLOAT_UNARY[op];
    if (f) {
      const round = rounderOf(type);
      return num1((a) => round(f(a)));
    }
  } else if (op === "floor" || op === "ceil" || op === "trunc" || op === "round") return (a) => a;
  else if (type === "bool") {
    if (op === "not") return num1((a) => a === 0 ? 1 : 0);
  } else if (isBig(type)) {
    const wrap = type === "i64" ? i64 : u64;
    if (op === "neg") return big1((a) => wrap(-a));
    if (op === "abs") return big1((a) => wrap(a < 0n ? -a : a));
    if (op === "not") return big1((a) => wrap(~a));
    if (op === "popcount")
      return big1((a) => BigInt(popcount(Number(u64(a) & 0xffffffffn)) + popcount(Number(u64(a) >> 32n))));
    if (op === "clz") return big1((a) => BigInt(u64(a) === 0n ? 64 : 64 - u64(a).toString(2).length));
  } else {
    const wrap = type === "i32" ? i32 : u32;
    if (op === "neg") return num1((a) => wrap(-a));
    if (op === "abs") return num1((a) => wrap(Math.abs(a)));
    if (op === "not") return num1((a) => wrap(~a));
    if (op === "popcount") return num1(popcount);
    if (op === "clz") return num1(Math.clz32);
  }
  throw new InfcError("INFC4002", `operation '${op}' has no meaning on ${type}`);
}
var COMPARE = {
  lt: (a, b) => a < b ? 1 : 0,
  le: (a, b) => a <= b ? 1 : 0,
  gt: (a, b) => a > b ? 1 : 0,
  ge: (a, b) => a >= b ? 1 : 0,
  eq: (a, b) => a === b ? 1 : 0,
  ne: (a, b) => a !== b ? 1 : 0
};
var FLOAT_BINARY = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  rem: (a, b) => a % b,
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
  // C's pow: 1 to any power and any number to the 0 are 1, and (-1)^inf is 1; JavaScript says NaN.
  pow: (a, b) => a === 1 || a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY ? 1 : a ** b,
  atan2: Math.atan2
};
function binaryFunction(op, type) {
  const compare2 = COMPARE[op];
  if (compare2) return compare2;
  if (isFloatType(type)) {
    const f = FLOAT_BINARY[op];
    if (f) {
      const round = rounderOf(type);
      return num2((a, b) => round(f(a, b)));
    }
  } else if (type === "bool") {
    if (op === "and" || op === "min" || op === "mul") return num2((a, b) => a & b);
    if (op === "or" || op === "max" || op === "add") return num2((a, b) => a | b);
    if (op === "xor") return num2((a, b) => a ^ b);
  } else if (isBig(type)) {
    const wrap = type === "i64" ? i64 : u64;
    switch (op) {
      case "add":
        return big2((a, b) => wrap(a + b));
      case "sub":
        return big2((a, b) => wrap(a - b));
      case "mul":
        return big2((a, b) => wrap(a * b));
      case "div":
        return big2((a, b) => b === 0n ? 0n : wrap(a / b));
      case "rem":
        return big2((a, b) => b === 0n ? 0n : wrap(a % b));
      case "min":
        return big2((a, b) => pick(a, b, a < b));
      case "max":
        return big2((a, b) => pick(a, b, b < a));
      case "and":
        return big2((a, b) => wrap(a & b));
      case "or":
        return big2((a, b) => wrap(a | b));
      case "xor":
        return big2((a, b) => wrap(a ^ b));
      case "shl":
        return big2((a, b) => wrap(a << (b & 63n)));
      case "shr":
        return big2((a, b) => wrap(a >> (b & 63n)));
      case "pow":
        return big2((a, b) => wrap(powBig(a, b)));
    }
  } else {
    const wrap = type === "i32" ? i32 : u32;
    switch (op) {
      case "add":
        return num2((a, b) => wrap(a + b));
      case "sub":
        return num2((a, b) => wrap(a - b));
      case "mul":
        return num2((a, b) => wrap(Math.imul(a, b)));
      case "div":
        return num2((a, b) => b === 0 ? 0 : wrap(Math.trunc(a / b)));
      case "rem":
        return num2((a, b) => b === 0 ? 0 : wrap(a % b));
      case "min":
        return num2(Math.min);
      case "max":
        return num2(Math.max);
      case "and":
        return num2((a, b) => wrap(a & b));
      case "or":
        return num2((a, b) => wrap(a | b));
      case "xor":
        return num2((a, b) => wrap(a ^ b));
      case "shl":
        return num2((a, b) => wrap(a << (b & 31)));
      case "shr":
        return num2(type === "i32" ? (a, b) => a >> (b & 31) : (a, b) => a >>> (b & 31));
      case "pow":
        return num2((a, b) => wrap(Number(BigInt.asIntN(32, powBig(BigInt(a), BigInt(b))))));
    }
  }
  throw new InfcError("INFC4002", `operation '${op}' has no meaning on ${type}`);
}
var pick = (a, b, takeFirst) => takeFirst ? a : b;
function powBig(a, b) {
  if (b < 0n) return a === 1n ? 1n : a === -1n ? b % 2n === 0n ? 1n : -1n : 0n;
  let result = 1n;
  let base = a;
  for (let e = b; e > 0n; e >>= 1n) {
    if (e & 1n) result = BigInt.asIntN(64, result * base);
    base = BigInt.asIntN(64, base * base);
  }
  return result;
}
function fmaFunction(type) {
  if (isFloatType(type)) {
    const round = rounderOf(type);
    return (a, b, c) => typeof a === "number" && typeof b === "number" && typeof c === "number" ? round(a * b + c) : mismatch();
  }
  const mul2 = binaryFunction("mul", type);
  const add2 = binaryFunction("add", type);
  return (a, b, c) => add2(mul2(a, b), c);
}
var LIMITS = {
  i32: [-2147483648, 2147483647],
  u32: [0, 4294967295]
};
function castFunction(from, to) {
  if (from === to) return (a) => a;
  if (to === "bool") return (a) => typeof a === "bigint" ? a === 0n ? 0 : 1 : a === 0 ? 0 : 1;
  if (isBig(to)) {
    const wrap = to === "i64" ? i64 : u64;
    const low = to === "i64" ? -(2n ** 63n) : 0n;
    const high2 = to === "i64" ? 2n ** 63n - 1n : 2n ** 64n - 1n;
    if (isBig(from)) return big1(wrap);
    if (!isFloatType(from)) return num1ToBig((a) => wrap(BigInt(a)));
    return num1ToBig((a) => {
      if (Number.isNaN(a)) return 0n;
      if (a >= 2 ** 64) return high2;
      if (a <= -(2 ** 64)) return low;
      const x2 = BigInt(Math.trunc(a));
      return x2 < low ? low : x2 > high2 ? high2 : x2;
    });
  }
  if (isFloatType(to)) {
    const round = rounderOf(to);
    return (a) => round(typeof a === "bigint" ? bigToNumber(a, to) : a);
  }
  if (isBig(from)) {
    return (a) => typeof a === "bigint" ? to === "i32" ? Number(BigInt.asIntN(32, a)) : Number(BigInt.asUintN(32, a)) : mismatch();
  }
  const limits = LIMITS[to];
  if (isFloatType(from) && limits) {
    const [low, high2] = limits;
    return num1((a) => Number.isNaN(a) ? 0 : a <= low ? low : a >= high2 ? high2 : Math.trunc(a) + 0);
  }
  return num1(to === "u32" ? u32 : i32);
}
var num1ToBig = (f) => (a) => typeof a === "number" ? f(a) : mismatch();
function bigToNumber(a, to) {
  const m = a < 0n ? -a : a;
  if (to === "f64" || m < 2n ** 53n) return Number(a);
  const kept2 = m >> 12n << 12n;
  const sticky = kept2 === m ? kept2 : kept2 | 1n << 12n;
  return Number(a < 0n ? -sticky : sticky);
}
var INTEGER_BITS = {
  i32: 32,
  i16: 16,
  i8: 8,
  i4: 4,
  i2: 2,
  u32: 32,
  u16: 16,
  u8: 8,
  u4: 4,
  u2: 2
};
function narrowFunction(type, to) {
  if (to === "bool") return (a) => typeof a === "bigint" ? a === 0n ? 0n : 1n : a === 0 ? 0 : 1;
  if (to === "f64") return (a) => a;
  if (to === "f32") return num1(Math.fround);
  const bits = INTEGER_BITS[to];
  if (bits !== void 0) {
    const signed = to.startsWith("i");
    if (isBig(type)) return big1((a) => signed ? BigInt.asIntN(bits, a) : BigInt.asUintN(bits, a));
    if (isFloatType(type)) {
      const cast2 = castFunction(type, signed ? "i32" : "u32");
      return num1((a) => Number(wrapNarrow(Number(cast2(a)), bits, signed)));
    }
    const back = rounderOf(type);
    return num1((a) => back(wrapNarrow(a, bits, signed)));
  }
  if (to === "i64" || to === "u64") return (a) => a;
  return num1((a) => decodeFloat(to, encodeFloat(to, a)));
}
function wrapNarrow(a, bits, signed) {
  const s = 32 - bits;
  return signed ? a << s >> s : a << s >>> s;
}
var bytes = new DataView(new ArrayBuffer(8));
function bitcastFunction(from, to) {
  const put2 = {
    f32: (a) => bytes.setFloat32(0, Number(a)),
    i32: (a) => bytes.setInt32(0, Number(a)),
    u32: (a) => bytes.setUint32(0, Number(a)),
    f64: (a) => bytes.setFloat64(0, Number(a)),
    i64: (a) => bytes.setBigInt64(0, BigInt(a)),
    u64: (a) => bytes.setBigUint64(0, BigInt(a))
  };
  const get = {
    f32: () => bytes.getFloat32(0),
    i32: () => bytes.getInt32(0),
    u32: () => bytes.getUint32(0),
    f64: () => bytes.getFloat64(0),
    i64: () => bytes.getBigInt64(0),
    u64: () => bytes.getBigUint64(0)
  };
  const write = put2[from];
  const read = get[to];
  const wide = (t) => t === "f64" || isBig(t);
  if (!write || !read || wide(from) !== wide(to)) throw new InfcError("INFC4002", `no bitcast from ${from} to ${to}`);
  return (a) => {
    write(a);
    return read();
  };
}
function erf(x2) {
  const a = Math.abs(x2);
  if (Number.isNaN(x2)) return x2;
  if (a === 0) return x2;
  let r;
  if (a < 2.5) {
    let term = a;
    let sum2 = a;
    for (let n = 1; n < 200 && term > sum2 * 1e-17; n++) {
      term *= 2 * a * a / (2 * n + 1);
      sum2 += term;
    }
    r = 2 / Math.sqrt(Math.PI) * Math.exp(-a * a) * sum2;
  } else if (a > 6) {
    r = 1;
  } else {
    let f = 0;
    for (let k = 60; k > 0; k--) f = k / 2 / (a + f);
    r = 1 - Math.exp(-a * a) / ((a + f) * Math.sqrt(Math.PI));
  }
  return x2 < 0 ? -r : r;
}

// backends/reference/print-js.ts
function compileJs(kernel) {
  const helpers = /* @__PURE__ */ new Map();
  const printer = new Printer(helpers);
  const body = printer.kernel(kernel);
  const names2 = [...helpers.keys()];
  const made = new Function(
    "fr",
    "h",
    `"use strict"; const {${names2.join(", ")}} = h;
const modulo = (a, b) => a - Math.floor(a / b) * b;
return (B, S) => {
${body}
};`
  );
  return made(Math.fround, Object.fromEntries(helpers));
}
var Printer = class {
  constructor(helpers) {
    this.helpers = helpers;
  }
  helpers;
  kernel(k) {
    const lines = k.buffers.map((b, i) => `const ${b.name} = B[${i}];`);
    k.scalars.forEach((s, i) => {
      lines.push(`const ${name(s)} = S[${i}];`);
    });
    for (const b of k.shared) lines.push(`const ${b.name} = new Float64Array(${dim(b.elements)});`);
    lines.push(
      `const grid = ${dim(k.grid[0])};`,
      "for (let groupX = 0; groupX < grid; groupX++) {",
      this.block(k.body),
      "}"
    );
    return lines.join("\n");
  }
  block(body) {
    return body.map((s) => this.statement(s)).join("\n");
  }
  statement(s) {
    switch (s.kind) {
      case "let":
        return `const ${name(s.name)} = ${this.expr(s.value)};`;
      case "var":
        return `let ${name(s.name)} = ${this.expr(s.value)};`;
      case "set":
        return `${name(s.name)} = ${this.expr(s.value)};`;
      case "store":
        return this.store(s.buffer, dim(s.index), s.value);
      case "for": {
        const i = name(s.name);
        return `for (let ${i} = ${dim(s.from)}, e_${i} = ${dim(s.to)}, d_${i} = ${dim(s.step)}; ${i} < e_${i}; ${i} += d_${i}) {
${this.block(s.body)}
}`;
      }
      case "if":
        return `if (${this.expr(s.condition)}) {
${this.block(s.body)}
}${s.otherwise.length > 0 ? ` else {
${this.block(s.otherwise)}
}` : ""}`;
      case "comment":
      case "barrier":
        return "";
      default:
        throw new InfcError("INFC4003", `the reference cannot run statement '${s.kind}'`);
    }
  }
  helper(key2, make) {
    if (!this.helpers.has(key2)) this.helpers.set(key2, make());
    return key2;
  }
  store(b, index, value) {
    const v = this.expr(value);
    const t = b.storage;
    if (b.space === "shared" || t === "f64" || t === "f32" || t === "bool") return `${b.name}[${index}] = ${v};`;
    const bits = bitsOf[t];
    if (isFloat(t)) {
      const encode = this.helper(`enc_${t}`, () => (x2) => encodeFloat(t, Number(x2)));
      if (bits >= 8) return `${b.name}[${index}] = ${encode}(${v});`;
      return this.storeBits(b, index, `${encode}(${v})`, bits);
    }
    if (bits < 8) return this.storeBits(b, index, v, bits);
    return `${b.name}[${index}] = ${v};`;
  }
  storeBits(b, index, v, bits) {
    const per = 8 / bits;
    const mask = (1 << bits) - 1;
    return `{ const i = ${index}, s = (i % ${per}) * ${bits}, a = Math.floor(i / ${per}); ${b.name}[a] = (${b.name}[a] & ~(${mask} << s)) | ((${v} & ${mask}) << s); }`;
  }
  load(b, index) {
    const t = b.storage;
    const bits = bitsOf[t];
    if (b.space === "shared" || bits >= 32 || bits >= 8 && !isFloat(t)) return `${b.name}[${index}]`;
    if (isFloat(t)) {
      const decode = this.helper(`dec_${t}`, () => (x2) => decodeFloat(t, Number(x2)));
      return `${decode}(${bits >= 8 ? `${b.name}[${index}]` : this.loadBits(b, index, bits)})`;
    }
    const raw = this.loadBits(b, index, bits);
    return isSigned(t) ? `(${raw} << ${32 - bits} >> ${32 - bits})` : raw;
  }
  loadBits(b, index, bits) {
    const per = 8 / bits;
    return `((${b.name}[Math.floor((${index}) / ${per})] >> (((${index}) % ${per}) * ${bits})) & ${(1 << bits) - 1})`;
  }
  expr(e) {
    if (e.width !== 1) throw new InfcError("INFC4003", "the reference runs scalar kernels only");
    const n = e.node;
    switch (n.kind) {
      case "const":
        return literal(n.value, e.type);
      case "dim":
        return dim(n.dim);
      case "var":
        return name(n.name);
      case "load":
        return this.load(n.buffer, dim(n.index));
      case "unary": {
        const a = this.expr(n.a);
        if (n.op === "neg" && (e.type === "f32" || e.type === "f64")) return `(-${a})`;
        if (n.op === "not" && e.type === "bool") return `(${a} ? 0 : 1)`;
        const t = n.a.type;
        return `${this.helper(`u_${n.op}_${t}`, () => unaryFunction(n.op, t))}(${a})`;
      }
      case "binary":
        return this.binary(n.op, n.a, n.b);
      case "fma": {
        const [a, b, c] = [this.expr(n.a), this.expr(n.b), this.expr(n.c)];
        if (e.type === "f32") return `fr(${a} * ${b} + ${c})`;
        if (e.type === "f64") return `(${a} * ${b} + ${c})`;
        return `${this.helper(`fma_${e.type}`, () => fmaFunction(e.type))}(${a}, ${b}, ${c})`;
      }
      case "select":
        return `(${this.expr(n.condition)} ? ${this.expr(n.a)} : ${this.expr(n.b)})`;
      case "guard":
        return `(${this.expr(n.condition)} ? ${this.expr(n.a)} : ${this.expr(n.otherwise)})`;
      case "cast": {
        const from = n.a.type;
        const a = this.expr(n.a);
        if (e.type === "f64" && !isBig(from)) return a;
        if (e.type === "f32" && from === "bool") return a;
        return `${this.helper(`c_${from}_${e.type}`, () => castFunction(from, e.type))}(${a})`;
      }
      case "bitcast": {
        const from = n.a.type;
        return `${this.helper(`b_${from}_${e.type}`, () => bitcastFunction(from, e.type))}(${this.expr(n.a)})`;
      }
      case "narrow":
        return `${this.helper(`n_${e.type}_${n.to}`, () => narrowFunction(e.type, n.to))}(${this.expr(n.a)})`;
      case "splat":
      case "extract":
        return this.expr(n.a);
      default:
        throw new InfcError("INFC4003", `the reference cannot evaluate '${n.kind}'`);
    }
  }
  binary(op, x2, y) {
    const t = x2.type;
    const a = this.expr(x2);
    const b = this.expr(y);
    const symbol = INLINE[op];
    if (symbol && (t === "f32" || t === "f64"))
      return t === "f32" ? `fr(${a} ${symbol} ${b})` : `(${a} ${symbol} ${b})`;
    const compare2 = COMPARE2[op];
    if (compare2) return `(${a} ${compare2} ${b} ? 1 : 0)`;
    if (t === "bool" && (op === "and" || op === "or" || op === "xor")) return `(${a} ${LOGIC[op]} ${b})`;
    if (t === "i32" && (op === "add" || op === "sub")) return `(${a} ${INLINE[op] ?? "+"} ${b} | 0)`;
    if (t === "i32" && op === "mul") return `Math.imul(${a}, ${b})`;
    return `${this.helper(`o_${op}_${t}`, () => binaryFunction(op, t))}(${a}, ${b})`;
  }
};
var INLINE = { add: "+", sub: "-", mul: "*", div: "/" };
var COMPARE2 = { lt: "<", le: "<=", gt: ">", ge: ">=", eq: "===", ne: "!==" };
var LOGIC = { and: "&", or: "|", xor: "^" };
function name(s) {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(s) ? `$${s}`.replace(/^\$(group[XYZ])$/, "$1") : `$s${[...s].map((c) => /[A-Za-z0-9]/.test(c) ? c : `_${c.codePointAt(0)?.toString(16)}_`).join("")}`;
}
function literal(v, type) {
  if (typeof v === "bigint") return v < 0n ? `(${v}n)` : `${v}n`;
  if (Number.isNaN(v)) return "NaN";
  if (!Number.isFinite(v)) return v > 0 ? "Infinity" : "(-Infinity)";
  const x2 = type === "f32" ? Math.fround(v) : v;
  return Object.is(x2, -0) ? "(-0)" : x2 < 0 ? `(${x2})` : String(x2);
}
function dim(d) {
  if (typeof d === "number") return d < 0 ? `(${d})` : String(d);
  const parts = d.terms.map(
    (t) => [String(t.coefficient), ...t.factors.map((f) => atom(f))].filter((x2, i) => i > 0 || x2 !== "1").join(" * ")
  );
  if (d.constant !== 0) parts.push(String(d.constant));
  return `(${parts.join(" + ")})`;
}
function atom(a) {
  switch (a.kind) {
    case "sym":
      return name(a.name);
    case "div":
      return `Math.floor(${dim(a.a)} / ${dim(a.b)})`;
    case "mod":
      return `modulo(${dim(a.a)}, ${dim(a.b)})`;
    case "min":
    case "max":
      return `Math.${a.kind}(${dim(a.a)}, ${dim(a.b)})`;
  }
}

// backends/reference/evaluate.ts
var TARGET = {
  kind: "reference",
  features: /* @__PURE__ */ new Set(),
  kernels: "simd",
  maxLanes: 1,
  sharedBytes: 0,
  vectorBytes: 0
};
var Scope = class {
  constructor(outer) {
    this.outer = outer;
  }
  outer;
  values = /* @__PURE__ */ new Map();
  symbols = /* @__PURE__ */ new Map();
  value(v) {
    return this.values.get(v) ?? this.outer?.value(v);
  }
  symbol(name2) {
    return this.symbols.get(name2) ?? this.outer?.symbol(name2);
  }
  has(v) {
    return this.values.has(v) || (this.outer?.has(v) ?? false);
  }
};
var Reference = class {
  constructor(options) {
    this.options = options;
  }
  options;
  compiled = /* @__PURE__ */ new Map();
  constants = /* @__PURE__ */ new Map();
  decomposed = /* @__PURE__ */ new Map();
  /** Outputs of an entry by name. Inputs are checked against the declared types; throws INFC6xxx naming what does not fit. */
  run(graph, inputs) {
    const scope = new Scope();
    for (const v of graph.inputs) {
      const given2 = inputs[v.name];
      if (given2 === void 0)
        throw new InfcError("INFC6001", `input '${v.name}' is missing`, {
          fix: `Give ${graph.inputs.map((i) => i.name).join(", ")}`
        });
      this.define(scope, v, given2);
    }
    this.runGraph(graph, scope);
    return Object.fromEntries(graph.outputs.map((v) => [v.name, this.read(scope, v)]));
  }
  /** A value that depends on constants only; undefined when it does not, or when its op is impure. */
  evaluateConstant(value) {
    const scope = new Scope();
    const done = /* @__PURE__ */ new Set();
    const compute = (v) => {
      if (v.constant || scope.has(v)) return true;
      const node = v.producer;
      if (!node || done.has(node)) return false;
      done.add(node);
      const op = this.options.ops.op(node.op);
      if (!op || op.pure === false || op.control) return false;
      if (!node.inputs.every((i) => i === null || compute(i))) return false;
      this.runNode(node, scope);
      return true;
    };
    try {
      if (!compute(value)) return void 0;
      const r = this.read(scope, value);
      return isTensor(r) ? r : void 0;
    } catch (e) {
      if (e instanceof InfcError && e.code === "INFC2002") return void 0;
      throw e;
    }
  }
  runGraph(graph, scope) {
    for (const node of graph.nodes) {
      this.options.signal?.throwIfAborted();
      this.runNode(node, scope);
    }
  }
  runNode(node, scope) {
    const op = this.options.ops.op(node.op);
    if (!op) throw new InfcError("INFC2005", `unknown op '${node.op}'`, { node: node.source.name });
    if (op.control) this.runControl(node, scope);
    else if (op.decompose) this.runDecomposed(node, scope);
    else if (op.reference) {
      const inputs = node.inputs.map((v) => v ? this.tensor(scope, v) : null);
      const types = node.outputs.map((o) => this.concrete(scope, o.type));
      this.defineAll(scope, node, op.reference(inputs, node.attrs, types));
    } else if (op.host !== void 0) this.runHost(node, op.host, scope);
    else for (const out of node.outputs) this.define(scope, out, this.element(node, out, scope));
  }
  defineAll(scope, node, results) {
    node.outputs.forEach((v, i) => {
      const r = results[i];
      if (r !== void 0) this.define(scope, v, r);
    });
  }
  /** Records a value and binds the symbols that its actual shape fixes. */
  define(scope, v, result) {
    if (isTensor(result) && v.type.container === void 0) {
      if (result.shape.length !== v.type.shape.length || result.dtype !== v.type.dtype)
        throw new InfcError("INFC6002", `value '${v.name}' is ${result.dtype} of rank ${result.shape.length}`, {
          node: v.producer?.source.name ?? v.name,
          fix: `It must be ${v.type.dtype} of rank ${v.type.shape.length}`
        });
      v.type.shape.forEach((d, axis) => {
        const actual = result.shape[axis] ?? 1;
        const s = asSym(d);
        if (s && (v.producer !== void 0 || scope.symbol(s.name) === void 0)) scope.symbols.set(s.name, actual);
        else if (this.dim(scope, d, true) !== actual)
          throw new InfcError(
            "INFC6003",
            `axis ${axis} of '${v.name}' is ${actual} where ${formatDim(d)} = ${this.dim(scope, d, true)} is expected`,
            {
              node: v.producer?.source.name ?? v.name,
              fix: "Give inputs whose shapes agree"
            }
          );
      });
    }
    scope.values.set(v, result);
    this.options.onValue?.(v, result);
  }
  dim(scope, d, lenient = false) {
    const r = substitute(d, (s) => scope.symbol(s.name));
    if (typeof r === "number") return r;
    if (lenient) return Number.NaN;
    throw new InfcError("INFC2002", `dimension ${formatDim(r)} has no value yet`, {
      fix: "Give every symbolic dimension a value"
    });
  }
  concrete(scope, type) {
    return { ...type, shape: type.shape.map((d) => substitute(d, (s) => scope.symbol(s.name))) };
  }
  read(scope, v) {
    const r = scope.value(v);
    if (r !== void 0) return r;
    if (v.constant) return this.constant(v);
    throw new InfcError("INFC2007", `value '${v.name}' is used before it is computed`, {
      node: v.producer?.source.name ?? v.name
    });
  }
  tensor(scope, v) {
    const r = this.read(scope, v);
    if (!isTensor(r))
      throw new InfcError("INFC2008", `value '${v.name}' is not a tensor`, { node: v.producer?.source.name ?? v.name });
    return r;
  }
  constant(v) {
    const old = this.constants.get(v);
    if (old) return old;
    const c = v.constant;
    if (!c) throw new InfcError("INFC2008", `value '${v.name}' is not a constant`);
    const shape = c.type.shape.map((d) => this.dim(new Scope(), d));
    const count = shape.reduce((n, d) => n * d, 1);
    const bytes2 = c.strings ? void 0 : c.read().slice(0, byteLength(c.type.dtype, count));
    const made = {
      dtype: c.type.dtype,
      shape,
      data: bytes2 ? viewOf(c.type.dtype, bytes2.buffer, 0, count) : [...c.strings ?? []]
    };
    this.constants.set(v, made);
    return made;
  }
  // ---- element ops -------------------------------------------------------------------------------------------------------------
  element(node, out, scope) {
    let c = this.compiled.get(out);
    if (!c) {
      const { kernel, args } = lowerRegion(
        { nodes: [node], output: out },
        { ops: this.options.ops, target: TARGET, templates: [], name: () => "reference" }
      );
      const reads = [];
      let output = 0;
      args.forEach((a, i) => {
        if (a.kind !== "value") throw new InfcError("INFC3005", "the reference packs nothing");
        if (a.value === out) output = i;
        else reads.push(a.value);
      });
      c = { run: compileJs(kernel), reads, scalars: kernel.scalars, output };
      this.compiled.set(out, c);
    }
    const shape = out.type.shape.map((d) => this.dim(scope, d));
    const count = shape.reduce((n, d) => n * d, 1);
    const data = viewOf(out.type.dtype, new ArrayBuffer(byteLength(out.type.dtype, count)), 0, count);
    const buffers = c.reads.map((v) => numeric(this.tensor(scope, v)));
    buffers.splice(c.output, 0, data);
    const scalars = c.scalars.map((s) => {
      const x2 = scope.symbol(s);
      if (x2 === void 0)
        throw new InfcError("INFC2002", `dimension ${s} has no value yet`, { node: node.source.name });
      return x2;
    });
    if (count > 0) c.run(buffers, scalars);
    return { dtype: out.type.dtype, shape, data };
  }
  runDecomposed(node, scope) {
    let d = this.decomposed.get(node);
    if (!d) {
      const op = this.options.ops.op(node.op);
      const graph = new Graph(node.op);
      const inputs = node.inputs.map((v) => v ? stand(graph, v) : null);
      const builder = new GraphBuilder(graph, this.options.ops, node.source);
      const outputs = op?.decompose?.(
        builder,
        inputs,
        node.attrs,
        node.outputs.map((o) => o.type)
      ) ?? [];
      d = { graph, inputs, outputs };
      this.decomposed.set(node, d);
    }
    const inner = new Scope(scope);
    d.inputs.forEach((v, i) => {
      const from = node.inputs[i];
      if (v && from && !v.constant) inner.values.set(v, this.read(scope, from));
    });
    this.runGraph(d.graph, inner);
    node.outputs.forEach((v, i) => {
      const r = d.outputs[i];
      if (r) this.define(scope, v, this.read(inner, r));
    });
  }
  runHost(node, name2, scope) {
    const f = this.options.host(name2);
    if (!f) throw new InfcError("INFC3006", `there is no host function '${name2}'`, { node: node.source.name });
    const results = f(
      node.inputs.map((v) => v ? this.read(scope, v) : null),
      hostAttrs(node.attrs, (d) => this.dim(scope, d)),
      {
        outputs: node.outputs.map((o) => ({ dtype: o.type.dtype, rank: o.type.shape.length })),
        fail: (reason, fix) => {
          throw new InfcError("INFC6010", `${name2}: ${reason}`, { node: node.source.name, ...fix ? { fix } : {} });
        }
      }
    );
    if (results instanceof Promise)
      throw new InfcError("INFC3007", `host function '${name2}' is asynchronous: the reference cannot wait`);
    this.defineAll(scope, node, results);
  }
  // ---- control -----------------------------------------------------------------------------------------------------------------
  runControl(node, scope) {
    switch (node.op) {
      case "if": {
        const c = node.inputs[0];
        const branch = node.attrs[c && truth(this.tensor(scope, c)) ? "body" : "otherwise"];
        if (!(branch instanceof Graph))
          throw new InfcError("INFC2009", "an if without its branch", { node: node.source.name });
        const inner = new Scope(scope);
        this.runGraph(branch, inner);
        this.defineAll(
          scope,
          node,
          branch.outputs.map((v) => this.read(inner, v))
        );
        return;
      }
      case "assume": {
        const { a, b, why } = node.attrs;
        const value = (d) => this.dim(scope, d);
        if (value(a) !== value(b))
          throw new InfcError("INFC6011", `${String(why)}, which does not hold for these input shapes`, {
            node: node.source.name
          });
        this.defineAll(scope, node, [{ dtype: "bool", shape: [], data: Uint8Array.of(1) }]);
        return;
      }
      case "loop":
        this.runLoop(node, scope);
        return;
      case "scan":
        this.runScan(node, scope);
        return;
      default:
        throw new InfcError("INFC2009", `the reference does not know control op '${node.op}'`, {
          node: node.source.name
        });
    }
  }
  runLoop(node, scope) {
    const body = node.attrs.body;
    if (!(body instanceof Graph))
      throw new InfcError("INFC2009", "a loop without its body", { node: node.source.name });
    const carriedCount = Number(node.attrs.carried ?? 0);
    const [tripValue, conditionValue, ...initial] = node.inputs;
    const trip = tripValue ? Number(this.tensor(scope, tripValue).data[0] ?? 0) : Number.POSITIVE_INFINITY;
    let go = conditionValue ? truth(this.tensor(scope, conditionValue)) : true;
    let carried = initial.slice(0, carriedCount).map((v) => v ? this.read(scope, v) : null);
    const gathered = body.outputs.slice(carriedCount + 1).map(() => []);
    const i643 = (n) => ({ dtype: "i64", shape: [], data: BigInt64Array.of(BigInt(n)) });
    for (let i = 0; go && i < trip; i++) {
      this.options.signal?.throwIfAborted();
      const inner = new Scope(scope);
      const given2 = [i643(i), { dtype: "bool", shape: [], data: Uint8Array.of(1) }, ...carried];
      body.inputs.forEach((v, n) => this.bindInput(inner, v, given2[n] ?? null));
      this.runGraph(body, inner);
      const [next, ...results] = body.outputs.map((v) => this.read(inner, v));
      go = next !== void 0 && isTensor(next) ? truth(next) : true;
      carried = results.slice(0, carriedCount);
      gathered.forEach((list, n) => {
        const r = results[carriedCount + n];
        if (r && isTensor(r)) list.push(r);
      });
    }
    const stacked = gathered.map((list, n) => this.stack(list, 0, node.outputs[carriedCount + n], scope));
    this.defineAll(scope, node, [...carried, ...stacked]);
  }
  runScan(node, scope) {
    const body = node.attrs.body;
    if (!(body instanceof Graph))
      throw new InfcError("INFC2009", "a scan without its body", { node: node.source.name });
    const states = Number(node.attrs.states ?? 0);
    const list = (name2) => {
      const a = node.attrs[name2];
      return Array.isArray(a) ? a.map(Number) : [];
    };
    const [inAxes, outAxes, inReverse, outReverse] = [
      list("inputAxes"),
      list("outputAxes"),
      list("inputReverse"),
      list("outputReverse")
    ];
    const scanned = node.inputs.slice(states).map((v) => v ? this.tensor(scope, v) : void 0);
    let carried = node.inputs.slice(0, states).map((v) => v ? this.read(scope, v) : null);
    const steps = scanned[0]?.shape[inAxes[0] ?? 0] ?? 0;
    const gathered = body.outputs.slice(states).map(() => []);
    for (let i = 0; i < steps; i++) {
      this.options.signal?.throwIfAborted();
      const inner = new Scope(scope);
      const slices = scanned.map(
        (t, n) => t ? sliceAt(t, inAxes[n] ?? 0, inReverse[n] === 1 ? steps - 1 - i : i) : null
      );
      const given2 = [...carried, ...slices];
      body.inputs.forEach((v, n) => this.bindInput(inner, v, given2[n] ?? null));
      this.runGraph(body, inner);
      const results = body.outputs.map((v) => this.read(inner, v));
      carried = results.slice(0, states);
      gathered.forEach((g, n) => {
        const r = results[states + n];
        if (r && isTensor(r)) g.push(r);
      });
    }
    const stacked = gathered.map(
      (g, n) => this.stack(outReverse[n] === 1 ? g.reverse() : g, outAxes[n] ?? 0, node.outputs[states + n], scope)
    );
    this.defineAll(scope, node, [...carried, ...stacked]);
  }
  /** Inputs of a body bind their symbols anew in each iteration. */
  bindInput(inner, v, given2) {
    if (given2 !== null && isTensor(given2)) {
      v.type.shape.forEach((d, axis) => {
        const s = asSym(d);
        if (s) inner.symbols.set(s.name, given2.shape[axis] ?? 1);
      });
    }
    this.define(inner, v, given2);
  }
  stack(list, axis, out, scope) {
    const first = list[0];
    if (!first) {
      const shape2 = (out?.type.shape ?? [0]).map((d, i) => i === axis ? 0 : this.dim(scope, d, true) || 0);
      const dtype = out?.type.dtype ?? "f32";
      return { dtype, shape: shape2, data: viewOf(dtype, new ArrayBuffer(0), 0, 0) };
    }
    const shape = [...first.shape.slice(0, axis), list.length, ...first.shape.slice(axis)];
    const count = shape.reduce((n, d) => n * d, 1);
    const inner = first.shape.slice(axis).reduce((n, d) => n * d, 1);
    const outer = first.shape.slice(0, axis).reduce((n, d) => n * d, 1);
    const data = viewOf(first.dtype, new ArrayBuffer(byteLength(first.dtype, count)), 0, count);
    list.forEach((t, i) => {
      const from = numeric(t);
      for (let o = 0; o < outer; o++) copyElements(from, o * inner, data, (o * list.length + i) * inner, inner);
    });
    return { dtype: first.dtype, shape, data };
  }
};
var isTensor = (v) => v !== null && v !== void 0 && !Array.isArray(v);
var truth = (t) => Number(t.data[0] ?? 0) !== 0;
function numeric(t) {
  if (ArrayBuffer.isView(t.data)) return t.data;
  throw new InfcError("INFC2011", "strings where numbers are expected");
}
function copyElements(from, at, to, where, count) {
  const size = from.BYTES_PER_ELEMENT;
  new Uint8Array(to.buffer, to.byteOffset + where * size, count * size).set(
    new Uint8Array(from.buffer, from.byteOffset + at * size, count * size)
  );
}
function sliceAt(t, axis, index) {
  const from = numeric(t);
  const shape = t.shape.filter((_, i) => i !== axis);
  const length = t.shape[axis] ?? 1;
  const inner = t.shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  const outer = t.shape.slice(0, axis).reduce((n, d) => n * d, 1);
  const data = viewOf(t.dtype, new ArrayBuffer(byteLength(t.dtype, outer * inner)), 0, outer * inner);
  for (let o = 0; o < outer; o++) copyElements(from, (o * length + index) * inner, data, o * inner, inner);
  return { dtype: t.dtype, shape, data };
}
function stand(graph, v) {
  const s = v.constant ? graph.constant(v.constant) : graph.input(v.name, v.type);
  s.known = v.known;
  return s;
}
function hostAttrs(attrs, value) {
  const one2 = (a) => Array.isArray(a) ? a.map(one2) : a !== null && typeof a === "object" && "terms" in a ? value(a) : a;
  return Object.fromEntries(Object.entries(attrs).map(([k, v]) => [k, one2(v)]));
}

// passes/run.ts
init_errors();

// passes/pass.ts
var phases = ["canonicalize", "recognize", "precision", "format", "fuse"];
var definePass = (pass) => pass;
var builderAt = (graph, node, context) => new GraphBuilder(graph, context.ops, node.source, node);

// passes/rewrite.ts
var rewrite = (r) => r;
function patterns(r, context) {
  return r.sample.map((types) => {
    const graph = new Graph(r.name);
    const holes = {};
    const names2 = /* @__PURE__ */ new Map();
    for (const h of r.holes) {
      const t = types[h];
      if (!t) throw new TypeError(`rewrite '${r.name}': sample lacks hole '${h}'`);
      const v = graph.input(h, t);
      holes[h] = v;
      names2.set(v, h);
    }
    const root = r.from(new GraphBuilder(graph, context.ops, { name: r.name, op: "pattern" }), holes);
    return { rewrite: r, root, holes: names2 };
  });
}
function applyRewrites(graph, rewrites, context) {
  const byOp = /* @__PURE__ */ new Map();
  for (const r of rewrites) {
    for (const p of patterns(r, context)) {
      const op = p.root.producer?.op;
      if (op === void 0) continue;
      const list = byOp.get(op) ?? [];
      list.push(p);
      byOp.set(op, list);
    }
  }
  for (let round = 0; round < 16; round++) {
    let changed = false;
    for (const node of [...graph.nodes]) {
      if (!graph.nodes.includes(node)) continue;
      for (const p of byOp.get(node.op) ?? []) {
        const out = node.outputs[0];
        if (!out || out.uses.length === 0 && !graph.outputs.includes(out)) continue;
        const bound = /* @__PURE__ */ new Map();
        if (!matches(p, p.root, out, bound)) continue;
        const match = { holes: Object.fromEntries(bound), attrs: node.attrs, root: node };
        if (p.rewrite.where && !p.rewrite.where(match)) continue;
        const made = p.rewrite.to(builderAt(graph, node, context), match.holes, match);
        graph.replaceUses(out, made);
        context.changed(node, p.rewrite.name);
        changed = true;
        break;
      }
    }
    if (!changed) return;
  }
}
function matches(p, pattern, value, bound) {
  const hole2 = p.holes.get(pattern);
  if (hole2 !== void 0) {
    const old = bound.get(hole2);
    if (old !== void 0) return old === value;
    bound.set(hole2, value);
    return true;
  }
  if (pattern.constant) return value.constant !== void 0 && sameBytes(pattern, value);
  const a = pattern.producer;
  const b = value.producer;
  if (!a || !b || a.op !== b.op || a.inputs.length !== b.inputs.length) return false;
  if (a.outputs.indexOf(pattern) !== b.outputs.indexOf(value)) return false;
  if (!Object.keys({ ...a.attrs, ...b.attrs }).every((k) => sameAttribute(a.attrs[k], b.attrs[k]))) return false;
  return a.inputs.every((x2, i) => {
    const y = b.inputs[i];
    return x2 && y ? matches(p, x2, y, bound) : !x2 && !y;
  });
}
function sameBytes(a, b) {
  if (!a.constant || !b.constant || a.type.dtype !== b.type.dtype || a.constant.bytes !== b.constant.bytes)
    return false;
  if (a.constant.bytes > 64) return false;
  const x2 = a.constant.read();
  const y = b.constant.read();
  return x2.every((v, i) => v === y[i]);
}
function sameAttribute(a, b) {
  if (a === b) return true;
  return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((x2, i) => sameAttribute(x2, b[i]));
}

// passes/run.ts
function orderPasses(passes) {
  const out = [];
  for (const phase of phases) {
    const here = passes.filter((p) => p.phase === phase);
    const names2 = new Set(here.map((p) => p.name));
    const needs = new Map(here.map((p) => [p.name, new Set(p.after ?? [])]));
    for (const p of here) {
      for (const n of [...p.after ?? [], ...p.before ?? []]) {
        if (!names2.has(n))
          throw new InfcError(
            "INFC7005",
            `pass '${p.name}' is ordered relative to '${n}', which is not in phase '${phase}'`,
            {
              fix: `Passes of this phase: ${[...names2].join(", ")}`
            }
          );
      }
      for (const b of p.before ?? []) needs.get(b)?.add(p.name);
    }
    const done = /* @__PURE__ */ new Set();
    while (done.size < here.length) {
      const next = here.find((p) => !done.has(p.name) && [...needs.get(p.name) ?? []].every((n) => done.has(n)));
      if (!next)
        throw new InfcError(
          "INFC7006",
          `the passes ${here.filter((p) => !done.has(p.name)).map((p) => `'${p.name}'`).join(", ")} wait for each other`,
          {
            fix: "Remove an `after` or `before`"
          }
        );
      done.add(next.name);
      out.push(next);
    }
  }
  return out;
}
function runPasses(program, passes, options) {
  const changes = [];
  const facts = /* @__PURE__ */ new Set();
  const ordered = orderPasses(passes);
  const canonical = ordered.filter((p) => p.phase === "canonicalize");
  const runOne = (pass) => {
    const start = performance.now();
    for (const fact of pass.requires ?? []) {
      if (!facts.has(fact))
        throw new InfcError("INFC7007", `pass '${pass.name}' needs '${fact}', which no earlier pass establishes`, {
          fix: "Order it after one that does"
        });
    }
    const context = {
      ops: options.ops,
      program,
      evaluate: options.evaluate,
      changed: (node, what) => changes.push({ pass: pass.name, node: node.source.name, what })
    };
    for (const graph of program.entries.values()) {
      for (const g of [graph, ...bodies(graph)]) {
        if (pass.rewrites) applyRewrites(g, pass.rewrites, context);
        pass.run?.(g, context);
      }
    }
    for (const fact of pass.establishes ?? []) facts.add(fact);
    options.onPass?.(pass, performance.now() - start);
    options.check?.(pass, program);
  };
  for (const phase of phases) {
    const before = changes.length;
    const here = ordered.filter((p) => p.phase === phase);
    here.forEach(runOne);
    for (let round = 0; round < 4; round++) {
      const last = changes.length;
      if (phase !== "canonicalize" && last === before) break;
      canonical.forEach(runOne);
      if (changes.length === last) break;
    }
    if (options.stopAfter === phase) break;
  }
  return changes;
}
function bodies(graph) {
  const out = [];
  forEachNode(graph, (node) => out.push(...subgraphs(node)));
  return out;
}

// compiler/compile.ts
init_errors();
init_host();

// backends/backend.ts
var defineBackend = (backend) => backend;

// compiler/lower/template.ts
var defineTemplate = (template) => template;

// backends/templates/gemm-regtile.ts
init_errors();

// backends/templates/contraction.ts
function contractionOf(request) {
  const { anchor } = request;
  const out = anchor.outputs[0];
  if (!out) return void 0;
  const shape = out.type.shape;
  const evaluators = /* @__PURE__ */ new Map();
  const evaluate2 = (k, coords) => {
    let held = k && evaluators.get(k);
    if (!held) {
      const bufferFor = (v) => k ? request.bind(k, v) : { name: v.name, storage: v.type.dtype, space: "global", access: "read", elements: elementsOf(v.type) };
      const read = (v, index) => new Expr(computeType(v.type.dtype), 1, { kind: "load", buffer: bufferFor(v), index });
      const isInside = (v) => v === out;
      held = {
        evaluator: new ElementEvaluator(request.ops, { read, isInside, typeOf: (v) => v.type }, "p"),
        counter: 0
      };
      if (k) evaluators.set(k, held);
    }
    return { e: held.evaluator.at(out, coords), evaluator: held.evaluator };
  };
  const names2 = shape.map((_, i) => `c${i}`);
  const probe2 = evaluate2(
    void 0,
    shape.map((d, i) => d === 1 ? 0 : sym(names2[i] ?? "", { max: sub(d, 1) }))
  );
  const found = productOf(probe2.e, probe2.evaluator.indices);
  if (!found) return void 0;
  const inLeft = symbolsOf(found.a, probe2.evaluator.indices);
  const inRight = symbolsOf(found.b, probe2.evaluator.indices);
  const axes = shape.map((_, i) => i);
  const only2 = (mine, other) => axes.filter((i) => mine.has(names2[i] ?? "") && !other.has(names2[i] ?? ""));
  const [leftOnly, rightOnly] = [only2(inLeft, inRight), only2(inRight, inLeft)];
  const swap = (leftOnly.at(-1) ?? -1) > (rightOnly.at(-1) ?? -1);
  const [rows, columns] = swap ? [rightOnly, leftOnly] : [leftOnly, rightOnly];
  const batch = axes.filter((i) => shape[i] !== 1 && !rows.includes(i) && !columns.includes(i));
  const loops = found.fold.loops;
  const init = found.fold.init[0];
  if (init?.node.kind !== "const") return void 0;
  const factor = (wantLeft) => (k, coords, depth) => {
    const { e, evaluator } = evaluate2(k, coords);
    const p = productOf(e, evaluator.indices);
    if (!p) throw new TypeError("an element expression changed its form");
    const replace = new Map(p.fold.loops.map((l, i) => [l.name, depth[i] ?? 0]));
    const fresh = (hint) => `q${hint}${(evaluators.get(k) ?? { counter: 0 }).counter++}`;
    return substituteSyms(wantLeft !== swap ? p.a : p.b, replace, new Map(evaluator.indices), fresh);
  };
  const lastLoop = loops.at(-1)?.name;
  const alongDepth = (e) => lastLoop !== void 0 && isContiguous(e, lastLoop);
  return {
    type: init.type,
    shape,
    batch,
    rows,
    columns,
    depth: loops.map((l) => l.extent),
    init,
    leftAlongDepth: alongDepth(swap ? found.b : found.a),
    rightAlongDepth: alongDepth(swap ? found.a : found.b),
    left: factor(true),
    right: factor(false)
  };
}
function productOf(e, indices) {
  if (e.node.kind !== "foldResult" || indices.size > 0) return void 0;
  const { fold } = e.node;
  const state = fold.state[0];
  const next = fold.next[0]?.node;
  if (fold.monoid !== "sum" || fold.next.length !== 1 || state === void 0 || !next) return void 0;
  const isState = (x2) => x2.node.kind === "var" && x2.node.name === state;
  const free = (a, b) => symbolsOf(a, indices).has(state) || symbolsOf(b, indices).has(state) ? void 0 : { fold, a, b };
  if (next.kind === "fma" && isState(next.c)) return free(next.a, next.b);
  if (next.kind === "binary" && next.op === "add") {
    const rest = isState(next.a) ? next.b : isState(next.b) ? next.a : void 0;
    if (rest?.node.kind === "binary" && rest.node.op === "mul") return free(rest.node.a, rest.node.b);
  }
  return void 0;
}
function isContiguous(e, name2) {
  let yes = false;
  const visit = (x2) => {
    if (x2.node.kind === "load" && collectSyms(x2.node.index).has(name2) && coefficientOf(x2.node.index, name2) === 1)
      yes = true;
    visitExpr(x2, visit, () => void 0);
  };
  visit(e);
  return yes;
}
function split(k, flat, extents) {
  const coords = new Array(extents.length).fill(0);
  let rest = flat;
  for (let i = extents.length - 1; i >= 0; i--) {
    const d = extents[i] ?? 1;
    if (product(extents.slice(0, i)) === 1) {
      coords[i] = rest;
      break;
    }
    if (d === 1) continue;
    const name2 = (x2, max2) => typeof x2 === "number" ? x2 : k.index(dimValue(x2), { min: 0, max: sub(max2, 1) }, "u");
    coords[i] = name2(mod(rest, d), d);
    rest = name2(floorDiv(rest, d), product(extents.slice(0, i)));
  }
  return coords;
}
function place(k, c, parts) {
  const coords = c.shape.map(() => 0);
  for (const { axes, flat } of parts) {
    const at = split(
      k,
      flat,
      axes.map((a) => c.shape[a] ?? 1)
    );
    axes.forEach((a, i) => {
      coords[a] = at[i] ?? 0;
    });
  }
  return coords;
}
var extentOf = (c, axes) => product(axes.map((a) => c.shape[a] ?? 1));

// backends/templates/gemm-regtile.ts
var PER_LANE = 4;
var SMALL = { rows: 32, columns: 32, depth: 16 };
var LARGE = { rows: 64, columns: 64, depth: 16 };
var lanesOf = (t) => t.rows / PER_LANE * (t.columns / PER_LANE);
var sharedBytes = (t) => 4 * ((t.rows + t.columns) * t.depth + t.rows * t.columns);
function chooseTile(c, target) {
  const fits = sharedBytes(LARGE) <= target.sharedBytes && lanesOf(LARGE) <= target.maxLanes;
  return fits && guess(extentOf(c, c.rows)) >= 64 && guess(extentOf(c, c.columns)) >= 64 ? LARGE : SMALL;
}
function buildTiled(request, c) {
  const tile2 = chooseTile(c, request.target);
  const rows = extentOf(c, c.rows);
  const columns = extentOf(c, c.columns);
  const batch = extentOf(c, c.batch);
  const depth = c.depth.reduce(mul, 1);
  const lanes = lanesOf(tile2);
  const k = new KernelBuilder(request.name, "simt", lanes, [
    ceilDiv(columns, tile2.columns),
    ceilDiv(rows, tile2.rows),
    batch
  ]);
  const a = k.shared("left", storage(c), tile2.rows * tile2.depth);
  const b = k.shared("right", storage(c), tile2.columns * tile2.depth);
  const out = k.shared("sums", storage(c), tile2.rows * tile2.columns);
  const laneRow = mul(floorDiv(k.lane, tile2.columns / PER_LANE), PER_LANE);
  const laneColumn = mul(mod(k.lane, tile2.columns / PER_LANE), PER_LANE);
  const firstRow = mul(k.group.y, tile2.rows);
  const firstColumn = mul(k.group.x, tile2.columns);
  const batchPart = { axes: c.batch, flat: k.group.z };
  const sums2 = Array.from({ length: PER_LANE }, () => k.var(c.init.splat(PER_LANE), "sum"));
  const fill = (side, firstDepth) => {
    const [shared, extent, limit, first, axes] = side === "left" ? [a, tile2.rows, rows, firstRow, c.rows] : [b, tile2.columns, columns, firstColumn, c.columns];
    const along = side === "left" ? c.leftAlongDepth : c.rightAlongDepth;
    k.for(
      k.lane,
      extent * tile2.depth,
      lanes,
      (e) => {
        const [d, i] = along ? [mod(e, tile2.depth), floorDiv(e, tile2.depth)] : [floorDiv(e, extent), mod(e, extent)];
        const position3 = add(first, i);
        const term = add(firstDepth, d);
        const load2 = () => {
          const flat = k.index(dimValue(position3), { min: 0, max: sub(limit, 1) }, "i");
          const terms = split(k, k.index(dimValue(term), { min: 0, max: sub(depth, 1) }, "d"), c.depth);
          const coords = place(k, c, [batchPart, { axes, flat }]);
          k.store(shared, add(mul(d, extent), i), c[side](k, coords, terms));
        };
        const inside2 = both(
          isMultipleOf(limit, extent) ? void 0 : dimValue(position3).lt(dimValue(limit)),
          isMultipleOf(depth, tile2.depth) ? void 0 : dimValue(term).lt(dimValue(depth))
        );
        if (!inside2) load2();
        else k.if(inside2, load2, () => k.store(shared, add(mul(d, extent), i), constant(c.type, 0)));
      },
      "e"
    );
  };
  k.for(
    0,
    depth,
    tile2.depth,
    (firstDepth) => {
      fill("left", firstDepth);
      fill("right", firstDepth);
      k.barrier();
      k.for(
        0,
        tile2.depth,
        1,
        (d) => {
          const x2 = k.let(k.load(a, add(mul(d, tile2.rows), laneRow), PER_LANE), "x");
          const y = k.let(k.load(b, add(mul(d, tile2.columns), laneColumn), PER_LANE), "y");
          for (const [i, sum2] of sums2.entries()) sum2.set(x2.extract(i).splat(PER_LANE).fma(y, sum2.value));
        },
        "d"
      );
      k.barrier();
    },
    "first"
  );
  for (const [i, sum2] of sums2.entries()) k.store(out, add(mul(add(laneRow, i), tile2.columns), laneColumn), sum2.value);
  k.barrier();
  k.for(
    k.lane,
    tile2.rows * tile2.columns,
    lanes,
    (e) => {
      const position3 = add(firstRow, floorDiv(e, tile2.columns));
      const column = add(firstColumn, mod(e, tile2.columns));
      const finish2 = () => {
        const row = k.index(dimValue(position3), { min: 0, max: sub(rows, 1) }, "row");
        const col = k.index(dimValue(column), { min: 0, max: sub(columns, 1) }, "col");
        const coords = place(k, c, [batchPart, { axes: c.rows, flat: row }, { axes: c.columns, flat: col }]);
        request.finish(k, k.load(out, e), coords);
      };
      const inside2 = both(
        isMultipleOf(rows, tile2.rows) ? void 0 : dimValue(position3).lt(dimValue(rows)),
        isMultipleOf(columns, tile2.columns) ? void 0 : dimValue(column).lt(dimValue(columns))
      );
      if (inside2) k.if(inside2, finish2);
      else finish2();
    },
    "e"
  );
  return request.close(k, noteOf(request, c));
}
var storage = (c) => c.type === "i32" || c.type === "u32" ? c.type : "f32";
var both = (x2, y) => x2 && y ? x2.and(y) : x2 ?? y;
function noteOf(request, c) {
  const [rows, columns, batch] = [extentOf(c, c.rows), extentOf(c, c.columns), extentOf(c, c.batch)];
  const depth = c.depth.reduce(mul, 1);
  const elements = add(mul(add(rows, columns), depth), mul(rows, columns));
  return {
    op: request.anchor.op,
    sources: [request.anchor.source.name],
    template: "",
    why: "",
    bytes: mul(mul(batch, elements), 4),
    flops: mul(mul(mul(batch, depth), mul(rows, columns)), 2)
  };
}
function productSizes(node) {
  const out = node.outputs[0]?.type.shape;
  const w = node.inputs[1]?.type.shape;
  if (!out || !w) return void 0;
  if (node.op === "matmul") {
    const a = node.inputs[0]?.type.shape ?? [];
    const depth = node.attrs.transposeA ? a.at(-2) : a.at(-1);
    const lead = w.length <= 2 ? out.slice(0, -2) : [];
    return {
      rows: guess([...lead, out.at(-2) ?? 1].reduce(mul, 1)),
      columns: guess(out.at(-1) ?? 1),
      depth: guess(depth ?? 1),
      groups: 1
    };
  }
  if (node.op === "conv") {
    const groups = typeof node.attrs.group === "number" ? node.attrs.group : 1;
    return {
      rows: guess(floorDiv(w[0] ?? 1, groups)),
      columns: guess([out[0] ?? 1, ...out.slice(2)].reduce(mul, 1)),
      depth: guess(w.slice(1).reduce(mul, 1)),
      groups
    };
  }
  return void 0;
}
var isTyped = (node) => {
  const dtypes = [...node.inputs.slice(0, 2), node.outputs[0]].map((v) => v?.type.dtype);
  return dtypes.every((d) => d !== void 0 && ["f32", "f16", "bf16", "i32", "i8", "u8"].includes(d));
};
var tiled = (op) => defineTemplate({
  name: "gemm-regtile",
  op,
  when: (node, target) => {
    const s = productSizes(node);
    return target.kernels === "simt" && target.sharedBytes >= sharedBytes(SMALL) && target.maxLanes >= lanesOf(SMALL) && isTyped(node) && s !== void 0 && s.groups === 1 && s.rows >= 8 && s.columns >= 8 && s.depth >= 8;
  },
  score: 10,
  why: "large enough that both factors are used many times: tiles in workgroup memory, 4x4 sums a lane",
  build: (request) => {
    const c = contractionOf(request);
    if (!c)
      throw new InfcError("INFC3012", `'${request.anchor.op}' is no sum of products`, {
        node: request.anchor.source.name
      });
    return [buildTiled(request, c)];
  }
});
var gemmRegtile = [tiled("matmul"), tiled("conv")];

// backends/templates/gemv.ts
init_errors();
var LANES2 = 64;
function buildDot(request, c) {
  const rows = extentOf(c, c.rows);
  const columns = extentOf(c, c.columns);
  const batch = extentOf(c, c.batch);
  const depth = c.depth.reduce(mul, 1);
  const outputs = c.rightAlongDepth ? guess(depth) >= 512 ? 1 : 4 : 16;
  const sharers = LANES2 / outputs;
  const k = new KernelBuilder(request.name, "simt", LANES2, [ceilDiv(columns, outputs), rows, batch]);
  const partial = k.shared("partial", c.type === "i32" || c.type === "u32" ? c.type : "f32", LANES2);
  const [mine, part4] = c.rightAlongDepth ? [floorDiv(k.lane, sharers), mod(k.lane, sharers)] : [mod(k.lane, outputs), floorDiv(k.lane, outputs)];
  const column = add(mul(k.group.x, outputs), mine);
  const slot = add(mul(mine, sharers), part4);
  const sum2 = k.var(c.init, "sum");
  const isWhole = isMultipleOf(columns, outputs);
  const coordsAt = () => {
    const flat = isWhole ? column : k.index(dimValue(column), { min: 0, max: sub(columns, 1) }, "col");
    return place(k, c, [
      { axes: c.batch, flat: k.group.z },
      { axes: c.rows, flat: k.group.y },
      { axes: c.columns, flat }
    ]);
  };
  const accumulate = () => {
    const coords = coordsAt();
    k.for(
      part4,
      depth,
      sharers,
      (d) => {
        const terms = split(k, d, c.depth);
        sum2.set(c.left(k, coords, terms).fma(c.right(k, coords, terms), sum2.value));
      },
      "d"
    );
  };
  if (isWhole) accumulate();
  else k.if(dimValue(column).lt(dimValue(columns)), accumulate);
  k.store(partial, slot, sum2.value);
  for (let half = sharers / 2; half >= 1; half /= 2) {
    k.barrier();
    k.if(
      dimValue(part4).lt(half),
      () => k.store(partial, slot, k.load(partial, slot).add(k.load(partial, add(slot, half))))
    );
  }
  k.barrier();
  const finish2 = () => request.finish(k, k.load(partial, slot), coordsAt());
  const first = dimValue(part4).eq(0);
  k.if(isWhole ? first : first.and(dimValue(column).lt(dimValue(columns))), finish2);
  return request.close(k, noteOf(request, c));
}
var dot2 = (op) => defineTemplate({
  name: "gemv",
  op,
  when: (node, target) => {
    const s = productSizes(node);
    const out = node.outputs[0]?.type.dtype;
    return target.kernels === "simt" && target.maxLanes >= LANES2 && target.sharedBytes >= LANES2 * 4 && (out === "f32" || out === "f16" || out === "bf16" || out === "i32") && s !== void 0 && s.groups === 1 && s.depth >= 32;
  },
  score: 5,
  why: "one factor is read once: lanes share each sum and read it in order",
  build: (request) => {
    const c = contractionOf(request);
    if (!c)
      throw new InfcError("INFC3012", `'${request.anchor.op}' is no sum of products`, {
        node: request.anchor.source.name
      });
    return [buildDot(request, c)];
  }
});
var gemv = [dot2("matmul"), dot2("conv")];

// backends/cuda/print.ts
init_errors();

// backends/c-like-printer.ts
init_errors();
var TRIVIAL = /* @__PURE__ */ new Set(["const", "var"]);
var LONG = 140;
var PREDEFINED2 = ["lane", "groupX", "groupY", "groupZ"];
var KernelPrinter = class {
  constructor(kernel, language3) {
    this.kernel = kernel;
    this.language = language3;
  }
  kernel;
  language;
  needed = /* @__PURE__ */ new Set();
  names = new Map(PREDEFINED2.map((n) => [n, n]));
  taken = /* @__PURE__ */ new Set();
  scopes = [{ lines: [], names: /* @__PURE__ */ new Map() }];
  uses = /* @__PURE__ */ new Map();
  counter = 0;
  depth = 1;
  /** The identifier of an IR name: the name itself where the language allows it. */
  identifier(name2) {
    const old = this.names.get(name2);
    if (old) return old;
    let id = name2.replace(/[^A-Za-z0-9_]/g, "_");
    if (!/^[A-Za-z]/.test(id)) id = `d${id}`;
    while (this.language.reserved.has(id) || id in this.language.library || this.taken.has(id) || id.includes("__"))
      id = id.includes("__") ? id.replace(/_+/g, "_") : `${id}_`;
    this.taken.add(id);
    this.names.set(name2, id);
    return id;
  }
  /** Marks a library function as used and returns its name. */
  need(helper) {
    this.needed.add(helper);
    return helper;
  }
  emit(line) {
    this.scope.lines.push(`${"  ".repeat(this.depth)}${line}`);
  }
  /** Text that may be repeated: `text` itself when it is a plain name or number, else a fresh let. */
  name(a, hint = "s") {
    if (/^[\w.]+$/.test(a.text)) return a.text;
    const id = this.fresh(hint);
    this.emit(this.language.let(id, a.type, a.width, a.text));
    return id;
  }
  error(reason, fix) {
    return new InfcError("INFC4020", `kernel '${this.kernel.name}' cannot be printed: ${reason}`, {
      ...this.kernel.note.sources[0] === void 0 ? {} : { node: this.kernel.note.sources[0] },
      ...fix === void 0 ? {} : { fix }
    });
  }
  /** Each component of a vector operation by itself, for operations the language has on scalars only. */
  componentwise(args, type, f) {
    const width = args[0]?.width ?? 1;
    if (width === 1) return f(args);
    const named = args.map((a) => ({ ...a, text: this.name(a) }));
    const one2 = (i) => f(named.map((a) => ({ type: a.type, width: 1, text: this.language.component(a.text, i) })));
    return this.language.pack(
      type,
      Array.from({ length: width }, (_, i) => one2(i))
    );
  }
  get scope() {
    const s = this.scopes.at(-1);
    if (!s) throw new InfcError("INFC4020", "printer scope underflow");
    return s;
  }
  /** A name nothing else has. */
  fresh(hint) {
    for (; ; ) {
      const id = `${hint}_${this.counter++}`;
      if (!this.taken.has(id)) {
        this.taken.add(id);
        return id;
      }
    }
  }
  /** Body lines of the kernel. */
  body() {
    for (const b of [...this.kernel.buffers, ...this.kernel.shared]) this.identifier(b.name);
    for (const s of this.kernel.scalars) this.identifier(s);
    this.block(this.kernel.body);
    return this.scope.lines;
  }
  block(list) {
    for (const s of list) this.statement(s);
  }
  nested(list) {
    this.depth++;
    this.block(list);
    this.depth--;
  }
  statement(s) {
    const L = this.language;
    switch (s.kind) {
      case "comment":
        for (const line of s.text.split(/[\r\n]+/)) this.emit(`// ${line}`);
        return;
      case "let":
        this.emit(L.let(this.identifier(s.name), s.value.type, s.value.width, this.root(s.value).text));
        return;
      case "var":
        this.emit(L.var(this.identifier(s.name), s.value.type, s.value.width, this.root(s.value).text));
        return;
      case "set":
        this.emit(`${this.identifier(s.name)} = ${this.root(s.value).text};`);
        return;
      case "store":
        L.store(s.buffer, s.index, this.root(s.value), this);
        return;
      case "atomicAdd":
        L.atomicAdd(s.buffer, s.index, this.root(s.value), this);
        return;
      case "barrier":
        L.barrier(this);
        return;
      case "for":
        this.emit(`${L.loop(this.identifier(s.name), this.dim(s.from), this.dim(s.to), this.dim(s.step))} {`);
        this.nested(s.body);
        this.emit("}");
        return;
      case "if":
        this.emit(`if (${unwrap(this.root(s.condition).text)}) {`);
        this.nested(s.body);
        if (s.otherwise.length > 0) {
          this.emit("} else {");
          this.nested(s.otherwise);
        }
        this.emit("}");
        return;
      case "intrinsic":
        throw this.error(`intrinsic statement '${s.name}' is not known to this backend`);
    }
  }
  /** A statement's expression: subexpressions used more than once are named before the statement. */
  root(e) {
    this.uses = /* @__PURE__ */ new Map();
    const visit = (x2) => {
      const n = this.uses.get(x2) ?? 0;
      this.uses.set(x2, n + 1);
      if (n === 0) visitExpr(x2, visit, () => void 0);
    };
    visit(e);
    this.scope.names.clear();
    return { text: unwrap(this.expr(e).text), type: e.type, width: e.width };
  }
  expr(e) {
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const known = this.scopes[i]?.names.get(e);
      if (known) return { text: known, type: e.type, width: e.width };
    }
    const text2 = this.node(e);
    const shared = (this.uses.get(e) ?? 0) > 1;
    const must = e.node.kind === "subgroup";
    if (must || (shared || text2.length > LONG) && !TRIVIAL.has(e.node.kind) && !/^[\w.]+$/.test(text2)) {
      const id = this.fresh("s");
      this.emit(this.language.let(id, e.type, e.width, unwrap(text2)));
      this.scope.names.set(e, id);
      return { text: id, type: e.type, width: e.width };
    }
    return { text: text2, type: e.type, width: e.width };
  }
  node(e) {
    const L = this.language;
    const n = e.node;
    switch (n.kind) {
      case "const":
        return L.constant(e.type, n.value, this);
      case "dim":
        return this.dim(n.dim);
      case "var":
        return this.identifier(n.name);
      case "load":
        return L.load(n.buffer, n.index, e.width, this);
      case "unary":
        return L.unary(n.op, this.expr(n.a), this);
      case "binary":
        return L.binary(n.op, this.expr(n.a), this.expr(n.b), n, this);
      case "fma":
        return L.fma(this.expr(n.a), this.expr(n.b), this.expr(n.c), this);
      case "select":
        return L.select(this.expr(n.condition), this.expr(n.a), this.expr(n.b), this);
      case "cast":
        return L.cast(e.type, this.expr(n.a), this);
      case "bitcast":
        return L.bitcast(e.type, this.expr(n.a), this);
      case "narrow":
        return L.narrow(n.to, this.expr(n.a), this);
      case "splat": {
        const a = this.name(this.expr(n.a));
        return L.pack(e.type, new Array(e.width).fill(a));
      }
      case "pack":
        return L.pack(
          e.type,
          n.elements.map((x2) => unwrap(this.expr(x2).text))
        );
      case "extract":
        return n.a.width === 1 ? this.expr(n.a).text : L.component(this.name(this.expr(n.a)), n.lane);
      case "shuffle": {
        const a = this.name(this.expr(n.a));
        const b = this.name(this.expr(n.b));
        return L.pack(
          e.type,
          n.lanes.map((i) => i < n.a.width ? L.component(a, i) : L.component(b, i - n.a.width))
        );
      }
      case "dot4":
        return L.dot4(this.expr(n.a), this.expr(n.b), this.expr(n.c), this);
      case "subgroup":
        return L.subgroup(n.op, this.expr(n.a), n.mask, this);
      case "intrinsic":
        return L.intrinsic(
          n.name,
          n.args.map((x2) => this.expr(x2)),
          e,
          this
        );
      case "guard":
        return this.guard(e, n);
      case "foldResult":
        throw this.error("a fold reached the printer: lowering expands folds into loops");
    }
  }
  /** `a` runs only where the condition holds: an `if`, or a ternary when its value needs no statements of its own. */
  guard(e, n) {
    const L = this.language;
    const condition = this.expr(n.condition);
    const otherwise = this.branch(n.otherwise, e.width);
    const a = this.branch(n.a, e.width);
    const isPlain = a.lines.length === 0 && otherwise.lines.length === 0;
    if (L.lazyTernary && isPlain) return `(${condition.text} ? ${a.text} : ${otherwise.text})`;
    const id = this.fresh("g");
    if (otherwise.lines.length === 0) this.emit(L.var(id, e.type, e.width, otherwise.text));
    else this.emit(L.var(id, e.type, e.width, void 0));
    const put2 = (lines, text2) => {
      this.scope.lines.push(...lines);
      this.emit(`  ${id} = ${unwrap(text2)};`);
    };
    this.emit(`if (${unwrap(condition.text)}) {`);
    put2(a.lines, a.text);
    if (otherwise.lines.length > 0) {
      this.emit("} else {");
      put2(otherwise.lines, otherwise.text);
    }
    this.emit("}");
    return id;
  }
  branch(e, width) {
    const scope = { lines: [], names: /* @__PURE__ */ new Map() };
    this.scopes.push(scope);
    this.depth++;
    try {
      const v = this.expr(e);
      const text2 = v.width === width ? v.text : this.language.pack(e.type, new Array(width).fill(this.name(v)));
      return { text: text2, lines: scope.lines };
    } finally {
      this.depth--;
      this.scopes.pop();
    }
  }
  /** An index expression as 32-bit integer text, in parentheses unless atomic. */
  dim(d) {
    if (typeof d === "number") return d < 0 ? `(${d})` : String(d);
    const parts = [];
    for (const t of d.terms) {
      const factors = t.factors.map((f) => this.atom(f));
      const c = Math.abs(t.coefficient);
      const text2 = [...c === 1 ? [] : [String(c)], ...factors].join(" * ");
      if (parts.length === 0)
        parts.push(t.coefficient < 0 ? `-${factors.length + (c === 1 ? 0 : 1) > 1 ? `(${text2})` : text2}` : text2);
      else parts.push(t.coefficient < 0 ? `- ${text2}` : `+ ${text2}`);
    }
    if (d.constant !== 0) parts.push(d.constant < 0 ? `- ${-d.constant}` : `+ ${d.constant}`);
    const isAtomic = parts.length === 1 && isLone(d);
    return isAtomic ? parts.join("") : `(${parts.join(" ")})`;
  }
  atom(f) {
    if (f.kind === "sym") return this.identifier(f.name);
    const a = this.dim(f.a);
    const b = this.dim(f.b);
    if (f.kind === "min" || f.kind === "max") return `${f.kind}(${unwrap(a)}, ${unwrap(b)})`;
    if (range(f.a).min >= 0) return `(${a} ${f.kind === "div" ? "/" : "%"} ${b})`;
    return f.kind === "div" ? this.language.floorDiv(a, b, this) : this.language.floorMod(a, b, this);
  }
  /** Index text that is used several times: named unless it is a name or number already. */
  namedDim(d) {
    return this.name({ text: this.dim(d), type: "i32", width: 1 }, "at");
  }
};
var isLone = (d) => d.constant === 0 && d.terms[0]?.factors.length === 1 && d.terms[0].coefficient === 1;
function unwrap(text2) {
  if (!text2.startsWith("(") || !text2.endsWith(")")) return text2;
  let depth = 0;
  for (let i = 0; i < text2.length; i++) {
    if (text2[i] === "(") depth++;
    else if (text2[i] === ")" && --depth === 0 && i < text2.length - 1) return text2;
  }
  return text2.slice(1, -1);
}
function libraryText(library3, needed) {
  const out = [];
  const done = /* @__PURE__ */ new Set();
  const add2 = (name2) => {
    if (done.has(name2)) return;
    done.add(name2);
    const text2 = library3[name2];
    if (text2 === void 0) throw new InfcError("INFC4020", `printer library has no '${name2}'`);
    for (const word2 of new Set(text2.match(/[A-Za-z_]\w*/g)))
      if (word2 !== name2 && Object.hasOwn(library3, word2)) add2(word2);
    out.push(text2.trim());
  };
  for (const n of [...needed].sort()) add2(n);
  return out.length > 0 ? `${out.join("\n")}

` : "";
}
function headerComment(k) {
  const clean = (s) => s.replace(/[\r\n]+/g, " ");
  const { op, sources, template, why, bytes: bytes2, flops } = k.note;
  const lines = [
    `${k.name}: ${op}${sources.length > 0 ? ` for ${sources.slice(0, 8).join(", ")}${sources.length > 8 ? ` and ${sources.length - 8} more` : ""}` : ""}`,
    `template ${template}: ${why}`,
    `${formatDim(bytes2)} bytes, ${formatDim(flops)} operations a launch`
  ];
  return lines.map((l) => `// ${clean(l)}
`).join("");
}
function shortestFloat(value) {
  const v = Math.fround(value);
  for (let digits = 1; digits < 9; digits++) {
    const text2 = v.toPrecision(digits);
    if (Math.fround(Number(text2)) === v) return withPoint(String(Number(text2)));
  }
  return withPoint(String(Number(v.toPrecision(9))));
}
var withPoint = (text2) => /[.e]/.test(text2) ? text2 : `${text2}.0`;

// backends/cuda/library.ts
var fn = (signature, body) => `__device__ __forceinline__ ${signature} { ${body} }`;
var integer = (t, name2) => ({
  [`div_${name2}`]: fn(`${t} div_${name2}(${t} a, ${t} b)`, `return b == 0 ? 0 : ${divide(t)};`),
  [`rem_${name2}`]: fn(
    `${t} rem_${name2}(${t} a, ${t} b)`,
    `return b == 0${isSigned2(t) ? " || b == -1" : ""} ? 0 : a % b;`
  )
});
var isSigned2 = (t) => !t.startsWith("unsigned");
var divide = (t) => isSigned2(t) ? `b == -1 ? (${t})(0ull - (unsigned long long)a) : a / b` : "a / b";
var warp = (name2, combine4) => `template <int N, typename T> __device__ __forceinline__ T ${name2}(T v) {
  #pragma unroll
  for (int o = N / 2; o > 0; o >>= 1) { T w = __shfl_xor_sync(N == 32 ? 0xffffffffu : (1u << N) - 1u, v, o, N); v = ${combine4}; }
  return v;
}`;
var library = {
  ...integer("int", "i32"),
  ...integer("unsigned", "u32"),
  ...integer("long long", "i64"),
  ...integer("unsigned long long", "u64"),
  vec: `template <typename T, int N> struct alignas(sizeof(T) * N) vec { T v[N]; };`,
  load_vec: `template <int N, typename T> __device__ __forceinline__ vec<T, N> load_vec(const T* p) { return *reinterpret_cast<const vec<T, N>*>(p); }`,
  store_vec: `template <int N, typename T> __device__ __forceinline__ void store_vec(T* p, vec<T, N> x) { *reinterpret_cast<vec<T, N>*>(p) = x; }`,
  // min and max propagate NaN.
  min_float: `template <typename T> __device__ __forceinline__ T min_float(T a, T b) { return a != a ? a : (b < a || b != b) ? b : a; }`,
  max_float: `template <typename T> __device__ __forceinline__ T max_float(T a, T b) { return a != a ? a : (a < b || b != b) ? b : a; }`,
  // Float to integer: truncates, saturates, NaN gives 0.
  f32_to_i32: fn(
    "int f32_to_i32(float x)",
    "return x != x ? 0 : x >= 2147483648.0f ? 2147483647 : x <= -2147483648.0f ? (int)0x80000000u : (int)x;"
  ),
  f32_to_u32: fn(
    "unsigned f32_to_u32(float x)",
    "return !(x > 0.0f) ? 0u : x >= 4294967296.0f ? 4294967295u : (unsigned)x;"
  ),
  f32_to_i64: fn(
    "long long f32_to_i64(float x)",
    "return x != x ? 0 : x >= 9223372036854775808.0f ? 0x7fffffffffffffffll : x <= -9223372036854775808.0f ? (long long)0x8000000000000000ull : (long long)x;"
  ),
  f32_to_u64: fn(
    "unsigned long long f32_to_u64(float x)",
    "return !(x > 0.0f) ? 0ull : x >= 18446744073709551616.0f ? ~0ull : (unsigned long long)x;"
  ),
  f64_to_i32: fn(
    "int f64_to_i32(double x)",
    "return x != x ? 0 : x >= 2147483647.0 ? 2147483647 : x <= -2147483648.0 ? (int)0x80000000u : (int)x;"
  ),
  f64_to_u32: fn(
    "unsigned f64_to_u32(double x)",
    "return !(x > 0.0) ? 0u : x >= 4294967295.0 ? 4294967295u : (unsigned)x;"
  ),
  f64_to_i64: fn(
    "long long f64_to_i64(double x)",
    "return x != x ? 0 : x >= 9223372036854775808.0 ? 0x7fffffffffffffffll : x <= -9223372036854775808.0 ? (long long)0x8000000000000000ull : (long long)x;"
  ),
  f64_to_u64: fn(
    "unsigned long long f64_to_u64(double x)",
    "return !(x > 0.0) ? 0ull : x >= 18446744073709551616.0 ? ~0ull : (unsigned long long)x;"
  ),
  floor_div: fn("int floor_div(int a, int b)", "return a >= 0 ? a / b : -((b - 1 - a) / b);"),
  floor_mod: fn("int floor_mod(int a, int b)", "return a - floor_div(a, b) * b;"),
  pow_integer: `template <typename T> __device__ T pow_integer(T a, T b) {
  if (b < 0) return a == 1 ? 1 : a == (T)-1 ? (b & 1 ? a : 1) : 0;
  unsigned long long result = 1, base = (unsigned long long)a;
  for (unsigned long long e = (unsigned long long)b; e; e >>= 1) { if (e & 1) result *= base; base *= base; }
  return (T)result;
}`,
  load_f16: fn("float load_f16(unsigned short x)", "return __half2float(__ushort_as_half(x));"),
  store_f16: fn("unsigned short store_f16(float x)", "return __half_as_ushort(__float2half_rn(x));"),
  load_bf16: fn("float load_bf16(unsigned short x)", "return __uint_as_float((unsigned)x << 16);"),
  store_bf16: fn(
    "unsigned short store_bf16(float x)",
    "unsigned b = __float_as_uint(x); return x != x ? 0x7fc0 : (unsigned short)((b + 0x7fffu + ((b >> 16) & 1u)) >> 16);"
  ),
  narrow_f16: fn("float narrow_f16(float x)", "return load_f16(store_f16(x));"),
  narrow_bf16: fn("float narrow_bf16(float x)", "return load_bf16(store_bf16(x));"),
  warp_add: warp("warp_add", "v + w"),
  warp_max: warp("warp_max", "v < w ? w : v"),
  warp_min: warp("warp_min", "w < v ? w : v"),
  warp_first: `template <int N, typename T> __device__ __forceinline__ T warp_first(T v) { return __shfl_sync(N == 32 ? 0xffffffffu : (1u << N) - 1u, v, 0, N); }`,
  warp_xor: `template <int N, typename T> __device__ __forceinline__ T warp_xor(T v, int mask) { return __shfl_xor_sync(N == 32 ? 0xffffffffu : (1u << N) - 1u, v, mask, N); }`
};

// backends/cuda/reserved.ts
var reserved = new Set(
  `alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class compl concept
  const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype default delete do double
  dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable namespace new noexcept
  not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires return short signed sizeof
  static static_assert static_cast struct switch template this thread_local throw true try typedef typeid typename union
  unsigned using virtual void volatile wchar_t while xor xor_eq main half threadIdx blockIdx blockDim gridDim warpSize vec
  min max abs floor ceil trunc round sqrt exp exp2 log log2 pow sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh
  erf fma fmod atan2 isnan lane groupX groupY groupZ linear INFINITY NAN std j0 j1 jn y0 y1 yn gamma signgam index remainder
  expf exp2f logf log2f powf sinf cosf tanf sqrtf floorf ceilf truncf rintf fabsf fmaf fmodf atan2f erff`.split(/\s+/)
);

// backends/cuda/print.ts
var SCALAR = {
  f64: "double",
  f32: "float",
  i64: "long long",
  u64: "unsigned long long",
  i32: "int",
  u32: "unsigned",
  bool: "bool"
};
var STORAGE = {
  f64: "double",
  f32: "float",
  f16: "unsigned short",
  bf16: "unsigned short",
  i64: "long long",
  u64: "unsigned long long",
  i32: "int",
  u32: "unsigned",
  i16: "short",
  u16: "unsigned short",
  i8: "signed char",
  u8: "unsigned char",
  bool: "unsigned char"
};
var storable = (dtype) => STORAGE[dtype] !== void 0;
var OPERATOR = {
  add: "+",
  sub: "-",
  mul: "*",
  and: "&",
  or: "|",
  xor: "^",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
  eq: "==",
  ne: "!="
};
var COMPARES2 = /* @__PURE__ */ new Set(["lt", "le", "gt", "ge", "eq", "ne"]);
var MATH = { abs: "fabs", round: "rint" };
var isFloat2 = (t) => t === "f32" || t === "f64";
var suffix = (t) => t === "f32" ? "f" : "";
function scalarName(type) {
  const s = SCALAR[type];
  if (!s)
    throw new InfcError("INFC4021", `CUDA kernels of this backend do not compute in ${type}`, {
      fix: "Compute in f32"
    });
  return s;
}
var typeName = (type, width) => width === 1 ? scalarName(type) : `vec<${scalarName(type)}, ${width}>`;
function storageName(b, p) {
  const s = STORAGE[b.storage];
  if (!s) throw p.error(`buffer '${b.name}' is stored as ${b.storage}, which CUDA kernels cannot load`);
  return s;
}
function unaryScalar(op, a, p) {
  const { type, text: x2 } = a;
  if (op === "isnan") {
    if (!isFloat2(type)) return "false";
    const v = p.name(a);
    return `(${v} != ${v})`;
  }
  if (type === "bool") {
    if (op === "not") return `(!${x2})`;
    throw p.error(`'${op}' has no meaning on bool`);
  }
  if (isFloat2(type)) {
    if (op === "neg") return `(-${x2})`;
    if (op === "not" || op === "popcount" || op === "clz") throw p.error(`'${op}' has no meaning on ${type}`);
    return `${MATH[op] ?? op}${suffix(type)}(${unwrap(x2)})`;
  }
  const wide = type === "i64" || type === "u64";
  switch (op) {
    case "neg":
      return `(${scalarName(type)})(0${wide ? "ull" : "u"} - (${wide ? "unsigned long long" : "unsigned"})${x2})`;
    case "abs": {
      if (type.startsWith("u")) return x2;
      const v = p.name(a);
      return `(${v} < 0 ? ${unaryScalar("neg", { ...a, text: v }, p)} : ${v})`;
    }
    case "not":
      return `(~${x2})`;
    case "popcount":
      return `(${scalarName(type)})${wide ? `__popcll(${x2})` : `__popc(${x2})`}`;
    case "clz":
      return `(${scalarName(type)})${wide ? `__clzll(${x2})` : `__clz(${x2})`}`;
    case "floor":
    case "ceil":
    case "trunc":
    case "round":
      return x2;
    default:
      throw p.error(`'${op}' has no meaning on ${type}`);
  }
}
function binaryScalar(op, a, b, divisor, p) {
  const { type } = a;
  const [x2, y] = [a.text, b.text];
  if (type === "bool") {
    if (op === "mul" || op === "min") return `(${x2} && ${y})`;
    if (op === "add" || op === "max") return `(${x2} || ${y})`;
    if (op === "xor") return `(${x2} != ${y})`;
    if (op === "and" || op === "or") return `(${x2} ${op === "and" ? "&&" : "||"} ${y})`;
  }
  const name2 = scalarName(type);
  const wraps = type === "i32" || type === "i64";
  const unsigned = type === "i32" ? "unsigned" : "unsigned long long";
  switch (op) {
    case "div":
    case "rem":
      if (isFloat2(type)) return op === "div" ? `(${x2} / ${y})` : `fmod${suffix(type)}(${unwrap(x2)}, ${unwrap(y)})`;
      if (divisor !== void 0 && Number(divisor) > 0) return `(${x2} ${op === "div" ? "/" : "%"} ${y})`;
      return `${p.need(`${op}_${type}`)}(${unwrap(x2)}, ${unwrap(y)})`;
    case "min":
    case "max": {
      if (!isFloat2(type)) {
        const u = p.name(a);
        const v = p.name(b);
        return `(${u} ${op === "min" ? "<" : ">"} ${v} ? ${u} : ${v})`;
      }
      if (divisor !== void 0 && !Number.isNaN(Number(divisor))) {
        const u = p.name(a);
        return `(${u} ${op === "min" ? ">" : "<"} ${y} ? ${y} : ${u})`;
      }
      return `${p.need(`${op}_float`)}(${unwrap(x2)}, ${unwrap(y)})`;
    }
    case "pow":
      if (!isFloat2(type)) return `${p.need("pow_integer")}(${unwrap(x2)}, ${unwrap(y)})`;
      if (divisor === 2) {
        const u = p.name(a);
        return `(${u} * ${u})`;
      }
      return `pow${suffix(type)}(${unwrap(x2)}, ${unwrap(y)})`;
    case "atan2":
      return `atan2${suffix(type)}(${unwrap(x2)}, ${unwrap(y)})`;
    case "shl":
    case "shr": {
      const mask = type === "i64" || type === "u64" ? 63 : 31;
      const amount = divisor !== void 0 ? String(Number(divisor) & mask) : `(${y} & ${mask})`;
      return op === "shl" && wraps ? `(${name2})((${unsigned})${x2} << ${amount})` : `(${x2} ${op === "shl" ? "<<" : ">>"} ${amount})`;
    }
    case "add":
    case "sub":
    case "mul":
      if (wraps) return `(${name2})((${unsigned})${x2} ${OPERATOR[op]} (${unsigned})${y})`;
  }
  const symbol = OPERATOR[op];
  if (!symbol) throw p.error(`'${op}' has no meaning on ${type}`);
  return `(${x2} ${symbol} ${y})`;
}
var constantOf2 = (e) => e.node.kind === "const" ? e.node.value : e.node.kind === "splat" ? constantOf2(e.node.a) : void 0;
function castScalar(to, a, p) {
  if (a.type === to) return a.text;
  if (to === "bool") return `(${a.text} != 0)`;
  if (isFloat2(a.type) && !isFloat2(to)) return `${p.need(`${a.type}_to_${to}`)}(${unwrap(a.text)})`;
  return `(${scalarName(to)})${a.text}`;
}
function constant2(type, value) {
  switch (type) {
    case "bool":
      return Number(value) !== 0 ? "true" : "false";
    case "i32": {
      const v = Number(value) | 0;
      return v === -2147483648 ? "(int)0x80000000u" : v < 0 ? `(${v})` : String(v);
    }
    case "u32":
      return `${Number(value) >>> 0}u`;
    case "i64": {
      const v = BigInt.asIntN(64, BigInt(value));
      return v === -(2n ** 63n) ? "(long long)0x8000000000000000ull" : v < 0n ? `(${v}ll)` : `${v}ll`;
    }
    case "u64":
      return `${BigInt.asUintN(64, BigInt(value))}ull`;
    case "f32":
    case "f64": {
      const v = type === "f32" ? Math.fround(Number(value)) : Number(value);
      if (Number.isNaN(v))
        return type === "f32" ? "__int_as_float(0x7fc00000)" : "__longlong_as_double(0x7ff8000000000000ll)";
      const negative = v < 0 || Object.is(v, -0);
      const m = Math.abs(v);
      const text2 = !Number.isFinite(m) ? type === "f32" ? "__int_as_float(0x7f800000)" : "__longlong_as_double(0x7ff0000000000000ll)" : type === "f32" ? `${shortestFloat(m)}f` : /[.e]/.test(String(m)) ? String(m) : `${m}.0`;
      return negative ? `(-${text2})` : text2;
    }
    case "f16":
      return scalarName(type);
  }
}
var BITCAST = {
  "f32 i32": "__float_as_int",
  "f32 u32": "__float_as_uint",
  "i32 f32": "__int_as_float",
  "u32 f32": "__uint_as_float",
  "i32 u32": "(unsigned)",
  "u32 i32": "(int)",
  "f64 i64": "__double_as_longlong",
  "i64 f64": "__longlong_as_double",
  "i64 u64": "(unsigned long long)",
  "u64 i64": "(long long)"
};
function widen(b, raw, p) {
  if (b.storage === "f16" || b.storage === "bf16") return `${p.need(`load_${b.storage}`)}(${raw})`;
  if (b.storage === "bool") return `(${raw} != 0)`;
  const type = computeType(b.storage);
  return STORAGE[b.storage] === SCALAR[type] ? raw : `(${scalarName(type)})${raw}`;
}
function narrowed(b, value, p) {
  if (b.storage === "f16" || b.storage === "bf16") return `${p.need(`store_${b.storage}`)}(${unwrap(value)})`;
  if (b.storage === "bool") return `(unsigned char)(${unwrap(value)})`;
  return STORAGE[b.storage] === SCALAR[computeType(b.storage)] ? value : `(${storageName(b, p)})(${unwrap(value)})`;
}
var component = (a, i) => `${a}.v[${i}]`;
function subgroupLanes(p) {
  const { lanes } = p.kernel;
  if (lanes % 32 === 0) return 32;
  if (lanes < 32 && (lanes & lanes - 1) === 0) return lanes;
  throw p.error(`subgroup operations need a multiple of 32 lanes or a power of two below, not ${lanes}`);
}
var language = {
  reserved,
  library,
  lazyTernary: true,
  type: typeName,
  constant: (type, value) => constant2(type, value),
  unary: (op, a, p) => p.componentwise([a], op === "isnan" ? "bool" : a.type, ([x2]) => x2 ? unaryScalar(op, x2, p) : ""),
  binary: (op, a, b, nodes, p) => {
    const divisor = constantOf2(nodes.b);
    return p.componentwise(
      [a, b],
      COMPARES2.has(op) ? "bool" : a.type,
      ([x2, y]) => x2 && y ? binaryScalar(op, x2, y, divisor, p) : ""
    );
  },
  fma: (a, b, c, p) => p.componentwise(
    [a, b, c],
    a.type,
    ([x2, y, z]) => isFloat2(a.type) ? `fma${suffix(a.type)}(${unwrap(x2?.text ?? "")}, ${unwrap(y?.text ?? "")}, ${unwrap(z?.text ?? "")})` : `(${x2?.text ?? ""} * ${y?.text ?? ""} + ${z?.text ?? ""})`
  ),
  select: (c, a, b, p) => p.componentwise([c, a, b], a.type, ([t, x2, y]) => `(${t?.text ?? ""} ? ${x2?.text ?? ""} : ${y?.text ?? ""})`),
  cast: (to, a, p) => p.componentwise([a], to, ([x2]) => x2 ? castScalar(to, x2, p) : ""),
  bitcast: (to, a, p) => {
    const f = BITCAST[`${a.type} ${to}`];
    if (!f) throw p.error(`no bitcast from ${a.type} to ${to}`);
    return p.componentwise([a], to, ([x2]) => `${f}(${x2?.text ?? ""})`);
  },
  narrow: (to, a, p) => p.componentwise([a], a.type, ([x2]) => {
    if (!x2) return "";
    if (to === "bool") return castScalar(a.type, { text: castScalar("bool", x2, p), type: "bool", width: 1 }, p);
    if (to === "f16" || to === "bf16")
      return castScalar(
        a.type,
        { text: `${p.need(`narrow_${to}`)}(${castScalar("f32", x2, p)})`, type: "f32", width: 1 },
        p
      );
    const storage2 = STORAGE[to];
    if (!storage2) throw p.error(`narrowing to ${to} is not available in CUDA`);
    const integer2 = to.startsWith("i") ? "i32" : "u32";
    const v = isFloat2(a.type) && !to.startsWith("f") ? castScalar(integer2, x2, p) : x2.text;
    return `(${scalarName(a.type)})(${storage2})${v}`;
  }),
  pack: (type, elements) => elements.length === 1 ? elements[0] ?? "" : `vec<${scalarName(type)}, ${elements.length}>{{${elements.join(", ")}}}`,
  component,
  dot4: (a, b, c, p) => p.componentwise(
    [a, b, c],
    "i32",
    ([x2, y, z]) => `__dp4a((int)${x2?.text ?? ""}, (int)${y?.text ?? ""}, ${z?.text ?? ""})`
  ),
  subgroup: (op, a, mask, p) => {
    const n = subgroupLanes(p);
    const f = p.need(
      { add: "warp_add", max: "warp_max", min: "warp_min", broadcastFirst: "warp_first", shuffleXor: "warp_xor" }[op]
    );
    return p.componentwise(
      [a],
      a.type,
      ([x2]) => `${f}<${n}>(${x2?.text ?? ""}${op === "shuffleXor" ? `, ${mask}` : ""})`
    );
  },
  intrinsic: (name2, _args, _result, p) => {
    throw p.error(`intrinsic '${name2}' is not available in CUDA`);
  },
  load: (buffer, index, width, p) => {
    const name2 = p.identifier(buffer.name);
    storageName(buffer, p);
    if (width === 1) return widen(buffer, `${name2}[${unwrap(p.dim(index))}]`, p);
    const type = computeType(buffer.storage);
    const base = p.namedDim(index);
    let raw = (i) => `${name2}[${base} + ${i}]`;
    if (isMultipleOf(index, width) && buffer.space === "global") {
      p.need("vec");
      const whole = `${p.need("load_vec")}<${width}>(${name2} + ${base})`;
      if (STORAGE[buffer.storage] === SCALAR[type]) return whole;
      const id = p.fresh("raw");
      p.emit(`const vec<${storageName(buffer, p)}, ${width}> ${id} = ${whole};`);
      raw = (i) => component(id, i);
    }
    p.need("vec");
    return `vec<${scalarName(type)}, ${width}>{{${Array.from({ length: width }, (_, i) => widen(buffer, raw(i), p)).join(", ")}}}`;
  },
  store: (buffer, index, value, p) => {
    const name2 = p.identifier(buffer.name);
    storageName(buffer, p);
    if (value.width === 1) {
      p.emit(`${name2}[${unwrap(p.dim(index))}] = ${narrowed(buffer, value.text, p)};`);
      return;
    }
    const v = p.name(value);
    const base = p.namedDim(index);
    const parts = Array.from({ length: value.width }, (_, i) => narrowed(buffer, component(v, i), p));
    if (isMultipleOf(index, value.width) && buffer.space === "global") {
      p.need("vec");
      p.emit(
        `${p.need("store_vec")}<${value.width}>(${name2} + ${base}, vec<${storageName(buffer, p)}, ${value.width}>{{${parts.join(", ")}}});`
      );
      return;
    }
    parts.forEach((x2, i) => {
      p.emit(`${name2}[${base} + ${i}] = ${x2};`);
    });
  },
  atomicAdd: (buffer, index, value, p) => {
    if (!["f32", "f64", "i32", "u32", "u64"].includes(buffer.storage))
      throw p.error(`atomic addition on ${buffer.storage} is not available in CUDA`);
    p.emit(`atomicAdd(&${p.identifier(buffer.name)}[${unwrap(p.dim(index))}], ${value.text});`);
  },
  barrier: (p) => p.emit("__syncthreads();"),
  floorDiv: (a, b, p) => `${p.need("floor_div")}(${a}, ${b})`,
  floorMod: (a, b, p) => `${p.need("floor_mod")}(${a}, ${b})`,
  let: (name2, type, width, value) => `const ${typeName(type, width)} ${name2} = ${value};`,
  var: (name2, type, width, value) => `${typeName(type, width)} ${name2}${value === void 0 ? "" : ` = ${value}`};`,
  loop: (i, from, to, step) => `for (int ${i} = ${from}; ${i} < ${to}; ${i} += ${step})`
};
var MAX_GROUPS_YZ = 65535;
function printKernel(kernel) {
  if (kernel.kind !== "simt")
    throw new InfcError("INFC4020", `kernel '${kernel.name}' is of kind simd: CUDA runs simt kernels only`);
  const p = new KernelPrinter(kernel, language);
  const entry = p.identifier(kernel.name);
  const body = p.body();
  if (body.some((l) => l.includes("vec<"))) p.need("vec");
  const params = [
    ...kernel.buffers.map(
      (b) => `${b.access === "read" ? "const " : ""}${storageName(b, p)}* __restrict__ ${p.identifier(b.name)}`
    ),
    ...kernel.scalars.map((s) => `const int ${p.identifier(s)}`)
  ];
  const prelude = [];
  for (const b of kernel.shared)
    prelude.push(
      `  __shared__ __align__(16) ${storageName(b, p)} ${p.identifier(b.name)}[${evaluate(b.elements, {})}];`
    );
  if (kernel.lanes > 1) prelude.push("  const int lane = threadIdx.x;");
  const [gx, gy, gz] = kernel.grid;
  if (upperBound(gy) > MAX_GROUPS_YZ || upperBound(gz) > MAX_GROUPS_YZ) {
    prelude.push("  const int linear = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);");
    prelude.push(
      `  const int groupX = linear % ${p.dim(gx)};`,
      `  const int groupY = linear / ${p.dim(gx)} % ${p.dim(gy)};`
    );
    prelude.push(`  const int groupZ = linear / (${p.dim(gx)} * ${p.dim(gy)});`);
  } else {
    for (const [axis, g] of [["X", gx], ["Y", gy], ["Z", gz]])
      if (!isStatic(g) || g > 1) prelude.push(`  const int group${axis} = blockIdx.${axis.toLowerCase()};`);
  }
  const text2 = `${headerComment(kernel)}extern "C" __global__ void __launch_bounds__(${kernel.lanes}) ${entry}(${params.join(", ")}) {
${[...prelude, ...body].join("\n")}
}
`;
  return { text: text2, entry, needed: p.needed };
}
function printCuda(kernels, target) {
  const needed = /* @__PURE__ */ new Set();
  const entries = /* @__PURE__ */ new Map();
  const taken2 = /* @__PURE__ */ new Set();
  let text2 = "";
  for (const k of kernels) {
    if (k.lanes > target.maxLanes)
      throw new InfcError("INFC4022", `kernel '${k.name}' has ${k.lanes} lanes; the target allows ${target.maxLanes}`);
    const printed = printKernel(k);
    if (taken2.has(printed.entry))
      throw new InfcError("INFC4020", `two kernels are named '${printed.entry}'`, {
        fix: "Give each kernel its own name"
      });
    taken2.add(printed.entry);
    for (const n of printed.needed) needed.add(n);
    entries.set(k.name, printed.entry);
    text2 += `
${printed.text}`;
  }
  const includesHalf = [...needed].some((n) => n.endsWith("_f16"));
  const content = `${includesHalf ? "#include <cuda_fp16.h>\n\n" : ""}${libraryText(library, needed)}${text2.trimStart()}`;
  return [{ file: "kernels.cu", content, entries }];
}

// backends/cuda/backend.ts
var cudaBackend = defineBackend({
  name: "cuda",
  target: (features = []) => ({
    kind: "cuda",
    features: /* @__PURE__ */ new Set(["subgroups", ...features]),
    kernels: "simt",
    maxLanes: 1024,
    sharedBytes: 49152,
    vectorBytes: 16
  }),
  supports: storable,
  templates: [...gemmRegtile, ...gemv],
  memory: { align: 256, maxBinding: 2 ** 40, readWriteAlias: true },
  print: printCuda,
  device: "cuda"
});

// backends/wasm/schedule.ts
var isTrivial = (v) => v.op === "local" || v.op === "i32.const" || v.op === "i64.const" || v.op === "f32.const" || v.op === "f64.const";
function schedule(m) {
  const parents = /* @__PURE__ */ new Map();
  const uses = /* @__PURE__ */ new Map();
  const use = (v, place2, user) => {
    const list = uses.get(v);
    if (list) list.push({ place: place2, user });
    else uses.set(v, [{ place: place2, user }]);
  };
  const walk = (b) => {
    b.stmts.forEach((s, index) => {
      const here = { block: b, index };
      switch (s.kind) {
        case "set":
          use(s.value, here, s);
          break;
        case "store":
          use(s.address, here, s);
          use(s.value, here, s);
          break;
        case "if":
          use(s.condition, here, s);
          for (const inner of [s.body, s.otherwise]) {
            parents.set(inner, here);
            walk(inner);
          }
          break;
        case "do": {
          for (const i of s.inits) use(i.value, here, s);
          const end = { block: s.body, index: s.body.stmts.length };
          use(s.step, end, s);
          use(s.to, end, s);
          for (const i of s.steps) use(i.by, end, s);
          parents.set(s.body, here);
          walk(s.body);
          break;
        }
      }
    });
  };
  walk(m.entry);
  const before = /* @__PURE__ */ new Map();
  const inline = /* @__PURE__ */ new Set();
  for (let id = m.values.length - 1; id >= 0; id--) {
    const v = m.values[id];
    const list = v && uses.get(v);
    if (!v || !list || isTrivial(v)) continue;
    const place2 = placeOf(v, list, parents);
    const only2 = list.length === 1 ? list[0] : void 0;
    if (only2 && only2.place.block === place2.block && only2.place.index === place2.index) {
      inline.add(v);
    } else {
      let byIndex = before.get(place2.block);
      if (!byIndex) before.set(place2.block, byIndex = /* @__PURE__ */ new Map());
      const at = byIndex.get(place2.index);
      if (at) at.push(v);
      else byIndex.set(place2.index, [v]);
    }
    for (const a of v.args) use(a, place2, v);
  }
  for (const byIndex of before.values()) for (const list of byIndex.values()) list.reverse();
  return { before, inline };
}
function placeOf(v, list, parents) {
  let target = v.block;
  if (!v.pinned) {
    let common = list[0]?.place.block;
    for (const u of list) common = common && ancestor(common, u.place.block, parents);
    let best = common ?? v.block;
    for (let b = best; b; b = b.parent) {
      if (b.loops < best.loops) best = b;
      if (b === v.block) break;
    }
    target = best;
  }
  let index = Number.POSITIVE_INFINITY;
  for (const u of list) index = Math.min(index, within(u.place, target, parents));
  return { block: target, index };
}
function ancestor(a, b, parents) {
  let x2 = a;
  let y = b;
  while (x2 !== y) {
    const deeper = x2.depth >= y.depth ? x2 : y;
    const up2 = parents.get(deeper)?.block;
    if (!up2) return deeper;
    if (deeper === x2) x2 = up2;
    else y = up2;
  }
  return x2;
}
function within(place2, target, parents) {
  let at = place2;
  while (at.block !== target) {
    const up2 = parents.get(at.block);
    if (!up2) return 0;
    at = up2;
  }
  return at.index;
}

// backends/wasm/emit.ts
function emit(m, name2) {
  const writer = new Writer(m, schedule(m));
  writer.block(m.entry);
  return { name: name2, params: m.params, locals: writer.locals, body: writer.code };
}
var Writer = class {
  constructor(m, plan) {
    this.m = m;
    this.plan = plan;
  }
  m;
  plan;
  code = [];
  locals = [];
  /** Wasm index of each machine local and of each value held in one. */
  machineLocal = /* @__PURE__ */ new Map();
  held = /* @__PURE__ */ new Map();
  free = /* @__PURE__ */ new Map();
  allocate(type) {
    const reused = this.free.get(type)?.pop();
    if (reused !== void 0) return reused;
    return this.m.params.length + this.locals.push(type) - 1;
  }
  indexOf(local2) {
    if (local2 < this.m.params.length) return local2;
    let at = this.machineLocal.get(local2);
    if (at === void 0) {
      at = this.m.params.length + this.locals.push(this.m.locals[local2] ?? "i32") - 1;
      this.machineLocal.set(local2, at);
    }
    return at;
  }
  /** Locals that hold values of a block are reused once it is over. */
  block(b) {
    const held = [];
    const before = this.plan.before.get(b);
    const prepare2 = (index) => {
      for (const v of before?.get(index) ?? []) {
        this.compute(v);
        const at = this.allocate(v.type);
        this.code.push({ op: "local.set", index: at });
        this.held.set(v, at);
        held.push(v);
      }
    };
    b.stmts.forEach((s, index) => {
      prepare2(index);
      this.statement(s);
    });
    prepare2(b.stmts.length);
    for (const v of held) {
      const at = this.held.get(v);
      if (at === void 0) continue;
      const list = this.free.get(v.type);
      if (list) list.push(at);
      else this.free.set(v.type, [at]);
    }
  }
  statement(s) {
    switch (s.kind) {
      case "set":
        this.value(s.value);
        this.code.push({ op: "local.set", index: this.indexOf(s.local) });
        break;
      case "store": {
        this.value(s.address);
        this.value(s.value);
        const memory = { align: s.align, offset: s.offset };
        this.code.push(s.lane === void 0 ? { op: s.op, memory } : { op: s.op, memory, lane: s.lane });
        break;
      }
      case "if":
        this.value(s.condition);
        this.code.push({ op: "if" });
        this.block(s.body);
        if (s.otherwise.stmts.length > 0) {
          this.code.push({ op: "else" });
          this.block(s.otherwise);
        }
        this.code.push({ op: "end" });
        break;
      case "do": {
        for (const i of s.inits) {
          this.value(i.value);
          this.code.push({ op: "local.set", index: this.indexOf(i.local) });
        }
        this.code.push({ op: "loop" });
        this.block(s.body);
        for (const i of s.steps) {
          const index2 = this.indexOf(i.local);
          this.code.push({ op: "local.get", index: index2 });
          this.value(i.by);
          this.code.push({ op: "i32.add" }, { op: "local.set", index: index2 });
        }
        const index = this.indexOf(s.index);
        this.code.push({ op: "local.get", index });
        this.value(s.step);
        this.code.push({ op: "i32.add" }, { op: "local.tee", index });
        this.value(s.to);
        this.code.push({ op: "i32.lt_s" }, { op: "br_if", index: 0 }, { op: "end" });
        break;
      }
    }
  }
  value(v) {
    const at = this.held.get(v);
    if (at !== void 0) this.code.push({ op: "local.get", index: at });
    else if (isTrivial(v) || this.plan.inline.has(v)) this.compute(v);
    else throw new Error(`value ${v.op} used before it is computed`);
  }
  compute(v) {
    if (v.op === "local") {
      this.code.push({ op: "local.get", index: this.indexOf(Number(v.imm)) });
      return;
    }
    for (const a of v.args) this.value(a);
    this.code.push(instr(v));
  }
};
function instr(v) {
  const { op, imm } = v;
  if (op.includes(".load")) return { op, memory: { align: v.align, offset: Number(imm) >>> 0 } };
  if (op === "i32.const" || op === "f32.const" || op === "f64.const") return { op, value: Number(imm) };
  if (op === "i64.const") return { op, value: BigInt(imm === void 0 || typeof imm === "object" ? 0 : imm) };
  if (imm instanceof Uint8Array) return { op, bytes: imm };
  return imm === void 0 ? { op } : { op, lane: Number(imm) };
}

// backends/wasm/encode.ts
init_errors();

// backends/wasm/opcodes.ts
var typeCode = { i32: 127, i64: 126, f32: 125, f64: 124, v128: 123 };
var RUNS = [
  [
    0,
    `28: i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s i32.load16_u
     36: i32.store i64.store f32.store f64.store i32.store8 i32.store16
     45: i32.eqz i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u
     50: i64.eqz i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u
     5b: f32.eq f32.ne f32.lt f32.gt f32.le f32.ge f64.eq f64.ne f64.lt f64.gt f64.le f64.ge
     67: i32.clz i32.ctz i32.popcnt i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor
     74: i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr
     79: i64.clz i64.ctz i64.popcnt i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor
     86: i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr
     8b: f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt f32.add f32.sub f32.mul f32.div f32.min f32.max
     98: f32.copysign f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt f64.add f64.sub f64.mul f64.div
     a4: f64.min f64.max f64.copysign i32.wrap_i64
     ac: i64.extend_i32_s i64.extend_i32_u
     b2: f32.convert_i32_s f32.convert_i32_u f32.convert_i64_s f32.convert_i64_u f32.demote_f64
     b7: f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u f64.promote_f32
     bc: i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64
     c0: i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s
     1b: select`
  ],
  [
    252,
    `0: i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u
     4: i64.trunc_sat_f32_s i64.trunc_sat_f32_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u`
  ],
  [
    253,
    `0: v128.load v128.load8x8_s v128.load8x8_u v128.load16x4_s v128.load16x4_u v128.load32x2_s v128.load32x2_u
     7: v128.load8_splat v128.load16_splat v128.load32_splat v128.load64_splat v128.store v128.const i8x16.shuffle i8x16.swizzle
     f: i8x16.splat i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat i8x16.extract_lane_s i8x16.extract_lane_u
     17: i8x16.replace_lane i16x8.extract_lane_s i16x8.extract_lane_u i16x8.replace_lane i32x4.extract_lane i32x4.replace_lane
     1d: i64x2.extract_lane i64x2.replace_lane f32x4.extract_lane f32x4.replace_lane f64x2.extract_lane f64x2.replace_lane
     37: i32x4.eq i32x4.ne i32x4.lt_s i32x4.lt_u i32x4.gt_s i32x4.gt_u i32x4.le_s i32x4.le_u i32x4.ge_s i32x4.ge_u
     41: f32x4.eq f32x4.ne f32x4.lt f32x4.gt f32x4.le f32x4.ge f64x2.eq f64x2.ne f64x2.lt f64x2.gt f64x2.le f64x2.ge
     4d: v128.not v128.and v128.andnot v128.or v128.xor v128.bitselect v128.any_true
     54: v128.load8_lane v128.load16_lane v128.load32_lane v128.load64_lane
     58: v128.store8_lane v128.store16_lane v128.store32_lane v128.store64_lane v128.load32_zero v128.load64_zero
     5e: f32x4.demote_f64x2_zero f64x2.promote_low_f32x4 i8x16.abs i8x16.neg i8x16.popcnt - - i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u
     67: f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest i8x16.shl i8x16.shr_s i8x16.shr_u i8x16.add - - i8x16.sub
     74: f64x2.ceil f64x2.floor - - - - f64x2.trunc - i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u
     7e: i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u
     85: i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u i16x8.extend_low_i8x16_s i16x8.extend_high_i8x16_s
     89: i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u i16x8.shl i16x8.shr_s i16x8.shr_u i16x8.add
     91: i16x8.sub - - f64x2.nearest i16x8.mul
     9c: i16x8.extmul_low_i8x16_s i16x8.extmul_high_i8x16_s
     a0: i32x4.abs i32x4.neg - i32x4.all_true i32x4.bitmask - - i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_s
     a9: i32x4.extend_low_i16x8_u i32x4.extend_high_i16x8_u i32x4.shl i32x4.shr_s i32x4.shr_u i32x4.add
     b1: i32x4.sub - - - i32x4.mul i32x4.min_s i32x4.min_u i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s
     c0: i64x2.abs i64x2.neg - - - - - i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u
     ca: i64x2.extend_high_i32x4_u i64x2.shl i64x2.shr_s i64x2.shr_u i64x2.add
     d1: i64x2.sub - - - i64x2.mul i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s
     e0: f32x4.abs f32x4.neg - f32x4.sqrt f32x4.add f32x4.sub f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax
     ec: f64x2.abs f64x2.neg - f64x2.sqrt f64x2.add f64x2.sub f64x2.mul f64x2.div f64x2.min f64x2.max f64x2.pmin f64x2.pmax
     f8: i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u
     fc: i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u
     105: f32x4.relaxed_madd f32x4.relaxed_nmadd f64x2.relaxed_madd f64x2.relaxed_nmadd
     112: i16x8.relaxed_dot_i8x16_i7x16_s i32x4.relaxed_dot_i8x16_i7x16_add_s`
  ]
];
var opcodes = new Map(
  RUNS.flatMap(
    ([prefix, runs2]) => runs2.split("\n").flatMap((line) => {
      const [first = "", names2 = ""] = line.trim().split(": ");
      const start = Number.parseInt(first, 16);
      return names2.split(" ").map((name2, i) => {
        const code = start + i;
        if (prefix === 0) return [name2, [code]];
        return [name2, code < 128 ? [prefix, code] : [prefix, code & 127 | 128, code >> 7]];
      });
    })
  )
);
var SCALAR_COMPARE = /^[if](32|64)\.(eqz|eq|ne|[lg][te](_[su])?)$/;
function resultType(op) {
  if (SCALAR_COMPARE.test(op) || /\.(any_true|all_true|bitmask)$/.test(op)) return "i32";
  const [kind = ""] = op.split(".");
  if (op.includes(".extract_lane")) {
    const lane = kind.split("x")[0];
    return lane === "f32" || lane === "f64" || lane === "i64" ? lane : "i32";
  }
  return kind === "i32" || kind === "i64" || kind === "f32" || kind === "f64" ? kind : "v128";
}

// backends/wasm/encode.ts
var CONTROL = {
  block: [2, 64],
  loop: [3, 64],
  if: [4, 64],
  else: [5],
  end: [11],
  return: [15],
  br: [12],
  br_if: [13],
  "local.get": [32],
  "local.set": [33],
  "local.tee": [34],
  "i32.const": [65],
  "i64.const": [66],
  "f32.const": [67],
  "f64.const": [68]
};
var Bytes = class _Bytes {
  buffer = new Uint8Array(1024);
  length = 0;
  byte(b) {
    if (this.length === this.buffer.length) {
      const wider = new Uint8Array(this.length * 2);
      wider.set(this.buffer);
      this.buffer = wider;
    }
    this.buffer[this.length++] = b;
  }
  all(bytes2) {
    for (const b of bytes2) this.byte(b);
  }
  /** Unsigned LEB128 of a value below 2^32. */
  u32(value) {
    let v = value >>> 0;
    do {
      const low = v & 127;
      v >>>= 7;
      this.byte(v ? low | 128 : low);
    } while (v);
  }
  /** Signed LEB128. */
  s64(value) {
    let v = value;
    for (; ; ) {
      const low = Number(v & 0x7fn);
      v >>= 7n;
      if (v === 0n && !(low & 64) || v === -1n && low & 64) {
        this.byte(low);
        return;
      }
      this.byte(low | 128);
    }
  }
  name(text2) {
    const utf8 = new TextEncoder().encode(text2);
    this.u32(utf8.length);
    this.all(utf8);
  }
  section(id, write) {
    const inner = new _Bytes();
    write(inner);
    this.byte(id);
    this.u32(inner.length);
    this.all(inner.view());
  }
  view() {
    return this.buffer.subarray(0, this.length);
  }
};
var scratch2 = new DataView(new ArrayBuffer(8));
function instruction(b, i) {
  const code = CONTROL[i.op] ?? (i.op === "v128.const" ? [253, 12] : opcodes.get(i.op));
  if (!code) throw new InfcError("INFC4001", `no Wasm instruction '${i.op}'`);
  b.all(code);
  if ("index" in i) b.u32(i.index);
  else if ("bytes" in i) b.all(i.bytes);
  else if ("memory" in i) {
    b.u32(i.memory.align);
    b.u32(i.memory.offset);
    if (i.lane !== void 0) b.byte(i.lane);
  } else if ("lane" in i) b.byte(i.lane);
  else if ("value" in i) {
    if (typeof i.value === "bigint") b.s64(BigInt.asIntN(64, i.value));
    else if (i.op === "i32.const") b.s64(BigInt(i.value | 0));
    else {
      const size = i.op === "f32.const" ? 4 : 8;
      if (size === 4) scratch2.setFloat32(0, i.value, true);
      else scratch2.setFloat64(0, i.value, true);
      for (let k = 0; k < size; k++) b.byte(scratch2.getUint8(k));
    }
  }
}
function runs(types) {
  const out = [];
  for (const type of types) {
    const last = out.at(-1);
    if (last?.type === type) last.count++;
    else out.push({ type, count: 1 });
  }
  return out;
}
function encodeModule(functions3, memory) {
  const out = new Bytes();
  out.all([0, 97, 115, 109, 1, 0, 0, 0]);
  const arities = [...new Set(functions3.map((f) => f.params.length))].sort((a, b) => a - b);
  out.section(1, (b) => {
    b.u32(arities.length);
    for (const n of arities) {
      b.byte(96);
      b.u32(n);
      for (let i = 0; i < n; i++) b.byte(typeCode.i32);
      b.u32(0);
    }
  });
  out.section(2, (b) => {
    b.u32(1);
    b.name("env");
    b.name("memory");
    b.byte(2);
    if (memory.shared) {
      b.byte(3);
      b.u32(0);
      b.u32(65536);
    } else {
      b.byte(0);
      b.u32(0);
    }
  });
  out.section(3, (b) => {
    b.u32(functions3.length);
    for (const f of functions3) b.u32(arities.indexOf(f.params.length));
  });
  out.section(7, (b) => {
    b.u32(functions3.length);
    functions3.forEach((f, i) => {
      b.name(f.name);
      b.byte(0);
      b.u32(i);
    });
  });
  out.section(10, (b) => {
    b.u32(functions3.length);
    for (const f of functions3) {
      const body = new Bytes();
      const groups = runs(f.locals);
      body.u32(groups.length);
      for (const g of groups) {
        body.u32(g.count);
        body.byte(typeCode[g.type]);
      }
      for (const i of f.body) instruction(body, i);
      body.byte(11);
      b.u32(body.length);
      b.all(body.view());
    }
  });
  return out.view().slice();
}

// compiler/ir/kernel.ts
init_dtype();
init_errors();
function sharedLayout(kernel) {
  let bytes2 = 0;
  const offsets = kernel.shared.map((b) => {
    if (typeof b.elements !== "number")
      throw new InfcError("INFC4007", `scratch buffer '${b.name}' of kernel '${kernel.name}' has no fixed size`);
    const at = bytes2;
    bytes2 += Math.ceil((byteLength(b.storage, b.elements) + 16) / 16) * 16;
    return at;
  });
  return { offsets, bytes: bytes2 };
}

// backends/wasm/kernel.ts
init_errors();

// backends/wasm/address.ts
init_errors();
var DimLowering = class {
  constructor(m) {
    this.m = m;
  }
  m;
  symbols = /* @__PURE__ */ new Map();
  loops = /* @__PURE__ */ new Map();
  define(name2, value) {
    this.symbols.set(name2, value);
  }
  enter(loop2) {
    this.loops.set(loop2.body, loop2);
  }
  /** The i32 value of a dim. */
  value(d) {
    if (typeof d === "number") return this.m.i32(d);
    const sum2 = this.sum(d, 1, void 0);
    return this.m.op("i32.add", [sum2, this.m.i32(d.constant)]);
  }
  /** Address of element `index` of a buffer of `bytes`-byte elements that starts at `base`. */
  address(base, index, bytes2) {
    if (typeof index === "number") return { address: base, offset: index * bytes2 };
    const constant4 = index.constant * bytes2;
    const separate = constant4 >= 0 && range(sub(index, index.constant)).min >= 0;
    const start = separate ? base : this.m.op("i32.add", [base, this.m.i32(constant4)]);
    return { address: this.sum(index, bytes2, start), offset: separate ? constant4 : 0 };
  }
  /** start + scale * (d without its constant), terms of outer loops first. */
  sum(d, scale3, start) {
    const byDepth = /* @__PURE__ */ new Map();
    for (const t of d.terms) {
      const factors = t.factors.map((f) => this.atom(f)).sort(outerFirst);
      const innermost = factors.at(-1);
      if (!innermost) continue;
      const p = { coefficient: t.coefficient * scale3, factors, innermost };
      const list = byDepth.get(innermost.block);
      if (list) list.push(p);
      else byDepth.set(innermost.block, [p]);
    }
    const groups = [...byDepth].sort(([a], [b]) => a.depth - b.depth);
    let sum2 = start;
    groups.forEach(([at, products], i) => {
      const last = i === groups.length - 1;
      const pointer = last && sum2 ? this.pointer(at, products, sum2) : void 0;
      if (pointer) sum2 = pointer;
      else {
        const group = products.map((p) => this.product(p)).reduce((a, b) => this.m.op("i32.add", [a, b]));
        sum2 = sum2 ? this.m.op("i32.add", [sum2, group]) : group;
      }
    });
    return sum2 ?? this.m.i32(0);
  }
  product(p) {
    const [first, ...rest] = p.factors;
    if (!first) return this.m.i32(p.coefficient);
    let v = this.m.op("i32.mul", [first, this.m.i32(p.coefficient)]);
    for (const f of rest) v = this.m.op("i32.mul", [v, f]);
    return v;
  }
  /** A pointer that starts at `start + from * stride` and advances by `step * stride`, where the terms are linear in the loop's index. */
  pointer(at, products, start) {
    const loop2 = this.loops.get(at);
    const index = loop2 && this.symbols.get(loop2.name);
    if (!loop2 || !index) return void 0;
    if (!products.every((p) => p.innermost === index && p.factors.filter((f) => f === index).length === 1))
      return void 0;
    if (products.some((p) => p.factors.some((f) => f !== index && f.block === at))) return void 0;
    const stride = products.map((p) => this.product({ coefficient: p.coefficient, factors: p.factors.filter((f) => f !== index) })).reduce((a, b) => this.m.op("i32.add", [a, b]));
    if (stride.op === "i32.const" && [1, 2, 4, 8].includes(Number(stride.imm))) return void 0;
    const key2 = `${start.id} ${stride.id}`;
    let v = loop2.pointers.get(key2);
    if (!v) {
      const local2 = this.m.local("i32");
      const first = this.m.op("i32.add", [start, this.m.op("i32.mul", [loop2.from, stride])]);
      loop2.statement.inits.push({ local: local2, value: first });
      loop2.statement.steps.push({ local: local2, by: this.m.op("i32.mul", [loop2.step, stride]) });
      v = this.m.read(local2, loop2.body);
      loop2.pointers.set(key2, v);
    }
    return v;
  }
  atom(a) {
    if (a.kind !== "sym") return this.call(a);
    const v = this.symbols.get(a.name);
    if (!v) throw new InfcError("INFC4002", `symbol '${a.name}' is used before the kernel defines it`);
    return v;
  }
  call(c) {
    const m = this.m;
    const a = this.value(c.a);
    const b = this.value(c.b);
    const i323 = (op, ...args) => m.op(`i32.${op}`, args);
    switch (c.kind) {
      case "min":
        return m.op("select", [a, b, i323("lt_s", a, b)]);
      case "max":
        return m.op("select", [b, a, i323("lt_s", a, b)]);
      case "div": {
        const log23 = powerOfTwo(c.b);
        if (log23 !== void 0) return i323("shr_s", a, m.i32(log23));
        if (range(c.a).min >= 0) return i323("div_u", a, b);
        const q = i323("div_s", a, b);
        return i323("sub", q, i323("lt_s", i323("sub", a, i323("mul", q, b)), m.i32(0)));
      }
      case "mod": {
        if (powerOfTwo(c.b) !== void 0) return i323("and", a, m.i32(Number(c.b) - 1));
        if (range(c.a).min >= 0) return i323("rem_u", a, b);
        const r = i323("rem_s", a, b);
        return i323("add", r, m.op("select", [b, m.i32(0), i323("lt_s", r, m.i32(0))]));
      }
    }
  }
};
var outerFirst = (a, b) => a.block.depth - b.block.depth || a.id - b.id;
function powerOfTwo(d) {
  return typeof d === "number" && (d & d - 1) === 0 ? 31 - Math.clz32(d) : void 0;
}

// compiler/lower/math-f32.ts
var math_f32_exports = {};
__export(math_f32_exports, {
  acos: () => acos2,
  acosh: () => acosh2,
  asin: () => asin2,
  asinh: () => asinh2,
  atan: () => atan3,
  atan2: () => atan22,
  atanh: () => atanh2,
  cosh: () => cosh2,
  erf: () => erf3,
  exp: () => exp3,
  exp2: () => exp22,
  log: () => log3,
  log2: () => log22,
  pow: () => pow2,
  rem: () => rem2,
  sinh: () => sinh2,
  tanh: () => tanh2,
  trig: () => trig2
});

// compiler/lower/math-f64.ts
var math_f64_exports = {};
__export(math_f64_exports, {
  acos: () => acos,
  acosh: () => acosh,
  asin: () => asin,
  asinh: () => asinh,
  atan: () => atan,
  atan2: () => atan2,
  atanh: () => atanh,
  cosh: () => cosh,
  erf: () => erf2,
  exp: () => exp,
  exp2: () => exp2,
  log: () => log,
  log2: () => log2,
  pow: () => pow,
  powF64: () => powF64,
  rem: () => rem,
  sinh: () => sinh,
  tanh: () => tanh,
  trig: () => trig
});

// compiler/lower/math-reduce.ts
var TWO_OVER_PI = [
  0xa2f9836e4e441529n,
  0xfc2757d1f534ddc0n,
  0xdb6295993c439041n,
  0xfe5163abdebbc561n,
  0xb7246e3a424dd2e0n,
  0x06492eea09d1921cn,
  0xfe1deb1cb129a73en,
  0xe88235f52ebb4484n,
  0xe99c7026b45f7e41n,
  0x3991d639835339f4n,
  0x9c845f8bbdf9283bn,
  0x1ff897ffde05980fn,
  0xef2f118b5a0a6d1fn,
  0x6d367ecf27cb09b7n,
  0x4f463f669e5fea2dn,
  0x7527bac7ebe5f17bn,
  0x3d0739f78a5292ean,
  0x6bfb5fb11f8d5d08n
];
var u642 = (v) => constant("u64", v);
function twoOverPiBits(bit, last) {
  const shifted = bit.add(64n);
  const word2 = shifted.shr(u642(6));
  const within2 = shifted.and(u642(63));
  const pick2 = (offset) => {
    let v = u642(0);
    for (let i = 0; i <= last; i++) {
      const value = TWO_OVER_PI[i + offset - 1] ?? 0n;
      v = i === 0 ? u642(value) : word2.eq(u642(i)).select(u642(value), v);
    }
    return v;
  };
  const high2 = pick2(0).shl(within2);
  const low = within2.eq(u642(0)).select(u642(0), pick2(1).shr(u642(64).sub(within2)));
  return high2.or(low);
}
function reduceHuge(x2) {
  const bits = x2.bitcast("u32");
  const exponent = bits.shr(constant("u32", 23)).and(constant("u32", 255));
  const mantissa = bits.and(constant("u32", 8388607)).or(constant("u32", 8388608)).cast("u64");
  const start = exponent.cast("u64").sub(u642(152));
  const high2 = twoOverPiBits(start, 3);
  const next = twoOverPiBits(start.add(u642(64)), 4);
  const product3 = mantissa.mul(high2).add(mantissa.mul(next.shr(u642(32))).shr(u642(32)));
  const quadrant = product3.add(u642(1n << 61n)).shr(u642(62));
  const fraction = product3.sub(quadrant.shl(u642(62))).bitcast("i64").cast("f64");
  const r = fraction.mul(Math.PI / 2 * 2 ** -62).cast("f32");
  const negative = bits.shr(constant("u32", 31)).ne(constant("u32", 0));
  const q = quadrant.cast("i32");
  const wild = exponent.eq(constant("u32", 255));
  return {
    quadrant: negative.select(q.neg(), q),
    r: wild.select(constant("f32", Number.NaN), negative.select(r.neg(), r))
  };
}
function multiplyHigh(a, b) {
  const low = (v) => v.and(u642(0xffffffffn));
  const high2 = (v) => v.shr(u642(32));
  const middle = high2(a).mul(low(b)).add(high2(low(a).mul(low(b))));
  const other = low(a).mul(high2(b)).add(low(middle));
  return high2(a).mul(high2(b)).add(high2(middle)).add(high2(other));
}
var upperHalf = (x2) => x2.bitcast("i64").and(constant("i64", -0x100000000n)).bitcast("f64");
function reduceHugeF64(x2) {
  const bits = x2.bitcast("u64");
  const exponent = bits.shr(u642(52)).and(u642(2047));
  const mantissa = bits.and(u642(0xfffffffffffffn)).or(u642(0x10000000000000n));
  const start = exponent.sub(u642(1077));
  const word2 = (i) => twoOverPiBits(start.add(u642(64 * i)), 17);
  const middle = mantissa.mul(word2(1));
  const low = middle.add(multiplyHigh(mantissa, word2(2)));
  const carry = low.lt(middle).select(u642(1), u642(0));
  const product3 = mantissa.mul(word2(0)).add(multiplyHigh(mantissa, word2(1))).add(carry);
  const quadrant = product3.add(u642(1n << 61n)).shr(u642(62)).bitcast("i64");
  const fraction = product3.sub(quadrant.bitcast("u64").shl(u642(62))).bitcast("i64");
  const unit = 2 ** -62;
  const f = fraction.cast("f64");
  const rest = fraction.sub(f.cast("i64")).cast("f64").add(low.cast("f64").mul(2 ** -64));
  const turn = 1.5707963267948966;
  const turnHigh = 1.570796012878418;
  const turnLow = turn - turnHigh;
  const h = f.mul(turn);
  const a = upperHalf(f);
  const b = f.sub(a);
  const error = a.mul(turnHigh).sub(h).add(a.mul(turnLow)).add(b.mul(turnHigh)).add(b.mul(turnLow));
  const tail = error.add(rest.mul(turn)).add(f.mul(6123233995736766e-32));
  const wild = exponent.eq(u642(2047));
  const sign2 = bits.shr(u642(63)).ne(u642(0)).select(constant("f64", -unit), unit);
  return {
    quadrant: bits.shr(u642(63)).ne(u642(0)).select(quadrant.neg(), quadrant),
    high: wild.select(constant("f64", Number.NaN), h.mul(sign2)),
    low: tail.mul(sign2)
  };
}
function reduceMediumF64(x2) {
  const magic = 6755399441055744;
  const t = x2.mul(0.6366197723675814).add(magic);
  const n = t.sub(magic);
  const quadrant = t.bitcast("i64");
  const first = x2.sub(n.mul(1.5707963267341256));
  const second = n.mul(6077100506303966e-26);
  const r2 = first.sub(second);
  const w2 = n.mul(20222662487959506e-37).sub(first.sub(r2).sub(second));
  const third = n.mul(20222662487111665e-37);
  const r3 = r2.sub(third);
  const w3 = n.mul(84784276603689e-45).sub(r2.sub(r3).sub(third));
  const close = r2.abs().lt(1e-9);
  const base = close.select(r3, r2);
  const tail = close.select(w3, w2);
  const high2 = base.sub(tail);
  return { quadrant, high: high2, low: base.sub(high2).sub(tail) };
}

// compiler/lower/polynomial.ts
function polynomial(x2, coefficients) {
  const [first = 0, ...rest] = coefficients;
  let p = constant(x2.type, first);
  for (const c of rest) p = p.mul(x2).add(c);
  return p;
}

// compiler/lower/math-f64.ts
var i642 = (v) => constant("i64", v);
var f642 = (v) => constant("f64", v);
var like = (v, x2) => f642(v).splat(x2.width);
var MAGIC = 6755399441055744;
var MAGIC_BITS = 0x4338000000000000n;
function roundMagic(x2) {
  const t = x2.add(MAGIC);
  return { float: t.sub(MAGIC), int: t.bitcast("i64").sub(i642(MAGIC_BITS)) };
}
var integerValue = (k) => k.add(i642(MAGIC_BITS)).bitcast("f64").sub(MAGIC);
var power2 = (k) => k.add(i642(1023n)).shl(i642(52n)).bitcast("f64");
function scale(p, n) {
  const half = n.shr(i642(1n));
  return p.mul(power2(half)).mul(power2(n.sub(half)));
}
var LN2_HIGH = 0.6931471803691238;
var LN2_LOW = 19082149292705877e-26;
var EXP = [
  41381367970572385e-24,
  -16533902205465252e-22,
  6613756321437934e-20,
  -0.0027777777777015593,
  0.16666666666666602
];
function expReduced(high2, low, n) {
  const r = high2.sub(low);
  const t = r.mul(r);
  const c = r.sub(t.mul(polynomial(t, EXP)));
  const y = like(1, r).sub(low.sub(r.mul(c).div(like(2, r).sub(c))).sub(high2));
  return scale(y, n);
}
function expShifted(x2, shift2) {
  const z = x2.max(-746).min(711);
  const n = roundMagic(z.mul(Math.LOG2E));
  const high2 = z.sub(n.float.mul(LN2_HIGH));
  return expReduced(high2, n.float.mul(LN2_LOW), shift2 === 0n ? n.int : n.int.add(i642(shift2)));
}
var exp = (x2) => expShifted(x2, 0n);
function exp2(x2) {
  const z = x2.max(-1076).min(1025);
  const n = roundMagic(z);
  const f = z.sub(n.float);
  return expReduced(f.mul(LN2_HIGH), f.mul(-LN2_LOW), n.int);
}
var LOG_ODD = [0.14798198605116586, 0.1818357216161805, 0.2857142874366239, 0.6666666666666735];
var LOG_EVEN = [0.15313837699209373, 0.22222198432149784, 0.3999999999940942];
function logParts(x2) {
  const tiny = x2.lt(22250738585072014e-324);
  const bits = tiny.select(x2.mul(18014398509481984), x2).bitcast("i64");
  const e = bits.sub(i642(0x3fe6a09e667f3bcdn)).shr(i642(52n));
  const f = bits.sub(e.shl(i642(52n))).bitcast("f64").sub(1);
  const k = integerValue(tiny.select(e.sub(i642(54n)), e));
  const s = f.div(f.add(2));
  const z = s.mul(s);
  const w = z.mul(z);
  const r = polynomial(w, LOG_ODD).mul(z).add(polynomial(w, LOG_EVEN).mul(w));
  const half = f.mul(f).mul(0.5);
  return { k, f, half, tail: s.mul(half.add(r)) };
}
function logEdges(x2, value) {
  const positive2 = x2.eq(Number.POSITIVE_INFINITY).select(x2, value);
  const nonNegative = x2.eq(0).select(like(Number.NEGATIVE_INFINITY, x2), positive2);
  return x2.ge(0).select(nonNegative, Number.NaN);
}
function log(x2) {
  const { k, f, half, tail } = logParts(x2);
  const value = k.mul(LN2_HIGH).sub(half.sub(tail.add(k.mul(LN2_LOW))).sub(f));
  return logEdges(x2, value);
}
var IVLN2_HIGH = 1.4426950407214463;
var IVLN2_LOW = 16751713164886512e-26;
var upperHalf2 = (x2) => x2.bitcast("i64").and(i642(-0x100000000n)).bitcast("f64");
function log2Parts(x2) {
  const { k, f, half, tail } = logParts(x2);
  const hi = upperHalf2(f.sub(half));
  const lo = f.sub(hi).sub(half).add(tail);
  const valueHigh = hi.mul(IVLN2_HIGH);
  const valueLow = lo.add(hi).mul(IVLN2_LOW).add(lo.mul(IVLN2_HIGH));
  const w = k.add(valueHigh);
  return { high: w, low: valueLow.add(k.sub(w).add(valueHigh)) };
}
function log2(x2) {
  const { high: high2, low } = log2Parts(x2);
  return logEdges(x2, high2.add(low));
}
function powF64(x2, y) {
  const a = x2.abs();
  const { high: high2, low } = log2Parts(a);
  const l1 = upperHalf2(high2.add(low));
  const l2 = low.sub(l1.sub(high2));
  const y1 = upperHalf2(y);
  const big = y1.mul(l1);
  const small = y.sub(y1).mul(l1).add(y.mul(l2));
  const sum2 = big.add(small);
  const z = sum2.max(-1100).min(1100);
  const n = roundMagic(z);
  const fraction = sum2.eq(z).select(big.sub(n.float).add(small), 0);
  const t = upperHalf2(fraction);
  const rest = fraction.sub(t).add(sum2.eq(z).select(big.sub(n.float).sub(fraction).add(small), 0));
  const finite = expReduced(t.mul(LN2_HIGH), t.mul(-LN2_LOW).sub(rest.mul(Math.LN2)), n.int);
  const whole = y.eq(y.trunc());
  const odd = whole.and(y.mul(0.5).trunc().ne(y.mul(0.5))).and(y.abs().lt(9007199254740992));
  const inf = Number.POSITIVE_INFINITY;
  const zeroBase = y.lt(0).select(like(inf, x2), 0);
  const infBase = y.lt(0).select(like(0, x2), inf);
  const grows = a.gt(1).eq(y.gt(0));
  const infPower = a.eq(1).select(like(1, x2), grows.select(like(inf, x2), 0));
  let magnitude = a.eq(0).select(zeroBase, a.eq(inf).select(infBase, finite));
  magnitude = y.abs().eq(inf).select(infPower, magnitude);
  const negative = x2.bitcast("i64").lt(i642(0n));
  const signed = negative.and(odd).select(magnitude.neg(), magnitude);
  const invalid = negative.and(a.ne(0)).and(a.ne(inf)).and(whole.not());
  const value = invalid.or(x2.isNan()).or(y.isNan()).select(like(Number.NaN, x2), signed);
  return y.eq(0).or(x2.eq(1)).select(like(1, x2), value);
}
var pow = powF64;
function log1p(u) {
  const w = u.add(1);
  const small = w.eq(1);
  const big = w.gt(1e20);
  const corrected = log(w).mul(u.div(small.or(big).select(like(1, u), w.sub(1))));
  return small.select(u, big.select(log(w), corrected));
}
var SIGN = -0x8000000000000000n;
var withSign = (magnitude, x2) => magnitude.bitcast("i64").or(x2.bitcast("i64").and(i642(SIGN))).bitcast("f64");
var SIN = [
  158969099521155e-24,
  -25050760253406863e-24,
  27557313707070068e-22,
  -1984126982985795e-19,
  0.00833333333332249
];
var COS = [
  -11359647557788195e-27,
  2087572321298175e-24,
  -27557314351390663e-23,
  2480158728947673e-20,
  -0.001388888888887411,
  0.0416666666666666
];
function sinKernel(x2, tail) {
  const z = x2.mul(x2);
  const v = z.mul(x2);
  const r = polynomial(z, SIN);
  return x2.sub(
    z.mul(tail.mul(0.5).sub(v.mul(r))).sub(tail).sub(v.mul(-0.16666666666666632))
  );
}
function cosKernel(x2, tail) {
  const z = x2.mul(x2);
  const r = z.mul(polynomial(z, COS));
  const half = z.mul(0.5);
  const w = like(1, x2).sub(half);
  return w.add(
    like(1, x2).sub(w).sub(half).add(z.mul(r).sub(x2.mul(tail)))
  );
}
function trigOf(kind, { quadrant, high: high2, low }) {
  const s = sinKernel(high2, low);
  const c = cosKernel(high2, low);
  const odd = quadrant.and(i642(1n)).ne(i642(0n));
  if (kind === "tan") return odd.select(c.neg(), s).div(odd.select(s, c));
  const q = kind === "cos" ? quadrant.add(i642(1n)) : quadrant;
  const value = q.and(i642(1n)).ne(i642(0n)).select(c, s);
  return value.bitcast("i64").xor(q.and(i642(2n)).shl(i642(62n))).bitcast("f64");
}
function trig(kind, x2) {
  const quick = trigOf(kind, reduceMediumF64(x2));
  const huge = (v) => v.abs().lt(524288).not();
  const lane = (i) => huge(x2.extract(i)).guard(trigOf(kind, reduceHugeF64(x2.extract(i))), quick.extract(i));
  if (x2.width === 1) return lane(0);
  const lanes = Array.from({ length: x2.width }, (_, i) => i);
  const any = lanes.map((i) => huge(x2).extract(i)).reduce((a, b) => a.or(b));
  return any.guard(pack(lanes.map(lane)), quick);
}
var ASIN_TOP = [
  3479331075960212e-20,
  7915349942898145e-19,
  -0.04005553450067941,
  0.20121253213486293,
  -0.3255658186224009,
  0.16666666666666666
];
var ASIN_BOTTOM = [0.07703815055590194, -0.6882839716054533, 2.0209457602335057, -2.403394911734414, 1];
var PIO2_HIGH = 1.5707963267948966;
var PIO2_LOW = 6123233995736766e-32;
var asinRatio = (z) => z.mul(polynomial(z, ASIN_TOP)).div(polynomial(z, ASIN_BOTTOM));
function asin(x2) {
  const a = x2.abs();
  const big = a.gt(0.5);
  const half = like(1, x2).sub(a).mul(0.5);
  const z = big.select(half, a.mul(a));
  const ratio = asinRatio(z);
  const s = half.sqrt();
  const far = like(PIO2_HIGH, x2).sub(s.add(s.mul(ratio)).mul(2).sub(PIO2_LOW));
  return withSign(big.select(far, a.add(a.mul(ratio))), x2);
}
function acos(x2) {
  const a = x2.abs();
  const big = a.gt(0.5);
  const half = like(1, x2).sub(a).mul(0.5);
  const ratio = asinRatio(big.select(half, x2.mul(x2)));
  const s = half.sqrt();
  const d = upperHalf2(s);
  const c = s.eq(0).select(s, half.sub(d.mul(d)).div(s.add(d)));
  const right = d.add(ratio.mul(s).add(c)).mul(2);
  const left = like(PIO2_HIGH, x2).sub(s.add(ratio.mul(s).sub(PIO2_LOW))).mul(2);
  const middle = like(PIO2_HIGH, x2).sub(x2.sub(like(PIO2_LOW, x2).sub(x2.mul(ratio))));
  return big.select(x2.lt(0).select(left, right), middle);
}
var ATAN = [
  0.016285820115365782,
  -0.036531572744216916,
  0.049768779946159324,
  -0.058335701337905735,
  0.06661073137387531,
  -0.0769187620504483,
  0.09090887133436507,
  -0.11111110405462356,
  0.14285714272503466,
  -0.19999999999876483,
  0.3333333333333293
];
var ATAN_STEPS = [
  { from: 7 / 16, at: 0.5, high: 0.4636476090008061, low: 22698777452961687e-33 },
  { from: 11 / 16, at: 1, high: 0.7853981633974483, low: 3061616997868383e-32 },
  { from: 19 / 16, at: 1.5, high: 0.982793723247329, low: 13903311031230998e-33 },
  { from: 39 / 16, at: Number.POSITIVE_INFINITY, high: 1.5707963267948966, low: 6123233995736766e-32 }
];
function atan(x2) {
  const a = x2.abs();
  let top = a;
  let bottom = like(1, x2);
  let high2 = like(0, x2);
  let low = like(0, x2);
  for (const s of ATAN_STEPS) {
    const here = a.ge(s.from);
    top = here.select(Number.isFinite(s.at) ? a.sub(s.at) : like(-1, x2), top);
    bottom = here.select(Number.isFinite(s.at) ? a.mul(s.at).add(1) : a, bottom);
    high2 = here.select(like(s.high, x2), high2);
    low = here.select(like(s.low, x2), low);
  }
  const t = top.div(bottom);
  const z = t.mul(t);
  const p = t.mul(z.mul(polynomial(z, ATAN)));
  return withSign(high2.sub(p.sub(low).sub(t)), x2);
}
function atan2(y, x2) {
  const ax = x2.abs();
  const ay = y.abs();
  const inf = Number.POSITIVE_INFINITY;
  const both2 = ax.eq(inf).and(ay.eq(inf));
  const swap = ay.gt(ax);
  const low = both2.select(like(1, x2), swap.select(ax, ay));
  const high2 = both2.select(like(1, x2), swap.select(ay, ax));
  const first = atan(high2.eq(0).select(high2, low.div(high2)).abs());
  const octant = swap.select(like(PIO2_HIGH, x2).sub(first.sub(PIO2_LOW)), first);
  const left = x2.bitcast("i64").lt(i642(0n));
  const angle = left.select(like(Math.PI, x2).sub(octant.sub(2 * PIO2_LOW)), octant);
  return x2.isNan().or(y.isNan()).select(x2.add(y), withSign(angle, y));
}
var SINH = [23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3].map((n) => {
  let f = 1;
  for (let i = 2; i <= n; i++) f *= i;
  return 1 / f;
});
var sinhNear = (x2) => {
  const z = x2.mul(x2);
  return polynomial(z, SINH).mul(z).mul(x2).add(x2);
};
function sinh(x2) {
  const a = x2.abs();
  const e = expShifted(a, -1n);
  return a.gt(1).select(withSign(e.sub(like(0.25, x2).div(e)), x2), sinhNear(x2));
}
function cosh(x2) {
  const e = expShifted(x2.abs(), -1n);
  return e.add(like(0.25, x2).div(e));
}
function tanh(x2) {
  const a = x2.abs();
  const far = like(1, x2).sub(like(2, x2).div(exp(a.add(a)).add(1)));
  return a.gt(0.5).select(withSign(far, x2), sinhNear(x2).div(cosh(x2)));
}
function asinh(x2) {
  const a = x2.abs();
  const big = a.gt(1e20);
  const near = big.select(like(1, x2), a);
  const s = near.mul(near);
  return withSign(big.select(log(a).add(Math.LN2), log1p(near.add(s.div(s.add(1).sqrt().add(1))))), x2);
}
function acosh(x2) {
  const t = x2.sub(1);
  const far = x2.gt(1e20).select(log(x2).add(Math.LN2), log1p(t.add(t.mul(t).add(t.add(t)).sqrt())));
  return x2.ge(1).select(far, Number.NaN);
}
function atanh(x2) {
  const a = x2.abs();
  return withSign(log1p(a.add(a).div(like(1, x2).sub(a))).mul(0.5), x2);
}
var ERF_NEAR_TOP = [
  -23763016656650163e-21,
  -0.005770270296489442,
  -0.02848174957559851,
  -0.3250421072470015,
  0.12837916709551256
];
var ERF_NEAR_BOTTOM = [
  -3960228278775368e-21,
  13249473800432164e-20,
  0.005081306281875766,
  0.0650222499887673,
  0.39791722395915535,
  1
];
var ERF_ONE_TOP = [
  -0.002166375594868791,
  0.035478304325618236,
  -0.11089469428239668,
  0.31834661990116175,
  -0.3722078760357013,
  0.41485611868374833,
  -0.0023621185607526594
];
var ERF_ONE_BOTTOM = [
  0.011984499846799107,
  0.01363708391202905,
  0.12617121980876164,
  0.07182865441419627,
  0.540397917702171,
  0.10642088040084423,
  1
];
var ERF_MID_TOP = [
  -9.814329344169145,
  -81.2874355063066,
  -184.60509290671104,
  -162.39666946257347,
  -62.375332450326006,
  -10.558626225323291,
  -0.6938585727071818,
  -0.009864944034847148
];
var ERF_MID_BOTTOM = [
  -0.0604244152148581,
  6.570249770319282,
  108.63500554177944,
  429.00814002756783,
  645.3872717332679,
  434.56587747522923,
  137.65775414351904,
  19.651271667439257,
  1
];
var ERF_FAR_TOP = [
  -483.5191916086514,
  -1025.0951316110772,
  -637.5664433683896,
  -160.63638485582192,
  -17.757954917754752,
  -0.799283237680523,
  -0.0098649429247001
];
var ERF_FAR_BOTTOM = [
  -22.44095244658582,
  474.52854120695537,
  2553.0504064331644,
  3199.8582195085955,
  1536.729586084437,
  325.7925129965739,
  30.33806074348246,
  1
];
function erf2(x2) {
  const a = x2.abs();
  const z = x2.mul(x2);
  const near = x2.add(x2.mul(polynomial(z, ERF_NEAR_TOP).div(polynomial(z, ERF_NEAR_BOTTOM))));
  const s = a.sub(1);
  const one2 = polynomial(s, ERF_ONE_TOP).div(polynomial(s, ERF_ONE_BOTTOM)).add(0.8450629115104675);
  const t = a.min(6);
  const w = like(1, x2).div(t.mul(t));
  const mid = t.lt(1 / 0.35);
  const ratio = mid.select(
    polynomial(w, ERF_MID_TOP).div(polynomial(w, ERF_MID_BOTTOM)),
    polynomial(w, ERF_FAR_TOP).div(polynomial(w, ERF_FAR_BOTTOM))
  );
  const h = upperHalf2(t);
  const e = exp(h.mul(h).neg().sub(0.5625)).mul(exp(h.sub(t).mul(h.add(t)).add(ratio)));
  const far = like(1, x2).sub(e.div(t));
  const value = a.lt(1.25).select(one2, far);
  return x2.isNan().select(x2, a.lt(0.84375).select(near, withSign(value, x2)));
}
function rem(x2, y) {
  const r = x2.sub(x2.div(y).trunc().mul(y));
  const exact = x2.abs().lt(y.abs()).select(x2, r);
  return withSign(exact.abs(), x2);
}

// compiler/lower/math-f32.ts
var i322 = (v) => constant("i32", v);
var f32 = (v) => constant("f32", v);
var power22 = (k) => k.add(i322(127)).shl(i322(23)).bitcast("f32");
function roundMagic2(x2) {
  const magic = 12582912;
  const t = x2.add(magic);
  return { float: t.sub(magic), int: t.bitcast("i32").sub(i322(1262485504)) };
}
function scale2(p, n) {
  const half = n.shr(i322(1));
  return p.mul(power22(half)).mul(power22(n.sub(half)));
}
var EXP2 = [198756915e-12, 0.0013981999507, 0.0083334519073, 0.041665795894, 0.16666665459, 0.50000001201];
var LN2_HIGH2 = 0.693359375;
var LN2_LOW2 = -21219444e-11;
var expPolynomial = (r) => polynomial(r, EXP2).mul(r.mul(r)).add(r).add(1);
function expShifted2(x2, shift2) {
  const z = x2.max(-105).min(90);
  const n = roundMagic2(z.mul(Math.LOG2E));
  const r = z.sub(n.float.mul(LN2_HIGH2)).sub(n.float.mul(LN2_LOW2));
  return scale2(expPolynomial(r), shift2 === 0 ? n.int : n.int.add(i322(shift2)));
}
var exp3 = (x2) => expShifted2(x2, 0);
function exp22(x2) {
  const z = x2.max(-151).min(129);
  const n = roundMagic2(z);
  return scale2(expPolynomial(z.sub(n.float).mul(Math.LN2)), n.int);
}
var LOG = [
  0.070376836292,
  -0.1151461031,
  0.1167699874,
  -0.12420140846,
  0.14249322787,
  -0.16668057665,
  0.20000714765,
  -0.24999993993,
  0.33333331174
];
function logParts2(x2) {
  const tiny = x2.lt(11754943508222875e-54);
  const bits = tiny.select(x2.mul(33554432), x2).bitcast("i32");
  const k = bits.sub(i322(1060439283)).shr(i322(23));
  const f = bits.sub(k.shl(i322(23))).bitcast("f32").sub(1);
  const e = tiny.select(k.sub(i322(25)), k).cast("f32");
  const z = f.mul(f);
  const y = polynomial(f, LOG).mul(f).mul(z).sub(z.mul(0.5));
  return { e, f, y };
}
function logEdges2(x2, value) {
  const positive2 = x2.eq(Number.POSITIVE_INFINITY).select(x2, value);
  const nonNegative = x2.eq(0).select(f32(Number.NEGATIVE_INFINITY).splat(x2.width), positive2);
  return x2.ge(0).select(nonNegative, Number.NaN);
}
function log3(x2) {
  const { e, f, y } = logParts2(x2);
  return logEdges2(x2, y.add(e.mul(LN2_LOW2)).add(f).add(e.mul(LN2_HIGH2)));
}
function log22(x2) {
  const { e, f, y } = logParts2(x2);
  const rest = 0.4426950408889634;
  return logEdges2(x2, y.mul(rest).add(f.mul(rest)).add(y).add(f).add(e));
}
function log1p2(u) {
  const w = u.add(1);
  const small = w.eq(1);
  const big = w.gt(1e10);
  const corrected = log3(w).mul(u.div(small.or(big).select(f32(1).splat(u.width), w.sub(1))));
  return small.select(u, big.select(log3(w), corrected));
}
var signOf = (x2) => x2.bitcast("i32").and(i322(-2147483648));
var withSign2 = (magnitude, x2) => magnitude.bitcast("i32").or(signOf(x2)).bitcast("f32");
var SIN2 = [-19515295891e-14, 0.0083321608736, -0.16666654611];
var COS2 = [2443315711809948e-20, -0.001388731625493765, 0.04166664568298827];
var sinPolynomial = (r) => polynomial(r.mul(r), SIN2).mul(r.mul(r)).mul(r).add(r);
function cosPolynomial(r) {
  const z = r.mul(r);
  return polynomial(z, COS2).mul(z).mul(z).sub(z.mul(0.5)).add(1);
}
function reduceMedium(x2) {
  const d = x2.cast("f64");
  const n = d.mul(0.6366197723675814).round();
  const r = d.sub(n.mul(1.5707963109016418)).sub(n.mul(15893254773528196e-24));
  return { quadrant: n.cast("i32"), r: r.cast("f32") };
}
function trigOf2(kind, quadrant, r) {
  const s = sinPolynomial(r);
  const c = cosPolynomial(r);
  const odd = quadrant.and(i322(1)).ne(i322(0));
  if (kind === "tan") {
    const num = odd.select(c.neg(), s);
    return num.div(odd.select(s, c));
  }
  const q = kind === "cos" ? quadrant.add(i322(1)) : quadrant;
  const value = q.and(i322(1)).ne(i322(0)).select(c, s);
  return value.bitcast("i32").xor(q.and(i322(2)).shl(i322(30))).bitcast("f32");
}
function trig2(kind, x2) {
  const medium = reduceMedium(x2);
  const quick = trigOf2(kind, medium.quadrant, medium.r);
  const huge = (v) => v.bitcast("i32").and(i322(2147483647)).gt(i322(1300234240));
  const lane = (i) => {
    const v = x2.extract(i);
    const far = reduceHuge(v);
    return huge(v).guard(trigOf2(kind, far.quadrant, far.r), quick.extract(i));
  };
  if (x2.width === 1) return lane(0);
  const lanes = Array.from({ length: x2.width }, (_, i) => i);
  const any = lanes.map((i) => huge(x2).extract(i)).reduce((a, b) => a.or(b));
  return any.guard(pack(lanes.map(lane)), quick);
}
var ASIN = [0.042163199048, 0.024181311049, 0.045470025998, 0.074953002686, 0.16666752422];
var asinPolynomial = (s, z) => polynomial(z, ASIN).mul(z).mul(s).add(s);
function asin2(x2) {
  const a = x2.abs();
  const big = a.gt(0.5);
  const half = f32(1).splat(x2.width).sub(a).mul(0.5);
  const z = big.select(half, a.mul(a));
  const s = big.select(half.sqrt(), a);
  const p = asinPolynomial(s, z);
  const value = big.select(
    f32(Math.PI / 2).splat(x2.width).sub(p.add(p)),
    p
  );
  return withSign2(value, x2);
}
function acos2(x2) {
  const a = x2.abs();
  const big = a.gt(0.5);
  const half = f32(1).splat(x2.width).sub(a).mul(0.5);
  const z = big.select(half, x2.mul(x2));
  const p = asinPolynomial(big.select(half.sqrt(), x2), z);
  const twice = p.add(p);
  const outer = x2.lt(0).select(f32(Math.PI).splat(x2.width).sub(twice), twice);
  return big.select(
    outer,
    f32(Math.PI / 2).splat(x2.width).sub(p)
  );
}
var ATAN2 = [0.0805374449538, -0.138776856032, 0.199777106478, -0.333329491539];
function atan3(x2) {
  const a = x2.abs();
  const far = a.gt(2.414213562373095);
  const mid = a.gt(0.414213562373095);
  const one2 = f32(1).splat(x2.width);
  const top = far.select(one2.neg(), mid.select(a.sub(1), a));
  const bottom = far.select(a, mid.select(a.add(1), one2));
  const t = top.div(bottom);
  const z = t.mul(t);
  const base = far.select(f32(Math.PI / 2).splat(x2.width), mid.select(f32(Math.PI / 4).splat(x2.width), 0));
  return withSign2(base.add(polynomial(z, ATAN2).mul(z).mul(t).add(t)), x2);
}
function atan22(y, x2) {
  const ax = x2.abs();
  const ay = y.abs();
  const inf = Number.POSITIVE_INFINITY;
  const bothInfinite = ax.eq(inf).and(ay.eq(inf));
  const swap = ay.gt(ax);
  const low = bothInfinite.select(f32(1).splat(x2.width), swap.select(ax, ay));
  const high2 = bothInfinite.select(f32(1).splat(x2.width), swap.select(ay, ax));
  const ratio = high2.eq(0).select(high2, low.div(high2));
  const first = atan3(ratio.abs());
  const octant = swap.select(
    f32(Math.PI / 2).splat(x2.width).sub(first),
    first
  );
  const left = signOf(x2).ne(i322(0));
  const angle = left.select(f32(Math.PI).splat(x2.width).sub(octant), octant);
  return x2.isNan().or(y.isNan()).select(x2.add(y), withSign2(angle, y));
}
var SINH2 = [203721912945e-15, 0.00833028376239, 0.166667160211];
function sinh2(x2) {
  const a = x2.abs();
  const z = x2.mul(x2);
  const small = polynomial(z, SINH2).mul(z).mul(x2).add(x2);
  const e = expShifted2(a, -1);
  const big = e.sub(f32(0.25).splat(x2.width).div(e));
  return a.gt(1).select(withSign2(big, x2), small);
}
function cosh2(x2) {
  const e = expShifted2(x2.abs(), -1);
  return e.add(f32(0.25).splat(x2.width).div(e));
}
var TANH_TOP = [
  -276076847742355e-30,
  200018790482477e-27,
  -860467152213735e-25,
  512229709037114e-22,
  148572235717979e-19,
  637261928875436e-18,
  0.00489352455891786
];
var TANH_BOTTOM = [119825839466702e-20, 118534705686654e-18, 0.002268434632439, 0.00489352518554385];
function tanh2(x2) {
  const z = x2.max(-7.905311107635498).min(7.905311107635498);
  const s = z.mul(z);
  const value = polynomial(s, TANH_TOP).mul(z).div(polynomial(s, TANH_BOTTOM));
  return x2.abs().lt(4e-4).select(x2, value);
}
function asinh2(x2) {
  const a = x2.abs();
  const big = a.gt(1e10);
  const near = big.select(f32(1).splat(x2.width), a);
  const s = near.mul(near);
  const value = log1p2(near.add(s.div(s.add(1).sqrt().add(1))));
  return withSign2(big.select(log3(a).add(Math.LN2), value), x2);
}
function acosh2(x2) {
  const t = x2.sub(1);
  const value = log1p2(t.add(t.mul(t).add(t.add(t)).sqrt()));
  const far = x2.gt(1e10).select(log3(x2).add(Math.LN2), value);
  return x2.ge(1).select(far, Number.NaN);
}
function atanh2(x2) {
  const a = x2.abs();
  return withSign2(log1p2(a.add(a).div(f32(1).splat(x2.width).sub(a))).mul(0.5), x2);
}
var ERF_NEAR = [-596761703e-12, 0.00499119423, -0.0267681349, 0.112819925, -0.376125336, 0.128379166];
function erf3(x2) {
  const t = x2.abs().min(4);
  const s = t.mul(t);
  const near = polynomial(s, ERF_NEAR).mul(x2).add(x2);
  const high2 = polynomial(t, [-17285347e-12, 383197126e-12]);
  const low = polynomial(t, [-0.00388396438, 0.0242546219]);
  const p = high2.mul(s).add(low).mul(t).add(-0.106777877).mul(t).add(-0.634846687).mul(t).add(-0.128717512);
  const far = f32(1).splat(x2.width).sub(exp3(p.mul(t).sub(t)));
  return t.gt(0.921875).select(withSign2(far, x2), near);
}
function pow2(x2, y) {
  const c = constantOf3(y);
  if (c === 2) return x2.mul(x2);
  if (c === 1) return x2;
  if (c === 3) return x2.mul(x2).mul(x2);
  if (c === -1) return f32(1).splat(x2.width).div(x2);
  return powF64(x2.cast("f64"), y.cast("f64")).cast("f32");
}
function constantOf3(e) {
  const n = e.node;
  if (n.kind === "splat") return constantOf3(n.a);
  return n.kind === "const" && typeof n.value === "number" ? n.value : void 0;
}
function rem2(x2, y) {
  const one2 = (a, b) => {
    const divisor = b.cast("f64").abs();
    let r = a.cast("f64").abs();
    for (let s = 252; s >= 0; s -= 28) {
      const d = divisor.mul(2 ** s);
      const next = r.sub(r.div(d).trunc().mul(d));
      const fixed = next.lt(0).select(next.add(d), next);
      r = s === 0 ? fixed : r.ge(d).guard(fixed, r);
    }
    const value = withSign2(r.cast("f32"), a);
    const wild = a.abs().eq(Number.POSITIVE_INFINITY).or(b.eq(0)).or(a.isNan()).or(b.isNan());
    const plain = b.abs().eq(Number.POSITIVE_INFINITY).select(a, value);
    return wild.select(f32(Number.NaN), plain);
  };
  if (x2.width === 1) return one2(x2, y);
  return pack(Array.from({ length: x2.width }, (_, i) => one2(x2.extract(i), y.extract(i))));
}

// compiler/lower/math.ts
function expandMath(e) {
  const n = e.node;
  if (n.kind === "unary") {
    const x2 = n.a;
    if (x2.type !== "f32" && x2.type !== "f64") return void 0;
    const m = x2.type === "f32" ? math_f32_exports : math_f64_exports;
    switch (n.op) {
      case "sin":
      case "cos":
      case "tan":
        return m.trig(n.op, x2);
      case "exp":
      case "exp2":
      case "log":
      case "log2":
      case "asin":
      case "acos":
      case "atan":
      case "sinh":
      case "cosh":
      case "tanh":
      case "asinh":
      case "acosh":
      case "atanh":
      case "erf":
        return m[n.op](x2);
    }
    return void 0;
  }
  if (n.kind !== "binary") return void 0;
  if (n.a.type === "f32" || n.a.type === "f64") {
    const m = n.a.type === "f32" ? math_f32_exports : math_f64_exports;
    if (n.op === "pow" || n.op === "atan2" || n.op === "rem") return m[n.op](n.a, n.b);
    return void 0;
  }
  return n.op === "pow" ? integerPower(n.a, n.b) : void 0;
}
function integerPower(a, b) {
  const c = (v) => constant(a.type, v);
  const unsigned = a.type === "u32" || a.type === "u64";
  const bits = (a.type === "i64" || a.type === "u64" ? 64 : 32) - (unsigned ? 0 : 1);
  let result = c(1).splat(a.width);
  let base = a;
  for (let i = 0; i < bits; i++) {
    result = b.shr(c(i)).and(c(1)).ne(c(0)).select(result.mul(base), result);
    base = base.mul(base);
  }
  if (unsigned) return result;
  const odd = b.and(c(1)).ne(c(0));
  const minusOne = a.eq(c(-1));
  const negative = a.eq(c(1)).select(c(1).splat(a.width), minusOne.select(odd.select(c(-1).splat(a.width), c(1)), c(0)));
  return b.lt(c(0)).select(negative, result);
}

// compiler/lower/minifloat.ts
var layout = (exponent, mantissa, bias, largest, overflow, nan, more = {}) => ({ exponent, mantissa, bias, largest, overflow, nan, hasInfinity: false, unsignedZero: false, ...more });
var LAYOUTS2 = {
  f16: layout(5, 10, 15, 31743, 31744, 32256, { hasInfinity: true }),
  f8e4m3fn: layout(4, 3, 7, 126, 127, 127),
  f8e4m3fnuz: layout(4, 3, 8, 127, 128, 128, { unsignedZero: true }),
  f8e5m2: layout(5, 2, 15, 123, 124, 127, { hasInfinity: true }),
  f8e5m2fnuz: layout(5, 2, 16, 127, 128, 128, { unsignedZero: true }),
  f4e2m1: layout(2, 1, 1, 7, 7, 7)
};
var isMinifloat = (dtype) => dtype === "bf16" || dtype === "f8e8m0" || LAYOUTS2[dtype] !== void 0;
function decodeMinifloat(dtype, bits) {
  const u = (v) => constant("u32", v);
  if (dtype === "bf16") return bits.shl(u(16)).bitcast("f32");
  if (dtype === "f8e8m0") {
    const value = bits.eq(u(0)).select(u(4194304).splat(bits.width), bits.shl(u(23)));
    return bits.eq(u(255)).select(u(2143289344).splat(bits.width), value).bitcast("f32");
  }
  const t = layoutOf(dtype);
  const size = t.exponent + t.mantissa;
  const magnitude = bits.and(u((1 << size) - 1));
  const scaled3 = magnitude.shl(u(23 - t.mantissa)).bitcast("f32").mul(2 ** (127 - t.bias)).bitcast("u32");
  const special = t.hasInfinity ? magnitude.gt(u(t.largest)).select(scaled3.or(u(2139095040)), scaled3) : t.nan === (1 << size) - 1 && t.largest < t.nan ? magnitude.eq(u(t.nan)).select(u(2143289344).splat(bits.width), scaled3) : scaled3;
  const sign2 = bits.shr(u(size)).shl(u(31));
  const signed = special.or(sign2);
  return (t.unsignedZero ? bits.eq(u(t.nan)).select(u(2143289344).splat(bits.width), signed) : signed).bitcast("f32");
}
function layoutOf(dtype) {
  const t = LAYOUTS2[dtype];
  if (!t) throw new TypeError(`${dtype} is not a narrow float`);
  return t;
}
var float = new Float32Array(1);
var word = new Uint32Array(float.buffer);
var bitsOfFloat = (v) => {
  float[0] = v;
  return word[0] ?? 0;
};
function encodeMinifloat(dtype, value) {
  const u = (v) => constant("u32", v);
  const all = value.bitcast("u32");
  const magnitude = all.and(u(2147483647));
  const isNan = magnitude.gt(u(2139095040));
  if (dtype === "bf16") {
    const even2 = all.shr(u(16)).and(u(1));
    const rounded2 = all.add(u(32767)).add(even2).shr(u(16));
    return isNan.select(u(32704).splat(value.width), rounded2);
  }
  if (dtype === "f8e8m0") {
    const up2 = magnitude.add(u(8388607)).shr(u(23)).min(u(254));
    const tiny = magnitude.le(u(4194304)).select(u(0).splat(value.width), up2);
    return isNan.select(u(255).splat(value.width), tiny);
  }
  const t = layoutOf(dtype);
  const shift2 = 23 - t.mantissa;
  const even = magnitude.shr(u(shift2)).and(u(1));
  const normal = magnitude.add(u((1 << shift2 - 1) - 1)).add(even).shr(u(shift2)).sub(u(127 - t.bias << t.mantissa));
  const magic = 2 ** (1 - t.bias - t.mantissa + 23);
  const subnormal = magnitude.bitcast("f32").add(magic).bitcast("u32").sub(u(bitsOfFloat(magic)));
  const smallest = bitsOfFloat(2 ** (1 - t.bias));
  const code = magnitude.lt(u(smallest)).select(subnormal, normal);
  const fits = code.gt(u(t.largest)).select(u(t.overflow).splat(value.width), code);
  const size = t.exponent + t.mantissa;
  const sign2 = all.shr(u(31)).shl(u(size));
  if (t.unsignedZero) {
    const signed = code.eq(u(0)).select(code, fits.or(sign2));
    return isNan.or(code.gt(u(t.largest))).select(u(t.nan).splat(value.width), signed);
  }
  return isNan.select(u(t.nan).splat(value.width), fits.or(sign2));
}

// backends/wasm/expr.ts
init_errors();

// backends/wasm/lanes.ts
var laneBits = (type, width) => type === "f64" || type === "i64" || type === "u64" || type === "bool" && width === 2 ? 64 : 32;
var partCount = (type, width) => width === 1 ? 1 : Math.max(1, width * laneBits(type, width) / 128);
var scalarType = (type) => type === "f32" || type === "f64" ? type : type === "i64" || type === "u64" ? "i64" : "i32";
var vectorShape = (type, width) => type === "f32" ? "f32x4" : type === "f64" ? "f64x2" : laneBits(type, width) === 64 ? "i64x2" : "i32x4";
var isUnsigned2 = (type) => type === "u32" || type === "u64" || type === "bool";
var isFloat3 = (type) => type === "f32" || type === "f64";
var FLOAT_UNARY2 = {
  neg: "neg",
  abs: "abs",
  floor: "floor",
  ceil: "ceil",
  trunc: "trunc",
  round: "nearest",
  sqrt: "sqrt"
};
function scalarUnary(m, op, type, a) {
  const t = scalarType(type);
  if (isFloat3(type)) {
    if (op === "isnan") return m.op(`${t}.ne`, [a, a]);
    const name2 = FLOAT_UNARY2[op];
    return name2 ? m.op(`${t}.${name2}`, [a]) : void 0;
  }
  const zero2 = t === "i64" ? m.constant("i64", 0n) : m.i32(0);
  switch (op) {
    case "not":
      if (type === "bool") return m.op("i32.eqz", [a]);
      return m.op(`${t}.xor`, [a, t === "i64" ? m.constant("i64", -1n) : m.i32(-1)]);
    case "neg":
      return m.op(`${t}.sub`, [zero2, a]);
    case "abs":
      if (isUnsigned2(type)) return a;
      return m.op("select", [m.op(`${t}.sub`, [zero2, a]), a, m.op(`${t}.lt_s`, [a, zero2])]);
    case "floor":
    case "ceil":
    case "trunc":
    case "round":
      return a;
    case "isnan":
      return m.i32(0);
    case "popcount":
      return m.op(`${t}.popcnt`, [a]);
    case "clz":
      return m.op(`${t}.clz`, [a]);
  }
  return void 0;
}
function vectorUnary(m, op, type, width, a) {
  const shape = vectorShape(type, width);
  if (isFloat3(type)) {
    if (op === "isnan") return m.op(`${shape}.ne`, [a, a]);
    const name2 = FLOAT_UNARY2[op];
    return name2 ? m.op(`${shape}.${name2}`, [a]) : void 0;
  }
  switch (op) {
    case "not":
      return m.op("v128.not", [a]);
    case "neg":
      return m.op(`${shape}.neg`, [a]);
    case "abs":
      return isUnsigned2(type) ? a : m.op(`${shape}.abs`, [a]);
    case "floor":
    case "ceil":
    case "trunc":
    case "round":
      return a;
    case "isnan":
      return m.constant("v128", new Uint8Array(16));
  }
  return void 0;
}
var ARITHMETIC = { add: "add", sub: "sub", mul: "mul" };
var BITS = { and: "and", or: "or", xor: "xor" };
var COMPARE3 = { lt: "lt", le: "le", gt: "gt", ge: "ge", eq: "eq", ne: "ne" };
function scalarBinary(m, op, type, a, b) {
  const t = scalarType(type);
  const sign2 = isUnsigned2(type) ? "_u" : "_s";
  const compare2 = COMPARE3[op];
  if (compare2) {
    const signed = isFloat3(type) || op === "eq" || op === "ne" ? "" : sign2;
    return m.op(`${t}.${compare2}${signed}`, [a, b]);
  }
  if (isFloat3(type)) {
    if (op === "div" || op === "min" || op === "max" || ARITHMETIC[op]) return m.op(`${t}.${op}`, [a, b]);
    return void 0;
  }
  if (type === "bool") {
    if (op === "max" || op === "add") return m.op("i32.or", [a, b]);
    if (op === "min" || op === "mul") return m.op("i32.and", [a, b]);
  }
  const plain = ARITHMETIC[op] ?? BITS[op];
  if (plain) return m.op(`${t}.${plain}`, [a, b]);
  switch (op) {
    case "min":
      return m.op("select", [a, b, m.op(`${t}.lt${sign2}`, [a, b])]);
    case "max":
      return m.op("select", [a, b, m.op(`${t}.gt${sign2}`, [a, b])]);
    case "shl":
      return m.op(`${t}.shl`, [a, b]);
    case "shr":
      return m.op(`${t}.shr${sign2}`, [a, b]);
    case "div":
    case "rem":
      return integerDivision(m, op, t, sign2, a, b);
  }
  return void 0;
}
function integerDivision(m, op, t, sign2, a, b) {
  const number = (v) => t === "i64" ? m.constant("i64", BigInt(v)) : m.i32(v);
  const known = b.op === "i32.const" || b.op === "i64.const" ? Number(b.imm) : void 0;
  if (known !== void 0 && known !== 0 && known !== -1) return m.op(`${t}.${op}${sign2}`, [a, b]);
  const zero2 = number(0);
  const isZero = m.op(`${t}.eqz`, [b]);
  const minusOne = sign2 === "_s" ? m.op(`${t}.eq`, [b, number(-1)]) : m.i32(0);
  const unsafe = m.op("i32.or", [isZero, minusOne]);
  const q = m.op(`${t}.${op}${sign2}`, [a, m.op("select", [number(1), b, unsafe])]);
  if (op === "rem") return m.op("select", [zero2, q, isZero]);
  const negated = m.op("select", [m.op(`${t}.sub`, [zero2, a]), q, minusOne]);
  return m.op("select", [zero2, negated, isZero]);
}
var VECTOR_SIGN = 0x8000000000000000n;
function vectorBinary(m, op, type, width, a, b) {
  const shape = vectorShape(type, width);
  if (type === "bool") return maskBinary(m, op, a, b);
  const compare2 = COMPARE3[op];
  if (isFloat3(type)) {
    if (compare2) return m.op(`${shape}.${compare2}`, [a, b]);
    if (op === "min" || op === "max") {
      if (isNumber(b, type)) return m.op(`${shape}.p${op}`, [a, b]);
      if (isNumber(a, type)) return m.op(`${shape}.p${op}`, [b, a]);
      return m.op(`${shape}.${op}`, [a, b]);
    }
    return op === "div" || ARITHMETIC[op] ? m.op(`${shape}.${op}`, [a, b]) : void 0;
  }
  if (BITS[op]) return m.op(`v128.${op}`, [a, b]);
  if (ARITHMETIC[op]) return m.op(`${shape}.${op}`, [a, b]);
  const sign2 = isUnsigned2(type) ? "_u" : "_s";
  if (op === "shl" || op === "shr") {
    const by = splatOf(b);
    if (!by) return void 0;
    const amount = by.type === "i64" ? m.op("i32.wrap_i64", [by]) : by;
    return m.op(op === "shl" ? `${shape}.shl` : `${shape}.shr${sign2}`, [a, amount]);
  }
  if (shape === "i32x4") {
    if (op === "min" || op === "max") return m.op(`i32x4.${op}${sign2}`, [a, b]);
    if (compare2) return m.op(`i32x4.${compare2}${op === "eq" || op === "ne" ? "" : sign2}`, [a, b]);
    return void 0;
  }
  if (op === "min" || op === "max") {
    const less = vectorBinary(m, "lt", type, width, a, b);
    return less && m.op("v128.bitselect", op === "min" ? [a, b, less] : [b, a, less]);
  }
  if (!compare2) return void 0;
  if (op === "eq" || op === "ne") return m.op(`i64x2.${compare2}`, [a, b]);
  if (sign2 === "_s") return m.op(`i64x2.${compare2}_s`, [a, b]);
  const flip = m.op("i64x2.splat", [m.constant("i64", VECTOR_SIGN)]);
  return m.op(`i64x2.${compare2}_s`, [m.op("v128.xor", [a, flip]), m.op("v128.xor", [b, flip])]);
}
function maskBinary(m, op, a, b) {
  const not = (v) => m.op("v128.not", [v]);
  switch (op) {
    case "and":
    case "min":
    case "mul":
      return m.op("v128.and", [a, b]);
    case "or":
    case "max":
    case "add":
      return m.op("v128.or", [a, b]);
    case "xor":
    case "ne":
      return m.op("v128.xor", [a, b]);
    case "eq":
      return not(m.op("v128.xor", [a, b]));
    case "lt":
      return m.op("v128.andnot", [b, a]);
    case "gt":
      return m.op("v128.andnot", [a, b]);
    case "le":
      return not(m.op("v128.andnot", [a, b]));
    case "ge":
      return not(m.op("v128.andnot", [b, a]));
  }
  return void 0;
}
var splatOf = (v) => v.op.endsWith(".splat") && !v.op.includes("load") ? v.args[0] : void 0;
function isNumber(v, type) {
  if (v.op !== "v128.const" || !(v.imm instanceof Uint8Array)) return false;
  const view = new DataView(v.imm.buffer, v.imm.byteOffset, 16);
  return type === "f32" ? [0, 4, 8, 12].every((at) => !Number.isNaN(view.getFloat32(at, true))) : [0, 8].every((at) => !Number.isNaN(view.getFloat64(at, true)));
}
function splat(m, shape, scalar4) {
  const bytes2 = new Uint8Array(16);
  const view = new DataView(bytes2.buffer);
  const value = scalar4.imm;
  if (scalar4.op === "f32.const") for (let i = 0; i < 16; i += 4) view.setFloat32(i, Number(value), true);
  else if (scalar4.op === "f64.const") for (let i = 0; i < 16; i += 8) view.setFloat64(i, Number(value), true);
  else if (scalar4.op === "i32.const" && shape === "i32x4")
    for (let i = 0; i < 16; i += 4) view.setInt32(i, Number(value), true);
  else return m.splatLoad(scalar4, shape) ?? m.op(`${shape}.splat`, [scalar4]);
  return m.constant("v128", bytes2);
}
function extractLane(m, type, width, parts, lane) {
  const shape = vectorShape(type, width);
  const per = 128 / laneBits(type, width);
  const part4 = parts[Math.floor(lane / per)];
  if (!part4) throw new RangeError(`lane ${lane} of ${type} x ${width}`);
  const v = m.op(`${shape}.extract_lane`, [part4], lane % per);
  if (type !== "bool") return v;
  return m.op("i32.and", [shape === "i64x2" ? m.op("i32.wrap_i64", [v]) : v, m.i32(1)]);
}
function packLanes(m, type, width, lanes) {
  const shape = vectorShape(type, width);
  const per = 128 / laneBits(type, width);
  const lift2 = (v) => {
    if (type !== "bool") return v;
    const mask = m.op("i32.sub", [m.i32(0), v]);
    return shape === "i64x2" ? m.op("i64.extend_i32_s", [mask]) : mask;
  };
  const parts = [];
  for (let at = 0; at < lanes.length; at += per) {
    let part4;
    lanes.slice(at, at + per).forEach((v, i) => {
      part4 = part4 && i > 0 ? lanes[at] === v ? part4 : m.op(`${shape}.replace_lane`, [part4, lift2(v)], i) : splat(m, shape, lift2(v));
    });
    if (part4) parts.push(part4);
  }
  return parts;
}

// backends/wasm/convert.ts
var isFloat4 = (t) => t === "f32" || t === "f64";
var suffix2 = (t) => t === "u32" || t === "u64" || t === "bool" ? "_u" : "_s";
function castScalar2(m, from, to, a) {
  if (from === to) return a;
  const wasm = (t2) => t2 === "i64" || t2 === "u64" ? "i64" : isFloat4(t2) ? t2 : "i32";
  const f = wasm(from);
  const t = wasm(to);
  if (to === "bool") {
    if (f === "f32" || f === "f64") return m.op(`${f}.ne`, [a, m.constant(f, 0)]);
    return f === "i64" ? m.op("i64.ne", [a, m.constant("i64", 0n)]) : m.op("i32.ne", [a, m.i32(0)]);
  }
  if (f === t) return a;
  if (isFloat4(from)) {
    if (t === "f32") return m.op("f32.demote_f64", [a]);
    if (t === "f64") return m.op("f64.promote_f32", [a]);
    return m.op(`${t}.trunc_sat_${f}${suffix2(to)}`, [a]);
  }
  if (isFloat4(to)) return m.op(`${t}.convert_${f}${suffix2(from)}`, [a]);
  return t === "i64" ? m.op(`i64.extend_i32${suffix2(from)}`, [a]) : m.op("i32.wrap_i64", [a]);
}
function castVector(m, from, to, width, parts) {
  const f = laneBits(from, width);
  const t = laneBits(to, width);
  if (f === t) return castSameSize(m, from, to, f, parts);
  if (f === 32) return widen2(m, from, to, parts);
  return narrow(m, from, to, width, parts);
}
var bytesOf3 = (words) => new Uint8Array(new Uint32Array(words).buffer);
function castSameSize(m, from, to, bits, parts) {
  const each = (one2) => parts.map(one2);
  const zero2 = m.constant("v128", new Uint8Array(16));
  if (bits === 64) {
    if (to === "bool") return each((v) => m.op(`${from === "f64" ? "f64x2" : "i64x2"}.ne`, [v, zero2]));
    if (from === "bool") {
      const one2 = to === "f64" ? splat(m, "f64x2", m.constant("f64", 1)) : m.constant("v128", bytesOf3([1, 0, 1, 0]));
      return each((v) => m.op("v128.and", [v, one2]));
    }
    return isFloat4(from) || isFloat4(to) ? void 0 : [...parts];
  }
  if (to === "bool") return each((v) => m.op(`${from === "f32" ? "f32x4" : "i32x4"}.ne`, [v, zero2]));
  if (from === "bool") {
    const one2 = to === "f32" ? splat(m, "f32x4", m.constant("f32", 1)) : splat(m, "i32x4", m.i32(1));
    return each((v) => m.op("v128.and", [v, one2]));
  }
  if (from === "f32") return each((v) => m.op(`i32x4.trunc_sat_f32x4${suffix2(to)}`, [v]));
  if (to === "f32") return each((v) => m.op(`f32x4.convert_i32x4${suffix2(from)}`, [v]));
  return [...parts];
}
var high = (m, v) => m.op(
  "i8x16.shuffle",
  [v, v],
  Uint8Array.from({ length: 16 }, (_, i) => 8 + (i & 7))
);
function widen2(m, from, to, parts) {
  if (from === "f32") {
    if (to !== "f64") return void 0;
    return parts.flatMap((v) => [m.op("f64x2.promote_low_f32x4", [v]), m.op("f64x2.promote_low_f32x4", [high(m, v)])]);
  }
  const sign2 = suffix2(from);
  if (to === "f64") {
    const ints2 = from === "bool" ? parts.map((v) => m.op("v128.and", [v, splat(m, "i32x4", m.i32(1))])) : parts;
    return ints2.flatMap((v) => [
      m.op(`f64x2.convert_low_i32x4${sign2}`, [v]),
      m.op(`f64x2.convert_low_i32x4${sign2}`, [high(m, v)])
    ]);
  }
  const ints = from === "bool" ? parts.map((v) => m.op("v128.and", [v, splat(m, "i32x4", m.i32(1))])) : parts;
  return ints.flatMap((v) => [m.op(`i64x2.extend_low_i32x4${sign2}`, [v]), m.op(`i64x2.extend_high_i32x4${sign2}`, [v])]);
}
var evenWords = (m, a, b) => m.op(
  "i8x16.shuffle",
  [a, b],
  Uint8Array.from({ length: 16 }, (_, i) => (i >> 2) * 8 + (i & 3))
);
var lowHalves = (m, a, b) => m.op(
  "i8x16.shuffle",
  [a, b],
  Uint8Array.from({ length: 16 }, (_, i) => i < 8 ? i : i + 8)
);
function narrow(m, from, to, width, parts) {
  if (width < 4) return void 0;
  const pairs = [];
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const a = parts[i];
    const b = parts[i + 1];
    if (a && b) pairs.push([a, b]);
  }
  if (from === "f64") {
    if (to === "bool") return pairs.map(([a, b]) => evenWords(m, isTrue(m, a), isTrue(m, b)));
    const name2 = to === "f32" ? "f32x4.demote_f64x2_zero" : `i32x4.trunc_sat_f64x2${suffix2(to)}_zero`;
    return pairs.map(([a, b]) => lowHalves(m, m.op(name2, [a]), m.op(name2, [b])));
  }
  if (to === "bool") {
    const zero2 = m.constant("v128", new Uint8Array(16));
    return pairs.map(([a, b]) => evenWords(m, m.op("i64x2.ne", [a, zero2]), m.op("i64x2.ne", [b, zero2])));
  }
  return to === "f32" ? void 0 : pairs.map(([a, b]) => evenWords(m, a, b));
}
var isTrue = (m, v) => m.op("f64x2.ne", [v, m.constant("v128", new Uint8Array(16))]);
var widenMask = (m, parts) => parts.flatMap((v) => [m.op("i64x2.extend_low_i32x4_s", [v]), m.op("i64x2.extend_high_i32x4_s", [v])]);

// backends/wasm/expr-table.ts
var ExprTable = class {
  ids = /* @__PURE__ */ new Map();
  byKey = /* @__PURE__ */ new Map();
  objects = /* @__PURE__ */ new Map();
  lanes = /* @__PURE__ */ new Map();
  id(e) {
    const known = this.ids.get(e);
    if (known !== void 0) return known;
    const key2 = `${e.type} ${e.width} ${this.key(e.node)}`;
    let id = this.byKey.get(key2);
    if (id === void 0) this.byKey.set(key2, id = this.byKey.size);
    this.ids.set(e, id);
    return id;
  }
  object(o) {
    let id = this.objects.get(o);
    if (id === void 0) this.objects.set(o, id = this.objects.size);
    return id;
  }
  dim(d) {
    return typeof d === "number" ? String(d) : d.key;
  }
  key(n) {
    switch (n.kind) {
      case "const":
        return `const ${typeof n.value} ${Object.is(n.value, -0) ? "-0" : n.value}`;
      case "dim":
        return `dim ${this.dim(n.dim)}`;
      case "var":
        return `var ${n.name}`;
      case "load":
        return `load ${n.buffer.name} ${n.buffer.storage} ${this.dim(n.index)}`;
      case "unary":
        return `${n.op} ${this.id(n.a)}`;
      case "binary":
        return `${n.op} ${this.id(n.a)} ${this.id(n.b)}`;
      case "fma":
      case "dot4":
        return `${n.kind} ${this.id(n.a)} ${this.id(n.b)} ${this.id(n.c)}`;
      case "select":
        return `select ${this.id(n.condition)} ${this.id(n.a)} ${this.id(n.b)}`;
      case "guard":
        return `guard ${this.id(n.condition)} ${this.id(n.a)} ${this.id(n.otherwise)}`;
      case "cast":
      case "bitcast":
      case "splat":
        return `${n.kind} ${this.id(n.a)}`;
      case "narrow":
        return `narrow ${n.to} ${this.id(n.a)}`;
      case "pack":
        return `pack ${n.elements.map((x2) => this.id(x2)).join(" ")}`;
      case "extract":
        return `extract ${n.lane} ${this.id(n.a)}`;
      case "shuffle":
        return `shuffle ${n.lanes.join(" ")} ${this.id(n.a)} ${this.id(n.b)}`;
      case "subgroup":
        return `subgroup ${n.op} ${n.mask} ${this.id(n.a)}`;
      case "intrinsic":
        return `intrinsic ${n.name} ${n.args.map((x2) => this.id(x2)).join(" ")}`;
      case "foldResult":
        return `fold ${this.object(n.fold)} ${n.index}`;
    }
  }
  found = /* @__PURE__ */ new Map();
  /** Whether some subexpression satisfies a condition that stays the same for an expression throughout the kernel. */
  some(e, condition) {
    const known = this.found.get(e);
    if (known !== void 0) return known;
    let yes = condition(e);
    if (!yes)
      visitExpr(
        e,
        (x2) => yes ||= this.some(x2, condition),
        () => {
        }
      );
    this.found.set(e, yes);
    return yes;
  }
  /** One lane of a vector expression as a scalar expression that computes (and loads) nothing of the other lanes. */
  lane(e, lane) {
    if (e.width === 1) return e;
    let byLane = this.lanes.get(e);
    if (!byLane) this.lanes.set(e, byLane = /* @__PURE__ */ new Map());
    let scalar4 = byLane.get(lane);
    if (!scalar4) byLane.set(lane, scalar4 = this.buildLane(e, lane));
    return scalar4;
  }
  buildLane(e, lane) {
    const n = e.node;
    const of = (x2) => this.lane(x2, lane);
    const scalar4 = (node) => new Expr(e.type, 1, node);
    switch (n.kind) {
      case "load":
        return scalar4({ ...n, index: add(n.index, lane) });
      case "unary":
      case "cast":
      case "bitcast":
      case "narrow":
        return scalar4({ ...n, a: of(n.a) });
      case "binary":
        return scalar4({ ...n, a: of(n.a), b: of(n.b) });
      case "fma":
      case "dot4":
        return scalar4({ ...n, a: of(n.a), b: of(n.b), c: of(n.c) });
      case "select":
        return scalar4({ ...n, condition: of(n.condition), a: of(n.a), b: of(n.b) });
      case "guard":
        return scalar4({ ...n, condition: of(n.condition), a: of(n.a), otherwise: of(n.otherwise) });
      case "splat":
        return n.a;
      case "pack":
        return n.elements[lane] ?? constant(e.type, 0);
      case "shuffle": {
        const from = n.lanes[lane] ?? 0;
        return from < n.a.width ? this.lane(n.a, from) : this.lane(n.b, from - n.a.width);
      }
      default:
        return scalar4({ kind: "extract", a: e, lane });
    }
  }
};

// backends/wasm/mir.ts
var block = (parent, kind) => ({
  parent,
  depth: parent ? parent.depth + 1 : 0,
  loops: (parent?.loops ?? 0) + (kind === "loop" ? 1 : 0),
  conditional: kind === "conditional",
  stmts: [],
  pinned: /* @__PURE__ */ new Map()
});
var hex = (bytes2) => Array.from(bytes2, (b) => b.toString(16).padStart(2, "0")).join("");
var float2 = new Float64Array(1);
var floatBytes = new Uint8Array(float2.buffer);
function immediateKey(imm) {
  if (imm === void 0) return "";
  if (typeof imm === "object") return hex(imm);
  if (typeof imm === "bigint" || Number.isInteger(imm) === true) return Object.is(imm, -0) ? "-0" : String(imm);
  float2[0] = imm;
  return hex(floatBytes);
}
var Machine = class {
  constructor(params) {
    this.params = params;
    for (const _ of params) this.locals.push("i32");
  }
  params;
  entry = block(void 0, "plain");
  /** Types of all locals, parameters first. */
  locals = [];
  values = [];
  pure = /* @__PURE__ */ new Map();
  /** Where statements are appended. */
  current = this.entry;
  local(type) {
    return this.locals.push(type) - 1;
  }
  create(op, type, args, imm, at, pinned, align = 0) {
    const v = { id: this.values.length, op, type, args, imm, block: at, pinned, align };
    this.values.push(v);
    return v;
  }
  /** The value a local holds from `at` on; `version` tells its assignments apart. */
  read(local2, at, version = 0) {
    const key2 = `local ${local2} ${version}`;
    let v = this.pure.get(key2);
    if (!v) {
      v = this.create("local", this.locals[local2] ?? "i32", [], local2, at, false);
      this.pure.set(key2, v);
    }
    return v;
  }
  i32(value) {
    return this.constant("i32", value | 0);
  }
  constant(type, value) {
    const key2 = `${type}.const ${immediateKey(value)}`;
    let v = this.pure.get(key2);
    if (!v) {
      v = this.create(`${type}.const`, type, [], value, this.entry, false);
      this.pure.set(key2, v);
    }
    return v;
  }
  /** An instruction on values, simplified where that is free. */
  op(name2, args, imm) {
    const simpler = simplify(this, name2, args);
    if (simpler) return simpler;
    const first = args[0];
    const type = name2 === "select" && first ? first.type : resultType(name2);
    const key2 = `${name2} ${args.map((a) => a.id).join(" ")} ${immediateKey(imm)}`;
    if (TRAPS.test(name2) && !isSafeDivisor(args[1])) return this.pin(key2, name2, type, args, imm, this.entry, 0);
    let v = this.pure.get(key2);
    if (!v) {
      if (!opcodes.has(name2)) throw new TypeError(`no Wasm instruction ${name2}`);
      v = this.create(name2, type, args, imm, deepest(args, this.entry), false);
      this.pure.set(key2, v);
    }
    return v;
  }
  /** A load. `since` is the block in which the memory it reads was last written, `version` tells the writes apart. */
  load(name2, address, offset, align, since, version) {
    const key2 = `${name2} ${address.id} ${offset} ${version}`;
    const v = this.pin(key2, name2, resultType(name2), [address], offset, since, align);
    this.origins.set(v, { offset, since, version });
    return v;
  }
  origins = /* @__PURE__ */ new Map();
  /** All lanes set from memory in one instruction, when the scalar is a 32 or 64-bit load. */
  splatLoad(scalar4, shape) {
    const from = this.origins.get(scalar4);
    const [address] = scalar4.args;
    if (!from || !address || !/^[if](32|64)\.load$/.test(scalar4.op)) return void 0;
    const bits = shape.endsWith("x2") ? 64 : 32;
    return this.load(`v128.load${bits}_splat`, address, from.offset, scalar4.align, from.since, from.version);
  }
  /** Finds or makes a trapping value in the outermost block that is certain to run when the current one does. */
  pin(key2, name2, type, args, imm, since, align) {
    for (let b = this.current; b; b = b.parent) {
      const found = b.pinned.get(key2);
      if (found) return found;
    }
    const earliest = deepest(args, since);
    let at = this.current;
    while (at !== earliest && !at.conditional && at.parent) at = at.parent;
    const v = this.create(name2, type, args, imm, at, true, align);
    at.pinned.set(key2, v);
    return v;
  }
};
var TRAPS = /^i(32|64)\.(div|rem)_[su]$/;
function deepest(args, least) {
  let at = least;
  for (const a of args) if (a.block.depth > at.depth) at = a.block;
  return at;
}
var isSafeDivisor = (v) => (v?.op === "i32.const" || v?.op === "i64.const") && Number(v.imm) !== 0 && Number(v.imm) !== -1;
var isConst = (v, value) => v?.op === "i32.const" && v.imm === value;
function simplify(m, name2, args) {
  const [a, b] = args;
  if (!a) return void 0;
  if (a.op === "i32.const" && b?.op === "i32.const" && args.length === 2) {
    const x2 = Number(a.imm);
    const y = Number(b.imm);
    switch (name2) {
      case "i32.add":
        return m.i32(x2 + y);
      case "i32.sub":
        return m.i32(x2 - y);
      case "i32.mul":
        return m.i32(Math.imul(x2, y));
      case "i32.shl":
        return m.i32(x2 << y);
      case "i32.and":
        return m.i32(x2 & y);
      case "i32.or":
        return m.i32(x2 | y);
      case "i32.lt_s":
        return m.i32(x2 < y ? 1 : 0);
    }
  }
  switch (name2) {
    case "i32.add":
    case "i32.or":
      if (isConst(a, 0)) return b;
      return isConst(b, 0) ? a : void 0;
    case "i32.sub":
    case "i32.shl":
    case "i32.shr_s":
    case "i32.shr_u":
      return isConst(b, 0) ? a : void 0;
    case "i32.mul": {
      if (a.op === "i32.const" && b?.op !== "i32.const" && b) return m.op("i32.mul", [b, a]);
      if (isConst(b, 1)) return a;
      if (isConst(b, 0)) return b;
      const n = b?.op === "i32.const" ? Number(b.imm) : 0;
      return n > 0 && (n & n - 1) === 0 ? m.op("i32.shl", [a, m.i32(31 - Math.clz32(n))]) : void 0;
    }
    case "select": {
      const c = args[2];
      if (c?.op === "i32.const") return c.imm === 0 ? b : a;
      return a === b ? a : void 0;
    }
    case "v128.bitselect":
      return a === b ? a : void 0;
  }
  return void 0;
}

// backends/wasm/expr.ts
var unsupported = (what) => new InfcError("INFC4003", `${what} cannot run on Wasm`, {
  fix: "Keep this op on the host or cast to a supported type"
});
var ExprLowering = class {
  constructor(m, dims2, scope, fused) {
    this.m = m;
    this.dims = dims2;
    this.scope = scope;
    this.fused = fused;
  }
  m;
  dims;
  scope;
  fused;
  memo = /* @__PURE__ */ new Map();
  table = new ExprTable();
  /** The registers of an expression at the current point. */
  parts(e) {
    const id = this.table.id(e);
    for (let b = this.m.current; b; b = b.parent) {
      const found = this.memo.get(b)?.get(id);
      if (found && (found.epoch === void 0 || found.epoch === this.scope.epoch)) return found.parts;
    }
    const parts = this.build(e);
    let here = this.memo.get(this.m.current);
    if (!here) this.memo.set(this.m.current, here = /* @__PURE__ */ new Map());
    here.set(id, { parts, epoch: this.isMutable(e) ? this.scope.epoch : void 0 });
    return parts;
  }
  /** The one register of a scalar or of an expression of at most 128 bits. */
  one(e) {
    const [v, ...more] = this.parts(e);
    if (!v || more.length > 0) throw new TypeError(`expected one register for ${e.type} x ${e.width}`);
    return v;
  }
  isMutable(e) {
    return this.table.some(e, (x2) => {
      const n = x2.node;
      if (n.kind === "var") return this.scope.binding(n.name).mutable;
      return n.kind === "load" && this.scope.buffer(n.buffer).mutable;
    });
  }
  build(e) {
    const { m } = this;
    const n = e.node;
    if (e.type === "f16") throw unsupported("f16 arithmetic");
    switch (n.kind) {
      case "const":
        return [this.constant(e)];
      case "dim":
        return [this.dims.value(n.dim)];
      case "var":
        return this.scope.binding(n.name).parts;
      case "load":
        return this.load(n.buffer, n.index, e);
      case "unary": {
        const longer = expandMath(e);
        if (longer) return this.parts(longer);
        const type = n.a.type;
        return this.eachPart([n.a], e, {
          scalar: ([a]) => a && scalarUnary(m, n.op, type, a),
          vector: ([a]) => a && vectorUnary(m, n.op, type, e.width, a)
        });
      }
      case "binary": {
        const longer = expandMath(e);
        if (longer) return this.parts(longer);
        const type = n.a.type;
        return this.eachPart([n.a, n.b], e, {
          scalar: ([a, b]) => a && b && scalarBinary(m, n.op, type, a, b),
          vector: ([a, b]) => a && b && vectorBinary(m, n.op, type, e.width, a, b)
        });
      }
      case "fma":
        if (this.fused && isFloat(e.type) && e.width > 1) {
          return this.eachPart([n.a, n.b, n.c], e, {
            scalar: () => void 0,
            vector: (args) => m.op(`${vectorShape(e.type, e.width)}.relaxed_madd`, args)
          });
        }
        return this.parts(n.a.mul(n.b).add(n.c));
      case "select":
        return this.select(e, n.condition, n.a, n.b);
      case "cast":
        return this.cast(n.a, e);
      case "bitcast":
        return this.bitcast(n.a, e);
      case "narrow":
        return this.narrow(n.a, n.to);
      case "splat": {
        const v = this.one(n.a);
        return this.splatParts(v, e);
      }
      case "pack":
        return packLanes(
          m,
          e.type,
          e.width,
          n.elements.map((x2) => this.one(x2))
        );
      case "extract":
        return [extractLane(m, n.a.type, n.a.width, this.parts(n.a), n.lane)];
      case "shuffle":
        return this.shuffle(e, n.a, n.b, n.lanes);
      case "dot4":
        return this.dot4(n.a, n.b, n.c, e);
      case "guard":
        return this.guard(e, n.condition, n.a, n.otherwise);
      case "intrinsic":
        return this.intrinsic(n.name, n.args);
      case "subgroup":
        throw unsupported("a subgroup operation");
      case "foldResult":
        throw new InfcError("INFC4004", "a fold reached the Wasm printer: lowering turns folds into loops");
    }
  }
  constant(e) {
    const value = e.node.kind === "const" ? e.node.value : 0;
    switch (e.type) {
      case "f32":
        return this.m.constant("f32", Math.fround(Number(value)));
      case "f64":
        return this.m.constant("f64", Number(value));
      case "i64":
      case "u64":
        return this.m.constant("i64", BigInt.asIntN(64, BigInt(value)));
      default:
        return this.m.i32(Number(value));
    }
  }
  splatParts(v, e) {
    let scalar4 = v;
    if (e.type === "bool") {
      scalar4 = this.m.op("i32.sub", [this.m.i32(0), v]);
      if (laneBits(e.type, e.width) === 64) scalar4 = this.m.op("i64.extend_i32_s", [scalar4]);
    }
    const part4 = splat(this.m, vectorShape(e.type, e.width), scalar4);
    return Array.from({ length: partCount(e.type, e.width) }, () => part4);
  }
  /** Applies an instruction register by register, or lane by lane where there is none for registers. */
  eachPart(operands, e, how) {
    const lists = operands.map((x2) => this.parts(x2));
    const first = operands[0];
    if (e.width === 1 || !first) {
      const v = how.scalar(lists.flat());
      if (!v) throw unsupported(`${describe(e)} on ${first?.type}`);
      return [v];
    }
    const out = [];
    for (let i = 0; i < (lists[0]?.length ?? 0); i++) {
      const v = how.vector(lists.map((l) => l[i]).filter((x2) => x2 !== void 0));
      if (!v) break;
      out.push(v);
    }
    if (out.length === lists[0]?.length) return this.fitMask(first, e, out);
    const lanes = Array.from({ length: e.width }, (_, lane) => {
      const v = how.scalar(operands.map((x2, i) => extractLane(this.m, x2.type, x2.width, lists[i] ?? [], lane)));
      if (!v) throw unsupported(`${describe(e)} on ${first.type}`);
      return v;
    });
    return packLanes(this.m, e.type, e.width, lanes);
  }
  /** A comparison of 64-bit lanes gives 64-bit masks; from width 4 on, masks are 32 bits a lane. */
  fitMask(operand, e, parts) {
    if (e.type !== "bool" || laneBits(operand.type, operand.width) === laneBits("bool", e.width)) return parts;
    const out = [];
    for (let i = 0; i + 1 < parts.length; i += 2) {
      const a = parts[i];
      const b = parts[i + 1];
      if (a && b) out.push(evenWords(this.m, a, b));
    }
    return out;
  }
  select(e, condition, a, b) {
    const xs = this.parts(a);
    const ys = this.parts(b);
    if (e.width === 1) {
      const [x2] = xs;
      const [y] = ys;
      if (!x2 || !y) throw new TypeError("select of nothing");
      return [this.m.op("select", [x2, y, this.one(condition)])];
    }
    let masks = this.parts(condition);
    if (laneBits(e.type, e.width) === 64 && laneBits("bool", e.width) === 32) masks = widenMask(this.m, masks);
    return xs.map((x2, i) => {
      const y = ys[i];
      const mask = masks[i];
      if (!y || !mask) throw new TypeError("select: widths differ");
      return this.m.op("v128.bitselect", [x2, y, mask]);
    });
  }
  cast(a, e) {
    const parts = this.parts(a);
    const from = a.type;
    const whole = e.width > 1 ? castVector(this.m, from, e.type, e.width, parts) : void 0;
    if (whole) return whole;
    const one2 = (v) => {
      const r = castScalar2(this.m, from, e.type, v);
      if (!r) throw unsupported(`a cast from ${from} to ${e.type}`);
      return r;
    };
    if (e.width === 1) return parts.map(one2);
    const lanes = Array.from({ length: e.width }, (_, i) => one2(extractLane(this.m, from, a.width, parts, i)));
    return packLanes(this.m, e.type, e.width, lanes);
  }
  bitcast(a, e) {
    const parts = this.parts(a);
    if (e.width > 1) return parts;
    const from = scalarType(a.type);
    const to = scalarType(e.type);
    return from === to ? parts : parts.map((v) => this.m.op(`${to}.reinterpret_${from}`, [v]));
  }
  narrow(a, to) {
    if (isMinifloat(to) && isFloat(a.type)) {
      const f = a.cast("f32");
      return this.parts(decodeMinifloat(to, encodeMinifloat(to, f)).cast(a.type));
    }
    if (to === "f32" && a.type === "f64") return this.parts(a.cast("f32").cast("f64"));
    if (to === "bool") return this.parts(a.cast("bool").cast(a.type));
    if (isInteger(to) && bitsOf[to] < 32) {
      if (isFloat(a.type))
        return this.parts(
          a.cast(isSigned(to) ? "i32" : "u32").narrow(to).cast(a.type)
        );
      const size = a.type === "i64" || a.type === "u64" ? 64 : 32;
      const shift2 = size - bitsOf[to];
      const signed = size === 64 ? isSigned(to) ? "i64" : "u64" : isSigned(to) ? "i32" : "u32";
      const by = constant(signed, shift2);
      return this.parts(a.cast(signed).shl(by).shr(by).cast(a.type));
    }
    if (isInteger(to) && bitsOf[to] === 32 && (a.type === "i64" || a.type === "u64"))
      return this.parts(a.cast(isSigned(to) ? "i32" : "u32").cast(a.type));
    return this.parts(a);
  }
  shuffle(e, a, b, lanes) {
    const xs = this.parts(a);
    const ys = this.parts(b);
    const [x2] = xs;
    const [y] = ys;
    if (xs.length === 1 && ys.length === 1 && x2 && y) {
      const size = laneBits(e.type, e.width) / 8;
      const bytes2 = new Uint8Array(16);
      lanes.forEach((lane, i) => {
        for (let k = 0; k < size; k++) bytes2[i * size + k] = lane * size + k;
      });
      return [this.m.op("i8x16.shuffle", [x2, y], bytes2)];
    }
    const picked = lanes.map(
      (lane) => lane < a.width ? extractLane(this.m, a.type, a.width, xs, lane) : extractLane(this.m, b.type, b.width, ys, lane - a.width)
    );
    return packLanes(this.m, e.type, e.width, picked);
  }
  dot4(a, b, c, e) {
    const { m } = this;
    if (e.width === 1) {
      let sum2 = c;
      for (let i = 0; i < 4; i++) {
        const byte = (x2) => x2.bitcast("i32").shl(constant("i32", 24 - 8 * i)).shr(constant("i32", 24));
        sum2 = sum2.add(byte(a).mul(byte(b)));
      }
      return this.parts(sum2);
    }
    return this.eachPart([a, b, c], e, {
      scalar: () => void 0,
      vector: ([x2, y, z]) => {
        if (!x2 || !y || !z) return void 0;
        const half = (side) => m.op("i32x4.extadd_pairwise_i16x8_s", [m.op(`i16x8.extmul_${side}_i8x16_s`, [x2, y])]);
        const low = half("low");
        const high2 = half("high");
        const odd = m.op(
          "i8x16.shuffle",
          [low, high2],
          Uint8Array.from({ length: 16 }, (_, i) => (i >> 2) * 8 + 4 + (i & 3))
        );
        return m.op("i32x4.add", [z, m.op("i32x4.add", [evenWords(m, low, high2), odd])]);
      }
    });
  }
  /** `a` and what it loads are computed only where the condition holds: an `if` that sets locals. */
  guard(e, condition, a, otherwise) {
    const { m } = this;
    if (condition.width > 1) {
      const scalar4 = (lane) => this.table.lane(condition, lane).guard(this.table.lane(a, lane), this.table.lane(otherwise, lane));
      return this.parts(pack(Array.from({ length: e.width }, (_, lane) => scalar4(lane))));
    }
    const test = this.one(condition);
    const outer = m.current;
    const branch = (x2, into) => {
      const inner = block(outer, "conditional");
      m.current = inner;
      const parts = this.parts(x2.width === e.width ? x2 : x2.splat(e.width));
      const locals = into ?? parts.map((v) => m.local(v.type));
      for (const [i, value] of parts.entries()) inner.stmts.push({ kind: "set", local: locals[i] ?? 0, value });
      m.current = outer;
      return { block: inner, locals };
    };
    const yes = branch(a, void 0);
    const no = branch(otherwise, yes.locals);
    outer.stmts.push({ kind: "if", condition: test, body: yes.block, otherwise: no.block });
    return yes.locals.map((local2) => m.read(local2, outer));
  }
  intrinsic(name2, args) {
    const operands = args.flatMap((a) => this.parts(a));
    return [this.m.op(name2, operands)];
  }
  load(buffer, index, e) {
    const { storage: storage2 } = buffer;
    const bits = bitsOf[storage2];
    if (bits < 8) return this.parts(this.subByte(buffer, index, e.width));
    if (isMinifloat(storage2)) {
      const raw = { ...buffer, storage: bits === 16 ? "u16" : "u8" };
      return this.parts(decodeMinifloat(storage2, new Expr("u32", e.width, { kind: "load", buffer: raw, index })));
    }
    if (storage2 === "string" || storage2 === "c64" || storage2 === "c128")
      throw unsupported(`a kernel on ${storage2} data`);
    const { base, since, version } = this.scope.buffer(buffer);
    const { address, offset } = this.dims.address(base, index, bits / 8);
    const access = (op, bytes2, at) => this.m.load(op, address, offset + at, Math.log2(bytes2), since, version);
    if (e.width === 1) {
      const v = access(SCALAR_LOAD[storage2] ?? "i32.load", bits / 8, 0);
      return [storage2 === "bool" ? this.m.op("i32.ne", [v, this.m.i32(0)]) : v];
    }
    if (bits >= 32) {
      return Array.from(
        { length: partCount(computeType(storage2), e.width) },
        (_, i) => access("v128.load", bits / 8, 16 * i)
      );
    }
    const count = e.width / 4;
    if (count < 1)
      return this.parts(pack(Array.from({ length: e.width }, (_, i) => this.scalarLoad(buffer, index, i))));
    const sign2 = isSigned(storage2) ? "s" : "u";
    return Array.from({ length: count }, (_, i) => {
      if (bits === 16) return access(`v128.load16x4_${sign2}`, 2, 8 * i);
      const bytes2 = access("v128.load32_zero", 1, 4 * i);
      const words = this.m.op(`i32x4.extend_low_i16x8_${sign2}`, [this.m.op(`i16x8.extend_low_i8x16_${sign2}`, [bytes2])]);
      return storage2 === "bool" ? this.m.op("i32x4.ne", [words, this.m.constant("v128", new Uint8Array(16))]) : words;
    });
  }
  scalarLoad(buffer, index, i) {
    return new Expr(computeType(buffer.storage), 1, { kind: "load", buffer, index: add(index, i) });
  }
  /** Elements of less than a byte, packed little end first. */
  subByte(buffer, index, width) {
    if (width > 1) return pack(Array.from({ length: width }, (_, i) => this.subByte(buffer, add(index, i), 1)));
    const { storage: storage2 } = buffer;
    const bits = bitsOf[storage2];
    const per = 8 / bits;
    const raw = { ...buffer, storage: "u8" };
    const byte = new Expr("u32", 1, { kind: "load", buffer: raw, index: floorDiv(index, per) });
    const shifted = byte.shr(dimValue(mul(mod(index, per), bits)).cast("u32"));
    const code = shifted.and(constant("u32", (1 << bits) - 1));
    if (isMinifloat(storage2)) return decodeMinifloat(storage2, code);
    if (!isSigned(storage2)) return code;
    const up2 = constant("i32", 32 - bits);
    return code.cast("i32").shl(up2).shr(up2);
  }
  /** Statements that store `value` at `index` of `buffer`, narrowing to its storage. */
  store(buffer, index, value) {
    const { storage: storage2 } = buffer;
    const bits = bitsOf[storage2];
    if (bits < 8 || storage2 === "string" || storage2 === "c64" || storage2 === "c128")
      throw unsupported(`a store of ${storage2}`);
    if (isMinifloat(storage2)) {
      const raw = { ...buffer, storage: bits === 16 ? "u16" : "u8" };
      this.store(raw, index, encodeMinifloat(storage2, value));
      return;
    }
    const { m } = this;
    const parts = this.parts(value);
    const { base } = this.scope.buffer(buffer);
    const { address, offset } = this.dims.address(base, index, bits / 8);
    const put2 = (op, v, at, lane) => m.current.stmts.push({
      kind: "store",
      op,
      address,
      value: v,
      offset: offset + at,
      align: Math.log2(bits / 8),
      lane
    });
    if (value.width === 1) {
      const [v] = parts;
      if (v) put2(SCALAR_STORE[storage2] ?? "i32.store", v, 0);
      return;
    }
    if (bits >= 32) {
      for (const [i, v] of parts.entries()) put2("v128.store", v, 16 * i);
      return;
    }
    const size = bits / 8;
    const per = 16 / (laneBits(value.type, value.width) / 8);
    const stride = 16 / per;
    parts.forEach((v, i) => {
      const plain = storage2 === "bool" ? m.op("v128.and", [v, splat(m, "i32x4", m.i32(1))]) : v;
      const bytes2 = Uint8Array.from(
        { length: 16 },
        (_, k) => k < per * size ? Math.floor(k / size) * stride + k % size : 0
      );
      const dense3 = m.op("i8x16.shuffle", [plain, plain], bytes2);
      put2(`v128.store${per * bits}_lane`, dense3, i * per * size, 0);
    });
  }
};
function describe(e) {
  return e.node.kind === "unary" || e.node.kind === "binary" ? `'${e.node.op}'` : e.node.kind;
}
var SCALAR_LOAD = {
  f64: "f64.load",
  f32: "f32.load",
  i64: "i64.load",
  u64: "i64.load",
  i16: "i32.load16_s",
  u16: "i32.load16_u",
  i8: "i32.load8_s",
  u8: "i32.load8_u",
  bool: "i32.load8_u"
};
var SCALAR_STORE = {
  f64: "f64.store",
  f32: "f32.store",
  i64: "i64.store",
  u64: "i64.store",
  i16: "i32.store16",
  u16: "i32.store16",
  i8: "i32.store8",
  u8: "i32.store8",
  bool: "i32.store8"
};

// backends/wasm/kernel.ts
function lowerKernel(kernel, fused) {
  if (kernel.kind !== "simd")
    throw new InfcError("INFC4005", `kernel '${kernel.name}' is written for lanes in workgroups`, {
      fix: "Lower it for a simd target"
    });
  return new KernelLowering(kernel, fused).run();
}
var KernelLowering = class {
  constructor(kernel, fused) {
    this.kernel = kernel;
    const { buffers, scalars, shared } = kernel;
    const params = [
      ...buffers.map((b) => b.name),
      ...scalars,
      ...shared.length > 0 ? ["scratch"] : [],
      "begin",
      "end"
    ];
    this.m = new Machine(params);
    this.dims = new DimLowering(this.m);
    this.exprs = new ExprLowering(this.m, this.dims, this, fused);
    const param = (i) => this.m.read(i, this.m.entry);
    const written = /* @__PURE__ */ new Set();
    const read = /* @__PURE__ */ new Set();
    for (const b of [...buffers, ...shared]) {
      if (b.access !== "read") written.add(b.name);
      if (b.access !== "write") read.add(b.name);
    }
    const remember = (b, base) => this.memory.set(b.name, {
      base,
      mutable: written.has(b.name) && read.has(b.name),
      since: this.m.entry,
      version: 0
    });
    for (const [i, b] of buffers.entries()) remember(b, param(i));
    for (const [i, name2] of scalars.entries()) this.define(name2, [param(buffers.length + i)]);
    const layout3 = sharedLayout(kernel);
    shared.forEach((b, i) => {
      const scratch3 = param(buffers.length + scalars.length);
      remember(b, this.m.op("i32.add", [scratch3, this.m.i32(layout3.offsets[i] ?? 0)]));
    });
  }
  kernel;
  m;
  dims;
  exprs;
  names = /* @__PURE__ */ new Map();
  variables = /* @__PURE__ */ new Map();
  memory = /* @__PURE__ */ new Map();
  versions = 0;
  epoch = 0;
  run() {
    const { m, kernel } = this;
    const begin = m.read(m.params.length - 2, m.entry);
    const end = m.read(m.params.length - 1, m.entry);
    if (kernel.grid[0] === 1) {
      this.when(m.op("i32.lt_s", [begin, end]), () => this.statements(kernel.body));
    } else {
      this.loop("groupX", begin, end, m.i32(1), false, kernel.body);
    }
    return m;
  }
  binding(name2) {
    const v = this.variables.get(name2);
    if (v) return { parts: v.locals.map((l) => this.m.read(l, v.since, v.version)), mutable: true };
    const parts = this.names.get(name2);
    if (!parts) throw new InfcError("INFC4006", `kernel '${this.kernel.name}' uses '${name2}' before it is defined`);
    return { parts, mutable: false };
  }
  buffer(b) {
    const found = this.memory.get(b.name);
    if (!found) throw new InfcError("INFC4006", `kernel '${this.kernel.name}' has no buffer '${b.name}'`);
    return found;
  }
  define(name2, parts) {
    this.names.set(name2, parts);
    const [first] = parts;
    if (parts.length === 1 && first?.type === "i32") this.dims.define(name2, first);
  }
  statements(list) {
    for (const s of list) this.statement(s);
  }
  statement(s) {
    const { m } = this;
    switch (s.kind) {
      case "let": {
        const before = this.exprs.parts(s.value);
        this.define(s.name, this.exprs.isMutable(s.value) ? this.keep(before) : before);
        break;
      }
      case "var": {
        const parts = this.exprs.parts(s.value);
        const locals = parts.map((v) => m.local(v.type));
        for (const [i, value] of parts.entries()) m.current.stmts.push({ kind: "set", local: locals[i] ?? 0, value });
        this.variables.set(s.name, { locals, since: m.current, version: ++this.versions });
        break;
      }
      case "set": {
        const v = this.variables.get(s.name);
        if (!v) throw new InfcError("INFC4006", `kernel '${this.kernel.name}' sets '${s.name}', which is no variable`);
        const parts = this.exprs.parts(s.value);
        const values = parts.length > 1 ? this.keep(parts) : parts;
        for (const [i, value] of values.entries())
          m.current.stmts.push({ kind: "set", local: v.locals[i] ?? 0, value });
        this.touch({ variables: /* @__PURE__ */ new Set([s.name]), buffers: /* @__PURE__ */ new Set() }, m.current);
        break;
      }
      case "store":
        this.exprs.store(s.buffer, s.index, s.value);
        this.touch({ variables: /* @__PURE__ */ new Set(), buffers: /* @__PURE__ */ new Set([s.buffer.name]) }, m.current);
        break;
      case "for": {
        const value = (d) => this.dims.value(d);
        const runs2 = lessThan(s.from, s.to) === true;
        this.loop(s.name, value(s.from), value(s.to), value(s.step), runs2, s.body);
        break;
      }
      case "if":
        this.when(
          this.exprs.one(s.condition),
          () => this.statements(s.body),
          () => this.statements(s.otherwise)
        );
        break;
      case "comment":
        break;
      case "barrier":
      case "atomicAdd":
      case "intrinsic":
        throw new InfcError("INFC4005", `kernel '${this.kernel.name}': '${s.kind}' has no meaning in a simd kernel`);
    }
  }
  /** Copies of values that the statements to come may change. */
  keep(parts) {
    const { m } = this;
    return parts.map((value) => {
      const local2 = m.local(value.type);
      m.current.stmts.push({ kind: "set", local: local2, value });
      return m.read(local2, m.current);
    });
  }
  touch(e, since) {
    for (const name2 of e.variables) {
      const v = this.variables.get(name2);
      if (!v) continue;
      v.since = since;
      v.version = ++this.versions;
      this.epoch++;
    }
    for (const name2 of e.buffers) {
      const b = this.memory.get(name2);
      if (!b?.mutable) continue;
      b.since = since;
      b.version = ++this.versions;
      this.epoch++;
    }
  }
  when(condition, then, otherwise = () => {
  }) {
    const { m } = this;
    const outer = m.current;
    const body = block(outer, "conditional");
    const other = block(outer, "conditional");
    outer.stmts.push({ kind: "if", condition, body, otherwise: other });
    const before = this.snapshot();
    m.current = body;
    then();
    const changed = this.changedSince(before);
    this.touch(changed, other);
    const middle = this.snapshot();
    m.current = other;
    otherwise();
    m.current = outer;
    const more = this.changedSince(middle);
    for (const v of more.variables) changed.variables.add(v);
    for (const b of more.buffers) changed.buffers.add(b);
    this.touch(changed, outer);
  }
  loop(name2, from, to, step, runs2, list) {
    if (!runs2) {
      this.when(this.m.op("i32.lt_s", [from, to]), () => this.loop(name2, from, to, step, true, list));
      return;
    }
    const { m } = this;
    const outer = m.current;
    const index = m.local("i32");
    const body = block(outer, "loop");
    const statement = {
      kind: "do",
      body,
      index,
      step,
      to,
      inits: [{ local: index, value: from }],
      steps: []
    };
    const effects = effectsOf(list);
    this.touch(effects, body);
    outer.stmts.push(statement);
    const loop2 = { name: name2, body, from, step, statement, pointers: /* @__PURE__ */ new Map() };
    this.dims.enter(loop2);
    m.current = body;
    this.define(name2, [m.read(index, body)]);
    this.statements(list);
    m.current = outer;
    this.touch(effects, outer);
  }
  snapshot() {
    const all = /* @__PURE__ */ new Map();
    for (const [name2, v] of this.variables) all.set(`v ${name2}`, v.version);
    for (const [name2, b] of this.memory) all.set(`b ${name2}`, b.version);
    return all;
  }
  changedSince(before) {
    const variables = /* @__PURE__ */ new Set();
    const buffers = /* @__PURE__ */ new Set();
    for (const [name2, v] of this.variables) if (before.get(`v ${name2}`) !== v.version) variables.add(name2);
    for (const [name2, b] of this.memory) if (before.get(`b ${name2}`) !== b.version) buffers.add(name2);
    return { variables, buffers };
  }
};
function effectsOf(list, into = { variables: /* @__PURE__ */ new Set(), buffers: /* @__PURE__ */ new Set() }) {
  for (const s of list) {
    if (s.kind === "set") into.variables.add(s.name);
    else if (s.kind === "store") into.buffers.add(s.buffer.name);
    else if (s.kind === "for") effectsOf(s.body, into);
    else if (s.kind === "if") {
      effectsOf(s.body, into);
      effectsOf(s.otherwise, into);
    }
  }
  return into;
}

// backends/wasm/print.ts
var functions2 = (kernels, target) => kernels.map((k) => emit(lowerKernel(k, target.features.has("relaxed-simd")), k.name));
function printWasm(kernels, target) {
  return {
    file: "kernels.wasm",
    content: encodeModule(functions2(kernels, target), { shared: target.features.has("threads") }),
    entries: new Map(kernels.map((k) => [k.name, k.name]))
  };
}

// backends/wasm/relaxed.ts
function usesFusedMultiplyAdd(kernel) {
  const seen = /* @__PURE__ */ new Set();
  const inExpr = (e) => {
    if (seen.has(e)) return false;
    seen.add(e);
    if (e.node.kind === "fma") return true;
    let found = false;
    visitExpr(
      e,
      (operand) => {
        found ||= inExpr(operand);
      },
      () => {
      }
    );
    return found;
  };
  const inStatement = (s) => {
    switch (s.kind) {
      case "let":
      case "var":
      case "set":
      case "store":
      case "atomicAdd":
        return inExpr(s.value);
      case "for":
        return s.body.some(inStatement);
      case "if":
        return inExpr(s.condition) || s.body.some(inStatement) || s.otherwise.some(inStatement);
      default:
        return false;
    }
  };
  return kernel.body.some(inStatement);
}

// compiler/ir/op.ts
var defineOp = (op) => op;

// compiler/ops/shapes.ts
function inputType(c, i) {
  return c.inputs[i] ?? c.fail(`input ${i} is missing`);
}
function broadcastDim(a, b) {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  if (equals(a, b) === false && (range(a).min > 1 || range(b).min > 1)) {
    if (lessThan(a, 2) || lessThan(b, 2)) return isStatic(a) ? b : a;
    if (isStatic(a) && isStatic(b)) return void 0;
  }
  if (isStatic(a) && isStatic(b)) return void 0;
  return isStatic(b) ? b : a;
}
function broadcastShapes(shapes) {
  const rank = shapes.reduce((r, s) => Math.max(r, s.length), 0);
  const out = new Array(rank).fill(1);
  for (const s of shapes) {
    for (let i = 0; i < s.length; i++) {
      const at = rank - s.length + i;
      const d = broadcastDim(out[at] ?? 1, s[i] ?? 1);
      if (d === void 0) return void 0;
      out[at] = d;
    }
  }
  return out;
}
function broadcastInputs(c) {
  const shapes = c.inputs.map((_, i) => inputType(c, i).shape);
  return broadcastShapes(shapes) ?? c.fail(
    `shapes ${shapes.map(formatShape).join(" and ")} do not broadcast`,
    "Make the dimensions equal, or 1 where one of them should be repeated"
  );
}
var formatShape = (shape) => `[${shape.map(formatDim).join(", ")}]`;
function broadcastCoords2(shape, coords) {
  const skip = coords.length - shape.length;
  return shape.map((d, i) => d === 1 ? 0 : coords[i + skip] ?? 0);
}
function numberAttr(attrs, name2, fallback) {
  const v = attrs[name2];
  return typeof v === "number" ? v : typeof v === "bigint" ? Number(v) : fallback;
}
function stringAttr(attrs, name2, fallback) {
  const v = attrs[name2];
  return typeof v === "string" ? v : fallback;
}
var flagAttr = (attrs, name2) => attrs[name2] === true || attrs[name2] === 1;
var isDim = (v) => typeof v === "number" || typeof v === "object" && v !== null && "terms" in v;
function dimAttr(attrs, name2, fallback) {
  const v = attrs[name2];
  return isDim(v) ? v : fallback;
}
function dimsAttr(attrs, name2) {
  const v = attrs[name2];
  return Array.isArray(v) ? v.filter(isDim) : [];
}
function numbersAttr(attrs, name2, fallback = []) {
  const v = attrs[name2];
  return Array.isArray(v) ? v.filter((x2) => typeof x2 === "number") : fallback;
}
var DTYPES = /* @__PURE__ */ new Set([
  ...["f64", "f32", "f16", "bf16", "f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz", "f8e8m0", "f4e2m1"],
  ...["i64", "i32", "i16", "i8", "i4", "i2", "u64", "u32", "u16", "u8", "u4", "u2", "bool", "c64", "c128", "string"]
]);
var isDType = (v) => typeof v === "string" && DTYPES.has(v);
function dtypeAttr(attrs, name2, fallback) {
  const v = attrs[name2];
  return isDType(v) ? v : fallback;
}
function integerRange(dtype) {
  const bits = BigInt(dtype.slice(1));
  return dtype.startsWith("u") ? { min: 0n, max: (1n << bits) - 1n } : { min: -(1n << bits - 1n), max: (1n << bits - 1n) - 1n };
}
function lowest(dtype) {
  const type = computeType(dtype);
  if (dtype === "bool") return constant("bool", false);
  return isFloat(dtype) ? constant(type, Number.NEGATIVE_INFINITY) : constant(type, integerRange(dtype).min);
}
function highest(dtype) {
  const type = computeType(dtype);
  if (dtype === "bool") return constant("bool", true);
  return isFloat(dtype) ? constant(type, Number.POSITIVE_INFINITY) : constant(type, integerRange(dtype).max);
}
var isFloatType2 = (type) => type === "f32" || type === "f64" || type === "f16";
function only(list, index = 0) {
  const v = list[index];
  if (v === void 0) throw new RangeError(`list of ${list.length} has no item ${index}`);
  return v;
}
var withCoord = (coords, axis, value) => coords.map((c, i) => i === axis ? value : c);
var multiplyAdd = (a, b, acc) => isFloatType2(a.type) ? a.fma(b, acc) : acc.add(a.mul(b));

// compiler/ops/conv.ts
function windowsOf(attrs, kernel) {
  const strides = numbersAttr(attrs, "strides");
  const dilations = numbersAttr(attrs, "dilations");
  const pads = dimsAttr(attrs, "pads");
  return kernel.map((k, i) => ({
    kernel: k,
    stride: strides[i] ?? 1,
    dilation: dilations[i] ?? 1,
    begin: pads[i] ?? 0,
    end: pads[i + kernel.length] ?? 0
  }));
}
var spanOf = (w) => add(mul(w.dilation, sub(w.kernel, 1)), 1);
var windowCount = (n, w) => add(floorDiv(sub(add(n, add(w.begin, w.end)), spanOf(w)), w.stride), 1);
var tap = (i, k, w) => sub(add(mul(i, w.stride), mul(k, w.dilation)), w.begin);
function checkChannels(c, x2, w) {
  const group = numberAttr(c.attrs, "group", 1);
  if (x2.shape.length < 3 || w.shape.length !== x2.shape.length)
    c.fail(`input ${formatShape(x2.shape)} and weights ${formatShape(w.shape)} must have the same rank, 3 or more`);
  return group;
}
var conv = defineOp({
  name: "conv",
  infer: (c) => {
    const [x2, w] = [inputType(c, 0), inputType(c, 1)];
    const group = checkChannels(c, x2, w);
    if (equals(x2.shape[1] ?? 1, mul(w.shape[1] ?? 1, group)) === false)
      c.fail(
        `input ${formatShape(x2.shape)} has ${formatDim(x2.shape[1] ?? 1)} channels; weights ${formatShape(w.shape)} with group ${group} need ${formatDim(mul(w.shape[1] ?? 1, group))}`
      );
    const windows = windowsOf(c.attrs, w.shape.slice(2));
    const spatial = windows.map((win, i) => windowCount(x2.shape[i + 2] ?? 1, win));
    if (spatial.some((n) => range(n).max < 0))
      c.fail(`the kernel ${formatShape(w.shape)} is larger than the padded input ${formatShape(x2.shape)}`);
    return {
      dtype: dtypeAttr(c.attrs, "dtype", x2.dtype),
      shape: [x2.shape[0] ?? 1, w.shape[0] ?? 1, ...spatial],
      format: "dense"
    };
  },
  element: (c) => {
    const w = c.inputs[1]?.shape ?? [];
    const [m = 1, depth = 1] = w;
    const windows = windowsOf(c.attrs, w.slice(2));
    const group = numberAttr(c.attrs, "group", 1);
    const perGroup = group === 1 ? m : floorDiv(m, group);
    const type = computeType(only(c.outputs).dtype);
    return ([n = 0, channel = 0, ...spatial]) => {
      const first = group === 1 ? 0 : mul(floorDiv(channel, perGroup), depth);
      return only(
        c.fold("sum", [depth, ...w.slice(2)], [constant(type, 0)], ([d = 0, ...taps], state) => {
          const from = spatial.map((i, axis) => tap(i, taps[axis] ?? 0, only(windows, axis)));
          const x2 = c.guarded(0, [n, add(first, d), ...from], constant(computeType(c.inputs[0]?.dtype ?? "f32"), 0));
          return [multiplyAdd(x2.cast(type), c.at(1, [channel, d, ...taps]).cast(type), only(state))];
        })
      );
    };
  },
  flops: (node) => mul(2, product(node.inputs[1]?.type.shape.slice(1) ?? []))
});
var convTranspose = defineOp({
  name: "conv_transpose",
  infer: (c) => {
    const [x2, w] = [inputType(c, 0), inputType(c, 1)];
    const group = checkChannels(c, x2, w);
    if (equals(x2.shape[1] ?? 1, w.shape[0] ?? 1) === false)
      c.fail(`input ${formatShape(x2.shape)} and weights ${formatShape(w.shape)} differ in channels`);
    const extra = dimsAttr(c.attrs, "outputPadding");
    const spatial = windowsOf(c.attrs, w.shape.slice(2)).map((win, i) => {
      const full = add(mul(sub(x2.shape[i + 2] ?? 1, 1), win.stride), spanOf(win));
      return add(sub(full, add(win.begin, win.end)), extra[i] ?? 0);
    });
    return { dtype: x2.dtype, shape: [x2.shape[0] ?? 1, mul(w.shape[1] ?? 1, group), ...spatial], format: "dense" };
  },
  element: (c) => {
    const w = c.inputs[1]?.shape ?? [];
    const [channels = 1, perGroup = 1] = w;
    const windows = windowsOf(c.attrs, w.slice(2));
    const group = numberAttr(c.attrs, "group", 1);
    const depth = group === 1 ? channels : floorDiv(channels, group);
    const type = computeType(only(c.outputs).dtype);
    const zero2 = constant(type, 0);
    return ([n = 0, channel = 0, ...spatial]) => {
      const first = group === 1 ? 0 : mul(floorDiv(channel, perGroup), depth);
      const inGroup = group === 1 ? channel : mod(channel, perGroup);
      return only(
        c.fold("sum", [depth, ...w.slice(2)], [zero2], ([d = 0, ...taps], state) => {
          const offsets = spatial.map((o, i) => {
            const win = only(windows, i);
            return sub(add(o, win.begin), mul(taps[i] ?? 0, win.dilation));
          });
          const source = offsets.map((o, i) => floorDiv(o, only(windows, i).stride));
          let x2 = c.guarded(0, [n, add(first, d), ...source], zero2);
          offsets.forEach((o, i) => {
            const rest = mod(o, only(windows, i).stride);
            if (rest !== 0) x2 = dimValue(rest).eq(0).guard(x2, zero2);
          });
          return [multiplyAdd(x2, c.at(1, [add(first, d), inGroup, ...taps]), only(state))];
        })
      );
    };
  },
  flops: (node) => mul(2, product([node.inputs[1]?.type.shape[0] ?? 1, ...node.inputs[1]?.type.shape.slice(2) ?? []]))
});
var col2im = defineOp({
  name: "col2im",
  infer: (c) => {
    const x2 = inputType(c, 0);
    const channels = divideExactly(x2.shape[1] ?? 1, product(dimsAttr(c.attrs, "kernel")));
    if (channels === void 0) c.fail("the second dimension is not divisible by the block size");
    return { dtype: x2.dtype, shape: [x2.shape[0] ?? 1, channels ?? 1, ...dimsAttr(c.attrs, "shape")], format: "dense" };
  },
  element: (c) => {
    const kernel = numbersAttr(c.attrs, "kernel");
    const windows = windowsOf(c.attrs, kernel);
    const image = dimsAttr(c.attrs, "shape");
    const counts = windows.map((w, i) => windowCount(image[i] ?? 1, w));
    const zero2 = constant(computeType(only(c.outputs).dtype), 0);
    return ([n = 0, channel = 0, ...spatial]) => only(
      c.fold("sum", kernel, [zero2], (taps, state) => {
        let row = channel;
        let column = 0;
        let x2 = void 0;
        const conditions = spatial.map((o, i) => {
          const w = only(windows, i);
          const offset = sub(add(o, w.begin), mul(taps[i] ?? 0, w.dilation));
          const block2 = floorDiv(offset, w.stride);
          row = add(mul(row, kernel[i] ?? 1), taps[i] ?? 0);
          column = add(mul(column, counts[i] ?? 1), block2);
          const inside2 = dimValue(block2).ge(0).and(dimValue(block2).lt(dimValue(counts[i] ?? 1)));
          return inside2.and(dimValue(mod(offset, w.stride)).eq(0));
        });
        x2 = c.at(0, [n, row, column]);
        return [only(state).add(conditions.reduce((p, q) => p.and(q)).guard(x2, zero2))];
      })
    );
  }
});
var convOps = [conv, convTranspose, col2im];

// backends/wasm/templates/microkernel.ts
var Tile = class {
  constructor(k, rows, vectors, sets = setsFor(rows * vectors)) {
    this.k = k;
    this.rows = rows;
    this.vectors = vectors;
    const count = rows * vectors;
    const zero2 = constant("f32", 0).splat(4);
    this.sets = Array.from({ length: sets }, () => Array.from({ length: count }, () => k.var(zero2, "acc")));
  }
  k;
  rows;
  vectors;
  sets;
  next = 0;
  /** acc[r][v] += a(r) * b(v) for the whole tile. */
  step({ a, b }) {
    const set = this.sets[this.next++ % this.sets.length] ?? [];
    const vectors = Array.from({ length: this.vectors }, (_, v) => b(v));
    for (let r = 0; r < this.rows; r++) {
      const scalar4 = a(r).splat(4);
      vectors.forEach((x2, v) => {
        const acc = set[r * this.vectors + v];
        acc?.set(scalar4.fma(x2, acc.value));
      });
    }
  }
  /** Steps for depth indices from 0 to `depth`, one for each set of accumulators in one round of the loop. */
  loop(depth, at) {
    const unroll = this.sets.length;
    const whole = mul(floorDiv(depth, unroll), unroll);
    this.k.for(0, whole, unroll, (k0) => {
      for (let u = 0; u < unroll; u++) this.step(at(add(k0, u)));
    });
    if (whole === depth) return;
    const rest = sub(depth, whole);
    if (typeof rest === "number") for (let u = 0; u < rest; u++) this.step(at(add(whole, u)));
    else this.k.for(whole, depth, 1, (k1) => this.step(at(k1)));
  }
  /** The finished accumulator of a row and column group. */
  value(row, vector) {
    const i = row * this.vectors + vector;
    const [first, ...more] = this.sets.map((s) => s[i]?.value).filter((v) => v !== void 0);
    if (!first) throw new RangeError(`no accumulator ${row}, ${vector}`);
    return more.reduce((x2, y) => x2.add(y), first);
  }
};
var setsFor = (count) => count >= 6 ? 1 : count >= 3 ? 2 : count === 2 ? 3 : 4;
function finishVector(k, accumulator, column, limit, finish2) {
  if (isAtMost(add(column, 4), limit)) {
    finish2(accumulator, column);
    return;
  }
  const value = k.let(accumulator, "done");
  const lanes = () => {
    for (let lane = 0; lane < (isAtMost(4, limit) ? 3 : 4); lane++) {
      const at = add(column, lane);
      if (isAtMost(add(at, 1), limit)) finish2(value.extract(lane), at);
      else if (!isAtMost(limit, at)) k.if(dimValue(at).lt(dimValue(limit)), () => finish2(value.extract(lane), at));
    }
  };
  if (isAtMost(limit, 3)) lanes();
  else k.if(dimValue(add(column, 4)).le(dimValue(limit)), () => finish2(value, column), lanes);
}

// compiler/tensor-values.ts
init_minifloat();
var isNarrow = (dtype) => isFloat(dtype) && bitsOf[dtype] <= 16;
var typedData = (tensor2) => ArrayBuffer.isView(tensor2.data) ? tensor2.data : void 0;
function numbersOf(tensor2) {
  const data = typedData(tensor2) ?? new Float64Array(0);
  const out = new Float64Array(data.length);
  const narrow2 = isNarrow(tensor2.dtype);
  for (let i = 0; i < data.length; i++) {
    const v = Number(data[i] ?? 0);
    out[i] = narrow2 ? decodeFloat(tensor2.dtype, v) : v;
  }
  return out;
}

// backends/wasm/templates/packing.ts
function constantNumbers(constant4, elements) {
  const { dtype } = constant4.type;
  const bytes2 = constant4.read();
  const aligned2 = bytes2.slice();
  if (aligned2.byteLength < byteLength(dtype, elements))
    throw new RangeError(`constant '${constant4.name}' is too short`);
  return numbersOf({ dtype, data: viewOf(dtype, aligned2.buffer, 0, elements) });
}
function packedConstant(name2, length, fill) {
  const dtype = "f32";
  return {
    name: name2,
    type: tensor(dtype, [length]),
    bytes: length * 4,
    read: () => new Uint8Array(fill().buffer)
  };
}
function packedIndices(name2, length, fill) {
  return { name: name2, type: tensor("i32", [length]), bytes: length * 4, read: () => new Uint8Array(fill().buffer) };
}

// backends/wasm/templates/conv.ts
var ROWS = 4;
var BLOCK_COLUMNS = 32;
var MOST_COLUMNS = 64;
var PATCH_FLOATS = 1 << 16;
var FLOATS2 = /* @__PURE__ */ new Set(["f32", "f16", "bf16"]);
function geometryOf(node) {
  const [x2, w] = node.inputs;
  const out = node.outputs[0]?.type;
  if (!x2 || !w || !out || w.constant === void 0) return void 0;
  const [m, depth, ...kernel] = w.type.shape;
  const group = numberAttr(node.attrs, "group", 1);
  if (kernel.length < 1 || kernel.length > 2 || !isStatic(m ?? 0) || !isStatic(depth ?? 0) || !kernel.every(isStatic))
    return void 0;
  const windows = windowsOf(node.attrs, kernel);
  const axes = windows.map(
    (win, i) => ({
      ...win,
      taps: Number(kernel[i]),
      input: x2.type.shape[2 + i] ?? 1,
      output: out.shape[2 + i] ?? 1
    })
  );
  const flat = { kernel: 1, stride: 1, dilation: 1, begin: 0, end: 0, taps: 1, input: 1, output: 1 };
  let columns = axes.at(-1);
  if (!columns) return void 0;
  let y = axes.length === 2 ? axes[0] ?? flat : flat;
  let rank = kernel.length;
  if (rank === 2 && [y, columns].every((a) => a.taps === 1 && a.stride === 1 && a.begin === 0 && a.end === 0)) {
    columns = { ...columns, input: mul(y.input, columns.input), output: mul(y.output, columns.output) };
    y = flat;
    rank = 1;
  }
  return {
    x: x2,
    w,
    batch: out.shape[0] ?? 1,
    group,
    depth: Number(depth),
    channels: Number(m) / group,
    y,
    columns,
    rank
  };
}
var isFloatConv = (node) => {
  const [x2, w] = node.inputs;
  const out = node.outputs[0];
  return [x2, w, out].every((v) => v && FLOATS2.has(v.type.dtype) && v.type.format === "dense");
};
function blockColumns(g) {
  const { output } = g.columns;
  if (!isStatic(output)) return BLOCK_COLUMNS;
  const most = Math.max(8, Math.min(MOST_COLUMNS, Math.floor(PATCH_FLOATS / g.depth / 8) * 8));
  if (output <= most) return Math.max(1, output);
  const shares = Array.from({ length: 8 }, (_, i) => 8 * Math.ceil(output / 8 / (Math.ceil(output / most) + i)));
  const waste = (share) => Math.ceil(output / share) * share;
  return Math.min(
    most,
    shares.reduce((best, share) => waste(share) < waste(best) ? share : best)
  );
}
function blockOf2(g) {
  const { y, columns: c } = g;
  const columns = blockColumns(g);
  const vectors = Math.ceil(columns / 4);
  const phases2 = c.taps === 1 ? 1 : c.stride;
  const reach = c.taps === 1 ? columns : (Math.max(columns, 4) - 1) * c.stride + (c.taps - 1) * c.dilation + 1;
  const phaseColumns = Math.ceil(Math.max(Math.ceil(reach / phases2), vectors * 4) / 4) * 4;
  const patch = (rows2) => y.taps === 1 ? rows2 : (rows2 - 1) * y.stride + (y.taps - 1) * y.dilation + 1;
  const size = (rows2) => g.depth * phases2 * patch(rows2) * phaseColumns;
  const most = isStatic(y.output) ? Math.max(1, y.output) : 8;
  let rows = 1;
  const enough = g.channels >= 16 ? 24 : 192;
  while (rows < most && rows * vectors < enough && size(rows + 1) <= PATCH_FLOATS) rows++;
  if (isStatic(y.output) && y.output > 0) rows = Math.ceil(y.output / Math.ceil(y.output / rows));
  return {
    rows,
    columns,
    vectors,
    patchRows: patch(rows),
    phases: phases2,
    phaseColumns,
    plane: phases2 * patch(rows) * phaseColumns
  };
}
function tapOffset(g, b, ky, kx) {
  const across = kx * g.columns.dilation;
  const phase = b.phases === 1 ? 0 : across % b.phases;
  const position3 = b.phases === 1 ? across : Math.floor(across / b.phases);
  return (phase * b.patchRows + ky * g.y.dilation) * b.phaseColumns + position3;
}
function copyPatch(k, g, b, x2, patch, at) {
  const { y, columns: c } = g;
  const zero2 = constant("f32", 0);
  const channelsIn = g.x.type.shape[1] ?? 1;
  const top = sub(mul(at.row, y.stride), y.begin);
  const left = sub(mul(at.column, c.stride), c.begin);
  const inside2 = (v, size, length) => {
    const low = isAtMost(0, v) ? void 0 : dimValue(v).ge(0);
    const high2 = isAtMost(add(v, length), size) ? void 0 : dimValue(add(v, length)).le(dimValue(size));
    return low && high2 ? low.and(high2) : low ?? high2;
  };
  const both2 = (p, q) => p && q ? p.and(q) : p ?? q;
  k.for(0, g.depth, 1, (d) => {
    k.for(0, b.patchRows, 1, (r) => {
      const iy = y.taps === 1 ? sub(mul(add(at.row, r), y.stride), y.begin) : add(top, r);
      const line = mul(add(mul(add(mul(at.n, channelsIn), add(at.first, d)), y.input), iy), c.input);
      const to = add(mul(d, b.plane), mul(r, b.phaseColumns));
      const rowInside = inside2(iy, y.input, 1);
      const one2 = (ix) => {
        const value = k.load(x2, add(line, ix));
        const condition = both2(rowInside, inside2(ix, c.input, 1));
        return condition ? condition.guard(value, zero2) : value;
      };
      if (c.stride === 1) {
        k.for(0, b.phaseColumns, 4, (p) => {
          const ix = add(left, p);
          const whole = both2(rowInside, inside2(ix, c.input, 4));
          const fast = () => k.store(patch, add(to, p), k.load(x2, add(line, ix), 4));
          if (!whole) fast();
          else
            k.if(whole, fast, () => {
              k.store(patch, add(to, p), pack([0, 1, 2, 3].map((i) => one2(add(ix, i)))));
            });
        });
      } else if (c.stride === 2) {
        k.for(0, b.phaseColumns, 4, (p) => {
          const ix = add(left, mul(p, 2));
          const whole = both2(rowInside, inside2(ix, c.input, 8));
          const put2 = (phase, value) => k.store(patch, add(add(to, phase * b.patchRows * b.phaseColumns), p), value);
          const fast = () => {
            const [low, high2] = [k.load(x2, add(line, ix), 4), k.load(x2, add(line, add(ix, 4)), 4)];
            for (let phase = 0; phase < b.phases; phase++)
              put2(phase, low.shuffle(high2, [phase, phase + 2, phase + 4, phase + 6]));
          };
          const slow = () => {
            for (let phase = 0; phase < b.phases; phase++)
              put2(phase, pack([0, 2, 4, 6].map((i) => one2(add(ix, i + phase)))));
          };
          if (whole) k.if(whole, fast, slow);
          else fast();
        });
      } else {
        k.for(0, b.phaseColumns, 1, (p) => {
          for (let phase = 0; phase < b.phases; phase++)
            k.store(
              patch,
              add(add(to, phase * b.patchRows * b.phaseColumns), p),
              one2(add(left, add(mul(p, c.stride), phase)))
            );
        });
      }
    });
  });
}
function packWeights(g, rows, tiles) {
  const taps = g.y.taps * g.columns.taps;
  const length = g.group * tiles * taps * g.depth * rows;
  const source = g.w.constant;
  if (!source) throw new TypeError("weights are not constant");
  return packedConstant(`${source.name}.tiles${rows}`, length, () => {
    const w = constantNumbers(source, g.group * g.channels * g.depth * taps);
    const out = new Float32Array(length);
    let at = 0;
    for (let group = 0; group < g.group; group++)
      for (let t = 0; t < tiles; t++)
        for (let tap2 = 0; tap2 < taps; tap2++)
          for (let d = 0; d < g.depth; d++)
            for (let r = 0; r < rows; r++, at++) {
              const m = t * rows + r;
              if (m < g.channels) out[at] = w[((group * g.channels + m) * g.depth + d) * taps + tap2] ?? 0;
            }
    return out;
  });
}
function build(g, request) {
  const b = blockOf2(g);
  const { y, columns: c } = g;
  const rows = Math.min(ROWS, g.channels);
  const depthwise = g.depth === 1 && c.taps <= 8;
  const group = depthwise && rows === 1 && c.taps <= 3 ? 3 : 2;
  const tiles = Math.ceil(g.channels / rows);
  const rowBlocks = ceilDiv(y.output, b.rows);
  const columnBlocks = isStatic(c.output) && c.output === b.columns ? 1 : ceilDiv(c.output, b.columns);
  const blocks = product([g.batch, g.group, rowBlocks, columnBlocks]);
  const split2 = range(blocks).max < 8 && tiles >= 16 ? Math.min(4, Math.floor(tiles / 8)) : 1;
  const tilesPerItem = Math.ceil(tiles / split2);
  const k = new KernelBuilder(request.name, "simd", 1, [mul(blocks, split2), 1, 1]);
  const x2 = request.bind(k, g.x);
  const w = request.bindPacked(k, g.w, `conv${rows}`, packWeights(g, rows, tiles));
  const patch = k.shared("patch", "f32", g.depth * b.plane + 8);
  let rest = k.group.x;
  const take = (n2) => {
    const i = mod(rest, n2);
    rest = floorDiv(rest, n2);
    return i;
  };
  const columnBlock = take(columnBlocks);
  const rowBlock = take(rowBlocks);
  const part4 = take(split2);
  const groupIndex = take(g.group);
  const n = rest;
  const row = mul(rowBlock, b.rows);
  const overlaps = columnBlocks !== 1 && isAtMost(b.columns, c.output);
  const column = overlaps ? min(mul(columnBlock, b.columns), sub(c.output, b.columns)) : mul(columnBlock, b.columns);
  copyPatch(k, g, b, x2, patch, { n, first: mul(groupIndex, g.depth), row, column });
  const taps = y.taps * c.taps;
  const slots = mul(isAtMost(add(row, b.rows), y.output) ? b.rows : min(b.rows, sub(y.output, row)), b.vectors);
  const place2 = (slot) => {
    const v = mul(mod(slot, b.vectors), 4);
    return {
      row: floorDiv(slot, b.vectors),
      column: b.columns >= 4 && b.columns % 4 !== 0 ? min(v, b.columns - 4) : v
    };
  };
  const table = taps > 1 && g.depth < 8 && !depthwise ? offsetTable(k, g, b, request) : void 0;
  const tile2 = (index, count) => {
    const base = mul(add(mul(groupIndex, tiles), index), taps * g.depth * rows);
    k.for(0, ceilDiv(slots, group), 1, (s) => {
      const places = Array.from({ length: group }, (_, v) => {
        const slot = mul(s, group);
        return place2(v === 0 ? slot : min(add(slot, v), sub(slots, 1)));
      });
      const starts = places.map((p) => add(mul(mul(p.row, y.taps === 1 ? 1 : y.stride), b.phaseColumns), p.column));
      const t = depthwise ? new Tile(k, count, group, 1) : new Tile(k, count, group);
      const step = (flat, offset) => ({
        a: (r) => k.load(w, add(add(base, mul(flat, rows)), r)),
        b: (v) => k.load(patch, add(starts[v] ?? 0, offset), 4)
      });
      if (table) t.loop(taps * g.depth, (i) => step(i, k.index(k.load(table, i), { min: 0, max: g.depth * b.plane })));
      else if (depthwise) {
        k.for(0, y.taps, 1, (ky) => {
          for (let kx = 0; kx < c.taps; kx++)
            t.step(step(add(mul(ky, c.taps), kx), add(tapOffset(g, b, 0, kx), mul(ky, y.dilation * b.phaseColumns))));
        });
      } else if (c.stride === 1 || c.taps === 1) {
        k.for(0, y.taps, 1, (ky) => {
          k.for(0, c.taps, 1, (kx) => {
            const tap2 = add(mul(ky, c.taps), kx);
            const at = add(mul(ky, y.dilation * b.phaseColumns), mul(kx, c.dilation));
            t.loop(g.depth, (d) => step(add(mul(tap2, g.depth), d), add(at, mul(d, b.plane))));
          });
        });
      } else {
        k.for(0, y.taps, 1, (ky) => {
          for (let kx = 0; kx < c.taps; kx++) {
            const tap2 = add(mul(ky, c.taps), kx);
            const at = add(mul(ky, y.dilation * b.phaseColumns), tapOffset(g, b, 0, kx));
            t.loop(g.depth, (d) => step(add(mul(tap2, g.depth), d), add(at, mul(d, b.plane))));
          }
        });
      }
      for (let r = 0; r < count; r++)
        for (let v = 0; v < group; v++) {
          const p = places[v];
          if (!p) continue;
          const m = add(mul(groupIndex, g.channels), add(mul(index, rows), r));
          const at = [n, m, ...g.rank === 2 ? [add(row, p.row)] : []];
          finishVector(
            k,
            t.value(r, v),
            add(column, p.column),
            c.output,
            (value, oc) => request.finish(k, value, [...at, oc])
          );
        }
    });
  };
  const whole = Math.floor(g.channels / rows);
  const left = g.channels - whole * rows;
  const from = mul(part4, tilesPerItem);
  k.for(from, split2 === 1 ? whole : min(add(from, tilesPerItem), whole), 1, (t) => tile2(t, rows));
  if (left > 0) {
    if (split2 === 1) tile2(whole, left);
    else k.if(dimValue(part4).eq(split2 - 1), () => tile2(whole, left));
  }
  return k.done(noteOf2(g, request));
}
function offsetTable(k, g, b, request) {
  const taps = g.y.taps * g.columns.taps;
  const name2 = g.w.constant?.name ?? "weights";
  return request.bindPacked(
    k,
    g.w,
    `offsets${b.plane}`,
    packedIndices(`${name2}.offsets${b.plane}`, taps * g.depth, () => {
      const out = new Int32Array(taps * g.depth);
      let at = 0;
      for (let ky = 0; ky < g.y.taps; ky++)
        for (let kx = 0; kx < g.columns.taps; kx++)
          for (let d = 0; d < g.depth; d++) out[at++] = tapOffset(g, b, ky, kx) + d * b.plane;
      return out;
    })
  );
}
function noteOf2(g, request) {
  const taps = g.depth * g.y.taps * g.columns.taps;
  const outputs = product(request.output.shape);
  return {
    op: "conv",
    sources: [request.anchor.source.name],
    template: "conv-simd",
    why: "direct convolution of padded patches in scratch",
    bytes: mul(4, add(add(product(g.x.type.shape), product(g.w.type.shape)), outputs)),
    flops: mul(outputs, 2 * taps)
  };
}
var convSimd = defineTemplate({
  name: "conv-simd",
  op: "conv",
  score: 10,
  why: "padded input patches in scratch, register tiles of 4 channels x 8 pixels, weights packed when compiling",
  when: (node) => isFloatConv(node) && geometryOf(node) !== void 0,
  build: (request) => {
    const g = geometryOf(request.anchor);
    if (!g) throw new TypeError("not a convolution this template runs");
    return build(g, request);
  }
});

// backends/wasm/templates/gemm.ts
var ROWS2 = 4;
var VECTORS = 2;
var PANEL = 4 * VECTORS;
var ITEM_ROWS = 24 * ROWS2;
var SCRATCH_FLOATS = 1 << 16;
var FLOATS3 = /* @__PURE__ */ new Set(["f32", "f16", "bf16"]);
function operandsOf(node) {
  const [a, b] = node.inputs;
  const out = node.outputs[0]?.type;
  if (!a || !b || !out) return void 0;
  const transposeA = flagAttr(node.attrs, "transposeA");
  const rank = a.type.shape.length;
  return {
    a,
    b,
    m: out.shape.at(-2) ?? 1,
    n: out.shape.at(-1) ?? 1,
    depth: a.type.shape[transposeA ? rank - 2 : rank - 1] ?? 1,
    batch: out.shape.slice(0, -2),
    transposeA,
    transposeB: flagAttr(node.attrs, "transposeB")
  };
}
var isFloatMatmul = (node) => {
  const o = operandsOf(node);
  if (!o) return false;
  const out = node.outputs[0]?.type.dtype ?? "string";
  return [o.a, o.b].every((v) => FLOATS3.has(v.type.dtype) && v.type.format === "dense") && FLOATS3.has(out);
};
var hasConstantB = (o) => o.b.constant !== void 0 && isStatic(o.n) && isStatic(o.depth) && o.b.type.shape.slice(0, -2).every((d) => d === 1);
function element(t, batch, transposed, i, j) {
  const lead = broadcastCoords2(t.shape.slice(0, -2), batch);
  const coords = [...lead, ...transposed ? [j, i] : [i, j]];
  return coords.reduce((p, c, i2) => add(mul(p, t.shape[i2] ?? 1), c), 0);
}
function noteFor(o, request, why) {
  const flops = mul(2, product([...request.output.shape, o.depth]));
  const size = (t) => mul(4, product(t.shape));
  return {
    op: "matmul",
    sources: [request.anchor.source.name],
    template: "gemm-simd",
    why,
    bytes: add(add(size(o.a.type), size(o.b.type)), size(request.output)),
    flops
  };
}
function overRows(k, from, to, all, tile2) {
  if (isStatic(all) && all < ROWS2) {
    tile2(0, all);
    return;
  }
  const count = sub(to, from);
  if (isAtMost(ROWS2, all)) {
    k.for(0, ceilDiv(count, ROWS2), 1, (t) => tile2(min(add(from, mul(t, ROWS2)), sub(all, ROWS2)), ROWS2));
    return;
  }
  const whole = floorDiv(count, ROWS2);
  k.for(0, whole, 1, (t) => tile2(add(from, mul(t, ROWS2)), ROWS2));
  k.for(mul(whole, ROWS2), count, 1, (t) => tile2(add(from, t), 1));
}
function buildConstantB(o, request) {
  const n = Number(o.n);
  const depth = Number(o.depth);
  const joined = !o.transposeA && o.a.type.shape.slice(0, -2).length === o.batch.length;
  const rows = joined ? product([...o.batch, o.m]) : o.m;
  const batches = joined ? 1 : product(o.batch);
  const columns = Math.min(PANEL, Math.ceil(n / 4) * 4);
  const panels = Math.ceil(n / columns);
  const startOf = (panel2) => n >= columns ? Math.min(panel2 * columns, n - columns) : 0;
  const constant4 = o.b.constant;
  if (!constant4) throw new TypeError("b is not constant");
  const packed = packedConstant(`${constant4.name}.panels`, panels * depth * columns, () => {
    const w = constantNumbers(constant4, n * depth);
    const out = new Float32Array(panels * depth * columns);
    for (let p = 0, at = 0; p < panels; p++)
      for (let i = 0; i < depth; i++)
        for (let j = 0; j < columns; j++, at++) {
          const c = startOf(p) + j;
          out[at] = c < n ? w[o.transposeB ? c * depth + i : i * n + c] ?? 0 : 0;
        }
    return out;
  });
  const blocks = ceilDiv(rows, ITEM_ROWS);
  const k = new KernelBuilder(request.name, "simd", 1, [product([batches, blocks, panels]), 1, 1]);
  const a = request.bind(k, o.a);
  const b = request.bindPacked(k, o.b, `panels${columns}${o.transposeB ? "t" : ""}`, packed);
  const panel = mod(k.group.x, panels);
  const rest = floorDiv(k.group.x, panels);
  const block2 = mod(rest, blocks);
  const batch = joined ? [] : unravel(floorDiv(rest, blocks), o.batch);
  const column = n >= columns ? min(mul(panel, columns), n - columns) : 0;
  const from = mul(block2, ITEM_ROWS);
  const to = min(add(from, ITEM_ROWS), rows);
  const vectors = columns / 4;
  overRows(k, from, to, rows, (row, count) => {
    const tile2 = new Tile(k, count, vectors);
    tile2.loop(depth, (i) => ({
      a: (r) => k.load(a, joined ? add(mul(add(row, r), depth), i) : element(o.a.type, batch, o.transposeA, add(row, r), i)),
      b: (v) => k.load(b, add(mul(add(mul(panel, depth), i), columns), 4 * v), 4)
    }));
    for (let r = 0; r < count; r++) {
      const at = joined ? unravel(add(row, r), [...o.batch, o.m]) : [...batch, add(row, r)];
      for (let v = 0; v < vectors; v++)
        finishVector(k, tile2.value(r, v), add(column, 4 * v), n, (value, c) => request.finish(k, value, [...at, c]));
    }
  });
  return k.done(noteFor(o, request, "b is constant: packed into column panels when compiling"));
}
function transpose4(rows) {
  const [a, b, c, d] = rows;
  const low = [0, 4, 1, 5];
  const high2 = [2, 6, 3, 7];
  const [ab, cd, ef, gh] = [a.shuffle(b, low), c.shuffle(d, low), a.shuffle(b, high2), c.shuffle(d, high2)];
  return [
    ab.shuffle(cd, [0, 1, 4, 5]),
    ab.shuffle(cd, [2, 3, 6, 7]),
    ef.shuffle(gh, [0, 1, 4, 5]),
    ef.shuffle(gh, [2, 3, 6, 7])
  ];
}
function packRows(k, b, panel, depth, at) {
  const whole = depth - depth % 4;
  k.for(0, whole, 4, (i) => {
    for (let v = 0; v < VECTORS; v++) {
      const row = (c) => k.load(b, at(4 * v + c, i), 4);
      transpose4([row(0), row(1), row(2), row(3)]).forEach((x2, u) => {
        k.store(panel, add(mul(add(i, u), PANEL), 4 * v), x2);
      });
    }
  });
  for (let i = whole; i < depth; i++)
    for (let c = 0; c < PANEL; c++) k.store(panel, i * PANEL + c, k.load(b, at(c, i)));
}
function buildDynamicB(o, request) {
  const panels = ceilDiv(o.n, PANEL);
  const k = new KernelBuilder(request.name, "simd", 1, [mul(product(o.batch), panels), 1, 1]);
  const a = request.bind(k, o.a);
  const b = request.bind(k, o.b);
  const panel = mod(k.group.x, panels);
  const batch = unravel(floorDiv(k.group.x, panels), o.batch);
  const wide = isAtMost(PANEL, o.n);
  const column = wide ? min(mul(panel, PANEL), sub(o.n, PANEL)) : mul(panel, PANEL);
  const columnOf = (c) => wide ? add(column, c) : min(add(column, c), sub(o.n, 1));
  const depth = o.depth;
  const packs = isStatic(depth) && depth * PANEL <= SCRATCH_FLOATS && (o.transposeB || range(o.m).max > ROWS2);
  const inPlace = (i, v) => {
    if (!o.transposeB) return k.load(b, element(o.b.type, batch, false, i, columnOf(4 * v)), 4);
    return pack([0, 1, 2, 3].map((c) => k.load(b, element(o.b.type, batch, true, i, columnOf(4 * v + c)))));
  };
  let source = inPlace;
  if (packs) {
    const scratch3 = k.shared("panel", "f32", depth * PANEL);
    if (o.transposeB) packRows(k, b, scratch3, depth, (c, i) => element(o.b.type, batch, true, i, columnOf(c)));
    else
      k.for(0, depth, 1, (i) => {
        for (let v = 0; v < VECTORS; v++) k.store(scratch3, add(mul(i, PANEL), 4 * v), inPlace(i, v));
      });
    source = (i, v) => k.load(scratch3, add(mul(i, PANEL), 4 * v), 4);
  }
  overRows(k, 0, o.m, o.m, (row, count) => {
    const tile2 = new Tile(k, count, VECTORS);
    tile2.loop(depth, (i) => ({
      a: (r) => k.load(a, element(o.a.type, batch, o.transposeA, add(row, r), i)),
      b: (v) => source(i, v)
    }));
    for (let r = 0; r < count; r++)
      for (let v = 0; v < VECTORS; v++)
        finishVector(
          k,
          tile2.value(r, v),
          add(column, 4 * v),
          o.n,
          (value, c) => request.finish(k, value, [...batch, add(row, r), c])
        );
  });
  return k.done(noteFor(o, request, packs ? "b passes through scratch panel by panel" : "b is read in place"));
}
var gemmSimd = defineTemplate({
  name: "gemm-simd",
  op: "matmul",
  score: 10,
  why: "register tiles of 4 x 8: broadcasts of a times vectors of b",
  when: (node) => isFloatMatmul(node),
  build: (request) => {
    const o = operandsOf(request.anchor);
    if (!o) throw new TypeError("not a matmul");
    return hasConstantB(o) ? buildConstantB(o, request) : buildDynamicB(o, request);
  }
});

// backends/wasm/backend.ts
var wasmBackend = defineBackend({
  name: "wasm",
  target: (features = []) => ({
    kind: "wasm",
    features: new Set(features),
    kernels: "simd",
    maxLanes: 1,
    sharedBytes: 1 << 20,
    vectorBytes: 16
  }),
  supports: (dtype) => dtype !== "string" && dtype !== "c64" && dtype !== "c128",
  templates: [gemmSimd, convSimd],
  memory: { align: 16, maxBinding: 2 ** 32 - 65536, readWriteAlias: true },
  print: (kernels, target) => [printWasm(kernels, target)],
  variants: [{ name: "relaxed", features: ["relaxed-simd"], needs: ["relaxed-madd"], applies: usesFusedMultiplyAdd }],
  device: "wasm"
});

// backends/wgsl/print.ts
init_errors();

// backends/wgsl/int64.ts
var int64 = {
  add_64: `fn add_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = a.x + b.x;
  return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}`,
  sub_64: `fn sub_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return vec2<u32>(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x)); }`,
  neg_64: `fn neg_64(a: vec2<u32>) -> vec2<u32> { return sub_64(vec2<u32>(0u, 0u), a); }`,
  mul_64: `fn mul_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let a0 = a.x & 0xffffu;
  let a1 = a.x >> 16u;
  let b0 = b.x & 0xffffu;
  let b1 = b.x >> 16u;
  let p00 = a0 * b0;
  let p01 = a0 * b1;
  let p10 = a1 * b0;
  let middle = (p00 >> 16u) + (p01 & 0xffffu) + (p10 & 0xffffu);
  let high = a1 * b1 + (p01 >> 16u) + (p10 >> 16u) + (middle >> 16u);
  return vec2<u32>((p00 & 0xffffu) | (middle << 16u), high + a.x * b.y + a.y * b.x);
}`,
  lt_u64: `fn lt_u64(a: vec2<u32>, b: vec2<u32>) -> bool { return a.y < b.y || (a.y == b.y && a.x < b.x); }`,
  lt_i64: `fn lt_i64(a: vec2<u32>, b: vec2<u32>) -> bool { return bitcast<i32>(a.y) < bitcast<i32>(b.y) || (a.y == b.y && a.x < b.x); }`,
  min_i64: `fn min_i64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return select(a, b, lt_i64(b, a)); }`,
  max_i64: `fn max_i64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return select(a, b, lt_i64(a, b)); }`,
  min_u64: `fn min_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return select(a, b, lt_u64(b, a)); }`,
  max_u64: `fn max_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return select(a, b, lt_u64(a, b)); }`,
  abs_i64: `fn abs_i64(a: vec2<u32>) -> vec2<u32> { return select(a, neg_64(a), bitcast<i32>(a.y) < 0); }`,
  shl_64: `fn shl_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let n = b.x & 63u;
  if (n == 0u) { return a; }
  if (n >= 32u) { return vec2<u32>(0u, a.x << (n - 32u)); }
  return vec2<u32>(a.x << n, (a.y << n) | (a.x >> (32u - n)));
}`,
  shr_u64: `fn shr_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let n = b.x & 63u;
  if (n == 0u) { return a; }
  if (n >= 32u) { return vec2<u32>(a.y >> (n - 32u), 0u); }
  return vec2<u32>((a.x >> n) | (a.y << (32u - n)), a.y >> n);
}`,
  shr_i64: `fn shr_i64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let n = b.x & 63u;
  let high = bitcast<i32>(a.y);
  if (n == 0u) { return a; }
  if (n >= 32u) { return vec2<u32>(bitcast<u32>(high >> (n - 32u)), bitcast<u32>(high >> 31u)); }
  return vec2<u32>((a.x >> n) | (a.y << (32u - n)), bitcast<u32>(high >> n));
}`,
  // Quotient and remainder (x, y and z, w) by shift and subtract; both 0 for a zero divisor.
  divide_u64: `fn divide_u64(a: vec2<u32>, b: vec2<u32>) -> vec4<u32> {
  var q = vec2<u32>(0u, 0u);
  var r = vec2<u32>(0u, 0u);
  if (b.x == 0u && b.y == 0u) { return vec4<u32>(q, r); }
  for (var i = 63; i >= 0; i--) {
    let carry = r.y >> 31u;
    r = vec2<u32>((r.x << 1u) | (shr_u64(a, vec2<u32>(u32(i), 0u)).x & 1u), (r.y << 1u) | (r.x >> 31u));
    if (carry != 0u || !lt_u64(r, b)) {
      r = sub_64(r, b);
      q = vec2<u32>(select(q.x, q.x | (1u << u32(i & 31)), i < 32), select(q.y, q.y | (1u << u32(i & 31)), i >= 32));
    }
  }
  return vec4<u32>(q, r);
}`,
  div_u64: `fn div_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return divide_u64(a, b).xy; }`,
  rem_u64: `fn rem_u64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return divide_u64(a, b).zw; }`,
  div_i64: `fn div_i64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let q = divide_u64(abs_i64(a), abs_i64(b)).xy;
  return select(q, neg_64(q), ((a.y ^ b.y) >> 31u) == 1u);
}`,
  rem_i64: `fn rem_i64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let r = divide_u64(abs_i64(a), abs_i64(b)).zw;
  return select(r, neg_64(r), (a.y >> 31u) == 1u);
}`,
  pow_64: `fn pow_64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if ((b.y >> 31u) == 1u) {
    let one = vec2<u32>(1u, 0u);
    if (all(a == one)) { return one; }
    if (all(a == vec2<u32>(0xffffffffu, 0xffffffffu))) { return select(one, a, (b.x & 1u) == 1u); }
    return vec2<u32>(0u, 0u);
  }
  var result = vec2<u32>(1u, 0u);
  var base = a;
  for (var e = b; e.x != 0u || e.y != 0u; e = shr_u64(e, vec2<u32>(1u, 0u))) {
    if ((e.x & 1u) == 1u) { result = mul_64(result, base); }
    base = mul_64(base, base);
  }
  return result;
}`,
  i32_to_64: `fn i32_to_64(x: i32) -> vec2<u32> { return vec2<u32>(bitcast<u32>(x), bitcast<u32>(x >> 31u)); }`,
  u32_to_64: `fn u32_to_64(x: u32) -> vec2<u32> { return vec2<u32>(x, 0u); }`,
  f32_to_i64: `fn f32_to_i64(x: f32) -> vec2<u32> {
  if (is_nan(x)) { return vec2<u32>(0u, 0u); }
  let a = trunc(abs(x));
  if (a >= 9223372036854775808.0) { return select(vec2<u32>(0xffffffffu, 0x7fffffffu), vec2<u32>(0u, 0x80000000u), x < 0.0); }
  let high = floor(a / 4294967296.0);
  let m = vec2<u32>(u32(a - high * 4294967296.0), u32(high));
  return select(m, neg_64(m), x < 0.0);
}`,
  f32_to_u64: `fn f32_to_u64(x: f32) -> vec2<u32> {
  if (is_nan(x) || x <= 0.0) { return vec2<u32>(0u, 0u); }
  let a = trunc(x);
  if (a >= 18446744073709551616.0) { return vec2<u32>(0xffffffffu, 0xffffffffu); }
  let high = floor(a / 4294967296.0);
  return vec2<u32>(u32(a - high * 4294967296.0), u32(high));
}`,
  // One rounding: bits below the 32 most significant are folded into a sticky bit.
  u64_to_f32: `fn u64_to_f32(a: vec2<u32>) -> f32 {
  if (a.y == 0u) { return f32(a.x); }
  let n = countLeadingZeros(a.y);
  let top = shl_64(a, vec2<u32>(n, 0u));
  let word = top.y | select(0u, 1u, top.x != 0u);
  return f32(word) * exp2(f32(32u - n));
}`,
  i64_to_f32: `fn i64_to_f32(a: vec2<u32>) -> f32 {
  let m = u64_to_f32(abs_i64(a));
  return select(m, -m, (a.y >> 31u) == 1u);
}`
};

// backends/wgsl/library.ts
var library2 = {
  special_bits: `var<private> special_bits: vec2<u32> = vec2<u32>(0x7f800000u, 0x7fc00000u);`,
  is_nan: `fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`,
  // min and max propagate NaN.
  min_f32: `fn min_f32(a: f32, b: f32) -> f32 { return select(select(b, a, a < b || is_nan(a)), b, is_nan(b)); }`,
  max_f32: `fn max_f32(a: f32, b: f32) -> f32 { return select(select(b, a, a > b || is_nan(a)), b, is_nan(b)); }`,
  f32_to_i32: `fn f32_to_i32(x: f32) -> i32 {
  if (is_nan(x)) { return 0; }
  if (x >= 2147483648.0) { return 2147483647; }
  return i32(max(x, -2147483648.0));
}`,
  f32_to_u32: `fn f32_to_u32(x: f32) -> u32 {
  if (is_nan(x)) { return 0u; }
  if (x >= 4294967296.0) { return 4294967295u; }
  return u32(max(x, 0.0));
}`,
  div_i32: `fn div_i32(a: i32, b: i32) -> i32 { if (b == 0) { return 0; } return a / b; }`,
  rem_i32: `fn rem_i32(a: i32, b: i32) -> i32 { if (b == 0 || b == -1) { return 0; } return a % b; }`,
  div_u32: `fn div_u32(a: u32, b: u32) -> u32 { if (b == 0u) { return 0u; } return a / b; }`,
  rem_u32: `fn rem_u32(a: u32, b: u32) -> u32 { if (b == 0u) { return 0u; } return a % b; }`,
  floor_div: `fn floor_div(a: i32, b: i32) -> i32 { return select(a / b, -((b - 1 - a) / b), a < 0); }`,
  floor_mod: `fn floor_mod(a: i32, b: i32) -> i32 { return a - floor_div(a, b) * b; }`,
  pow_u32: `fn pow_u32(a: u32, b: u32) -> u32 {
  var result = 1u;
  var base = a;
  for (var e = b; e > 0u; e = e >> 1u) {
    if ((e & 1u) != 0u) { result = result * base; }
    base = base * base;
  }
  return result;
}`,
  pow_i32: `fn pow_i32(a: i32, b: i32) -> i32 {
  if (b < 0) { return select(select(0, select(1, -1, (b & 1) != 0), a == -1), 1, a == 1); }
  var result = 1;
  var base = a;
  for (var e = b; e > 0; e = e >> 1u) {
    if ((e & 1) != 0) { result = result * base; }
    base = base * base;
  }
  return result;
}`,
  // Remainder with the sign of the dividend, exact: long division by doubling.
  rem_f32: `fn rem_f32(a: f32, b: f32) -> f32 {
  var x = abs(a);
  let y = abs(b);
  if (is_nan(x) || is_nan(y) || y == 0.0 || x > 3.4028234e38) { return bitcast<f32>(special_bits.y); }
  if (x < y) { return a; }
  var t = y;
  while (t <= x * 0.5) { t = t * 2.0; }
  while (t >= y) {
    if (x >= t) { x = x - t; }
    t = t * 0.5;
  }
  return select(x, -x, a < 0.0);
}`,
  // C's pow for any sign of the base.
  pow_f32: `fn pow_f32(a: f32, b: f32) -> f32 {
  if (b == 0.0 || a == 1.0) { return 1.0; }
  if (is_nan(a) || is_nan(b)) { return bitcast<f32>(special_bits.y); }
  let whole = floor(b) == b;
  let odd = whole && abs(b) < 16777216.0 && floor(b * 0.5) != b * 0.5;
  if (a == 0.0) { return select(bitcast<f32>(special_bits.x), 0.0, b > 0.0); }
  if (a < 0.0 && !whole) { return bitcast<f32>(special_bits.y); }
  let m = pow(abs(a), b);
  return select(m, -m, a < 0.0 && odd);
}`,
  // Odd polynomial near 0 (Cephes tanhf), 1 - 2/(e^2x + 1) elsewhere; saturates.
  tanh_f32: `fn tanh_f32(x: f32) -> f32 {
  let a = abs(x);
  if (a < 0.625) {
    let z = x * x;
    return x + x * z * ((((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z + 1.33314422036e-1) * z - 3.33332819422e-1);
  }
  let r = 1.0 - 2.0 / (exp(2.0 * min(a, 10.0)) + 1.0);
  return select(select(r, -r, x < 0.0), x, is_nan(x));
}`,
  // x - x^3/6 ... below 1, where the difference of exponentials would cancel.
  sinh_f32: `fn sinh_f32(x: f32) -> f32 {
  if (abs(x) < 1.0) {
    let z = x * x;
    return x + x * z * (1.66666667e-1 + z * (8.33333333e-3 + z * (1.98412698e-4 + z * 2.75573192e-6)));
  }
  let e = exp(abs(x) * 0.5);
  let r = 0.5 * e * e - 0.5 / (e * e);
  return select(r, -r, x < 0.0);
}`,
  cosh_f32: `fn cosh_f32(x: f32) -> f32 {
  let e = exp(abs(x) * 0.5);
  return 0.5 * e * e + 0.5 / (e * e);
}`,
  // Cephes logf: polynomial over [sqrt(1/2), sqrt(2)), exponent times log 2 in two parts. WGSL's own is exact to 2^-21 only near 1.
  log_f32: `fn log_f32(x: f32) -> f32 {
  if (x == 0.0) { return -bitcast<f32>(special_bits.x); }
  if (!(x > 0.0) || x > 3.4028234e38) { return select(bitcast<f32>(special_bits.y), x, x > 0.0); }
  let f = frexp(x);
  let low = f.fract < 0.70710678;
  let e = f32(f.exp) - select(0.0, 1.0, low);
  let m = select(f.fract, f.fract + f.fract, low) - 1.0;
  let z = m * m;
  let p = ((((((((7.0376836292e-2 * m - 1.1514610310e-1) * m + 1.1676998740e-1) * m - 1.2420140846e-1) * m + 1.4249322787e-1) * m
    - 1.6668057665e-1) * m + 2.0000714765e-1) * m - 2.4999993993e-1) * m + 3.3333331174e-1) * m * z;
  return (m + (p - 2.12194440e-4 * e - 0.5 * z)) + 0.693359375 * e;
}`,
  // log(1 + x): series below 0.1. (The usual correction by (1 + x) - 1 is undone by compilers that reassociate.)
  log1p_f32: `fn log1p_f32(x: f32) -> f32 {
  if (abs(x) < 0.1) {
    return x * (1.0 + x * (-0.5 + x * (3.33333333e-1 + x * (-0.25 + x * (0.2 + x * (-1.66666667e-1 + x * 1.42857143e-1))))));
  }
  return log_f32(1.0 + x);
}`,
  asinh_f32: `fn asinh_f32(x: f32) -> f32 {
  let a = abs(x);
  var r = log_f32(a) + 0.69314718;
  if (a < 1.0e4) { r = log1p_f32(a + a * a / (1.0 + sqrt(a * a + 1.0))); }
  return select(r, -r, x < 0.0);
}`,
  acosh_f32: `fn acosh_f32(x: f32) -> f32 {
  if (x > 1.0e4) { return log_f32(x) + 0.69314718; }
  let t = x - 1.0;
  if (t < 0.0) { return bitcast<f32>(special_bits.y); }
  return log1p_f32(t + sqrt(2.0 * t + t * t));
}`,
  atanh_f32: `fn atanh_f32(x: f32) -> f32 { return 0.5 * log1p_f32(2.0 * x / (1.0 - x)); }`,
  // Abramowitz and Stegun 7.1.6 (series) below 2, 7.1.26-like exponential with a Chebyshev fit (Numerical Recipes erfc) above.
  erf_f32: `fn erf_f32(x: f32) -> f32 {
  let a = abs(x);
  if (a < 1.0) {
    let z = x * x;
    return x * (1.12837917 + z * (-3.76126389e-1 + z * (1.12837917e-1 + z * (-2.68661706e-2 + z * (5.22397762e-3 + z * (-8.54832702e-4 + z * (1.20553330e-4 + z * (-1.49256504e-5 + z * 1.64621141e-6))))))));
  }
  let t = 1.0 / (1.0 + 0.5 * min(a, 10.0));
  let b = min(a, 10.0);
  let p = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  let r = 1.0 - t * exp(p - b * b);
  return select(select(r, -r, x < 0.0), x, is_nan(x));
}`,
  // Reduction to [-pi/4, pi/4] by a three-part pi/2 (Cody and Waite), then the Cephes sinf and cosf polynomials. Exact parts up to |x| of
  // about 1e5; larger arguments keep the hardware's error.
  sincos_f32: `fn sincos_f32(x: f32) -> vec2<f32> {
  let q = round(x * 0.63661977);
  let r = fma(-q, 7.5497899549e-8, fma(-q, 4.837512969970703e-4, fma(-q, 1.5703125, x)));
  let z = r * r;
  let s = r + r * z * (-1.6666654611e-1 + z * (8.3321608736e-3 + z * -1.9515295891e-4));
  let c = 1.0 - 0.5 * z + z * z * (4.166664568298827e-2 + z * (-1.388731625493765e-3 + z * 2.443315711809948e-5));
  let n = f32_to_i32(q) & 3;
  let swap = (n & 1) != 0;
  let a = select(s, c, swap);
  let b = select(c, s, swap);
  return vec2<f32>(select(a, -a, n >= 2), select(b, -b, n == 1 || n == 2));
}`,
  sin_f32: `fn sin_f32(x: f32) -> f32 { return sincos_f32(x).x; }`,
  cos_f32: `fn cos_f32(x: f32) -> f32 { return sincos_f32(x).y; }`,
  tan_f32: `fn tan_f32(x: f32) -> f32 { let v = sincos_f32(x); return v.x / v.y; }`,
  // Reduction to |t| <= tan(pi/8), then the Cephes atanf polynomial.
  atan_f32: `fn atan_f32(x: f32) -> f32 {
  let a = abs(x);
  var base = 0.0;
  var t = a;
  if (a > 2.414213562373095) { base = 1.5707963; t = -1.0 / a; }
  else if (a > 0.4142135623730950) { base = 0.78539816; t = (a - 1.0) / (a + 1.0); }
  let z = t * t;
  let r = base + (t + t * z * (((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z - 3.33329491539e-1));
  return select(r, -r, x < 0.0);
}`,
  atan2_f32: `fn atan2_f32(y: f32, x: f32) -> f32 {
  if (x == 0.0 && y == 0.0) { return select(0.0, 3.1415927, (bitcast<u32>(x) >> 31u) == 1u) * select(1.0, -1.0, (bitcast<u32>(y) >> 31u) == 1u); }
  if (x == 0.0) { return select(-1.5707963, 1.5707963, y > 0.0); }
  let r = atan_f32(y / x);
  return select(r, r + select(3.1415927, -3.1415927, (bitcast<u32>(y) >> 31u) == 1u), x < 0.0);
}`,
  asin_f32: `fn asin_f32(x: f32) -> f32 { return atan2_f32(x, sqrt((1.0 - x) * (1.0 + x))); }`,
  acos_f32: `fn acos_f32(x: f32) -> f32 { return atan2_f32(sqrt((1.0 - x) * (1.0 + x)), x); }`,
  // Narrow elements inside a 32-bit word.
  unpack_bool: `fn unpack_bool(word: u32, i: i32) -> bool { return ((word >> (u32(i) * 8u)) & 0xffu) != 0u; }`,
  unpack_i8: `fn unpack_i8(word: u32, i: i32) -> i32 { return bitcast<i32>(word << (24u - u32(i) * 8u)) >> 24u; }`,
  unpack_u8: `fn unpack_u8(word: u32, i: i32) -> u32 { return (word >> (u32(i) * 8u)) & 0xffu; }`,
  unpack_i16: `fn unpack_i16(word: u32, i: i32) -> i32 { return bitcast<i32>(word << (16u - u32(i) * 16u)) >> 16u; }`,
  unpack_u16: `fn unpack_u16(word: u32, i: i32) -> u32 { return (word >> (u32(i) * 16u)) & 0xffffu; }`,
  unpack_f16: `fn unpack_f16(word: u32, i: i32) -> f32 { return unpack2x16float(word >> (u32(i) * 16u)).x; }`,
  unpack_bf16: `fn unpack_bf16(word: u32, i: i32) -> f32 { return bitcast<f32>((word >> (u32(i) * 16u)) << 16u); }`,
  pack_bool: `fn pack_bool(x: bool) -> u32 { return select(0u, 1u, x); }`,
  pack_i8: `fn pack_i8(x: i32) -> u32 { return bitcast<u32>(x) & 0xffu; }`,
  pack_u8: `fn pack_u8(x: u32) -> u32 { return x & 0xffu; }`,
  pack_i16: `fn pack_i16(x: i32) -> u32 { return bitcast<u32>(x) & 0xffffu; }`,
  pack_u16: `fn pack_u16(x: u32) -> u32 { return x & 0xffffu; }`,
  // To nearest even; pack2x16float may round otherwise.
  pack_f16: `fn pack_f16(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 16u) & 0x8000u;
  let a = bits & 0x7fffffffu;
  if (a > 0x7f800000u) { return sign | 0x7e00u; }
  if (a >= 0x477ff000u) { return sign | 0x7c00u; }
  if (a < 0x33000001u) { return sign; }
  var shift = 13u;
  var m = a - 0x38000000u;
  if (a < 0x38800000u) {
    shift = 126u - (a >> 23u);
    m = (a & 0x7fffffu) | 0x800000u;
  }
  let half = 1u << (shift - 1u);
  let low = m & ((1u << shift) - 1u);
  m = m >> shift;
  if (low > half || (low == half && (m & 1u) == 1u)) { m = m + 1u; }
  return sign | m;
}`,
  pack_bf16: `fn pack_bf16(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  if (is_nan(x)) { return 0x7fc0u; }
  return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}`,
  narrow_i8: `fn narrow_i8(x: i32) -> i32 { return (x << 24u) >> 24u; }`,
  narrow_u8: `fn narrow_u8(x: u32) -> u32 { return x & 0xffu; }`,
  narrow_i16: `fn narrow_i16(x: i32) -> i32 { return (x << 16u) >> 16u; }`,
  narrow_u16: `fn narrow_u16(x: u32) -> u32 { return x & 0xffffu; }`,
  narrow_f16: `fn narrow_f16(x: f32) -> f32 { return unpack_f16(pack_f16(x), 0); }`,
  narrow_bf16: `fn narrow_bf16(x: f32) -> f32 { return unpack_bf16(pack_bf16(x), 0); }`,
  add_f32: `fn add_f32(at: ptr<storage, atomic<u32>, read_write>, x: f32) {
  var old = atomicLoad(at);
  loop {
    let r = atomicCompareExchangeWeak(at, old, bitcast<u32>(bitcast<f32>(old) + x));
    if (r.exchanged) { break; }
    old = r.old_value;
  }
}`
};

// backends/wgsl/reserved.ts
var reserved2 = new Set(
  `alias break case const const_assert continue continuing default diagnostic discard else enable false fn for if let loop
  override requires return struct switch true var while NULL Self abstract active alignas alignof as asm asm_fragment async
  attribute auto await become cast catch class co_await co_return co_yield coherent column_major common compile
  compile_fragment concept const_cast consteval constexpr constinit crate debugger decltype delete demote
  demote_to_helper do dynamic_cast enum explicit export extends extern external fallthrough filter final finally friend from
  fxgroup get goto groupshared highp impl implements import inline instanceof interface layout lowp macro macro_rules match
  mediump meta mod module move mut mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent
  noperspective null nullptr of operator package packoffset partial pass patch pixelfragment precise precision premerge priv
  protected pub public readonly ref regardless register reinterpret_cast require resource restrict self set shared sizeof
  smooth snorm static static_assert static_cast std subroutine super target template this thread_local throw trait try type
  typedef typeid typename typeof union unless unorm unsafe unsized use using varying virtual volatile wgsl where with
  writeonly yield bool f16 f32 i32 u32 vec2 vec3 vec4 vec2f vec4f vec2i vec4i vec2u vec4u vec2h vec4h mat2x2 mat3x3 mat4x4
  array atomic ptr sampler texture_1d read write read_write function private workgroup uniform storage abs min max select
  clamp floor ceil trunc round sqrt exp exp2 log log2 pow fma sign bitcast countOneBits countLeadingZeros atomicAdd
  atomicAnd atomicOr atomicLoad atomicStore workgroupBarrier storageBarrier subgroupAdd subgroupMax subgroupMin
  subgroupBroadcastFirst subgroupShuffleXor dot4I8Packed unpack2x16float all any inverseSqrt lane groupX groupY groupZ
  local group scalars Scalars groups`.split(/\s+/)
);

// backends/wgsl/storage.ts
var NARROW = /* @__PURE__ */ new Set(["bool", "i8", "u8", "i16", "u16", "f16", "bf16"]);
var storable2 = (dtype) => NARROW.has(dtype) || dtype === "f32" || dtype === "i32" || dtype === "u32" || dtype === "i64" || dtype === "u64";
function accessesOf(kernel) {
  const out = /* @__PURE__ */ new Map();
  const put2 = (b, a) => {
    const list = out.get(b.name);
    if (list) list.push(a);
    else out.set(b.name, [a]);
  };
  const seen = /* @__PURE__ */ new Set();
  const expr = (e) => {
    if (seen.has(e)) return;
    seen.add(e);
    if (e.node.kind === "load") put2(e.node.buffer, { width: e.width, index: e.node.index, kind: "load" });
    visitExpr(e, expr, () => void 0);
  };
  const visit = (list) => {
    for (const s of list) {
      if (s.kind === "let" || s.kind === "var" || s.kind === "set") expr(s.value);
      else if (s.kind === "store" || s.kind === "atomicAdd") {
        put2(s.buffer, { width: s.value.width, index: s.index, kind: s.kind === "store" ? "store" : "atomic" });
        expr(s.value);
      } else if (s.kind === "for") visit(s.body);
      else if (s.kind === "if") {
        expr(s.condition);
        visit(s.body);
        visit(s.otherwise);
      }
    }
  };
  visit(kernel.body);
  return out;
}
var elementsPerWord = (dtype) => 32 / bitsOf[dtype];
var isWholeWord = (dtype, a) => a.width % elementsPerWord(dtype) === 0 && isMultipleOf(a.index, elementsPerWord(dtype));
function representations(kernel) {
  const accesses = accessesOf(kernel);
  const out = /* @__PURE__ */ new Map();
  for (const b of [...kernel.buffers, ...kernel.shared]) {
    const list = accesses.get(b.name) ?? [];
    const atomic = list.some((a) => a.kind === "atomic");
    const type = computeType(b.storage);
    if (b.storage === "i64" || b.storage === "u64")
      out.set(b.name, { form: "pair", element: "vec2<u32>", atomic: false });
    else if (NARROW.has(b.storage)) {
      if (b.space === "shared")
        out.set(b.name, { form: "wide", element: type === "bool" ? "u32" : type, atomic: false });
      else
        out.set(b.name, {
          form: "packed",
          element: "u32",
          atomic: list.some((a) => a.kind === "store" && !isWholeWord(b.storage, a))
        });
    } else if (!atomic && list.length > 0 && list.every((a) => a.width === 4 && isMultipleOf(a.index, 4)) && isMultipleOf(b.elements, 4))
      out.set(b.name, { form: "vec4", element: `vec4<${type}>`, atomic: false });
    else out.set(b.name, { form: "plain", element: atomic && b.storage === "f32" ? "u32" : type, atomic });
  }
  return out;
}
var scaled = (index, by, p) => {
  const text2 = p.dim(index);
  return /^\d+$/.test(text2) ? String(Number(text2) / by) : `${text2} / ${by}`;
};
function printLoad(buffer, r, index, width, p) {
  const name2 = p.identifier(buffer.name);
  const type = computeType(buffer.storage);
  const at = (i, element2) => {
    const raw = r.atomic ? `atomicLoad(&${name2}[${unwrap(i)}])` : `${name2}[${unwrap(i)}]`;
    return r.atomic && element2 === "f32" ? `bitcast<f32>(${raw})` : raw;
  };
  if (r.form === "vec4") return `${name2}[${scaled(index, 4, p)}]`;
  if (r.form === "pair" && width !== 1) throw p.error("vectors of 64-bit integers are not available in WGSL");
  if (r.form === "packed") return printPackedLoad(buffer, index, width, at, p);
  const wrap = (text2) => r.form === "wide" && type === "bool" ? `(${text2} != 0u)` : text2;
  if (width === 1) return wrap(at(p.dim(index), type));
  const base = p.namedDim(index);
  const parts = Array.from({ length: width }, (_, i) => wrap(at(i === 0 ? base : `${base} + ${i}`, type)));
  return `vec${width}<${type}>(${parts.join(", ")})`;
}
function printPackedLoad(buffer, index, width, at, p) {
  const { storage: storage2 } = buffer;
  const per = elementsPerWord(storage2);
  const type = computeType(storage2);
  const unpack = (word2, i) => `${p.need(`unpack_${storage2}`)}(${word2}, ${i})`;
  if (width > 1 && isMultipleOf(index, per) && width % per === 0) {
    const words = Array.from({ length: width / per }, (_, k) => {
      const text2 = scaled(index, per, p);
      return p.name({ text: at(k === 0 ? text2 : `${text2} + ${k}`, "u32"), type: "u32", width: 1 }, "w");
    });
    const parts = words.flatMap((w) => Array.from({ length: per }, (_, i) => unpack(w, String(i))));
    return width === 1 ? parts[0] ?? "" : `vec${width}<${type}>(${parts.join(", ")})`;
  }
  const base = p.namedDim(index);
  const one2 = (k) => {
    if (/^\d+$/.test(base)) {
      const i2 = Number(base) + k;
      return unpack(at(String(Math.floor(i2 / per)), "u32"), String(i2 % per));
    }
    const i = k === 0 ? base : `(${base} + ${k})`;
    return unpack(at(`${i} / ${per}`, "u32"), `${i} & ${per - 1}`);
  };
  return width === 1 ? one2(0) : `vec${width}<${type}>(${Array.from({ length: width }, (_, k) => one2(k)).join(", ")})`;
}
function printStore(buffer, r, index, value, p) {
  const name2 = p.identifier(buffer.name);
  const { storage: storage2 } = buffer;
  const type = computeType(storage2);
  if (r.form === "vec4") {
    p.emit(`${name2}[${scaled(index, 4, p)}] = ${value.text};`);
    return;
  }
  if (r.form === "pair" && value.width !== 1) throw p.error("vectors of 64-bit integers are not available in WGSL");
  const parts = componentsOf(value, p);
  if (r.form === "packed") {
    const per = elementsPerWord(storage2);
    const bits = parts.map((v) => `${p.need(`pack_${storage2}`)}(${v})`);
    if (!r.atomic) {
      const base3 = scaled(index, per, p);
      for (let w = 0; w < parts.length / per; w++) {
        const word2 = bits.slice(w * per, w * per + per).map((b, i) => i === 0 ? b : `(${b} << ${32 / per * i}u)`);
        p.emit(`${name2}[${w === 0 ? base3 : `${base3} + ${w}`}] = ${word2.join(" | ")};`);
      }
      return;
    }
    const base2 = p.namedDim(index);
    const mask = per === 4 ? "0xffu" : "0xffffu";
    bits.forEach((b, k) => {
      const i = p.name({ text: k === 0 ? base2 : `${base2} + ${k}`, type: "i32", width: 1 }, "at");
      const shift2 = p.name({ text: `u32(${i} & ${per - 1}) * ${32 / per}u`, type: "u32", width: 1 }, "shift");
      p.emit(`atomicAnd(&${name2}[${i} / ${per}], ~(${mask} << ${shift2}));`);
      p.emit(`atomicOr(&${name2}[${i} / ${per}], ${b} << ${shift2});`);
    });
    return;
  }
  const base = parts.length === 1 ? unwrap(p.dim(index)) : p.namedDim(index);
  parts.forEach((v, k) => {
    const at = k === 0 ? base : `${base} + ${k}`;
    let text2 = v;
    if (r.form === "wide") text2 = type === "bool" ? `select(0u, 1u, ${v})` : `${p.need(`narrow_${storage2}`)}(${v})`;
    if (r.atomic) p.emit(`atomicStore(&${name2}[${at}], ${storage2 === "f32" ? `bitcast<u32>(${text2})` : text2});`);
    else p.emit(`${name2}[${at}] = ${text2};`);
  });
}
function componentsOf(value, p) {
  if (value.width === 1) return [value.text];
  const v = p.name(value);
  return Array.from({ length: value.width }, (_, i) => p.language.component(v, i));
}

// backends/wgsl/print.ts
var OPERATOR2 = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  and: "&",
  or: "|",
  xor: "^",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
  eq: "==",
  ne: "!="
};
var is64 = (t) => t === "i64" || t === "u64";
var NATIVE = /* @__PURE__ */ new Set(["abs", "floor", "ceil", "trunc", "round", "sqrt", "exp", "exp2", "log2"]);
var FROM_LIBRARY = /* @__PURE__ */ new Set([
  ...[
    "log",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "erf"
  ]
]);
function typeName2(type, width) {
  const scalar4 = is64(type) ? "vec2<u32>" : type;
  if (type === "f64" || type === "f16")
    throw new InfcError("INFC4021", `WGSL kernels cannot compute in ${type}`, {
      fix: "Compute in f32, or run the op on the host"
    });
  if (width === 1) return scalar4;
  if ((width === 2 || width === 4) && !is64(type)) return `vec${width}<${type}>`;
  throw new InfcError("INFC4021", `WGSL has no vector of ${width} ${type} values`, {
    fix: "Use width 1, 2 or 4 of a 32-bit type"
  });
}
function unary2(op, a, p) {
  const x2 = a.text;
  if (is64(a.type)) {
    if (op === "neg") return `${p.need("neg_64")}(${x2})`;
    if (op === "not") return `(~${x2})`;
    if (op === "abs") return a.type === "u64" ? x2 : `${p.need("abs_i64")}(${x2})`;
    if (op === "isnan") return "false";
    if (op === "floor" || op === "ceil" || op === "trunc" || op === "round") return x2;
    throw p.error(`'${op}' of a 64-bit integer is not available in WGSL`);
  }
  if (a.type === "bool") {
    if (op === "not") return `(!${x2})`;
    throw p.error(`'${op}' has no meaning on bool`);
  }
  if (a.type !== "f32") {
    if (op === "neg") return a.type === "u32" ? `(~${x2} + 1u)` : `(-${x2})`;
    if (op === "not") return `(~${x2})`;
    if (op === "abs") return `abs(${x2})`;
    if (op === "popcount") return `countOneBits(${x2})`;
    if (op === "clz") return `countLeadingZeros(${x2})`;
    if (op === "isnan") return a.width === 1 ? "false" : `vec${a.width}<bool>(false)`;
    if (op === "floor" || op === "ceil" || op === "trunc" || op === "round") return x2;
    throw p.error(`'${op}' has no meaning on ${a.type}`);
  }
  if (op === "neg") return `(-${x2})`;
  if (NATIVE.has(op)) return `${op}(${x2})`;
  const call = (name2, type) => p.componentwise([a], type, ([v]) => `${p.need(name2)}(${v?.text ?? ""})`);
  if (op === "isnan") return call("is_nan", "bool");
  if (FROM_LIBRARY.has(op)) return call(`${op}_f32`, "f32");
  throw p.error(`'${op}' has no meaning on f32`);
}
var constantOf4 = (e) => e.node.kind === "const" ? e.node.value : e.node.kind === "splat" ? constantOf4(e.node.a) : void 0;
function binary2(op, a, b, nodes, p) {
  const type = a.type;
  const call = (name2, result = type) => p.componentwise([a, b], result, ([x2, y]) => `${p.need(name2)}(${x2?.text ?? ""}, ${y?.text ?? ""})`);
  if (is64(type)) return binary64(op, a, b, p);
  const divisor = constantOf4(nodes.b);
  switch (op) {
    case "div":
    case "rem":
      if (type === "f32") return op === "div" ? `(${a.text} / ${b.text})` : call("rem_f32");
      if (divisor !== void 0 && Number(divisor) > 0) return `(${a.text} ${op === "div" ? "/" : "%"} ${b.text})`;
      return call(`${op}_${type}`);
    case "min":
    case "max":
      if (type === "bool") return `(${a.text} ${op === "min" ? "&" : "|"} ${b.text})`;
      if (type !== "f32") return `${op}(${a.text}, ${b.text})`;
      return floatMinMax(op, a, b, nodes, p);
    case "pow":
      return type === "f32" ? power(a, divisor, call, p) : call(`pow_${type}`);
    case "atan2":
      return call("atan2_f32");
    case "shl":
    case "shr": {
      const word2 = a.width === 1 ? "u32" : `vec${a.width}<u32>`;
      const amount = divisor !== void 0 && a.width === 1 ? `${Number(divisor) & 31}u` : `(${word2}(${b.text}) & ${word2}(31u))`;
      return `(${a.text} ${op === "shl" ? "<<" : ">>"} ${amount})`;
    }
    case "xor":
      if (type === "bool") return `(${a.text} != ${b.text})`;
      break;
    case "mul":
      if (type === "bool") return `(${a.text} & ${b.text})`;
      break;
    case "add":
      if (type === "bool") return `(${a.text} | ${b.text})`;
      break;
    case "lt":
    case "le":
    case "gt":
    case "ge":
      if (type === "bool") {
        const u = (t) => t.width === 1 ? `u32(${t.text})` : `vec${t.width}<u32>(${t.text})`;
        return `(${u(a)} ${OPERATOR2[op]} ${u(b)})`;
      }
      break;
  }
  if (op === "ne" && type === "f32") return `!(${a.text} == ${b.text})`;
  const symbol = OPERATOR2[op];
  if (!symbol) throw p.error(`'${op}' has no meaning on ${type}`);
  return `(${a.text} ${symbol} ${b.text})`;
}
function floatMinMax(op, a, b, nodes, p) {
  const compare2 = op === "min" ? ">" : "<";
  const isNumber4 = (e) => {
    const c = constantOf4(e);
    return c !== void 0 && !Number.isNaN(Number(c));
  };
  if (isNumber4(nodes.b)) {
    const x2 = p.name(a);
    return `select(${x2}, ${b.text}, ${x2} ${compare2} ${b.text})`;
  }
  if (isNumber4(nodes.a)) {
    const y = p.name(b);
    return `select(${y}, ${a.text}, ${y} ${compare2} ${a.text})`;
  }
  return p.componentwise([a, b], "f32", ([x2, y]) => `${p.need(`${op}_f32`)}(${x2?.text ?? ""}, ${y?.text ?? ""})`);
}
function power(a, exponent, call, p) {
  if (a.width === 1 && exponent !== void 0) {
    const x2 = p.name(a);
    if (exponent === 1) return x2;
    if (exponent === 2) return `(${x2} * ${x2})`;
    if (exponent === 3) return `(${x2} * ${x2} * ${x2})`;
    if (exponent === 4) return `((${x2} * ${x2}) * (${x2} * ${x2}))`;
    if (exponent === 0.5) return `sqrt(${x2})`;
    if (exponent === -1) return `(1.0 / ${x2})`;
    if (exponent === -0.5) return `(1.0 / sqrt(${x2}))`;
    if (exponent === -2) return `(1.0 / (${x2} * ${x2}))`;
  }
  return call("pow_f32");
}
function binary64(op, a, b, p) {
  const [x2, y] = [a.text, b.text];
  const sign2 = a.type;
  switch (op) {
    case "add":
    case "sub":
    case "mul":
    case "shl":
    case "pow":
      return `${p.need(`${op}_64`)}(${x2}, ${y})`;
    case "div":
    case "rem":
    case "min":
    case "max":
    case "shr":
    case "lt":
      return `${p.need(`${op}_${sign2}`)}(${x2}, ${y})`;
    case "gt":
      return `${p.need(`lt_${sign2}`)}(${y}, ${x2})`;
    case "le":
      return `(!${p.need(`lt_${sign2}`)}(${y}, ${x2}))`;
    case "ge":
      return `(!${p.need(`lt_${sign2}`)}(${x2}, ${y}))`;
    case "eq":
      return `all(${x2} == ${y})`;
    case "ne":
      return `any(${x2} != ${y})`;
    case "and":
    case "or":
    case "xor":
      return `(${x2} ${OPERATOR2[op]} ${y})`;
    case "atan2":
      throw p.error("'atan2' has no meaning on 64-bit integers");
  }
}
function cast(to, a, p) {
  const x2 = a.text;
  const wide = typeName2(to, a.width);
  if (a.type === to) return x2;
  if (is64(to)) {
    if (a.width !== 1) throw p.error("vectors of 64-bit integers are not available in WGSL");
    if (is64(a.type)) return x2;
    if (a.type === "f32") return `${p.need(`f32_to_${to}`)}(${x2})`;
    return a.type === "i32" ? `${p.need("i32_to_64")}(${x2})` : `${p.need("u32_to_64")}(${a.type === "bool" ? `u32(${x2})` : x2})`;
  }
  if (is64(a.type)) {
    if (to === "bool") return `any(${x2} != vec2<u32>(0u))`;
    if (to === "f32") return `${p.need(`${a.type}_to_f32`)}(${x2})`;
    const word2 = `${p.name(a)}.x`;
    return to === "i32" ? `bitcast<i32>(${word2})` : word2;
  }
  if (a.type === "f32" && (to === "i32" || to === "u32"))
    return p.componentwise([a], to, ([v]) => `${p.need(`f32_to_${to}`)}(${v?.text ?? ""})`);
  return `${wide}(${x2})`;
}
function constant3(type, value, p) {
  switch (type) {
    case "bool":
      return Number(value) !== 0 ? "true" : "false";
    case "i32": {
      const v = Number(value) | 0;
      return v === -2147483648 ? "i32(-2147483648)" : v < 0 ? `(${v})` : String(v);
    }
    case "u32":
      return `${Number(value) >>> 0}u`;
    case "i64":
    case "u64": {
      const v = BigInt.asUintN(64, BigInt(value));
      return `vec2<u32>(${v & 0xffffffffn}u, ${v >> 32n}u)`;
    }
    case "f32": {
      const v = Math.fround(Number(value));
      if (Number.isNaN(v)) return `bitcast<f32>(${p.need("special_bits")}.y)`;
      if (!Number.isFinite(v))
        return v > 0 ? `bitcast<f32>(${p.need("special_bits")}.x)` : `(-bitcast<f32>(${p.need("special_bits")}.x))`;
      const text2 = shortestFloat(Math.abs(v));
      return v < 0 || Object.is(v, -0) ? `(-${text2})` : text2;
    }
    default:
      return typeName2(type, 1);
  }
}
var language2 = (reps) => {
  const rep = (name2) => {
    const r = reps.get(name2);
    if (!r) throw new InfcError("INFC4007", `buffer '${name2}' is used but not declared by the kernel`);
    return r;
  };
  return {
    reserved: reserved2,
    library: { ...library2, ...int64 },
    lazyTernary: false,
    type: typeName2,
    constant: constant3,
    unary: unary2,
    binary: binary2,
    fma: (a, b, c, p) => a.type === "f32" ? `fma(${a.text}, ${b.text}, ${c.text})` : is64(a.type) ? `${p.need("add_64")}(${p.need("mul_64")}(${a.text}, ${b.text}), ${c.text})` : `(${a.text} * ${b.text} + ${c.text})`,
    select: (c, a, b) => `select(${b.text}, ${a.text}, ${c.text})`,
    cast,
    bitcast: (to, a) => is64(to) ? a.text : `bitcast<${typeName2(to, a.width)}>(${a.text})`,
    narrow: (to, a, p) => {
      if (to === "f32" || to === "i32" || to === "u32" || to === "i64" || to === "u64") return a.text;
      if (to === "bool")
        return a.type === "bool" ? a.text : cast(a.type, { ...a, type: "bool", text: cast("bool", a, p) }, p);
      const through2 = to.startsWith("i") ? "i32" : to.startsWith("u") ? "u32" : "f32";
      const helper = `narrow_${to}`;
      if (!Object.hasOwn(library2, helper)) throw p.error(`narrowing to ${to} is not available in WGSL`);
      const v = { text: cast(through2, a, p), type: through2, width: a.width };
      const text2 = p.componentwise([v], through2, ([x2]) => `${p.need(helper)}(${x2?.text ?? ""})`);
      return cast(a.type, { ...v, text: text2 }, p);
    },
    pack: (type, elements) => `${typeName2(type, elements.length)}(${elements.join(", ")})`,
    component: (a, i) => `${a}.${"xyzw"[i] ?? "x"}`,
    dot4: (a, b, c, p) => p.componentwise(
      [a, b, c],
      "i32",
      ([x2, y, z]) => `(${z?.text ?? ""} + dot4I8Packed(${x2?.text ?? ""}, ${y?.text ?? ""}))`
    ),
    subgroup: (op, a, mask, p) => {
      if (is64(a.type) || a.type === "bool")
        throw p.error(`subgroup operations on ${a.type} are not available in WGSL`);
      p.needed.add("subgroups");
      if (op === "shuffleXor") return `subgroupShuffleXor(${a.text}, ${mask}u)`;
      return `${{ add: "subgroupAdd", max: "subgroupMax", min: "subgroupMin", broadcastFirst: "subgroupBroadcastFirst" }[op]}(${a.text})`;
    },
    intrinsic: (name2, _args, _result, p) => {
      throw p.error(`intrinsic '${name2}' is not available in WGSL`);
    },
    load: (buffer, index, width, p) => printLoad(buffer, rep(buffer.name), index, width, p),
    store: (buffer, index, value, p) => printStore(buffer, rep(buffer.name), index, value, p),
    atomicAdd: (buffer, index, value, p) => {
      const at = `&${p.identifier(buffer.name)}[${p.dim(index)}]`;
      if (buffer.storage === "f32" && buffer.space === "global") p.emit(`${p.need("add_f32")}(${at}, ${value.text});`);
      else if (buffer.storage === "i32" || buffer.storage === "u32") p.emit(`atomicAdd(${at}, ${value.text});`);
      else throw p.error(`atomic addition on ${buffer.space} ${buffer.storage} is not available in WGSL`);
    },
    barrier: (p) => {
      p.emit("workgroupBarrier();");
      if (p.kernel.buffers.some((b) => b.access === "read_write")) p.emit("storageBarrier();");
    },
    floorDiv: (a, b, p) => `${p.need("floor_div")}(${a}, ${b})`,
    floorMod: (a, b, p) => `${p.need("floor_mod")}(${a}, ${b})`,
    let: (name2, _type, _width, value) => `let ${name2} = ${value};`,
    var: (name2, type, width, value) => value === void 0 ? `var ${name2}: ${typeName2(type, width)};` : `var ${name2}: ${typeName2(type, width)} = ${value};`,
    loop: (i, from, to, step) => `for (var ${i}: i32 = ${from}; ${i} < ${to}; ${i} += ${step})`
  };
};
var MAX_GROUPS = 65535;
function printKernel2(kernel) {
  if (kernel.kind !== "simt")
    throw new InfcError("INFC4020", `kernel '${kernel.name}' is of kind simd: WGSL runs simt kernels only`);
  const reps = representations(kernel);
  const p = new KernelPrinter(kernel, language2(reps));
  const entry = p.identifier(kernel.name);
  const body = p.body();
  const declarations = [];
  kernel.buffers.forEach((b, i) => {
    const r = reps.get(b.name);
    if (!r) return;
    const access = b.access === "read" ? "read" : "read_write";
    const element2 = r.atomic ? `atomic<${r.element}>` : r.element;
    declarations.push(`@group(0) @binding(${i}) var<storage, ${access}> ${p.identifier(b.name)}: array<${element2}>;`);
  });
  if (kernel.scalars.length > 0) {
    const fields = kernel.scalars.map((s) => `  ${p.identifier(s)}: i32,
`).join("");
    declarations.push(
      `struct Scalars {
${fields}}
@group(0) @binding(${kernel.buffers.length}) var<uniform> scalars: Scalars;`
    );
  }
  for (const b of kernel.shared) {
    const r = reps.get(b.name);
    if (!r) continue;
    const elements = evaluate(b.elements, {});
    const length = r.form === "vec4" ? elements / 4 : elements;
    declarations.push(
      `var<workgroup> ${p.identifier(b.name)}: array<${r.atomic ? `atomic<${r.element}>` : r.element}, ${length}>;`
    );
  }
  const prelude = kernel.scalars.map((s) => `  let ${p.identifier(s)} = scalars.${p.identifier(s)};`);
  if (kernel.lanes > 1) prelude.push("  let lane = i32(local);");
  const [gx, gy, gz] = kernel.grid;
  const isFolded = kernel.grid.some((g) => upperBound(g) > MAX_GROUPS);
  if (isFolded) {
    const one2 = gy === 1 && gz === 1;
    prelude.push("  let linear = i32(group.x + groups.x * (group.y + groups.y * group.z));");
    prelude.push(`  if (linear >= ${one2 ? p.dim(gx) : `${p.dim(gx)} * ${p.dim(gy)} * ${p.dim(gz)}`}) { return; }`);
    prelude.push(one2 ? "  let groupX = linear;" : `  let groupX = linear % ${p.dim(gx)};`);
    if (!one2)
      prelude.push(
        `  let groupY = linear / ${p.dim(gx)} % ${p.dim(gy)};`,
        `  let groupZ = linear / (${p.dim(gx)} * ${p.dim(gy)});`
      );
  } else {
    for (const [axis, g] of [["X", gx], ["Y", gy], ["Z", gz]])
      if (!isStatic(g) || g > 1) prelude.push(`  let group${axis} = i32(group.${axis.toLowerCase()});`);
  }
  const hasSubgroups = p.needed.delete("subgroups");
  const builtins = [
    "@builtin(workgroup_id) group: vec3<u32>",
    ...kernel.lanes > 1 ? ["@builtin(local_invocation_index) local: u32"] : [],
    ...isFolded ? ["@builtin(num_workgroups) groups: vec3<u32>"] : []
  ];
  const text2 = `${headerComment(kernel)}${hasSubgroups ? "enable subgroups;\n" : ""}
${declarations.join("\n")}

${libraryText({ ...library2, ...int64 }, p.needed)}@compute @workgroup_size(${kernel.lanes})
fn ${entry}(${builtins.join(", ")}) {
${[...prelude, ...body].join("\n")}
}
`;
  return { text: text2, entry };
}
function printWgsl(kernels, target) {
  return kernels.map((k) => {
    if (k.lanes > target.maxLanes)
      throw new InfcError("INFC4022", `kernel '${k.name}' has ${k.lanes} lanes; the target allows ${target.maxLanes}`);
    const { text: text2, entry } = printKernel2(k);
    return { file: `${entry}.wgsl`, content: text2, entries: /* @__PURE__ */ new Map([[k.name, entry]]) };
  });
}

// backends/wgsl/backend.ts
var wgslBackend = defineBackend({
  name: "wgsl",
  target: (features = []) => ({
    kind: "wgsl",
    features: new Set(features),
    kernels: "simt",
    maxLanes: 256,
    sharedBytes: 16384,
    vectorBytes: 16
  }),
  supports: storable2,
  templates: [...gemmRegtile, ...gemv],
  memory: { align: 256, maxBinding: 134217728, readWriteAlias: false },
  print: printWgsl,
  device: "webgpu"
});

// passes/canonicalize/dedupe.ts
var dedupe = definePass({
  name: "dedupe",
  phase: "canonicalize",
  does: "computes equal nodes once",
  run(graph, context) {
    const seen = /* @__PURE__ */ new Map();
    for (const node of [...graph.nodes]) {
      const op = context.ops.op(node.op);
      if (!op || op.pure === false || op.control || op.host !== void 0) continue;
      const attrs = Object.entries(node.attrs).filter(([, v]) => v !== void 0).sort(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => `${k}=${attributeKey(v)}`);
      const key2 = `${node.op}(${node.inputs.map((v) => v?.id ?? "-").join(",")}){${attrs.join(";")}}${node.outputs.map((o) => o.type.dtype).join(",")}`;
      const old = seen.get(key2);
      if (!old) {
        seen.set(key2, node);
        continue;
      }
      if (node.outputs.every((o) => o.uses.length === 0 && !graph.outputs.includes(o))) continue;
      node.outputs.forEach((o, i) => {
        const same = old.outputs[i];
        if (same && !graph.outputs.includes(o)) graph.replaceUses(o, same);
      });
      if (node.outputs.every((o) => o.uses.length === 0 && !graph.outputs.includes(o))) {
        graph.remove(node);
        context.changed(node, `same as '${old.source.name}'`);
      }
    }
  }
});
var identities = /* @__PURE__ */ new WeakMap();
var counter = 0;
function attributeKey(a) {
  if (Array.isArray(a)) return `[${a.map(attributeKey).join(",")}]`;
  if (typeof a === "object" && a !== null) {
    if (!(a instanceof Graph) && "key" in a && typeof a.key === "string") return a.key;
    const id = identities.get(a) ?? counter++;
    identities.set(a, id);
    return `#${id}`;
  }
  return `${typeof a}:${String(a)}`;
}

// passes/canonicalize/fold-constants.ts
var GROWTH_LIMIT = 1 << 20;
var foldConstants = definePass({
  name: "fold-constants",
  phase: "canonicalize",
  does: "computes what depends on constants only, and replaces shape arithmetic by its symbolic result",
  run(graph, context) {
    const usesOf = (v) => v.uses.length > 0 || graph.outputs.includes(v);
    for (const node of [...graph.nodes]) {
      const op = context.ops.op(node.op);
      if (!op || op.pure === false || op.control || node.outputs.every((o) => !usesOf(o))) continue;
      if (node.op !== "dims") {
        for (const o of node.outputs) if (usesOf(o) && o.known) useContents(graph, node, o, o.known, context);
      }
      if (node.inputs.every((v) => v === null || v.constant !== void 0) && node.outputs.every(isFoldable))
        foldNode(graph, node, context);
    }
  }
});
var isFoldable = (v) => v.type.container === void 0 && v.type.dtype !== "string" && v.type.shape.every(isStatic);
function useContents(graph, node, value, known, context) {
  const { dtype, shape } = value.type;
  if (shape.some((d) => !isStatic(d)) || known.some((d) => typeof d === "number" && !Number.isSafeInteger(d) && (dtype === "i64" || dtype === "i32")))
    return;
  const b = builderAt(graph, node, context);
  if (known.every(isStatic)) {
    const dims2 = shape.filter(isStatic);
    if (dtype !== "i64" && dtype !== "i32" && dtype !== "bool") return;
    const made = b.constant(dtype, dims2, known.filter(isStatic), value.name);
    made.known = known;
    graph.replaceUses(value, made);
    context.changed(node, "contents follow from shapes");
  } else if (node.op !== "read_dims" && node.op !== "reshape" && (dtype === "i64" || dtype === "i32") && shape.length <= 1) {
    const made = b.node(
      "dims",
      [],
      { dims: known, dtype, ...shape.length === 0 ? { scalar: true } : {} },
      `${value.name}`
    );
    graph.replaceUses(value, made);
    context.changed(node, "contents follow from symbolic shapes");
  }
}
function foldNode(graph, node, context) {
  const inputBytes = node.inputs.reduce((n, v) => n + (v?.constant?.bytes ?? 0), 0);
  for (const out of node.outputs) {
    if (out.uses.length === 0 && !graph.outputs.includes(out)) continue;
    const elements = out.type.shape.reduce((n, d) => n * Number(d), 1);
    if (elements * 4 > GROWTH_LIMIT && elements * 4 > inputBytes * 2) continue;
    const result = context.evaluate(out);
    if (!result) continue;
    graph.replaceUses(out, constantOf5(graph, out, result));
    context.changed(node, "computed at compile time");
  }
}
function constantOf5(graph, like2, result) {
  const data = result.data;
  if (!ArrayBuffer.isView(data)) throw new TypeError("a tensor of strings cannot be a constant here");
  const bytes2 = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const v = graph.constant({
    name: like2.name,
    type: { dtype: result.dtype, shape: result.shape, format: "dense" },
    bytes: bytes2.byteLength,
    read: () => bytes2
  });
  v.known = like2.known;
  return v;
}

// passes/canonicalize/remove-dead.ts
var removeDead = definePass({
  name: "remove-dead",
  phase: "canonicalize",
  does: "removes nodes whose results are not used",
  run(graph, context) {
    const definers = symbolDefiners(graph);
    const live = /* @__PURE__ */ new Set();
    const pending = [];
    const mark = (v) => {
      const node = v.producer;
      if (node && !live.has(node)) {
        live.add(node);
        pending.push(node);
      }
      markDims(v.type.shape);
    };
    const markDims = (dims2) => {
      for (const d of dims2) {
        for (const name2 of collectSyms(d).keys()) {
          const v = definers.get(name2);
          if (v?.producer && !live.has(v.producer)) mark(v);
        }
      }
    };
    const markAttribute = (a) => {
      if (a instanceof Graph) markGraph(a);
      else if (Array.isArray(a)) for (const x2 of a) markAttribute(x2);
      else if (typeof a === "object" && a !== null && "terms" in a) markDims([a]);
    };
    const markGraph = (g) => {
      g.outputs.forEach(mark);
      for (const node of g.nodes) {
        for (const v of node.inputs) if (v) mark(v);
        Object.values(node.attrs).forEach(markAttribute);
        for (const o of node.outputs) markDims(o.type.shape);
      }
    };
    graph.outputs.forEach(mark);
    for (const node of graph.nodes) {
      const op = context.ops.op(node.op);
      if (op?.pure === false && op.control && !live.has(node)) {
        live.add(node);
        pending.push(node);
      }
    }
    for (let node = pending.pop(); node; node = pending.pop()) {
      for (const v of node.inputs) if (v) mark(v);
      for (const o of node.outputs) markDims(o.type.shape);
      Object.values(node.attrs).forEach(markAttribute);
    }
    for (const node of [...graph.nodes].reverse()) if (!live.has(node)) graph.remove(node);
  }
});
function symbolDefiners(graph) {
  const out = /* @__PURE__ */ new Map();
  const given2 = /* @__PURE__ */ new Set();
  for (const v of graph.inputs) for (const d of v.type.shape) for (const name2 of collectSyms(d).keys()) given2.add(name2);
  for (const node of graph.nodes) {
    for (const v of node.outputs) {
      for (const d of v.type.shape) {
        const s = asSym(d);
        if (s && !given2.has(s.name) && !out.has(s.name)) out.set(s.name, v);
      }
    }
    for (const body of subgraphs(node))
      for (const v of body.inputs) for (const d of v.type.shape) for (const n of collectSyms(d).keys()) given2.add(n);
  }
  return out;
}

// passes/canonicalize/remove-identity.ts
var sameShape = (a, b) => a.length === b.length && a.every((d, i) => d === b[i]);
var numbers = (a) => Array.isArray(a) ? a : [];
function passesOn(node) {
  const x2 = node.inputs[0];
  const y = node.outputs[0];
  if (!x2 || !y) return void 0;
  const same = sameShape(x2.type.shape, y.type.shape) && x2.type.dtype === y.type.dtype && x2.type.container === y.type.container;
  switch (node.op) {
    case "identity":
      return same ? x2 : void 0;
    case "cast":
    case "reshape":
    case "expand":
      return same ? x2 : void 0;
    case "transpose":
      return numbers(node.attrs.permutation).every((p, i) => p === i) ? x2 : void 0;
    case "slice":
      return same && numbers(node.attrs.starts).every((s) => s === 0) && numbers(node.attrs.steps).every((s) => s === 1) ? x2 : void 0;
    case "concat":
      return node.inputs.length === 1 && same ? x2 : void 0;
    default:
      return void 0;
  }
}
function simplified(graph, node, context) {
  const x2 = node.inputs[0];
  const y = node.outputs[0];
  const inner = x2?.producer;
  if (!x2 || !y) return void 0;
  if (node.op === "reshape" && inner?.op === "reshape" && inner.inputs[0])
    return builderAt(graph, node, context).node("reshape", [inner.inputs[0]], { shape: y.type.shape }, y.name);
  if (node.op !== "transpose") return void 0;
  const permutation = numbers(node.attrs.permutation).map(Number);
  const moved = permutation.filter((p) => x2.type.shape[p] !== 1);
  if (moved.every((p, i) => i === 0 || p > (moved[i - 1] ?? -1)))
    return builderAt(graph, node, context).node("reshape", [x2], { shape: y.type.shape }, y.name);
  if (inner?.op === "transpose" && inner.inputs[0]) {
    const first = numbers(inner.attrs.permutation).map(Number);
    const both2 = permutation.map((p) => first[p] ?? p);
    return builderAt(graph, node, context).node("transpose", [inner.inputs[0]], { permutation: both2 }, y.name);
  }
  return void 0;
}
var removeIdentity = definePass({
  name: "remove-identity",
  phase: "canonicalize",
  does: "removes casts, reshapes, transposes and slices that change nothing; merges chains of them",
  run(graph, context) {
    for (const node of [...graph.nodes]) {
      const y = node.outputs[0];
      if (!y || y.uses.length === 0 && !graph.outputs.includes(y)) continue;
      const from = passesOn(node);
      if (from) {
        if (graph.outputs.includes(y) && (graph.inputs.includes(from) || from.constant || !graph.nodes.some((n) => n.outputs.includes(from)) || graph.outputs.includes(from)))
          continue;
        if (graph.outputs.includes(y)) from.name = y.name;
        graph.replaceUses(y, from);
        graph.remove(node);
        context.changed(node, "passes its input on");
        continue;
      }
      const to = simplified(graph, node, context);
      if (to) {
        graph.replaceUses(y, to);
        graph.remove(node);
        context.changed(node, "merged with its neighbour");
      }
    }
  }
});

// passes/fuse/decompose.ts
var decompose = definePass({
  name: "decompose",
  phase: "fuse",
  does: "replaces composite ops by the core ops that define them",
  establishes: ["core-ops-only"],
  run(graph, context) {
    for (let round = 0; round < 8; round++) {
      let changed = false;
      for (const node of [...graph.nodes]) {
        const op = context.ops.op(node.op);
        if (!op?.decompose) continue;
        const outputs = op.decompose(
          builderAt(graph, node, context),
          node.inputs,
          node.attrs,
          node.outputs.map((o) => o.type)
        );
        node.outputs.forEach((o, i) => {
          const made = outputs[i];
          if (!made) return;
          if (graph.outputs.includes(o)) made.name = o.name;
          graph.replaceUses(o, made);
        });
        graph.remove(node);
        context.changed(node, "decomposed");
        changed = true;
      }
      if (!changed) return;
    }
  }
});

// passes/fuse/fold-into-weights.ts
var foldIntoWeights = definePass({
  name: "fold-into-weights",
  phase: "fuse",
  does: "multiplies constant scales per channel (batch normalisation) into convolution and matmul weights",
  run(graph, context) {
    for (const node of [...graph.nodes]) {
      if (node.op !== "mul" || !graph.nodes.includes(node)) continue;
      const [a, b] = node.inputs;
      if (!a || !b) continue;
      const made = scaled2(graph, node, a, b, context) ?? scaled2(graph, node, b, a, context);
      const y = node.outputs[0];
      if (!made || !y) continue;
      if (graph.outputs.includes(y)) made.name = y.name;
      graph.replaceUses(y, made);
      context.changed(node, "scale folded into the weights");
    }
  }
});
function scaled2(graph, node, x2, scale3, context) {
  if (!scale3.constant || x2.uses.length !== 1 || graph.outputs.includes(x2) || scale3.type.dtype !== x2.type.dtype)
    return void 0;
  const p = x2.producer;
  if (!p) return void 0;
  const b = builderAt(graph, node, context);
  if (p.op === "add") {
    for (const [sum2, other] of [
      [p.inputs[0], p.inputs[1]],
      [p.inputs[1], p.inputs[0]]
    ]) {
      if (!sum2 || !other?.constant || sum2.uses.length !== 1 || !isLinear(sum2.producer?.op)) continue;
      const inner = scaled2(graph, node, sum2, scale3, context);
      if (inner) return b.node("add", [inner, b.node("mul", [other, scale3])], {}, x2.name);
    }
    return void 0;
  }
  const [input, w] = p.inputs;
  if (!isLinear(p.op) || !input || !w?.constant) return void 0;
  const per = perChannelShape(p, x2, w, scale3);
  if (!per) return void 0;
  const factor = b.node("reshape", [scale3], { shape: per });
  return b.node(p.op, [input, b.node("mul", [w, factor])], p.attrs, x2.name);
}
var isLinear = (op) => op === "conv" || op === "matmul" || op === "conv_transpose";
function perChannelShape(p, y, w, scale3) {
  const s = scale3.type.shape;
  const count = s.reduce((n, d) => isStatic(d) ? n * d : Number.NaN, 1);
  const rank = y.type.shape.length;
  if (!Number.isFinite(count) || s.length > rank) return void 0;
  const axis = p.op === "matmul" ? rank - 1 : 1;
  const at = axis - (rank - s.length);
  if (s.some((d, i) => d !== 1 && i !== at)) return void 0;
  if (p.op === "matmul") {
    if (w.type.shape.length !== 2) return void 0;
    return p.attrs.transposeB === true ? [count, 1] : [1, count];
  }
  const channels = y.type.shape[1];
  if (count !== 1 && count !== channels) return void 0;
  const ones = w.type.shape.slice(2).map(() => 1);
  if (p.op === "conv") return [count, 1, ...ones];
  return p.attrs.group === void 0 || p.attrs.group === 1 ? [1, count, ...ones] : void 0;
}

// passes/fuse/fuse-transpose.ts
function swapped(v) {
  const node = v?.producer;
  if (!v || node?.op !== "transpose") return void 0;
  const p = Array.isArray(node.attrs.permutation) ? node.attrs.permutation.map(Number) : [];
  const n = p.length;
  if (n < 2) return void 0;
  const isSwap = p.every((from, i) => from === (i === n - 1 ? n - 2 : i === n - 2 ? n - 1 : i));
  return isSwap ? node.inputs[0] ?? void 0 : void 0;
}
var flag = (node, name2) => node.attrs[name2] === true || node.attrs[name2] === 1;
var fuseTranspose = definePass({
  name: "fuse-transpose",
  phase: "fuse",
  does: "lets matmul read transposed operands in place",
  run(graph, context) {
    for (const node of [...graph.nodes]) {
      const y = node.outputs[0];
      const [a, b] = node.inputs;
      if (node.op !== "matmul" || !a || !b || !y) continue;
      const ta = swapped(a);
      const tb = swapped(b);
      if (!ta && !tb) continue;
      const made = builderAt(graph, node, context).node(
        "matmul",
        [ta ?? a, tb ?? b],
        {
          ...node.attrs,
          transposeA: ta ? !flag(node, "transposeA") : flag(node, "transposeA"),
          transposeB: tb ? !flag(node, "transposeB") : flag(node, "transposeB")
        },
        y.name
      );
      graph.replaceUses(y, made);
      graph.remove(node);
      context.changed(node, "reads a transposed operand in place");
    }
  }
});

// passes/recognize/activation.ts
var x = (holes) => {
  const v = holes.x;
  if (!v) throw new TypeError("hole 'x' is not bound");
  return v;
};
var sample = [{ x: tensor("f32", [2, 7]) }];
var recognizeActivations = definePass({
  name: "recognize-activations",
  phase: "recognize",
  does: "turns decomposed GELU, SiLU and hard swish into one op",
  rewrites: [
    rewrite({
      name: "gelu-half-last",
      holes: ["x"],
      sample,
      from: (b, h) => {
        const erf4 = b.node("erf", [b.node("div", [x(h), b.scalar("f32", Math.SQRT2)])]);
        return b.node("mul", [b.node("mul", [x(h), b.node("add", [erf4, b.scalar("f32", 1)])]), b.scalar("f32", 0.5)]);
      },
      to: (b, h) => b.node("gelu", [x(h)])
    }),
    rewrite({
      name: "gelu-half-first",
      holes: ["x"],
      sample,
      from: (b, h) => {
        const erf4 = b.node("erf", [b.node("div", [x(h), b.scalar("f32", Math.SQRT2)])]);
        return b.node("mul", [b.node("mul", [b.scalar("f32", 0.5), x(h)]), b.node("add", [b.scalar("f32", 1), erf4])]);
      },
      to: (b, h) => b.node("gelu", [x(h)])
    }),
    rewrite({
      name: "silu",
      holes: ["x"],
      sample,
      from: (b, h) => b.node("mul", [x(h), b.node("sigmoid", [x(h)])]),
      to: (b, h) => b.node("silu", [x(h)])
    }),
    rewrite({
      name: "silu-commuted",
      holes: ["x"],
      sample,
      from: (b, h) => b.node("mul", [b.node("sigmoid", [x(h)]), x(h)]),
      to: (b, h) => b.node("silu", [x(h)])
    }),
    rewrite({
      name: "hard-swish",
      holes: ["x"],
      sample,
      from: (b, h) => b.node("mul", [x(h), b.node("hard_sigmoid", [x(h)], { alpha: 1 / 6, beta: 0.5 })]),
      to: (b, h) => b.node("hard_swish", [x(h)])
    })
  ]
});

// passes/recognize/norm.ts
var RANKS = [2, 3, 4];
var shapeOf = (rank) => [2, 3, 2, 5].slice(4 - rank);
var sample2 = (rank) => ({
  x: tensor("f32", shapeOf(rank)),
  eps: tensor("f32", [])
});
function scalarOf(v) {
  const c = v?.constant;
  if (!v || !c || v.type.dtype !== "f32" || c.bytes !== 4) return void 0;
  const bytes2 = c.read();
  return new DataView(bytes2.buffer, bytes2.byteOffset, 4).getFloat32(0, true);
}
var isPositive = (v) => (scalarOf(v) ?? -1) >= 0;
function square(b, x2, how) {
  return how === "mul" ? b.node("mul", [x2, x2]) : b.node("pow", [x2, b.scalar("f32", 2)]);
}
function divide2(b, x2, by, how) {
  return how === "div" ? b.node("div", [x2, by]) : b.node("mul", [x2, b.node("reciprocal", [by])]);
}
var hole = (holes, name2) => {
  const v = holes[name2];
  if (!v) throw new TypeError(`hole '${name2}' is not bound`);
  return v;
};
function layerNorms() {
  const out = [];
  for (const rank of RANKS)
    for (const how of ["pow", "mul"])
      for (const by of ["div", "reciprocal"])
        out.push(
          rewrite({
            name: `layer-norm-${how}-${by}-${rank}d`,
            holes: ["x", "eps"],
            sample: [sample2(rank)],
            from: (b, h) => {
              const x2 = hole(h, "x");
              const axes = { axes: [rank - 1], keepDims: true };
              const centred = b.node("sub", [x2, b.node("reduce_mean", [x2], axes)]);
              const variance = b.node("reduce_mean", [square(b, centred, how)], axes);
              return divide2(b, centred, b.node("sqrt", [b.node("add", [variance, hole(h, "eps")])]), by);
            },
            where: ({ holes }) => isPositive(holes.eps) && holes.x?.type.shape.length === rank,
            to: (b, h) => b.node("layer_norm", [hole(h, "x")], { axis: rank - 1, eps: scalarOf(h.eps) ?? 1e-5 })
          })
        );
  return out;
}
function rmsNorms() {
  const out = [];
  for (const rank of RANKS)
    for (const how of ["pow", "mul"])
      for (const by of ["div", "reciprocal"])
        out.push(
          rewrite({
            name: `rms-norm-${how}-${by}-${rank}d`,
            holes: ["x", "eps"],
            sample: [sample2(rank)],
            from: (b, h) => {
              const x2 = hole(h, "x");
              const mean = b.node("reduce_mean", [square(b, x2, how)], { axes: [rank - 1], keepDims: true });
              return divide2(b, x2, b.node("sqrt", [b.node("add", [mean, hole(h, "eps")])]), by);
            },
            where: ({ holes }) => isPositive(holes.eps) && holes.x?.type.shape.length === rank,
            to: (b, h) => b.node("rms_norm", [hole(h, "x")], { axis: rank - 1, eps: scalarOf(h.eps) ?? 1e-5 })
          })
        );
  return out;
}
var recognizeNorms = definePass({
  name: "recognize-norms",
  phase: "recognize",
  does: "turns decomposed layer and RMS normalisations into one op",
  establishes: ["norms-recognized"],
  rewrites: [...layerNorms(), ...rmsNorms()]
});

// passes/pipeline.ts
var pipeline = [
  // canonicalize: one way to write each thing
  foldConstants,
  removeIdentity,
  dedupe,
  removeDead,
  // recognize: decomposed norms, activations and attention become one op again
  recognizeNorms,
  recognizeActivations,
  // precision, format: assigned by plugins and by compression recipes
  // fuse: prepare what kernels will swallow
  decompose,
  fuseTranspose,
  foldIntoWeights
];

// compiler/import/onnx-op.ts
var onnxOp = (name2, build4, more = {}) => ({ domain: "", name: name2, build: build4, ...more });

// compiler/import/onnx-ops/constant.ts
var bytesOf4 = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
var dense = (name2, dtype, shape, view) => {
  const bytes2 = bytesOf4(view);
  return { name: name2, type: tensor(dtype, shape), bytes: bytes2.byteLength, read: () => bytes2 };
};
var stringsConstant = (name2, shape, strings) => ({
  name: name2,
  type: tensor("string", shape),
  bytes: 0,
  read: () => new Uint8Array(0),
  strings
});
function constantOf6(node) {
  const { name: name2 } = node;
  if (node.has("value")) return node.tensor("value") ?? node.fail("its value is not a tensor");
  if (node.has("sparse_value")) return node.tensor("sparse_value") ?? node.fail("its sparse_value is not a tensor");
  if (node.has("value_int")) return dense(name2, "i64", [], BigInt64Array.of(node.bigint("value_int")));
  if (node.has("value_ints")) {
    const values = node.bigints("value_ints");
    return dense(name2, "i64", [values.length], BigInt64Array.from(values));
  }
  if (node.has("value_float")) return dense(name2, "f32", [], Float32Array.of(node.float("value_float")));
  if (node.has("value_floats")) {
    const values = node.floats("value_floats");
    return dense(name2, "f32", [values.length], Float32Array.from(values));
  }
  if (node.has("value_string")) return stringsConstant(name2, [], [node.string("value_string")]);
  if (node.has("value_strings")) {
    const values = node.strings("value_strings");
    return stringsConstant(name2, [values.length], values);
  }
  return node.fail("it has no value", "Export the model again");
}
var build2 = (node, b) => {
  const constant4 = constantOf6(node);
  const name2 = node.outputs[0];
  return [b.graph.constant(name2 ? { ...constant4, name: name2 } : constant4)];
};
var constantOnnxOps = [onnxOp("Constant", build2)];

// compiler/import/onnx-ops/control.ts
var I64 = tensor("i64", []);
var BOOL = tensor("bool", []);
var buildIf = (node, b) => {
  const condition = node.input(0);
  const known = node.constantInts(0);
  if (known?.length === 1) return node.inline(known[0] ? "then_branch" : "else_branch", []);
  const body = node.subgraph("then_branch", []);
  const otherwise = node.subgraph("else_branch", []);
  const ranksDiffer = body.outputs.some((v, i) => v.type.shape.length !== otherwise.outputs[i]?.type.shape.length);
  const equal = ranksDiffer ? equalDims(condition) : void 0;
  if (equal) {
    discard(body);
    discard(otherwise);
    const [x2, y] = equal;
    b.node("assume", [], { a: x2, b: y, why: `'${node.name}' needs ${formatDim(x2)} = ${formatDim(y)}` });
    return node.inline("then_branch", []);
  }
  return b.nodes("if", [scalar2(condition, node, b)], { body, otherwise }, node.outputs);
};
function equalDims(condition) {
  const p = condition.producer;
  const [x2, y] = p?.inputs ?? [];
  if (!p || !x2) return void 0;
  if (p.op === "cast" || p.op === "reshape" || p.op === "identity") return equalDims(x2);
  if (p.op !== "equal" || !y) return void 0;
  const [a, ...moreA] = contentsOf2(x2) ?? [];
  const [b, ...moreB] = contentsOf2(y) ?? [];
  return a === void 0 || b === void 0 || moreA.length + moreB.length > 0 ? void 0 : [a, b];
}
function scalar2(v, node, b) {
  const { shape } = v.type;
  if (shape.length === 0) return v;
  if (shape.length === 1 && (shape[0] === 1 || typeof shape[0] !== "number"))
    return b.node("reshape", [v], { shape: [] });
  return node.fail(`${formatType(v.type)} is not a scalar`);
}
function widen3(before, after, name2, i, node) {
  if (before.dtype !== after.dtype || before.container !== after.container)
    node.fail(`carried value ${i} is ${formatType(before)} before and ${formatType(after)} after an iteration`);
  if (before.unranked) return after;
  if (after.unranked) return before;
  if (before.shape.length !== after.shape.length)
    node.fail(
      `carried value ${i} changes its rank: ${formatType(before)} before, ${formatType(after)} after an iteration`,
      "Reshape it to one rank"
    );
  const shape = before.shape.map((d, axis) => {
    const own = `carried${i}_${axis}@${name2}`;
    return after.shape[axis] === d || asSym(d)?.name === own ? d : sym(own);
  });
  return { ...before, shape };
}
var sameType = (a, b) => a.unranked === b.unranked && a.shape.length === b.shape.length && a.shape.every((d, i) => d === b.shape[i]);
function settle(initial, node, body) {
  let types = initial;
  for (; ; ) {
    const { graph, results } = body(types);
    if (results.length < types.length) node.fail(`its body has too few outputs for ${types.length} carried values`);
    const next = types.map((t, i) => widen3(t, results[i]?.type ?? t, node.name, i, node));
    if (next.every((t, i) => sameType(t, types[i] ?? t))) return graph;
    discard(graph);
    types = next;
  }
}
var buildLoop = (node, b) => {
  const trip = node.inputs[0] ? scalar2(node.inputs[0], node, b) : null;
  const condition = node.inputs[1] ? scalar2(node.inputs[1], node, b) : null;
  const carried = node.inputs.slice(2).map((_, i) => node.input(i + 2));
  const body = settle(
    carried.map((v) => v.type),
    node,
    (types) => {
      const graph = node.subgraph("body", [I64, BOOL, ...types], [void 0, [1]]);
      return { graph, results: graph.outputs.slice(1) };
    }
  );
  return b.nodes("loop", [trip, condition, ...carried], { body, carried: carried.length }, node.outputs);
};
var removed = (shape, axis) => shape.filter((_, i) => i !== axis);
var buildScan = (node, b) => node.opset < 9 ? buildScan8(node, b) : buildScan9(node, b);
function buildScan9(node, b) {
  const scanned = node.int("num_scan_inputs");
  const states = node.inputs.length - scanned;
  if (scanned < 1 || states < 0) node.fail(`num_scan_inputs is ${scanned} for ${node.inputs.length} inputs`);
  const values = node.inputs.map((_, i) => node.input(i));
  const zeros2 = (n) => new Array(n).fill(0);
  const inputAxes = node.ints("scan_input_axes", zeros2(scanned)).map((axis, i) => {
    const rank = values[states + i]?.type.shape.length ?? 0;
    if (axis < -rank || axis >= rank) node.fail(`scan input ${i} has no axis ${axis}`);
    return axis < 0 ? axis + rank : axis;
  });
  const slices = values.slice(states).map((v, i) => tensor(v.type.dtype, removed(v.type.shape, inputAxes[i] ?? 0)));
  const body = settle(
    values.slice(0, states).map((v) => v.type),
    node,
    (types) => {
      const graph = node.subgraph("body", [...types, ...slices]);
      return { graph, results: graph.outputs.slice(0, states) };
    }
  );
  const gathered = body.outputs.slice(states);
  const outputAxes = node.ints("scan_output_axes", zeros2(gathered.length)).map((axis, i) => {
    const rank = (gathered[i]?.type.shape.length ?? 0) + 1;
    if (axis < -rank || axis >= rank) node.fail(`scan output ${i} has no axis ${axis}`);
    return axis < 0 ? axis + rank : axis;
  });
  const attrs = {
    body,
    states,
    inputAxes,
    outputAxes,
    inputReverse: node.ints("scan_input_directions", zeros2(scanned)),
    outputReverse: node.ints("scan_output_directions", zeros2(gathered.length))
  };
  return b.nodes("scan", values, attrs, node.outputs);
}
function buildScan8(node, b) {
  if (node.inputs[0]) node.fail("sequence_lens is not supported", "Export the model with opset 9 or newer");
  const values = node.inputs.slice(1).map((_, i) => node.input(i + 1));
  const scanned = node.int("num_scan_inputs");
  const states = values.length - scanned;
  if (scanned < 1 || states < 0) node.fail(`num_scan_inputs is ${scanned} for ${values.length} values`);
  const perBatch = values.map((v) => tensor(v.type.dtype, removed(v.type.shape, 0)));
  const slices = perBatch.slice(states).map((t) => tensor(t.dtype, removed(t.shape, 0)));
  const inner = node.subgraph("body", [...perBatch.slice(0, states), ...slices]);
  const gathered = inner.outputs.length - states;
  const zeros2 = (n) => new Array(n).fill(0);
  const outer = new Graph(`${node.name}.batch`);
  const inputs = perBatch.map((t, i) => outer.input(`item_${i}`, t));
  const into = new GraphBuilder(outer, b.ops, b.source);
  outer.outputs = [
    ...into.nodes("scan", inputs, {
      body: inner,
      states,
      inputAxes: zeros2(scanned),
      outputAxes: zeros2(gathered),
      inputReverse: node.ints("directions", zeros2(scanned)),
      outputReverse: zeros2(gathered)
    })
  ];
  const attrs = {
    body: outer,
    states: 0,
    inputAxes: zeros2(values.length),
    outputAxes: zeros2(outer.outputs.length),
    inputReverse: zeros2(values.length),
    outputReverse: zeros2(outer.outputs.length)
  };
  return b.nodes("scan", values, attrs, node.outputs);
}
var controlOnnxOps = [
  onnxOp("If", buildIf),
  onnxOp("Loop", buildLoop),
  onnxOp("Scan", buildScan)
];

// compiler/ops/recurrent.ts
init_recurrent();
var recurrentGates = { lstm: 4, gru: 3, rnn: 1 };
var recurrentInputs = {
  lstm: { cell: 3, peepholes: 4, lengths: 5 },
  gru: { candidateBias: 3, lengths: 4 },
  rnn: { lengths: 3 }
};
var expectShape = (c, i, shape, what) => {
  const t = c.inputs[i];
  if (!t) return;
  if (t.shape.length !== shape.length || t.shape.some((d, axis) => equals(d, shape[axis] ?? 0) === false))
    c.fail(`${what} is ${formatType(t)}, expected [${shape.map(formatDim).join(", ")}]`);
};
function infer(name2) {
  return (c) => {
    const gates = c.inputs[0] ?? c.fail("the projected inputs are missing");
    const r = c.inputs[1] ?? c.fail("the recurrent weights are missing");
    if (!isFloat(gates.dtype)) c.fail("the inputs must be floats");
    const hidden = r.shape[1] ?? c.fail("the recurrent weights need two axes");
    const [steps = 0, batch = 0] = gates.shape;
    expectShape(c, 0, [steps, batch, mul(recurrentGates[name2], hidden)], "the projected input");
    expectShape(c, 1, [mul(recurrentGates[name2], hidden), hidden], "the recurrent weight");
    expectShape(c, 2, [batch, hidden], "the initial hidden state");
    if (!c.inputs[2]) c.fail("the initial hidden state is missing");
    if (name2 === "lstm") {
      if (!c.inputs[3]) c.fail("the initial cell state is missing");
      expectShape(c, 3, [batch, hidden], "the initial cell state");
      expectShape(c, 4, [mul(3, hidden)], "the peephole weight");
    }
    if (name2 === "gru") expectShape(c, 3, [hidden], "the candidate bias");
    expectShape(c, recurrentInputs[name2].lengths, [batch], "the list of sequence lengths");
    return tensor(gates.dtype, [steps, batch, name2 === "lstm" ? mul(2, hidden) : hidden]);
  };
}
var byHost = (f) => (inputs, attrs, outputs) => {
  const declared = outputs.map((t) => ({ dtype: t.dtype, rank: t.shape.length }));
  const context = {
    outputs: declared,
    fail: (reason) => {
      throw new TypeError(reason);
    }
  };
  const results = f(inputs, attrs, context);
  if (results instanceof Promise) throw new TypeError("a recurrence is synchronous");
  return results.filter((v) => v !== null && !Array.isArray(v));
};
var lstm2 = defineOp({
  name: "lstm",
  infer: infer("lstm"),
  reference: byHost(lstm),
  flops: (node) => mul(4, node.inputs[1]?.type.shape[1] ?? 1)
});
var gru2 = defineOp({
  name: "gru",
  infer: infer("gru"),
  reference: byHost(gru),
  flops: (node) => mul(6, node.inputs[1]?.type.shape[1] ?? 1)
});
var rnn2 = defineOp({
  name: "rnn",
  infer: infer("rnn"),
  reference: byHost(rnn),
  flops: (node) => mul(2, node.inputs[1]?.type.shape[1] ?? 1)
});
var recurrentOps = [lstm2, gru2, rnn2];

// compiler/ops/recurrent-activation.ts
var sigmoid = (x2) => {
  const e = x2.neg().exp().add(1);
  return e.mul(0).add(1).div(e);
};
var recurrentActivations = {
  tanh: { expr: (x2) => x2.tanh() },
  sigmoid: { expr: sigmoid },
  relu: { expr: (x2) => x2.max(0) },
  affine: { expr: (x2, a, b) => x2.mul(a).add(b), alpha: 1, beta: 0 },
  leakyrelu: { expr: (x2, a) => x2.lt(0).select(x2.mul(a), x2), alpha: 0.01 },
  thresholdedrelu: { expr: (x2, a) => x2.gt(a).select(x2, 0), alpha: 1 },
  scaledtanh: { expr: (x2, a, b) => x2.mul(b).tanh().mul(a), alpha: 1, beta: 1 },
  hardsigmoid: { expr: (x2, a, b) => x2.mul(a).add(b).max(0).min(1), alpha: 0.2, beta: 0.5 },
  elu: { expr: (x2, a) => x2.lt(0).select(x2.exp().sub(1).mul(a), x2), alpha: 1 },
  softsign: { expr: (x2) => x2.div(x2.abs().add(1)) },
  softplus: { expr: (x2) => x2.exp().add(1).log() }
};

// compiler/import/suggest.ts
function closest(word2, candidates) {
  let best;
  let bestDistance = Math.max(1, Math.floor(word2.length / 3)) + 1;
  for (const c of candidates) {
    const d = distance(word2.toLowerCase(), c.toLowerCase());
    if (d < bestDistance) {
      best = c;
      bestDistance = d;
    }
  }
  return best;
}
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

// compiler/import/onnx-ops/recurrent.ts
var DEFAULTS = {
  lstm: ["Sigmoid", "Tanh", "Tanh"],
  gru: ["Sigmoid", "Tanh"],
  rnn: ["Tanh"]
};
function part2(b, x2, axis, start, length) {
  const { shape } = x2.type;
  return b.node("slice", [x2], {
    starts: shape.map((_, i) => i === axis ? start : 0),
    steps: shape.map(() => 1),
    shape: shape.map((d, i) => i === axis ? length : d)
  });
}
var reshape = (b, x2, shape) => b.node("reshape", [x2], { shape });
function direction(b, x2, d) {
  if (!x2) return null;
  const rest = x2.type.shape.slice(1);
  return reshape(b, x2.type.shape[0] === 1 ? x2 : part2(b, x2, 0, d, 1), rest);
}
function zeros(b, like2, shape) {
  const { dtype } = like2.type;
  if (shape.every(isStatic)) {
    const sizes = shape.filter(isStatic);
    return b.constant(dtype, sizes, new Array(sizes.reduce((n, d) => n * d, 1)).fill(0));
  }
  return b.node("expand", [b.scalar(dtype, 0)], { shape });
}
function activationsOf(node, op, directions) {
  const perDirection = DEFAULTS[op].length;
  const defaults = Array.from({ length: directions }, () => DEFAULTS[op]).flat();
  const names2 = node.strings("activations", defaults).map((n) => n.toLowerCase());
  if (names2.length !== perDirection * directions)
    node.fail(`it has ${names2.length} activations, ${perDirection * directions} are needed`);
  const alphaList = [...node.floats("activation_alpha", [])];
  const betaList = [...node.floats("activation_beta", [])];
  const all = names2.map((name2) => {
    const f = recurrentActivations[name2];
    if (!f) {
      const near = closest(name2, Object.keys(recurrentActivations));
      return node.fail(`unknown activation '${name2}'`, near ? `The closest is ${near}` : void 0);
    }
    const alpha = f.alpha === void 0 ? 0 : alphaList.shift() ?? f.alpha;
    const beta = f.beta === void 0 ? 0 : betaList.shift() ?? f.beta;
    return { name: name2, alpha, beta };
  });
  return Array.from({ length: directions }, (_, d) => {
    const own = all.slice(d * perDirection, (d + 1) * perDirection);
    return { activations: own.map((a) => a.name), alphas: own.map((a) => a.alpha), betas: own.map((a) => a.beta) };
  });
}
function project(b, x2, op, weights, hidden, linearBeforeReset) {
  const [steps = 0, batch = 0, features = 0] = x2.type.shape;
  const width = mul(recurrentGates[op], hidden);
  const rows = reshape(b, x2, [mul(steps, batch), features]);
  let gates = b.node("matmul", [rows, weights.w], { transposeB: true });
  let candidateBias = null;
  if (weights.bias) {
    const input = part2(b, weights.bias, 0, 0, width);
    let recurrent = part2(b, weights.bias, 0, width, width);
    if (op === "gru" && linearBeforeReset) {
      candidateBias = part2(b, recurrent, 0, mul(2, hidden), hidden);
      recurrent = b.node("concat", [part2(b, recurrent, 0, 0, mul(2, hidden)), zeros(b, recurrent, [hidden])], {
        axis: 0
      });
    }
    gates = b.node("add", [gates, b.node("add", [input, recurrent])]);
  }
  return { gates: reshape(b, gates, [steps, batch, width]), recurrent: weights.r, candidateBias };
}
function masked(b, y, lengths) {
  if (!lengths) return y;
  const [steps = 0, batch = 0] = y.type.shape;
  const { dtype } = lengths.type;
  const time = b.node("range", [b.scalar(dtype, 0), b.scalar(dtype, 1)], { length: steps });
  const inside2 = b.node("lt", [reshape(b, time, [steps, 1, 1]), reshape(b, lengths, [1, batch, 1])]);
  return b.node("where", [inside2, y, b.scalar(y.type.dtype, 0)]);
}
function build3(op) {
  return (node, b) => {
    const directionName = node.string("direction", "forward");
    const reverses = { forward: [0], reverse: [1], bidirectional: [0, 1] }[directionName];
    if (!reverses) return node.fail(`direction '${directionName}'`, "Use forward, reverse or bidirectional");
    const layout3 = node.int("layout", 0);
    const swap = (v) => layout3 === 1 ? b.node("transpose", [v], { permutation: v.type.shape.map((_, i) => i < 2 ? 1 - i : i) }) : v;
    const x2 = swap(node.input(0));
    const w = node.input(1);
    const r = node.input(2);
    const hidden = r.type.shape[2] ?? node.fail("the recurrent weights need three axes");
    if (x2.type.shape.length !== 3) node.fail("the input needs three axes");
    if (w.type.shape[0] !== reverses.length || r.type.shape[0] !== reverses.length)
      node.fail(`the weights are for ${String(w.type.shape[0])} directions, '${directionName}' has ${reverses.length}`);
    if (node.has("hidden_size") && isStatic(hidden) && node.int("hidden_size") !== hidden)
      node.fail(`hidden_size is ${node.int("hidden_size")}, the weights are for ${hidden}`);
    const [steps = 0, batch = 0] = x2.type.shape;
    const lengths = node.inputs[4] ?? null;
    const state = (i) => node.inputs[i] ? swap(node.input(i)) : null;
    const h0 = state(5);
    const c0 = op === "lstm" ? state(6) : null;
    const peepholes = op === "lstm" ? node.inputs[7] : null;
    const linearBeforeReset = op === "gru" && node.int("linear_before_reset", 0) !== 0;
    const activations2 = activationsOf(node, op, reverses.length);
    const runs2 = reverses.map((reverse2, d) => {
      const weights = {
        w: direction(b, w, d) ?? w,
        r: direction(b, r, d) ?? r,
        bias: direction(b, node.inputs[3], d)
      };
      const p = project(b, x2, op, weights, hidden, linearBeforeReset);
      const initial = direction(b, h0, d) ?? zeros(b, x2, [batch, hidden]);
      const extra = op === "lstm" ? [direction(b, c0, d) ?? zeros(b, x2, [batch, hidden]), direction(b, peepholes, d), lengths] : op === "gru" ? [p.candidateBias, lengths] : [lengths];
      if (recurrentInputs[op].lengths !== 2 + extra.length) node.fail("inputs do not line up");
      const out = b.node(op, [p.gates, p.recurrent, initial, ...extra], {
        ...activations2[d],
        clip: node.float("clip", 0),
        reverse: reverse2,
        ...op === "lstm" ? { inputForget: node.int("input_forget", 0) } : {},
        ...op === "gru" ? { linearBeforeReset: linearBeforeReset ? 1 : 0 } : {}
      });
      return { out, reverse: reverse2 };
    });
    const joined = (values, axis) => values.length === 1 && values[0] ? values[0] : b.node("concat", values, { axis });
    const wanted = (i) => Boolean(node.outputs[i]);
    const sequence2 = () => {
      const all = runs2.map(({ out }) => {
        const y2 = op === "lstm" ? part2(b, out, 2, 0, hidden) : out;
        return reshape(b, masked(b, y2, lengths), [steps, 1, batch, hidden]);
      });
      const y = joined(all, 1);
      return layout3 === 1 ? b.node("transpose", [y], { permutation: [2, 0, 1, 3] }) : y;
    };
    const final = (offset) => {
      const all = runs2.map(({ out, reverse: reverse2 }) => {
        const last = part2(b, out, 0, reverse2 ? 0 : sub(steps, 1), 1);
        return op === "lstm" ? part2(b, last, 2, offset, hidden) : last;
      });
      return swap(joined(all, 0));
    };
    return [wanted(0) ? sequence2() : null, wanted(1) ? final(0) : null, wanted(2) ? final(hidden) : null];
  };
}
var recurrentOnnxOps = [
  onnxOp("LSTM", build3("lstm")),
  onnxOp("GRU", build3("gru")),
  onnxOp("RNN", build3("rnn"))
];

// compiler/ops/sequence.ts
function elementOf(t) {
  const { container, ...rest } = t;
  return container === "optional-sequence" ? { ...rest, container: "sequence" } : rest;
}
function unify(a, b, c) {
  if (a.dtype !== b.dtype) c.fail(`elements ${formatType(a)} and ${formatType(b)} differ in type`);
  if (a.unranked) return b;
  if (b.unranked) return a;
  if (a.shape.length !== b.shape.length) return { dtype: a.dtype, shape: [], format: "dense", unranked: true };
  const shape = a.shape.map((d, axis) => {
    const e = b.shape[axis] ?? 0;
    return d === e ? d : c.dataDependent(`element_${axis}`, Math.max(upperBound(d), upperBound(e)));
  });
  return tensor(a.dtype, shape);
}
var given = (c, i) => c.inputs[i] ?? c.fail(`input ${i} is missing`);
function sequence(c, i) {
  const t = given(c, i);
  return t.container === "sequence" ? t : c.fail(`input ${i} must be a sequence`);
}
var sequenceOf2 = (t) => ({ ...t, container: "sequence" });
function taken(t, c) {
  const e = elementOf(t);
  if (e.unranked)
    c.fail("the rank of the elements is not known", "Export the model with a sequence whose elements share one rank");
  const varies = (d) => [...collectSyms(d).keys()].some((name2) => name2.startsWith("element_"));
  return { ...e, shape: e.shape.map((d, axis) => varies(d) ? c.dataDependent(`item_${axis}`, upperBound(d)) : d) };
}
var hostOp = (name2, infer2) => defineOp({ name: name2, infer: infer2, host: name2 });
var sequenceOps = [
  hostOp("sequence_construct", (c) => sequenceOf2(c.inputs.map((_, i) => given(c, i)).reduce((a, b) => unify(a, b, c)))),
  /** Attribute `dtype`. */
  hostOp("sequence_empty", (c) => ({
    ...tensor(c.attrs.dtype ?? "f32", []),
    container: "sequence",
    unranked: true
  })),
  /** Inputs: sequence, position (negative counts from the end). */
  hostOp("sequence_at", (c) => taken(sequence(c, 0), c)),
  /** Inputs: sequence, tensor, position (absent: at the end). */
  hostOp("sequence_insert", (c) => sequenceOf2(unify(elementOf(sequence(c, 0)), given(c, 1), c))),
  /** Inputs: sequence, position (absent: the last). */
  hostOp("sequence_erase", (c) => sequence(c, 0)),
  hostOp("sequence_length", (c) => {
    sequence(c, 0);
    return tensor("i64", []);
  }),
  /** Inputs: tensor, split (absent: pieces of 1; a scalar: pieces of that size; a list: their sizes). Attributes `axis`, `keepdims`. */
  hostOp("split_to_sequence", (c) => {
    const x2 = given(c, 0);
    const axis = Number(c.attrs.axis ?? 0);
    const drop = c.inputs[1] === null || c.inputs[1] === void 0 ? c.attrs.keepdims === 0 : false;
    const split2 = c.known(1);
    const whole = x2.shape[axis] ?? c.fail(`axis ${axis} is not one of the input`);
    const sizes = new Set(split2 ?? []);
    const [size] = c.inputs[1] ? [...sizes] : [1];
    const divides = !c.inputs[1] || c.inputs[1].shape.length > 0;
    const piece = sizes.size <= 1 && size !== void 0 && divides ? size : c.dataDependent(`element_${axis}`, upperBound(whole));
    const shape = x2.shape.flatMap((d, i) => i !== axis ? [d] : drop ? [] : [piece]);
    return sequenceOf2(tensor(x2.dtype, shape));
  }),
  /** Attributes `axis`, `new_axis` (1: stack). */
  hostOp("concat_from_sequence", (c) => {
    const s = sequence(c, 0);
    if (s.unranked) c.fail("the rank of the elements is not known");
    const axis = Number(c.attrs.axis ?? 0);
    const total = c.dataDependent("total", 2147483647);
    const shape = taken(s, c).shape;
    return tensor(
      s.dtype,
      c.attrs.new_axis === 1 ? [...shape.slice(0, axis), total, ...shape.slice(axis)] : shape.map((d, i) => i === axis ? total : d)
    );
  }),
  /** Of a value, or empty: then attribute `type` holds a value of that type's dtype. */
  hostOp("optional", (c) => {
    const t = given(c, 0);
    if (t.container && t.container !== "sequence") c.fail("an optional of an optional");
    return { ...t, container: t.container === "sequence" ? "optional-sequence" : "optional" };
  }),
  /** Attributes `dtype`, `sequence` (1 when the missing value would be a sequence). */
  hostOp("optional_empty", (c) => ({
    ...tensor(c.attrs.dtype ?? "f32", []),
    container: c.attrs.sequence === 1 ? "optional-sequence" : "optional",
    unranked: true
  })),
  hostOp("optional_get_element", (c) => {
    const t = given(c, 0);
    if (t.container === "optional-sequence") return elementOf(t);
    return t.container === "optional" ? taken(t, c) : t;
  }),
  hostOp("optional_has_element", () => tensor("bool", [])),
  /** A container under another name. */
  hostOp("container_identity", (c) => given(c, 0))
];

// compiler/import/onnx-type.ts
init_errors();

// compiler/import/onnx-decode.ts
init_errors();
import * as onnxModule from "onnx-proto";

// compiler/import/onnx-wire.ts
init_errors();
var SCHEMA = {
  ModelProto: {
    1: ["ir_version", "varint"],
    2: ["producer_name", "bytes"],
    3: ["producer_version", "bytes"],
    4: ["domain", "bytes"],
    5: ["model_version", "varint"],
    6: ["doc_string", "bytes"],
    7: ["graph", "GraphProto"],
    8: ["opset_import", "OperatorSetIdProto", "repeated"],
    14: ["metadata_props", "StringStringEntryProto", "repeated"],
    25: ["functions", "FunctionProto", "repeated"]
  },
  OperatorSetIdProto: { 1: ["domain", "bytes"], 2: ["version", "varint"] },
  StringStringEntryProto: { 1: ["key", "bytes"], 2: ["value", "bytes"] },
  GraphProto: {
    1: ["node", "NodeProto", "repeated"],
    2: ["name", "bytes"],
    5: ["initializer", "TensorProto", "repeated"],
    10: ["doc_string", "bytes"],
    11: ["input", "ValueInfoProto", "repeated"],
    12: ["output", "ValueInfoProto", "repeated"],
    13: ["value_info", "ValueInfoProto", "repeated"],
    14: ["quantization_annotation", "TensorAnnotationProto", "repeated"],
    15: ["sparse_initializer", "SparseTensorProto", "repeated"]
  },
  TensorAnnotationProto: { 1: ["tensor_name", "bytes"], 2: ["parameters", "StringStringEntryProto", "repeated"] },
  NodeProto: {
    1: ["input", "bytes", "repeated"],
    2: ["output", "bytes", "repeated"],
    3: ["name", "bytes"],
    4: ["op_type", "bytes"],
    5: ["attribute", "AttributeProto", "repeated"],
    6: ["doc_string", "bytes"],
    7: ["domain", "bytes"],
    8: ["overload", "bytes"]
  },
  AttributeProto: {
    1: ["name", "bytes"],
    2: ["f", "fixed32"],
    3: ["i", "varint"],
    4: ["s", "bytes"],
    5: ["t", "TensorProto"],
    6: ["g", "GraphProto"],
    7: ["floats", "fixed32", "repeated"],
    8: ["ints", "varint", "repeated"],
    9: ["strings", "bytes", "repeated"],
    10: ["tensors", "TensorProto", "repeated"],
    11: ["graphs", "GraphProto", "repeated"],
    13: ["doc_string", "bytes"],
    14: ["tp", "TypeProto"],
    15: ["type_protos", "TypeProto", "repeated"],
    20: ["type", "varint"],
    21: ["ref_attr_name", "bytes"],
    22: ["sparse_tensor", "SparseTensorProto"],
    23: ["sparse_tensors", "SparseTensorProto", "repeated"]
  },
  TensorProto: {
    1: ["dims", "varint", "repeated"],
    2: ["data_type", "varint"],
    3: ["segment", "SegmentProto"],
    4: ["float_data", "fixed32", "repeated"],
    5: ["int32_data", "varint", "repeated"],
    6: ["string_data", "bytes", "repeated"],
    7: ["int64_data", "varint", "repeated"],
    8: ["name", "bytes"],
    9: ["raw_data", "bytes"],
    10: ["double_data", "fixed64", "repeated"],
    11: ["uint64_data", "varint", "repeated"],
    12: ["doc_string", "bytes"],
    13: ["external_data", "StringStringEntryProto", "repeated"],
    14: ["data_location", "varint"]
  },
  SegmentProto: { 1: ["begin", "varint"], 2: ["end", "varint"] },
  SparseTensorProto: {
    1: ["values", "TensorProto"],
    2: ["indices", "TensorProto"],
    3: ["dims", "varint", "repeated"]
  },
  ValueInfoProto: { 1: ["name", "bytes"], 2: ["type", "TypeProto"], 3: ["doc_string", "bytes"] },
  TypeProto: {
    1: ["tensor_type", "TensorTypeProto"],
    4: ["sequence_type", "ElementTypeProto"],
    5: ["map_type", "MapTypeProto"],
    6: ["denotation", "bytes"],
    8: ["sparse_tensor_type", "TensorTypeProto"],
    9: ["optional_type", "ElementTypeProto"]
  },
  TensorTypeProto: { 1: ["elem_type", "varint"], 2: ["shape", "TensorShapeProto"] },
  ElementTypeProto: { 1: ["elem_type", "TypeProto"] },
  MapTypeProto: { 1: ["key_type", "varint"], 2: ["value_type", "TypeProto"] },
  TensorShapeProto: { 1: ["dim", "DimensionProto", "repeated"] },
  DimensionProto: { 1: ["dim_value", "varint"], 2: ["dim_param", "bytes"], 3: ["denotation", "bytes"] },
  FunctionProto: {
    1: ["name", "bytes"],
    4: ["input", "bytes", "repeated"],
    5: ["output", "bytes", "repeated"],
    6: ["attribute", "bytes", "repeated"],
    7: ["node", "NodeProto", "repeated"],
    8: ["doc_string", "bytes"],
    9: ["opset_import", "OperatorSetIdProto", "repeated"],
    10: ["domain", "bytes"],
    11: ["attribute_proto", "AttributeProto", "repeated"],
    13: ["overload", "bytes"]
  }
};
var NEWER = /* @__PURE__ */ new Set(["NodeProto.8", "FunctionProto.11", "FunctionProto.13"]);
var MAX_DEPTH = 200;
var MAX_MESSAGES = 8e6;
function checkWire(bytes2) {
  const newer = /* @__PURE__ */ new Map();
  const path3 = [];
  let at = 0;
  let messages = 0;
  const fail2 = (reason, offset) => {
    throw new InfcError("INFC1001", `not a valid ONNX file: ${reason}`, {
      offset,
      fix: "Check that the file is a complete .onnx model (compare its size and checksum with the source)"
    });
  };
  const varint = (end) => {
    const start = at;
    let value = 0;
    let scale3 = 1;
    for (let i = 0; i < 10; i++) {
      if (at >= end) fail2("a number runs past the end of its message", start);
      const b = bytes2[at++] ?? 0;
      value += (b & 127) * scale3;
      if (b < 128) return value;
      scale3 *= 128;
    }
    return fail2("a number is longer than 10 bytes", start);
  };
  const skipFixed = (size, end, start) => {
    at += size;
    if (at > end) fail2("a field runs past the end of its message", start);
  };
  const length = (end, start) => {
    const n = varint(end);
    if (n > end - at) fail2(`a field claims ${n} bytes where ${end - at} are left`, start);
    return at + n;
  };
  const packedVarints = (end, start) => {
    if (end > at && (bytes2[end - 1] ?? 0) >= 128) fail2("a packed list ends inside a number", start);
    let run = 0;
    for (; at < end; at++) {
      if ((bytes2[at] ?? 0) < 128) run = 0;
      else if (++run >= 10) fail2("a number is longer than 10 bytes", at);
    }
  };
  const message = (name2, end, depth) => {
    if (depth > MAX_DEPTH) fail2(`messages nest more than ${MAX_DEPTH} deep`, at);
    if (++messages > MAX_MESSAGES) fail2(`more than ${MAX_MESSAGES} messages`, at);
    const schema = SCHEMA[name2] ?? {};
    const counts = /* @__PURE__ */ new Map();
    while (at < end) {
      const start = at;
      const tag = varint(end);
      const wire = tag % 8;
      const number = Math.floor(tag / 8);
      if (number < 1 || number > 536870911) fail2(`field number ${number}`, start);
      const field = schema[number];
      if (!field) {
        if (wire === 0) varint(end);
        else if (wire === 1) skipFixed(8, end, start);
        else if (wire === 5) skipFixed(4, end, start);
        else if (wire === 2) at = length(end, start);
        else fail2(`wire type ${wire}`, start);
        continue;
      }
      const [fieldName, kind, repeated] = field;
      const packed = repeated !== void 0 && wire === 2;
      if (kind === "varint") {
        if (packed) packedVarints(length(end, start), start);
        else if (wire === 0) varint(end);
        else fail2(`${name2}.${fieldName} has wire type ${wire}`, start);
      } else if (kind === "fixed32" || kind === "fixed64") {
        const size = kind === "fixed32" ? 4 : 8;
        if (packed) {
          const stop = length(end, start);
          if ((stop - at) % size !== 0) fail2(`${name2}.${fieldName} is not a whole number of elements`, start);
          at = stop;
        } else if (wire === (kind === "fixed32" ? 5 : 1)) skipFixed(size, end, start);
        else fail2(`${name2}.${fieldName} has wire type ${wire}`, start);
      } else {
        if (wire !== 2) fail2(`${name2}.${fieldName} has wire type ${wire}`, start);
        const stop = length(end, start);
        const index = counts.get(number) ?? 0;
        counts.set(number, index + 1);
        const step = repeated ? `${fieldName}[${index}]` : fieldName;
        if (NEWER.has(`${name2}.${number}`)) {
          const key2 = [...path3, fieldName].join(".");
          const list = newer.get(key2) ?? [];
          list.push(bytes2.subarray(at, stop));
          newer.set(key2, list);
        }
        if (kind === "bytes") at = stop;
        else {
          if (!repeated && index > 0) fail2(`${name2}.${fieldName} appears twice`, start);
          path3.push(step);
          message(kind, stop, depth + 1);
          path3.pop();
        }
      }
    }
  };
  message("ModelProto", bytes2.byteLength, 0);
  return newer;
}

// compiler/import/onnx-decode.ts
var proto = onnxModule.onnx ?? onnxModule.default.onnx;
function decodeModel(bytes2) {
  if (bytes2.byteLength === 0)
    throw new InfcError("INFC1001", "not a valid ONNX file: it is empty", { offset: 0, fix: "Give a .onnx model" });
  const plain = new Uint8Array(bytes2.buffer, bytes2.byteOffset, bytes2.byteLength);
  const newer = checkWire(plain);
  return { model: decoded("model", () => proto.ModelProto.decode(plain)), newer };
}
var decodeAttribute = (bytes2) => decoded("attribute", () => proto.AttributeProto.decode(bytes2));
function decoded(what, decode) {
  try {
    return decode();
  } catch (cause) {
    throw new InfcError("INFC1001", `not a valid ONNX ${what}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
      fix: "Check that the file is a complete .onnx model"
    });
  }
}
var isLong = (v) => typeof v === "object" && v !== null && "low" in v && "high" in v;
function toBigInt(v) {
  if (isLong(v)) return BigInt.asIntN(64, BigInt(v.high) << 32n | BigInt(v.low >>> 0));
  return typeof v === "number" ? BigInt(v) : 0n;
}
var toNumber = (v) => isLong(v) ? v.high * 4294967296 + (v.low >>> 0) : Number(v ?? 0);
var text = (bytes2) => new TextDecoder().decode(bytes2);

// compiler/import/onnx-type.ts
var DTYPES2 = [
  void 0,
  "f32",
  "u8",
  "i8",
  "u16",
  "i16",
  "i32",
  "i64",
  "string",
  "bool",
  "f16",
  "f64",
  "u32",
  "u64",
  "c64",
  "c128",
  "bf16",
  "f8e4m3fn",
  "f8e4m3fnuz",
  "f8e5m2",
  "f8e5m2fnuz",
  "u4",
  "i4",
  "f4e2m1",
  "f8e8m0",
  "u2",
  "i2"
];
var dtypeOfOnnx = (elementType2) => DTYPES2[elementType2];
function importType(type, where, symbol) {
  if (!type) return void 0;
  if (type.optionalType) {
    const inner = importType(type.optionalType.elemType, where, symbol);
    if (!inner) return void 0;
    if (inner.container === "sequence") return { ...inner, container: "optional-sequence" };
    if (inner.container) throw unsupported2(where, "an optional of an optional");
    return { ...inner, container: "optional" };
  }
  if (type.sequenceType) {
    const inner = importType(type.sequenceType.elemType, where, symbol);
    if (!inner) return void 0;
    if (inner.container) throw unsupported2(where, "a sequence of sequences");
    return { ...inner, container: "sequence" };
  }
  if (type.mapType) throw unsupported2(where, "a map");
  if (type.sparseTensorType) throw unsupported2(where, "a sparse tensor");
  const t = type.tensorType;
  if (!t) return void 0;
  const dtype = elementType(t.elemType ?? 0, where);
  if (!t.shape) return { dtype, shape: [], format: "dense", unranked: true };
  return tensor(
    dtype,
    (t.shape.dim ?? []).map((d, axis) => {
      if (d.dimParam) return symbol(d.dimParam, axis);
      const hasValue = Object.hasOwn(d, "dimValue") && d.dimValue !== null;
      const n = toNumber(d.dimValue);
      if (!hasValue || n < 0) return symbol(void 0, axis);
      if (n > 2147483647)
        throw new InfcError("INFC1012", `dimension ${axis} is ${n}, more than a 32-bit index can reach`, {
          node: where,
          fix: "Split the tensor"
        });
      return n;
    })
  );
}
function elementType(number, where) {
  const dtype = dtypeOfOnnx(number);
  if (!dtype)
    throw new InfcError("INFC1010", `element type ${number} is not one of the ONNX standard's`, {
      node: where,
      fix: number === 0 ? "Declare the type of the tensor" : "Export the model for ONNX 1.22 or older"
    });
  return dtype;
}
var unsupported2 = (where, what) => new InfcError("INFC1011", `${what} is not a type infc has values for`, {
  node: where,
  fix: "Export the model with tensors, sequences of tensors or optionals of these"
});

// compiler/import/onnx-ops/sequence.ts
function elementsOf2(v) {
  if (v.producer?.op !== "sequence_construct") return void 0;
  return v.producer.inputs.filter((x2) => x2 !== null);
}
function position2(node, input, length) {
  const at = node.constantInts(input)?.[0];
  if (at === void 0) return void 0;
  if (at < -length || at >= length) node.fail(`position ${at} is outside a sequence of ${length}`);
  return at < 0 ? at + length : at;
}
var buildAt = (node, b) => {
  const elements = elementsOf2(node.input(0));
  const at = elements && position2(node, 1, elements.length);
  const known = elements?.[at ?? -1];
  return [known ?? b.node("sequence_at", [node.input(0), node.input(1)])];
};
var buildInsert = (node, b) => {
  const elements = elementsOf2(node.input(0));
  if (elements) {
    const last = elements.length;
    const at = node.inputs[2] ? node.constantInts(2)?.[0] : last;
    if (at !== void 0) {
      if (at < -last || at > last) node.fail(`position ${at} is outside a sequence of ${last}`);
      const front = at < 0 ? at + last : at;
      return [b.node("sequence_construct", [...elements.slice(0, front), node.input(1), ...elements.slice(front)])];
    }
  }
  return [b.node("sequence_insert", [node.input(0), node.input(1), node.inputs[2] ?? null])];
};
var buildErase = (node, b) => {
  const elements = elementsOf2(node.input(0));
  if (elements && elements.length > 1) {
    const at = node.inputs[1] ? position2(node, 1, elements.length) : elements.length - 1;
    if (at !== void 0)
      return [
        b.node(
          "sequence_construct",
          elements.filter((_, i) => i !== at)
        )
      ];
  }
  return [b.node("sequence_erase", [node.input(0), node.inputs[1] ?? null])];
};
var buildLength = (node, b) => {
  const elements = elementsOf2(node.input(0));
  return [elements ? b.constant("i64", [], [elements.length]) : b.node("sequence_length", [node.input(0)])];
};
var axisOf = (node, rank, name2 = "axis", fallback) => {
  const axis = node.int(name2, fallback);
  if (axis < -rank || axis >= rank) node.fail(`there is no axis ${axis} in ${rank} dimensions`);
  return axis < 0 ? axis + rank : axis;
};
var buildSplit = (node, b) => {
  const x2 = node.input(0);
  const axis = axisOf(node, x2.type.shape.length, "axis", 0);
  const split2 = node.inputs[1] ?? null;
  return [b.node("split_to_sequence", [x2, split2], { axis, keepdims: node.int("keepdims", 1) })];
};
var buildConcat = (node, b) => {
  const s = node.input(0);
  const stack2 = node.int("new_axis", 0);
  const axis = axisOf(node, s.type.shape.length + stack2);
  const elements = elementsOf2(s);
  if (elements) {
    const parts = stack2 ? elements.map(
      (v) => b.node("reshape", [v], { shape: [...v.type.shape.slice(0, axis), 1, ...v.type.shape.slice(axis)] })
    ) : elements;
    return [b.node("concat", parts, { axis })];
  }
  return [b.node("concat_from_sequence", [s], { axis, new_axis: stack2 })];
};
var buildMap = (node, b) => {
  const first = node.input(0);
  const extra = node.inputs.slice(1).map((_, i) => node.input(i + 1));
  const body = new Graph(`${node.name}.map`);
  const at = body.input("position", tensor("i64", []));
  const goOn = body.input("condition", tensor("bool", []));
  goOn.known = [1];
  const elementTypes = [first, ...extra].map((v) => v.type.container === "sequence" ? elementOf(v.type) : v.type);
  const shapes = node.subgraph("body", elementTypes).outputs.map((v) => v.type);
  const into = new GraphBuilder(body, b.ops, b.source);
  const collected = shapes.map((t, i) => body.input(`out_${i}`, { ...t, container: "sequence" }));
  const arguments_ = [first, ...extra].map(
    (v) => v.type.container === "sequence" ? into.node("sequence_at", [v, at]) : v
  );
  const results = node.inline("body", arguments_, into);
  body.outputs = [
    into.node("identity", [goOn]),
    ...results.map((r, i) => into.node("sequence_insert", [collected[i] ?? null, r, null]))
  ];
  const length = b.node("sequence_length", [first]);
  const initial = shapes.map((t) => b.node("sequence_empty", [], { dtype: t.dtype }));
  return b.nodes("loop", [length, null, ...initial], { body, carried: initial.length }, node.outputs);
};
var buildOptional = (node, b) => {
  if (node.inputs[0]) return [b.node("optional", [node.inputs[0]])];
  const type = node.type("type");
  if (!type) return node.fail("an empty optional needs its type attribute");
  return [b.node("optional_empty", [], { dtype: type.dtype, sequence: type.container === "sequence" ? 1 : 0 })];
};
var buildGet = (node, b) => {
  const v = node.input(0);
  if (v.producer?.op === "optional" && v.producer.inputs[0]) return [v.producer.inputs[0]];
  const isOptional = v.type.container === "optional" || v.type.container === "optional-sequence";
  return [isOptional ? b.node("optional_get_element", [v]) : v];
};
var buildHas = (node, b) => {
  const v = node.inputs[0];
  const isOptional = v?.type.container === "optional" || v?.type.container === "optional-sequence";
  const known = !v ? 0 : v.producer?.op === "optional_empty" ? 0 : v.producer?.op === "optional" || !isOptional ? 1 : void 0;
  return [known === void 0 && v ? b.node("optional_has_element", [v]) : b.constant("bool", [], [known ?? 0])];
};
var sequenceOnnxOps = [
  onnxOp("SequenceConstruct", (node, b) => [
    b.node(
      "sequence_construct",
      node.inputs.map((_, i) => node.input(i))
    )
  ]),
  onnxOp("SequenceEmpty", (node, b) => [
    b.node("sequence_empty", [], { dtype: elementType(node.int("dtype", 1), node.name) })
  ]),
  onnxOp("SequenceAt", buildAt),
  onnxOp("SequenceInsert", buildInsert),
  onnxOp("SequenceErase", buildErase),
  onnxOp("SequenceLength", buildLength),
  onnxOp("SequenceMap", buildMap),
  onnxOp("SplitToSequence", buildSplit),
  onnxOp("ConcatFromSequence", buildConcat),
  onnxOp("Optional", buildOptional),
  onnxOp("OptionalGetElement", buildGet),
  onnxOp("OptionalHasElement", buildHas)
];

// compiler/ops/control.ts
function bodyOf(attrs, name2) {
  const g = attrs[name2];
  if (!(g instanceof Graph)) throw new TypeError(`attribute '${name2}' is not a graph`);
  return g;
}
function outerSymbols(body, c) {
  const outer = /* @__PURE__ */ new Set();
  const add2 = (dims2) => {
    for (const d of dims2 ?? []) for (const name2 of collectSyms(d).keys()) outer.add(name2);
  };
  c.inputs.forEach((t, i) => {
    add2(t?.shape);
    add2(c.known(i));
  });
  const inside2 = new Set(body.inputs);
  forEachNode(body, (node) => {
    for (const a of Object.values(node.attrs)) if (a instanceof Graph) for (const v of a.inputs) inside2.add(v);
    for (const v of node.outputs) inside2.add(v);
  });
  forEachNode(body, (node) => {
    for (const v of node.inputs) {
      if (!v || inside2.has(v)) continue;
      add2(v.type.shape);
      add2(v.known);
    }
  });
  return outer;
}
function outerDims(shape, outer, c, hint) {
  return shape.map(
    (d, axis) => isStatic(d) || [...collectSyms(d).keys()].every((name2) => outer.has(name2)) ? d : c.dataDependent(`${hint}_${axis}`, upperBound(d))
  );
}
function sameKind(a, b) {
  const ranks = a.unranked || b.unranked || a.shape.length === b.shape.length;
  return a.dtype === b.dtype && a.container === b.container && ranks;
}
function ifOutput(a, b, i, c, outer) {
  if (!sameKind(a, b))
    c.fail(
      `output ${i} is ${formatType(a)} in one branch and ${formatType(b)} in the other`,
      "Both branches must give the same type and rank"
    );
  if (a.unranked || b.unranked) return a.unranked ? b : a;
  const shape = a.shape.map((d, axis) => {
    const e = b.shape[axis] ?? 0;
    return d === e ? d : c.dataDependent(`out${i}_${axis}`, max(upperBound(d), upperBound(e)));
  });
  return { ...a, shape: outerDims(shape, outer, c, `out${i}`) };
}
var ifOp = defineOp({
  name: "if",
  control: true,
  infer: (c) => {
    const yes = bodyOf(c.attrs, "body");
    const no = bodyOf(c.attrs, "otherwise");
    const condition = c.inputs[0] ?? c.fail("the condition is missing");
    if (condition.dtype !== "bool") c.fail("the condition must be a bool");
    if (yes.outputs.length !== no.outputs.length)
      c.fail(`the branches have ${yes.outputs.length} and ${no.outputs.length} outputs`);
    const outer = /* @__PURE__ */ new Set([...outerSymbols(yes, c), ...outerSymbols(no, c)]);
    return yes.outputs.map((v, i) => ifOutput(v.type, no.outputs[i]?.type ?? v.type, i, c, outer));
  }
});
var alwaysContinues = (body) => body.outputs[0]?.known?.[0] === 1;
function iterations(c, body) {
  const trip = c.inputs[0] ? c.known(0)?.[0] : void 0;
  const starts = !c.inputs[1] || c.known(1)?.[0] === 1;
  if (trip !== void 0 && starts && alwaysContinues(body)) return max(trip, 0);
  return c.dataDependent("iterations", trip === void 0 ? 2147483647 : max(upperBound(trip), 0));
}
var loopOp = defineOp({
  name: "loop",
  control: true,
  infer: (c) => {
    const body = bodyOf(c.attrs, "body");
    const carried = Number(c.attrs.carried ?? 0);
    if (body.inputs.length !== carried + 2 || body.outputs.length < carried + 1)
      c.fail(
        `the body has ${body.inputs.length} inputs and ${body.outputs.length} outputs for ${carried} carried values`
      );
    const outer = outerSymbols(body, c);
    const trips2 = iterations(c, body);
    return body.outputs.slice(1).map((v, i) => {
      const shape = outerDims(v.type.shape, outer, c, `out${i}`);
      if (i >= carried) {
        if (v.type.container) c.fail(`gathered output ${i} is a ${v.type.container}`);
        return tensor(v.type.dtype, [trips2, ...shape]);
      }
      const initial = c.inputs[2 + i] ?? c.fail(`initial value ${i} is missing`);
      if (!sameKind(initial, v.type))
        c.fail(`carried value ${i} is ${formatType(initial)} before and ${formatType(v.type)} after an iteration`);
      return carriedOutput(initial, body.inputs[2 + i]?.type ?? initial, v.type, c, i, outer);
    });
  }
});
function carriedOutput(initial, inner, result, c, i, outer) {
  if (result.unranked) return initial;
  if (initial.unranked) return { ...result, shape: outerDims(result.shape, outer, c, `out${i}`) };
  const shape = initial.shape.map(
    (d, axis) => inner.shape[axis] === d ? d : c.dataDependent(`out${i}_${axis}`, 2147483647)
  );
  return { ...initial, shape };
}
var intList = (attrs, name2) => {
  const v = attrs[name2];
  return Array.isArray(v) ? v.map(Number) : [];
};
var scanOp = defineOp({
  name: "scan",
  control: true,
  infer: (c) => {
    const body = bodyOf(c.attrs, "body");
    const states = Number(c.attrs.states ?? 0);
    const outer = outerSymbols(body, c);
    const axes = intList(c.attrs, "inputAxes");
    const lengths = c.inputs.slice(states).map((t, i) => t?.shape[axes[i] ?? 0] ?? c.fail(`scanned input ${i} is missing`));
    const steps = lengths.find(isStatic) ?? lengths[0] ?? c.fail("nothing is scanned");
    const clash2 = lengths.find((n) => isStatic(n) && n !== steps);
    if (clash2 !== void 0) c.fail("the scanned inputs have different lengths");
    const outputAxes = intList(c.attrs, "outputAxes");
    return body.outputs.map((v, i) => {
      const shape = outerDims(v.type.shape, outer, c, `out${i}`);
      if (i >= states) {
        const axis = outputAxes[i - states] ?? 0;
        return tensor(v.type.dtype, [...shape.slice(0, axis), steps, ...shape.slice(axis)]);
      }
      const initial = c.inputs[i] ?? c.fail(`initial state ${i} is missing`);
      if (!sameKind(initial, v.type))
        c.fail(`state ${i} is ${formatType(initial)} before and ${formatType(v.type)} after an iteration`);
      return carriedOutput(initial, body.inputs[i]?.type ?? initial, v.type, c, i, outer);
    });
  }
});
var assumeOp = defineOp({ name: "assume", control: true, pure: false, infer: () => tensor("bool", []) });
var controlOps = [assumeOp, ifOp, loopOp, scanOp];

// compiler/ops/binary.ts
var isNumber2 = (d) => isFloat(d) || isInteger(d);
var isBool = (d) => d === "bool";
function binaryOp(name2, body, accepts = isNumber2, result) {
  return defineOp({
    name: name2,
    infer: (c) => {
      const [a, b] = [inputType(c, 0), inputType(c, 1)];
      if (a.dtype !== b.dtype) c.fail(`operand dtypes ${a.dtype} and ${b.dtype} differ`, "Cast one of them");
      if (!accepts(a.dtype)) c.fail(`dtype ${a.dtype} is not supported`, "Cast the inputs first");
      return { dtype: result ?? a.dtype, shape: broadcastInputs(c), format: "dense" };
    },
    scalar: (inputs, attrs, types) => body(only(inputs), only(inputs, 1), attrs, only(types.inputs).dtype)
  });
}
function divide3(a, b) {
  if (isFloatType2(a.type)) return a.div(b);
  const zero2 = constant(a.type, 0);
  const one2 = constant(a.type, 1);
  if (a.type === "u32" || a.type === "u64") {
    const none2 = b.eq(0);
    return none2.select(zero2, a.div(none2.select(one2, b)));
  }
  const none = b.eq(0);
  const negative = b.eq(-1);
  return none.select(zero2, negative.select(a.neg(), a.div(none.or(negative).select(one2, b))));
}
function remainder(a, b) {
  if (isFloatType2(a.type)) return a.rem(b);
  const unsigned = a.type === "u32" || a.type === "u64";
  const trivial = unsigned ? b.eq(0) : b.eq(0).or(b.eq(-1));
  return trivial.select(constant(a.type, 0), a.rem(trivial.select(constant(a.type, 1), b)));
}
var modulo = (a, b, attrs) => {
  const r = remainder(a, b);
  if (flagAttr(attrs, "fmod") || a.type === "u32" || a.type === "u64") return r;
  const wrong = r.ne(0).and(r.lt(0).xor(b.lt(0)));
  return wrong.select(r.add(b), r);
};
function integerPower2(base, exponent) {
  const one2 = constant(base.type, 1);
  let result = one2;
  let square2 = base;
  const bits = exponent.type === "i64" || exponent.type === "u64" ? 63 : 31;
  const used = Math.min(bits, 31);
  for (let bit = 0; bit < used; bit++) {
    const set = exponent.and(constant(exponent.type, 2 ** bit)).ne(0);
    result = set.select(result.mul(square2), result);
    if (bit + 1 < used) square2 = square2.mul(square2);
  }
  if (exponent.type === "u32" || exponent.type === "u64") return result;
  const odd = exponent.and(constant(exponent.type, 1)).ne(0);
  const signed = base.type === "i32" || base.type === "i64";
  const reciprocal = base.eq(1).select(
    one2,
    signed ? base.eq(-1).select(odd.select(constant(base.type, -1), one2), constant(base.type, 0)) : constant(base.type, 0)
  );
  return exponent.lt(0).select(reciprocal, result);
}
function power3(base, exponent) {
  if (isFloatType2(base.type)) return base.pow(exponent.cast(base.type));
  if (!isFloatType2(exponent.type)) return integerPower2(base, exponent);
  const wide = base.type === "i64" || base.type === "u64" || exponent.type === "f64" ? "f64" : "f32";
  return base.cast(wide).pow(exponent.cast(wide)).cast(base.type);
}
var shift = (apply2) => (a, b, _, dtype) => b.lt(bitsOf[dtype]).select(apply2(a, b.min(bitsOf[dtype] - 1)), constant(a.type, 0));
var smaller = (a, b, _, d) => isBool(d) ? a.and(b) : a.min(b);
var larger = (a, b, _, d) => isBool(d) ? a.or(b) : a.max(b);
var isOrdered = (d) => isNumber2(d) || isBool(d);
var anyNumeric = (d) => d !== "string";
var binaryOps = [
  binaryOp("add", (a, b) => a.add(b)),
  binaryOp("sub", (a, b) => a.sub(b)),
  binaryOp("mul", (a, b) => a.mul(b)),
  binaryOp("div", divide3),
  binaryOp("mod", modulo),
  binaryOp("min", smaller, isOrdered),
  binaryOp("max", larger, isOrdered),
  binaryOp("and", (a, b) => a.and(b), isBool),
  binaryOp("or", (a, b) => a.or(b), isBool),
  binaryOp("xor", (a, b) => a.xor(b), isBool),
  binaryOp("bitwise_and", (a, b) => a.and(b), isInteger),
  binaryOp("bitwise_or", (a, b) => a.or(b), isInteger),
  binaryOp("bitwise_xor", (a, b) => a.xor(b), isInteger),
  binaryOp(
    "shift_left",
    shift((a, b) => a.shl(b)),
    isUnsigned
  ),
  binaryOp(
    "shift_right",
    shift((a, b) => a.shr(b)),
    isUnsigned
  ),
  binaryOp("eq", (a, b) => a.eq(b), anyNumeric, "bool"),
  binaryOp("lt", (a, b) => a.lt(b), isNumber2, "bool"),
  binaryOp("le", (a, b) => a.le(b), isNumber2, "bool"),
  binaryOp("gt", (a, b) => a.gt(b), isNumber2, "bool"),
  binaryOp("ge", (a, b) => a.ge(b), isNumber2, "bool"),
  // Slope of the negative side per channel or element.
  binaryOp("prelu", (a, b) => a.lt(0).select(a.mul(b), a)),
  defineOp({
    name: "pow",
    infer: (c) => ({ dtype: inputType(c, 0).dtype, shape: broadcastInputs(c), format: "dense" }),
    scalar: (inputs) => power3(only(inputs), only(inputs, 1)),
    flops: () => 16
  }),
  defineOp({
    name: "where",
    infer: (c) => {
      const [a, b] = [inputType(c, 1), inputType(c, 2)];
      if (inputType(c, 0).dtype !== "bool") c.fail("the condition must be bool");
      if (a.dtype !== b.dtype) c.fail(`branch dtypes ${a.dtype} and ${b.dtype} differ`);
      return { dtype: a.dtype, shape: broadcastInputs(c), format: "dense" };
    },
    scalar: (inputs) => only(inputs).select(only(inputs, 1), only(inputs, 2))
  }),
  defineOp({
    // min(max(x, low), high) with scalar or broadcast bounds.
    name: "clip",
    infer: (c) => {
      const x2 = inputType(c, 0);
      if (inputType(c, 1).dtype !== x2.dtype || inputType(c, 2).dtype !== x2.dtype)
        c.fail("bounds must have the dtype of the input");
      return { dtype: x2.dtype, shape: broadcastInputs(c), format: "dense" };
    },
    scalar: (inputs, _, types) => {
      const [x2, low, high2] = [only(inputs), only(inputs, 1), only(inputs, 2)];
      return computeType(types.output.dtype) === "bool" ? x2 : x2.max(low).min(high2);
    }
  })
];

// compiler/ops/cast.ts
var FP8 = {
  f8e4m3fn: { max: 448, tie: 464, beyond: Number.NaN, signed: true },
  f8e4m3fnuz: { max: 240, tie: 247.99998, beyond: Number.NaN, signed: true },
  f8e5m2: { max: 57344, tie: 61439.996, beyond: Number.POSITIVE_INFINITY, signed: true },
  f8e5m2fnuz: { max: 57344, tie: 61439.996, beyond: Number.NaN, signed: true }
};
function toNarrowFloat(x2, to, attrs) {
  const f = x2.cast("f32");
  if (to === "f4e2m1") return f.isNan().select(constant("f32", 6), f).max(-6).min(6);
  if (to === "f8e8m0") return toPowerOfTwo(f, attrs);
  const limits = FP8[to];
  if (!limits) return f;
  if (!flagAttr(attrs, "noSaturate")) {
    return f.isNan().select(f, f.max(-limits.max).min(limits.max));
  }
  const over = f.abs().gt(limits.tie);
  const beyond = Number.isNaN(limits.beyond) ? constant("f32", Number.NaN) : f.lt(0).select(constant("f32", -limits.beyond), constant("f32", limits.beyond));
  return f.isNan().select(f, over.select(beyond, f.max(-limits.max).min(limits.max)));
}
function toPowerOfTwo(x2, attrs) {
  const bits = x2.bitcast("u32").and(2147483647);
  const exponent = bits.shr(23);
  const fraction = bits.and(8388607);
  const mode = attrs.roundMode ?? "up";
  const up2 = mode === "down" ? constant("bool", false) : mode === "nearest" ? fraction.ge(4194304) : fraction.gt(0);
  const raised = up2.select(exponent.add(1), exponent);
  const top = flagAttr(attrs, "noSaturate") ? raised : raised.min(254);
  const special = exponent.eq(255).and(fraction.ne(0));
  const value = special.select(constant("u32", 255), exponent.eq(255).select(constant("u32", 254), top));
  const asFloat = value.eq(0).select(constant("f32", 2 ** -127), value.shl(23).bitcast("f32"));
  return value.ge(255).select(constant("f32", Number.NaN), asFloat);
}
function castValue(x2, from, to, attrs = {}) {
  const type = computeType(to);
  if (to === "bool") return from === "bool" ? x2 : x2.ne(0);
  if (bitsOf[to] <= 8 && isFloat(to)) return toNarrowFloat(x2, to, attrs);
  if (isFloatType2(x2.type) && !isFloat(to) && type !== "i64" && type !== "u64") {
    return bitsOf[to] < 32 ? x2.cast("i32").cast(type).narrow(to) : x2.cast(type);
  }
  return bitsOf[to] < bitsOf[from] ? x2.cast(type).narrow(to) : x2.cast(type);
}
var castOps = [
  defineOp({
    name: "cast",
    infer: (c) => {
      const x2 = inputType(c, 0);
      if (x2.dtype === "string" || c.attrs.to === "string") c.fail("strings are cast on the host (op string_cast)");
      return { ...x2, dtype: dtypeAttr(c.attrs, "to", x2.dtype), format: "dense" };
    },
    scalar: (inputs, attrs, types) => castValue(only(inputs), only(types.inputs).dtype, types.output.dtype, attrs)
  }),
  defineOp({
    // The same bits as another dtype of the same width.
    name: "bitcast",
    view: true,
    infer: (c) => {
      const x2 = inputType(c, 0);
      const to = dtypeAttr(c.attrs, "to", x2.dtype);
      if (bitsOf[to] !== bitsOf[x2.dtype]) c.fail(`${x2.dtype} and ${to} have different widths`);
      return { ...x2, dtype: to };
    },
    host: "bitcast"
  })
];

// runtime/host/scatter.ts
init_minifloat();
init_values();
function combiner(data, updates, reduction) {
  if (!ArrayBuffer.isView(data.data)) {
    const out2 = [...data.data];
    const source2 = updates.data;
    return { data: out2, put: (at, from) => void (out2[at] = String(source2[from])) };
  }
  const out = numericData(data).slice();
  const source = numericData(updates);
  if (data.dtype === "f16" || data.dtype === "bf16") {
    const { dtype } = data;
    const put3 = (at, from) => {
      const [a, b] = [decodeFloat(dtype, Number(out[at])), decodeFloat(dtype, Number(source[from]))];
      out[at] = reduction === "none" ? Number(source[from]) : encodeFloat(dtype, reduced(reduction, a, b));
    };
    return { data: out, put: put3 };
  }
  const put2 = (at, from) => {
    const [a, b] = [out[at], source[from]];
    if (a === void 0 || b === void 0) return;
    out[at] = typeof a === "bigint" || typeof b === "bigint" ? reducedBig(reduction, BigInt(a), BigInt(b)) : reduced(reduction, a, b);
  };
  return { data: out, put: put2 };
}
function reduced(reduction, a, b) {
  switch (reduction) {
    case "add":
      return a + b;
    case "mul":
      return a * b;
    case "max":
      return Math.max(a, b);
    case "min":
      return Math.min(a, b);
    default:
      return b;
  }
}
function reducedBig(reduction, a, b) {
  switch (reduction) {
    case "add":
      return a + b;
    case "mul":
      return a * b;
    case "max":
      return a > b ? a : b;
    case "min":
      return a < b ? a : b;
    default:
      return b;
  }
}
function inside(index, extent) {
  const at = index < 0 ? index + extent : index;
  if (!(at >= 0 && at < extent)) throw new RangeError(`index ${index} is outside a dimension of ${extent}`);
  return at;
}
function scatterElements([data, indices, updates], attrs) {
  if (!data || !indices || !updates) throw new TypeError("scatter_elements takes three inputs");
  const axis = Number(attrs.axis ?? 0);
  const out = combiner(data, updates, String(attrs.reduction ?? "none"));
  const strides = stridesOf(data.shape);
  const extent = data.shape[axis] ?? 1;
  const at = toNumbers(indices);
  const count = sizeOf(indices.shape);
  const position3 = new Array(indices.shape.length).fill(0);
  for (let i = 0; i < count; i++) {
    let to = 0;
    for (let d = 0; d < position3.length; d++)
      to += (d === axis ? inside(at[i] ?? 0, extent) : position3[d] ?? 0) * (strides[d] ?? 1);
    out.put(to, i);
    for (let d = position3.length - 1; d >= 0; d--) {
      const next = (position3[d] ?? 0) + 1;
      position3[d] = next < (indices.shape[d] ?? 1) ? next : 0;
      if (position3[d] !== 0) break;
    }
  }
  return { dtype: data.dtype, shape: data.shape, data: out.data };
}
function scatterNd([data, indices, updates], attrs) {
  if (!data || !indices || !updates) throw new TypeError("scatter_nd takes three inputs");
  const out = combiner(data, updates, String(attrs.reduction ?? "none"));
  const depth = indices.shape[indices.shape.length - 1] ?? 0;
  const strides = stridesOf(data.shape);
  const length = sizeOf(data.shape.slice(depth));
  const at = toNumbers(indices);
  const count = sizeOf(indices.shape.slice(0, -1));
  for (let i = 0; i < count; i++) {
    let to = 0;
    for (let d = 0; d < depth; d++) to += inside(at[i * depth + d] ?? 0, data.shape[d] ?? 1) * (strides[d] ?? 1);
    for (let j = 0; j < length; j++) out.put(to + j, i * length + j);
  }
  return { dtype: data.dtype, shape: data.shape, data: out.data };
}

// compiler/ops/gather.ts
function wrapIndex(c, value, extent) {
  const i = value.cast("i32");
  const unsigned = value.type === "u32" || value.type === "u64";
  return c.index(unsigned ? i : i.lt(0).select(i.add(dimValue(extent)), i), extent);
}
var gather = defineOp({
  name: "gather",
  infer: (c) => {
    const data = inputType(c, 0);
    const axis = numberAttr(c.attrs, "axis", 0);
    if (axis >= data.shape.length) c.fail(`axis ${axis} is outside ${formatShape(data.shape)}`);
    const shape = [...data.shape.slice(0, axis), ...inputType(c, 1).shape, ...data.shape.slice(axis + 1)];
    return { dtype: data.dtype, shape, format: "dense" };
  },
  element: (c) => {
    const axis = numberAttr(c.attrs, "axis", 0);
    const rank = c.inputs[1]?.shape.length ?? 0;
    const extent = c.inputs[0]?.shape[axis] ?? 1;
    return (coords) => {
      const at = wrapIndex(c, c.at(1, coords.slice(axis, axis + rank)), extent);
      return c.at(0, [...coords.slice(0, axis), at, ...coords.slice(axis + rank)]);
    };
  }
});
var gatherElements = defineOp({
  name: "gather_elements",
  infer: (c) => {
    const data = inputType(c, 0);
    const indices = inputType(c, 1);
    if (data.shape.length !== indices.shape.length) c.fail("data and indices must have the same rank");
    return { dtype: data.dtype, shape: indices.shape, format: "dense" };
  },
  element: (c) => {
    const axis = numberAttr(c.attrs, "axis", 0);
    const extent = c.inputs[0]?.shape[axis] ?? 1;
    return (coords) => c.at(0, withCoord(coords, axis, wrapIndex(c, c.at(1, coords), extent)));
  }
});
var gatherNd = defineOp({
  name: "gather_nd",
  infer: (c) => {
    const data = inputType(c, 0);
    const indices = inputType(c, 1).shape;
    const depth = indices[indices.length - 1];
    const batch = numberAttr(c.attrs, "batchDims", 0);
    if (depth === void 0 || !isStatic(depth))
      return c.fail("the last dimension of indices must be a known number");
    if (batch + depth > data.shape.length) c.fail(`indices of depth ${depth} do not fit ${formatShape(data.shape)}`);
    return { dtype: data.dtype, shape: [...indices.slice(0, -1), ...data.shape.slice(batch + depth)], format: "dense" };
  },
  element: (c) => {
    const data = c.inputs[0]?.shape ?? [];
    const indices = c.inputs[1]?.shape ?? [];
    const depth = Number(indices[indices.length - 1] ?? 0);
    const batch = numberAttr(c.attrs, "batchDims", 0);
    return (coords) => {
      const outer = coords.slice(0, indices.length - 1);
      const picked = Array.from(
        { length: depth },
        (_, i) => wrapIndex(c, c.at(1, [...outer, i]), data[batch + i] ?? 1)
      );
      return c.at(0, [...coords.slice(0, batch), ...picked, ...coords.slice(indices.length - 1)]);
    };
  }
});
var oneHot = defineOp({
  name: "one_hot",
  infer: (c) => {
    const shape = [...inputType(c, 0).shape];
    shape.splice(numberAttr(c.attrs, "axis", shape.length), 0, dimAttr(c.attrs, "depth", 1));
    return { dtype: inputType(c, 1).dtype, shape, format: "dense" };
  },
  element: (c) => {
    const axis = numberAttr(c.attrs, "axis", 0);
    const depth = dimValue(dimAttr(c.attrs, "depth", 1));
    return (coords) => {
      const value = c.at(
        0,
        coords.filter((_, i2) => i2 !== axis)
      );
      const i = isFloatType2(value.type) ? value.trunc().cast("i32") : value.cast("i32");
      const at = i.lt(0).select(i.add(depth), i);
      return at.eq(dimValue(coords[axis] ?? 0)).select(c.at(1, [1]), c.at(1, [0]));
    };
  }
});
var trilu = defineOp({
  name: "trilu",
  infer: (c) => inputType(c, 0),
  element: (c) => {
    const upper = flagAttr(c.attrs, "upper");
    const zero2 = constant(computeType(only(c.outputs).dtype), 0);
    return (coords) => {
      const [row = 0, column = 0] = coords.slice(-2);
      const k = c.inputs[1] ? c.linear(1, 0).cast("i32") : constant("i32", 0);
      const distance2 = dimValue(column).sub(dimValue(row));
      const keep = upper ? distance2.ge(k) : distance2.le(k);
      return keep.select(c.at(0, coords), zero2);
    };
  }
});
var reverseSequence = defineOp({
  name: "reverse_sequence",
  infer: (c) => inputType(c, 0),
  element: (c) => {
    const time = numberAttr(c.attrs, "timeAxis", 0);
    const batch = numberAttr(c.attrs, "batchAxis", 1);
    const extent = c.inputs[0]?.shape[time] ?? 1;
    return (coords) => {
      const length = c.at(1, [coords[batch] ?? 0]).cast("i32");
      const t = dimValue(coords[time] ?? 0);
      const from = t.lt(length).select(length.sub(1).sub(t), t);
      return c.at(0, withCoord(coords, time, c.index(from, extent)));
    };
  }
});
var scatterOp = (name2, apply2) => defineOp({
  name: name2,
  infer: (c) => inputType(c, 0),
  reference: (inputs, attrs) => [
    apply2(
      inputs.filter((t) => t !== null),
      attrs
    )
  ]
});
var gatherOps = [
  gather,
  gatherElements,
  gatherNd,
  oneHot,
  trilu,
  reverseSequence,
  scatterOp("scatter_elements", scatterElements),
  scatterOp("scatter_nd", scatterNd)
];

// compiler/ops/matmul.ts
function inferMatmul(c) {
  const [a, b] = [inputType(c, 0), inputType(c, 1)];
  if (a.shape.length < 2 || b.shape.length < 2) c.fail("operands must have rank 2 or more");
  const [ar = 1, ac = 1] = a.shape.slice(-2);
  const [br = 1, bc = 1] = b.shape.slice(-2);
  const [m, ka] = flagAttr(c.attrs, "transposeA") ? [ac, ar] : [ar, ac];
  const [kb, n] = flagAttr(c.attrs, "transposeB") ? [bc, br] : [br, bc];
  if (equals(ka, kb) === false)
    c.fail(
      `inner dimensions ${formatDim(ka)} and ${formatDim(kb)} of ${formatShape(a.shape)} x ${formatShape(b.shape)} differ`
    );
  if (a.dtype !== b.dtype && c.attrs.dtype === void 0) c.fail(`operand dtypes ${a.dtype} and ${b.dtype} differ`);
  const batch = broadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  if (!batch) return c.fail(`batch dimensions of ${formatShape(a.shape)} and ${formatShape(b.shape)} do not broadcast`);
  return { dtype: dtypeAttr(c.attrs, "dtype", a.dtype), shape: [...batch, m, n], format: "dense" };
}
var matmul = defineOp({
  name: "matmul",
  infer: inferMatmul,
  element: (c) => {
    const [a, b] = [c.inputs[0]?.shape ?? [], c.inputs[1]?.shape ?? []];
    const ta = flagAttr(c.attrs, "transposeA");
    const tb = flagAttr(c.attrs, "transposeB");
    const k = (ta ? a[a.length - 2] : a[a.length - 1]) ?? 1;
    const type = computeType(only(c.outputs).dtype);
    return (coords) => {
      const batch = coords.slice(0, -2);
      const [row = 0, column = 0] = coords.slice(-2);
      const aBatch = broadcastCoords2(a.slice(0, -2), batch);
      const bBatch = broadcastCoords2(b.slice(0, -2), batch);
      return only(
        c.fold("sum", [k], [constant(type, 0)], ([p = 0], state) => {
          const x2 = c.at(0, [...aBatch, ...ta ? [p, row] : [row, p]]).cast(type);
          const y = c.at(1, [...bBatch, ...tb ? [column, p] : [p, column]]).cast(type);
          return [multiplyAdd(x2, y, only(state))];
        })
      );
    };
  },
  flops: (node) => {
    const shape = node.inputs[0]?.type.shape ?? [];
    return mul(2, (flagAttr(node.attrs, "transposeA") ? shape[shape.length - 2] : shape[shape.length - 1]) ?? 1);
  }
});
function einsumParts(attrs) {
  const [left = "", output = ""] = String(attrs.equation ?? "").split("->");
  return { operands: left.split(","), output };
}
function einsumExtents(operands, shapes) {
  const extents = /* @__PURE__ */ new Map();
  operands.forEach((labels, i) => {
    [...labels].forEach((label2, axis) => {
      const d = shapes[i]?.[axis] ?? 1;
      const old = extents.get(label2);
      if (old === void 0 || old === 1) extents.set(label2, d);
    });
  });
  return extents;
}
var einsum = defineOp({
  name: "einsum",
  infer: (c) => {
    const { operands, output } = einsumParts({ equation: stringAttr(c.attrs, "equation", "") });
    if (operands.length !== c.inputs.length) c.fail(`the equation has ${operands.length} operands`);
    const shapes = c.inputs.map((_, i) => inputType(c, i).shape);
    operands.forEach((labels, i) => {
      if (labels.length !== shapes[i]?.length) c.fail(`term '${labels}' does not fit ${formatShape(shapes[i] ?? [])}`);
    });
    const extents = einsumExtents(operands, shapes);
    operands.forEach((labels, i) => {
      [...labels].forEach((label2, axis) => {
        const d = shapes[i]?.[axis] ?? 1;
        if (d !== 1 && equals(d, extents.get(label2) ?? 1) === false) c.fail(`label '${label2}' has two lengths`);
      });
    });
    return { dtype: inputType(c, 0).dtype, shape: [...output].map((l) => extents.get(l) ?? 1), format: "dense" };
  },
  element: (c) => {
    const { operands, output } = einsumParts(c.attrs);
    const shapes = c.inputs.map((t) => t?.shape ?? []);
    const extents = einsumExtents(operands, shapes);
    const summed = [...extents.keys()].filter((l) => !output.includes(l));
    const type = computeType(only(c.outputs).dtype);
    return (coords) => only(
      c.fold(
        "sum",
        summed.map((l) => extents.get(l) ?? 1),
        [constant(type, 0)],
        (loops, state) => {
          const value = (label2) => output.includes(label2) ? coords[output.indexOf(label2)] ?? 0 : loops[summed.indexOf(label2)] ?? 0;
          const factors = operands.map(
            (labels, i) => c.at(
              i,
              [...labels].map((l, axis) => shapes[i]?.[axis] === 1 ? 0 : value(l))
            )
          );
          return [only(state).add(factors.reduce((p, q) => p.mul(q)))];
        }
      )
    );
  },
  flops: (node) => {
    const { operands, output } = einsumParts(node.attrs);
    const extents = einsumExtents(
      operands,
      node.inputs.map((v) => v?.type.shape ?? [])
    );
    return product([2, ...[...extents].filter(([l]) => !output.includes(l)).map(([, d]) => d)]);
  }
});
var det = defineOp({
  name: "det",
  infer: (c) => {
    const x2 = inputType(c, 0);
    return { dtype: x2.dtype, shape: x2.shape.slice(0, -2), format: "dense" };
  },
  host: "det"
});
var matmulOps = [matmul, einsum, det];

// compiler/ops/movement.ts
var dense2 = (dtype, shape) => ({ dtype, shape, format: "dense" });
var reshape2 = defineOp({
  name: "reshape",
  view: true,
  infer: (c) => {
    const x2 = inputType(c, 0);
    const shape = dimsAttr(c.attrs, "shape");
    if (equals(product(x2.shape), product(shape)) === false)
      c.fail(
        `${formatShape(x2.shape)} has ${formatDim(product(x2.shape))} elements, ${formatShape(shape)} has ${formatDim(product(shape))}`,
        "Give a shape with the same number of elements"
      );
    return dense2(x2.dtype, shape);
  },
  element: (c) => {
    const shape = only(c.outputs).shape;
    return (coords) => {
      let position3 = 0;
      shape.forEach((n, i) => {
        position3 = add(mul(position3, n), coords[i] ?? 0);
      });
      return c.linear(0, position3);
    };
  }
});
var transpose = defineOp({
  name: "transpose",
  infer: (c) => {
    const x2 = inputType(c, 0);
    const permutation = numbersAttr(c.attrs, "permutation");
    if ([...permutation].sort((a, b) => a - b).some((p, i) => p !== i) || permutation.length !== x2.shape.length)
      c.fail(`[${permutation.join(", ")}] is not a permutation of ${x2.shape.length} axes`);
    return dense2(
      x2.dtype,
      permutation.map((p) => x2.shape[p] ?? 1)
    );
  },
  element: (c) => {
    const permutation = numbersAttr(c.attrs, "permutation");
    return (coords) => {
      const from = new Array(coords.length).fill(0);
      permutation.forEach((p, i) => {
        from[p] = coords[i] ?? 0;
      });
      return c.at(0, from);
    };
  }
});
var slice = defineOp({
  name: "slice",
  infer: (c) => {
    const x2 = inputType(c, 0);
    const shape = dimsAttr(c.attrs, "shape");
    if (shape.length !== x2.shape.length) c.fail("starts, steps and shape must cover every axis");
    return dense2(x2.dtype, shape);
  },
  element: (c) => {
    const starts = dimsAttr(c.attrs, "starts");
    const steps = dimsAttr(c.attrs, "steps");
    return (coords) => c.at(
      0,
      coords.map((i, axis) => add(starts[axis] ?? 0, mul(i, steps[axis] ?? 1)))
    );
  }
});
var concat = defineOp({
  name: "concat",
  infer: (c) => {
    const first = inputType(c, 0);
    const axis = numberAttr(c.attrs, "axis", 0);
    let length = 0;
    const shape = [...first.shape];
    c.inputs.forEach((_, i) => {
      const t = inputType(c, i);
      if (t.dtype !== first.dtype) c.fail(`input ${i} is ${t.dtype}, input 0 is ${first.dtype}`, "Cast one of them");
      if (t.shape.length !== first.shape.length) c.fail(`input ${i} has another rank than input 0`);
      length = add(length, t.shape[axis] ?? 1);
      t.shape.forEach((d, at) => {
        if (at === axis) return;
        if (equals(d, shape[at] ?? 1) === false)
          c.fail(`shapes ${formatShape(first.shape)} and ${formatShape(t.shape)} differ outside axis ${axis}`);
        if (isStatic(d)) shape[at] = d;
      });
    });
    shape[axis] = length;
    return dense2(first.dtype, shape);
  },
  element: (c) => {
    const axis = numberAttr(c.attrs, "axis", 0);
    const zero2 = constant(computeType(only(c.outputs).dtype), 0);
    const starts = [];
    let next = 0;
    for (const t of c.inputs) {
      starts.push(next);
      next = add(next, t?.shape[axis] ?? 0);
    }
    return (coords) => {
      const at = coords[axis] ?? 0;
      const certain = c.inputs.findIndex(
        (t, i) => lessThan(at, starts[i] ?? 0) === false && lessThan(at, add(starts[i] ?? 0, t?.shape[axis] ?? 0)) === true
      );
      if (certain >= 0) return c.at(certain, withCoord(coords, axis, sub(at, starts[certain] ?? 0)));
      let value;
      for (let i = c.inputs.length - 1; i >= 0; i--) {
        if (c.inputs[i]?.shape.includes(0)) continue;
        const from = withCoord(coords, axis, sub(coords[axis] ?? 0, starts[i] ?? 0));
        value = value === void 0 && i === c.inputs.length - 1 ? c.at(i, from) : c.guarded(i, from, value ?? zero2);
      }
      return value ?? zero2;
    };
  }
});
var pad = defineOp({
  name: "pad",
  infer: (c) => {
    const x2 = inputType(c, 0);
    const begins = dimsAttr(c.attrs, "begins");
    const ends = dimsAttr(c.attrs, "ends");
    if (begins.length !== x2.shape.length || ends.length !== x2.shape.length) c.fail("pads must cover every axis");
    return dense2(
      x2.dtype,
      x2.shape.map((n, i) => add(n, add(begins[i] ?? 0, ends[i] ?? 0)))
    );
  },
  element: (c) => {
    const x2 = c.inputs[0];
    const begins = dimsAttr(c.attrs, "begins");
    const mode = stringAttr(c.attrs, "mode", "constant");
    const type = computeType(only(c.outputs).dtype);
    const isInside = (axis) => begins[axis] === 0 && dimsAttr(c.attrs, "ends")[axis] === 0;
    return (coords) => {
      const shifted = coords.map((i, axis) => sub(i, begins[axis] ?? 0));
      if (mode === "constant") {
        const value = c.inputs[1] ? c.linear(1, 0) : constant(type, 0);
        return x2?.shape.includes(0) ? value : c.guarded(0, shifted, value);
      }
      return c.at(
        0,
        shifted.map((i, axis) => {
          const n = x2?.shape[axis] ?? 1;
          if (isInside(axis)) return i;
          if (mode === "edge") return max(0, min(i, sub(n, 1)));
          if (mode === "wrap") return mod(i, isStatic(n) ? Math.max(1, n) : n);
          const period = mul(2, sub(n, 1));
          if (isStatic(period) && period <= 0) return 0;
          const m = mod(i, max(1, period));
          return min(m, sub(period, m));
        })
      );
    };
  }
});
var expand = defineOp({
  name: "expand",
  infer: (c) => {
    const x2 = inputType(c, 0);
    const shape = dimsAttr(c.attrs, "shape");
    const skip = shape.length - x2.shape.length;
    if (skip < 0 || x2.shape.some((d, i) => broadcastDim(d, shape[i + skip] ?? 1) === void 0))
      c.fail(`${formatShape(x2.shape)} does not expand to ${formatShape(shape)}`);
    return dense2(x2.dtype, shape);
  },
  element: (c) => (coords) => c.at(0, broadcastCoords2(c.inputs[0]?.shape ?? [], coords))
});
var tile = defineOp({
  name: "tile",
  infer: (c) => {
    const x2 = inputType(c, 0);
    const repeats = dimsAttr(c.attrs, "repeats");
    if (repeats.length !== x2.shape.length) c.fail("repeats must cover every axis");
    return dense2(
      x2.dtype,
      x2.shape.map((n, i) => mul(n, repeats[i] ?? 1))
    );
  },
  element: (c) => {
    const shape = c.inputs[0]?.shape ?? [];
    const repeats = dimsAttr(c.attrs, "repeats");
    return (coords) => c.at(
      0,
      coords.map((i, axis) => repeats[axis] === 1 ? i : wrapped(i, shape[axis] ?? 1))
    );
  }
});
var wrapped = (i, n) => n === 0 || n === 1 ? 0 : mod(i, n);
var reverse = defineOp({
  name: "reverse",
  infer: (c) => inputType(c, 0),
  element: (c) => {
    const axes = numbersAttr(c.attrs, "axes");
    const shape = c.inputs[0]?.shape ?? [];
    return (coords) => c.at(
      0,
      coords.map((i, axis) => axes.includes(axis) ? sub(sub(shape[axis] ?? 1, 1), i) : i)
    );
  }
});
function blockSizes(c) {
  const x2 = inputType(c, 0);
  const [n = 1, channels = 1, h = 1, w = 1] = x2.shape;
  if (x2.shape.length !== 4) c.fail(`expects [n, c, h, w], got ${formatShape(x2.shape)}`);
  return { n, channels, h, w, block: numberAttr(c.attrs, "block", 1), dtype: x2.dtype };
}
var depthToSpace = defineOp({
  name: "depth_to_space",
  infer: (c) => {
    const { n, channels, h, w, block: block2, dtype } = blockSizes(c);
    const depth = divideExactly(channels, block2 * block2);
    if (depth === void 0) c.fail(`${formatDim(channels)} channels are not divisible by ${block2 * block2}`);
    return dense2(dtype, [n, depth ?? 1, mul(h, block2), mul(w, block2)]);
  },
  element: (c) => {
    const block2 = numberAttr(c.attrs, "block", 1);
    const depth = only(c.outputs).shape[1] ?? 1;
    const crd = stringAttr(c.attrs, "mode", "DCR") === "CRD";
    return ([n = 0, ch = 0, y = 0, x2 = 0]) => {
      const by = mod(y, block2);
      const bx = mod(x2, block2);
      const offset = add(mul(by, block2), bx);
      const from = crd ? add(mul(ch, block2 * block2), offset) : add(mul(offset, depth), ch);
      return c.at(0, [n, from, floorDiv(y, block2), floorDiv(x2, block2)]);
    };
  }
});
var spaceToDepth = defineOp({
  name: "space_to_depth",
  infer: (c) => {
    const { n, channels, h, w, block: block2, dtype } = blockSizes(c);
    return dense2(dtype, [n, mul(channels, block2 * block2), floorDiv(h, block2), floorDiv(w, block2)]);
  },
  element: (c) => {
    const block2 = numberAttr(c.attrs, "block", 1);
    const channels = c.inputs[0]?.shape[1] ?? 1;
    return ([n = 0, ch = 0, y = 0, x2 = 0]) => {
      const offset = floorDiv(ch, channels);
      return c.at(0, [
        n,
        mod(ch, channels),
        add(mul(y, block2), floorDiv(offset, block2)),
        add(mul(x2, block2), mod(offset, block2))
      ]);
    };
  }
});
var movementOps = [
  reshape2,
  transpose,
  slice,
  concat,
  pad,
  expand,
  tile,
  reverse,
  depthToSpace,
  spaceToDepth
];

// compiler/ops/pool.ts
function pooledLength(n, w, ceil) {
  if (!ceil) return windowCount(n, w);
  const span = sub(add(n, add(w.begin, w.end)), spanOf(w));
  const count = add(ceilDiv(span, w.stride), 1);
  const startsInside = ceilDiv(add(n, w.begin), w.stride);
  return min(count, startsInside);
}
function pooledShape(c, x2) {
  const kernel = numbersAttr(c.attrs, "kernel");
  if (kernel.length !== x2.shape.length - 2)
    c.fail(`the kernel has ${kernel.length} axes, the input ${x2.shape.length - 2}`);
  const windows = windowsOf(c.attrs, kernel);
  return x2.shape.map((n, i) => i < 2 ? n : pooledLength(n, only(windows, i - 2), flagAttr(c.attrs, "ceil")));
}
var kernelSize = (attrs) => numbersAttr(attrs, "kernel").reduce((p, k) => p * k, 1);
function foldWindow(c, coords, monoid, init, outside, combine4) {
  const kernel = numbersAttr(c.attrs, "kernel");
  const windows = windowsOf(c.attrs, kernel);
  const [n = 0, channel = 0, ...spatial] = coords;
  return only(
    c.fold(monoid, kernel, [init], (taps, state) => {
      const from = spatial.map((i, axis) => tap(i, taps[axis] ?? 0, only(windows, axis)));
      return [combine4(only(state), c.guarded(0, [n, channel, ...from], outside))];
    })
  );
}
var maxPool = defineOp({
  name: "max_pool",
  infer: (c) => {
    const x2 = inputType(c, 0);
    const shape = pooledShape(c, x2);
    const y = { dtype: x2.dtype, shape, format: "dense" };
    return c.attrs.indices === true ? [y, { dtype: "i64", shape, format: "dense" }] : [y];
  },
  element: (c) => (coords, output) => {
    const x2 = c.inputs[0];
    if (!x2) throw new RangeError("max_pool has no input");
    const low = lowest(x2.dtype);
    if (output === 0) return foldWindow(c, coords, "max", low, low, (acc, v) => acc.max(v));
    const kernel = numbersAttr(c.attrs, "kernel");
    const windows = windowsOf(c.attrs, kernel);
    const [n = 0, channel = 0, ...spatial] = coords;
    const result = c.fold("general", kernel, [low, constant("i32", 0)], (taps, state) => {
      const from = spatial.map((i, axis) => tap(i, taps[axis] ?? 0, only(windows, axis)));
      const v = c.guarded(0, [n, channel, ...from], low);
      let position3 = add(mul(n, x2.shape[1] ?? 1), channel);
      const axes = from.map((p, i) => ({ p, extent: x2.shape[i + 2] ?? 1 }));
      for (const { extent } of axes) position3 = mul(position3, extent);
      let inner = 0;
      for (const { p, extent } of c.attrs.columnMajor === true ? axes.reverse() : axes)
        inner = add(mul(inner, extent), p);
      const better = v.gt(only(state));
      return [better.select(v, only(state)), better.select(dimValue(add(position3, inner)), only(state, 1))];
    });
    return only(result, 1).cast("i64");
  },
  flops: (node) => kernelSize(node.attrs)
});
var sumType = (dtype) => computeType(dtype);
var averagePool = defineOp({
  name: "average_pool",
  infer: (c) => {
    const x2 = inputType(c, 0);
    return { dtype: x2.dtype, shape: pooledShape(c, x2), format: "dense" };
  },
  element: (c) => {
    const x2 = c.inputs[0]?.shape ?? [];
    const type = sumType(only(c.outputs).dtype);
    const windows = windowsOf(c.attrs, numbersAttr(c.attrs, "kernel"));
    const padded = flagAttr(c.attrs, "countPadding");
    return (coords) => {
      const zero2 = constant(type, 0);
      const total = foldWindow(c, coords, "sum", zero2, zero2, (acc, v) => acc.add(v));
      let count = 1;
      windows.forEach((w, i) => {
        const start = sub(mul(coords[i + 2] ?? 0, w.stride), w.begin);
        const [low, high2] = padded ? [sub(0, w.begin), add(x2[i + 2] ?? 1, w.end)] : [0, x2[i + 2] ?? 1];
        const first = max(0, ceilDiv(sub(low, start), w.dilation));
        const last = min(w.kernel, ceilDiv(sub(high2, start), w.dilation));
        count = mul(count, sub(last, first));
      });
      return total.div(dimValue(count).cast(type));
    };
  },
  flops: (node) => kernelSize(node.attrs)
});
var lpPool = defineOp({
  name: "lp_pool",
  infer: (c) => {
    const x2 = inputType(c, 0);
    return { dtype: x2.dtype, shape: pooledShape(c, x2), format: "dense" };
  },
  element: (c) => {
    const type = sumType(only(c.outputs).dtype);
    const p = numberAttr(c.attrs, "p", 2);
    return (coords) => {
      const zero2 = constant(type, 0);
      const total = foldWindow(c, coords, "sum", zero2, zero2, (acc, v) => acc.add(powerOf(v.abs(), p)));
      return p === 1 ? total : p === 2 ? total.sqrt() : total.pow(1 / p);
    };
  },
  flops: (node) => 4 * kernelSize(node.attrs)
});
var powerOf = (x2, p) => p === 1 ? x2 : p === 2 ? x2.mul(x2) : x2.pow(p);
var poolOps = [maxPool, averagePool, lpPool];

// compiler/ops/norm.ts
var shapeOf2 = (c, i) => c.inputs[i]?.shape ?? [];
var typeOf2 = (c) => computeType(only(c.outputs).dtype);
function sumAlong(c, axis, coords, each) {
  return only(
    c.fold("sum", [shapeOf2(c, 0)[axis] ?? 1], [constant(typeOf2(c), 0)], ([i = 0], state) => [
      only(state).add(each(c.at(0, withCoord(coords, axis, i))))
    ])
  );
}
function maxAlong(c, axis, coords) {
  const dtype = only(c.outputs).dtype;
  return only(
    c.fold("max", [shapeOf2(c, 0)[axis] ?? 1], [lowest(dtype)], ([i = 0], state) => [
      only(state).max(c.at(0, withCoord(coords, axis, i)))
    ])
  );
}
var sameType2 = (c) => ({ ...inputType(c, 0), format: "dense" });
var axisLength = (node) => node.inputs[0]?.type.shape[numberAttr(node.attrs, "axis", 0)] ?? 1;
var softmax = defineOp({
  name: "softmax",
  infer: sameType2,
  element: (c) => {
    const axis = numberAttr(c.attrs, "axis", 0);
    return (coords) => {
      const top = maxAlong(c, axis, coords);
      const total = sumAlong(c, axis, coords, (x2) => x2.sub(top).exp());
      return c.at(0, coords).sub(top).exp().div(total);
    };
  },
  flops: (node) => mul(10, axisLength(node))
});
var logSoftmax = defineOp({
  name: "log_softmax",
  infer: sameType2,
  element: (c) => {
    const axis = numberAttr(c.attrs, "axis", 0);
    return (coords) => {
      const top = maxAlong(c, axis, coords);
      const total = sumAlong(c, axis, coords, (x2) => x2.sub(top).exp());
      return c.at(0, coords).sub(top).sub(total.log());
    };
  },
  flops: (node) => mul(10, axisLength(node))
});
var hardmax = defineOp({
  name: "hardmax",
  infer: sameType2,
  element: (c) => {
    const axis = numberAttr(c.attrs, "axis", 0);
    const type = typeOf2(c);
    return (coords) => {
      const found = c.fold(
        "general",
        [shapeOf2(c, 0)[axis] ?? 1],
        [lowest(only(c.outputs).dtype), constant("i32", 0)],
        ([i = 0], state) => {
          const v = c.at(0, withCoord(coords, axis, i));
          const better = v.gt(only(state));
          return [better.select(v, only(state)), better.select(dimValue(i), only(state, 1))];
        }
      );
      return only(found, 1).eq(dimValue(coords[axis] ?? 0)).select(constant(type, 1), constant(type, 0));
    };
  },
  flops: (node) => axisLength(node)
});
var lpNorm = defineOp({
  name: "lp_norm",
  infer: sameType2,
  element: (c) => {
    const axis = numberAttr(c.attrs, "axis", 0);
    const p = numberAttr(c.attrs, "p", 2);
    return (coords) => {
      const total = sumAlong(c, axis, coords, (x2) => powerOf(x2.abs(), p));
      const norm = p === 1 ? total : p === 2 ? total.sqrt() : total.pow(1 / p);
      const none = norm.eq(0);
      return none.select(constant(norm.type, 0), c.at(0, coords).div(none.select(constant(norm.type, 1), norm)));
    };
  },
  flops: (node) => mul(2, axisLength(node))
});
function rowMoments(c, coords, axis, eps) {
  const shape = shapeOf2(c, 0);
  const outer = coords.slice(0, axis);
  const extents = shape.slice(axis);
  const type = typeOf2(c) === "f64" ? "f64" : "f32";
  const count = dimValue(product(extents)).cast(type);
  const sum2 = (each) => only(
    c.fold("sum", extents, [constant(type, 0)], (loops, state) => [
      only(state).add(each(c.at(0, [...outer, ...loops]).cast(type)))
    ])
  );
  const mean = sum2((x2) => x2).div(count);
  const centred = (x2) => x2.sub(mean);
  const variance = sum2((x2) => centred(x2).mul(centred(x2))).div(count);
  const rms = () => constant(type, 1).div(
    sum2((x2) => x2.mul(x2)).div(count).add(eps).sqrt()
  );
  return { mean, scale: constant(type, 1).div(variance.add(eps).sqrt()), rms };
}
var rowSize = (node) => product(node.inputs[0]?.type.shape.slice(numberAttr(node.attrs, "axis", 0)) ?? []);
var layerNorm = defineOp({
  name: "layer_norm",
  infer: (c) => {
    const x2 = sameType2(c);
    if (c.attrs.moments !== true) return x2;
    const axis = numberAttr(c.attrs, "axis", 0);
    const dtype = dtypeAttr(c.attrs, "momentsDtype", x2.dtype === "f64" ? "f64" : "f32");
    const kept2 = { dtype, shape: x2.shape.map((n, i) => i < axis ? n : 1), format: "dense" };
    return [x2, kept2, kept2];
  },
  element: (c) => {
    const axis = numberAttr(c.attrs, "axis", 0);
    const eps = numberAttr(c.attrs, "eps", 1e-5);
    return (coords, output) => {
      const { mean, scale: scale3 } = rowMoments(c, coords, axis, eps);
      if (output === 1) return mean;
      if (output === 2) return scale3;
      return affine(c, c.at(0, coords).cast(mean.type).sub(mean).mul(scale3), coords);
    };
  },
  flops: (node) => mul(3, rowSize(node))
});
function affine(c, y, coords) {
  const scaled3 = c.inputs[1] ? y.mul(c.at(1, broadcastCoords2(shapeOf2(c, 1), coords)).cast(y.type)) : y;
  const out = c.inputs[2] ? scaled3.add(c.at(2, broadcastCoords2(shapeOf2(c, 2), coords)).cast(y.type)) : scaled3;
  return out.cast(typeOf2(c));
}
var rmsNorm = defineOp({
  name: "rms_norm",
  infer: sameType2,
  element: (c) => {
    const axis = numberAttr(c.attrs, "axis", 0);
    const eps = numberAttr(c.attrs, "eps", 1e-5);
    return (coords) => {
      const { rms } = rowMoments(c, coords, axis, eps);
      const scale3 = rms();
      return affine(c, c.at(0, coords).cast(scale3.type).mul(scale3), coords);
    };
  },
  flops: (node) => mul(2, rowSize(node))
});
var groupNorm = defineOp({
  name: "group_norm",
  infer: sameType2,
  element: (c) => {
    const shape = shapeOf2(c, 0);
    const channels = shape[1] ?? 1;
    const groups = numberAttr(c.attrs, "groups", 0);
    const per = groups === 0 ? 1 : floorDiv(channels, groups);
    const eps = numberAttr(c.attrs, "eps", 1e-5);
    const extents = [per, ...shape.slice(2)];
    return (coords) => {
      const [n = 0, channel = 0] = coords;
      const first = per === 1 ? channel : mul(floorDiv(channel, per), per);
      const type = typeOf2(c);
      const count = dimValue(product(extents)).cast(type);
      const sum2 = (each) => only(
        c.fold("sum", extents, [constant(type, 0)], ([j = 0, ...rest], state) => [
          only(state).add(each(c.at(0, [n, add(first, j), ...rest])))
        ])
      );
      const mean = sum2((x2) => x2).div(count);
      const variance = sum2((x2) => x2.sub(mean).mul(x2.sub(mean))).div(count);
      const scale3 = constant(type, 1).div(variance.add(eps).sqrt());
      let y = c.at(0, coords).sub(mean).mul(scale3);
      if (c.inputs[1]) y = y.mul(c.at(1, [channel]).cast(type));
      return c.inputs[2] ? y.add(c.at(2, [channel]).cast(type)) : y;
    };
  },
  flops: (node) => mul(3, product(node.inputs[0]?.type.shape.slice(2) ?? []))
});
var lrn = defineOp({
  name: "lrn",
  infer: sameType2,
  element: (c) => {
    const size = numberAttr(c.attrs, "size", 1);
    const scale3 = numberAttr(c.attrs, "alpha", 1e-4) / size;
    return (coords) => {
      const zero2 = constant(typeOf2(c), 0);
      const total = only(
        c.fold("sum", [size], [zero2], ([i = 0], state) => {
          const at = sub(add(coords[1] ?? 0, i), Math.floor((size - 1) / 2));
          const x2 = c.guarded(0, withCoord(coords, 1, at), zero2);
          return [only(state).add(x2.mul(x2))];
        })
      );
      const divisor = total.mul(scale3).add(numberAttr(c.attrs, "bias", 1));
      return c.at(0, coords).div(divisor.pow(numberAttr(c.attrs, "beta", 0.75)));
    };
  },
  flops: (node) => 2 * numberAttr(node.attrs, "size", 1) + 16
});
var normOps = [softmax, logSoftmax, hardmax, lpNorm, layerNorm, rmsNorm, groupNorm, lrn];

// compiler/ops/reduce.ts
function reducedAxes(rank, attrs) {
  const mask = dimsAttr(attrs, "mask");
  if (mask.length === rank && rank > 0) return mask;
  const axes = numbersAttr(attrs, "axes");
  return Array.from({ length: rank }, (_, i) => axes.includes(i) ? 1 : 0);
}
var keeps = (attrs) => attrs.keepDims === true || dimsAttr(attrs, "mask").length > 0;
var keptLength = (n, r) => r === 0 ? n : r === 1 ? 1 : sub(n, mul(r, sub(n, 1)));
function reducedShape(shape, attrs) {
  const mask = reducedAxes(shape.length, attrs);
  if (keeps(attrs)) return shape.map((n, i) => keptLength(n, mask[i] ?? 0));
  return shape.filter((_, i) => mask[i] === 0);
}
function reductionLoops(shape, attrs) {
  const mask = reducedAxes(shape.length, attrs);
  const keep = keeps(attrs);
  const looped = [];
  shape.forEach((_, i) => {
    if (mask[i] !== 0) looped.push(i);
  });
  const extents = looped.map((axis) => {
    const n = shape[axis] ?? 1;
    const r = mask[axis] ?? 0;
    return r === 1 ? n : add(1, mul(r, sub(n, 1)));
  });
  const coordsOf = (coords, loops) => {
    let next = 0;
    return shape.map((_, axis) => {
      const at = looped.indexOf(axis);
      const outer = keep ? coords[axis] ?? 0 : at < 0 ? coords[next++] ?? 0 : 0;
      if (at < 0) return outer;
      const loop2 = loops[at] ?? 0;
      return mask[axis] === 1 ? loop2 : add(outer, loop2);
    });
  };
  return { extents, coordsOf };
}
var zeroOf = (dtype) => constant(computeType(dtype), 0);
var sum = { monoid: "sum", init: zeroOf };
var reductions = {
  reduce_sum: sum,
  reduce_prod: { monoid: "prod", init: (d) => constant(computeType(d), 1) },
  reduce_max: { monoid: "max", init: lowest },
  reduce_min: { monoid: "min", init: highest },
  reduce_mean: {
    ...sum,
    finish: (total, count) => total.div(dimValue(isFloatType2(total.type) ? count : max(1, count)).cast(total.type))
  },
  reduce_l1: { ...sum, each: (x2) => x2.type === "u32" || x2.type === "u64" ? x2 : x2.abs() },
  reduce_l2: { ...sum, each: (x2) => x2.mul(x2), finish: (t) => squareRoot(t) },
  reduce_sum_square: { ...sum, each: (x2) => x2.mul(x2) },
  reduce_log_sum: { ...sum, finish: (t) => logarithm(t) }
};
var throughFloat = (x2, apply2) => x2.type === "f32" || x2.type === "f64" ? apply2(x2) : apply2(x2.cast("f64")).cast(x2.type);
var squareRoot = (x2) => throughFloat(x2, (f) => f.sqrt());
var logarithm = (x2) => throughFloat(x2, (f) => f.log());
function combine3(monoid, acc, x2) {
  if (acc.type === "bool") return monoid === "max" || monoid === "sum" ? acc.or(x2) : acc.and(x2);
  return monoid === "sum" ? acc.add(x2) : monoid === "prod" ? acc.mul(x2) : monoid === "max" ? acc.max(x2) : acc.min(x2);
}
function reduceOver(c, input, coords, reduction) {
  const shape = c.inputs[input]?.shape ?? [];
  const { extents, coordsOf } = reductionLoops(shape, c.attrs);
  const { monoid, each, init } = reduction;
  const kind = init.type === "bool" ? monoid === "max" ? "or" : "and" : monoid;
  return only(
    c.fold(kind, extents, [init], (loops, state) => {
      const x2 = c.at(input, coordsOf(coords, loops));
      return [combine3(monoid, only(state), each ? each(x2) : x2)];
    })
  );
}
var reduceInfer = (c) => {
  const x2 = inputType(c, 0);
  return { dtype: x2.dtype, shape: reducedShape(x2.shape, c.attrs), format: "dense" };
};
var reduceOp = (name2, r) => defineOp({
  name: name2,
  infer: reduceInfer,
  element: (c) => (coords) => {
    const dtype = only(c.outputs).dtype;
    const total = reduceOver(c, 0, coords, { ...r, init: r.init(dtype) });
    const { extents } = reductionLoops(c.inputs[0]?.shape ?? [], c.attrs);
    return r.finish ? r.finish(total, product(extents)) : total;
  },
  flops: (node) => product(reductionLoops(node.inputs[0]?.type.shape ?? [], node.attrs).extents)
});
var logSumExp = defineOp({
  name: "reduce_log_sum_exp",
  infer: reduceInfer,
  element: (c) => (coords) => {
    const dtype = only(c.outputs).dtype;
    const type = computeType(dtype);
    const wide = type === "f64" || type === "f32" ? type : "f64";
    const top = reduceOver(c, 0, coords, { monoid: "max", init: lowest(dtype) }).cast(wide);
    const shift2 = top.abs().eq(Number.POSITIVE_INFINITY).select(constant(wide, 0), top);
    const total = reduceOver(c, 0, coords, {
      monoid: "sum",
      init: constant(wide, 0),
      each: (x2) => x2.cast(wide).sub(shift2).exp()
    });
    return total.log().add(shift2).cast(type);
  },
  flops: (node) => mul(10, product(reductionLoops(node.inputs[0]?.type.shape ?? [], node.attrs).extents))
});
var argOp = (name2, sign2) => defineOp({
  name: name2,
  infer: (c) => ({ dtype: "i64", shape: reducedShape(inputType(c, 0).shape, c.attrs), format: "dense" }),
  element: (c) => (coords) => {
    const x2 = c.inputs[0];
    if (!x2) throw new RangeError(`${name2} has no input`);
    const { extents, coordsOf } = reductionLoops(x2.shape, c.attrs);
    const last = flagAttr(c.attrs, "last");
    const init = [sign2 === "max" ? lowest(x2.dtype) : highest(x2.dtype), constant("i32", 0)];
    const result = c.fold("general", extents, init, (loops, state) => {
      const [best, at] = [only(state), only(state, 1)];
      const v = c.at(0, coordsOf(coords, loops));
      const beats = sign2 === "max" ? last ? v.ge(best) : v.gt(best) : last ? v.le(best) : v.lt(best);
      const nan = isFloat(x2.dtype) ? v.isNan().and(last ? constant("bool", true) : best.isNan().not()) : void 0;
      const better = nan ? beats.or(nan) : beats;
      return [better.select(v, best), better.select(dimValue(loops[0] ?? 0), at)];
    });
    return only(result, 1).cast("i64");
  },
  flops: (node) => product(reductionLoops(node.inputs[0]?.type.shape ?? [], node.attrs).extents)
});
var cumulative = (name2, monoid) => defineOp({
  name: name2,
  infer: (c) => inputType(c, 0),
  element: (c) => (coords) => {
    const x2 = c.inputs[0];
    if (!x2) throw new RangeError(`${name2} has no input`);
    const mask = reducedAxes(x2.shape.length, c.attrs);
    const reverse2 = flagAttr(c.attrs, "reverse");
    const exclusive = flagAttr(c.attrs, "exclusive");
    const axes = mask.flatMap((r, axis) => r === 0 ? [] : [axis]);
    const static1 = axes.length === 1 && mask[axes[0] ?? 0] === 1;
    const extents = axes.map((axis) => {
      const here = coords[axis] ?? 0;
      const n = x2.shape[axis] ?? 1;
      const before = reverse2 ? sub(sub(n, 1), here) : here;
      const r = mask[axis] ?? 0;
      return static1 ? exclusive ? before : add(before, 1) : add(1, mul(r, before));
    });
    const identity2 = constant(computeType(x2.dtype), monoid === "sum" ? 0 : 1);
    const skipSelf = static1 && exclusive ? 1 : 0;
    return only(
      c.fold(monoid, extents, [identity2], (loops, state) => {
        const at = coords.map((here, axis) => {
          const i = axes.indexOf(axis);
          if (i < 0) return here;
          const loop2 = loops[i] ?? 0;
          if (reverse2) return add(add(here, loop2), skipSelf);
          return static1 ? loop2 : sub(here, loop2);
        });
        let v = c.at(0, at);
        if (exclusive && !static1) {
          const self = loops.map((l) => dimValue(l).eq(0)).reduce((p, q) => p.and(q), constant("bool", true));
          v = self.select(identity2, v);
        }
        return [monoid === "sum" ? only(state).add(v) : only(state).mul(v)];
      })
    );
  },
  flops: (node) => numberAttr(node.attrs, "cost", 64)
});
var reduceOps = [
  ...Object.entries(reductions).map(([name2, r]) => reduceOp(name2, r)),
  logSumExp,
  argOp("arg_max", "max"),
  argOp("arg_min", "min"),
  cumulative("cumsum", "sum"),
  cumulative("cumprod", "prod")
];

// compiler/ops/shape.ts
var dims = defineOp({
  name: "dims",
  infer: (c) => ({
    dtype: dtypeAttr(c.attrs, "dtype", "i64"),
    shape: c.attrs.scalar === true ? [] : [dimsAttr(c.attrs, "dims").length],
    format: "dense"
  }),
  known: (c) => [dimsAttr(c.attrs, "dims")],
  element: (c) => {
    const list = dimsAttr(c.attrs, "dims");
    const type = computeType(dtypeAttr(c.attrs, "dtype", "i64"));
    return ([i = 0]) => {
      if (isStatic(i)) return dimValue(list[i] ?? 0).cast(type);
      let value = constant(type, 0);
      for (let k = list.length - 1; k >= 0; k--)
        value = dimValue(i).eq(k).select(dimValue(list[k] ?? 0).cast(type), value);
      return value;
    };
  }
});
var readDims = defineOp({
  name: "read_dims",
  infer: (c) => {
    const x2 = inputType(c, 0);
    const count = product(x2.shape);
    if (!isStatic(count)) return c.fail("the number of values must be known");
    return [
      { dtype: "i64", shape: x2.shape, format: "dense" },
      { dtype: "u8", shape: [...symbolsOf2(c, count), 0], format: "dense" }
    ];
  },
  known: (c) => {
    const count = product(inputType(c, 0).shape);
    return [isStatic(count) ? symbolsOf2(c, count) : void 0, void 0];
  },
  host: "read_dims"
});
var symbolsOf2 = (c, count) => Array.from(
  { length: count },
  (_, i) => c.dataDependent(`${stringAttr(c.attrs, "role", "dim")}${i}`, numberAttr(c.attrs, "max", 2147483647))
);
var range2 = defineOp({
  name: "range",
  infer: (c) => ({ dtype: inputType(c, 0).dtype, shape: [dimAttr(c.attrs, "length", 0)], format: "dense" }),
  element: (c) => ([i = 0]) => {
    const start = c.linear(0, 0);
    return start.add(dimValue(i).cast(start.type).mul(c.linear(1, 0)));
  }
});
var eye = defineOp({
  name: "eye",
  infer: (c) => ({ dtype: dtypeAttr(c.attrs, "dtype", "f32"), shape: dimsAttr(c.attrs, "shape"), format: "dense" }),
  element: (c) => {
    const type = computeType(dtypeAttr(c.attrs, "dtype", "f32"));
    const k = numberAttr(c.attrs, "k", 0);
    return ([row = 0, column = 0]) => dimValue(column).eq(dimValue(add(row, k))).select(constant(type, 1), constant(type, 0));
  }
});
var shapeOps = [dims, readDims, range2, eye];

// compiler/ops/unary.ts
function unaryOp(name2, body, accepts = isFloat, flops = 1) {
  return defineOp({
    name: name2,
    infer: (c) => {
      const x2 = inputType(c, 0);
      if (!accepts(x2.dtype)) c.fail(`dtype ${x2.dtype} is not supported`, "Cast the input first");
      return x2;
    },
    scalar: (inputs, attrs, types) => body(only(inputs), attrs, types.output.dtype),
    flops: () => flops
  });
}
var isNumber3 = (d) => isFloat(d) || isInteger(d);
var mathOps = [
  ...["sqrt", "exp", "log", "sin", "cos", "tan", "asin", "acos", "atan"],
  ...["sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf"]
];
var applyUnary = (x2, op) => {
  switch (op) {
    case "sqrt":
      return x2.sqrt();
    case "exp":
      return x2.exp();
    case "log":
      return x2.log();
    case "sin":
      return x2.sin();
    case "cos":
      return x2.cos();
    case "tan":
      return x2.tan();
    case "asin":
      return x2.asin();
    case "acos":
      return x2.acos();
    case "atan":
      return x2.atan();
    case "sinh":
      return x2.sinh();
    case "cosh":
      return x2.cosh();
    case "tanh":
      return x2.tanh();
    case "asinh":
      return x2.asinh();
    case "acosh":
      return x2.acosh();
    case "atanh":
      return x2.atanh();
    default:
      return x2.erf();
  }
};
var one = (x2) => constant(x2.type, 1);
var zero = (x2) => constant(x2.type, 0);
var sigmoid2 = (x2) => one(x2).div(x2.neg().exp().add(1));
var softplus = (x2) => x2.max(0).add(x2.abs().neg().exp().add(1).log());
var elu = (x2, alpha) => x2.lt(0).select(x2.min(0).exp().sub(1).mul(alpha), x2);
var geluErf = (x2) => x2.mul(0.5).mul(x2.mul(Math.SQRT1_2).erf().add(1));
var geluTanh = (x2) => {
  const inner = x2.mul(x2).mul(x2).mul(0.044715).add(x2).mul(Math.sqrt(2 / Math.PI));
  return x2.mul(0.5).mul(inner.tanh().add(1));
};
var rounding = (apply2) => (x2) => isFloatType2(x2.type) ? apply2(x2) : x2;
var unaryOps = [
  ...mathOps.map((op) => unaryOp(op, (x2) => applyUnary(x2, op), isFloat, 8)),
  unaryOp("neg", (x2) => x2.neg(), isNumber3),
  unaryOp("abs", (x2, _, d) => d.startsWith("u") ? x2 : x2.abs(), isNumber3),
  unaryOp(
    "floor",
    rounding((x2) => x2.floor()),
    isNumber3
  ),
  unaryOp(
    "ceil",
    rounding((x2) => x2.ceil()),
    isNumber3
  ),
  unaryOp(
    "trunc",
    rounding((x2) => x2.trunc()),
    isNumber3
  ),
  unaryOp(
    "round",
    rounding((x2) => x2.round()),
    isNumber3
  ),
  unaryOp("reciprocal", (x2) => one(x2).div(x2)),
  unaryOp("rsqrt", (x2) => one(x2).div(x2.sqrt()), isFloat, 4),
  unaryOp("sign", (x2, _, d) => sign(x2, d), isNumber3),
  unaryOp(
    "not",
    (x2) => x2.not(),
    (d) => d === "bool"
  ),
  unaryOp("bitwise_not", (x2) => x2.xor(allBits(x2)), isInteger),
  unaryOp(
    "identity",
    (x2) => x2,
    () => true
  ),
  // NaN passes through, as max does in Expr.
  unaryOp("relu", (x2) => x2.max(0), isNumber3),
  unaryOp("leaky_relu", (x2, a) => x2.lt(0).select(x2.mul(numberAttr(a, "alpha", 0.01)), x2)),
  unaryOp("elu", (x2, a) => elu(x2, numberAttr(a, "alpha", 1)), isFloat, 8),
  unaryOp(
    "celu",
    (x2, a) => {
      const alpha = numberAttr(a, "alpha", 1);
      return x2.max(0).add(x2.div(alpha).exp().sub(1).mul(alpha).min(0));
    },
    isFloat,
    8
  ),
  unaryOp(
    "selu",
    (x2, a) => elu(x2, numberAttr(a, "alpha", 1.6732631921768188)).mul(numberAttr(a, "gamma", 1.0507010221481323)),
    isFloat,
    8
  ),
  unaryOp("sigmoid", sigmoid2, isFloat, 8),
  unaryOp(
    "hard_sigmoid",
    (x2, a) => x2.mul(numberAttr(a, "alpha", 0.2)).add(numberAttr(a, "beta", 0.5)).max(0).min(1)
  ),
  unaryOp(
    "hard_swish",
    (x2) => x2.mul(
      x2.mul(1 / 6).add(0.5).max(0).min(1)
    )
  ),
  unaryOp("softplus", softplus, isFloat, 16),
  unaryOp("softsign", (x2) => x2.div(x2.abs().add(1))),
  unaryOp("silu", (x2, a) => x2.mul(sigmoid2(x2.mul(numberAttr(a, "alpha", 1)))), isFloat, 8),
  unaryOp("mish", (x2) => x2.mul(softplus(x2).tanh()), isFloat, 24),
  unaryOp("gelu", (x2, a) => a.approximate === "tanh" ? geluTanh(x2) : geluErf(x2), isFloat, 16),
  unaryOp("thresholded_relu", (x2, a) => x2.gt(numberAttr(a, "alpha", 1)).select(x2, zero(x2))),
  unaryOp(
    "shrink",
    (x2, a) => {
      const lambd = numberAttr(a, "lambd", 0.5);
      const bias = numberAttr(a, "bias", 0);
      const f = isFloatType2(x2.type) ? x2 : x2.cast("f32");
      const y = f.lt(-lambd).select(f.add(bias), f.gt(lambd).select(f.sub(bias), constant(f.type, 0)));
      return y.cast(x2.type);
    },
    isNumber3
  ),
  defineOp({
    name: "is_nan",
    infer: (c) => ({ ...inputType(c, 0), dtype: "bool" }),
    scalar: (inputs) => isFloatType2(only(inputs).type) ? only(inputs).isNan() : constant("bool", false)
  }),
  defineOp({
    name: "is_inf",
    infer: (c) => ({ ...inputType(c, 0), dtype: "bool" }),
    scalar: (inputs, a) => {
      const x2 = only(inputs);
      if (!isFloatType2(x2.type)) return constant("bool", false);
      const positive2 = a.positive === false ? constant("bool", false) : x2.eq(Number.POSITIVE_INFINITY);
      return a.negative === false ? positive2 : positive2.or(x2.eq(Number.NEGATIVE_INFINITY));
    }
  })
];
function allBits(x2) {
  return x2.type === "u64" ? constant("u64", 0xffffffffffffffffn) : x2.type === "u32" ? constant("u32", 4294967295) : constant(x2.type, -1);
}
function sign(x2, dtype) {
  const type = computeType(dtype);
  const below = dtype.startsWith("u") ? constant(type, 0) : constant(type, -1);
  const y = x2.gt(0).select(constant(type, 1), dtype.startsWith("u") ? below : x2.lt(0).select(below, constant(type, 0)));
  return isFloat(dtype) ? x2.isNan().select(x2, y) : y;
}

// compiler/ops/index.ts
var tensorOps = [
  ...unaryOps,
  ...binaryOps,
  ...castOps,
  ...reduceOps,
  ...movementOps,
  ...gatherOps,
  ...shapeOps,
  ...matmulOps,
  ...convOps,
  ...poolOps,
  ...normOps
];

// compiler/plugin.ts
init_errors();
var definePlugin = (plugin) => plugin;
var Registry = class {
  /** Throws INFC7xxx when plugins clash or ask for a newer interface. */
  constructor(plugins) {
    this.plugins = plugins;
    const passes = [];
    const names2 = /* @__PURE__ */ new Set();
    for (const p of plugins) {
      if (p.api !== 1)
        throw new InfcError("INFC7001", `plugin '${p.name}' asks for plugin interface ${String(p.api)}`, {
          fix: "This infc speaks interface 1: update infc or the plugin"
        });
      if (names2.has(p.name))
        throw new InfcError("INFC7002", `two plugins are named '${p.name}'`, { fix: "Remove one" });
      names2.add(p.name);
      for (const op of p.ops ?? []) put(this.opsByName, op.name, op, "op", p.name);
      for (const f of p.formats ?? []) put(this.formatsByName, f.name, f, "storage format", p.name);
      for (const b of p.backends ?? []) {
        put(this.backendsByName, b.name, b, "backend", p.name);
        this.templatesByBackend.set(b.name, [...b.templates]);
      }
      for (const o of p.onnxOps ?? []) put(this.onnxByName, `${o.domain}:${o.name}`, o, "ONNX op", p.name);
      for (const pass of p.passes ?? []) {
        if (passes.some((q) => q.name === pass.name)) throw clash("pass", pass.name, p.name);
        passes.push(pass);
      }
    }
    for (const p of plugins) {
      for (const [backend, templates] of Object.entries(p.templates ?? {})) {
        const list = this.templatesByBackend.get(backend);
        if (!list)
          throw new InfcError("INFC7003", `plugin '${p.name}' adds templates to unknown backend '${backend}'`, {
            fix: `Known backends: ${[...this.backendsByName.keys()].join(", ")}`
          });
        list.push(...templates);
      }
    }
    this.passes = passes;
  }
  plugins;
  opsByName = /* @__PURE__ */ new Map();
  formatsByName = /* @__PURE__ */ new Map();
  backendsByName = /* @__PURE__ */ new Map();
  onnxByName = /* @__PURE__ */ new Map();
  templatesByBackend = /* @__PURE__ */ new Map();
  passes;
  op(name2) {
    return this.opsByName.get(name2);
  }
  get ops() {
    return this.opsByName.values();
  }
  format(name2) {
    return this.formatsByName.get(name2);
  }
  get formats() {
    return this.formatsByName.values();
  }
  backend(name2) {
    return this.backendsByName.get(name2);
  }
  get backends() {
    return this.backendsByName.values();
  }
  templates(backend) {
    return this.templatesByBackend.get(backend) ?? [];
  }
  /** The adapter of an ONNX operator; the default domain is ''. */
  onnxOp(domain, name2) {
    return this.onnxByName.get(`${domain}:${name2}`);
  }
  get onnxOps() {
    return this.onnxByName.values();
  }
};
function put(map, name2, item, kind, plugin) {
  if (map.has(name2)) throw clash(kind, name2, plugin);
  map.set(name2, item);
}
var clash = (kind, name2, plugin) => new InfcError("INFC7004", `plugin '${plugin}' defines ${kind} '${name2}', which another plugin already defines`, {
  fix: "Rename it"
});

// compiler/builtin.ts
var builtin = definePlugin({
  name: "builtin",
  api: 1,
  ops: [...tensorOps, ...controlOps, ...recurrentOps, ...sequenceOps],
  backends: [wasmBackend, wgslBackend, cudaBackend],
  passes: pipeline,
  onnxOps: [...constantOnnxOps, ...controlOnnxOps, ...recurrentOnnxOps, ...sequenceOnnxOps]
});

// compiler/import/external-files.ts
init_errors();
import { closeSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import path from "node:path";
function externalFilesIn(folder) {
  const root = realpathSync(folder);
  const resolve = (file) => {
    try {
      const real = realpathSync(path.join(root, file));
      const inside2 = path.relative(root, real);
      return inside2.startsWith("..") || path.isAbsolute(inside2) ? void 0 : real;
    } catch {
      return void 0;
    }
  };
  return {
    size: (file) => {
      const real = resolve(file);
      return real === void 0 ? void 0 : statSync(real).size;
    },
    read: (file, offset, bytes2) => {
      const real = resolve(file);
      if (real === void 0) throw new InfcError("INFC1022", "the external data file is not there", { file });
      const out = new Uint8Array(bytes2);
      const handle = openSync(real, "r");
      try {
        let done = 0;
        while (done < bytes2) {
          const n = readSync(handle, out, done, bytes2 - done, offset + done);
          if (n === 0)
            throw new InfcError("INFC1022", "the external data file ends early", { file, offset: offset + done });
          done += n;
        }
      } finally {
        closeSync(handle);
      }
      return out;
    }
  };
}

// compiler/import/onnx.ts
init_errors();

// compiler/import/onnx-graph.ts
init_errors();

// compiler/import/onnx-node.ts
init_errors();

// compiler/import/onnx-tensor.ts
init_errors();
var MAX_DENSE = 2 ** 30;
function importTensor(proto2, fallbackName, files) {
  const name2 = proto2.name || fallbackName;
  const dtype = elementType(proto2.dataType ?? 0, name2);
  const shape = importDims(proto2.dims ?? [], name2);
  const elements = shape.reduce((n, d) => n * d, 1);
  const type = tensor(dtype, shape);
  if (proto2.segment) throw bad(name2, "it is stored in segments", "Export the model again with a current exporter");
  if (dtype === "string") {
    const strings = (proto2.stringData ?? []).map(text);
    if (strings.length !== elements) throw counted(name2, `${strings.length} strings`, shape, elements);
    return { name: name2, type, bytes: 0, read: () => new Uint8Array(0), strings };
  }
  const bytes2 = byteLength(dtype, elements);
  if (proto2.dataLocation === 1) return externalTensor(proto2.externalData ?? [], { name: name2, type, bytes: bytes2 }, files);
  const data = proto2.rawData && (proto2.rawData.byteLength > 0 || bytes2 === 0) ? checkedLength(proto2.rawData, bytes2, name2, shape) : typedData2(proto2, dtype, elements, bytes2, name2, shape);
  return { name: name2, type, bytes: bytes2, read: () => aligned(data) };
}
function importDims(dims2, name2) {
  const shape = dims2.map(toNumber);
  for (const d of shape)
    if (d < 0 || d > 2147483647) throw bad(name2, `its shape [${shape.join(", ")}] has dimension ${d}`);
  if (shape.reduce((n, d) => n * d, 1) > Number.MAX_SAFE_INTEGER && !shape.includes(0))
    throw bad(name2, `its shape [${shape.join(", ")}] has more than 2^53 elements`);
  return shape;
}
function checkedLength(data, bytes2, name2, shape) {
  if (data.byteLength !== bytes2)
    throw bad(name2, `${data.byteLength} bytes of data do not fill shape [${shape.join(", ")}], which takes ${bytes2}`);
  return data;
}
var aligned = (data) => data.byteOffset % 8 === 0 ? data : data.slice();
function typedData2(proto2, dtype, elements, bytes2, name2, shape) {
  const entries = (list, field, expected) => {
    const values = list ?? [];
    if (values.length !== expected) throw counted(name2, `${values.length} values in ${field}`, shape, expected);
    return values;
  };
  switch (dtype) {
    case "f32":
    case "c64":
      return bytesOf5(Float32Array.from(entries(proto2.floatData, "float_data", bytes2 / 4), Number));
    case "f64":
    case "c128":
      return bytesOf5(Float64Array.from(entries(proto2.doubleData, "double_data", bytes2 / 8), Number));
    case "i64":
      return bytesOf5(BigInt64Array.from(entries(proto2.int64Data, "int64_data", elements), toBigInt));
    case "u64":
      return bytesOf5(
        BigUint64Array.from(entries(proto2.uint64Data, "uint64_data", elements), (v) => BigInt.asUintN(64, toBigInt(v)))
      );
    case "u32":
      return bytesOf5(Uint32Array.from(entries(proto2.uint64Data, "uint64_data", elements), toNumber));
    case "i32":
      return bytesOf5(Int32Array.from(entries(proto2.int32Data, "int32_data", elements), toNumber));
    default: {
      const wide = bitsOf[dtype] === 16;
      const list = entries(proto2.int32Data, "int32_data", wide ? elements : bytes2);
      return bytesOf5(wide ? Uint16Array.from(list, toNumber) : Uint8Array.from(list, toNumber));
    }
  }
}
var bytesOf5 = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
function externalTensor(entries, constant4, files) {
  const { name: name2, bytes: bytes2 } = constant4;
  const fields = new Map(entries.map((e) => [e.key ?? "", e.value ?? ""]));
  const file = checkedPath(fields.get("location") ?? "", name2);
  const offset = fieldNumber(fields, "offset", name2) ?? 0;
  const length = fieldNumber(fields, "length", name2) ?? bytes2;
  if (length !== bytes2) throw bad(name2, `external data of ${length} bytes for a tensor that takes ${bytes2}`);
  const size = files?.size(file);
  if (files === void 0 || size === void 0)
    throw new InfcError("INFC1024", `tensor '${name2}' is stored in '${file}', which is not there`, {
      file,
      fix: "Put the data file beside the model, under this name"
    });
  if (offset + length > size)
    throw new InfcError(
      "INFC1024",
      `tensor '${name2}' needs bytes ${offset} to ${offset + length} of a file of ${size}`,
      {
        file,
        offset,
        fix: "Check that the data file is complete and belongs to this model"
      }
    );
  return { ...constant4, read: () => aligned(checkedLength(files.read(file, offset, length), bytes2, name2, [])) };
}
function fieldNumber(fields, key2, name2) {
  const value = fields.get(key2);
  if (value === void 0) return void 0;
  const n = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(n)) throw bad(name2, `external data with ${key2} '${value}'`);
  return n;
}
function checkedPath(location, name2) {
  const parts = location.split("/").filter((p) => p !== "" && p !== ".");
  const escapes = location.startsWith("/") || /^[A-Za-z]:|\\|\0/.test(location) || parts.length === 0 || parts.includes("..");
  if (escapes)
    throw new InfcError("INFC1023", `tensor '${name2}' is stored in '${location}', outside the model's folder`, {
      file: location,
      fix: "External data must lie in the folder of the model or below it"
    });
  return parts.join("/");
}
function importSparseTensor(proto2, fallbackName, files) {
  const name2 = proto2.values?.name || fallbackName;
  if (!proto2.values || !proto2.indices) throw bad(name2, "a sparse tensor without values or indices");
  const values = importTensor(proto2.values, name2, files);
  const indices = importTensor(proto2.indices, `${name2} indices`, files);
  const shape = importDims(proto2.dims ?? [], name2);
  const { dtype } = values.type;
  const bits = bitsOf[dtype];
  const elements = shape.reduce((n, d) => n * d, 1);
  const bytes2 = byteLength(dtype, elements);
  if (bits % 8 !== 0 || bits === 0 || indices.type.dtype !== "i64") throw bad(name2, `a sparse tensor of ${dtype}`);
  if (bytes2 > MAX_DENSE) throw bad(name2, `a sparse tensor of ${bytes2} bytes when dense`, "Store it dense or smaller");
  const count = values.bytes / (bits / 8);
  const raw = indices.read();
  const at = new BigInt64Array(raw.buffer, raw.byteOffset, indices.bytes / 8);
  const perAxis = indices.type.shape.length === 2;
  if (at.length !== (perAxis ? count * shape.length : count)) throw bad(name2, "indices that do not match its values");
  const size = bits / 8;
  const dense3 = new Uint8Array(bytes2);
  const source = values.read();
  for (let i = 0; i < count; i++) {
    let position3 = 0;
    if (perAxis) {
      for (let axis = 0; axis < shape.length; axis++) {
        const c = Number(at[i * shape.length + axis]);
        if (c < 0 || c >= (shape[axis] ?? 0)) throw bad(name2, `index ${c} outside axis ${axis}`);
        position3 = position3 * (shape[axis] ?? 0) + c;
      }
    } else position3 = Number(at[i]);
    if (position3 < 0 || position3 >= elements) throw bad(name2, `index ${position3} outside its ${elements} elements`);
    dense3.set(source.subarray(i * size, (i + 1) * size), position3 * size);
  }
  return { name: name2, type: tensor(dtype, shape), bytes: bytes2, read: () => dense3 };
}
function bad(name2, reason, fix = "Export the model again; the file may be damaged") {
  return new InfcError("INFC1020", `tensor '${name2}': ${reason}`, { fix });
}
var counted = (name2, got, shape, expected) => bad(name2, `${got} do not fill shape [${shape.join(", ")}], which takes ${expected}`);

// compiler/import/onnx-node.ts
var KINDS = {
  1: "float",
  2: "int",
  3: "string",
  4: "tensor",
  5: "graph",
  6: "floats",
  7: "ints",
  8: "strings",
  9: "tensors"
};
var ImportedNode = class {
  constructor(name2, op, domain, opset, inputs, outputs, attributes, host2) {
    this.name = name2;
    this.op = op;
    this.domain = domain;
    this.opset = opset;
    this.inputs = inputs;
    this.outputs = outputs;
    this.attributes = attributes;
    this.host = host2;
  }
  name;
  op;
  domain;
  opset;
  inputs;
  outputs;
  attributes;
  host;
  has(name2) {
    return this.attributes.has(name2);
  }
  /** The attribute if it is there and of this kind (files older than IR 3 give no kind: then the field itself decides). */
  find(name2, type, field) {
    const a = this.attributes.get(name2);
    if (!a) return void 0;
    const kind = a.type ?? 0;
    if (kind === type || kind === 0 && Object.hasOwn(a, field)) return a;
    const wanted = KINDS[type] ?? "other";
    return this.fail(
      `attribute '${name2}' is ${KINDS[kind] ?? `of kind ${kind}`}, not ${wanted}`,
      "Export the model again"
    );
  }
  required(name2) {
    return this.fail(`attribute '${name2}' is missing`, "Export the model again; the standard requires it");
  }
  int(name2, fallback) {
    const a = this.find(name2, 2, "i");
    return a ? toNumber(a.i) : fallback ?? this.required(name2);
  }
  bigint(name2) {
    return toBigInt(this.find(name2, 2, "i")?.i);
  }
  bigints(name2) {
    return (this.find(name2, 7, "ints")?.ints ?? []).map(toBigInt);
  }
  float(name2, fallback) {
    const a = this.find(name2, 1, "f");
    return a ? a.f ?? 0 : fallback ?? this.required(name2);
  }
  string(name2, fallback) {
    const a = this.find(name2, 3, "s");
    return a ? text(a.s ?? new Uint8Array(0)) : fallback ?? this.required(name2);
  }
  ints(name2, fallback) {
    const a = this.find(name2, 7, "ints");
    return a ? (a.ints ?? []).map(toNumber) : fallback ?? this.required(name2);
  }
  floats(name2, fallback) {
    const a = this.find(name2, 6, "floats");
    return a ? a.floats ?? [] : fallback ?? this.required(name2);
  }
  strings(name2, fallback) {
    const a = this.find(name2, 8, "strings");
    return a ? (a.strings ?? []).map(text) : fallback ?? this.required(name2);
  }
  tensor(name2) {
    const sparse = this.attributes.get(name2)?.sparseTensor;
    if (sparse) return importSparseTensor(sparse, `${this.name}.${name2}`, this.host.files);
    const a = this.find(name2, 4, "t");
    return a?.t ? importTensor(a.t, `${this.name}.${name2}`, this.host.files) : void 0;
  }
  tensors(name2) {
    const a = this.find(name2, 9, "tensors");
    return (a?.tensors ?? []).map((t, i) => importTensor(t, `${this.name}.${name2}[${i}]`, this.host.files));
  }
  type(name2) {
    const a = this.attributes.get(name2);
    return importType(a?.tp, this.name, () => this.fail(`type attribute '${name2}' has dynamic dimensions`));
  }
  subgraph(name2, inputs, known = []) {
    this.requireBody(name2);
    return this.host.subgraph(name2, inputs, known);
  }
  inline(name2, inputs, into) {
    this.requireBody(name2);
    return this.host.inline(name2, inputs, into);
  }
  requireBody(name2) {
    if (!this.find(name2, 5, "g")?.g) this.required(name2);
  }
  input(index) {
    return this.inputs[index] ?? this.fail(`input ${index} is missing`, `${this.op} needs it; export the model again`);
  }
  constantTensor(index) {
    const v = this.inputs[index];
    return v ? constantTensor(v, (x2) => this.host.evaluate(x2)) : void 0;
  }
  knownNumbers(index) {
    const v = this.inputs[index];
    const known = v ? contentsOf2(v) : void 0;
    return known?.every((d) => typeof d === "number") ? known.filter((d) => typeof d === "number") : void 0;
  }
  constantInts(index) {
    const known = this.knownNumbers(index);
    if (known) return known;
    const t = this.constantTensor(index);
    if (!t || bitsOf[t.dtype] % 8 !== 0) return void 0;
    if (t.dtype === "string" || isFloat(t.dtype))
      return this.fail(`input ${index} has type ${t.dtype} where integers are expected`);
    return Array.from(t.data, Number);
  }
  constantFloats(index) {
    const known = this.knownNumbers(index);
    if (known) return known;
    const t = this.constantTensor(index);
    if (!t) return void 0;
    if (t.dtype === "string") return this.fail(`input ${index} has strings where numbers are expected`);
    return Array.from(numbersOf(t));
  }
  fail(reason, fix) {
    const seen = this.inputs.map((v) => v ? formatType(v.type) : "-").join(", ");
    throw new InfcError("INFC1030", `${this.op}: ${reason} (inputs: ${seen || "none"})`, {
      node: this.name,
      ...fix ? { fix } : {}
    });
  }
};
function constantTensor(v, evaluate2) {
  const c = v.constant;
  if (!c) return evaluate2(v);
  const shape = c.type.shape.filter((d) => typeof d === "number");
  if (c.strings) return { dtype: "string", shape, data: c.strings };
  const { dtype } = c.type;
  const elements = shape.reduce((n, d) => n * d, 1);
  const bytes2 = c.read();
  return { dtype, shape, data: viewOf(dtype, bytes2.buffer, bytes2.byteOffset, elements) };
}

// compiler/import/onnx-order.ts
init_errors();
var freeNames = /* @__PURE__ */ new WeakMap();
function namesUsedByBody(graph) {
  const kept2 = freeNames.get(graph);
  if (kept2) return kept2;
  const used = /* @__PURE__ */ new Set();
  const defined = /* @__PURE__ */ new Set();
  for (const v of graph.input ?? []) defined.add(v.name ?? "");
  for (const t of graph.initializer ?? []) defined.add(t.name ?? "");
  for (const t of graph.sparseInitializer ?? []) defined.add(t.values?.name ?? "");
  for (const node of graph.node ?? []) {
    for (const name2 of namesUsed(node)) used.add(name2);
    for (const name2 of node.output ?? []) defined.add(name2);
  }
  for (const v of graph.output ?? []) used.add(v.name ?? "");
  const free = new Set([...used].filter((n) => !defined.has(n)));
  freeNames.set(graph, free);
  return free;
}
function namesUsed(node) {
  const names2 = (node.input ?? []).filter((n) => n !== "");
  for (const a of node.attribute ?? []) {
    for (const g of [a.g, ...a.graphs ?? []]) if (g) names2.push(...namesUsedByBody(g));
  }
  return names2;
}
var nodeName = (node) => node.name || `${node.opType || "node"}_${(node.output ?? []).find((o) => o !== "") ?? "without_output"}`;
function orderNodes(nodes, isDefined) {
  const producer = /* @__PURE__ */ new Map();
  nodes.forEach((node, i) => {
    for (const name2 of node.output ?? []) {
      if (name2 === "") continue;
      const other = nodes[producer.get(name2) ?? -1];
      if (other)
        throw new InfcError("INFC1042", `value '${name2}' is produced twice, also by node '${nodeName(other)}'`, {
          node: nodeName(node),
          fix: "Give every output its own name"
        });
      producer.set(name2, i);
    }
  });
  const order = [];
  const state = new Uint8Array(nodes.length);
  for (let root = 0; root < nodes.length; root++) {
    if (state[root] !== 0) continue;
    const path3 = [];
    const enter = (index) => {
      state[index] = 1;
      path3.push({ index, needs: namesUsed(nodes[index] ?? {}), next: 0 });
    };
    enter(root);
    for (let top = path3.at(-1); top; top = path3.at(-1)) {
      const need = top.needs[top.next++];
      if (need === void 0) {
        state[top.index] = 2;
        order.push(top.index);
        path3.pop();
        continue;
      }
      const from = producer.get(need);
      if (from === void 0) {
        if (isDefined(need)) continue;
        throw new InfcError("INFC1041", `nothing produces value '${need}'`, {
          node: nodeName(nodes[top.index] ?? {}),
          fix: "Export the model again; a node, input or initializer of this name is missing"
        });
      }
      if (state[from] === 0) enter(from);
      else if (state[from] === 1) {
        const cycle = path3.slice(path3.findIndex((p) => p.index === from)).map((p) => nodeName(nodes[p.index] ?? {}));
        throw new InfcError("INFC1043", `nodes depend on each other in a circle: ${cycle.slice(0, 6).join(" <- ")}`, {
          node: nodeName(nodes[from] ?? {}),
          fix: "An ONNX graph has no cycles; use Loop or Scan"
        });
      }
    }
  }
  return order;
}

// compiler/import/onnx-graph.ts
var Scope2 = class {
  constructor(parent) {
    this.parent = parent;
  }
  parent;
  values = /* @__PURE__ */ new Map();
  get(name2) {
    return this.values.get(name2) ?? this.parent?.get(name2);
  }
  /** Whether this very scope (not one around it) defines the name. */
  owns(name2) {
    return this.values.has(name2);
  }
  set(name2, value) {
    this.values.set(name2, value);
  }
};
var MAX_NODES = 5e5;
var MAX_CALL_DEPTH = 64;
var domainOf = (domain) => domain === "ai.onnx" ? "" : domain ?? "";
var GraphImporter = class {
  constructor(decoded2, registry, symbols, files, evaluate2) {
    this.decoded = decoded2;
    this.registry = registry;
    this.symbols = symbols;
    this.files = files;
    this.evaluate = evaluate2;
    (decoded2.model.functions ?? []).forEach((proto2, i) => {
      const path3 = `functions[${i}]`;
      const key2 = functionKey(proto2.domain, proto2.name, this.newerText(`${path3}.overload`));
      if (this.functions.has(key2))
        throw new InfcError("INFC1044", `local function '${key2}' is defined twice`, { fix: "Export the model again" });
      const defaults = (decoded2.newer.get(`${path3}.attribute_proto`) ?? []).map(decodeAttribute);
      this.functions.set(key2, { key: key2, proto: proto2, path: path3, defaults });
    });
  }
  decoded;
  registry;
  symbols;
  files;
  evaluate;
  functions = /* @__PURE__ */ new Map();
  names = /* @__PURE__ */ new Set();
  nodes = 0;
  newerText(path3) {
    const found = this.decoded.newer.get(path3)?.[0];
    return found ? text(found) : "";
  }
  /** Imports the model's graph: inputs with types and symbolic dims, nodes, outputs. */
  importMain(proto2, graph, opsets2) {
    const frame = { opsets: opsets2, prefix: "", attributes: /* @__PURE__ */ new Map(), calls: [] };
    const place2 = { frame, scope: new Scope2(), path: "graph" };
    this.importInitializers(proto2, graph, place2.scope);
    const inputs = /* @__PURE__ */ new Set();
    for (const input of proto2.input ?? []) {
      const name2 = input.name ?? "";
      if (name2 === "" || inputs.has(name2)) throw duplicate("graph input", name2);
      inputs.add(name2);
      if (place2.scope.owns(name2)) continue;
      const type = importType(
        input.type,
        name2,
        (dimName, axis) => dimName === void 0 ? this.symbols.fresh(`${name2}_dim${axis}`) : this.symbols.named(dimName)
      );
      if (!type || type.unranked && !type.container)
        throw new InfcError("INFC1015", `input '${name2}' has no ${type ? "shape" : "type"}`, {
          fix: "Give the input a type with a rank in the model (dynamic dimensions may stay symbolic)"
        });
      place2.scope.set(name2, graph.input(name2, type));
    }
    const builder = new GraphBuilder(graph, this.registry, { name: graph.name, op: "graph" });
    this.importNodes(proto2.node ?? [], builder, place2);
    const outputs = proto2.output ?? [];
    if (outputs.length === 0)
      throw new InfcError("INFC1046", "the graph has no outputs", {
        fix: "Export the model with its results as outputs"
      });
    const taken2 = /* @__PURE__ */ new Set();
    for (const output of outputs) {
      const name2 = output.name ?? "";
      if (taken2.has(name2)) throw duplicate("graph output", name2);
      taken2.add(name2);
      const value = this.outputValue(name2, place2.scope, "the graph");
      this.checkDeclared(
        importType(output.type, name2, () => UNKNOWN2),
        value,
        name2
      );
      graph.outputs.push(this.ownedBy(graph, value, builder, name2));
    }
  }
  outputValue(name2, scope, where) {
    const value = scope.get(name2);
    if (value) return value;
    throw new InfcError("INFC1045", `nothing produces output '${name2}' of ${where}`, {
      fix: "Export the model again; the node that computes it is missing"
    });
  }
  checkDeclared(declared, value, name2) {
    if (!declared) return;
    const { type } = value;
    const wrongRank = !declared.unranked && !type.unranked && declared.shape.length !== type.shape.length;
    if (declared.dtype !== type.dtype || declared.container !== type.container || wrongRank)
      throw new InfcError("INFC1047", `output '${name2}' is ${formatType(type)}, declared as ${formatType(declared)}`, {
        ...value.producer ? { node: value.producer.source.name } : {},
        fix: "Correct the declared output type, or the node that computes it"
      });
  }
  /** Outputs must be results of this graph's own nodes, each once: others pass through an identity. */
  ownedBy(graph, value, builder, name2) {
    const own = value.producer !== void 0 && graph.nodes.includes(value.producer) && !graph.outputs.includes(value);
    if (own) {
      value.name = name2;
      return value;
    }
    builder.source = { name: this.uniqueName(`${name2}_output`), op: "Identity" };
    return builder.node(value.type.container ? "container_identity" : "identity", [value], {}, name2);
  }
  importInitializers(proto2, graph, scope) {
    const put2 = (c) => {
      if (c.name === "" || scope.owns(c.name)) throw duplicate("initializer", c.name);
      scope.set(c.name, graph.constant(c));
    };
    for (const t of proto2.initializer ?? []) put2(importTensor(t, "", this.files));
    for (const t of proto2.sparseInitializer ?? []) put2(importSparseTensor(t, "", this.files));
  }
  uniqueName(name2) {
    let unique = name2;
    for (let i = 2; this.names.has(unique); i++) unique = `${name2}#${i}`;
    this.names.add(unique);
    return unique;
  }
  importNodes(nodes, builder, place2) {
    for (const node of nodes)
      for (const name2 of node.output ?? [])
        if (name2 !== "" && place2.scope.owns(name2)) throw duplicate("value", name2, node);
    for (const index of orderNodes(nodes, (name2) => place2.scope.get(name2) !== void 0)) {
      const node = nodes[index];
      if (!node) continue;
      if (++this.nodes > MAX_NODES)
        throw new InfcError("INFC1048", `the model has more than ${MAX_NODES} nodes after its functions are inlined`, {
          fix: "Export the model without nested local functions"
        });
      this.importNode(node, builder, { ...place2, path: `${place2.path}.node[${index}]` });
    }
  }
  importNode(proto2, builder, place2) {
    const { frame, scope } = place2;
    const op = proto2.opType ?? "";
    const domain = domainOf(proto2.domain);
    const attributes = this.bindAttributes(proto2, place2);
    const inputs = (proto2.input ?? []).map((name3) => name3 === "" ? null : scope.get(name3) ?? null);
    const outputs = proto2.output ?? [];
    const key2 = functionKey(domain, op, this.newerText(`${place2.path}.overload`));
    const local2 = this.functions.get(key2);
    if (local2) {
      const results2 = this.call(local2, inputs, attributes, builder, frame, `${frame.prefix}${nodeName(proto2)}`);
      outputs.forEach((name3, i) => {
        const value = results2[i];
        if (name3 !== "" && value) scope.set(name3, value);
      });
      return;
    }
    const name2 = this.uniqueName(frame.prefix + nodeName(proto2));
    builder.source = { name: name2, op };
    const opset = frame.opsets.get(domain);
    const adapter = this.registry.onnxOp(domain, op);
    if (!adapter) throw this.unknownOp(domain, op, name2);
    if (opset === void 0 && domain === "")
      throw new InfcError("INFC1051", "the model imports no ai.onnx opset", {
        node: name2,
        fix: "Export the model again"
      });
    const version = opset ?? 1;
    if (version < (adapter.since ?? 1) || version > (adapter.until ?? Number.POSITIVE_INFINITY))
      throw new InfcError("INFC1052", `${op} is not part of opset ${version} (${range3(adapter)})`, {
        node: name2,
        fix: "Export the model with an opset that has it"
      });
    const plain = new Map([...attributes].map(([k, v]) => [k, v.proto]));
    const node = new ImportedNode(
      name2,
      op,
      domain,
      version,
      inputs,
      outputs,
      plain,
      this.hostOf(attributes, builder, name2)
    );
    const results = guarded(node, () => adapter.build(node, builder));
    builder.source = { name: name2, op };
    outputs.forEach((output, i) => {
      if (output === "") return;
      const value = results[i];
      if (!value) node.fail(`output ${i} ('${output}') is not supported`, "Export the model without this output");
      if (value.producer?.source.name === name2) value.name = output;
      scope.set(output, value);
    });
  }
  /** Attributes of a node with references to the enclosing function's attributes resolved; unset references are left out. */
  bindAttributes(proto2, place2) {
    const bound = /* @__PURE__ */ new Map();
    (proto2.attribute ?? []).forEach((a, i) => {
      const name2 = a.name ?? "";
      if (bound.has(name2)) throw duplicate("attribute", name2, proto2);
      if (a.refAttrName) {
        const target = place2.frame.attributes.get(a.refAttrName);
        if (target) bound.set(name2, target);
      } else bound.set(name2, { proto: a, place: { ...place2, path: `${place2.path}.attribute[${i}]` } });
    });
    return bound;
  }
  hostOf(attributes, builder, node) {
    const bodies2 = /* @__PURE__ */ new Map();
    const discard2 = (attribute) => {
      const old = bodies2.get(attribute);
      if (!old) return;
      bodies2.delete(attribute);
      for (const name2 of old.names) this.names.delete(name2);
      detach2(old.graph);
    };
    const body = (attribute) => {
      const found = attributes.get(attribute);
      const proto2 = found?.proto.g;
      if (!found || !proto2) throw new InfcError("INFC1030", `attribute '${attribute}' is missing`, { node });
      return { proto: proto2, place: { ...found.place, scope: new Scope2(found.place.scope), path: `${found.place.path}.g` } };
    };
    const checkInputs = (proto2, given2, attribute) => {
      const declared = proto2.input?.length ?? 0;
      if (declared !== given2)
        throw new InfcError("INFC1049", `body '${attribute}' has ${declared} inputs where ${given2} are passed`, {
          node,
          fix: "Export the model again"
        });
    };
    return {
      files: this.files,
      evaluate: (value) => this.evaluate?.(value),
      subgraph: (attribute, inputs, known) => {
        discard2(attribute);
        const before = this.names.size;
        const { proto: proto2, place: place2 } = body(attribute);
        checkInputs(proto2, inputs.length, attribute);
        const graph = new Graph(`${node}.${attribute}`);
        this.importInitializers(proto2, graph, place2.scope);
        inputs.forEach((type, i) => {
          const name2 = proto2.input?.[i]?.name ?? "";
          const value = graph.input(name2, type);
          value.known = known[i];
          place2.scope.set(name2, value);
        });
        const inner = new GraphBuilder(graph, this.registry, builder.source);
        this.importNodes(proto2.node ?? [], inner, place2);
        for (const output of proto2.output ?? []) {
          const value = this.outputValue(output.name ?? "", place2.scope, `body '${attribute}' of '${node}'`);
          graph.outputs.push(this.ownedBy(graph, value, inner, output.name ?? ""));
        }
        bodies2.set(attribute, { graph, names: [...this.names].slice(before) });
        return graph;
      },
      inline: (attribute, inputs, into = builder) => {
        discard2(attribute);
        const { proto: proto2, place: place2 } = body(attribute);
        checkInputs(proto2, inputs.length, attribute);
        this.importInitializers(proto2, into.graph, place2.scope);
        inputs.forEach((value, i) => {
          place2.scope.set(proto2.input?.[i]?.name ?? "", value);
        });
        const { source } = into;
        this.importNodes(proto2.node ?? [], into, place2);
        into.source = source;
        return (proto2.output ?? []).map((o) => this.outputValue(o.name ?? "", place2.scope, `body '${attribute}'`));
      }
    };
  }
  /** Inlines a local function: its nodes are imported into the caller's graph. */
  call(f, inputs, attributes, builder, caller, name2) {
    if (caller.calls.includes(f.key) || caller.calls.length >= MAX_CALL_DEPTH)
      throw new InfcError(
        "INFC1053",
        `local function '${f.key}' calls itself (${[...caller.calls, f.key].join(" -> ")})`,
        {
          node: name2,
          fix: "ONNX functions may not recurse"
        }
      );
    const scope = new Scope2();
    const bound = /* @__PURE__ */ new Map();
    const place2 = {
      frame: {
        opsets: functionOpsets(f.proto.opsetImport ?? [], caller.opsets),
        prefix: `${name2}/`,
        attributes: bound,
        calls: [...caller.calls, f.key]
      },
      scope,
      path: f.path
    };
    for (const a of f.defaults) bound.set(a.name ?? "", { proto: a, place: place2 });
    for (const [k, v] of attributes) bound.set(k, v);
    const formal = f.proto.input ?? [];
    if (inputs.length > formal.length)
      throw new InfcError("INFC1054", `'${f.key}' takes ${formal.length} inputs, not ${inputs.length}`, {
        node: name2,
        fix: "Export the model again"
      });
    const omitted = /* @__PURE__ */ new Set();
    formal.forEach((formalName, i) => {
      const value = inputs[i];
      if (value) scope.set(formalName, value);
      else omitted.add(formalName);
    });
    const nodes = (f.proto.node ?? []).map((n) => withoutInputs(n, omitted));
    this.importNodes(nodes, builder, place2);
    return (f.proto.output ?? []).map((o) => scope.get(o));
  }
  unknownOp(domain, op, node) {
    const full = domain === "" ? op : `${domain}.${op}`;
    const known = [...this.registry.onnxOps].filter((o) => o.domain === domain).map((o) => o.name);
    const near = closest(op, known);
    return new InfcError("INFC1060", `ONNX op '${full}' is not supported`, {
      node,
      fix: `${near ? `The closest supported op is ${near}. ` : ""}Add it with a plugin: infc plugin new my-ops`
    });
  }
};
var UNKNOWN2 = sym("?");
var functionKey = (domain, name2, overload) => `${domainOf(domain)}:${name2 ?? ""}${overload ? `:${overload}` : ""}`;
function functionOpsets(imports, outer) {
  const versions = new Map(outer);
  for (const o of imports) versions.set(domainOf(o.domain), toNumber(o.version));
  return versions;
}
function detach2(graph) {
  forEachNode(graph, (node) => {
    for (const v of node.inputs) {
      const at = v?.uses.indexOf(node) ?? -1;
      if (at >= 0) v?.uses.splice(at, 1);
    }
  });
}
var withoutInputs = (node, omitted) => omitted.size === 0 || !node.input?.some((n) => omitted.has(n)) ? node : { ...node, input: node.input.map((n) => omitted.has(n) ? "" : n) };
var duplicate = (what, name2, node) => new InfcError("INFC1042", name2 === "" ? `a ${what} has no name` : `${what} '${name2}' is defined twice`, {
  ...node ? { node: nodeName(node) } : {},
  fix: "Give every value its own name"
});
var range3 = (o) => o.until === void 0 ? `since ${o.since ?? 1}` : `${o.since ?? 1} to ${o.until}`;
function guarded(node, build4) {
  try {
    return build4();
  } catch (cause) {
    if (cause instanceof InfcError) throw cause;
    throw new InfcError(
      "INFC1090",
      `${node.op} could not be imported: ${cause instanceof Error ? cause.message : cause}`,
      {
        node: node.name,
        cause,
        fix: "Check the inputs and attributes of the node; if they are right, report this as a bug"
      }
    );
  }
}

// compiler/import/symbols.ts
init_errors();
var TAKEN = /^(lane|group[XYZ]|[A-Za-z]{1,6}\d+|if|for|in|do|while|int|float|bool|let|var|const|loop|main|return|fn)$/;
var SymbolTable = class {
  constructor(options, plain = /* @__PURE__ */ new Set()) {
    this.options = options;
    this.plain = plain;
    for (const [name2, o] of Object.entries(options)) checkOption(name2, o);
  }
  options;
  plain;
  byModelName = /* @__PURE__ */ new Map();
  names = /* @__PURE__ */ new Set();
  usedOptions = /* @__PURE__ */ new Set();
  symbols = /* @__PURE__ */ new Map();
  /** The dim a model calls by this name; the same name is the same dim. */
  named(name2) {
    const known = this.byModelName.get(name2);
    if (known !== void 0) return known;
    const dim2 = this.expression(name2) ?? this.create(name2);
    this.byModelName.set(name2, dim2);
    return dim2;
  }
  /** A dim of its own for an unnamed one; `hint` is a readable name for it. */
  fresh(hint) {
    return this.create(hint);
  }
  /** Throws INFC1014 when an option names no dim of the model. */
  checkOptionsUsed() {
    const unused = Object.keys(this.options).filter((k) => !this.usedOptions.has(k));
    if (unused.length === 0) return;
    const have = [...this.names].join(", ");
    throw new InfcError("INFC1014", `the model has no dimension '${unused[0]}'`, {
      fix: have ? `Its dynamic dimensions are: ${have}` : "All its dimensions are static: give no dims"
    });
  }
  create(modelName) {
    const name2 = this.identifier(modelName);
    this.names.add(name2);
    const key2 = Object.hasOwn(this.options, modelName) ? modelName : Object.hasOwn(this.options, name2) ? name2 : void 0;
    const option = key2 === void 0 ? void 0 : this.options[key2];
    if (key2 !== void 0) this.usedOptions.add(key2);
    if (typeof option === "number") return option;
    const dim2 = sym(name2, option ?? {});
    const s = asSym(dim2);
    if (s) this.symbols.set(name2, s);
    return dim2;
  }
  identifier(modelName) {
    let name2 = modelName.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^(?=\d)/, "d").replace(/^_+$/, "dim").slice(0, 60);
    if (name2 === "" || TAKEN.test(name2)) name2 += "_";
    let unique = name2;
    for (let i = 2; this.names.has(unique); i++) unique = `${name2}_${i}_`;
    return unique;
  }
  /** `a + b*2`, `floor(h/2)`, `max(1, n)` over dims that are declared plainly elsewhere; undefined when it is none of these. */
  expression(text2) {
    if (!/[-+*/%()]/.test(text2) || text2.length > 500) return void 0;
    const tokens = text2.match(/[A-Za-z_][\w.]*|\d+|\/\/|[-+*/%(),]|\S/g) ?? [];
    let at = 0;
    let depth = 0;
    const next = (t) => tokens[at] === t && ++at > 0;
    const sum2 = () => {
      if (++depth > 100) throw new SyntaxError(text2);
      let d = next("-") ? sub(0, term()) : term();
      for (; ; ) {
        if (next("+")) d = add(d, term());
        else if (next("-")) d = sub(d, term());
        else {
          depth--;
          return d;
        }
      }
    };
    const term = () => {
      let d = atom2();
      for (; ; ) {
        if (next("*")) d = mul(d, atom2());
        else if (next("//") || next("/")) d = floorDiv(d, positive2(atom2()));
        else if (next("%")) d = mod(d, positive2(atom2()));
        else return d;
      }
    };
    const atom2 = () => {
      if (next("(")) return closed(sum2());
      const t = tokens[at++] ?? "";
      if (/^\d+$/.test(t)) return Number(t);
      if (/^(floor|max|min|mod)$/i.test(t) && next("(")) {
        const a = sum2();
        if (/^floor$/i.test(t)) return closed(a);
        if (!next(",")) throw new SyntaxError(text2);
        const b = sum2();
        return closed(/^max$/i.test(t) ? max(a, b) : /^min$/i.test(t) ? min(a, b) : mod(a, positive2(b)));
      }
      if (!this.plain.has(t) || t === text2) throw new SyntaxError(text2);
      return this.named(t);
    };
    const closed = (d) => {
      if (!next(")")) throw new SyntaxError(text2);
      return d;
    };
    const positive2 = (d) => {
      if (typeof d !== "number" || d <= 0) throw new SyntaxError(text2);
      return d;
    };
    try {
      const d = sum2();
      return at === tokens.length ? d : void 0;
    } catch (e) {
      if (e instanceof SyntaxError) return void 0;
      throw e;
    }
  }
};
function checkOption(name2, o) {
  const { min: low = 0, max: high2 = 2147483647, multipleOf = 1 } = typeof o === "number" ? { min: o, max: o } : o;
  const good = [low, high2, multipleOf].every((n) => Number.isInteger(n) && n >= 0 && n <= 2147483647);
  if (!good || low > high2 || multipleOf < 1)
    throw new InfcError("INFC1013", `dimension '${name2}' cannot be ${JSON.stringify(o)}`, {
      fix: `Give a whole number, or a range as in ${name2}=1:4096`
    });
}

// compiler/import/onnx.ts
var NEWEST_OPSET = 27;
function importOnnx(bytes2, options, registry) {
  const decoded2 = decodeModel(bytes2);
  const { model } = decoded2;
  const proto2 = model.graph;
  if (!proto2)
    throw new InfcError("INFC1002", "the file holds no graph", { fix: "Check that it is an ONNX model, not a tensor" });
  const plain = /* @__PURE__ */ new Set();
  for (const input of proto2.input ?? [])
    for (const d of input.type?.tensorType?.shape?.dim ?? []) if (d.dimParam) plain.add(d.dimParam);
  const symbols = new SymbolTable(options.dims ?? {}, plain);
  const importer = new GraphImporter(decoded2, registry, symbols, options.externalFiles, options.evaluate);
  const graph = new Graph("main");
  importer.importMain(proto2, graph, opsets(model));
  symbols.checkOptionsUsed();
  return {
    name: options.name,
    entries: /* @__PURE__ */ new Map([["main", graph]]),
    states: [],
    symbols: symbolsOf3(graph),
    metadata: metadata(model)
  };
}
function opsets(model) {
  const versions = /* @__PURE__ */ new Map();
  for (const o of model.opsetImport ?? []) {
    const domain = o.domain === "ai.onnx" ? "" : o.domain ?? "";
    const version = toNumber(o.version);
    if (domain === "" && (version < 1 || version > NEWEST_OPSET))
      throw new InfcError("INFC1050", `the model uses ai.onnx opset ${version}; infc knows 1 to ${NEWEST_OPSET}`, {
        fix: `Export the model with opset ${NEWEST_OPSET} or older`
      });
    versions.set(domain, version);
  }
  if (versions.size === 0 && toNumber(model.irVersion) < 3) versions.set("", 1);
  return versions;
}
function metadata(model) {
  const out = { format: "onnx", ir: String(toNumber(model.irVersion)) };
  if (model.producerName) out.producer = `${model.producerName} ${model.producerVersion ?? ""}`.trim();
  for (const o of model.opsetImport ?? []) out[`opset ${o.domain || "ai.onnx"}`] = String(toNumber(o.version));
  for (const p of model.metadataProps ?? []) if (p.key) out[`metadata ${p.key}`] = p.value ?? "";
  return out;
}
function symbolsOf3(graph) {
  const symbols = /* @__PURE__ */ new Map();
  const value = (v) => {
    for (const d of v.type.shape) collectSyms(d, symbols);
  };
  graph.inputs.forEach(value);
  forEachNode(graph, (node) => {
    node.outputs.forEach(value);
    for (const a of Object.values(node.attrs)) if (a instanceof Graph) a.inputs.forEach(value);
  });
  return symbols;
}

// compiler/plan/artifact.ts
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
init_errors();

// runtime/dims.ts
function evaluateDim(code, values) {
  if (typeof code === "number") return code;
  if (typeof code === "string") return values.get(code) ?? Number.NaN;
  const [op, ...operands] = code;
  const all = operands.map((o) => evaluateDim(o, values));
  return all.length === 0 ? Number.NaN : all.reduce((a, b) => apply(op, a, b));
}
function apply(op, a, b) {
  switch (op) {
    case "add":
      return a + b;
    case "mul":
      return a * b;
    case "div":
      return Math.floor(a / b);
    case "mod":
      return a - Math.floor(a / b) * b;
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
    default:
      return Number.NaN;
  }
}
function evaluateCondition(code, values) {
  if (code[0] === "and") {
    const [, ...parts] = code;
    let known = true;
    for (const part4 of parts) {
      const holds = evaluateCondition(part4, values);
      if (holds === false) return false;
      known &&= holds;
    }
    return known;
  }
  const a = evaluateDim(code[1], values);
  const b = evaluateDim(code[2], values);
  if (Number.isNaN(a) || Number.isNaN(b)) return void 0;
  return code[0] === "eq" ? a === b : code[0] === "ne" ? a !== b : code[0] === "lt" ? a < b : a <= b;
}
function solveDim(code, actual, values) {
  if (typeof code === "string") return values.has(code) ? void 0 : [code, actual];
  if (typeof code === "number" || code[0] !== "add" && code[0] !== "mul") return void 0;
  const [op, ...operands] = code;
  let open2;
  let rest = op === "add" ? 0 : 1;
  for (const o of operands) {
    const v = evaluateDim(o, values);
    if (!Number.isNaN(v)) rest = apply(op, rest, v);
    else if (open2 === void 0) open2 = o;
    else return void 0;
  }
  if (open2 === void 0) return void 0;
  const value = op === "add" ? actual - rest : actual / rest;
  return Number.isInteger(value) ? solveDim(open2, value, values) : void 0;
}
function formatDimCode(code) {
  if (typeof code !== "object") return String(code);
  const [op, ...operands] = code;
  const sign2 = { add: "+", mul: "*", div: "/", mod: "%", min: "", max: "" }[op];
  const parts = operands.map(
    (o) => sign2 && sign2 !== "+" && typeof o === "object" ? `(${formatDimCode(o)})` : formatDimCode(o)
  );
  return sign2 ? parts.join(sign2) : `${op}(${parts.join(",")})`;
}
var formatShape2 = (shape) => `[${shape.map(formatDimCode).join(", ")}]`;

// compiler/plan/typed-module.ts
var ARRAYS = {
  f64: "Float64Array",
  c128: "Float64Array",
  f32: "Float32Array",
  c64: "Float32Array",
  i64: "BigInt64Array",
  u64: "BigUint64Array",
  i32: "Int32Array",
  u32: "Uint32Array",
  i16: "Int16Array",
  u16: "Uint16Array",
  f16: "Uint16Array",
  bf16: "Uint16Array",
  i8: "Int8Array",
  string: "readonly string[]"
};
var arrayOf = (dtype) => ARRAYS[dtype] ?? "Uint8Array";
var identifier = (name2) => {
  const words = name2.split(/[^A-Za-z0-9]+/).filter((w) => w !== "");
  const joined = words.map((w) => `${w.charAt(0).toUpperCase()}${w.slice(1)}`).join("");
  return /^[A-Za-z]/.test(joined) ? joined : `D${joined}`;
};
var label = (name2) => /^[A-Za-z_$][\w$]*$/.test(name2) ? name2 : identifier(name2);
var comment = (text2) => text2.replaceAll("*/", "*\u2215").replace(/\s+/g, " ");
var key = (name2) => /^[A-Za-z_$][\w$]*$/.test(name2) ? name2 : JSON.stringify(name2);
function parametersOf(entry) {
  const out = /* @__PURE__ */ new Map();
  const taken2 = /* @__PURE__ */ new Set(["Tensor", "TensorInput", "DType", "Inputs", "Outputs"]);
  for (const port of entry.inputs) {
    for (const d of port.shape) {
      if (typeof d !== "string" || out.has(d)) continue;
      let name2 = identifier(d);
      while (taken2.has(name2)) name2 += "_";
      taken2.add(name2);
      out.set(d, name2);
    }
  }
  return out;
}
function shapeType(shape, parameters) {
  const plain = (d) => typeof d === "number" ? String(d) : "number";
  const items = shape.map((d) => typeof d === "string" ? `${label(d)}: ${parameters.get(d) ?? "number"}` : plain(d));
  return `readonly [${items.join(", ")}]`;
}
var shapeNote = (port) => `${port.dtype}[${port.shape.map(formatDimCode).join(", ")}]`;
function inputType2(port, parameters) {
  const whole = `TensorInput<'${port.dtype}', ${shapeType(port.shape, parameters)}>`;
  const bare = port.shape.length === 1 || port.shape.every((d) => typeof d === "number");
  const numbers2 = port.dtype === "string" ? "" : " | readonly (number | bigint | boolean)[]";
  return bare ? `${whole} | ${arrayOf(port.dtype)}${numbers2}` : whole;
}
async function writeTypedModule(plan, parts) {
  const { Project, IndentationText, QuoteKind, VariableDeclarationKind } = await import("ts-morph");
  const project2 = new Project({
    useInMemoryFileSystem: true,
    skipLoadingLibFiles: true,
    manipulationSettings: { indentationText: IndentationText.TwoSpaces, quoteKind: QuoteKind.Single },
    compilerOptions: { allowJs: true }
  });
  const js = project2.createSourceFile("model.js", "");
  const title = `${plan.name}, compiled by infc for ${plan.target.kind}`;
  js.addStatements(`// ${comment(title)}. The types are in model.d.ts.`);
  const own = parts.customDevice ? ["createLoad", "InfcError", "playControl", "tensor"] : [{ name: "load", alias: "loadPlan" }, "InfcError", "tensor"];
  js.addImportDeclaration({ moduleSpecifier: "./runtime.js", namedImports: own });
  if (parts.customDevice) js.addImportDeclaration({ moduleSpecifier: "./device.js", namedImports: ["createDevice"] });
  parts.host.forEach((op, i) => {
    js.addImportDeclaration({ moduleSpecifier: `./host/${op}.js`, namedImports: [{ name: "op", alias: `host${i}` }] });
  });
  const declare = (name2, initializer) => js.addVariableStatement({ declarationKind: VariableDeclarationKind.Const, declarations: [{ name: name2, initializer }] });
  if (parts.customDevice)
    declare("loadPlan", `createLoad({ devices: { ${key(plan.target.kind)}: createDevice }, control: playControl })`);
  const urls = parts.files.map((f) => `    ${key(f)}: new URL(${quoted(`./${f}`)}, import.meta.url),`);
  const hosts = parts.host.map((op, i) => `    ${key(op)}: host${i},`);
  declare(
    "artifact",
    [
      "{",
      "  plan: new URL('./plan.json', import.meta.url),",
      ...urls.length > 0 ? ["  files: {", ...urls, "  },"] : [],
      ...hosts.length > 0 ? ["  hostOps: {", ...hosts, "  },"] : [],
      "}"
    ].join("\n")
  );
  js.addFunction({
    isExported: true,
    name: "load",
    parameters: [{ name: "options" }],
    statements: "return loadPlan(artifact, options);"
  });
  js.addExportDeclaration({ namedExports: ["InfcError", "tensor"] });
  const types = project2.createSourceFile("model.d.ts", "");
  types.addStatements(`// ${comment(title)}.
${COMMON}`);
  const runs2 = [];
  Object.entries(plan.entries).forEach(([name2, entry], i) => {
    const prefix = i === 0 ? "" : identifier(name2);
    const parameters = parametersOf(entry);
    const generics = [...parameters.values()].map((p) => ({ name: p, constraint: "number", default: "number" }));
    const bounds = [...parameters].map(
      ([symbol, p]) => `@template ${p} dimension '${comment(symbol)}'${boundsNote(plan, symbol)}`
    );
    types.addInterface({
      isExported: true,
      name: `${prefix}Inputs`,
      typeParameters: generics,
      docs: [{ description: `
Inputs of entry point '${comment(name2)}'.
${bounds.join("\n")}`.trimEnd() }],
      properties: entry.inputs.map((p) => ({
        name: key(p.name),
        isReadonly: true,
        type: inputType2(p, parameters),
        docs: [comment(shapeNote(p))]
      }))
    });
    types.addInterface({
      isExported: true,
      name: `${prefix}Outputs`,
      typeParameters: generics,
      docs: [{ description: `
Outputs of entry point '${comment(name2)}'.
${bounds.join("\n")}`.trimEnd() }],
      properties: entry.outputs.map((p) => ({
        name: key(p.name),
        isReadonly: true,
        type: plan.buffers[p.buffer]?.role === "host" && p.dtype !== "string" ? "unknown" : `Tensor<'${p.dtype}', ${shapeType(p.shape, parameters)}>`,
        docs: [comment(shapeNote(p))]
      }))
    });
    const use = [...parameters.values()];
    const args = use.length > 0 ? `<${use.join(", ")}>` : "";
    runs2.push({
      generics: use,
      inputs: `${prefix}Inputs${args}`,
      outputs: `${prefix}Outputs${args}`,
      entry: name2,
      first: i === 0
    });
  });
  types.addInterface({
    isExported: true,
    name: "Model",
    docs: [comment(title)],
    extends: ["AsyncDisposable"],
    methods: [
      ...runs2.map((r) => ({
        name: "run",
        typeParameters: r.generics.map((g) => ({ name: `const ${g}`, constraint: "number" })),
        parameters: [
          { name: "inputs", type: r.inputs },
          r.first ? { name: "options", hasQuestionToken: true, type: `RunOptions & { readonly entry?: ${quoted(r.entry)} }` } : { name: "options", type: `RunOptions & { readonly entry: ${quoted(r.entry)} }` }
        ],
        returnType: `Promise<${r.outputs}>`,
        docs: [`Runs entry point '${comment(r.entry)}'; runs of one model take turns.`]
      })),
      { name: "reset", returnType: "void", docs: ["Sets all states to zero."] },
      { name: "dispose", returnType: "Promise<void>", docs: ["Frees memory and workers."] }
    ]
  });
  types.addStatements(
    `/** Loads this model; its files are found beside this module. */
export declare function load(options?: LoadOptions): Promise<Model>;`
  );
  return { js: js.getFullText(), types: types.getFullText() };
}
var quoted = (s) => `'${JSON.stringify(s).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
function boundsNote(plan, symbol) {
  const s = plan.symbols[symbol];
  if (!s) return "";
  const upper = s.max === void 0 ? " or more" : ` to ${s.max}`;
  return `: ${s.min}${upper}${s.multipleOf ? `, a multiple of ${s.multipleOf}` : ""}`;
}
var COMMON = `
/** Element types; 16-bit floats, 8-bit floats and sub-byte types are raw bits in their arrays. */
export type DType = keyof Arrays | 'string';
interface Arrays {
  f64: Float64Array; c128: Float64Array; f32: Float32Array; c64: Float32Array; f16: Uint16Array; bf16: Uint16Array;
  f8e4m3fn: Uint8Array; f8e4m3fnuz: Uint8Array; f8e5m2: Uint8Array; f8e5m2fnuz: Uint8Array; f8e8m0: Uint8Array; f4e2m1: Uint8Array;
  i64: BigInt64Array; i32: Int32Array; i16: Int16Array; i8: Int8Array; i4: Uint8Array; i2: Uint8Array;
  u64: BigUint64Array; u32: Uint32Array; u16: Uint16Array; u8: Uint8Array; u4: Uint8Array; u2: Uint8Array; bool: Uint8Array;
}
export type DataOf<D extends DType> = D extends keyof Arrays ? Arrays[D] : readonly string[];

/** A dense row-major tensor. */
export interface Tensor<D extends DType = DType, S extends readonly number[] = readonly number[]> {
  readonly dtype: D;
  readonly shape: S;
  readonly data: DataOf<D>;
}

/** A tensor, or plain numbers with a shape: they are converted to the dtype. */
export interface TensorInput<D extends DType = DType, S extends readonly number[] = readonly number[]> {
  readonly dtype?: D;
  readonly shape: S;
  readonly data: DataOf<D> | (D extends 'string' ? never : readonly (number | bigint | boolean)[]) | (D extends 'f16' | 'bf16' ? Float32Array : never);
}

/** Makes a tensor; all zeros without \`data\`. */
export declare function tensor<const D extends DType, const S extends readonly number[]>(
  dtype: D,
  shape: S,
  data?: TensorInput<D>['data'],
): Tensor<D, S>;

/** The error of every failure: a stable code (INFC6xxx), the reason, the place and a fix. */
export declare class InfcError extends Error {
  readonly name: 'InfcError';
  readonly code: string;
  readonly reason: string;
  readonly place: { readonly file?: string; readonly offset?: number; readonly node?: string; readonly pointer?: string };
  readonly fix: string | undefined;
}

export interface LoadOptions {
  /** Threads, this one included; default the number of cores, at most 8; 1 where memory cannot be shared. */
  readonly threads?: number;
  /** Relaxed SIMD: 'auto' (default) uses it where a probe that executes passes; true also switches it on in Node 20. */
  readonly relaxedSimd?: boolean | 'auto';
  /** Address of the worker script, for bundlers that move it. */
  readonly worker?: string | URL;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly phase: 'weights' | 'kernels'; readonly bytes: number; readonly totalBytes: number }) => void;
  /** Functions for host steps that the artifact does not carry. */
  readonly hostOps?: Readonly<Record<string, (inputs: readonly unknown[], attrs: Readonly<Record<string, unknown>>) => readonly unknown[] | Promise<readonly unknown[]>>>;
  /** Values of dimensions that states need. */
  readonly symbols?: Readonly<Record<string, number>>;
}

export interface RunOptions {
  /** Names of the outputs to return; default all. */
  readonly outputs?: readonly string[];
  readonly signal?: AbortSignal;
  /** Called after each step with its time; slows the run down. */
  readonly onStep?: (timing: { readonly kind: 'kernel' | 'host'; readonly name: string; readonly ms: number }) => void;
}
`;

// compiler/plan/weights-file.ts
init_dtype();
var fileOf = (name2, content) => {
  const bytes2 = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return { name: name2, bytes: bytes2.length, chunks: () => [bytes2] };
};
var SAFETENSORS = {
  f64: "F64",
  f32: "F32",
  f16: "F16",
  bf16: "BF16",
  f8e4m3fn: "F8_E4M3",
  f8e5m2: "F8_E5M2",
  i64: "I64",
  i32: "I32",
  i16: "I16",
  i8: "I8",
  u64: "U64",
  u32: "U32",
  u16: "U16",
  u8: "U8",
  bool: "BOOL"
};
var WeightsWriter = class {
  tensors = [];
  names = /* @__PURE__ */ new Set();
  known = /* @__PURE__ */ new Map();
  bySize = /* @__PURE__ */ new Map();
  /** Name under which the bytes of `constant` are stored. */
  add(constant4, wanted) {
    const known = this.known.get(constant4);
    if (known !== void 0) return known;
    const peers = this.bySize.get(constant4.bytes) ?? [];
    this.bySize.set(constant4.bytes, peers);
    let hash;
    for (const peer of peers) {
      hash ??= hashOf(constant4.read());
      peer.hash ??= hashOf(peer.constant.read());
      if (peer.hash !== hash || !equalBytes(constant4.read(), peer.constant.read())) continue;
      this.known.set(constant4, peer.name);
      return peer.name;
    }
    const stored = {
      name: this.unique(wanted || "constant"),
      constant: constant4,
      ...hash === void 0 ? {} : { hash }
    };
    peers.push(stored);
    this.tensors.push(stored);
    this.known.set(constant4, stored.name);
    return stored.name;
  }
  unique(wanted) {
    let name2 = wanted;
    for (let n = 2; this.names.has(name2) || name2.startsWith("__"); n++) name2 = `${wanted.replace(/^_+/, "")}~${n}`;
    this.names.add(name2);
    return name2;
  }
  /** `weights-<n>.safetensors`: every tensor starts at a multiple of `align` bytes; a file exceeds `maxFileBytes` only for one tensor. */
  files(align, maxFileBytes) {
    const groups = [];
    let room = 0;
    for (const t of this.tensors) {
      if (groups.length === 0 || t.constant.bytes > room) {
        groups.push([]);
        room = maxFileBytes;
      }
      groups.at(-1)?.push(t);
      room -= Math.ceil(t.constant.bytes / align) * align;
    }
    return groups.map((group, i) => safetensors(`weights-${i}.safetensors`, group, align));
  }
};
function safetensors(name2, tensors, align) {
  const header = {};
  const parts = [];
  let at = 0;
  const put2 = (key2, part4, dtype, shape, bytes2) => {
    header[key2] = { dtype, shape, data_offsets: [at, at + bytes2] };
    parts.push(part4);
    at += bytes2;
  };
  for (const { name: key2, constant: constant4 } of tensors) {
    const gap = (align - at % align) % align;
    if (gap > 0) put2(`__pad${parts.length}`, new Uint8Array(gap), "U8", [gap], gap);
    const { dtype, shape } = constant4.type;
    const dense3 = shape.reduce((n, d) => n * (typeof d === "number" ? d : Number.NaN), bitsOf[dtype] / 8);
    const known = dense3 === constant4.bytes ? SAFETENSORS[dtype] : void 0;
    put2(key2, constant4, known ?? "U8", known ? shape.map(Number) : [constant4.bytes], constant4.bytes);
  }
  const text2 = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil((8 + text2.length) / align) * align;
  const head = new Uint8Array(padded).fill(32);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded - 8), true);
  head.set(text2, 8);
  return {
    name: name2,
    bytes: padded + at,
    *chunks() {
      yield head;
      for (const p of parts) yield p instanceof Uint8Array ? p : p.read();
    }
  };
}
function hashOf(bytes2) {
  let h = 2166136261;
  const words = bytes2.byteOffset % 4 === 0 ? new Uint32Array(bytes2.buffer, bytes2.byteOffset, bytes2.length >> 2) : void 0;
  if (words) for (const w of words) h = Math.imul(h ^ w, 16777619);
  for (let i = words ? words.length * 4 : 0; i < bytes2.length; i++) h = Math.imul(h ^ (bytes2[i] ?? 0), 16777619);
  return h >>> 0;
}
var equalBytes = (a, b) => a.length === b.length && a.every((v, i) => v === b[i]);

// compiler/plan/artifact.ts
async function artifactFiles({ plan, files }, options) {
  const { device } = options;
  const parts = options.parts ?? await findParts();
  const own = new Set(await readdir(parts).catch(() => []));
  const builtIn = own.has(`runtime-${device}.js`);
  const part4 = async (from, to) => fileOf(to, await readFile(new URL(from, parts)));
  const straight = own.has(`runtime-${device}-straight.js`) && !needsHost(plan);
  const kind = builtIn ? `${device}${straight ? "-straight" : ""}` : "custom";
  const runtime = [await part4(`runtime-${kind}.js`, "runtime.js")];
  if (device === "wasm") runtime.push(await part4("worker.js", "worker.js"));
  if (!builtIn) runtime.push(fileOf("device.js", await readDevice(device)));
  const hosts = new Set(await readdir(new URL("host/", parts)).catch(() => []));
  const host2 = plan.host.filter((op) => hosts.has(`${op}.js`));
  for (const op of host2) runtime.push(await part4(`host/${op}.js`, `host/${op}.js`));
  const data = files.filter((f) => f.name !== "plan.json");
  const { js, types } = await writeTypedModule(plan, { files: data.map((f) => f.name), host: host2, customDevice: !builtIn });
  const manifest = { private: true, type: "module", main: "model.js", types: "model.d.ts" };
  return [
    fileOf("model.js", js),
    fileOf("model.d.ts", types),
    fileOf("package.json", `${JSON.stringify(manifest, null, 2)}
`),
    ...files,
    ...runtime
  ];
}
function needsHost(plan) {
  const onHost = (i) => plan.buffers[i]?.role === "host";
  const needs = (steps) => steps.some((s) => {
    if (s.kind === "kernel") return false;
    if (s.kind === "choose") return s.cases.some((c) => needs(c.steps));
    return s.kind !== "copy" || s.defines !== void 0 || onHost(s.from) || onHost(s.to);
  });
  return Object.values(plan.entries).some((e) => needs(e.steps));
}
async function findParts() {
  for (const place2 of ["./artifact/", "../../dist/artifact/"]) {
    const url = new URL(place2, import.meta.url);
    if ((await readdir(url).catch(() => [])).length > 0) return url;
  }
  throw new InfcError("INFC8901", "the runtime parts of infc are not built", { fix: "Run npm run build" });
}
async function readDevice(device) {
  try {
    return await readFile(device.startsWith("file:") ? new URL(device) : device);
  } catch (cause) {
    throw new InfcError("INFC8902", `the device module '${device}' cannot be read`, {
      file: device,
      fix: "Name a built-in device, or the address of a JavaScript module that exports createDevice",
      cause
    });
  }
}

// compiler/plan/assemble.ts
init_dtype();
init_errors();

// runtime/memory.ts
function planMemory(requests, align) {
  const sizes = requests.map((r) => Math.ceil(r.bytes / align) * align);
  const place2 = (weight) => {
    const order = requests.map((_, i) => i).sort((i, j) => weight(j) - weight(i) || i - j);
    const offsets = requests.map(() => 0);
    const placed = [];
    let bytes2 = 0;
    for (const i of order) {
      const size = sizes[i] ?? 0;
      const mine = requests[i];
      if (!mine || size === 0) continue;
      let best = -1;
      let bestGap = Number.POSITIVE_INFINITY;
      let end = 0;
      for (const j of placed) {
        const other = requests[j];
        if (!other || other.first > mine.last || other.last < mine.first) continue;
        const gap = (offsets[j] ?? 0) - end;
        if (gap >= size && gap < bestGap) {
          best = end;
          bestGap = gap;
        }
        end = Math.max(end, (offsets[j] ?? 0) + (sizes[j] ?? 0));
      }
      const offset = best < 0 ? end : best;
      offsets[i] = offset;
      bytes2 = Math.max(bytes2, offset + size);
      let at = placed.length;
      while (at > 0 && (offsets[placed[at - 1] ?? 0] ?? 0) > offset) at--;
      placed.splice(at, 0, i);
    }
    return { offsets, bytes: bytes2 };
  };
  const bySize = place2((i) => sizes[i] ?? 0);
  const byArea = place2((i) => (sizes[i] ?? 0) * ((requests[i]?.last ?? 0) - (requests[i]?.first ?? 0) + 1));
  return byArea.bytes < bySize.bytes ? byArea : bySize;
}
function rootOf(buffers, i) {
  let at = i;
  for (let b = buffers[at]; b?.role === "alias" && b.of !== void 0; b = buffers[at]) at = b.of;
  return at;
}
var inArena = (buffer) => buffer?.role === "arena" || buffer?.role === "input" || buffer?.role === "output";
function liveIntervals(buffers, entry) {
  const live = /* @__PURE__ */ new Map();
  const loops = [];
  let position3 = 0;
  const touch = (i) => {
    if (i === null || i === void 0) return;
    const root = rootOf(buffers, i);
    if (!inArena(buffers[root])) return;
    const known = live.get(root);
    if (known) known.last = position3;
    else live.set(root, { first: position3, last: position3 });
  };
  const walk = (steps) => {
    for (const step of steps) {
      position3++;
      switch (step.kind) {
        case "kernel":
          step.bind.forEach(touch);
          break;
        case "copy":
          touch(step.from);
          touch(step.to);
          break;
        case "host":
          step.inputs.forEach(touch);
          step.outputs.forEach(touch);
          break;
        case "choose":
          for (const c of step.cases) walk(c.steps);
          break;
        case "if":
          touch(step.condition);
          walk(step.body);
          walk(step.otherwise);
          break;
        case "loop": {
          const first = position3;
          const held = [step.condition, ...step.carry.map((c) => c.to), ...step.collect.map((c) => c.to)];
          held.push(...step.slice.map((s) => s.from));
          for (const i of [...held, step.trip, step.iteration, ...step.slice.map((s) => s.to)]) touch(i);
          walk(step.body);
          position3++;
          for (const i of [...held, ...step.carry.map((c) => c.from), ...step.collect.map((c) => c.from)]) touch(i);
          loops.push({ first, last: position3 });
          break;
        }
      }
    }
  };
  for (const p of entry.inputs) touch(p.buffer);
  walk(entry.steps);
  position3++;
  for (const p of entry.outputs) touch(p.buffer);
  for (const loop2 of loops) {
    for (const at of live.values()) {
      if (at.first > loop2.last || at.last < loop2.first || at.first >= loop2.first && at.last <= loop2.last) continue;
      at.first = Math.min(at.first, loop2.first);
      at.last = Math.max(at.last, loop2.last);
    }
  }
  return live;
}

// runtime/plan.ts
var PLAN_MAJOR = 1;
var PLAN_MINOR = 0;

// compiler/plan/buffers.ts
init_dtype();
init_errors();

// compiler/plan/codes.ts
function toDimCode(dim2) {
  if (typeof dim2 === "number") return dim2;
  const parts = dim2.terms.map(({ coefficient, factors }) => {
    const codes = factors.map(atomCode);
    if (coefficient !== 1) codes.unshift(coefficient);
    const [only3] = codes;
    return codes.length === 1 && only3 !== void 0 ? only3 : ["mul", ...codes];
  });
  if (dim2.constant !== 0) parts.push(dim2.constant);
  const [only2] = parts;
  return parts.length === 1 && only2 !== void 0 ? only2 : ["add", ...parts];
}
function atomCode(atom2) {
  return atom2.kind === "sym" ? atom2.name : [atom2.kind, toDimCode(atom2.a), toDimCode(atom2.b)];
}
function toConditionCode(c) {
  return c.kind === "and" ? ["and", ...c.all.map(toConditionCode)] : [c.kind, toDimCode(c.a), toDimCode(c.b)];
}

// compiler/plan/buffers.ts
var livesOnHost = (type) => type.dtype === "string" || type.container !== void 0;
var BufferTable = class {
  constructor(weights) {
    this.weights = weights;
  }
  weights;
  buffers = [];
  byValue = /* @__PURE__ */ new Map();
  byConstant = /* @__PURE__ */ new Map();
  byScratch = /* @__PURE__ */ new Map();
  byState = /* @__PURE__ */ new Map();
  push(buffer) {
    return this.buffers.push(buffer) - 1;
  }
  has(value) {
    return this.byValue.has(value);
  }
  /** The buffer of a value that some item (or an input) has produced, or of a constant. Throws INFC3901 otherwise. */
  read(value) {
    const known = this.byValue.get(value);
    if (known !== void 0) return known;
    if (!value.constant)
      throw new InfcError("INFC3901", `value '${value.name}' is used before anything produces it`, {
        ...value.producer ? { node: value.producer.source.name } : {},
        fix: "Report this: the schedule is out of order"
      });
    const at = this.constant(value.constant, value.type, value.name);
    this.byValue.set(value, at);
    return at;
  }
  /** A new buffer for a value that an item writes. */
  define(value, role) {
    const known = this.byValue.get(value);
    if (known !== void 0) return known;
    const onHost = livesOnHost(value.type);
    const at = this.push({
      ...role === "arena" ? {} : { name: value.name },
      role: onHost ? "host" : role,
      ...layout2(value.type)
    });
    this.byValue.set(value, at);
    return at;
  }
  /** Lets `value` share the buffer `at` outright (same type). */
  assign(value, at) {
    this.byValue.set(value, at);
  }
  /** `value` is the bytes of buffer `of` from byte `offset`. */
  alias(value, of, offset = 0) {
    const at = this.push({
      role: "alias",
      ...layout2(value.type),
      of,
      ...offset === 0 ? {} : { at: toDimCode(offset) }
    });
    this.byValue.set(value, at);
    return at;
  }
  state(state) {
    const known = this.byState.get(state);
    if (known !== void 0) return known;
    const at = this.push({ name: state.name, role: "state", ...layout2(state.type) });
    this.byState.set(state, at);
    return at;
  }
  constant(constant4, type, name2) {
    const views = this.byConstant.get(constant4) ?? /* @__PURE__ */ new Map();
    this.byConstant.set(constant4, views);
    const key2 = formatType(type);
    const known = views.get(key2);
    if (known !== void 0) return known;
    let buffer;
    if (constant4.strings) buffer = { role: "host", ...layout2(type), strings: constant4.strings };
    else {
      const { dtype, shape } = layout2(type);
      const dense3 = byteLength(
        dtype,
        type.shape.reduce((n, d) => n * Number(d), 1)
      );
      const odd = constant4.bytes === dense3 ? {} : { bytes: constant4.bytes };
      buffer = { role: "weight", dtype, shape, ...odd, tensor: this.weights.add(constant4, constant4.name || name2) };
    }
    const at = this.push(buffer);
    views.set(key2, at);
    return at;
  }
  /** The buffer behind a kernel's argument; `written` arguments get one when they have none. */
  argument(arg, written, role) {
    switch (arg.kind) {
      case "value":
        return written && !this.has(arg.value) ? this.define(arg.value, role(arg.value)) : this.read(arg.value);
      case "packed":
        return this.constant(arg.constant, arg.constant.type, `${arg.from.name}#${arg.key}`);
      case "scratch": {
        const key2 = `${arg.key} ${formatType(arg.type)}`;
        const known = this.byScratch.get(key2);
        if (known !== void 0) return known;
        const at = this.push({ role: "arena", ...layout2(arg.type) });
        this.byScratch.set(key2, at);
        return at;
      }
    }
  }
};
var layout2 = (type) => ({
  dtype: type.dtype,
  shape: type.shape.map(toDimCode)
});
function symbolsOf4(type) {
  const out = /* @__PURE__ */ new Set();
  for (const d of type.shape) for (const name2 of collectSyms(d).keys()) out.add(name2);
  return out;
}

// compiler/plan/steps.ts
init_errors();
var StepWriter = class {
  constructor(entry, table, kernelOf, hostOps, constantTrue) {
    this.entry = entry;
    this.table = table;
    this.kernelOf = kernelOf;
    this.hostOps = hostOps;
    this.constantTrue = constantTrue;
    this.outputs = new Set(entry.outputs.map((o) => o.value));
    for (const v of entry.inputs) {
      table.define(v, "input");
      for (const s of symbolsOf4(v.type)) this.bound.add(s);
    }
  }
  entry;
  table;
  kernelOf;
  hostOps;
  constantTrue;
  /** Symbols that have a value at the point reached. */
  bound = /* @__PURE__ */ new Set();
  outputs;
  write() {
    return this.items(this.entry.items);
  }
  items(items) {
    const steps = [];
    for (const item of items) this.item(item, steps);
    return steps;
  }
  item(item, steps) {
    switch (item.kind) {
      case "kernel":
        steps.push(this.kernel(item));
        break;
      case "choose":
        steps.push({
          kind: "choose",
          cases: item.cases.map((c) => ({
            ...c.when ? { when: toConditionCode(c.when) } : {},
            steps: this.items(c.items)
          }))
        });
        break;
      case "host":
        steps.push(this.host(item));
        break;
      case "alias":
        this.alias(item, steps);
        break;
      case "copy":
        steps.push(this.copy(this.table.read(item.from), item.to));
        break;
      case "state_read":
        this.table.alias(item.to, this.table.state(item.state));
        break;
      case "state_write":
        steps.push({ kind: "copy", from: this.table.read(item.from), to: this.table.state(item.state) });
        break;
      case "if":
        this.branch(item, steps);
        break;
      case "loop":
        this.loop(item, steps);
        break;
    }
  }
  role(value) {
    return this.outputs.has(value) ? "output" : "arena";
  }
  place(value) {
    return this.table.define(value, this.role(value));
  }
  /** Symbols of a value's shape that its producer has to bind; they count as bound from here on. */
  defines(value) {
    if (livesOnHost(value.type)) return [];
    const fresh = [...symbolsOf4(value.type)].filter((s) => !this.bound.has(s)).sort();
    for (const s of fresh) this.bound.add(s);
    return fresh;
  }
  kernel({ lowered: { kernel, args } }) {
    const bind = args.map((arg, i) => {
      const buffer = kernel.buffers[i];
      const written = buffer !== void 0 && buffer.access !== "read";
      if (arg.kind === "value" && written) {
        const unknown2 = [...symbolsOf4(arg.value.type)].find((s) => !this.bound.has(s));
        if (unknown2 !== void 0)
          throw new InfcError(
            "INFC3902",
            `kernel ${kernel.name} writes ${formatType(arg.value.type)} before '${unknown2}' is known`,
            {
              node: kernel.note.sources[0] ?? kernel.name,
              fix: "Report this: a data-dependent shape must come from a host step"
            }
          );
      }
      return this.table.argument(arg, written, (v) => this.role(v));
    });
    const [x2, y, z] = kernel.grid;
    return {
      kind: "kernel",
      kernel: this.kernelOf(kernel),
      bind,
      grid: [toDimCode(x2), toDimCode(y), toDimCode(z)]
    };
  }
  host({ op, inputs, outputs, attrs }) {
    this.hostOps.add(op);
    const read = inputs.map((v) => v ? this.table.read(v) : null);
    const defines = outputs.flatMap((v) => this.defines(v));
    return {
      kind: "host",
      op,
      inputs: read,
      outputs: outputs.map((v) => this.place(v)),
      attrs,
      ...defines.length > 0 ? { defines } : {}
    };
  }
  alias({ from, to, offset = 0 }, steps) {
    const of = this.table.read(from);
    if (livesOnHost(from.type)) {
      if (formatType(from.type) === formatType(to.type)) this.table.assign(to, of);
      else steps.push(this.copy(of, to));
      return;
    }
    const bits = bitsOf[to.type.dtype];
    if (offset !== 0 && bits < 8)
      throw new InfcError("INFC3903", `'${to.name}' would start inside a byte of '${from.name}'`, {
        fix: "Report this: such a value needs its own kernel"
      });
    if ([...symbolsOf4(to.type)].every((s) => this.bound.has(s))) this.table.alias(to, of, mul(offset, bits / 8));
    else steps.push(this.copy(of, to));
  }
  /** A copy into the (new) buffer of `to`. */
  copy(from, to) {
    const defines = this.defines(to);
    return { kind: "copy", from, to: this.place(to), ...defines.length > 0 ? { defines } : {} };
  }
  branch({ condition, body: taken2, otherwise, outputs }, steps) {
    const read = this.table.read(condition);
    const before = new Set(this.bound);
    const defined = outputs.map(({ to }) => this.defines(to));
    const after = new Set(this.bound);
    const side = (items, pick2) => {
      this.bound.clear();
      for (const s of before) this.bound.add(s);
      outputs.forEach((o, k) => {
        const v = pick2(o);
        const once = outputs.filter((p) => pick2(p) === v).length === 1;
        if (once && defined[k]?.length === 0 && madeBy(items, v) && formatType(v.type) === formatType(o.to.type))
          this.table.assign(v, this.place(o.to));
      });
      const inner = this.items(items);
      outputs.forEach((o, k) => {
        const from = this.table.read(pick2(o));
        const to = this.place(o.to);
        const names2 = defined[k] ?? [];
        if (from !== to) inner.push({ kind: "copy", from, to, ...names2.length > 0 ? { defines: names2 } : {} });
      });
      return inner;
    };
    const body = side(taken2, (o) => o.body);
    const rest = side(otherwise, (o) => o.otherwise);
    this.bound.clear();
    for (const s of after) this.bound.add(s);
    steps.push({ kind: "if", condition: read, body, otherwise: rest });
  }
  loop(item, steps) {
    const { trip, condition, next, iteration } = item;
    const carry = [];
    const definesOf = [];
    for (const c of item.carry) {
      const start = this.copy(this.table.read(c.initial), c.inner);
      definesOf.push(start.kind === "copy" ? [...start.defines ?? []] : []);
      steps.push(start);
    }
    let test;
    if (next) {
      test = this.table.buffers.push({ role: "arena", dtype: "bool", shape: [] }) - 1;
      steps.push({ kind: "copy", from: condition ? this.table.read(condition) : this.constantTrue(), to: test });
    } else if (condition) test = this.table.read(condition);
    const slice2 = item.slice.map((s) => ({
      from: this.table.read(s.from),
      to: this.place(s.to),
      axis: s.axis,
      ...s.reverse ? { reverse: true } : {}
    }));
    const count = iteration && this.place(iteration);
    const body = this.items(item.body);
    const targets = new Set(item.carry.map((c) => rootOf(this.table.buffers, this.table.read(c.inner))));
    item.carry.forEach((c, k) => {
      const to = this.table.read(c.inner);
      let from = this.table.read(c.result);
      if (from === to) return;
      if (targets.has(rootOf(this.table.buffers, from))) {
        const aside = this.table.buffers.push({
          ...roleless(this.table, from),
          role: livesOnHost(c.result.type) ? "host" : "arena"
        }) - 1;
        body.push({ kind: "copy", from, to: aside });
        from = aside;
      }
      const names2 = definesOf[k] ?? [];
      carry.push({ from, to, ...names2.length > 0 ? { defines: names2 } : {} });
    });
    if (next && test !== void 0) carry.push({ from: this.table.read(next), to: test });
    const collect = item.collect.map((c) => {
      const from = this.table.read(c.from);
      const defines = this.defines(c.to);
      return {
        from,
        to: this.place(c.to),
        ...c.axis ? { axis: c.axis } : {},
        ...c.reverse ? { reverse: true } : {},
        ...defines.length > 0 ? { defines } : {}
      };
    });
    steps.push({
      kind: "loop",
      ...trip ? { trip: this.table.read(trip) } : {},
      ...test === void 0 ? {} : { condition: test },
      ...count === void 0 ? {} : { iteration: count },
      body,
      carry,
      collect,
      slice: slice2
    });
    for (const c of item.carry) {
      const inner = this.table.read(c.inner);
      if (formatType(c.to.type) === formatType(c.inner.type)) this.table.assign(c.to, inner);
      else steps.push(this.copy(inner, c.to));
    }
  }
};
var roleless = (table, at) => {
  const { dtype = "f32", shape = [] } = table.buffers[at] ?? {};
  return { dtype, shape };
};
var madeBy = (items, value) => items.some(
  (i) => i.kind === "host" && i.outputs.includes(value) || i.kind === "kernel" && i.lowered.args.some(
    (a, k) => a.kind === "value" && a.value === value && i.lowered.kernel.buffers[k]?.access !== "read"
  )
);

// compiler/plan/assemble.ts
var MAX_FILE_BYTES = 2 ** 30;
async function assemblePlan(schedule2, options) {
  const { backend, target } = options;
  const writer = new WeightsWriter();
  const table = new BufferTable(writer);
  const kernels = [];
  const numbers2 = /* @__PURE__ */ new Map();
  const kernelOf = (k) => {
    const known = numbers2.get(k);
    if (known !== void 0) return known;
    const clash2 = kernels.find((other) => other.name === k.name);
    if (clash2) throw new InfcError("INFC3904", `two kernels are named '${k.name}'`, { fix: "Report this" });
    numbers2.set(k, kernels.length);
    return kernels.push(k) - 1;
  };
  const hostOps = /* @__PURE__ */ new Set();
  const constantTrue = () => table.constant(TRUE, TRUE.type, TRUE.name);
  for (const s of schedule2.states) table.state(s);
  const entries = {};
  for (const e of schedule2.entries) {
    const steps = new StepWriter(e, table, kernelOf, hostOps, constantTrue).write();
    entries[e.name] = {
      inputs: e.inputs.map((v) => ({
        name: v.name,
        buffer: table.read(v),
        dtype: v.type.dtype,
        shape: v.type.shape.map(toDimCode)
      })),
      outputs: portsOf(e, table),
      guards: e.guards.map((g) => ({ condition: toConditionCode(g.condition), why: g.why })),
      steps
    };
  }
  const align = Math.max(64, backend.memory.align);
  const { buffers, entries: placed } = placeArenas(table.buffers, entries, align);
  const printed = await printAll(kernels, backend, target);
  const files = printed.map((f) => fileOf(f.file, f.content));
  const variants = [];
  for (const v of backend.variants ?? []) {
    const changed = v.applies ? kernels.filter((k) => v.applies?.(k)) : kernels;
    for (const f of await printAll(changed, backend, backend.target([...target.features, ...v.features]))) {
      const base = printed.find((p) => p.file === f.file);
      if (base && sameContent(base.content, f.content)) continue;
      const use = f.file.replace(/(\.[a-z]+)$/, `.${v.name}$1`);
      files.push(fileOf(use, f.content));
      const inside2 = [...kernels.keys()].filter((i) => f.entries.has(kernels[i]?.name ?? ""));
      variants.push({ file: f.file, use, features: v.needs, ...v.applies ? { kernels: inside2 } : {} });
    }
  }
  const weights = writer.files(align, options.maxFileBytes ?? MAX_FILE_BYTES);
  const plan = {
    infc: PLAN_MAJOR,
    minor: PLAN_MINOR,
    name: schedule2.name,
    target: { kind: target.kind, features: [...target.features].sort() },
    symbols: Object.fromEntries(
      [...schedule2.symbols].sort(([a], [b]) => a < b ? -1 : 1).map(([name2, s]) => {
        const bounded = typeof s.max === "number" && s.max < 2147483647;
        return [
          name2,
          {
            min: s.min,
            ...bounded ? { max: s.max } : {},
            ...s.multipleOf > 1 ? { multipleOf: s.multipleOf } : {}
          }
        ];
      })
    ),
    buffers,
    kernels: kernels.map((k) => planKernel(k, printed)),
    ...variants.length > 0 ? { variants } : {},
    weights: weights.map((f) => ({ file: f.name, bytes: f.bytes })),
    entries: placed,
    host: [...hostOps].sort()
  };
  return { plan, files: [fileOf("plan.json", `${JSON.stringify(plan)}
`), ...files, ...weights] };
}
var TRUE = { name: "true", type: tensor("bool", []), bytes: 1, read: () => Uint8Array.of(1) };
function portsOf(e, table) {
  return e.outputs.map(({ name: name2, value }) => ({
    name: name2,
    buffer: table.read(value),
    dtype: value.type.dtype,
    shape: value.type.shape.map(toDimCode)
  }));
}
var sameContent = (a, b) => typeof a === "string" || typeof b === "string" ? a === b : a.length === b.length && a.every((v, i) => v === b[i]);
async function printAll(kernels, backend, target) {
  if (kernels.length === 0) return [];
  const files = [...backend.print(kernels, target)];
  return backend.build ? Promise.all(files.map(async (f) => await backend.build?.(f) ?? f)) : files;
}
function planKernel(k, files) {
  const file = files.find((f) => f.entries.has(k.name));
  const entry = file?.entries.get(k.name);
  if (!file || entry === void 0)
    throw new InfcError("INFC3905", `the backend printed no kernel '${k.name}'`, {
      fix: "Report this to the author of the backend"
    });
  const { op, sources, template, why, bytes: bytes2, flops } = k.note;
  const scratch3 = k.kind === "simd" ? sharedLayout(k).bytes : 0;
  return {
    name: k.name,
    file: file.file,
    entry,
    scalars: k.scalars,
    lanes: k.lanes,
    ...scratch3 > 0 ? { scratch: scratch3 } : {},
    note: { op, sources, template, why, bytes: toDimCode(bytes2), flops: toDimCode(flops) }
  };
}
function placeArenas(buffers, entries, align) {
  const out = [...buffers];
  const placed = Object.entries(entries).map(([name2, entry]) => {
    const live = [...liveIntervals(buffers, entry)];
    const requests = live.map(([i, at]) => ({ ...at, bytes: staticBytes(buffers[i]) }));
    if (requests.some((r) => Number.isNaN(r.bytes))) return [name2, entry];
    const { offsets, bytes: bytes2 } = planMemory(requests, align);
    live.forEach(([i], k) => {
      const b = out[i];
      if (b && inArena(b)) out[i] = { ...b, offset: offsets[k] ?? 0 };
    });
    return [name2, { ...entry, arena: bytes2 }];
  });
  return { buffers: out, entries: Object.fromEntries(placed) };
}
function staticBytes(b) {
  if (!b) return Number.NaN;
  if (b.bytes !== void 0) return typeof b.bytes === "number" ? b.bytes : Number.NaN;
  const elements = b.shape.reduce((n, d) => typeof d === "number" ? n * d : Number.NaN, 1);
  return byteLength(b.dtype, elements);
}

// compiler/plan/report.ts
init_dtype();
function typicalSymbols(plan) {
  return Object.fromEntries(
    Object.entries(plan.symbols).map(([name2, { min: min2, max: max2, multipleOf = 1 }]) => [
      name2,
      Math.ceil((max2 ?? Math.max(min2, 1)) / multipleOf) * multipleOf
    ])
  );
}
function memoryReport(plan, entryName, symbols = {}) {
  const entry = plan.entries[entryName];
  const at = { ...typicalSymbols(plan), ...symbols };
  const values = new Map(Object.entries(at));
  const sizeOf3 = (b) => {
    if (!b || b.role === "host" || b.role === "alias") return 0;
    if (b.bytes !== void 0) return evaluateDim(b.bytes, values);
    return byteLength(
      b.dtype,
      b.shape.reduce((n, d) => n * evaluateDim(d, values), 1)
    );
  };
  const live = entry ? [...liveIntervals(plan.buffers, entry)] : [];
  const requests = live.map(([i, life]) => ({ ...life, bytes: sizeOf3(plan.buffers[i]) }));
  const { offsets, bytes: bytes2 } = planMemory(requests, 64);
  const positions = ["inputs", ...entry ? names(plan, entry.steps) : [], "outputs"];
  const lives = live.map(([buffer, life], k) => {
    const b = plan.buffers[buffer];
    return {
      buffer,
      name: b?.name ?? `b${buffer}`,
      bytes: requests[k]?.bytes ?? 0,
      offset: b?.offset ?? offsets[k] ?? 0,
      ...life
    };
  });
  let peakStep = { position: 0, name: positions[0] ?? "", bytes: -1 };
  positions.forEach((name2, position3) => {
    const sum2 = lives.reduce((n, l) => n + (l.first <= position3 && position3 <= l.last ? l.bytes : 0), 0);
    if (sum2 > peakStep.bytes) peakStep = { position: position3, name: name2, bytes: sum2 };
  });
  const states = plan.buffers.reduce((n, b) => n + (b.role === "state" ? sizeOf3(b) : 0), 0);
  return {
    entry: entryName,
    at,
    peakBytes: entry?.arena ?? bytes2,
    bytesWithoutReuse: requests.reduce((n, r) => n + r.bytes, 0),
    fixedBytes: plan.weights.reduce((n, w) => n + w.bytes, states),
    peakStep,
    lives,
    positions
  };
}
var names = (plan, steps) => steps.flatMap((s) => namesOf(plan, s));
function namesOf(plan, s) {
  switch (s.kind) {
    case "kernel":
      return [plan.kernels[s.kernel]?.name ?? `kernel ${s.kernel}`];
    case "host":
      return [s.op];
    case "copy":
      return ["copy"];
    case "choose":
      return ["choose", ...s.cases.flatMap((c) => names(plan, c.steps))];
    case "if":
      return ["if", ...names(plan, s.body), ...names(plan, s.otherwise)];
    case "loop":
      return ["loop", ...names(plan, s.body), "end of loop"];
  }
}

// passes/fuse/regions.ts
var MOST_NODES = 48;
var RECOMPUTE_BUDGET = 6;
function formRegions(graph, rules) {
  const owner = /* @__PURE__ */ new Map();
  const regions = [];
  const shapes = /* @__PURE__ */ new Map();
  const shapeOf4 = (node) => {
    let s = shapes.get(node);
    if (!s) {
      s = describe2(node, rules.ops);
      shapes.set(node, s);
    }
    return s;
  };
  const here = new Set(graph.nodes);
  const outputs = new Set(graph.outputs);
  for (const root of [...graph.nodes].reverse()) {
    if (owner.has(root)) continue;
    owner.set(root, root);
    const output = root.outputs[0];
    if (!output) continue;
    const fusible = rules.isKernel(root) && root.outputs.length === 1;
    const isView = rules.ops.op(root.op)?.view === true;
    let anchor = rules.isAnchor(root) ? root : void 0;
    const members = /* @__PURE__ */ new Set([root]);
    if (fusible && !anchor && !isView) {
      const times = /* @__PURE__ */ new Map([[root, 1]]);
      let hasFold = shapeOf4(root).hasFold;
      const absorb = (v) => {
        const p = v.producer;
        if (!p || owner.has(p) || members.size >= MOST_NODES || p.outputs.length !== 1 || !rules.isKernel(p))
          return false;
        if (!here.has(p) || outputs.has(v) || !v.uses.every((u) => members.has(u))) return false;
        const sameElements = elementsOf(v.type) === elementsOf(output.type);
        if (rules.isAnchor(p)) {
          if (anchor || hasFold || !sameElements || ![...members].every((m) => isElementwise(m, v, members, rules.ops)))
            return false;
          anchor = p;
        } else {
          const q = shapeOf4(p);
          const total = v.uses.reduce((most, u) => {
            const reads = (shapeOf4(u).reads.get(v) ?? 1) * (guessElements(u.outputs[0] ?? v) / guessElements(v));
            return Math.max(most, (times.get(u) ?? 1) * reads);
          }, 0);
          if (q.hasFold && (hasFold || total > 1.01 || !sameElements)) return false;
          if (!q.isMovement && (total - 1) * q.cost > RECOMPUTE_BUDGET) return false;
          if (q.isMovement && total > 4 && q.cost > 0) return false;
          if (p.op === "concat" && guessElements(v) > 64) return false;
          hasFold ||= q.hasFold;
          times.set(p, Math.max(1, total));
        }
        members.add(p);
        owner.set(p, root);
        return true;
      };
      for (let grown = true; grown; ) {
        grown = false;
        for (const m of members) {
          if (m === anchor) continue;
          for (const v of m.inputs) if (v && absorb(v)) grown = true;
        }
      }
    }
    const nodes = graph.nodes.filter((n) => members.has(n));
    regions.push({ nodes, output, ...anchor ? { anchor } : {} });
  }
  return regions.reverse();
}
function isElementwise(m, v, members, ops) {
  const depends = (n) => n.inputs.some((i) => i === v || i?.producer !== void 0 && members.has(i.producer) && depends(i.producer));
  if (!depends(m)) return true;
  const out = m.outputs[0];
  return ops.op(m.op)?.scalar !== void 0 && out !== void 0 && sameDims(out.type.shape, v.type.shape);
}
var sameDims = (a, b) => a.length === b.length && a.every((d, i) => d === b[i]);
var guessElements = (v) => Math.max(1, guess(product(v.type.shape)));
function describe2(node, ops) {
  const output = node.outputs[0];
  const op = ops.op(node.op);
  const reads = /* @__PURE__ */ new Map();
  if (!output || !op || !op.scalar && !op.element && !op.view)
    return { reads, hasFold: true, cost: Number.POSITIVE_INFINITY, isMovement: false };
  if (node.op === "concat") {
    for (const v of node.inputs) if (v) reads.set(v, guessElements(v) / guessElements(output));
    return { reads, hasFold: false, cost: 1, isMovement: true };
  }
  const k = new KernelBuilder("describe", "simd", 1, [1, 1, 1]);
  const owners = /* @__PURE__ */ new Map();
  const evaluator = new ElementEvaluator(ops, {
    read: (value, position3) => {
      const e2 = k.load(
        {
          name: `v${value.id}`,
          storage: value.type.dtype,
          space: "global",
          access: "read",
          elements: elementsOf(value.type)
        },
        position3
      );
      owners.set(e2, value);
      return e2;
    },
    isInside: (v) => v.producer === node,
    typeOf: (v) => v.type
  });
  const e = evaluator.at(
    output,
    output.type.shape.map((d, i) => d === 1 ? 0 : sym(`c${i}`, { max: sub(d, 1) }))
  );
  let hasFold = false;
  let cost = 0;
  let arithmetic = false;
  const seen = /* @__PURE__ */ new Set();
  const visit = (x2, weight) => {
    if (seen.has(x2)) return;
    seen.add(x2);
    const n = x2.node;
    const value = owners.get(x2);
    if (value) reads.set(value, (reads.get(value) ?? 0) + weight);
    let inner = weight;
    if (n.kind === "foldResult") {
      hasFold = true;
      inner = weight * trips(n.fold);
    } else if (n.kind === "unary") {
      cost += weight * (HEAVY.has(n.op) ? 12 : 1);
      arithmetic = true;
    } else if (n.kind === "binary" || n.kind === "fma" || n.kind === "select") {
      cost += weight * (n.kind === "binary" && (n.op === "pow" || n.op === "div" || n.op === "rem") ? 6 : 1);
      arithmetic = true;
    } else if (n.kind === "guard") cost += weight;
    visitExpr(
      x2,
      (y) => visit(y, inner),
      () => {
      }
    );
  };
  visit(e, 1);
  for (const definition of evaluator.indices.values()) visit(definition, 1);
  return {
    reads,
    hasFold,
    cost: bitsOf[output.type.dtype] === 0 ? Number.POSITIVE_INFINITY : cost,
    isMovement: !arithmetic && !hasFold
  };
}
var trips = (f) => f.loops.reduce((n, l) => n * Math.max(1, guess(l.extent)), 1);
var HEAVY = /* @__PURE__ */ new Set([
  "exp",
  "exp2",
  "log",
  "log2",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "sinh",
  "cosh",
  "tanh",
  "asinh",
  "acosh",
  "atanh",
  "erf",
  "sqrt"
]);

// compiler/schedule.ts
init_errors();

// compiler/lower/anchor.ts
init_errors();
function lowerAnchor(region, anchor, template, context) {
  const anchorOut = anchor.outputs[0];
  if (!anchorOut) throw new InfcError("INFC3008", "an anchor without output", { node: anchor.source.name });
  const bindings = /* @__PURE__ */ new Map();
  const bindingsOf = (k) => {
    const b = bindings.get(k) ?? new Bindings(k);
    bindings.set(k, b);
    return b;
  };
  const inside2 = isInRegion({ ...region, nodes: region.nodes.filter((n) => n !== anchor) });
  const shape = region.output.type.shape;
  let finishes = 0;
  const withSources = (note) => ({
    ...note,
    sources: region.nodes.map((n) => n.source.name),
    template: template.name,
    why: template.why
  });
  const request = {
    anchor,
    ops: context.ops,
    target: context.target,
    output: region.output.type,
    name: context.name(region),
    bind: (k, value) => bindingsOf(k).read(value),
    bindPacked: (k, from, key2, constant4) => bindingsOf(k).once(`${key2}:${from.id}`, { kind: "packed", key: key2, from, constant: constant4 }, constant4.type, "read"),
    finish: (k, accumulator, coords) => {
      const b = bindingsOf(k);
      const prefix = `e${finishes++}_`;
      const acc = accumulator.node.kind === "var" ? accumulator : k.let(accumulator);
      const width = accumulator.width;
      const last = coords.length - 1;
      let lane;
      let at = coords;
      if (width > 1) {
        const name2 = `${prefix}j`;
        k.let(dimValue(coords[last] ?? 0), name2, true);
        lane = sym(name2, { max: sub(product(shape.slice(last)), 1) });
        at = [...coords.slice(0, last), lane];
      }
      at = [...at.slice(0, last), ...unravel(at[last] ?? 0, shape.slice(last))];
      const evaluator = new ElementEvaluator(
        context.ops,
        { read: (v, position3) => v === anchorOut ? acc : k.load(b.read(v), position3), isInside: inside2, typeOf },
        prefix
      );
      const e = region.output === anchorOut ? acc : evaluator.at(region.output, at);
      const emitter = new Emitter(k, evaluator.indices, 1, prefix);
      emitter.count([e]);
      const value = lane === void 0 ? emitter.value(e) : emitter.vector(e, `${prefix}j`, width);
      k.store(b.write(region.output), ravel(at, shape), value);
    },
    close: (k, note) => ({ kernel: k.done(withSources(note)), args: bindingsOf(k).args })
  };
  const built = template.build(request);
  if (Array.isArray(built)) return built;
  const kernel = built;
  const only2 = [...bindings.values()];
  const args = only2[0]?.args;
  if (only2.length !== 1 || !args)
    throw new InfcError("INFC3009", `template '${template.name}' built ${only2.length} kernels but returned one`, {
      node: anchor.source.name,
      fix: "Return request.close(k, note) for each"
    });
  return [{ kernel: { ...kernel, note: withSources(kernel.note) }, args }];
}

// compiler/lower/concat.ts
function lowerConcat(region, context) {
  const node = region.output.producer;
  if (node?.op !== "concat" || region.nodes.at(-1) !== node) return void 0;
  const axis = Number(node.attrs.axis ?? 0);
  const kernels = [];
  let start = 0;
  for (const part4 of node.inputs) {
    if (!part4) continue;
    const length = part4.type.shape[axis] ?? 1;
    const nodes = producers(part4, region);
    if (length !== 0)
      kernels.push(lowerRegion({ nodes, output: part4 }, context, { value: region.output, axis, start }));
    start = add(start, length);
  }
  return kernels;
}
function producers(value, region) {
  const needed = /* @__PURE__ */ new Set([value]);
  const out = [];
  for (const node of [...region.nodes].reverse()) {
    if (!node.outputs.some((o) => needed.has(o))) continue;
    out.unshift(node);
    for (const v of node.inputs) if (v) needed.add(v);
  }
  return out;
}

// compiler/schedule.ts
function kernelObstacle(node, registry, backend) {
  const op = registry.op(node.op);
  if (!op) return `op '${node.op}' is unknown`;
  if (!op.scalar && !op.element && !op.view) return "it is not a tensor expression";
  for (const v of [...node.inputs, ...node.outputs]) {
    if (!v) continue;
    if (v.type.container) return `'${v.name}' is a ${v.type.container}`;
    if (!backend.supports(v.type.dtype)) return `${backend.name} has no kernels for ${v.type.dtype}`;
  }
  return void 0;
}
var Scheduler = class {
  constructor(registry, backend, target, onRegion = () => {
  }) {
    this.registry = registry;
    this.backend = backend;
    this.target = target;
    this.onRegion = onRegion;
    this.context = {
      ops: registry,
      target,
      templates: registry.templates(backend.name),
      name: (region) => this.kernelName(region)
    };
  }
  registry;
  backend;
  target;
  onRegion;
  kernels = [];
  regions = [];
  names = /* @__PURE__ */ new Map();
  context;
  schedule(program) {
    const entries = [...program.entries].map(([name2, graph]) => ({
      name: name2,
      inputs: graph.inputs,
      outputs: graph.outputs.map((value) => ({ name: value.name, value })),
      items: this.graph(graph),
      guards: []
    }));
    return { name: program.name, entries, states: program.states, symbols: program.symbols };
  }
  kernelName(region) {
    const op = (region.anchor ?? region.output.producer)?.op ?? "copy";
    const base = op.replace(/[^A-Za-z0-9_]/g, "_");
    const n = this.names.get(base) ?? 0;
    this.names.set(base, n + 1);
    return `${base}_${n}`;
  }
  graph(graph) {
    const isAnchor = (node) => legalTemplates(node, this.target, this.context.templates).length > 0;
    const prepared = prepareControl(graph, this.registry);
    const regions = formRegions(prepared, {
      ops: this.registry,
      isAnchor,
      isKernel: (node) => kernelObstacle(node, this.registry, this.backend) === void 0 || isAnchor(node)
    });
    const items = [];
    for (const region of regions) {
      items.push(...this.region(region));
      this.onRegion();
    }
    return items;
  }
  region(region) {
    const node = region.output.producer;
    if (!node) throw new InfcError("INFC3010", `region without producer for '${region.output.name}'`);
    const op = this.registry.op(node.op);
    if (op?.control) return [this.control(node)];
    const [from] = node.inputs;
    if (op?.view && from) return [{ kind: "alias", from, to: region.output }];
    const { anchor } = region;
    if (anchor) {
      const [template] = legalTemplates(anchor, this.target, this.context.templates);
      if (template) return this.lowered(region, lowerAnchor(region, anchor, template, this.context));
    }
    const obstacle = kernelObstacle(node, this.registry, this.backend);
    if (obstacle === void 0) {
      const parts = lowerConcat(region, this.context);
      if (parts) return this.lowered(region, parts);
      if (node.outputs.length === 1) return this.lowered(region, [lowerRegion(region, this.context)]);
      const used = node.outputs.filter((o) => o.uses.length > 0 || isOutput(o, node));
      return used.flatMap(
        (output) => this.lowered({ ...region, output }, [lowerRegion({ ...region, output }, this.context)])
      );
    }
    const host2 = op?.host ?? (op?.reference ? node.op : void 0);
    if (host2 === void 0)
      throw new InfcError("INFC3011", `target '${this.backend.name}' cannot run op '${node.op}': ${obstacle}`, {
        node: node.source.name,
        fix: "Compile for wasm, or add a plugin with a kernel or host function for it"
      });
    return [
      {
        kind: "host",
        op: host2,
        inputs: node.inputs,
        outputs: node.outputs,
        attrs: plainAttributes(node),
        source: node.source.name
      }
    ];
  }
  lowered(region, kernels) {
    this.regions.push(region);
    this.kernels.push(...kernels);
    return kernels.map((lowered) => ({ kind: "kernel", lowered }));
  }
  control(node) {
    const body = (name2) => {
      const g = node.attrs[name2];
      if (g instanceof Graph) return g;
      throw new InfcError("INFC2009", `'${node.op}' lacks its body '${name2}'`, { node: node.source.name });
    };
    const at = (list, i) => {
      const x2 = list[i];
      if (x2 === void 0)
        throw new InfcError("INFC2012", `'${node.op}' and its body disagree in number ${i}`, {
          node: node.source.name
        });
      return x2;
    };
    const input = (i) => {
      const v = node.inputs[i];
      if (!v) throw new InfcError("INFC2012", `'${node.op}' lacks input ${i}`, { node: node.source.name });
      return v;
    };
    const numbers2 = (name2) => {
      const a = node.attrs[name2];
      return Array.isArray(a) ? a.map(Number) : [];
    };
    if (node.op === "assume") {
      const { a, b, why } = node.attrs;
      const reason = `${String(why)}, which does not hold for these input shapes`;
      const fail2 = {
        kind: "host",
        op: "fail",
        inputs: [],
        outputs: [],
        attrs: { reason, fix: "Use inputs of the shape the model was exported for" },
        source: node.source.name
      };
      return {
        kind: "choose",
        cases: [{ when: { kind: "eq", a: dimOf(a), b: dimOf(b) }, items: [] }, { items: [fail2] }]
      };
    }
    if (node.op === "if") {
      const yes = body("body");
      const no = body("otherwise");
      return {
        kind: "if",
        condition: input(0),
        body: this.graph(yes),
        otherwise: this.graph(no),
        outputs: node.outputs.map((to, i) => ({ body: at(yes.outputs, i), otherwise: at(no.outputs, i), to }))
      };
    }
    if (node.op === "loop") {
      const g = body("body");
      const carried = Number(node.attrs.carried ?? 0);
      const [trip, condition] = node.inputs;
      return {
        kind: "loop",
        ...trip ? { trip } : {},
        ...condition ? { condition } : {},
        iteration: at(g.inputs, 0),
        body: this.graph(g),
        next: at(g.outputs, 0),
        carry: Array.from({ length: carried }, (_, i) => ({
          initial: input(2 + i),
          inner: at(g.inputs, 2 + i),
          result: at(g.outputs, 1 + i),
          to: at(node.outputs, i)
        })),
        collect: node.outputs.slice(carried).map((to, i) => ({ from: at(g.outputs, 1 + carried + i), to })),
        slice: []
      };
    }
    if (node.op === "scan") {
      const g = body("body");
      const states = Number(node.attrs.states ?? 0);
      const inAxes = numbers2("inputAxes");
      const outAxes = numbers2("outputAxes");
      const inReverse = numbers2("inputReverse");
      const outReverse = numbers2("outputReverse");
      return {
        kind: "loop",
        trip: input(node.inputs.length - 1),
        body: this.graph(g),
        carry: Array.from({ length: states }, (_, i) => ({
          initial: input(i),
          inner: at(g.inputs, i),
          result: at(g.outputs, i),
          to: at(node.outputs, i)
        })),
        collect: node.outputs.slice(states).map((to, i) => ({
          from: at(g.outputs, states + i),
          to,
          axis: outAxes[i] ?? 0,
          reverse: outReverse[i] === 1
        })),
        slice: g.inputs.slice(states).map((to, i) => ({ from: input(states + i), to, axis: inAxes[i] ?? 0, reverse: inReverse[i] === 1 }))
      };
    }
    throw new InfcError("INFC3012", `control op '${node.op}' has no schedule`, { node: node.source.name });
  }
};
function dimOf(a) {
  if (typeof a === "number" || typeof a === "object" && a !== null && "terms" in a) return a;
  throw new InfcError("INFC2013", "an assumption about something that is not a dimension");
}
var isOutput = (v, node) => node.outputs.length === 1 || v.uses.length > 0;
function prepareControl(graph, registry) {
  for (const node of [...graph.nodes]) {
    if (node.op === "loop" && node.attrs.body instanceof Graph) {
      const g = node.attrs.body;
      const condition = g.inputs[1];
      if (condition && condition.uses.length > 0) {
        const b = new GraphBuilder(g, registry, node.source);
        g.replaceUses(condition, b.constant("bool", [], [1], "true"));
      }
    }
    if (node.op === "scan" && node.attrs.body instanceof Graph && node.inputs.length === node.attrs.body.inputs.length) {
      const states = Number(node.attrs.states ?? 0);
      const axes = node.attrs.inputAxes;
      const axis = Array.isArray(axes) ? Number(axes[0] ?? 0) : 0;
      const steps = node.inputs[states]?.type.shape[axis] ?? 0;
      const b = new GraphBuilder(graph, registry, node.source, node);
      const trip = typeof steps === "number" ? b.constant("i64", [], [steps], "steps") : b.node("dims", [], { dims: [steps], scalar: true });
      node.inputs.push(trip);
      trip.uses.push(node);
    }
  }
  return graph;
}
function plainAttributes(node) {
  const one2 = (a) => {
    if (Array.isArray(a)) return a.map(one2);
    if (typeof a === "bigint") return Number(a);
    if (typeof a === "object" && a !== null)
      throw new InfcError("INFC3013", `op '${node.op}' has an attribute that only the run decides`, {
        node: node.source.name,
        fix: "Fix the dimension with --dims"
      });
    return a;
  };
  return Object.fromEntries(
    Object.entries(node.attrs).filter(([, v]) => v !== void 0).map(([k, v]) => [k, one2(v)])
  );
}

// compiler/compile.ts
function createCompiler(options = {}) {
  const registry = new Registry([builtin, ...options.plugins ?? []]);
  orderPasses(registry.passes);
  const reference = new Reference({ ops: registry, host: hostFunctions });
  const read = async (model, o = {}) => {
    if (typeof model !== "string" && !(model instanceof Uint8Array)) return model;
    const file = typeof model === "string" ? model : void 0;
    const bytes2 = typeof model === "string" ? await readModel(model) : model;
    const name2 = o.name ?? (file ? path2.basename(file).replace(/\.[^.]+$/, "") : "model");
    return importOnnx(
      bytes2,
      {
        name: name2,
        evaluate: (v) => reference.evaluateConstant(v),
        ...o.dims ? { dims: o.dims } : {},
        ...file ? { externalFiles: externalFilesIn(path2.dirname(file)) } : {}
      },
      registry
    );
  };
  return {
    registry,
    import: read,
    compile: async (model, o = {}) => {
      const clock = new Clock(o);
      const backends = (o.targets ?? ["wasm"]).map((name2) => findBackend(registry, name2));
      const program = await clock.phase("import", () => read(model, o));
      const nodesIn = countNodes(program);
      const changes = await clock.phase(
        "passes",
        () => runPasses(program, registry.passes, {
          ops: registry,
          evaluate: (v) => reference.evaluateConstant(v),
          ...o.stopAfter === void 0 ? {} : { stopAfter: o.stopAfter }
        })
      );
      const nodesAfter = countNodes(program);
      const targets = [];
      let fused = 0;
      if (o.stopAfter === void 0) {
        for (const backend of backends) {
          const { compiled, swallowed } = await compileTarget(program, registry, backend, clock);
          fused = swallowed;
          targets.push(compiled);
        }
      }
      return {
        program,
        targets,
        report: {
          nodesIn,
          nodesAfter,
          kernels: targets[0]?.kernels.length ?? 0,
          fused,
          folded: changes.filter((c) => c.pass === "fold-constants").length,
          phases: clock.phases,
          changes
        }
      };
    }
  };
}
var compile = (model, options = {}) => createCompiler(options.plugins ? { plugins: options.plugins } : {}).compile(model, options);
async function compileTarget(program, registry, backend, clock) {
  const target = backend.target();
  const scheduler = new Scheduler(registry, backend, target, () => clock.tick());
  const schedule2 = await clock.phase(`lower ${backend.name}`, () => scheduler.schedule(program));
  const assembled = await clock.phase(`plan ${backend.name}`, () => assemblePlan(schedule2, { backend, target }));
  const { plan } = assembled;
  const compiled = {
    target: backend.name,
    device: backend.device,
    plan,
    assembled,
    files: () => artifactFiles(assembled, { device: backend.device }),
    kernels: scheduler.kernels,
    memory: memoryReport(plan, Object.keys(plan.entries)[0] ?? "main")
  };
  return { compiled, swallowed: scheduler.regions.reduce((n, r) => n + r.nodes.length - 1, 0) };
}
function findBackend(registry, name2) {
  const b = registry.backend(name2);
  if (!b)
    throw new InfcError("INFC4004", `there is no target '${name2}'`, {
      fix: `Targets: ${[...registry.backends].map((x2) => x2.name).join(", ")}`
    });
  return b;
}
async function readModel(file) {
  try {
    return await readFile2(file);
  } catch (cause) {
    throw new InfcError("INFC1001", "the model cannot be read", { file, cause, fix: "Check the path" });
  }
}
function countNodes(program) {
  let n = 0;
  for (const g of program.entries.values()) forEachNode(g, () => n++);
  return n;
}
var Clock = class {
  constructor(options) {
    this.options = options;
  }
  options;
  phases = [];
  async phase(name2, work) {
    this.tick();
    this.options.onProgress?.({ phase: name2, done: this.phases.length, total: 5 });
    const start = performance.now();
    const result = await work();
    this.phases.push({ name: name2, ms: performance.now() - start });
    return result;
  }
  tick() {
    this.options.signal?.throwIfAborted();
  }
};

// runtime/control.ts
init_dtype();
init_errors();

// runtime/executor.ts
init_dtype();
init_errors();

// runtime/frame.ts
init_dtype();
init_errors();
var sizeOf2 = (shape, values) => shape.reduce((n, d) => n * evaluateDim(d, values), 1);
var Frame = class {
  constructor(plan, entry, live, device, fixed, early) {
    this.plan = plan;
    this.live = live;
    this.device = device;
    this.fixed = fixed;
    this.early = early;
    this.values = new Map(early);
    this.steps = this.flatten(entry.steps);
    const known = [...live].filter(([i]) => {
      if (!Number.isNaN(this.bytes(i))) return true;
      this.late.add(i);
      return false;
    });
    if (entry.arena !== void 0) {
      for (const [i] of known) this.offsets.set(i, plan.buffers[i]?.offset ?? 0);
      this.arenaBytes = entry.arena;
    } else {
      const placed = planMemory(
        known.map(([i, at]) => ({ ...at, bytes: this.bytes(i) })),
        device.align
      );
      known.forEach(([i], k) => {
        this.offsets.set(i, placed.offsets[k] ?? 0);
      });
      this.arenaBytes = placed.bytes;
    }
  }
  plan;
  live;
  device;
  fixed;
  early;
  /** Steps with every choice that is known by now already made. */
  steps;
  host = [];
  /** All values: those bound from the inputs, and data-dependent ones as the run finds them. */
  values;
  /** Bytes the arena needs. */
  arenaBytes;
  ranges = [];
  launches = /* @__PURE__ */ new Map();
  late = /* @__PURE__ */ new Set();
  offsets = /* @__PURE__ */ new Map();
  /** Memory of late buffers, by the step that placed them. */
  lateMemory = /* @__PURE__ */ new Map();
  /** Forgets what an earlier run found out, and where the arena was. */
  start(arena) {
    this.values = new Map(this.early);
    this.host.length = 0;
    const memory = arena.memory;
    for (const [i, offset] of this.offsets) {
      const bytes2 = this.bytes(i);
      if (memory && this.ranges[i]?.memory !== memory) {
        this.ranges[i] = { memory, offset, bytes: bytes2 };
        this.launches.clear();
      }
    }
  }
  /** Frees the memory of late buffers. */
  finish() {
    for (const memory of this.lateMemory.values()) this.device.free(memory);
    this.lateMemory.clear();
    for (const i of this.late) this.ranges[i] = void 0;
  }
  bytes(i) {
    const b = this.plan.buffers[i];
    if (!b) return 0;
    return b.bytes === void 0 ? byteLength(b.dtype, sizeOf2(b.shape, this.values)) : evaluateDim(b.bytes, this.values);
  }
  shape(i) {
    return (this.plan.buffers[i]?.shape ?? []).map((d) => evaluateDim(d, this.values));
  }
  /** Where the bytes of buffer `i` are. Throws INFC6018 when nothing has fixed its size yet. */
  range(i) {
    const b = this.plan.buffers[i];
    const root = rootOf(this.plan.buffers, i);
    const range4 = this.fixed[root] ?? this.ranges[root];
    if (!b || !range4)
      throw new InfcError(
        "INFC6018",
        `buffer ${b?.name ?? i} ${formatShape2(b?.shape ?? [])} is used before its size is known`,
        {
          fix: "Report this: the plan is inconsistent"
        }
      );
    if (b.role !== "alias") return range4;
    let offset = range4.offset;
    for (let at = i, a = b; a.role === "alias" && a.of !== void 0; at = a.of, a = this.plan.buffers[at] ?? b)
      offset += a.at === void 0 ? 0 : evaluateDim(a.at, this.values);
    return { memory: range4.memory, offset, bytes: this.bytes(i) };
  }
  /** The launch of a kernel step; resolved once unless it depends on what the run finds out. */
  launch(step) {
    const known = this.launches.get(step);
    if (known) return known;
    const kernel = this.plan.kernels[step.kernel];
    const scalars = (kernel?.scalars ?? []).map((s) => evaluateDim(s, this.values));
    const [x2, y, z] = step.grid;
    const grid = [evaluateDim(x2, this.values), evaluateDim(y, this.values), evaluateDim(z, this.values)];
    const { note } = kernel ?? {};
    const work = note ? evaluateDim(note.bytes, this.values) + evaluateDim(note.flops, this.values) : 0;
    const bindings = step.bind.map((i) => this.range(i));
    if ([...scalars, ...grid].some(Number.isNaN))
      throw new InfcError("INFC6018", `kernel ${kernel?.name} starts before its dimensions are known`, {
        fix: "Report this: the plan is inconsistent"
      });
    const launch = this.device.prepare({ kernel: step.kernel, bindings, scalars, grid, work });
    const early = step.bind.every((i) => !this.late.has(rootOf(this.plan.buffers, i)) && !this.lateAlias(i)) && ![...kernel?.scalars ?? [], ...step.grid].some((c) => Number.isNaN(evaluateDim(c, this.early)));
    if (early) this.launches.set(step, launch);
    return launch;
  }
  /** An alias whose shape or place only the run decides. */
  lateAlias(i) {
    const b = this.plan.buffers[i];
    return b?.role === "alias" && (Number.isNaN(evaluateDim(b.at ?? 0, this.early)) || Number.isNaN(sizeOf2(b.shape, this.early)));
  }
  flatten(steps) {
    const out = [];
    for (const step of steps) {
      const chosen = step.kind === "choose" ? chooseCase(step, this.early) : void 0;
      if (chosen) out.push(...this.flatten(chosen));
      else out.push(step);
    }
    return out;
  }
};
function chooseCase(step, values) {
  for (const c of step.cases) {
    const holds = c.when === void 0 || evaluateCondition(c.when, values);
    if (holds === void 0) return void 0;
    if (holds) return c.steps;
  }
  return [];
}
function define(frame, step, names2) {
  const changed = new Set(names2);
  const uses = (code) => typeof code === "string" ? changed.has(code) : typeof code === "object" && code.slice(1).some((c) => uses(c));
  const place2 = [...frame.late].filter((i) => {
    const b = frame.plan.buffers[i];
    return b && (b.bytes === void 0 ? b.shape.some(uses) : uses(b.bytes)) && !Number.isNaN(frame.bytes(i));
  });
  const placed = planMemory(
    place2.map((i) => ({ ...frame.live.get(i) ?? { first: 0, last: 0 }, bytes: frame.bytes(i) })),
    frame.device.align
  );
  const memory = frame.device.allocate(placed.bytes);
  place2.forEach((i, k) => {
    frame.ranges[i] = { memory, offset: placed.offsets[k] ?? 0, bytes: frame.bytes(i) };
  });
  const old = frame.lateMemory.get(step);
  frame.lateMemory.set(step, memory);
  return old;
}

// runtime/tensor.ts
init_dtype();
init_errors();
init_minifloat();
var elementsOf3 = (shape) => shape.reduce((n, d) => n * d, 1);
function toArray(what, dtype, elements, data) {
  const list = Array.isArray(data) || ArrayBuffer.isView(data) ? data : void 0;
  const own = dtype === "string" ? void 0 : viewOf(dtype, new ArrayBuffer(0), 0, 0);
  const wanted = own ? own.constructor.name : "string[]";
  if (list === void 0 || list instanceof DataView)
    throw new InfcError("INFC6003", `${what} has no data that can be ${dtype}`, { fix: `Give a ${wanted}` });
  const perElement = dtype === "c64" || dtype === "c128" ? 2 : 1;
  const packed = bitsOf[dtype] < 8 && own !== void 0 && !Array.isArray(list);
  const expected = packed ? byteLength(dtype, elements) : elements * perElement;
  if (list.length !== expected)
    throw new InfcError("INFC6004", `${what} needs ${expected} values for its shape and has ${list.length}`, {
      fix: "Make the data and the shape agree"
    });
  if (!Array.isArray(list)) {
    const given2 = list;
    if (own && given2.constructor === own.constructor) return given2;
    if (given2 instanceof Float32Array && (dtype === "f16" || dtype === "bf16")) return fromNumbers(what, dtype, given2);
    throw new InfcError("INFC6003", `${what} is ${dtype} and was given a ${given2.constructor.name}`, {
      fix: `Give a ${wanted}${dtype === "string" ? "" : " or an array of numbers"}`
    });
  }
  if (dtype === "string") {
    const at = list.findIndex((s) => typeof s !== "string");
    if (at >= 0) throw new InfcError("INFC6003", `${what} is string and element ${at} is not a string`);
    return list;
  }
  return fromNumbers(what, dtype, list);
}
function fromNumbers(what, dtype, values) {
  const bits = bitsOf[dtype];
  const narrow2 = bits < 32 && (dtype[0] === "f" || dtype === "bf16");
  if (bits < 8)
    throw new InfcError("INFC6003", `${what} is ${dtype}, whose values are raw bits`, { fix: "Give a Uint8Array" });
  const out = viewOf(dtype, new ArrayBuffer(bits / 8 * values.length), 0, values.length / (dtype[0] === "c" ? 2 : 1));
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (typeof v !== "number" && typeof v !== "bigint" && typeof v !== "boolean")
      throw new InfcError("INFC6003", `${what} is ${dtype} and element ${i} is not a number`);
    if (out instanceof BigInt64Array || out instanceof BigUint64Array) {
      if (typeof v === "number" && !Number.isInteger(v))
        throw new InfcError("INFC6003", `${what} is ${dtype} and element ${i} is ${v}`, { fix: "Give integers" });
      out[i] = BigInt(v);
    } else out[i] = narrow2 ? encodeFloat(dtype, Number(v)) : dtype === "bool" ? Number(Boolean(v)) : Number(v);
  }
  return out;
}

// runtime/executor.ts
var MAX_FRAMES = 32;
var YIELD_MS = 12;
var aborted = (signal) => new InfcError("INFC6010", "the run was aborted", { cause: signal.reason });
var Executor = class {
  constructor(plan, entry, device, fixed, hostOps, control2) {
    this.plan = plan;
    this.entry = entry;
    this.device = device;
    this.fixed = fixed;
    this.hostOps = hostOps;
    this.control = control2;
    this.live = liveIntervals(plan.buffers, entry);
  }
  plan;
  entry;
  device;
  fixed;
  hostOps;
  control;
  live;
  frames = /* @__PURE__ */ new Map();
  arena = { memory: void 0 };
  options = {};
  yielded = 0;
  /** Plays the entry on inputs in port order and returns its outputs in port order (only those in `wanted`, when given). */
  async run(inputs, values, options, wanted) {
    this.options = options;
    this.yielded = performance.now();
    const frame = this.frame(values);
    frame.start(this.arena);
    try {
      this.plan.buffers.forEach((b, i) => {
        if (b.strings) frame.host[i] = { dtype: "string", shape: frame.shape(i), data: b.strings };
      });
      this.entry.inputs.forEach((port, k) => {
        const t = inputs[k];
        if (t) this.put(frame, port.buffer, t);
      });
      await this.play(frame.steps, frame);
      const outputs = {};
      for (const port of this.entry.outputs) {
        if (!wanted || wanted.has(port.name)) outputs[port.name] = await this.output(frame, port.buffer);
      }
      await this.device.finish();
      return outputs;
    } finally {
      frame.finish();
    }
  }
  destroy() {
    if (this.arena.memory) this.device.free(this.arena.memory);
    this.arena.memory = void 0;
    this.frames.clear();
  }
  frame(values) {
    const key2 = [...values].map(([n, v]) => `${n}=${v}`).join();
    const frame = this.frames.get(key2) ?? new Frame(this.plan, this.entry, this.live, this.device, this.fixed, values);
    if (!this.arena.memory || this.arena.memory.bytes < frame.arenaBytes) {
      if (this.arena.memory) this.device.free(this.arena.memory);
      this.arena.memory = void 0;
      this.arena.memory = this.device.allocate(frame.arenaBytes);
    }
    const [oldest] = this.frames.keys();
    if (this.frames.size >= MAX_FRAMES && oldest !== void 0 && !this.frames.has(key2)) this.frames.delete(oldest);
    this.frames.set(key2, frame);
    return frame;
  }
  async play(steps, frame) {
    const { signal, onStep } = this.options;
    for (const step of steps) {
      if (signal) {
        if (signal.aborted) throw aborted(signal);
        if (performance.now() - this.yielded > YIELD_MS) {
          await new Promise((resolve) => setTimeout(resolve));
          this.yielded = performance.now();
          if (signal.aborted) throw aborted(signal);
        }
      }
      switch (step.kind) {
        case "kernel": {
          const launch = frame.launch(step);
          const started = onStep ? performance.now() : 0;
          this.device.launch(launch);
          if (onStep) {
            await this.device.finish();
            const name2 = this.plan.kernels[step.kernel]?.name ?? "";
            onStep({ kind: "kernel", name: name2, ms: performance.now() - started });
          }
          break;
        }
        case "choose": {
          const chosen = chooseCase(step, frame.values);
          if (chosen) await this.play(chosen, frame);
          break;
        }
        default:
          if (step.kind === "copy" && !step.defines && !this.onHost(step.from) && !this.onHost(step.to)) {
            const [from, to] = [frame.range(step.from), frame.range(step.to)];
            if (from.memory !== to.memory || from.offset !== to.offset)
              this.device.copy(from.memory, from.offset, to.memory, to.offset, to.bytes);
          } else {
            const started = onStep ? performance.now() : 0;
            await this.control?.(this, step, frame);
            if (step.kind === "host") onStep?.({ kind: "host", name: step.op, ms: performance.now() - started });
          }
      }
    }
  }
  onHost(i) {
    return this.plan.buffers[i]?.role === "host";
  }
  /** A value for the host: a view of device memory where the device has such, unless `copy`. */
  async value(frame, i, copy) {
    if (this.onHost(i)) return frame.host[i] ?? null;
    const dtype = this.plan.buffers[i]?.dtype ?? "f32";
    const shape = frame.shape(i);
    const range4 = frame.range(i);
    const read = this.device.read(range4);
    let bytes2 = read instanceof Promise ? await read : read;
    if (copy || bytes2.byteOffset % 8 !== 0) bytes2 = bytes2.slice();
    const data = viewOf(dtype, bytes2.buffer, bytes2.byteOffset, sizeOf2(this.plan.buffers[i]?.shape ?? [], frame.values));
    return { dtype, shape, data };
  }
  async copyOut(frame, i) {
    const v = await this.value(frame, i, true);
    if (!isTensor3(v)) throw new InfcError("INFC6018", `buffer ${i} does not hold a tensor`);
    return v;
  }
  async output(frame, i) {
    return this.onHost(i) ? frame.host[i] ?? null : this.copyOut(frame, i);
  }
  /** Stores a host value in a buffer whose place is known. */
  put(frame, i, value) {
    if (this.onHost(i)) {
      frame.host[i] = value;
      return;
    }
    const b = this.plan.buffers[i];
    if (!b || !isTensor3(value)) throw new InfcError("INFC6018", `buffer ${b?.name ?? i} needs a tensor`);
    const shape = frame.shape(i);
    if (value.dtype !== b.dtype || value.shape.length !== shape.length || value.shape.some((d, k) => d !== shape[k]))
      throw new InfcError(
        "INFC6018",
        `value '${b.name ?? i}' came as ${value.dtype}[${value.shape.join(", ")}], the plan says ${b.dtype}[${shape.join(", ")}]`,
        { fix: "Report this: the plan is inconsistent" }
      );
    const data = toArray(`value '${b.name ?? i}'`, b.dtype, elementsOf3(shape), value.data);
    const { memory, offset } = frame.range(i);
    this.device.write(memory, offset, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
};
var isTensor3 = (v) => v !== null && v !== void 0 && !Array.isArray(v) && "data" in v;

// runtime/ports.ts
init_errors();
function bindSymbol(plan, values, name2, value, from) {
  const bounds = plan.symbols[name2];
  const { min: min2 = 0, max: max2 = Number.POSITIVE_INFINITY, multipleOf = 1 } = bounds ?? {};
  if (value < min2 || value > max2 || value % multipleOf !== 0) {
    const rule = `${min2}${max2 === Number.POSITIVE_INFINITY ? " or more" : ` to ${max2}`}${multipleOf > 1 ? ` in steps of ${multipleOf}` : ""}`;
    throw new InfcError("INFC6007", `${from} makes dimension '${name2}' ${value}; the model was compiled for ${rule}`, {
      fix: "Change the shape, or compile the model again with other --dims"
    });
  }
  values.set(name2, value);
}
function bindShape(plan, values, what, declared, actual, may) {
  const mismatch2 = (why) => new InfcError("INFC6006", `${what} has shape [${actual.join(", ")}] and must have ${formatShape2(declared)}${why}`, {
    fix: "Give a tensor of that shape"
  });
  if (declared.length !== actual.length) throw mismatch2("");
  for (const alone of [true, false]) {
    declared.forEach((code, i) => {
      if (typeof code === "string" !== alone) return;
      const size = actual[i] ?? -1;
      if (!Number.isSafeInteger(size) || size < 0) throw mismatch2("");
      const bound = solveDim(code, size, values);
      if (bound && (may === void 0 || may.has(bound[0]))) bindSymbol(plan, values, bound[0], bound[1], what);
      const expected = evaluateDim(code, values);
      if (expected !== size) {
        const known = typeof code === "number" || Number.isNaN(expected);
        throw mismatch2(known ? "" : ` where ${formatDimCode(code)} is ${expected}`);
      }
    });
  }
}
function bindInputs(plan, entry, inputs) {
  const names2 = entry.inputs.map((p) => p.name);
  const list = `This model takes ${names2.map((n) => `'${n}'`).join(", ") || "no inputs"}`;
  for (const name2 of Object.keys(inputs)) {
    if (!names2.includes(name2)) throw new InfcError("INFC6005", `there is no input '${name2}'`, { fix: list });
  }
  const values = /* @__PURE__ */ new Map();
  const given2 = entry.inputs.map((port) => {
    const value = inputs[port.name];
    if (value === void 0 || value === null)
      throw new InfcError("INFC6005", `input '${port.name}' is missing`, { fix: list });
    return asTensor(port, value);
  });
  const order = [...entry.inputs.keys()].sort(
    (i, j) => Number(compound(entry.inputs[i])) - Number(compound(entry.inputs[j])) || i - j
  );
  for (const i of order) {
    const port = entry.inputs[i];
    const t = given2[i];
    if (port && t) bindShape(plan, values, `input '${port.name}'`, port.shape, t.shape);
  }
  for (const guard of entry.guards) {
    if (evaluateCondition(guard.condition, values) === false)
      throw new InfcError("INFC6009", `these inputs break what the model was compiled for: ${guard.why}`, {
        fix: "Change the shapes, or compile the model again with other --dims"
      });
  }
  const tensors = given2.map((t, i) => {
    const name2 = `input '${entry.inputs[i]?.name}'`;
    return { ...t, data: toArray(name2, t.dtype, elementsOf3(t.shape), t.data) };
  });
  return { tensors, values };
}
var compound = (port) => port?.shape.some((d) => typeof d === "object") ?? false;
function asTensor(port, value) {
  if (typeof value !== "object" || value === null)
    throw new InfcError("INFC6003", `input '${port.name}' is not a tensor`, {
      fix: `Give { shape: ${formatShape2(port.shape)}, data }`
    });
  const isArray = Array.isArray(value) || ArrayBuffer.isView(value);
  const t = isArray ? { data: value } : value;
  if (t.dtype !== void 0 && t.dtype !== port.dtype)
    throw new InfcError("INFC6003", `input '${port.name}' is ${port.dtype} and was given ${String(t.dtype)}`, {
      fix: `Give a tensor of ${port.dtype}`
    });
  let shape = t.shape;
  if (shape === void 0) {
    const length = t.data?.length;
    shape = port.shape.every((d) => typeof d === "number") ? port.shape : port.shape.length === 1 ? [length] : void 0;
  }
  if (!Array.isArray(shape))
    throw new InfcError("INFC6006", `input '${port.name}' comes without a shape`, {
      fix: `Give { shape: ${formatShape2(port.shape)}, data }`
    });
  return { dtype: port.dtype, shape, data: t.data };
}

// runtime/control.ts
var playControl = async (x2, step, frame) => {
  switch (step.kind) {
    case "copy":
      return move(x2, frame, [step], step);
    case "host":
      return host(x2, step, frame);
    case "if":
      return x2.play(await scalar3(x2, frame, step.condition) ? step.body : step.otherwise, frame);
    case "loop":
      return loop(x2, step, frame);
  }
};
async function host(x2, step, frame) {
  const fail2 = (reason, fix) => {
    throw new InfcError("INFC6016", reason, { node: step.op, ...fix ? { fix } : {} });
  };
  const op = x2.hostOps.get(step.op);
  if (!op) return fail2(`host function '${step.op}' is not loaded`, "Pass it in the hostOps option");
  const inputs = [];
  for (const i of step.inputs) inputs.push(i === null ? null : await x2.value(frame, i, step.inputs.length > 1));
  const outputs = step.outputs.map((i) => {
    const b = x2.plan.buffers[i];
    return { dtype: b?.dtype ?? "f32", rank: b?.shape.length ?? 0 };
  });
  const results = await op(inputs, step.attrs, { outputs, fail: fail2 });
  if (results.length !== step.outputs.length) fail2(`it returned ${results.length} values, not ${step.outputs.length}`);
  const old = define2(
    x2,
    frame,
    step,
    new Set(step.defines ?? []),
    step.outputs.map((to, k) => ({ to, shape: shapeOf3(results[k]) }))
  );
  if (old) x2.device.free(old);
  step.outputs.forEach((i, k) => {
    x2.put(frame, i, results[k] ?? null);
  });
}
async function loop(x2, step, frame) {
  const trip = step.trip === void 0 ? Number.POSITIVE_INFINITY : await scalar3(x2, frame, step.trip);
  const gathered = step.collect.map(() => []);
  let count = 0;
  for (; count < trip; count++) {
    if (step.condition !== void 0 && !await scalar3(x2, frame, step.condition)) break;
    if (step.iteration !== void 0)
      x2.put(frame, step.iteration, { dtype: "i64", shape: [], data: BigInt64Array.of(BigInt(count)) });
    for (const s of step.slice) part3(x2, frame, s.from, s.to, s.axis, count, s.reverse ?? false, true);
    await x2.play(step.body, frame);
    for (const [k, c] of step.collect.entries()) {
      if (c.defines || x2.onHost(c.to)) gathered[k]?.push(await x2.copyOut(frame, c.from));
      else part3(x2, frame, c.to, c.from, c.axis ?? 0, count, c.reverse ?? false, false);
    }
    if (step.carry.length > 0) await move(x2, frame, step.carry, step);
  }
  for (const [k, c] of step.collect.entries()) {
    if (!c.defines && !x2.onHost(c.to)) continue;
    const all = stack(gathered[k] ?? [], c.axis ?? 0, c.reverse ?? false, emptyLike(x2, frame, c.from));
    const old = define2(x2, frame, c, new Set(c.defines ?? []), [{ to: c.to, shape: all.shape }]);
    if (old) x2.device.free(old);
    x2.put(frame, c.to, all);
  }
}
function part3(x2, frame, whole, slice2, axis, index, reverse2, out) {
  const shape = frame.shape(whole);
  const count = shape[axis] ?? 0;
  const a = frame.range(whole);
  const b = frame.range(slice2);
  const outer = elementsOf3(shape.slice(0, axis));
  const bytes2 = outer === 0 ? 0 : b.bytes / outer;
  const at = reverse2 ? count - 1 - index : index;
  if (at < 0 || at >= count)
    throw new InfcError("INFC6018", `a loop runs past the ${count} slices of its input`, { fix: "Check the model" });
  for (let o = 0; o < outer; o++) {
    const far = a.offset + (o * count + at) * bytes2;
    const near = b.offset + o * bytes2;
    if (out) x2.device.copy(a.memory, far, b.memory, near, bytes2);
    else x2.device.copy(b.memory, near, a.memory, far, bytes2);
  }
}
function emptyLike(x2, frame, i) {
  const shape = frame.shape(i).map((d) => Number.isNaN(d) ? 0 : d);
  const dtype = x2.plan.buffers[i]?.dtype ?? "f32";
  return { dtype, shape, data: viewOf(dtype, new ArrayBuffer(0), 0, 0) };
}
async function scalar3(x2, frame, i) {
  const v = await x2.value(frame, i, false);
  return isTensor3(v) ? Number(v.data[0]) : 0;
}
async function move(x2, frame, moves, event) {
  const sources = [];
  for (const { from, to } of moves) {
    if (x2.onHost(from) || x2.onHost(to)) sources.push(await x2.output(frame, from));
    else sources.push({ range: frame.range(from), shape: frame.shape(from) });
  }
  const names2 = new Set(moves.flatMap((m) => m.defines ?? []));
  const old = define2(
    x2,
    frame,
    event,
    names2,
    moves.map(({ to }, k) => ({ to, shape: shapeOf3(sources[k]) }))
  );
  moves.forEach(({ to }, k) => {
    const source = sources[k];
    if (source && "range" in source) {
      const { memory, offset } = source.range;
      const target = frame.range(to);
      if (memory !== target.memory || offset !== target.offset)
        x2.device.copy(memory, offset, target.memory, target.offset, target.bytes);
    } else x2.put(frame, to, source ?? null);
  });
  if (old) x2.device.free(old);
}
function define2(x2, frame, event, names2, results) {
  for (const n of names2) frame.values.delete(n);
  for (const { to, shape } of results) {
    const b = x2.plan.buffers[to];
    if (b && b.role !== "host" && shape)
      bindShape(x2.plan, frame.values, `value '${b.name ?? to}'`, b.shape, shape, names2);
  }
  return names2.size > 0 ? define(frame, event, [...names2]) : void 0;
}
var shapeOf3 = (v) => v && "shape" in v ? v.shape : void 0;
function stack(parts, axis, reverse2, empty) {
  const list = reverse2 ? [...parts].reverse() : parts;
  const { dtype, shape } = list[0] ?? empty;
  const full = [...shape.slice(0, axis), list.length, ...shape.slice(axis)];
  if (dtype === "string") return { dtype, shape: full, data: list.flatMap((p) => p.data) };
  const outer = elementsOf3(shape.slice(0, axis));
  const all = new Uint8Array(byteLength(dtype, elementsOf3(full)));
  const each = list.length === 0 || outer === 0 ? 0 : all.length / list.length / outer;
  list.forEach((p, k) => {
    const data = p.data;
    const bytes2 = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let o = 0; o < outer; o++) all.set(bytes2.subarray(o * each, (o + 1) * each), (o * list.length + k) * each);
  });
  return { dtype, shape: full, data: viewOf(dtype, all.buffer, 0, elementsOf3(full)) };
}

// runtime/devices/wasm.ts
init_errors();

// runtime/files.ts
init_errors();
function nodeModule(id) {
  const node = globalThis.process;
  return node?.versions?.node ? node.getBuiltinModule?.(id) : void 0;
}
function toUrl(place2) {
  if (place2 instanceof URL) return place2;
  if (/^[a-z][a-z0-9+.-]+:/i.test(place2)) return new URL(place2);
  const url = nodeModule("node:url");
  return url ? url.pathToFileURL(place2) : new URL(place2, globalThis.location.href);
}
var CHUNK = 4 << 20;
async function* readChunks(source, signal) {
  if (source instanceof Uint8Array) {
    yield { chunk: source, total: source.length };
    return;
  }
  const fs2 = source.protocol === "file:" ? nodeModule("node:fs") : void 0;
  try {
    if (fs2) {
      const file = await fs2.promises.open(source, "r");
      try {
        const total2 = (await file.stat()).size;
        for (let at = 0; at < total2; ) {
          signal?.throwIfAborted();
          const chunk = new Uint8Array(Math.min(CHUNK, total2 - at));
          const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
          if (bytesRead === 0) break;
          yield { chunk: chunk.subarray(0, bytesRead), total: total2 };
          at += bytesRead;
        }
      } finally {
        await file.close();
      }
      return;
    }
    const response = await fetch(source, signal ? { signal } : {});
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    const length = response.headers.get("content-encoding") ? null : response.headers.get("content-length");
    const total = length === null ? void 0 : Number(length);
    const reader = response.body?.getReader();
    for (let part4 = await reader?.read(); part4 && !part4.done; part4 = await reader?.read()) {
      yield { chunk: part4.value, total };
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw new InfcError(
      "INFC6012",
      `cannot read ${source.href}: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        fix: "Keep the files of the artifact together and reachable",
        cause
      }
    );
  }
}
async function readAll(source, signal) {
  const chunks = [];
  let bytes2 = 0;
  for await (const { chunk } of readChunks(source, signal)) {
    chunks.push(chunk);
    bytes2 += chunk.length;
  }
  const all = new Uint8Array(bytes2);
  let at = 0;
  for (const c of chunks) {
    all.set(c, at);
    at += c.length;
  }
  return all;
}

// runtime/devices/probe.ts
function instance(of, body) {
  const section = (id, ...bytes3) => [id, bytes3.length, ...bytes3];
  const code = [0, ...body, 11];
  const bytes2 = [
    ...[0, 97, 115, 109, 1, 0, 0, 0],
    ...section(1, 1, 96, 3, of, of, of, 1, of),
    ...section(3, 1, 0),
    ...section(7, 1, 1, 102, 0, 0),
    ...section(10, 1, code.length, ...code)
  ];
  try {
    const { f } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes2))).exports;
    return f;
  } catch {
    return void 0;
  }
}
var local = (i) => [32, i];
var simd = (opcode) => opcode < 128 ? [253, opcode] : [253, opcode & 127 | 128, opcode >> 7];
var [I8_SPLAT, I32_SPLAT, F32_SPLAT, I32_LANE, F32_LANE] = [15, 17, 19, 27, 31];
var [I32_ADD, RELAXED_MADD, RELAXED_DOT_ADD] = [174, 261, 275];
function probeRelaxedSimd() {
  const found = /* @__PURE__ */ new Set();
  const splat2 = (i) => [...local(i), ...simd(F32_SPLAT)];
  const madd = instance(125, [...splat2(0), ...splat2(1), ...splat2(2), ...simd(RELAXED_MADD), ...simd(F32_LANE), 2]);
  const a = 1 + 2 ** -12;
  const rounded2 = madd?.(a, a, -(1 + 2 ** -11));
  if (madd && (rounded2 === 2 ** -24 || rounded2 === 0) && madd(3, -5, 4) === -11) found.add("relaxed-madd");
  const bytes2 = (i) => [...local(i), ...simd(I8_SPLAT)];
  const twice = [...local(2), ...simd(I32_SPLAT), ...local(2), ...simd(I32_SPLAT), ...simd(I32_ADD)];
  const dot3 = instance(127, [
    ...[...bytes2(0), ...bytes2(1), ...bytes2(0), ...bytes2(1), ...twice, ...simd(RELAXED_DOT_ADD)],
    ...[...simd(RELAXED_DOT_ADD), ...simd(I32_LANE), 3]
  ]);
  const cases = [
    [-128, 127, 1e3],
    [7, 3, -5],
    [127, 127, 7e4]
  ];
  if (dot3 && cases.every(([x2, y, z]) => dot3(x2, y, z) === 8 * x2 * y + 2 * z)) found.add("relaxed-dot");
  return found;
}

// runtime/devices/wasm-pool.ts
var control = {
  LEFT: 0,
  DONE: 1,
  WAKE: 2,
  FAILED: 3,
  KERNEL: 4,
  GRID: 5,
  CHUNKS: 6,
  COUNT: 7,
  SCRATCH: 8,
  ARGS: 9
};
var CONTROL_WORDS = 512;
var MAX_ARGUMENTS = CONTROL_WORDS - control.ARGS;
function instantiate({
  memory,
  modules,
  kernels
}) {
  const instances = modules.map((m) => new WebAssembly.Instance(m, { env: { memory } }));
  return kernels.map(({ module, entry }) => {
    const f = instances[module]?.exports[entry];
    if (typeof f !== "function") throw new Error(`kernel file has no function '${entry}'`);
    return f;
  });
}
function takeChunks(words, functions3, scratch3) {
  for (let left = Atomics.sub(words, control.LEFT, 1); left > 0; left = Atomics.sub(words, control.LEFT, 1)) {
    const chunks = words[control.CHUNKS] ?? 0;
    const grid = words[control.GRID] ?? 0;
    const args = Array.from(words.subarray(control.ARGS, control.ARGS + (words[control.COUNT] ?? 0)));
    if (words[control.SCRATCH]) args.push(scratch3);
    const i = chunks - left;
    try {
      const begin = Math.floor(grid * i / chunks);
      const end = Math.floor(grid * (i + 1) / chunks);
      functions3[words[control.KERNEL] ?? 0]?.(...args, begin, end);
    } catch {
      Atomics.store(words, control.FAILED, 1);
    }
    Atomics.add(words, control.DONE, 1);
    Atomics.notify(words, control.DONE);
  }
}

// runtime/devices/wasm.ts
var PAGE = 65536;
var MAX_PAGES = 65536;
var ALIGN = 64;
var PADDING = 64;
var SPLIT_WORK = 2e5;
var CHUNKS_PER_THREAD = 4;
var WasmDevice = class _WasmDevice {
  constructor(memory, threads, options) {
    this.memory = memory;
    this.threads = threads;
    this.options = options;
    this.bytes = new Uint8Array(memory.buffer);
    this.mayWait = nodeModule("node:worker_threads") !== void 0 || typeof document === "undefined";
  }
  memory;
  threads;
  options;
  kind = "wasm";
  align = ALIGN;
  bytes;
  end = 1024;
  free_ = [];
  // by address, never adjacent
  functions = [];
  kernels = [];
  names = [];
  scratch = 0;
  words;
  workers = [];
  mayWait;
  static create(options = {}) {
    const shareable = typeof SharedArrayBuffer !== "undefined" && (globalThis.crossOriginIsolated ?? true);
    const cores = nodeModule("node:os")?.availableParallelism() ?? navigator.hardwareConcurrency;
    const wanted = options.threads ?? Math.min(cores ?? 1, 8);
    if (!Number.isInteger(wanted) || wanted < 1 || wanted > 256)
      throw new InfcError("INFC6021", `${wanted} threads`, { fix: "Use 1 to 256 threads" });
    const threads = shareable ? wanted : 1;
    for (let maximum = MAX_PAGES; maximum >= 4096; maximum /= 2) {
      try {
        return new _WasmDevice(new WebAssembly.Memory({ initial: 1, maximum, shared: threads > 1 }), threads, options);
      } catch {
      }
    }
    throw new InfcError("INFC6011", "no WebAssembly memory can be made", { fix: "Close other programs or pages" });
  }
  async load({ kernels, variants, read }) {
    if (this.options.relaxedSimd === true)
      nodeModule("node:v8")?.setFlagsFromString("--experimental-wasm-relaxed-simd");
    const features = this.options.relaxedSimd === false ? /* @__PURE__ */ new Set() : probeRelaxedSimd();
    const fileOf2 = kernels.map(
      (k, i) => variants.find(
        (v) => v.file === k.file && (v.kernels?.includes(i) ?? true) && v.features.every((f) => features.has(f))
      )?.use ?? k.file
    );
    const files = [...new Set(fileOf2)];
    const modules = [];
    for (const file of files) {
      try {
        modules.push(await WebAssembly.compile(shareMemory(await read(file), this.threads > 1)));
      } catch (cause) {
        if (cause instanceof InfcError) throw cause;
        throw new InfcError("INFC6022", `kernels cannot be loaded: ${String(cause)}`, {
          file,
          fix: "WebAssembly with 128-bit SIMD is needed: use a newer browser or Node",
          cause
        });
      }
    }
    const setup = {
      memory: this.memory,
      modules,
      kernels: kernels.map((k, i) => ({
        module: files.indexOf(fileOf2[i] ?? ""),
        entry: k.entry,
        scratch: (k.scratch ?? 0) > 0
      }))
    };
    try {
      this.functions = instantiate(setup);
    } catch (cause) {
      throw new InfcError("INFC6022", `kernels cannot be loaded: ${String(cause)}`, {
        fix: "Keep the plan together with its own kernels",
        cause
      });
    }
    this.kernels = setup.kernels;
    this.names = kernels.map((k) => k.name);
    const scratch3 = Math.max(0, ...kernels.map((k) => k.scratch ?? 0));
    const block2 = scratch3 > 0 ? this.allocate((scratch3 + ALIGN) * this.threads) : void 0;
    this.scratch = block2?.address ?? 0;
    const step = Math.ceil(scratch3 / ALIGN) * ALIGN + ALIGN;
    if (this.threads > 1 && kernels.length > 0) {
      this.words = new Int32Array(new SharedArrayBuffer(CONTROL_WORDS * 4));
      for (let i = 1; i < this.threads; i++)
        this.startWorker({ ...setup, control: this.words, scratch: this.scratch + i * step });
    }
  }
  startWorker(setup) {
    const threads = nodeModule("node:worker_threads");
    const { worker } = this.options;
    try {
      if (threads) {
        const w2 = new threads.Worker(worker ? new URL(worker) : new URL("./worker.js", import.meta.url));
        w2.on("error", () => {
        });
        w2.unref();
        w2.postMessage(setup);
        this.workers.push(w2);
        return;
      }
      const w = worker ? new Worker(worker, { type: "module" }) : new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
      w.postMessage(setup);
      this.workers.push(w);
    } catch {
    }
  }
  reserve(bytes2) {
    const need = this.end + bytes2 - this.memory.buffer.byteLength;
    if (need > 0) this.grow(need);
  }
  grow(bytes2) {
    const pages = Math.ceil(bytes2 / PAGE);
    try {
      this.memory.grow(pages);
    } catch (cause) {
      const total = this.memory.buffer.byteLength + pages * PAGE;
      throw new InfcError("INFC6011", `the model needs ${total} bytes of memory, more than WebAssembly gives here`, {
        fix: "Use smaller shapes, or a compiled model with smaller weights",
        cause
      });
    }
    this.bytes = new Uint8Array(this.memory.buffer);
  }
  allocate(bytes2) {
    const size = Math.ceil(bytes2 / ALIGN) * ALIGN + PADDING;
    if (!(size <= MAX_PAGES * PAGE))
      throw new InfcError("INFC6011", `a block of ${bytes2} bytes is needed, more than WebAssembly memory can hold`, {
        fix: "Use smaller shapes, or a compiled model with smaller weights"
      });
    const at = this.free_.findIndex((f) => f.size >= size);
    const hole2 = this.free_[at];
    if (hole2) {
      const address2 = hole2.address;
      hole2.address += size;
      hole2.size -= size;
      if (hole2.size === 0) this.free_.splice(at, 1);
      return { bytes: bytes2, address: address2, size };
    }
    const address = Math.ceil(this.end / ALIGN) * ALIGN;
    const need = address + size - this.memory.buffer.byteLength;
    if (need > 0) this.grow(need);
    this.end = address + size;
    return { bytes: bytes2, address, size };
  }
  free(memory) {
    const { address, size } = memory;
    const at = this.free_.findIndex((f) => f.address > address);
    this.free_.splice(at < 0 ? this.free_.length : at, 0, { address, size });
    for (let i = this.free_.length - 1; i > 0; i--) {
      const [a, b] = [this.free_[i - 1], this.free_[i]];
      if (a && b && a.address + a.size === b.address) {
        a.size += b.size;
        this.free_.splice(i, 1);
      }
    }
    const last = this.free_.at(-1);
    if (last && last.address + last.size === this.end) {
      this.end = last.address;
      this.free_.pop();
    }
  }
  write(memory, offset, data) {
    this.bytes.set(data, memory.address + offset);
  }
  fill(range4, value) {
    const at = addressOf(range4);
    this.bytes.fill(value, at, at + range4.bytes);
  }
  copy(from, fromOffset, to, toOffset, bytes2) {
    const at = from.address + fromOffset;
    this.bytes.copyWithin(to.address + toOffset, at, at + bytes2);
  }
  read(range4) {
    const at = addressOf(range4);
    return this.bytes.subarray(at, at + range4.bytes);
  }
  prepare({ kernel, bindings, scalars, grid, work }) {
    const args = [...bindings.map(addressOf), ...scalars];
    const full = this.kernels[kernel]?.scratch ? [...args, this.scratch] : args;
    const split2 = this.workers.length > 0 && work >= SPLIT_WORK && grid[0] > 1 && args.length <= MAX_ARGUMENTS;
    return { kernel, args, full, grid: grid[0], split: split2 };
  }
  launch(launch) {
    const { kernel, args, full, grid, split: split2 } = launch;
    const words = this.words;
    if (grid <= 0) return;
    if (!split2 || !words) {
      try {
        this.functions[kernel]?.(...full, 0, grid);
      } catch (cause) {
        throw this.failed(kernel, cause);
      }
      return;
    }
    const chunks = Math.min(grid, this.threads * CHUNKS_PER_THREAD);
    words[control.KERNEL] = kernel;
    words[control.GRID] = grid;
    words[control.CHUNKS] = chunks;
    words[control.COUNT] = args.length;
    words[control.SCRATCH] = full.length - args.length;
    words.set(args, control.ARGS);
    Atomics.store(words, control.DONE, 0);
    Atomics.store(words, control.LEFT, chunks);
    Atomics.add(words, control.WAKE, 1);
    Atomics.notify(words, control.WAKE);
    takeChunks(words, this.functions, this.scratch);
    for (let spins = 0; ; spins++) {
      const done = Atomics.load(words, control.DONE);
      if (done === chunks) break;
      if (spins > 2e3 && this.mayWait) Atomics.wait(words, control.DONE, done, 100);
    }
    if (Atomics.exchange(words, control.FAILED, 0)) throw this.failed(kernel, void 0);
  }
  failed(kernel, cause) {
    return new InfcError("INFC6019", `kernel '${this.names[kernel]}' failed${cause ? `: ${String(cause)}` : ""}`, {
      fix: "Report this with the model",
      ...cause ? { cause } : {}
    });
  }
  finish() {
  }
  async destroy() {
    const workers = this.workers;
    this.workers = [];
    await Promise.all(workers.map((w) => w.terminate()));
  }
};
var addressOf = ({ memory, offset }) => memory.address + offset;
function shareMemory(bytes2, shared) {
  let at = 8;
  const leb = () => {
    let value = 0;
    for (let shift2 = 0; at < bytes2.length; shift2 += 7) {
      const b = bytes2[at++] ?? 0;
      value += (b & 127) * 2 ** shift2;
      if (b < 128) break;
    }
    return value;
  };
  while (at < bytes2.length) {
    const section = at;
    const id = bytes2[at++];
    const size = leb();
    const content = at;
    const end = at + size;
    if (id === 2 && leb() === 1) {
      for (let i = 0; i < 2; i++) {
        const length = leb();
        at += length;
      }
      if (bytes2[at++] !== 2) return bytes2;
      const names2 = bytes2.subarray(content, at++);
      const entry = [...names2, shared ? 3 : 1, ...lebOf(leb()), ...lebOf(MAX_PAGES)];
      const head = bytes2.subarray(0, section);
      const tail = bytes2.subarray(end);
      const changed = [2, ...lebOf(entry.length), ...entry];
      const out = new Uint8Array(head.length + changed.length + tail.length);
      out.set(head);
      out.set(changed, head.length);
      out.set(tail, head.length + changed.length);
      return out;
    }
    at = end;
  }
  return bytes2;
}
var lebOf = (n) => n < 128 ? [n] : [n & 127 | 128, ...lebOf(n >>> 7)];

// runtime/load.ts
init_errors();

// runtime/session.ts
init_dtype();
init_errors();
var Session = class {
  constructor(plan, device, weights, hostOps, symbols, control2) {
    this.plan = plan;
    this.device = device;
    this.hostOps = hostOps;
    this.control = control2;
    const values = new Map(Object.entries(symbols));
    this.fixed = plan.buffers.map((b, i) => {
      if (b.role !== "weight" && b.role !== "state") return void 0;
      const bytes2 = b.bytes === void 0 ? byteLength(b.dtype, sizeOf2(b.shape, values)) : evaluateDim(b.bytes, values);
      if (b.role === "state") {
        if (Number.isNaN(bytes2))
          throw new InfcError("INFC6007", `state '${b.name ?? i}' has a dimension without a value`, {
            fix: "Give it in the symbols option of load"
          });
        const state = { memory: device.allocate(bytes2), offset: 0, bytes: bytes2 };
        this.states.push(state);
        return state;
      }
      const range4 = weights.get(b.tensor ?? "");
      if (range4?.bytes !== bytes2)
        throw new InfcError(
          "INFC6013",
          `weight '${b.tensor}' has ${range4?.bytes ?? "no"} bytes, the plan says ${bytes2}`,
          {
            fix: "Keep the plan together with its own weights file"
          }
        );
      return range4;
    });
    this.reset();
  }
  plan;
  device;
  hostOps;
  control;
  executors = /* @__PURE__ */ new Map();
  states = [];
  fixed;
  turn = Promise.resolve();
  disposed = false;
  async run(inputs, options = {}) {
    const name2 = options.entry ?? Object.keys(this.plan.entries)[0] ?? "";
    const entry = Object.hasOwn(this.plan.entries, name2) ? this.plan.entries[name2] : void 0;
    if (!entry)
      throw new InfcError("INFC6014", `there is no entry point '${name2}'`, {
        fix: `This model has ${Object.keys(this.plan.entries).join(", ")}`
      });
    const names2 = entry.outputs.map((o) => o.name);
    const unknown2 = options.outputs?.find((o) => !names2.includes(o));
    if (unknown2 !== void 0)
      throw new InfcError("INFC6005", `there is no output '${unknown2}'`, {
        fix: `This model gives ${names2.join(", ")}`
      });
    const { tensors, values } = bindInputs(this.plan, entry, inputs);
    const mine = this.turn.then(() => {
      if (this.disposed) throw new InfcError("INFC6017", "the model has been disposed", { fix: "Load it again" });
      if (options.signal?.aborted) throw aborted(options.signal);
      let executor = this.executors.get(name2);
      if (!executor) {
        executor = new Executor(this.plan, entry, this.device, this.fixed, this.hostOps, this.control);
        this.executors.set(name2, executor);
      }
      const wanted = options.outputs && new Set(options.outputs);
      return executor.run(tensors, values, { signal: options.signal, onStep: options.onStep }, wanted);
    });
    this.turn = mine.catch(() => void 0);
    return await mine;
  }
  reset() {
    for (const s of this.states) this.device.fill(s, 0);
  }
  async dispose() {
    if (this.disposed) return;
    this.disposed = true;
    await this.turn;
    for (const e of this.executors.values()) e.destroy();
    await this.device.destroy();
  }
  [Symbol.asyncDispose]() {
    return this.dispose();
  }
};

// runtime/weights.ts
init_errors();
var bad2 = (file, reason) => new InfcError("INFC6013", `weights file is damaged: ${reason}`, { file, fix: "Compile the model again" });
function readWeightsHeader(file, head, total) {
  if (total < 8) throw bad2(file, `it has ${total} bytes`);
  if (head.length < 8) return 8;
  const view = new DataView(head.buffer, head.byteOffset, 8);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  const start = 8 + length;
  if (start > total) throw bad2(file, `its header says ${length} bytes`);
  if (head.length < start) return start;
  let header;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(head.slice(8, start)));
  } catch {
    throw bad2(file, "its header is not JSON");
  }
  const ranges = /* @__PURE__ */ new Map();
  for (const [name2, entry] of Object.entries(header ?? {})) {
    if (name2 === "__metadata__") continue;
    const range4 = entry?.data_offsets;
    const [from, to] = [range4?.[0], range4?.[1]];
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to)) throw bad2(file, `tensor '${name2}' has no range`);
    const [a, b] = [from, to];
    if (a < 0 || b < a || start + b > total) throw bad2(file, `tensor '${name2}' lies outside of it`);
    ranges.set(name2, { offset: start + a, bytes: b - a });
  }
  return ranges;
}
async function uploadWeights(device, { file, bytes: bytes2 }, source, progress, signal) {
  const memory = device.allocate(bytes2);
  try {
    let ranges = 8;
    let head = new Uint8Array(0);
    let at = 0;
    for await (const { chunk } of readChunks(source, signal)) {
      if (at + chunk.length > bytes2) throw bad2(file, `it is longer than the plan's ${bytes2} bytes`);
      if (typeof ranges === "number") {
        const joined = new Uint8Array(head.length + chunk.length);
        joined.set(head);
        joined.set(chunk, head.length);
        head = joined;
        ranges = readWeightsHeader(file, head, bytes2);
      }
      device.write(memory, at, chunk);
      at += chunk.length;
      progress(chunk.length);
    }
    if (at !== bytes2 || typeof ranges === "number") throw bad2(file, `it has ${at} bytes, the plan says ${bytes2}`);
    return { memory, ranges: new Map([...ranges].map(([name2, r]) => [name2, { memory, ...r }])) };
  } catch (error) {
    device.free(memory);
    throw error;
  }
}

// runtime/load.ts
function parsePlan(json) {
  const plan = json;
  const major = plan && typeof plan === "object" ? plan.infc : void 0;
  if (typeof major !== "number")
    throw new InfcError("INFC6002", "this is not an infc plan", { fix: "Load the plan.json that infc wrote" });
  if (major !== PLAN_MAJOR)
    throw new InfcError("INFC6001", `the plan has format version ${major}, this runtime plays version ${PLAN_MAJOR}`, {
      fix: major > PLAN_MAJOR ? "Update infc" : "Compile the model again"
    });
  const { buffers, kernels, weights, entries, symbols, target } = plan;
  const lists = [buffers, kernels, weights].every(Array.isArray);
  if (!lists || !entries || !symbols || !target)
    throw new InfcError("INFC6002", "the plan is incomplete", { fix: "Compile the model again" });
  for (const b of buffers)
    if (b.of !== void 0 && !(b.of >= 0 && b.of < buffers.indexOf(b)))
      throw new InfcError("INFC6002", "an alias of the plan does not point back", { fix: "Compile the model again" });
  return plan;
}
function createLoad({ devices, control: control2, host: host2 = () => void 0 }) {
  return async function load2(from, options = {}) {
    const { signal } = options;
    let device;
    try {
      signal?.throwIfAborted();
      const artifact = typeof from === "string" || from instanceof URL ? { plan: planUrl(from) } : from;
      const source = artifact.plan;
      const isFile = source instanceof URL || source instanceof Uint8Array;
      const plan = parsePlan(isFile ? parseJson(await readAll(source, signal)) : source);
      const locate = (name2) => {
        const listed = artifact.files && Object.hasOwn(artifact.files, name2) ? artifact.files[name2] : void 0;
        if (listed) return listed;
        if (source instanceof URL) return new URL(name2, source);
        throw new InfcError("INFC6012", `the file '${name2}' was not given`, { file: name2, fix: "Pass it in files" });
      };
      const given2 = new Map(Object.entries({ ...artifact.hostOps, ...options.hostOps }));
      const hostOps = /* @__PURE__ */ new Map();
      for (const name2 of plan.host) {
        const op = given2.get(name2) ?? await host2(name2);
        if (!op)
          throw new InfcError("INFC6015", `host function '${name2}' is not loaded`, {
            fix: "Pass it in the hostOps option"
          });
        hostOps.set(name2, op);
      }
      const chosen = options.device ?? devices[plan.target.kind];
      if (!chosen)
        throw new InfcError("INFC6020", `no device here plays '${plan.target.kind}' plans`, {
          fix: `Known: ${Object.keys(devices).join(", ")}. Pass the device option`
        });
      device = typeof chosen === "function" ? await chosen(options) : chosen;
      const totalBytes = plan.weights.reduce((n, w) => n + w.bytes, 0);
      const arena = Math.max(0, ...Object.values(plan.entries).map((e) => e.arena ?? 0));
      device.reserve?.(totalBytes + arena + (plan.weights.length + 4) * 256);
      const ranges = /* @__PURE__ */ new Map();
      let bytes2 = 0;
      for (const w of plan.weights) {
        const progress = (n) => options.onProgress?.({ phase: "weights", bytes: bytes2 += n, totalBytes });
        const uploaded = await uploadWeights(device, w, locate(w.file), progress, signal);
        for (const [name2, range4] of uploaded.ranges) ranges.set(name2, range4);
      }
      await device.load({
        kernels: plan.kernels,
        variants: plan.variants ?? [],
        read: (file) => readAll(locate(file), signal)
      });
      signal?.throwIfAborted();
      options.onProgress?.({ phase: "kernels", bytes: totalBytes, totalBytes });
      return new Session(plan, device, ranges, hostOps, options.symbols ?? {}, control2);
    } catch (error) {
      await device?.destroy();
      if (signal?.aborted) throw new InfcError("INFC6010", "loading was aborted", { cause: signal.reason });
      throw error;
    }
  };
}
function planUrl(place2) {
  const url = toUrl(place2);
  if (url.pathname.endsWith(".json")) return url;
  return new URL(url.pathname.endsWith("/") ? "plan.json" : `${url.pathname.split("/").pop() ?? ""}/plan.json`, url);
}
function parseJson(bytes2) {
  try {
    return JSON.parse(new TextDecoder().decode(bytes2));
  } catch {
    throw new InfcError("INFC6002", "the plan is not JSON", { fix: "Load the plan.json that infc wrote" });
  }
}

// runtime/index.ts
var load = createLoad({
  devices: {
    wasm: WasmDevice.create,
    wgsl: async (options) => (await Promise.resolve().then(() => (init_webgpu(), webgpu_exports))).WebGpuDevice.create(options)
  },
  control: playControl,
  host: async (name2) => (await Promise.resolve().then(() => (init_host(), host_exports))).hostFunctions(name2)
});

// ../../../tmp/mb/mb.ts
import * as fs from "node:fs";
var R = "/work/shared/models/";
var MODELS = {
  "ppocr-rec": { file: "ppocr-v4-rec/ch_PP-OCRv4_rec_infer.onnx", dims: {} },
  "ppocr-cls": { file: "ppocr-cls/ch_ppocr_mobile_v2.0_cls_infer.onnx" },
  "silero": { file: "silero-vad-v6/silero_vad_v6.onnx" },
  "silero16": { file: "silero-vad-v6/silero_vad_16k_op15.onnx" },
  "silerohalf": { file: "silero-vad-v6/silero_vad_half.onnx" },
  "yolox": { file: "yolox-nano/yolox_nano.onnx" },
  "gtcrn": { file: "gtcrn/gtcrn_simple.onnx" },
  "capp-gpt": { file: "capp-gpt/model.onnx" },
  "magika": { file: "magika/magika_standard_v3_3.onnx" },
  "crepe": { file: "crepe-tiny/crepe_tiny.onnx" },
  "squeezenet": { file: "squeezenet-fp16/SqueezeNet_fp16.onnx" },
  "motor8": { file: "motor-fault-int8/motor_quantized.onnx" },
  "motorx": { file: "motor-fault-extdata/" + fs.readdirSync(R + "motor-fault-extdata").find((f) => f.endsWith(".onnx")) },
  "superres": { file: "superres/espcn_x3.onnx" },
  "cct": { file: "deeploy-cct_2_32_32_128_opset20/network.onnx" },
  "mnist": { file: "mnist-cntk/" + fs.readdirSync(R + "mnist-cntk").find((f) => f.endsWith(".onnx")) },
  "blazeface": { file: "blazeface/" + fs.readdirSync(R + "blazeface").find((f) => f.endsWith(".onnx")) },
  "ultraface": { file: "ultraface/" + fs.readdirSync(R + "ultraface").find((f) => f.endsWith(".onnx")) },
  "mlsd": { file: "mlsd-tiny/" + fs.readdirSync(R + "mlsd-tiny").find((f) => f.endsWith(".onnx")) },
  "cifar": { file: "cifar-cnn/" + fs.readdirSync(R + "cifar-cnn").find((f) => f.endsWith(".onnx")) },
  "dnsmos": { file: "dnsmos/" + fs.readdirSync(R + "dnsmos").find((f) => f.endsWith(".onnx")) }
};
var TA = { float32: Float32Array, float64: Float64Array, int64: BigInt64Array, int32: Int32Array, uint8: Uint8Array, int8: Int8Array, bool: Uint8Array, float16: Uint16Array };
var IT = { f32: "float32", f64: "float64", i64: "int64", i32: "int32", u8: "uint8", i8: "int8", bool: "bool", f16: "float16" };
function f2h(v) {
  const x2 = new Uint32Array(new Float32Array([v]).buffer)[0];
  const s = x2 >>> 16 & 32768;
  let e = (x2 >>> 23 & 255) - 112, m = x2 & 8388607;
  if (e <= 0) return s;
  if (e >= 31) return s | 31744;
  return (s | e << 10 | m >> 13) + (m >> 12 & 1);
}
var SHAPES = {
  "ppocr-rec": { x: [1, 3, 48, 320] },
  "ppocr-cls": { x: [1, 3, 48, 192] },
  "capp-gpt": { input_ids: [1, 16], attention_mask: [1, 16], position_ids: [1, 16], ...Object.fromEntries([0, 1, 2, 3].flatMap((i) => [[`past_key_values.${i}.key`, [1, 4, 0, 16]], [`past_key_values.${i}.value`, [1, 4, 0, 16]]])) },
  "silero": { input: [1, 576], state: [2, 1, 128], sr: [] },
  "silero16": { input: [1, 576], state: [2, 1, 128], sr: [] },
  "silerohalf": { input: [1, 576], state: [2, 1, 128], sr: [] },
  "superres": {},
  "crepe": {}
};
async function main() {
  const [name2, mode = "cmp", secs = "1"] = process.argv.slice(2);
  const m = MODELS[name2];
  const ort = await import("onnxruntime-web");
  const O = ort.default?.InferenceSession ? ort.default : ort;
  O.env.wasm.numThreads = 1;
  O.env.logLevel = "error";
  const so = { executionProviders: ["wasm"], logSeverityLevel: 3 };
  const dir = R + m.file.split("/")[0];
  const ext = fs.readdirSync(dir).filter((f) => !f.endsWith(".onnx") && /data|weight/.test(f));
  if (ext.length) so.externalData = ext.map((f) => ({ path: f, data: new Uint8Array(fs.readFileSync(dir + "/" + f)) }));
  const s = await O.InferenceSession.create(new Uint8Array(fs.readFileSync(R + m.file)), so);
  const feeds = {}, mine = {};
  let idx = 0;
  for (const meta of s.inputMetadata) {
    const given2 = SHAPES[name2]?.[meta.name];
    const shape = given2 ?? meta.shape.map((d, i) => typeof d === "number" && d > 0 ? d : m.dims?.[d] ?? (i === 0 ? 1 : name2 === "superres" ? 224 : 64));
    const n = shape.reduce((a2, b) => a2 * b, 1);
    const C = TA[meta.type];
    const a = new C(n);
    let seed = idx++ * 77 + 5;
    for (let i = 0; i < n; i++) {
      seed = Math.imul(seed, 1664525) + 1013904223 >>> 0;
      const u = seed / 4294967296;
      const isF = /float/.test(meta.type);
      let v = /mask/.test(meta.name) ? 1 : /position/.test(meta.name) ? i : meta.name === "sr" ? 16e3 : isF ? u * 2 - 1 : meta.type === "bool" ? u > 0.5 ? 1 : 0 : Math.floor(u * 50);
      a[i] = C === BigInt64Array ? BigInt(v) : meta.type === "float16" ? f2h(v) : v;
    }
    feeds[meta.name] = new O.Tensor(meta.type, a, shape);
    mine[meta.name] = { dtype: Object.keys(IT).find((k) => IT[k] === meta.type), shape, data: a };
  }
  const t0 = performance.now();
  const c = await compile(R + m.file, {});
  const tc = performance.now() - t0;
  const t = c.targets[0];
  const files = {};
  for (const f of await t.files()) files[f.name] = f.content instanceof Uint8Array ? f.content : typeof f.content === "string" ? new TextEncoder().encode(f.content) : f.content;
  if (mode === "files") {
    console.log(Object.entries(files).map(([k, v]) => k + " " + (v?.byteLength ?? typeof v)));
  }
  const model = await load({ plan: t.plan, files }, { threads: 1 });
  const out = await model.run(mine);
  const ref = await s.run(feeds);
  let worst = 0;
  for (const k of Object.keys(ref)) {
    const a = ref[k].data, b = out[k]?.data;
    if (!b || b.length !== a.length) {
      console.log("SHAPE", k, ref[k].dims, out[k]?.shape);
      continue;
    }
    let mx = 1e-9, d = 0;
    for (let i = 0; i < a.length; i++) {
      const x2 = Number(a[i]), y = Number(b[i]);
      if (ref[k].type === "float16") {
        continue;
      }
      mx = Math.max(mx, Math.abs(x2));
      const e = Math.abs(x2 - y);
      if (!(e <= d)) d = e;
    }
    worst = Math.max(worst, d / mx);
  }
  const med = (x2) => x2.sort((a, b) => a - b)[x2.length >> 1];
  async function time(f) {
    for (let e = performance.now() + +secs * 700; performance.now() < e; ) await f();
    const ts = [];
    for (let e = performance.now() + +secs * 1e3; performance.now() < e || ts.length < 5; ) {
      const a = performance.now();
      await f();
      ts.push(performance.now() - a);
    }
    return med(ts);
  }
  const ti = await time(() => model.run(mine)), to = await time(() => s.run(feeds));
  const ti2 = await time(() => model.run(mine));
  const t1 = Math.min(ti, ti2);
  console.log(`${name2.padEnd(11)} infc ${t1.toFixed(3)} ms  ort-web ${to.toFixed(3)} ms  speed ${(to / t1).toFixed(2)}x  err ${worst.toExponential(1)}  compile ${tc.toFixed(0)} ms kernels ${c.report.kernels} steps-host ${t.plan.host.length}`);
  if (mode === "prof") {
    const acc = /* @__PURE__ */ new Map();
    for (let i = 0; i < 20; i++) await model.run(mine, { onStep: (x2) => {
      const q = acc.get(x2.name) ?? { ms: 0, n: 0 };
      q.ms += x2.ms;
      q.n++;
      acc.set(x2.name, q);
    } });
    const tot = [...acc.values()].reduce((a, b) => a + b.ms, 0) / 20;
    console.log("sum of steps", tot.toFixed(3), "steps", [...acc.values()].reduce((a, b) => a + b.n, 0) / 20);
    const notes = new Map(t.plan.kernels.map((k) => [k.name, k]));
    const show = [...acc].sort((a, b) => b[1].ms - a[1].ms).slice(0, +(process.argv[5] ?? 18));
    for (const [k, v] of show) {
      const q = notes.get(k);
      console.log((v.ms / 20).toFixed(3), (100 * v.ms / 20 / tot).toFixed(1) + "%", "x" + v.n / 20, k, q?.note?.template, JSON.stringify(q?.note?.flops)?.slice(0, 60), q?.note?.sources?.slice(0, 4).join(",").slice(0, 110));
    }
  }
  await model.dispose();
  process.exit(0);
}
main().catch((e) => {
  console.log(process.argv[2], "FAILED", e.message?.slice(0, 400));
  if (process.env.STACK) console.log(e.stack);
  process.exit(1);
});
export {
  MODELS
};
