import { type Decimal, decimalOf } from '../formula/decimal.ts';
import type { Formula } from '../formula/formula.ts';
import type { SchemaCompiler } from './compiler.ts';
import { type JsonObject, own, type Site } from './document.ts';

type Add = (keyword: string, make: () => Formula) => void;

/** Adds what the number keywords of a schema demand. */
export function numberKeywords(compiler: SchemaCompiler, site: Site, add: Add): void {
  const schema = site.schema as JsonObject;
  const { terms, formulas } = compiler;
  add('minimum', () =>
    terms.number(own(schema, 'exclusiveMinimum') === true ? 'above' : 'atLeast', decimal(compiler, site, 'minimum')),
  );
  add('maximum', () =>
    formulas.not(
      terms.number(own(schema, 'exclusiveMaximum') === true ? 'atLeast' : 'above', decimal(compiler, site, 'maximum')),
    ),
  );
  if (typeof own(schema, 'exclusiveMinimum') !== 'boolean')
    add('exclusiveMinimum', () => terms.number('above', decimal(compiler, site, 'exclusiveMinimum')));
  if (typeof own(schema, 'exclusiveMaximum') !== 'boolean')
    add('exclusiveMaximum', () => formulas.not(terms.number('atLeast', decimal(compiler, site, 'exclusiveMaximum'))));
  add('multipleOf', () => {
    const value = decimal(compiler, site, 'multipleOf');
    if (value.digits <= 0n) throw compiler.invalid(site, 'multipleOf', 'multipleOf must be above 0');
    return terms.number('multiple', value);
  });
}

function decimal(compiler: SchemaCompiler, site: Site, keyword: string): Decimal {
  const value = own(site.schema as JsonObject, keyword);
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw compiler.invalid(site, keyword, `${keyword} must be a number`);
  return decimalOf(value);
}
