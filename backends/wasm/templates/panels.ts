import { packedOnce } from '../../../compiler/derived-constant.ts';
import type { SignPlanes, StorageFormat } from '../../../compiler/formats/format.ts';
import { type MatrixSize, planesOf } from '../../../compiler/formats/rows.ts';
import { add, type Dim, floorDiv, mod, mul, sub } from '../../../compiler/ir/dim.ts';
import { byteLength, type DType, type TypedArray, viewOf } from '../../../compiler/ir/dtype.ts';
import { type Buffer, constant, type Expr } from '../../../compiler/ir/expr.ts';
import type { Constant, Value } from '../../../compiler/ir/graph.ts';
import type { KernelBuilder } from '../../../compiler/ir/kernel-builder.ts';
import type { PackedTraits, TemplateRequest } from '../../../compiler/lower/template.ts';
import { InfcError } from '../../../runtime/errors.ts';
import { runOf } from './integer-rows.ts';

/** Rows of weights (columns of the product) that lie side by side. */
export const PANEL = 16;

/** Bytes of a cache line, and those that are read ahead of their use: about as many lines as a core waits for at a time. */
const LINE = 64;
const AHEAD = 17 * LINE;

/** Weights of a block: the longest run that one entry of some plane covers. */
export const blockOf = (format: StorageFormat): number =>
  Object.values(format.planes).reduce((n, p) => Math.max(n, p.per), format.group);

/** First row of a panel: the last one overlaps its neighbour where rows do not fill it. */
export const panelStart = (panel: number, rows: number): number =>
  rows >= PANEL ? Math.min(panel * PANEL, rows - PANEL) : 0;

/** Whether the bytes of a term's two planes lie side by side, row by row, since they are only ever added. */
export const liesInPairs = (planes: SignPlanes['terms'][number]): boolean =>
  planes.length === 2 && planes.every((p, i) => p.plane === planes[0]?.plane && p.width === 2 && p.at === i);

/** Entries of a row that lie side by side. */
const besideOf = ({ signs }: StorageFormat, plane: string): 1 | 2 =>
  signs?.terms.some((planes) => liesInPairs(planes) && planes[0]?.plane === plane) ? 2 : 1;

interface PlaneLayout {
  readonly dtype: DType;
  readonly per: number;
  readonly beside: 1 | 2;
  /** Bytes from the start of a unit, or of a block's header. */
  readonly offset: number;
  /** One entry covers more than a unit: it lies in the header of its block. */
  readonly header: boolean;
}

/**
 * Where the entries of a format lie in a panel of 16 rows: 16 equal entries of a plane side by side, so that one vector load gives the same
 * entry of four rows; all entries of a unit of the depth together, and those that cover more at the head of their block. A product so reads
 * one stream of memory: processors fetch that ahead, and a second, slower stream only when its lines are asked for (measured on 8-bit
 * codes with scales: 12 GB/s as two streams, 14.4 as one of the same kernel).
 */
class PanelLayout {
  /** Weights of a row whose entries of all planes lie together: a run of activations, or a shorter block. */
  readonly unit: number;
  readonly planes: ReadonlyMap<string, PlaneLayout>;
  private readonly unitsPerBlock: number;
  private readonly unitBytes: number;
  private readonly headerBytes: number;

  constructor(format: StorageFormat) {
    const block = blockOf(format);
    const run = runOf(format);
    this.unit = block % run === 0 ? run : block;
    this.unitsPerBlock = block / this.unit;
    const planes = new Map<string, PlaneLayout>();
    let [unitBytes, headerBytes] = [0, 0];
    for (const [name, { dtype, per }] of Object.entries(format.planes)) {
      const header = per > this.unit;
      planes.set(name, {
        dtype,
        per,
        beside: besideOf(format, name),
        offset: header ? headerBytes : unitBytes,
        header,
      });
      const bytes = byteLength(dtype, ((header ? block : this.unit) / per) * PANEL);
      if (header) headerBytes += bytes;
      else unitBytes += bytes;
    }
    this.planes = planes;
    this.unitBytes = unitBytes;
    this.headerBytes = headerBytes;
  }

  panelBytes(length: number): number {
    const units = length / this.unit;
    return units * this.unitBytes + (units / this.unitsPerBlock) * this.headerBytes;
  }

  /**
   * First of 16 elements: entry `entry` of unit `unit` of panel `panel`, or the entry that covers the unit; counted in elements of `size`
   * bytes.
   */
  element(
    plane: PlaneLayout,
    length: number,
    panel: Dim,
    unit: Dim,
    entry: Dim,
    size = byteLength(plane.dtype, 1),
  ): Dim {
    const { unitsPerBlock, unitBytes, headerBytes } = this;
    const stride = (PANEL * byteLength(plane.dtype, 1)) / size;
    const start = mul(panel, this.panelBytes(length) / size);
    const block = headerBytes === 0 ? 0 : floorDiv(unit, unitsPerBlock);
    if (plane.header) {
      const own = floorDiv(unit, plane.per / this.unit);
      const before = mul(block, (unitsPerBlock * unitBytes + headerBytes) / size);
      const inBlock = mod(own, (unitsPerBlock * this.unit) / plane.per);
      return add(add(start, before), add(plane.offset / size, mul(inBlock, stride)));
    }
    const header = headerBytes === 0 ? 0 : mul(add(block, 1), headerBytes / size);
    const at = add(add(mul(unit, unitBytes / size), header), plane.offset / size);
    return add(add(start, at), mul(entry, stride));
  }
}

