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
  /** When the last one was told: sent again to a proxy that was started again, it is granted again. */
  toldLast: number;
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
      toldLast: 0,
    });
  }

  granted(user: string, contact: string, callId: string, cseq: number, expires: number): void {
    const asked = this.#asked.get(`${callId} ${cseq}`);
    if (asked?.user === user && asked.contact === contact && asked.expires === expires) asked.granted = true;
  }

  /** A server's 2xx came to a proxy. */
  told(callId: string, cseq: number, proxy: string, at: number): void {
    const asked = this.#asked.get(`${callId} ${cseq}`);
    if (asked === undefined) return;
    asked.told ??= { proxy, at };
    asked.toldLast = at;
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
    return asked?.told === undefined ? undefined : asked.toldLast + asked.expires * 1000;
  }

  orderOf(callId: string, cseq: number): number {
    return this.#asked.get(`${callId} ${cseq}`)?.order ?? 0;
  }

  /**
   * The latest registering of a contact that a proxy was told of: under one Call-ID what was asked last, of several, as
   * where a phone was started again while its REGISTER was held up, what a server accepted last.
   */
  latest(contact: string): Registering | undefined {
    let latest: Registering | undefined;
    for (const asked of this.#asked.values())
      if (asked.contact === contact && asked.told !== undefined && isLater(asked, latest)) latest = asked;
    return latest;
  }

  /** Whether `callId` `cseq` is of another Call-ID than `one`, and was accepted so near to it that clocks decide. */
  isContested(one: Registering, callId: string, cseq: number, within: number): boolean {
    const other = this.#asked.get(`${callId} ${cseq}`);
    return other !== undefined && other.callId !== one.callId && other.toldLast > one.toldLast - within;
  }
}

function isLater(one: Registering, than: Registering | undefined): boolean {
  if (than === undefined) return true;
  return one.callId === than.callId ? one.order > than.order : one.toldLast > than.toldLast;
}
