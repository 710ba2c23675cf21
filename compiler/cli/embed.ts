import { InfcError } from '../../runtime/errors.ts';
import type { Pooling } from '../../runtime/generate/index.ts';
import { exitCodes } from '../diagnostics.ts';
import { type Args, onlyPositional } from './args.ts';
import type { Io } from './io.ts';
import { openEmbedder } from './language-model.ts';
import { table } from './table.ts';

const POOLINGS: readonly Pooling[] = ['mean', 'cls', 'last'];

/** `infc embed DIR --text TEXT`: vectors of texts, and how near they are to each other. */
async function runEmbed(args: Args, io: Io): Promise<number> {
  const texts = args.list('text');
  if (texts.length === 0) throw new InfcError('INFC8003', 'there is no text to embed', { fix: 'Give --text TEXT' });
  const given = args.value('pooling');
  const pooling = POOLINGS.find((p) => p === given);
  if (given !== undefined && pooling === undefined)
    throw new InfcError('INFC8003', `--pooling is '${given}'`, { fix: `Write --pooling ${POOLINGS.join(' or ')}` });
  await using model = await openEmbedder(onlyPositional(args, 'DIR'), args, io);
  const options = { pooling, normalize: !args.flag('raw'), signal: io.signal };
  const vectors: Float32Array[] = [];
  for (const text of texts) vectors.push(await model.embed(text, options));
  if (io.json) {
    io.out(
      JSON.stringify({ ok: true, embeddings: texts.map((text, i) => ({ text, vector: [...(vectors[i] ?? [])] })) }),
    );
    return exitCodes.ok;
  }
  const show = (v: number | undefined): string => (v ?? 0).toFixed(4);
  io.out(
    table(
      [
        { title: 'text', max: 40 },
        { title: `first of ${vectors[0]?.length ?? 0} values` },
        ...(texts.length > 1 ? [{ title: 'cosine to the first', right: true }] : []),
      ],
      texts.map((text, i) => {
        const v = vectors[i] ?? new Float32Array();
        const first = Array.from(v.subarray(0, 6), show).join(' ');
        return [text, first, ...(texts.length > 1 ? [show(cosine(v, vectors[0] ?? v))] : [])];
      }),
      io.style,
    ),
  );
  return exitCodes.ok;
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((x, i) => {
    const y = b[i] ?? 0;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  });
  return ab / Math.sqrt(aa * bb);
}

export { runEmbed as run };
