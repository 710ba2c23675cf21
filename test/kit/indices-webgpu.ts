import { indexCases, playIndexCase } from './index-cases.ts';

/** Child process: what every case of indices gives on the WebGPU device over Dawn. */
export async function run(): Promise<{ numbers: number[]; error: string }[]> {
  const found: { numbers: number[]; error: string }[] = [];
  for (const c of indexCases) {
    try {
      found.push(await playIndexCase(c, 'wgsl'));
    } catch (e) {
      found.push({ numbers: [], error: `${c.name}: ${e}` });
    }
  }
  return found;
}
