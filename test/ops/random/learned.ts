import type { Attribute, Tensor } from '../../import/build-onnx.ts';
import { attribute } from '../../import/build-onnx.ts';
import { type Builder, like, pack, type Step, step, type Val } from './builder.ts';

const { int, ints, float, floats, string, strings, tensor } = attribute;

const ML = 'ai.onnx.ml';
const WORDS = ['a', 'Bc', 'a b', '', 'x,y', 'Größe', '42'] as const;
const TRANSFORMS = ['NONE', 'LOGISTIC', 'SOFTMAX', 'SOFTMAX_ZERO'] as const;

/** Rows of features; halves, so that splits are met exactly now and then. */
const rows = (b: Builder, width: number): Val =>
  b.operand({ dtypes: ['f32'], shape: [b.draw(1, 4), width], exact: true, limit: 100 });

/** `count` quarters. */
const quarters = (b: Builder, count: number, range: readonly [number, number] = [-4, 4]): number[] =>
  b.numbers('f32', count, range);

/** onnxruntime transforms no single score (but by PROBIT, which it knows here and there only); the standard makes no difference. */
function transform(b: Builder, percent: number, single: boolean): readonly Attribute[] {
  if (!b.chance(percent)) return [];
  const kind = b.pick(TRANSFORMS);
  if (single && kind !== 'NONE') b.model.apart = true;
  return [string('post_transform', kind)];
}

const rowsOf = (x: Val): number => x.shape[0] ?? 1;
const one = (v: Omit<Val, 'name'>): readonly Omit<Val, 'name'>[] => [v];

/** Trees of versions 1 to 4 with leaves and inner nodes in random order. */
interface Forest {
  readonly attributes: readonly Attribute[];
  /** Tree and node of each leaf. */
  readonly leaves: readonly (readonly [number, number])[];
}

function forest(b: Builder, width: number): Forest {
  const nodes: { tree: number; id: number; feature: number; mode: string; value: number; yes: number; no: number }[] =
    [];
  const modes = ['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT', 'BRANCH_EQ', 'BRANCH_NEQ'];
  // onnxruntime has a path of its own for trees of one kind of comparison.
  const same = b.chance(50) ? b.pick(modes) : undefined;
  const trees = b.draw(1, 3);
  for (let tree = 0; tree < trees; tree++) {
    let count = 0;
    const grow = (depth: number): number => {
      const id = count++;
      if (depth === 0 || (depth < 3 && b.chance(30))) {
        nodes.push({ tree, id, feature: 0, mode: 'LEAF', value: 0, yes: 0, no: 0 });
        return id;
      }
      const [feature, mode] = [b.draw(0, width - 1), same ?? b.pick(modes)];
      const [value = 0] = quarters(b, 1, [-2, 2]);
      const yes = grow(depth - 1);
      nodes.push({ tree, id, feature, mode, value, yes, no: grow(depth - 1) });
      return id;
    };
    grow(b.draw(1, 3));
  }
  nodes.sort((p, q) => p.tree - q.tree || p.id - q.id);
  return {
    attributes: [
      ints(
        'nodes_treeids',
        nodes.map((n) => n.tree),
      ),
      ints(
        'nodes_nodeids',
        nodes.map((n) => n.id),
      ),
      ints(
        'nodes_featureids',
        nodes.map((n) => n.feature),
      ),
      strings(
        'nodes_modes',
        nodes.map((n) => n.mode),
      ),
      floats(
        'nodes_values',
        nodes.map((n) => n.value),
      ),
      ints(
        'nodes_truenodeids',
        nodes.map((n) => n.yes),
      ),
      ints(
        'nodes_falsenodeids',
        nodes.map((n) => n.no),
      ),
      ...(b.chance(30)
        ? [
            ints(
              'nodes_missing_value_tracks_true',
              nodes.map(() => b.draw(0, 1)),
            ),
          ]
        : []),
    ],
    leaves: nodes.flatMap((n) => (n.mode === 'LEAF' ? [[n.tree, n.id] as const] : [])),
  };
}

/** Weights of leaves; each serves one target, some of them several, or `all` of them. */
function weights(
  b: Builder,
  f: Forest,
  prefix: string,
  targets: number,
  range: readonly [number, number],
  all: boolean,
) {
  const served = f.leaves.flatMap(([tree, id]) => {
    if (all) return Array.from({ length: targets }, (_, target) => ({ tree, id, target }));
    const first = b.draw(0, targets - 1);
    const entries = [{ tree, id, target: first }];
    if (targets > 1 && b.chance(30)) entries.push({ tree, id, target: (first + 1) % targets });
    return entries;
  });
  return [
    ints(
      `${prefix}_treeids`,
      served.map((s) => s.tree),
    ),
    ints(
      `${prefix}_nodeids`,
      served.map((s) => s.id),
    ),
    ints(
      `${prefix}_ids`,
      served.map((s) => s.target),
    ),
    floats(`${prefix}_weights`, quarters(b, served.length, range)),
  ];
}

