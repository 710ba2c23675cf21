import type { Lang, RegexEngine } from '../regex/index.ts';

/** Language of a named string format, or undefined when the name is unknown (then it is an annotation). */
export type FormatLanguage = (engine: RegexEngine, name: string, draft: number) => Lang | undefined;
