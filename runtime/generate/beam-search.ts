import type { Decoder } from './decoder.ts';
import { logSumExp, plain } from './logprobs.ts';
import { allows, type MaskSource } from './masks.ts';
import { argmax } from './sampler.ts';
import { begin, type Emission, type Finish, type Request } from './strategy.ts';

export interface BeamOptions {
  /** Texts to follow at once, over all groups. */
  readonly beams: number;
  /** Groups that avoid each other's tokens. */
  readonly groups: number;
  /** Taken off the log probability of a token for each earlier group that chose it at the same place. */
  readonly diversity: number;
  /** Finished texts are compared by log probability / length^lengthPenalty. */
  readonly lengthPenalty: number;
}

interface Beam {
  readonly tokens: readonly number[];
  /** Sum of log probabilities. */
  readonly score: number;
  readonly masks: MaskSource | undefined;
  /** Holds the prompt and `tokens`. */
  readonly decoder: Decoder;
  readonly logits: Float32Array;
}

interface Candidate {
  readonly beam: Beam;
  readonly token: number;
  readonly score: number;
  /** Score with the group's penalty: what the group selects by. */
  readonly rank: number;
}

interface Ended {
  readonly tokens: readonly number[];
  readonly score: number;
  readonly finish: Finish;
}

/**
 * Beam search over `groups` of beams; with one group the usual kind. Each step extends every beam by its likeliest tokens and keeps the best
 * `beams / groups` of each group (Vijayakumar et al. 2016 for several groups). Tokens are given once all texts that can still win agree on them.
 */
export async function* beamSearch(
  decoder: Decoder,
  request: Request,
  options: BeamOptions,
): AsyncGenerator<readonly Emission[], Finish> {
  const { masks, signal } = request;
  const { groups, lengthPenalty } = options;
  const width = Math.max(1, Math.floor(options.beams / groups));
  const logits = (await begin(decoder, request)).slice();
  const first: Beam = { tokens: [], score: 0, masks, decoder, logits };
  const start = decoder.tokens.length;
  let live: Beam[][] = Array.from({ length: groups }, () => [first]);
  const ended: Ended[][] = live.map(() => []);
  const worth = (score: number, length: number): number => score / length ** lengthPenalty;
  let given = 0;
  let latest = first;
  for (let step = 0; live.some((group) => group.length > 0); step++) {
    const full = start + step + 1 >= decoder.context;
    const chosen: Candidate[][] = [];
    const used = new Map<number, number>();
    for (const [g, group] of live.entries()) {
      const kept: Candidate[] = [];
      const candidates = group
        .flatMap((beam) => extend(beam, 2 * width, (token) => options.diversity * (used.get(token) ?? 0)))
        .sort((a, b) => b.rank - a.rank || a.token - b.token);
      for (const [place, c] of candidates.slice(0, 2 * width).entries()) {
        const ends = request.eos.includes(c.token);
        const length = c.beam.tokens.length + 1;
        const last = length === request.maxTokens || full;
        if (ends ? place >= width : kept.length === width) continue;
        if (ends || last) {
          const finish = ends ? 'end' : full ? 'context' : 'length';
          ended[g]?.push({ tokens: [...c.beam.tokens, c.token], score: worth(c.score, length), finish });
        } else kept.push(c);
      }
      ended[g] = best(ended[g] ?? [], width);
      // No live text can overtake once the best of them, as long as it may get, is worth less than all that have ended.
      const worst = (ended[g] ?? []).at(-1)?.score ?? Number.NEGATIVE_INFINITY;
      const hope = Math.max(
        ...kept.map((c) => worth(c.score, lengthPenalty > 0 ? request.maxTokens : c.beam.tokens.length + 1)),
      );
      const over = (ended[g]?.length ?? 0) >= width && worst >= hope;
      chosen.push(over ? [] : kept);
      for (const c of over ? [] : kept) used.set(c.token, (used.get(c.token) ?? 0) + 1);
    }
    live = await followAll(chosen, signal);
    [latest = latest] = live.flat();
    const open = [...live.flat().map((b) => b.tokens), ...ended.flat().map((e) => e.tokens)];
    const sure = commonLength(open);
    if (sure > given) {
      yield (open[0] ?? []).slice(given, sure).map(plain);
      given = sure;
    }
  }
  const [winner] = best(ended.flat(), 1);
  // No text goes on and none has ended: asking for a token says why.
  if (!winner) argmax(latest.logits, latest.masks?.mask());
  // Whoever gave the masks learns from them that the text is finished.
  for (const token of winner?.tokens ?? []) masks?.tryCommit(token);
  if (winner && winner.tokens.length > given) yield winner.tokens.slice(given).map(plain);
  return winner?.finish ?? 'length';
}

const best = (ended: readonly Ended[], count: number): Ended[] =>
  [...ended].sort((a, b) => b.score - a.score).slice(0, count);

/** The beams that the chosen tokens lead to: all decoders take theirs at once. */
async function followAll(
  chosen: readonly (readonly Candidate[])[],
  signal: AbortSignal | undefined,
): Promise<Beam[][]> {
  // The first to go on from a beam has its decoder, others have copies of it, made before it goes on.
  const inherited = new Set<Decoder>();
  const decoders = new Map<Candidate, Decoder>();
  for (const c of chosen.flat()) {
    const { decoder } = c.beam;
    decoders.set(c, inherited.has(decoder) ? await decoder.fork() : decoder);
    inherited.add(decoder);
  }
  const follow = async (c: Candidate): Promise<Beam> => {
    const { beam, token, score } = c;
    const decoder = decoders.get(c) ?? beam.decoder;
    const logits = (await decoder.forward([token], 'last', signal)).slice();
    const masks = beam.masks?.fork();
    masks?.tryCommit(token);
    return { tokens: [...beam.tokens, token], score, masks, decoder, logits };
  };
  return Promise.all(chosen.map((group) => Promise.all(group.map(follow))));
}

/** The `count` best ways to go on. */
function extend(beam: Beam, count: number, penalty: (token: number) => number): Candidate[] {
  const { logits } = beam;
  const norm = logSumExp(logits);
  const mask = beam.masks?.closingMask?.() ?? beam.masks?.mask();
  const found: Candidate[] = [];
  for (let token = 0; token < logits.length; token++) {
    if (!allows(mask, token)) continue;
    const score = beam.score + (logits[token] ?? 0) - norm;
    const rank = score - penalty(token);
    const last = found[count - 1];
    if (!(rank > (last?.rank ?? Number.NEGATIVE_INFINITY))) continue;
    let at = found.length;
    while (at > 0 && rank > (found[at - 1]?.rank ?? 0)) at--;
    found.splice(at, 0, { beam, token, score, rank });
    if (found.length > count) found.pop();
  }
  return found;
}

function commonLength(lists: readonly (readonly number[])[]): number {
  const [head = []] = lists;
  let n = 0;
  while (n < head.length && lists.every((l) => l[n] === head[n])) n++;
  return n;
}
