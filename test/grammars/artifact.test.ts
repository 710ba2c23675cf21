import { describe, expect, expectTypeOf, it } from 'vitest';
import { compileConstraint, compileConstraintInTurns } from '../../grammars/artifact/artifact.ts';
import { openArtifact } from '../../grammars/artifact/artifact-machine.ts';
import { constrain, type FromJsonSchema, regex, tools, vocabularyFromBytes } from '../../grammars/index.ts';
import type { TokenMachine } from '../../grammars/matching/token-machine.ts';
import type { Output, ValueOf } from '../../runtime/generate/api.ts';

const WORDS = ['{"', '":', '": "', '", "', '"}', 'name', 'age', '12', 'tr', 'true', 'é', ' ', ', ', 'abc def'];
const bytes = [...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)), ...WORDS, null, null];
const special = { '</s>': 256 + WORDS.length, '<tool_call>': 257 + WORDS.length };
const vocabulary = vocabularyFromBytes(bytes, { special, eos: ['</s>'] });
const closed = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 8 }, age: { type: 'integer', minimum: 0, maximum: 120 } },
  required: ['name'],
  additionalProperties: false,
} as const;

const listed = { enum: Array.from({ length: 20 }, (_, i) => ({ age: i % 7, tags: [`t${i}`, { a: i % 3 }] })) };

/** Walks both machines over random allowed tokens and compares everything that can be seen. */
function compare(live: TokenMachine, loaded: TokenMachine, walks: number): number {
  let seed = 7;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >> 8) % below;
  };
  let states = 0;
  for (let walk = 0; walk < walks; walk++) {
    let a = live.start;
    let b = loaded.start;
    for (let i = 0; i < 40; i++) {
      const words = Array.from(live.pool.view(live.mask(a)));
      expect(Array.from(loaded.pool.view(loaded.mask(b)))).toEqual(words);
      expect([loaded.accepts(b), loaded.shortest(b)]).toEqual([live.accepts(a), live.shortest(a)]);
      states++;
      const allowed = bytes
        .map((_, token) => token)
        .filter((token) => ((words[token >>> 5] ?? 0) >>> (token & 31)) & 1 && !vocabulary.eos.includes(token));
      const token = allowed[random(allowed.length || 1)];
      if (token === undefined) break;
      const text = vocabulary.bytes[token];
      a = text ? live.run(a, text) : (live.special?.(a, token) ?? 0);
      b = text ? loaded.run(b, text) : (loaded.special?.(b, token) ?? 0);
    }
  }
  return states;
}

