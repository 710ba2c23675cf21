import { Type } from '@sinclair/typebox';
import { toStandardJsonSchema } from '@valibot/to-json-schema';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { constrain } from '../../grammars/constrain.ts';
import { tools } from '../../grammars/tools/tools.ts';

describe('schema sources', () => {
  it('takes Zod, Valibot, ArkType, TypeBox and plain JSON Schema, with types', () => {
    const fromZod = constrain(z.object({ name: z.string(), tags: z.array(z.enum(['a', 'b'])).optional() }));
    expectTypeOf(fromZod.parse('{"name":"x"}')).toEqualTypeOf<{ name: string; tags?: ('a' | 'b')[] | undefined }>();
    expect(fromZod.accepts('{"name":"x","tags":["a"]}')).toBe(true);
    expect(fromZod.accepts('{"name":"x","tags":["c"]}')).toBe(false);
    const fromValibot = constrain(toStandardJsonSchema(v.object({ n: v.pipe(v.number(), v.minValue(3)) })));
    expectTypeOf(fromValibot.parse('{"n":3}')).toEqualTypeOf<{ n: number }>();
    expect([fromValibot.accepts('{"n":3}'), fromValibot.accepts('{"n":2}')]).toEqual([true, false]);
    const fromArk = constrain(type({ n: 'number.integer' }));
    expectTypeOf(fromArk.parse('{"n":1}')).toEqualTypeOf<{ n: number }>();
    expect(fromArk.accepts('{"n":1.5}')).toBe(false);
    const fromTypeBox = constrain(Type.Object({ ok: Type.Boolean() }));
    expectTypeOf(fromTypeBox.parse('{"ok":true}')).toEqualTypeOf<{ ok: boolean }>();
    expect(fromTypeBox.accepts('{"ok":true}')).toBe(true);
    const plain = constrain({
      type: 'object',
      properties: { a: { type: 'string' }, b: { enum: [1, 'x'] } },
      required: ['a'],
    });
    expectTypeOf(plain.parse('{"a":""}')).toEqualTypeOf<{ a: string; b?: 1 | 'x' }>();
  });

  it('follows references and allOf in the types of literal schemas', () => {
    const list = constrain({
      $defs: { point: { type: 'object', properties: { x: { type: 'number' } }, required: ['x'] } },
      type: 'array',
      items: { $ref: '#/$defs/point' },
    });
    expectTypeOf(list.parse('[]')).toEqualTypeOf<{ x: number }[]>();
    const tree = constrain({
      type: 'object',
      properties: { v: { type: 'number' }, children: { type: 'array', items: { $ref: '#' } } },
    });
    expectTypeOf(tree.parse('{}').children?.[0]?.children?.[0]?.v).toEqualTypeOf<number | undefined>();
    const both = constrain({
      type: 'object',
      properties: { a: { type: ['string', 'null'] } },
      required: ['a'],
      allOf: [{ type: 'object', properties: { b: { const: 1 } }, required: ['b'] }],
    });
    expectTypeOf(both.parse('{"a":"","b":1}')).toEqualTypeOf<{ a: string | null; b: 1 }>();
    const schema: Record<string, unknown> = { type: 'string' };
    expectTypeOf(constrain(schema).parse('""')).toEqualTypeOf<unknown>();
  });

  it('types the calls and the object of a turn, and runs transforms', async () => {
    const set = tools(
      {
        search: { input: z.object({ q: z.string().transform((q) => q.length) }), run: ({ q }) => q + 1 },
        now: { input: { type: 'object', properties: { zone: { enum: ['utc', 'local'] } }, required: ['zone'] } },
      },
      { output: constrain(z.object({ ok: z.boolean() })), turn: 'both' },
    );
    const turn = set.parse('<tool_call>\n{"name": "search", "arguments": {"q":"abc"}}\n</tool_call>\n{"ok":true}');
    expectTypeOf(turn.output).toEqualTypeOf<{ ok: boolean } | undefined>();
    expectTypeOf(turn.calls[0]).toEqualTypeOf<
      | { readonly name: 'search'; readonly input: { q: number } }
      | { readonly name: 'now'; readonly input: { zone: 'utc' | 'local' } }
      | undefined
    >();
    expect(turn.calls).toEqual([{ name: 'search', input: { q: 3 } }]);
    expect(await set.run(turn)).toEqual([{ name: 'search', result: 4 }]);
  });

  it('validates refinements that a constraint cannot know', () => {
    const c = constrain(z.object({ n: z.int() }).refine((value) => value.n % 7 === 0));
    expect(c.parse('{"n":14}')).toEqual({ n: 14 });
    expect(() => c.parse('{"n":15}')).toThrow(/INFC5015/);
    expect(() => c.parse('{"n":1')).toThrow(/INFC5026/);
  });

  it('refuses what is no schema, with a hint, rather than admit everything', () => {
    expect(() => constrain(/a+/)).toThrow(/INFC5001.*regex\(pattern\)/);
    expect(() => constrain('{"type":"string"}')).toThrow(/INFC5001.*Parse the JSON/);
    expect(() => constrain(Promise.resolve({}))).toThrow(/INFC5001.*Await/);
    expect(() => constrain(new Map())).toThrow(/INFC5001/);
    expect(() => constrain([])).toThrow(/INFC5001/);
    expect(() => constrain(null)).toThrow(/INFC5001/);
    expect(() => constrain(z.object({ at: z.date() }))).toThrow(/INFC5003.*zod.*Date/);
    expect(() => constrain(v.object({}))).toThrow(/INFC5003.*toStandardJsonSchema/);
  });

  it('refuses options that would be ignored', () => {
    const options = (text: string): object => JSON.parse(text);
    expect(() => constrain({}, options('{"whitespace":"none"}'))).toThrow(/INFC5027.*compact, bounded, json/);
    expect(() => constrain({}, options('{"onUnsuported":"relax"}'))).toThrow(/INFC5027.*onUnsupported/);
    expect(() => constrain.check({}, options('{"draft":2018}'))).toThrow(/INFC5027.*2019/);
  });

  it('lists keywords that constrain nothing', () => {
    const report = constrain.check({
      type: 'object',
      title: 'T',
      'x-order': 1,
      properties: {
        a: { type: 'string', minLenght: 3, format: 'e-mail' },
        b: { format: 'email', examples: ['a@b.c'] },
      },
    });
    expect(report.exact).toBe(true);
    expect(report.ignored).toEqual([
      { pointer: '/properties/a/minLenght', keyword: 'minLenght' },
      { pointer: '/properties/a/format', keyword: 'format', format: 'e-mail' },
    ]);
  });
});
