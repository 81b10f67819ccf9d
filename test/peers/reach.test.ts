import { expect } from 'chai';
import type { Message } from '../../proxy/sip/message.ts';
import { Counter } from './counter.ts';
import { eventually } from './deadline.ts';
import { outOfDialog } from './dialog.ts';
import { ownAddress } from './loopback.ts';
import { Names } from './names.ts';
import { Reach } from './reach.ts';
import { Transactions, type ServerTransaction } from './transactions.ts';
import type { Remote } from './wire.ts';

/** A request of which a second copy went by another way, since the first was long without an answer. */
describe('reach', () => {
  const patience = { invite: 20, other: 20 };
  let open: Transactions[];
  let names: Names;
  let client: Transactions;
  let counter: Counter;
  let slow: Remote;
  let other: Remote;
  /** The copies that arrived, in this order. */
  let first: ServerTransaction;
  let second: ServerTransaction;
  let finals: number[];
  let failures: string[];

  beforeEach(async () => {
    open = [];
    names = new Names();
    counter = new Counter();
    client = await peer(ownAddress(), () => undefined, counter);
    slow = { transport: 'UDP', address: ownAddress(), port: 5060 };
    other = { transport: 'UDP', address: ownAddress(), port: 5060 };
    finals = [];
    failures = [];
  });
  afterEach(() => Promise.all(open.map((one) => one.close())));

  async function peer(
    address: string,
    request: (transaction: ServerTransaction) => void,
    counts?: Counter,
  ): Promise<Transactions> {
    const one = await Transactions.open(
      { address, port: 5060, counter: counts },
      { request, cancelled: () => undefined, acknowledged: () => undefined },
    );
    open.push(one);
    return one;
  }

  const hears = (what: string) => eventually(5000, what, () => counter.of(`received ${what}`) > 0);

  /** Resolves when both copies have arrived. */
  async function sendsTwice(method: string): Promise<void> {
    const arrived: ServerTransaction[] = [];
    await peer(slow.address, (transaction) => arrived.push(transaction));
    await peer(other.address, (transaction) => arrived.push(transaction));
    const draft = outOfDialog(method, 'sip:bob@example.com', '<sip:alice@example.com>', '<sip:bob@example.com>');
    const reach = new Reach(client, names, draft, [slow, other], patience, {
      final: (response: Message) => finals.push(response.status),
      failed: (why) => failures.push(why),
    });
    await eventually(5000, 'both copies', () => arrived.length === reach.tries && reach.tries === 2);
    const [one, two] = arrived;
    if (one === undefined || two === undefined) throw new Error('a copy is missing');
    first = one;
    second = two;
  }

  for (const [method, status] of [
    ['INVITE', 482],
    ['BYE', 481],
    ['INFO', 500],
  ] as const) {
    it(`has the answer to the first ${method} where the second gets ${status}, as one that was there before`, async () => {
      await sendsTwice(method);
      second.respond(status);
      await hears(`${status} to ${method}`);
      first.respond(200);
      await hears(`200 to ${method}`);
      expect(finals).to.deep.equal([200]);
    });

    it(`is not told of ${status} to the second ${method} once the first is accepted`, async () => {
      await sendsTwice(method);
      first.respond(200);
      await hears(`200 to ${method}`);
      second.respond(status);
      await hears(`${status} to ${method}`);
      expect(finals).to.deep.equal([200]);
    });
  }

  it('is refused as the second was, once the first is refused too', async () => {
    await sendsTwice('BYE');
    second.respond(481);
    await hears('481 to BYE');
    expect(finals).to.deep.equal([]);
    first.respond(481);
    await eventually(5000, 'an answer', () => finals.length > 0);
    expect(finals).to.deep.equal([481]);
  });

  it('is refused at once where the second is not one that was there before', async () => {
    await sendsTwice('INVITE');
    second.respond(486);
    await eventually(5000, 'an answer', () => finals.length > 0);
    expect(finals).to.deep.equal([486]);
    expect(failures).to.deep.equal([]);
  });

  it('has both accepted where both are', async () => {
    await sendsTwice('INVITE');
    second.respond(200);
    first.respond(200);
    await eventually(5000, 'two answers', () => finals.length === 2);
    expect(finals).to.deep.equal([200, 200]);
  });
});
