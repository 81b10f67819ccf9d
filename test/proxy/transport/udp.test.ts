import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { expect } from 'chai';
import type { Hop } from '../../../proxy/transport/hop.ts';
import { native } from '../../../proxy/transport/udp-batch.ts';
import { options, respond } from '../../builders.ts';
import { Scene, until } from './scene.ts';

// both of its sockets: the one that takes many datagrams a call is there where it could be compiled
for (const batched of native === undefined ? [false] : [true, false])
  describe(batched ? 'UDP by native/udp.c' : 'UDP by node:dgram', () => {
    let scene: Scene;
    let phone: Socket;
    let heard: string[];

    beforeEach(async () => {
      scene = await Scene.open({ batched, listeners: [{ transport: 'UDP' }] });
      phone = createSocket('udp4');
      heard = [];
      phone.on('message', (datagram) => heard.push(datagram.toString('latin1')));
      phone.bind(0, '127.0.0.1');
      await once(phone, 'listening');
    });

    afterEach(async () => {
      phone.close();
      await scene.transports.close();
    });

    const send = (text: string): void => phone.send(Buffer.from(text, 'latin1'), scene.port('UDP'), '127.0.0.1');

    it('hands up a datagram as latin1 text with where it came from', async () => {
      const text = options({}).replace('\r\n\r\n', '\r\nSubject: Gr\u00c3\u00bc\u00c3\u009fe\r\n\r\n');
      send(text);
      await until(() => scene.messages.length === 1);
      expect(scene.messages[0]?.text).to.equal(text);
      const from = scene.messages[0]?.from;
      expect(from).to.include({ transport: 'UDP', address: '127.0.0.1', port: phone.address().port });
      expect(from?.listener).to.equal(scene.transports.listener('UDP', 4));
    });

    it('answers to where a message came from, byte for byte', async () => {
      send(options({}));
      await until(() => scene.messages.length === 1);
      const [message] = scene.messages;
      if (message === undefined) throw new Error('no message');
      scene.transports.send('SIP/2.0 200 OK \u0000\u0080\u00ff\r\n\r\n', message.from);
      await until(() => heard.length === 1);
      expect(heard).to.deep.equal(['SIP/2.0 200 OK \u0000\u0080\u00ff\r\n\r\n']);
    });

    it('gives messages of one peer the same hop, which is also the one asked for by address', async () => {
      send(options({}));
      send(options({}));
      await until(() => scene.messages.length === 2);
      const hop = scene.messages[0]?.from;
      expect(scene.messages[1]?.from).to.equal(hop);
      expect(scene.transports.hop('UDP', '127.0.0.1', phone.address().port)).to.equal(hop);
    });

    it('drops keep-alives of line ends, NULs and less than 8 bytes, uncounted', async () => {
      for (const text of ['\r\n\r\n', '\r\n', '\0\0\0\0', '\0'.repeat(40), 'jaK', '']) send(text);
      send(options({}));
      await until(() => scene.messages.length === 1);
      expect(scene.transports.counters).to.include({ udpReceived: 1, stunDropped: 0 });
    });

    it('skips line ends before a message', async () => {
      const text = options({});
      send(`\r\n\r\n${text}`);
      await until(() => scene.messages.length === 1);
      expect(scene.messages[0]?.text).to.equal(text);
    });

    it('answers a STUN binding request, so that a phone learns its address (RFC 5626 4.4.2)', async () => {
      const answers: Buffer[] = [];
      phone.on('message', (datagram) => answers.push(datagram));
      send('\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl');
      await until(() => answers.length === 1);
      expect(answers[0]?.readUInt16BE(0)).to.equal(0x0101);
      expect((answers[0]?.readUInt16BE(26) ?? 0) ^ 0x2112).to.equal(phone.address().port);
      expect(scene.transports.counters).to.include({ udpReceived: 0, stunAnswered: 1 });
    });

    it('drops what begins like STUN and is no binding request', async () => {
      send('\x00\x11\x00\x00\x21\x12\xa4\x42abcdefghijkl');
      const text = options({});
      send(text);
      await until(() => scene.messages.length === 1);
      expect(scene.messages[0]?.text).to.equal(text);
      expect(scene.transports.counters).to.include({ udpReceived: 1, stunDropped: 1 });
    });

    it('drops a message that fits in no datagram, and does not take its hop for failed: others may wait for that', async () => {
      const hop = scene.transports.hop('UDP', '127.0.0.1', phone.address().port);
      scene.transports.send('x'.repeat(65_508), hop);
      await new Promise((resolve) => setImmediate(resolve));
      expect(scene.failures).to.deep.equal([]);
      expect(scene.transports.counters.tooLargeDropped).to.equal(1);
    });

    it('drops what its queue has no room for, as any network may, and fails no hop for it', async () => {
      const small = await Scene.open({ batched, listeners: [{ transport: 'UDP' }], limits: { datagramsQueued: 0 } });
      small.transports.send(options({}), small.transports.hop('UDP', '127.0.0.1', phone.address().port));
      await new Promise((resolve) => setImmediate(resolve));
      // the other kind gives its queue to the kernel before that is full
      if (!batched) expect(small.transports.counters).to.include({ udpSent: 0, sendQueueDropped: 1 });
      expect(small.failures).to.deep.equal([]);
      await small.transports.close();
    });

    it('sends and receives the largest datagram', async () => {
      const other = await Scene.open({ batched, listeners: [{ transport: 'UDP' }] });
      other.transports.send('x'.repeat(65_507), other.hopTo(scene, 'UDP'));
      await until(() => scene.messages.length === 1);
      expect(scene.messages[0]?.text).to.have.lengthOf(65_507);
      await other.transports.close();
    });

    it('finds the hop of a send that the system refuses', async () => {
      const good = scene.transports.hop('UDP', '127.0.0.1', phone.address().port);
      // A broadcast without the right to: refused by sendmsg itself
      const bad = scene.transports.hop('UDP', '127.255.255.255', 5060);
      scene.transports.send(options({}), good);
      scene.transports.send(options({}), bad);
      scene.transports.send(options({}), good);
      await until(() => scene.failures.length === 1 && heard.length === 2);
      expect(scene.failures[0]?.hop).to.equal(bad);
      expect(scene.transports.counters).to.include({ udpSent: 3, sendFailed: 1 });
    });

    it('survives a hop whose port is none', async () => {
      const hop = scene.transports.hop('UDP', '127.0.0.1', 70_000);
      scene.transports.send(options({}), hop);
      await until(() => scene.failures.length === 1);
      expect(scene.failures[0]?.hop).to.equal(hop);
    });

    const describeBatched = batched ? describe : undefined;
    describeBatched?.('sending to where nobody listens', () => {
      let nobody: Hop;

      beforeEach(async () => {
        const { port } = phone.address();
        phone.close();
        phone = createSocket('udp4');
        phone.on('message', (datagram) => heard.push(datagram.toString('latin1')));
        phone.bind(0, '127.0.0.1');
        await once(phone, 'listening');
        nobody = scene.transports.hop('UDP', '127.0.0.1', port);
      });

      it('learns of the first datagram at once what became of it (ICMP)', async () => {
        const text = options({});
        scene.transports.send(text, nobody);
        await until(() => scene.undelivered.length === 1);
        expect(scene.undelivered).to.deep.equal([{ hop: nobody, sent: text, reason: 'ECONNREFUSED' }]);
        expect(scene.transports.counters).to.include({ icmpErrors: 1, sendFailed: 0 });
        expect(scene.failures).to.deep.equal([]);
      });

      it('is told how a long one began', async () => {
        const text = `${options({})}${'x'.repeat(20_000)}`;
        scene.transports.send(text, nobody);
        await until(() => scene.undelivered.length === 1);
        const sent = scene.undelivered[0]?.sent ?? '';
        expect(sent.length).to.be.within(400, 576);
        expect(text.startsWith(sent)).to.equal(true);
      });

      it('loses nothing of what goes to others, nor of what comes from them', async () => {
        const good = scene.transports.hop('UDP', '127.0.0.1', phone.address().port);
        for (let i = 0; i < 200; i++) {
          scene.transports.send(`MESSAGE ${i} to nobody`, nobody);
          scene.transports.send(`MESSAGE ${i}`, good);
          if (i % 50 === 0) phone.send(options({}), scene.port('UDP'), '127.0.0.1');
          if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        await until(() => heard.length === 200 && scene.messages.length === 4);
        await until(() => scene.undelivered.length === 200);
        expect(scene.failures).to.deep.equal([]);
        expect(scene.transports.counters).to.include({ sendFailed: 0, sendQueueDropped: 0, udpSent: 400 });
      });

      it('goes on hearing of them, and of messages, however often', async () => {
        for (let i = 1; i <= 5; i++) {
          scene.transports.send(options({}), nobody);
          await until(() => scene.undelivered.length === i);
          phone.send(options({}), scene.port('UDP'), '127.0.0.1');
          await until(() => scene.messages.length === i);
        }
      });

      it('heeds a bounded number each second', async () => {
        const small = await Scene.open({ listeners: [{ transport: 'UDP' }], limits: { icmpErrors: 3 } });
        const hop = small.transports.hop('UDP', nobody.address, nobody.port);
        for (let i = 0; i < 10; i++) small.transports.send(options({}), hop);
        await until(() => small.transports.counters.icmpIgnored === 7);
        expect(small.undelivered).to.have.lengthOf(3);
        small.at += 1000;
        small.transports.send(options({}), hop);
        await until(() => small.undelivered.length === 4);
        await small.transports.close();
      });

      it('says nothing of a keep-alive that did not arrive', async () => {
        scene.transports.send('\r\n\r\n', nobody);
        scene.transports.send(options({}), nobody);
        await until(() => scene.undelivered.length === 1);
        expect(scene.transports.counters.icmpErrors).to.equal(1);
      });
    });

    describe('sending again to who has not answered', () => {
      it('learns that nobody listens there (ICMP)', async () => {
        const { port } = phone.address();
        phone.close();
        const hop = scene.transports.hop('UDP', '127.0.0.1', port);
        scene.transports.send(options({}), hop);
        scene.transports.resend(options({}), hop);
        // of the first datagram only one of the two sockets learns
        const told = batched ? 2 : 1;
        await until(() => scene.undelivered.length === told);
        expect(scene.undelivered.at(-1)).to.include({ hop, reason: 'ECONNREFUSED' });
        expect(scene.transports.counters).to.include({ icmpErrors: told });
        phone = createSocket('udp4');
      });

      it('comes from the same port, and the answers arrive as ever, from others too', async () => {
        const from: number[] = [];
        phone.on('message', (bytes, remote) => {
          from.push(remote.port);
          phone.send(respond(bytes.toString('latin1'), 200), remote.port, remote.address);
        });
        const hop = scene.transports.hop('UDP', '127.0.0.1', phone.address().port);
        for (let i = 0; i < 5; i++) scene.transports.resend(options({}), hop);
        scene.transports.send(options({}), hop);
        await until(() => scene.messages.length === 6);
        expect(new Set(from)).to.deep.equal(new Set([scene.port('UDP')]));
        expect(scene.messages.every((message) => message.from === hop)).to.equal(true);
        const other = await Scene.open({ batched, listeners: [{ transport: 'UDP' }] });
        for (let i = 0; i < 20; i++) other.transports.send(options({}), other.hopTo(scene, 'UDP'));
        await until(() => scene.messages.length === 26);
        await other.transports.close();
      });

      const itOneByOne = batched ? undefined : it;
      itOneByOne?.('takes a bounded number of sockets, each for a while', async () => {
        const small = await Scene.open({
          batched,
          listeners: [{ transport: 'UDP' }],
          limits: { icmpSockets: 2, icmpTimeout: 50 },
        });
        const to = (i: number): Hop => small.transports.hop('UDP', `127.0.0.${i}`, phone.address().port);
        for (let i = 1; i <= 4; i++) small.transports.resend(options({}), to(i));
        expect(small.transports.counters).to.include({ udpSent: 4, icmpWatched: 2 });
        await until(() => {
          small.transports.resend(options({}), to(4));
          return small.transports.counters.icmpWatched === 3;
        });
        await small.transports.close();
      });

      it('survives a hop whose port is none', async () => {
        scene.transports.resend(options({}), scene.transports.hop('UDP', '127.0.0.1', 70_000));
        await until(() => scene.failures.length === 1);
      });
    });
  });
