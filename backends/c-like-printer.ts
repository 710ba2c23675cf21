import type { Atom, Dim, DimSum } from '../compiler/ir/dim.ts';
import { formatDim, range } from '../compiler/ir/dim.ts';
import type { ScalarType } from '../compiler/ir/dtype.ts';
import type { BinaryOp, Buffer, Expr, ExprNode, UnaryOp, Width } from '../compiler/ir/expr.ts';
import type { Kernel, Stmt } from '../compiler/ir/kernel.ts';
import { visitExpr } from '../compiler/ir/kernel-builder.ts';
import { InfcError } from '../runtime/errors.ts';

/** A value in the printed language: its text and what it is. `Text.atomic` needs no parentheses and costs nothing to repeat. */
export interface Text {
  readonly text: string;
  readonly type: ScalarType;
  readonly width: Width;
}

/**
 * What a C-like language writes for each construct. Methods return expression text; where a construct needs statements they emit them
 * through the printer. Text handed in may be repeated only after `p.name`.
 */
export interface Language {
  /** Words that may not be used as names. */
  readonly reserved: ReadonlySet<string>;
  /** Functions that may be called by helper name; bodies may mention other helpers by name. */
  readonly library: Readonly<Record<string, string>>;
  /** Whether `condition ? a : b` evaluates one side only. */
  readonly lazyTernary: boolean;
  type(type: ScalarType, width: Width): string;
  constant(type: ScalarType, value: number | bigint, p: KernelPrinter): string;
  unary(op: UnaryOp, a: Text, p: KernelPrinter): string;
  binary(op: BinaryOp, a: Text, b: Text, nodes: { readonly a: Expr; readonly b: Expr }, p: KernelPrinter): string;
  fma(a: Text, b: Text, c: Text, p: KernelPrinter): string;
  select(condition: Text, a: Text, b: Text, p: KernelPrinter): string;
  cast(to: ScalarType, a: Text, p: KernelPrinter): string;
  bitcast(to: ScalarType, a: Text, p: KernelPrinter): string;
  narrow(to: Buffer['storage'], a: Text, p: KernelPrinter): string;
  pack(type: ScalarType, elements: readonly string[]): string;
  component(a: string, i: number): string;
  dot2(a: Text, b: Text, c: Text, p: KernelPrinter): string;
  dot4(a: Text, b: Text, c: Text, p: KernelPrinter): string;
  subgroup(op: Extract<ExprNode, { kind: 'subgroup' }>['op'], a: Text, mask: number, p: KernelPrinter): string;
  intrinsic(name: string, args: readonly Text[], result: Expr, p: KernelPrinter): string;
  load(buffer: Buffer, index: Dim, width: Width, p: KernelPrinter): string;
  store(buffer: Buffer, index: Dim, value: Text, p: KernelPrinter): void;
  atomicAdd(buffer: Buffer, index: Dim, value: Text, p: KernelPrinter): void;
  barrier(p: KernelPrinter): void;
  /** Floor division where the dividend may be negative, and its remainder. */
  floorDiv(a: string, b: string, p: KernelPrinter): string;
  floorMod(a: string, b: string, p: KernelPrinter): string;
  let(name: string, type: ScalarType, width: Width, value: string): string;
  var(name: string, type: ScalarType, width: Width, value: string | undefined): string;
  loop(name: string, from: string, to: string, step: string): string;
}

interface Scope {
  readonly lines: string[];
  readonly names: Map<Expr, string>;
}

const TRIVIAL: ReadonlySet<ExprNode['kind']> = new Set(['const', 'var']);
const LONG = 140;
/** Symbols every simt kernel has; languages reserve them. */
const PREDEFINED = ['lane', 'groupX', 'groupY', 'groupZ'];

/**
 * Prints one kernel's statements in a C-like language. Within a statement a subexpression used twice is named once; a guard becomes an
 * `if` around its loads. Emits text into `lines`, notes the library functions it needs.
 */
export class KernelPrinter {
  readonly needed = new Set<string>();
  private readonly names = new Map<string, string>(PREDEFINED.map((n) => [n, n]));
  private readonly taken = new Set<string>();
  private scopes: Scope[] = [{ lines: [], names: new Map() }];
  private uses = new Map<Expr, number>();
  private counter = 0;
  private depth = 1;

  constructor(
    readonly kernel: Kernel,
    readonly language: Language,
  ) {}

  /** The identifier of an IR name: the name itself where the language allows it. */
  identifier(name: string): string {
    const old = this.names.get(name);
    if (old) return old;
    let id = name.replace(/[^A-Za-z0-9_]/g, '_');
    if (!/^[A-Za-z]/.test(id)) id = `d${id}`;
    while (this.language.reserved.has(id) || id in this.language.library || this.taken.has(id) || id.includes('__'))
      id = id.includes('__') ? id.replace(/_+/g, '_') : `${id}_`;
    this.taken.add(id);
    this.names.set(name, id);
    return id;
  }

