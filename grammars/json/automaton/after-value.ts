import { FALSE, type Formula } from '../formula/formula.ts';
import type { Json } from '../schema/document.ts';
import type { FormulaSlot, ResultId } from './leaf.ts';
import type { Frame, Machine } from './machine.ts';

/** The leaf in which a frame goes on after its value gave a result; `text` is the value's source, where that is known. */
export function afterValue(machine: Machine, frame: Frame, result: ResultId, text: string | undefined): number {
  if (frame.kind === 'root') return machine.endState();
  if (frame.keys)
    return frame.keys.finish(result, () => (text === undefined ? undefined : (parseCaptured(text) as string)));
  const { formulas, results, solver, compiler } = machine;
  const next: FormulaSlot[] = [];
  const branches = results.get(result);
  const value = results.value(result);
  frame.slots.forEach((slot, i) => {
    const options: Formula[] = [];
    for (const branch of branches) {
      const rest = frame.rests[branch]?.get(i);
      if (rest !== undefined) options.push(rest);
    }
    let state = formulas.or(options);
    if (value !== undefined) state = compiler.listed.narrow(state, value);
    if (frame.captures && state !== FALSE && text !== undefined) {
      state = exclude(machine, state, parseCaptured(text));
      if (!solver.arrayRest(state)) state = FALSE;
    }
    if (state !== FALSE) next.push({ state, results: slot.results });
  });
  const merged = machine.merge(next);
  if (merged.length === 0) return 0;
  return frame.kind === 'object'
    ? machine.objectState('next', merged, frame.seen, 0)
    : machine.arrayState('next', merged, 0);
}

/** Under uniqueItems no later item may equal `value`. */
function exclude({ formulas, terms, solver }: Machine, rest: Formula, value: Json): Formula {
  const { base, gone } = solver.arrays.withoutGone(rest);
  const others = terms.noItem([...gone, value]);
  return formulas.substitute(base, (leaf) => {
    const itself = formulas.leaf(leaf);
    return terms.get(leaf).sort === 'unique' ? formulas.and([itself, others]) : itself;
  });
}

const utf8 = new TextDecoder();

/** The value of captured bytes (one char code each); for items a comma may come first. */
function parseCaptured(captured: string): Json {
  const text = captured.startsWith(',') ? captured.slice(1) : captured;
  if (!BEYOND_ASCII.test(text)) return JSON.parse(text) as Json;
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return JSON.parse(utf8.decode(bytes)) as Json;
}

const BEYOND_ASCII = /[\u0080-\u00ff]/;
