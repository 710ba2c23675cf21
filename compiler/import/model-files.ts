import { closeSync, existsSync, fstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import type { ByteSource } from './byte-source.ts';
import type { GgufModel } from './gguf/import.ts';
import { type GgufFile, openGguf } from './gguf/reader.ts';
import type { HfModel } from './hf-config.ts';
import { openSafetensors } from './safetensors.ts';

/** Random access to a file on disk; it is opened for each read, so nothing is held. */
export function fileSource(file: string): ByteSource {
  const within = <T>(use: (handle: number) => T): T => {
    let handle: number;
    try {
      handle = openSync(file, 'r');
    } catch (cause) {
      throw new InfcError('INFC1087', 'the file cannot be read', {
        file,
        cause,
        fix: 'Check its name and permissions',
      });
    }
    try {
      return use(handle);
    } finally {
      closeSync(handle);
    }
  };
  const bytes = within((handle) => fstatSync(handle).size);
  return {
    name: path.basename(file),
    bytes,
    read: (offset, length) =>
      within((handle) => {
        const out = new Uint8Array(length);
        // One call reads at most 2 GiB.
        for (let done = 0; done < length; ) {
          const n = readSync(handle, out, done, Math.min(length - done, 1 << 30), offset + done);
          if (n === 0) throw new InfcError('INFC1087', 'the file ended early', { file, offset: offset + done });
          done += n;
        }
        return out;
      }),
  };
}

/** Whether a path names a model in Hugging Face's layout: a folder with config.json, or a .safetensors file beside one. */
export function isHfModel(file: string): boolean {
  if (file.endsWith('.safetensors')) return true;
  return existsSync(path.join(file, 'config.json')) && isFolder(file);
}

export const isFolder = (file: string): boolean => existsSync(file) && statSync(file).isDirectory();

/** Opens a folder with config.json and its weights (one file, or the shards its index names), or one weights file beside a config. */
export function openHfModel(file: string, name?: string): HfModel {
  const isFile = file.endsWith('.safetensors');
  const folder = isFile ? path.dirname(file) : file;
  const config = path.join(folder, 'config.json');
  const weights = isFile ? [path.basename(file)] : weightFiles(folder);
  return {
    name: name ?? path.basename(path.resolve(folder)),
    ...(existsSync(config) ? { config: { file: config, text: readFileSync(config, 'utf8') } } : {}),
    weights: weights.map((f) => openSafetensors(fileSource(path.join(folder, f)))),
  };
}

function weightFiles(folder: string): string[] {
  const all = readdirSync(folder).filter((f) => f.endsWith('.safetensors'));
  const index = path.join(folder, 'model.safetensors.index.json');
  const shards = existsSync(index) ? shardsOf(index) : undefined;
  const files = shards ?? (all.includes('model.safetensors') ? ['model.safetensors'] : all.sort());
  const missing = files.find((f) => !all.includes(f));
  if (missing !== undefined || files.length === 0)
    throw new InfcError(
      'INFC1084',
      missing ? `weights file '${missing}' is missing` : 'there is no .safetensors file',
      {
        file: folder,
        fix: 'Put all weight files of the model into the folder',
      },
    );
  return files;
}

/** File names of an index; they must lie in the folder itself. */
function shardsOf(index: string): string[] {
  let map: unknown;
  try {
    map = JSON.parse(readFileSync(index, 'utf8')).weight_map;
  } catch {
    map = undefined;
  }
  const names = typeof map === 'object' && map !== null ? [...new Set(Object.values(map))] : [];
  const files = names.filter((f) => typeof f === 'string');
  if (files.length === 0 || files.length !== names.length || files.some((f) => f !== path.basename(f)))
    throw new InfcError('INFC1088', 'the index of the weights names no files of its folder', {
      file: index,
      fix: 'Download the index again',
    });
  return files.sort();
}

/** Whether a path names a GGUF file. */
export const isGgufModel = (file: string): boolean => file.endsWith('.gguf');

const SPLIT = /^(.+)-(\d{5})-of-(\d{5})\.gguf$/;

/** All files of a GGUF model (`name-00001-of-00003.gguf`), whichever of them is named. */
export function splitsOf(file: string): string[] {
  const [, stem, , total] = SPLIT.exec(path.basename(file)) ?? [];
  if (stem === undefined || total === undefined) return [file];
  return Array.from({ length: Number(total) }, (_, i) =>
    path.join(path.dirname(file), `${stem}-${String(i + 1).padStart(5, '0')}-of-${total}.gguf`),
  );
}

/** Opens a GGUF file with all its splits. */
export function openGgufModel(file: string, name?: string): GgufModel {
  const splits = splitsOf(file);
  const missing = splits.findIndex((f) => !existsSync(f));
  if (missing >= 0 && splits.length > 1)
    throw new InfcError('INFC1084', `split ${missing + 1} of ${splits.length} of the weights is missing`, {
      ...(splits[missing] === undefined ? {} : { file: splits[missing] }),
      fix: 'Put all splits of the model into one folder, under the names they were published with',
    });
  const open = (f: string): GgufFile => openGguf(fileSource(f));
  const [first = file, ...rest] = splits;
  const stem = path.basename(file).replace(/(-\d{5}-of-\d{5})?\.gguf$/, '');
  return { name: name ?? stem, files: [open(first), ...rest.map(open)] };
}