  /** Marks a library function as used and returns its name. */
  need(helper: string): string {
    this.needed.add(helper);
    return helper;
  }

  emit(line: string): void {
    this.scope.lines.push(`${'  '.repeat(this.depth)}${line}`);
  }

  /** Text that may be repeated: `text` itself when it is a plain name or number, else a fresh let. */
  name(a: Text, hint = 's'): string {
    if (/^[\w.]+$/.test(a.text)) return a.text;
    const id = this.fresh(hint);
    this.emit(this.language.let(id, a.type, a.width, a.text));
    return id;
  }

  error(reason: string, fix?: string): InfcError {
    return new InfcError('INFC4020', `kernel '${this.kernel.name}' cannot be printed: ${reason}`, {
      ...(this.kernel.note.sources[0] === undefined ? {} : { node: this.kernel.note.sources[0] }),
      ...(fix === undefined ? {} : { fix }),
    });
  }

  /** Each component of a vector operation by itself, for operations the language has on scalars only. */
  componentwise(args: readonly Text[], type: ScalarType, f: (parts: readonly Text[]) => string): string {
    const width = args[0]?.width ?? 1;
    if (width === 1) return f(args);
    const named = args.map((a) => ({ ...a, text: this.name(a) }));
    const one = (i: number) =>
      f(named.map((a) => ({ type: a.type, width: 1, text: this.language.component(a.text, i) })));
    return this.language.pack(
      type,
      Array.from({ length: width }, (_, i) => one(i)),
    );
  }

  private get scope(): Scope {
    const s = this.scopes.at(-1);
    if (!s) throw new InfcError('INFC4020', 'printer scope underflow');
    return s;
  }

  /** A name nothing else has. */
  fresh(hint: string): string {
    for (;;) {
      const id = `${hint}_${this.counter++}`;
      if (!this.taken.has(id)) {
        this.taken.add(id);
        return id;
      }
    }
  }

  /** Body lines of the kernel. */
  body(): string[] {
    for (const b of [...this.kernel.buffers, ...this.kernel.shared]) this.identifier(b.name);
    for (const s of this.kernel.scalars) this.identifier(s);
    this.block(this.kernel.body);
    return this.scope.lines;
  }

  private block(list: readonly Stmt[]): void {
    for (const s of list) this.statement(s);
  }

  private nested(list: readonly Stmt[]): void {
    this.depth++;
    this.block(list);
    this.depth--;
  }

  private statement(s: Stmt): void {
    const L = this.language;
    switch (s.kind) {
      case 'comment':
        for (const line of s.text.split(/[\r\n]+/)) this.emit(`// ${line}`);
        return;
      case 'let':
        this.emit(L.let(this.identifier(s.name), s.value.type, s.value.width, this.root(s.value).text));
        return;
      case 'var':
        this.emit(L.var(this.identifier(s.name), s.value.type, s.value.width, this.root(s.value).text));
        return;
      case 'set':
        this.emit(`${this.identifier(s.name)} = ${this.root(s.value).text};`);
        return;
      case 'store':
        L.store(s.buffer, s.index, this.root(s.value), this);
        return;
      case 'atomicAdd':
        L.atomicAdd(s.buffer, s.index, this.root(s.value), this);
        return;
      case 'barrier':
        L.barrier(this);
        return;
      case 'for':
        this.emit(`${L.loop(this.identifier(s.name), this.dim(s.from), this.dim(s.to), this.dim(s.step))} {`);
        this.nested(s.body);
        this.emit('}');
        return;
      case 'if':
        this.emit(`if (${unwrap(this.root(s.condition).text)}) {`);
        this.nested(s.body);
        if (s.otherwise.length > 0) {
          this.emit('} else {');
          this.nested(s.otherwise);
        }
        this.emit('}');
        return;
      case 'intrinsic':
        throw this.error(`intrinsic statement '${s.name}' is not known to this backend`);
    }
  }

  /** A statement's expression: subexpressions used more than once are named before the statement. */
  private root(e: Expr): Text {
    this.uses = new Map();
    const visit = (x: Expr): void => {
      const n = this.uses.get(x) ?? 0;
      this.uses.set(x, n + 1);
      if (n === 0) visitExpr(x, visit, () => undefined);
    };
    visit(e);
    this.scope.names.clear();
    return { text: unwrap(this.expr(e).text), type: e.type, width: e.width };
  }

