import { InfcError } from '../../runtime/errors.ts';
import { type Damage, damageOf, dropOf } from './damage.ts';
import type { LogitsQuality } from './quality.ts';

/** What a compressed model may cost. At least one bound. */
export interface Budget {
  /** Largest mean KL divergence (language models, nats a token) or relative error of an output. */
  readonly maxKl?: number;
  /** Largest share of decisions that change, 0 to 1. */
  readonly maxDrop?: number;
  /** Most bytes of weights. */
  readonly maxBytes?: number;
}

/** What was measured of a recipe. */
export interface Measured {
  readonly bytes: number;
  readonly damage: Damage;
}

/** Measured damage must stay this far below a bound, since other data will differ a little. */
export const MARGIN = 0.9;
/** What rounding leaves of the divergence of equal distributions: its spread says nothing. */
const ROUNDING = 1e-12;

/**
 * The 99.5 % quantile of Student's distribution for n degrees of freedom (Abramowitz and Stegun 26.7.5; below 3 somewhat small): the smallest
 * of some twenty recipes is chosen that seem to keep a bound, so that each has to be rather sure.
 */
function studentQuantile(n: number): number {
  const z = 2.57583;
  const terms = [
    z,
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
    (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92160,
  ];
  return terms.reduce((sum, term, i) => sum + term / n ** i, 0);
}

/**
 * What a mean divergence may be on other texts of the kind. Divergences are positive and a few texts have much of them, so the interval is
 * that of the mean's logarithm (delta method). Of 165 short texts of capp-gpt, whose divergences spread by 1.2 to 1.75 of their mean, 6, 12, 24
 * and 48 drawn ones gave a bound below the mean of all in 2, 7, 8 and 3 % of the draws at worst (two standard errors of the mean itself: 30, 28,
 * 17, 9 %); of texts that resemble each other (0.12) in 0.1 %.
 */
const divergenceElsewhere = ({ kl, klError, texts }: LogitsQuality): number =>
  kl <= ROUNDING ? klError : kl * Math.exp((studentQuantile(Math.max(1, texts - 1)) * klError) / kl);

interface Bound {
  /** The option of the command line that gives it. */
  readonly option: string;
  readonly limit: number;
  /** The least bound that what was measured keeps. */
  needs(m: Measured): number;
  /** A bound, rounded up, as one writes it. */
  shown(bound: number): string;
}

/** `digits` significant ones, never less than `v`. */
function roundedUp(v: number, digits: number): string {
  const step = 10 ** (Math.floor(Math.log10(v)) + 1 - digits);
  return Number((Math.ceil(v / step - 1e-9) * step).toPrecision(digits)).toString();
}

function boundsOf({ maxKl, maxDrop, maxBytes }: Budget): Bound[] {
  const bound = (limit: number | undefined, b: Omit<Bound, 'limit'>): Bound[] =>
    limit === undefined ? [] : [{ limit, ...b }];
  return [
    ...bound(maxKl, {
      option: '--max-kl',
      needs: ({ damage: d }) => Math.max(damageOf(d) / MARGIN, d.kind === 'tokens' ? divergenceElsewhere(d) : 0),
      shown: (v) => roundedUp(v, 2),
    }),
    ...bound(maxDrop, {
      option: '--max-drop',
      needs: ({ damage: d }) => Math.max(dropOf(d) / MARGIN, dropOf(d) + dropError(d)),
      shown: (v) => `${roundedUp(100 * v, 2)}%`,
    }),
    ...bound(maxBytes, {
      option: '--max-bytes',
      needs: ({ bytes }) => bytes,
      shown: (v) => (v < 1e6 ? `${roundedUp(v / 1e3, 3)}kB` : `${roundedUp(v / 1e6, 3)}MB`),
    }),
  ];
}

/**
 * Standard error of the share of changed decisions, as if one more of two had changed: of few decisions none may have changed by chance
 * (Agresti and Coull 1998).
 */
function dropError(d: Damage): number {
  const of = (top1: number, n: number): number => {
    const share = ((1 - top1) * n + 1) / (n + 2);
    return Math.sqrt((share * (1 - share)) / Math.max(1, n));
  };
  if (d.kind === 'tokens') return of(d.top1, d.positions);
  return Math.max(0, ...Object.values(d.outputs).map((o) => of(o.top1, o.rows)));
}

/** Decisions that were compared. */
const decisionsOf = (d: Damage): number =>
  d.kind === 'tokens' ? d.positions : Math.min(...Object.values(d.outputs).map((o) => o.rows));

/** The options whose bounds are not kept, with the margin that other data needs. */
export const missedBounds = (budget: Budget, m: Measured): string[] =>
  boundsOf(budget)
    .filter((b) => !(b.needs(m) <= b.limit))
    .map((b) => b.option);

const byBytes = (a: Measured, b: Measured): number => a.bytes - b.bytes || damageOf(a.damage) - damageOf(b.damage);
const byDamage = (a: Measured, b: Measured): number => damageOf(a.damage) - damageOf(b.damage) || a.bytes - b.bytes;

/** Says so where more data might show that a bound is kept. */
function moreData({ maxKl, maxDrop }: Budget, candidates: readonly Measured[], nearest: Damage): string {
  const decisions = decisionsOf(nearest);
  if (maxDrop !== undefined && decisions * maxDrop < 1)
    return `; or give more data: ${decisions} decisions are too few to show that no more than ${(100 * maxDrop).toPrecision(2)} % change`;
  const [unsure] = candidates
    .map((c) => c.damage)
    .filter((d) => d.kind === 'tokens')
    .filter((d) => maxKl !== undefined && d.kl <= maxKl * MARGIN && divergenceElsewhere(d) > maxKl)
    .sort((a, b) => a.kl - b.kl);
  return unsure
    ? `; or give more data: ${unsure.texts === 1 ? 'one text differs' : `${unsure.texts} texts differ`} so much that ${unsure.kl.toPrecision(2)} there may be ${divergenceElsewhere(unsure).toPrecision(2)} elsewhere`
    : '';
}

/**
 * The smallest that keeps the bounds on damage, or the least damage within the bound on bytes. Throws INFC2084 when none does, saying which
 * bounds would be kept.
 */
export function best<T extends Measured & { readonly recipe: { readonly name: string } }>(
  budget: Budget,
  candidates: readonly T[],
): T {
  const boundsDamage = budget.maxKl !== undefined || budget.maxDrop !== undefined;
  const [found] = candidates
    .filter((c) => missedBounds(budget, c).length === 0)
    .sort(boundsDamage ? byBytes : byDamage);
  if (found) return found;
  const bounds = boundsOf(budget);
  // For each bound: what it would have to be, were the others kept.
  const near = bounds.flatMap((b) => {
    const others = bounds.filter((o) => o !== b);
    const [least] = candidates
      .filter((c) => others.every((o) => o.needs(c) <= o.limit) && b.needs(c) < Number.POSITIVE_INFINITY)
      .sort((x, y) => b.needs(x) - b.needs(y));
    return least ? [{ bound: b, least }] : [];
  });
  const first = near[0]?.least ?? [...candidates].sort(byDamage)[0];
  const more = first ? moreData(budget, candidates, first.damage) : '';
  throw new InfcError(
    'INFC2084',
    first
      ? `no recipe keeps the budget: the nearest, ${first.recipe.name}, takes ${first.bytes} bytes and does damage ${damageOf(first.damage).toPrecision(3)} (${(100 * dropOf(first.damage)).toFixed(2)} % of decisions)`
      : 'there is no recipe to choose from',
    {
      fix:
        near.length > 0
          ? `What can be met: ${near.map(({ bound, least }) => `${bound.option} ${bound.shown(bound.needs(least))} (${least.recipe.name})`).join(', or ')}${more}`
          : 'Allow more damage (--max-kl, --max-drop) and more bytes (--max-bytes)',
    },
  );
}
