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
  /** Only with INFC_SLOW=1 on WGSL: a software GPU needs half a minute or more to compile its kernels. */
  readonly slow?: true;
  /** Inputs with one value throughout. */
  readonly values?: Readonly<Record<string, number>>;
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
    slow: true,
  },
  { name: 'magika', file: 'magika/magika_standard_v3_3.onnx', integers: { bytes: 257 }, tolerance: 1e-3 },
  { name: 'squeezenet-fp16', file: 'squeezenet-fp16/SqueezeNet_fp16.onnx', tolerance: 2e-2, slow: true },
];

/** More models for a wider look (INFC_MODELS=name,...): slower ones, and those with states and integers. */
export const moreModelCases: readonly ModelCase[] = [
  { name: 'deeploy-autoencoder1d', file: 'deeploy-autoencoder1d/network.onnx', tolerance: 1e-3 },
  { name: 'dtln-1', file: 'dtln/dtln_1.onnx', tolerance: 1e-3 },
  { name: 'dtln-2', file: 'dtln/dtln_2.onnx', tolerance: 1e-3 },
  { name: 'gtcrn', file: 'gtcrn/gtcrn_simple.onnx', tolerance: 1e-3 },
  {
    name: 'silero-16k',
    file: 'silero-vad-v6/silero_vad_16k_op15.onnx',
    sizes: { input: [1, 576], state: [2, 1, 128] },
    values: { sr: 16000 },
    tolerance: 1e-3,
  },
  {
    name: 'silero-half',
    file: 'silero-vad-v6/silero_vad_half.onnx',
    sizes: { input: [1, 576], state: [2, 1, 128] },
    tolerance: 1e-3,
  },
  {
    name: 'silero-v6',
    file: 'silero-vad-v6/silero_vad_v6.onnx',
    sizes: { input: [1, 576], state: [2, 1, 128] },
    values: { sr: 16000 },
    tolerance: 1e-3,
  },
  { name: 'motor-fault-int8', file: 'motor-fault-int8/motor_quantized.onnx', tolerance: 5e-2 },
  {
    name: 'nnsplit-en',
    file: 'nnsplit-en/nnsplit_en.onnx',
    sizes: { '*': [1, 40] },
    integers: { input: 127 },
    tolerance: 1e-3,
  },
  { name: 'wakeword-alexa', file: 'openwakeword/alexa_v0.1.onnx', tolerance: 1e-3 },
  { name: 'wakeword-embedding', file: 'openwakeword/embedding_model.onnx', tolerance: 1e-3 },
  { name: 'wakeword-mel', file: 'openwakeword/melspectrogram.onnx', sizes: { '*': [1, 16000] }, tolerance: 1e-3 },
  {
    name: 'utau-mel',
    file: 'utau-mel/mel.onnx',
    sizes: { f0: [1, 20], sp_env: [1, 20, 1025], ap: [1, 20, 1025] },
    tolerance: 1e-3,
  },
  {
    name: 'capp-gpt',
    file: 'capp-gpt/model.onnx',
    sizes: { input_ids: [1, 6], attention_mask: [1, 6], position_ids: [1, 6], '*': [1, 4, 0, 16] },
    integers: { input_ids: 50 },
    tolerance: 1e-3,
  },
  { name: 'ultraface', file: 'ultraface/ultraface_rfb320.onnx', tolerance: 1e-3 },
  { name: 'blazeface', file: 'blazeface/face_detection_front_128x128_barracuda.onnx', tolerance: 1e-3 },
  { name: 'mlsd-tiny', file: 'mlsd-tiny/mlsd_320x320_tiny.onnx', tolerance: 1e-3 },
  {
    name: 'ppocr-v4-rec',
    file: 'ppocr-v4-rec/ch_PP-OCRv4_rec_infer.onnx',
    sizes: { '*': [1, 3, 48, 160] },
    tolerance: 1e-3,
  },
  { name: 'yolox-nano', file: 'yolox-nano/yolox_nano.onnx', tolerance: 1e-3 },
  { name: 'dnsmos', file: 'dnsmos/sig_bak_ovr.onnx', tolerance: 1e-3 },
];

export const findCase = (name: string): ModelCase => {
  const c = [...modelCases, ...moreModelCases].find((m) => m.name === name);
  if (!c) throw new Error(`no model '${name}'`);
  return c;
};
