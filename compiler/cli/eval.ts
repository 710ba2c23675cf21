import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import { load } from '../../runtime/index.ts';
import type { Model } from '../../runtime/session.ts';
import { createCompiler } from '../compile.ts';
import { type Damage, damageOf, dropOf, measureDamage } from '../compress/damage.ts';
import { compareLayers, type LayerDamage } from '../compress/layers.ts';
import type { Samples } from '../compress/samples.ts';
import { exitCodes } from '../diagnostics.ts';
import { type Args, numberOption, onlyPositional } from './args.ts';
import { loadOptions } from './devices.ts';
import { evalPage } from './eval-page.ts';
import { parseDimValues } from './inputs.ts';
import type { Io } from './io.ts';
import { openLabels, type Task } from './labels.ts';
import { artifactFor } from './language-model.ts';
import { concretePorts, entryOf } from './ports.ts';
import { compilerOf, modelOf, openArtifact, recompile } from './record.ts';
import { randomText, readSamples } from './samples.ts';
import { formatBytes, formatError, formatMs, formatPercent, table } from './table.ts';

/** One side of a comparison. */
interface Side {
  readonly shown: string;
  readonly dir: string;
  readonly bytes: number;
  readonly model: Model;
  drop(): Promise<void>;
}

/** `infc eval A --against B`: how much worse A is than B on given data. Exit code 1 when it is worse than `--max-kl` or `--max-drop` allow. */
async function runEval(args: Args, io: Io): Promise<number> {
  const given = onlyPositional(args, 'DIR');
  const against = args.value('against');
  if (against === undefined)
    throw new InfcError('INFC8003', 'nothing to compare with', {
      fix: 'Write infc eval DIR --against DIR2 --text FILE',
    });
  const a = await open(given, args, io);
  const b = await open(against, args, io);
  try {
    const samples = await samplesOf(a, args, io);
    const total = samples.kind === 'tokens' ? samples.texts.length : samples.inputs.length;
    const started = performance.now();
    const labelled = await openLabels(samples, args, io.cwd);
    const damage = await measureDamage(b.model, a.model, samples, {
      signal: io.signal,
      ...(labelled ? { onOutputs: labelled.onOutputs } : {}),
      onProgress: (done) => io.progress(`measured ${done} of ${total}`),
    });
    io.progress('');
    const layers =
      args.flag('layers') || args.value('html') !== undefined ? await layersOf(a, b, samples, args, io) : [];
    const result = {
      model: given,
      against,
      bytes: [a.bytes, b.bytes] as const,
      samples: total,
      ms: performance.now() - started,
      damage,
      ...(labelled ? { task: labelled.finish() } : {}),
      layers,
    };
    const html = args.value('html');
    if (html !== undefined) await writeFile(path.resolve(io.cwd, html), evalPage(result));
    const limits = { kl: numberOption(args, 'max-kl'), drop: numberOption(args, 'max-drop') };
    const ok = damageOf(damage) <= (limits.kl ?? Number.POSITIVE_INFINITY) && dropOf(damage) <= (limits.drop ?? 1);
    if (io.json) io.out(JSON.stringify({ ok, ...result }, null, 2));
    else show(result, html, io);
    return ok ? exitCodes.ok : exitCodes.disagreement;
  } finally {
    for (const s of [a, b]) {
      await s.model.dispose();
      await s.drop();
    }
  }
}

/** An artifact, or a model that is compiled as it is for this run. */
async function open(shown: string, args: Args, io: Io): Promise<Side> {
  const { dir, plan, drop } = await artifactFor(shown, io);
  const model = await load(dir, await loadOptions({ dir, plan }, args, io));
  return { shown, dir, bytes: plan.weights.reduce((n, w) => n + w.bytes, 0), model, drop };
}

async function samplesOf({ dir, model }: Side, args: Args, io: Io): Promise<Samples> {
  const { plan } = model;
  const { generation } = plan;
  const source = args.value('text') ?? args.value('inputs') ?? args.value('tokens');
  if (source === undefined)
    throw new InfcError('INFC8003', 'no data to compare on', {
      fix: generation ? 'Give a text: --text FILE' : 'Give inputs: --inputs FOLDER of .npy files, or --inputs random:8',
    });
  if (generation && generation.kind !== 'encoder') {
    const encode = generation.tokenizer
      ? async (text: string): Promise<readonly number[]> => {
          const { readFile } = await import('node:fs/promises');
          const { openText } = await import('../../runtime/text/codec.ts');
          const file = async (name: string) => JSON.parse(await readFile(path.join(dir, name), 'utf8'));
          return openText(await file('tokenizer.json'), await file('tokenizer_config.json'), generation.eos).encode(
            text,
            true,
          );
        }
      : undefined;
    return readSamples(source, { generation, ...(encode ? { encode } : {}), ports: [], cwd: io.cwd });
  }
  const { entry } = entryOf(plan, undefined);
  const isRandom = source.startsWith('random:');
  const { ports, dims } = concretePorts(plan, entry, parseDimValues(args.list('dims')), isRandom);
  if (isRandom && Object.keys(dims).length > 0) io.err(`note: ${randomText(dims)}; --dims gives others`);
  return readSamples(source, { ports, cwd: io.cwd });
}

