/** Patterns of RFC 3986, 3987, 4291, 5321, 6531 and 6570, for the u flag. */

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
export const IPV4 = `(?:${OCTET}\\.){3}${OCTET}`;

const H16 = '[0-9A-Fa-f]{1,4}';
const LS32 = `(?:${H16}:${H16}|${IPV4})`;
/** IPv6address of RFC 3986. */
export const IPV6 = [
  `(?:${H16}:){6}${LS32}`,
  `::(?:${H16}:){5}${LS32}`,
  `(?:${H16})?::(?:${H16}:){4}${LS32}`,
  `(?:(?:${H16}:){0,1}${H16})?::(?:${H16}:){3}${LS32}`,
  `(?:(?:${H16}:){0,2}${H16})?::(?:${H16}:){2}${LS32}`,
  `(?:(?:${H16}:){0,3}${H16})?::${H16}:${LS32}`,
  `(?:(?:${H16}:){0,4}${H16})?::${LS32}`,
  `(?:(?:${H16}:){0,5}${H16})?::${H16}`,
  `(?:(?:${H16}:){0,6}${H16})?::`,
].join('|');

/** ucschar and iprivate of RFC 3987. */
const UCSCHAR = `\\u{A0}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFEF}${Array.from({ length: 14 }, (_, i) => `\\u{${(i + 1).toString(16)}${i === 13 ? '1000' : '0000'}}-\\u{${(i + 1).toString(16)}fffd}`).join('')}`;
const IPRIVATE = '\\u{E000}-\\u{F8FF}\\u{F0000}-\\u{FFFFD}\\u{100000}-\\u{10FFFD}';

const PERCENT = '%[0-9A-Fa-f]{2}';

/** URI and URI-reference of RFC 3986, or their international forms. */
export function uri(international: boolean): { readonly absolute: string; readonly reference: string } {
  const unreserved = `A-Za-z0-9\\-._~${international ? UCSCHAR : ''}`;
  const sub = "!$&'()*+,;=";
  const one = (extra: string) => `(?:[${unreserved}${sub}${extra}]|${PERCENT})`;
  const pchar = one(':@');
  const segment = `${pchar}*`;
  const host = `(?:\\[(?:${IPV6}|[vV][0-9A-Fa-f]+\\.[A-Za-z0-9\\-._~${sub}:]+)\\]|${one('')}*)`;
  const authority = `(?:${one(':')}*@)?${host}(?::\\d*)?`;
  const abempty = `(?:/${segment})*`;
  const absolutePath = `/(?:${pchar}+${abempty})?`;
  const tail = `(?:\\?(?:${pchar}|[/?${international ? IPRIVATE : ''}])*)?(?:#(?:${pchar}|[/?])*)?`;
  const noScheme = `${one('@')}+${abempty}`;
  return {
    absolute: `[A-Za-z][A-Za-z0-9+\\-.]*:(?://${authority}${abempty}|${absolutePath}|${pchar}+${abempty}|)${tail}`,
    reference: `(?:[A-Za-z][A-Za-z0-9+\\-.]*:(?://${authority}${abempty}|${absolutePath}|${pchar}+${abempty}|)|//${authority}${abempty}|${absolutePath}|${noScheme}|)${tail}`,
  };
}

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9\\-]{0,61}[A-Za-z0-9])?';
/** Dot-separated letter-digit-hyphen labels of RFC 1123; the caller bounds the whole. */
export const HOSTNAME = `${LABEL}(?:\\.${LABEL})*`;

/** Local-part of RFC 5321, or of RFC 6531 when international; the caller bounds its length. */
export function localPart(international: boolean): string {
  const extra = international ? '\\u{80}-\\u{10FFFF}' : '';
  const atom = `[A-Za-z0-9!#$%&'*+\\-\\/=?^_\`\\{\\|\\}~${extra}]`;
  return `${atom}+(?:\\.${atom}+)*|"(?:[ !#-\\[\\]-~${extra}]|\\\\[ -~])*"`;
}

/** Domain of RFC 5321 with ASCII labels, or an address literal. */
export const MAIL_DOMAIN = `${HOSTNAME}|\\[(?:${IPV4}|IPv6:(?:${IPV6}))\\]`;

/** URI Template of RFC 6570 (with erratum 6937: an apostrophe is a literal). */
export const URI_TEMPLATE = (() => {
  const varchar = `(?:[A-Za-z0-9_]|${PERCENT})`;
  const name = `${varchar}+(?:\\.${varchar}+)*`;
  const spec = `${name}(?::[1-9]\\d{0,3}|\\*)?`;
  const literal = `[!#$&'\\(-;=?-\\[\\]_a-z~${UCSCHAR}${IPRIVATE}]|${PERCENT}`;
  return `(?:${literal}|\\{[+#.\\/;?&=,!@|]?${spec}(?:,${spec})*\\})*`;
})();
