import type { Option, Options } from './args.ts';

/** Sizes for one run. */
export const dimsOption: Option = { kind: 'list', value: 'n=4', help: 'Values of symbolic dims (several with | or ,)' };

/** Options of every command that runs a model. */
export const inputOptions: Options = {
  input: {
    kind: 'list',
    short: 'i',
    value: 'NAME=SOURCE',
    help: 'An input: FILE.npy, FILE.bin (raw bytes), random:SEED, zeros, ones, or JSON. Others are random:1',
  },
  dims: dimsOption,
  entry: { kind: 'value', value: 'NAME', help: 'Entry point, when the artifact has several' },
};

/** Help text on the sources of an input. */
export const inputSyntax = [
  'Inputs: --input x=photo.npy   --input x=random:7   --input x=random:7:0:255   --input x=zeros',
  "        --input 'x=[[1,2],[3,4]]'   --input x=raw.bin@1,3,224,224 (raw bytes and their shape)",
].join('\n');
