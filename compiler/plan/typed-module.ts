import { formatDimCode } from '../../runtime/dims.ts';
import type { DType } from '../../runtime/dtype.ts';
import type { DimCode, Plan, PlanEntry, PlanPort } from '../../runtime/plan.ts';
import { type GeneratorParts, generatorModule, generatorTypes } from './typed-generator.ts';

/** What the typed module refers to besides the plan. */
export interface ModuleParts {
  /** Files that hold weights and kernels. */
  readonly files: readonly string[];
  /** Host functions that lie in `host/`. */
  readonly host: readonly string[];
  /** Where the device comes from: the runtime, `device.js` beside (third-party backends), or the caller of `load`. */
  readonly device: 'builtin' | 'beside' | 'caller';
  /** Language models only. */
  readonly generator?: GeneratorParts;
}

const ARRAYS: Partial<Record<DType, string>> = {
  f64: 'Float64Array',
  c128: 'Float64Array',
  f32: 'Float32Array',
  c64: 'Float32Array',
  i64: 'BigInt64Array',
  u64: 'BigUint64Array',
  i32: 'Int32Array',
  u32: 'Uint32Array',
  i16: 'Int16Array',
  u16: 'Uint16Array',
  f16: 'Uint16Array',
  bf16: 'Uint16Array',
  i8: 'Int8Array',
  string: 'readonly string[]',
};
const arrayOf = (dtype: DType): string => ARRAYS[dtype] ?? 'Uint8Array';

const identifier = (name: string): string => {
  const words = name.split(/[^A-Za-z0-9]+/).filter((w) => w !== '');
  const joined = words.map((w) => `${w.charAt(0).toUpperCase()}${w.slice(1)}`).join('');
  return /^[A-Za-z]/.test(joined) ? joined : `D${joined}`;
};

const label = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : identifier(name));
const comment = (text: string): string => text.replaceAll('*/', '*\u2215').replace(/\s+/g, ' ');
const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

/** Type parameters of an entry: one for each symbol that is an input dimension by itself. */
function parametersOf(entry: PlanEntry): Map<string, string> {
  const out = new Map<string, string>();
  const taken = new Set(['Tensor', 'TensorInput', 'DType', 'Inputs', 'Outputs']);
  for (const port of entry.inputs) {
    // Elements of a sequence need not share shapes.
    if (port.container) continue;
    for (const d of port.shape) {
      if (typeof d !== 'string' || out.has(d)) continue;
      let name = identifier(d);
      while (taken.has(name)) name += '_';
      taken.add(name);
      out.set(d, name);
    }
  }
  return out;
}

function shapeType(shape: readonly DimCode[], parameters: ReadonlyMap<string, string>): string {
  const plain = (d: DimCode) => (typeof d === 'number' ? String(d) : 'number');
  const items = shape.map((d) => (typeof d === 'string' ? `${label(d)}: ${parameters.get(d) ?? 'number'}` : plain(d)));
  return `readonly [${items.join(', ')}]`;
}

const shapeNote = (port: PlanPort): string =>
  port.container ? `${port.container} of ${port.dtype}` : `${port.dtype}[${port.shape.map(formatDimCode).join(', ')}]`;

/** A value of tensors of type `element`: itself, an array, or possibly nothing; or maps. */
function contained({ container, dtype }: PlanPort, element: string): string {
  if (container?.includes('-map')) {
    const map = `ReadonlyMap<${container.startsWith('string') ? 'string' : 'number'}, ${dtype === 'string' ? 'string' : 'number'}>`;
    return container.endsWith('s') ? `readonly ${map}[]` : map;
  }
  const held = container === 'sequence' || container === 'optional-sequence' ? `readonly ${element}[]` : element;
  return container === 'optional' || container === 'optional-sequence' ? `${held} | null` : held;
}