/** Labels of a classifier: words or numbers. */
function labels(b: Builder, count: number): { attribute: Attribute; dtype: 'string' | 'i64'; ints: string } {
  const words = b.chance(40);
  return words
    ? { attribute: strings('classlabels_strings', WORDS.slice(0, count)), dtype: 'string', ints: '' }
    : {
        attribute: ints(
          'classlabels_int64s',
          Array.from({ length: count }, (_, i) => 3 * i - 2),
        ),
        dtype: 'i64',
        ints: 'classlabels_ints',
      };
}

const classifierOutputs = (x: Val, dtype: 'string' | 'i64', classes: number) => [
  { dtype, shape: [rowsOf(x)], exact: true, limit: 20 },
  like(x, { shape: [rowsOf(x), classes], limit: 1e3 }),
];

/** A table from keys to values, with words or numbers on either side. */
function labelEncoder(b: Builder): void {
  const [from, to] = [b.pick(['i64', 'string', 'f32'] as const), b.pick(['i64', 'string', 'f32'] as const)];
  const count = b.draw(1, 4);
  const table = (side: 'keys' | 'values', dtype: typeof from): Attribute =>
    dtype === 'string'
      ? strings(`${side}_strings`, WORDS.slice(0, count))
      : dtype === 'i64'
        ? ints(
            `${side}_int64s`,
            Array.from({ length: count }, (_, i) => i * (side === 'keys' ? 1 : 5)),
          )
        : floats(
            `${side}_floats`,
            Array.from({ length: count }, (_, i) => i * (side === 'keys' ? 1 : 0.5)),
          );
  const fallback =
    to === 'string'
      ? string('default_string', 'none')
      : to === 'i64'
        ? int('default_int64', 9)
        : float('default_float', 9.5);
  const x = b.source(from, b.shape(1, 2), [0, 4]);
  b.add(
    'LabelEncoder',
    [x],
    [{ dtype: to, shape: x.shape, exact: true, limit: 20 }],
    [table('keys', from), table('values', to), ...(b.chance(60) ? [fallback] : [])],
    ML,
  );
}

/** Version 5 of trees: branches and leaves apart. */
function treesOfVersion5(b: Builder): void {
  const width = 3;
  const x = rows(b, width);
  const nodes: { feature: number; mode: number; split: number; yes: number; no: number; leaf: [number, number] }[] = [];
  const leaves: number[] = [];
  const targets = b.draw(1, 3);
  const grow = (depth: number): [number, number] => {
    if (depth === 0 || b.chance(25)) {
      leaves.push(b.draw(0, targets - 1));
      return [leaves.length - 1, 1];
    }
    const at = nodes.length;
    const [split = 0] = quarters(b, 1, [-2, 2]);
    const made = {
      feature: b.draw(0, width - 1),
      mode: b.draw(0, 5),
      split,
      yes: 0,
      no: 0,
      leaf: [0, 0] as [number, number],
    };
    nodes.push(made);
    [made.yes, made.leaf[0]] = grow(depth - 1);
    [made.no, made.leaf[1]] = grow(depth - 1);
    return [at, 0];
  };
  const kind = b.chance(60) ? 0 : b.draw(1, 3);
  // Here too onnxruntime transforms no single score, and no target that no leaf of the row serves.
  if (kind > 0) b.model.apart = true;
  const roots = Array.from({ length: b.draw(1, 2) }, () => {
    const [root, leaf] = grow(2);
    if (leaf === 0) return root;
    // A tree that is a leaf: both branches of one node lead to it.
    nodes.push({ feature: 0, mode: 0, split: 0, yes: root, no: root, leaf: [1, 1] });
    return nodes.length - 1;
  });
  const of = (name: string, values: readonly number[], dataType: number, dtype: 'f32' | 'u8'): Attribute => {
    const { data } = pack(dtype, [values.length], values);
    const bytes = data as Float32Array | Uint8Array;
    const t: Tensor = {
      dims: [values.length],
      dataType,
      rawData: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    };
    return tensor(name, t);
  };
  b.add(
    'TreeEnsemble',
    [x],
    one(like(x, { shape: [rowsOf(x), targets], limit: 100 })),
    [
      ints('tree_roots', roots),
      ints(
        'nodes_featureids',
        nodes.map((n) => n.feature),
      ),
      of(
        'nodes_modes',
        nodes.map((n) => n.mode),
        2,
        'u8',
      ),
      of(
        'nodes_splits',
        nodes.map((n) => n.split),
        1,
        'f32',
      ),
      ints(
        'nodes_truenodeids',
        nodes.map((n) => n.yes),
      ),
      ints(
        'nodes_falsenodeids',
        nodes.map((n) => n.no),
      ),
      ints(
        'nodes_trueleafs',
        nodes.map((n) => n.leaf[0]),
      ),
      ints(
        'nodes_falseleafs',
        nodes.map((n) => n.leaf[1]),
      ),
      ints('leaf_targetids', leaves),
      of('leaf_weights', quarters(b, leaves.length), 1, 'f32'),
      int('n_targets', targets),
      int('aggregate_function', b.draw(0, 3)),
      int('post_transform', kind),
    ],
    ML,
  );
}

