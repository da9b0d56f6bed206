// Paths and hosts that a route changes, and what it answers without an upstream (redirects, direct responses), as Envoy does it.

import { describeRows } from './rows.ts'

describeRows(
  'rewrite',
  `
  a: { url: "http://127.0.0.1:1" , match: [{ uri: { prefix: /unused/ } }] }
  pre: { url: <frontend v1>, match: [{ uri: { prefix: /noslash } }], rewrite: { uri: / } }
  cut: { url: <frontend v1>, match: [{ uri: { prefix: /from-slash/ } }], rewrite: { uri: /v2 } }
  exact: { url: <frontend v1>, match: [{ uri: { exact: /exact } }, { uri: { regex: "/re[0-9]+" } }], rewrite: { uri: "/n?fixed=1" } }
  cased: { url: <frontend v1>, match: [{ uri: { prefix: /Cased }, ignoreUriCase: true }], rewrite: { uri: /x } }
  all: { url: <frontend v1>, match: [{ uri: { prefix: /all } }], rewrite: { uriRegexRewrite: { match: "/([a-z])([0-9])", rewrite: '/\\2-\\1' } } }
  empty: { url: <frontend v1>, match: [{ uri: { exact: /empty } }], rewrite: { uriRegexRewrite: { match: ".*", rewrite: "" } } }
  host: { url: <frontend v1>, match: [{ uri: { prefix: /host } }], rewrite: { authority: inner.test } }
  api: /api/
  frontend: { match: [{ headers: { x-any: {} } }], rewrite: { uri: /pre } }
`,
  [
    { says: 'replaces the matched prefix as a string', path: '/noslash/x?q=1', url: '//x?q=1' },
    { says: 'adds no slash of its own', path: '/from-slash/x', url: '/v2x' },
    {
      says: 'replaces the whole path of an exact match and keeps the query',
      path: '/exact?a=b',
      url: '/n?fixed=1?a=b',
    },
    { says: 'replaces the whole path of a regex match', path: '/re77', url: '/n?fixed=1' },
    { says: 'cuts by length where case is ignored', path: '/cASED/y', url: '/x/y' },
    { says: 'takes / for the prefix of a match without uri', path: '/zzz', headers: ['x-any: 1'], url: '/prezzz' },
    { says: 'by regex replaces every match, unanchored', path: '/all/a1/b2/c?x=/d4', url: '/all/1-a/2-b/c?x=/d4' },
    { says: 'that leaves nothing leaves the path alone', path: '/empty', url: '/empty' },
    {
      says: 'of the host sends another Host, and tells nobody of the old one',
      path: '/host',
      upstream: { host: 'inner.test', 'x-envoy-original-host': null, 'x-forwarded-host': 'shop.test' },
    },
  ],
)

describeRows(
  'redirect and directResponse',
  `
  uri: { match: [{ uri: { exact: /uri } }], redirect: { uri: /new } }
  query: { match: [{ uri: { exact: /withq } }], redirect: { uri: "/n?fixed=1" } }
  authority: { match: [{ uri: { exact: /auth } }], redirect: { authority: other.com } }
  port: { match: [{ uri: { exact: /port } }], redirect: { port: 8443 } }
  port80: { match: [{ uri: { exact: /port80 } }], redirect: { port: 80 } }
  scheme: { match: [{ uri: { exact: /scheme } }], redirect: { scheme: https } }
  swap: { match: [{ uri: { prefix: /old } }], redirect: { prefixRewrite: /young, redirectCode: 308 } }
  proto: { match: [{ uri: { exact: /proto } }], redirect: { derivePort: FROM_PROTOCOL_DEFAULT } }
  fields:
    match: [{ uri: { exact: /fields } }]
    headers: { response: { set: { x-r: "1" } } }
    redirect: { uri: /n }
  text: { match: [{ uri: { exact: /text } }], directResponse: { status: 403, body: { string: "nö" } } }
  bytes: { match: [{ uri: { exact: /bytes } }], directResponse: { status: 200, body: { bytes: "/wBh" } }, headers: { response: { set: { content-type: image/x } } } }
  none: { match: [{ uri: { exact: /none } }], directResponse: { status: 204 } }
  made: { match: [{ uri: { exact: /made } }], directResponse: { status: 201, body: { string: made } } }
  moved: { match: [{ uri: { exact: /moved } }], directResponse: { status: 302 }, headers: { response: { set: { location: /else } } } }
  api: /api/
  frontend:
`,
  [
    {
      says: 'keeps scheme, host and query',
      path: '/uri?x=1',
      status: 301,
      answer: { location: 'http://shop.test/new?x=1' },
    },
    {
      says: 'keeps the port of the Host',
      path: '/uri',
      host: 'A.com:8080',
      status: 301,
      answer: { location: 'http://A.com:8080/new' },
    },
    {
      says: 'drops the query where uri has one',
      path: '/withq?a=b',
      status: 301,
      answer: { location: 'http://shop.test/n?fixed=1' },
    },
    {
      says: 'to another host keeps the path and no port',
      path: '/auth?x=1',
      host: 'a.com:8080',
      status: 301,
      answer: { location: 'http://other.com/auth?x=1' },
    },
    {
      says: 'to a port replaces that of the Host',
      path: '/port',
      host: 'a.com:8080',
      status: 301,
      answer: { location: 'http://a.com:8443/port' },
    },
    {
      says: 'to the default port changes no port',
      path: '/port80',
      host: 'a.com:8080',
      status: 301,
      answer: { location: 'http://a.com:8080/port80' },
    },
    {
      says: 'to https drops the port of http',
      path: '/scheme',
      host: 'a.com:80',
      status: 301,
      answer: { location: 'https://a.com/scheme' },
    },
    {
      says: 'to https keeps another port',
      path: '/scheme',
      host: 'a.com:8080',
      status: 301,
      answer: { location: 'https://a.com:8080/scheme' },
    },
    {
      says: 'of a prefix keeps what is behind it',
      path: '/old/a?b',
      status: 308,
      answer: { location: 'http://shop.test/young/a?b' },
    },
    {
      says: 'to the port of the protocol adds none',
      path: '/proto',
      host: 'a.com:8080',
      status: 301,
      answer: { location: 'http://a.com:8080/proto' },
    },
    {
      says: 'gets the response operations',
      path: '/fields',
      status: 301,
      answer: { location: 'http://shop.test/n', 'x-r': '1' },
    },
    {
      says: 'a text is UTF-8 and text/plain',
      path: '/text',
      status: 403,
      bodyOut: 'n\u00c3\u00b6',
      answer: { 'content-type': 'text/plain' },
    },
    {
      says: 'bytes go out as they are, of the type that is set',
      path: '/bytes',
      bodyOut: '\u00ff\u0000a',
      answer: { 'content-type': 'image/x' },
    },
    { says: 'without a body there is no type', path: '/none', status: 204, answer: { 'content-type': null } },
    {
      says: '201 names what was asked for',
      path: '/made?a',
      status: 201,
      answer: { location: 'http://shop.test/made?a' },
    },
    {
      says: 'as 3xx does, unless the operations say another place',
      path: '/moved',
      status: 302,
      answer: { location: '/else' },
    },
  ],
)
