import { Scene, type Client } from './scene.ts';

/** Scenes that listen on TCP, and who dials them; `end()` leaves nothing open. */
export class TcpScenes {
  readonly #scenes: Scene[] = [];
  readonly #clients: Client[] = [];

  async open(options: Parameters<typeof Scene.open>[0] = {}): Promise<Scene> {
    const scene = await Scene.open({ listeners: [{ transport: 'TCP' }], ...options });
    this.#scenes.push(scene);
    return scene;
  }

  async dial(scene: Scene): Promise<Client> {
    const client = await scene.dial();
    this.#clients.push(client);
    return client;
  }

  async end(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.socket.destroy();
    await Promise.all(this.#scenes.splice(0).map((scene) => scene.transports.close()));
  }
}
