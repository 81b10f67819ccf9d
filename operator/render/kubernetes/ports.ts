import type { Transport } from '../../../proxy/transport/hop.ts';

/** What carries a SIP transport. */
export function protocolOf(transport: Transport): 'UDP' | 'TCP' {
  return transport === 'UDP' ? 'UDP' : 'TCP';
}

/** The first of a list is called by its service's name, as in `_sip._udp`; the name of any other says its port, too. */
export function named<T extends { readonly port: number }>(
  list: readonly T[],
  nameOf: (item: T) => string,
): (T & { name: string })[] {
  const taken = new Set<string>();
  return list.map((item) => {
    const plain = nameOf(item);
    const name = taken.has(plain) ? `${plain}-${item.port}` : plain;
    taken.add(name);
    return { ...item, name };
  });
}
