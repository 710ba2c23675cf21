import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { codeRanges, nearest, outcomeOf } from '../diagnostics.ts';
import { type CodeUse, harvestCodes } from './harvest-codes.ts';

/** What `infc explain CODE` tells. */
export interface CodeExplanation {
  readonly code: string;
  readonly area: string;
  readonly outcome: string;
  readonly uses: readonly CodeUse[];
}

let table: Promise<Record<string, CodeUse[]>> | undefined;

/** All codes with their messages, read once: from dist/codes.json beside the built program, else from the sources. */
export function allCodes(): Promise<Record<string, CodeUse[]>> {
  table ??= readCodes();
  return table;
}

async function readCodes(): Promise<Record<string, CodeUse[]>> {
  try {
    return JSON.parse(await readFile(new URL('./codes.json', import.meta.url), 'utf8'));
  } catch {
    return harvestCodes(fileURLToPath(new URL('../..', import.meta.url)));
  }
}

/** Explanation of one code, or the code that was probably meant. */
export async function explainCode(text: string): Promise<CodeExplanation | { readonly near: string | undefined }> {
  const code = text.toUpperCase();
  const codes = await allCodes();
  const uses = codes[code];
  if (!uses) return { near: nearest(code, Object.keys(codes)) };
  return { code, area: codeRanges[code.charAt(4)]?.area ?? 'unknown', outcome: outcomeOf(code), uses };
}
