/** What an OPTIONS to a member is made of. */
export interface OptionsParts {
  readonly transport: 'UDP' | 'TCP' | 'TLS';
  /** `host:port` of the member, IPv6 in brackets. */
  readonly remote: string;
  /** `host:port` of the socket that it leaves from. */
  readonly local: string;
  readonly branch: string;
  readonly tag: string;
  readonly callId: string;
  readonly cseq: number;
}

/** The oos-check's question (RFC 3261 11.1). The answer comes back over the socket that asked: rport (RFC 3581). */
export function optionsRequest({ transport, remote, local, branch, tag, callId, cseq }: OptionsParts): string {
  const transportParam = transport === 'UDP' ? '' : `;transport=${transport.toLowerCase()}`;
  return [
    `OPTIONS sip:${remote}${transportParam} SIP/2.0`,
    `Via: SIP/2.0/${transport} ${local};branch=${branch};rport`,
    'Max-Forwards: 70',
    `From: <sip:oos-check@${local}>;tag=${tag}`,
    `To: <sip:${remote}>`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} OPTIONS`,
    `Contact: <sip:oos-check@${local}${transportParam}>`,
    'Accept: application/sdp',
    'User-Agent: sipcluster',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}
