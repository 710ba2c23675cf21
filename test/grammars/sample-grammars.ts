import { dirname, join } from 'node:path';
import type { Grammar } from '../../grammars/cfg/grammar.ts';
import { parseEbnf } from '../../grammars/frontends/ebnf.ts';
import { parseGbnf } from '../../grammars/frontends/gbnf.ts';
import { parseLark } from '../../grammars/frontends/lark.ts';

/** Reads the grammars among files by path, with the Lark files they import. */
export async function sampleGrammars(files: ReadonlyMap<string, string>): Promise<Map<string, Grammar>> {
  const found = new Map<string, Grammar>();
  for (const [path, text] of files) {
    // A library of one template has nothing to start from; test_templates_import.lark uses it.
    if (!/\.(?:gbnf|ebnf|lark)$/.test(path) || path.endsWith('grammars/templates.lark')) continue;
    const resolve = (name: string): string | undefined =>
      files.get(join(dirname(path), `${name}.lark`)) ?? files.get(`lark/lark/grammars/${name}.lark`);
    const parse = path.endsWith('.lark') ? parseLark : path.endsWith('.ebnf') ? parseEbnf : parseGbnf;
    found.set(path, await (parse === parseLark ? parseLark(text, { resolve }) : parse(text)));
  }
  return found;
}
