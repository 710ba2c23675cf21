import { InfcError } from '../../runtime/errors.ts';
import type { Constraint } from '../constrain.ts';
import type { DeepPartial, Infer } from '../infer.ts';
import { checkArgument } from '../options.ts';
import type { PartialJson } from '../partial.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { overlap } from './overlap.ts';
import type { ArgumentReader, Tags, ToolFormat } from './tool-format.ts';

/** One tool call of a turn; `S` has the schemas of the tools by their names. */
export type ToolCall<S = Readonly<Record<string, unknown>>> = {
  [K in keyof S & string]: { readonly name: K; readonly input: Infer<S[K]> };
}[keyof S & string];

/** A tool call that is being written: its input so far, the whole and checked one when it is `complete`. */
export type PartialCall<S = Readonly<Record<string, unknown>>> = {
  [K in keyof S & string]:
    | { readonly name: K; readonly complete: false; readonly input: DeepPartial<Infer<S[K]>> | undefined }
    | { readonly name: K; readonly complete: true; readonly input: Infer<S[K]> };
}[keyof S & string];

/** What a finished turn says. */
export interface Turn<S = Readonly<Record<string, unknown>>, O = unknown> {
  readonly reasoning: string | undefined;
  /** Text outside of calls; the text of the final object when there is one. */
  readonly text: string;
  readonly calls: readonly ToolCall<S>[];
  /** The final object, parsed where it is JSON. */
  readonly output: O | undefined;
}

/** The final object (or other text) of a turn, as `constrain`, `regex` and `grammar` give it. */
export interface TurnOutput<O> {
  parse(text: string): O;
  partial?(): PartialJson<O>;
}

/** What is needed to read a turn. */
export interface TurnSyntax<O> {
  readonly format: ToolFormat;
  readonly reasoning: (Tags & { readonly mode: string; readonly maxTokens?: number }) | undefined;
  readonly inputs: ReadonlyMap<string, Constraint>;
  readonly output: TurnOutput<O> | undefined;
}

type Place = 'start' | 'thoughts' | 'body' | 'preamble' | 'answer' | 'name' | 'arguments' | 'end' | 'next' | 'rest';

/**
 * Reads a turn piece by piece, as a tool constraint lets it through, special tokens spelled out: reasoning, text, calls and final object grow as they
 * come. {@link end} gives the finished turn. Throws INFC5404 where a text is no turn.
 */
export class PartialTurn<S = Readonly<Record<string, unknown>>, O = unknown> {
  /** The thoughts so far; undefined where none began. */
  reasoning: string | undefined;
  /** Text outside of calls so far. */
  text = '';
  private readonly list: { name: string; complete: boolean; input: unknown }[] = [];
  /** Text that is not read yet: what may be a tag, or the beginning of one. */
  private waiting = '';
  private place: Place;
  private ended = false;
  /** Line breaks that may be left out. */
  private breaks = 0;
  /** Text that may be the final object: what comes after the last call. */
  private last = '';
  private object: PartialJson<O> | undefined;
  private reader: ArgumentReader | undefined;
  private json = '';
  private value: PartialJson | undefined;
  private readonly decoder = new TextDecoder();
  private names: ReadonlyMap<number, string> | undefined;

  constructor(private readonly syntax: TurnSyntax<O>) {
    this.place = syntax.reasoning?.mode === 'open' ? 'thoughts' : 'start';
    if (this.place === 'thoughts') this.reasoning = '';
    this.object = syntax.output?.partial?.();
  }

  /** The calls so far. */
  get calls(): readonly PartialCall<S>[] {
    // The constraint has checked names and inputs against the schemas that S stands for.
    const calls: readonly PartialCall[] = this.list;
    return calls as readonly PartialCall<S>[];
  }

  /** The final object so far; undefined before it begins, and where it is no JSON. */
  get output(): DeepPartial<O> | undefined {
    return this.object?.value;
  }

  /** Takes a token of the vocabulary that the matcher had; end tokens say nothing. */
  pushToken(vocabulary: Vocabulary, token: number): void {
    const bytes = vocabulary.bytes[token];
    if (bytes) this.push(this.decoder.decode(bytes, { stream: true }));
    else if (!vocabulary.eos.includes(token)) {
      this.names ??= new Map([...vocabulary.special].map(([text, id]) => [id, text]));
      this.push(this.names.get(token) ?? '');
    }
  }

  /** Takes a piece of text. */
  push(piece: string): void {
    checkArgument(typeof piece === 'string', 'the piece', 'a text');
    this.waiting += piece;
    while (this.waiting !== '' && this.step());
  }

  /** Ends the turn and gives what it says. Arguments and final object are parsed as their constraints do. */
  end(): Turn<S, O> {
    this.ended = true;
    this.push(this.decoder.decode());
    while (this.step());
    const { place, last, reasoning, text } = this;
    const { format, output } = this.syntax;
    if (place === 'thoughts') throw this.wrong('the reasoning does not end');
    if (!['body', 'rest', 'answer'].includes(place) && (place !== 'start' || format.answer))
      throw this.wrong('the turn does not end');
    const object = output && (last !== '' || this.list.length === 0) ? output.parse(last) : undefined;
    const calls = this.list.map(({ name, input }): ToolCall => ({ name, input }));
    return { reasoning, text, calls: calls as ToolCall<S>[], output: object };
  }

  private wrong(reason: string): InfcError {
    return new InfcError('INFC5404', `${reason}: ${JSON.stringify(this.waiting.slice(0, 40))}`, {
      fix: 'Read what the constraint has let through, special tokens spelled out and whole',
    });
  }

