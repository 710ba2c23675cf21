import type { Constraint } from '../../grammars/constrain.ts';
import { ENDING_FIRST } from '../../grammars/matching/acceptor.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';

/** A random token of the mask; of the first ones (single bytes, punctuation) half of the time. */
export function choose(next: () => number, words: Uint32Array, size: number): number {
  const short = next() < 0.5;
  for (let tries = 0; tries < 200; tries++) {
    const token = Math.floor(next() * (short ? Math.min(size, 300) : size));
    if ((((words[token >>> 5] ?? 0) >>> (token & 31)) & 1) === 1) return token;
  }
  const from = Math.floor(next() * words.length);
  for (let i = 0; i < words.length; i++) {
    const at = (from + i) % words.length;
    const word = words[at] ?? 0;
    if (word !== 0) return at * 32 + 31 - Math.clz32(word & -word);
  }
  return -1;
}

/** Takes random tokens until the text ends or there are enough; then, without a limit of tokens, the bytes that end it soonest. */
export function randomWalk(
  next: () => number,
  constraint: Constraint,
  vocabulary: Vocabulary,
  maxTokens: number | undefined,
  closing: 'masks' | 'lazily' = 'masks',
): Uint8Array[] {
  const matcher = constraint.matcher(vocabulary, maxTokens === undefined ? {} : { maxTokens, closing });
  const pieces: Uint8Array[] = [];
  const { acceptor } = constraint;
  let state = acceptor.start;
  const take = (token: number): void => {
    const bytes = vocabulary.bytes[token];
    if (!bytes) return;
    pieces.push(bytes);
    for (const byte of bytes) state = acceptor.step(state, byte);
  };
  const most = Math.floor(next() * 60);
  while (!matcher.done && (maxTokens !== undefined || matcher.length < most)) {
    let token = choose(next, matcher.mask(), vocabulary.size);
    // Where masks leave the limit aside, tokens are tried, as generators do.
    for (let tries = 0; token >= 0 && !matcher.tryCommit(token); tries++)
      token =
        tries < 8 ? choose(next, matcher.mask(), vocabulary.size) : choose(next, matcher.soonest(), vocabulary.size);
    if (token < 0) throw new Error(`dead end after ${Buffer.concat(pieces).toString()}`);
    take(token);
  }
  while (!acceptor.accepts(state)) {
    const left = acceptor.shortest(state);
    const byte = ENDING_FIRST.find((b) => acceptor.shortest(acceptor.step(state, b)) < left);
    if (byte === undefined) throw new Error(`no way out after ${Buffer.concat(pieces).toString()}`);
    const token = singles(vocabulary)[byte] ?? -1;
    matcher.commit(token);
    take(token);
  }
  if (!matcher.done) matcher.commit(vocabulary.eos[0] ?? -1);
  return pieces;
}

const singleBytes = new WeakMap<Vocabulary, readonly number[]>();
function singles(vocabulary: Vocabulary): readonly number[] {
  let list = singleBytes.get(vocabulary);
  if (!list) {
    const found: number[] = [];
    vocabulary.bytes.forEach((bytes, id) => {
      if (bytes?.length === 1) found[bytes[0] ?? 0] = id;
    });
    list = found;
    singleBytes.set(vocabulary, list);
  }
  return list;
}

/** RFC 5321's Mailbox, at most 64 and 255 octets on the two sides (section 4.5.3.1), written apart from infc's. */
export function isMailbox(text: string): boolean {
  const at = text.lastIndexOf('@');
  const atom = "[\\w!#$%&'*+/=?^`{|}~-]+";
  const local = new RegExp(`^(?:"(?:[ !#-\\[\\]-~]|\\\\[ -~])*"|${atom}(?:\\.${atom})*)$`);
  const label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?';
  const domain = new RegExp(`^(?:\\[.*\\]|${label}(?:\\.${label})*)$`, 'i');
  if (at < 0 || at > 64 || text.length - at - 1 > 255) return false;
  return local.test(text.slice(0, at)) && domain.test(text.slice(at + 1));
}
