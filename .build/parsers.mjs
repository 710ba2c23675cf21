// What the front ends of grammar texts carry of chevrotain. It goes into a chunk of its own, which loads when a grammar text is read; what
// fixed, checked grammars never run is left out: validation (the one part that needs Node 22), error recovery, syntax trees, and the
// analysis of token patterns that lets large lexers look at the first character only. What is said of a text stays the same to the letter.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

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
  // It only speeds up.
  'utils/lib/src/to-fast-properties.js': 'export const toFastProperties = () => {};',
  'traits/perf_tracer.js': `export class PerformanceTracer {
      initPerformanceTracer() {}
      TRACE_INIT(_, run) { return run(); }
    }`,
  'grammar/resolver.js': `import { NonTerminal } from '@chevrotain/gast';
    export function resolveGrammar(rules) {
      const visit = (node) => {
        if (node instanceof NonTerminal) node.referencedRule = rules[node.nonTerminalName];
      };
      for (const rule of Object.values(rules)) rule.accept({ visit });
      return [];
    }`,
  // The strategy of chevrotain itself, and no other.
  'grammar/llk_lookahead.js': 'export class LLkLookaheadStrategy {}',
  'traits/looksahead.js': `import * as keys from '../../grammar/keys.js';
    import { buildAlternativesLookAheadFunc, buildLookaheadFuncForOptionalProd, buildLookaheadFuncForOr,
      buildSingleAlternativeLookaheadFunction, PROD_TYPE } from '../../grammar/lookahead.js';
    const KEYS = new Map([
      [PROD_TYPE.OPTION, keys.OPTION_IDX],
      [PROD_TYPE.REPETITION, keys.MANY_IDX],
      [PROD_TYPE.REPETITION_MANDATORY, keys.AT_LEAST_ONE_IDX],
      [PROD_TYPE.REPETITION_MANDATORY_WITH_SEPARATOR, keys.AT_LEAST_ONE_SEP_IDX],
      [PROD_TYPE.REPETITION_WITH_SEPARATOR, keys.MANY_SEP_IDX],
    ]);
    export class LooksAhead {
      initLooksAhead({ maxLookahead = 3 }) {
        this.maxLookahead = maxLookahead;
        this.lookaheadStrategy = {};
        this.lookAheadFuncsCache = [];
        this.currRuleLookaheadFuncs = [];
      }
      preComputeLookaheadFunctions(rules) {
        for (const rule of rules) {
          const ahead = (this.lookAheadFuncsCache[this.fullRuleNameToShort[rule.name]] = []);
          const visit = (node) => {
            const type = node.constructor;
            const most = node.maxLookahead || this.maxLookahead;
            if (type === PROD_TYPE.ALTERNATION)
              ahead[keys.OR_IDX | node.idx] =
                buildLookaheadFuncForOr(node.idx, rule, most, node.hasPredicates, false, buildAlternativesLookAheadFunc);
            else if (KEYS.has(type))
              ahead[KEYS.get(type) | node.idx] =
                buildLookaheadFuncForOptionalProd(node.idx, rule, most, false, type, buildSingleAlternativeLookaheadFunction);
          };
          rule.accept({ visit });
        }
      }
    }`,
  // Types of tokens stand for themselves: there are no categories.
  'scan/tokens.js': `let types = 0;
    export const tokenStructuredMatcher = (token, type) => token.tokenTypeIdx === type.tokenTypeIdx;
    export { tokenStructuredMatcher as tokenStructuredMatcherNoCategories };
    export function augmentTokenTypes(list) {
      for (const type of list) {
        type.tokenTypeIdx ??= ++types;
        type.categoryMatches ??= [];
        type.categoryMatchesMap ??= {};
      }
    }
    export { augmentTokenTypes as hasShortKeyProperty, augmentTokenTypes as isTokenType };`,
  // Where recovery would go on.
  'grammar/follow.js': 'export const computeAllProdsFollows = () => ({});',
  // The same methods, written out nowhere: `CONSUME` to `CONSUME9` and so on. No rule is overridden or tried and taken back.
  'traits/recognizer_api.js': `import { DEFAULT_RULE_CONFIG } from '../parser.js';
    export class RecognizerApi {
      ACTION(run) { return run.call(this); }
      RULE(name, body, config = DEFAULT_RULE_CONFIG) {
        this.definedRulesNames.push(name);
        return (this[name] = this.defineRule(name, body, config));
      }
      getGAstProductions() { return this.gastProductionsCache; }
    }
    const methods = RecognizerApi.prototype;
    for (let at = 0; at < 10; at++) {
      const nth = at || '';
      methods['CONSUME' + nth] = function (type, options) { return this.consumeInternal(type, at, options); };
      methods['SUBRULE' + nth] = function (rule, options) { return this.subruleInternal(rule, at, options); };
      methods['OPTION' + nth] = function (body) { return this.optionInternal(body, at); };
      methods['OR' + nth] = function (body) { return this.orInternal(body, at); };
      methods['MANY' + nth] = function (body) { this.manyInternal(at, body); };
      methods['MANY_SEP' + nth] = function (body) { this.manySepFirstInternal(at, body); };
      methods['AT_LEAST_ONE' + nth] = function (body) { this.atLeastOneInternal(at, body); };
      methods['AT_LEAST_ONE_SEP' + nth] = function (body) { this.atLeastOneSepFirstInternal(at, body); };
    }`,
};

