import { InfcError } from '../../runtime/errors.ts';
import type { Acceptor } from '../matching/acceptor.ts';
import { overflowed } from '../overflow.ts';
import { segmentOf } from './charset.ts';
import type { Lang, RegexEngine } from './index.ts';

/** A state between two characters, or inside one: `need` continuation bytes are due and spell a code point of [low, high]. */
interface State {
  readonly lang: Lang;
  readonly need: number;
  readonly low: number;
  readonly high: number;
  /** Next state of each byte, -1 where it is not known yet; made when the state is first left. */
  row: Int32Array | undefined;
  /** Whether no character beyond ASCII can follow; undefined while nobody asked. */
  ascii?: boolean;
}

/** An acceptor that can say what may follow. */
export interface LanguageAcceptor extends Acceptor {
  /** The language of what may follow a state between two characters. */
  langOf(state: number): Lang | undefined;
}

/** Full ranges of code points for one, two and three continuation bytes, without surrogates. */
const CANONICAL: readonly (readonly [number, number] | undefined)[] = [
  undefined,
  [0x400, 0x43f],
  [0x1000, 0x1fff],
  [0x40000, 0x7ffff],
];

/** An acceptor of the UTF-8 spelling of a language; prefix-exact by the engine's emptiness test. */
export function regexAcceptor(engine: RegexEngine, lang: Lang): LanguageAcceptor {
  const states: State[] = [{ lang: engine.empty, need: 0, low: 0, high: 0, row: undefined }];
  const between = new Map<Lang, number>();
  const inside = new Map<string, number>();
  const anyCharacter = engine.cls([[0, 0x10ffff]]);

  const enter = (target: Lang): number => {
    let id = between.get(target);
    if (id === undefined) {
      id = engine.isEmpty(target) ? 0 : add({ lang: target, need: 0, low: 0, high: 0, row: undefined });
      between.set(target, id);
    }
    return id;
  };
  const add = (state: State): number => states.push(state) - 1;

  /** The state after some bytes of a character. A full range that leads to one language all over is one state, whatever the bytes were. */
  const enterInside = (from: Lang, need: number, low: number, high: number): number => {
    const key = `${from},${need},${low},${high}`;
    let id = inside.get(key);
    if (id === undefined) {
      const reached = targets(from, low, high);
      const [only, other] = reached;
      const canonical = CANONICAL[need];
      if (
        only !== undefined &&
        other === undefined &&
        canonical &&
        high - low === canonical[1] - canonical[0] &&
        low !== canonical[0]
      ) {
        id = only === engine.empty ? 0 : enterInside(engine.concat(anyCharacter, only), need, ...canonical);
      } else if (reached.some((target) => !engine.isEmpty(target)))
        id = add({ lang: from, need, low, high, row: undefined });
      else id = 0;
      inside.set(key, id);
    }
    return id;
  };

  const targets = (from: Lang, low: number, high: number): Lang[] => {
    const partition = engine.classes(from);
    const seen = new Set<number>();
    for (
      let segment = segmentOf(partition.starts, low);
      segment < partition.starts.length && (partition.starts[segment] ?? 0) <= high;
      segment++
    ) {
      seen.add(partition.classOf[segment] ?? 0);
    }
    return [...new Set([...seen].map((cls) => engine.deriveClass(from, cls)))];
  };

  const onlyAscii = (from: Lang): boolean =>
    targets(from, 0x80, 0x10ffff).every((target) => target === engine.empty || engine.isEmpty(target));
  const stepBetween = (state: State, byte: number): number => {
    if (byte < 0x80) return enter(engine.derive(state.lang, byte));
    if (byte >= 0xc2 && byte <= 0xdf)
      return enterInside(state.lang, 1, (byte & 0x1f) << 6, ((byte & 0x1f) << 6) | 0x3f);
    if (byte >= 0xe0 && byte <= 0xef) {
      const base = (byte & 0x0f) << 12;
      return enterInside(state.lang, 2, Math.max(base, 0x800), byte === 0xed ? 0xd7ff : base | 0xfff);
    }
    if (byte >= 0xf0 && byte <= 0xf4) {
      const base = (byte & 0x07) << 18;
      return enterInside(state.lang, 3, Math.max(base, 0x10000), Math.min(base | 0x3ffff, 0x10ffff));
    }
    return 0;
  };

  const stepInside = ({ lang: from, need, low, high }: State, byte: number): number => {
    if (byte < 0x80 || byte > 0xbf) return 0;
    const shift = 6 * (need - 1);
    const size = 1 << (6 * need);
    const base = low - (low % size) + ((byte & 0x3f) << shift);
    const first = Math.max(base, low);
    const last = Math.min(base + (1 << shift) - 1, high);
    if (first > last) return 0;
    return need === 1 ? enter(engine.derive(from, first)) : enterInside(from, need - 1, first, last);
  };

  return {
    start: shallow(() => enter(lang)),
    step(id, byte) {
      const state = states[id];
      if (state === undefined || id === 0) return 0;
      const row = state.row ?? (state.row = new Int32Array(256).fill(-1));
      const known = row[byte] ?? 0;
      if (known >= 0) return known;
      if (byte >= 0x80 && state.need === 0) {
        state.ascii ??= shallow(() => onlyAscii(state.lang));
        if (state.ascii) {
          row.fill(0, 0x80);
          return 0;
        }
      }
      const next = shallow(() => (state.need > 0 ? stepInside(state, byte) : stepBetween(state, byte)));
      row[byte] = next;
      return next;
    },
    langOf(id) {
      const state = states[id];
      return state?.need === 0 && id !== 0 ? state.lang : undefined;
    },
    accepts(id) {
      const state = states[id];
      return state !== undefined && id !== 0 && state.need === 0 && engine.nullable(state.lang);
    },
    shortest(id) {
      const state = states[id];
      if (!state || id === 0) return Number.POSITIVE_INFINITY;
      if (state.need === 0) return engine.shortest(state.lang);
      return (
        state.need +
        targets(state.lang, state.low, state.high).reduce(
          (least, target) => Math.min(least, engine.shortest(target)),
          Number.POSITIVE_INFINITY,
        )
      );
    },
  };
}

/** Runs a derivation; one that nests beyond the stack is a typed error (INFC5106). */
export function shallow<T>(derive: () => T): T {
  try {
    return derive();
  } catch (error) {
    if (!overflowed(error)) throw error;
    throw new InfcError('INFC5106', 'the expression or grammar nests too deeply', {
      cause: error,
      fix: 'Write it with fewer levels',
    });
  }
}
