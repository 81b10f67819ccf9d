import { expect } from 'chai';
import { etcdClient } from '../../proxy/store/etcd-client.ts';
import { emptiedMembers, replaceAt } from '../../operator/etcd-members.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { eventually } from '../peers/deadline.ts';
import { EtcdMembers } from '../peers/etcd-members.ts';

describe('a member of an etcd whose volume is gone', function () {
  this.timeout(60_000);
  let etcd: EtcdMembers;

  before(async () => {
    etcd = await EtcdMembers.start();
  });
  after(() => etcd.stop());

  it('is removed and added again, and takes the data of the others', async () => {
    const [, , lost] = await etcd.byRole();
    const others = etcd.members.filter((member) => member !== lost);
    const client = etcdClient({ endpoints: others.map(({ endpoint }) => endpoint) });
    try {
      await client.put('kept').value('yes');
      const before = (await client.cluster.memberList({})).members;
      const its = before.find(({ clientURLs }) => clientURLs.includes(lost.endpoint));
      const [url = ''] = its?.peerURLs ?? [];
      const why = await lost.restartEmpty('new').then(
        () => 'it started',
        (error: unknown) => String(error),
      );
      expect(why).to.contain('has already been bootstrapped');

      const members = others.map(({ endpoint }) => ({ endpoint, access: {} }));
      // etcd takes no member before the others have been in touch for five seconds: it is tried until then.
      await eventually(20_000, 'etcd takes it', () =>
        replaceAt(members, url).then(
          () => true,
          () => false,
        ),
      );
      // Asked for again before it has started, it is left as it is.
      const added = (await client.cluster.memberList({})).members.map(({ ID }) => ID);
      await replaceAt(members, url);
      expect((await client.cluster.memberList({})).members.map(({ ID }) => ID)).to.deep.equal(added);

      await lost.restartEmpty('existing');
      const own = etcdClient({ endpoints: [lost.endpoint] });
      expect(await own.get('kept').string()).to.equal('yes');
      own.close();
      const after = (await client.cluster.memberList({})).members;
      expect(after).to.have.length(3);
      expect(after.map(({ ID }) => ID)).not.to.include(its?.ID);
    } finally {
      client.close();
    }
  });

  it('is known by what its pod ended with, until it has been seen to', () => {
    const pod = (message: string, annotations = {}): KubernetesObject => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'cc-etcd-dc1-1', labels: { 'sipcluster.io/part': 'cc-etcd-dc1' }, annotations },
      status: { containerStatuses: [{ state: { waiting: {} }, lastState: { terminated: { message } } }] },
    });
    const said = '{"level":"fatal","msg":"discovery failed","error":"member 8211f1d0 has already been bootstrapped"}';
    expect(emptiedMembers([pod(said)], 'cc-etcd-dc1')).to.have.length(1);
    expect(emptiedMembers([pod(said)], 'cc-etcd-dc2')).to.deep.equal([]);
    expect(emptiedMembers([pod('killed')], 'cc-etcd-dc1')).to.deep.equal([]);
    const seenTo = { 'sipcluster.io/initial-cluster-state': 'existing' };
    expect(emptiedMembers([pod(said, seenTo)], 'cc-etcd-dc1')).to.deep.equal([]);
  });
});
