import type { Random } from '../simulation/random.ts';
import type { Conversation } from './conversation.ts';
import type { Life } from './fuzzer.ts';
import { OnCore } from './on-core.ts';
import { readStream, readWhole } from './on-reading.ts';

/** All of the proxy that needs no socket: the parser, the stream framer, and the core with everything behind it. */
export async function proxyLife(random: Random): Promise<Life> {
  const core = await OnCore.begin();
  return {
    async play(conversation: Conversation) {
      const texts = conversation.flatMap((step) => (step.does === 'say' ? [step.text] : []));
      for (const text of texts) readWhole(text);
      readStream(texts, random);
      return core.play(conversation);
    },
    end: async () => core.end(),
  };
}