function inputType(port: PlanPort, parameters: ReadonlyMap<string, string>): string {
  if (port.container) return contained(port, `TensorInput<'${port.dtype}'>`);
  const whole = `TensorInput<'${port.dtype}', ${shapeType(port.shape, parameters)}>`;
  // Data alone says the shape when nothing but one length is open.
  const bare = port.shape.length === 1 || port.shape.every((d) => typeof d === 'number');
  const numbers = port.dtype === 'string' ? '' : ' | readonly (number | bigint | boolean)[]';
  return bare ? `${whole} | ${arrayOf(port.dtype)}${numbers}` : whole;
}

/**
 * Writes `model.js` and `model.d.ts`: a `load` for this artifact alone, with the names, dtypes, ranks and dimensions of its inputs and
 * outputs in the types. A dimension that is a symbol becomes a type parameter, so that equal symbols stay equal in the outputs.
 */
export async function writeTypedModule(plan: Plan, parts: ModuleParts): Promise<{ js: string; types: string }> {
  const { Project, IndentationText, QuoteKind, VariableDeclarationKind } = await import('ts-morph');
  const project = new Project({
    useInMemoryFileSystem: true,
    skipLoadingLibFiles: true,
    manipulationSettings: { indentationText: IndentationText.TwoSpaces, quoteKind: QuoteKind.Single },
    compilerOptions: { allowJs: true },
  });

  const js = project.createSourceFile('model.js', '');
  const title = `${plan.name}, compiled by infc for ${plan.target.kind}`;
  js.addStatements(`// ${comment(title)}. The types are in model.d.ts.`);
  const custom = parts.device !== 'builtin';
  const own = custom
    ? ['createLoad', 'InfcError', 'memoryPlanner', 'playControl', 'tensor']
    : [{ name: 'load', alias: 'loadPlan' }, 'InfcError', 'tensor'];
  js.addImportDeclaration({ moduleSpecifier: './runtime.js', namedImports: own });
  if (parts.device === 'beside')
    js.addImportDeclaration({ moduleSpecifier: './device.js', namedImports: ['createDevice'] });
  parts.host.forEach((op, i) => {
    js.addImportDeclaration({ moduleSpecifier: `./host/${op}.js`, namedImports: [{ name: 'op', alias: `host${i}` }] });
  });
  const declare = (name: string, initializer: string) =>
    js.addVariableStatement({ declarationKind: VariableDeclarationKind.Const, declarations: [{ name, initializer }] });
  if (custom)
    declare(
      'loadPlan',
      `createLoad({ devices: {${parts.device === 'beside' ? ` ${key(plan.target.kind)}: createDevice ` : ''}}, control: playControl, planner: memoryPlanner })`,
    );
  const urls = parts.files.map((f) => `    ${key(f)}: new URL(${quoted(`./${f}`)}, import.meta.url),`);
  const hosts = parts.host.map((op, i) => `    ${key(op)}: host${i},`);
  js.addStatements(
    [
      'const artifact = {',
      "  plan: new URL('./plan.json', import.meta.url),",
      ...(urls.length > 0 ? ['  files: {', ...urls, '  },'] : []),
      ...(hosts.length > 0 ? ['  hostOps: {', ...hosts, '  },'] : []),
      '};',
    ].join('\n'),
  );
  // A language model's `load` gives more than the plain model.
  const loadName = parts.generator ? 'loadModel' : 'load';
  js.addFunction({
    isExported: true,
    name: loadName,
    parameters: [{ name: 'options' }],
    statements: 'return loadPlan(artifact, options);',
  });
  if (parts.generator) {
    const { imports, statements } = generatorModule(parts.generator);
    js.insertStatements(1, imports);
    js.addStatements(statements);
  }
  js.addExportDeclaration({ namedExports: ['InfcError', 'tensor'] });

  const types = project.createSourceFile('model.d.ts', '');
  types.addStatements(`// ${comment(title)}.\n${COMMON}`);
  const runs: {
    generics: string[];
    inputs: string;
    outputs: string;
    entry: string;
    first: boolean;
    symbols: string;
  }[] = [];
  Object.entries(plan.entries).forEach(([name, entry], i) => {
    const prefix = i === 0 ? '' : identifier(name);
    const parameters = parametersOf(entry);
    const generics = [...parameters.values()].map((p) => ({ name: p, constraint: 'number', default: 'number' }));
    const bounds = [...parameters].map(
      ([symbol, p]) => `@template ${p} dimension '${comment(symbol)}'${boundsNote(plan, symbol)}`,
    );
    types.addInterface({
      isExported: true,
      name: `${prefix}Inputs`,
      typeParameters: generics,
      docs: [{ description: `\nInputs of entry point '${comment(name)}'.\n${bounds.join('\n')}`.trimEnd() }],
      properties: entry.inputs.map((p) => ({
        name: key(p.name),
        isReadonly: true,
        hasQuestionToken: p.container === 'optional' || p.container === 'optional-sequence',
        type: inputType(p, parameters),
        docs: [comment(shapeNote(p))],
      })),
    });
    types.addInterface({
      isExported: true,
      name: `${prefix}Outputs`,
      typeParameters: generics,
      docs: [{ description: `\nOutputs of entry point '${comment(name)}'.\n${bounds.join('\n')}`.trimEnd() }],
      properties: entry.outputs.map((p) => ({
        name: key(p.name),
        isReadonly: true,
        type:
          p.container !== undefined
            ? contained(p, `Tensor<'${p.dtype}'>`)
            : `Tensor<'${p.dtype}', ${shapeType(p.shape, parameters)}>`,
        docs: [comment(shapeNote(p))],
      })),
    });
    const use = [...parameters.values()];
    const args = use.length > 0 ? `<${use.join(', ')}>` : '';
    runs.push({
      generics: use,
      inputs: `${prefix}Inputs${args}`,
      outputs: `${prefix}Outputs${args}`,
      entry: name,
      first: i === 0,
      symbols: symbolsType(plan, entry),
    });
  });
  types.addInterface({
    isExported: true,
    name: 'Model',
    docs: [comment(title)],
    extends: ['AsyncDisposable'],
    methods: [
      ...runs.map((r) => ({
        name: 'run',
        typeParameters: r.generics.map((g) => ({ name: `const ${g}`, constraint: 'number' })),
        parameters: [
          { name: 'inputs', type: r.inputs },
          r.first && r.symbols === ''
            ? { name: 'options', hasQuestionToken: true, type: `RunOptions & { readonly entry?: ${quoted(r.entry)} }` }
            : {
                name: 'options',
                type: `RunOptions & { readonly entry${r.first ? '?' : ''}: ${quoted(r.entry)}${r.symbols} }`,
              },
        ],
        returnType: `Promise<${r.outputs}>`,
        docs: [`Runs entry point '${comment(r.entry)}'; runs of one model take turns.`],
      })),
      { name: 'reset', returnType: 'void', docs: ['Sets all states to zero.'] },
      { name: 'dispose', returnType: 'Promise<void>', docs: ['Frees memory and workers.'] },
    ],
  });
  types.addStatements(
    `/** Loads this model; its files are found beside this module. */\nexport declare function ${loadName}(${
      parts.device === 'caller' ? 'options: LoadOptions & { readonly device: object }' : 'options?: LoadOptions'
    }): Promise<Model>;`,
  );
  if (parts.generator) {
    const { imports, statements } = generatorTypes(parts.generator);
    types.insertStatements(0, imports);
    types.addStatements(statements);
  }
  return { js: js.getFullText(), types: types.getFullText() };
}

