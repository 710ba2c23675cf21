import type { StackId, Stacks } from '../automaton/stack.ts';

interface Node<Value> {
  value: Value | undefined;
  byFrame: Map<number, Node<Value>> | undefined;
}

/**
 * What was computed for a state, by its leaf and as many frames of the stack as the computation looked at: equal situations at any
 * depth share it.
 */
export class Memo<Value> {
  private readonly roots: (Node<Value> | undefined)[] = [];
  /** Depth of the stack below the frames that the value last found depends on. */
  depth = 0;

  constructor(private readonly stacks: Stacks) {}

  find(key: number, stack: StackId): Value | undefined {
    const { stacks } = this;
    let node = this.roots[key];
    let at = stack;
    while (node !== undefined && node.value === undefined) {
      node = node.byFrame?.get(stacks.frame(at));
      at = stacks.parent(at);
    }
    if (node === undefined) return undefined;
    this.depth = stacks.depth(at);
    return node.value;
  }

  /** Remembers a value that depends on the frames above depth `lowest`. */
  set(key: number, stack: StackId, lowest: number, value: Value): void {
    const { stacks } = this;
    let node = this.roots[key];
    if (!node) this.roots[key] = node = { value: undefined, byFrame: undefined };
    const looked = stacks.depth(stack) - lowest;
    for (let i = 0, at = stack; i < looked; i++, at = stacks.parent(at)) {
      node.byFrame ??= new Map();
      const frame = stacks.frame(at);
      let next = node.byFrame.get(frame);
      if (!next) node.byFrame.set(frame, (next = { value: undefined, byFrame: undefined }));
      node = next;
    }
    node.value = value;
  }
}
