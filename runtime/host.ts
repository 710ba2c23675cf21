import type { DType, TypedArray } from './dtype.ts';

/** A tensor on the host. Strings are JavaScript strings; 16-bit and narrower floats are raw bits. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray | readonly string[];
}

/** A map of ai.onnx.ml. */
export type HostMap = ReadonlyMap<string | number, string | number>;

/** What a host step passes around: a tensor, a sequence, a map, or an absent optional. */
export type HostValue = HostTensor | readonly HostValue[] | HostMap | null;

/** What a host function may ask for beyond its inputs. */
export interface HostContext {
  /** dtype and rank of each output, as the plan declares them. */
  readonly outputs: readonly { readonly dtype: DType; readonly rank: number }[];
  /** Throws INFC6xxx naming the step. */
  fail(reason: string, fix?: string): never;
}

/**
 * A function of a plan's `host` step: whole values in, whole values out. It returns as many values as the step has outputs, and may be
 * asynchronous. Inputs are views of device memory that are valid until it returns; it never writes to them.
 */
export type HostOp = (
  inputs: readonly HostValue[],
  attrs: Readonly<Record<string, unknown>>,
  context: HostContext,
) => readonly HostValue[] | Promise<readonly HostValue[]>;
