// Answers of a backend that is broken, or of somebody who writes into its fields: one list a rule. Graded as corpus.json is.

import { badAnswer, get, goodAnswer, host, type More, ok, shown } from './case-forms.ts'
import type { CorpusCase } from './corpus-player.ts'

const second = `${ok}Content-Length: 5\r\n\r\nSPLIT`
const never: More = { never_client: ['SPLIT'] }
const cutOff: More = { incomplete_must_show: true }
const answer = (fields: string, body = 'abc'): string => `${ok}${fields}Content-Length: ${body.length}\r\n\r\n${body}`
const chunked = (body: string): string => `${ok}Transfer-Encoding: chunked\r\n\r\n${body}`

// --- status line (RFC 9112 4)

const statusLines: readonly string[] = [
  'HTTP/1.1  200 OK',
  'HTTP/1.1\t200 OK',
  'HTTP/1.1 200\tOK',
  'HTTP/1.1 200OK',
  'HTTP/1.1 +20 OK',
  'HTTP/1.1 -20 OK',
  'HTTP/1.1 0x2 OK',
  'HTTP/1.1 2 0 OK',
  'HTTP/1.1 2e2 OK',
  'HTTP/1.1 20',
  'HTTP/1.1 000 OK',
  'HTTP/1.1 600 OK',
  'HTTP/1.1 999 OK',
  'HTTP/1.1 0200 OK',
  'HTTP/1.1 OK',
  'HTTP/1.1 ',
  'HTTP/1.1',
  'HTTP/1.2 200 OK',
  'HTTP/1.10 200 OK',
  'HTTP/01.1 200 OK',
  'HTTP/0.9 200 OK',
  'HTTP/2.0 200 OK',
  'HTTP/1 200 OK',
  'HTTP 200 OK',
  'HTTP/1.1\0 200 OK',
  'http/1.1 200 OK',
  'HTTPS/1.1 200 OK',
  'ICY 200 OK',
  ' HTTP/1.1 200 OK',
  '\r\nHTTP/1.1 200 OK',
  '\nHTTP/1.1 200 OK',
  '\0HTTP/1.1 200 OK',
  '\xef\xbb\xbfHTTP/1.1 200 OK',
  'HTTP/1.1 200 O\0K',
  'HTTP/1.1 200 O\rK',
  'HTTP/1.1 200 O\nK',
  'HTTP/1.1 200 OK\r',
  'HTTP/1.1 200 \x7f',
  '<html>hello</html>',
  'GET /a HTTP/1.1',
]

// --- framing (RFC 9112 6.3)

const lengths: readonly string[] = [
  '3, 3',
  '3,3',
  ',3',
  '3,',
  '3;3',
  '3 3',
  '+3',
  '-3',
  '-0',
  '0x3',
  '3.0',
  '3e0',
  '"3"',
  '3\0',
  '\x0b3',
  '3\xa0',
  '',
  ' ',
  'three',
  '18446744073709551619',
  '3\r\n 3',
  '3\r\nContent-Length: 3',
  '0\r\nContent-Length: 3',
  '3\r\ncontent-length: 0',
  '3\r\nTransfer-Encoding: chunked',
  '3\r\nTransfer-Encoding: identity',
]

const codings: readonly string[] = [
  'chunked, chunked',
  'chunked,',
  ', chunked',
  'chunked\r\nTransfer-Encoding: chunked',
  'chunked\r\nTransfer-Encoding: identity',
  'chunked\r\nTransfer-Encoding:',
  'identity',
  'gzip',
  'gzip, chunked',
  'chunked, gzip',
  'chunked;a=b',
  'chunked\0',
  'chunked\x0b',
  '\xa0chunked',
  'xchunked',
  'chun ked',
  '"chunked"',
  '',
  'chunked\r\n ',
]

const fields: readonly string[] = [
  'X-A : a',
  'X-A\t: a',
  ' X-A: a',
  '\tX-A: a',
  'X A: a',
  'X-A',
  ': a',
  'X\0A: a',
  'X-A: a\0',
  'X-A: a\rSet-Cookie: b=c',
  'X-A: a\nSet-Cookie: b=c',
  'X-A: a\r\n b',
  'X-A: a\r\n\tb',
  'X-A: a\r\r',
  'X-A: \x7f',
  'X-A: \x1b[0m',
  'X\xe4: a',
  '"X-A": a',
  'Location: /\r/evil',
  'Set-Cookie: a=b\r\rX: y',
]

