/** SentencePiece's compiled form of seven rules: FB01 -> fi, BD -> 1/2 with U+2044, U+3000 -> space, e U+0301 -> U+00E9, U+00C5 and A -> a, U+1F600 -> :). */
const CHARSMAP =
  'AAQAAAAAAQBBDQAACwAAgMwYAgCBBQAAEAAAgL0FAAACAACAhSkAAIAMAgCABQAAAAAAgKwAAgCBDQAADQAAgJ8cAgCYBAIAgA0AAAgAAIASAAAAFQAAABQAAAAXAAAAFgAAABkAAAAYAAAAGwAAABoAAAAdAAAAHAAAAB8AAAAeAAAAIQAAACAAAAAjAAAAIgAAACUAAABlqAMAJwAAACYAAAApAAAAKAAAACsAAAAqAAAALQAAACwAAAAvAAAALgAAADEAAAAwAAAAMwAAADIAAAA1AAAANAAAADcAAAA2AAAAOQAAADgAAAA7AAAAOgAAAD0AAAA8AAAAPwAAAD4AAABBAAAAQAAAAEMAAABCAAAARQAAAEQAAABHAAAARgAAAEkAAABIAAAASwAAAEoAAABNAAAATAAAAE8AAABOAAAAUQAAAFAAAABTAAAAUgAAAFUAAABUAAAAVwAAAFYAAABZAAAAWAAAAFsAAABaAAAAXQAAAFwAAABfAAAAXgAAAGEAAABgAAAAYwAAAGIAAABlAAAAZAAAAGcAAABmAAAAaQAAAGgAAABrAAAAagAAAG0AAABsAAAAbwAAAG4AAABxAAAAcAAAAHMAAAByAAAAdQAAAHQAAAB3AAAAdgAAAHkAAAB4AAAAewAAAHoAAAB9AAAAfAAAAH8AAAB+AAAAgQAAAIAAAADC5AAAwzgAAIUAAACEAAAAhwAAAIYAAACJAAAAiAAAAIsAAACKAAAAjQAAAIwAAACPAAAAjgAAAJEAAACQAAAAkwAAAJIAAACVAAAAlAAAAJcAAACWAAAAmQAAAJgAAACbAAAAmgAAAJ0AAACcAAAAnwAAAJ4AAAChAAAAoAAAAKMAAADjqAAApQAAAKQAAACnAAAApgAAAKkAAACoAAAAqwAAAKoAAACtAAAArAAAAK8AAADvPAAA8IAAALAAAACzAAAAsgAAALUAAAC0AAAAtwAAALYAAAC5AAAAuAAAALsAAAC6AAAAvQAAALwAAAC/AAAAvgAAAMEAAADAAAAAwwAAAMIAAADFAAAAxAAAAMcAAADGAAAAyQAAAMgAAADLAAAAygAAAM0AAADMAAAAzwAAAM4AAADRAAAA0AAAANMAAADSAAAA1QAAANQAAADXAAAA1gAAANkAAADYAAAA2wAAANoAAADdAAAA3AAAAN8AAADeAAAA4QAAAOAAAADjAAAA4gAAAOUAAADkAAAA5wAAAOYAAADpAAAA6AAAAOsAAADqAAAA7QAAAOwAAADvAAAA7gAAAPEAAADwAAAA8wAAAPIAAAD1AAAA9AAAAPcAAAD2AAAA+QAAAPgAAAD7AAAA+gAAAP0AAAD8AAAA/wAAAP4AAAAgADHigYQyADopAGEAZmkAw6kA';

type Doc = Readonly<Record<string, unknown>>;

