import type { DType, TypedArray } from '../../compiler/ir/dtype.ts';
import { bitsOf } from '../../compiler/ir/dtype.ts';
import type { Buffer } from '../../compiler/ir/expr.ts';
import { decodeFloat, encodeFloat } from '../../runtime/minifloat.ts';
import { type Scalar, wrapNarrow } from './scalar.ts';

/** Why an access is wrong; the interpreter adds kernel, statement and lane. */
export class AccessFault {
  constructor(
    readonly code: string,
    readonly reason: string,
  ) {}
}

/** Where the interpreter stands: a new epoch begins at every barrier and every workgroup. */
export interface Clock {
  epoch: number;
  group: number;
}

const MANY = -2;

/** Who touched each element, in this epoch and in other workgroups: finds every pair of accesses that no barrier orders. */
class Shadow {
  private readonly writeEpoch: Int32Array;
  private readonly writeLane: Int32Array;
  private readonly readEpoch: Int32Array;
  private readonly readLane: Int32Array;
  private readonly atomicEpoch: Int32Array;
  private readonly atomicLane: Int32Array;
  private readonly writeGroup: Int32Array;
  private readonly readGroup: Int32Array;
  private readonly atomicGroup: Int32Array;

  constructor(elements: number) {
    const table = () => new Int32Array(elements).fill(-1);
    this.writeEpoch = table();
    this.writeLane = table();
    this.readEpoch = table();
    this.readLane = table();
    this.atomicEpoch = table();
    this.atomicLane = table();
    this.writeGroup = table();
    this.readGroup = table();
    this.atomicGroup = table();
  }

  /** The other access this one races with, if any; then remembers this one. */
  access(
    kind: 'read' | 'write' | 'atomic',
    i: number,
    lane: number,
    { epoch, group }: Clock,
    acrossGroups: boolean,
  ): string | undefined {
    const other = (epochs: Int32Array, lanes: Int32Array, groups: Int32Array): string | undefined => {
      if (epochs[i] === epoch && lanes[i] !== lane) return lanes[i] === MANY ? 'several lanes' : `lane ${lanes[i]}`;
      const g = groups[i];
      return acrossGroups && g !== undefined && g !== -1 && g !== group
        ? g === MANY
          ? 'several workgroups'
          : `workgroup ${g}`
        : undefined;
    };
    const mark = (epochs: Int32Array, lanes: Int32Array, groups: Int32Array): void => {
      lanes[i] = epochs[i] === epoch && lanes[i] !== lane ? MANY : lane;
      epochs[i] = epoch;
      groups[i] = groups[i] === -1 || groups[i] === group ? group : MANY;
    };
    const writer = other(this.writeEpoch, this.writeLane, this.writeGroup);
    if (writer) return `written by ${writer}`;
    if (kind !== 'atomic') {
      const adder = other(this.atomicEpoch, this.atomicLane, this.atomicGroup);
      if (adder) return `changed atomically by ${adder}`;
    }
    if (kind !== 'read') {
      const reader = other(this.readEpoch, this.readLane, this.readGroup);
      if (reader) return `read by ${reader}`;
    }
    if (kind === 'read') mark(this.readEpoch, this.readLane, this.readGroup);
    else if (kind === 'write') mark(this.writeEpoch, this.writeLane, this.writeGroup);
    else mark(this.atomicEpoch, this.atomicLane, this.atomicGroup);
    return undefined;
  }
}

type Read = (i: number) => Scalar;
type Write = (i: number, value: Scalar) => void;

