// Cases of the corpus' families that are not in it: other spellings of the same tricks. Graded as corpus.json is.

import { badAnswer, chunks, get, goodAnswer, hidden, host, line, ok, passed, post, refused } from './case-forms.ts'
import type { CorpusCase } from './corpus-player.ts'

const requests: readonly CorpusCase[] = [
  // line ends and folding (RFC 9112 2.2, 5.2)
  refused('a fold with a tab', get('X-A: 1\r\n\t2\r\n')),
  refused('a fold that is empty', get('X-A: 1\r\n \r\n')),
  refused('a fold before the first field', `GET /a HTTP/1.1\r\n ${host}\r\n`),
  refused('a fold that hides a length', post('X-A: 1\r\n Content-Length: 5\r\n', hidden)),
  refused('CR within a value', get('X-A: a\rContent-Length: 5\r\n')),
  refused('CR CR LF', get('X-A: a\r\r\n')),
  refused('LF alone behind a value', get('X-A: a\nX-B: b\r\n')),
  refused('LF alone behind the request line', `GET /a HTTP/1.1\n${host}\r\n`),
  refused('LF LF as the end', `GET /a HTTP/1.1\r\nHost: corpus.test\n\n`),
  refused('NUL in a name', get('X\0A: a\r\n')),
  refused('NUL in a value', get('X-A: a\0b\r\n')),
  refused('DEL in a value', get('X-A: a\x7fb\r\n')),
  refused('a vertical tab in a value', get('X-A: a\x0bb\r\n')),
  passed('bytes above 0x7f in a value', get('X-A: caf\xe9\r\n')),
  // names (RFC 9112 5.1)
  refused('a blank before the colon', get('X-A : a\r\n')),
  refused('a tab before the colon', post('Content-Length\t: 5\r\n', 'hello')),
  refused('a blank in a name', get('X A: a\r\n')),
  refused('no colon', get('X-A\r\n')),
  refused('no name', get(': a\r\n')),
  refused('a name in quotes', get('"X-A": a\r\n')),
  refused('a byte above 0x7f in a name', get('X\xa0A: a\r\n')),
  // request line (RFC 9112 3)
  refused('two blanks', line('GET  /a HTTP/1.1')),
  refused('a tab between its parts', line('GET\t/a\tHTTP/1.1')),
  refused('a blank behind the version', line('GET /a HTTP/1.1 ')),
  refused('a blank in front', line(' GET /a HTTP/1.1')),
  refused('a version in small letters', line('GET /a http/1.1')),
  refused('a version with two digits', line('GET /a HTTP/1.10'), { allowed_status: [400, 505] }),
  refused('version 2.0', line('GET /a HTTP/2.0'), { allowed_status: [400, 505] }),
  refused('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', { allowed_status: [400, 405, 505] }),
  refused('HTTP/0.9', 'GET /a\r\n', { expected: 'reject-close' }),
  refused('a method that is no token', line('GE(T /a HTTP/1.1')),
  refused('an authority as the target', line('GET corpus.test:80 HTTP/1.1')),
  refused('an asterisk with GET', line('GET * HTTP/1.1')),
  refused('a fragment', line('GET /a#b HTTP/1.1')),
  refused('a NUL as %00', line('GET /a%00 HTTP/1.1')),
  refused('dots that leave the root', line('GET /../a HTTP/1.1')),
  refused('a lone percent sign', line('GET /a%zz HTTP/1.1')),
  // Host and absolute-form (RFC 9112 3.2)
  refused('two Hosts that agree', `GET /a HTTP/1.1\r\n${host}${host}\r\n`),
  refused('no Host', 'GET /a HTTP/1.1\r\nX-A: a\r\n\r\n'),
  refused('an empty Host', 'GET /a HTTP/1.1\r\nHost:\r\n\r\n'),
  refused('a list of Hosts', 'GET /a HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n'),
  refused('a Host with a user', 'GET /a HTTP/1.1\r\nHost: u@corpus.test\r\n\r\n'),
  refused('a Host with a path', 'GET /a HTTP/1.1\r\nHost: corpus.test/x\r\n\r\n'),
  refused('a Host with a port of letters', 'GET /a HTTP/1.1\r\nHost: corpus.test:8o\r\n\r\n'),
  refused('a Host with half a bracket', 'GET /a HTTP/1.1\r\nHost: [::1\r\n\r\n'),
  refused('absolute-form with a user', line('GET http://u:p@corpus.test/a HTTP/1.1')),
  refused('absolute-form without a host', line('GET http:///a HTTP/1.1')),
  refused('absolute-form for https on a plain port', line('GET https://corpus.test/a HTTP/1.1')),
  refused('absolute-form of another scheme', line('GET ftp://corpus.test/a HTTP/1.1')),
  passed('absolute-form, whose host wins', 'GET http://other.test/a HTTP/1.1\r\nHost: corpus.test\r\n\r\n', {
    if_forwarded: { target: '/a', match: { host: '^other\\.test$' } },
  }),
  passed('OPTIONS in absolute-form without a path', line('OPTIONS http://b.test HTTP/1.1'), {
    if_forwarded: { target: '^\\*$', match: { host: '^b\\.test$' } },
  }),
  passed('a Host with an empty port', 'GET /a HTTP/1.1\r\nHost: corpus.test:\r\n\r\n'),
  // Content-Length (RFC 9112 6.2)
  ...['5, 5', '5,5', '+5', '-0', '5 5', '0x5', '5.0', '', '5e0', '5;', '1234567890123456', '\xb5'].map((length) =>
    refused(`a length of ${JSON.stringify(length)}`, post(`Content-Length: ${length}\r\n`, 'hello')),
  ),
  refused('two lengths that agree', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello')),
  refused('a length and chunks', post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')),
  passed('a length with zeros in front', post('Content-Length: 005\r\n', 'hello'), {
    if_forwarded: { body: 'hello', match: { 'content-length': '^5$' } },
  }),
  // Transfer-Encoding (RFC 9112 6.1)
  ...['chunked, chunked', 'identity', 'chunked;q=1', 'xchunked', 'chunked x', '"chunked"', 'chunked, gzip', ','].map(
    (coding) => refused(`the coding ${coding}`, post(`Transfer-Encoding: ${coding}\r\n`, `0\r\n\r\n${hidden}`)),
  ),
  refused('a second coding line', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n')),
  refused('a coding we do not know', post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'), {
    allowed_status: [400, 501],
  }),
  refused('chunks in HTTP/1.0', `POST /a HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
  passed('chunked in capitals', post('Transfer-Encoding: CHUNKED\r\n', '5\r\nhello\r\n0\r\n\r\n'), {
    if_forwarded: { body: 'hello' },
  }),
  // chunks (RFC 9112 7.1): a refusal may come when the head is on its way already
  ...['0x5', '+5', ' 5', '', '5_0', '-5', 'g', '5\n', '123456789'].map((size) =>
    refused(`a chunk size of ${JSON.stringify(size)}`, chunks(`${size}\r\nhello\r\n0\r\n\r\n`), {
      expected: 'reject-close',
    }),
  ),
  refused('LF alone in an extension', chunks('5;a=b\nhello\r\n0\r\n\r\n'), { expected: 'reject-close' }),
  refused('NUL in an extension', chunks('5;a=\0\r\nhello\r\n0\r\n\r\n'), { expected: 'reject-close' }),
  refused('no line end behind the data', chunks('5\r\nhello0\r\n\r\n'), { expected: 'reject-close' }),
  refused('LF alone behind the data', chunks('5\r\nhello\n0\r\n\r\n'), { expected: 'reject-close' }),
  refused('a fold in a trailer', chunks('0\r\nX-A: a\r\n b\r\n\r\n'), { expected: 'reject-close' }),
  refused('no colon in a trailer', chunks('0\r\nX-A\r\n\r\n'), { expected: 'reject-close' }),
  passed('an extension in quotes', chunks('5;a="b;c"\r\nhello\r\n0\r\n\r\n'), { if_forwarded: { body: 'hello' } }),
  passed('a last chunk of many zeros', chunks('5\r\nhello\r\n0000\r\n\r\n'), { if_forwarded: { body: 'hello' } }),
  passed('a trailer that would frame', chunks('0\r\nContent-Length: 5\r\nX-Version: v9\r\n\r\n'), {
    if_forwarded: { absent: ['content-length'] },
  }),
  // hop by hop (RFC 9110 7.6.1)
  ...['Host', 'Content-Length', 'X-Version', 'Via', 'X-Forwarded-For'].map((name) =>
    passed(`Connection that names ${name}`, post(`Connection: ${name}\r\nContent-Length: 5\r\n`, 'hello'), {
      if_forwarded: { body: 'hello', present: [name.toLowerCase()] },
    }),
  ),
  ...['close', 'x-own', 'a,', ''].map((option) =>
    refused(`Connection: ${option} with a no-break space`, get(`X-Own: a\r\nConnection: ${option}\xa0\r\n`)),
  ),
  passed('Connection that names a field of its own', get('Connection: close, x-own\r\nX-Own: a\r\n'), {
    if_forwarded: { absent: ['x-own'] },
    must_close: true,
  }),
  passed('h2c', get('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'), {
    if_forwarded: { absent: ['upgrade', 'http2-settings'] },
  }),
  passed('websocket with POST', post('Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n', 'hello'), {
    if_forwarded: { absent: ['upgrade'], body: 'hello' },
  }),
  passed('one forward less', 'OPTIONS /a HTTP/1.1\r\nHost: corpus.test\r\nMax-Forwards: 10\r\n\r\n', {
    if_forwarded: { match: { 'max-forwards': '^9$' } },
  }),
  // expectations (RFC 9110 10.1.1)
  refused('an expectation nobody knows', post('Expect: 200-ok\r\nContent-Length: 5\r\n', 'hello'), {
    allowed_status: [400, 417],
  }),
  // versions
  passed('HTTP/1.0 without a Host', 'GET /a HTTP/1.0\r\n\r\n', {
    must_close: true,
    if_forwarded: { present: ['host'] },
  }),
]

const answers: readonly CorpusCase[] = [
  badAnswer('two lengths', `${ok}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc`),
  badAnswer('a list of lengths', `${ok}Content-Length: 3, 3\r\n\r\nabc`),
  badAnswer('a length with a sign', `${ok}Content-Length: +3\r\n\r\nabc`),
  badAnswer('a length and chunks', `${ok}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
  badAnswer('chunks in HTTP/1.0', `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
  badAnswer('a coding we do not know', `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`),
  badAnswer('a fold', `${ok}X-A: a\r\n b\r\nContent-Length: 3\r\n\r\nabc`),
  badAnswer('LF alone', `HTTP/1.1 200 OK\nContent-Length: 3\n\nabc`),
  badAnswer('NUL in a value', `${ok}X-A: a\0\r\nContent-Length: 3\r\n\r\nabc`),
  badAnswer('a blank before the colon', `${ok}Content-Length : 3\r\n\r\nabc`),
  badAnswer('a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 3\r\n\r\nabc'),
  badAnswer('a status of four digits', 'HTTP/1.1 2000 OK\r\nContent-Length: 3\r\n\r\nabc'),
  badAnswer('a status below 100', 'HTTP/1.1 099 No\r\nContent-Length: 3\r\n\r\nabc'),
  badAnswer('HTTP/2', 'HTTP/2 200\r\nContent-Length: 3\r\n\r\nabc'),
  badAnswer('a 101 nobody asked for', 'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
  badAnswer('an interim answer with a length', `HTTP/1.1 103 Hints\r\nContent-Length: 3\r\n\r\nabc${ok}\r\n`),
  badAnswer('an interim answer in HTTP/1.0', `HTTP/1.0 103 Hints\r\n\r\n${ok}Content-Length: 3\r\n\r\nabc`),
  badAnswer(
    'a switch to websocket in HTTP/1.0',
    'HTTP/1.0 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    { raw: get('Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n') },
  ),
  badAnswer('chunks that break off', `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`, { incomplete_must_show: true }),
  badAnswer('a chunk size that is none', `${ok}Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n`, {
    incomplete_must_show: true,
  }),
  badAnswer('a body that breaks off', `${ok}Content-Length: 10\r\n\r\nabc`, { incomplete_must_show: true }),
  goodAnswer('one whose body is longer than it says', `${ok}Content-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\n`, {
    client_body: 'abc',
  }),
  goodAnswer(
    'Connection that says junk first',
    `${ok}X-Own: a\r\nConnection: @, x-own\r\nContent-Length: 3\r\n\r\nabc`,
    {
      client_body: 'abc',
      never_client: ['X-Own'],
    },
  ),
  goodAnswer('204 with a length', 'HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n', { accept_status: [204] }),
  goodAnswer('304 with a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n', { accept_status: [304] }),
  goodAnswer(
    'interim answers before the last',
    `HTTP/1.1 103 Hints\r\nLink: </a>\r\nX-Version: v9\r\nX_Version: v9\r\n\r\n${ok}Content-Length: 3\r\n\r\nabc`,
    { client_body: 'abc', never_client: ['v9'] },
  ),
  goodAnswer(
    'a trailer, which is dropped',
    `${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Version: v9\r\n\r\n`,
    {
      client_body: 'abc',
      never_client: ['v9'],
    },
  ),
]

export const furtherCases: readonly CorpusCase[] = [...requests, ...answers]
