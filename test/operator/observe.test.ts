import { expect } from 'chai';
import { Observer } from '../../operator/observe.ts';

describe('the observer of what proxies publish', () => {
  it('opens nothing more once it is closed, as by a reconciliation that was under way', () => {
    const unused = new Proxy({} as ConstructorParameters<typeof Observer>[0], {
      get: (_, key) => expect.fail(`it asks for ${String(key)}`),
    });
    const observer = new Observer(unused);
    observer.close();
    const target = new Proxy({} as Parameters<Observer['follow']>[1][number], {
      get: (_, key) => expect.fail(`it asks for ${String(key)}`),
    });
    observer.follow('ns/name', [target]);
    expect(observer.views('ns/name')).to.deep.equal([]);
  });
});
