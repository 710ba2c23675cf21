import { list, type Option, type Options, value } from './args.ts';

/** Sizes for one run. */
export const dimsOption: Option = list('n=4', 'Values of symbolic dims (several with | or ,)');

/** Threads of the Wasm device. */
export const threadsOption: Option = value('N', 'Wasm threads, default 1');

/** Options of every command that runs a model. */
export const inputOptions: Options = {
  input: list(
    'NAME=SOURCE',
    'An input: FILE.npy, FILE.bin (raw bytes), random:SEED, zeros, ones, or JSON. Others are random:1',
    'i',
  ),
  dims: dimsOption,
  entry: value('NAME', 'Entry point, when the artifact has several'),
};

/** Help text on the sources of an input. */
export const inputSyntax = [
  'Inputs: --input x=photo.npy   --input x=random:7   --input x=random:7:0:255   --input x=zeros',
  "        --input 'x=[[1,2],[3,4]]'   --input x=raw.bin@1,3,224,224 (raw bytes and their shape)",
].join('\n');
