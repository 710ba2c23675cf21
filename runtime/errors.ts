/** Where an error comes from: a graph node, a JSON pointer, a byte offset, a file, or a plain place name. */
export interface ErrorPlace {
  readonly file?: string;
  readonly offset?: number;
  readonly node?: string;
  readonly pointer?: string;
  /** The schema keyword at the pointer. */
  readonly keyword?: string;
}

/** Extra fields of an {@link InfcError}. */
export interface ErrorDetails extends ErrorPlace {
  /** What the user can do about it: one imperative sentence. */
  readonly fix?: string;
  readonly cause?: unknown;
}

/**
 * The one error type of infc: a stable code, the reason, the place, and a fix.
 *
 * Code ranges: 1xxx import, 2xxx graph, 3xxx lowering, 4xxx backend, 5xxx grammar, 6xxx runtime, 7xxx plugin, 8xxx command line.
 */
export class InfcError extends Error {
  override readonly name = 'InfcError';
  readonly code: string;
  readonly reason: string;
  readonly place: ErrorPlace;
  readonly fix: string | undefined;

  constructor(code: string, reason: string, details: ErrorDetails = {}) {
    const { fix, cause, ...place } = details;
    const at = describePlace(place);
    super(
      `${code}: ${reason}${at ? ` (${at})` : ''}${fix ? `. ${fix}` : ''}`,
      cause === undefined ? undefined : { cause },
    );
    this.code = code;
    this.reason = reason;
    this.place = place;
    this.fix = fix;
  }

  /** Plain data for `--json` output and for messages between workers. */
  toJSON(): { code: string; reason: string; place: ErrorPlace; fix?: string } {
    return {
      code: this.code,
      reason: this.reason,
      place: this.place,
      ...(this.fix === undefined ? {} : { fix: this.fix }),
    };
  }
}

function describePlace({ file, offset, node, pointer }: ErrorPlace): string {
  const parts: string[] = [];
  if (node !== undefined) parts.push(`node '${node}'`);
  if (pointer !== undefined) parts.push(`at ${pointer === '' ? '/' : pointer}`);
  if (file !== undefined) parts.push(file);
  if (offset !== undefined) parts.push(`byte ${offset}`);
  return parts.join(', ');
}
