import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseArgs } from '../../compiler/cli/args.ts';
import { allCodes } from '../../compiler/cli/codes.ts';
import { commands } from '../../compiler/cli/commands.ts';
import { editDistance, exitCodes, nearest, outcomeOf, toInfcError } from '../../compiler/diagnostics.ts';
import { InfcError } from '../../runtime/errors.ts';
import { infc } from './capture.ts';

describe('command line', () => {
  it('lists every visible command in the help', async () => {
    const { code, out } = await infc(['--help']);
    expect(code).toBe(0);
    for (const c of commands) expect(out.includes(`  ${c.name} `)).toBe(!c.hidden);
  });

  it('has help with options and examples for every command', async () => {
    for (const c of commands) {
      const { code, out } = await infc([c.name, '--help']);
      expect(code).toBe(0);
      for (const option of Object.keys(c.options)) expect(out).toContain(`--${option}`);
      for (const example of c.examples) expect(out).toContain(example);
      expect(c.hidden || c.examples.length > 0).toBe(true);
    }
  });

  it('suggests the command and the option that were meant', async () => {
    const command = await infc(['dcotor']);
    expect(command.code).toBe(exitCodes.usage);
    expect(command.err).toContain("Did you mean 'infc doctor'?");
    const option = await infc(['doctor', '--jsn']);
    expect(option.code).toBe(exitCodes.usage);
    expect(option.err).toContain('Did you mean --json?');
  });

  it('prints errors as JSON with --json and nothing else', async () => {
    const { code, out, err } = await infc(['nothing', '--json']);
    expect(code).toBe(exitCodes.usage);
    expect(err).toBe('');
    expect(JSON.parse(out)).toMatchObject({ ok: false, outcome: 'usage', error: { code: 'INFC8001' } });
  });

  it('explains a code with what it says and how to fix it', async () => {
    const { code, out } = await infc(['explain', 'infc8001']);
    expect(code).toBe(0);
    expect(out).toContain('unknown command');
    const unknown = await infc(['explain', 'INFC8991']);
    expect(unknown.code).toBe(exitCodes.usage);
  });

  it('starts a plugin package and never overwrites', async () => {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'infc-'));
    try {
      expect((await infc(['plugin', 'new', 'acme-ops'], dir)).code).toBe(0);
      expect(JSON.parse(await readFile(path.join(dir, 'acme-ops/package.json'), 'utf8')).name).toBe('acme-ops');
      const again = await infc(['plugin', 'new', 'acme-ops'], dir);
      expect(again.err).toContain('INFC8007');
      expect((await infc(['plugin', 'new', '../up'], dir)).code).toBe(exitCodes.usage);
      expect((await infc(['plugin', 'new', 'op', 'acme.TanhShrink'], dir)).code).toBe(0);
      const stub = await readFile(path.join(dir, 'tanh-shrink/src/tanh-shrink.ts'), 'utf8');
      expect(stub).toContain("onnxOp('TanhShrink', (node, builder)");
      expect(stub).toContain("{ domain: 'acme' }");
      expect((await infc(['plugin', 'new', 'op', 'no name'], dir)).code).toBe(exitCodes.usage);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

describe('arguments', () => {
  const options = {
    output: { kind: 'value', short: 'o', help: '' },
    input: { kind: 'list', help: '' },
    force: { kind: 'flag', help: '' },
  } as const;

  it('reads long, short, joined and repeated options, and stops at --', () => {
    const args = parseArgs(['a', '-o', 'out', '--input=x=1', '--input', 'y=2', '--force', '--', '--b'], options);
    expect(args.positionals).toEqual(['a', '--b']);
    expect(args.value('output')).toBe('out');
    expect(args.list('input')).toEqual(['x=1', 'y=2']);
    expect(args.flag('force')).toBe(true);
  });

  it.each([
    [['--nope'], 'INFC8002'],
    [['--output'], 'INFC8003'],
    [['--force=1'], 'INFC8003'],
    [['-o', 'a', '-o', 'b'], 'INFC8003'],
  ])('refuses %j with %s', (argv, code) => {
    expect(() => parseArgs(argv, options)).toThrow(code);
  });
});

describe('error codes', () => {
  it('explains every code that the sources raise, nearly all with their messages', async () => {
    const codes = await allCodes();
    const list = Object.keys(codes);
    expect(list.length).toBeGreaterThan(150);
    const bare = list.filter((c) => codes[c]?.every((u) => u.says.startsWith('(the message')));
    expect(bare.length).toBeLessThan(list.length / 20);
    for (const code of list) expect((await infc(['explain', code])).code).toBe(0);
  });
});

describe('diagnostics', () => {
  it('measures typing mistakes', () => {
    expect(editDistance('compile', 'compile')).toBe(0);
    expect(editDistance('comiple', 'compile')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('layers.*.down', 'layers.11.down', '*')).toBe(0);
    expect(editDistance('*down', 'layers.11.donw', '*')).toBe(1);
    expect(nearest('verfy', ['verify', 'view'])).toBe('verify');
    expect(nearest('zzz', ['verify', 'view'])).toBeUndefined();
  });

  it('turns every thrown thing into an error with a code and an outcome', () => {
    expect(toInfcError(new InfcError('INFC1001', 'x')).code).toBe('INFC1001');
    expect(toInfcError(new TypeError('boom')).code).toBe('INFC8000');
    expect(toInfcError('text').message).toContain('text');
    const missing = Object.assign(new Error('ENOENT'), { code: 'ENOENT', path: '/nowhere' });
    expect(toInfcError(missing)).toMatchObject({ code: 'INFC8005', place: { file: '/nowhere' } });
    expect(outcomeOf('INFC1001')).toBe('badInput');
    expect(outcomeOf('INFC3001')).toBe('unsupported');
    expect(outcomeOf('INFC8000')).toBe('internal');
    expect(outcomeOf('INFC8002')).toBe('usage');
  });
});