/** Element access of a dense typed array: widened on load, wrapped or rounded on store; sub-byte types sit little end first. */
export function elementAccess(dtype: DType, data: TypedArray): { read: Read; write: Write } {
  const bits = bitsOf[dtype];
  if (data instanceof BigInt64Array || data instanceof BigUint64Array)
    return { read: (i) => data[i] ?? 0n, write: (i, v) => void (data[i] = BigInt(v)) };
  if (bits < 8) {
    const per = 8 / bits;
    const mask = (1 << bits) - 1;
    const raw = (i: number): number => ((data[Math.floor(i / per)] ?? 0) >> ((i % per) * bits)) & mask;
    const put = (i: number, code: number): void => {
      const at = Math.floor(i / per);
      const shift = (i % per) * bits;
      data[at] = ((data[at] ?? 0) & ~(mask << shift)) | ((code & mask) << shift);
    };
    if (dtype === 'f4e2m1')
      return { read: (i) => decodeFloat(dtype, raw(i)), write: (i, v) => put(i, encodeFloat(dtype, Number(v))) };
    const signed = dtype.startsWith('i');
    return { read: (i) => wrapNarrow(raw(i), bits, signed), write: (i, v) => put(i, Number(v)) };
  }
  if (dtype === 'bool')
    return { read: (i) => (data[i] === 0 ? 0 : 1), write: (i, v) => void (data[i] = v === 0 ? 0 : 1) };
  if (dtype === 'f16' || dtype === 'bf16' || dtype.startsWith('f8'))
    return {
      read: (i) => decodeFloat(dtype, data[i] ?? 0),
      write: (i, v) => void (data[i] = encodeFloat(dtype, Number(v))),
    };
  return { read: (i) => data[i] ?? 0, write: (i, v) => void (data[i] = Number(v)) };
}

/** A buffer under interpretation: every access is checked against bounds, access mode, initialisation and races. */
export class CheckedBuffer {
  private readonly shadow: Shadow | undefined;
  private readonly written: Uint8Array | undefined;
  private readonly access: { read: Read; write: Write };

  constructor(
    readonly buffer: Buffer,
    data: TypedArray,
    readonly elements: number,
    private readonly clock: Clock,
    races: boolean,
    /** Elements past the end that a vector load may touch; their value is garbage. */
    private readonly slack: number,
  ) {
    this.access = elementAccess(buffer.storage, data);
    this.shadow = races ? new Shadow(elements) : undefined;
    this.written = buffer.space === 'shared' ? new Uint8Array(elements) : undefined;
  }

  /** Shared memory holds garbage when a workgroup starts. */
  forget(): void {
    this.written?.fill(0);
  }

  private check(kind: 'read' | 'write' | 'atomic', i: number, lane: number): void {
    const b = this.buffer;
    if (!Number.isInteger(i) || i < 0 || i >= this.elements)
      throw new AccessFault('INFC4010', `${kind} of ${b.name}[${i}] is outside its ${this.elements} elements`);
    if (kind === 'read' ? b.access === 'write' : b.access === 'read')
      throw new AccessFault('INFC4011', `${kind} of ${b.name}, which is declared '${b.access}'`);
    if (this.written) {
      if (kind === 'write') this.written[i] = 1;
      else if (this.written[i] === 0)
        throw new AccessFault('INFC4012', `${kind} of ${b.name}[${i}], shared memory that nothing has written yet`);
    }
    const clash = this.shadow?.access(kind, i, lane, this.clock, b.space === 'global');
    if (clash)
      throw new AccessFault(
        'INFC4013',
        `data race: ${kind} of ${b.name}[${i}], which is ${clash} with no barrier between`,
      );
  }

  read(i: number, lane: number): Scalar {
    this.check('read', i, lane);
    return this.access.read(i);
  }

  /** Element `i + offset` of a vector load at `i`. */
  readLane(i: number, offset: number, lane: number): Scalar {
    if (i >= 0 && i < this.elements && i + offset >= this.elements && i + offset < this.elements + this.slack) {
      const wide = this.buffer.storage === 'i64' || this.buffer.storage === 'u64';
      return wide ? 0x5a5a5a5an : this.buffer.storage.includes('f') ? Number.NaN : 0x5a;
    }
    return this.read(i + offset, lane);
  }

  write(i: number, value: Scalar, lane: number): void {
    this.check('write', i, lane);
    this.access.write(i, value);
  }

  atomicAdd(i: number, value: Scalar, lane: number, add: (a: Scalar, b: Scalar) => Scalar): void {
    this.check('atomic', i, lane);
    this.access.write(i, add(this.access.read(i), value));
  }
}
