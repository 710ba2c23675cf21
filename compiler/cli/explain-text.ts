import type { Acceptor } from '../../grammars/matching/acceptor.ts';
import { type Explanation, Matcher } from '../../grammars/matching/matcher.ts';
import type { TokenMachine } from '../../grammars/matching/token-machine.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';
import { InfcError } from '../../runtime/errors.ts';
import { exitCodes } from '../diagnostics.ts';
import type { Io } from './io.ts';
import { countOf, formatCount } from './table.ts';

const SHOWN = 24;

/** Follows a text byte by byte to the first byte that cannot come, or says what may come next. */
export function followBytes(acceptor: Acceptor, text: string, io: Io): number {
  const bytes = new TextEncoder().encode(text);
  let state = acceptor.start;
  let at = 0;
  while (at < bytes.length) {
    const next = acceptor.step(state, bytes[at] ?? 0);
    if (next === 0) break;
    state = next;
    at++;
  }
  const decoder = new TextDecoder();
  const expected: string[] = [];
  for (let byte = 0; byte < 256; byte++)
    if (acceptor.step(state, byte) !== 0)
      expected.push(byte < 0x80 ? JSON.stringify(String.fromCharCode(byte)) : `0x${byte.toString(16)}`);
  const found = {
    status: at < bytes.length ? 'rejected' : acceptor.accepts(state) ? 'accepted' : 'prefix',
    offset: at,
    good: decoder.decode(bytes.subarray(0, at)),
    expected,
    bytesToEnd: acceptor.shortest(state),
  };
  const code = found.status === 'rejected' ? exitCodes.disagreement : exitCodes.ok;
  if (io.json) {
    io.out(JSON.stringify(found, null, 2));
    return code;
  }
  const { style } = io;
  const shown = some(expected);
  if (found.status === 'rejected') {
    io.out(`${style.green(found.good)}${style.red(decoder.decode(bytes.subarray(at)))}`);
    io.out(`Byte ${at} cannot come there. Possible: ${shown || 'the end only'}.`);
  } else if (found.status === 'accepted')
    io.out(`The text is complete.${expected.length > 0 ? ` It may go on with ${shown}.` : ''}`);
  else io.out(`A good beginning: at least ${countOf(found.bytesToEnd, 'more byte')}. Next: ${shown}.`);
  return code;
}

/** The same token by token, as a model with this vocabulary would write the text. */
export function followTokens(machine: TokenMachine, text: string, io: Io): number {
  const { vocabulary } = machine;
  const matcher = new Matcher(machine);
  const tokens: { id: number; text: string }[] = [];
  let refused: (Explanation & { id: number }) | undefined;
  for (const id of tokensOf(vocabulary, text)) {
    const explanation = matcher.explain(id);
    if (!explanation.allowed) {
      refused = { id, ...explanation };
      break;
    }
    matcher.commit(id);
    tokens.push({ id, text: explanation.text });
  }
  const words = matcher.mask();
  const allowed: number[] = [];
  for (let id = 0; id < vocabulary.size; id++) if (((words[id >>> 5] ?? 0) >>> (id & 31)) & 1) allowed.push(id);
  const found = {
    status: refused ? 'rejected' : matcher.accepting ? 'accepted' : 'prefix',
    tokens,
    ...(refused ? { refused } : {}),
    allowed: allowed.length,
    forced: matcher.forced(),
    minTokensToEnd: matcher.minTokensToEnd(),
  };
  const code = refused ? exitCodes.disagreement : exitCodes.ok;
  if (io.json) {
    io.out(JSON.stringify(found, null, 2));
    return code;
  }
  const { style } = io;
  const spelled = tokens.map((token) => JSON.stringify(token.text)).join(' ');
  io.out(`${style.green(spelled)}${refused ? ` ${style.red(JSON.stringify(refused.text))}` : ''}`);
  if (refused)
    io.out(`Token ${refused.id} (number ${tokens.length} of the text) cannot come there: ${refused.reason}.`);
  else io.out(matcher.accepting ? 'The text is complete.' : 'A good beginning.');
  io.out(
    `${countOf(allowed.length, 'token')} may come next: ${some(allowed.map((id) => JSON.stringify(matcher.explain(id).text)))}.`,
  );
  if (found.forced.length > 0)
    io.out(`Forced: ${found.forced.map((id) => JSON.stringify(matcher.explain(id).text)).join(' ')}.`);
  io.out(`The text can end after ${formatCount(found.minTokensToEnd)} more, the end token included.`);
  return code;
}

/** A text as the tokenizer spells it; greedily where it does not spell it exactly (a dummy space in front) or does not encode. */
function tokensOf(vocabulary: Vocabulary, text: string): number[] {
  const bytes = [...new TextEncoder().encode(text)];
  const ids = vocabulary.encode?.(text) ?? [];
  const spelled = ids.flatMap((id) => [...(vocabulary.bytes[id] ?? [])]);
  if (spelled.length === bytes.length && spelled.every((byte, i) => byte === bytes[i])) return ids;
  const byText = new Map<string, number>();
  let longest = 1;
  vocabulary.bytes.forEach((token, id) => {
    if (!token || token.length === 0) return;
    byText.set(token.join(), id);
    longest = Math.max(longest, token.length);
  });
  const out: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    let length = Math.min(longest, bytes.length - at);
    while (length > 0 && !byText.has(bytes.slice(at, at + length).join())) length--;
    if (length === 0)
      throw new InfcError('INFC5204', 'the vocabulary cannot spell this text', {
        offset: at,
        fix: 'Use a tokenizer with byte fallback',
      });
    out.push(byText.get(bytes.slice(at, at + length).join()) ?? 0);
    at += length;
  }
  return out;
}

function some(list: readonly string[]): string {
  return list.slice(0, SHOWN).join(' ') + (list.length > SHOWN ? ` and ${formatCount(list.length - SHOWN)} more` : '');
}
