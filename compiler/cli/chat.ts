import type { Message } from '../../runtime/generate/index.ts';
import { exitCodes } from '../diagnostics.ts';
import { type Args, onlyPositional } from './args.ts';
import { generating } from './generating.ts';
import type { Io } from './io.ts';
import { openLanguageModel } from './language-model.ts';

/** `infc chat DIR`: a conversation. What was said stays in the model's cache, so that each answer starts at once. */
async function runChat(args: Args, io: Io): Promise<number> {
  const { options, close } = await generating(args, io);
  const system = args.value('system');
  const start: readonly Message[] = system === undefined ? [] : [{ role: 'system', content: system }];
  try {
    await using model = await openLanguageModel(onlyPositional(args, 'DIR'), args, io);
    // Says now what no question could mend: no tokenizer, no template, a template without its tokens.
    model.encode([...start, { role: 'user', content: '' }]);
    let messages = start;
    for await (const line of io.lines('> ')) {
      const said = line.trim();
      if (said === '/exit' || said === '/quit') break;
      if (said === '/reset') messages = start;
      if (said === '' || said === '/reset') continue;
      messages = [...messages, { role: 'user', content: said }];
      const stream = model.stream(messages, options);
      for await (const { text } of stream) if (!io.json) io.write(text);
      const { text, usage } = await stream.result();
      io.out(io.json ? JSON.stringify({ text, usage }) : '');
      messages = [...messages, { role: 'assistant', content: text }];
    }
    return exitCodes.ok;
  } finally {
    await close();
  }
}

export { runChat as run };