describe('ahead-of-time artifacts', () => {
  it('are the same machine as the live one: schemas, regular expressions, tools', () => {
    for (const machine of [
      constrain(closed).masks(vocabulary),
      constrain(listed).masks(vocabulary),
      regex(/(abc|é+ )*true/u).masks(vocabulary),
      tools({ now: { input: { type: 'object', properties: {}, additionalProperties: false } } }).masks(vocabulary),
    ]) {
      const { bytes: file, report } = compileConstraint(machine, { complete: true });
      expect(report.complete).toBe(true);
      expect(compare(machine, openArtifact(file, vocabulary), 60)).toBeGreaterThan(100);
      expect(compileConstraint(machine, { complete: true }).bytes).toEqual(file);
    }
  });

  it('merge equivalent states', () => {
    const { report } = compileConstraint(regex(/(?:a[ab]|ba|bb)(?:c|d){2}/).masks(vocabulary));
    expect(report.states).toBe(5);
  });

  it('are used as a live constraint is', () => {
    const bytes = compileConstraint(constrain(closed, { whitespace: 'compact' }).masks(vocabulary)).bytes;
    const Person = constrain.static<FromJsonSchema<typeof closed>>(bytes);
    expect(Person.complete).toBe(true);
    const matcher = Person.matcher(vocabulary, { maxTokens: 20 });
    for (const byte of new TextEncoder().encode('{"name":"abc"}')) matcher.commit(byte);
    expect(matcher.allows(special['</s>'])).toBe(true);
    matcher.rollback(1);
    expect(matcher.allows(special['</s>'])).toBe(false);
    expectTypeOf(Person.parse('{"name":"a"}').name).toEqualTypeOf<string>();
    expectTypeOf<ValueOf<typeof Person>>().toEqualTypeOf<{ name: string; age?: number }>();
    const output: Output = Person;
    expect(output.parse?.('{"name":"abc","age":3}')).toEqual({ name: 'abc', age: 3 });
    expect(() => Person.parse('{"name":')).toThrow(/INFC5026/);
    expect(Person.masks(vocabulary)).toBe(Person.masks(vocabulary));
    // transformers.js: the prompt is what the sequences hold at first.
    const processor = Person.asLogitsProcessor(vocabulary);
    const scores = { data: new Float32Array(vocabulary.size), dims: [1, vocabulary.size] };
    processor([[1, 2, 3]], scores);
    expect(Array.from(scores.data).flatMap((score, token) => (score === 0 ? [token] : []))).toEqual([0x7b, 256]);
    const partial = Person.partial();
    partial.push('{"name":"a');
    expect(partial.value).toEqual({ name: 'a' });
  });

  it('give the text itself where the constraint is no schema', () => {
    const word = constrain.static<string>(compileConstraint(regex(/[a-z]+/).masks(vocabulary)).bytes);
    expect(word.parse('abc')).toBe('abc');
  });

  it('nest without end, and are complete where objects are open', () => {
    const tree = { $ref: '#/$defs/tree', $defs: { tree: { type: 'array', items: { $ref: '#/$defs/tree' } } } };
    const open = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
    const map = { type: 'object', additionalProperties: { anyOf: [{ type: 'integer' }, { $ref: '#' }] } };
    for (const schema of [tree, open, map, true]) {
      const live = constrain(schema, { repeats: 'unlisted' }).masks(vocabulary);
      const { bytes: file, report } = compileConstraint(live);
      expect(report.complete).toBe(true);
      expect(report.states).toBeLessThan(800);
      const loaded = openArtifact(file, vocabulary);
      expect(compare(constrain(schema, { repeats: 'unlisted' }).masks(vocabulary), loaded, 150)).toBeGreaterThan(1000);
      const deep = new TextEncoder().encode('['.repeat(5000));
      if (schema === tree || schema === true) {
        const state = loaded.run(loaded.start, deep);
        expect(loaded.shortest(state)).toBe(5000);
        expect(loaded.pool.has(loaded.mask(state), 0x5d)).toBe(true);
      }
    }
  });

  it('hold all of an email address, whose lengths are counted', () => {
    const email = () => constrain({ type: 'string', format: 'email' }).masks(vocabulary);
    const { bytes: file, report } = compileConstraint(email());
    expect(report.complete).toBe(true);
    compare(email(), openArtifact(file, vocabulary), 40);
  });

  it('fall back to the live constraint beyond their states', () => {
    const distinct = {
      type: 'object',
      properties: { tags: { type: 'array', uniqueItems: true, items: { type: 'string' } }, name: { type: 'string' } },
    };
    const live = constrain(distinct).masks(vocabulary);
    expect(() => compileConstraint(live, { maxStates: 100, complete: true })).toThrow(/INFC5501/);
    const { bytes: file, report } = compileConstraint(live, { maxStates: 100 });
    expect(report.complete).toBe(false);
    expect(report.states).toBeLessThanOrEqual(100);
    const fresh = constrain(distinct).masks(vocabulary);
    compare(live, openArtifact(file, vocabulary, { fallback: () => fresh }), 60);
    const alone = openArtifact(file, vocabulary);
    expect(() => alone.run(alone.start, new TextEncoder().encode('{"tags": ["a"'))).toThrow(/INFC5504/);
    const few = { type: 'array', uniqueItems: true, items: { enum: ['a', 'b', 'c'] } };
    expect(compileConstraint(constrain(few, { whitespace: 'compact' }).masks(vocabulary)).report.complete).toBe(true);
  });

  it('are compiled in turns, say how far they are, and stop when told', async () => {
    const masks = () => constrain({ type: 'array', items: { type: 'integer' } }).masks(vocabulary);
    const phases = new Set<string>();
    const onProgress = ({ phase, done, total }: { phase: string; done: number; total: number }): void => {
      phases.add(phase);
      expect(done).toBeLessThanOrEqual(total);
    };
    const { bytes: file } = await compileConstraintInTurns(masks(), { onProgress });
    expect([...phases]).toEqual(['states', 'masks']);
    expect(file).toEqual(compileConstraint(masks()).bytes);
    let asked = 0;
    const signal = {
      get aborted() {
        return ++asked > 10;
      },
    };
    expect(() => compileConstraint(masks(), { signal })).toThrow(/INFC5023/);
    await expect(compileConstraintInTurns(masks(), { signal })).rejects.toThrow(/INFC5023/);
  });

  it('refuse damage, other versions and other vocabularies', () => {
    const { bytes: file } = compileConstraint(regex(/a+b/).masks(vocabulary));
    for (let bit = 0; bit < 8 * file.length; bit += 97) {
      const broken = file.slice();
      broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => openArtifact(broken, vocabulary)).toThrow(/INFC550[23]/);
    }
    expect(() => openArtifact(file.subarray(0, 100), vocabulary)).toThrow(/INFC5502/);
    const other = vocabularyFromBytes([...bytes.slice(0, -1), 'x'], {
      special: { '</s>': special['</s>'] },
      eos: ['</s>'],
    });
    expect(() => openArtifact(file, other)).toThrow(/INFC5503/);
    const shifted = new Uint8Array(file.length + 1);
    shifted.set(file, 1);
    expect(openArtifact(shifted.subarray(1), vocabulary).start).toBe(1);
  });
});
