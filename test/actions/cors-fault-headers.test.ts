// What a route answers before an upstream is asked (CORS preflights, faults), and what it changes on the way there and back, as Envoy does it.

import { describe, expect, it } from 'vitest'
import { startTime } from '../../src/proxy/start-time.ts'
import { describeRows } from './rows.ts'

const preflight = (origin: string, ...more: string[]): readonly string[] => [
  `Origin: ${origin}`,
  'Access-Control-Request-Method: DELETE',
  ...more,
]
const allowed = (origin: string): Record<string, string | null> => ({ 'access-control-allow-origin': origin })

describeRows(
  'corsPolicy',
  `
  exact:
    match: [{ uri: { prefix: /exact } }]
    url: <frontend v1>
    corsPolicy:
      allowOrigins: [{ exact: https://app.example.com }]
      allowMethods: [GET, POST]
      allowHeaders: [x-token, content-type]
      exposeHeaders: [x-exposed]
      maxAge: 24h
      allowCredentials: true
    headers: { response: { set: { x-r: "1" } } }
  regex: { url: <frontend v1>, match: [{ uri: { prefix: /regex } }], corsPolicy: { allowOrigins: [{ regex: 'https://.*\\.example\\.com' }], allowMethods: [GET] } }
  star: { url: <frontend v1>, match: [{ uri: { prefix: /star } }], corsPolicy: { allowOrigins: [{ exact: "*" }], allowMethods: ["*"], allowHeaders: ["*"] } }
  ignore: { url: <frontend v1>, match: [{ uri: { prefix: /ignore } }], corsPolicy: { allowOrigins: [{ prefix: https://app }], allowMethods: [GET], unmatchedPreflights: IGNORE } }
  fault: { url: <frontend v1>, match: [{ uri: { prefix: /fault } }], corsPolicy: { allowOrigins: [{ exact: "*" }] }, fault: { abort: { httpStatus: 418, percentage: 100% } } }
  api: /api/
  frontend:
`,
  [
    {
      says: 'answers a preflight itself, whatever method it asks for',
      method: 'OPTIONS',
      path: '/exact',
      headers: preflight('https://app.example.com', 'Access-Control-Request-Headers: x-other'),
      url: null,
      bodyOut: '',
      answer: {
        'access-control-allow-origin': 'https://app.example.com',
        'access-control-allow-credentials': 'true',
        'access-control-allow-methods': 'GET,POST',
        'access-control-allow-headers': 'x-token,content-type',
        'access-control-max-age': '86400',
        'access-control-expose-headers': 'x-exposed',
        'x-r': null,
      },
    },
    {
      says: 'sends a preflight of another origin on',
      method: 'OPTIONS',
      path: '/exact',
      headers: preflight('https://evil.com'),
      url: '/exact',
      answer: { 'access-control-allow-origin': null, 'access-control-allow-methods': null },
    },
    {
      says: 'takes OPTIONS without a method asked for as any request',
      method: 'OPTIONS',
      path: '/exact',
      headers: ['Origin: https://app.example.com'],
      url: '/exact',
      answer: { ...allowed('https://app.example.com'), 'access-control-allow-methods': null },
    },
    {
      says: 'takes OPTIONS without an origin as any request',
      method: 'OPTIONS',
      path: '/exact',
      headers: ['Access-Control-Request-Method: GET'],
      url: '/exact',
      answer: { 'access-control-allow-origin': null },
    },
    {
      says: "sets its fields on the upstream's answer, in place of the upstream's own",
      path: '/exact',
      headers: ['Origin: https://app.example.com', 'x-echo-access-control-allow-origin: *'],
      answer: {
        ...allowed('https://app.example.com'),
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'x-exposed',
        'access-control-max-age': null,
        // Of the rules for caches (docs/caching.md); CORS adds none, as in Envoy.
        vary: 'Cookie, x-page-version',
        'x-r': '1',
      },
    },
    {
      says: 'leaves the answer to another origin as it is',
      path: '/exact',
      headers: ['Origin: https://evil.com', 'x-echo-access-control-allow-origin: https://evil.com'],
      answer: allowed('https://evil.com'),
    },
    {
      says: 'takes a regex for the whole origin',
      path: '/regex',
      headers: ['Origin: https://a.example.com.evil.com'],
      answer: { 'access-control-allow-origin': null },
    },
    {
      says: 'names the origin where every one is allowed, and echoes what is asked for',
      method: 'OPTIONS',
      path: '/star',
      headers: preflight('https://b.org', 'Access-Control-Request-Headers: x-a, x-b'),
      answer: {
        ...allowed('https://b.org'),
        'access-control-allow-methods': 'DELETE',
        'access-control-allow-headers': 'x-a, x-b',
      },
    },
    {
      says: 'with IGNORE answers a preflight of another origin without allowing it',
      method: 'OPTIONS',
      path: '/ignore',
      headers: preflight('https://evil.com'),
      url: null,
      answer: { 'access-control-allow-origin': null, 'access-control-allow-methods': 'GET' },
    },
    {
      says: 'comes behind a fault, to whose answer it adds nothing',
      method: 'OPTIONS',
      path: '/fault',
      headers: preflight('https://b.org'),
      status: 418,
      answer: { 'access-control-allow-origin': null },
    },
  ],
)

