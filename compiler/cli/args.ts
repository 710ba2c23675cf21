import { InfcError } from '../../runtime/errors.ts';
import { nearest } from '../diagnostics.ts';

/** One `--name` of a command. `list` may be given several times. */
export interface Option {
  readonly kind: 'flag' | 'value' | 'list';
  readonly short?: string;
  /** Placeholder of the value in the help text. */
  readonly value?: string;
  readonly help: string;
}
export type Options = Readonly<Record<string, Option>>;

const withShort = (short: string | undefined): Pick<Option, 'short'> => (short === undefined ? {} : { short });

/** `--name`: there or not. */
export const flag = (help: string, short?: string): Option => ({ kind: 'flag', help, ...withShort(short) });

/** `--name VALUE`, once. */
export const value = (placeholder: string, help: string, short?: string): Option => ({
  kind: 'value',
  value: placeholder,
  help,
  ...withShort(short),
});

/** `--name VALUE`, any number of times. */
export const list = (placeholder: string, help: string, short?: string): Option => ({
  ...value(placeholder, help, short),
  kind: 'list',
});

/** A parsed command line. Asking for an option that the command does not declare is a bug of the command. */
export interface Args {
  readonly positionals: readonly string[];
  flag(name: string): boolean;
  value(name: string): string | undefined;
  list(name: string): readonly string[];
}

/** Parses `--name value`, `--name=value`, `-n value`, `--` and positionals. Throws INFC8002 or INFC8003 with a suggestion. */
export function parseArgs(argv: readonly string[], options: Options): Args {
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  const short = new Map(Object.entries(options).flatMap(([name, o]) => (o.short ? [[o.short, name] as const] : [])));
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i] ?? '';
    if (arg === '--') {
      positionals.push(...argv.slice(i + 1));
      break;
    }
    if (!arg.startsWith('-') || arg === '-') {
      positionals.push(arg);
      continue;
    }
    const eq = arg.indexOf('=');
    const given = eq < 0 ? arg : arg.slice(0, eq);
    const name = given.startsWith('--') ? given.slice(2) : short.get(given.slice(1));
    const option = name === undefined ? undefined : options[name];
    if (name === undefined || option === undefined) {
      const near = nearest(given.replace(/^-+/, ''), Object.keys(options));
      throw new InfcError('INFC8002', `unknown option '${given}'`, {
        fix: near ? `Did you mean --${near}?` : 'See --help for the options of this command',
      });
    }
    const list = values.get(name) ?? [];
    values.set(name, list);
    if (option.kind === 'flag') {
      if (eq >= 0) throw new InfcError('INFC8003', `--${name} takes no value`, { fix: `Write --${name} alone` });
      list.push('');
      continue;
    }
    const value = eq >= 0 ? arg.slice(eq + 1) : argv[++i];
    if (value === undefined)
      throw new InfcError('INFC8003', `--${name} needs a value`, { fix: `Write --${name} ${option.value ?? 'VALUE'}` });
    if (option.kind === 'value' && list.length > 0)
      throw new InfcError('INFC8003', `--${name} is given twice`, { fix: 'Give it once' });
    list.push(value);
  }
  return {
    positionals,
    flag: (name) => values.has(name),
    value: (name) => values.get(name)?.[0],
    list: (name) => values.get(name) ?? [],
  };
}

/** The one positional a command needs. Throws INFC8003 when it is missing or not alone. */
export function onlyPositional(args: Args, what: string): string {
  const [first, second] = args.positionals;
  if (first === undefined) throw new InfcError('INFC8003', `${what} is missing`, { fix: 'See --help for the usage' });
  if (second !== undefined)
    throw new InfcError('INFC8003', `unexpected argument '${second}'`, { fix: `Give one ${what}` });
  return first;
}

/** A positive whole number option. Throws INFC8003 otherwise. */
export function wholeNumber(args: Args, name: string, fallback: number): number {
  const text = args.value(name);
  if (text === undefined) return fallback;
  const n = Number(text);
  if (!/^\d+$/.test(text) || n < 1 || !Number.isSafeInteger(n))
    throw new InfcError('INFC8003', `--${name} is '${text}', not a positive whole number`, {
      fix: `Write --${name} ${fallback}`,
    });
  return n;
}

/** A number option; undefined when it is not given. Throws INFC8003 when it is no number; its range is the generator's to check. */
export function numberOption(args: Args, name: string): number | undefined {
  const text = args.value(name);
  if (text === undefined) return undefined;
  const n = Number(text);
  if (text.trim() === '' || !Number.isFinite(n))
    throw new InfcError('INFC8003', `--${name} is '${text}', not a number`, { fix: `Write --${name} 1` });
  return n;
}
