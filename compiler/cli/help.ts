import { flag, type Options } from './args.ts';
import type { Command } from './command.ts';
import type { Style } from './io.ts';
import { table } from './table.ts';

/** Options every command takes. */
export const globalOptions: Options = {
  json: flag('Print one JSON document instead of text'),
  quiet: flag('No progress', 'q'),
  help: flag('Show this help', 'h'),
};

const optionRows = (options: Options): string[][] =>
  Object.entries(options).map(([name, o]) => [
    `  ${o.short ? `-${o.short}, ` : '    '}--${name}${o.kind === 'flag' ? '' : ` ${o.value ?? 'VALUE'}`}`,
    o.help,
  ]);

const twoColumns = [{ title: '' }, { title: '' }];

/** The text of `infc --help`. */
export function helpOfAll(commands: readonly Command[], version: string, style: Style): string {
  const rows = commands.filter((c) => !c.hidden).map((c) => [`  ${style.cyan(c.name)}`, c.summary]);
  return [
    `${style.bold('infc')} ${version}: compiles ONNX, safetensors and GGUF models to verified Wasm, WGSL and CUDA kernels`,
    '',
    'Usage: infc COMMAND [options]      infc COMMAND --help',
    '',
    table(twoColumns, rows, style),
    '',
    'Exit codes: 0 ok, 1 results disagree, 2 usage, 3 bad model or input, 4 unsupported, 5 internal error.',
    'Environment: NO_COLOR, FORCE_COLOR, INFC_DEBUG=1 (stack traces).',
    '',
    'Start with: infc compile model.onnx -o out && infc run out',
  ].join('\n');
}

/** The text of `infc COMMAND --help`. */
export function helpOf(command: Command, style: Style): string {
  return [
    `${style.bold(`infc ${command.name}`)}: ${command.summary}`,
    '',
    `Usage: infc ${command.name} ${command.usage}`,
    '',
    table(twoColumns, optionRows({ ...command.options, ...globalOptions }), style),
    ...(command.more ? ['', command.more] : []),
    '',
    'Examples:',
    ...command.examples.map((e) => `  ${style.dim('$')} ${e}`),
  ].join('\n');
}