const sizes: readonly string[] = [
  '0x3',
  '+3',
  '-3',
  ' 3',
  '3 ',
  '3\t',
  '',
  'g',
  '3_0',
  '3\0',
  '3\x0b',
  '3,',
  '3;',
  '3;"',
  '3;a="b',
  '3;a\rb',
  '3\r',
  '\n3',
  '100000003',
  'ffffffffffffffff',
  '10000000000000003',
]
const endings: readonly string[] = [
  '3\r\nabc0\r\n\r\n',
  '3\r\nabc\n0\r\n\r\n',
  '3\r\nabcd\r\n0\r\n\r\n',
  '3\r\nab\r\n0\r\n\r\n',
  '3\r\nabc\r\n0\n\r\n',
  '3\r\nabc\r\n0\r\n\n',
  '3\r\nabc\r\n0\r\nX-A : a\r\n\r\n',
  '3\r\nabc\r\n0\r\nX-A\r\n\r\n',
  '3\r\nabc\r\n0\r\nX-A: a\r\n b\r\n\r\n',
  '3\r\nabc\r\n0\r\nX-A: \0\r\n\r\n',
  '3\r\nabc\r\n0\r\n',
  '3\r\nabc\r\n0',
  '3\r\nabc\r\n',
  '3\r\nabc',
  '3\r\n',
  '3',
  '',
]
const trailers: readonly string[] = [
  'X-Version: v9',
  'X_Version: v9',
  'Set-Cookie: graylane=v9',
  'Content-Length: 9',
  'Location: /v9',
  'Connection: v9',
  'Cache-Control: v9',
]

// --- interim answers (RFC 9110 15.2)

