import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * Makes a folder and those above it that are missing. Node's own recursive mkdir never returns where a parent refuses new entries by
 * saying that it does not exist (the process file system).
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (e) {
    const code = e instanceof Error && 'code' in e ? e.code : undefined;
    const parent = path.dirname(folder);
    if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return;
    if (code !== 'ENOENT' || parent === folder) throw e;
    await makeFolder(parent);
    await mkdir(folder).catch((again: unknown) => {
      // Somebody else may have made it in between.
      if (!(again instanceof Error && 'code' in again && again.code === 'EEXIST')) throw again;
    });
  }
}
