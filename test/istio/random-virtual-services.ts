// Random VirtualServices of the shape of a gray release, with all that routes do to a request, and requests that meet them. The same seed
// gives the same.

import { type Chance, chance } from './chance.ts'

export interface RandomManifests {
  readonly text: string
  readonly requests: readonly ManifestRequest[]
}

export interface ManifestRequest {
  readonly method: string
  readonly path: string
  readonly headers: readonly (readonly [name: string, value: string])[]
}

type Tests = Record<string, unknown>

const paths = ['/', '/api', '/api/', '/api/v1', '/login', '/Login', '/a.b', '/static/app.js', '/x']
const asked = [...paths, '/api/v1/users', '/LOGIN', '/apix', '/axb', '/zzz', '/api//x', '/%61pi']
const values = ['jason', 'bob', 'Jason', 'a.b', '', 'j']
const texts = ['one', 'two words', '100%%', 'v2', '']
const words = [
  '%REQ(x-user)%',
  '%REQ(x-user?end-user)%',
  '%REQ(x-user):2%',
  '%REQ(:path)%',
  '%REQ(:authority)%',
  '%REQ(:scheme)%',
  '%SCHEME%',
  'a%REQ(x-none)%b',
  '%PROTOCOL%',
  '%RESPONSE_CODE%',
  '%RESP(x-resp)%',
  '%RESP(x-none?user)%',
  '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
]

/** @param endpoints addresses of the service that they lead to, by version */
export function randomVirtualService(seed: number, endpoints: Readonly<Record<string, number>>): RandomManifests {
  const dice = chance(seed)
  const versions = Object.keys(endpoints)
  const api = uri(dice)
  const [apiActions, restActions] = [actions(dice), actions(dice)]
  const rules = (version: string, visitor: Tests): object[] => [
    { match: [{ uri: api, ...visitor }], ...led(apiActions, version) },
    { ...(Object.keys(visitor).length > 0 && { match: [visitor] }), ...led(restActions, version) },
  ]
  const http = [
    ...Array.from({ length: dice.whole(0, 2) }, () => rules(dice.pick(versions), visitorOf(dice))).flat(),
    ...rules('v1', {}),
  ]
  const documents = [
    { kind: 'Gateway', spec: { selector: { istio: 'ingressgateway' }, servers: [{ port: http80, hosts: ['*'] }] } },
    {
      kind: 'ServiceEntry',
      spec: {
        hosts: ['web.default.svc.cluster.local'],
        resolution: 'STATIC',
        ports: [http80],
        endpoints: versions.map((version) => ({
          address: '127.0.0.1',
          ports: { http: endpoints[version] },
          labels: { version },
        })),
      },
    },
    {
      kind: 'DestinationRule',
      spec: { host: 'web', subsets: versions.map((name) => ({ name, labels: { version: name } })) },
    },
    { kind: 'VirtualService', spec: { hosts: ['*'], gateways: ['web'], http } },
  ].map((document) => ({ apiVersion: 'networking.istio.io/v1', metadata: { name: 'web' }, ...document }))
  const requests = Array.from({ length: 12 }, () => requestOf(dice))
  return { text: documents.map((document) => JSON.stringify(document, undefined, 1)).join('\n---\n'), requests }
}

const http80 = { number: 80, name: 'http', protocol: 'HTTP' }

/** An answer of its own names no version. */
function led({ redirect, headers, ...rest }: Tests, version: string): object {
  if (redirect !== undefined) return { redirect }
  const destination = { host: 'web', subset: version }
  return { ...rest, headers, route: [{ destination, headers: rest['below'] }], below: undefined }
}

// --- what is asked for, and who asks -----------------------------------------------------------------------------------------------------

function uri(dice: Chance): object {
  const regexes = ['/api/.*', '/(api|login)', '.*\\.js', '/[a-z]+', '^/a.*$', '(?i)/login']
  return dice.pick<object>([
    { exact: dice.pick(paths) },
    { prefix: dice.pick(paths.slice(1)) },
    { regex: dice.pick(regexes) },
  ])
}

function value(dice: Chance): object {
  const regexes = ['ja.*', '(jason|bob)', '[^j]+', 'a\\.b', '^bob$', '(?i)jason']
  return dice.pick<object>([
    { exact: dice.pick(values.slice(0, 4)) },
    { prefix: dice.pick(['j', 'a', 'bo']) },
    { regex: dice.pick(regexes) },
  ])
}

function visitorOf(dice: Chance): Tests {
  return dice.pick<Tests>([
    { headers: { [dice.pick(['x-user', 'end-user', 'X-Group'])]: value(dice) } },
    { headers: { 'x-user': value(dice), 'end-user': value(dice) } },
    { headers: { cookie: { regex: '^(.*?;)?\\s*(user=jason)(;.*)?$' } } },
    { queryParams: { q: { exact: 'bob' } } },
    { headers: { 'x-user': {} }, withoutHeaders: { 'end-user': value(dice) } },
  ])
}

function requestOf(dice: Chance): ManifestRequest {
  const headers: [string, string][] = []
  if (dice.hit(0.6)) headers.push([dice.pick(['x-user', 'X-User']), dice.pick(values)])
  if (dice.hit(0.2)) headers.push(['x-user', dice.pick(values)])
  if (dice.hit(0.4)) headers.push([dice.pick(['end-user', 'x-group']), dice.pick(values)])
  if (dice.hit(0.3)) headers.push(['cookie', dice.pick(['user=jason', 'a=b; user=jason', 'user=bob', 'xuser=jason'])])
  const path = dice.pick(asked) + (dice.hit(0.3) ? dice.pick(['?q=bob', '?user=jason&q=bo', '?q=', '?a']) : '')
  return { method: dice.pick(['GET', 'GET', 'POST', 'HEAD']), path, headers }
}

// --- what is done with it ----------------------------------------------------------------------------------------------------------------

function actions(dice: Chance): Tests {
  const redirects = [{ uri: '/new' }, { authority: 'to.example', redirectCode: 302 }, { scheme: 'https', port: 8443 }]
  if (dice.hit(0.1)) return { redirect: dice.pick<object>(redirects) }
  return {
    ...(dice.hit(0.7) && { headers: operations(dice) }),
    ...(dice.hit(0.4) && { below: operations(dice) }),
    ...(dice.hit(0.4) && { rewrite: dice.pick<object>(rewrites) }),
  }
}

const rewrites = [
  { uri: '/' },
  { uri: '/v2' },
  { authority: 'in.example' },
  { uri: '/r', authority: 'in.example' },
  { uriRegexRewrite: { match: '^/([^/]+)', rewrite: '/\\1/z' } },
]

function operations(dice: Chance): object {
  const fields = (names: readonly string[]): object =>
    Object.fromEntries(
      Array.from({ length: dice.whole(1, 2) }, () => [
        dice.pick(names),
        dice.hit(0.7) ? dice.pick(words) : dice.pick(texts),
      ]),
    )
  const side = (): object => ({
    ...(dice.hit(0.7) && { set: fields(['x-a', 'X-B', 'x-c', 'user', 'x-resp', 'x-user']) }),
    ...(dice.hit(0.6) && { add: fields(['x-a', 'x-b', 'x-c', 'x-resp']) }),
    ...(dice.hit(0.4) && { remove: [dice.pick(['x-a', 'x-user', 'user', 'x-resp', 'X-Group'])] }),
  })
  return { ...(dice.hit(0.7) && { request: side() }), ...(dice.hit(0.7) && { response: side() }) }
}
