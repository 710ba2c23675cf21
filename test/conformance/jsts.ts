// npm run conformance:jsts -- PATH [--json FILE] [--draft NAME] [--verbose]   (PATH: the suite's folder or .tar.gz)
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Draft, Json } from '../../grammars/json/schema/document.ts';
import { openSchema } from '../../grammars/json/session.ts';
import { InfcError } from '../../runtime/errors.ts';
import { onePath, readArguments } from './arguments.ts';
import { textFiles } from './tar.ts';

interface Group {
  readonly description: string;
  readonly schema: Json;
  readonly tests: readonly { readonly description: string; readonly text: string; readonly valid: boolean }[];
}

interface Tally {
  total: number;
  pass: number;
  false_positives: number;
  false_negatives: number;
  refused: number;
}

const DRAFTS: Readonly<Record<string, Draft>> = {
  draft4: 4,
  draft6: 6,
  draft7: 7,
  'draft2019-09': 2019,
  'draft2020-12': 2020,
};

const options = readArguments(
  'conformance:jsts -- PATH [--json FILE] [--draft draft2020-12] [--verbose]',
  ['json', 'draft'],
  ['verbose'],
);
const verbose = options.flag('verbose');
const files = textFiles(onePath(options));
const remotes = new Map<string, unknown>();
for (const [name, text] of files) {
  const at = name.indexOf('remotes/');
  if (at >= 0 && name.endsWith('.json')) remotes.set(`http://localhost:1234/${name.slice(at + 8)}`, JSON.parse(text));
}
// The drafts' own meta-schemas, from development dependencies.
const require = createRequire(import.meta.url);
for (const name of [
  '-draft-04/dist/refs/json-schema-draft-04',
  '/dist/refs/json-schema-draft-06',
  '/dist/refs/json-schema-draft-07',
  ...['2019-09', '2020-12'].flatMap((d) => [
    `/dist/refs/json-schema-${d}/schema`,
    ...'applicator content core format format-annotation meta-data unevaluated validation'
      .split(' ')
      .map((v) => `/dist/refs/json-schema-${d}/meta/${v}`),
  ]),
]) {
  try {
    const schema = JSON.parse(readFileSync(require.resolve(`ajv${name}.json`), 'utf8'));
    remotes.set(String(schema.$id ?? schema.id).replace(/#$/, ''), schema);
  } catch {
    // Not every draft has every vocabulary.
  }
}

/** Marks a number that doubles or JavaScript's spelling would change. */
const MARK = '\u0000number ';
const tallies = new Map<string, Tally>();
const failures: string[] = [];
const encoder = new TextEncoder();
for (const [name, text] of [...files].sort()) {
  const match = /tests\/(draft[^/]+)\/(optional\/format\/|optional\/)?(.+)\.json$/.exec(name);
  if (!match) continue;
  const [, folder = '', optional = '', file = ''] = match;
  const draft = DRAFTS[folder];
  if (draft === undefined || (options.value('draft') ?? folder) !== folder) continue;
  const section = optional === '' ? 'required' : optional === 'optional/' ? 'optional' : 'format';
  const tally = tallies.get(`${folder} ${section}`) ?? {
    total: 0,
    pass: 0,
    false_positives: 0,
    false_negatives: 0,
    refused: 0,
  };
  tallies.set(`${folder} ${section}`, tally);
  for (const group of groups(text)) {
    let acceptor: ReturnType<typeof openSchema>['acceptor'] | undefined;
    let refusal = '';
    try {
      acceptor = openSchema(group.schema, {
        order: 'any',
        whitespace: 'json',
        escapes: 'any',
        draft,
        remotes: Object.fromEntries(remotes),
        format: section === 'format' ? 'assert' : 'annotate',
      }).acceptor;
    } catch (error) {
      refusal = describe(error);
    }
    for (const test of group.tests) {
      tally.total++;
      let accepted: boolean | undefined;
      try {
        if (acceptor) {
          let state = acceptor.start;
          for (const byte of encoder.encode(test.text)) {
            if (state === 0) break;
            state = acceptor.step(state, byte);
          }
          accepted = state !== 0 && acceptor.accepts(state);
        }
      } catch (error) {
        refusal = describe(error);
      }
      const where = `${folder}/${optional}${file}: ${group.description} / ${test.description}`;
      if (accepted === undefined) {
        tally.refused++;
        failures.push(`refused ${where}: ${refusal}`);
      } else if (accepted === test.valid) tally.pass++;
      else {
        if (accepted) tally.false_positives++;
        else tally.false_negatives++;
        failures.push(`${accepted ? 'false positive' : 'false negative'} ${where}`);
      }
    }
  }
}
if (tallies.size === 0)
  throw new InfcError('INFC8003', 'no test of a draft is there', {
    fix: `Give the folder or .tar.gz of JSON-Schema-Test-Suite, and of --draft one of ${Object.keys(DRAFTS).join(', ')}`,
  });
for (const [name, tally] of tallies) console.log(`${name}: ${JSON.stringify(tally)}`);
if (verbose) for (const failure of failures) console.log(failure);
if (options.json)
  writeFileSync(options.json, JSON.stringify({ results: Object.fromEntries(tallies), failures }, null, 1));

/** The groups of a file. Instances keep the spelling of their numbers: 1.0 is no integer in draft 4, and a bignum has all its digits. */
function groups(source: string): Group[] {
  const marked = source.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g, (token) =>
    token.startsWith('"') || String(Number(token)) === token ? token : JSON.stringify(MARK + token),
  );
  const text = (value: Json): string => JSON.stringify(value).replace(/"\\u0000number ([^"]*)"/g, '$1');
  const list = JSON.parse(marked) as {
    schema: Json;
    description: string;
    tests: { description: string; data: Json; valid: boolean }[];
  }[];
  return list.map(({ schema, description, tests }) => ({
    description,
    schema: JSON.parse(text(schema)) as Json,
    tests: tests.map(({ data, ...test }) => ({ ...test, text: text(data) })),
  }));
}

function describe(error: unknown): string {
  if (error instanceof InfcError) return error.message;
  return error instanceof Error ? `CRASH ${error.stack?.split('\n').slice(0, 4).join(' | ')}` : String(error);
}