describeRows(
  'fault',
  `
  always: { url: <frontend v1>, match: [{ uri: { prefix: /abort } }], fault: { abort: { httpStatus: 503, percentage: { value: 100 } } }, headers: { response: { set: { x-r: "1" } } } }
  never: { url: <frontend v1>, match: [{ uri: { prefix: /never } }], fault: { abort: { httpStatus: 503 }, delay: { fixedDelay: 9s } } }
  slow: { url: <frontend v1>, match: [{ uri: { prefix: /slow } }], timeout: 300ms, fault: { delay: { fixedDelay: 400ms, percentage: 100% } } }
  both: { url: <frontend v1>, match: [{ uri: { prefix: /both } }], fault: { delay: { fixedDelay: 60ms, percentage: 100% }, abort: { httpStatus: 500, percentage: 100% } } }
  grpc: { url: <frontend v1>, match: [{ uri: { prefix: /grpc } }], fault: { abort: { grpcStatus: UNAVAILABLE, percentage: 100% } } }
  retried: { url: <frontend v1>, match: [{ uri: { prefix: /retried } }], retries: { attempts: 3, retryOn: 5xx }, fault: { abort: { httpStatus: 503, percentage: 100% } } }
  api: /api/
  frontend:
`,
  [
    {
      says: 'aborts, with the response operations of the service',
      path: '/abort',
      status: 503,
      url: null,
      bodyOut: 'fault filter abort',
      flags: 'FI',
      answer: { 'content-type': 'text/plain', 'x-r': '1', 'x-version': 'v1' },
    },
    { says: 'does nothing without a percentage', path: '/never', flags: '-' },
    { says: 'delays, and the delay does not count against the time-out', path: '/slow', atLeastMs: 398, flags: 'DI' },
    {
      says: 'delays a body that is sent on whole',
      method: 'POST',
      path: '/slow',
      body: 'abc',
      url: '/slow',
      atLeastMs: 398,
    },
    { says: 'delays first, then aborts', path: '/both', status: 500, atLeastMs: 58, flags: 'DI,FI' },
    {
      says: 'aborts in the way of gRPC who asks in it',
      path: '/grpc',
      headers: ['Content-Type: application/grpc'],
      answer: { 'grpc-status': '14', 'grpc-message': 'fault filter abort', 'content-type': 'application/grpc' },
    },
    {
      says: 'tells others by its text',
      path: '/grpc',
      bodyOut: 'fault filter abort',
      answer: { 'grpc-status': null, 'content-type': 'text/plain' },
    },
    { says: 'is not retried', path: '/retried', status: 503, attempts: 0, flags: 'FI' },
  ],
)

