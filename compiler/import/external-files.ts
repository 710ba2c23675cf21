import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import type { ExternalFiles } from './onnx-tensor.ts';

/** Tensor data in files of `folder`. A link that leads outside counts as absent. */
export function externalFilesIn(folder: string): ExternalFiles {
  const root = realpathSync(folder);
  const resolve = (file: string): string | undefined => {
    try {
      const real = realpathSync(path.join(root, file));
      const inside = path.relative(root, real);
      return inside.startsWith('..') || path.isAbsolute(inside) ? undefined : real;
    } catch {
      return undefined;
    }
  };
  return {
    size: (file) => {
      const real = resolve(file);
      return real === undefined ? undefined : statSync(real).size;
    },
    read: (file, offset, bytes) => {
      const real = resolve(file);
      if (real === undefined) throw new InfcError('INFC1022', 'the external data file is not there', { file });
      const out = new Uint8Array(bytes);
      const handle = openSync(real, 'r');
      try {
        let done = 0;
        while (done < bytes) {
          const n = readSync(handle, out, done, bytes - done, offset + done);
          if (n === 0)
            throw new InfcError('INFC1022', 'the external data file ends early', { file, offset: offset + done });
          done += n;
        }
      } finally {
        closeSync(handle);
      }
      return out;
    },
  };
}
