import { expect } from 'chai';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { decode, encode, TRUNCATED_RESPONSE } from 'dns-packet';
import { DnsClient, DnsError } from '../../../proxy/transport/dns-client.ts';
import { DnsServerStandIn } from '../../peers/dns-server-stand-in.ts';

async function codeOf(query: Promise<unknown>): Promise<string> {
  try {
    await query;
  } catch (error) {
    if (error instanceof DnsError) return error.code;
    throw error;
  }
  throw new Error('it was answered');
}

describe('a DNS client', () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function server(): Promise<DnsServerStandIn> {
    const started = await DnsServerStandIn.start();
    closing.push(() => started.close());
    return started;
  }

  /** Answers each datagram as told; `IP:PORT`. */
  async function answering(answer: (query: Buffer) => readonly Buffer[]): Promise<string> {
    const socket = createSocket('udp4');
    closing.push(() => socket.close());
    socket.on('message', (query, from) => {
      for (const datagram of answer(query)) socket.send(datagram, from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return `127.0.0.1:${socket.address().port}`;
  }

  const client = (...servers: string[]) =>
    new DnsClient({ servers: () => servers, now: () => 0, timeout: 200, tries: 1 });

  /** An SRV answer to this query. */
  function srvTo(query: Buffer, target: string, changes: { id?: number; name?: string } = {}): Buffer {
    const { id = 0, questions = [] } = decode(query);
    const name = changes.name ?? questions[0]?.name ?? '';
    return encode({
      type: 'response',
      id: changes.id ?? id,
      questions: [{ type: 'SRV', name }],
      answers: [{ type: 'SRV', name, ttl: 77, data: { target, port: 5060 } }],
    });
  }

  it('tells SRV and NAPTR records with their TTL', async () => {
    const dns = await server();
    dns.ttl = 77;
    dns.srv('_sip._udp.example.com', [{ target: 'a.example.com', port: 5062, priority: 7, weight: 3 }]);
    dns.naptr('example.com', [{ order: 10, service: 'SIP+D2U', replacement: '_sip._udp.example.com' }]);
    const [srv] = await client(dns.address).query('_sip._udp.example.com', 'SRV');
    expect(srv).to.deep.include({ ttl: 77, data: { target: 'a.example.com', port: 5062, priority: 7, weight: 3 } });
    const [naptr] = await client(dns.address).query('example.com', 'NAPTR');
    expect(naptr?.ttl).to.equal(77);
    expect(naptr?.data).to.include({ order: 10, services: 'SIP+D2U', replacement: '_sip._udp.example.com' });
  });

  it('believes a record for no longer than the alias that led to it (RFC 1034 3.6.2)', async () => {
    const name = '_sip._udp.example.com';
    const at = await answering((query) => [
      encode({
        type: 'response',
        id: decode(query).id,
        questions: [{ type: 'SRV', name }],
        answers: [
          { type: 'CNAME', name, ttl: 5, data: '_sip._udp.site-b.example.com' },
          {
            type: 'SRV',
            name: '_sip._udp.site-b.example.com',
            ttl: 3_600,
            data: { target: 'b.example.com', port: 5060 },
          },
        ],
      }),
    ]);
    const [srv] = await client(at).query(name, 'SRV');
    expect(srv).to.deep.include({ ttl: 5 });
    expect(srv?.data.target).to.equal('b.example.com');
  });

  it('tells no such name from no such record', async () => {
    const dns = (await server()).a('a.example.com', ['127.0.0.1']);
    expect(await codeOf(client(dns.address).query('nowhere.example.com', 'SRV'))).to.equal('ENOTFOUND');
    expect(await codeOf(client(dns.address).query('a.example.com', 'SRV'))).to.equal('ENODATA');
  });

  it('asks the next server when one is not there or says nothing', async () => {
    const dns = (await server()).srv('_sip._udp.example.com', [{ target: 'a.example.com', port: 5060 }]);
    const silent = await answering(() => []);
    const [srv] = await client('127.0.0.1:1', silent, dns.address).query('_sip._udp.example.com', 'SRV');
    expect(srv?.data.target).to.equal('a.example.com');
    expect(await codeOf(client(silent).query('_sip._udp.example.com', 'SRV'))).to.equal('ETIMEOUT');
    expect(await codeOf(client('127.0.0.1:1').query('_sip._udp.example.com', 'SRV'))).to.equal('ECONNREFUSED');
  });

  it('asks a server that said nothing after the others for 30 s, and first again when it answers', async () => {
    let [now, isSilent] = [0, true];
    const asked: string[] = [];
    const name = '_sip._udp.example.com';
    const one = await answering((query) => {
      asked.push('one');
      return isSilent ? [] : [srvTo(query, 'a.example.com')];
    });
    const other = await answering((query) => {
      asked.push('other');
      return [srvTo(query, 'a.example.com')];
    });
    const servers = [one, other];
    const dns = new DnsClient({ servers: () => servers, now: () => now, timeout: 200, tries: 1 });
    const askedFor = async (): Promise<string[]> => {
      await dns.query(name, 'SRV');
      return asked.splice(0);
    };
    expect(await askedFor()).to.deep.equal(['one', 'other']);
    now = 29_000;
    expect(await askedFor()).to.deep.equal(['other']);
    // it is left out of nothing: the others may be gone
    isSilent = false;
    servers.splice(1, 1, '127.0.0.1:1');
    expect(await askedFor()).to.deep.equal(['one']);
    servers.splice(1, 1, other);
    expect(await askedFor()).to.deep.equal(['one']);
    isSilent = true;
    expect(await askedFor()).to.deep.equal(['one', 'other']);
    now = 60_000;
    expect(await askedFor()).to.deep.equal(['one', 'other']);
  });

  it('believes no answer to another question, nor what is none (RFC 5452 4)', async () => {
    const at = await answering((query) => [
      Buffer.from('nonsense'),
      srvTo(query, 'forged.example.com', { id: ((decode(query).id ?? 0) + 1) & 0xffff }),
      srvTo(query, 'forged.example.com', { name: 'other.example.com' }),
      query,
      srvTo(query, 'true.example.com'),
    ]);
    const [srv] = await client(at).query('_sip._udp.example.com', 'SRV');
    expect(srv?.data.target).to.equal('true.example.com');
  });

  it('asks by TCP for what does not fit in a datagram', async () => {
    const tcp = createServer((socket) => {
      socket.once('data', (chunk: Buffer) => {
        const answer = srvTo(chunk.subarray(2), 'whole.example.com');
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        // in two pieces, the first of them within the length
        socket.write(length.subarray(0, 1));
        setImmediate(() => socket.write(Buffer.concat([length.subarray(1), answer])));
      });
    });
    closing.push(() => tcp.close());
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    const at = tcp.address();
    if (at === null || typeof at === 'string') throw new Error('no address');
    const udp = createSocket('udp4');
    closing.push(() => udp.close());
    udp.on('message', (query, from) => {
      const { id = 0, questions = [] } = decode(query);
      udp.send(encode({ type: 'response', id, flags: TRUNCATED_RESPONSE, questions }), from.port, from.address);
    });
    await new Promise<void>((resolve) => udp.bind(at.port, '127.0.0.1', resolve));
    const [srv] = await client(`127.0.0.1:${at.port}`).query('_sip._udp.example.com', 'SRV');
    expect(srv?.data.target).to.equal('whole.example.com');
  });
});
