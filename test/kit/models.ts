import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.ts';

const shared = process.env.INFC_SHARED ?? join(root, '../shared');
export const modelsFolder = join(shared, 'models');
export const hasModels = existsSync(modelsFolder);

/** A real model with sizes for its symbolic input dims (in order of appearance) and the relative error allowed against onnxruntime. */
export interface ModelCase {
  readonly name: string;
  readonly file: string;
  readonly sizes?: Readonly<Record<string, readonly number[]>>;
  /** Inputs that are not random floats in [0, 1). */
  readonly integers?: Readonly<Record<string, number>>;
  readonly tolerance: number;
}

export const modelCases: readonly ModelCase[] = [
  { name: 'iris-mlp', file: 'iris-mlp/iris_network.onnx', tolerance: 1e-3 },
  { name: 'mnist-cntk', file: 'mnist-cntk/mnist.onnx', tolerance: 1e-3 },
  { name: 'motor-fault-extdata', file: 'motor-fault-extdata/motor_fault_model.onnx', tolerance: 1e-3 },
  { name: 'cifar-cnn', file: 'cifar-cnn/ImageClassifier.onnx', tolerance: 1e-3 },
  { name: 'deeploy-cct', file: 'deeploy-cct_2_32_32_128_opset20/network.onnx', tolerance: 1e-3 },
  { name: 'superres', file: 'superres/espcn_x3.onnx', sizes: { '*': [1, 1, 24, 20] }, tolerance: 1e-3 },
  { name: 'crepe-tiny', file: 'crepe-tiny/crepe_tiny.onnx', tolerance: 1e-3 },
  {
    name: 'ppocr-cls',
    file: 'ppocr-cls/ch_ppocr_mobile_v2.0_cls_infer.onnx',
    sizes: { '*': [1, 3, 48, 192] },
    tolerance: 1e-3,
  },
  { name: 'magika', file: 'magika/magika_standard_v3_3.onnx', integers: { bytes: 257 }, tolerance: 1e-3 },
  { name: 'squeezenet-fp16', file: 'squeezenet-fp16/SqueezeNet_fp16.onnx', tolerance: 2e-2 },
];

export const findCase = (name: string): ModelCase => {
  const c = modelCases.find((m) => m.name === name);
  if (!c) throw new Error(`no model '${name}'`);
  return c;
};
