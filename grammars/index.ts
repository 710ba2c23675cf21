export type { Acceptor } from './acceptor.ts';
export { ArtifactMachine, type OpenOptions, openArtifact } from './artifact-machine.ts';
export type { CancelSignal } from './cancel.ts';
export { type ConstrainOptions, Constraint, constrain } from './constrain.ts';
export type { DeepPartial, FromJsonSchema, Infer, StandardSchemaLike } from './infer.ts';
export type { IgnoredKeyword, SchemaProblem, SchemaReport } from './json/schema/audit.ts';
export type { Relaxation } from './json/schema/compiler.ts';
export type { LogitsProcessor, LogitsTensor } from './logits-processor.ts';
export type { MaskId } from './mask-pool.ts';
export { type Explanation, Matcher, type MatcherOptions } from './matcher.ts';
export { PartialJson } from './partial.ts';
export { AlignedSample, AlignedSampler } from './sampling/aligned.ts';
export { ByteModel, type TokenModel } from './sampling/bytes.ts';
export { type HealedPrompt, healPrompt, withPrefix } from './sampling/healing.ts';
export { type Hole, type InfillOptions, infill, type Template } from './sampling/infill.ts';
export { StaticConstraint, staticConstraint } from './static-constraint.ts';
export { choice, type GrammarInput, grammar, type RegexOptions, regex, TextConstraint } from './text-constraint.ts';
export { AcceptorMasks, type TokenMachine } from './token-machine.ts';
export {
  roundTripFailure,
  TIKTOKEN_PATTERNS,
  type VocabularyOptions,
  vocabularyFromBytes,
  vocabularyFromTiktoken,
  vocabularyFromTokenizerJson,
} from './tokenizer/index.ts';
export { TOOL_FORMATS, type ToolFormat, type ToolFormatName, toolFormatOfTemplate } from './tool-formats.ts';
export { type Tool, type ToolOptions, ToolSet, tools } from './tools.ts';
export type { ToolCall, Turn } from './turn.ts';
export type { Vocabulary } from './vocabulary.ts';
