import { expect } from 'chai';
import { Random } from '../simulation/random.ts';
import { read, written, type Conversation } from './conversation.ts';
import { readCorpus } from './corpus.ts';
import { Fuzzer, type Life, type Reached } from './fuzzer.ts';
import { mutate } from './mutate.ts';
import { proxyLife } from './proxy-life.ts';
import { Violation } from './violation.ts';

/** Guided by what it sees, not by the code that runs: the proxy's sources are imported already. */
const BLIND: Reached = { size: 0, fresh: () => 0 };

/** Breaks a rule at a message with both marks, once something was waited for. */
async function fragile(): Promise<Life> {
  let waited = false;
  return {
    async play(conversation) {
      for (const step of conversation) {
        waited ||= step.does === 'wait';
        if (waited && step.does === 'say' && /;rport(?=[\s\S]*\r\nTo: )/.test(step.text)) {
          throw new Violation('it never breaks', step.text);
        }
      }
      return new Set(conversation.map((step) => step.does));
    },
    end: async () => undefined,
  };
}

describe('fuzzing', () => {
  it('breaks no rule of the proxy, short as this is (make fuzz goes on for longer)', async function () {
    this.timeout(60_000);
    const fuzzer = new Fuzzer(readCorpus(), 1, proxyLife, BLIND);
    for (let lives = 0; lives < 6; lives++) {
      const failure = await fuzzer.more();
      expect(failure && `${failure.violation.message}\n${written(failure.conversation)}`).to.equal(undefined);
    }
    expect(fuzzer.progress.executions).to.be.greaterThan(200);
  });

  it('finds what breaks a rule and makes it as small as it gets', async () => {
    const fuzzer = new Fuzzer(readCorpus(), 1, fragile, BLIND);
    let failure = await fuzzer.more();
    for (let lives = 0; failure === undefined && lives < 100; lives++) failure = await fuzzer.more();
    expect(failure?.violation.rule).to.equal('it never breaks');
    expect(failure?.conversation.map((step) => step.does)).to.deep.equal(['wait', 'say']);
    expect(failure?.conversation[1]).to.include({ text: ';rport\r\nTo: ' });
  });

  it('plays the same from the same seed', async () => {
    const playedFrom = async (seed: number): Promise<readonly string[]> => {
      const played: string[] = [];
      const fuzzer = new Fuzzer(
        readCorpus(),
        seed,
        async () => ({
          play: async (conversation: Conversation) => {
            played.push(written(conversation));
            return new Set([`${conversation.length}`]);
          },
          end: async () => undefined,
        }),
        BLIND,
      );
      for (let lives = 0; lives < 3; lives++) await fuzzer.more();
      return played;
    };
    expect(await playedFrom(7)).to.deep.equal(await playedFrom(7));
    expect(await playedFrom(7)).not.to.deep.equal(await playedFrom(8));
  });

  it('writes a conversation so that it is read the same', () => {
    const random = new Random(1);
    let conversations = readCorpus();
    for (let round = 0; round < 5; round++) {
      conversations = conversations.map((one) => mutate(one, random.pick(conversations), random));
      for (const one of conversations) expect(read(written(one))).to.deep.equal(one);
    }
  });

  it('says which line of a conversation it does not understand', () => {
    expect(() => read('=== dance\n')).to.throw("a conversation has no step '=== dance'");
    expect(() => read('=== say nobody\nhello\n')).to.throw("'=== say nobody'");
  });
});
