// The tokenizer and chat template of an artifact. This folder is the one place of the runtime with packages: it becomes a part of its own,
// which only artifacts with a tokenizer carry.
import { Template } from '@huggingface/jinja';
import { Tokenizer } from '@huggingface/tokenizers';
import { spellerFromTokenizerJson, vocabularyFromTokenizerJson } from '../../grammars/tokenizer/index.ts';
import type { Vocabulary } from '../../grammars/vocabulary.ts';
import { InfcError } from '../errors.ts';
import type { Message, TextCodec } from '../generate/text.ts';

/** What tokenizer_config.json says, as far as it matters here; the other keys are handed to the tokenizer. */
export type TokenizerConfig = Readonly<Record<string, unknown>>;

/** Special tokens that a template may name. */
const NAMED = ['bos_token', 'eos_token', 'unk_token', 'pad_token', 'sep_token', 'cls_token', 'mask_token'] as const;

/**
 * Opens a tokenizer.json with its tokenizer_config.json (whose `chat_template` is one text). `eos` are the ids that end a text, when the
 * model says so. Throws INFC6422 when the tokenizer cannot be opened.
 */
export function openText(tokenizer: unknown, config: TokenizerConfig, eos: readonly number[]): TextCodec {
  const file: Readonly<Record<string, unknown>> = { ...(typeof tokenizer === 'object' ? tokenizer : {}) };
  let opened: Tokenizer;
  let vocabulary: Vocabulary | undefined;
  let spell: ((token: string) => Uint8Array | null) | undefined;
  try {
    opened = new Tokenizer({ added_tokens: [], ...file }, config);
  } catch (cause) {
    throw new InfcError('INFC6422', `the tokenizer cannot be opened: ${messageOf(cause)}`, {
      file: 'tokenizer.json',
      fix: 'Use a tokenizer.json of the Hugging Face tokenizers library',
      cause,
    });
  }
  const named = new Map(NAMED.map((name) => [name, contentOf(config[name])]));
  const template = typeof config.chat_template === 'string' ? config.chat_template : undefined;
  let parsed: Template | undefined;
  return {
    encode: (text, special) => {
      const { ids } = opened.encode(text, { add_special_tokens: special });
      if (ids.some((id) => !Number.isInteger(id)))
        throw new InfcError('INFC6424', 'the tokenizer has no tokens for a part of this text', {
          fix: 'Leave out characters it does not know',
        });
      return ids;
    },
    get vocabulary() {
      vocabulary ??= vocabularyFromTokenizerJson(file, eos.length > 0 ? { eos } : {});
      return vocabulary;
    },
    bytes: (token) => {
      // A table of all takes more memory than the tokenizer itself: only constraints need it.
      if (vocabulary) return vocabulary.bytes[token] ?? undefined;
      const text = opened.id_to_token(token);
      spell ??= spellerFromTokenizerJson(file);
      return text === undefined ? undefined : (spell(text) ?? undefined);
    },
    leadingSpace: /"Strip"[^{}]*"start": ?1|"Metaspace"/.test(JSON.stringify('decoder' in file ? file.decoder : null)),
    render: (messages, more = {}) => {
      if (template === undefined)
        throw new InfcError('INFC6423', 'the tokenizer has no chat template', {
          fix: 'Give a text or token ids instead of messages, or add chat_template to tokenizer_config.json and compile again',
        });
      parsed ??= parseTemplate(template);
      for (const [name, content] of named) {
        if (!new RegExp(`\\b${name}\\b`).test(template)) continue;
        if (content === undefined || opened.token_to_id(content) === undefined) throw missing(name, content);
      }
      const variables = { ...Object.fromEntries(named), messages, add_generation_prompt: true, ...more };
      const text = renderWith(parsed, variables);
      checkMarkers(text, messages, template, opened);
      return text;
    },
  };
}

/** A chat template that can be rendered. Throws INFC6425 when it is malformed. */
export function parseTemplate(template: string): Template {
  try {
    return new Template(template);
  } catch (cause) {
    // What the parser trips over when it looks past the end.
    const reason = cause instanceof TypeError ? 'it ends inside a statement or expression' : messageOf(cause);
    throw new InfcError('INFC6425', `the chat template is malformed: ${reason}`, {
      file: 'tokenizer_config.json',
      pointer: '/chat_template',
      fix: 'Mend chat_template and compile again, or give a text instead of messages',
      cause,
    });
  }
}

function renderWith(template: Template, variables: Readonly<Record<string, unknown>>): string {
  try {
    return template.render({ ...variables });
  } catch (cause) {
    throw new InfcError('INFC6426', `the chat template refuses these messages: ${messageOf(cause)}`, {
      pointer: '/chat_template',
      fix: 'Give the roles and fields that the model was trained on',
      cause,
    });
  }
}

/** Markers such as <|im_start|> that the template writes must be tokens, not letters. */
function checkMarkers(text: string, messages: readonly Message[], template: string, tokenizer: Tokenizer): void {
  const said = JSON.stringify(messages);
  for (const [marker] of text.matchAll(/<[|｜][^<>|｜\s]+[|｜]>/g)) {
    if (tokenizer.token_to_id(marker) !== undefined || said.includes(marker) || !template.includes(marker)) continue;
    throw missing(marker, marker);
  }
}

const missing = (name: string, content: string | undefined): InfcError =>
  new InfcError(
    'INFC6427',
    content === undefined || content === name
      ? `the chat template needs '${name}', which the tokenizer does not have`
      : `the chat template needs '${name}' (${content}), which is no token of the tokenizer`,
    { fix: 'Use the tokenizer files that belong to this template' },
  );

/** A special token as text: configs give the text, or an object with it. */
function contentOf(token: unknown): string | undefined {
  if (typeof token === 'string') return token;
  const content = typeof token === 'object' && token !== null && 'content' in token ? token.content : undefined;
  return typeof content === 'string' ? content : undefined;
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
