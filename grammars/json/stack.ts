/** Number of an interned stack; 0 is the stack with only the root frame, -1 the empty one. */
export type StackId = number;

/** Interned stacks of frames, as parent links. */
export class Stacks {
  private readonly frames: number[] = [0];
  private readonly parents: StackId[] = [-1];
  private readonly depths: number[] = [1];
  private readonly captures: boolean[] = [false];
  private readonly saved: string[] = [''];
  /** Of each stack, from the empty one on: the stacks with one more frame. */
  private readonly above: (Map<number, StackId> | undefined)[] = [];
  private readonly textIds = new Map<string, StackId>();

  /** Puts a frame on a stack. `saved` is the text captured so far for a frame further down. */
  push(parent: StackId, frame: number, captures: boolean, saved: string): StackId {
    const capturing = captures || this.capturing(parent);
    if (saved !== '') {
      const key = `${parent},${frame},${saved}`;
      let id = this.textIds.get(key);
      if (id === undefined) {
        id = this.add(parent, frame, capturing, saved);
        this.textIds.set(key, id);
      }
      return id;
    }
    let known = this.above[parent + 1];
    if (!known) this.above[parent + 1] = known = new Map();
    let id = known.get(frame);
    if (id === undefined) {
      id = this.add(parent, frame, capturing, saved);
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

  savedText(id: StackId): string {
    return this.saved[id] ?? '';
  }

  private add(parent: StackId, frame: number, capturing: boolean, saved: string): StackId {
    const id = this.frames.length;
    this.frames.push(frame);
    this.parents.push(parent);
    this.depths.push((this.depths[parent] ?? 0) + 1);
    this.captures.push(capturing);
    this.saved.push(saved);
    return id;
  }
}
