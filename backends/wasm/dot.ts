import { constant, type Expr } from '../../compiler/ir/expr.ts';
import { evenWords } from './convert.ts';
import type { Machine, Val } from './mir.ts';

/** c plus the products of the two signed halves of one word. */
export function dotHalves(a: Expr, b: Expr, c: Expr): Expr {
  const low = (x: Expr) => x.bitcast('i32').shl(constant('i32', 16)).shr(constant('i32', 16));
  const high = (x: Expr) => x.bitcast('i32').shr(constant('i32', 16));
  return c.add(low(a).mul(low(b))).add(high(a).mul(high(b)));
}

/** c plus the products of the four signed bytes of one word. */
export function dotBytes(a: Expr, b: Expr, c: Expr): Expr {
  let sum = c;
  for (let i = 0; i < 4; i++) {
    const byte = (x: Expr) =>
      x
        .bitcast('i32')
        .shl(constant('i32', 24 - 8 * i))
        .shr(constant('i32', 24));
    sum = sum.add(byte(a).mul(byte(b)));
  }
  return sum;
}

/** The same for the four words of a register. */
export function dotBytesVector(m: Machine, x: Val, y: Val, z: Val): Val {
  const half = (side: string) => m.op('i32x4.extadd_pairwise_i16x8_s', [m.op(`i16x8.extmul_${side}_i8x16_s`, [x, y])]);
  const low = half('low');
  const high = half('high');
  const odd = m.op(
    'i8x16.shuffle',
    [low, high],
    Uint8Array.from({ length: 16 }, (_, i) => (i >> 2) * 8 + 4 + (i & 3)),
  );
  return m.op('i32x4.add', [z, m.op('i32x4.add', [evenWords(m, low, high), odd])]);
}
