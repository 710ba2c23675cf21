/** Number of an interned stack; 0 is the stack with only the root frame, -1 the empty one. */
export type StackId = number;

/** Interned stacks of frames, as parent links. */
export class Stacks {
  private readonly frames: number[] = [0];
  private readonly parents: StackId[] = [-1];
  private readonly depths: number[] = [1];
  private readonly captures: boolean[] = [false];
  private readonly starts: number[] = [0];
  /** Of each stack, from the empty one on: the stacks with one more frame. */
  private readonly above: (Map<number, StackId> | undefined)[] = [];
  private readonly within = new Map<string, StackId>();

  /** Puts a frame on a stack. `start`: where its text begins in that captured so far for a frame further down. */
  push(parent: StackId, frame: number, captures: boolean, start: number): StackId {
    const capturing = captures || this.capturing(parent);
    if (start !== 0) {
      const key = `${parent},${frame},${start}`;
      let id = this.within.get(key);
      if (id === undefined) {
        id = this.add(parent, frame, capturing, start);
        this.within.set(key, id);
      }
      return id;
    }
    let known = this.above[parent + 1];
    if (!known) this.above[parent + 1] = known = new Map();
    let id = known.get(frame);
    if (id === undefined) {
      id = this.add(parent, frame, capturing, start);
      known.set(frame, id);
    }
    return id;
  }

  frame(id: StackId): number {
    return this.frames[id] ?? -1;
  }

  parent(id: StackId): StackId {
    return this.parents[id] ?? -1;
  }

  depth(id: StackId): number {
    return this.depths[id] ?? 0;
  }

  /** Whether this frame or one below it captures text. */
  capturing(id: StackId): boolean {
    return this.captures[id] ?? false;
  }

  /** Where the captured text of the topmost frame begins. */
  start(id: StackId): number {
    return this.starts[id] ?? 0;
  }

  private add(parent: StackId, frame: number, capturing: boolean, start: number): StackId {
    const id = this.frames.length;
    this.frames.push(frame);
    this.parents.push(parent);
    this.depths.push((this.depths[parent] ?? 0) + 1);
    this.captures.push(capturing);
    this.starts.push(start);
    return id;
  }
}
