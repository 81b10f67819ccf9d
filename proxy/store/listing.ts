import type { Etcd3, IRangeRequest, IRangeResponse } from 'etcd3';
import type { Backoff } from './backoff.ts';
import { storeError } from './etcd-client.ts';
import { PAGE, Pages } from './pages.ts';
import { StoreError } from './store.ts';

/** Keys of the first page: the code that takes it in runs for the first time, when V8 takes many times as long. */
const FIRST_PAGE = 100;
/** How often a page of a list is asked for. */
const PAGE_TRIES = 3;
/** How many pages of a list are asked for before the present one is taken in: etcd never waits for this proxy. */
const PAGES_AHEAD = 2;

export interface ListingOptions {
  readonly client: Etcd3;
  readonly range: { readonly key: Buffer; readonly range_end: Buffer };
  /** Paused by before a page is asked for again. */
  readonly backoff: Backoff;
  /** Nobody wants the list any more. */
  isClosed(): boolean;
}

export function firstPage({ client, range }: ListingOptions): Promise<IRangeResponse> {
  return client.kv.range({ ...range, limit: FIRST_PAGE });
}

/** All pages, of which `first` is the first, at its revision. Rejects with what `storeError` takes. */
export async function* pagesFrom(first: IRangeResponse, options: ListingOptions): AsyncGenerator<IRangeResponse> {
  const pages = new Pages(options.range.key, options.range.range_end);
  const { revision, cluster_id: clusterId } = first.header;
  const pageAfter = async (before: Promise<IRangeResponse | undefined>): Promise<IRangeResponse | undefined> => {
    const page = await before;
    if (page === undefined) return undefined;
    pages.read(page);
    const range = pages.next();
    return range && pageOf({ ...range, limit: PAGE, revision }, clusterId, options);
  };
  // etcd looks for the next pages while this one is taken in: it asks for each as soon as the one before is here
  const ahead: Promise<IRangeResponse | undefined>[] = [];
  let last: Promise<IRangeResponse | undefined> = Promise.resolve(first);
  for (let page: IRangeResponse | undefined = first; page !== undefined; page = await ahead.shift()) {
    while (ahead.length < PAGES_AHEAD) {
      last = pageAfter(last);
      // it is awaited later: until then its failure is no one's
      last.catch(() => undefined);
      ahead.push(last);
    }
    yield page;
  }
}

/** A page of a list that has begun: one that gets lost is asked for again, since the list would begin anew without it. */
async function pageOf(range: IRangeRequest, clusterId: string, options: ListingOptions): Promise<IRangeResponse> {
  for (let tries = 1; ; tries++) {
    try {
      const page = await options.client.kv.range(range);
      if (page.header.cluster_id === clusterId) return page;
      throw new StoreError('Unreachable', 'the store became another cluster while it was listed');
    } catch (error) {
      const { reason } = storeError(error, 'list the store');
      if (options.isClosed() || tries === PAGE_TRIES || (reason !== 'Deadline' && reason !== 'Unreachable'))
        throw error;
      await options.backoff.pause();
    }
  }
}
