// What the front ends of grammar texts carry of chevrotain. It goes into a chunk of its own, which loads when a grammar text is read; what
// fixed, checked grammars never run is left out: validation (the one part that needs Node 22), error recovery, syntax trees, and the
// analysis of token patterns that lets large lexers look at the first character only.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(fileURLToPath(import.meta.url));

/** Modules of chevrotain by the end of their paths, and what takes their place. A name that another module needs fails the build. */
const LEFT_OUT = {
  // Called under `skipValidations: false` only.
  'grammar/checks.js': `const never = () => [];
    export { never as validateLookahead, never as validateGrammar, never as validateRuleIsOverridden,
      never as validateAmbiguousAlternationAlternatives, never as validateEmptyOrAlternative, never as validateNoLeftRecursion,
      never as validateSomeNonEmptyLookaheadPath };`,
  'traits/recoverable.js': `export const IN_RULE_RECOVERY_EXCEPTION = 'InRuleRecoveryException';
    export class Recoverable {
      initRecoverable() { this.recoveryEnabled = false; }
      attemptInRepetitionRecovery() {}
      getHumanReadableRuleStack() { return []; }
    }`,
  'traits/tree_builder.js': `export class TreeBuilder {
      initTreeBuilder() { this.CST_STACK = []; this.outputCst = false; }
      cstInvocationStateUpdate() {}
      cstFinallyStateUpdate() {}
      cstPostTerminal() {}
      cstPostNonTerminal() {}
      cstPostRule() {}
    }`,
  // Every token may hold line breaks, so they are counted in all; no pattern says which characters it may start with.
  'scan/reg_exp.js': `export const failedOptimizationPrefixMsg = '';
    export const getOptimizedStartCodesIndices = () => [];
    export const canMatchCharCode = () => true;`,
  'scan/reg_exp_parser.js': `export function getRegExpAst() { throw new Error('patterns are not analysed'); }
    export function clearRegExpParserCache() {}`,
  // The front ends have a small lexer of their own (grammars/frontends/lexing.ts).
  'scan/lexer_public.js': `export const LexerDefinitionErrorType = {};
    export class Lexer {}
    Lexer.NA = /NOT_APPLICABLE/;
    Lexer.SKIPPED = 'skipped';`,
  'regexp-to-ast/lib/src/api.js': 'export class BaseRegExpVisitor {}',
};

/** What parsers say of texts; not what validation says of grammars. */
function parsersOwn(file) {
  const text = readFileSync(file, 'utf8');
  const end = text.indexOf('export const defaultGrammarResolverErrorProvider');
  if (end < 0) throw new Error(`${file} is not as it was: look at parsersOwn in build-parsers.mjs`);
  return `${text.slice(0, end)}
    export const defaultGrammarResolverErrorProvider = {};
    export const defaultGrammarValidatorErrorProvider = {};`;
}

/** An esbuild plugin: chevrotain without the parts named above, and with its licence. */
export const leanChevrotain = {
  name: 'lean-chevrotain',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]@?chevrotain[\\/].*\.js$/ }, ({ path: file }) => {
      const name = Object.keys(LEFT_OUT).find((end) => file.replaceAll('\\', '/').endsWith(end));
      if (name !== undefined) return { contents: LEFT_OUT[name], loader: 'js' };
      if (file.replaceAll('\\', '/').endsWith('parse/errors_public.js'))
        return { contents: parsersOwn(file), loader: 'js' };
      if (!/[\\/]chevrotain[\\/]lib[\\/]src[\\/]api\.js$/.test(file)) return undefined;
      const { version, license } = JSON.parse(
        readFileSync(path.join(root, 'node_modules/chevrotain/package.json'), 'utf8'),
      );
      return {
        contents: `/*! Includes parts of chevrotain ${version} (${license}): see LICENSE-chevrotain.txt. */\n${readFileSync(file, 'utf8')}`,
      };
    });
  },
};
