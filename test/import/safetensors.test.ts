import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../compiler/import/byte-source.ts';
import { openSafetensors } from '../../compiler/import/safetensors.ts';
import { InfcError } from '../../runtime/errors.ts';

const shared = process.env.INFC_SHARED ?? resolve(import.meta.dirname, '../../../shared');
const casesFile = resolve(shared, 'conformance/safetensors-cases-dev.json');

function file(header: string, data = new Uint8Array(0)): Uint8Array {
  const text = new TextEncoder().encode(header);
  const out = new Uint8Array(8 + text.byteLength + data.byteLength);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.byteLength), true);
  out.set(text, 8);
  out.set(data, 8 + text.byteLength);
  return out;
}

const open = (bytes: Uint8Array) => openSafetensors(memorySource('m.safetensors', bytes));

describe('safetensors', () => {
  it('reads tensors, metadata and odd names', () => {
    const header =
      '{"__metadata__":{"k":"v"},"__proto__":{"dtype":"I16","shape":[2],"data_offsets":[0,4]},"a":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[4,7]}}';
    const f = open(file(header, Uint8Array.of(1, 0, 2, 0, 9, 9, 9)));
    expect([...f.metadata]).toEqual([['k', 'v']]);
    expect([...f.constant('__proto__').read()]).toEqual([1, 0, 2, 0]);
    expect(() => f.constant('a')).toThrow(/INFC1073.*F6_E2M3/);
  });

  it('reads the header and the wanted ranges only', () => {
    const bytes = file('{"a":{"dtype":"U8","shape":[100],"data_offsets":[0,100]}}', new Uint8Array(100).fill(7));
    const reads: [number, number][] = [];
    const source = {
      name: 'm',
      bytes: bytes.byteLength,
      read: (offset: number, length: number) => {
        reads.push([offset, length]);
        return bytes.subarray(offset, offset + length);
      },
    };
    const f = openSafetensors(source);
    const headerBytes = bytes.byteLength - 108;
    expect(reads).toEqual([
      [0, 8],
      [8, headerBytes],
    ]);
    f.constant('a').read();
    expect(reads[2]).toEqual([8 + headerBytes, 100]);
  });

  it('names the file, the byte, the reason and a fix', () => {
    const e = (() => {
      try {
        open(file('{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}', new Uint8Array(8)));
      } catch (x) {
        return x;
      }
    })();
    expect(e).toBeInstanceOf(InfcError);
    expect(e).toMatchObject({ code: 'INFC1071', place: { file: 'm.safetensors', offset: 37 } });
    expect(String(e)).toMatch(/non-negative integer.*complete/);
  });
});

/** Cases published with the format's reference behaviour; they lie beside the project, not in it. */
describe.skipIf(!existsSync(casesFile))(`safetensors conformance (${casesFile})`, () => {
  interface Case {
    readonly name: string;
    readonly rule: string;
    readonly ref: 'accept' | 'reject';
    readonly b64: string;
  }
  const cases: Case[] = existsSync(casesFile) ? JSON.parse(readFileSync(casesFile, 'utf8')) : [];
  it.each(cases.map((c) => [c.name, c] as const))('%s', (_name, c) => {
    const bytes = new Uint8Array(Buffer.from(c.b64, 'base64'));
    if (c.ref === 'accept') {
      const f = open(bytes);
      for (const t of f.tensors.values()) expect(t.end).toBeLessThanOrEqual(bytes.byteLength);
    } else expect(() => open(bytes), c.rule).toThrow(InfcError);
  });
});
