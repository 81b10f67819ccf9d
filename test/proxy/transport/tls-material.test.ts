import { expect } from 'chai';
import { pino } from 'pino';
import { CredentialsError } from '../../../proxy/transport/credentials.ts';
import { TlsMaterial } from '../../../proxy/transport/tls-material.ts';
import { Authority, Directories } from './certificates.ts';

describe('certificate directories', () => {
  let authority: Authority;
  let directories: Directories;
  let material: TlsMaterial;
  let logged: { level: number; msg: string }[];

  before(async () => {
    authority = await Authority.make();
  });

  beforeEach(() => {
    directories = new Directories();
    logged = [];
    const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line)) });
    material = new TlsMaterial({ log, now: () => Date.now() });
  });

  afterEach(() => {
    material.close();
    directories.remove();
  });

  function refusal(path: string, use: 'certificate' | 'authorities'): string {
    try {
      material.credentials(path, use);
    } catch (error) {
      if (error instanceof CredentialsError) return error.message.replaceAll(path, 'DIR');
      throw error;
    }
    return '';
  }

  it('say which file is missing and what belongs there', async () => {
    const { cert, key } = await authority.issue({});
    const empty = directories.write('empty', {});
    expect(refusal(empty, 'certificate')).to.match(/^can't use DIR\/tls.crt: it is missing; put the certificate/);
    expect(refusal(empty, 'authorities')).to.match(/^can't use DIR\/ca.crt: it is missing; put the authorities/);
    expect(refusal(directories.write('keyless', { cert }), 'certificate')).to.match(
      /^can't use DIR\/tls.key: it is missing/,
    );
    expect(refusal(directories.write('certless', { key }), 'authorities')).to.contain('ca.crt');
  });

  it('say which file is not what it should be', async () => {
    const { cert, key } = await authority.issue({});
    const noCert = directories.write('no-cert', { cert: 'no PEM', key });
    expect(refusal(noCert, 'certificate')).to.match(/^can't use DIR\/tls.crt: it holds no certificate/);
    const noKey = directories.write('no-key', { cert, key: 'no PEM' });
    expect(refusal(noKey, 'certificate')).to.match(/^can't use DIR\/tls.key: it holds no private key/);
    const noCa = directories.write('no-ca', { cert, key, ca: 'no PEM' });
    expect(refusal(noCa, 'certificate')).to.match(/^can't use DIR\/ca.crt: it holds no certificate/);
  });

  it('say that a key belongs to another certificate', async () => {
    const [one, other] = [await authority.issue({}), await authority.issue({})];
    const mixed = directories.write('mixed', { cert: one.cert, key: other.key });
    expect(refusal(mixed, 'certificate')).to.match(/^can't use DIR\/tls.key: it is not the key of DIR\/tls.crt/);
  });

  it('are read again, and whoever follows one hears of the change once', async () => {
    const path = directories.write('one', await authority.issue({}));
    material.credentials(path, 'certificate');
    const heard: (string | undefined)[] = [];
    const unfollow = material.follow(path, ({ cert }) => heard.push(cert));
    material.refresh();
    expect(heard).to.deep.equal([]);
    const renewed = await authority.issue({});
    directories.write('one', renewed);
    material.refresh();
    material.refresh();
    expect(heard).to.deep.equal([renewed.cert]);
    unfollow();
    directories.write('one', await authority.issue({}));
    material.refresh();
    expect(heard).to.have.lengthOf(1);
  });

  it('stay in use as they were while what replaces them is half written, which is said once', async () => {
    const old = await authority.issue({});
    const path = directories.write('one', old);
    material.credentials(path, 'certificate');
    const renewed = await authority.issue({});
    directories.write('one', { cert: renewed.cert });
    material.refresh();
    material.refresh();
    expect(material.credentials(path, 'certificate').cert).to.equal(old.cert);
    expect(logged.filter(({ level }) => level === 40).map(({ msg }) => msg)).to.have.lengthOf(1);
    expect(logged[0]?.msg).to.match(/tls.key: it is not the key of .* What was loaded before stays in use$/);
    expect(material.complaints).to.have.lengthOf(1);
    expect(material.complaints[0]).to.contain('tls.key: it is not the key of');
    directories.write('one', renewed);
    material.refresh();
    expect(material.complaints).to.deep.equal([]);
    directories.write('one', { key: renewed.key });
    material.refresh();
    expect(material.credentials(path, 'certificate').cert).to.equal(renewed.cert);
  });

  it('warn of a certificate that ends within a week', async () => {
    const path = directories.write('one', await authority.issue({ validFor: 3_600_000 }));
    material.credentials(path, 'certificate');
    expect(logged[0]?.msg).to.match(/^the certificate in tls.crt ends .*: put a newer one there$/);
  });
});
