import { InfcError } from '../../../runtime/errors.ts';

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json };

/** The drafts whose meaning is implemented; other `$schema` values use the default. */
export type Draft = 4 | 6 | 7 | 2019 | 2020;

/** A schema resource: what an absolute URI without fragment names. */
export interface Resource {
  readonly id: number;
  readonly uri: string;
  readonly root: Json;
  /** JSON pointer of `root` within its document. */
  readonly pointer: string;
  readonly draft: Draft;
  readonly document: Json;
  /** What its references are resolved in. */
  readonly owner: SchemaDocument;
  /** Whether the dialect asserts `format` by vocabulary; undefined when the dialect does not say. */
  readonly vocabulary: ReadonlySet<string> | undefined;
}

/** One subschema at its place. Sites are interned: one per schema object. */
export interface Site {
  readonly id: number;
  readonly schema: Json;
  readonly pointer: string;
  readonly resource: Resource;
}

/** Options of {@link SchemaDocument}. */
export interface DocumentOptions {
  /** Draft of schemas that do not name one (default 2020). */
  readonly draft?: Draft;
  /** Schemas by absolute URI, for `$ref`s that leave the document. Nothing is ever fetched. */
  readonly remotes?: Readonly<Record<string, unknown>>;
}

const ROOT_URI = 'infc:/schema';
const NO_ANCHORS: ReadonlyMap<string, Site> = new Map();
/** Keywords that hold a schema, lists of schemas, and schemas by name. */
export const SUBSCHEMA: ReadonlySet<string> = new Set(
  'additionalItems additionalProperties contains contentSchema else if items not propertyNames then unevaluatedItems unevaluatedProperties'.split(
    ' ',
  ),
);
export const SUBSCHEMA_LIST: ReadonlySet<string> = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems', 'items']);
export const SUBSCHEMA_MAP: ReadonlySet<string> = new Set([
  '$defs',
  'definitions',
  'dependentSchemas',
  'dependencies',
  'patternProperties',
  'properties',
]);

/** True for JSON objects (not arrays, not null). */
export function isObject(value: unknown): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** Own property of a schema object, whatever its name (`constructor` and `__proto__` included). */
export function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** The draft a `$schema` URI names, if it is a known one. */
function draftOf(uri: Json | undefined): Draft | undefined {
  if (typeof uri !== 'string') return undefined;
  const match = /json-schema\.org\/(?:draft-0(\d)|draft\/(\d{4})-\d\d)\//.exec(uri);
  if (!match) return undefined;
  if (match[2] === '2019') return 2019;
  if (match[2] === '2020') return 2020;
  switch (match[1]) {
    case '3':
    case '4':
      return 4;
    case '6':
      return 6;
    case '7':
      return 7;
    default:
      return undefined;
  }
}

/** One reference token of a JSON pointer. */
export function pointerToken(token: string | number): string {
  return `/${String(token).replace(/~/g, '~0').replace(/\//g, '~1')}`;
}

/** Sites and resources of all documents, which may share what follows from them. */
let count = 0;

/** Resolves `$ref`, `$id` and anchors over a schema and its remotes, lazily: local pointers never scan the document. */
export class SchemaDocument {
  readonly root: Site;
  private readonly sites = new Map<object, Site>();
  private readonly resources = new Map<string, Resource>();
  private readonly resourceOf = new Map<object, Resource>();
  private readonly anchors = new Map<string, Site>();
  /** By the resource's URI and name. */
  private readonly dynamicAnchors = new Map<string, Map<string, Site>>();
  private readonly scanned = new Set<Json>();
  private readonly references = new Map<string, Site>();
  private readonly draft: Draft;
  private readonly remotes: ReadonlyMap<string, Json>;

