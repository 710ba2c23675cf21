import { formatLanguage } from '../../formats/index.ts';
import { FALSE, type Formula, TRUE } from '../formula/formula.ts';
import type { SchemaCompiler } from './compiler.ts';
import { type JsonObject, own, type Site } from './document.ts';

type Add = (keyword: string, make: () => Formula) => void;

/** Adds what the string keywords of a schema demand. */
export function stringKeywords(compiler: SchemaCompiler, site: Site, add: Add): void {
  const schema = site.schema as JsonObject;
  const { engine } = compiler.strings;
  const string = (lang: number): Formula => compiler.terms.string(compiler.strings.language(lang));
  const bound = own(schema, 'maxLength') !== undefined ? 'maxLength' : 'minLength';
  add(bound, () => {
    const min = own(schema, 'minLength') === undefined ? 0 : compiler.count(site, 'minLength');
    const max = own(schema, 'maxLength') === undefined ? Number.POSITIVE_INFINITY : compiler.count(site, 'maxLength');
    if (max < min) return FALSE;
    return min === 0 && max === Number.POSITIVE_INFINITY ? TRUE : string(engine.ofLength(min, max));
  });
  add('pattern', () => {
    const lang = compiler.pattern(site, 'pattern', own(schema, 'pattern'));
    // `^Circle$` is the enum of one text that tells alternatives apart.
    const text = engine.text(lang);
    return text === undefined ? string(lang) : compiler.terms.string(compiler.strings.of([text]));
  });
  if (compiler.assertsFormat(site))
    add('format', () => {
      const name = own(schema, 'format');
      if (typeof name !== 'string') throw compiler.invalid(site, 'format', 'format must be a string');
      const lang = formatLanguage(engine, name, DRAFT_NAMES[site.resource.draft]);
      return lang === undefined ? TRUE : string(lang);
    });
}

const DRAFT_NAMES = { 4: '4', 6: '6', 7: '7', 2019: '2019-09', 2020: '2020-12' } as const;
