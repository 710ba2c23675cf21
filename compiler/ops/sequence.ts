import { collectSyms, type Dim, upperBound } from '../ir/dim.ts';
import { formatType, type TensorType, tensor } from '../ir/graph.ts';
import { defineOp, type InferContext, type OpDef } from '../ir/op.ts';

/** The type of one element of a container. */
export function elementOf(t: TensorType): TensorType {
  const { container, ...rest } = t;
  return container === 'optional-sequence' ? { ...rest, container: 'sequence' } : rest;
}

/** A type that both belong to: dims that differ become data-dependent; unranked means "no elements yet" and fits any. */
function unify(a: TensorType, b: TensorType, c: InferContext): TensorType {
  if (a.dtype !== b.dtype) c.fail(`elements ${formatType(a)} and ${formatType(b)} differ in type`);
  if (a.unranked) return b;
  if (b.unranked) return a;
  if (a.shape.length !== b.shape.length) return { dtype: a.dtype, shape: [], format: 'dense', unranked: true };
  const shape = a.shape.map((d, axis) => {
    const e = b.shape[axis] ?? 0;
    return d === e ? d : c.dataDependent(`element_${axis}`, Math.max(upperBound(d), upperBound(e)));
  });
  return tensor(a.dtype, shape);
}

const given = (c: InferContext, i: number): TensorType => c.inputs[i] ?? c.fail(`input ${i} is missing`);

function sequence(c: InferContext, i: number): TensorType {
  const t = given(c, i);
  return t.container === 'sequence' ? t : c.fail(`input ${i} must be a sequence`);
}

const sequenceOf = (t: TensorType): TensorType => ({ ...t, container: 'sequence' });

/** One element; a dim that varies between elements is bound when it is taken out. */
function taken(t: TensorType, c: InferContext): TensorType {
  const e = elementOf(t);
  if (e.unranked)
    c.fail('the rank of the elements is not known', 'Export the model with a sequence whose elements share one rank');
  const varies = (d: Dim): boolean => [...collectSyms(d).keys()].some((name) => name.startsWith('element_'));
  return { ...e, shape: e.shape.map((d, axis) => (varies(d) ? c.dataDependent(`item_${axis}`, upperBound(d)) : d)) };
}

/** A host step; its runtime function has the op's name. */
const hostOp = (name: string, infer: OpDef['infer']): OpDef => defineOp({ name, infer, host: name, partwise: true });

/**
 * Sequences and optionals. Their values live on the host (see runtime/host): a sequence is an array of tensors, an optional is a value
 * or null.
 */
export const sequenceOps: readonly OpDef[] = [
  hostOp('sequence_construct', (c) => sequenceOf(c.inputs.map((_, i) => given(c, i)).reduce((a, b) => unify(a, b, c)))),
  /** Attribute `dtype`. */
  hostOp('sequence_empty', (c) => ({
    ...tensor((c.attrs.dtype ?? 'f32') as TensorType['dtype'], []),
    container: 'sequence',
    unranked: true,
  })),
  /** Inputs: sequence, position (negative counts from the end). */
  hostOp('sequence_at', (c) => taken(sequence(c, 0), c)),
  /** Inputs: sequence, tensor, position (absent: at the end). */
  hostOp('sequence_insert', (c) => sequenceOf(unify(elementOf(sequence(c, 0)), given(c, 1), c))),
  /** Inputs: sequence, position (absent: the last). */
  hostOp('sequence_erase', (c) => sequence(c, 0)),
  hostOp('sequence_length', (c) => {
    sequence(c, 0);
    return tensor('i64', []);
  }),
  /** Inputs: tensor, split (absent: pieces of 1; a scalar: pieces of that size; a list: their sizes). Attributes `axis`, `keepdims`. */
  hostOp('split_to_sequence', (c) => {
    const x = given(c, 0);
    const axis = Number(c.attrs.axis ?? 0);
    const drop = c.inputs[1] === null || c.inputs[1] === undefined ? c.attrs.keepdims === 0 : false;
    const split = c.known(1);
    const whole = x.shape[axis] ?? c.fail(`axis ${axis} is not one of the input`);
    const sizes = new Set<Dim>(split ?? []);
    const [size] = c.inputs[1] ? [...sizes] : [1];
    const divides = !c.inputs[1] || c.inputs[1].shape.length > 0;
    const piece =
      sizes.size <= 1 && size !== undefined && divides ? size : c.dataDependent(`element_${axis}`, upperBound(whole));
    const shape = x.shape.flatMap((d, i) => (i !== axis ? [d] : drop ? [] : [piece]));
    return sequenceOf(tensor(x.dtype, shape));
  }),
  /** Attributes `axis`, `new_axis` (1: stack). */
  hostOp('concat_from_sequence', (c) => {
    const s = sequence(c, 0);
    if (s.unranked) c.fail('the rank of the elements is not known');
    const axis = Number(c.attrs.axis ?? 0);
    const total = c.dataDependent('total', 2147483647);
    const shape = taken(s, c).shape;
    return tensor(
      s.dtype,
      c.attrs.new_axis === 1
        ? [...shape.slice(0, axis), total, ...shape.slice(axis)]
        : shape.map((d, i) => (i === axis ? total : d)),
    );
  }),
  /** Of a value, or empty: then attribute `type` holds a value of that type's dtype. */
  hostOp('optional', (c) => {
    const t = given(c, 0);
    if (t.container && t.container !== 'sequence') c.fail('an optional of an optional');
    return { ...t, container: t.container === 'sequence' ? 'optional-sequence' : 'optional' };
  }),
  /** Attributes `dtype`, `sequence` (1 when the missing value would be a sequence). */
  hostOp('optional_empty', (c) => ({
    ...tensor((c.attrs.dtype ?? 'f32') as TensorType['dtype'], []),
    container: c.attrs.sequence === 1 ? 'optional-sequence' : 'optional',
    unranked: true,
  })),
  hostOp('optional_get_element', (c) => {
    const t = given(c, 0);
    if (t.container === 'optional-sequence') return elementOf(t);
    return t.container === 'optional' ? taken(t, c) : t;
  }),
  hostOp('optional_has_element', () => tensor('bool', [])),
  /** A container under another name. */
  hostOp('container_identity', (c) => given(c, 0)),
];
