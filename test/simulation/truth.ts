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
  /** When it came to a proxy, by the proxy's run: what is sent again to one that was started again comes anew. */
  readonly came: Map<string, number>;
  /** When that one of these came that a proxy was told of, the last of several. */
  cameLast: number;
}

/** For so long a REGISTER that is sent again is the one that came before, ms (Timer J): held up beyond that it is a new one. */
const SAME = 32_000;

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
      came: new Map(),
      cameLast: 0,
    });
  }

  granted(user: string, contact: string, callId: string, cseq: number, expires: number): void {
    const asked = this.#asked.get(`${callId} ${cseq}`);
    if (asked?.user === user && asked.contact === contact && asked.expires === expires) asked.granted = true;
  }

  /** It came to a run of a proxy. */
  came(callId: string, cseq: number, run: string, at: number): void {
    const came = this.#asked.get(`${callId} ${cseq}`)?.came;
    if (came !== undefined && at - (came.get(run) ?? Number.NEGATIVE_INFINITY) > SAME) came.set(run, at);
  }

  /** It was turned away: if it is sent again, it comes then. */
  refused(callId: string, cseq: number, run: string): void {
    this.#asked.get(`${callId} ${cseq}`)?.came.delete(run);
  }

  /** A server's 2xx came to a run of a proxy. A run that it was not asked through, as after a restart, can't use it. */
  told(callId: string, cseq: number, { proxy, run }: { proxy: string; run: string }, at: number): void {
    const asked = this.#asked.get(`${callId} ${cseq}`);
    const came = asked?.came.get(run);
    if (asked === undefined || came === undefined) return;
    asked.told ??= { proxy, at };
    asked.cameLast = Math.max(asked.cameLast, came);
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
    return asked?.told === undefined ? undefined : asked.cameLast + asked.expires * 1000;
  }

  orderOf(callId: string, cseq: number): number {
    return this.#asked.get(`${callId} ${cseq}`)?.order ?? 0;
  }

  /**
   * The latest registering of a contact that a proxy was told of: under one Call-ID what was asked last, of several, as
   * where a phone was started again while its REGISTER was held up, what came to a proxy last. When a server answered it
   * does not count: a member that was stopped answers half a minute later what the other one has answered.
   */
  latest(contact: string): Registering | undefined {
    let latest: Registering | undefined;
    for (const asked of this.#asked.values())
      if (asked.contact === contact && asked.told !== undefined && isLater(asked, latest)) latest = asked;
    return latest;
  }

  /** Whether `callId` `cseq` is of another Call-ID than `one`, and came so near to it that clocks decide. */
  isContested(one: Registering, callId: string, cseq: number, within: number): boolean {
    const other = this.#asked.get(`${callId} ${cseq}`);
    return other !== undefined && other.callId !== one.callId && other.cameLast > one.cameLast - within;
  }
}

function isLater(one: Registering, than: Registering | undefined): boolean {
  if (than === undefined) return true;
  return one.callId === than.callId ? one.order > than.order : one.cameLast > than.cameLast;
}
