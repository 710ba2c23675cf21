import { createStyle, type Io } from '../../compiler/cli/io.ts';
import { main } from '../../compiler/cli/main.ts';

/** Result of one command line run in this process. */
export interface Captured {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `infc ...argv` in this process with captured streams and no colours. */
export async function infc(
  argv: readonly string[],
  cwd = process.cwd(),
  typed: readonly string[] = [],
  more: Partial<Pick<Io, 'signal' | 'progress'>> = {},
): Promise<Captured> {
  let out = '';
  const err: string[] = [];
  const io: Io = {
    cwd,
    env: {},
    json: argv.includes('--json'),
    style: createStyle(false),
    signal: new AbortController().signal,
    out: (text) => {
      out += `${text}\n`;
    },
    write: (text) => {
      out += text;
    },
    async *lines() {
      yield* typed;
    },
    err: (text) => err.push(text),
    progress: () => undefined,
    ...more,
  };
  const code = await main(argv, io);
  return { code, out: out.replace(/\n$/, ''), err: err.join('\n') };
}
