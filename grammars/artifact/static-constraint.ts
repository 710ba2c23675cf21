import { readJson } from '../finished-json.ts';
import { type LogitsProcessor, logitsProcessor } from '../matching/logits-processor.ts';
import { Matcher, type MatcherOptions } from '../matching/matcher.ts';
import { sharedBy } from '../options.ts';
import { PartialJson } from '../partial.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { type ArtifactData, ArtifactMachine, Flag, type OpenOptions, readArtifact } from './artifact-machine.ts';

/** A constraint compiled ahead of time, used as a live one is; `T` is the type of the values it admits. */
export class StaticConstraint<T = unknown> {
  private readonly machines = new WeakMap<Vocabulary, ArtifactMachine>();

  /** @param data a file that {@link readArtifact} has checked */
  constructor(
    private readonly data: ArtifactData,
    private readonly options: OpenOptions = {},
  ) {}

  /** False when some texts need the live constraint as a fallback. */
  get complete(): boolean {
    return (this.data.flags & Flag.complete) !== 0;
  }

  /** A matcher for one generation. Throws INFC5503 for another vocabulary than the artifact was made for. */
  matcher(vocabulary: Vocabulary, options: MatcherOptions = {}): Matcher {
    return new Matcher(this.masks(vocabulary), options);
  }

  /** The constraint's automaton over a vocabulary: what matchers share. */
  masks(vocabulary: Vocabulary): ArtifactMachine {
    return sharedBy(this.machines, vocabulary, () => new ArtifactMachine(this.data, vocabulary, this.options));
  }

  /** A logits processor in the style of transformers.js, for a batch of sequences that start empty. */
  asLogitsProcessor(vocabulary: Vocabulary, options: MatcherOptions = {}): LogitsProcessor {
    return logitsProcessor(() => this.matcher(vocabulary, options));
  }

  /**
   * The value of a finished text: of a JSON Schema its JSON (INFC5026 when it was cut short), of others the text itself. What a schema library
   * checks beyond its schema is not in the artifact.
   */
  parse(text: string): T {
    const value: unknown = (this.data.flags & Flag.json) === 0 ? text : readJson(text);
    // The artifact carries no types; T is the caller's word for what was compiled.
    return value as T;
  }

  /** A reader of partial values for streaming. */
  partial(): PartialJson<T> {
    return new PartialJson<T>();
  }
}

/**
 * Opens a constraint compiled ahead of time (`compileConstraint`, `infc constrain compile`); `constrain.static` is the same, but brings the schema
 * compiler along. Throws INFC5502 for a damaged file or one of another version.
 */
export function staticConstraint<T = unknown>(bytes: Uint8Array, options: OpenOptions = {}): StaticConstraint<T> {
  return new StaticConstraint<T>(readArtifact(bytes), options);
}
