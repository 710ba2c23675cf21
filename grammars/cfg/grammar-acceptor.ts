import type { Acceptor } from '../matching/acceptor.ts';
import { composite, type Part } from '../matching/composite.ts';
import { regexAcceptor, shallow } from '../regex/acceptor.ts';
import type { Lang, RegexEngine } from '../regex/index.ts';
import { compileGrammar } from './context-free.ts';
import type { Grammar } from './grammar.ts';

/**
 * The acceptor of a grammar. Where the grammar has acceptors of its own they and the languages between them are parts of one, made when they are
 * reached: after an acceptor comes the language of what follows it there.
 */
export function grammarAcceptor(engine: RegexEngine, grammar: Grammar): Acceptor {
  const { lang, afterAcceptor } = compileGrammar(engine, grammar);
  const { acceptors = [] } = grammar;
  if (acceptors.length === 0) return regexAcceptor(engine, lang);
  const parts: Part[] = [];
  const known = new Map<string, number>();
  const add = (key: string, part: () => Part): number => {
    let id = known.get(key);
    if (id === undefined) known.set(key, (id = parts.push(part()) - 1));
    return id;
  };
  const text = (lang: Lang): number =>
    add(`${lang}`, () => {
      const acceptor = regexAcceptor(engine, lang);
      const follow = (state: number): number[] => {
        const at = acceptor.langOf(state);
        if (at === undefined) return [];
        return acceptors.flatMap((inner, index) => {
          const rest = shallow(() => afterAcceptor(at, index));
          return engine.isEmpty(rest) ? [] : embedded(inner, index, rest);
        });
      };
      return { acceptor, next: [], final: true, tail: 0, follow };
    });
  const embedded = (acceptor: Acceptor, index: number, rest: Lang): number =>
    add(`${index},${rest}`, () => ({
      acceptor,
      next: [],
      final: false,
      tail: engine.shortest(rest),
      follow: (state) => (acceptor.accepts(state) ? [text(rest)] : []),
    }));
  return composite(parts, text(lang));
}
