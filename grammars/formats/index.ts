import { createRegexEngine, type Lang, type RegexEngine } from '../regex/index.ts';
import { idnHostname } from './idn.ts';
import { HOSTNAME, IPV4, IPV6, localPart, MAIL_DOMAIN, URI_TEMPLATE, uri } from './network.ts';
import { regexSyntax } from './regex-syntax.ts';
import { DURATION, fullDate, fullTime } from './time.ts';

/** The dialects of JSON Schema whose formats are known. */
export type Draft = '4' | '6' | '7' | '2019-09' | '2020-12';

type Definition = (engine: RegexEngine, draft: Draft) => Lang;

const pattern =
  (source: () => string): Definition =>
  (engine) =>
    engine.parse(source(), 'u');

/** Host names are bounded to 253 characters in all; from draft 7 on an `xn--` label must be valid Punycode, which is not regular: left out. */
const hostname: Definition = (engine, draft) => {
  const labels = engine.intersect(engine.parse(HOSTNAME), engine.ofLength(1, 253));
  return draft === '4' || draft === '6'
    ? labels
    : engine.intersect(labels, engine.complement(engine.search('(?:^|\\.)[xX][nN]--')));
};

function mailbox(engine: RegexEngine, international: boolean): Lang {
  const local = engine.intersect(engine.parse(localPart(international), 'u'), engine.ofLength(1, 64));
  const ascii = engine.intersect(engine.parse(MAIL_DOMAIN, 'u'), engine.ofLength(1, 255));
  return engine.concat(local, engine.literal('@'), international ? engine.union(ascii, idnHostname(engine)) : ascii);
}

const POINTER = '(?:\\/(?:[^~\\/]|~[01])*)*';

const DEFINITIONS: Readonly<Record<string, Definition>> = {
  'date-time': (engine) => engine.concat(fullDate(engine), engine.parse('[Tt]'), fullTime(engine)),
  date: (engine) => fullDate(engine),
  time: (engine) => fullTime(engine),
  duration: pattern(() => DURATION),
  email: (engine) => mailbox(engine, false),
  'idn-email': (engine) => mailbox(engine, true),
  hostname,
  'idn-hostname': (engine) => idnHostname(engine),
  ipv4: pattern(() => IPV4),
  ipv6: pattern(() => IPV6),
  uri: pattern(() => uri(false).absolute),
  'uri-reference': pattern(() => uri(false).reference),
  iri: pattern(() => uri(true).absolute),
  'iri-reference': pattern(() => uri(true).reference),
  uuid: pattern(() => '[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}'),
  'uri-template': pattern(() => URI_TEMPLATE),
  'json-pointer': (engine) => engine.parse(POINTER, 'su'),
  'relative-json-pointer': (engine) => engine.parse(`(?:0|[1-9]\\d*)(?:#|${POINTER})`, 'su'),
  regex: (engine) => regexSyntax(engine),
};

/**
 * The language of a JSON Schema format, or undefined for a name that is only an annotation. Where a format is not regular the language is a
 * subset, so that what is generated is always valid: see `idnHostname` and `regexSyntax`.
 */
export function formatLanguage(engine: RegexEngine, name: string, draft: Draft): Lang | undefined {
  if (!Object.hasOwn(DEFINITIONS, name)) return undefined;
  let known = caches.get(engine);
  if (!known) caches.set(engine, (known = new Map()));
  const key = `${name}/${draft}`;
  let lang = known.get(key);
  if (lang === undefined) {
    const from = lender();
    lang = engine.borrow(from, DEFINITIONS[name]?.(from, draft) ?? from.empty);
    known.set(key, lang);
  }
  return lang;
}

/** Where all engines have the formats from: they are always the same, and costly. */
let shared: RegexEngine | undefined;
/** Beyond so many languages derived, it starts over. */
const MAX_SHARED = 300_000;

function lender(): RegexEngine {
  if (!shared || shared.internals.languages.nodes.length > MAX_SHARED) shared = createRegexEngine();
  return shared;
}

const caches = new WeakMap<RegexEngine, Map<string, Lang>>();

/** Names of the formats that {@link formatLanguage} knows. */
export const FORMAT_NAMES: readonly string[] = Object.keys(DEFINITIONS);
