import { type Dim, formatDim } from '../ir/dim.ts';
import type { Expr } from '../ir/expr.ts';
import type { Kernel, Stmt } from '../ir/kernel.ts';

const INFIX: Readonly<Record<string, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  rem: '%',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  eq: '==',
  ne: '!=',
  and: '&',
  or: '|',
  xor: '^',
  shl: '<<',
  shr: '>>',
};

/** Kernel IR as readable pseudo-code, for people only. */
export function kernelText(kernel: Kernel): string {
  const params = [
    ...kernel.buffers.map(
      (b) => `${b.access === 'read' ? '' : 'out '}${b.name}: ${b.storage}[${formatDim(b.elements)}]`,
    ),
    ...kernel.scalars,
  ];
  const header = `${kernel.kind} kernel ${kernel.name}(${params.join(', ')})  grid ${kernel.grid.map(formatDim).join(' x ')}${kernel.kind === 'simt' ? `, ${kernel.lanes} lanes` : ''}`;
  const shared = kernel.shared.map(
    (b) => `  ${kernel.kind === 'simt' ? 'workgroup' : 'scratch'} ${b.name}: ${b.storage}[${formatDim(b.elements)}]`,
  );
  return [header, ...shared, ...lines(kernel.body, '  ')].join('\n');
}

function lines(body: readonly Stmt[], pad: string): string[] {
  return body.flatMap((s): string[] => {
    switch (s.kind) {
      case 'let':
      case 'var':
        return [`${pad}${s.kind} ${s.name} = ${expr(s.value)}`];
      case 'set':
        return [`${pad}${s.name} = ${expr(s.value)}`];
      case 'store':
        return [`${pad}${s.buffer.name}[${at(s.index, s.value.width)}] = ${expr(s.value)}`];
      case 'atomicAdd':
        return [`${pad}${s.buffer.name}[${formatDim(s.index)}] += ${expr(s.value)} (atomic)`];
      case 'for': {
        const step = s.step === 1 ? '' : ` step ${formatDim(s.step)}`;
        return [
          `${pad}for ${s.name} in ${formatDim(s.from)} .. ${formatDim(s.to)}${step}`,
          ...lines(s.body, `${pad}  `),
        ];
      }
      case 'if':
        return [
          `${pad}if ${expr(s.condition)}`,
          ...lines(s.body, `${pad}  `),
          ...(s.otherwise.length > 0 ? [`${pad}else`, ...lines(s.otherwise, `${pad}  `)] : []),
        ];
      case 'barrier':
        return [`${pad}barrier`];
      case 'comment':
        return [`${pad}# ${s.text}`];
      case 'intrinsic':
        return [`${pad}${s.name}(...)`];
    }
  });
}

const at = (index: Dim, width: number): string => `${formatDim(index)}${width === 1 ? '' : ` : ${width}`}`;

function expr(e: Expr): string {
  const n = e.node;
  switch (n.kind) {
    case 'const':
      return String(n.value);
    case 'dim':
      return formatDim(n.dim);
    case 'var':
      return n.name;
    case 'load':
      return `${n.buffer.name}[${at(n.index, e.width)}]`;
    case 'unary':
      return n.op === 'neg' ? `-${expr(n.a)}` : n.op === 'not' ? `!${expr(n.a)}` : `${n.op}(${expr(n.a)})`;
    case 'binary': {
      const sign = INFIX[n.op];
      return sign ? `(${expr(n.a)} ${sign} ${expr(n.b)})` : `${n.op}(${expr(n.a)}, ${expr(n.b)})`;
    }
    case 'fma':
      return `fma(${expr(n.a)}, ${expr(n.b)}, ${expr(n.c)})`;
    case 'dot4':
      return `dot4(${expr(n.a)}, ${expr(n.b)}, ${expr(n.c)})`;
    case 'select':
      return `(${expr(n.condition)} ? ${expr(n.a)} : ${expr(n.b)})`;
    case 'guard':
      return `(${expr(n.condition)} ?? ${expr(n.a)} : ${expr(n.otherwise)})`;
    case 'cast':
      return `${e.type}(${expr(n.a)})`;
    case 'bitcast':
      return `bits.${e.type}(${expr(n.a)})`;
    case 'narrow':
      return `round.${n.to}(${expr(n.a)})`;
    case 'splat':
      return `splat${e.width}(${expr(n.a)})`;
    case 'pack':
      return `[${n.elements.map(expr).join(', ')}]`;
    case 'extract':
      return `${expr(n.a)}.${n.lane}`;
    case 'shuffle':
      return `shuffle(${expr(n.a)}, ${expr(n.b)}, ${n.lanes.join(' ')})`;
    case 'subgroup':
      return `subgroup.${n.op}(${expr(n.a)})`;
    case 'intrinsic':
      return `${n.name}(${n.args.map(expr).join(', ')})`;
    case 'foldResult':
      return `fold.${n.fold.monoid}(${n.fold.loops.map((l) => `${l.name} < ${formatDim(l.extent)}`).join(', ')}: ${n.fold.next.map(expr).join(', ')})`;
  }
}