/** Properties that only chevrotain itself uses, by no string; they are given short names. */
export const INTERNAL_NAMES = new RegExp(
  `^(?:${`
    ACTION_RECORD ALTERNATION BACKTRACK BACKTRACK_RECORD CST_STACK DEFER_DEFINITION_ERRORS_HANDLING ERR_MSG LA_FAST LA_RECORD
    RECORDING_PHASE REPETITION REPETITION_MANDATORY REPETITION_MANDATORY_WITH_SEPARATOR REPETITION_WITH_SEPARATOR
    RULE_OCCURRENCE_STACK RULE_OCCURRENCE_STACK_IDX RULE_STACK RULE_STACK_IDX SAVE_ERROR TRACE_INIT _definition _errors
    atLeastOneInternal atLeastOneInternalLogic atLeastOneInternalRecord atLeastOneSepFirstInternal atLeastOneSepFirstInternalLogic
    atLeastOneSepFirstInternalRecord buildEarlyExitMessage buildMismatchTokenMessage buildNoViableAltMessage
    buildNotAllInputParsedMessage categoryMatches categoryMatchesMap checkIsTarget className consumeInternal consumeInternalError
    consumeInternalRecord consumeInternalRecovery consumeToken coreRule cstFinallyStateUpdate cstInvocationStateUpdate
    cstPostNonTerminal cstPostTerminal currIdx currRuleLookaheadFuncs currRuleShortName defineRule definedRulesNames definitionErrors
    disableRecording doSingleRepetition enableRecording errMsgProvider exportLexerState fullRuleNameToShort gastProductionsCache
    getCurrRuleFullName getGAstProductions getHumanReadableRuleStack getLexerPosition hasPredicates ignoreAmbiguities initErrorHandler
    initGastRecorder initLexerAdapter initLooksAhead initPerformanceTracer initRecognizerEngine initRecoverable initTreeBuilder
    initialize invokeRuleCatch isAtEndOfInput isBackTrackingStack lookAheadFuncsCache lookaheadStrategy manyInternal manyInternalLogic
    manyInternalRecord manySepFirstInternal manySepFirstInternalLogic manySepFirstInternalRecord moveToTerminatedState nonTerminalName
    onAfterParse onBeforeParse optionInternal optionInternalLogic optionInternalRecord orInternal orInternalRecord orgText
    outputCst partialPath preComputeLookaheadFunctions previousToken raiseEarlyExitException raiseNoAltException
    recordingProdStack recoveryEnabled resetLexerState restDef resyncFollows resyncedTokens ruleFinallyStateUpdate
    ruleInvocationStateUpdate ruleName ruleShortNameIdx selfAnalysisDone shortRuleNameToFull startWalking subruleIdx subruleInternal
    subruleInternalError subruleInternalRecord suffixDef targetOccurrence targetProdType terminalType tokVector tokVectorLength
    tokenMatcher tokenTypeIdx tokensMap topLevelRuleRecord topProd walkAtLeastOne walkAtLeastOneSep walkFlat walkMany walkManySep
    walkOption walkOr walkProdRef walkTerminal`
    .trim()
    .split(/\s+/)
    .join('|')})$`,
);

