import { expect } from 'chai';
import { accessId, EtcdConnections } from '../../operator/etcd-connections.ts';

describe('connections to etcds', () => {
  const access = { endpoints: ['http://127.0.0.1:2'], auth: { username: 'u', password: 'p' } };

  it('are one an etcd, whoever asks, and end with the last who has a share', () => {
    const connections = new EtcdConnections();
    const [first, second] = [connections.take(access), connections.take({ ...access })];
    const other = connections.take({ endpoints: ['http://127.0.0.1:3'] });
    expect(second.client).to.equal(first.client);
    expect(other.client).not.to.equal(first.client);
    first.release();
    expect(connections.size).to.equal(2);
    second.release();
    other.release();
    expect(connections.size).to.equal(0);
    const again = connections.take(access);
    expect(again.client).not.to.equal(first.client);
    again.release();
  });

  it('are another when any part of the access is', () => {
    const pem = Buffer.from('pem');
    const all = [
      access,
      { ...access, endpoints: ['http://127.0.0.1:2', 'http://127.0.0.1:3'] },
      { ...access, auth: { username: 'up', password: '' } },
      { endpoints: access.endpoints },
      { ...access, tls: { ca: pem } },
      { ...access, tls: { ca: Buffer.from(''), cert: pem, key: Buffer.from('') } },
    ];
    expect(new Set(all.map(accessId)).size).to.equal(all.length);
  });
});
