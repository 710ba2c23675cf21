import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { HostTensor, HostValue } from '../../runtime/host.ts';
import { load } from '../../runtime/index.ts';
import { exitCodes } from '../diagnostics.ts';
import { makeFolder } from '../plan/folders.ts';
import { numbersOf, typedData } from '../tensor-values.ts';
import { type Args, onlyPositional, wholeNumber } from './args.ts';
import { loadOptions } from './devices.ts';
import { parseDimValues, readInputs } from './inputs.ts';
import type { Io } from './io.ts';
import { encodeNpy } from './npy.ts';
import { concretePorts, entryOf } from './ports.ts';
import { openArtifact } from './record.ts';
import { formatMs, table } from './table.ts';

/** `infc run DIR`: loads, runs, prints the outputs' statistics or writes them. */
async function runArtifact(args: Args, io: Io): Promise<number> {
  const { dir, plan } = await openArtifact(onlyPositional(args, 'DIR'), io.cwd);
  const { name, entry } = entryOf(plan, args.value('entry'));
  const { ports, dims, symbols } = concretePorts(plan, entry, parseDimValues(args.list('dims')));
  const inputs = await readInputs(ports, args.list('input'), io.cwd);
  const started = performance.now();
  await using model = await load(dir, await loadOptions({ dir, plan }, args, io));
  const loadMs = performance.now() - started;
  const times: number[] = [];
  let outputs: Readonly<Record<string, HostValue>> = {};
  for (let i = wholeNumber(args, 'repeat', 1); i > 0; i--) {
    model.reset();
    const t = performance.now();
    outputs = await model.run(inputs, { entry: name, symbols, signal: io.signal });
    times.push(performance.now() - t);
  }
  const runMs = median(times);
  const written = await writeOutputs(outputs, args.value('output'), io.cwd);
  if (io.json) {
    io.out(
      JSON.stringify({
        ok: true,
        entry: name,
        device: model.device.kind,
        dims,
        loadMs,
        runMs,
        inputs: Object.fromEntries(Object.entries(inputs).map(([k, t]) => [k, { dtype: t.dtype, shape: t.shape }])),
        outputs: Object.fromEntries(Object.entries(outputs).map(([k, v]) => [k, plain(v)])),
        ...(written.length > 0 ? { written } : {}),
      }),
    );
    return exitCodes.ok;
  }
  const given = new Set(args.list('input').map((s) => s.slice(0, s.indexOf('='))));
  const columns = [
    { title: 'output' },
    { title: 'type' },
    { title: 'min', right: true },
    { title: 'max', right: true },
    { title: 'mean', right: true },
    { title: 'first values' },
  ];
  io.out(
    table(
      columns,
      Object.entries(outputs).flatMap(([k, v]) => outputRows(k, v)),
      io.style,
    ),
  );
  io.out('');
  const random = ports.filter((p) => !given.has(p.name));
  if (random.length > 0)
    io.out(io.style.dim(`inputs not given were random:1: ${random.map((p) => p.name).join(', ')}`));
  if (Object.keys(dims).length > 0)
    io.out(
      io.style.dim(
        `dims: ${Object.entries(dims)
          .map(([k, v]) => `${k}=${v}`)
          .join(', ')}`,
      ),
    );
  io.out(
    `${formatMs(runMs)} on ${model.device.kind}${times.length > 1 ? ` (median of ${times.length})` : ' (first run)'}, loaded in ${formatMs(loadMs)}`,
  );
  for (const file of written) io.out(`wrote ${file}`);
  return exitCodes.ok;
}

async function writeOutputs(
  outputs: Readonly<Record<string, HostValue>>,
  to: string | undefined,
  cwd: string,
): Promise<string[]> {
  if (to === undefined) return [];
  const dir = path.resolve(cwd, to);
  await makeFolder(dir);
  const written: string[] = [];
  for (const [name, value] of Object.entries(outputs)) {
    const file = path.join(dir, `${fileName(name)}.${isArray(value) ? 'npy' : 'json'}`);
    await writeFile(file, isArray(value) ? encodeNpy(value) : `${JSON.stringify(plain(value))}\n`);
    written.push(file);
  }
  return written;
}

/** A file name for a tensor's name, which may hold any character. */
export const fileName = (name: string): string => name.replaceAll(/[^\w.-]/g, '_');

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

const isArray = (v: HostValue): v is HostTensor => v !== null && 'data' in v && typedData(v) !== undefined;

/** An output as JSON: tensors with dtype and shape, sequences as lists, maps as objects. */
function plain(value: HostValue): unknown {
  if (value === null) return null;
  if (value instanceof Map) return Object.fromEntries(value);
  if ('data' in value) return { dtype: value.dtype, shape: value.shape, data: plainData(value) };
  return [...(value as readonly HostValue[])].map(plain);
}

/** Lines of the table of outputs: one a tensor, one an element of a sequence. */
function outputRows(name: string, value: HostValue): string[][] {
  if (value === null) return [[name, 'absent', '', '', '', '']];
  if (value instanceof Map)
    return [
      [
        name,
        'map',
        '',
        '',
        '',
        [...value]
          .slice(0, 4)
          .map(([k, v]) => `${k}: ${typeof v === 'number' ? short(v) : v}`)
          .join(', '),
      ],
    ];
  if ('data' in value) return [[name, `${value.dtype}[${value.shape.join(', ')}]`, ...statistics(value)]];
  return (value as readonly HostValue[]).flatMap((v, i) => outputRows(`${name}[${i}]`, v));
}

/** Values that JSON can hold: 64-bit integers beyond 2^53 and non-finite floats become strings. */
function plainData(tensor: HostTensor): readonly (number | string)[] {
  const data = typedData(tensor);
  if (!data) return tensor.data as readonly string[];
  if (data instanceof BigInt64Array || data instanceof BigUint64Array)
    return Array.from(data, (v) => (Number.isSafeInteger(Number(v)) ? Number(v) : String(v)));
  return Array.from(numbersOf(tensor), (v) => (Number.isFinite(v) ? v : String(v)));
}

const short = (v: number): string => String(Number(v.toPrecision(5)));

function statistics(tensor: HostTensor): string[] {
  if (!typedData(tensor)) return ['', '', '', (tensor.data as readonly string[]).slice(0, 4).join(' ')];
  const values = numbersOf(tensor);
  if (values.length === 0) return ['', '', '', '(empty)'];
  let [low, high, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const v of values) {
    low = Math.min(low, v);
    high = Math.max(high, v);
    sum += v;
  }
  return [
    short(low),
    short(high),
    short(sum / values.length),
    `${Array.from(values.subarray(0, 4), short).join(' ')}${values.length > 4 ? ' …' : ''}`,
  ];
}

export { runArtifact as run };
