import type { CallView, ProxyStatus, RegistrationView } from '../proxy/status.ts';

/** How long a proxy may take to answer, ms. A list of a million registrations takes longer than a status. */
const PROBE = 1000;
const STATUS = 2000;
const LIST = 60_000;

/** Asks for what is at a URL and is JSON, within `deadline` ms; rejects with why it can't be had. */
export type Get = (url: string, deadline: number) => Promise<unknown>;

/** Why the proxy is not ready; undefined if it is. */
export async function unready(admin: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${admin}/readyz`, { signal: AbortSignal.timeout(PROBE) });
    const text = (await response.text()).trim();
    return response.ok ? undefined : text;
  } catch (error) {
    return reason(error);
  }
}

/** The proxy's own account of itself, or why there is none. */
export async function fetchStatus(admin: string, get: Get = fetchJson): Promise<ProxyStatus | string> {
  try {
    return (await get(`${admin}/status`, STATUS)) as ProxyStatus;
  } catch (error) {
    return reason(error);
  }
}

/** The registrations that the proxy knows, or why they can't be read. */
export async function fetchRegistrations(
  admin: string,
  aor: string | undefined,
  get: Get = fetchJson,
): Promise<RegistrationView[] | string> {
  try {
    const query = aor === undefined ? '' : `?aor=${encodeURIComponent(aor)}`;
    return (await get(`${admin}/registrations${query}`, LIST)) as RegistrationView[];
  } catch (error) {
    return reason(error);
  }
}

/** The calls that the proxy knows to be in progress, or why they can't be read. */
export async function fetchCalls(
  admin: string,
  callId: string | undefined,
  get: Get = fetchJson,
): Promise<CallView[] | string> {
  try {
    const query = callId === undefined ? '' : `?call-id=${encodeURIComponent(callId)}`;
    return (await get(`${admin}/calls${query}`, LIST)) as CallView[];
  } catch (error) {
    return reason(error);
  }
}

export async function fetchJson(url: string, deadline: number): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(deadline) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${(await response.text()).trim()}`);
  return await response.json();
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return 'code' in cause && cause.code === 'ECONNREFUSED' ? 'not running: connection refused' : cause.message;
}
