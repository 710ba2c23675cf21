import { InfcError } from '../../runtime/errors.ts';
import { exitCodes, nearest } from '../diagnostics.ts';
import type { Args } from './args.ts';
import { explainCode } from './codes.ts';
import type { Io } from './io.ts';

/** `infc explain`: what the compiler did, and what an error means. */
async function runExplain(args: Args, io: Io): Promise<number> {
  const [what] = args.positionals;
  if (what === undefined)
    throw new InfcError('INFC8003', 'nothing to explain', { fix: 'Give pipeline, node N, kernel K or an error code' });
  if (/^infc\d+$/i.test(what)) return explainOneCode(what, io);
  const near = nearest(what, ['pipeline', 'node', 'kernel']);
  throw new InfcError('INFC8003', `cannot explain '${what}'`, {
    fix: near ? `Did you mean '${near}'?` : 'Give pipeline, node N, kernel K or an error code such as INFC1001',
  });
}

async function explainOneCode(text: string, io: Io): Promise<number> {
  const found = await explainCode(text);
  if ('near' in found)
    throw new InfcError('INFC8003', `no error has the code ${text.toUpperCase()}`, {
      fix: found.near ? `Did you mean ${found.near}?` : 'Codes look like INFC1001',
    });
  if (io.json) {
    io.out(JSON.stringify(found, null, 2));
    return exitCodes.ok;
  }
  const { style } = io;
  io.out(`${style.bold(found.code)}: ${found.area} (exit code class: ${found.outcome})`);
  for (const use of found.uses) {
    io.out('');
    io.out(`  ${use.says}`);
    if (use.fix) io.out(`    fix: ${use.fix}`);
    io.out(style.dim(`    raised in ${use.file}`));
  }
  return exitCodes.ok;
}

export { runExplain as run };