const interim: readonly string[] = [
  'HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nSPLIT',
  'HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n',
  `HTTP/1.1 103 Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'HTTP/1.1 103 Hints\r\nX-A : a\r\n\r\n',
  'HTTP/1.1 103 Hints\n\n',
  'HTTP/1.1 103 Hints\r\n\r\nSPLIT',
  'HTTP/1.1 103 Hints\r\n\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n'.repeat(9),
  'HTTP/1.0 100 Continue\r\n\r\n',
]

const websocket = get(
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
)
const switches: readonly string[] = [
  'Upgrade: websocket\r\n',
  'Connection: Upgrade\r\n',
  'Connection: close\r\nUpgrade: websocket\r\n',
  'Connection: Upgrade\r\nUpgrade: h2c\r\n',
  'Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n',
  'Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n',
  'Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n',
  'Connection: Upgrade\r\nUpgrade: websocket/13\r\n',
  'Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n',
  'Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n',
]

// --- answers without a body (RFC 9112 6.3)

const bodiless: readonly { readonly status: number; readonly more: More }[] = [
  { status: 200, more: { raw: `HEAD /a HTTP/1.1\r\n${host}\r\n`, methods: ['HEAD'] } },
  { status: 204, more: {} },
  { status: 304, more: {} },
]
const bodies: readonly string[] = [
  'Content-Length: 5\r\n\r\nSPLIT',
  'Transfer-Encoding: chunked\r\n\r\n5\r\nSPLIT\r\n0\r\n\r\n',
  '\r\nSPLIT',
]

export const adverseAnswers: readonly CorpusCase[] = [
  ...statusLines.map((line) => badAnswer(`the line ${shown(line)}`, `${line}\r\nContent-Length: 3\r\n\r\nabc`)),
  ...lengths.map((length) => badAnswer(`a length of ${shown(length)}`, `${ok}Content-Length: ${length}\r\n\r\nabc`)),
  ...codings.map((coding) =>
    badAnswer(`the coding ${shown(coding)}`, `${ok}Transfer-Encoding: ${coding}\r\n\r\n3\r\nabc\r\n0\r\n\r\n`),
  ),
  ...fields.map((field) =>
    badAnswer(`the field ${shown(field)}`, answer(`${field}\r\n`), { never_client: ['b=c', 'evil'] }),
  ),
  ...sizes.map((size) => badAnswer(`a chunk size of ${shown(size)}`, chunked(`${size}\r\nabc\r\n0\r\n\r\n`), cutOff)),
  ...sizes.map((size) =>
    badAnswer(
      `a second chunk size of ${shown(size)}`,
      [chunked('3\r\nabc\r\n'), { sleep_ms: 30 }, `${size}\r\nabc\r\n0\r\n\r\n`],
      cutOff,
    ),
  ),
  ...endings.map((body) => badAnswer(`the chunks ${shown(body)}`, chunked(body), cutOff)),
  ...trailers.map((trailer) =>
    goodAnswer(`the trailer ${trailer}`, chunked(`3\r\nabc\r\n0\r\n${trailer}\r\n\r\n`), {
      client_body: 'abc',
      never_client: ['v9', 'Content-Length'],
    }),
  ),
  ...interim.map((text) => badAnswer(`in front of the answer ${shown(text)}`, text + answer(''), never)),
  ...switches.map((text) =>
    badAnswer(`the switch ${shown(text)}`, `HTTP/1.1 101 Switching Protocols\r\n${text}\r\n`, { raw: websocket }),
  ),
  goodAnswer('eight interim answers', 'HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n'.repeat(8) + answer(''), {
    client_body: 'abc',
  }),
  goodAnswer(
    'an interim answer in pieces',
    [
      'HTTP/1.1 1',
      { sleep_ms: 10 },
      '03 Hints\r\n',
      { sleep_ms: 10 },
      '\r',
      { sleep_ms: 10 },
      `\n${ok}Conte`,
      { sleep_ms: 10 },
      'nt-Length: 3\r\n\r\nabc',
    ],
    { client_body: 'abc' },
  ),
  goodAnswer('interim answers to HTTP/1.0', 'HTTP/1.1 103 Hints\r\n\r\n' + answer(''), {
    raw: `GET /a HTTP/1.0\r\n${host}\r\n`,
    client_body: 'abc',
    never_client: ['103'],
  }),
  badAnswer('an interim answer and nothing more', 'HTTP/1.1 103 Hints\r\n\r\n'),
  badAnswer('a head that never ends', [ok, ['X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n', 1000]]),
  badAnswer('a line that never ends', [ok, ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1000]]),
  badAnswer('101 fields', `${ok}${'X-A: a\r\n'.repeat(100)}Content-Length: 3\r\n\r\nabc`),
  goodAnswer('100 fields', `${ok}${'X-A: a\r\n'.repeat(99)}Content-Length: 3\r\n\r\nabc`, { client_body: 'abc' }),
  badAnswer('65,536 fields', [ok, ['a:\r\n', 65_536], 'Content-Length: 3\r\n\r\nabc']),
  badAnswer('chunk extensions without end', [chunked(''), [`1;${'a'.repeat(98)}\r\nx\r\n`, 50], '0\r\n\r\n'], cutOff),
  badAnswer('trailers without end', [chunked('3\r\nabc\r\n0\r\n'), [`X-A: ${'a'.repeat(93)}\r\n`, 90], '\r\n'], cutOff),
  // What may not have a body, and what lies behind an answer (RFC 9112 6.3, 9.2).
  ...bodiless.flatMap(({ status, more }) =>
    bodies.map((body) =>
      goodAnswer(`${status} without a body, with ${shown(body)}`, `HTTP/1.1 ${status} OK\r\n${body}`, {
        ...more,
        accept_status: [status],
        ...never,
      }),
    ),
  ),
  ...['SPLIT', `\r\n${second}`, second, 'HTTP/1.1 103 SPLIT\r\n\r\n', '\0SPLIT'].flatMap((surplus) => [
    goodAnswer(`behind a length ${shown(surplus)}`, answer('') + surplus, { ...never, client_body: 'abc' }),
    goodAnswer(`behind chunks ${shown(surplus)}`, chunked('3\r\nabc\r\n0\r\n\r\n') + surplus, {
      ...never,
      client_body: 'abc',
    }),
    goodAnswer(`later behind a length ${shown(surplus)}`, [answer(''), { sleep_ms: 40 }, surplus], {
      ...never,
      client_body: 'abc',
    }),
  ]),
  goodAnswer('a length with zeros', `${ok}Content-Length: 0003\r\n\r\nabc`, { client_body: 'abc' }),
  goodAnswer('no reason and no blank', 'HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nabc', { client_body: 'abc' }),
  goodAnswer(
    'bytes above 0x7f in reason and value',
    'HTTP/1.1 200 \xdcbel\r\nX-A: \xe4\r\nContent-Length: 3\r\n\r\nabc',
    { client_body: 'abc' },
  ),
  goodAnswer('a coding in capitals', `${ok}transfer-encoding:CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, {
    client_body: 'abc',
  }),
  goodAnswer('chunk extensions', chunked('3 ;a="b;c"\r\nabc\r\n0;a\r\n\r\n'), { client_body: 'abc' }),
  goodAnswer('an end that the end of the connection makes', `${ok}\r\nabc`, { client_body: 'abc' }),
  goodAnswer(
    'Connection that names what the edge asserts',
    answer('Connection: x-version, date, content-length, set-cookie\r\nSet-Cookie: a=b\r\nX-Version: v9\r\n'),
    { client_body: 'abc', never_client: ['v9'] },
  ),
  goodAnswer(
    'fields for the edge alone',
    answer(
      'Keep-Alive: timeout=SPLIT\r\nProxy-Connection: SPLIT\r\nUpgrade: SPLIT\r\nTrailer: SPLIT\r\nTE: SPLIT\r\nConnection: x-own\r\nX-Own: SPLIT\r\n',
    ),
    { ...never, client_body: 'abc' },
  ),
]
