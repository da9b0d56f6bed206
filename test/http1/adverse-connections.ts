// Requests that want more of a connection than their own answer: what only neighbours may say to each other, what lies behind a request,
// ends in the middle, bounds. One list a rule; graded as corpus.json is.

import { chunks, get, hidden, host, late, line, passed, post, refused, shown, type More } from './case-forms.ts'
import type { CorpusCase } from './corpus-player.ts'

// --- fields between two neighbours only (RFC 9110 7.6.1, 7.8, 10.1.1)

const badOptions: readonly string[] = [
  'a b',
  'a;b',
  'a=b',
  '"close"',
  '(a)',
  '\x80',
  'close\xa0',
  'a, b c',
  '@',
  'x-version:',
]
const lasting: readonly (readonly [field: string, value: string])[] = [
  ['Cookie', 'a=b'],
  ['Authorization', 'Basic eA=='],
  ['Content-Type', 'text/plain'],
  ['Content-Encoding', 'gzip'],
  ['Cache-Control', 'no-cache'],
  ['Date', 'Fri, 01 Jan 2027 00:00:00 GMT'],
]
const upgrades: readonly string[] = [
  'h2c',
  'HTTP/2.0',
  'h2c, websocket',
  'websocket, h2c',
  'websocket,',
  'websocket/13',
  'web socket',
  'TLS/1.0',
  'connect-udp',
  'websocket\r\nUpgrade: h2c',
  'h2c\r\nUpgrade: websocket',
]
const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
const websocket = `Connection: Upgrade\r\nUpgrade: websocket\r\n`
const notAsked: More = { if_forwarded: { absent: ['upgrade', 'http2-settings'] } }

