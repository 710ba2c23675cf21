import type { Dim } from '../../compiler/ir/dim.ts';
import type { Expr, ExprNode } from '../../compiler/ir/expr.ts';
import { visitExpr } from '../../compiler/ir/kernel-builder.ts';

/** Structural identity of expressions: two that are written alike get one number. */
export class ExprTable {
  private readonly ids = new Map<Expr, number>();
  private readonly byKey = new Map<string, number>();
  private readonly objects = new Map<object, number>();

  id(e: Expr): number {
    const known = this.ids.get(e);
    if (known !== undefined) return known;
    const key = `${e.type} ${e.width} ${this.key(e.node)}`;
    let id = this.byKey.get(key);
    if (id === undefined) this.byKey.set(key, (id = this.byKey.size));
    this.ids.set(e, id);
    return id;
  }

  private object(o: object): number {
    let id = this.objects.get(o);
    if (id === undefined) this.objects.set(o, (id = this.objects.size));
    return id;
  }

  private dim(d: Dim): string {
    return typeof d === 'number' ? String(d) : d.key;
  }

  private key(n: ExprNode): string {
    switch (n.kind) {
      case 'const':
        return `const ${typeof n.value} ${Object.is(n.value, -0) ? '-0' : n.value}`;
      case 'dim':
        return `dim ${this.dim(n.dim)}`;
      case 'var':
        return `var ${n.name}`;
      case 'load':
        return `load ${n.buffer.name} ${n.buffer.storage} ${this.dim(n.index)}`;
      case 'unary':
        return `${n.op} ${this.id(n.a)}`;
      case 'binary':
        return `${n.op} ${this.id(n.a)} ${this.id(n.b)}`;
      case 'fma':
      case 'dot2':
      case 'dot4':
        return `${n.kind} ${this.id(n.a)} ${this.id(n.b)} ${this.id(n.c)}`;
      case 'select':
        return `select ${this.id(n.condition)} ${this.id(n.a)} ${this.id(n.b)}`;
      case 'guard':
        return `guard ${this.id(n.condition)} ${this.id(n.a)} ${this.id(n.otherwise)}`;
      case 'cast':
      case 'bitcast':
      case 'splat':
      case 'halves':
        return `${n.kind} ${this.id(n.a)}`;
      case 'narrow':
        return `narrow ${n.to} ${this.id(n.a)}`;
      case 'pack':
        return `pack ${n.elements.map((x) => this.id(x)).join(' ')}`;
      case 'extract':
        return `extract ${n.lane} ${this.id(n.a)}`;
      case 'shuffle':
        return `shuffle ${n.lanes.join(' ')} ${this.id(n.a)} ${this.id(n.b)}`;
      case 'subgroup':
        return `subgroup ${n.op} ${n.mask} ${this.id(n.a)}`;
      case 'intrinsic':
        return `intrinsic ${n.name} ${n.args.map((x) => this.id(x)).join(' ')}`;
      case 'foldResult':
        return `fold ${this.object(n.fold)} ${n.index}`;
    }
  }

  private readonly found = new Map<Expr, boolean>();

  /** Whether some subexpression satisfies a condition that stays the same for an expression throughout the kernel. */
  some(e: Expr, condition: (x: Expr) => boolean): boolean {
    const known = this.found.get(e);
    if (known !== undefined) return known;
    let yes = condition(e);
    if (!yes)
      visitExpr(
        e,
        (x) => (yes ||= this.some(x, condition)),
        () => {},
      );
    this.found.set(e, yes);
    return yes;
  }
}
