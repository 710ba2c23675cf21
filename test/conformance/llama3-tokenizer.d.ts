declare module 'llama3-tokenizer-js' {
  const tokenizer: {
    readonly vocabById: readonly string[];
    encode(text: string, options?: { bos?: boolean; eos?: boolean }): number[];
  };
  export default tokenizer;
}
