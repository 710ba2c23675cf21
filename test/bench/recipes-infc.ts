import { createCompiler } from '../../compiler/compile.ts';
import { chooseRecipe } from '../../compiler/compress/auto.ts';
import { loadCompiled } from '../../compiler/compress/calibrate.ts';
import { compress } from '../../compiler/compress/compress.ts';
import { damageOf, dropOf, measureDamage, remembering } from '../../compiler/compress/damage.ts';
import { calibrationRuns, firstOf, type Samples } from '../../compiler/compress/samples.ts';
import type { TaskScores } from '../../compiler/compress/task-metrics.ts';
import type { FormatRecipe } from '../../compiler/formats/recipe.ts';
import { openDecoder } from '../../runtime/generate/open-decoder.ts';
import type { Model } from '../../runtime/session.ts';
import { isThere, scorer, subjects } from './recipes-data.ts';

export interface Row {
  readonly name: string;
  readonly bytes: number;
  /** Fastest of rounds in which every recipe has its turn: one token, or one sample. */
  readonly ms: number;
  /** On samples that neither calibration nor the choice saw. */
  readonly damage: number;
  readonly drop: number;
  /** On the samples that the choice was made on. */
  readonly seen: number;
  readonly scores: TaskScores;
  readonly chosen: boolean;
  /** No other recipe is smaller and better in what the budget bounds: decisions changed, or damage. */
  readonly front: boolean;
}

export interface Table {
  readonly name: string;
  readonly budget: { readonly maxKl?: number; readonly maxDrop?: number };
  readonly baseline: { readonly bytes: number; readonly ms: number; readonly scores: TaskScores };
  readonly rows: readonly Row[];
  /** The choice keeps the budget on fresh samples. */
  readonly kept: boolean;
}

const ROUNDS = 12;

/** The models of a folder that are asked for, one after the other: unchanged, and their samples. */
async function* opened(folder: string, names: readonly string[], photos: readonly Uint8Array[]) {
  const compiler = createCompiler();
  for (const s of subjects) {
    if ((names.length > 0 && !names.includes(s.name)) || !isThere(folder, s)) continue;
    const file = `${folder}/${s.model}`;
    const plain = await compiler.compile(file, { quant: 'f32' });
    await using reference = await loadCompiled(plain.targets[0]);
    yield { s, file, plain, reference, ...(await s.samples(folder, reference, photos)) };
  }
}

/** All recipes of each named model of the folder, and the one that a budget chooses. */
export async function tables(
  folder: string,
  names: readonly string[],
  photos: readonly Uint8Array[],
  onProgress: (text: string) => void,
  onTable: (table: Table) => void,
  allocate?: string,
): Promise<Table[]> {
  const compiler = createCompiler();
  const made: Table[] = [];
  for await (const { s, file, reference, choice, fresh } of opened(folder, names, photos)) {
    const auto = await chooseRecipe(file, {
      budget: s.budget,
      samples: choice,
      ...(allocate === undefined ? {} : { allocate }),
      onProgress: (t) => onProgress(`${s.name}: ${t}`),
    });
    const known = fresh.samples.kind === 'inputs' ? remembering(reference) : reference;
    const loaded: Model[] = [];
    const rows: Omit<Row, 'ms' | 'front'>[] = [];
    let baseline: TaskScores = {};
    for (const c of auto.candidates) {
      onProgress(`${s.name}: ${c.recipe.name} on fresh samples`);
      const recipe: FormatRecipe = c.recipe;
      const compilation = await compiler.compile(file, { quant: recipe, calibration: auto.calibration });
      const model = await loadCompiled(compilation.targets[0]);
      loaded.push(model);
      const score = scorer(fresh);
      const damage = await measureDamage(known, model, fresh.samples, { onOutputs: score.onOutputs });
      baseline = score.reference.finish();
      rows.push({
        name: recipe.name,
        bytes: c.bytes,
        damage: damageOf(damage),
        drop: dropOf(damage),
        seen: damageOf(c.damage),
        scores: score.own.finish(),
        chosen: c === auto.chosen,
      });
    }
    const ms = await times([reference, ...loaded], fresh.samples);
    for (const m of loaded) await m.dispose();
    const loss = (r: Omit<Row, 'ms' | 'front'>): number => (s.budget.maxDrop === undefined ? r.damage : r.drop);
    const full = rows.map(
      (r, i): Row => ({
        ...r,
        ms: ms[i + 1] ?? 0,
        front: !rows.some((o) => o.bytes <= r.bytes && loss(o) <= loss(r) && (o.bytes < r.bytes || loss(o) < loss(r))),
      }),
    );
    const chosen = full.find((r) => r.chosen);
    const { maxKl = Number.POSITIVE_INFINITY, maxDrop = 1 } = s.budget;
    const table: Table = {
      name: s.name,
      budget: s.budget,
      baseline: { bytes: auto.baseline.bytes, ms: ms[0] ?? 0, scores: baseline },
      rows: full.sort((a, b) => a.bytes - b.bytes),
      kept: chosen !== undefined && chosen.damage <= maxKl && chosen.drop <= maxDrop,
    };
    made.push(table);
    onTable(table);
  }
  return made;
}

