import { describe, expect, it } from 'vitest';
import { constrain, tools } from '../../grammars/index.ts';
import { JSON_TEXTS, vocabularyOf } from './json-fixtures.ts';

describe('a constraint that many texts are matched with', () => {
  it('begins afresh when they have left much behind, unnoticed by matchers at work and by who keeps masks by id', () => {
    const vocabulary = vocabularyOf([...JSON_TEXTS, '","",', '","\\']);
    const constraint = constrain({ type: 'array', items: { type: 'string' }, uniqueItems: true });
    const first = constraint.matcher(vocabulary);
    const { acceptor } = constraint;
    /** By id, the mask that it is. */
    const masks = new Map<number, string>();
    const read = (matcher: typeof first): void => {
      const id = matcher.maskId();
      const text = matcher.mask().join();
      expect(masks.get(id) ?? text).toBe(text);
      masks.set(id, text);
    };
    const write = (matcher: typeof first, text: string): void => {
      for (const byte of Buffer.from(text)) {
        read(matcher);
        matcher.commit(byte);
      }
    };
    write(first, '["a');
    let renewed = 0;
    let last = acceptor;
    for (let doc = 0; doc < 40 && renewed < 2; doc++) {
      const items = Array.from({ length: 25 }, (_, i) => `item ${doc * 25 + i}`);
      const matcher = constraint.matcher(vocabulary);
      write(matcher, JSON.stringify(items));
      read(matcher);
      expect(matcher.explain(0x2c).allowed).toBe(false);
      if (constraint.acceptor !== last) renewed++;
      last = constraint.acceptor;
    }
    expect(renewed).toBe(2);
    write(first, '","b"');
    expect(first.explain(0x2c).allowed).toBe(true);
    expect(constraint.accepts('["a","a"]')).toBe(false);
  });

  it('does so within the calls of tools too, and leaves little behind for a token', () => {
    const vocabulary = vocabularyOf([...JSON_TEXTS, '","",', '","\\', ')"]}', '}"]}', '"]}}']);
    const input = {
      type: 'object',
      properties: { tags: { type: 'array', items: { type: 'string' }, uniqueItems: true } },
    };
    const calls = tools({ tag: { input } }, { choice: 'required' });
    const first = calls.acceptor;
    for (let doc = 0; doc < 30 && calls.acceptor === first; doc++) {
      const matcher = calls.matcher(vocabulary);
      const tags = Array.from({ length: 25 }, (_, i) => `tag ${doc * 25 + i}`);
      const call = `<tool_call>\n{"name": "tag", "arguments": ${JSON.stringify({ tags })}}\n</tool_call>`;
      for (const byte of Buffer.from(call)) {
        matcher.mask();
        matcher.commit(byte);
      }
      expect(calls.accepts(call)).toBe(true);
      expect(calls.accepts(call.replace('tag 1"', 'tag 0"'))).toBe(doc > 0);
    }
    expect(calls.acceptor).not.toBe(first);
  });
});
