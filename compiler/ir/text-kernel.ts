import type { Dim } from './dim.ts';
import { bitsOf, type DType, type ScalarType } from './dtype.ts';
import { type BinaryOp, type Buffer, binaryOps, Expr, type ExprNode, type UnaryOp, unaryOps } from './expr.ts';
import type { Alternative, Kernel, Stmt } from './kernel.ts';
import { visitExpr } from './kernel-builder.ts';
import { DimReader, printDim, printSymbols } from './text-dim.ts';
import { numberText, Scanner, word } from './text-scanner.ts';

/** A kernel as text: header, symbols, buffers, statements; expressions in prefix form with their type. */
export function printKernel(kernel: Kernel): string {
  const dims: Dim[] = [...kernel.grid, kernel.note.bytes, kernel.note.flops];
  for (const b of [...kernel.buffers, ...kernel.shared]) dims.push(b.elements);
  for (const body of [kernel.body, ...(kernel.alternatives ?? []).map((a) => a.body)]) collectDims(body, dims);
  const buffer = (b: Buffer): string =>
    `${b.space === 'shared' ? 'shared' : 'buffer'} ${word(b.name)} ${b.storage} ${b.access} ${printDim(b.elements)}${b.finite ? ' finite' : ''}`;
  const { note } = kernel;
  return [
    `kernel ${word(kernel.name)} ${kernel.kind} lanes ${kernel.lanes}`,
    ...printSymbols(dims),
    `grid ${kernel.grid.map(printDim).join(' ')}`,
    `scalars [${kernel.scalars.map(word).join(', ')}]`,
    `note ${word(note.op)} ${word(note.template)} ${JSON.stringify(note.why)} [${note.sources.map((s) => JSON.stringify(s)).join(', ')}] ${printDim(note.bytes)} ${printDim(note.flops)}`,
    ...kernel.buffers.map(buffer),
    ...kernel.shared.map(buffer),
    '{',
    ...kernel.body.flatMap((s) => statement(s, '  ')),
    '}',
    ...(kernel.alternatives ?? []).flatMap((a) => [
      `alternative ${word(a.feature)} {`,
      ...a.body.flatMap((s) => statement(s, '  ')),
      '}',
    ]),
    '',
  ].join('\n');
}

function collectDims(body: readonly Stmt[], dims: Dim[]): void {
  const dim = (d: Dim): void => {
    dims.push(d);
  };
  const seen = new Set<Expr>();
  const expr = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    visitExpr(e, expr, dim);
  };
  for (const s of body) {
    if ('value' in s) expr(s.value);
    if ('index' in s) dim(s.index);
    if (s.kind === 'for') {
      dims.push(s.from, s.to, s.step);
      collectDims(s.body, dims);
    } else if (s.kind === 'if') {
      expr(s.condition);
      collectDims(s.body, dims);
      collectDims(s.otherwise, dims);
    } else if (s.kind === 'intrinsic') {
      for (const a of s.args) {
        if (a instanceof Expr) expr(a);
        else if (typeof a === 'number' || 'terms' in a) dim(a);
      }
    }
  }
}

function statement(s: Stmt, indent: string): string[] {
  const inner = `${indent}  `;
  const block = (body: readonly Stmt[]): string[] => body.flatMap((x) => statement(x, inner));
  switch (s.kind) {
    case 'let':
    case 'var':
    case 'set':
      return [`${indent}${s.kind} ${word(s.name)} = ${exprText(s.value)}`];
    case 'store':
    case 'atomicAdd':
      return [`${indent}${s.kind} ${word(s.buffer.name)} ${printDim(s.index)} = ${exprText(s.value)}`];
    case 'for':
      return [
        `${indent}for ${word(s.name)} ${printDim(s.from)} ${printDim(s.to)} ${printDim(s.step)} {`,
        ...block(s.body),
        `${indent}}`,
      ];
    case 'if':
      return [
        `${indent}if ${exprText(s.condition)} {`,
        ...block(s.body),
        ...(s.otherwise.length > 0 ? [`${indent}} else {`, ...block(s.otherwise)] : []),
        `${indent}}`,
      ];
    case 'barrier':
      return [`${indent}barrier`];
    case 'comment':
      return [`${indent}comment ${JSON.stringify(s.text)}`];
    case 'intrinsic': {
      const args = s.args.map((a) =>
        a instanceof Expr
          ? exprText(a)
          : typeof a === 'number' || 'terms' in a
            ? `dim ${printDim(a)}`
            : `buffer ${word(a.name)}`,
      );
      return [`${indent}intrinsic ${word(s.name)}(${args.join(', ')})`];
    }
  }
}