/** What each layer's output loses. Both sides are compiled again from their models, with their layers' outputs shown. */
async function layersOf(a: Side, b: Side, samples: Samples, args: Args, io: Io): Promise<readonly LayerDamage[]> {
  io.progress('comparing layer by layer');
  const compiled = async (side: Side, plugins: Parameters<typeof createCompiler>[0]) => {
    const artifact = await openArtifact(side.dir, io.cwd).catch(() => undefined);
    if (artifact?.record) {
      const model = await modelOf(artifact, undefined, io.cwd);
      const own = await compilerOf(artifact, args.list('plugin'), io.cwd);
      const compiler = createCompiler({ plugins: [...own.registry.plugins.slice(1), ...(plugins?.plugins ?? [])] });
      return recompile(compiler, artifact, model, io);
    }
    // A model that was compiled for this run.
    return createCompiler(plugins).compile(path.resolve(io.cwd, side.shown), {
      signal: io.signal,
    });
  };
  const layers = await compareLayers(
    (plugins) => compiled(a, { plugins }),
    (plugins) => compiled(b, { plugins }),
    samples,
    {
      signal: io.signal,
      onProgress: (done, total) => io.progress(`comparing layer by layer: ${done} of ${total} runs`),
    },
  );
  io.progress('');
  return layers;
}

interface Result {
  readonly model: string;
  readonly against: string;
  readonly bytes: readonly [number, number];
  readonly samples: number;
  readonly ms: number;
  readonly damage: Damage;
  readonly task?: Task;
  readonly layers: readonly LayerDamage[];
}

/** `1 text`, `12 samples`. */
const samplesText = ({ samples, damage }: Pick<Result, 'samples' | 'damage'>): string =>
  `${samples} ${damage.kind === 'tokens' ? 'text' : 'sample'}${samples === 1 ? '' : 's'}`;

/** The longest bar is the worst layer's. */
const bar = ({ relative }: LayerDamage, layers: readonly LayerDamage[]): string =>
  '\u2588'.repeat(Math.round((24 * relative) / (layers[0]?.relative || 1)));

/** Shares as they are, to four digits. */
const formatScore = (s: number): string => s.toFixed(4);

function show(r: Result, html: string | undefined, io: Io): void {
  const { style } = io;
  const [small, large] = r.bytes;
  io.out(
    `${style.bold(r.model)} (${formatBytes(small)} of weights) against ${style.bold(r.against)} (${formatBytes(large)}), ${samplesText(r)} in ${formatMs(r.ms)}`,
  );
  io.out('');
  if (r.damage.kind === 'tokens') {
    const { positions, kl, klMax, top1, perplexity, referencePerplexity } = r.damage;
    io.out(
      table(
        [{ title: 'measure' }, { title: 'value', right: true }, { title: '' }],
        [
          [
            'KL divergence',
            formatError(kl),
            `nats a token between their predictions, at most ${formatError(klMax)}; 0 is equal`,
          ],
          ['same likeliest token', formatPercent(top1), `of ${positions} places`],
          [
            'perplexity',
            perplexity.toFixed(3),
            `against ${referencePerplexity.toFixed(3)} (${perplexity >= referencePerplexity ? '+' : ''}${(perplexity - referencePerplexity).toFixed(3)}); lower predicts the text better`,
          ],
        ],
        style,
      ),
    );
  } else {
    io.out(
      table(
        [
          { title: 'output' },
          { title: 'cosine', right: true },
          { title: 'error', right: true },
          { title: 'largest', right: true },
          { title: 'mean', right: true },
          { title: 'same decision', right: true },
        ],
        Object.entries(r.damage.outputs).map(([name, o]) => [
          name,
          o.cosine.toFixed(6),
          formatPercent(o.relative),
          formatError(o.maxError),
          formatError(o.meanError),
          formatPercent(o.top1),
        ]),
        style,
      ),
    );
  }
  if (r.task) {
    const { output, scores, reference } = r.task;
    io.out('');
    io.out(
      table(
        [{ title: `against labels, ${output}` }, { title: r.model, right: true }, { title: r.against, right: true }],
        Object.entries(scores).map(([name, score]) => [
          name,
          formatScore(score),
          formatScore(reference[name] ?? Number.NaN),
        ]),
        style,
      ),
    );
  }
  if (r.layers.length > 0) {
    io.out('');
    const shown = r.layers.slice(0, 20);
    io.out(
      table(
        [
          { title: 'layer, worst first', max: 64 },
          { title: 'error', right: true },
          { title: 'cosine', right: true },
          { title: '' },
        ],
        shown.map((l) => [l.name, formatPercent(l.relative), l.cosine.toFixed(6), style.yellow(bar(l, r.layers))]),
        style,
      ),
    );
    io.out(style.dim('Error: of the output, relative to its size; a layer has those of the layers before it too.'));
    if (r.layers.length > shown.length)
      io.out(style.dim(`and ${r.layers.length - shown.length} more (--json has all)`));
  }
  if (r.layers.length === 0) io.out(style.dim('\nLayer by layer: --layers, or --html FILE with a plot'));
  if (html !== undefined) io.out(`\nwrote ${html}`);
}

export { runEval as run };
