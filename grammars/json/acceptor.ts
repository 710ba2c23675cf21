import type { Acceptor } from '../acceptor.ts';
import { located } from './located.ts';
import type { Machine } from './machine.ts';
import { Shortest } from './shortest.ts';
import { type StackId, Stacks } from './stack.ts';

/**
 * The documents of a schema as a byte acceptor: a state is a leaf, a stack of frames, and the text captured for the frames
 * that need it. `leaf`, `stack` and `text` hold the configuration that {@link advance} works on.
 */
export class JsonAcceptor implements Acceptor {
  readonly stacks = new Stacks();
  readonly start: number;
  leaf = 0;
  stack: StackId = -1;
  text = '';
  private distances: Shortest | undefined;
  private readonly leafOf: number[] = [0];
  private readonly stackOf: StackId[] = [-1];
  private readonly textOf: string[] = [''];
  /** By stack, from the empty one on, and leaf. */
  private readonly ids: (Map<number, number> | undefined)[] = [];
  private readonly textIds = new Map<string, number>();

  constructor(readonly machine: Machine) {
    this.leaf = machine.start;
    this.stack = 0;
    this.text = '';
    this.start = machine.start === 0 ? 0 : this.save();
  }

  step(state: number, byte: number): number {
    this.machine.solver.budget.reset();
    this.load(state);
    return this.advance(byte) ? this.save() : 0;
  }

  accepts(state: number): boolean {
    const leaf = this.leafOf[state] ?? 0;
    const stack = this.stackOf[state] ?? -1;
    const end = this.machine.leaves[leaf]?.end() ?? 0;
    return end !== 0 && stack <= 0;
  }

  /** Bytes of the shortest completion (an upper bound where names must be invented). */
  shortest(state: number): number {
    if (state === 0) return Number.POSITIVE_INFINITY;
    this.distances ??= new Shortest(this.machine, this.stacks);
    const { distances } = this;
    return located(() => distances.document(this.leafOf[state] ?? 0, this.stackOf[state] ?? -1), this.machine.place);
  }

  /** The state after several bytes, or 0. */
  run(state: number, bytes: Uint8Array): number {
    this.machine.solver.budget.reset();
    this.load(state);
    for (let i = 0; i < bytes.length; i++) if (!this.advance(bytes[i] ?? 0)) return 0;
    return this.save();
  }

  /** Whether a state goes on over several bytes; no state is made. */
  takes(state: number, bytes: Uint8Array | null | undefined): boolean {
    if (!bytes) return false;
    this.load(state);
    for (let i = 0; i < bytes.length; i++) if (!this.advance(bytes[i] ?? 0)) return false;
    return true;
  }

  /** Makes a state the current configuration. */
  load(state: number): void {
    this.leaf = this.leafOf[state] ?? 0;
    this.stack = this.stackOf[state] ?? -1;
    this.text = this.textOf[state] ?? '';
  }

  /** The state of the current configuration. */
  save(): number {
    const { leaf, stack, text } = this;
    if (leaf === 0) return 0;
    if (text !== '') {
      const key = `${leaf},${stack},${text}`;
      let id = this.textIds.get(key);
      if (id === undefined) {
        id = this.add();
        this.textIds.set(key, id);
      }
      return id;
    }
    let known = this.ids[stack + 1];
    if (!known) this.ids[stack + 1] = known = new Map();
    let id = known.get(leaf);
    if (id === undefined) {
      id = this.add();
      known.set(leaf, id);
    }
    return id;
  }

  /** Moves the current configuration over one byte; false (and dead) when nothing accepted goes on so. */
  advance(byte: number): boolean {
    const { machine, stacks } = this;
    for (;;) {
      const code = machine.step(this.leaf, byte);
      if (code === 0) {
        this.leaf = 0;
        return false;
      }
      const target = code >> 2;
      const captured = this.stack >= 0 && stacks.capturing(this.stack);
      switch (code & 3) {
        case 0:
          this.leaf = target;
          if (captured) this.text += String.fromCharCode(byte);
          return true;
        case 1: {
          const frame = machine.pushFrame[target] ?? 0;
          const captures = machine.frames[frame]?.captures ?? false;
          this.stack = stacks.push(this.stack, frame, captures, captures ? this.text : '');
          this.leaf = machine.pushLeaf[target] ?? 0;
          if (captures) this.text = String.fromCharCode(byte);
          else if (captured) this.text += String.fromCharCode(byte);
          return true;
        }
        default: {
          const consumed = (code & 3) === 2;
          if (captured && consumed) this.text += String.fromCharCode(byte);
          const frame = stacks.frame(this.stack);
          const captures = machine.frames[frame]?.captures ?? false;
          this.leaf = machine.resume(frame, target, captures ? this.text : undefined);
          const parent = stacks.parent(this.stack);
          if (captures)
            this.text = parent >= 0 && stacks.capturing(parent) ? stacks.savedText(this.stack) + this.text : '';
          this.stack = parent;
          if (this.leaf === 0) return false;
          if (consumed) return true;
        }
      }
    }
  }

  private add(): number {
    const id = this.leafOf.length;
    this.leafOf.push(this.leaf);
    this.stackOf.push(this.stack);
    this.textOf.push(this.text);
    return id;
  }
}