/** The values that the caller gives beside the inputs; empty when there are none. */
function symbolsType(plan: Plan, { symbols = [] }: PlanEntry): string {
  if (symbols.length === 0) return '';
  const members = symbols.map(
    (s) => `/** Dimension '${comment(s)}'${boundsNote(plan, s)}. */ readonly ${key(s)}: number`,
  );
  return `; readonly symbols: { ${members.join('; ')} }`;
}

const quoted = (s: string): string =>
  `'${JSON.stringify(s).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;

function boundsNote(plan: Plan, symbol: string): string {
  const s = plan.symbols[symbol];
  if (!s) return '';
  const upper = s.max === undefined ? ' or more' : ` to ${s.max}`;
  return `: ${s.min}${upper}${s.multipleOf ? `, a multiple of ${s.multipleOf}` : ''}`;
}

/** Declarations that are the same in every model.d.ts: it depends on nothing. */
const COMMON = `
/** Element types; 16-bit floats, 8-bit floats and sub-byte types are raw bits in their arrays. */
export type DType = keyof Arrays | 'string';
interface Arrays {
  f64: Float64Array; c128: Float64Array; f32: Float32Array; c64: Float32Array; f16: Uint16Array; bf16: Uint16Array;
  f8e4m3fn: Uint8Array; f8e4m3fnuz: Uint8Array; f8e5m2: Uint8Array; f8e5m2fnuz: Uint8Array; f8e8m0: Uint8Array; f4e2m1: Uint8Array;
  i64: BigInt64Array; i32: Int32Array; i16: Int16Array; i8: Int8Array; i4: Uint8Array; i2: Uint8Array;
  u64: BigUint64Array; u32: Uint32Array; u16: Uint16Array; u8: Uint8Array; u4: Uint8Array; u2: Uint8Array; bool: Uint8Array;
}
export type DataOf<D extends DType> = D extends keyof Arrays ? Arrays[D] : readonly string[];