describeRows(
  'header operations',
  `
  api:
    match: [{ uri: { prefix: /api/ } }]
    headers:
      request:
        set: { X-Set: new, x-both: set, x-empty: "", x-back: "%REQ(x-gone)%", x-from: "a %REQ(X-Was?:path)% b", x-pct: "50%%" }
        add: { x-add: more, x-both: add, x-none: "%REQ(x-absent)%", x-cut: "%REQ(x-long):3%" }
        remove: [x-gone, x-both]
      response:
        set: { x-rset: new, x-status: "%RESPONSE_CODE%", x-copy: "%RESP(x-rset)%", x-late: "%RESP(x-up)%", user: "%VERSION%" }
        add: { set-cookie: a=b }
        remove: [x-up]
  moved:
    match: [{ uri: { prefix: /moved/ } }]
    url: <frontend v1>
    rewrite: { uri: /to/, authority: in.example }
    headers:
      request: { set: { x-path: "%REQ(:path)% %REQ(:authority)% %UPSTREAM_REQUEST_ATTEMPT_COUNT%" } }
      response: { set: { x-path: "%REQ(:path)% %REQ(:authority)% %UPSTREAM_REQUEST_ATTEMPT_COUNT%" } }
  words:
    match: [{ uri: { prefix: /words } }]
    url: <frontend v1>
    headers:
      request:
        set:
          x-client: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
          x-protocol: "%PROTOCOL% %REQ(:METHOD)% %REQ(:AUTHORITY)% %REQ(:PATH)%"
          x-forwarded: "%REQ(x-forwarded-for)%"
          x-year: "%START_TIME(%Y)%"
          x-umlaut: "ü"
          x-local: "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%"
          x-first: "%REQ(x-many)%"
          x-joined: "%REQ(accept)%"
          x-there: "is %REQ(x-empty?x-many)%"
      response:
        set: { x-where: "%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_CLUSTER% %UPSTREAM_REQUEST_ATTEMPT_COUNT%" }
  frontend:
`,
  [
    {
      says: 'remove first, then set, then add, of values as they were after the first',
      path: '/api/x',
      headers: ['x-set: old', 'x-set: older', 'x-add: one', 'x-gone: was', 'x-both: came', 'x-long: abcdef'],
      upstream: {
        'x-set': 'new',
        'x-add': 'one, more',
        'x-gone': null,
        'x-both': 'set, add',
        'x-empty': null,
        'x-none': null,
        'x-back': null,
        'x-from': 'a /api/x b',
        'x-pct': '50%',
        'x-cut': 'abc',
      },
    },
    {
      says: 'change answers, whose fields they may name',
      path: '/api/x',
      headers: ['x-echo-x-rset: old', 'x-echo-x-up: up', 'x-echo-set-cookie: c=d', 'x-echo-status: 404', 'x-gray: v2'],
      status: 404,
      answer: {
        'x-rset': 'new',
        'x-up': null,
        'x-copy': 'old',
        'x-late': null,
        'x-status': '404',
        'set-cookie': 'c=d, a=b',
        user: 'v2',
      },
    },
    {
      says: 'take the first of several lines, as Envoy does, but for fields that it keeps in one; an empty one is there',
      path: '/words',
      headers: ['x-many: one', 'x-many: two', 'x-empty:', 'accept: a/b', 'accept: c/d'],
      upstream: { 'x-first': 'one', 'x-joined': 'a/b,c/d', 'x-there': 'is' },
    },
    {
      says: 'see the path and the host as they are when they are done: rewritten behind those of the request, as in Envoy',
      path: '/moved/%61?b=1',
      upstream: { 'x-path': '/moved/a?b=1 shop.test 1' },
      answer: { 'x-path': '/to/a?b=1 in.example 1' },
    },
    {
      says: 'know the words of Envoy',
      path: '/words?a=1',
      from: '127.0.0.7',
      upstream: {
        'x-client': '127.0.0.7',
        'x-protocol': 'HTTP/1.1 GET shop.test /words?a=1',
        'x-forwarded': '127.0.0.7',
        'x-local': '127.0.0.1',
        'x-year': String(new Date().getUTCFullYear()),
        // UTF-8, as the backend's JSON shows the bytes of it.
        'x-umlaut': Buffer.from('\u00c3\u00bc').toString('latin1'),
      },
      answer: { 'x-where': '127.0.0.1 shop/words@v1 1' },
    },
  ],
)

describe('%START_TIME%', () => {
  it.each([
    ['', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/],
    ['%F %T %z', /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000$/],
    ['%1f %3f', /^\d \d{3}$/],
    ['%f', /^\d{3}000000$/],
    ['%q of %Y, 100%%', /^%q of \d{4}, 100%$/],
  ])('with the format %j', (format, fits) => {
    expect(startTime(format)()).toMatch(fits)
  })
})
