import type { Command } from './command.ts';

/** Every command, in the order of `infc --help`. Adding one is one entry here and one module. */
export const commands: readonly Command[] = [
  {
    name: 'explain',
    summary: 'Explain the pipeline, a node, a kernel or an error code',
    usage: 'pipeline | node N [DIR] | kernel K [DIR] | CODE',
    options: {},
    examples: [
      'infc explain pipeline',
      'infc explain kernel gemm_3 out',
      'infc explain node Conv_12 out',
      'infc explain INFC1003',
    ],
    more: 'A node is a number or a name of the model; DIR is the artifact it was compiled to, default the current folder.',
    load: () => import('./explain.ts'),
  },
  {
    name: 'doctor',
    summary: 'Check what this machine can compile for and run',
    usage: '',
    options: {},
    examples: ['infc doctor'],
    load: () => import('./doctor.ts'),
  },
  {
    name: 'plugin',
    summary: 'Start a plugin package with a tested op, pass and storage format',
    usage: 'new NAME',
    options: {},
    examples: ['infc plugin new acme-ops'],
    load: () => import('./plugin-new.ts'),
  },
];
