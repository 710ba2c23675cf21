import { InfcError } from '../../runtime/errors.ts';
import type { CompileOptions } from '../compile.ts';
import type { InfluenceOptions } from '../compress/layer-influence.ts';
import type { Args } from './args.ts';
import { type QuantizingContext, samplesFor } from './quantizing.ts';
import { table } from './table.ts';

type Dropped = Pick<CompileOptions, 'dropLayers' | 'dropHeads'>;

/**
 * What `--drop-layers 3,7` and `--drop-heads 3:0,7:1` name; `auto:N` takes those that matter least on the data of `--calibrate`, heads of
 * the layers that are left.
 */
export async function whatToDrop(args: Args, context: QuantizingContext): Promise<Dropped> {
  const layers = await layersToDrop(args, context);
  const options = { ...context.options, ...layers };
  return { ...layers, ...(await headsToDrop(args, { ...context, options })) };
}

const AUTO = /^auto:([1-9]\d*)$/;

async function layersToDrop(args: Args, context: QuantizingContext): Promise<Dropped> {
  const given = args.value('drop-layers');
  if (given === undefined) return {};
  if (/^\d+(,\d+)*$/.test(given)) return { dropLayers: given.split(',').map(Number) };
  const count = AUTO.exec(given)?.[1];
  if (count === undefined)
    throw new InfcError('INFC8003', `--drop-layers '${given}' names no layers`, {
      fix: 'Write --drop-layers 3,7 (counted from 0), or --drop-layers auto:2 --calibrate FILE',
    });
  const { layerInfluence, leastInfluential } = await import('../compress/layer-influence.ts');
  const influence = await layerInfluence(context.model, await measuring(args, context, 'layers'));
  const dropLayers = leastInfluential(influence, Number(count));
  show(
    ['layer', 'influence'],
    influence.map((v, i) => [String(i), v.toFixed(4), dropLayers.includes(i) ? 'left out' : '']),
    context,
  );
  return { dropLayers };
}

async function headsToDrop(args: Args, context: QuantizingContext): Promise<Dropped> {
  const given = args.value('drop-heads');
  if (given === undefined) return {};
  if (/^\d+:\d+(,\d+:\d+)*$/.test(given))
    return {
      dropHeads: given.split(',').map((name) => {
        const [layer = 0, head = 0] = name.split(':').map(Number);
        return [layer, head];
      }),
    };
  const count = AUTO.exec(given)?.[1];
  if (count === undefined)
    throw new InfcError('INFC8003', `--drop-heads '${given}' names no heads`, {
      fix: 'Write --drop-heads 3:0,7:1 (LAYER:HEAD counted from 0), or --drop-heads auto:2 --calibrate FILE',
    });
  const { headInfluence, leastHeads } = await import('../compress/head-influence.ts');
  const influence = await headInfluence(context.model, await measuring(args, context, 'heads'));
  const dropHeads = leastHeads(influence, Number(count));
  const isDropped = (name: readonly number[]): boolean => dropHeads.some((d) => d.join() === name.join());
  show(
    ['head', 'share of its layer'],
    influence.map(({ name, share }) => [
      name.join(':'),
      `${(100 * share).toFixed(1)} %`,
      isDropped(name) ? 'left out' : '',
    ]),
    context,
  );
  return { dropHeads };
}

async function measuring(args: Args, context: QuantizingContext, what: string): Promise<InfluenceOptions> {
  const { samples } = await samplesFor(args.value('calibrate'), context);
  const { onProgress: _, targets: __, ...compile } = context.options;
  return {
    compile,
    plugins: context.plugins,
    samples,
    signal: context.io.signal,
    onProgress: (n) => context.io.progress(`measuring ${what}: ${n} runs`),
  };
}

function show([name = '', measure = '']: readonly string[], rows: string[][], { io }: QuantizingContext): void {
  io.progress('');
  if (io.json) return;
  const titles = [{ title: name, right: true }, { title: measure, right: true }, { title: '' }];
  io.out(`${table(titles, rows, io.style)}\n`);
}
