import { Graph, type TensorType, tensor, type Value } from '../../ir/graph.ts';
import { GraphBuilder } from '../../ir/graph-builder.ts';
import { elementOf } from '../../ops/sequence.ts';
import { type OnnxNode, type OnnxOp, onnxOp } from '../onnx-op.ts';
import { elementType } from '../onnx-type.ts';

/** The elements of a sequence that is built in the same graph: taking one out then needs no sequence at run time. */
function elementsOf(v: Value): readonly Value[] | undefined {
  if (v.producer?.op !== 'sequence_construct') return undefined;
  return v.producer.inputs.filter((x) => x !== null);
}

/** A position, from the front; undefined when only the run knows it. */
function position(node: OnnxNode, input: number, length: number): number | undefined {
  const at = node.constantInts(input)?.[0];
  if (at === undefined) return undefined;
  if (at < -length || at >= length) node.fail(`position ${at} is outside a sequence of ${length}`);
  return at < 0 ? at + length : at;
}

const buildAt: OnnxOp['build'] = (node, b) => {
  const elements = elementsOf(node.input(0));
  const at = elements && position(node, 1, elements.length);
  const known = elements?.[at ?? -1];
  return [known ?? b.node('sequence_at', [node.input(0), node.input(1)])];
};

const buildInsert: OnnxOp['build'] = (node, b) => {
  const elements = elementsOf(node.input(0));
  if (elements) {
    const last = elements.length;
    const at = node.inputs[2] ? node.constantInts(2)?.[0] : last;
    if (at !== undefined) {
      if (at < -last || at > last) node.fail(`position ${at} is outside a sequence of ${last}`);
      const front = at < 0 ? at + last : at;
      return [b.node('sequence_construct', [...elements.slice(0, front), node.input(1), ...elements.slice(front)])];
    }
  }
  return [b.node('sequence_insert', [node.input(0), node.input(1), node.inputs[2] ?? null])];
};

const buildErase: OnnxOp['build'] = (node, b) => {
  const elements = elementsOf(node.input(0));
  if (elements && elements.length > 1) {
    const at = node.inputs[1] ? position(node, 1, elements.length) : elements.length - 1;
    if (at !== undefined)
      return [
        b.node(
          'sequence_construct',
          elements.filter((_, i) => i !== at),
        ),
      ];
  }
  return [b.node('sequence_erase', [node.input(0), node.inputs[1] ?? null])];
};

const buildLength: OnnxOp['build'] = (node, b) => {
  const elements = elementsOf(node.input(0));
  return [elements ? b.constant('i64', [], [elements.length]) : b.node('sequence_length', [node.input(0)])];
};

const axisOf = (node: OnnxNode, rank: number, name = 'axis', fallback?: number): number => {
  const axis = node.int(name, fallback);
  if (axis < -rank || axis >= rank) node.fail(`there is no axis ${axis} in ${rank} dimensions`);
  return axis < 0 ? axis + rank : axis;
};

const buildSplit: OnnxOp['build'] = (node, b) => {
  const x = node.input(0);
  const axis = axisOf(node, x.type.shape.length, 'axis', 0);
  const split = node.inputs[1] ?? null;
  return [b.node('split_to_sequence', [x, split], { axis, keepdims: node.int('keepdims', 1) })];
};

const buildConcat: OnnxOp['build'] = (node, b) => {
  const s = node.input(0);
  const stack = node.int('new_axis', 0);
  const axis = axisOf(node, s.type.shape.length + stack);
  const elements = elementsOf(s);
  if (elements) {
    const parts = stack
      ? elements.map((v) =>
          b.node('reshape', [v], { shape: [...v.type.shape.slice(0, axis), 1, ...v.type.shape.slice(axis)] }),
        )
      : elements;
    return [b.node('concat', parts, { axis })];
  }
  return [b.node('concat_from_sequence', [s], { axis, new_axis: stack })];
};

/** SequenceMap: a loop over positions whose body takes the elements out, runs the given body and appends its results. */
const buildMap: OnnxOp['build'] = (node, b) => {
  const first = node.input(0);
  const extra = node.inputs.slice(1).map((_, i) => node.input(i + 1));
  const body = new Graph(`${node.name}.map`);
  const at = body.input('position', tensor('i64', []));
  const goOn = body.input('condition', tensor('bool', []));
  goOn.known = [1];
  const elementTypes = [first, ...extra].map((v) => (v.type.container === 'sequence' ? elementOf(v.type) : v.type));
  const shapes = node.subgraph('body', elementTypes).outputs.map((v) => v.type);
  const into = new GraphBuilder(body, b.ops, b.source);
  const collected = shapes.map((t, i) => body.input(`out_${i}`, { ...t, container: 'sequence' as const }));
  const arguments_ = [first, ...extra].map((v) =>
    v.type.container === 'sequence' ? into.node('sequence_at', [v, at]) : v,
  );
  const results = node.inline('body', arguments_, into);
  body.outputs = [
    into.node('identity', [goOn]),
    ...results.map((r, i) => into.node('sequence_insert', [collected[i] ?? null, r, null])),
  ];
  const length = b.node('sequence_length', [first]);
  const initial = shapes.map((t) => b.node('sequence_empty', [], { dtype: t.dtype }));
  return b.nodes('loop', [length, null, ...initial], { body, carried: initial.length }, node.outputs);
};

const buildOptional: OnnxOp['build'] = (node, b) => {
  if (node.inputs[0]) return [b.node('optional', [node.inputs[0]])];
  const type: TensorType | undefined = node.type('type');
  if (!type) return node.fail('an empty optional needs its type attribute');
  return [b.node('optional_empty', [], { dtype: type.dtype, sequence: type.container === 'sequence' ? 1 : 0 })];
};

const buildGet: OnnxOp['build'] = (node, b) => {
  const v = node.input(0);
  if (v.producer?.op === 'optional' && v.producer.inputs[0]) return [v.producer.inputs[0]];
  const isOptional = v.type.container === 'optional' || v.type.container === 'optional-sequence';
  return [isOptional ? b.node('optional_get_element', [v]) : v];
};

const buildHas: OnnxOp['build'] = (node, b) => {
  const v = node.inputs[0];
  const isOptional = v?.type.container === 'optional' || v?.type.container === 'optional-sequence';
  const known = !v
    ? 0
    : v.producer?.op === 'optional_empty'
      ? 0
      : v.producer?.op === 'optional' || !isOptional
        ? 1
        : undefined;
  return [known === undefined && v ? b.node('optional_has_element', [v]) : b.constant('bool', [], [known ?? 0])];
};

/** Sequences and optionals. */
export const sequenceOnnxOps: readonly OnnxOp[] = [
  onnxOp('SequenceConstruct', (node, b) => [
    b.node(
      'sequence_construct',
      node.inputs.map((_, i) => node.input(i)),
    ),
  ]),
  onnxOp('SequenceEmpty', (node, b) => [
    b.node('sequence_empty', [], { dtype: elementType(node.int('dtype', 1), node.name) }),
  ]),
  onnxOp('SequenceAt', buildAt),
  onnxOp('SequenceInsert', buildInsert),
  onnxOp('SequenceErase', buildErase),
  onnxOp('SequenceLength', buildLength),
  onnxOp('SequenceMap', buildMap),
  onnxOp('SplitToSequence', buildSplit),
  onnxOp('ConcatFromSequence', buildConcat),
  onnxOp('Optional', buildOptional),
  onnxOp('OptionalGetElement', buildGet),
  onnxOp('OptionalHasElement', buildHas),
];
