import { expect } from 'chai';
import fc from 'fast-check';
import { Edit } from '../../../proxy/sip/edit.ts';
import { Header, type HeaderId } from '../../../proxy/sip/header.ts';
import { parseMessage, type Message } from '../../../proxy/sip/message.ts';
import { invite, options, respond } from '../../builders.ts';
import { wellFormed } from './arbitrary.ts';

function edit(text: string, change: (edit: Edit, message: Message) => Edit): Message {
  const message = parseMessage(text);
  return parseMessage(change(new Edit(message), message).render());
}

/** Every field of a message, as written. */
function fieldsOf(message: Message): string[] {
  return Array.from({ length: message.fieldCount }, (_, i) =>
    message.text.slice(message.fieldStart(i), message.fieldEnd(i)),
  );
}

describe('an edit', () => {
  it('without changes gives the bytes it got', () => {
    fc.assert(
      fc.property(wellFormed, (text) => {
        expect(new Edit(parseMessage(text)).render()).to.equal(text);
      }),
    );
  });

  it('replaces the Request-URI', () => {
    const message = edit(invite(), (it) => it.requestUri('sip:bob@10.0.0.9:5070;ob'));
    expect(message.uri).to.equal('sip:bob@10.0.0.9:5070;ob');
    expect(message.body).to.match(/^v=0/);
  });

  it('replaces the status', () => {
    const message = edit(respond(invite(), 503), (it) => it.status(500, 'Server Internal Error'));
    expect(message).to.include({ status: 500, reason: 'Server Internal Error' });
  });

  it('puts a line before the first field of its kind, the last one given topmost', () => {
    const message = edit(invite({ branch: 'z9hG4bK1' }), (it) =>
      it.before(Header.Via, 'Via: SIP/2.0/UDP p;branch=2').before(Header.Via, 'Via: SIP/2.0/UDP q;branch=3'),
    );
    expect(message.values(Header.Via).map((value) => value.replace(/.*branch=([^;]*).*/, '$1'))).to.deep.equal([
      '3',
      '2',
      'z9hG4bK1',
    ]);
  });

  it('puts a line after the start line if there is none of its kind', () => {
    const message = edit(invite(), (it) => it.before(Header.RecordRoute, 'Record-Route: <sip:p;lr>'));
    expect(message.fieldId(0)).to.equal(Header.RecordRoute);
    expect(message.fieldId(1)).to.equal(Header.Via);
  });

  it('puts a line between fields, whatever else happens above it', () => {
    const message = edit(options({ route: ['<sip:a;lr>'] }), (it, was) =>
      it
        .before(Header.Route, 'Route: <sip:first;lr>')
        .replace(was.find(Header.MaxForwards), '69')
        .before(Header.Via, 'Via: SIP/2.0/UDP p;branch=z9hG4bK2'),
    );
    expect(message.text).to.match(
      /^OPTIONS .*\r\nVia: .*K2\r\nVia: .*\r\nMax-Forwards: 69\r\nRoute: <sip:first;lr>\r\nRoute: <sip:a;lr>\r\nFrom/,
    );
  });

  it('appends a line after the last field, before the body', () => {
    const message = edit(invite({ body: 'abc' }), (it) => it.append('X-One: 1').append('X-Two: 2'));
    expect(fieldsOf(message).slice(-2)).to.deep.equal(['X-One: 1\r\n', 'X-Two: 2\r\n']);
    expect(message.body).to.equal('abc');
  });

  it('removes a field, folds and all', () => {
    const text = options({ headers: ['X-Genesys-Route:\r\n <sip:10.0.0.1>', 'X-Other: 1'] });
    const message = edit(text, (it, was) => it.remove(was.find(Header.XGenesysRoute)));
    expect(message.has(Header.XGenesysRoute)).to.equal(false);
    expect(message.text).to.include('X-Other: 1\r\n');
  });

  it('replaces a value and keeps the name as written', () => {
    const text = options().replace('Max-Forwards: 70', 'MAX-forwards  :   70');
    const message = edit(text, (it, was) => it.replace(was.find(Header.MaxForwards), '69'));
    expect(message.text).to.include('\r\nMAX-forwards  : 69\r\n');
    expect(message.maxForwards).to.equal(69);
  });

  it('replaces the first value of a line, and keeps those that follow', () => {
    const message = edit(options({ route: ['<sip:a;lr> , <sip:b;lr>', '<sip:c;lr>'] }), (it, was) => {
      const index = was.find(Header.Route);
      return it.replaceFirst(index, '<sip:x;lr>', was.text.indexOf(' ,', was.fieldStart(index)));
    });
    expect(message.text).to.include('\r\nRoute: <sip:x;lr> , <sip:b;lr>\r\nRoute: <sip:c;lr>\r\n');
  });

  it('drops the topmost value, whether it has its line for itself or not', () => {
    const lines = ['<sip:a,1;lr> , <sip:b;lr>', '<sip:c;lr>', '"x,y" <sip:d;lr>,<sip:e;lr>'];
    const left = (times: number): readonly string[] =>
      edit(options({ route: lines }), (it) => {
        for (let i = 0; i < times; i++) it.dropFirstValue(Header.Route);
        return it;
      }).values(Header.Route);
    const all = left(0);
    expect(all).to.have.length(5);
    for (let times = 1; times <= 6; times++) expect(left(times)).to.deep.equal(all.slice(times));
  });

  it('drops the topmost of values it has put there itself', () => {
    const message = edit(options({ route: ['<sip:a;lr>', '<sip:b;lr>'] }), (it, was) =>
      it.replace(was.find(Header.Route), '<sip:x;lr>, <sip:y;lr>').dropFirstValue(Header.Route),
    );
    expect(message.values(Header.Route)).to.deep.equal(['<sip:y;lr>', '<sip:b;lr>']);
    const alone = edit(options({ route: ['<sip:a;lr>', '<sip:b;lr>'] }), (it, was) =>
      it.replace(was.find(Header.Route), '<sip:x;lr>').dropFirstValue(Header.Route),
    );
    expect(alone.text).to.match(/\r\nMax-Forwards: 70\r\nRoute: <sip:b;lr>\r\n/);
  });

  it('drops the topmost value of the first field, as of any', () => {
    const message = edit(options({ via: ['SIP/2.0/UDP a;branch=1', 'SIP/2.0/UDP b;branch=2'] }), (it) =>
      it.dropFirstValue(Header.Via),
    );
    expect(message.values(Header.Via)).to.deep.equal(['SIP/2.0/UDP b;branch=2']);
  });

  it('drops many values of one line without reading it over and over', () => {
    const routes = Array.from({ length: 5000 }, (_, i) => `<sip:${i}>`).join(',');
    const message = parseMessage(options({ route: [routes] }));
    const it = new Edit(message);
    for (let i = 0; i < 4999; i++) it.dropFirstValue(Header.Route);
    expect(parseMessage(it.render()).values(Header.Route)).to.deep.equal(['<sip:4999>']);
  });

  it('makes several changes at once, in whatever order they are given', () => {
    const text = invite({ route: ['<sip:us;lr>, <sip:them;lr>'], headers: ['X-Genesys-Route: <sip:s>'] });
    const changes: ((it: Edit, was: Message) => Edit)[] = [
      (it) => it.append('X-Last: 1'),
      (it, was) => it.remove(was.find(Header.XGenesysRoute)),
      (it) => it.before(Header.Via, 'Via: SIP/2.0/UDP p;branch=z9hG4bK2'),
      (it) => it.dropFirstValue(Header.Route),
      (it, was) => it.replace(was.find(Header.MaxForwards), '69'),
      (it) => it.requestUri('sip:x@y'),
    ];
    const message = parseMessage(text);
    const render = (order: typeof changes): string =>
      order.reduce((it, change) => change(it, message), new Edit(message)).render();
    const expected = render(changes);
    fc.assert(
      fc.property(fc.shuffledSubarray(changes, { minLength: changes.length }), (order) => {
        expect(render(order)).to.equal(expected);
      }),
    );
    expect(parseMessage(expected).values(Header.Route)).to.deep.equal(['<sip:them;lr>']);
  });

  it('leaves every field that it does not touch byte for byte in its place', () => {
    const id = fc.constantFrom<HeaderId>(Header.Via, Header.Route, Header.RecordRoute, Header.Contact);
    fc.assert(
      fc.property(wellFormed, id, fc.nat(30), fc.nat(30), (text, dropped, removed, replaced) => {
        const message = parseMessage(text);
        const it = new Edit(message).before(Header.Via, 'Via: SIP/2.0/UDP new;branch=z9').append('X-New: 1');
        it.dropFirstValue(dropped);
        const touched = new Set([message.find(dropped)]);
        for (const [index, change] of [
          [removed, () => it.remove(removed)],
          [replaced, () => it.replace(replaced, 'new value')],
        ] as const) {
          if (index >= message.fieldCount || message.fieldId(index) !== Header.Other) continue;
          touched.add(index);
          change();
        }
        const before = fieldsOf(message).filter((_, i) => !touched.has(i));
        const after = it.render();
        let from = 0;
        for (const field of before) {
          from = after.indexOf(field, from);
          expect(from, field).to.be.greaterThan(-1);
          from += field.length;
        }
        expect(after.endsWith(`\r\nX-New: 1\r\n\r\n${message.body}`)).to.equal(true);
      }),
    );
  });
});