function exprText(e: Expr): string {
  const n = e.node;
  const head = (name: string): string => `(${name}:${e.type}${e.width === 1 ? '' : `x${e.width}`}`;
  const of = (name: string, ...parts: (Expr | string)[]): string =>
    `${[head(name), ...parts.map((p) => (p instanceof Expr ? exprText(p) : p))].join(' ')})`;
  switch (n.kind) {
    case 'const':
      return of('const', numberText(n.value));
    case 'dim':
      return of('dim', printDim(n.dim));
    case 'var':
      return of('var', word(n.name));
    case 'load':
      return of('load', word(n.buffer.name), printDim(n.index));
    case 'unary':
      return of(n.op, n.a);
    case 'binary':
      return of(n.op, n.a, n.b);
    case 'fma':
    case 'dot2':
    case 'dot4':
      return of(n.kind, n.a, n.b, n.c);
    case 'select':
      return of('select', n.condition, n.a, n.b);
    case 'guard':
      return of('guard', n.condition, n.a, n.otherwise);
    case 'cast':
    case 'bitcast':
    case 'splat':
    case 'halves':
      return of(n.kind, n.a);
    case 'narrow':
      return of('narrow', n.to, n.a);
    case 'pack':
      return of('pack', ...n.elements);
    case 'extract':
      return of('extract', String(n.lane), n.a);
    case 'shuffle':
      return of('shuffle', `[${n.lanes.join(', ')}]`, n.a, n.b);
    case 'subgroup':
      return of('subgroup', n.op, String(n.mask), n.a);
    case 'intrinsic':
      return of('intrinsic', word(n.name), ...n.args);
    case 'foldResult':
      throw new TypeError('a kernel holds no folds');
  }
}

const UNARY: ReadonlySet<string> = new Set(unaryOps);
const BINARY: ReadonlySet<string> = new Set(binaryOps);
const SUBGROUP = ['add', 'max', 'min', 'broadcastFirst', 'shuffleXor'] as const;
const isUnary = (s: string): s is UnaryOp => UNARY.has(s);
const isBinary = (s: string): s is BinaryOp => BINARY.has(s);
const isDType = (s: string): s is DType => Object.hasOwn(bitsOf, s);
const SCALARS = ['f64', 'f32', 'f16', 'i64', 'i32', 'u64', 'u32', 'bool'] as const;

/** Reads what {@link printKernel} wrote. Throws INFC2030 with the line. */
export const parseKernel = (text: string): Kernel => new KernelReader(new Scanner(text)).kernel();

class KernelReader {
  private readonly dims: DimReader;
  private readonly buffers = new Map<string, Buffer>();

  constructor(private readonly s: Scanner) {
    this.dims = new DimReader(s);
  }

  kernel(): Kernel {
    const { s } = this;
    s.expect('kernel');
    const name = s.name();
    const kind = s.take('simt') ? 'simt' : s.take('simd') ? 'simd' : s.fail('a kernel is simt or simd');
    s.expect('lanes');
    const lanes = s.integer();
    this.dims.declarations();
    s.expect('grid');
    const grid = [this.dims.dim(), this.dims.dim(), this.dims.dim()] as const;
    s.expect('scalars');
    const scalars = s.list('[', ']', () => s.name());
    s.expect('note');
    const note = {
      op: s.name(),
      template: s.name(),
      why: s.name(),
      sources: s.list('[', ']', () => s.name()),
      bytes: this.dims.dim(),
      flops: this.dims.dim(),
    };
    const global = this.bufferList('buffer');
    const shared = this.bufferList('shared');
    const body = this.block();
    const alternatives: Alternative[] = [];
    while (s.take('alternative')) alternatives.push({ feature: s.name(), body: this.block() });
    if (!s.done) s.fail('expected the end');
    return {
      name,
      kind,
      buffers: global,
      shared,
      scalars,
      lanes,
      grid,
      body,
      ...(alternatives.length > 0 ? { alternatives } : {}),
      note,
    };
  }

  private bufferList(keyword: 'buffer' | 'shared'): Buffer[] {
    const { s } = this;
    const list: Buffer[] = [];
    while (s.take(keyword)) {
      const name = s.name();
      const storage = s.name();
      const access = (['read', 'write', 'read_write'] as const).find((kind) => s.take(kind));
      if (!isDType(storage)) return s.fail(`'${storage}' is no dtype`);
      if (!access) return s.fail('expected read, write or read_write');
      const space = keyword === 'shared' ? 'shared' : 'global';
      const b: Buffer = {
        name,
        storage,
        space,
        access,
        elements: this.dims.dim(),
        ...(s.take('finite') ? { finite: true } : {}),
      };
      this.buffers.set(name, b);
      list.push(b);
    }
    return list;
  }