  constructor(schema: Json, options: DocumentOptions = {}) {
    this.draft = options.draft ?? 2020;
    const remotes = new Map<string, Json>();
    for (const [uri, value] of Object.entries(options.remotes ?? {})) remotes.set(uri.replace(/#$/, ''), value as Json);
    this.remotes = remotes;
    this.root = this.addDocument(schema, ROOT_URI);
  }

  /** The site of a subschema found by walking `tokens` down from `site`. */
  child(site: Site, ...tokens: (string | number)[]): Site {
    let value = site.schema;
    let pointer = site.pointer;
    for (const token of tokens) {
      const below = Array.isArray(value)
        ? (value[Number(token)] as Json | undefined)
        : isObject(value)
          ? own(value, String(token))
          : undefined;
      // What is not there says nothing; null is there, and no schema.
      value = below === undefined ? true : below;
      pointer += pointerToken(token);
    }
    return this.site(value, pointer, site.resource);
  }

  /** Another schema in the place of a site. */
  variant({ pointer, resource }: Site, schema: Json): Site {
    return { id: count++, schema, pointer, resource };
  }

  /** The site a `$ref` leads to. Throws INFC5004 when there is none. */
  resolve(site: Site, reference: string, keyword = '$ref'): Site {
    const found = this.lookUp(site, reference);
    if (!found)
      throw new InfcError('INFC5004', `${keyword} '${reference}' leads nowhere`, {
        pointer: `${site.pointer}/${keyword}`,
        keyword,
        fix: 'Define the target, or pass the remote schema in `remotes`',
      });
    return found;
  }

  /** The site a `$ref` leads to, if there is one. */
  lookUp(site: Site, reference: string): Site | undefined {
    const key = `${site.resource.id} ${reference}`;
    const known = this.references.get(key);
    if (known) return known;
    const found = this.find(site.resource, reference);
    if (found) this.references.set(key, found);
    return found;
  }

  /** `$dynamicAnchor` of that name in a resource, if it has one. */
  dynamicAnchor(resource: Resource, name: string): Site | undefined {
    return this.dynamicAnchorsOf(resource).get(name);
  }

  /** All of them. */
  dynamicAnchorsOf(resource: Resource): ReadonlyMap<string, Site> {
    this.scan(resource.document, resource);
    return this.dynamicAnchors.get(resource.uri) ?? NO_ANCHORS;
  }

  /** The site of a resource's root schema. */
  rootOf(resource: Resource): Site {
    return this.site(resource.root, resource.pointer, resource);
  }

  private addDocument(schema: Json, uri: string): Site {
    const draft = (isObject(schema) && draftOf(own(schema, '$schema'))) || this.draft;
    const base = this.resource(schema, uri, '', draft, schema);
    if (!this.resources.has(uri)) this.resources.set(uri, base);
    return this.site(schema, '', base);
  }

  private resource(root: Json, uri: string, pointer: string, draft: Draft, document: Json): Resource {
    return { id: count++, uri, root, pointer, draft, document, owner: this, vocabulary: this.vocabularyOf(root) };
  }

  private vocabularyOf(root: Json): ReadonlySet<string> | undefined {
    const dialect = isObject(root) ? own(root, '$schema') : undefined;
    const meta = typeof dialect === 'string' ? this.remotes.get(dialect.replace(/#$/, '')) : undefined;
    const list = isObject(meta) ? own(meta, '$vocabulary') : undefined;
    return isObject(list)
      ? new Set(Object.keys(list).filter((x) => list[x] === true || x.endsWith('/format-assertion')))
      : undefined;
  }

  private site(schema: Json, pointer: string, parent: Resource): Site {
    if (typeof schema === 'object' && schema !== null) {
      const known = this.sites.get(schema);
      if (known) return known;
    }
    const site: Site = { id: count++, schema, pointer, resource: this.resourceAt(schema, pointer, parent) };
    if (typeof schema === 'object' && schema !== null) this.sites.set(schema, site);
    return site;
  }

  /** The resource a subschema belongs to: a new one when it has an `$id` of its own. */
  private resourceAt(schema: Json, pointer: string, parent: Resource): Resource {
    if (!isObject(schema) || (parent.root === schema && parent.pointer === pointer && pointer !== '')) return parent;
    const draft = draftOf(own(schema, '$schema')) ?? parent.draft;
    const id = own(schema, draft === 4 ? 'id' : '$id');
    if (typeof id !== 'string' || (draft <= 7 && typeof own(schema, '$ref') === 'string')) return parent;
    const uri = resolveUri(parent.uri, id);
    if (uri === undefined || id.startsWith('#')) return parent;
    const bare = uri.replace(/#.*$/, '');
    if (bare === parent.uri && parent.root === schema) return parent;
    let resource = this.resourceOf.get(schema);
    if (resource) return resource;
    const known = this.resources.get(bare);
    resource = known?.root === schema ? known : this.resource(schema, bare, pointer, draft, parent.document);
    this.resourceOf.set(schema, resource);
    if (!known) this.resources.set(bare, resource);
    return resource;
  }

  private find(from: Resource, reference: string): Site | undefined {
    const hash = reference.indexOf('#');
    const path = hash < 0 ? reference : reference.slice(0, hash);
    const fragment = hash < 0 ? '' : reference.slice(hash + 1);
    let target: Resource | undefined = from;
    if (path !== '') {
      const uri = resolveUri(from.uri, path);
      target = uri === undefined ? undefined : this.resourceByUri(uri, from);
    }
    if (target && (fragment === '' || fragment.startsWith('/'))) {
      const found = this.pointer(target, fragment);
      if (found) return found;
    } else if (target) {
      this.scan(target.document, target);
      const found = this.anchors.get(`${target.uri}#${decode(fragment)}`);
      if (found) return found;
    }
    // Generators often write an `id` on every subschema yet mean pointers from the document root.
    if (path === '' && from.root !== from.document && fragment.startsWith('/')) {
      const home = this.sites.get(from.document as object);
      return home ? this.pointer(home.resource, fragment) : undefined;
    }
    return undefined;
  }

  private resourceByUri(uri: string, from: Resource): Resource | undefined {
    let known = this.resources.get(uri);
    if (known) return known;
    this.scan(from.document, from);
    known = this.resources.get(uri);
    if (known) return known;
    if (from.document !== this.root.schema) this.scan(this.root.schema, this.root.resource);
    known = this.resources.get(uri);
    if (known) return known;
    const remote = this.remotes.get(uri);
    if (remote === undefined) return undefined;
    return this.addDocument(remote, uri).resource;
  }

  private pointer(resource: Resource, fragment: string): Site | undefined {
    let value: Json | undefined = resource.root;
    let pointer = resource.pointer;
    let home = this.site(value, pointer, resource).resource;
    const tokens = fragment === '' ? [] : fragment.slice(1).split('/');
    for (const raw of tokens) {
      const token = decode(raw).replace(/~1/g, '/').replace(/~0/g, '~');
      if (Array.isArray(value))
        value = /^(0|[1-9]\d*)$/.test(token) ? (value[Number(token)] as Json | undefined) : undefined;
      else if (isObject(value)) value = own(value, token);
      else value = undefined;
      if (value === undefined) return undefined;
      pointer += pointerToken(token);
      home = this.resourceAt(value, pointer, home);
    }
    if (typeof value !== 'boolean' && !isObject(value)) return undefined;
    return this.site(value, pointer, home);
  }

  /** Indexes identifiers and anchors of a document, once, walking only places where subschemas can stand. */
  private scan(document: Json, within: Resource): void {
    if (this.scanned.has(document)) return;
    this.scanned.add(document);
    const visit = (schema: Json, pointer: string, parent: Resource): void => {
      if (!isObject(schema)) return;
      const site = this.site(schema, pointer, parent);
      const { resource } = site;
      const plain = own(schema, '$anchor');
      if (typeof plain === 'string') this.anchor(this.anchors, `${resource.uri}#${plain}`, site);
      const dynamic = own(schema, '$dynamicAnchor');
      if (typeof dynamic === 'string') {
        this.anchor(this.anchors, `${resource.uri}#${dynamic}`, site);
        const anchors = this.dynamicAnchors.get(resource.uri) ?? new Map<string, Site>();
        this.dynamicAnchors.set(resource.uri, anchors);
        this.anchor(anchors, dynamic, site);
      }
      const id = own(schema, resource.draft === 4 ? 'id' : '$id');
      if (typeof id === 'string' && resource.draft <= 7 && id.includes('#') && !id.endsWith('#')) {
        const uri = resolveUri(parent.uri, id);
        if (uri !== undefined) this.anchor(this.anchors, uri, site);
      }
      for (const key of Object.keys(schema)) {
        const value = own(schema, key);
        if (Array.isArray(value)) {
          if (SUBSCHEMA_LIST.has(key)) value.forEach((x: Json, i) => void visit(x, `${pointer}/${key}/${i}`, resource));
        } else if (isObject(value)) {
          if (SUBSCHEMA_MAP.has(key))
            for (const name of Object.keys(value))
              visit(own(value, name) ?? true, `${pointer}/${key}${pointerToken(name)}`, resource);
          else if (SUBSCHEMA.has(key)) visit(value, `${pointer}/${key}`, resource);
        }
      }
    };
    const top = isObject(document) ? (this.sites.get(document)?.resource ?? within) : within;
    visit(document, '', top);
  }

  private anchor(map: Map<string, Site>, key: string, site: Site): void {
    if (!map.has(key)) map.set(key, site);
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** RFC 3986 resolution; URNs and other opaque bases only take absolute references. */
function resolveUri(base: string, reference: string): string | undefined {
  try {
    return new URL(reference, base).href.replace(/#$/, '');
  } catch {
    return /^[a-z][a-z0-9+.-]*:/i.test(reference) ? reference.replace(/#$/, '') : undefined;
  }
}
