// Requests whose end two hops could see at two places, by the rules of RFC 9112 6 and 7: one list a rule, so that a new spelling is one
// more word. Graded as corpus.json is.

import { chunks, hidden, host, late, passed, post, refused, shown } from './case-forms.ts'
import type { CorpusCase } from './corpus-player.ts'

const smuggling = `Content-Length: ${5 + hidden.length}\r\n`
/** Read by its length this is one request, read by its chunks two. */
const twoReadings = (fields: string): string => post(`${smuggling}${fields}`, `0\r\n\r\n${hidden}`)

// --- framing (RFC 9112 6)

const codings: readonly string[] = [
  'chunked,',
  ',chunked',
  'chunked;',
  'chunked ;a=b',
  'chunked; a="b"',
  'chunked=1',
  'chunked\0',
  'chunked\x0b',
  '\x0cchunked',
  'chunked\xa0',
  '\x85chunked',
  'chun ked',
  'chun\tked',
  'chunked\\',
  "'chunked'",
  '<chunked>',
  '(a)chunked',
  'chunked(a)',
  'tchunked',
  'chunkedchunked',
  'chun\xe2\x84\xaaed',
  'chunked,identity',
  'identity,chunked',
  'chunked, ,chunked',
  'gzip',
  'trailers',
  'gzip;q="chunked", chunked',
  'chunked\r\n ',
  '\r\n chunked',
  'chunked\r',
]

const codingNames: readonly string[] = [
  'Transfer-Encoding ',
  'Transfer-Encoding\t',
  'Transfer-Encoding\x0b',
  'Transfer-Encoding\xa0',
  'Transfer-Encoding\0',
  'Transfer-Encoding\r',
  'Transfer-Encoding\n',
  ' Transfer-Encoding',
  '\tTransfer-Encoding',
  '\x0bTransfer-Encoding',
  'Transfer Encoding',
  'Transfer-\0Encoding',
  'Transfer-\xadEncoding',
  '"Transfer-Encoding"',
  'Transfer-Encoding=',
]

const lengths: readonly string[] = [
  '5\t5',
  '5\0',
  '\x0b5',
  '5\x0c',
  '\xa05',
  '5,',
  ',5',
  '5 ,5',
  '5;5',
  '5.',
  '.5',
  '--5',
  '5-',
  '5L',
  "'5'",
  '"5"',
  '0b101',
  '0o5',
  '0x0',
  '5_0',
  '5%',
  '\xd9\xa5',
  '\xef\xbc\x95',
  '5\r\n 5',
  '5\r',
  '18446744073709551621',
  '9007199254740993',
  'five',
  'NaN',
  'Infinity',
]

