import type { Lang, RegexEngine } from '../regex/index.ts';
import type { Draft } from './document.ts';

/** Language of a named string format, or undefined when the name is unknown (then it is an annotation). */
export type FormatLanguage = (engine: RegexEngine, name: string, draft: Draft) => Lang | undefined;
