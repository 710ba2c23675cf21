import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { TextConstraint } from '../../grammars/text-constraint.ts';
import { InfcError } from '../../runtime/errors.ts';
import type { Io } from './io.ts';

/** A JSON file that should hold a schema. Throws INFC5016 when it is not JSON. */
export async function readSchema(file: string, io: Io): Promise<unknown> {
  const text = await readText(file, io);
  try {
    const schema: unknown = JSON.parse(text);
    return schema;
  } catch (cause) {
    throw new InfcError(
      'INFC5016',
      `the schema is not JSON: ${cause instanceof Error ? located(cause.message, text) : ''}`,
      {
        file,
        fix: 'Mend the JSON of the schema',
        cause,
      },
    );
  }
}

/** A file's text without its byte order mark. What is not UTF-8 would come out as other characters: throws INFC5016. */
async function readText(file: string, io: Io): Promise<string> {
  const bytes = await readFile(path.resolve(io.cwd, file));
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new InfcError('INFC5016', 'the file is not UTF-8', { file, fix: 'Save it as UTF-8', cause });
  }
}

/** A grammar or regular expression by the ending of its file's name. Throws INFC8003 for others. */
export async function readTextConstraint(
  file: string,
  io: Io,
): Promise<{ readonly kind: string; readonly constraint: TextConstraint }> {
  const extension = path.extname(file);
  if (!['.gbnf', '.ebnf', '.lark', '.regex'].includes(extension)) {
    throw new InfcError('INFC8003', `'${file}' is no constraint by its name`, {
      file,
      fix: 'Use .json, .gbnf, .ebnf, .lark or .regex',
    });
  }
  const { grammar, regex } = await import('../../grammars/text-constraint.ts');
  const text = await readText(file, io);
  const folder = path.dirname(path.resolve(io.cwd, file));
  const resolve = (name: string): Promise<string | undefined> =>
    readFile(path.join(folder, `${name}.lark`), 'utf8').catch(() => undefined);
  switch (extension) {
    case '.gbnf':
      return { kind: 'GBNF grammar', constraint: await grammar({ gbnf: text }) };
    case '.ebnf':
      return { kind: 'EBNF grammar', constraint: await grammar({ ebnf: text }) };
    case '.lark': {
      const { constrain } = await import('../../grammars/constrain.ts');
      return { kind: 'Lark grammar', constraint: await grammar({ lark: text, resolve, json: constrain }) };
    }
    default:
      return { kind: 'regular expression', constraint: regex(text.replace(/\r?\n$/, '')) };
  }
}

/** An error of JSON.parse with line and column, where it tells a position. */
function located(message: string, text: string): string {
  const at = /^(.*) (?:in JSON )?at position (\d+)/.exec(message);
  if (!at) return message;
  const before = text.slice(0, Number(at[2])).split('\n');
  return `${at[1]} at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
