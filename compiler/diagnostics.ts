import { InfcError } from '../runtime/errors.ts';

/** Classes of failure; each is one exit code of the command line, so that scripts can tell them apart. */
export const exitCodes = {
  ok: 0,
  disagreement: 1,
  usage: 2,
  badInput: 3,
  unsupported: 4,
  internal: 5,
  interrupted: 130,
} as const;
export type Outcome = keyof typeof exitCodes;

/** What the thousands digit of a code says. */
export const codeRanges: Readonly<Record<string, { readonly area: string; readonly outcome: Outcome }>> = {
  '1': { area: 'import of a model file', outcome: 'badInput' },
  '2': { area: 'graph: shapes, types and structure', outcome: 'badInput' },
  '3': { area: 'lowering a graph to kernels', outcome: 'unsupported' },
  '4': { area: 'backend: printing or building kernels', outcome: 'unsupported' },
  '5': { area: 'grammar', outcome: 'badInput' },
  '6': { area: 'runtime: loading and running an artifact', outcome: 'badInput' },
  '7': { area: 'plugin', outcome: 'usage' },
  '8': { area: 'command line', outcome: 'usage' },
};

/** Code of an error that infc should never show: a bug in infc. */
export const INTERNAL = 'INFC8000';

/** Codes whose outcome differs from that of their range. */
const outcomes: Readonly<Record<string, Outcome>> = {
  [INTERNAL]: 'internal',
  INFC1060: 'unsupported',
  INFC8004: 'unsupported',
  INFC8005: 'badInput',
  INFC8006: 'badInput',
  INFC8010: 'badInput',
  INFC8020: 'disagreement',
  INFC8090: 'interrupted',
};

/** The class of failure of an error code. */
export const outcomeOf = (code: string): Outcome =>
  outcomes[code] ?? codeRanges[code.charAt('INFC'.length)]?.outcome ?? 'internal';

/**
 * Any thrown thing as an {@link InfcError}: file-system and abort errors get their own code, anything unknown becomes INFC8000 with
 * the original as its cause.
 */
export function toInfcError(thrown: unknown): InfcError {
  if (thrown instanceof InfcError) return thrown;
  if (thrown instanceof Error && thrown.name === 'AbortError')
    return new InfcError('INFC8090', 'interrupted', { cause: thrown });
  const system = systemError(thrown);
  if (system) return system;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new InfcError(INTERNAL, `internal error: ${reason}`, {
    fix: 'This is a bug in infc: please report it with the command and the model. INFC_DEBUG=1 shows where it happened',
    cause: thrown,
  });
}

function systemError(thrown: unknown): InfcError | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  // Reading an open folder fails without its path.
  const where = 'path' in thrown ? { file: String(thrown.path) } : {};
  const cause = thrown;
  switch (thrown.code) {
    case 'ENOENT':
      return new InfcError('INFC8005', 'no such file or folder', { ...where, fix: 'Check the path', cause });
    case 'EISDIR':
    case 'ENOTDIR':
      return new InfcError(
        'INFC8005',
        thrown.code === 'EISDIR' ? 'this is a folder, not a file' : 'this is not a folder',
        {
          ...where,
          fix: 'Check the path',
          cause,
        },
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new InfcError('INFC8006', 'not allowed to read or write here', {
        ...where,
        fix: 'Check its permissions',
        cause,
      });
    case 'ENOSPC':
      return new InfcError('INFC8006', 'the disk is full', {
        ...where,
        fix: 'Make room, then run the command again',
        cause,
      });
    default:
      return undefined;
  }
}

/** Edits (insert, delete, replace, swap of neighbours) that turn one word into another; a `wildcard` in `a` stands for any run. */
export function editDistance(a: string, b: string, wildcard?: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const free = a[i - 1] === wildcard ? 0 : 1;
    const row = [(last[0] ?? 0) + free];
    for (let j = 1; j <= b.length; j++) {
      if (free === 0) {
        row.push(Math.min(last[j] ?? 0, row[j - 1] ?? 0));
        continue;
      }
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let d = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, (before[j - 2] ?? 0) + 1);
      row.push(d);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** The known word a typing mistake most likely meant, if one is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const k of known) {
    const d = k.startsWith(word) && word.length >= 2 ? 0.5 : editDistance(word, k);
    if (d < least) {
      least = d;
      best = k;
    }
  }
  return best;
}