/**
 * Floats of a byte, of which four neighbouring rows lie in the same byte of four words: a shift each takes the place of widening bytes. In the
 * topmost byte of a word, shifted down with their sign and masked, they have the exponent and mantissa of an f32 of another scale.
 */
const BYTE_FLOATS: Partial<Record<DType, { readonly shift: number; readonly mask: number; readonly scale: number }>> = {
  f8e4m3fn: { shift: 4, mask: 0x87f00000 | 0, scale: 2 ** 120 },
  f8e5m2: { shift: 3, mask: 0x8fe00000 | 0, scale: 2 ** 112 },
};

/** A weight in panels, bound to a kernel. */
export class Panels {
  constructor(
    private readonly k: KernelBuilder,
    private readonly layout: PanelLayout,
    private readonly buffers: ReadonlyMap<string, Buffer>,
    private readonly bindAs: (traits: PackedTraits) => Buffer,
    private readonly length: number,
  ) {}

  /** Weights of a unit. */
  get unit(): number {
    return this.layout.unit;
  }

  /** The entry `entry` of unit `unit` (of a plane whose entries cover more: the one over the unit), of rows `lane` and on of a panel. */
  load(name: string, panel: Dim, unit: Dim, entry: Dim, lane: Dim, width: 1 | 4): Expr {
    const plane = this.layout.planes.get(name);
    const buffer = this.buffers.get(name);
    if (!plane || !buffer) throw new RangeError(`there is no plane '${name}'`);
    const at = this.layout.element(plane, this.length, panel, unit, entry);
    if (plane.beside > 1) {
      if (width > 1) throw new RangeError(`entries of rows of plane '${name}' are not neighbours`);
      const within = mod(entry, plane.beside);
      const first = this.layout.element(plane, this.length, panel, unit, sub(entry, within));
      return this.k.load(buffer, add(add(first, within), mul(lane, plane.beside)), 1);
    }
    const fields = BYTE_FLOATS[plane.dtype];
    if (!fields) return this.k.load(buffer, add(at, lane), width);
    // One row, as tables are read: its own byte, where the packing for shifts has put it.
    if (typeof lane !== 'number' || width !== 4)
      return this.k.load(
        this.bindAs({ dtype: plane.dtype }),
        add(at, add(mul(mod(lane, 4), 4), floorDiv(lane, 4))),
        width,
      );
    const words = this.k.load(buffer, floorDiv(at, 4), 4).bitcast('i32');
    const up = 24 - 2 * lane;
    const top = up === 0 ? words : words.shl(constant('i32', up));
    return top.shr(constant('i32', fields.shift)).and(constant('i32', fields.mask)).bitcast('f32').mul(fields.scale);
  }

  /**
   * Calls `body` for `count` steps of `weights` weights each of a panel's rows, from step `first` on, and before every few of them reads a word of
   * each line of memory that these lie in: a core waits for many lines at once, but while it multiplies it looks only 500 instructions ahead,
   * which are three or four lines of 4-bit codes. Nothing uses what is read; V8 keeps loads, since they might trap.
   */
  walk(panel: Dim, weights: number, first: Dim, count: number, body: (step: Dim) => void): void {
    const { k, layout, length } = this;
    const perPanel = layout.panelBytes(length) / 4;
    const perStep = (perPanel * weights) / length;
    const fits = (n: number): boolean => count % n === 0 && Number.isInteger(n * perStep);
    let few = Math.max(1, Math.floor(AHEAD / (4 * perStep)));
    while (few > 1 && !fits(few)) few--;
    const words = fits(few) ? few * perStep : 0;
    const lines = this.bindAs({});
    const seen = k.var(constant('i32', 0), 'seen');
    k.for(0, count / few, 1, (i) => {
      const step = add(first, mul(i, few));
      for (let word = 0; word < words; word += LINE / 4) {
        const at = add(mul(panel, perPanel), add(mul(step, perStep), word));
        seen.set(k.load(lines, at).bitcast('i32'));
      }
      k.for(0, few, 1, (j) => body(add(step, j)));
    });
  }

  /** Entry `entry` of unit `unit` in all rows of a panel, as a register of 16 bytes: of a plane of bytes. */
  bytes(name: string, panel: Dim, unit: Dim, entry: Dim): Expr {
    const plane = this.layout.planes.get(name);
    if (!plane) throw new RangeError(`there is no plane '${name}'`);
    return this.k
      .load(this.bindAs({}), this.layout.element(plane, this.length, panel, unit, entry, 4), 4)
      .bitcast('i32');
  }

