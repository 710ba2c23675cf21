import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Args, flag, type Options, parseArgs, value } from '../../compiler/cli/args.ts';
import { exitCodes, INTERNAL, outcomeOf, toInfcError } from '../../compiler/diagnostics.ts';
import { InfcError } from '../../runtime/errors.ts';

/** Arguments of a conformance script. What is wrong ends it with one `INFCnnnn` line and the exit code of its kind, as of `infc`. */
export interface Arguments extends Args {
  /** A whole number of at least `least`. */
  number(name: string, otherwise: number, least?: number): number;
  /** Where `--json` writes: a folder that is there. */
  readonly json: string | undefined;
}

/** `names` after which a value comes, and `flags`. */
export function readArguments(
  usage: string,
  names: readonly string[],
  flags: readonly string[],
  argv: readonly string[] = process.argv.slice(2),
): Arguments {
  process.on('uncaughtException', (error) => fail(error, usage));
  const options: Options = Object.fromEntries([
    ...names.map((name) => [name, value('VALUE', '')] as const),
    ...[...flags, 'help'].map((name) => [name, flag('')] as const),
  ]);
  const args = parseArgs(argv, options);
  if (args.flag('help')) {
    console.log(`usage: npm run ${usage}`);
    process.exit(exitCodes.ok);
  }
  const json = names.includes('json') ? args.value('json') : undefined;
  if (json !== undefined && !statSync(dirname(resolve(json)), { throwIfNoEntry: false })?.isDirectory())
    throw new InfcError('INFC8005', 'no such folder', { file: dirname(json), fix: 'Make it first' });
  return {
    ...args,
    json,
    number(name, otherwise, least = 0) {
      const text = args.value(name);
      const given = text === undefined ? otherwise : Number(text);
      if (text !== undefined && !(/^\d+$/.test(text) && given >= least))
        throw new InfcError('INFC8003', `--${name} is '${text}', not a whole number of ${least} or more`, {
          fix: `Write --${name} ${Math.max(1, least)}`,
        });
      return given;
    },
  };
}

/** The `.jsonl.gz` files that paths name, those of folders too. */
export function caseFiles(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    if (!statSync(path).isDirectory()) {
      if (!isGzip(path))
        throw new InfcError('INFC8003', 'this is no .jsonl.gz file', { file: path, fix: 'Give others' });
      return [path];
    }
    const names = readdirSync(path).filter((name) => name.endsWith('.jsonl.gz'));
    if (names.length === 0)
      throw new InfcError('INFC8005', 'no .jsonl.gz file is in this folder', { file: path, fix: 'Check the path' });
    return names.sort().map((name) => join(path, name));
  });
}

/** {@link caseFiles}, one at least. */
export function someCaseFiles(paths: readonly string[]): readonly string[] {
  if (paths.length === 0)
    throw new InfcError('INFC8003', 'FILE is missing', { fix: 'Give .jsonl.gz files, or a folder of them' });
  return caseFiles(paths);
}

/** The path that a script needs. */
export function onePath({ positionals: [path, other] }: Args): string {
  if (path === undefined || other !== undefined)
    throw new InfcError('INFC8003', path === undefined ? 'PATH is missing' : `unexpected argument '${other}'`, {
      fix: 'Give one path',
    });
  statSync(path);
  return path;
}

function isGzip(path: string): boolean {
  const start = new Uint8Array(2);
  const file = openSync(path, 'r');
  readSync(file, start);
  closeSync(file);
  return start[0] === 0x1f && start[1] === 0x8b;
}

function fail(thrown: unknown, usage: string): never {
  const error = toInfcError(ofThread(thrown));
  if (error.code === INTERNAL && thrown instanceof Error) console.error(thrown.stack);
  else console.error(error.message);
  const outcome = outcomeOf(error.code);
  if (outcome === 'usage') console.error(`usage: npm run ${usage}`);
  process.exit(exitCodes[outcome]);
}

/** Errors of other threads come as plain ones, zlib's with a code of its own. */
function ofThread(thrown: unknown): unknown {
  if (thrown instanceof Error && 'code' in thrown && String(thrown.code).startsWith('Z_'))
    return new InfcError('INFC8003', `a file is not gzip: ${thrown.message}`, { fix: 'Give others' });
  const [, code, reason] = thrown instanceof Error ? (/^(INFC\d{4}): (.*)/s.exec(thrown.message) ?? []) : [];
  return code === undefined || thrown instanceof InfcError ? thrown : new InfcError(code, reason ?? '');
}
