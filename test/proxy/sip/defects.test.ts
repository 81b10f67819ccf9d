import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { DEFECTS, defect, isDefect } from '../../../proxy/sip/defects.ts';
import { Header, headerName } from '../../../proxy/sip/header.ts';
import { listDefects } from '../../tools/list-defects.ts';

describe('a defect', () => {
  it('is the reason phrase of its answer, with the status of its row', () => {
    expect(defect('Request-URI Too Long')).to.include({ status: 414, reason: 'Request-URI Too Long' });
    expect(defect('Bad CSeq', { headers: ['X: y'] }).headers).to.deep.equal(['X: y']);
  });

  it('has a row for each way in which a mandatory header field can be wrong', () => {
    for (const id of [Header.From, Header.To, Header.CallId, Header.CSeq])
      for (const what of ['Missing', 'Bad', 'Repeated']) expect(isDefect(`${what} ${headerName(id)}`)).to.equal(true);
  });

  it('is nothing that the table does not have', () => {
    expect([isDefect('Busy Here'), isDefect('toString')]).to.deep.equal([false, false]);
  });

  it('has a phrase that can stand in a status line, and a status that is a final failure', () => {
    for (const [name, { status }] of Object.entries(DEFECTS)) {
      expect(name).to.match(/^[A-Za-z-]+( [A-Za-z-]+)*$/);
      expect(status).to.be.within(400, 599);
    }
  });

  it('is in the table of docs/sip.md (test/tools/list-defects.ts writes it)', () => {
    const written = readFileSync(new URL('../../../docs/sip.md', import.meta.url), 'utf8');
    expect(written).to.equal(listDefects(written));
  });
});
