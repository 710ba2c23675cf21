import { JSON_TYPES, type JsonType } from '../formula/terms.ts';
import { isObject, type Json, own, type Site } from './document.ts';

/** A set of JSON types: bit `i` stands for `JSON_TYPES[i]`. */
export type TypeSet = number;

/** Every type. */
export const ALL_TYPES: TypeSet = (1 << JSON_TYPES.length) - 1;

const BITS: ReadonlyMap<string, TypeSet> = new Map([
  ...JSON_TYPES.map((type, i): [string, TypeSet] => [type, 1 << i]),
  ['integer', 1 << JSON_TYPES.indexOf('number')],
]);

/** The set of one type. */
export function typeBit(type: JsonType): TypeSet {
  return BITS.get(type) ?? 0;
}

/**
 * Types that the values of a schema can have by what stands on its face: `type`, `enum` and `const`, also behind references and in
 * alternatives. Never too few; it saves compiling hundreds of alternatives for types that none of them has.
 */
export class DeclaredTypes {
  private readonly memo = new Map<Site, TypeSet>();

  constructor(private readonly assertsValidation: (site: Site) => boolean) {}

  of(site: Site): TypeSet {
    const known = this.memo.get(site);
    if (known !== undefined) return known;
    // What refers to itself says nothing; what is malformed is left to the compiler to report.
    this.memo.set(site, ALL_TYPES);
    const types = this.compute(site);
    this.memo.set(site, types);
    return types;
  }

  private compute(site: Site): TypeSet {
    const { schema } = site;
    if (!isObject(schema)) return ALL_TYPES;
    const reference = own(schema, '$ref');
    if (typeof reference === 'string' && site.resource.draft <= 7) return this.target(site, reference);
    let types = ALL_TYPES;
    if (this.assertsValidation(site)) {
      types &= named(own(schema, 'type'));
      const values = own(schema, 'enum');
      if (Array.isArray(values)) types &= values.reduce((set: TypeSet, value: Json) => set | typeOf(value), 0);
      const value = own(schema, 'const');
      if (value !== undefined && site.resource.draft >= 6) types &= typeOf(value);
    }
    if (typeof reference === 'string') types &= this.target(site, reference);
    for (const keyword of ['anyOf', 'oneOf'] as const) {
      const list = own(schema, keyword);
      if (!Array.isArray(list)) continue;
      let some = 0;
      for (let i = 0; i < list.length && (some & types) !== types; i++)
        some |= this.of(site.resource.owner.child(site, keyword, i));
      types &= some;
    }
    const all = own(schema, 'allOf');
    if (Array.isArray(all))
      for (let i = 0; i < all.length; i++) types &= this.of(site.resource.owner.child(site, 'allOf', i));
    return types;
  }

  private target(site: Site, reference: string): TypeSet {
    const found = site.resource.owner.lookUp(site, reference);
    return found ? this.of(found) : ALL_TYPES;
  }
}

function named(type: Json | undefined): TypeSet {
  if (type === undefined) return ALL_TYPES;
  let types = 0;
  for (const name of Array.isArray(type) ? type : [type]) {
    const bit = typeof name === 'string' ? BITS.get(name) : undefined;
    if (bit === undefined) return ALL_TYPES;
    types |= bit;
  }
  return types;
}

/** The type of a value, as a set. */
export function typeOf(value: Json): TypeSet {
  if (value === null) return typeBit('null');
  if (Array.isArray(value)) return typeBit('array');
  return BITS.get(typeof value) ?? ALL_TYPES;
}
