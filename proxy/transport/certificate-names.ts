import { isIP } from 'node:net';

/** What Node puts between the names of a certificate; one that holds a comma or a quote is a JSON string. */
const alternative = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g;

/** Of node:tls's PeerCertificate. */
interface Named {
  readonly subjectaltname?: string | undefined;
  readonly subject?: { readonly CN?: string | string[] };
}

/**
 * The SIP identities of a certificate (RFC 5922 7.1), in lower case: the hosts of sip URIs that name no user, or, where
 * there are none, DNS names; addresses; the common name only where there is no alternative name at all. Wildcards are
 * no identities (RFC 5922 7.2).
 */
export function certificateNames(certificate: Named): readonly string[] {
  const names = new Set<string>();
  const { subjectaltname, subject } = certificate;
  if (subjectaltname === undefined) {
    const common = subject?.CN ?? [];
    for (const name of typeof common === 'string' ? [common] : common) names.add(name.toLowerCase());
  } else {
    const found = [...subjectaltname.matchAll(alternative)].flatMap(([, type = '', written = '']) => {
      const name = identity(type, written.startsWith('"') ? String(JSON.parse(written)) : written);
      return name === undefined ? [] : [{ type, name }];
    });
    const byUri = found.some(({ type }) => type === 'URI');
    for (const { type, name } of found) if (type !== 'DNS' || !byUri) names.add(name.toLowerCase());
  }
  return [...names].filter((name) => name !== '' && !name.includes('*'));
}

/** `name`: a host name or a numeric address. Whole names are compared, in either case (RFC 5922 7.2). */
export function holdsName(names: readonly string[], name: string): boolean {
  return names.includes(name.toLowerCase());
}

function identity(type: string, name: string): string | undefined {
  switch (type) {
    case 'DNS':
      return name;
    case 'IP Address':
      return isIP(name) === 6 ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name;
    case 'URI':
      return name.includes('@') ? undefined : /^sip:(\[[^\]]*\]|[^;?:]+)/i.exec(name)?.[1];
    default:
      return undefined;
  }
}
