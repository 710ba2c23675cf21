import type { Value } from '../../compiler/ir/graph.ts';
import type { HostValue } from '../../runtime/host.ts';

/** Values and symbol values of one run; bodies see those of the graphs around them. */
export class Scope {
  readonly values = new Map<Value, HostValue>();
  readonly symbols = new Map<string, number>();

  constructor(private readonly outer?: Scope) {}

  value(v: Value): HostValue | undefined {
    // An absent optional is null, and that is a value.
    return this.values.has(v) ? this.values.get(v) : this.outer?.value(v);
  }

  symbol(name: string): number | undefined {
    return this.symbols.get(name) ?? this.outer?.symbol(name);
  }

  has(v: Value): boolean {
    return this.values.has(v) || (this.outer?.has(v) ?? false);
  }
}
