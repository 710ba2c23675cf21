import type { Attributes, Value } from '../../ir/graph.ts';
import type { HfConfig } from '../architecture.ts';
import type { Layer, Scope } from './scope.ts';
import type { Projection } from './weights.ts';

/** An activation function by the name configs use. */
export interface Activation {
  readonly op: string;
  readonly attrs?: Attributes;
}

const activations: Readonly<Record<string, Activation>> = {
  silu: { op: 'silu' },
  swish: { op: 'silu' },
  relu: { op: 'relu' },
  gelu: { op: 'gelu' },
  gelu_new: { op: 'gelu', attrs: { approximate: 'tanh' } },
  gelu_fast: { op: 'gelu', attrs: { approximate: 'tanh' } },
  gelu_pytorch_tanh: { op: 'gelu', attrs: { approximate: 'tanh' } },
  quick_gelu: { op: 'silu', attrs: { alpha: 1.702 } },
  sigmoid: { op: 'sigmoid' },
  tanh: { op: 'tanh' },
};

/** The activation that config key `key` names. Throws INFC1082 for one that is not known. */
export function activationOf(config: HfConfig, key: string, fallback?: string): Activation {
  const name = config.string(key, fallback);
  const found = Object.hasOwn(activations, name) ? activations[name] : undefined;
  if (!found) throw config.unsupported(key, `the known activations are ${Object.keys(activations).join(', ')}`);
  return found;
}

export const activate = (s: Scope, x: Value, { op, attrs = {} }: Activation): Value => s.b.node(op, [x], attrs);

/** down(activation(gate(x)) * up(x)) (Shazeer 2020, "GLU Variants Improve Transformer"). */
export interface GatedMlp {
  readonly path: string;
  readonly inner: number;
  readonly gate: Projection;
  readonly up: Projection;
  readonly down: Projection;
  readonly activation: Activation;
}

export const gatedMlp =
  ({ path, inner, gate, up, down, activation }: GatedMlp): Layer =>
  (s, x) => {
    const [g, u] = [s.linear(x, gate, inner), s.linear(x, up, inner)];
    const b = s.from(path, 'MLP');
    return s.linear(b.node('mul', [activate(s, g, activation), u]), down, Number(x.type.shape.at(-1)));
  };

/** down(activation(up(x))). */
export interface PlainMlp {
  readonly path: string;
  readonly inner: number;
  readonly up: Projection;
  readonly down: Projection;
  readonly activation: Activation;
}

export const plainMlp =
  ({ path, inner, up, down, activation }: PlainMlp): Layer =>
  (s, x) => {
    const u = s.linear(x, up, inner);
    s.from(path, 'MLP');
    return s.linear(activate(s, u, activation), down, Number(x.type.shape.at(-1)));
  };
