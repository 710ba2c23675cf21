import { InfcError } from '../runtime/errors.ts';

/** The value of a finished document. Throws INFC5026 for a text that is not JSON. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InfcError(
      'INFC5026',
      `the text is not a finished document: ${cause instanceof Error ? cause.message : ''}`,
      {
        cause,
        fix: 'Generate until the matcher is done; give it maxTokens so that it closes the document in time',
      },
    );
  }
}