const hops: readonly CorpusCase[] = [
  ...badOptions.map((option) => refused(`Connection: ${shown(option)}`, get(`Connection: ${option}\r\n`))),
  ...lasting.map(([name, value]) =>
    passed(`Connection that names ${name}`, get(`Connection: ${name}\r\n${name}: ${value}\r\n`), {
      if_forwarded: { present: [name.toLowerCase()] },
    }),
  ),
  ...[
    'x-forwarded-proto',
    'x-forwarded-host',
    'X-VERSION',
    'vIa, x-version, host, x-forwarded-for',
    'close, keep-alive, x-version',
  ].map((names) =>
    passed(`Connection: ${names}`, get(`Connection: ${names}\r\n`), {
      if_forwarded: {
        present: ['x-version', 'via', 'host', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'],
        absent: ['connection'],
      },
    }),
  ),
  passed(
    'fields that only the next hop may read',
    get(
      'Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers, chunked\r\nTrailer: X-A\r\nHTTP2-Settings: AAMA\r\nUpgrade: h2c\r\n',
    ),
    {
      if_forwarded: {
        absent: ['keep-alive', 'proxy-connection', 'te', 'trailer', 'http2-settings', 'upgrade', 'connection'],
      },
    },
  ),
  ...upgrades.map((protocol) =>
    passed(
      `Upgrade: ${shown(protocol)}`,
      get(`Connection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: AAMA\r\n${key}`),
      notAsked,
    ),
  ),
  passed('websocket that Connection does not name', get(`Upgrade: websocket\r\n${key}`), notAsked),
  passed('websocket without a key', get(`${websocket}Sec-WebSocket-Version: 13\r\n`), notAsked),
  passed('websocket in HTTP/1.0', `GET /a HTTP/1.0\r\n${host}${websocket}${key}\r\n`, notAsked),
  passed('websocket with HEAD', `HEAD /a HTTP/1.1\r\n${host}${websocket}${key}\r\n`, notAsked),
  passed('websocket with a body', get(`${websocket}${key}Content-Length: ${hidden.length}\r\n`) + hidden, notAsked),
  passed('websocket with chunks', get(`${websocket}${key}Transfer-Encoding: chunked\r\n`) + '0\r\n\r\n', notAsked),
  passed(
    'bytes behind a websocket that is not granted are a request',
    get(`${websocket}${key}`) + `GET /b HTTP/1.1\r\n${host}\r\n`,
    { max_upstream: 2, responses: 2 },
  ),
  refused('bytes behind a websocket that is not granted', get(`${websocket}${key}`) + '\x81\x05hello', {
    expected: 'reject-close',
    ok_before: 1,
    responses: 2,
    max_upstream: 1,
  }),
  ...[
    '100-continue;q=1',
    '100-continue, 100-continue',
    '"100-continue"',
    '100 continue',
    '100-continued',
    'x, 100-continue',
    '200-ok',
  ].map((value) =>
    refused(`Expect: ${value}`, post(`Expect: ${value}\r\nContent-Length: ${hidden.length}\r\n`, hidden), {
      allowed_status: [400, 417],
    }),
  ),
  refused('Expect twice', post(`Expect: 100-continue\r\nExpect: x\r\nContent-Length: 5\r\n`, 'hello'), {
    allowed_status: [400, 417],
  }),
]

// --- one behind the other (RFC 9112 9.3)

const second: readonly (readonly [what: string, raw: string])[] = [
  ['without a Host', 'GET /SMUGGLED HTTP/1.1\r\n\r\n'],
  [
    'with two framings',
    `POST /SMUGGLED HTTP/1.1\r\n${host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['with a fold', `GET /SMUGGLED HTTP/1.1\r\n${host}X-A: a\r\n b\r\n\r\n`],
  ['with LF alone', 'GET /SMUGGLED HTTP/1.1\nHost: corpus.test\n\n'],
  ['of HTTP/0.9', 'GET /SMUGGLED\r\n'],
  ['behind LF', `\n${hidden}`],
  ['behind three empty lines', `\r\n\r\n\r\n${hidden}`],
  ['behind a byte', `(${hidden}`],
  ['of NULs', '\0'.repeat(40)],
]

const pipelines: readonly CorpusCase[] = [
  ...second.flatMap(([what, raw]) => {
    const more: More = { expected: 'reject-close', ok_before: 1, responses: 2, max_upstream: 1 }
    return [
      refused(`a second request ${what}`, get('') + raw, more),
      refused(`a request ${what} behind a length`, post('Content-Length: 5\r\n', 'hello') + raw, more),
      refused(`a request ${what} behind chunks`, chunks('5\r\nhello\r\n0\r\n\r\n') + raw, more),
    ]
  }),
  ...['close', 'Close', 'keep-alive, close', 'close, x-own', 'x-own\r\nConnection: close'].map((option) =>
    passed(`nothing behind Connection: ${shown(option)}`, get(`Connection: ${option}\r\n`) + hidden, {
      must_close: true,
    }),
  ),
  passed('nothing behind HTTP/1.0', `GET /a HTTP/1.0\r\n${host}\r\n${hidden}`, { must_close: true }),
  passed(
    'HTTP/1.0 that stays',
    `GET /a HTTP/1.0\r\n${host}Connection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n${host}\r\n`,
    { responses: 2, max_upstream: 2, must_close: true },
  ),
  passed('a body that looks like a request', post(`Content-Length: ${hidden.length}\r\n`, hidden) + get(''), {
    responses: 2,
    max_upstream: 2,
  }),
  passed('an empty line behind a body', post('Content-Length: 5\r\n', 'hello\r\n') + get(''), {
    responses: 2,
    max_upstream: 2,
  }),
  refused('a body longer than its length', post('Content-Length: 5\r\n', 'hello ') + hidden, {
    ...late,
    ok_before: 1,
    responses: 2,
    max_upstream: 1,
  }),
]

// --- who stops in the middle (RFC 9112 8)

const beginnings: readonly string[] = [
  'GET',
  'GET /a',
  'GET /a HTTP/1.1',
  'GET /a HTTP/1.1\r\nHost: corpus.test',
  'GET /a HTTP/1.1\r\nHost: corpus.test\r\n',
  'GET /a HTTP/1.1\r\nHost: corpus.test\r\n\r',
  post('Content-Length: 5\r\n', ''),
  post('Content-Length: 5\r\n', 'hell'),
  chunks(''),
  chunks('5'),
  chunks('5\r\n'),
  chunks('5\r\nhel'),
  chunks('5\r\nhello'),
  chunks('5\r\nhello\r\n'),
  chunks('5\r\nhello\r\n0'),
  chunks('5\r\nhello\r\n0\r\n'),
  chunks('5\r\nhello\r\n0\r\n\r'),
  chunks('5\r\nhello\r\n0\r\nX-A: a'),
]

const halves: readonly CorpusCase[] = [
  ...beginnings.map((text) => refused(`an end behind ${shown(text)}`, [text, { half_close: 1 }], late)),
  passed('an end behind a whole request', [get(''), { half_close: 1 }]),
  passed('an end behind two whole requests', [get('') + get(''), { half_close: 1 }], { responses: 2, max_upstream: 2 }),
]

// --- bounds (docs/configuration.md, limits)

const padded = (bytes: number): string => {
  const empty = get('X-A: \r\nX-B: \r\nX-C: \r\nX-D: \r\nX-E: \r\n').length
  const each = Math.floor((bytes - empty) / 5)
  const fill = [1, 2, 3, 4, 5].map((at) => 'a'.repeat(at === 5 ? bytes - empty - 4 * each : each))
  return get(`X-A: ${fill[0]}\r\nX-B: ${fill[1]}\r\nX-C: ${fill[2]}\r\nX-D: ${fill[3]}\r\nX-E: ${fill[4]}\r\n`)
}
const tooLarge: More = { allowed_status: [431] }

const bounds: readonly CorpusCase[] = [
  passed('a head of 32,767 bytes', padded(32_767)),
  passed('a head of 32,768 bytes', padded(32_768)),
  refused('a head of 32,769 bytes', padded(32_769), tooLarge),
  passed('100 fields', get('X-A: a\r\n'.repeat(99))),
  refused('101 fields', get('X-A: a\r\n'.repeat(100)), tooLarge),
  refused('65,536 fields', get('a:\r\n'.repeat(65_536)), tooLarge),
  passed('a target of 8,192 bytes', line(`GET /${'a'.repeat(8191)} HTTP/1.1`)),
  refused('a target of 8,193 bytes', line(`GET /${'a'.repeat(8192)} HTTP/1.1`), { allowed_status: [414] }),
  refused('a target that never ends', `GET /${'a'.repeat(40_000)}`, { allowed_status: [414] }),
  refused('a name that never ends', `GET /a HTTP/1.1\r\n${host}${'a'.repeat(40_000)}`, tooLarge),
  refused('a value that never ends', `GET /a HTTP/1.1\r\n${host}a: ${'a'.repeat(40_000)}`, tooLarge),
  passed('a name of 20,000 bytes', get(`${'a'.repeat(20_000)}: a\r\n`)),
  passed('a method of 32 bytes', line(`${'M'.repeat(32)} /a HTTP/1.1`)),
]

export const adverseConnections: readonly CorpusCase[] = [...hops, ...pipelines, ...halves, ...bounds]
