import net from 'node:net';
import type { Address } from '../address.ts';
import { hasOneOf, onJsonLine } from '../json-lines.ts';
import type { Change } from './state.ts';

export type MemberStateName = 'Backup' | 'Promoting' | 'Active';

/** What a member says of itself. */
export interface MemberStatus {
  readonly role: 'primary' | 'backup';
  readonly state: MemberStateName;
  /** Grows with every promotion: of two active members the greater one stays. */
  readonly epoch: number;
  /** Calls that are up. */
  readonly calls: number;
  /** Following an active member. */
  readonly following: boolean;
  readonly counts: Readonly<Record<string, number>>;
}

/** A line of JSON that the one who connects sends first. */
export type Question =
  | { readonly ask: 'follow' }
  | { readonly ask: 'status' }
  | { readonly ask: 'promote' }
  | { readonly ask: 'genesysRoute'; readonly uri?: string };

interface Snapshot {
  readonly epoch: number;
  readonly snapshot: readonly Change[];
}

type News = Snapshot | { readonly change: Change } | { readonly beat: number };

const isQuestion = (value: unknown): value is Question => hasOneOf(value, 'ask');
const isStatus = (value: unknown): value is MemberStatus => hasOneOf(value, 'epoch');
const isNews = (value: unknown): value is News => hasOneOf(value, 'snapshot', 'change', 'beat');

/** How often an active member shows its follower that it lives, ms. */
const beat = 100;

export interface LinkHost {
  status(): MemberStatus;
  promote(): void;
  genesysRoute(uri: string | undefined): void;
  snapshot(): readonly Change[];
  /** A follower went away: it died, or it gave up on us. */
  followerLost(): void;
}

/** The listening end of a member's link: followers, and whoever asks. */
export class Link {
  readonly #server = net.createServer();
  readonly #followers = new Set<net.Socket>();
  readonly #sockets = new Set<net.Socket>();
  readonly #host: LinkHost;
  readonly #beat: NodeJS.Timeout;

  private constructor(host: LinkHost) {
    this.#host = host;
    this.#server.on('connection', (socket) => this.#connected(socket));
    this.#beat = setInterval(() => this.#tell({ beat: Date.now() }), beat);
  }

  static async listen(at: Address, host: LinkHost): Promise<Link> {
    const link = new Link(host);
    await new Promise<void>((resolve, reject) => {
      link.#server.once('error', reject).listen({ host: at.address, port: at.port, exclusive: true }, resolve);
    });
    return link;
  }

  change(change: Change): void {
    this.#tell({ change });
  }

  close(): void {
    clearInterval(this.#beat);
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  dropFollowers(): void {
    for (const socket of this.#followers) socket.destroy();
  }

  #tell(news: News): void {
    if (this.#followers.size === 0) return;
    const line = `${JSON.stringify(news)}\n`;
    for (const follower of this.#followers) follower.write(line);
  }

  #connected(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => {
      this.#sockets.delete(socket);
      if (this.#followers.delete(socket)) this.#host.followerLost();
    });
    onJsonLine(socket, isQuestion, (question) => this.#asked(socket, question));
  }

  #asked(socket: net.Socket, question: Question): void {
    if (question.ask === 'promote') this.#host.promote();
    if (question.ask === 'genesysRoute') this.#host.genesysRoute(question.uri);
    const status = this.#host.status();
    if (question.ask !== 'follow') {
      socket.write(`${JSON.stringify(status)}\n`);
    } else if (status.state !== 'Active') {
      socket.destroy();
    } else {
      const first: Snapshot = { epoch: status.epoch, snapshot: this.#host.snapshot() };
      socket.write(`${JSON.stringify(first)}\n`);
      this.#followers.add(socket);
    }
  }
}

export interface FollowHost {
  snapshot(epoch: number, changes: readonly Change[]): void;
  change(change: Change): void;
  /** It was followed, and is silent or gone now. Called once. */
  lost(): void;
}

/** Follows the active member at `peer`, trying until there is one; after `lost()` no more. Returns what ends it. */
export function follow(peer: Address, silence: number, host: FollowHost): () => void {
  let ended = false;
  let followed = false;
  let socket: net.Socket | undefined;
  let timer: NodeJS.Timeout | undefined;

  const connect = (): void => {
    socket = net.connect({ host: peer.address, port: peer.port });
    const present = socket;
    present.write(`${JSON.stringify({ ask: 'follow' } satisfies Question)}\n`);
    present.on('error', () => undefined);
    present.on('close', () => {
      clearTimeout(timer);
      if (ended) return;
      if (followed) {
        ended = true;
        host.lost();
      } else {
        timer = setTimeout(connect, 50);
      }
    });
    onJsonLine(present, isNews, (news) => {
      clearTimeout(timer);
      timer = setTimeout(() => present.destroy(), silence); // a paused process keeps its connections
      if (ended) return;
      if ('snapshot' in news) {
        followed = true;
        host.snapshot(news.epoch, news.snapshot);
      } else if ('change' in news) {
        host.change(news.change);
      }
    });
  };
  connect();
  return () => {
    ended = true;
    clearTimeout(timer);
    socket?.destroy();
  };
}

/** Asks the member whose link is at `link`; undefined if nobody answers within `patience` ms. */
export function ask(link: Address, question: Question, patience = 300): Promise<MemberStatus | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: link.address, port: link.port });
    const end = (status?: MemberStatus): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(status);
    };
    const timer = setTimeout(end, patience);
    socket.on('error', () => end());
    socket.on('close', () => end());
    onJsonLine(socket, isStatus, end);
    socket.write(`${JSON.stringify(question)}\n`);
  });
}
