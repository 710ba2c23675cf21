import type { Acceptor } from '../matching/acceptor.ts';

/** What encloses a stretch of a turn. */
export interface Tags {
  readonly begin: string;
  readonly end: string;
}

/**
 * How a model writes a turn with tool calls. Every field is text; where a part of it is a special token of the vocabulary, that token is required
 * and its letters are not. A call reads `begin NAME middle ARGUMENTS end`.
 */
export interface ToolFormat {
  /** Texts that a chat template with this syntax holds, all of them. */
  readonly signs: readonly string[];
  /** Once before the first call. */
  readonly open: string;
  readonly begin: string;
  readonly middle: string;
  readonly end: string;
  /** Between two calls; absent: a turn ends with its first call. */
  readonly separator?: string;
  /** Once after the last call. */
  readonly close: string;
  /** What free text must not contain: seeing it means that a call begins. */
  readonly trigger: string;
  /** Where the trigger counts: anywhere in the text, or only as its first characters. */
  readonly at: 'anywhere' | 'beginning';
  /** How arguments are spelled, if not as JSON. */
  readonly arguments?: ArgumentSyntax;
  /** What encloses reasoning, which then may come without being asked for; else `<think>` and `</think>`, where asked for. */
  readonly reasoning?: Tags;
  /** What encloses text before calls. */
  readonly preamble?: Tags;
  /** What encloses text, or the final object, that ends the turn. */
  readonly answer?: Tags;
}

/** A spelling of arguments other than JSON: each text stands for a JSON text. */
export interface ArgumentSyntax {
  /**
   * The spellings of the JSON texts that an acceptor takes.
   *
   * @param symbols a text as byte values, and special tokens of the vocabulary as 256 and more
   */
  acceptor(json: Acceptor, symbols: (text: string) => readonly number[]): Acceptor;
  /** A reader of the spellings that {@link acceptor} takes. */
  reader(json: Acceptor): ArgumentReader;
}

/** Reads spelled arguments as they come. */
export interface ArgumentReader {
  /**
   * Takes what it can of a text: gives how many characters that were, and the JSON text that became known.
   *
   * @param ended no more text will come
   */
  take(text: string, ended: boolean): { readonly taken: number; readonly json: string };
}