  private block(): Stmt[] {
    this.s.expect('{');
    const body: Stmt[] = [];
    while (!this.s.take('}')) body.push(this.statement());
    return body;
  }

  private statement(): Stmt {
    const { s } = this;
    for (const kind of ['let', 'var', 'set'] as const) {
      if (!s.take(kind)) continue;
      const name = s.name();
      s.expect('=');
      return { kind, name, value: this.expr() };
    }
    for (const kind of ['store', 'atomicAdd'] as const) {
      if (!s.take(kind)) continue;
      const buffer = this.buffer();
      const index = this.dims.dim();
      s.expect('=');
      return { kind, buffer, index, value: this.expr() };
    }
    if (s.take('for')) {
      const name = s.name();
      const [from, to, step] = [this.dims.dim(), this.dims.dim(), this.dims.dim()];
      return { kind: 'for', name, from, to, step, body: this.block() };
    }
    if (s.take('if')) {
      const condition = this.expr();
      const body = this.block();
      return { kind: 'if', condition, body, otherwise: s.take('else') ? this.block() : [] };
    }
    if (s.take('barrier')) return { kind: 'barrier' };
    if (s.take('comment')) return { kind: 'comment', text: s.name() };
    s.expect('intrinsic');
    const name = s.name();
    const args = s.list('(', ')', () =>
      s.take('dim') ? this.dims.dim() : s.take('buffer') ? this.buffer() : this.expr(),
    );
    return { kind: 'intrinsic', name, args };
  }

  private buffer(): Buffer {
    const name = this.s.name();
    return this.buffers.get(name) ?? this.s.fail(`buffer '${name}' is not declared`);
  }

  private expr(): Expr {
    const { s } = this;
    s.expect('(');
    const head = s.name();
    s.expect(':');
    const [typeName = '', widthText = '1'] = s.name().split('x');
    const type: ScalarType = SCALARS.find((t) => t === typeName) ?? s.fail(`'${typeName}' is no type`);
    const width = ([1, 2, 4, 8, 16] as const).find((w) => w === Number(widthText)) ?? s.fail(`bad width ${widthText}`);
    const node = this.node(head, type);
    s.expect(')');
    return new Expr(type, width, node);
  }

  private node(head: string, type: ScalarType): ExprNode {
    const { s } = this;
    if (isUnary(head)) return { kind: 'unary', op: head, a: this.expr() };
    if (isBinary(head)) return { kind: 'binary', op: head, a: this.expr(), b: this.expr() };
    switch (head) {
      case 'const':
        return { kind: 'const', value: this.literal(type) };
      case 'dim':
        return { kind: 'dim', dim: this.dims.dim() };
      case 'var':
        return { kind: 'var', name: s.name() };
      case 'load':
        return { kind: 'load', buffer: this.buffer(), index: this.dims.dim() };
      case 'fma':
      case 'dot2':
      case 'dot4':
        return { kind: head, a: this.expr(), b: this.expr(), c: this.expr() };
      case 'select':
        return { kind: 'select', condition: this.expr(), a: this.expr(), b: this.expr() };
      case 'guard':
        return { kind: 'guard', condition: this.expr(), a: this.expr(), otherwise: this.expr() };
      case 'cast':
      case 'bitcast':
      case 'splat':
      case 'halves':
        return { kind: head, a: this.expr() };
      case 'narrow': {
        const to = s.name();
        return isDType(to) ? { kind: 'narrow', to, a: this.expr() } : s.fail(`'${to}' is no dtype`);
      }
      case 'pack': {
        const elements: Expr[] = [];
        while (s.sees('(')) elements.push(this.expr());
        return { kind: 'pack', elements };
      }
      case 'extract':
        return { kind: 'extract', lane: s.integer(), a: this.expr() };
      case 'shuffle':
        return { kind: 'shuffle', lanes: s.list('[', ']', () => s.integer()), a: this.expr(), b: this.expr() };
      case 'subgroup': {
        const op = SUBGROUP.find((o) => s.take(o)) ?? s.fail('no such subgroup operation');
        return { kind: 'subgroup', op, mask: s.integer(), a: this.expr() };
      }
      case 'intrinsic': {
        const name = s.name();
        const args: Expr[] = [];
        while (s.sees('(')) args.push(this.expr());
        return { kind: 'intrinsic', name, args };
      }
      default:
        return s.fail(`'${head}' is no expression`);
    }
  }

  private literal(type: ScalarType): number | bigint {
    if (type !== 'i64' && type !== 'u64') return this.s.number() ?? this.s.fail('expected a number');
    const text = this.s.name();
    return /^-?\d+$/.test(text) ? BigInt(text) : this.s.fail(`'${text}' is no integer`);
  }
}
