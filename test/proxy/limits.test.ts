import { expect } from 'chai';
import { DEFAULT_LIMITS, type LimitsConfig } from '../../proxy/limits.ts';
import { invite, options } from '../builders.ts';
import { AT, requestIn, Scene, statuses } from './routing/scene.ts';

const limited = async (limits: Partial<LimitsConfig>): Promise<Scene> =>
  Scene.begin({ limits: { ...DEFAULT_LIMITS, ...limits } });

const fields = (count: number): string[] => Array.from({ length: count }, (_, i) => `X-Field: ${i}`);

describe('limits that are configured', () => {
  for (const [what, limits, message, status] of [
    ['bytes of a message', { messageBytes: 4096 }, { body: 'x'.repeat(4096) }, 513],
    ['its header fields', { headerFields: 64 }, { headers: fields(64) }, 400],
    ['characters of a Request-URI', { requestUri: 256 }, { uri: `sip:${'x'.repeat(256)}@example.com` }, 414],
  ] as const) {
    it(`are of ${what}`, async () => {
      const text = invite({ ...message, sentBy: `${AT.alice}:5060` });
      expect(statuses(await (await limited(limits)).receives(text, AT.alice))).to.deep.equal([status]);
      expect(requestIn(await (await limited({})).receives(text, AT.alice)).message.method).to.equal('INVITE');
    });
  }

  it('may be above the usual ones', async () => {
    const scene = await limited({ headerFields: 1024 });
    const asked = requestIn(await scene.receives(invite({ headers: fields(900) }), AT.alice));
    expect(asked.text).to.contain('X-Field: 899\r\n');
  });

  it('are what Max-Breadth is lowered to', async () => {
    const asked = requestIn(await (await limited({ maxBreadth: 8 })).receives(invite(), AT.alice));
    expect(asked.text).to.contain('Max-Breadth: 8\r\n');
  });

  it('may change while it runs', async () => {
    const scene = await limited({});
    const { config, identity, trust } = scene.core;
    scene.core.reconfigure({ ...config, limits: { ...DEFAULT_LIMITS, messageBytes: 4096 } }, identity, trust);
    const text = options({ body: 'x'.repeat(4096), sentBy: `${AT.alice}:5060` });
    expect(statuses(await scene.receives(text, AT.alice))).to.deep.equal([513]);
  });
});
