import { createSocket } from 'node:dgram';
import { connect, isIP, isIPv6, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { KEEPALIVE, StreamFramer } from '../sip/stream.ts';

/** What a line tells its owner. */
export interface LineUser {
  /** It can be sent on from here on. */
  ready(): void;
  message(text: string): void;
  /** ICMP, refused, closed. A line that is no longer open is never used again. */
  failed(error: NodeJS.ErrnoException): void;
}

/** A socket of its own to one member, so that the kernel tells at once when nobody listens there. */
export interface Line {
  readonly open: boolean;
  /** `host:port` of this end, IPv6 in brackets; '' until ready. */
  readonly local: string;
  send(text: string): void;
  close(): void;
}

/** Connected: an ICMP error reaches only a socket that is. */
export function udpLine(address: string, port: number, localAddress: string, user: LineUser): Line {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  const line = { open: true, local: '', send, close };
  function close(): void {
    if (line.open) socket.close();
    line.open = false;
  }
  function fail(error: NodeJS.ErrnoException): void {
    if (!line.open) return;
    // refused, it is as good as before; whatever else it is, the next ping begins anew
    if (error.code !== 'ECONNREFUSED') close();
    user.failed(error);
  }
  function send(text: string): void {
    socket.send(Buffer.from(text, 'latin1'), (error) => {
      if (error !== null) fail(error);
    });
  }
  socket.on('error', fail);
  socket.on('message', (bytes) => user.message(bytes.toString('latin1')));
  socket.on('connect', () => {
    if (!line.open) return;
    line.local = endOf(socket.address());
    user.ready();
  });
  const from = ownAddress(localAddress, address);
  socket.bind({ port: 0, ...(from === undefined ? {} : { address: from }) }, () => {
    if (line.open) socket.connect(port, address);
  });
  return line;
}

/** A kept connection. */
export function tcpLine(address: string, port: number, localAddress: string, user: LineUser): Line {
  return streamLine(connect(target(address, port, localAddress)), 'connect', user);
}

/** The same by TLS. `tls`: how the member's certificate is judged and what is shown to it. */
export function tlsLine(
  address: string,
  port: number,
  localAddress: string,
  user: LineUser,
  tls: ConnectionOptions,
): Line {
  return streamLine(connectTls({ ...target(address, port, localAddress), ...tls }), 'secureConnect', user);
}

/** `connected`: the event from which on `socket` carries SIP. */
function streamLine(socket: Socket, connected: 'connect' | 'secureConnect', user: LineUser): Line {
  const framer = new StreamFramer();
  const line = { open: true, local: '', send, close };
  function close(): void {
    line.open = false;
    socket.destroy();
  }
  function fail(error: NodeJS.ErrnoException): void {
    if (!line.open) return;
    close();
    user.failed(error);
  }
  function send(text: string): void {
    socket.write(text, 'latin1');
  }
  socket.on(connected, () => {
    line.local = endOf({ address: socket.localAddress ?? '', port: socket.localPort ?? 0 });
    user.ready();
  });
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    framer.push(chunk);
    try {
      for (let text = framer.next(); text !== undefined && line.open; text = framer.next()) {
        if (text === KEEPALIVE) socket.write('\r\n');
        else user.message(text);
      }
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  });
  socket.on('error', fail);
  socket.on('close', () => fail(Object.assign(new Error('the member closed the connection'), { code: 'ECONNRESET' })));
  return line;
}

function target(host: string, port: number, localAddress: string) {
  const from = ownAddress(localAddress, host);
  return { host, port, noDelay: true, ...(from === undefined ? {} : { localAddress: from }) };
}

/** Our address, if packets to `remote` can leave from it. */
function ownAddress(localAddress: string, remote: string): string | undefined {
  const unspecified = localAddress === '0.0.0.0' || localAddress === '::';
  return unspecified || isIP(localAddress) !== isIP(remote) ? undefined : localAddress;
}

function endOf({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
