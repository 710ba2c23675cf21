import { exitCodes } from '../diagnostics.ts';
import { type Args, onlyPositional } from './args.ts';
import { generating, promptOf, shown } from './generating.ts';
import type { Io } from './io.ts';
import { openLanguageModel } from './language-model.ts';
import { formatMs } from './table.ts';

/** `infc generate DIR --prompt TEXT`: writes on after a prompt, as the tokens come. */
async function runGenerate(args: Args, io: Io): Promise<number> {
  const given = onlyPositional(args, 'DIR');
  const prompt = await promptOf(args, io);
  const { options, close } = await generating(args, io);
  try {
    await using model = await openLanguageModel(given, args, io);
    const stream = model.stream(prompt, options);
    for await (const piece of stream)
      if (!io.json)
        io.write(
          model.text
            ? piece.text
            : shown(
                model,
                piece.tokens.map((t) => t.token),
              ),
        );
    const { text, tokens, finish, value, seed, usage } = await stream.result();
    if (io.json) {
      const more = { ...(value === undefined ? {} : { value }), ...(seed === undefined ? {} : { seed }) };
      io.out(JSON.stringify({ ok: true, text, tokens, finish, ...more, usage }, null, 2));
      return exitCodes.ok;
    }
    io.out('');
    const { newTokens, firstTokenMs, totalMs } = usage;
    const rate =
      newTokens > 1 ? `, then ${((newTokens - 1) / ((totalMs - firstTokenMs) / 1000)).toFixed(1)} tokens/s` : '';
    io.err(
      io.style.dim(
        `${usage.promptTokens} tokens in, ${newTokens} out (${finish}); first after ${formatMs(firstTokenMs)}${rate}${seed === undefined ? '' : `; --seed ${seed}`}`,
      ),
    );
    return exitCodes.ok;
  } finally {
    await close();
  }
}

export { runGenerate as run };
