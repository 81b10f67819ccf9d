import type { Socket } from 'node:net';
import { connect, createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { Logger as Log } from 'pino';
import { certificateNames } from './certificate-names.ts';
import type { TransportCounters } from './counters.ts';
import type { Credentials } from './credentials.ts';
import type { Hop } from './hop.ts';
import { formatAddress } from './listen-error.ts';
import { PeerMap } from './peer-map.ts';
import type { StreamProtocol } from './stream-protocol.ts';
import { certificateFault, type TlsMaterial, type TlsPeer } from './tls-material.ts';
import { NAMELESS, SocketWire, type WireUser } from './wire.ts';

interface TlsOptionsOfListener {
  /** Of the listener: what it shows, and by whom clients' certificates are judged. */
  readonly directory: string;
  readonly material: TlsMaterial;
  readonly counters: TransportCounters;
  readonly log: Log;
  /** The configured server at this numeric address and port. */
  readonly peer: (address: string, port: number) => TlsPeer | undefined;
}

type Secured = (socket: TLSSocket, certificateNames: readonly string[]) => void;

interface Handshake {
  readonly user: WireUser;
  readonly done: Secured;
}

/** TLS under SIP (RFC 3261 26.3): 1.2 and 1.3, the listener's certificate, clients' ones where it has a ca.crt. */
export class Tls implements StreamProtocol {
  readonly #options: TlsOptionsOfListener;
  /** Never listens: sockets are handed to it. */
  #server: Server;
  readonly #handshakes = new PeerMap<Handshake>();
  readonly #unfollow: () => void;
  /** What was last said about a server's certificate: a server that is dialled again and again says it once. */
  #complaint = '';

  /** Throws CredentialsError. */
  constructor(options: TlsOptionsOfListener) {
    const { material, directory } = options;
    this.#options = options;
    this.#server = this.#make(material.credentials(directory, 'certificate'));
    // A new one, since setSecureContext() does not begin to ask for certificates when a ca.crt comes. What shakes hands
    // with the old one goes on, and open connections keep what they have.
    this.#unfollow = material.follow(directory, (credentials) => {
      this.#server = this.#make(credentials);
    });
  }

  accept(socket: Socket, user: WireUser): void {
    this.handshake(socket, user, (secured, names) => {
      user.opened(new SocketWire(secured, user, names, mayBeHalfOpen(secured)));
    });
  }

  /** What lies upon TLS may be more than SIP: `done` goes on with it. */
  handshake(socket: Socket, user: WireUser, done: Secured): void {
    const { remoteAddress = '', remotePort = 0 } = socket;
    this.#handshakes.set(remoteAddress, remotePort, { user, done });
    socket.once('close', () => this.#handshakes.delete(remoteAddress, remotePort));
    this.#server.emit('connection', socket);
  }

  readonly dial = (socket: Socket, hop: Hop, user: WireUser): void => {
    const { material, directory, log } = this.#options;
    const { address, port } = hop;
    const peer = this.#options.peer(address, port) ?? {
      name: hop.serverName ?? address,
      client: directory,
      alsoCa: directory,
    };
    let secured: TLSSocket;
    try {
      secured = connect({ socket, ...material.towards(peer) });
    } catch (error) {
      user.broken(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    secured.on('secureConnect', () => {
      const names = certificateNames(secured.getPeerCertificate());
      user.opened(new SocketWire(secured, user, names, mayBeHalfOpen(secured)));
    });
    secured.on('error', (error) => {
      const fault = certificateFault(error);
      const complaint = `TLS to ${peer.name} (${formatAddress(address, port)}): ${fault ?? error.message}`;
      if (fault !== undefined && complaint !== this.#complaint) log.warn(complaint);
      if (fault !== undefined) this.#complaint = complaint;
      user.broken(fault === undefined ? error : new Error(complaint, { cause: error }));
    });
  };

  serverName(hop: Hop): string | undefined {
    return this.#options.peer(hop.address, hop.port)?.name ?? hop.serverName;
  }

  close(): void {
    this.#unfollow();
  }

  #make(credentials: Credentials): Server {
    const { counters, log } = this.#options;
    const server = createServer(serverOptions(credentials));
    server.on('secureConnection', (socket) => this.#secured(socket));
    server.on('tlsClientError', (error, socket) => {
      counters.handshakesFailed++;
      log.debug({ err: error, from: socket.remoteAddress }, 'TLS handshake failed');
      socket.destroy();
    });
    return server;
  }

  #secured(socket: TLSSocket): void {
    const { remoteAddress = '', remotePort = 0 } = socket;
    const handshake = this.#handshakes.get(remoteAddress, remotePort);
    if (handshake === undefined) {
      socket.destroy();
      return;
    }
    this.#handshakes.delete(remoteAddress, remotePort);
    // one handshake a connection: another may be asked for without end
    socket.disableRenegotiation();
    socket.on('error', (error) => handshake.user.broken(error));
    handshake.done(socket, this.#names(socket));
  }

  #names(socket: TLSSocket): readonly string[] {
    const certificate = socket.getPeerCertificate();
    if (Object.keys(certificate).length === 0) return NAMELESS;
    if (socket.authorized) return certificateNames(certificate);
    // a phone may come with its maker's certificate: it is nobody in particular
    this.#options.counters.certificatesUntrusted++;
    this.#options.log.debug({ from: socket.remoteAddress, why: socket.authorizationError }, 'certificate not trusted');
    return NAMELESS;
  }
}

/** RFC 8446 6.1: who gets a close_notify may go on sending; before TLS 1.3 it had to end at once (RFC 5246 7.2.1). */
function mayBeHalfOpen(socket: TLSSocket): boolean {
  return socket.getProtocol() === 'TLSv1.3';
}

/** A client without a certificate is let in and has no name, so one port serves phones and those who show who they are. */
function serverOptions({ cert, key, ca }: Credentials): TlsOptions {
  return {
    minVersion: 'TLSv1.2',
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(ca === undefined ? {} : { ca }),
    requestCert: ca !== undefined,
    rejectUnauthorized: false,
  };
}