  /** Reads on as far as the text that has come tells; false when more must come. */
  private step(): boolean {
    const { format, reasoning, inputs } = this.syntax;
    for (; this.breaks > 0 && this.waiting.startsWith('\n'); this.breaks--) this.skip('\n');
    if (this.waiting !== '') this.breaks = 0;
    switch (this.place) {
      case 'start': {
        const calls = inputs.size > 0 ? format.open + format.begin : undefined;
        const thoughts = reasoning && (format.reasoning || this.reasoning === undefined) ? reasoning.begin : undefined;
        const next = this.first({
          thoughts,
          name: calls,
          preamble: format.preamble?.begin,
          answer: format.answer?.begin,
        });
        if (next === undefined) return false;
        if (next === '' && format.answer) throw this.wrong('the turn has no such channel');
        this.place = next || 'body';
        if (next === 'thoughts') this.reasoning = this.reasoning === undefined ? '' : `${this.reasoning}\n`;
        return true;
      }
      case 'thoughts': {
        const end = reasoning?.end ?? '';
        const closed = this.until(end, (text) => (this.reasoning += text));
        if (closed) this.go('start', format.answer ? 0 : 2);
        return closed;
      }
      case 'preamble': {
        const closed = this.until(format.preamble?.end ?? '', (text) => (this.text += text));
        if (closed) this.go('start');
        return closed;
      }
      case 'answer': {
        const closed = this.until(format.answer?.end ?? '', (text) => this.say(text));
        if (closed) this.go('rest');
        return closed;
      }
      case 'body': {
        if (inputs.size === 0 || format.at === 'beginning') return this.until('', (text) => this.say(text));
        if (!this.until(format.trigger, (text) => this.say(text))) return false;
        this.waiting = format.trigger + this.waiting;
        const next = this.first({ name: format.open + format.begin });
        if (next === '') {
          // The letters of a tag that is a special token.
          this.skip(format.trigger);
          this.say(format.trigger);
        } else if (next !== undefined) this.go('name');
        return next !== undefined;
      }
      case 'name':
        return this.beginCall();
      case 'arguments':
        return this.readArguments();
      case 'end': {
        const next = this.first({ next: format.end });
        if (next === '' && !(this.ended && this.waiting === '' && format.separator === undefined))
          throw this.wrong('the call does not end');
        if (next !== undefined) this.go('next');
        return next !== undefined;
      }
      case 'next': {
        const more = format.separator === undefined ? undefined : format.separator + format.begin;
        const next = this.first({ name: more, rest: format.close });
        if (next === '') throw this.wrong('the calls do not end');
        if (next !== undefined) this.go(next, next === 'rest' ? 2 : 0);
        return next !== undefined;
      }
      case 'rest':
        return this.until('', (text) => this.say(text));
    }
  }

  private beginCall(): boolean {
    const { format, inputs } = this.syntax;
    const heads = [...inputs.keys()].map((name) => ({ name, head: name + format.middle }));
    if (!this.ended && heads.some(({ head }) => head.length > this.waiting.length && head.startsWith(this.waiting)))
      return false;
    const [call] = heads
      .filter(({ head }) => this.waiting.startsWith(head))
      .sort((a, b) => b.head.length - a.head.length);
    const input = inputs.get(call?.name ?? '');
    if (!call || !input) throw this.wrong('the turn calls a tool that is not there');
    this.skip(call.head);
    this.place = 'arguments';
    this.reader = format.arguments?.reader(input.acceptor);
    this.value = input.partial();
    this.json = '';
    this.last = '';
    this.object = this.syntax.output?.partial?.();
    this.list.push({ name: call.name, complete: false, input: undefined });
    return true;
  }

  private readArguments(): boolean {
    const call = this.list.at(-1);
    const { reader, value, waiting } = this;
    if (!call || !value) return false;
    const read = reader?.take(waiting, this.ended);
    const taken = read ? read.taken : value.push(waiting);
    if (read) value.push(read.json);
    this.json += read ? read.json : waiting.slice(0, taken);
    this.waiting = waiting.slice(taken);
    if (this.ended) value.end();
    call.input = value.value;
    if (!value.done) return false;
    call.input = this.syntax.inputs.get(call.name)?.parse(this.json);
    call.complete = true;
    this.place = 'end';
    return true;
  }

  /** Text that is the user's. */
  private say(text: string): void {
    this.text += text;
    this.last += text;
    try {
      this.object?.push(text);
    } catch (error) {
      // Words before a call are no object.
      if (!(error instanceof InfcError)) throw error;
      this.object = undefined;
    }
  }

  private go(place: Place, breaks = 0): void {
    this.place = place;
    this.breaks = breaks;
  }

  private skip(text: string): void {
    this.waiting = this.waiting.slice(text.length);
  }

  /** Which of several tags comes, and takes it; an empty text when none does, undefined while more must come to tell. */
  private first<P extends string>(tags: Readonly<Record<P, string | undefined>>): P | '' | undefined {
    const known = Object.entries<string | undefined>(tags).filter(
      (entry): entry is [P, string] => entry[1] !== undefined,
    );
    for (const [place, tag] of known) {
      if (this.waiting.startsWith(tag)) {
        this.skip(tag);
        return place;
      }
      if (!this.ended && tag.startsWith(this.waiting)) return undefined;
    }
    return '';
  }

  /** Gives what comes before a tag as it comes; true when the tag has come and is taken. Without a tag all that comes is given. */
  private until(tag: string, give: (text: string) => void): boolean {
    const at = tag === '' ? -1 : this.waiting.indexOf(tag);
    const sure = at >= 0 ? at : this.waiting.length - (this.ended ? 0 : overlap(this.waiting, tag));
    if (sure > 0) give(this.waiting.slice(0, sure));
    this.waiting = this.waiting.slice(at < 0 ? sure : at + tag.length);
    return at >= 0;
  }
}
