import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { LuaFactory } from 'wasmoon';

const script = readFileSync(new URL('../../docs/argo-cd-health.lua', import.meta.url), 'utf8');

interface Health {
  readonly status: string;
  readonly message: string;
}

/** What Argo CD makes of a SipCluster: it runs the script with the object as `obj`. */
async function health(status: object | undefined, spec: object = {}): Promise<Health> {
  const lua = await new LuaFactory().createEngine();
  try {
    const object = { metadata: { generation: 2 }, spec, ...(status && { status }) };
    await lua.doString(`obj = ${asLua(object)}`);
    return (await lua.doString(script)) as Health;
  } finally {
    lua.global.close();
  }
}

/** A table as Lua writes it. */
function asLua(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(asLua).join(', ')}}`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, field]) => `[${JSON.stringify(name)}] = ${asLua(field)}`);
  return `{${fields.join(', ')}}`;
}

const condition = (type: string, status: string, message = type) => ({ type, status, message });
const status = (...conditions: object[]) => ({ observedGeneration: 2, conditions });

describe('the health of a SipCluster in Argo CD', () => {
  it('is Progressing until the operator has seen the newest generation', async () => {
    expect((await health(undefined)).status).to.equal('Progressing');
    const old = { ...status(condition('Ready', 'True')), observedGeneration: 1 };
    expect((await health(old)).status).to.equal('Progressing');
  });

  it('is Progressing while proxies are rolled, though they are Ready', async () => {
    const rolling = status(condition('Ready', 'True'), condition('Reconciling', 'True', 'under way: dc1'));
    expect(await health(rolling)).to.deep.equal({ status: 'Progressing', message: 'under way: dc1' });
  });

  it('is Healthy when Ready, even if a SIP Server or an etcd is out', async () => {
    const out = [condition('ServersAvailable', 'False'), condition('StoreAvailable', 'False')];
    expect((await health(status(condition('Ready', 'True'), ...out))).status).to.equal('Healthy');
  });

  it('is Degraded when stalled, or not Ready with nothing under way', async () => {
    const stalled = status(condition('Reconciling', 'True'), condition('Stalled', 'True', 'a pod does not start'));
    expect(await health(stalled)).to.deep.equal({ status: 'Degraded', message: 'a pod does not start' });
    expect((await health(status(condition('Ready', 'False')))).status).to.equal('Degraded');
  });

  it('is Suspended while it is paused', async () => {
    expect((await health(status(condition('Ready', 'True')), { paused: true })).status).to.equal('Suspended');
  });
});
