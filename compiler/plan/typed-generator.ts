/** What the typed module of a language model has beyond that of other models. */
export interface GeneratorParts {
  /** The model embeds texts instead of writing them. */
  readonly encoder: boolean;
  /** The artifact has a tokenizer. */
  readonly text: boolean;
  /** Files of `strategies/` without their ending. */
  readonly strategies: readonly string[];
}

/** Export of a strategy's file: its name in camel case. */
const exportOf = (file: string): string => file.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Statements of model.js: `load` gives the language model or embedder, `loadModel` the plain model. */
export function generatorModule({ encoder, text, strategies }: GeneratorParts): {
  imports: string[];
  statements: string;
} {
  const open = encoder ? 'loadEmbedder' : 'loadLanguageModel';
  return {
    imports: [
      `import { ${open} } from './generate.js';`,
      ...strategies.map((s) => `export { ${exportOf(s)} } from './strategies/${s}.js';`),
    ],
    statements: [
      ...(text
        ? [
            'const text = {',
            "  tokenizer: new URL('./tokenizer.json', import.meta.url),",
            "  config: new URL('./tokenizer_config.json', import.meta.url),",
            "  open: () => import('./text.js'),",
            '};',
          ]
        : []),
      'export function load(options) {',
      `    return ${open}(loadModel, ${text ? 'text' : 'undefined'}, options);`,
      '}',
    ].join('\n'),
  };
}

/** Statements of model.d.ts. The types themselves lie in generate.d.ts: runtime/generate/api.ts word for word. */
export function generatorTypes({ encoder, strategies }: GeneratorParts): { imports: string[]; statements: string } {
  const loaded = encoder ? 'Embedder' : 'LanguageModel';
  return {
    imports: [`import type { ${loaded}, Strategy } from './generate.js';`, "export type * from './generate.js';"],
    statements: [
      `/** Loads this ${encoder ? 'model' : 'language model'}; its files are found beside this module. */`,
      `export declare function load(options?: LoadOptions): Promise<${loaded}>;`,
      ...strategies.map(
        (s) => `export declare const ${exportOf(s)}: (options?: Readonly<Record<string, unknown>>) => Strategy;`,
      ),
    ].join('\n'),
  };
}
