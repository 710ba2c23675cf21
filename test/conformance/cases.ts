import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Json } from '../../grammars/json/schema/document.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';

/** A schema of MaskBench and its instances. */
export interface Case {
  readonly id: string;
  readonly schema: Json;
  readonly tests: readonly { readonly valid: boolean; readonly text: string }[];
}

/** Which cases, and over which tokenizer (Llama 3's by default). */
export interface Selection {
  readonly files: readonly string[];
  readonly vocab: string | undefined;
  readonly every: number;
  readonly offset: number;
  readonly only: string | undefined;
}

/** The cases one at a time, with the tokens of their instances. */
export interface Cases {
  readonly vocabulary: Vocabulary;
  readonly count: number;
  at(index: number): Promise<{ readonly case: Case; readonly tokens: readonly Int32Array[] }>;
  close(): Promise<unknown>;
}

/**
 * Opens cases in a thread of their own, which works only while it is asked: their texts and a tokenizer's tables are over 100 MB and half
 * of all garbage, and a collector that stops the engine under test for them says nothing about it.
 */
export async function openCases(selection: Selection): Promise<Cases> {
  const worker = new Worker(new URL('./cases-thread.mjs', import.meta.url), { workerData: selection });
  const answer = async <T>(): Promise<T> => ((await once(worker, 'message')) as [T])[0];
  const { vocabulary, count } = await answer<{ vocabulary: Vocabulary; count: number }>();
  return {
    vocabulary,
    count,
    at: async (index) => {
      worker.postMessage(index);
      const { line, tokens } = await answer<{ line: string; tokens: readonly Int32Array[] }>();
      return { case: JSON.parse(line) as Case, tokens };
    },
    close: () => worker.terminate(),
  };
}
