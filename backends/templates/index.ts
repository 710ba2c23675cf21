import type { Template } from '../../compiler/lower/template.ts';
import { attentionLanes } from './attention.ts';
import { cumulativeLanes } from './cumulative.ts';
import { formattedProducts } from './formatted.ts';
import { gatherFormat } from './gather-format.ts';
import { gemmRegtile } from './gemm-regtile.ts';
import { gemv } from './gemv.ts';
import { recurrent } from './recurrent.ts';

/** Templates of every backend whose kernels are threads of a grid. */
export const laneTemplates: readonly Template[] = [
  attentionLanes,
  ...formattedProducts,
  gatherFormat,
  ...gemmRegtile,
  ...gemv,
  ...cumulativeLanes,
  ...recurrent,
];