const framing: readonly CorpusCase[] = [
  ...codings.map((coding) =>
    refused(`the coding ${shown(coding)}`, post(`Transfer-Encoding: ${coding}\r\n`, `0\r\n\r\n${hidden}`), {
      allowed_status: [400, 501],
    }),
  ),
  ...codingNames.map((name) => refused(`the name ${shown(name)}`, twoReadings(`${name}: chunked\r\n`))),
  ...lengths.map((length) => refused(`a length of ${shown(length)}`, post(`Content-Length: ${length}\r\n`, 'hello'))),
  ...['Content-Length ', 'Content-Length\x0b', ' Content-Length', 'Content Length', 'Content-Length\0'].map((name) =>
    refused(`the name ${shown(name)}`, post(`${name}: ${hidden.length}\r\n`, hidden)),
  ),
  ...['GET', 'HEAD', 'DELETE', 'OPTIONS', 'BREW'].map((method) =>
    refused(
      `both framings with ${method}`,
      `${method} /a HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n${hidden}`,
    ),
  ),
  refused(
    'both framings, one of them in Connection',
    twoReadings('Transfer-Encoding: chunked\r\nConnection: te, Transfer-Encoding\r\n'),
  ),
  refused(
    'both framings, the length in Connection',
    twoReadings('Transfer-Encoding: chunked\r\nConnection: content-length\r\n'),
  ),
  refused(
    'two lengths with fifty fields between',
    post(`Content-Length: 5\r\n${'X-A: a\r\n'.repeat(50)}content-length: 5\r\n`, 'hello'),
  ),
  refused(
    'two codings with fifty fields between',
    post(
      `Transfer-Encoding: chunked\r\n${'X-A: a\r\n'.repeat(50)}transfer-encoding: chunked\r\n`,
      `0\r\n\r\n${hidden}`,
    ),
  ),
  refused(
    'an empty coding line behind the good one',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n', `0\r\n\r\n${hidden}`),
  ),
  refused(
    'chunks in HTTP/1.0 that keep the connection',
    `POST /a HTTP/1.0\r\n${host}Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
  ),
  passed(
    'a coding named in Connection',
    post('Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'),
    { if_forwarded: { body: 'hello' } },
  ),
  passed('a coding between tabs', post('Transfer-Encoding:\t chunked \t\r\n', '5\r\nhello\r\n0\r\n\r\n'), {
    if_forwarded: { body: 'hello' },
  }),
  passed('a body with GET', `GET /a HTTP/1.1\r\n${host}Content-Length: ${hidden.length}\r\n\r\n${hidden}`),
  passed(
    'chunks with GET',
    `GET /a HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`,
  ),
]

// --- chunks (RFC 9112 7.1)

const sizes: readonly string[] = [
  '5 ',
  '5\t',
  '\t5',
  '5\0',
  '\x005',
  '5\x0b',
  '5\x0c5',
  '5,',
  '5:',
  '5#',
  '5%',
  '5"',
  '5.0',
  '5h',
  '0X5',
  '\\x5',
  '&5',
  '5\xa0',
  '\xef\xbb\xbf5',
  '5\r',
  '\r5',
  '\n5',
  '\r\n5',
  '100000005',
  '10000000000000005',
  'fffffffffffffffb',
  '8000000000000005',
  `${'0'.repeat(64)}5`,
]

/** chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS ( token / quoted-string ) ] ) */
const extensions: readonly string[] = [
  ';a',
  ';a=b',
  ';a;b=c;d',
  ' ;a',
  '\t; a = b',
  ';a="b\\"c"',
  ';a="b\\\\";c',
  ';a="\t \x80"',
  ';a=""',
]
const noExtensions: readonly string[] = [
  ';',
  ';;',
  ';a;',
  ';=b',
  ';a=',
  ';a==b',
  ';a b',
  ';a=b c',
  ';a=b"c"',
  ';a="b"c',
  ';a="b',
  ';a="b\\"',
  ';a="b\\',
  ';"a"=b',
  ';a,b',
  ';a=b,c',
  ';a=(b)',
  ';a\0',
  ';a="\0"',
  ';a="\x7f"',
  ';a\x0b',
  ';\xe4=b',
  ';a\r',
  ';a="\r\n"',
  ';a="\n"',
  ' a',
  ' 5',
]

const brokenTrailers: readonly string[] = [
  'X-A: a\0',
  ' X-A: a',
  '\tX-A: a',
  'X-A : a',
  ': a',
  'X-A',
  'X-A: a\r\r',
  'X-A: \x7f',
  'X\xe4: a',
  'X-A: a\r\n b',
  'X-A: a\nX-B: b',
]
const foreignTrailers: readonly string[] = [
  'Host: evil.test',
  'Content-Length: 3',
  'Transfer-Encoding: chunked',
  'X-Version: v9',
  'x_version: v9',
  'Cookie: graylane=9',
  'Authorization: Basic eA==',
  'Connection: close',
  'X-Forwarded-For: 9.9.9.9',
  'Via: 1.1 evil',
  'Content-Type: text/evil',
  'Expect: 100-continue',
]

const chunked: readonly CorpusCase[] = [
  ...sizes.map((size) => refused(`a chunk size of ${shown(size)}`, chunks(`${size}\r\nhello\r\n0\r\n\r\n`), late)),
  ...['00000005', '0000000000000005'].map((size) =>
    passed(`a chunk size of ${size}`, chunks(`${size}\r\nhello\r\n0\r\n\r\n`), { if_forwarded: { body: 'hello' } }),
  ),
  ...extensions.map((text) =>
    passed(`the chunk extension ${shown(text)}`, chunks(`5${text}\r\nhello\r\n0${text}\r\n\r\n`), {
      if_forwarded: { body: 'hello' },
    }),
  ),
  ...noExtensions.map((text) =>
    refused(`the chunk extension ${shown(text)}`, chunks(`5${text}\r\nhello\r\n0\r\n\r\n`), late),
  ),
  ...noExtensions
    .slice(0, 6)
    .map((text) =>
      refused(`the last chunk's extension ${shown(text)}`, chunks(`5\r\nhello\r\n0${text}\r\n\r\n`), late),
    ),
  ...brokenTrailers.map((text) =>
    refused(`the trailer ${shown(text)}`, chunks(`5\r\nhello\r\n0\r\n${text}\r\n\r\n`), late),
  ),
  ...foreignTrailers.map((text) =>
    passed(`the trailer ${text}`, chunks(`5\r\nhello\r\n0\r\n${text}\r\n\r\n`), {
      if_forwarded: { body: 'hello', match: { host: '^corpus\\.test$' } },
      never_upstream: ['v9', 'evil', 'graylane=9', 'Basic', '9\\.9\\.9\\.9', '(?:^|\\n)Content-Length'],
    }),
  ),
  refused('a chunk one byte longer than its size', chunks('4\r\nhello\r\n0\r\n\r\n'), late),
  refused('a chunk one byte shorter than its size', chunks('6\r\nhello\r\n0\r\n\r\n'), late),
  refused('LF LF behind the last chunk', chunks('5\r\nhello\r\n0\n\n'), late),
  refused('LF alone as the empty line', chunks('5\r\nhello\r\n0\r\n\n'), late),
  refused('CR alone as the empty line', chunks('5\r\nhello\r\n0\r\n\rX'), late),
  refused('extensions of 5,000 bytes in all', chunks(`${`1;${'a'.repeat(98)}\r\nx\r\n`.repeat(50)}0\r\n\r\n`), late),
  refused('trailers of 9,000 bytes', chunks(`0\r\n${`X-A: ${'a'.repeat(93)}\r\n`.repeat(90)}\r\n`), {
    ...late,
    allowed_status: [400, 431],
  }),
]

export const adverseFraming: readonly CorpusCase[] = [...framing, ...chunked]
