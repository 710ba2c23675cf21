import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { isGgufModel, splitsOf } from '../import/model-files.ts';

/** Files of a folder that a compilation may read. */
const READ = /\.(json|safetensors|jinja|model)$/;

/** What identifies a model's contents. One file is hashed as it is; several with their names; nothing is held in memory. */
export async function modelHash(model: string): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const hash = createHash('sha256');
  const files = await filesOf(model);
  let bytes = 0;
  for (const file of files) {
    if (files.length > 1) hash.update(`${path.basename(file)}\0`);
    bytes += await addFile(hash, file);
  }
  return { sha256: hash.digest('hex'), bytes };
}

async function filesOf(model: string): Promise<string[]> {
  if (isGgufModel(model)) return splitsOf(model);
  if (!(await stat(model)).isDirectory()) return [model];
  const names = (await readdir(model)).filter((name) => READ.test(name));
  return names.sort().map((name) => path.join(model, name));
}

async function addFile(hash: Hash, file: string): Promise<number> {
  let bytes = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return bytes;
}
