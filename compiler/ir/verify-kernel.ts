import { InfcError } from '../../runtime/errors.ts';
import { add, collectSyms, type Dim, formatDim, isAtMost, sub } from './dim.ts';
import { bitsOf, computeType, type ScalarType } from './dtype.ts';
import { type Buffer, Expr, type Width } from './expr.ts';
import type { Kernel, Stmt } from './kernel.ts';
import { visitExpr } from './kernel-builder.ts';

/** An access whose bounds do not follow from the index alone; the interpreter checks it at run time in tests. */
export interface UnprovenAccess {
  readonly buffer: string;
  readonly index: string;
  readonly kind: 'load' | 'store';
}

interface Name {
  readonly type: ScalarType;
  readonly width: Width;
  readonly mutable: boolean;
}

/**
 * Checks a kernel: names are defined before use and only once, operand types and widths agree, buffers are the kernel's own and written
 * only when writable, simd kernels have no lanes or barriers. Returns the accesses that could not be proven in bounds.
 * Throws INFC302x naming the kernel.
 */
export function verifyKernel(kernel: Kernel): UnprovenAccess[] {
  return new KernelVerifier(kernel).verify();
}

class KernelVerifier {
  private readonly unproven: UnprovenAccess[] = [];
  private readonly names = new Map<string, Name>();
  private readonly symbols = new Set<string>();
  private readonly buffers: ReadonlySet<Buffer>;
  private readonly checked = new Set<Expr>();
  private readonly everDefined = new Set<string>();

  constructor(private readonly kernel: Kernel) {
    this.buffers = new Set([...kernel.buffers, ...kernel.shared]);
    for (const s of kernel.scalars) this.symbols.add(s);
    if (kernel.lanes > 1) this.symbols.add('lane');
    for (const g of ['groupX', 'groupY', 'groupZ']) this.symbols.add(g);
  }

  private fail(reason: string): never {
    throw new InfcError('INFC3020', `kernel '${this.kernel.name}': ${reason}`, {
      fix: 'A template or lowering built a malformed kernel: report this with the model',
    });
  }

  verify(): UnprovenAccess[] {
    const { kernel } = this;
    if (kernel.kind === 'simd' && kernel.lanes !== 1) this.fail(`a simd kernel has ${kernel.lanes} lanes`);
    const bufferNames = new Set<string>();
    for (const b of this.buffers) {
      if (bufferNames.has(b.name)) this.fail(`two buffers are named '${b.name}'`);
      bufferNames.add(b.name);
      this.dim(b.elements);
    }
    kernel.grid.forEach((d) => {
      for (const name of collectSyms(d).keys())
        if (!kernel.scalars.includes(name)) this.fail(`the grid uses '${name}', which is not a scalar`);
    });
    this.block(kernel.body);
    for (const { body } of kernel.alternatives ?? []) this.block(body);
    return this.unproven;
  }

  private define(name: string): void {
    if (this.everDefined.has(name) || this.symbols.has(name)) this.fail(`'${name}' is defined twice`);
    this.everDefined.add(name);
  }

  /** Names defined in a block are gone after it. */
  private block(body: readonly Stmt[]): void {
    const names = new Map(this.names);
    const symbols = new Set(this.symbols);
    // What was checked inside may rest on names that end with the block.
    const checked = new Set(this.checked);
    for (const s of body) this.statement(s);
    restore(this.names, names);
    for (const s of [...this.symbols]) if (!symbols.has(s)) this.symbols.delete(s);
    for (const e of [...this.checked]) if (!checked.has(e)) this.checked.delete(e);
  }

