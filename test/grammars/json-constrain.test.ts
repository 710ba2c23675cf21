import { describe, expect, it } from 'vitest';
import { constrain } from '../../grammars/constrain.ts';
import { PartialJson } from '../../grammars/partial.ts';
import { vocabularyFromBytes } from '../../grammars/tokenizer/index.ts';
import { InfcError } from '../../runtime/errors.ts';
import { JSON_TEXTS, random, vocabularyOf } from './json-fixtures.ts';

const vocabulary = vocabularyOf(JSON_TEXTS);
const [eos = -1] = vocabulary.eos;

function commitText(matcher: ReturnType<ReturnType<typeof constrain>['matcher']>, text: string): void {
  for (const byte of new TextEncoder().encode(text)) matcher.commit(byte);
}

function failure(run: () => unknown): InfcError {
  try {
    run();
  } catch (error) {
    if (error instanceof InfcError) return error;
    throw error;
  }
  throw new Error('no error');
}

describe('check and errors', () => {
  it.each([
    ['a pattern', { items: { anyOf: [{ pattern: '(a)\\1' }] } }, 'INFC5005', '/items/anyOf/0/pattern'],
    ['a pattern of names', { items: { patternProperties: { '(': {} } } }, 'INFC5005', '/items/patternProperties/('],
    ['a type', { items: { $ref: '#/$defs/a' }, $defs: { a: { type: 'strin' } } }, 'INFC5001', '/$defs/a/type'],
    ['a reference', { items: { $ref: '#/nope' } }, 'INFC5004', '/items/$ref'],
    ['a reference in another schema', { items: { $ref: 'x:b' } }, 'INFC5004', '/$ref'],
  ])('%s that is wrong is told of before a text comes to it', (_, schema, code, pointer) => {
    const remotes = { 'x:b': { $ref: 'x:c' } };
    expect(failure(() => constrain(schema, { remotes }))).toMatchObject({ code, place: { pointer } });
    expect(constrain(schema, { remotes, onUnsupported: 'relax' }).accepts('[]')).toBe(true);
  });

  it('what no text comes to is not looked at', () => {
    const back = { pattern: '(a)\\1', type: 'nothing', $ref: '#/nope' };
    const schema = {
      type: 'object',
      properties: {
        a: { type: 'object', pattern: '(a)\\1' },
        b: { enum: [back] },
        type: { const: 'x' },
        pattern: true,
      },
      default: back,
      $defs: { back },
    };
    const text = JSON.stringify({ a: {}, b: back, type: 'x', pattern: '(' });
    expect(constrain(schema, { whitespace: 'compact' }).accepts(text)).toBe(true);
  });

  it('lists what is not exact, with pointers', () => {
    const report = constrain.check({
      properties: { a: { type: 'strin' }, b: { pattern: '(a)\\1' }, c: { $ref: '#/nope' } },
    });
    expect(report.exact).toBe(false);
    expect(report.unsupported.map((p) => [p.code, p.pointer, p.keyword]).sort()).toEqual([
      ['INFC5001', '/properties/a/type', 'type'],
      ['INFC5004', '/properties/c/$ref', '$ref'],
      ['INFC5005', '/properties/b/pattern', 'pattern'],
    ]);
    expect(constrain.check({ type: 'array', items: { type: 'integer' }, minItems: 2 })).toMatchObject({
      exact: true,
      satisfiable: true,
      shortest: 5,
    });
  });

  it('relaxes only on request, and says so', () => {
    const schema = { type: 'string', pattern: '^(a)\\1$' };
    expect(failure(() => constrain(schema)).code).toBe('INFC5005');
    const relaxed = constrain(schema, { onUnsupported: 'relax' });
    expect(relaxed.accepts('"b"')).toBe(true);
    expect(relaxed.report).toMatchObject([{ pointer: '/pattern', keyword: 'pattern' }]);
  });

  it.each([
    ['contradiction', { allOf: [{ type: 'string' }, { type: 'number' }] }, 'INFC5010'],
    [
      'recursion without base case',
      {
        $ref: '#/$defs/a',
        $defs: { a: { type: 'object', properties: { n: { $ref: '#/$defs/a' } }, required: ['n'] } },
      },
      'INFC5010',
    ],
    ['reference to itself', { $ref: '#' }, 'INFC5022'],
    ['invalid regex', { type: 'string', pattern: '(' }, 'INFC5005'],
    ['text that UTF-8 cannot spell', { const: '\ud800' }, 'INFC5010'],
    [
      'more distinct items than there are',
      { type: 'array', uniqueItems: true, minItems: 300, items: { type: 'integer', minimum: 0, maximum: 200 } },
      'INFC5010',
    ],
    ['no schema', 'string', 'INFC5001'],
  ])('%s gives a typed error', (_, schema, code) => {
    expect(failure(() => constrain(schema)).code).toBe(code);
  });
});

