import { describe, expect, it } from 'vitest';
import { createCompiler } from '../../compiler/compile.ts';
import { attribute as A, type Attribute, encodeModel, f32, i64, info, node } from './build-onnx.ts';

const compiler = createCompiler();
const image = [1, 2, 8, 8];

/** A node of one operator over `x`, its further inputs constants named by what they are. */
function importing(op: string, shape: readonly number[], inputs: readonly string[], attributes: readonly Attribute[]) {
  const model = encodeModel({
    name: 'g',
    node: [node(op, [...inputs], ['y'], [...attributes], { name: 'here' })],
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
  });
  return compiler.import(model);
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

describe('files that are no models', () => {
  it.each([
    ['<!doctype html><html>404</html>', /a web page.*Download the file itself/],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n', /of Git LFS.*Download the file itself/],
    ['{"model_type": "llama"}', /JSON/],
  ])('%s', async (text, says) => {
    await expect(compiler.import(new TextEncoder().encode(text))).rejects.toThrow(says);
  });
});
