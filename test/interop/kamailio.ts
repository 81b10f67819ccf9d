import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { options } from '../builders.ts';
import { within } from '../peers/deadline.ts';
import { Program } from './program.ts';

/** Kamailio in one of the roles that kamailio/ROLE.cfg gives it. */
export class Kamailio {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  /** Resolves when it answers. `places` stand for `{{NAME}}` in the configuration. */
  static async start(
    role: 'server' | 'sbc',
    places: Readonly<Record<string, string>>,
    folder: string,
  ): Promise<Kamailio> {
    const template = readFileSync(join(import.meta.dirname, 'kamailio', `${role}.cfg`), 'utf8');
    const file = join(folder, 'kamailio.cfg');
    writeFileSync(
      file,
      template.replaceAll(/\{\{(\w+)\}\}/g, (_all, name: string) => places[name] ?? ''),
    );
    const program = Program.start('kamailio', ['-f', file, '-DD', '-E', '-m', '32', '-Y', folder], folder);
    const kamailio = new Kamailio(program);
    const address = places[role.toUpperCase()] ?? '';
    try {
      await within(20_000, `Kamailio as ${role} answers`, answers(address, program));
    } catch (error) {
      await kamailio.end();
      throw new Error(`${error instanceof Error ? error.message : ''}: ${program.output.slice(-800)}`, {
        cause: error,
      });
    }
    return kamailio;
  }

  async end(): Promise<void> {
    await this.#program.end();
  }
}

async function answers(address: string, program: Program): Promise<void> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const sentBy = `127.0.0.1:${socket.address().port}`;
  const ask = setInterval(() => socket.send(options({ sentBy, uri: `sip:${address}` }), 5060, address), 200);
  socket.on('error', () => undefined);
  try {
    const watch = new Promise<never>((_resolve, reject) => {
      setInterval(() => program.runs || reject(new Error('Kamailio has ended')), 200).unref();
    });
    await Promise.race([once(socket, 'message'), watch]);
  } finally {
    clearInterval(ask);
    socket.close();
  }
}