const BYTES = Array.from({ length: 256 }, (_, byte) => {
  const printable = (b: number): boolean => (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
  const before = Array.from({ length: byte }, (_, b) => b).filter((b) => !printable(b)).length;
  return String.fromCharCode(printable(byte) ? byte : 256 + before);
});
const LETTERS = [...'▁abcdefghilnoprstuvwxyzABWZ0123.,!<>/"{}[]:_é', '\n', '\t'];

function bpe(symbols: readonly string[], merges: readonly string[], model: Doc, rest: Doc): Doc {
  const prefix = String(model.continuing_subword_prefix ?? '');
  const merged = merges.map((merge) => {
    const [left = '', right = ''] = merge.split(' ');
    return left + right.slice(prefix.length);
  });
  const tokens = ['<unk>', '</s>', ...symbols, ...merged];
  return {
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    ...rest,
    model: { type: 'BPE', vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges, ...model },
  };
}

const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
const byteLevel = (rest: Doc): Doc =>
  bpe(
    BYTES,
    ['w o', 'wo r', 'wor d', 'Ġ wor', 'Ġwor d', 'Ġ Ġ', '1 2', '. .', 'e s'],
    {},
    { decoder: BYTE_LEVEL, ...rest },
  );
const sequence = (...pretokenizers: Doc[]): Doc => ({ type: 'Sequence', pretokenizers });
const metaspace = (prepend_scheme: string, split = true): Doc => ({
  type: 'Metaspace',
  replacement: '▁',
  prepend_scheme,
  split,
});
const sentencePiece = (model: Doc, rest: Doc): Doc =>
  bpe(
    [
      ...LETTERS,
      ...(model.byte_fallback ? BYTES.map((_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`) : []),
    ],
    ['w o', 'wo r', 'wor d', '▁ wor', '▁wor d', '▁ ▁'],
    { unk_token: '<unk>', ...model },
    rest,
  );
const unigram = (rest: Doc, model: Doc = {}): Doc => ({
  ...bpe([], [], {}, rest),
  model: {
    type: 'Unigram',
    unk_id: 0,
    vocab: [
      ['<unk>', 0],
      ...LETTERS.map((letter) => [letter, -5]),
      ['▁word', -6],
      ['or', -7],
      ['▁a', -6.5],
      ['fi', -4],
      ['1', -4.5],
    ],
    ...model,
  },
});
const wordPiece = (normalizer: Doc): Doc => ({
  ...bpe(
    [],
    [],
    {},
    { normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, ...normalizer } },
  ),
  pre_tokenizer: { type: 'BertPreTokenizer' },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 20,
    vocab: Object.fromEntries(
      ['[UNK]', 'word', '##y', ...LETTERS, ...LETTERS.map((letter) => `##${letter}`), '日', 'İ', 'σ', 'ς'].map(
        (token, id) => [token, id],
      ),
    ),
  },
});
function added(flags: Doc, rest: Doc, make: (rest: Doc) => Doc = byteLevel): Doc {
  const doc = make(rest);
  const vocab = new Map(Object.entries(JSON.parse(JSON.stringify(doc.model)).vocab));
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: true, special: false, ...flags };
  const tokens = ['word', '<tool>', 'words'].map((content, i) => ({
    id: vocab.get(content) ?? vocab.size + i - 1,
    content,
    ...plain,
  }));
  return { ...doc, added_tokens: tokens };
}

