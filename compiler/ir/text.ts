import type { PlanGeneration } from '../../runtime/plan.ts';
import type { Dim } from './dim.ts';
import { bitsOf, type DType } from './dtype.ts';
import {
  type Attribute,
  type Attributes,
  type Constant,
  Graph,
  type Program,
  type Source,
  type TensorType,
  tensor,
  type Value,
} from './graph.ts';
import { DimReader, printDim, printSymbols } from './text-dim.ts';
import { numberText, Scanner, word } from './text-scanner.ts';

/** Constants longer than this are printed by name only; parsing them needs a source of constants. */
const INLINE_BYTES = 256;

/**
 * A program as text: symbols, then each entry as a list of nodes. Values are numbered in order, so equal programs print equally
 * whatever ids they have. `parseProgram(printProgram(p))` prints the same text.
 */
export function printProgram(program: Program): string {
  const dims: Dim[] = [];
  for (const g of program.entries.values()) collectDims(g, dims);
  const lines = [`program ${word(program.name)}`, ...printSymbols(dims)];
  for (const [key, value] of Object.entries(program.metadata)) lines.push(`meta ${word(key)} ${JSON.stringify(value)}`);
  if (program.generation) lines.push(`generation ${JSON.stringify(JSON.stringify(program.generation))}`);
  for (const s of program.states) lines.push(`state ${word(s.name)} ${typeText(s.type)}`);
  const printer = new GraphPrinter();
  for (const [name, g] of program.entries) lines.push(`entry ${word(name)} ${printer.graph(g, '')}`);
  return `${lines.join('\n')}\n`;
}

/** One graph as text, with the symbols it uses. */
export function printGraph(graph: Graph): string {
  const dims: Dim[] = [];
  collectDims(graph, dims);
  return `${[...printSymbols(dims), new GraphPrinter().graph(graph, '')].join('\n')}\n`;
}

function collectDims(graph: Graph, dims: Dim[]): void {
  const value = (v: Value | null): void => {
    if (v) dims.push(...v.type.shape);
  };
  graph.inputs.forEach(value);
  const attribute = (a: Attribute): void => {
    if (a instanceof Graph) collectDims(a, dims);
    else if (Array.isArray(a)) a.forEach(attribute);
    else if (isDimSum(a)) dims.push(a);
  };
  for (const node of graph.nodes) {
    node.inputs.forEach(value);
    node.outputs.forEach(value);
    Object.values(node.attrs).forEach(attribute);
  }
  graph.outputs.forEach(value);
}

const isDimSum = (a: Attribute): a is Exclude<Dim, number> => typeof a === 'object' && a !== null && 'terms' in a;
const isConstant = (a: Attribute): a is Constant =>
  typeof a === 'object' && a !== null && !(a instanceof Graph) && 'read' in a;

const typeText = (t: TensorType): string =>
  [
    ...(t.container ? [t.container] : []),
    ...(t.unranked ? ['unranked'] : []),
    `${t.dtype}[${t.shape.map(printDim).join(', ')}]`,
    ...(t.format === 'dense' ? [] : [`format ${word(t.format)}`]),
  ].join(' ');

class GraphPrinter {
  private readonly numbers = new Map<Value, number>();

  private number(v: Value): number {
    const n = this.numbers.get(v) ?? this.numbers.size;
    this.numbers.set(v, n);
    return n;
  }

  private declared(v: Value): string {
    return `%${this.number(v)} ${word(v.name)}: ${typeText(v.type)}`;
  }

