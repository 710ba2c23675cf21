import { readFile } from 'node:fs/promises';
import { decodeModel, type GraphProto, type NodeProto } from '../import/onnx-decode.ts';
import type { Registry } from '../plugin.ts';

/** Operators of an ONNX file, whether infc imports them or not. */
export interface OnnxSummary {
  readonly operators: Readonly<Record<string, number>>;
  /** Operators that no plugin imports. */
  readonly missing: readonly string[];
}

/** Counts the operators of a model that cannot be imported as a whole; local functions of the model count as known. */
export async function summarizeOnnx(file: string, registry: Registry): Promise<OnnxSummary> {
  const { model } = decodeModel(new Uint8Array(await readFile(file)));
  const local = new Set((model.functions ?? []).map((f) => `${f.domain ?? ''}:${f.name ?? ''}`));
  const counts = new Map<string, number>();
  const missing = new Set<string>();
  const visit = (node: NodeProto): void => {
    const domain = node.domain === 'ai.onnx' ? '' : (node.domain ?? '');
    const name = node.opType ?? '';
    const shown = domain === '' ? name : `${domain}::${name}`;
    counts.set(shown, (counts.get(shown) ?? 0) + 1);
    if (!registry.onnxOp(domain, name) && !local.has(`${domain}:${name}`)) missing.add(shown);
    for (const a of node.attribute ?? []) for (const g of [a.g, ...(a.graphs ?? [])]) graph(g);
  };
  const graph = (g: GraphProto | null | undefined): void => {
    for (const n of g?.node ?? []) visit(n);
  };
  graph(model.graph);
  for (const f of model.functions ?? []) for (const n of f.node ?? []) visit(n);
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  return { operators: Object.fromEntries(sorted), missing: [...missing].sort() };
}
