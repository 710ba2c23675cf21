import type { Args, Options } from './args.ts';
import type { Io } from './io.ts';

/** What a command's module exports: does the work and returns the exit code. Failures are thrown as InfcError. */
export interface CommandModule {
  run(args: Args, io: Io): Promise<number>;
}

/** A command as `--help` knows it. Its module, and whatever heavy packages that imports, load only when it runs. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** After the command's name. */
  readonly usage: string;
  readonly options: Options;
  readonly examples: readonly string[];
  /** Text below the options. */
  readonly more?: string;
  /** Not listed by `infc --help`. */
  readonly hidden?: true;
  load(): Promise<CommandModule>;
}
