import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type HostTensor, load, PLAN_MAJOR, parsePlan, tensor } from '../../runtime/index.ts';

// Plans that released versions wrote: every later runtime of the same major version must play them. They are never rewritten.
const archive = new URL('./archive/', import.meta.url);

const keep = ([v]: readonly unknown[], attrs: Readonly<Record<string, unknown>>) => {
  const data = ((v as HostTensor).data as Float32Array).filter((e) => e > Number(attrs.above));
  return [tensor('f32', [data.length], data)];
};

describe('archived plans', () => {
  it.each(readdirSync(archive))('%s still plays', async (version) => {
    await using model = await load(new URL(`${version}/`, archive), {
      threads: 1,
      hostOps: { keep },
      symbols: { n: 2 },
    });
    const first = await model.run({ x: [1, 2], flag: [true], trip: [2] });
    expect(first.all).toEqual(tensor('f32', [2, 2], [1.5, 2.25, 2, 2.5]));
    expect(first.y?.data).toEqual(Float32Array.of(4, 6.25));
    expect(first.z).toEqual(tensor('f32', [1], [6.25 ** 2]));
    expect(first.s?.data).toEqual(Float32Array.of(4, 6.25));
    const second = await model.run({ x: [5, 6], flag: [false], trip: [0] });
    expect(second.z).toEqual(tensor('f32', [2], [10, 12]));
    expect(second.s?.data).toEqual(Float32Array.of(9, 12.25));
  });

  it('are refused when their version is newer, and when they are no plans', async () => {
    const plan = JSON.parse(readFileSync(new URL('1.0/plan.json', archive), 'utf8'));
    expect(() => parsePlan({ ...plan, minor: 99 })).not.toThrow();
    expect(() => parsePlan({ ...plan, infc: PLAN_MAJOR + 1 })).toThrow(/INFC6001.*version 3.*Update infc/);
    for (const wrong of [null, 3, [], {}, { infc: '1' }, { infc: 1 }])
      expect(() => parsePlan(wrong)).toThrow('INFC6002');
    const cyclic = { ...plan, buffers: [{ role: 'alias', dtype: 'f32', shape: [], of: 0 }] };
    expect(() => parsePlan(cyclic)).toThrow('INFC6002');
    await expect(load({ plan: new TextEncoder().encode('{') })).rejects.toThrow('INFC6002');
  });
});