describe("draft 4's integers", () => {
  const $schema = 'http://json-schema.org/draft-04/schema#';

  it('are those without a point or exponent, also where other numbers are asked for', () => {
    for (const schema of [
      { $schema, oneOf: [{ type: 'integer' }, { type: 'number' }] },
      { $schema, type: 'number', not: { type: 'integer' } },
    ]) {
      const { acceptor } = constrain(schema);
      for (const text of ['1', '-10', '1.0', '12.50', '-0.0', '6e+7', '1e0', '2E-3']) {
        let state = acceptor.start;
        for (const byte of new TextEncoder().encode(text)) state = acceptor.step(state, byte);
        const isNumber = /[.eE]/.test(text);
        expect(acceptor.accepts(state), text).toBe(isNumber);
        // What claims to be over is over.
        expect(acceptor.shortest(state) === 0, text).toBe(isNumber);
      }
    }
    const whole = constrain({ $schema, type: 'integer' });
    expect(['7', '7.0', '7e0'].map((text) => whole.accepts(text))).toEqual([true, false, false]);
  });
});

describe('matcher', () => {
  const schema = {
    type: 'object',
    properties: {
      name: { type: 'string' },
      list: { type: 'array', items: { type: 'object', properties: { q: { type: 'number' } }, required: ['q'] } },
    },
    required: ['name', 'list'],
  } as const;

  it('explains, forces, rolls back and forks', () => {
    const c = constrain(schema, { whitespace: 'compact' });
    const m = c.matcher(vocabulary);
    expect(new TextDecoder().decode(m.forcedBytes())).toBe('{"name":"');
    commitText(m, '{"name":"x","list":[{"q":1');
    expect(m.explain(0x61)).toMatchObject({ allowed: false, accepted: 0 });
    expect(m.explain(0x61).expected).toContain('"}"');
    const fork = m.fork();
    commitText(fork, '2}]}');
    expect([fork.accepting, m.accepting]).toEqual([true, false]);
    fork.commit(eos);
    expect(fork.done).toBe(true);
    fork.rollback(3);
    expect([fork.done, fork.length]).toEqual([false, m.length + 2]);
    const again = c.matcher(vocabulary);
    commitText(again, '{"name":"x","list":[{"q":12}');
    expect(again.maskId()).toBe(fork.maskId());
    expect(failure(() => m.commit(0x61)).code).toBe('INFC5012');
    expect(failure(() => m.rollback(999)).code).toBe('INFC5013');
  });

  it('closes in time for every token budget', () => {
    const next = random(11);
    const c = constrain(schema);
    const least = c.matcher(vocabulary).minTokensToEnd();
    expect(failure(() => c.matcher(vocabulary, { maxTokens: least - 1 })).code).toBe('INFC5011');
    for (let extra = 0; extra < 24; extra++) {
      const matcher = c.matcher(vocabulary, { maxTokens: least + extra });
      const bytes: number[] = [];
      while (!matcher.done) {
        const words = matcher.mask();
        const options = vocabulary.bytes.map((_, t) => t).filter((t) => ((words[t >>> 5] ?? 0) >>> (t & 31)) & 1);
        const token = options[Math.floor(next() * options.length)];
        if (token === undefined) throw new Error(`dead end after ${Buffer.from(bytes).toString()}`);
        matcher.commit(token);
        bytes.push(...(vocabulary.bytes[token] ?? []));
      }
      expect(matcher.length).toBeLessThanOrEqual(least + extra);
      expect(c.accepts(Buffer.from(bytes).toString())).toBe(true);
    }
  });

  it('closes in time when tokens are refused lazily; what ends soonest is always taken', () => {
    const next = random(12);
    const c = constrain(schema);
    const least = c.matcher(vocabulary).minTokensToEnd();
    const listed = (words: Uint32Array): number[] =>
      vocabulary.bytes.map((_, t) => t).filter((t) => ((words[t >>> 5] ?? 0) >>> (t & 31)) & 1);
    for (let extra = 0; extra < 24; extra++) {
      const matcher = c.matcher(vocabulary, { maxTokens: least + extra, closing: 'lazily' });
      while (!matcher.done) {
        const soonest = listed(matcher.soonest());
        const whole = new Set(listed(matcher.closingMask()));
        expect(soonest.length).toBeGreaterThan(0);
        for (const t of soonest) {
          expect(whole.has(t)).toBe(true);
          expect(matcher.fork().tryCommit(t)).toBe(true);
        }
        const options = next() < 0.7 ? listed(matcher.mask()) : soonest;
        matcher.tryCommit(options[Math.floor(next() * options.length)] ?? -1);
      }
      expect(matcher.length).toBeLessThanOrEqual(least + extra);
    }
  });

  it('masks logits for a batch', () => {
    const processor = constrain({ enum: ['a', 'b'] }).asLogitsProcessor(vocabulary);
    const rows = [new Float32Array(vocabulary.size), new Float32Array(vocabulary.size)];
    processor.process([[], [0x22]], rows);
    expect([rows[0]?.[0x22], rows[0]?.[0x61], rows[1]?.[0x22], rows[1]?.[0x61]]).toEqual([
      0,
      Number.NEGATIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      0,
    ]);
  });

  it('is a function of token ids, prompt included, and a tensor of logits, as transformers.js calls it', () => {
    const processor = constrain({ enum: ['a', 'b'] }).asLogitsProcessor(vocabulary);
    const scores = (): { data: Float32Array; dims: number[] } => ({
      data: new Float32Array(2 * vocabulary.size),
      dims: [2, vocabulary.size],
    });
    const kept = ({ data }: { data: Float32Array }, row: number, token: number): boolean =>
      data[row * vocabulary.size + token] === 0;
    const prompt = [7n, 9n, 11n];
    const first = processor([prompt, prompt], scores());
    expect([kept(first, 0, 0x22), kept(first, 1, 0x22), kept(first, 1, 0x61)]).toEqual([true, true, false]);
    const then = processor(
      [
        [...prompt, 0x22n],
        [...prompt, 0x22n],
      ],
      scores(),
    );
    expect([kept(then, 0, 0x22), kept(then, 0, 0x61), kept(then, 1, 0x62)]).toEqual([false, true, true]);
    // A sequence that is done is filled up with end tokens while others of its batch go on.
    const ends = [...prompt, 0x22n, 0x61n, 0x22n, BigInt(eos)];
    const last = scores();
    processor._call([ends, [...prompt, 0x22n, 0x61n]], last);
    expect(
      Array.from({ length: vocabulary.size }, (_, token) => token).filter((token) => kept(last, 0, token)),
    ).toEqual([eos]);
    processor(
      [
        [...ends, BigInt(eos)],
        [...prompt, 0x22n, 0x61n, 0x22n],
      ],
      last,
    );
    expect(() => processor([prompt, prompt], scores())).toThrow(/INFC5030/);
    expect(() => processor([[]], { data: [1], dims: [1, 1] })).toThrow(/INFC5029|INFC5030/);
  });
});

