import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** What the sources say when they raise one code. */
export interface CodeUse {
  readonly file: string;
  /** The message, with `…` for what varies. */
  readonly says: string;
  readonly fix?: string;
}

/** Every INFC code raised under the product's folders of `root`, with its messages. */
export async function harvestCodes(root: string): Promise<Record<string, CodeUse[]>> {
  const found = new Map<string, CodeUse[]>();
  for (const folder of ['compiler', 'passes', 'backends', 'runtime', 'grammars']) {
    const names = await readdir(path.join(root, folder), { recursive: true }).catch(() => []);
    for (const name of names.sort()) {
      if (!name.endsWith('.ts')) continue;
      const file = `${folder}/${name.replaceAll('\\', '/')}`;
      for (const [code, use] of usesIn(await readFile(path.join(root, file), 'utf8'), file)) {
        const list = found.get(code) ?? [];
        if (!list.some((u) => u.says === use.says)) list.push(use);
        found.set(code, list);
      }
    }
  }
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A code in quotes, the message literal that follows it, and a `fix:` literal before the call ends. */
export function usesIn(source: string, file: string): [string, CodeUse][] {
  const uses: [string, CodeUse][] = [];
  for (const m of source.matchAll(/\b\w+\(\s*(?:[\w.]+\s*,\s*)?'(INFC\d{4})'\s*,\s*/g)) {
    const code = m[1] ?? '';
    const start = m.index + m[0].length;
    const says = literalAt(source, start);
    const rest = source.slice(start, start + 900);
    const stop = rest.search(/'INFC\d{4}'/);
    const fixAt = rest.slice(0, stop < 0 ? undefined : stop).search(/\bfix:\s*['"`]/);
    const fix = fixAt < 0 ? undefined : literalAt(source, start + rest.indexOf(':', fixAt) + 1);
    uses.push([code, { file, says: says || '(the message is composed)', ...(fix ? { fix } : {}) }]);
  }
  for (const m of source.matchAll(/['"`](INFC\d{4})['"`]/g)) {
    const code = m[1] ?? '';
    if (!uses.some(([c]) => c === code)) uses.push([code, { file, says: '(the message is composed)' }]);
  }
  return uses;
}

/** Text of the string or template literal at a position; substitutions become `…`. */
function literalAt(source: string, at: number): string {
  let i = at;
  while (/\s/.test(source[i] ?? '')) i++;
  const quote = source[i];
  if (quote !== "'" && quote !== '"' && quote !== '`') return '';
  let out = '';
  for (i++; i < source.length; i++) {
    const c = source[i];
    if (c === quote) return out;
    if (c === '\\') out += source[++i] ?? '';
    else if (quote === '`' && c === '$' && source[i + 1] === '{') {
      let depth = 1;
      for (i += 2; i < source.length && depth > 0; i++) depth += source[i] === '{' ? 1 : source[i] === '}' ? -1 : 0;
      i--;
      out += '…';
    } else out += c;
  }
  return out;
}