  graph(g: Graph, indent: string): string {
    const inner = `${indent}  `;
    const lines: string[] = [];
    const use = (v: Value | null): string => {
      if (!v) return '_';
      if (v.constant && !this.numbers.has(v)) {
        const head = this.declared(v);
        lines.push(`${inner}const ${head} = ${constantText(v.constant)}`);
      }
      return `%${this.number(v)}`;
    };
    const inputs = g.inputs.map((v) => this.declared(v)).join(', ');
    for (const node of g.nodes) {
      const used = node.inputs.map(use).join(', ');
      const attrs = Object.entries(node.attrs)
        .filter(([, a]) => a !== undefined)
        .map(([k, a]) => `${word(k)}: ${this.attribute(a, inner)}`);
      const outputs = node.outputs.map((v) => this.declared(v)).join(', ');
      const source = `from ${JSON.stringify(node.source.name)} ${word(node.source.op)}`;
      lines.push(
        `${inner}${outputs} = ${word(node.op)}(${used})${attrs.length > 0 ? ` {${attrs.join(', ')}}` : ''} ${source}`,
      );
    }
    const outputs = g.outputs.map(use).join(', ');
    lines.push(`${inner}return ${outputs}`);
    const given = g.given.length > 0 ? ` given [${g.given.map(word).join(', ')}]` : '';
    return `graph ${word(g.name)}(${inputs})${given} {\n${lines.join('\n')}\n${indent}}`;
  }

  private attribute(a: Attribute, indent: string): string {
    if (a instanceof Graph) return this.graph(a, indent);
    if (typeof a === 'string') return JSON.stringify(a);
    if (typeof a === 'boolean') return String(a);
    if (typeof a === 'bigint') return `${a}n`;
    if (typeof a === 'number') return numberText(a);
    if (a === undefined) return 'undefined';
    if (isDimSum(a)) return `dim ${printDim(a)}`;
    if (isConstant(a)) return `const ${word(a.name)} ${typeText(a.type)} ${constantText(a)}`;
    return `[${(a as readonly Attribute[]).map((x) => this.attribute(x, indent)).join(', ')}]`;
  }
}

function constantText(c: Constant): string {
  if (c.strings) return `strings [${c.strings.map((s) => JSON.stringify(s)).join(', ')}]`;
  if (c.bytes > INLINE_BYTES) return `stored ${JSON.stringify(c.name)}`;
  return `bytes "${[...c.read().subarray(0, c.bytes)].map((b) => b.toString(16).padStart(2, '0')).join('')}"`;
}

/** Finds the contents of a constant that was printed by name. */
export type ConstantSource = (name: string, type: TensorType) => Constant | undefined;

/** Reads what {@link printProgram} wrote. Throws INFC2030 with the line. */
export function parseProgram(text: string, constants: ConstantSource = () => undefined): Program {
  const scanner = new Scanner(text);
  const reader = new GraphReader(scanner, constants);
  scanner.expect('program');
  const name = scanner.name();
  reader.dims.declarations();
  const metadata: Record<string, string> = {};
  while (scanner.take('meta')) metadata[scanner.name()] = scanner.name();
  const generation = scanner.take('generation') ? (JSON.parse(scanner.name()) as PlanGeneration) : undefined;
  const states: Program['states'] = [];
  while (scanner.take('state')) states.push({ name: scanner.name(), type: reader.type() });
  const entries = new Map<string, Graph>();
  while (scanner.take('entry')) entries.set(scanner.name(), reader.graph());
  if (!scanner.done) scanner.fail('expected an entry');
  const symbols = reader.dims.inputSymbols(entries.values());
  return { name, entries, states, symbols, metadata, ...(generation ? { generation } : {}) };
}

/** Reads what {@link printGraph} wrote. Throws INFC2030 with the line. */
export function parseGraph(text: string, constants: ConstantSource = () => undefined): Graph {
  const scanner = new Scanner(text);
  const reader = new GraphReader(scanner, constants);
  reader.dims.declarations();
  const graph = reader.graph();
  if (!scanner.done) scanner.fail('expected the end');
  return graph;
}

class GraphReader {
  readonly dims: DimReader;
  private readonly values = new Map<string, Value>();

  constructor(
    private readonly scanner: Scanner,
    private readonly constants: ConstantSource,
  ) {
    this.dims = new DimReader(scanner);
  }

