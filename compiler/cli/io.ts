/** Where a command writes, and how: tests give their own. */
export interface Io {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results. With `--json`, one JSON document and nothing else. */
  out(text: string): void;
  /** A piece of a result that goes on: no line end is added. */
  write(text: string): void;
  /** Progress, warnings and errors. */
  err(text: string): void;
  readonly json: boolean;
  readonly style: Style;
  /** Progress goes to stderr only when it is a terminal. */
  progress(text: string): void;
  readonly signal: AbortSignal;
  /** What the user types (or another program writes), line by line; `prompt` is shown on a terminal. */
  lines(prompt: string): AsyncIterable<string>;
}

/** Text attributes; the identity when colours are off. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

const paint =
  (on: boolean, open: number, close: number) =>
  (text: string): string =>
    on ? `\u001b[${open}m${text}\u001b[${close}m` : text;

export const createStyle = (colors: boolean): Style => ({
  bold: paint(colors, 1, 22),
  dim: paint(colors, 2, 22),
  red: paint(colors, 31, 39),
  green: paint(colors, 32, 39),
  yellow: paint(colors, 33, 39),
  cyan: paint(colors, 36, 39),
});

/** Io of a real process. Colours follow NO_COLOR (no-color.org), FORCE_COLOR and the terminal. */
export function processIo(json: boolean, quiet: boolean, signal: AbortSignal): Io {
  const { env, stdout, stderr } = process;
  const colors = env.NO_COLOR ? false : env.FORCE_COLOR ? env.FORCE_COLOR !== '0' : stdout.isTTY === true;
  let shown = false;
  const clear = (): void => {
    if (shown) stderr.write('\r\u001b[K');
    shown = false;
  };
  return {
    cwd: process.cwd(),
    env,
    json,
    style: createStyle(colors && !json),
    signal,
    out: (text) => {
      clear();
      stdout.write(`${text}\n`);
    },
    write: (text) => {
      clear();
      stdout.write(text);
    },
    err: (text) => {
      clear();
      stderr.write(`${text}\n`);
    },
    async *lines(prompt) {
      const { createInterface } = await import('node:readline/promises');
      const terminal = process.stdin.isTTY === true;
      const reader = createInterface({ input: process.stdin, output: terminal ? stderr : undefined, terminal });
      signal.addEventListener('abort', () => reader.close());
      reader.setPrompt(terminal ? prompt : '');
      try {
        reader.prompt();
        for await (const line of reader) {
          yield line;
          reader.prompt();
        }
      } finally {
        reader.close();
      }
    },
    progress: (text) => {
      if (!stderr.isTTY || json || quiet) return;
      stderr.write(`\r\u001b[K${text.slice(0, (stderr.columns ?? 80) - 1)}`);
      shown = text !== '';
    },
  };
}
