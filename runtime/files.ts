import { InfcError } from './errors.ts';

/** Where a file of an artifact is: an address, its bytes, or what gives them piece by piece. */
export type FileSource = URL | Uint8Array | { chunks(): Iterable<Uint8Array> };

/** A Node built-in, or undefined elsewhere; never a static import, so that bundlers for browsers see none. */
export function nodeModule<T>(id: string): T | undefined {
  const node = (globalThis as { process?: { getBuiltinModule?: (id: string) => T; versions?: { node?: string } } })
    .process;
  return node?.versions?.node ? node.getBuiltinModule?.(id) : undefined;
}

/** An address from what a user gives: a URL, an absolute address as text, or (in Node) a path. */
export function toUrl(place: string | URL): URL {
  if (place instanceof URL) return place;
  if (/^[a-z][a-z0-9+.-]+:/i.test(place)) return new URL(place);
  const url = nodeModule<typeof import('node:url')>('node:url');
  return url ? url.pathToFileURL(place) : new URL(place, globalThis.location.href);
}

/** Large enough that reading costs no more, small beside a model. */
const CHUNK = 1 << 22;

/** Contents in pieces, in order. `place` gives where those of local files go, when not to memory of their own. Throws INFC6012 when the file cannot be read. */
export async function* readChunks(
  source: FileSource,
  signal?: AbortSignal,
  place?: (at: number, bytes: number) => Uint8Array | undefined,
): AsyncGenerator<Uint8Array> {
  if (!(source instanceof URL)) {
    yield* 'chunks' in source ? source.chunks() : [source];
    return;
  }
  if (source.protocol === 'data:') {
    // Bundlers inline small files; decoding them here works where a content security policy forbids to fetch them.
    const at = source.href.indexOf(',');
    const body = decodeURIComponent(source.href.slice(at + 1));
    const isBase64 = source.href.slice(0, at).endsWith(';base64');
    yield isBase64 ? Uint8Array.from(atob(body), (c) => c.charCodeAt(0)) : new TextEncoder().encode(body);
    return;
  }
  const fs = source.protocol === 'file:' ? nodeModule<typeof import('node:fs')>('node:fs') : undefined;
  try {
    if (fs) {
      const file = await fs.promises.open(source, 'r');
      try {
        const total = (await file.stat()).size;
        for (let at = 0; at < total; ) {
          signal?.throwIfAborted();
          const size = Math.min(CHUNK, total - at);
          const chunk = place?.(at, size) ?? new Uint8Array(size);
          const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
          if (bytesRead === 0) break;
          yield chunk.subarray(0, bytesRead);
          at += bytesRead;
        }
      } finally {
        await file.close();
      }
      return;
    }
    const response = await fetch(source, signal ? { signal } : {});
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    const reader = response.body?.getReader();
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      yield part.value;
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw new InfcError(
      'INFC6012',
      `cannot read ${source.href}: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        fix: 'Keep the files of the artifact together and reachable',
        cause,
      },
    );
  }
}

/** The whole contents. */
export async function readAll(source: FileSource, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of readChunks(source, signal)) {
    chunks.push(chunk);
    bytes += chunk.length;
  }
  const [only] = chunks;
  if (only && chunks.length === 1 && only.buffer instanceof ArrayBuffer) return only as Uint8Array<ArrayBuffer>;
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const c of chunks) {
    all.set(c, at);
    at += c.length;
  }
  return all;
}
