import { expect } from 'chai';
import fc from 'fast-check';
import { Header, headerId, headerName, isList } from '../../../proxy/sip/header.ts';

describe('header names', () => {
  const ids = Object.values(Header).filter((id) => id !== Header.Other && id !== Header.Unreadable);

  it('are found by their canonical spelling', () => {
    for (const id of ids) expect(headerId(headerName(id)), headerName(id)).to.equal(id);
  });

  it('are found in any case', () => {
    for (const id of ids) {
      expect(headerId(headerName(id).toLowerCase())).to.equal(id);
      expect(headerId(headerName(id).toUpperCase())).to.equal(id);
    }
  });

  it('are found in their compact forms', () => {
    const compact = {
      i: 'Call-ID',
      m: 'Contact',
      f: 'From',
      t: 'To',
      v: 'Via',
      l: 'Content-Length',
      c: 'Content-Type',
    };
    const more = { s: 'Subject', k: 'Supported', o: 'Event', r: 'Refer-To', x: 'Session-Expires' };
    for (const [short, name] of Object.entries({ ...compact, ...more })) {
      expect(headerName(headerId(short)), short).to.equal(name);
      expect(headerName(headerId(short.toUpperCase())), short).to.equal(name);
    }
  });

  it('that the proxy does not look at are Other', () => {
    for (const name of ['', 'Z', 'Via2', 'Contac', 'Call_ID', 'Call\rID', 'P-Preferred-Identity', 'ÿ', '\u{1f4de}']) {
      expect(headerId(name), name).to.equal(Header.Other);
    }
  });

  it('that only begin with one the proxy looks at are Other', () => {
    const chars = [...'abcdefghijklmnopqrstuvwxyz-'];
    for (const begun of ids.map(headerName)) {
      for (const one of chars) {
        for (const two of chars) {
          const name = `${begun}${one}${two}`;
          if (headerId(name) !== Header.Other) expect.fail(`${name} is taken for ${headerName(headerId(name))}`);
        }
      }
    }
  });

  it('are never confused', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const id = headerId(name);
        if (id !== Header.Other && name.length > 1) expect(name.toLowerCase()).to.equal(headerName(id).toLowerCase());
      }),
    );
  });

  it('say which fields are lists', () => {
    expect([Header.Via, Header.Route, Header.RecordRoute, Header.Contact, Header.Path].every(isList)).to.equal(true);
    expect([Header.CallId, Header.Date, Header.Authorization, Header.Other].some(isList)).to.equal(false);
  });
});
