import { InfcError } from '../errors.ts';
import type { Model } from '../session.ts';

/** Where one sequence's rows lie in a model's states: see `slots` of the plan. */
export class SlotMemory {
  /** One stretch of rows for each state and each of what comes before the axis of the slots. */
  private readonly stretches: readonly {
    readonly state: number;
    readonly offset: number;
    readonly rows: number;
    readonly rowBytes: number;
  }[];

  constructor(
    private readonly model: Model,
    slots: number,
    axis: number,
  ) {
    const shapes = model.plan.buffers.filter((b) => b.role === 'state').map((b) => b.shape);
    this.stretches = model.states.flatMap(({ offset, bytes }, state) => {
      const shape = shapes[state]?.map(Number) ?? [];
      const outer = shape.slice(0, axis).reduce((n, d) => n * d, 1);
      const rows = shape[axis] ?? 1;
      if (!(rows % slots === 0 || slots === 1))
        throw new InfcError('INFC6002', `a state of ${rows} rows has no room for ${slots} sequences`, {
          fix: 'Compile the model again',
        });
      const rowBytes = bytes / (outer * rows);
      return Array.from({ length: outer }, (_, i) => ({
        ...{ state, rowBytes, rows: rows / slots },
        offset: offset + i * rows * rowBytes,
      }));
    });
  }

  /** Rows `from` to `to` of a sequence, or those that there are, become those of another. */
  copy(source: number, target: number, from: number, to = Number.POSITIVE_INFINITY): void {
    for (const { state, offset, rows, rowBytes } of this.stretches) {
      const memory = this.model.states[state]?.memory;
      const bytes = (Math.min(to, rows) - from) * rowBytes;
      const at = (slot: number): number => offset + (slot * rows + from) * rowBytes;
      if (memory && bytes > 0) this.model.device.copy(memory, at(source), memory, at(target), bytes);
    }
  }

  clear(slot: number): void {
    for (const range of this.ranges(slot)) this.model.device.fill(range, 0);
  }

  /** All of a sequence's rows as they are now. */
  read(slot: number): Promise<readonly Uint8Array[]> {
    return Promise.all(
      this.ranges(slot).map((range) => {
        // What a device gives may be a view that the next call changes.
        const bytes = this.model.device.read(range);
        return bytes instanceof Promise ? bytes.then((b) => b.slice()) : bytes.slice();
      }),
    );
  }

  write(slot: number, saved: readonly Uint8Array[]): void {
    this.ranges(slot).forEach(({ memory, offset }, i) => {
      const bytes = saved[i];
      if (bytes) this.model.device.write(memory, offset, bytes);
    });
  }

  private ranges(slot: number) {
    return this.stretches.flatMap(({ state, offset, rows, rowBytes }) => {
      const memory = this.model.states[state]?.memory;
      return memory ? [{ memory, offset: offset + slot * rows * rowBytes, bytes: rows * rowBytes }] : [];
    });
  }
}
