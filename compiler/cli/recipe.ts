import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { InfcError } from '../../runtime/errors.ts';
import { nearest } from '../diagnostics.ts';
import { type FormatRecipe, type FormatRule, PRECISIONS, type WeightRole } from '../formats/recipe.ts';
import { isRecord } from '../import/architecture.ts';
import type { Io } from './io.ts';

const KEYS = ['name', 'rules', 'rotate', 'precision', 'activations', 'outliers', 'skipZeros'];
const RULE_KEYS = 'match role atMost format algorithm equalize correct channels sparsity prune'.split(' ');
const ROLES: readonly WeightRole[] = ['embedding', 'head', 'linear'];

/** What `--quant` names: a recipe or storage format by name, or a JSON file `{"rotate", "precision", "activations", "outliers", "skipZeros", "rules": [{"match", "role", "atMost", "format", "algorithm", "equalize", "correct", "channels", "sparsity", "prune"}]}`. Throws INFC8062. */
export async function readRecipe(given: string | undefined, io: Io): Promise<string | FormatRecipe | undefined> {
  if (!given?.endsWith('.json')) return given;
  const file = path.resolve(io.cwd, given);
  const bad = (reason: string, pointer: string, cause?: unknown): InfcError =>
    new InfcError('INFC8062', `the recipe ${reason}`, {
      file,
      pointer,
      fix: 'Write {"rules": [{"match": "*.mlp.*", "format": "q4g32"}, {"format": "q8g32"}]}',
      cause,
    });
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw bad('cannot be read', '', cause);
  }
  if (!isRecord(value) || !Array.isArray(value.rules)) throw bad('has no list of rules', '/rules');
  const known = (part: Readonly<Record<string, unknown>>, keys: readonly string[], at: string): void => {
    const other = Object.keys(part).find((key) => !keys.includes(key));
    if (other === undefined) return;
    const meant = nearest(other, keys);
    throw bad(
      `has '${other}'${meant ? `; '${meant}' was meant` : `, which is none of ${keys.join(', ')}`}`,
      `${at}/${other}`,
    );
  };
  known(value, KEYS, '');
  if (value.rules.length === 0 && value.precision === undefined && value.skipZeros !== true)
    throw bad('has no rules', '/rules');
  const rules = value.rules.map((rule: unknown, i): FormatRule => {
    const at = `/rules/${i}`;
    if (isRecord(rule)) known(rule, RULE_KEYS, at);
    if (!isRecord(rule) || typeof rule.format !== 'string') throw bad('has a rule without a format', `${at}/format`);
    const { match, role, atMost, correct, format, channels } = rule;
    if (correct !== undefined && !(typeof correct === 'number' && Number.isInteger(correct) && correct > 0))
      throw bad('has a correct that is no rank', `${at}/correct`);
    if (atMost !== undefined && !(typeof atMost === 'number' && atMost >= 0))
      throw bad('has an atMost that is no count of values', `${at}/atMost`);
    const names = (['algorithm', 'equalize', 'sparsity', 'prune'] as const).map((key) => {
      const v: unknown = rule[key];
      if (v !== undefined && typeof v !== 'string') throw bad(`has a ${key} that is no text`, `${at}/${key}`);
      return v === undefined ? {} : { [key]: v };
    });
    if (match !== undefined && typeof match !== 'string') throw bad('has a match that is no text', `${at}/match`);
    const place = ROLES.find((r) => r === role);
    if (role !== undefined && !place) throw bad(`has a role that is none of ${ROLES.join(', ')}`, `${at}/role`);
    return Object.assign(
      {
        format,
        ...(match === undefined ? {} : { match }),
        ...(place ? { role: place } : {}),
        ...(atMost === undefined ? {} : { atMost }),
        ...(correct === undefined ? {} : { correct }),
        ...(channels === true ? { channels } : {}),
      },
      ...names,
    );
  });
  const activations = (['dynamic', 'static'] as const).find((a) => a === value.activations);
  if (value.activations !== undefined && !activations)
    throw bad('has activations that are neither dynamic nor static', '/activations');
  if (value.outliers !== undefined && !(typeof value.outliers === 'number' && value.outliers > 0))
    throw bad('has outliers that are no positive number', '/outliers');
  const precision = PRECISIONS.find((p) => p === value.precision);
  if (value.precision !== undefined && !precision)
    throw bad(`has a precision that is none of ${PRECISIONS.join(', ')}`, '/precision');
  return {
    name: path.basename(given),
    rules,
    ...(value.rotate === true ? { rotate: true } : {}),
    ...(value.skipZeros === true ? { skipZeros: true } : {}),
    ...(precision ? { precision } : {}),
    ...(activations ? { activations } : {}),
    ...(typeof value.outliers === 'number' ? { outliers: value.outliers } : {}),
  };
}
