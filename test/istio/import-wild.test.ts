// Manifests as teams have them, who wrote them with other things in mind than a release: what comes out of import decides as they did, or
// says with the line what it does not.

import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'

import { importManifests } from '../../src/istio/import.ts'
import { manifestsIn } from './manifests-at.ts'
import { rehearsals } from './rehearsals.ts'

const rehearsed = rehearsals()

function routes(
  name: string,
  http: string,
  more = 'hosts: [shop.example.com], gateways: [edge]',
  namespace = 'shop',
): string {
  return `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec:\n  ${more.replaceAll('], ', ']\n  ')}\n  http:\n${http.replace(/^/gm, '  ')}\n`
}

function service(name: string, versions: readonly string[] = [], policy = '', namespace = 'shop'): string {
  const subsets = versions.map((version) => `{ name: ${version}, labels: { version: ${version} }${policy} }`)
  const rule = `\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { host: ${name}, subsets: [${subsets.join(', ')}] }`
  return `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { selector: { app: ${name} }, ports: [{ name: http, port: 80 }] }${versions.length === 0 ? '' : rule}\n`
}

const to = (host: string, subset?: string): string =>
  `route: [{ destination: { host: ${host}${subset === undefined ? '' : `, subset: ${subset}`} } }]`

type Asked = [path: string, headers: Readonly<Record<string, string>>, answer: string]

async function decides(
  name: string,
  documents: readonly string[],
  asked: readonly Asked[],
): Promise<readonly string[]> {
  const { text, notes } = importManifests(manifestsIn(documents.join('---\n')))
  const { explain, configuration } = await rehearsed(`${name}.yaml`, text as string)
  const answers = asked.map(([url, headers]): string => {
    const all = Object.entries({ host: 'shop.example.com', ...headers })
    const seen = explain({ ip: '10.0.0.9', method: 'GET', url, headers: all, port: configuration.listen[0]?.port })
    if (seen.forwards === undefined) return String(seen.status)
    const pools = configuration.releases.flatMap((release) => release.versions.get(seen.poolVersion)?.pools ?? [])
    const pool = pools.find((one) => one.has(seen.service))?.get(seen.service)
    return `${seen.service} ${pool?.map(({ hostname }) => hostname).join()}`
  })
  expect(answers).toEqual(asked.map(([, , answer]) => answer))
  return notes.map(({ code }) => code)
}

const canary = 'match: [{ uri: { prefix: /api/ }, headers: { x-canary: { exact: always } } }]'
const beta = { 'x-canary': 'always' }