/** A dense row-major tensor. */
export interface Tensor<D extends DType = DType, S extends readonly number[] = readonly number[]> {
  readonly dtype: D;
  readonly shape: S;
  readonly data: DataOf<D>;
}

/** A Float16Array, which the libraries of older TypeScript do not declare. */
interface Halves extends ArrayBufferView { readonly [Symbol.toStringTag]: 'Float16Array' }

/** A tensor, or plain numbers with a shape: they are converted to the dtype. */
export interface TensorInput<D extends DType = DType, S extends readonly number[] = readonly number[]> {
  readonly dtype?: D;
  readonly shape: S;
  readonly data: DataOf<D> | (D extends 'string' ? never : readonly (number | bigint | boolean)[]) | (D extends 'f16' | 'bf16' ? Float32Array : never) | (D extends 'f16' ? Halves : never);
}

/** Makes a tensor; all zeros without \`data\`. */
export declare function tensor<const D extends DType, const S extends readonly number[]>(
  dtype: D,
  shape: S,
  data?: TensorInput<D>['data'],
): Tensor<D, S>;

/** The error of every failure: a stable code (INFC6xxx), the reason, the place and a fix. */
export declare class InfcError extends Error {
  readonly name: 'InfcError';
  readonly code: string;
  readonly reason: string;
  readonly place: { readonly file?: string; readonly offset?: number; readonly node?: string; readonly pointer?: string };
  readonly fix: string | undefined;
}

export interface LoadOptions {
  /** Threads, this one included; default the number of cores, at most 8; 1 where memory cannot be shared. */
  readonly threads?: number;
  /** Relaxed SIMD: 'auto' (default) uses it where a probe that executes passes; true also switches it on in Node 20. */
  readonly relaxedSimd?: boolean | 'auto';
  /** Address of the worker script, for bundlers that move it. */
  readonly worker?: string | URL;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly phase: 'weights' | 'kernels'; readonly bytes: number; readonly totalBytes: number }) => void;
  /** Functions for host steps that the artifact does not carry. */
  readonly hostOps?: Readonly<Record<string, (inputs: readonly unknown[], attrs: Readonly<Record<string, unknown>>) => readonly unknown[] | Promise<readonly unknown[]>>>;
  /** Values of dimensions that states need. */
  readonly symbols?: Readonly<Record<string, number>>;
}

export interface RunOptions {
  /** Names of the outputs to return; default all. */
  readonly outputs?: readonly string[];
  readonly signal?: AbortSignal;
  /** Called after each step with its time; slows the run down. */
  readonly onStep?: (timing: { readonly kind: 'kernel' | 'host'; readonly name: string; readonly ms: number }) => void;
}
`;
