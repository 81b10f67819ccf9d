/**
 * Hostile clients in a process of their own, so that those who measure are not held up by them:
 * `hostile-crowd.ts ADDRESS FROM CONNECTIONS SECONDS`. Its last line tells how many were not closed on it.
 */
import { HostileClient, kinds } from './hostile-clients.ts';

const [, , address = '', from = '', total = '10000', seconds = '40'] = process.argv;
/** New connections a second. */
const rate = 250;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const clients: HostileClient[] = [];
while (clients.length < Number(total)) {
  for (let i = 0; i < rate / 10 && clients.length < Number(total); i++) {
    const number = clients.length;
    const loud = Math.floor(number / kinds.length) % 10 === 0;
    clients.push(new HostileClient(kinds[number % kinds.length] ?? '', address, from, loud));
  }
  await pause(100);
}
await pause(Number(seconds) * 1000);
const left = clients.filter(({ closed }) => !closed).length;
const connected = clients.filter(({ wasConnected }) => wasConnected).length;
for (const client of clients) client.end();
console.log(JSON.stringify({ connected, left }));