/** Operators of ai.onnx.ml with random attributes. */
export const learned: readonly Step[] = [
  step('Scaler', (b) => {
    const x = b.operand({ dtypes: ['f32', 'f64', 'i32', 'i64'], shape: [b.draw(1, 3), 3], exact: true, limit: 100 });
    const each = (name: string): Attribute => floats(name, quarters(b, b.chance(70) ? 3 : 1));
    b.add('Scaler', [x], one(like(x, { dtype: 'f32', exact: false, limit: 420 })), [each('offset'), each('scale')], ML);
  }),
  step('Normalizer', (b) => {
    const x = b.operand({ dtypes: ['f32', 'f64', 'i32', 'i64'], shape: [b.draw(1, 3), 3], exact: true, limit: 100 });
    const norm = b.pick(['MAX', 'L1', 'L2']);
    b.add('Normalizer', [x], one(like(x, { dtype: 'f32', exact: false })), [string('norm', norm)], ML);
  }),
  step('Binarizer', (b) => {
    const x = rows(b, 3);
    b.add('Binarizer', [x], one(like(x, { exact: true, limit: 1 })), [float('threshold', b.draw(-2, 2) / 2)], ML);
  }),
  step('Imputer', (b) => {
    const whole = b.chance(30);
    const x = whole ? b.source('i64', [b.draw(1, 3), 3], [-2, 2]) : b.source('f32', [b.draw(1, 3), 3], [-1, 1]);
    const count = b.chance(60) ? 3 : 1;
    b.add(
      'Imputer',
      [x],
      one(like(x, { exact: true })),
      whole
        ? [ints('imputed_value_int64s', b.numbers('i64', count)), int('replaced_value_int64', b.draw(-1, 1))]
        : [floats('imputed_value_floats', quarters(b, count)), float('replaced_value_float', b.draw(-2, 2) / 2)],
      ML,
    );
  }),
  step('LabelEncoder', labelEncoder),
  step('CategoryMapper', (b) => {
    const toNumbers = b.chance(50);
    const x = toNumbers ? b.source('string', b.shape(1, 2)) : b.source('i64', b.shape(1, 2), [0, 4]);
    b.add(
      'CategoryMapper',
      [x],
      one({ dtype: toNumbers ? 'i64' : 'string', shape: x.shape, exact: true, limit: 20 }),
      [
        strings('cats_strings', ['a', 'Bc', '']),
        ints('cats_int64s', [2, 0, 1]),
        ...(b.chance(50) ? [int('default_int64', 7), string('default_string', 'none')] : []),
      ],
      ML,
    );
  }),
  step('OneHotEncoder', (b) => {
    const words = b.chance(40);
    const x = words
      ? b.source('string', b.shape(1, 2))
      : b.source(b.pick(['i64', 'i32', 'f32', 'f64']), b.shape(1, 2), [0, 4]);
    const count = b.draw(1, 4);
    b.add(
      'OneHotEncoder',
      [x],
      one({ dtype: 'f32', shape: [...x.shape, count], exact: true, limit: 1 }),
      [
        words
          ? strings('cats_strings', WORDS.slice(0, count))
          : ints(
              'cats_int64s',
              Array.from({ length: count }, (_, i) => count - i),
            ),
        int('zeros', 1),
      ],
      ML,
    );
  }),
  step('ArrayFeatureExtractor', (b) => {
    const x = b.operand({
      dtypes: ['f32', 'f64', 'i32', 'i64', 'string'],
      rank: [1, 3],
      test: (v) => v.shape.every((d) => d > 0),
      fresh: () => [b.draw(1, 3), 3],
    });
    const last = x.shape[x.shape.length - 1] ?? 1;
    const count = b.draw(1, 3);
    const picked = Array.from({ length: count }, () => b.draw(0, last - 1));
    const shape = x.shape.length === 1 ? [1, count] : [...x.shape.slice(0, -1), count];
    b.add('ArrayFeatureExtractor', [x, b.ints(picked, false, 30)], one(like(x, { shape, exact: x.exact })), [], ML);
  }),
  step('FeatureVectorizer', (b) => {
    const n = b.draw(1, 3);
    const dtype = b.pick(['f32', 'f64', 'i32', 'i64'] as const);
    const parts = Array.from({ length: b.draw(1, 3) }, () =>
      b.operand({ dtypes: [dtype], shape: [n, b.draw(1, 3)], limit: 100 }),
    );
    const widths = parts.map((p) => p.shape[1] ?? 1);
    b.add(
      'FeatureVectorizer',
      parts,
      one({ dtype: 'f32', shape: [n, widths.reduce((p, w) => p + w, 0)], exact: false, limit: 100 }),
      [ints('inputdimensions', widths)],
      ML,
    );
  }),
  step('LinearRegressor', (b) => {
    const [width, targets] = [b.draw(1, 3), b.draw(1, 3)];
    const x = b.operand({ dtypes: ['f32'], shape: [b.draw(1, 3), width], exact: true, limit: 8 });
    b.add(
      'LinearRegressor',
      [x],
      one(like(x, { shape: [rowsOf(x), targets], limit: 100 })),
      [
        floats('coefficients', quarters(b, width * targets)),
        ...(b.chance(70) ? [floats('intercepts', quarters(b, targets))] : []),
        int('targets', targets),
        ...transform(b, 40, targets === 1),
      ],
      ML,
    );
  }),
  step('LinearClassifier', (b) => {
    const [width, classes] = [b.draw(1, 3), b.draw(2, 4)];
    // Two classes may have one row of coefficients.
    const scores = classes === 2 && b.chance(50) ? 1 : classes;
    const x = b.operand({ dtypes: ['f32'], shape: [b.draw(1, 3), width], exact: true, limit: 8 });
    const named = labels(b, classes);
    b.add(
      'LinearClassifier',
      [x],
      classifierOutputs(x, named.dtype, classes),
      [
        floats('coefficients', quarters(b, width * scores)),
        floats('intercepts', quarters(b, scores)),
        named.dtype === 'string' ? named.attribute : { ...named.attribute, name: 'classlabels_ints' },
        int('multi_class', b.draw(0, 1)),
        ...transform(b, 60, false),
      ],
      ML,
    );
  }),
  step('TreeEnsembleRegressor', (b) => {
    const x = b.operand({ dtypes: ['f32', 'f64', 'i32', 'i64'], shape: [b.draw(1, 4), 3], exact: true, limit: 100 });
    const f = forest(b, 3);
    const targets = b.draw(1, 3);
    const [based, all] = [b.chance(40), b.chance(50)];
    // onnxruntime forgets the base value of targets that no leaf of a row serves.
    if (based && targets > 1 && !all) b.model.apart = true;
    b.add(
      'TreeEnsembleRegressor',
      [x],
      one(like(x, { dtype: 'f32', shape: [rowsOf(x), targets], exact: false, limit: 100 })),
      [
        ...f.attributes,
        ...weights(b, f, 'target', targets, [-4, 4], all),
        int('n_targets', targets),
        ...(b.chance(50) ? [string('aggregate_function', b.pick(['SUM', 'AVERAGE', 'MIN', 'MAX']))] : []),
        ...(based ? [floats('base_values', quarters(b, targets))] : []),
        ...transform(b, 40, targets === 1),
      ],
      ML,
    );
  }),
  step('TreeEnsembleClassifier', (b) => {
    const x = b.operand({ dtypes: ['f32', 'f64', 'i32', 'i64'], shape: [b.draw(1, 4), 3], exact: true, limit: 100 });
    const f = forest(b, 3);
    const classes = b.draw(2, 4);
    const named = labels(b, classes);
    const served = classes === 2 && b.chance(70) ? 1 : classes;
    const [based, all] = [b.chance(30), b.chance(70)];
    // Of classes that no leaf of a row serves, onnxruntime forgets the base value and does not count them as candidates; of two classes it
    // asks only whether the second one's score is above 0.
    if (served > 1 && (!all || classes === 2)) b.model.apart = true;
    const [label, scores] = classifierOutputs(x, named.dtype, classes);
    if (!label || !scores) return;
    b.add(
      'TreeEnsembleClassifier',
      [x],
      [label, { ...scores, dtype: 'f32', exact: false }],
      [
        ...f.attributes,
        ...weights(b, f, 'class', served, b.chance(50) ? [0, 2] : [-2, 2], all),
        named.attribute,
        ...(based ? [floats('base_values', quarters(b, served))] : []),
        ...transform(b, 60, false),
      ],
      ML,
    );
  }),
  step('TreeEnsemble', treesOfVersion5),
];