  private statement(s: Stmt): void {
    switch (s.kind) {
      case 'let':
      case 'var':
        this.expr(s.value);
        this.define(s.name);
        this.names.set(s.name, { type: s.value.type, width: s.value.width, mutable: s.kind === 'var' });
        if (s.kind === 'let' && s.value.type === 'i32' && s.value.width === 1) this.symbols.add(s.name);
        break;
      case 'set': {
        this.expr(s.value);
        const target = this.names.get(s.name);
        if (!target?.mutable) this.fail(`'${s.name}' is set but is no variable here`);
        else if (target.type !== s.value.type || target.width !== s.value.width)
          this.fail(`'${s.name}' is ${target.type}x${target.width}, set to ${s.value.type}x${s.value.width}`);
        break;
      }
      case 'store':
      case 'atomicAdd':
        this.expr(s.value);
        if (s.buffer.access === 'read') this.fail(`buffer '${s.buffer.name}' is read-only`);
        if (computeType(s.buffer.storage) !== s.value.type)
          this.fail(`a ${s.value.type} is stored to ${s.buffer.storage} buffer '${s.buffer.name}'`);
        this.access(s.buffer, s.index, s.value.width, 'store');
        break;
      case 'for':
        this.dim(s.from);
        this.dim(s.to);
        this.dim(s.step);
        this.define(s.name);
        this.symbols.add(s.name);
        this.block(s.body);
        this.symbols.delete(s.name);
        break;
      case 'if':
        this.expr(s.condition);
        if (s.condition.type !== 'bool' || s.condition.width !== 1) this.fail('a condition is not a bool scalar');
        this.block(s.body);
        this.block(s.otherwise);
        break;
      case 'barrier':
        if (this.kernel.kind === 'simd') this.fail('a simd kernel has a barrier');
        break;
      case 'intrinsic':
        for (const a of s.args) {
          if (a instanceof Expr) this.expr(a);
          else if (typeof a === 'number' || 'terms' in a) this.dim(a);
          else if (!this.buffers.has(a)) this.fail(`buffer '${a.name}' is not one of the kernel's`);
        }
        break;
      case 'comment':
        break;
    }
  }

  private dim(d: Dim): void {
    for (const name of collectSyms(d).keys())
      if (!this.symbols.has(name)) this.fail(`index ${formatDim(d)} uses '${name}', which is not defined here`);
  }

  private access(buffer: Buffer, index: Dim, width: number, kind: 'load' | 'store'): void {
    if (!this.buffers.has(buffer)) this.fail(`buffer '${buffer.name}' is not one of the kernel's`);
    this.dim(index);
    // Every global buffer may be read up to 16 bytes past its end (the arena is padded), never written there.
    const slack = kind === 'load' && buffer.space === 'global' ? Math.floor(128 / bitsOf[buffer.storage]) : 0;
    const inside = isAtMost(0, index) && isAtMost(index, sub(add(buffer.elements, slack), width));
    if (!inside) this.unproven.push({ buffer: buffer.name, index: formatDim(index), kind });
  }

  private expr(e: Expr): void {
    if (this.checked.has(e)) return;
    this.checked.add(e);
    visitExpr(
      e,
      (x) => this.expr(x),
      (d) => this.dim(d),
    );
    const n = e.node;
    switch (n.kind) {
      case 'var': {
        const found = this.names.get(n.name);
        const isIndex = this.symbols.has(n.name) && e.type === 'i32' && e.width === 1;
        if (!found && !isIndex) this.fail(`'${n.name}' is used but not defined here`);
        if (found && (found.type !== e.type || found.width !== e.width))
          this.fail(`'${n.name}' is ${found.type}x${found.width}, used as ${e.type}x${e.width}`);
        break;
      }
      case 'load':
        if (computeType(n.buffer.storage) !== e.type)
          this.fail(`${n.buffer.storage} buffer '${n.buffer.name}' is loaded as ${e.type}`);
        if (n.buffer.access === 'write') this.fail(`buffer '${n.buffer.name}' is write-only`);
        this.access(n.buffer, n.index, e.width, 'load');
        break;
      case 'binary':
        if (n.a.type !== n.b.type || n.a.width !== n.b.width)
          this.fail(`${n.op} of ${n.a.type}x${n.a.width} and ${n.b.type}x${n.b.width}`);
        break;
      case 'fma':
        if ([n.a, n.b, n.c].some((x) => x.type !== e.type || x.width !== e.width)) this.fail('fma of different types');
        break;
      case 'select':
      case 'guard': {
        const b = n.kind === 'select' ? n.b : n.otherwise;
        if (n.condition.type !== 'bool') this.fail(`${n.kind} on a ${n.condition.type}`);
        if (n.a.type !== b.type || n.a.width !== b.width) this.fail(`${n.kind} between different types`);
        break;
      }
      case 'halves':
        if (n.a.type !== 'i32' || n.a.width !== 2 * e.width) this.fail(`halves of ${n.a.type}x${n.a.width}`);
        break;
      case 'foldResult':
        this.fail('a reduction was left in a lowered kernel');
        break;
      case 'extract':
        if (n.lane < 0 || n.lane >= n.a.width) this.fail(`lane ${n.lane} of ${n.a.width} is extracted`);
        break;
      case 'shuffle':
        if (n.lanes.length !== e.width || n.lanes.some((l) => l < 0 || l >= n.a.width + n.b.width))
          this.fail('a shuffle names lanes that are not there');
        break;
      default:
        break;
    }
  }
}

function restore<K, V>(map: Map<K, V>, to: ReadonlyMap<K, V>): void {
  for (const k of [...map.keys()]) if (!to.has(k)) map.delete(k);
}
