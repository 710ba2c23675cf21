import { InfcError } from '../../runtime/errors.ts';
import { type Acceptor, acceptorOf } from '../matching/acceptor.ts';
import { checkArgument, checkOptions } from '../options.ts';

/** A stretch of text that is still open. */
export interface Hole {
  /** Fewest bytes (default 0). */
  readonly min?: number;
  /** Most bytes (default: any number). */
  readonly max?: number;
}

/** Known text and holes, in order. */
export type Template = readonly (string | Uint8Array | Hole)[];

/** Options of {@link infill}. */
export interface InfillOptions {
  /** Configurations to visit before giving up with INFC5602 (default 200,000). */
  readonly budget?: number;
}

/** At the beginning of a part, or inside a hole with a number of bytes taken. */
interface Configuration {
  readonly part: number;
  readonly state: number;
  readonly taken: number;
  readonly byte: number;
  readonly parent: Configuration | undefined;
}

/**
 * Asks whether a text with holes can be completed to one that the constraint accepts, and with what: the fills of a shortest completion,
 * one a hole, or undefined when there is none. A search for the shortest path through states and holes; exact, and finite for regular
 * constraints. For unbounded nesting an impossible template may exhaust the budget instead.
 */
export function infill(
  constraint: Acceptor | { readonly acceptor: Acceptor },
  template: Template,
  options: InfillOptions = {},
): readonly Uint8Array[] | undefined {
  checkOptions(options, { budget: 'number' });
  const budget = options.budget ?? 200_000;
  const acceptor = acceptorOf(constraint);
  checkArgument(Array.isArray(template), 'the template', 'a list of texts, bytes and holes');
  const parts = Array.from(template, partOf);
  if (acceptor.start === 0) return undefined;
  const reached = new Map<string, number>();
  const buckets: Configuration[][] = [];
  // Bytes taken count only as far as they still matter.
  const keyOf = ({ part, state, taken }: Configuration): string => {
    const hole = parts[part];
    const counted =
      hole === undefined || hole instanceof Uint8Array
        ? 0
        : hole.max === undefined
          ? Math.min(taken, hole.min ?? 0)
          : taken;
    return `${part},${state},${counted}`;
  };
  const push = (cost: number, configuration: Configuration): void => {
    const key = keyOf(configuration);
    if (cost >= (reached.get(key) ?? Number.POSITIVE_INFINITY)) return;
    reached.set(key, cost);
    if (reached.size > budget)
      throw new InfcError('INFC5602', `the template takes more than ${budget} steps to decide`, {
        fix: 'Bound the holes, or raise the budget',
      });
    const list = buckets[cost];
    if (list) list.push(configuration);
    else buckets[cost] = [configuration];
  };
  push(0, { part: 0, state: acceptor.start, taken: 0, byte: -1, parent: undefined });
  for (let cost = 0; cost < buckets.length; cost++) {
    // Buckets grow while they are walked: known text costs nothing.
    for (const at of buckets[cost] ?? []) {
      if ((reached.get(keyOf(at)) ?? cost) < cost) continue;
      const part = parts[at.part];
      if (part === undefined) {
        if (acceptor.accepts(at.state)) return fillsOf(at, parts);
        continue;
      }
      if (part instanceof Uint8Array) {
        let { state } = at;
        for (let i = 0; i < part.length && state !== 0; i++) state = acceptor.step(state, part[i] ?? 0);
        if (state !== 0) push(cost, { part: at.part + 1, state, taken: 0, byte: -1, parent: at });
        continue;
      }
      if (at.taken >= (part.min ?? 0))
        push(cost, { part: at.part + 1, state: at.state, taken: 0, byte: -1, parent: at });
      if (at.taken >= (part.max ?? Number.POSITIVE_INFINITY)) continue;
      for (let byte = 0; byte < 256; byte++) {
        const state = acceptor.step(at.state, byte);
        if (state !== 0) push(cost + 1, { part: at.part, state, taken: at.taken + 1, byte, parent: at });
      }
    }
  }
  return undefined;
}

function partOf(part: Template[number], at: number): Uint8Array | Hole {
  if (typeof part === 'string') return new TextEncoder().encode(part);
  if (part instanceof Uint8Array) return part;
  const given: unknown = part;
  const bound = (count: unknown): boolean => count === undefined || (typeof count === 'number' && count >= 0);
  if (
    typeof given !== 'object' ||
    given === null ||
    !bound(part.min) ||
    !bound(part.max) ||
    (part.min ?? 0) > (part.max ?? part.min ?? 0)
  )
    throw new InfcError('INFC5603', `part ${at} of the template is no text, bytes or hole`, {
      fix: 'Write a hole as {}, or { min, max } with counts of bytes',
    });
  checkOptions(part, { min: undefined, max: undefined });
  return part;
}

function fillsOf(end: Configuration, parts: readonly (Uint8Array | Hole)[]): Uint8Array[] {
  const fills = new Map<number, number[]>();
  for (let at: Configuration | undefined = end; at; at = at.parent) {
    if (at.byte < 0) continue;
    const bytes = fills.get(at.part);
    if (bytes) bytes.push(at.byte);
    else fills.set(at.part, [at.byte]);
  }
  return parts.flatMap((part, i) =>
    part instanceof Uint8Array ? [] : [Uint8Array.from((fills.get(i) ?? []).reverse())],
  );
}
