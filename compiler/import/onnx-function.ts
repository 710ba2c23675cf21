import { InfcError } from '../../runtime/errors.ts';
import type { Value } from '../ir/graph.ts';
import {
  type AttributeProto,
  type FunctionProto,
  type NodeProto,
  type OperatorSetIdProto,
  toNumber,
} from './onnx-decode.ts';

/** Values by ONNX name; bodies see those of the graphs around them. */
export class Scope {
  private readonly values = new Map<string, Value>();

  constructor(private readonly parent?: Scope) {}

  get(name: string): Value | undefined {
    return this.values.get(name) ?? this.parent?.get(name);
  }

  /** Whether this very scope (not one around it) defines the name. */
  owns(name: string): boolean {
    return this.values.has(name);
  }

  set(name: string, value: Value): void {
    this.values.set(name, value);
  }
}

/** The main graph, or one call of a local function. */
export interface Frame {
  readonly opsets: ReadonlyMap<string, number>;
  /** Prefix of node names: the names of the calls that lead here. */
  readonly prefix: string;
  /** What attribute references resolve to, with the place whose values a body among them sees. */
  readonly attributes: ReadonlyMap<string, BoundAttribute>;
  readonly calls: readonly string[];
}

/** An attribute of a call, and where its bodies see values. */
export interface BoundAttribute {
  readonly proto: AttributeProto;
  readonly place: Place;
}

/** Where a node stands: its frame, its names, and its path in the file (see NewerFields). */
export interface Place {
  readonly frame: Frame;
  readonly scope: Scope;
  readonly path: string;
}

/** A function that the model file defines. */
export interface LocalFunction {
  readonly key: string;
  readonly proto: FunctionProto;
  readonly path: string;
  /** Defaults of its attributes. */
  readonly defaults: readonly AttributeProto[];
}

const MAX_CALL_DEPTH = 64;

/** A domain as infc writes it: ai.onnx is the empty one. */
export const domainOf = (domain: string | null | undefined): string => (domain === 'ai.onnx' ? '' : (domain ?? ''));

/** Name by which calls find a local function. */
export const functionKey = (
  domain: string | null | undefined,
  name: string | null | undefined,
  overload: string,
): string => `${domainOf(domain)}:${name ?? ''}${overload ? `:${overload}` : ''}`;

function functionOpsets(
  imports: readonly OperatorSetIdProto[],
  outer: ReadonlyMap<string, number>,
): Map<string, number> {
  const versions = new Map(outer);
  for (const o of imports) versions.set(domainOf(o.domain), toNumber(o.version));
  return versions;
}

/** A function's node with inputs that the call omits left out. */
const withoutInputs = (node: NodeProto, omitted: ReadonlySet<string>): NodeProto =>
  omitted.size === 0 || !node.input?.some((n) => omitted.has(n))
    ? node
    : { ...node, input: node.input.map((n) => (omitted.has(n) ? '' : n)) };

/**
 * The nodes of a call, and the place where they stand: formal inputs are the caller's values, attributes the call's or their defaults.
 * Throws INFC1053 for a function that calls itself, INFC1054 for too many inputs.
 */
export function bindCall(
  f: LocalFunction,
  inputs: readonly (Value | null)[],
  attributes: ReadonlyMap<string, BoundAttribute>,
  caller: Frame,
  name: string,
): { readonly place: Place; readonly nodes: NodeProto[] } {
  if (caller.calls.includes(f.key) || caller.calls.length >= MAX_CALL_DEPTH)
    throw new InfcError(
      'INFC1053',
      `local function '${f.key}' calls itself (${[...caller.calls, f.key].join(' -> ')})`,
      {
        node: name,
        fix: 'ONNX functions may not recurse',
      },
    );
  const scope = new Scope();
  const bound = new Map<string, BoundAttribute>();
  const place: Place = {
    frame: {
      opsets: functionOpsets(f.proto.opsetImport ?? [], caller.opsets),
      prefix: `${name}/`,
      attributes: bound,
      calls: [...caller.calls, f.key],
    },
    scope,
    path: f.path,
  };
  for (const a of f.defaults) bound.set(a.name ?? '', { proto: a, place });
  for (const [k, v] of attributes) bound.set(k, v);
  const formal = f.proto.input ?? [];
  if (inputs.length > formal.length)
    throw new InfcError('INFC1054', `'${f.key}' takes ${formal.length} inputs, not ${inputs.length}`, {
      node: name,
      fix: 'Export the model again',
    });
  const omitted = new Set<string>();
  formal.forEach((formalName, i) => {
    const value = inputs[i];
    if (value) scope.set(formalName, value);
    else omitted.add(formalName);
  });
  const nodes = (f.proto.node ?? []).map((n) => withoutInputs(n, omitted));
  return { place, nodes };
}