describe('partial values', () => {
  it('follow the text wherever it is cut, and end equal to JSON.parse', () => {
    const text = JSON.stringify({ a: [1, -2.5e3, 'x\n"é😀'], b: { c: null, 'd/~': true }, e: '', f: [] });
    const bytes = new TextEncoder().encode(text);
    for (let cut = 1; cut < 7; cut++) {
      const partial = new PartialJson();
      for (let i = 0; i < bytes.length; i += cut) partial.pushBytes(bytes.subarray(i, i + cut));
      expect(partial.value).toEqual(JSON.parse(text));
      expect(partial.done).toBe(true);
      expect(partial.completed('/b/d~1~0')).toBe(true);
      expect(partial.completedPointers().at(-1)).toBe('');
    }
    const partial = new PartialJson<{ name: string }>();
    partial.push('{"name":"Zo\\u00');
    expect(partial.value).toEqual({ name: 'Zo' });
    expect(partial.completed('/name')).toBe(false);
    partial.push('eb"');
    expect(partial.value).toEqual({ name: 'Zoë' });
    expect(partial.completed('/name')).toBe(true);
  });
});

describe('a vocabulary that cannot spell every byte', () => {
  const schema = {
    type: 'object',
    properties: { ab: { enum: ['x', 'y'] } },
    required: ['ab'],
    additionalProperties: false,
  };
  const tokens = ['{', '"', 'a', 'b', ':', 'x', '}'];

  it('leads where its tokens go, and says so where they end', () => {
    const vocabulary = vocabularyFromBytes([...tokens, null], { eos: [tokens.length] });
    const matcher = constrain(schema, { whitespace: 'compact' }).matcher(vocabulary);
    for (const byte of '{"ab":"x"}') matcher.commit(tokens.indexOf(byte));
    expect(matcher.allows(tokens.length)).toBe(true);

    const short = vocabularyFromBytes([...tokens.slice(0, 3), ':', 'x', '}', null], { eos: [6] });
    const stuck = constrain(schema, { whitespace: 'compact' }).matcher(short);
    for (const token of [0, 1, 2]) stuck.commit(token);
    expect(() => stuck.mask()).toThrow(/INFC5017.*needs one of "b"/);
  });
});

it('a keyword that cannot be honoured is named once', () => {
  const { unsupported } = constrain.check({ properties: { a: { type: 'string', pattern: '(a)\\1' } } });
  expect(unsupported.map(({ code, pointer }) => [code, pointer])).toEqual([['INFC5005', '/properties/a/pattern']]);
});
