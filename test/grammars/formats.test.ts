import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { domainToASCII } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Draft, formatLanguage } from '../../grammars/formats/index.ts';
import { createRegexEngine } from '../../grammars/regex/index.ts';

const shared = process.env.INFC_SHARED ?? join(import.meta.dirname, '../../../shared');
const suite = join(shared, 'conformance/json-schema-test-suite-dev.tar.gz');

describe('formats', () => {
  const engine = createRegexEngine();
  const valid = (name: string, text: string) =>
    engine.matches(formatLanguage(engine, name, '2020-12') ?? engine.empty, text);

  it('knows the length of months and where a leap second can be', () => {
    expect(valid('date', '2024-02-29')).toBe(true);
    expect(valid('date', '2000-02-29')).toBe(true);
    expect(valid('date', '1900-02-29')).toBe(false);
    expect(valid('date', '2023-04-31')).toBe(false);
    for (let minutes = 0; minutes < 1440; minutes += 7) {
      const clock = (total: number) =>
        `${String(Math.floor(total / 60)).padStart(2, '0')}:${String(total % 60).padStart(2, '0')}`;
      expect(valid('time', `${clock((1439 + minutes) % 1440)}:60+${clock(minutes)}`)).toBe(true);
      expect(valid('time', `${clock((2879 - minutes) % 1440)}:60-${clock(minutes)}`)).toBe(true);
      expect(valid('time', `${clock((1438 + minutes) % 1440)}:60+${clock(minutes)}`)).toBe(false);
    }
  });

  it('keeps the Punycode of international labels within 63 octets', () => {
    const lang = formatLanguage(engine, 'idn-hostname', '2020-12') ?? engine.empty;
    let seed = 3;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return (seed >> 8) % below;
    };
    const alphabets = [
      [0xe0, 0xff],
      [0x3b1, 0x3c9],
      [0x430, 0x44f],
      [0x4e00, 0x9fa5],
      [0xac00, 0xd7a3],
      [0x20000, 0x2a6d6],
      [0x61, 0x7a],
    ];
    let members = 0;
    for (let i = 0; i < 3000; i++) {
      const mixed = random(3) === 0;
      let [low = 0, high = 0] = alphabets[random(alphabets.length)] ?? [];
      const label = Array.from({ length: 1 + random(30) }, () => {
        if (mixed) [low = 0, high = 0] = alphabets[random(alphabets.length)] ?? [];
        return String.fromCodePoint(low + random(high - low + 1));
      }).join('');
      if (!engine.matches(lang, label)) continue;
      members++;
      expect([label, domainToASCII(label).length <= 63]).toEqual([label, true]);
    }
    expect(members).toBeGreaterThan(500);
  });

  it('leaves unknown names to the annotations', () => {
    expect(formatLanguage(engine, 'color-name', '2020-12')).toBeUndefined();
    expect(formatLanguage(engine, 'constructor', '2020-12')).toBeUndefined();
  });

  it('accepts only regular expressions that RegExp accepts', () => {
    for (const source of ['^a+$', '([a-z]+|\\d{2,}){0,3}?', '(?=a)(?<n>b)', '[^-a]', '[-]', '[\\w\\-]', '']) {
      expect(valid('regex', source)).toBe(true);
      expect(() => new RegExp(source, 'u')).not.toThrow();
    }
    for (const source of ['(', 'a**', '[b-a]', '\\a', '(?<n>a)(?<n>b)', 'a{2,1}', '[]]'])
      expect(valid('regex', source)).toBe(false);
  });

  it.skipIf(!existsSync(suite))(
    `passes at least 96 % of the optional format tests (needs ${suite})`,
    () => {
      const counts = { right: 0, wrong: 0, unsound: 0 };
      for (const draft of ['4', '6', '7', '2019-09', '2020-12'] satisfies Draft[]) {
        const listing = execFileSync('tar', ['tzf', suite], { encoding: 'utf8' }).split('\n');
        const files = listing.filter(
          (path) => path.includes(`tests/draft${draft}/optional/format/`) && path.endsWith('.json'),
        );
        for (const file of files) {
          const groups: { schema: { format?: string }; tests: { data: unknown; valid: boolean }[] }[] = JSON.parse(
            execFileSync('tar', ['xzOf', suite, file], { encoding: 'utf8' }),
          );
          for (const { schema, tests } of groups) {
            const lang = schema.format === undefined ? undefined : formatLanguage(engine, schema.format, draft);
            for (const test of tests) {
              const accepted = lang === undefined || typeof test.data !== 'string' || engine.matches(lang, test.data);
              counts[accepted === test.valid ? 'right' : 'wrong']++;
              if (accepted && !test.valid) counts.unsound++;
            }
          }
        }
      }
      expect(counts.right / (counts.right + counts.wrong)).toBeGreaterThan(0.96);
      expect(counts.unsound).toBe(0);
    },
    60_000,
  );
});
