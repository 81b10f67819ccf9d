/**
 * Fills an etcd with bindings, as a process of its own: node fill.ts ENDPOINT COUNT NOW [ADDRESS…]. With addresses the
 * phones are there, over UDP; with --load ADDRESS:PORT they are those of a load there.
 */
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { encodeBinding } from '../../proxy/store/codec.ts';
import { EtcdStore } from '../../proxy/store/etcd.ts';
import { bindingKey } from '../../proxy/store/keys.ts';
import type { Binding } from '../../proxy/store/records.ts';
import { loadsUser, phone, PREFIX, udpPhone } from './phones.ts';

/** How many writes are on their way at once. */
const AT_ONCE = 4096;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { load: { type: 'string' } } });
const [endpoint = '', count = '0', time = '0', ...addresses] = positionals;
const now = Number(time);
const [address = '', port] = values.load?.split(':') ?? [];
const bindingOf = (i: number): Binding => {
  if (values.load !== undefined) return loadsUser(i, now, { address, port: Number(port) });
  return addresses.length === 0 ? phone(i, now) : udpPhone(i, now, addresses);
};
const store = new EtcdStore({
  geoLocation: 'dc1',
  endpoints: [endpoint],
  prefix: PREFIX,
  log: pino({ level: 'warn' }, pino.destination(2)),
  now: Date.now,
  // no write is given up because the machine is busy
  times: { write: 120_000 },
});
let next = 0;
const write = async (): Promise<void> => {
  for (let i = next++; i < Number(count); i = next++) {
    const binding = bindingOf(i);
    await store.put(bindingKey(binding), encodeBinding(binding), { expires: binding.expires });
  }
};
await Promise.all(Array.from({ length: AT_ONCE }, write));
await store.close();
