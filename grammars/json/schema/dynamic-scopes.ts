import { isObject, type JsonObject, own, type Resource, type Site } from './document.ts';

/**
 * Dynamic scopes (JSON Schema 2020-12 core, 7.1), numbered: the resources entered on the way to a subschema, outermost first. References that
 * depend on them (`$recursiveRef`, `$dynamicRef`) are followed here.
 */
export class DynamicScopes {
  private readonly chains: (readonly Resource[])[] = [[]];
  private readonly ids = new Map<string, number>();

  /**
   * The scope within a resource. Scopes only grow when a resource is entered that has an anchor of its own, as the outermost counts: plain
   * schemas have exactly one, and others few, by whichever ways references lead.
   */
  enter(scope: number, resource: Resource): number {
    const chain = this.chain(scope);
    if (chain.includes(resource)) return scope;
    const key = `${scope}>${resource.id}`;
    let id = this.ids.get(key);
    if (id === undefined) {
      id = scope;
      if (chain.length === 0 || this.adds(chain, resource)) {
        id = this.chains.length;
        this.chains.push([...chain, resource]);
      }
      this.ids.set(key, id);
    }
    return id;
  }

  /** Whether a resource has an anchor that none of those around it has. */
  private adds(chain: readonly Resource[], resource: Resource): boolean {
    if (isRecursive(resource.root) && !chain.some(({ root }) => isRecursive(root))) return true;
    const names = [...resource.owner.dynamicAnchorsOf(resource).keys()];
    return !names.every((name) => chain.some((outer) => outer.owner.dynamicAnchor(outer, name) !== undefined));
  }

  /** Where the `$recursiveRef` of a schema leads: the outermost `$recursiveAnchor`, if its own target has one. */
  recursive(site: Site, scope: number): Site {
    const keyword = '$recursiveRef';
    const target = site.resource.owner.resolve(site, String(own(site.schema as JsonObject, keyword)), keyword);
    if (!isRecursive(target.schema)) return target;
    const outer = this.chain(scope).find(({ root }) => isRecursive(root));
    return outer ? outer.owner.rootOf(outer) : target;
  }

  /** Where the `$dynamicRef` of a schema leads: the outermost anchor of that name, if its own target is one. */
  dynamic(site: Site, scope: number): Site {
    const keyword = '$dynamicRef';
    const reference = String(own(site.schema as JsonObject, keyword));
    const target = site.resource.owner.resolve(site, reference, keyword);
    const name = reference.includes('#') ? reference.slice(reference.indexOf('#') + 1) : '';
    if (!isObject(target.schema) || own(target.schema, '$dynamicAnchor') !== name) return target;
    for (const resource of this.chain(scope)) {
      const outer = resource.owner.dynamicAnchor(resource, name);
      if (outer) return outer;
    }
    return target;
  }

  /** Everything that a schema refers to in place. */
  references(site: Site, scope: number): Site[] {
    const schema = site.schema as JsonObject;
    const { draft, owner } = site.resource;
    const reference = own(schema, '$ref');
    const found: Site[] = [];
    if (typeof reference === 'string') found.push(owner.resolve(site, reference));
    if (draft === 2019 && own(schema, '$recursiveRef') !== undefined) found.push(this.recursive(site, scope));
    if (draft >= 2020 && own(schema, '$dynamicRef') !== undefined) found.push(this.dynamic(site, scope));
    return found;
  }

  private chain(scope: number): readonly Resource[] {
    return this.chains[scope] ?? [];
  }
}

function isRecursive(schema: unknown): boolean {
  return isObject(schema) && own(schema, '$recursiveAnchor') === true;
}
