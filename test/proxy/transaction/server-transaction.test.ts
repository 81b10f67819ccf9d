import { expect } from 'chai';
import { invite, options, respond } from '../../builders.ts';
import { connection, hopTo, Scene } from './scene.ts';

describe('a server transaction', () => {
  it('keeps its request and its context until it is let go, after its final response', () => {
    const scene = new Scene();
    const request = options();
    scene.receive(request);
    const { server } = scene;
    server.context = {};
    server.letGo();
    expect(server.request.method).to.equal('OPTIONS');
    expect(server.context).not.to.equal(undefined);
    server.respond(respond(request, 200), 200);
    server.letGo();
    expect(server.context).to.equal(undefined);
    expect(() => server.request).to.throw(RangeError, 'the request of an answered transaction was let go');
  });

  it('has the status of its first final response', () => {
    const scene = new Scene();
    const request = invite();
    scene.receive(request);
    scene.server.respond(respond(request, 180), 180);
    expect(scene.server.final).to.equal(0);
    scene.server.respond(respond(request, 200), 200);
    scene.server.respond(respond(request, 202), 202);
    expect(scene.server.final).to.equal(200);
    expect(scene.wire).to.deep.equal([180, 200, 202]);
  });

  it('has none of a response that its machine does not allow', () => {
    const scene = new Scene();
    const request = invite();
    scene.receive(request);
    scene.server.respond(respond(request, 486), 486);
    scene.server.respond(respond(request, 200), 200);
    expect([scene.server.final, ...scene.wire]).to.deep.equal([486, 486]);
  });

  it('says whether its machine took a response', () => {
    const scene = new Scene();
    const request = options();
    scene.receive(request);
    expect(scene.server.respond(respond(request, 200), 200)).to.equal(true);
    expect(scene.server.respond(respond(request, 486), 486)).to.equal(false);
  });

  it('has its 100 soon where another proxy handed it over, which takes a silence for death, and none after its end', () => {
    const scene = new Scene();
    const [slow, done] = [options(), options()];
    scene.receive(slow);
    scene.server.handedOver();
    scene.receive(done);
    scene.server.respond(respond(done, 200), 200);
    scene.server.handedOver();
    expect(scene.wire).to.deep.equal([200]);
    scene.advance(300);
    expect(scene.wire).to.deep.equal([200, 100]);
  });

  it('sends no 100 to an INVITE that was handed over: its user has done so at once', () => {
    const scene = new Scene();
    scene.receive(invite());
    scene.server.handedOver();
    scene.advance(1000);
    expect(scene.wire).to.deep.equal([]);
  });

  it('that got a failure is not taken for one that sent a 2xx', () => {
    const scene = new Scene();
    const request = invite();
    scene.receive(request);
    expect(scene.server.began('SIP/2.0 200 OK')).to.equal(false);
    scene.server.respond(respond(request, 300), 300);
    expect(scene.server.began('SIP/2.0 200 OK')).to.equal(false);
    expect(scene.server.began('SIP/2.0 300 ')).to.equal(true);
  });

  it('that sent a 2xx keeps none of it, and is taken for any', () => {
    const scene = new Scene();
    const request = invite();
    scene.receive(request);
    scene.server.respond(respond(request, 299), 299);
    expect(scene.server.began('SIP/2.0 200 OK')).to.equal(true);
    expect(scene.server.began('SIP/2.0 404 Not')).to.equal(false);
  });

  it('sends 408 to an INVITE, and to nothing else (RFC 4320)', () => {
    const scene = new Scene();
    for (const request of [invite(), options()]) {
      scene.receive(request);
      scene.server.respond(respond(request, 408), 408);
      expect(scene.server.final).to.equal(408);
    }
    expect(scene.sent.map(({ message }) => `${message.status} ${message.method}`)).to.deep.equal(['408 INVITE']);
  });

  it('tells the user when the connection that its request came by is closed', () => {
    const scene = new Scene();
    const stream = connection(1);
    const request = invite();
    scene.receive(request, hopTo('TCP', '127.0.0.1', 5060, stream));
    scene.server.respond(respond(request, 180), 180);
    Object.assign(stream, { open: false });
    scene.server.respond(respond(request, 486), 486);
    expect(scene.wire).to.deep.equal([180]);
    expect(scene.told).to.deep.equal(['request INVITE', 'connectionGone']);
  });

  it('can be dropped as if its request had never come', () => {
    const scene = new Scene();
    const request = options({ branch: 'z9hG4bKdropped' });
    scene.receive(request);
    scene.server.drop();
    expect(scene.timers.size).to.equal(0);
    scene.receive(request);
    expect(scene.told).to.deep.equal(['request OPTIONS', 'request OPTIONS']);
  });
});
