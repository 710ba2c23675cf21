import type { Instr, WasmFunction } from './encode.ts';
import type { Block, Machine, MStmt, Val } from './mir.ts';
import type { WasmType } from './opcodes.ts';
import { isTrivial, type Schedule, schedule } from './schedule.ts';

/** Writes the scheduled graph as stack code. */
export function emit(m: Machine, name: string): WasmFunction {
  const writer = new Writer(m, schedule(m));
  writer.block(m.entry);
  return { name, params: m.params, locals: writer.locals, body: writer.code };
}

class Writer {
  readonly code: Instr[] = [];
  readonly locals: WasmType[] = [];
  /** Wasm index of each machine local and of each value held in one. */
  private readonly machineLocal = new Map<number, number>();
  private readonly held = new Map<Val, number>();
  private readonly free = new Map<WasmType, number[]>();

  constructor(
    private readonly m: Machine,
    private readonly plan: Schedule,
  ) {}

  private allocate(type: WasmType): number {
    const reused = this.free.get(type)?.pop();
    if (reused !== undefined) return reused;
    return this.m.params.length + this.locals.push(type) - 1;
  }

  private indexOf(local: number): number {
    if (local < this.m.params.length) return local;
    let at = this.machineLocal.get(local);
    if (at === undefined) {
      at = this.m.params.length + this.locals.push(this.m.locals[local] ?? 'i32') - 1;
      this.machineLocal.set(local, at);
    }
    return at;
  }

  /** Locals that hold values of a block are reused once it is over. */
  block(b: Block): void {
    const held: Val[] = [];
    const before = this.plan.before.get(b);
    const prepare = (index: number) => {
      for (const v of before?.get(index) ?? []) {
        this.compute(v);
        const at = this.allocate(v.type);
        this.code.push({ op: 'local.set', index: at });
        this.held.set(v, at);
        held.push(v);
      }
    };
    b.stmts.forEach((s, index) => {
      prepare(index);
      this.statement(s);
    });
    prepare(b.stmts.length);
    for (const v of held) {
      const at = this.held.get(v);
      if (at === undefined) continue;
      const list = this.free.get(v.type);
      if (list) list.push(at);
      else this.free.set(v.type, [at]);
    }
  }

  private statement(s: MStmt): void {
    switch (s.kind) {
      case 'set':
        this.value(s.value);
        this.code.push({ op: 'local.set', index: this.indexOf(s.local) });
        break;
      case 'store': {
        this.value(s.address);
        this.value(s.value);
        const memory = { align: s.align, offset: s.offset };
        this.code.push(s.lane === undefined ? { op: s.op, memory } : { op: s.op, memory, lane: s.lane });
        break;
      }
      case 'if':
        this.value(s.condition);
        this.code.push({ op: 'if' });
        this.block(s.body);
        if (s.otherwise.stmts.length > 0) {
          this.code.push({ op: 'else' });
          this.block(s.otherwise);
        }
        this.code.push({ op: 'end' });
        break;
      case 'do': {
        for (const i of s.inits) {
          this.value(i.value);
          this.code.push({ op: 'local.set', index: this.indexOf(i.local) });
        }
        this.code.push({ op: 'loop' });
        this.block(s.body);
        for (const i of s.steps) {
          const index = this.indexOf(i.local);
          this.code.push({ op: 'local.get', index });
          this.value(i.by);
          this.code.push({ op: 'i32.add' }, { op: 'local.set', index });
        }
        const index = this.indexOf(s.index);
        this.code.push({ op: 'local.get', index });
        this.value(s.step);
        this.code.push({ op: 'i32.add' }, { op: 'local.tee', index });
        this.value(s.to);
        this.code.push({ op: 'i32.lt_s' }, { op: 'br_if', index: 0 }, { op: 'end' });
        break;
      }
    }
  }

  private value(v: Val): void {
    const at = this.held.get(v);
    if (at !== undefined) this.code.push({ op: 'local.get', index: at });
    else if (isTrivial(v) || this.plan.inline.has(v)) this.compute(v);
    else throw new Error(`value ${v.op} used before it is computed`);
  }

  private compute(v: Val): void {
    if (v.op === 'local') {
      this.code.push({ op: 'local.get', index: this.indexOf(Number(v.imm)) });
      return;
    }
    for (const a of v.args) this.value(a);
    this.code.push(instr(v));
  }
}

function instr(v: Val): Instr {
  const { op, imm } = v;
  if (op.includes('.load')) return { op, memory: { align: v.align, offset: Number(imm) >>> 0 } };
  if (op === 'i32.const' || op === 'f32.const' || op === 'f64.const') return { op, value: Number(imm) };
  if (op === 'i64.const') return { op, value: BigInt(imm === undefined || typeof imm === 'object' ? 0 : imm) };
  if (imm instanceof Uint8Array) return { op, bytes: imm } as Instr;
  return imm === undefined ? { op } : { op, lane: Number(imm) };
}