/** A method of a class of chevrotain, to its closing brace. */
const method = (name) => new RegExp(`^ {4}(?:static )?${name}\\([^\\n]*\\) \\{\\n[\\s\\S]*?^ {4}\\}\\n`, 'm');
/** A statement at this depth that begins so, to its closing brace. */
const block = (start, depth = 8) => new RegExp(`^ {${depth}}${start}[\\s\\S]*?^ {${depth}}\\}.*\\n`, 'm');

/** Parts of modules that are left out, or what takes their place. A part that is not found fails the build. */
const CUTS = {
  // The paths of look-ahead stay; walkers for recovery and for completion go.
  'grammar/interpreter.js': [
    [/^export class AbstractNextPossibleTokensWalker[\s\S]*(?=^export function possiblePathsFrom)/m],
    [/^export function nextPossibleTokensAfter[\s\S]*/m],
  ],
  // One way of looking ahead; chevrotain has quicker ones for a single token and without conditions.
  'grammar/lookahead.js': [
    // Types of tokens have no categories.
    [
      /^function pathToHashKeys[\s\S]*?^\}/m,
      `const pathToHashKeys = (path) => [path.map((type) => '_' + type.tokenTypeIdx).join('')];`,
    ],
    [
      /^export function containsPath[\s\S]*?^\}/m,
      `const containsPath = (alternative, path) =>
        alternative.some((other) => other.length === path.length && other.every((type, at) => type === path[at]));`,
    ],
    [/^export function isStrictPrefixOfPath[\s\S]*?^\}/m],
    [/^export function areTokenCategoriesNotUsed[\s\S]*?^\}/m, 'const areTokenCategoriesNotUsed = () => true;'],
    [
      /^export var PROD_TYPE[\s\S]*?(?=^export function getLookaheadPaths\()/m,
      `export const PROD_TYPE = {
        OPTION: Option,
        REPETITION: Repetition,
        REPETITION_MANDATORY: RepetitionMandatory,
        REPETITION_MANDATORY_WITH_SEPARATOR: RepetitionMandatoryWithSeparator,
        REPETITION_WITH_SEPARATOR: RepetitionWithSeparator,
        ALTERNATION: Alternation,
      };
      const getProdType = (type) => type;`,
    ],
    [
      /^class InsideDefinitionFinderVisitor[\s\S]*?^\}/m,
      `class InsideDefinitionFinderVisitor {
        result = [];
        constructor(at, type, only = undefined) {
          this.visit = (node) => {
            if (node.idx === at && node.constructor === type && (only ?? node) === node) this.result = node.definition;
          };
        }
      }`,
    ],
    [
      /^export function buildAlternativesLookAheadFunc[\s\S]*(?=^class RestDefinitionFinderWalker)/m,
      `export const buildSingleAlternativeLookaheadFunction = (paths, matches) => function () {
        return paths.some((path) => path.every((type, at) => matches(this.LA_FAST(at + 1), type)));
      };
      export function buildAlternativesLookAheadFunc(all, _, matches) {
        const ahead = all.map((paths) => buildSingleAlternativeLookaheadFunction(paths, matches));
        return function (alternatives) {
          const found = ahead.findIndex(
            (fits, at) => alternatives[at].GATE?.call(this) !== false && fits.call(this),
          );
          return found < 0 ? undefined : found;
        };
      }`,
    ],
  ],
  'scan/tokens_public.js': [
    [
      /^const PARENT[\s\S]*?(?=^export const EOF)/m,
      `export function createToken({ name, pattern, group }) {
        const type = { name, PATTERN: pattern, GROUP: group };
        augmentTokenTypes([type]);
        return type;
      }`,
    ],
  ],
  'traits/lexer_adapter.js': [[method('SKIP_TOKEN')], [method('importLexerState')]],
  'parser/parser.js': [
    [/^\(function \(ParserDefinitionErrorType[\s\S]*?^\}\).*$/m, 'ParserDefinitionErrorType = {};'],
    [method('performSelfAnalysis')], // The static one.
    [block('this\\.TRACE_INIT\\("Grammar Validations"', 12)],
    [block('if \\(Object\\.hasOwn\\(config, "ignoredIssues"')],
  ],
  // What only names a step that is timed.
  'gast/lib/src/helpers.js': [
    [/^export function getProductionDslName[\s\S]*/m, "export const getProductionDslName = () => '';"],
  ],
  'traits/gast_recorder.js': [
    // Texts that nobody reads.
    [/"This IToken[\s\S]*?details"/, "''"],
    [/^const RECORDING_PHASE_CSTNODE[\s\S]*?^\};/m, 'const RECORDING_PHASE_CSTNODE = undefined;'],
    [/description: "This.*$/m],
    [/^function assertMethodIdxIsValid[\s\S]*/m, 'function assertMethodIdxIsValid() {}'],
    [block('if \\(!ruleToCall')],
    [block('if \\(!hasShortKeyProperty')],
    [/^ {8}catch \(originalError\)[\s\S]*?^ {8}\}\n/m, 'finally {}'],
    [method('BACKTRACK_RECORD')],
    [/^ {12}\/\/ DSL methods with[\s\S]*?(?=^ {12}this\.ACTION)/m],
    [/^ {12}delete that\[`consume`\];[\s\S]*?(?=^ {12}delete that\.ACTION)/m],
  ],
  'traits/error_handler.js': [
    [method('SAVE_ERROR'), 'SAVE_ERROR(error) { this._errors.push(error); return error; }'],
    [/Object\.hasOwn\(config, "errorMessageProvider"\)[^:]*:/],
    [/^ +customUserDescription: .*\n/gm],
  ],
  'traits/recognizer_engine.js': [
    // Of syntax trees, which are not built.
    [/^ +this\.cst(?:PostNonTerminal|PostTerminal|FinallyStateUpdate|InvocationStateUpdate)\([\s\S]*?\);\n/gm],
    [/^ {8}const allTokenTypes[\s\S]*?(?=^ {8}\/\/ Because)/m],
    [/^import \{ NextTerminalAfter.*\n/m],
    [/^ +this\.attemptInRepetitionRecovery\([\s\S]*?\);\n/gm],
    [method('repetitionSepSecondInternal')],
    [
      method('invokeRuleCatch'),
      `invokeRuleCatch(error) {
        if (this.RULE_STACK_IDX !== 0 || !isRecognitionException(error)) throw error;
        this.moveToTerminatedState();
      }`,
    ],
    [method('subruleInternalError'), 'subruleInternalError(error) { throw error; }'],
    [method('consumeInternalRecovery'), 'consumeInternalRecovery(type, at, error) { throw error; }'],
    [method('saveRecogState')],
    [method('reloadRecogState')],
    [block('if \\(Object\\.hasOwn\\(config, "serializedGrammar"')],
    [block('if \\(Array\\.isArray\\(tokenVocabulary\\)\\) \\{\\n +\\/\\/ This only checks')],
    [/^ {8}else if \(Object\.hasOwn\(tokenVocabulary, "modes"\)[\s\S]*?(?=^ {8}\/\/ always add EOF)/m],
    [block('if \\(this\\.selfAnalysisDone\\)')],
    [/^ {8}if \(this\.outputCst === true\) \{[\s\S]*?^ {8}else \{/m, '{'],
  ],
};

function cut(file, parts) {
  let text = readFileSync(file, 'utf8');
  for (const [part, instead = ''] of parts) {
    const next = text.replace(part, () => `${instead}\n`);
    if (next === text) throw new Error(`${file} is not as it was (${part}): look at CUTS in .build/parsers.mjs`);
    text = next;
  }
  return text;
}

/** What parsers say of texts; not what validation says of grammars. */
function parsersOwn(file) {
  const text = readFileSync(file, 'utf8');
  const end = text.indexOf('export const defaultGrammarResolverErrorProvider');
  if (end < 0) throw new Error(`${file} is not as it was: look at parsersOwn in .build/parsers.mjs`);
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
      const cutting = Object.keys(CUTS).find((end) => file.replaceAll('\\', '/').endsWith(end));
      if (cutting !== undefined) return { contents: cut(file, CUTS[cutting]), loader: 'js' };
      if (file.replaceAll('\\', '/').endsWith('parse/errors_public.js'))
        return { contents: parsersOwn(file), loader: 'js' };
      if (!/[\\/]chevrotain[\\/]lib[\\/]src[\\/]api\.js$/.test(file)) return undefined;
      const { version, license } = JSON.parse(
        readFileSync(path.join(root, 'node_modules/chevrotain/package.json'), 'utf8'),
      );
      return {
        contents: `/*! Includes parts of chevrotain ${version} (${license}), changed: see LICENSE-chevrotain.txt. */\n${readFileSync(file, 'utf8')}`,
      };
    });
  },
};
