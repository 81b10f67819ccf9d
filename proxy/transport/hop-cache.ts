import type { Hop, Listener } from './hop.ts';
import { PeerMap } from './peer-map.ts';

/**
 * The hops of one listener by remote address and port, so that a peer keeps one Hop object while it is in use.
 * Two generations stand in for a least-recently-used list: a hit costs two Map look-ups and no allocation, and what
 * was not asked for while `limit` others were is forgotten. At most twice `limit` hops are held.
 */
export class HopCache {
  readonly #listener: Listener;
  readonly #limit: number;
  #young = new PeerMap<Hop>();
  #old = new PeerMap<Hop>();

  constructor(listener: Listener, limit: number) {
    this.#listener = listener;
    this.#limit = limit;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** The hop to this numeric address; made when it is not known. */
  get(address: string, port: number): Hop {
    const hop = this.#young.get(address, port);
    if (hop !== undefined) return hop;
    return this.#renew(address, port);
  }

  /** The same if it is known. */
  peek(address: string, port: number): Hop | undefined {
    return this.#young.get(address, port) ?? this.#old.get(address, port);
  }

  #renew(address: string, port: number): Hop {
    let hop = this.#old.get(address, port);
    if (hop === undefined) {
      const { transport } = this.#listener;
      hop = { transport, address, port, listener: this.#listener, connection: undefined, heard: false };
    } else {
      this.#old.delete(address, port);
    }
    if (this.#young.size >= this.#limit) {
      this.#old = this.#young;
      this.#young = new PeerMap();
    }
    this.#young.set(address, port, hop);
    return hop;
  }
}
