import { deflateSync, inflateSync, crc32 as nodeCrc32 } from 'node:zlib';
import { InfcError } from '../../../runtime/errors.ts';
import type { Picture } from './stroke-font.ts';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Samples in a pixel by colour type (PNG, section 11.2.2): grey, -, RGB, palette, grey+alpha, -, RGB+alpha. */
const SAMPLES = [1, 0, 3, 1, 2, 0, 4];
const MOST_PIXELS = 1 << 26;

/** Encodes a grey picture as PNG. */
export function encodePng({ width, height, pixels }: Picture): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 8;
  const rows = new Uint8Array((width + 1) * height);
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const chunks = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', new Uint8Array(0))];
  return Uint8Array.from([...SIGNATURE, ...chunks.flatMap((c) => [...c])]);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(new TextEncoder().encode(type), 4);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}

/** CRC-32 of ISO 3309, as PNG uses it; zlib has it from Node 20.15 on. */
const crc32 = (bytes: Uint8Array): number => nodeCrc32(bytes);

/** Decodes a non-interlaced 8-bit PNG to grey (ITU-R BT.601 luma, alpha over white). Throws INFC8010 on anything else. */
export function decodePng(bytes: Uint8Array, file: string): Picture {
  const bad = (reason: string, offset = 0): InfcError =>
    new InfcError('INFC8010', `not a readable PNG: ${reason}`, {
      file,
      offset,
      fix: 'Save it as a plain 8-bit PNG, not interlaced',
    });
  if (!SIGNATURE.every((b, i) => bytes[i] === b)) throw bad('no PNG signature');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [width, height, colour] = [0, 0, -1];
  let palette = new Uint8Array(0);
  const data: Uint8Array[] = [];
  for (let at = 8; at + 12 <= bytes.length; ) {
    const size = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (at + 12 + size > bytes.length) throw bad(`chunk ${type} is cut off`, at);
    const body = bytes.subarray(at + 8, at + 8 + size);
    if (type === 'IHDR') {
      if (size !== 13) throw bad('bad header', at);
      width = view.getUint32(at + 8);
      height = view.getUint32(at + 12);
      colour = body[9] ?? -1;
      if (body[8] !== 8 || body[12] !== 0 || !SAMPLES[colour])
        throw bad(`${body[8]} bits, colour type ${colour}, interlace ${body[12]}`, at);
      if (width === 0 || height === 0 || width * height > MOST_PIXELS) throw bad(`${width} x ${height} pixels`, at);
    } else if (type === 'PLTE') palette = body.slice();
    else if (type === 'IDAT') data.push(body);
    else if (type === 'IEND') break;
    at += 12 + size;
  }
  const samples = SAMPLES[colour] ?? 0;
  if (samples === 0) throw bad('no header');
  const stride = width * samples;
  let rows: Uint8Array;
  try {
    rows = inflateSync(Buffer.concat(data), { maxOutputLength: (stride + 1) * height });
  } catch (error) {
    throw bad(error instanceof Error ? error.message : 'damaged data');
  }
  if (rows.length < (stride + 1) * height) throw bad('too few rows');
  const flat = unfilter(rows, stride, height, samples, bad);
  const pixels = new Uint8Array(width * height);
  for (let i = 0; i < pixels.length; i++) pixels[i] = greyOf(flat, i * samples, colour, palette);
  return { width, height, pixels };
}

function unfilter(
  rows: Uint8Array,
  stride: number,
  height: number,
  samples: number,
  bad: (reason: string) => InfcError,
): Uint8Array {
  const out = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (stride + 1)] ?? 0;
    if (filter > 4) throw bad(`row filter ${filter}`);
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const a = x >= samples ? (out[at - samples] ?? 0) : 0;
      const b = y > 0 ? (out[at - stride] ?? 0) : 0;
      const c = x >= samples && y > 0 ? (out[at - stride - samples] ?? 0) : 0;
      const guess =
        filter === 1 ? a : filter === 2 ? b : filter === 3 ? (a + b) >> 1 : filter === 4 ? paeth(a, b, c) : 0;
      out[at] = (rows[y * (stride + 1) + 1 + x] ?? 0) + guess;
    }
  }
  return out;
}

function paeth(a: number, b: number, c: number): number {
  const p = a + b - c;
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

function greyOf(flat: Uint8Array, at: number, colour: number, palette: Uint8Array): number {
  const from = colour === 3 ? palette : flat;
  const base = colour === 3 ? (flat[at] ?? 0) * 3 : at;
  const s = (i: number): number => from[base + i] ?? 0;
  const grey = colour === 0 || colour === 4 ? s(0) : 0.299 * s(0) + 0.587 * s(1) + 0.114 * s(2);
  const alpha = colour === 4 ? s(1) : colour === 6 ? s(3) : 255;
  return Math.round(255 + ((grey - 255) * alpha) / 255);
}

/** Resizes by averaging (down) or bilinear interpolation (up) to the given height, keeping the proportions. */
export function resizeToHeight(picture: Picture, height: number): Picture {
  if (picture.height === height) return picture;
  const scale = picture.height / height;
  const width = Math.max(1, Math.round(picture.width / scale));
  const pixels = new Uint8Array(width * height);
  const span = Math.max(1, scale);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      let weight = 0;
      const [cx, cy] = [(x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5];
      for (let py = Math.ceil(cy - span); py <= Math.floor(cy + span); py++) {
        for (let px = Math.ceil(cx - span); px <= Math.floor(cx + span); px++) {
          if (px < 0 || py < 0 || px >= picture.width || py >= picture.height) continue;
          const w = (1 - Math.abs(px - cx) / span) * (1 - Math.abs(py - cy) / span);
          sum += w * (picture.pixels[py * picture.width + px] ?? 0);
          weight += w;
        }
      }
      pixels[y * width + x] = weight > 0 ? Math.round(sum / weight) : 255;
    }
  }
  return { width, height, pixels };
}