/** Tokenizer files, one for each way of cutting and spelling text that tokenizer.json knows. */
export const TOKENIZER_FILES: Readonly<Record<string, Doc>> = {
  'byte-level': byteLevel({ pre_tokenizer: BYTE_LEVEL }),
  'byte-level, prefix space': byteLevel({
    pre_tokenizer: sequence({ type: 'Digits', individual_digits: true }, { ...BYTE_LEVEL, add_prefix_space: true }),
  }),
  'byte-level, normalizer': byteLevel({ normalizer: { type: 'ByteLevel' } }),
  'added tokens': added({}, { pre_tokenizer: BYTE_LEVEL }),
  'added tokens, lstrip': added({ lstrip: true }, { pre_tokenizer: BYTE_LEVEL }),
  'added tokens, rstrip': added({ rstrip: true, normalized: false }, { pre_tokenizer: BYTE_LEVEL }),
  'added tokens, both': added({ lstrip: true, rstrip: true }, { pre_tokenizer: BYTE_LEVEL }),
  'added tokens, single word': added({ single_word: true }, { pre_tokenizer: BYTE_LEVEL }),
  'added tokens, lowercase': added({}, { normalizer: { type: 'Lowercase' }, pre_tokenizer: BYTE_LEVEL }),
  'added tokens, not normalized': added(
    { normalized: false },
    { normalizer: { type: 'Lowercase' }, pre_tokenizer: BYTE_LEVEL },
  ),
  'added tokens, SentencePiece': added(
    {},
    {
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: '▁' },
          { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        ],
      },
    },
    (rest) => sentencePiece({ byte_fallback: true }, rest),
  ),
  ...Object.fromEntries(
    ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'].flatMap((behavior) => [
      [
        `split, ${behavior}`,
        byteLevel({
          pre_tokenizer: sequence(
            { type: 'Split', pattern: { Regex: '\\d|\\s|\\.' }, behavior, invert: false },
            { ...BYTE_LEVEL, use_regex: false },
          ),
        }),
      ],
      [
        `punctuation, ${behavior}`,
        byteLevel({ pre_tokenizer: sequence({ type: 'Punctuation', behavior }, { ...BYTE_LEVEL, use_regex: false }) }),
      ],
    ]),
  ),
  'split, inverted': byteLevel({
    pre_tokenizer: sequence(
      { type: 'Split', pattern: { Regex: '\\w+' }, behavior: 'Removed', invert: true },
      { ...BYTE_LEVEL, use_regex: false },
    ),
  }),
  'metaspace, always': added({}, { pre_tokenizer: metaspace('always'), decoder: metaspace('always') }, (rest) =>
    sentencePiece({}, rest),
  ),
  'metaspace, first': added({}, { pre_tokenizer: metaspace('first'), decoder: metaspace('first') }, (rest) =>
    sentencePiece({}, rest),
  ),
  'metaspace, never': sentencePiece(
    { fuse_unk: true },
    { pre_tokenizer: metaspace('never', false), decoder: metaspace('never', false) },
  ),
  'suffix of words': bpe(
    [...LETTERS, ...LETTERS.map((letter) => `${letter}</w>`)],
    ['w o', 'wo r', 'wor d</w>', '1 2</w>'],
    { end_of_word_suffix: '</w>', unk_token: '<unk>' },
    { pre_tokenizer: { type: 'WhitespaceSplit' }, decoder: { type: 'BPEDecoder', suffix: '</w>' } },
  ),
  'prefix of continuations': bpe(
    [...LETTERS, ...LETTERS.map((letter) => `@@${letter}`)],
    ['w @@o', 'wo @@r'],
    { continuing_subword_prefix: '@@', unk_token: '<unk>' },
    { pre_tokenizer: { type: 'Whitespace' } },
  ),
  unigram: unigram({ pre_tokenizer: metaspace('always'), decoder: metaspace('always') }),
  'unigram, NMT': unigram({
    normalizer: { type: 'Sequence', normalizers: [{ type: 'Nmt' }, { type: 'NFKC' }] },
    pre_tokenizer: metaspace('always'),
    decoder: metaspace('always'),
  }),
  'unigram, compiled rules': unigram({
    normalizer: { type: 'Precompiled', precompiled_charsmap: CHARSMAP },
    pre_tokenizer: sequence({ type: 'WhitespaceSplit' }, metaspace('always')),
    decoder: metaspace('always'),
  }),
  WordPiece: wordPiece({ lowercase: true, strip_accents: null }),
  'WordPiece, cased': wordPiece({ lowercase: false, strip_accents: false }),
  strip: byteLevel({
    normalizer: {
      type: 'Sequence',
      normalizers: [{ type: 'Strip', strip_left: true, strip_right: true }, { type: 'NFD' }, { type: 'StripAccents' }],
    },
    pre_tokenizer: BYTE_LEVEL,
  }),
};

/** Texts that tokenizers cut differently when they are not careful. */
export const TOKENIZER_TEXTS: readonly string[] = [
  '',
  ' ',
  '  ',
  'a',
  ' a',
  'a ',
  'a  b',
  '\n',
  '\r\n',
  'a\r\nb\rc',
  '\t',
  'word',
  ' word',
  'word words wordy',
  '_word_',
  'word-word',
  'Word WORD',
  '<tool>',
  '<tool>x',
  'x <tool> y',
  ' <tool> ',
  'a<tool><tool>b',
  '<tools> <tool>s',
  'word<tool> word',
  '"{word}": [1, 2.5]',
  '..a.. . 12',
  '１２ ٣٤ ²³',
  'é e\u0301 Å ﬁ ½',
  '😀 👩‍👧 日本',
  '\ufeffbom',
  '\u00a0nbsp\u00a0',
  '\u3000ideo',
  '\u0085nel',
  '\u000bvt\u000cff',
  '\u200bzw\u200d',
  '\u2028ls',
  '\u0000nul\u0001',
  '\ufffd',
  '\ue000',
  'ΑΣ ΑΣ. İ',
  '▁ ▁a',
  '</s> <unk>',
  'Ġ <0x41>',
  'abcdefghilnoprstuvwxyz',
  "I'll don't",
];
