import { expect, it } from 'vitest';
import type { Acceptor } from '../../grammars/matching/acceptor.ts';
import { Matcher } from '../../grammars/matching/matcher.ts';
import { AcceptorMasks } from '../../grammars/matching/token-machine.ts';
import { vocabularyTrie } from '../../grammars/matching/trie.ts';
import { vocabularyFromBytes } from '../../grammars/tokenizer/index.ts';

it('looks for no loop in states that remember what was read', () => {
  const letters = [...'abcdefgh'];
  const texts = letters.flatMap((a) => letters.flatMap((b) => [a + b, `${a + b}c`]));
  const vocabulary = vocabularyFromBytes([...letters, ...texts, null], { special: { end: 136 }, eos: [136] });
  const states = ['', 'start'];
  let steps = 0;
  const names: Acceptor = {
    start: 1,
    step(state, byte) {
      steps++;
      if (byte < 0x61 || byte > 0x7a) return 0;
      const text = (states[state] ?? '') + String.fromCharCode(byte);
      const known = states.indexOf(text);
      return known >= 0 ? known : states.push(text) - 1;
    },
    accepts: () => true,
    shortest: () => 0,
  };
  const masks = new AcceptorMasks(names, vocabulary);
  const matcher = new Matcher(masks, { maxTokens: 2 });
  steps = 0;
  matcher.mask();
  expect(steps).toBeLessThan(3 * vocabularyTrie(vocabulary).count);
});
