import { attribute } from '../../import/build-onnx.ts';
import { broadcast, like, pack, type Step, step, type Val } from './builder.ts';
import { convolutions, pools } from './convolutions.ts';
import { losses, norms } from './norms.ts';
import { WORKING } from './shapes.ts';
import { recurrent, sampling, signals } from './signals.ts';

const { int, float, string } = attribute;

const matrices: readonly Step[] = [
  step('MatMul', (b) => {
    const x = b.operand({ dtypes: ['f32', 'f64', 'f16', 'i32', 'i64', 'u32', 'u64'], rank: [1, 4], limit: 100 });
    const k = x.shape[x.shape.length - 1] ?? 1;
    const batch = x.shape.length > 2 && b.chance(50) ? x.shape.slice(0, -2).map((d) => (b.chance(30) ? 1 : d)) : [];
    const vector = b.chance(15);
    // onnxruntime leaves an empty product of integers as it found it.
    if (k === 0) b.model.apart = true;
    const n = b.draw(1, 5);
    const y = b.operand({ dtypes: [x.dtype], shape: vector ? [k] : [...batch, k, n], limit: 100 });
    const outer = broadcast(x.shape.slice(0, -2), y.shape.slice(0, -2)) ?? [];
    const shape = [...outer, ...x.shape.slice(0, -1).slice(-1), ...(vector ? [] : [n])];
    b.add('MatMul', [x, y], [like(x, { shape, limit: x.limit * y.limit * Math.max(1, k) })]);
  }),
  step('Gemm', (b) => {
    const x = b.operand({ dtypes: WORKING, rank: [2, 2], limit: 100 });
    const [transA, transB, n] = [b.draw(0, 1), b.draw(0, 1), b.draw(1, 5)];
    const [m = 1, k = 1] = transA ? [...x.shape].reverse() : x.shape;
    const inputs: Val[] = [x, b.operand({ dtypes: [x.dtype], shape: transB ? [n, k] : [k, n], limit: 100 })];
    if (b.chance(60))
      inputs.push(b.operand({ dtypes: [x.dtype], shape: b.pick([[n], [1, n], [m, 1], [m, n], []]), limit: 100 }));
    // onnxruntime does not scale the bias of an empty product.
    if (k === 0) b.model.apart = true;
    b.add(
      'Gemm',
      inputs,
      [like(x, { shape: [m, n], limit: x.limit * 400 })],
      [int('transA', transA), int('transB', transB), float('alpha', 0.5), float('beta', b.pick([1, 0.5]))],
    );
  }),
  step(
    'Einsum',
    (b) => {
      const [i, j, k] = [b.draw(1, 4), b.draw(1, 4), b.draw(1, 4)];
      const dtype = b.pick(['f32', 'f64', 'i32', 'i64'] as const);
      const cases: readonly (readonly [string, readonly (readonly number[])[], readonly number[]])[] = [
        [
          'ij,jk->ik',
          [
            [i, j],
            [j, k],
          ],
          [i, k],
        ],
        [
          'ij,kj->ik',
          [
            [i, j],
            [k, j],
          ],
          [i, k],
        ],
        [
          'bij,bjk->bik',
          [
            [2, i, j],
            [2, j, k],
          ],
          [2, i, k],
        ],
        ['ij->ji', [[i, j]], [j, i]],
        ['ij->', [[i, j]], []],
        ['i,i', [[i], [i]], []],
        ['ii->i', [[i, i]], [i]],
        [
          '...ij,...jk->...ik',
          [
            [2, i, j],
            [2, j, k],
          ],
          [2, i, k],
        ],
        [
          'bhqd,bhkd->bhqk',
          [
            [1, 2, i, j],
            [1, 2, k, j],
          ],
          [1, 2, i, k],
        ],
      ];
      const [equation, shapes, shape] = b.pick(cases);
      const inputs = shapes.map((s) => b.operand({ dtypes: [dtype], shape: s, limit: 100 }));
      b.add('Einsum', inputs, [{ dtype, shape, exact: false, limit: 1e6 }], [string('equation', equation)]);
    },
    { since: 12 },
  ),
  step(
    'Det',
    (b) => {
      const n = b.draw(1, 3);
      const x = b.operand({ dtypes: ['f32', 'f64'], shape: [...(b.chance(50) ? [2] : []), n, n], limit: 20 });
      b.add('Det', [x], [like(x, { shape: x.shape.slice(0, -2), limit: 1e4 })]);
    },
    { since: 11 },
  ),
];

const attention: readonly Step[] = [
  step(
    'Attention',
    (b) => {
      const [n, kv, group, q, s, d] = [
        b.draw(1, 2),
        b.draw(1, 2),
        b.draw(1, 2),
        b.draw(1, 3),
        b.draw(1, 4),
        2 * b.draw(1, 2),
      ];
      const query = b.operand({ dtypes: ['f32', 'f16'], shape: [n, kv * group, q, d], limit: 8 });
      const [key, value] = [
        b.operand({ dtypes: [query.dtype], shape: [n, kv, s, d], limit: 8 }),
        b.operand({ dtypes: [query.dtype], shape: [n, kv, s, d], limit: 8 }),
      ];
      const mask = b.chance(40) ? [b.source(query.dtype, [q, s])] : [];
      b.add(
        'Attention',
        [query, key, value, ...mask],
        [like(query)],
        [int('is_causal', mask.length === 0 && q <= s ? b.draw(0, 1) : 0)],
      );
    },
    { since: 23 },
  ),
  step(
    'RotaryEmbedding',
    (b) => {
      const [n, h, s, d] = [b.draw(1, 2), b.draw(1, 2), b.draw(1, 3), 4];
      const x = b.operand({ dtypes: ['f32', 'f16'], shape: [n, h, s, d], limit: 100 });
      const table = (): Val => b.source(x.dtype, [6, 2], [-1, 1]);
      const at = b.given(
        pack(
          'i64',
          [n, s],
          Array.from({ length: n * s }, () => b.draw(0, 5)),
        ),
        b.chance(50),
      );
      b.add(
        'RotaryEmbedding',
        [x, table(), table(), at],
        [like(x, { limit: x.limit * 2 })],
        [int('interleaved', b.draw(0, 1))],
      );
    },
    { since: 23 },
  ),
];

export const layers: readonly Step[] = [
  ...matrices,
  ...convolutions,
  ...pools,
  ...norms,
  ...sampling,
  ...recurrent,
  ...signals,
  ...losses,
  ...attention,
];
