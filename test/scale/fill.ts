/**
 * Fills an etcd with bindings, as a process of its own: node fill.ts ENDPOINT COUNT NOW [ADDRESS…]. With addresses the
 * phones are there, over UDP.
 */
import { pino } from 'pino';
import { encodeBinding } from '../../proxy/store/codec.ts';
import { EtcdStore } from '../../proxy/store/etcd.ts';
import { bindingKey } from '../../proxy/store/keys.ts';
import { phone, PREFIX, udpPhone } from './phones.ts';

/** How many writes are on their way at once. */
const AT_ONCE = 4096;

const [endpoint = '', count = '0', now = '0', ...addresses] = process.argv.slice(2);
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
    const binding = addresses.length === 0 ? phone(i, Number(now)) : udpPhone(i, Number(now), addresses);
    await store.put(bindingKey(binding), encodeBinding(binding), { expires: binding.expires });
  }
};
await Promise.all(Array.from({ length: AT_ONCE }, write));
await store.close();
