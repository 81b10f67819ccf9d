import fc from 'fast-check';

/** For a property of much variety: so many times as many runs as others have. */
export function runs(factor: number): { readonly numRuns: number } {
  return { numRuns: factor * (fc.readConfigureGlobal().numRuns ?? 100) };
}

/** Header lines that any parser must keep: folds, odd spacing, odd cases, compact forms, lists, escapes, nothing at all. */
const line = fc.oneof(
  fc.constantFrom(
    'Subject: ',
    's :',
    'NewFangledHeader:   newfangled value\r\n continued newfangled value',
    'UnknownHeaderWithUnusualValue: ;;,,;;,;',
    'Route: <sip:a;lr>, <sip:b;lr>\r\n , <sip:c,d;lr>',
    'ROUTE:<sip:e;lr>',
    'm: "Quoted, \\"string\\"" <sip:a@b>;q=0.3, sip:c@d',
    'Record-Route: <sip:p1;lr>,<sip:p2;lr>',
    'Via: SIP/2.0/UDP h2;branch=z9hG4bK2, SIP/2.0/TCP h3;branch=z9hG4bK3',
    'v:SIP / 2.0 / TLS\r\n h4 ; branch = x',
    'Warning: 301 isi.edu "Incompatible, address type"',
    'Date: Sat, 13 Nov 2010 23:29:00 GMT',
    'X-Genesys-Route: <sip:10.0.0.1>',
    'User-Agent: \xc3\xa9\x07\\',
  ),
  fc
    .tuple(fc.stringMatching(/^[A-Za-z0-9.!%*_+`'~-]{1,20}$/), fc.string({ maxLength: 30 }))
    .filter(([name]) => !/^(v|via|f|from|t|to|i|call-id|cseq|max-forwards|l|content-length)$/i.test(name))
    .map(([name, value]) => `${name}: ${value}`),
);

/** A request or response that is well-formed, with arbitrary fields among the mandatory ones, and a body. */
export const wellFormed = fc
  .record({
    start: fc.constantFrom(
      'INVITE sip:bob@example.com SIP/2.0',
      'SIP/2.0 180 Ringing',
      'SIP/2.0 200 ',
      'INVITE tel:+1 SIP/2.0',
    ),
    before: fc.array(line, { maxLength: 3 }),
    between: fc.array(line, { maxLength: 3 }),
    after: fc.array(line, { maxLength: 3 }),
    body: fc.string(),
    length: fc.constantFrom('Content-Length: ', 'l:', 'CONTENT-LENGTH  :\r\n  '),
  })
  .map(({ start, before, between, after, body, length }) =>
    [
      start,
      'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport',
      ...before,
      'From: "Alice" <sip:alice@example.com>;tag=a1',
      't: <sip:bob@example.com>',
      ...between,
      'Call-ID: 1@192.0.2.1',
      'CSeq: 7 INVITE',
      'Max-Forwards: 70',
      ...after,
      `${length}${body.length}`,
      '',
      body,
    ].join('\r\n'),
  );

/** A well-formed message with a few of its pieces cut out, doubled or replaced. */
const mutated = fc
  .tuple(
    wellFormed,
    fc.array(
      fc.record({
        at: fc.nat(700),
        cut: fc.nat(12),
        insert: fc.oneof(
          fc.string({ maxLength: 3, unit: 'binary' }),
          fc.constantFrom(
            '\r\n',
            '\n',
            '\r',
            '"',
            '<',
            '>',
            ',',
            ';',
            ':',
            ' ',
            '=',
            '\0',
            '\\',
            '(',
            '\r\n\r\n',
            'SIP/2.0',
          ),
        ),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([text, changes]) =>
    changes.reduce((now, { at, cut, insert }) => now.slice(0, at) + insert + now.slice(at + cut), text),
  );

/** Anything at all, in what a hostile peer would more likely send. */
export const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  mutated,
  fc
    .array(
      fc.constantFrom(
        'INVITE sip:a@b SIP/2.0',
        'SIP/2.0 200 OK',
        '\r\n',
        '\r',
        '\n',
        'Via',
        'l',
        'To',
        ':',
        ' ',
        '"',
        '<',
        ',',
        '1',
        ';',
      ),
    )
    .map((pieces) => pieces.join('')),
);
