import { definePass, rewrite, tensor } from 'infc';

/** hardshrink(hardshrink(x)) with one lambda is hardshrink(x): what the first keeps, the second keeps. */
export const removeDoubleHardshrink = definePass({
  name: 'acme-remove-double-hardshrink',
  phase: 'recognize',
  does: 'hardshrink of hardshrink with one lambda becomes one hardshrink',
  rewrites: [
    rewrite({
      name: 'double-hardshrink',
      holes: ['x'],
      from: (b, { x }) =>
        b.node('acme.hardshrink', [b.node('acme.hardshrink', [x ?? null], { lambda: 0.5 })], { lambda: 0.5 }),
      to: (b, { x }) => b.node('acme.hardshrink', [x ?? null], { lambda: 0.5 }),
      sample: [{ x: tensor('f32', [3, 5]) }, { x: tensor('f32', [17]) }],
    }),
  ],
});
