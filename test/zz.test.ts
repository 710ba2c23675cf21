import { test } from 'vitest';
import { runInChild } from './kit/child.ts';
import { swiftShaderEnv } from './kit/dawn.ts';
test('t', async () => { const r: any = await runInChild('zz-prof.ts', { name: process.env.M }, { env: swiftShaderEnv, timeoutMs: 280000 }); console.log(JSON.stringify(r.first)); console.log(JSON.stringify(r.second)); }, 290000);
