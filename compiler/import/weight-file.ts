import type { Constant } from '../ir/graph.ts';

/** Weights of one file by their names in Hugging Face's layout, whatever the format of the file. */
export interface WeightFile {
  /** The file, for errors. */
  readonly name: string;
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>;
  /** One of the tensors; its bytes are read from the file when they are wanted. */
  constant(tensor: string): Constant;
  /** Name of the tensor that the file says is shared under `tensor`. */
  tied(tensor: string): string | undefined;
}
