import { constant, defineOp, onnxOp } from 'infc';

/** x where |x| > lambda, else 0. */
export const hardshrink = defineOp({
  name: 'acme.hardshrink',
  infer: ({ inputs: [x], fail }) => x ?? fail('one input expected'),
  scalar: ([x], attrs) => {
    if (!x) throw new TypeError('infer has checked the inputs');
    return x
      .abs()
      .gt(Number(attrs.lambda ?? 0.5))
      .select(x, constant(x.type, 0));
  },
});

/** How the ONNX operator com.acme::HardShrink becomes it. */
export const onnxHardShrink = onnxOp(
  'HardShrink',
  (node, b) => [b.node('acme.hardshrink', [node.input(0)], { lambda: node.float('lambda', 0.5) })],
  { domain: 'com.acme' },
);
