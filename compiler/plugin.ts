import type { Backend } from '../backends/backend.ts';
import type { Pass } from '../passes/pass.ts';
import type { Allocator } from '../passes/precision/allocator.ts';
import type { Calibrator } from '../passes/precision/calibrator.ts';
import type { Pruner } from '../passes/precision/pruner.ts';
import type { Equalizer, Quantizer } from '../passes/precision/quantizer.ts';
import { InfcError } from '../runtime/errors.ts';
import type { StorageFormat } from './formats/format.ts';
import type { OnnxOp } from './import/onnx-op.ts';
import type { OpDef } from './ir/op.ts';
import type { Template } from './lower/template.ts';

/** Inert data that extends the compiler. The built-ins are one plugin; nothing happens until `createCompiler` validates it. */
export interface Plugin {
  readonly name: string;
  /** Version of this interface. */
  readonly api: 1;
  readonly ops?: readonly OpDef[];
  /** How ONNX nodes become ops. */
  readonly onnxOps?: readonly OnnxOp[];
  readonly passes?: readonly Pass[];
  readonly formats?: readonly StorageFormat[];
  /** Compression: algorithms that recipes name, and the statistics they read. */
  readonly quantizers?: readonly Quantizer[];
  readonly equalizers?: readonly Equalizer[];
  readonly pruners?: readonly Pruner[];
  readonly allocators?: readonly Allocator[];
  readonly calibrators?: readonly Calibrator[];
  /** Templates for backends of other plugins, by backend name. */
  readonly templates?: Readonly<Record<string, readonly Template[]>>;
  readonly backends?: readonly Backend[];
}

export const definePlugin = <const P extends Plugin>(plugin: P): P => plugin;

/** Everything the plugins of one compiler contribute; immutable. */
export class Registry {
  private readonly opsByName = new Map<string, OpDef>();
  private readonly formatsByName = new Map<string, StorageFormat>();
  readonly quantizers = new Map<string, Quantizer>();
  readonly equalizers = new Map<string, Equalizer>();
  readonly pruners = new Map<string, Pruner>();
  readonly allocators = new Map<string, Allocator>();
  readonly calibrators = new Map<string, Calibrator>();
  private readonly backendsByName = new Map<string, Backend>();
  private readonly onnxByName = new Map<string, OnnxOp>();
  private readonly templatesByBackend = new Map<string, Template[]>();
  readonly passes: readonly Pass[];

  /** Throws INFC7xxx when plugins clash or ask for a newer interface. */
  constructor(readonly plugins: readonly Plugin[]) {
    const passes: Pass[] = [];
    const names = new Set<string>();
    for (const p of plugins) {
      if (p.api !== 1)
        throw new InfcError('INFC7001', `plugin '${p.name}' asks for plugin interface ${String(p.api)}`, {
          fix: 'This infc speaks interface 1: update infc or the plugin',
        });
      if (names.has(p.name))
        throw new InfcError('INFC7002', `two plugins are named '${p.name}'`, { fix: 'Remove one' });
      names.add(p.name);
      for (const op of p.ops ?? []) put(this.opsByName, op.name, op, 'op', p.name);
      for (const f of p.formats ?? []) put(this.formatsByName, f.name, f, 'storage format', p.name);
      for (const q of p.quantizers ?? []) put(this.quantizers, q.name, q, 'quantizer', p.name);
      for (const e of p.equalizers ?? []) put(this.equalizers, e.name, e, 'equalizer', p.name);
      for (const r of p.pruners ?? []) put(this.pruners, r.name, r, 'pruner', p.name);
      for (const a of p.allocators ?? []) put(this.allocators, a.name, a, 'allocator', p.name);
      for (const c of p.calibrators ?? []) put(this.calibrators, c.name, c, 'calibrator', p.name);
      for (const b of p.backends ?? []) {
        put(this.backendsByName, b.name, b, 'backend', p.name);
        this.templatesByBackend.set(b.name, [...b.templates]);
      }
      for (const o of p.onnxOps ?? []) put(this.onnxByName, `${o.domain}:${o.name}`, o, 'ONNX op', p.name);
      for (const pass of p.passes ?? []) {
        if (passes.some((q) => q.name === pass.name)) throw clash('pass', pass.name, p.name);
        passes.push(pass);
      }
    }
    for (const p of plugins) {
      for (const [backend, templates] of Object.entries(p.templates ?? {})) {
        const list = this.templatesByBackend.get(backend);
        if (!list)
          throw new InfcError('INFC7003', `plugin '${p.name}' adds templates to unknown backend '${backend}'`, {
            fix: `Known backends: ${[...this.backendsByName.keys()].join(', ')}`,
          });
        list.push(...templates);
      }
    }
    this.passes = passes;
  }

  op(name: string): OpDef | undefined {
    return this.opsByName.get(name);
  }

  get ops(): IterableIterator<OpDef> {
    return this.opsByName.values();
  }

  format(name: string): StorageFormat | undefined {
    return this.formatsByName.get(name);
  }

  get formats(): IterableIterator<StorageFormat> {
    return this.formatsByName.values();
  }

  backend(name: string): Backend | undefined {
    return this.backendsByName.get(name);
  }

  get backends(): IterableIterator<Backend> {
    return this.backendsByName.values();
  }

  templates(backend: string): readonly Template[] {
    return this.templatesByBackend.get(backend) ?? [];
  }

  /** The adapter of an ONNX operator; the default domain is ''. */
  onnxOp(domain: string, name: string): OnnxOp | undefined {
    return this.onnxByName.get(`${domain}:${name}`);
  }

  get onnxOps(): IterableIterator<OnnxOp> {
    return this.onnxByName.values();
  }
}

function put<T>(map: Map<string, T>, name: string, item: T, kind: string, plugin: string): void {
  if (map.has(name)) throw clash(kind, name, plugin);
  map.set(name, item);
}

const clash = (kind: string, name: string, plugin: string): InfcError =>
  new InfcError('INFC7004', `plugin '${plugin}' defines ${kind} '${name}', which another plugin already defines`, {
    fix: 'Rename it',
  });
