export { ArtifactMachine, type OpenOptions, openArtifact } from './artifact/artifact-machine.ts';
export { StaticConstraint, staticConstraint } from './artifact/static-constraint.ts';
export type { CancelSignal } from './cancel.ts';
export { type ConstrainOptions, Constraint, constrain } from './constrain.ts';
export type { DeepPartial, FromJsonSchema, Infer, StandardSchemaLike } from './infer.ts';
export type { IgnoredKeyword, SchemaProblem, SchemaReport } from './json/schema/audit.ts';
export type { Relaxation } from './json/schema/compiler.ts';
export type { Acceptor } from './matching/acceptor.ts';
export type { LogitsProcessor, LogitsTensor } from './matching/logits-processor.ts';
export type { MaskId } from './matching/mask-pool.ts';
export { type Explanation, Matcher, type MatcherOptions } from './matching/matcher.ts';
export { AcceptorMasks, type TokenMachine } from './matching/token-machine.ts';
export { PartialJson } from './partial.ts';
export { AlignedSample, AlignedSampler } from './sampling/aligned.ts';
export { ByteModel, type TokenModel } from './sampling/bytes.ts';
export { type HealedPrompt, healPrompt, withPrefix } from './sampling/healing.ts';
export { type Hole, type InfillOptions, infill, type Template } from './sampling/infill.ts';
export { choice, type GrammarInput, grammar, type RegexOptions, regex, TextConstraint } from './text-constraint.ts';
export {
  roundTripFailure,
  TIKTOKEN_PATTERNS,
  type VocabularyOptions,
  vocabularyFromBytes,
  vocabularyFromTiktoken,
  vocabularyFromTokenizerJson,
} from './tokenizer/index.ts';
export type { ArgumentReader, ArgumentSyntax, Tags, ToolFormat } from './tools/tool-format.ts';
export { type Tool, type ToolOptions, ToolSet, tools } from './tools/tools.ts';
export { type PartialCall, PartialTurn, type ToolCall, type Turn } from './tools/turn.ts';
export type { Vocabulary } from './vocabulary.ts';
