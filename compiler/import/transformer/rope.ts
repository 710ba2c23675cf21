import type { HfConfig } from '../architecture.ts';

/** How positions turn queries and keys (RoFormer, Su et al. 2021). */
export interface Rope {
  /** Angle a position for each pair of elements: `width / 2` of them. */
  readonly frequencies: readonly number[];
  /** Elements of a head that turn; the rest stays. */
  readonly width: number;
  /** Cosines and sines are multiplied by this. */
  readonly scale: number;
  /** Neighbours are pairs, instead of elements half a width apart. */
  readonly interleaved?: boolean;
  /** Dynamic NTK scaling: beyond `trained` positions, theta grows with the length. */
  readonly dynamic?: { readonly theta: number; readonly factor: number; readonly trained: number };
}

/** What a rope variant starts from. */
interface RopeInput {
  readonly theta: number;
  /** Elements of a head that turn. */
  readonly width: number;
  /** theta^(-2 i / width) */
  readonly plain: readonly number[];
  readonly scaling: HfConfig;
  readonly config: HfConfig;
  /** Positions the compiled model has room for. */
  readonly context: number;
}

type RopeParts = Omit<Rope, 'width' | 'interleaved' | 'scale'> & { readonly scale?: number };

const trainedPositions = ({ scaling, config }: RopeInput): number =>
  scaling.has('original_max_position_embeddings')
    ? scaling.positions('original_max_position_embeddings')
    : config.positions('max_position_embeddings', 2048);

const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x));

/** The variants by their name in `rope_scaling`; the formulas are those of the models' published code. */
const variants: Readonly<Record<string, (r: RopeInput) => RopeParts>> = {
  default: ({ plain }) => ({ frequencies: plain }),

  /** Position interpolation (Chen et al. 2023). */
  linear: ({ plain, scaling }) => ({ frequencies: plain.map((f) => f / scaling.number('factor')) }),

  /** NTK-aware scaling whose theta follows the length of the text. */
  dynamic: (r) => ({
    frequencies: r.plain,
    dynamic: { theta: r.theta, factor: r.scaling.number('factor'), trained: trainedPositions(r) },
  }),

  /** Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, those between blended (model card). */
  llama3: ({ plain, scaling }) => {
    const factor = scaling.number('factor');
    const low = scaling.number('low_freq_factor', 1);
    const high = scaling.number('high_freq_factor', 4);
    const trained = scaling.number('original_max_position_embeddings', 8192);
    return {
      frequencies: plain.map((f) => {
        const wavelength = (2 * Math.PI) / f;
        if (wavelength < trained / high) return f;
        if (wavelength > trained / low) return f / factor;
        const smooth = (trained / wavelength - low) / (high - low);
        return (1 - smooth) * (f / factor) + smooth * f;
      }),
    };
  },

  /** YaRN (Peng et al. 2023, "Efficient Context Window Extension"): a ramp between interpolation and none, and a temperature. */
  yarn: (r) => {
    const { plain, scaling, config, theta, width } = r;
    const trained = trainedPositions(r);
    const factor = scaling.has('factor')
      ? scaling.number('factor')
      : config.positions('max_position_embeddings') / trained;
    const dimOf = (rotations: number): number =>
      (width * Math.log(trained / (rotations * 2 * Math.PI))) / (2 * Math.log(theta));
    const whole = scaling.flag('truncate', true);
    const [fast, slow] = [dimOf(scaling.number('beta_fast', 32)), dimOf(scaling.number('beta_slow', 1))];
    const low = Math.max(whole ? Math.floor(fast) : fast, 0);
    const high = Math.min(whole ? Math.ceil(slow) : slow, width - 1);
    const span = high === low ? 0.001 : high - low;
    const magnitude = (by: number): number => (factor <= 1 ? 1 : 0.1 * by * Math.log(factor) + 1);
    const both = scaling.has('mscale') && scaling.has('mscale_all_dim');
    const scale = both
      ? magnitude(scaling.number('mscale')) / magnitude(scaling.number('mscale_all_dim'))
      : magnitude(1);
    return {
      frequencies: plain.map((f, i) => {
        const interpolated = clamp((i - low) / span, 0, 1);
        return (f / factor) * interpolated + f * (1 - interpolated);
      }),
      scale: scaling.number('attention_factor', scale),
    };
  },

  /** LongRoPE (Ding et al. 2024): a factor for every frequency; the long ones when the context is beyond what was trained. */
  longrope: (r) => {
    const { plain, scaling, config, context } = r;
    const trained = config.has('original_max_position_embeddings')
      ? config.positions('original_max_position_embeddings')
      : trainedPositions(r);
    const key = context > trained ? 'long_factor' : 'short_factor';
    const factors = scaling.numbers(key);
    if (factors.length !== plain.length)
      throw scaling.unsupported(key, `${plain.length} factors are needed, one for each pair of elements`);
    const factor = config.has('original_max_position_embeddings')
      ? config.positions('max_position_embeddings', trained) / trained
      : scaling.number('factor', 1);
    const scale = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(trained));
    return {
      frequencies: plain.map((f, i) => f / (factors[i] ?? 1)),
      scale: scaling.number('attention_factor', scale),
    };
  },
};