describe('import', () => {
  it('keeps the visitors of a version together where its route does more than everybody’s', async () => {
    const documents = [
      service('back', ['v1', 'v2']),
      service('front', ['v1', 'v2']),
      routes(
        'front',
        `- { ${canary}, timeout: 3s, retries: { attempts: 2 }, ${to('back', 'v2')} }
- { match: [{ uri: { prefix: /api/ } }], ${to('back', 'v1')} }
- { match: [{ headers: { x-canary: { exact: always } } }], ${to('front', 'v2')} }
- { ${to('front', 'v1')} }`,
      ),
    ]
    const codes = await decides('more', documents, [
      ['/api/a', beta, 'back back-v2.shop'],
      ['/api/a', {}, 'back back-v1.shop'],
      ['/', beta, 'front front-v2.shop'],
      ['/', {}, 'front front-v1.shop'],
    ])
    expect(codes).toContain('import-actions')
    const { notes } = importManifests(manifestsIn(documents.join('---\n')))
    expect(notes.find(({ code }) => code === 'import-actions')?.message).toBe(
      'back does different things in different versions (timeout, retries): those of v1 are taken',
    )
  })

  it('takes an answer of the gateway’s own for an answer, and not for a version that takes everybody', async () => {
    const codes = await decides(
      'answers',
      [
        service('front', ['v1', 'v2']),
        routes(
          'front',
          `- { match: [{ uri: { exact: /health } }], directResponse: { status: 200 } }
- { match: [{ uri: { prefix: /old }, headers: { x-staff: {} } }], redirect: { uri: /new } }
- { match: [{ headers: { x-canary: { exact: always } } }], ${to('front', 'v2')} }
- { match: [{ uri: { exact: /gone } }], directResponse: { status: 410 } }
- { ${to('front', 'v1')} }`,
        ),
      ],
      [
        ['/health', {}, '200'],
        ['/health', beta, '200'],
        ['/old/a', { 'x-staff': 'yes' }, '301'],
        ['/old/a', beta, 'front front-v2.shop'],
        ['/', beta, 'front front-v2.shop'],
        ['/', {}, 'front front-v1.shop'],
        ['/gone', {}, '410'],
      ],
    )
    // Of /gone alone: visitors of v2 never came so far.
    expect(codes.filter((code) => code === 'import-order')).toHaveLength(1)
  })

  it('puts the VirtualServices of one host into one release, in the order of a cluster, each name of its own namespace', async () => {
    const codes = await decides(
      'joined',
      [
        service('dash'),
        service('notes', [], '', 'lab'),
        routes('a-dashboard', `- { match: [{ uri: { prefix: / } }], ${to('dash')} }`),
        routes(
          'b-notes',
          `- { match: [{ uri: { prefix: /notes/ } }], ${to('notes')} }`,
          'hosts: [shop.example.com], gateways: [shop/edge]',
          'lab',
        ),
      ],
      [
        ['/notes/1', {}, 'notes notes.lab.svc.cluster.local'],
        ['/', {}, 'dash dash.shop'],
      ],
    )
    expect(codes).toEqual([])
  })

  it('leaves a host to the first of two releases that have others beside it, and says so', () => {
    const { text, notes } = importManifests(
      manifestsIn(
        [
          service('front'),
          routes('a', `- { ${to('front')} }`),
          routes('b', `- { ${to('front')} }`, 'hosts: [shop.example.com, b.example.com], gateways: [edge]'),
        ].join('---\n'),
      ),
    )
    const hosts = parseAllDocuments(text as string).map((document) => (document.toJSON() as { hosts: unknown }).hosts)
    expect(hosts).toEqual([['shop.example.com'], ['b.example.com']])
    expect(notes.map(({ line, message }) => `${line}: ${message}`)).toContain(
      '19: host shop.example.com is that of VirtualService shop/a too, beside others: a host belongs to one release, so it is left out here',
    )
  })

  it('follows delegates, under the conditions of their root', async () => {
    const codes = await decides(
      'delegates',
      [
        service('back'),
        service('front', ['v1', 'v2']),
        routes(
          'root',
          `- { match: [{ uri: { prefix: /api/ } }], delegate: { name: api } }
- { match: [{ uri: { prefix: /old/ } }], delegate: { name: old }, rewrite: { uri: / }, timeout: 3s }
- { match: [{ uri: { prefix: /lost/ } }], delegate: { name: nobody, namespace: lab } }
- { delegate: { name: pages } }`,
        ),
        routes('api', `- { match: [{ uri: { prefix: /api/v1/ } }], ${to('back')} }`, 'exportTo: ["*"]'),
        routes('old', '- { redirect: { uri: /new } }', 'exportTo: ["*"]'),
        routes(
          'pages',
          `- { match: [{ headers: { x-canary: { exact: always } } }], ${to('front', 'v2')} }\n- { ${to('front', 'v1')} }`,
          'exportTo: ["*"]',
        ),
      ],
      [
        ['/api/v1/a', {}, 'back back.shop'],
        ['/old/a', {}, '301'],
        ['/', beta, 'front front-v2.shop'],
        ['/', {}, 'front front-v1.shop'],
      ],
    )
    expect(codes).toContain('import-delegate')
  })

  it('reads hosts that are named after versions as versions, as Flagger and Argo Rollouts write them', async () => {
    const split = (primary: number): string =>
      `route: [{ destination: { host: shop-primary }, weight: ${primary} }, { destination: { host: shop-canary }, weight: ${100 - primary} }]`
    const documents = [
      service('shop-primary'),
      service('shop-canary'),
      routes('shop', `- { match: [{ headers: { x-canary: { exact: always } } }], ${split(0)} }\n- { ${split(90)} }`),
    ]
    await decides('flagger', documents, [
      ['/', beta, 'shop shop-canary.shop'],
      ['/', {}, 'shop shop-primary.shop'],
    ])
    const messages = importManifests(manifestsIn(documents.join('---\n'))).notes.map(({ message }) => message)
    expect(messages).toContain('shop-canary is taken for version canary of shop, by its name')
    expect(messages).toContainEqual(expect.stringContaining('as in { version: canary, share: 10% }'))
  })

  it('writes the address that a name tells where the Service is not among the files', async () => {
    const back = 'route: [{ destination: { host: back.lab.svc.cluster.local, subset: v1, port: { number: 8000 } } }]'
    const documents = [
      routes(
        'front',
        `- { match: [{ uri: { prefix: /api/ } }], ${back} }\n- { match: [{ uri: { prefix: / } }], ${to('front')} }`,
      ),
    ]
    const codes = await decides('unknown', documents, [
      ['/api/', {}, 'back back-v1.lab'],
      ['/', {}, 'front front.shop'],
    ])
    expect(codes).toEqual(['import-pool', 'import-pool'])
    expect(importManifests(manifestsIn(documents.join('---\n'))).text).toContain('front: {}')
  })

  it('writes old names by their new ones and leaves out what does nothing here, so that the file can be used', async () => {
    const policy = `{ loadBalancer: { simple: LEAST_CONN, localityLbSetting: {}, warmupDurationSecs: 30s },
    connectionPool: { tcp: { maxConnections: 7, tcpKeepalive: { time: 60s, probes: 3 } }, http: { h2UpgradePolicy: UPGRADE } },
    outlierDetection: { consecutiveErrors: 4, minHealthPercent: 10, outlierDetectionHttpErrorCodes: ["429"] },
    proxyProtocol: {}, retryBudget: { percent: 20 } }`
    const documents = [
      service('front', ['v1']).replace('host: front,', `host: front, trafficPolicy: ${policy},`),
      routes(
        'front',
        `- { match: [{ uri: { prefix: /api/ } }], retries: { attempts: 2, retryRemoteLocalities: true },
  fault: { delay: { percent: 5, fixedDelay: 1s } }, corsPolicy: { allowOrigin: [a.example.com] }, ${to('front', 'v1')} }
- { ${to('front', 'v1')} }`,
      ),
    ]
    await decides('words', documents, [['/', {}, 'front-2 front-v1.shop']])
    const { text } = importManifests(manifestsIn(documents.join('---\n')))
    const { services } = parse(text as string) as { services: Record<string, object> }
    expect(services['front-2']).toEqual({
      trafficPolicy: {
        loadBalancer: { simple: 'LEAST_REQUEST', warmup: { duration: '30s' } },
        connectionPool: { tcp: { maxConnections: 7, tcpKeepalive: { time: '60s' } } },
        outlierDetection: { consecutiveGatewayErrors: 4 },
      },
    })
    expect(services['front']).toMatchObject({
      retries: { attempts: 2 },
      fault: { delay: { percentage: { value: 5 }, fixedDelay: '1s' } },
      corsPolicy: { allowOrigins: [{ exact: 'a.example.com' }] },
    })
  })

  it('sends plain HTTP to https where a Gateway does, listens where a Gateway speaks HTTP, and names the ports that are not', async () => {
    const gateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec:
  servers:
  - { port: { number: 80, name: a, protocol: HTTP }, hosts: ["*/*.example.com"], tls: { httpsRedirect: true } }
  - { port: { number: 8080, name: b, protocol: HTTP2 }, hosts: ["*"] }
  - { port: { number: 443, name: c, protocol: HTTPS }, hosts: ["*"], tls: { mode: SIMPLE, credentialName: c } }
  - { port: { number: 444, name: d, protocol: TLS }, hosts: ["*"], tls: { mode: PASSTHROUGH } }
  - { port: { number: 9000, name: e, protocol: TCP }, hosts: ["*"] }
`
    const documents = [gateway, service('front'), routes('front', `- { ${to('front')} }`)]
    await decides('redirect', documents, [
      ['/', {}, '301'],
      ['/', { 'x-forwarded-proto': 'https' }, '301'],
    ])
    const { text, notes } = importManifests(manifestsIn(documents.join('---\n')))
    expect((parse(text as string) as { listen: object }).listen).toEqual([{ port: 80 }, { port: 8080 }])
    expect(text).toContain('to-https:')
    expect(notes.map(({ line, message }) => `${line}: ${message}`)).toEqual([
      '8: port 443 speaks HTTPS: add { port: 443, tls: { cert: ..., key: ... } } to listen yourself',
      '9: port 444 is left out: TLS that is passed on unopened has no counterpart',
      '10: port 9000 is left out: TCP is no HTTP and has no counterpart',
    ])
  })

  it('takes what everybody gets for stable, whatever each service calls it, so that rules behind are still asked', async () => {
    const codes = await decides(
      'mixed',
      [
        service('back', ['green', 'v2']),
        service('docs', ['y2026']),
        service('front', ['v1', 'v2']),
        service('help'),
        service('debug'),
        routes(
          'front',
          `- { match: [{ headers: { x-debug: {} } }], ${to('debug')} }
- { match: [{ uri: { prefix: /docs } }], ${to('docs', 'y2026')} }
- { match: [{ uri: { prefix: /api }, headers: { x-canary: { exact: always } } }], ${to('back', 'v2')} }
- { match: [{ uri: { prefix: /api } }], ${to('back', 'green')} }
- { match: [{ uri: { prefix: /help } }], ${to('help')} }
- { match: [{ headers: { x-canary: { exact: always } } }], ${to('front', 'v2')} }
- { ${to('front', 'v1')} }`,
        ),
      ],
      [
        ['/docs', {}, 'docs docs-y2026.shop'],
        ['/docs', beta, 'docs docs-y2026.shop'],
        ['/api', {}, 'back back-green.shop'],
        ['/api', beta, 'back back-v2.shop'],
        ['/help', beta, 'help help.shop'],
        ['/api', { 'x-debug': '' }, 'debug debug.shop'],
        ['/', beta, 'front front-v2.shop'],
        ['/', {}, 'front front-v1.shop'],
      ],
    )
    expect(codes).not.toContain('import-everybody')
    expect(codes.filter((code) => code === 'import-stable')).toHaveLength(2)
  })

  it('takes of each VirtualService the hosts that its Gateways let it have, in the order of what the gateway sees', async () => {
    const edge = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: istio-system }
spec: { servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["shop/*.example.com", "lab/*"] }] }
`
    // The name of a Gateway as it was written of old.
    const at = (hosts: string): string => `hosts: [${hosts}], gateways: [edge.istio-system.svc.cluster.local]`
    const documents = [
      edge,
      service('front'),
      service('notes', [], '', 'lab'),
      routes('web', `- { ${to('front')} }`, at('"*"')),
      routes('web', `- { ${to('notes')} }`, at('lab.test'), 'lab'),
      routes('hidden', `- { ${to('front')} }`, `${at('c.example.com')}, exportTo: ["."]`),
      routes('elsewhere', `- { ${to('front')} }`, at('shop.test')),
    ]
    const codes = await decides('hosts', documents, [
      ['/', {}, 'front front.shop'],
      ['/', { host: 'lab.test' }, 'notes notes.lab'],
      ['/', { host: 'shop.test' }, '404'],
      ['/', { host: 'other.test' }, '404'],
    ])
    expect(codes).toEqual(['import-hosts', 'import-hidden'])
    const { text } = importManifests(manifestsIn(documents.join('---\n')))
    const releases = parseAllDocuments(text as string).map((one) => one.toJSON() as { name: string; hosts: string[] })
    expect(releases.map(({ name, hosts }) => [name, hosts])).toEqual([
      ['web', ['lab.test']],
      ['web-shop', ['*.example.com']],
    ])
  })

  it('leaves out what asks for a claim of a JWT', async () => {
    const claim = 'match: [{ headers: { "@request.auth.claims.group": { exact: dev } } }]'
    const documents = [
      service('front', ['v1', 'v2']),
      routes('front', `- { ${claim}, ${to('front', 'v2')} }\n- { ${to('front', 'v1')} }`),
    ]
    expect(await decides('claims', documents, [['/', {}, 'front front-v1.shop']])).toContain('import-match')
  })

  it('lists a version that gets nothing but copies', async () => {
    const documents = [
      service('front', ['v1', 'v2']),
      routes('front', `- { ${to('front', 'v1')}, mirror: { host: front, subset: v2 } }`),
    ]
    await decides('copies', documents, [['/', {}, 'front front-v1.shop']])
    const { services, versions } = parse(importManifests(manifestsIn(documents.join('---\n'))).text as string)
    expect(services.front.mirrors).toEqual([{ destination: { host: 'front', subset: 'v2' }, percentage: '100%' }])
    expect(versions.v2).toEqual({ front: 'http://front-v2.shop:80' })
  })

  it('puts header operations of a route and of its destination together, and tells where one list cannot say them', async () => {
    const operations = `headers: { request: { set: { Host: in.example, x-a: route, x-b: route, content-length: "1" }, add: { x-c: one } } },
  route: [{ destination: { host: front }, headers: { request: { set: { X-A: destination, x-b: "", x-d: "%DURATION%" } } } }]`
    const documents = [service('front'), routes('front', `- { ${operations} }`)]
    expect(await decides('headers', documents, [['/', {}, 'front front.shop']])).toEqual([])
    const { services } = parse(importManifests(manifestsIn(documents.join('---\n'))).text as string)
    expect(services.front).toMatchObject({
      headers: { request: { set: { 'X-A': 'destination', 'x-b': 'route' }, add: { 'x-c': 'one' } } },
      rewrite: { authority: 'in.example' },
    })
    const clash = operations.replace('x-b: ""', 'x-b: "%REQ(x-e)%"').replace('} } } }]', '}, add: { X-C: two } } } }]')
    const { notes } = importManifests(manifestsIn([service('front'), routes('front', `- { ${clash} }`)].join('---\n')))
    expect(notes.map(({ code, message }) => [code, message.split(' ')[0]])).toEqual([
      ['import-headers', 'x-b'],
      ['import-headers', 'X-C'],
    ])
  })

  it('says what is left out: policies of a subset, and what calls inside ask for', () => {
    const documents = [
      service('front', ['v1', 'v2'], ', trafficPolicy: { loadBalancer: { simple: RANDOM } }'),
      service('back', ['v1', 'v2']),
      routes('front', `- { ${to('front', 'v1')} }`),
      routes(
        'back',
        `- { match: [{ headers: { end-user: { exact: jason } } }], ${to('back', 'v2')} }
- { route: [{ destination: { host: back, subset: v1 }, weight: 50 }, { destination: { host: back, subset: v2 }, weight: 50 }] }`,
        'hosts: [back]',
      ),
    ]
    const notes = importManifests(manifestsIn(documents.join('---\n'))).notes.map(
      ({ line, message }) => `${line}: ${message}`,
    )
    expect(notes).toContain('9: trafficPolicy of subset v2 is left out: a service has one policy for all versions')
    expect(notes).toContain(
      '36: what calls inside ask for (headers) is left out: here a call goes to the version of its caller',
    )
    expect(notes).toContain('37: weights of calls inside are left out: here a call goes to the version of its caller')
  })
})
