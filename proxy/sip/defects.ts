import { SipError, type SipErrorOptions } from './sip-error.ts';

/** One thing that can be wrong with a message. Its name is the reason phrase of the answer. */
interface DefectRow {
  /** Status of the answer to a request; a response or an ACK is never answered, whatever is wrong with it. */
  readonly status: number;
  /** What is wrong, in a sentence's end. */
  readonly what: string;
  /** Where it is said. */
  readonly source: string;
}

/**
 * Every defect that a message is refused for, with its answer, in the manner of RFC 4475 section 3. docs/sip.md shows
 * this table.
 */
export const DEFECTS = {
  'Bad Start Line': row(400, 'is neither Request-Line nor Status-Line: dropped', '3261 7.1, 7.2'),
  'Bad Request-Line': row(
    400,
    'has no SIP version where one belongs, spaces too many, or tabs',
    '3261 7.1; 4475 3.1.2.10',
  ),
  'Bad Request-URI': row(
    400,
    'has a malformed Request-URI, or one with brackets, spaces, headers, a method, or a transport or maddr twice',
    '3261 19.1.1; 4475 3.1.2.7 to 11',
  ),
  'Request-URI Too Long': row(414, 'has a Request-URI above the limit', '3261 21.4.12'),
  'Version Not Supported': row(505, 'is of another version than SIP/2.0', '4475 3.1.2.16'),
  'Message Too Large': row(513, 'is larger than the limit, or fits in no datagram to where it goes', '3261 21.5.7'),
  'Too Many Header Fields': row(400, 'has more header fields than the limit', ''),
  'Bad Header Field': row(400, 'is a request, and has a line in its head that is no header field', '3261 7.3.1, 16.3'),
  'Bad Line End': row(
    400,
    'has a lone CR or LF in its head, which others may read as a line of its own, or ends its lines with LF',
    '3261 7',
  ),
  'Missing Empty Line': row(400, 'ends before its head does', '3261 7'),
  'Missing Via': row(400, 'has no Via: dropped, for nothing would lead an answer to its transaction', '3261 8.1.1'),
  'Missing From': row(400, 'has no From', '4475 3.3.1'),
  'Missing To': row(400, 'has no To', '4475 3.3.1'),
  'Missing Call-ID': row(400, 'has no Call-ID', '4475 3.3.1'),
  'Missing CSeq': row(400, 'has no CSeq', '3261 8.1.1'),
  'Missing Content-Length': row(400, 'comes by a stream without Content-Length: the connection is closed', '3261 18.3'),
  'Bad Via': row(
    400,
    'has a malformed topmost Via, one with two branches, or of another protocol: answered at its source',
    '4475 3.1.2.1',
  ),
  'Bad From': row(
    400,
    'has a malformed From, or one with an empty tag, two different tags or two addresses',
    '4475 3.1.2.6',
  ),
  'Bad To': row(
    400,
    'has a malformed To, or one with an empty tag, two different tags or two addresses, and is no ACK',
    '4475 3.1.2.6, 14',
  ),
  'Bad Call-ID': row(400, 'has an empty Call-ID, or one with spaces or control characters', '3261 20.8'),
  'Bad CSeq': row(400, 'has a malformed CSeq, or a number of 2**31 or more', '3261 8.1.1.5; 4475 3.1.2.4'),
  'Bad Max-Forwards': row(400, 'has a Max-Forwards that is no number', '3261 20.22'),
  'Bad Max-Breadth': row(400, 'has a Max-Breadth that is no number, or two', '5393 5.3.1'),
  'Bad Content-Length': row(
    400,
    'has a Content-Length that is no number, or that its body does not have',
    '4475 3.1.2.2, 3',
  ),
  'Bad Route': row(400, 'has a Route that is no address', '3261 20.34'),
  'Bad Contact': row(
    400,
    'is a REGISTER with a Contact that is no address, or has expires, q, reg-id or instance twice',
    '4475 3.1.2.13',
  ),
  'Repeated From': row(400, 'has From twice', '4475 3.3.8'),
  'Repeated To': row(400, 'has To twice', '4475 3.3.8'),
  'Repeated Call-ID': row(400, 'has Call-ID twice', '4475 3.3.8'),
  'Repeated CSeq': row(400, 'has CSeq twice', '4475 3.3.8'),
  'Repeated Max-Forwards': row(400, 'has Max-Forwards twice', '4475 3.3.8'),
  'Repeated Content-Length': row(400, 'has Content-Length twice', '4475 3.3.9'),
  'CSeq Method Mismatch': row(400, 'has the method of another request in its CSeq', '4475 3.1.2.17, 18'),
  'Bad URI': row(400, 'has a malformed URI where one has to be read', '3261 25.1'),
  'Bad Address': row(400, 'has a malformed address where one has to be read', '3261 25.1'),
  'Unsupported URI Scheme': row(
    416,
    'has a Request-URI of a scheme other than sip, sips, tel and urn',
    '4475 3.3.2, 3',
  ),
  'Too Many Hops': row(483, 'has no hop left, and is no OPTIONS', '3261 16.3 step 3'),
  'Loop Detected': row(482, 'has been here before, and nothing that its way depends on has changed', '5393 4.2'),
  'Bad Extension': row(
    420,
    'has Proxy-Require, or is an OPTIONS to the proxy that requires more than path and outbound',
    '3261 16.3 step 5',
  ),
  'Max-Breadth Exceeded': row(440, 'would fork to more phones than its Max-Breadth allows', '5393 5.3.3'),
} as const satisfies Readonly<Record<string, DefectRow>>;

export type Defect = keyof typeof DEFECTS;

/** Whether a reason phrase names one of the table. */
export function isDefect(reason: string): reason is Defect {
  return Object.hasOwn(DEFECTS, reason);
}

export function defect(name: Defect, options?: SipErrorOptions): SipError {
  return new SipError(DEFECTS[name].status, name, options);
}

function row(status: number, what: string, source: string): DefectRow {
  return { status, what, source };
}
