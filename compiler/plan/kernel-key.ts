import { Expr } from '../ir/expr.ts';
import type { Kernel } from '../ir/kernel.ts';

/**
 * A text that is equal for two kernels exactly when they compute the same from the same bindings: everything but name and note, with
 * buffers by position and shared subexpressions by number.
 */
export function kernelKey(kernel: Kernel): string {
  const known = keys.get(kernel.body);
  if (known && known.alternatives === kernel.alternatives) return known.key;
  const key = writeKey(kernel);
  keys.set(kernel.body, { key, alternatives: kernel.alternatives });
  return key;
}

/** By body, which kernels of regions alike share. */
const keys = new WeakMap<Kernel['body'], { readonly key: string; readonly alternatives: Kernel['alternatives'] }>();

function writeKey(kernel: Kernel): string {
  const buffers = new Map<object, string>();
  for (const b of [...kernel.buffers, ...kernel.shared]) buffers.set(b, `@${buffers.size}`);
  const byExpr = new Map<Expr, string>();
  const byText = new Map<string, string>();
  const write = (x: unknown): string => {
    switch (typeof x) {
      case 'string':
        return JSON.stringify(x);
      case 'number':
        return Object.is(x, -0) ? '-0' : String(x);
      case 'bigint':
        return `${x}n`;
      case 'object':
        break;
      default:
        return String(x);
    }
    if (x === null) return 'null';
    const known = buffers.get(x);
    if (known !== undefined) return known;
    if (Array.isArray(x))
      return `[${x
        .filter((s) => s?.kind !== 'comment')
        .map(write)
        .join()}]`;
    if (x instanceof Expr) {
      const before = byExpr.get(x);
      if (before !== undefined) return before;
      const text = `${x.type}${x.width}${write(x.node)}`;
      const name = byText.get(text) ?? `#${byText.size}`;
      byText.set(text, name);
      byExpr.set(x, name);
      return name;
    }
    // A dim has a canonical key of its own.
    if ('key' in x && typeof x.key === 'string') return `<${x.key}>`;
    return `{${Object.entries(x)
      .map(([k, v]) => `${k}:${write(v)}`)
      .join()}}`;
  };
  const faces = [...kernel.buffers, ...kernel.shared].map((b) => [
    b.space,
    b.storage,
    b.access,
    b.elements,
    b.finite === true,
  ]);
  const body = `${write(kernel.body)}${kernel.alternatives ? write(kernel.alternatives) : ''}`;
  // The numbered subexpressions are part of the text.
  const table = [...byText.keys()].join('\n');
  return [kernel.kind, kernel.lanes, write(kernel.scalars), write(kernel.grid), write(faces), body, table].join('\n');
}
