// One table of matches and requests, answered by every engine that matches: the compiled one, the index, the naive reference.
// Where a line is surprising, it was measured on Envoy 1.40 with Istio 1.31's own routes.

import { exact, match, oneOf, type PlainRequest, prefix, present, regex, request, type ShortMatch } from './specs.ts'

type Row = readonly [says: string, spec: ShortMatch, request: Partial<PlainRequest>, fits: boolean]

const x = (...values: readonly string[]): Partial<PlainRequest> => ({
  headers: values.map((value) => ['x-a', value] as const),
})
const cookies = (...lines: readonly string[]): Partial<PlainRequest> => ({
  headers: lines.map((line) => ['Cookie', line] as const),
})
const sampleCookie = { headers: { cookie: regex('^(.*?;)?\\s*(user=jason)(;.*)?$') } }

const rows: readonly Row[] = [
  ['no field at all takes everything', {}, {}, true],

  ['uri exact takes the path', { uri: exact('/login') }, { path: '/login' }, true],
  ['uri exact takes no trailing slash', { uri: exact('/login') }, { path: '/login/' }, false],
  ['uri exact does not see the query', { uri: exact('/login') }, { path: '/login', query: 'a=b' }, true],
  ['uri exact minds case', { uri: exact('/login') }, { path: '/Login' }, false],
  ['uri prefix is a plain text prefix', { uri: prefix('/api/v2') }, { path: '/api/v2x' }, true],
  ['uri prefix with a question mark never fits', { uri: prefix('/api?') }, { path: '/api', query: 'x' }, false],
  ['uri regex has to fit the whole path', { uri: regex('b.*') }, { path: 'ab' }, false],
  ['uri regex tries an alternation as a whole', { uri: regex('/a|/ab') }, { path: '/ab' }, true],
  ['uri in a list', { uri: oneOf('/a', '/b') }, { path: '/b' }, true],
  ['uri not in a list', { uri: oneOf('/a', '/b') }, { path: '/c' }, false],
  ['ignoreUriCase concerns exact', { uri: exact('/Login'), ignoreUriCase: true }, { path: '/lOGIN' }, true],
  ['ignoreUriCase minds the length', { uri: exact('/Login'), ignoreUriCase: true }, { path: '/login/' }, false],
  ['ignoreUriCase concerns prefix', { uri: prefix('/API/'), ignoreUriCase: true }, { path: '/api/x' }, true],
  ['ignoreUriCase does nothing for a regex', { uri: regex('/login'), ignoreUriCase: true }, { path: '/LOGIN' }, false],
  ['ignoreUriCase folds no letter beyond ASCII', { uri: exact('/é'), ignoreUriCase: true }, { path: '/É' }, false],

  ['method minds case', { method: exact('GET') }, { method: 'get' }, false],
  ['method exact', { method: exact('POST') }, { method: 'POST' }, true],
  ['scheme exact', { scheme: exact('https') }, { scheme: 'https' }, true],
  ['scheme differs', { scheme: exact('https') }, { scheme: 'http' }, false],
  ['authority is the raw value with its port', { authority: exact('a.example') }, { authority: 'a.example:80' }, false],
  ['authority minds case', { authority: exact('a.example') }, { authority: 'A.example' }, false],
  ['authority prefix', { authority: prefix('a.') }, { authority: 'a.example:80' }, true],
  ['port of the listener', { port: 8080 }, { port: 8080 }, true],
  ['another port of the listener', { port: 8080 }, { port: 8081 }, false],

  ['a header fits when any of its lines does', { headers: { 'x-a': exact('a') } }, x('b', 'a'), true],
  ['lines of a header are not joined', { headers: { 'x-a': exact('a,b') } }, x('a', 'b'), false],
  ['one line with a comma is one value', { headers: { 'x-a': exact('a,b') } }, x('a,b'), true],
  ['a header value minds case', { headers: { 'x-a': exact('a') } }, x('A'), false],
  ['an absent header fits nothing', { headers: { 'x-a': regex('.*') } }, {}, false],
  ['an absent header is not the empty text', { headers: { 'x-a': exact('') } }, {}, false],
  ['exact empty fits an empty header', { headers: { 'x-a': exact('') } }, x(''), true],
  ['{} fits an empty header', { headers: { 'x-a': present } }, x(''), true],
  ['{} fits no absent header', { headers: { 'x-a': present } }, {}, false],
  ['a header prefix fits the second line', { headers: { 'x-a': prefix('b') } }, x('a', 'bc'), true],
  ['a header in a list', { headers: { 'x-a': oneOf('7', '007') } }, x('007'), true],
  ['a list minds every digit', { headers: { 'x-a': oneOf('7') } }, x('007'), false],
  ['two headers are both needed', { headers: { 'x-a': exact('a'), 'x-b': exact('b') } }, x('a'), false],
  ['a regex that is one text', { headers: { 'x-a': regex('^a\\.b$') } }, x('a.b'), true],
  ['a regex that is one text takes no other', { headers: { 'x-a': regex('^a\\.b$') } }, x('axb'), false],
  ['a regex that is a prefix', { headers: { 'x-a': regex('ab.*') } }, x('abc'), true],
  ['a regex that is a prefix needs it in front', { headers: { 'x-a': regex('ab.*') } }, x('cab'), false],
  ['a regex counts bytes: é is two', { headers: { 'x-a': regex('a.b') } }, x('aéb'), false],
  ['a regex counts bytes: two dots for é', { headers: { 'x-a': regex('a..b') } }, x('aéb'), true],
  ['a letter of the pattern is its bytes', { headers: { 'x-a': regex('aéb+') } }, x('aéb'), true],
  ['exact compares UTF-8', { headers: { 'x-a': exact('jürgen') } }, x('jürgen'), true],
  ['a list compares UTF-8', { headers: { 'x-a': oneOf('jürgen') } }, x('jürgen'), true],
  ['pseudo header :path holds the query', { headers: { ':path': prefix('/a?b') } }, { path: '/a', query: 'b=1' }, true],
  ['pseudo header :method', { headers: { ':method': exact('GET') } }, {}, true],
  ['host is the authority', { headers: { host: exact('shop.example.com') } }, {}, true],
  ['headers named as fields are plain headers', { headers: { uri: exact('/') } }, {}, false],

  ['the cookie idiom of Istio finds its cookie', sampleCookie, cookies('a=b; user=jason; c=d'), true],
  ['the cookie idiom takes no longer value', sampleCookie, cookies('user=jasonx'), false],
  ['the cookie idiom misses a blank before the semicolon', sampleCookie, cookies('user=jason ; a=b'), false],
  ['the cookie idiom reads line by line', sampleCookie, cookies('a=b', 'user=jason'), true],
  ['cookie lines are not joined', { headers: { cookie: exact('a=1; b=2') } }, cookies('a=1', 'b=2'), false],

  ['withoutHeaders: another value is fine', { withoutHeaders: { 'x-a': exact('a') } }, x('b'), true],
  ['withoutHeaders: one fitting line is too much', { withoutHeaders: { 'x-a': exact('a') } }, x('b', 'a'), false],
  ['withoutHeaders: lines are not joined', { withoutHeaders: { 'x-a': exact('a,b') } }, x('a', 'b'), true],
  ['withoutHeaders: absent is fine', { withoutHeaders: { 'x-a': exact('a') } }, {}, true],
  ['withoutHeaders: absent counts as empty', { withoutHeaders: { 'x-a': regex('.*') } }, {}, false],
  ['withoutHeaders: absent is the empty text', { withoutHeaders: { 'x-a': exact('') } }, {}, false],
  ['withoutHeaders {}: absent is fine', { withoutHeaders: { 'x-a': present } }, {}, true],
  ['withoutHeaders {}: empty is there', { withoutHeaders: { 'x-a': present } }, x(''), false],
  ['withoutHeaders on a pseudo header', { withoutHeaders: { ':method': exact('GET') } }, {}, false],
  [
    'headers and withoutHeaders of one name both hold',
    { headers: { 'x-a': exact('a') }, withoutHeaders: { 'x-a': exact('b') } },
    x('a', 'b'),
    false,
  ],

  ['a query parameter is compared raw', { queryParams: { k: exact('a b') } }, { query: 'k=a%20b' }, false],
  ['a query parameter is written as it comes', { queryParams: { k: exact('a%20b') } }, { query: 'k=a%20b' }, true],
  ['plus is no blank', { queryParams: { k: exact('a b') } }, { query: 'k=a+b' }, false],
  ['the first of repeated parameters counts', { queryParams: { k: exact('1') } }, { query: 'k=2&k=1' }, false],
  ['a parameter without = is empty', { queryParams: { k: exact('') } }, { query: 'a=1&k' }, true],
  ['a parameter that is absent is not empty', { queryParams: { k: exact('') } }, { query: 'kk=1' }, false],
  ['names of parameters mind case', { queryParams: { k: present } }, { query: 'K=1' }, false],
  ['names of parameters are whole', { queryParams: { k: present } }, { query: 'ak=1&kb=2' }, false],
  ['a semicolon parts nothing', { queryParams: { k: present } }, { query: 'a=1;k=2' }, false],
  ['{} fits any value of a parameter', { queryParams: { k: present } }, { query: 'k=' }, true],
  ['a value may hold =', { queryParams: { k: exact('a=b') } }, { query: 'k=a=b' }, true],
  ['a regex on a parameter is whole', { queryParams: { k: regex('\\d+') } }, { query: 'k=12a' }, false],

  ['a cookie by name', { cookies: { user: exact('jason') } }, cookies('a=b; user=jason'), true],
  ['a cookie by name minds its name', { cookies: { user: exact('jason') } }, cookies('xuser=jason'), false],
  ['a cookie that is absent', { cookies: { user: present } }, {}, false],
  ['{} fits an empty cookie', { cookies: { user: present } }, cookies('user='), true],
  ['a cookie in a list', { cookies: { user: oneOf('jason', 'ann') } }, cookies('user=ann'), true],

  ['clientIp takes one address', { clientIp: ['192.168.0.58'] }, { ip: '192.168.0.58' }, true],
  ['clientIp takes no longer one', { clientIp: ['192.168.0.58'] }, { ip: '192.168.0.5' }, false],
  ['clientIp takes a block', { clientIp: ['10.8.0.0/16'] }, { ip: '10.8.255.255' }, true],
  ['clientIp ends with its block', { clientIp: ['10.8.0.0/16'] }, { ip: '10.9.0.0' }, false],
  ['clientIp takes IPv6', { clientIp: ['10.8.0.0/16', '2001:db8::/32'] }, { ip: '2001:db8:1::7' }, true],
  ['clientIp 0.0.0.0/0 takes no IPv6', { clientIp: ['0.0.0.0/0'] }, { ip: '::1' }, false],
  ['clientIp ::/0 takes no IPv4', { clientIp: ['::/0'] }, { ip: '10.0.0.1' }, false],

  ['source labels are all needed', { sourceLabels: { app: 'x', version: 'v2' } }, { labels: { app: 'x' } }, false],
  ['source labels may be more', { sourceLabels: { version: 'v2' } }, { labels: { app: 'x', version: 'v2' } }, true],
  ['a caller without labels has none', { sourceLabels: { version: 'v2' } }, {}, false],

  ['fields are ANDed: both', { uri: prefix('/a'), headers: { 'x-a': exact('a') } }, { ...x('a'), path: '/a' }, true],
  ['fields are ANDed: one is missing', { uri: prefix('/a'), headers: { 'x-a': exact('a') } }, { path: '/a' }, false],
]

export const matchCases = rows.map(([says, spec, changes, fits]) => ({
  says,
  spec: match(spec),
  request: request(changes),
  fits,
}))
