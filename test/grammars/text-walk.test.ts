import { expect, test } from 'vitest';
import { addChar, CHAR_WORDS, charBit } from '../../grammars/json/masks/char-bits.ts';
import { ROUND } from '../../grammars/json/masks/char-loops.ts';
import { type TextStates, walkText } from '../../grammars/json/masks/text-walk.ts';
import { buildTrie } from '../../grammars/matching/trie.ts';

test('a walk that a state breaks off leaves nothing to the next', () => {
  const text = buildTrie([{ bytes: new TextEncoder().encode('aaa'), tokens: [0] }]);
  const set = new Int32Array(CHAR_WORDS);
  addChar(set, charBit(0x61));
  const found = new Int32Array(4);
  const walk = (start: number, counts: ReadonlyMap<number, number>, step: TextStates['step']): number => {
    const scratch = { leafAt: new Int32Array(8), onLoop: new Uint8Array(8) };
    scratch.leafAt[0] = start;
    const loop = { set, exits: new Int32Array(CHAR_WORDS), count: 1, counts };
    return walkText(
      { step, whole: () => false, round: () => new Int32Array(CHAR_WORDS) },
      [],
      text,
      scratch,
      loop,
      Uint32Array.of(1),
      found,
      0,
    );
  };
  const refused = (): number => {
    throw new Error('refused');
  };
  expect(() => walk(5, new Map([[5, ROUND]]), refused)).toThrow('refused');
  // State 6 leads to state 5, which takes no other: the token of the base does not come.
  expect(walk(6, new Map([[6, 1]]), (leaf) => (leaf === 6 ? 5 << 2 : 0))).toBe(1);
});
