import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Text files below a folder or in a .tar.gz archive, by path. */
export function textFiles(path: string): Map<string, string> {
  const files = new Map<string, string>();
  if (statSync(path).isDirectory()) {
    for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
      const full = join(entry.parentPath, entry.name);
      if (entry.isFile()) files.set(full.slice(path.length).replace(/^\/+/, ''), readFileSync(full, 'utf8'));
    }
    return files;
  }
  const data = gunzipSync(readFileSync(path));
  const text = (from: number, length: number): string =>
    data
      .subarray(from, from + length)
      .toString('latin1')
      .replace(/\0.*$/s, '');
  for (let at = 0; at + 512 <= data.length && data[at] !== 0; ) {
    const prefix = text(at + 345, 155);
    const name = (prefix ? `${prefix}/` : '') + text(at, 100);
    const size = Number.parseInt(text(at + 124, 12).trim() || '0', 8);
    const type = text(at + 156, 1);
    if (type === '0' || type === '') files.set(name, data.subarray(at + 512, at + 512 + size).toString('utf8'));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
