/** Public API of the compiler; nothing else of it is importable. */

export { type Backend, defineBackend, type KernelFile, type MemoryRules, type Target } from '../backends/backend.ts';
export {
  type CompileConstraintOptions,
  type CompileConstraintReport,
  type CompiledConstraint,
  compileConstraint,
  compileConstraintInTurns,
} from '../grammars/artifact/artifact.ts';
export { definePass, type Pass, type PassContext, type Phase, phases } from '../passes/pass.ts';
export { type AddProduct, type Block, plainProduct } from '../passes/precision/add-product.ts';
export { type AllocationRequest, type Allocator, defineAllocator } from '../passes/precision/allocator.ts';
export { type Calibrator, type Collector, defineCalibrator } from '../passes/precision/calibrator.ts';
export { definePruner, type Pruner } from '../passes/precision/pruner.ts';
export {
  defineEqualizer,
  defineQuantizer,
  type Equalizer,
  type InputStatistics,
  type MatrixRequest,
  type QuantizedMatrix,
  type Quantizer,
} from '../passes/precision/quantizer.ts';
export { type Match, type Rewrite, rewrite } from '../passes/rewrite.ts';
export { type ErrorDetails, type ErrorPlace, InfcError } from '../runtime/errors.ts';
export {
  type Compilation,
  type CompileOptions,
  type CompileReport,
  type Compiler,
  compile,
  createCompiler,
  type ModelSource,
  type TargetCompilation,
  writeArtifact,
} from './compile.ts';
export { type AutoOptions, type AutoResult, chooseRecipe } from './compress/auto.ts';
export type { Budget } from './compress/budget.ts';
export { type Calibration, type CalibrationRun, calibrate, loadCompiled } from './compress/calibrate.ts';
export { type CompressOptions, compress } from './compress/compress.ts';
export { type Damage, measureDamage } from './compress/damage.ts';
export type { Samples } from './compress/samples.ts';
export { type DecodedGroup, defineFormat, type Grid, type Plane, type StorageFormat } from './formats/format.ts';
export type { FormatRecipe, FormatRule } from './formats/recipe.ts';
export { type OnnxNode, type OnnxOp, onnxOp } from './import/onnx-op.ts';
export type { Atom, Dim, DimCall, DimSum, Sym, Term } from './ir/dim.ts';
export * as dims from './ir/dim.ts';
export { computeType, type DType, isFloat, isInteger, type ScalarType } from './ir/dtype.ts';
export {
  type Buffer,
  constant,
  dimValue,
  Expr,
  type ExprNode,
  type Fold,
  type Operand,
  pack,
  variable,
  type Width,
} from './ir/expr.ts';
export {
  type Attributes,
  type Constant,
  forEachNode,
  formatType,
  Graph,
  Node,
  type Program,
  type Source,
  type State,
  type TensorType,
  tensor,
  Value,
} from './ir/graph.ts';
export { GraphBuilder, type OpTable } from './ir/graph-builder.ts';
export type { Kernel, KernelNote, Stmt } from './ir/kernel.ts';
export { KernelBuilder, type Variable } from './ir/kernel-builder.ts';
export { defineOp, type ElementContext, type HostTensor, type InferContext, type OpDef } from './ir/op.ts';
export {
  defineTemplate,
  type KernelArgument,
  type LoweredKernel,
  type Template,
  type TemplateRequest,
} from './lower/template.ts';
export { definePlugin, type Plugin, Registry } from './plugin.ts';
export type { Steps } from './steps.ts';
