/** Triples of numbers, numbered from 1 as they are met, found by open addressing. Number 0 is (0, -1, 0), which is never looked for. */
export class Triples {
  readonly a: number[] = [0];
  readonly b: number[] = [-1];
  readonly c: number[] = [0];
  private table = new Int32Array(256);

  /** How many numbers are given. */
  get count(): number {
    return this.a.length;
  }

  /** The number of a triple. */
  of(x: number, y: number, z = 0): number {
    const { a, b, c } = this;
    if (a.length * 2 > this.table.length) this.grow();
    const { table } = this;
    const last = table.length - 1;
    let at = hash(x, y, z) & last;
    for (let id = table[at] ?? 0; id !== 0; id = table[at] ?? 0) {
      if (a[id] === x && b[id] === y && c[id] === z) return id;
      at = (at + 1) & last;
    }
    const id = a.push(x) - 1;
    b.push(y);
    c.push(z);
    table[at] = id;
    return id;
  }

  private grow(): void {
    const { a, b, c } = this;
    const table = new Int32Array(this.table.length * 4);
    const last = table.length - 1;
    for (let id = 1; id < a.length; id++) {
      let at = hash(a[id] ?? 0, b[id] ?? 0, c[id] ?? 0) & last;
      while (table[at] !== 0) at = (at + 1) & last;
      table[at] = id;
    }
    this.table = table;
  }
}

function hash(x: number, y: number, z: number): number {
  const mixed = Math.imul(x, 0x9e3779b1) ^ Math.imul(y, 0x85ebca6b) ^ Math.imul(z, 0xc2b2ae35);
  return mixed ^ (mixed >>> 15);
}
