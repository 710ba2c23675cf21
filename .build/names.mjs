import { readFileSync } from 'node:fs';
import { ts } from 'ts-morph';

/**
 * Names of private members that are reached as `this.name` and in no other way, and that no type, object or text of the sources has too: those
 * that bundles may shorten, since nothing outside of their classes can ask for them.
 */
export function privateNames(sources) {
  const own = new Set();
  const taken = new Set();
  for (const { prototype } of [Object, Function, Error, Array, Map, Set, Uint8Array, Promise])
    for (const name of Object.getOwnPropertyNames(prototype)) taken.add(name);
  const visit = (node) => {
    const isPrivate = node.modifiers?.some((m) => m.kind === ts.SyntaxKind.PrivateKeyword) === true;
    if (ts.isParameter(node)) {
      // One with modifiers is a member too.
      if (node.modifiers?.length > 0) (isPrivate ? own : taken).add(node.name.text);
    } else if (ts.isBindingElement(node)) taken.add((node.propertyName ?? node.name).text);
    else if (ts.isPropertyAccessExpression(node)) {
      if (node.expression.kind !== ts.SyntaxKind.ThisKeyword) taken.add(node.name.text);
    } else if (ts.isStringLiteralLike(node)) taken.add(node.text);
    else if (ts.isClassElement(node) || ts.isTypeElement(node) || ts.isObjectLiteralElement(node))
      (isPrivate ? own : taken).add(node.name?.text);
    ts.forEachChild(node, visit);
  };
  for (const file of sources) visit(ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022));
  return [...own].filter((name) => name?.length > 2 && !taken.has(name)).sort();
}
