import { createCompiler } from '../../compiler/compile.ts';
import type { HostTensor } from '../../runtime/host.ts';
import { player } from '../conformance/onnx-targets.ts';
import { attribute, encodeModel, i64, info, type Node, node } from '../import/build-onnx.ts';

const [I64, F32] = [7, 1];
const data: HostTensor = { dtype: 'f32', shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) };

/** A model that reads `data` [3, 2] at indices; `inside` and `outside` are contents for its input `at`. */
export interface IndexCase {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly shape: readonly number[];
  readonly rank: number;
  readonly inside: readonly number[];
  readonly outside: readonly number[];
  readonly says: string;
}

const step = encodedBody();

/** Picks row `at` + iteration each time. */
function encodedBody() {
  return {
    name: 'body',
    node: [
      node('Add', ['i', 'at'], ['here']),
      node('Gather', ['data', 'here'], ['row']),
      node('Identity', ['go'], ['on']),
    ],
    input: [info('i', [], I64), info('go', [], 9)],
    output: [info('on', [], 9), info('row', [1, 2], F32)],
  };
}

export const indexCases: readonly IndexCase[] = [
  {
    name: 'Gather',
    nodes: [node('Gather', ['data', 'at'], ['y'])],
    shape: [2],
    rank: 2,
    inside: [-3, 2],
    outside: [0, 3],
    says: 'index 3 at position 1 of [2] is outside a dimension of 3',
  },
  {
    name: 'Gather by what a kernel computes',
    nodes: [node('Mul', ['at', 'two'], ['twice']), node('Gather', ['data', 'twice'], ['y'])],
    shape: [1],
    rank: 2,
    inside: [1],
    outside: [-2],
    says: 'index -4 at position 0 of [1] is outside a dimension of 3',
  },
  {
    name: 'GatherElements',
    nodes: [node('GatherElements', ['data', 'at'], ['y'])],
    shape: [1, 2],
    rank: 2,
    inside: [2, -1],
    outside: [0, 5],
    says: 'index 5 at position 1 of [1, 2] is outside a dimension of 3',
  },
  {
    name: 'GatherND',
    nodes: [node('GatherND', ['data', 'at'], ['y'])],
    shape: [1, 2],
    rank: 1,
    inside: [2, 1],
    outside: [2, 2],
    says: 'index 2 at position 1 of [1, 2] is outside a dimension of 2',
  },
  {
    name: 'Gather in a loop',
    nodes: [node('Loop', ['two', 'yes'], ['y'], [attribute.graph('body', step)])],
    shape: [1],
    rank: 3,
    inside: [1],
    outside: [2],
    says: 'index 3 at position 0 of [1] is outside a dimension of 3',
  },
];

/** What a case's model says to indices inside and outside on a target: its numbers, and the error. */
export async function playIndexCase(c: IndexCase, target: string): Promise<{ numbers: number[]; error: string }> {
  const bytes = encodeModel({
    name: 'g',
    node: [...c.nodes],
    input: [info('data', [3, 2], F32), info('at', [...c.shape], I64)],
    output: [info('y', new Array(c.rank).fill(null), F32)],
    initializer: [i64('two', [], [2]), { name: 'yes', dims: [], dataType: 9, rawData: Uint8Array.of(1) }],
  });
  const backend = target === 'cuda-cpu' ? 'cuda' : target.replace('interpreted ', '');
  const model = await player(await createCompiler().compile(bytes, { targets: [backend] }), target);
  const at = (values: readonly number[]): HostTensor => ({
    dtype: 'i64',
    shape: c.shape,
    data: BigInt64Array.from(values, BigInt),
  });
  try {
    const { y } = await model.run({ data, at: at(c.inside) });
    const numbers = y && 'data' in y ? Array.from(y.data as ArrayLike<number>, Number) : [];
    const error = await model.run({ data, at: at(c.outside) }).then(
      () => 'no error',
      (e: unknown) => String(e),
    );
    // The model goes on afterwards.
    const again = (await model.run({ data, at: at(c.inside) })).y;
    if (JSON.stringify(again) !== JSON.stringify(y)) throw new Error('another result after an error');
    return { numbers, error };
  } finally {
    await model.dispose();
  }
}
