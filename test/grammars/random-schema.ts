import type { Json } from '../../grammars/json/schema/document.ts';

type Schema = { readonly [key: string]: Json };

const FORMATS = [
  'date-time',
  'date',
  'time',
  'duration',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  // Not 'uri': Ajv wants something after the colon, RFC 3986 does not.
  'uri-reference',
  'uuid',
  'json-pointer',
  'relative-json-pointer',
];
const PATTERNS = [
  '^[a-z]+$',
  '^\\d{2,4}$',
  'b',
  '^(?!x)\\w*$',
  '^[A-Z][a-zé]{0,8}( [A-Z][a-z]+)*$',
  '[0-9]$',
  '^.{0,3}$',
];
const NAMES = ['a', 'b', 'name', 'id', 'first name', 'kind', 'é', 'x-1', 'items'];

/** Random schemas over every keyword family; mostly satisfiable, not always. */
export class RandomSchemas {
  constructor(private readonly next: () => number) {}

  schema(depth = 3): Json {
    if (this.chance(0.05)) return true;
    // References are from the root, so recursion begins there.
    if (depth === 3 && this.chance(0.08)) {
      const { properties, ...rest } = this.object(1);
      const self = { $ref: '#/$defs/node' };
      const node = {
        ...rest,
        properties: { kids: { type: 'array', items: self }, ...(properties as Schema), next: self },
      };
      return { ...self, $defs: { node } };
    }
    const kind = this.below(depth > 0 ? 12 : 6);
    switch (kind) {
      case 0:
        return this.string();
      case 1:
        return this.number();
      case 2:
        return { enum: this.some(3, () => this.constant(1)) };
      case 3:
        return this.chance(0.5) ? { type: 'boolean' } : { const: this.constant(1) };
      case 4:
        return { type: this.pick([['string', 'null'], ['integer', 'boolean'], 'null', 'integer']) };
      case 5:
        return this.chance(0.5) ? this.string() : this.number();
      case 6:
      case 7:
      case 8:
        return this.object(depth - 1);
      case 9:
      case 10:
        return this.array(depth - 1);
      default:
        return this.combined(depth - 1);
    }
  }

  private string(): Schema {
    if (this.chance(0.3)) return { type: 'string', format: this.pick(FORMATS) };
    const min = this.below(4);
    return {
      type: 'string',
      ...(this.chance(0.4) ? { minLength: min } : {}),
      ...(this.chance(0.4) ? { maxLength: min + this.below(12) } : {}),
      ...(this.chance(0.4) ? { pattern: this.pick(PATTERNS) } : {}),
    };
  }

  private number(): Schema {
    const low = this.below(40) - 20;
    return {
      type: this.pick(['integer', 'number']),
      ...(this.chance(0.4) ? { [this.pick(['minimum', 'exclusiveMinimum'])]: low } : {}),
      ...(this.chance(0.4) ? { [this.pick(['maximum', 'exclusiveMaximum'])]: low + this.below(200) + 1 } : {}),
      ...(this.chance(0.3) ? { multipleOf: this.pick([1, 2, 3, 5, 0.5, 0.25]) } : {}),
    };
  }

  private object(depth: number): Schema {
    const names = this.some(4, () => this.pick(NAMES));
    const properties = Object.fromEntries(names.map((name) => [name, this.schema(depth)]));
    return {
      type: 'object',
      properties,
      ...(this.chance(0.7) ? { required: [...new Set(names)].filter(() => this.chance(0.6)) } : {}),
      ...(this.chance(0.5) ? { additionalProperties: this.chance(0.6) ? false : this.schema(0) } : {}),
      ...(this.chance(0.15) ? { patternProperties: { [this.pick(['^x-', '\\d$', 'e'])]: this.schema(0) } } : {}),
      ...(this.chance(0.1) ? { minProperties: this.below(3) } : {}),
      ...(this.chance(0.1) ? { maxProperties: 3 + this.below(3) } : {}),
      ...(this.chance(0.1) ? { propertyNames: { maxLength: 3 + this.below(8) } } : {}),
      ...(this.chance(0.1) ? { dependentRequired: { [this.pick(NAMES)]: [this.pick(NAMES)] } } : {}),
      ...(this.chance(0.1) ? { not: { required: [this.pick(NAMES)] } } : {}),
      ...(this.chance(0.1)
        ? {
            if: { properties: { [names[0] ?? 'a']: this.schema(0) } },
            // biome-ignore lint/suspicious/noThenProperty: a JSON Schema keyword
            then: { required: [this.pick(NAMES)] },
          }
        : {}),
    };
  }

  private array(depth: number): Schema {
    const least = this.below(3);
    return {
      type: 'array',
      ...(this.chance(0.8) ? { items: this.schema(depth) } : {}),
      ...(this.chance(0.2) ? { prefixItems: this.some(2, () => this.schema(depth)) } : {}),
      ...(this.chance(0.4) ? { minItems: least } : {}),
      ...(this.chance(0.4) ? { maxItems: least + this.below(4) } : {}),
      ...(this.chance(0.15) ? { uniqueItems: true } : {}),
      ...(this.chance(0.1) ? { contains: this.schema(0) } : {}),
    };
  }

  private combined(depth: number): Schema {
    const parts = (): Json[] => this.some(3, () => this.schema(depth));
    return this.pick<() => Schema>([
      () => ({ anyOf: parts() }),
      () => ({ oneOf: parts() }),
      () => ({ allOf: [this.object(depth), this.object(0)] }),
      () => ({ type: 'object', not: this.schema(0) }),
      () => ({
        oneOf: ['cat', 'dog', 'cow'].map((kind) => {
          const { properties, ...rest } = this.object(depth);
          return { ...rest, properties: { ...(properties as Schema), kind: { const: kind } }, required: ['kind'] };
        }),
      }),
    ])();
  }

  private constant(depth: number): Json {
    return this.pick<() => Json>([
      () => this.below(100) - 50,
      () => (this.below(100) - 50) / 4,
      () => this.pick(['', 'a', 'abc', 'né"e\n', 'a/b']),
      () => this.pick([null, true, false]),
      () => (depth === 0 ? 0 : [this.constant(0), this.constant(0)]),
      () => (depth === 0 ? '' : { [this.pick(NAMES)]: this.constant(0) }),
    ])();
  }

  private some<T>(most: number, make: () => T): T[] {
    return Array.from({ length: 1 + this.below(most) }, make);
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  pick<T>(list: readonly T[]): T {
    const value = list[this.below(list.length)];
    if (value === undefined) throw new Error('nothing to pick from');
    return value;
  }

  chance(p: number): boolean {
    return this.next() < p;
  }
}