  /** Entries of every plane that cover `count` weights from number `from` of unit `first` on: what a format decodes. */
  entries(
    panel: Dim,
    first: Dim,
    from: number,
    count: number,
    lane: Dim,
    width: 1 | 4,
  ): Readonly<Record<string, readonly Expr[]>> {
    const { unit, planes } = this.layout;
    return Object.fromEntries(
      [...planes].map(([name, { per }]) => [
        name,
        Array.from({ length: Math.max(1, count / per) }, (_, i) => {
          const weight = from + i * per;
          const entry = Math.floor((weight % unit) / per);
          return this.load(name, panel, add(first, Math.floor(weight / unit)), entry, lane, width);
        }),
      ]),
    );
  }
}

/** Binds a constant matrix in a storage format, packed into panels when compiling. */
export function bindPanels(
  k: KernelBuilder,
  weights: Value,
  format: StorageFormat,
  size: MatrixSize,
  transposed: boolean,
  request: TemplateRequest,
): Panels {
  const { rows, length } = size;
  const panels = Math.ceil(rows / PANEL);
  const layout = new PanelLayout(format);
  const key = `${format.name}.panels${transposed ? 't' : ''}`;
  const bytes = panels * layout.panelBytes(length);
  const fill = (source: Constant): Uint32Array => {
    const out = new ArrayBuffer(bytes);
    const from = planesOf(source, format, size, transposed);
    for (const [name, plane] of layout.planes) {
      const entries = from[name];
      if (!entries) throw new TypeError(`format '${format.name}' encodes no plane '${name}'`);
      checkFinite(plane.dtype, entries, source.name, name);
      const to = viewOf(plane.dtype, out, 0, bytes / byteLength(plane.dtype, 1));
      const perRow = length / plane.per;
      const inWords = BYTE_FLOATS[plane.dtype] !== undefined;
      for (let p = 0; p < panels; p++) {
        const first = panelStart(p, rows);
        const count = Math.min(PANEL, rows - first);
        for (let e = 0, base = 0; e < perRow; e++) {
          const weight = e * plane.per;
          const entry = Math.floor((weight % layout.unit) / plane.per);
          if (entry === 0) base = Number(layout.element(plane, length, p, Math.floor(weight / layout.unit), 0));
          const within = entry % plane.beside;
          const at = base + (entry - within) * PANEL + within;
          for (let j = 0; j < count; j++)
            to[at + (inWords ? 4 * (j & 3) + (j >> 2) : j * plane.beside)] = entries[(first + j) * perRow + e] ?? 0;
        }
      }
    }
    return new Uint32Array(out);
  };
  const packed = (source: Constant): Constant => packedOnce(source, key, 'u32', bytes / 4, () => fill(source));
  const buffers = [...layout.planes].map(([name, { dtype }]) => {
    const traits: PackedTraits = BYTE_FLOATS[dtype] ? {} : dtype === 'f16' ? { dtype, finite: true } : { dtype };
    return [name, request.bindPacked(k, weights, key, packed, traits)] as const;
  });
  const bindAs = (traits: PackedTraits): Buffer => request.bindPacked(k, weights, key, packed, traits);
  return new Panels(k, layout, new Map(buffers), bindAs, length);
}

/** Bits that are all set in a narrow float that is infinite or undefined. */
const ENDLESS: Partial<Record<DType, number>> = { f16: 0x7c00, f8e4m3fn: 0x7f, f8e5m2: 0x7c };

/** Kernels take the narrow floats of planes for finite, which saves them much of the decoding. */
function checkFinite(dtype: DType, plane: TypedArray, weight: string, name: string): void {
  const bits = ENDLESS[dtype];
  if (bits === undefined) return;
  for (let i = 0; i < plane.length; i++) if ((Number(plane[i]) & bits) === bits) throw notFinite(name, weight);
}

export const notFinite = (plane: string, weight: string): InfcError =>
  new InfcError('INFC4029', `plane '${plane}' of weight '${weight}' holds an infinite or undefined number`, {
    fix: 'The weights are too large for 16-bit scales, or the model file is damaged: store this weight as f32',
  });

/** Binds a plane that all rows of a weight share. */
export function bindShared(
  k: KernelBuilder,
  weights: Value,
  format: StorageFormat,
  name: string,
  size: MatrixSize,
  transposed: boolean,
  request: TemplateRequest,
): Buffer {
  const plane = format.shared?.[name];
  if (!plane) throw new TypeError(`there is no shared plane '${name}'`);
  const key = `${format.name}.${name}${transposed ? 't' : ''}`;
  return request.bindPacked(k, weights, key, (source) =>
    packedOnce(source, key, plane.dtype, plane.entries, () => {
      const entries = planesOf(source, format, size, transposed)[name];
      if (!entries) throw new TypeError(`format '${format.name}' encodes no plane '${name}'`);
      return entries;
    }),
  );
}
