import { formats } from '../../formats/index.ts';
import { type MatrixSize, selectRows } from '../../formats/rows.ts';
import { byteLength } from '../../ir/dtype.ts';
import { type Constant, type EncodedRows, tensor } from '../../ir/graph.ts';
import type { HfWeights } from '../architecture.ts';

/**
 * Rows of a tensor that holds several projections: `blocks` (default 1) blocks of `length` rows, the first at `start`, the next `every` rows
 * further (fused projections that are interleaved by head).
 */
export interface Rows {
  /** Rows of the whole tensor. */
  readonly of: number;
  readonly start: number;
  readonly length: number;
  readonly blocks?: number;
  readonly every?: number;
}

/** Some of `of` rows or columns, in this order. */
export interface Picked {
  readonly of: number;
  readonly kept: readonly number[];
}

/** Where the weights of a linear layer are: y = x W^T + bias with W [outputs, inputs]. */
export interface Projection {
  /** Name of the weight tensor. */
  readonly weight: string;
  readonly bias?: string;
  /** Stored as [inputs, outputs] (GPT-2's Conv1D). */
  readonly transposed?: boolean;
  /** When weight (and bias) hold more than this projection. */
  readonly rows?: Rows;
  /** Outputs and inputs that are left of the projection. */
  readonly outputs?: Picked;
  readonly inputs?: Picked;
}

/** The projection of a module whose tensors are `path.weight` and, with `bias`, `path.bias`. */
export const linear = (
  path: string,
  more: Omit<Projection, 'weight' | 'bias'> & { bias?: boolean } = {},
): Projection => {
  const { bias, ...rest } = more;
  return { weight: `${path}.weight`, ...(bias ? { bias: `${path}.bias` } : {}), ...rest };
};

/** Weights of a model as the toolbox asks for them; every entry gets the same constant. */
export class WeightSource {
  private readonly derived = new Map<string, Constant>();

  constructor(private readonly weights: HfWeights) {}

  get(name: string, shape: readonly number[]): Constant {
    return this.weights.get(name, shape);
  }

  shapeOf(name: string): readonly number[] | undefined {
    return this.weights.shapeOf(name);
  }

  /** W [outputs, inputs] of a projection. */
  matrix(p: Projection, outputs: number, inputs: number): Constant {
    const rows = p.rows?.of ?? p.outputs?.of ?? outputs;
    const length = p.inputs?.of ?? inputs;
    const stored = this.weights.get(p.weight, p.transposed ? [length, rows] : [rows, length]);
    if (!p.transposed && !p.rows && !p.outputs && !p.inputs) return stored;
    const order = rowNumbers(p, outputs);
    const columns = p.inputs?.kept;
    return this.once(
      `${p.weight}${rowsKey(p)}`,
      stored,
      [outputs, inputs],
      (bytes, size) => {
        const out = new Uint8Array(outputs * inputs * size);
        let at = 0;
        for (const row of order) {
          if (!p.transposed && !columns) out.set(bytes.subarray(row * length * size, (row + 1) * length * size), at);
          else
            for (let i = 0; i < inputs; i++) {
              const column = columns?.[i] ?? i;
              const from = (p.transposed ? column * rows + row : row * length + column) * size;
              for (let k = 0; k < size; k++) out[at + i * size + k] = bytes[from + k] ?? 0;
            }
          at += inputs * size;
        }
        return out;
      },
      // Groups of encoded weights lie along the columns.
      p.transposed || columns ? undefined : selected(stored, { rows, length }, order),
    );
  }

  /** The bias [outputs] of a projection that has one. */
  bias(p: Projection, outputs: number): Constant | undefined {
    if (p.bias === undefined) return undefined;
    const stored = this.weights.get(p.bias, [p.rows?.of ?? p.outputs?.of ?? outputs]);
    if (!p.rows && !p.outputs) return stored;
    return this.once(`${p.bias}${rowsKey(p)}`, stored, [outputs], (bytes, size) => {
      const out = new Uint8Array(outputs * size);
      rowNumbers(p, outputs).forEach((row, i) => {
        out.set(bytes.subarray(row * size, (row + 1) * size), i * size);
      });
      return out;
    });
  }

  private once(
    key: string,
    from: Constant,
    shape: readonly number[],
    make: (bytes: Uint8Array, elementSize: number) => Uint8Array,
    encoded?: EncodedRows,
  ): Constant {
    const known = this.derived.get(key);
    if (known) return known;
    const { dtype } = from.type;
    const size = byteLength(dtype, 1);
    const bytes = shape.reduce((n, d) => n * d, size);
    // Made when read, so that no second copy of the weights is held.
    const made: Constant = {
      name: key,
      type: tensor(dtype, shape),
      bytes,
      read: () => make(from.read(), size),
      ...(encoded ? { encoded } : {}),
    };
    this.derived.set(key, made);
    return made;
  }
}

/** The rows of a constant that is encoded already, as they are. */
function selected({ encoded }: Constant, size: MatrixSize, order: readonly number[]): EncodedRows | undefined {
  const format = encoded && formats.find((f) => f.name === encoded.format);
  return format && { format: format.name, planes: () => selectRows(format, encoded.planes(), size, order) };
}

function rowsKey({ rows, outputs, inputs }: Projection): string {
  const part = rows
    ? `[${rows.start}:${rows.start + rows.length}${rows.blocks ? `:${rows.blocks}x${rows.every}` : ''}]`
    : '';
  return `${part}${outputs ? `[${runs(outputs.kept)}]` : ''}${inputs ? `[,${runs(inputs.kept)}]` : ''}`;
}

/** 0-63,128-191 */
const runs = (kept: readonly number[]): string =>
  kept
    .map((v, i) => [kept[i - 1] === v - 1 ? '' : String(v), kept[i + 1] === v + 1 ? '' : String(v)] as const)
    .filter(([from, to]) => from !== '' || to !== '')
    .map(([from, to]) => (from && to ? `${from},` : from ? `${from}-` : `${to},`))
    .join('')
    .slice(0, -1);

/** Rows of the stored tensor, one for each output. */
function rowNumbers({ rows, outputs: picked }: Projection, outputs: number): number[] {
  const count = picked?.of ?? outputs;
  const { start, length, blocks = 1, every = 0 } = rows ?? { start: 0, length: count };
  const all = Array.from({ length: blocks * length }, (_, i) => start + Math.floor(i / length) * every + (i % length));
  return picked ? picked.kept.map((i) => all[i] ?? 0) : all;
}