  type(): TensorType {
    const s = this.scanner;
    const maps = ['string-maps', 'i64-maps', 'string-map', 'i64-map'] as const;
    const containers = [...maps, 'sequence', 'optional', 'optional-sequence'] as const;
    const container = containers.find((c) => s.take(c));
    const unranked = s.take('unranked');
    const dtype = s.name();
    if (!isDType(dtype)) return s.fail(`'${dtype}' is no dtype`);
    const shape = s.list('[', ']', () => this.dims.dim());
    const format = s.take('format') ? s.name() : 'dense';
    return {
      ...tensor(dtype, shape, format),
      ...(container ? { container } : {}),
      ...(unranked ? { unranked: true as const } : {}),
    };
  }

  private label(): string {
    this.scanner.expect('%');
    return this.scanner.name();
  }

  private declaration(): { readonly label: string; readonly name: string; readonly type: TensorType } {
    const label = this.label();
    const name = this.scanner.name();
    this.scanner.expect(':');
    return { label, name, type: this.type() };
  }

  private use(): Value {
    const label = this.label();
    return this.values.get(label) ?? this.scanner.fail(`value %${label} is not defined`);
  }

  graph(): Graph {
    const s = this.scanner;
    s.expect('graph');
    const g = new Graph(s.name());
    s.list('(', ')', () => {
      const d = this.declaration();
      this.values.set(d.label, g.input(d.name, d.type));
    });
    if (s.take('given')) s.list('[', ']', () => g.given.push(s.name()));
    s.expect('{');
    while (!s.take('return')) this.statement(g);
    while (!s.sees('}')) {
      g.outputs.push(this.use());
      if (!s.take(',')) break;
    }
    s.expect('}');
    return g;
  }

  private statement(g: Graph): void {
    const s = this.scanner;
    if (s.take('const')) {
      const d = this.declaration();
      s.expect('=');
      this.values.set(d.label, g.constant(this.constant(d.name, d.type)));
      return;
    }
    const outputs = [this.declaration()];
    while (s.take(',')) outputs.push(this.declaration());
    s.expect('=');
    const op = s.name();
    const inputs = s.list('(', ')', () => (s.take('_') ? null : this.use()));
    const attrs: Record<string, Attribute> = {};
    if (s.sees('{'))
      s.list('{', '}', () => {
        const key = s.name();
        s.expect(':');
        attrs[key] = this.attribute();
      });
    s.expect('from');
    const source: Source = { name: s.name(), op: s.name() };
    const node = g.node(
      op,
      inputs,
      attrs satisfies Attributes,
      outputs.map((o) => o.type),
      source,
      outputs.map((o) => o.name),
    );
    outputs.forEach((o, i) => {
      const v = node.outputs[i];
      if (v) this.values.set(o.label, v);
    });
  }

  private attribute(): Attribute {
    const s = this.scanner;
    if (s.sees('graph')) return this.graph();
    if (s.sees('[')) return s.list('[', ']', () => this.attribute());
    if (s.take('dim')) return this.dims.dim();
    if (s.take('const')) return this.constant(s.name(), this.type());
    if (s.take('true')) return true;
    if (s.take('false')) return false;
    const text = s.string();
    if (text !== undefined) return text;
    const n = s.number();
    if (n !== undefined) return n;
    const big = s.name();
    return /^-?\d+n$/.test(big) ? BigInt(big.slice(0, -1)) : s.fail(`'${big}' is no attribute`);
  }

  private constant(name: string, type: TensorType): Constant {
    const s = this.scanner;
    if (s.take('strings')) {
      const strings = s.list('[', ']', () => s.name());
      return { name, type, bytes: 0, read: () => new Uint8Array(0), strings };
    }
    if (s.take('stored')) {
      const key = s.name();
      return this.constants(key, type) ?? s.fail(`the contents of constant '${key}' are not given`);
    }
    s.expect('bytes');
    const hex = s.name();
    if (!/^([0-9a-f]{2})*$/.test(hex)) s.fail('bytes are pairs of hex digits');
    const bytes = Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
      Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
    );
    return { name, type, bytes: bytes.byteLength, read: () => bytes };
  }
}

const isDType = (s: string): s is DType => Object.hasOwn(bitsOf, s);
