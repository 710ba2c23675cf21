import { InfcError } from '../../runtime/errors.ts';
import { exitCodes, nearest, outcomeOf, toInfcError } from '../diagnostics.ts';
import { parseArgs } from './args.ts';
import { commands } from './commands.ts';
import { globalOptions, helpOf, helpOfAll } from './help.ts';
import { type Io, processIo } from './io.ts';
import { version } from './version.ts';

/**
 * Runs one command line and returns its exit code; never throws. Only the table of commands is loaded before a command is known.
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(argv, io);
  } catch (thrown) {
    const error = toInfcError(io.signal.aborted ? new InfcError('INFC8090', 'interrupted') : thrown);
    const outcome = outcomeOf(error.code);
    if (io.json) io.out(JSON.stringify({ ok: false, outcome, error: error.toJSON() }, null, 2));
    else reportError(error, io);
    if (io.env.INFC_DEBUG) {
      io.err(error.stack ?? '');
      if (error.cause instanceof Error) io.err(`caused by ${error.cause.stack ?? ''}`);
    }
    return exitCodes[outcome];
  }
}

async function dispatch(argv: readonly string[], io: Io): Promise<number> {
  const [first, ...rest] = argv;
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    const named = first === 'help' ? commands.find((c) => c.name === rest[0]) : undefined;
    io.out(named ? helpOf(named, io.style) : helpOfAll(commands, version, io.style));
    return exitCodes.ok;
  }
  if (first === '--version' || first === '-v' || first === 'version') {
    io.out(version);
    return exitCodes.ok;
  }
  const command = commands.find((c) => c.name === first);
  if (!command) {
    const near = nearest(first, [...commands.filter((c) => !c.hidden).map((c) => c.name), 'help']);
    throw new InfcError('INFC8001', `unknown command '${first}'`, {
      fix: near ? `Did you mean 'infc ${near}'?` : "See 'infc --help'",
    });
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    io.out(helpOf(command, io.style));
    return exitCodes.ok;
  }
  const args = parseArgs(rest, { ...command.options, ...globalOptions });
  const module = await command.load();
  return module.run(args, io);
}

function reportError(error: InfcError, io: Io): void {
  const { style } = io;
  const where = [
    error.place.node === undefined ? '' : `node '${error.place.node}'`,
    error.place.pointer === undefined ? '' : `at ${error.place.pointer || '/'}`,
    error.place.file ?? '',
    error.place.offset === undefined ? '' : `byte ${error.place.offset}`,
  ].filter((part) => part !== '');
  io.err(`${style.red(error.code)} ${error.reason}`);
  if (where.length > 0) io.err(`  where: ${where.join(', ')}`);
  if (error.fix !== undefined) io.err(`  fix:   ${error.fix}`);
  io.err(style.dim(`  more:  infc explain ${error.code}`));
}

/** The `infc` program: main with the process's streams. A broken pipe ends it quietly. */
export async function runProcess(): Promise<void> {
  const argv = process.argv.slice(2);
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  process.stdout.on('error', (error) => {
    if ('code' in error && error.code === 'EPIPE') process.exit(0);
  });
  const end = argv.indexOf('--');
  const before = end < 0 ? argv : argv.slice(0, end);
  const io = processIo(
    before.includes('--json'),
    before.includes('--quiet') || before.includes('-q'),
    controller.signal,
  );
  process.on('uncaughtException', (thrown) => {
    io.err(toInfcError(thrown).message);
    process.exit(exitCodes.internal);
  });
  process.exitCode = await main(argv, io);
}
