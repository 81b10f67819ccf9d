import { expect } from 'chai';
import { STRIDE, readHead, type Head } from '../../../proxy/sip/head.ts';
import { Header } from '../../../proxy/sip/header.ts';

/** The fields of a head, each as what is before its colon and after it, and what is said of the whole. */
function read(text: string, maxFields = 10, pos = 0): Head & { readonly fields: readonly [string, string][] } {
  const numbers: number[] = [];
  const head = readHead(text, pos, maxFields, numbers);
  const fields: [string, string][] = [];
  for (let at = 0; at < head.size; at += STRIDE) {
    const [, start = 0, colon = 0, end = 0] = numbers.slice(at, at + STRIDE);
    fields.push([text.slice(start, colon), text.slice(colon + 1, end)]);
  }
  return { ...head, fields };
}

describe('the head of a message', () => {
  it('is a field a line, up to the empty line', () => {
    const text = 'start\r\nVia: a\r\nX-Other:\r\nl : 3\r\n\r\nTo: body';
    expect(read(text, 10, 7)).to.deep.include({
      bodyStart: text.indexOf('To'),
      fault: '',
      fields: [
        ['Via', ' a\r\n'],
        ['X-Other', '\r\n'],
        ['l ', ' 3\r\n'],
      ],
    });
  });

  it('knows its fields by number, in whatever way their names are written', () => {
    const numbers: number[] = [];
    const { size } = readHead('v \t: a\r\nMAX-forwards:1\r\nX-Y: z\r\n\r\n', 0, 10, numbers);
    expect(Array.from({ length: size / STRIDE }, (_, i) => numbers[i * STRIDE])).to.deep.equal([
      Header.Via,
      Header.MaxForwards,
      Header.Other,
    ]);
  });

  it('may have no field at all', () => {
    expect(read('\r\nbody')).to.deep.equal({ bodyStart: 2, size: 0, fault: '', fields: [] });
  });

  it('goes on with a field in a line that begins with white space (RFC 3261 7.3.1)', () => {
    expect(read('Subject: a\r\n b\r\n\t: c\r\nTo:\r\n d\r\n\r\n')).to.deep.include({
      fault: '',
      fields: [
        ['Subject', ' a\r\n b\r\n\t: c\r\n'],
        ['To', '\r\n d\r\n'],
      ],
    });
  });

  for (const [line, fault] of [
    ['no colon', 'Bad Header Field'],
    [': no name', 'Bad Header Field'],
    [' folded: to nothing', 'Bad Header Field'],
    ['Two Words: x', 'Bad Header Field'],
    ['Na\0me: x', 'Bad Header Field'],
    ['Name\r\n : x', 'Bad Header Field'],
    ['\rFrom: x', 'Bad Header Field'],
    ['a\n: x', 'Bad Header Field'],
    ['Subject: a\nb', 'Bad Line End'],
    ['Subject: a\rb', 'Bad Line End'],
    ['Subject: a\n', 'Bad Line End'],
    ['Subject: a\r', 'Bad Line End'],
    ['Subject: a\r\n b\rc', 'Bad Line End'],
    ['Subject:\n a', 'Bad Line End'],
  ] as const) {
    it(`has ${JSON.stringify(line)} left out of it, with its fault: ${fault}`, () => {
      const text = `${line}\r\nTo: x\r\n\r\nbody`;
      expect(read(text)).to.deep.include({ bodyStart: text.indexOf('body'), fault, fields: [['To', ' x\r\n']] });
    });
  }

  for (const line of [
    'no colon',
    ': no name',
    ' folded: to nothing',
    'Two Words: x\r\n and more',
    'Na\0me: x',
    'Name\r\n : x',
  ])
    it(`of a response has ${JSON.stringify(line)} in it as what can't be read`, () => {
      const numbers: number[] = [];
      const text = `${line}\r\nTo: x\r\n\r\nbody`;
      const head = readHead(text, 0, 10, numbers, true);
      expect(head).to.deep.equal({ bodyStart: text.indexOf('body'), size: 2 * STRIDE, fault: '' });
      expect([numbers[0], numbers[1], numbers[3], numbers[STRIDE]]).to.deep.equal([
        Header.Unreadable,
        0,
        line.length + 2,
        Header.To,
      ]);
    });

  it('of a response is refused where a line ends as none does, though that is no field either', () => {
    for (const line of ['\rFrom: x', 'a\n: x', 'no colon\r', 'no\ncolon'])
      expect(readHead(`${line}\r\nTo: x\r\n\r\n`, 0, 10, [], true)).to.include({ size: STRIDE, fault: 'Bad Line End' });
    expect(readHead('no colon\r\nTo: x\r\n\r\n', 0, 1, [], true).fault).to.equal('Too Many Header Fields');
  });

  it('names the first of several faults', () => {
    expect(read('no colon\r\nTo: a\rb\r\nX').fault).to.equal('Bad Header Field');
    expect(read('To: a\rb\r\nno colon\r\nX').fault).to.equal('Bad Line End');
    expect(read('no colon\r\nA: 1\r\nB: 2\r\n\r\n', 1).fault).to.equal('Bad Header Field');
  });

  it('is missing its empty line where the text ends before', () => {
    expect(read('')).to.include({ bodyStart: 0, fault: 'Missing Empty Line', size: 0 });
    for (const text of ['To: x\r\n', 'To: x\r\nFrom: y', 'To: x\r\nFrom:'])
      expect(read(text), JSON.stringify(text)).to.deep.include({
        bodyStart: text.length,
        fault: 'Missing Empty Line',
        fields: [['To', ' x\r\n']],
      });
  });

  it('has as many fields as it may have, and no more', () => {
    const three = 'A: 1\r\nB: 2\r\nC: 3\r\n\r\nbody';
    expect(read(three, 3)).to.include({ bodyStart: three.indexOf('body'), fault: '', size: 3 * STRIDE });
    expect(read(three, 2)).to.deep.include({
      bodyStart: three.indexOf('body'),
      fault: 'Too Many Header Fields',
      fields: [
        ['A', ' 1\r\n'],
        ['B', ' 2\r\n'],
      ],
    });
    expect(read('A: 1\r\nB: 2\r\n', 1)).to.include({ bodyStart: 12, fault: 'Too Many Header Fields' });
  });
});