  private expr(e: Expr): Text {
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const known = this.scopes[i]?.names.get(e);
      if (known) return { text: known, type: e.type, width: e.width };
    }
    const text = this.node(e);
    const shared = (this.uses.get(e) ?? 0) > 1;
    const must = e.node.kind === 'subgroup';
    if (must || ((shared || text.length > LONG) && !TRIVIAL.has(e.node.kind) && !/^[\w.]+$/.test(text))) {
      const id = this.fresh('s');
      this.emit(this.language.let(id, e.type, e.width, unwrap(text)));
      this.scope.names.set(e, id);
      return { text: id, type: e.type, width: e.width };
    }
    return { text, type: e.type, width: e.width };
  }

  private node(e: Expr): string {
    const L = this.language;
    const n = e.node;
    switch (n.kind) {
      case 'const':
        return L.constant(e.type, n.value, this);
      case 'dim':
        return this.dim(n.dim);
      case 'var':
        return this.identifier(n.name);
      case 'load':
        return L.load(n.buffer, n.index, e.width, this);
      case 'unary':
        return L.unary(n.op, this.expr(n.a), this);
      case 'binary':
        return L.binary(n.op, this.expr(n.a), this.expr(n.b), n, this);
      case 'fma':
        return L.fma(this.expr(n.a), this.expr(n.b), this.expr(n.c), this);
      case 'select':
        return L.select(this.expr(n.condition), this.expr(n.a), this.expr(n.b), this);
      case 'cast':
        return L.cast(e.type, this.expr(n.a), this);
      case 'bitcast':
        return L.bitcast(e.type, this.expr(n.a), this);
      case 'narrow':
        return L.narrow(n.to, this.expr(n.a), this);
      case 'splat': {
        const a = this.name(this.expr(n.a));
        return L.pack(e.type, new Array<string>(e.width).fill(a));
      }
      case 'pack':
        return L.pack(
          e.type,
          n.elements.map((x) => unwrap(this.expr(x).text)),
        );
      case 'halves': {
        const a = this.name(this.expr(n.a));
        const word = (i: number) => L.bitcast('u32', { text: L.component(a, i), type: 'i32', width: 1 }, this);
        const words = Array.from(
          { length: e.width },
          (_, i) => `((${word(2 * i)} & 65535u) | (${word(2 * i + 1)} << 16u))`,
        );
        return e.width === 1 ? (words[0] ?? '') : L.pack('u32', words);
      }
      case 'extract':
        return n.a.width === 1 ? this.expr(n.a).text : L.component(this.name(this.expr(n.a)), n.lane);
      case 'shuffle': {
        const a = this.name(this.expr(n.a));
        const b = this.name(this.expr(n.b));
        return L.pack(
          e.type,
          n.lanes.map((i) => (i < n.a.width ? L.component(a, i) : L.component(b, i - n.a.width))),
        );
      }
      case 'dot2':
        return L.dot2(this.expr(n.a), this.expr(n.b), this.expr(n.c), this);
      case 'dot4':
        return L.dot4(this.expr(n.a), this.expr(n.b), this.expr(n.c), this);
      case 'subgroup':
        return L.subgroup(n.op, this.expr(n.a), n.mask, this);
      case 'intrinsic':
        return L.intrinsic(
          n.name,
          n.args.map((x) => this.expr(x)),
          e,
          this,
        );
      case 'guard':
        return this.guard(e, n);
      case 'foldResult':
        throw this.error('a fold reached the printer: lowering expands folds into loops');
    }
  }

  /** `a` runs only where the condition holds: an `if`, or a ternary when its value needs no statements of its own. */
  private guard(e: Expr, n: Extract<ExprNode, { kind: 'guard' }>): string {
    const L = this.language;
    const condition = this.expr(n.condition);
    const otherwise = this.branch(n.otherwise, e.width);
    const a = this.branch(n.a, e.width);
    const isPlain = a.lines.length === 0 && otherwise.lines.length === 0;
    if (L.lazyTernary && isPlain) return `(${condition.text} ? ${a.text} : ${otherwise.text})`;
    const id = this.fresh('g');
    if (otherwise.lines.length === 0) this.emit(L.var(id, e.type, e.width, otherwise.text));
    else this.emit(L.var(id, e.type, e.width, undefined));
    const put = (lines: readonly string[], text: string) => {
      this.scope.lines.push(...lines);
      this.emit(`  ${id} = ${unwrap(text)};`);
    };
    this.emit(`if (${unwrap(condition.text)}) {`);
    put(a.lines, a.text);
    if (otherwise.lines.length > 0) {
      this.emit('} else {');
      put(otherwise.lines, otherwise.text);
    }
    this.emit('}');
    return id;
  }

  private branch(e: Expr, width: Width): { text: string; lines: readonly string[] } {
    const scope: Scope = { lines: [], names: new Map() };
    this.scopes.push(scope);
    this.depth++;
    try {
      const v = this.expr(e);
      const text = v.width === width ? v.text : this.language.pack(e.type, new Array<string>(width).fill(this.name(v)));
      return { text, lines: scope.lines };
    } finally {
      this.depth--;
      this.scopes.pop();
    }
  }

  /** An index expression as 32-bit integer text, in parentheses unless atomic. */
  dim(d: Dim): string {
    if (typeof d === 'number') return d < 0 ? `(${d})` : String(d);
    const parts: string[] = [];
    for (const t of d.terms) {
      const factors = t.factors.map((f) => this.atom(f));
      const c = Math.abs(t.coefficient);
      const text = [...(c === 1 ? [] : [String(c)]), ...factors].join(' * ');
      if (parts.length === 0)
        parts.push(t.coefficient < 0 ? `-${factors.length + (c === 1 ? 0 : 1) > 1 ? `(${text})` : text}` : text);
      else parts.push(t.coefficient < 0 ? `- ${text}` : `+ ${text}`);
    }
    if (d.constant !== 0) parts.push(d.constant < 0 ? `- ${-d.constant}` : `+ ${d.constant}`);
    const isAtomic = parts.length === 1 && isLone(d);
    return isAtomic ? parts.join('') : `(${parts.join(' ')})`;
  }

  private atom(f: Atom): string {
    if (f.kind === 'sym') return this.identifier(f.name);
    const a = this.dim(f.a);
    const b = this.dim(f.b);
    if (f.kind === 'min' || f.kind === 'max') return `${f.kind}(${unwrap(a)}, ${unwrap(b)})`;
    if (range(f.a).min >= 0) return `(${a} ${f.kind === 'div' ? '/' : '%'} ${b})`;
    return f.kind === 'div' ? this.language.floorDiv(a, b, this) : this.language.floorMod(a, b, this);
  }

  /** Index text that is used several times: named unless it is a name or number already. */
  namedDim(d: Dim): string {
    return this.name({ text: this.dim(d), type: 'i32', width: 1 }, 'at');
  }
}

