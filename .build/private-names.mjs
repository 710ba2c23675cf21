import { ts } from 'ts-morph';

const LETTERS = 'etnrisoalcdfhmpugbyvwkxqjzETNRISOALCDFHMPUGBYVWKXQJZ';

/**
 * One letter for each private member of the classes of `files`, whatever else has its name: only its class asks for it, and the type checker
 * says where. Classes share letters unless one is the other's base. `sources` are the texts by file in which each such member has a name of
 * its own, `letters` what those names become.
 */
export function privateNames(checker, files, isFree) {
  /** The name of its own of a private member, by its declaration. */
  const own = new Map();
  const memberOf = (symbol) => own.get(symbol?.declarations?.[0]);
  const beside = new Map();
  const uses = new Map();
  const visit = (node, act) => {
    act(node);
    ts.forEachChild(node, (child) => visit(child, act));
  };
  for (const file of files)
    visit(file, (node) => {
      const isPrivate = (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Private) !== 0;
      if (isPrivate && node.name) own.set(node, `${node.name.text}$${own.size}`);
    });
  const listMembers = (node) => {
    if (!ts.isClassLike(node)) return;
    const { symbol } = checker.getTypeAtLocation(node);
    const types = [checker.getTypeOfSymbol(symbol), checker.getDeclaredTypeOfSymbol(symbol)];
    const members = types.flatMap((type) => type.getProperties().map(memberOf)).filter((name) => name !== undefined);
    for (const name of members) beside.set(name, [...(beside.get(name) ?? []), ...members]);
  };
  const sources = new Map();
  const known = new Set([...own.keys()].map(({ name }) => name.text));
  for (const file of files) {
    const edits = [];
    const rename = (node, name, text = name) => {
      if (name === undefined) return false;
      uses.set(name, (uses.get(name) ?? 0) + 1);
      edits.push({ start: node.getStart(), end: node.end, text });
      return true;
    };
    visit(file, (node) => {
      listMembers(node);
      if (!ts.isIdentifier(node) || !known.has(node.text)) return;
      const { parent, text } = node;
      if (ts.isShorthandPropertyAssignment(parent)) {
        const name = memberOf(checker.getShorthandAssignmentValueSymbol(parent));
        return rename(node, name, `${text}: ${name}`);
      }
      if (ts.isBindingElement(parent) && ts.isObjectBindingPattern(parent.parent) && !parent.propertyName) {
        const name = memberOf(checker.getPropertyOfType(checker.getTypeAtLocation(parent.parent), text));
        if (rename(node, name, `${name}: ${text}`)) return;
      }
      rename(node, memberOf(checker.getSymbolAtLocation(node)));
    });
    let text = file.text;
    for (const edit of edits.reverse()) text = text.slice(0, edit.start) + edit.text + text.slice(edit.end);
    sources.set(file.fileName, text);
  }
  const letters = {};
  const free = [...LETTERS].filter(isFree);
  for (const [name] of [...uses].sort((a, b) => b[1] - a[1])) {
    const taken = new Set(beside.get(name)?.map((other) => letters[other]));
    letters[name] = free.find((letter) => !taken.has(letter)) ?? name;
  }
  return { sources, letters };
}
