import { expect } from 'chai';
import pino from 'pino';
import { traceMessage, withoutSecrets } from '../../proxy/message-trace.ts';
import { LISTENER, register } from '../builders.ts';

describe('a message in the trace', () => {
  it('leaves credentials out, folded ones and all', () => {
    const text = register({
      headers: [
        'Authorization: Digest username="a",\r\n response="0a1b"',
        'proxy-authorization :Digest response="2c"',
        'X-After: kept',
      ],
    });
    const shown = withoutSecrets(text);
    expect(shown).to.include('\r\nAuthorization: (left out)\r\nproxy-authorization: (left out)\r\nX-After: kept\r\n');
    expect(shown).not.to.match(/0a1b|2c"/);
  });

  it('says whom it came from or went to', () => {
    const lines: string[] = [];
    const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
    traceMessage(log, 'sent', 'OPTIONS', { transport: 'UDP', address: '192.0.2.1', port: 5060, listener: LISTENER });
    expect(JSON.parse(lines[0] ?? '')).to.include({
      to: 'UDP 192.0.2.1:5060',
      message: 'OPTIONS',
      msg: 'message sent',
    });
  });
});
