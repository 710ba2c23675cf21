import path from 'node:path';
import { Project, ts } from 'ts-morph';

const { ModifierFlags, SymbolFlags, TypeFlags } = ts;

/** Types of which nothing is known. */
const UNKNOWN = TypeFlags.Any | TypeFlags.Unknown;

/**
 * Names that bundles may shorten: members of classes and types in `folder` that nobody outside can see. A name is kept if
 * - a type has it that is reached from what the `entries` export, private members aside;
 * - a type has it whose values come from, or go to, where their type is not known (JSON, casts, predicates, `unknown`);
 * - it is looked up where no type of the folder declares it (in others' objects, by index), is looked up by text, or is listed with others (`Object.keys`, `for in`);
 * - the language has it.
 *
 * `texts` are the sources of `folder` by file, in which private members (`#` or not) have names of their own.
 */
export function internalNames(folder, entries) {
  const project = new Project({ tsConfigFilePath: 'tsconfig.json', skipAddingFilesFromTsConfig: true });
  project.addSourceFilesAtPaths(entries);
  const service = project.getLanguageService().compilerObject;
  const program = service.getProgram();
  const checker = program.getTypeChecker();
  const isInside = (node) => !path.relative(folder, node.getSourceFile().fileName).startsWith('..');
  const isPrivate = (node) =>
    (ts.getCombinedModifierFlags(node) & ModifierFlags.Private) !== 0 ||
    (node.name && ts.isPrivateIdentifier(node.name));
  const isOwn = (node) => isInside(node) || isPrivate(node);
  const declared = new Set();
  const kept = new Set(['then', 'toJSON']);

  const reached = new Set();
  const reach = (type) => {
    if (!type || reached.has(type)) return;
    reached.add(type);
    for (const part of type.types ?? []) reach(part);
    for (const given of type.aliasTypeArguments ?? []) reach(given);
    if (type.objectFlags & ts.ObjectFlags.Reference) for (const given of checker.getTypeArguments(type)) reach(given);
    if (type.flags & TypeFlags.TypeParameter) reach(checker.getBaseConstraintOfType(type));
    for (const signature of [...type.getCallSignatures(), ...type.getConstructSignatures()]) {
      for (const parameter of signature.parameters) reach(checker.getTypeOfSymbol(parameter));
      reach(signature.getReturnType());
      reach(checker.getTypePredicateOfSignature(signature)?.type);
    }
    for (const index of checker.getIndexInfosOfType(type)) reach(index.type);
    for (const property of type.getProperties()) {
      const { declarations = [] } = property;
      if (declarations.length > 0 && declarations.every(isPrivate)) continue;
      // Types of libraries have none of ours in them but by their arguments.
      if (declarations.some((d) => d.getSourceFile().isDeclarationFile)) continue;
      kept.add(property.name);
      reach(checker.getTypeOfSymbol(property));
    }
  };
  for (const entry of entries)
    for (const symbol of checker.getExportsOfModule(
      checker.getSymbolAtLocation(program.getSourceFile(path.resolve(entry))),
    )) {
      const own = symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      if (own.flags & SymbolFlags.Value) reach(checker.getTypeOfSymbol(own));
      if (own.flags & SymbolFlags.Type) reach(checker.getDeclaredTypeOfSymbol(own));
    }

  /** Keeps a name unless all of the symbols are declared inside. */
  const lookUp = (name, symbol) => {
    if (!symbol?.declarations?.length || !symbol.declarations.every(isOwn)) kept.add(name);
  };
  /** A value of one type goes where another is asked for. */
  const pass = (type, asked) => {
    for (const one of asked.types ?? [asked]) {
      if (one.flags & UNKNOWN) reach(type);
      else if (type.flags & UNKNOWN) reach(one);
      else if (type !== one && type.flags & TypeFlags.Object) {
        const isIndexed = checker.getIndexInfosOfType(one).length > 0;
        for (const { name } of type.getProperties()) {
          const symbol = checker.getPropertyOfType(one, name);
          if (symbol || isIndexed) lookUp(name, symbol);
        }
      }
    }
  };
  const keepAll = (node) => {
    for (const { name } of checker.getTypeAtLocation(node).getProperties()) kept.add(name);
  };
  /** Keeps the names that an expression can be, or all of the object where it may be any. */
  const keepKeys = (key, object) => {
    const type = checker.getTypeAtLocation(key);
    for (const one of type.types ?? [type])
      if (one.isStringLiteral()) kept.add(one.value);
      else if (one.flags & (TypeFlags.String | TypeFlags.TemplateLiteral | TypeFlags.TypeParameter | UNKNOWN))
        keepAll(object);
  };
  const visit = (node) => {
    if (ts.isElementAccessExpression(node)) keepKeys(node.argumentExpression, node.expression);
    else if (ts.isComputedPropertyName(node)) keepKeys(node.expression, node.parent.parent);
    else if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.InKeyword)
      keepKeys(node.left, node.right);
    else if (ts.isForInStatement(node)) keepAll(node.expression);
    else if (ts.isCallExpression(node) && /^Object\.\w+$/.test(node.expression.getText()))
      node.arguments.forEach(keepAll);
    else if (ts.isAsExpression(node) || ts.isTypePredicateNode(node)) {
      if (node.type && !ts.isConstTypeReference(node.type)) reach(checker.getTypeFromTypeNode(node.type));
    } else if (ts.isPropertyAccessExpression(node)) lookUp(node.name.text, checker.getSymbolAtLocation(node.name));
    else if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) {
      const name = (node.propertyName ?? node.name).text;
      if (name) lookUp(name, checker.getPropertyOfType(checker.getTypeAtLocation(node.parent), name));
    } else if (
      ts.isClassElement(node) ||
      ts.isTypeElement(node) ||
      ts.isObjectLiteralElement(node) ||
      ts.isParameterPropertyDeclaration(node, node.parent)
    ) {
      const name = node.name?.text;
      if (name) (isOwn(node) ? declared : kept).add(name);
    }
    if (isInside(node) && ts.isExpression(node)) {
      const asked = checker.getContextualType(node);
      // What is taken apart asks for nothing: its members are looked up.
      if (asked && !asked.pattern) pass(checker.getTypeAtLocation(node), asked);
    }
    ts.forEachChild(node, visit);
  };
  for (const file of program.getSourceFiles()) {
    if (!file.isDeclarationFile) visit(file);
    else if (program.isSourceFileDefaultLibrary(file) && !/dom|webworker/.test(file.fileName)) visitLibrary(file);
  }
  function visitLibrary(node) {
    if (ts.isTypeElement(node) && node.name) kept.add(node.name.text);
    ts.forEachChild(node, visitLibrary);
  }
  const names = [...declared].filter((name) => name.length > 2 && /^\w+$/.test(name) && !kept.has(name)).sort();
  const files = program.getSourceFiles().filter((file) => !file.isDeclarationFile && isInside(file));
  return { names, texts: new Map(files.map((file) => [file.fileName, numberPrivates(file)])) };

  /**
   * A file's text in which private members of each class are `_0`, `_1` and so on, the most used first. Only their class asks for them, so all
   * classes share these few names; one that extends another goes on after it. A class of others may be another in the bundle (chevrotain's
   * parser): those that extend it keep their names.
   */
  function numberPrivates(file) {
    const edits = [];
    const privatesOf = (type) => type.getProperties().filter(({ declarations }) => declarations?.some(isPrivate));
    const number = (node) => {
      if (ts.isClassLike(node)) {
        const type = checker.getTypeAtLocation(node);
        const bases = checker.getBaseTypes(type);
        const above = bases.flatMap(privatesOf);
        const own = bases.every(({ symbol }) => symbol.declarations.every(isInside)) ? privatesOf(type) : [];
        const uses = own
          .filter(({ name }) => above.every((other) => other.name !== name))
          .map(({ declarations: [{ name }] }) =>
            service.findRenameLocations(file.fileName, name.getStart(), false, false, {
              providePrefixAndSuffixTextForRename: true,
            }),
          );
        uses.sort((a, b) => b.length - a.length);
        for (const [i, places] of uses.entries())
          for (const { textSpan, prefixText = '', suffixText = '' } of places)
            edits.push({ ...textSpan, text: `${prefixText}_${above.length + i}${suffixText}` });
      }
      ts.forEachChild(node, number);
    };
    number(file);
    edits.sort((a, b) => b.start - a.start);
    return edits.reduce((t, { start, length, text }) => t.slice(0, start) + text + t.slice(start + length), file.text);
  }
}
