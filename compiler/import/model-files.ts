import { closeSync, existsSync, fstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import { isRecord } from './architecture.ts';
import type { ByteSource } from './byte-source.ts';
import type { GgufModel } from './gguf/import.ts';
import { type GgufFile, openGguf } from './gguf/reader.ts';
import type { HfModel } from './hf-config.ts';
import type { Adapter } from './lora.ts';
import { openSafetensors } from './safetensors.ts';
import { readTokenizer } from './tokenizer-files.ts';
import type { WeightFile } from './weight-file.ts';

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
  const weights = (isFile ? [path.basename(file)] : weightFiles(folder)).map((f) =>
    openSafetensors(fileSource(path.join(folder, f))),
  );
  if (!isFile) checkIndex(folder, weights);
  const more = sentenceTransformers(folder);
  return {
    name: name ?? path.basename(path.resolve(folder)),
    ...(existsSync(config) ? { config: { file: config, text: readFileSync(config, 'utf8') } } : {}),
    ...(more ? { more } : {}),
    weights,
  };
}

const INDEX = 'model.safetensors.index.json';

function weightFiles(folder: string): string[] {
  const all = readdirSync(folder).filter((f) => f.endsWith('.safetensors'));
  const index = path.join(folder, INDEX);
  const shards = existsSync(index) ? [...new Set(shardsOf(index).values())].sort() : undefined;
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

/** File of every tensor by the index; files must lie in the folder itself. */
function shardsOf(index: string): Map<string, string> {
  let map: unknown;
  try {
    map = JSON.parse(readFileSync(index, 'utf8')).weight_map;
  } catch {
    map = undefined;
  }
  const shards = new Map<string, string>();
  for (const [tensor, file] of Object.entries(isRecord(map) ? map : {})) {
    if (typeof file !== 'string' || file !== path.basename(file)) {
      shards.clear();
      break;
    }
    shards.set(tensor, file);
  }
  if (shards.size === 0)
    throw new InfcError('INFC1088', 'the index of the weights names no files of its folder', {
      file: index,
      fix: 'Download the index again',
    });
  return shards;
}

/** Every tensor must be where the index says: shards of another download would be found out only by chance. */
function checkIndex(folder: string, files: readonly WeightFile[]): void {
  const index = path.join(folder, INDEX);
  if (!existsSync(index)) return;
  const byName = new Map(files.map((f) => [f.name, f]));
  for (const [tensor, file] of shardsOf(index))
    if (!byName.get(file)?.tensors.has(tensor))
      throw new InfcError('INFC1084', `weight '${tensor}' is not in '${file}', where the index says it is`, {
        file: index,
        fix: 'Download the index and the weight files of the model again',
      });
}

/** What the files of sentence-transformers add: how an encoder's token vectors become one. Throws INFC1082 naming an unknown way. */
function sentenceTransformers(folder: string): Record<string, unknown> | undefined {
  const read = (file: string): unknown => {
    const full = path.join(folder, file);
    if (!existsSync(full)) return undefined;
    try {
      return JSON.parse(readFileSync(full, 'utf8'));
    } catch (cause) {
      throw new InfcError('INFC1080', 'the config is not JSON', { file: full, cause, fix: 'Download the file again' });
    }
  };
  const pooling = read('1_Pooling/config.json');
  if (!isRecord(pooling)) return undefined;
  const on = Object.keys(pooling).filter((k) => k.startsWith('pooling_mode_') && pooling[k] === true);
  const ways: Readonly<Record<string, string>> = {
    pooling_mode_mean_tokens: 'mean',
    pooling_mode_cls_token: 'cls',
    pooling_mode_lasttoken: 'last',
  };
  const [only = 'pooling_mode_mean_tokens'] = on;
  const way = on.length <= 1 ? ways[only] : undefined;
  if (way === undefined)
    throw new InfcError('INFC1082', `'${on.join("', '")}' is how vectors become one, which infc does not do`, {
      file: path.join(folder, '1_Pooling/config.json'),
      pointer: `/${only}`,
      fix: `infc knows ${Object.keys(ways).join(', ')}, one at a time`,
    });
  const modules = read('modules.json');
  const normalize = Array.isArray(modules) && modules.some((m) => isRecord(m) && String(m.type).endsWith('.Normalize'));
  return { sentence_transformers: { pooling: way, normalize } };
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
  const tokenizer = readTokenizer(path.dirname(file));
  return { name: name ?? stem, files: [open(first), ...rest.map(open)], ...(tokenizer ? { tokenizer } : {}) };
}

/** Opens the folder of a LoRA adapter. Throws INFC1094 when one of its files is missing. */
export function openAdapter(folder: string): Adapter {
  const [config, weights] = ['adapter_config.json', 'adapter_model.safetensors'].map((f) => path.join(folder, f));
  const missing = [config, weights].find((f) => !f || !existsSync(f));
  if (!config || !weights || missing)
    throw new InfcError('INFC1094', 'this is no LoRA adapter: a file is missing', {
      file: missing ?? folder,
      fix: 'Give a folder with adapter_config.json and adapter_model.safetensors',
    });
  return {
    config: { file: config, text: readFileSync(config, 'utf8') },
    weights: openSafetensors(fileSource(weights)),
  };
}