/** A divisor for every frequency: what the GGUF reader makes of llama.cpp's tensor for Llama 3's scaling. No config names it. */
const DIVISORS = 'divisors';
const divided = ({ plain, scaling }: RopeInput): RopeParts => {
  const divisors = scaling.numbers(DIVISORS);
  if (divisors.length !== plain.length)
    throw scaling.unsupported(DIVISORS, `${plain.length} are needed, one for each pair of elements`);
  return { frequencies: plain.map((f, i) => f / (divisors[i] ?? 1)) };
};

const aliases: Readonly<Record<string, string>> = { su: 'longrope' };

export interface RopeOptions {
  readonly context: number;
  /** Elements of a head that turn; default those that `partial_rotary_factor` says. */
  readonly width?: number;
  readonly interleaved?: boolean;
  /** Default: the config's `rope_theta`. */
  readonly theta?: number;
  /** Ignores the config's scaling (local layers of Gemma 3). */
  readonly unscaled?: boolean;
  /** Which section of `rope_parameters` counts, where layers of different types have one each. */
  readonly layerType?: string;
}

/** The rope that a config describes for heads of `headDim` elements. Throws INFC1082 naming an unknown variant. */
export function ropeOf(config: HfConfig, headDim: number, options: RopeOptions): Rope {
  // Transformers 5 keeps theta and scaling in one section.
  const common = config.section('rope_parameters');
  const parameters = (options.layerType === undefined ? undefined : common?.section(options.layerType)) ?? common;
  const scaling = config.section('rope_scaling') ?? parameters;
  const theta =
    options.theta ??
    parameters?.number('rope_theta', Number(config.number('rope_theta', 10000))) ??
    config.number('rope_theta', 10000);
  const partial = (parameters?.has('partial_rotary_factor') ? parameters : config).number('partial_rotary_factor', 1);
  const width = options.width ?? Math.floor(headDim * partial);
  if (width % 2 !== 0 || width < 2 || width > headDim)
    throw config.unsupported('partial_rotary_factor', `${width} of ${headDim} elements cannot turn in pairs`);
  const plain = Array.from({ length: width / 2 }, (_, i) => theta ** ((-2 * i) / width));
  const given = scaling?.string('rope_type', scaling.string('type', 'default')) ?? 'default';
  const kind = options.unscaled ? 'default' : (aliases[given] ?? given);
  const variant = kind === DIVISORS ? divided : Object.hasOwn(variants, kind) ? variants[kind] : undefined;
  if (!variant)
    throw config.unsupported('rope_scaling', `rope type '${kind}' is not one of ${Object.keys(variants).join(', ')}`);
  const parts = variant({ theta, width, plain, scaling: scaling ?? config, config, context: options.context });
  return { width, scale: 1, ...(options.interleaved ? { interleaved: true } : {}), ...parts };
}
