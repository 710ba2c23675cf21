/** Values made once for each key within a scope, and forgotten with it. */
export class Memo<T> {
  private readonly scopes = new WeakMap<object, Map<string, { readonly value: T }>>();

  of(scope: object, key: string, make: () => T): T {
    const byKey = this.scopes.get(scope) ?? new Map<string, { readonly value: T }>();
    this.scopes.set(scope, byKey);
    const known = byKey.get(key) ?? { value: make() };
    byKey.set(key, known);
    return known.value;
  }
}