const isLone = (d: DimSum): boolean =>
  d.constant === 0 && d.terms[0]?.factors.length === 1 && d.terms[0].coefficient === 1;

/** Drops one pair of parentheses that encloses the whole text. */
export function unwrap(text: string): string {
  if (!text.startsWith('(') || !text.endsWith(')')) return text;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')' && --depth === 0 && i < text.length - 1) return text;
  }
  return text.slice(1, -1);
}

/** Library functions a set of helpers needs, dependencies first, each once. */
export function libraryText(library: Readonly<Record<string, string>>, needed: Iterable<string>): string {
  const out: string[] = [];
  const done = new Set<string>();
  const add = (name: string): void => {
    if (done.has(name)) return;
    done.add(name);
    const text = library[name];
    if (text === undefined) throw new InfcError('INFC4020', `printer library has no '${name}'`);
    for (const word of new Set(text.match(/[A-Za-z_]\w*/g)))
      if (word !== name && Object.hasOwn(library, word)) add(word);
    out.push(text.trim());
  };
  for (const n of [...needed].sort()) add(n);
  return out.length > 0 ? `${out.join('\n')}\n\n` : '';
}

/** The comment above a kernel: what it computes, for which nodes, by which template and why. */
export function headerComment(k: Kernel): string {
  const clean = (s: string) => s.replace(/[\r\n]+/g, ' ');
  const { op, sources, template, why, bytes, flops } = k.note;
  const lines = [
    `${k.name}: ${op}${sources.length > 0 ? ` for ${sources.slice(0, 8).join(', ')}${sources.length > 8 ? ` and ${sources.length - 8} more` : ''}` : ''}`,
    `template ${template}: ${why}`,
    `${formatDim(bytes)} bytes, ${formatDim(flops)} operations a launch`,
  ];
  return lines.map((l) => `// ${clean(l)}\n`).join('');
}

/** Larger decimals round to this value but are refused as literals. */
const LARGEST_F32 = 3.4028234663852886e38;

/** A float literal's shortest decimal digits that round back to the same 32-bit value; always with a point or exponent. */
export function shortestFloat(value: number): string {
  const v = Math.fround(value);
  for (let digits = 1; digits <= 9; digits++) {
    const n = Number(v.toPrecision(digits));
    if (Math.fround(n) === v && Math.abs(n) <= LARGEST_F32) return withPoint(String(n));
  }
  return withPoint(String(v));
}

const withPoint = (text: string): string => (/[.e]/.test(text) ? text : `${text}.0`);