/** Samples of a run that only times recipes. */
const FEW = 4;

/** The time of every recipe, and nothing of what it damages, which would take most of the minutes: one thread, in turns. */
export async function timed(
  folder: string,
  names: readonly string[],
  photos: readonly Uint8Array[],
  onRow: (model: string, recipe: string, bytes: number, ms: number) => void,
): Promise<void> {
  const compiler = createCompiler();
  for await (const { s, file, reference, choice } of opened(folder, names, photos)) {
    const samples: Samples =
      choice.kind === 'tokens'
        ? { ...choice, texts: choice.texts.slice(0, FEW) }
        : { kind: 'inputs', inputs: choice.inputs.slice(0, FEW) };
    const { baseline, candidates, calibration } = await chooseRecipe(file, { budget: { maxBytes: 1e12 }, samples });
    const loaded: Model[] = [];
    for (const { recipe } of candidates)
      loaded.push(await loadCompiled((await compiler.compile(file, { quant: recipe, calibration })).targets[0]));
    const [full = 0, ...ms] = await times([reference, ...loaded], samples);
    for (const m of loaded) await m.dispose();
    for (const [i, { recipe, bytes }] of candidates.entries()) onRow(s.name, recipe.name, bytes, ms[i] ?? 0);
    onRow(s.name, 'full precision', baseline.bytes, full);
  }
}

/** What named recipes do to each model, on the fresh samples; calibrated on the others. */
export async function named(
  folder: string,
  names: readonly string[],
  recipes: readonly (string | FormatRecipe)[],
  photos: readonly Uint8Array[],
  onRow: (model: string, recipe: string, bytes: number, damage: number, drop: number) => void,
): Promise<void> {
  for await (const { s, file, plain, reference, choice, fresh } of opened(folder, names, photos)) {
    for (const quant of recipes) {
      const runs = () => calibrationRuns(choice, plain.targets[0]?.plan.generation);
      const { targets } = await compress(file, { quant, runs });
      await using model = await loadCompiled(targets[0]);
      const damage = await measureDamage(reference, model, fresh.samples);
      const bytes = targets[0]?.plan.weights.reduce((n, w) => n + w.bytes, 0) ?? 0;
      onRow(s.name, typeof quant === 'string' ? quant : quant.name, bytes, damageOf(damage), dropOf(damage));
    }
  }
}

/** Fastest time of each model, in turn, so that a busy moment of the machine hits all. */
async function times(models: readonly Model[], samples: Samples): Promise<number[]> {
  const first = firstOf(samples, 0);
  const best = models.map(() => Number.POSITIVE_INFINITY);
  const decoders = models.map((m) =>
    m.plan.generation && first.kind === 'tokens' ? openDecoder(m, m.plan.generation) : undefined,
  );
  for (const d of decoders) await d?.truncate(0);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, m] of models.entries()) {
      const decoder = decoders[i];
      const start = performance.now();
      if (first.kind === 'inputs') await m.run(first.inputs[0] ?? {});
      else await decoder?.forward([first.texts[0]?.[round] ?? 0], 'last');
      best[i] = Math.min(best[i] ?? 0, performance.now() - start);
    }
  }
  return best;
}
