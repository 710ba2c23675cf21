/** Conformance kit for authors of plugins, published as `infc/test`. Checks run under any test runner. */
export { type BackendConformance, backendConformance } from './backend.ts';
export { type Check, ConformanceError, relativeError } from './check.ts';
export { formatConformance } from './format.ts';
export { type KernelCase, kernelCases } from './kernel-cases.ts';
export { type CaseInput, type OpCase, type OpConformance, opConformance } from './op.ts';
export { type RewriteConformance, rewriteConformance, rewritesOf } from './rewrite.ts';
