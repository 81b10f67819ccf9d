/** One REGISTER of one contact, from the phone's asking on. */
interface Registering {
  readonly user: string;
  readonly contact: string;
  readonly callId: string;
  /** Counts what the user asked for, in order. */
  readonly order: number;
  readonly expires: number;
  granted: boolean;
  /** The proxy that was told so first, and when. */
  told: { readonly proxy: string; readonly at: number } | undefined;
}

/** What phones asked for and servers granted: what the proxies' bindings are compared with. */
export class Truth {
  readonly #asked = new Map<string, Registering>();
  #order = 0;

  asked(user: string, contact: string, callId: string, cseq: number, expires: number): void {
    this.#asked.set(`${callId} ${cseq}`, {
      user,
      contact,
      callId,
      order: ++this.#order,
      expires,
      granted: false,
      told: undefined,
    });
  }

  granted(user: string, contact: string, callId: string, cseq: number, expires: number): void {
    const asked = this.#asked.get(`${callId} ${cseq}`);
    if (asked?.user === user && asked.contact === contact && asked.expires === expires) asked.granted = true;
  }

  /** A server's 2xx came to a proxy. */
  told(callId: string, cseq: number, proxy: string, at: number): void {
    const asked = this.#asked.get(`${callId} ${cseq}`);
    if (asked !== undefined) asked.told ??= { proxy, at };
  }

  /** Why a binding may not be; undefined: a server granted it. */
  objection(user: string, contact: string, callId: string, cseq: number): string | undefined {
    const asked = this.#asked.get(`${callId} ${cseq}`);
    if (asked === undefined || asked.user !== user) return 'nobody asked for it';
    if (asked.contact !== contact) return `${asked.contact} was asked for`;
    if (asked.expires === 0) return 'it was to be removed';
    return asked.granted ? undefined : 'no server granted it';
  }

  /** When the first proxy was told of it; 0: none was. */
  toldAt(callId: string, cseq: number): number {
    return this.#asked.get(`${callId} ${cseq}`)?.told?.at ?? 0;
  }

  /** Until when the binding may be, ms since the epoch; undefined: no proxy was told of it. */
  endOf(callId: string, cseq: number): number | undefined {
    const asked = this.#asked.get(`${callId} ${cseq}`);
    return asked?.told === undefined ? undefined : asked.told.at + asked.expires * 1000;
  }

  orderOf(callId: string, cseq: number): number {
    return this.#asked.get(`${callId} ${cseq}`)?.order ?? 0;
  }

  /** The latest registering of a contact that a proxy was told of. */
  latest(contact: string): Registering | undefined {
    let latest: Registering | undefined;
    for (const asked of this.#asked.values()) {
      if (asked.contact === contact && asked.told !== undefined && (latest === undefined || asked.order > latest.order))
        latest = asked;
    }
    return latest;
  }
}
