/** `IP:PORT` (IPv4) as the peers' options write it. */
export interface Address {
  readonly address: string;
  readonly port: number;
}

/** Reads `127.0.0.1:5060`; without a port, `port`. Throws an Error that quotes the text. */
export function parseAddress(text: string, port?: number): Address {
  const match = /^(\d+\.\d+\.\d+\.\d+)(?::(\d+))?$/.exec(text.trim());
  const number = match?.[2] === undefined ? port : Number(match[2]);
  if (match?.[1] === undefined || number === undefined || number > 65535) {
    throw new Error(`'${text}' is not an address like 127.0.0.1:5060`);
  }
  return { address: match[1], port: number };
}

/** Reads `IP:PORT,IP:PORT`. */
export function parseAddresses(text: string): Address[] {
  return text
    .split(',')
    .filter(Boolean)
    .map((one) => parseAddress(one));
}

export function formatAddress({ address, port }: Address): string {
  return `${address}:${port}`;
}
