// The front ends of grammar texts are written for chevrotain, and tests run them on it. The package carries a small parser of the same methods
// (grammars/frontends/lean-parser.ts) and what chevrotain works out of the grammars: which tokens each choice may begin with.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'grammars/frontends');

/** Methods of chevrotain by what they are called in the grammars that it records. */
const METHODS = {
  Alternation: 'OR',
  Option: 'OPTION',
  Repetition: 'MANY',
  RepetitionWithSeparator: 'MANY_SEP',
  RepetitionMandatory: 'AT_LEAST_ONE',
  RepetitionMandatoryWithSeparator: 'AT_LEAST_ONE_SEP',
};

/** Paths by grammar (the name of its file), rule and method, as `LOOKAHEAD` of lean-parser.ts has them. */
async function lookahead() {
  const files = readdirSync(folder).filter((file) => file !== 'lean-parser.ts');
  const modules = files.map((file, i) => `import * as of${i} from './${file}';`);
  const { outputFiles } = await build({
    stdin: {
      contents: `${modules.join('\n')}
        export { EmbeddedActionsParser, getLookaheadPaths } from 'chevrotain';
        export const modules = { ${files.map((file, i) => `'${file.replace('.ts', '')}': of${i}`)} };`,
      resolveDir: folder,
    },
    bundle: true,
    format: 'esm',
    write: false,
  });
  const code = Buffer.from(outputFiles[0].contents).toString('base64');
  const {
    EmbeddedActionsParser,
    getLookaheadPaths,
    modules: read,
  } = await import(`data:text/javascript;base64,${code}`);
  const table = {};
  const parsers = Object.entries(read).flatMap(([grammar, exports]) =>
    Object.values(exports)
      .filter(({ prototype }) => prototype instanceof EmbeddedActionsParser)
      .map((Parser) => [grammar, new Parser()]),
  );
  for (const [grammar, parser] of parsers) {
    const vocabulary = Object.values(parser.tokensMap);
    // Bars come after letters.
    if (vocabulary.length > 26) throw new Error(`${grammar}: more types of tokens than letters`);
    const letter = (type) => String.fromCharCode(97 + vocabulary.indexOf(type));
    const written = (paths) => paths.map((path) => path.map(letter).join('')).join(' ');
    table[grammar] = {};
    for (const { name, definition } of parser.getSerializedGastProductions()) {
      const rule = parser.getGAstProductions()[name];
      const methods = {};
      const visit = ({ type, idx, definition = [] }) => {
        if (type in METHODS) {
          const { maxLookahead } = parser;
          const paths = getLookaheadPaths({ occurrence: idx, rule, prodType: type, maxLookahead });
          // The second list of what is not a choice between alternatives is how it goes on after it.
          methods[METHODS[type] + (idx || '')] =
            type === 'Alternation' ? paths.map(written).join('|') : written(paths[0]);
        }
        definition.forEach(visit);
      };
      definition.forEach(visit);
      if (Object.keys(methods).length > 0) table[grammar][name] = methods;
    }
  }
  return table;
}

/** Options of esbuild for bundles. */
export const leanParsers = {
  alias: { chevrotain: path.join(folder, 'lean-parser.ts') },
  define: { LOOKAHEAD: JSON.stringify(await lookahead()) },
};
