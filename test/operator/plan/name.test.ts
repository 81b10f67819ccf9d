import { expect } from 'chai';
import fc from 'fast-check';
import { shardName, storeName } from '../../../operator/plan/name.ts';

const name = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/);
const cluster = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/);

describe('names of what the operator makes', () => {
  it('are the parts as they stand where those will do', () => {
    expect(shardName('voice', 'main', 'agents', 'eu-west-1')).to.equal('voice-main-agents-eu-west-1');
    expect(storeName('contact-center', 'dc1')).to.equal('contact-center-etcd-dc1');
  });

  it('get a short hash where a part had to be changed', () => {
    expect(shardName('voice', 'Main', 'DN_1', 'dc1')).to.match(/^voice-main-dn-1-dc1-[0-9a-f]{8}$/);
    expect(shardName('voice', 'Main', 'DN_1', 'dc1')).not.to.equal(shardName('voice', 'main', 'DN_1', 'dc1'));
  });

  it('keep the cluster and the geo-location where they had to be cut', () => {
    const long = shardName('contact-center', 'SIP_Cluster_Switch', 'SIP_Cluster_DN', 'dc1');
    expect(long).to.match(/^contact-center-sip-cluster-switch-dc1-[0-9a-f]{8}$/);
  });

  it('tell apart what would read the same when joined', () => {
    expect(shardName('c', 'a-b', 'd', 'dc1')).not.to.equal(shardName('c', 'a', 'b-d', 'dc1'));
    expect(shardName('c', 'etcd', 'x', 'y')).not.to.equal(storeName('c', 'x-y'));
  });

  it('are names of a Service, and short enough for what pods add to them', () => {
    fc.assert(
      fc.property(cluster, name, name, name, (...parts) => {
        expect(shardName(...parts)).to.match(/^[a-z]([a-z0-9-]{0,44}[a-z0-9])?$/);
        expect(storeName(parts[0], parts[3])).to.match(/^[a-z]([a-z0-9-]{0,44}[a-z0-9])?$/);
      }),
    );
  });

  it('differ where a part differs', () => {
    fc.assert(
      fc.property(cluster, fc.tuple(name, name, name), fc.tuple(name, name, name), (of, one, other) => {
        fc.pre(one.join('/') !== other.join('/'));
        expect(shardName(of, ...one)).not.to.equal(shardName(of, ...other));
      }),
    );
  });
});
