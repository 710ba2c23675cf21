/** Layer rules of infc: folder order is data flow, and nothing points backwards. CONTRIBUTING.md says why. */
const rule = (name, comment, from, to) => ({ name, severity: 'error', comment, from, to });

/** JSON constraints: a document's schema becomes formulas, these an automaton, whose states have masks and shortest ends. */
const json = ['formula', 'schema', 'solver', 'automaton', '(masks|shortest)'];
const jsonFlow = json.slice(0, -1).map((folder, i) =>
  rule(`json-${folder}`, 'Folders of grammars/json show the data flow.', { path: `^grammars/json/${folder}/` }, { path: `^grammars/json/(${json.slice(i + 1).join('|')})/` }),
);

module.exports = {
  /** Rules about what runs; the others hold for types too. */
  ofValues: ['no-cycles', ...jsonFlow.map((r) => r.name)],
  forbidden: [
    ...jsonFlow,
    rule('no-cycles', 'A cycle means two files are one concept.', {}, { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }),
    rule(
      'runtime-is-alone',
      'The runtime ships to browsers: it may use only itself and the matcher side of grammars.',
      { path: '^runtime/' },
      { path: '^(compiler|passes|backends|test)/' },
    ),
    rule('runtime-has-no-packages', 'The runtime has no dependencies; its text part is a part of its own.', { path: '^runtime/', pathNot: '^runtime/text/' }, { dependencyTypes: ['npm', 'npm-dev'] }),
    rule(
      'grammars-are-alone',
      'Grammars import only themselves and the error type.',
      { path: '^grammars/' },
      { path: '^(compiler|passes|backends|test|runtime)/', pathNot: '^runtime/errors\\.[jt]s$' },
    ),
    rule(
      'ir-is-the-bottom',
      'The three IRs import nothing above them (runtime/ holds the plan schema, dtypes and the error type).',
      { path: '^compiler/ir/' },
      { path: '^(compiler/(?!ir/)|passes/|backends/|test/|grammars/|runtime/(?!(dtype|errors|plan|host|minifloat)\\.))' },
    ),
    rule('ops-and-formats-see-ir', 'An op or a format is one file over the IR.', { path: '^compiler/(ops|formats)/' }, { path: '^(compiler/(cli|plan|import)/|passes/|backends/|test/)' }),
    rule('passes-see-no-backend', 'A pass holds on every target.', { path: '^passes/' }, { path: '^(backends/|compiler/(cli|plan|import)/|test/)' }),
    rule(
      'backends-do-not-see-each-other',
      'A backend folder may be deleted without touching another.',
      { path: '^backends/([^/]+)/' },
      { path: '^backends/[^/]+/', pathNot: ['^backends/$1/', '^backends/(templates|reference)/'] },
    ),
    rule('cli-is-the-top', 'Nothing imports the command line.', { pathNot: '^(compiler/cli/|test/)' }, { path: '^compiler/cli/' }),
    rule('tests-are-outside', 'No product file imports a test.', { pathNot: '^test/' }, { path: '^test/' }),
    rule(
      'node-built-ins',
      'The compiler stays browser-capable: files, processes and the like only at its edges.',
      {
        path: '^(compiler|passes|backends|grammars)/',
        pathNot: '^(compiler/cli/|compiler/plan/|compiler/import/|compiler/compile\\.[jt]s|backends/[^/]+/(toolchain|build)\\.[jt]s)',
      },
      { dependencyTypes: ['core'] },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs', '.json'], exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
