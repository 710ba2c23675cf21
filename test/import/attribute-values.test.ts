import { describe, expect, it } from 'vitest';
import { createCompiler } from '../../compiler/compile.ts';
import { attribute as A, type Attribute, encodeModel, f32, i64, info, node } from './build-onnx.ts';

const compiler = createCompiler();
const image = [1, 2, 8, 8];

const domains: Readonly<Record<string, string>> = { Scaler: 'ai.onnx.ml', FastGelu: 'com.microsoft' };

/** A node of one operator over `x`, its further inputs constants named by what they are. */
function importing(op: string, shape: readonly number[], inputs: readonly string[], attributes: readonly Attribute[]) {
  const graph = {
    name: 'g',
    node: [node(op, [...inputs], ['y'], [...attributes], { name: 'here', domain: domains[op] ?? '' })],
    input: [info('x', [...shape])],
    output: [
      info(
        'y',
        shape.map(() => null),
      ),
    ],
    initializer: [
      f32('twice', [4], [1, 1, 2, 2]),
      f32('w', [4, 2, 3, 3], new Array(72).fill(1)),
      i64('least', [1], [-1]),
    ],
  };
  const opsetImport = [
    { domain: '', version: 17 },
    ...Object.values(domains).map((domain) => ({ domain, version: 1 })),
  ];
  return compiler.import(encodeModel(graph, { opsetImport }));
}

const refused: readonly (readonly [string, Parameters<typeof importing>, RegExp])[] = [
  [
    'a mode, with the closest',
    ['Resize', image, ['x', '', 'twice'], [A.string('mode', 'linaer')]],
    /mode 'linaer' is not supported.*closest is linear/,
  ],
  [
    'a coordinate transformation',
    ['Resize', image, ['x', '', 'twice'], [A.string('coordinate_transformation_mode', 'middle')]],
    /'middle' is not supported.*half_pixel, /,
  ],
  ['an auto_pad', ['Conv', image, ['x', 'w'], [A.string('auto_pad', 'SAME')]], /auto_pad 'SAME'.*SAME_UPPER/],
  ['a stride of 0', ['Conv', image, ['x', 'w'], [A.ints('strides', [0, 1])]], /strides has a 0/],
  ['a group of 0', ['Conv', image, ['x', 'w'], [A.int('group', 0)]], /group has a 0/],
  ['a kernel of 0', ['MaxPool', image, ['x'], [A.ints('kernel_shape', [2, 0])]], /kernel_shape has a 0/],
  [
    'pads that leave nothing',
    ['MaxPool', image, ['x'], [A.ints('kernel_shape', [2, 2]), A.ints('pads', [-9, -9, 0, 0])]],
    /max_pool: its result would be f32.1, 2, -2, -2./,
  ],
  [
    'a label of no operand',
    ['Einsum', [2, 3], ['x'], [A.string('equation', 'ij->ik')]],
    /output label 'k' of 'ij->ik'/,
  ],
  ['a negative k', ['TopK', [2, 3], ['x', 'least'], []], /k is -1/],
  [
    'an approximation',
    ['Gelu', [2, 3], ['x'], [A.string('approximate', 'Tanh')]],
    /approximate 'Tanh'.*closest is tanh/,
  ],
  ['a block order', ['DepthToSpace', [1, 4, 2, 2], ['x'], [A.int('blocksize', 2), A.string('mode', 'RCD')]], /'RCD'/],
];

describe('attribute values that no operator defines', () => {
  it.each(refused)('%s', async (_, [op, shape, inputs, attributes], says) => {
    const error = await importing(op, shape, inputs, attributes).then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(error).toMatchObject({ name: 'InfcError', place: { node: 'here' } });
    expect(String(error)).toMatch(says);
  });
});

describe('what the standard does not let a node have', () => {
  const two = [1, 2];
  it.each([
    [
      'an attribute of no operator',
      ['Relu', two, ['x'], [A.float('alpha', 2)]],
      /INFC1055.*Relu has no attribute 'alpha'.*It has no attributes/,
    ],
    [
      'an attribute with a slip',
      ['Concat', two, ['x', 'x'], [A.int('axes', 1)]],
      /INFC1055.*'axes'.*closest it has is axis/,
    ],
    [
      'an attribute that became an input',
      ['Squeeze', two, ['x'], [A.ints('axes', [0])]],
      /INFC1055.*'axes' since opset 13/,
    ],
    [
      'an attribute of ai.onnx.ml',
      ['Scaler', two, ['x'], [A.floats('scales', [2])]],
      /INFC1055.*closest it has is scale/,
    ],
    [
      'one input too many',
      ['Relu', two, ['x', 'w'], []],
      /INFC1056.*Relu takes 1 inputs? at most, and 'w' is number 2/,
    ],
    ['an input too many after empty ones', ['Clip', two, ['x', '', '', 'w'], []], /INFC1056.*number 4/],
  ] as const)('%s', async (_, [op, shape, inputs, attributes], says) => {
    await expect(importing(op, shape, inputs, attributes)).rejects.toThrow(says);
  });

  it('leaves empty inputs, other attributes and operators of others alone', async () => {
    await importing('Clip', two, ['x', '', '', ''], []);
    await importing('Concat', two, ['x', 'x', 'x'], [A.int('axis', 1)]);
    await importing('FastGelu', two, ['x'], [A.int('unheard_of', 1)]);
  });
});

describe('files that are no models', () => {
  it.each([
    ['<!doctype html><html>404</html>', /a web page.*Download the file itself/],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n', /of Git LFS.*Download the file itself/],
    ['{"model_type": "llama"}', /JSON/],
  ])('%s', async (text, says) => {
    await expect(compiler.import(new TextEncoder().encode(text))).rejects.toThrow(says);
  });
});
