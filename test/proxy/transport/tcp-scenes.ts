import type { Connection, Hop } from '../../../proxy/transport/hop.ts';
import { options } from '../../builders.ts';
import { Scene, until, type Client } from './scene.ts';

/** Scenes that listen on TCP, and who dials them; `end()` leaves nothing open. */
export class TcpScenes {
  readonly #scenes: Scene[] = [];
  readonly #clients: Client[] = [];

  async open(given: Parameters<typeof Scene.open>[0] = {}): Promise<Scene> {
    const scene = await Scene.open({ listeners: [{ transport: 'TCP' }], ...given });
    this.#scenes.push(scene);
    return scene;
  }

  async dial(scene: Scene): Promise<Client> {
    const client = await scene.dial();
    this.#clients.push(client);
    return client;
  }

  /** Somebody dials and is the first to ask something; `from` is where that came from. */
  async heard(scene: Scene): Promise<{ client: Client; from: Hop; connection: Connection }> {
    const client = await this.dial(scene);
    client.write(options({}));
    await until(() => scene.messages.length === 1);
    const from = scene.messages[0]?.from;
    if (from?.connection === undefined) throw new Error('no connection');
    return { client, from, connection: from.connection };
  }

  async end(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.socket.destroy();
    await Promise.all(this.#scenes.splice(0).map((scene) => scene.transports.close()));
  }
}
