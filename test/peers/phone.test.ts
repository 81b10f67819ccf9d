import { expect } from 'chai';
import { Header } from '../../proxy/sip/header.ts';
import { eventually } from './deadline.ts';
import { DnsServerStandIn } from './dns-server-stand-in.ts';
import { ownAddress } from './loopback.ts';
import { Phone, type PhoneOptions } from './phone.ts';
import { SipRefusal } from './sip-refusal.ts';
import { Transactions, type ServerTransaction } from './transactions.ts';

describe('phone', () => {
  const name = 'proxies.example.com';
  let dns: DnsServerStandIn;
  let open: { close(): Promise<void> }[];

  beforeEach(async () => {
    dns = await DnsServerStandIn.start();
    open = [dns];
  });
  afterEach(() => Promise.all(open.map((one) => one.close())));

  /** Grants every REGISTER for `expires` seconds and answers nothing else; silent if told. */
  async function registrar(address: string, { expires = 60, silent = false, tcp = false } = {}): Promise<Transactions> {
    const one = await Transactions.open(
      { address, port: 5060, tcp },
      {
        request: (transaction) => {
          const contact = transaction.request.value(Header.Contact) ?? '';
          if (!silent) transaction.respond(200, { lines: [`Contact: ${contact};expires=${expires}`] });
        },
        cancelled: () => undefined,
        acknowledged: () => undefined,
      },
    );
    open.push(one);
    return one;
  }

  async function phone(options: Partial<PhoneOptions> = {}): Promise<Phone> {
    const common = { user: 'alice', domain: 'example.com', address: ownAddress(), proxy: name, dns: dns.address };
    const one = await Phone.start({ ...common, patience: { other: 100 }, ...options });
    open.push(one);
    return one;
  }

  function targets(...addresses: string[]): void {
    dns.sip(
      name,
      addresses.map((address, priority) => ({ address, port: 5060, priority })),
    );
  }

  it('goes on to the next target of a name when one refuses, and when one is silent', async () => {
    const [refusing, silent, good] = [ownAddress(), ownAddress(), ownAddress()];
    await registrar(silent, { silent: true });
    await registrar(good);
    targets(refusing, silent, good);
    const alice = await phone();
    await alice.registers();
    expect(alice.registeredThrough?.address).to.equal(good);
    expect(alice.counter.of('sent REGISTER')).to.equal(3);
    await alice.registers();
    expect(alice.counter.of('sent REGISTER')).to.equal(4); // it stays with what worked
  });

  it('takes a call for ended whose BYE went through a proxy that died, though the other way brings 481', async () => {
    const [dying, other] = [ownAddress(), ownAddress()];
    const proxy = async (address: string, bye: (transaction: ServerTransaction) => void): Promise<Transactions> => {
      const request = (transaction: ServerTransaction): void => {
        if (transaction.request.method === 'BYE') bye(transaction);
        else transaction.respond(200, { toTag: 'bob', lines: [`Contact: <sip:bob@${name}>`] });
      };
      const peer = { request, cancelled: () => undefined, acknowledged: () => undefined };
      return await Transactions.open({ address, port: 5060 }, peer);
    };
    const first = await proxy(dying, () => void first.close());
    open.push(await proxy(other, (transaction) => transaction.respond(481)));
    targets(dying, other);
    const call = await (await phone()).calls('bob');
    await call.hangsUp();
    expect(call.hasEnded).to.equal(true);
  });

  it('has nowhere else to go when it was given an address', async () => {
    await registrar(ownAddress());
    const alice = await phone({ proxy: `${ownAddress()}:5060` });
    const refusal = await alice.registers().catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(SipRefusal).with.property('status', 0);
  });

  it('refreshes its registration before it ends', async () => {
    const address = ownAddress();
    await registrar(address, { expires: 1 });
    const alice = await phone({ proxy: `${address}:5060` });
    await alice.registers();
    await eventually(2000, 'a second REGISTER', () => alice.counter.of('received 200 to REGISTER') >= 2);
  });

  it('removes the contact it had as it takes another, again until a 200 says so', async () => {
    const address = ownAddress();
    const asked: string[][] = [];
    const answers = [200, 503, 200, 200];
    open.push(
      await Transactions.open(
        { address, port: 5060, tcp: false },
        {
          request: (transaction) => {
            const contacts = transaction.request.values(Header.Contact);
            asked.push(contacts.map((value) => value.replace(/^.*;line=|^.*@.*:\d+/, '')));
            transaction.respond(answers.shift() ?? 500, { lines: [`Contact: ${contacts[0]};expires=60`] });
          },
          cancelled: () => undefined,
          acknowledged: () => undefined,
        },
      ),
    );
    const alice = await phone({ proxy: `${address}:5060` });
    await alice.registers();
    expect(alice.confirmed?.contact).to.equal(alice.contact);
    await alice.moves(';line=1').catch(() => undefined);
    expect(alice.confirmed?.contact).to.equal(alice.contact);
    await alice.moves(';line=2');
    await alice.registers();
    expect(asked).to.deep.equal([['>'], ['1>', '>;expires=0'], ['2>', '>;expires=0', '1>;expires=0'], ['2>']]);
    expect(alice.confirmed?.contact).to.equal(`${alice.contact};line=2`);
  });

  it('registers over a new flow when its connection ends', async () => {
    const [first, second] = [ownAddress(), ownAddress()];
    const lost = await registrar(first, { tcp: true });
    await registrar(second, { tcp: true });
    targets(first, second);
    const alice = await phone({ transport: 'TCP' });
    await alice.registers();
    expect(alice.registeredThrough?.address).to.equal(first);
    await lost.close();
    await eventually(2000, 'it registered elsewhere', () => alice.registeredThrough?.address === second);
    expect(alice.counter.of('lost its flow')).to.equal(1);
  });

  it('says which address it could not have', async () => {
    const address = ownAddress();
    await phone({ address, port: 5060 });
    const error = await phone({ address, port: 5060 }).catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'EADDRINUSE');
  });
});
