// What `graylane check` finds in manifests: every slip of the story as it was written, and for each code a case that has it and one that
// has not.

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

import type { LintProblem } from '../../src/istio/analysis.ts'
import { lint } from '../../src/istio/lint.ts'
import { lintCodes } from '../../src/istio/lint-codes.ts'
import { manifestsAt, manifestsIn } from './manifests-at.ts'

describe('the manifests of the story, verbatim', () => {
  const seed = resolve(import.meta.dirname, 'seed')
  const rows: [slip: string, file: string, at: string, code: string, says: RegExp][] = [
    ['an image that was never filled in', '1-frontend.yaml', '23:16', 'GL006', /前端镜像:v1 is a placeholder/],
    [
      'one :latest image for v1 and v2',
      '2-mqtt-server.yaml',
      '54:16',
      'GL004',
      /mqtt-server v2 runs the image of v1.*:v2\)$/,
    ],
    ['and for v3', '2-mqtt-server.yaml', '84:16', 'GL004', /mqtt-server v3 runs the image of v1/],
    ['a Service past the gateway', '2-mqtt-server.yaml', '99:9', 'GL012', /type NodePort .* write type: ClusterIP/],
    ['against its own comment', '2-mqtt-server.yaml', '99:9', 'GL013', /the comment speaks against NodePort/],
    ['a placeholder for a host', '5-frontend-routes.yaml', '7:5', 'GL005', /外网域名.* write the domain/],
    ['which Istio refuses', '5-frontend-routes.yaml', '7:5', 'IST0106', /domain name "外网域名" invalid/],
    ['a gateway that does not exist', '5-frontend-routes.yaml', '9:5', 'IST0101', /did you mean bookinfo\?/],
    ['so no host of it is served', '5-frontend-routes.yaml', '9:5', 'IST0132', /no host of \[外网域名\]/],
    [
      'a header beside headers',
      '5-frontend-routes.yaml',
      '13:7',
      'GL009',
      /empty and takes everybody: a header stands under headers/,
    ],
    [
      'a comment of another rule',
      '5-frontend-routes.yaml',
      '14:19',
      'GL013',
      /speaks of user: v1, and exact is 192\.168\.0\.58/,
    ],
    [
      'visitors of the frontend at the backend',
      '5-frontend-routes.yaml',
      '17:15',
      'GL010',
      /write \{ host: frontend, subset: v2 \}/,
    ],
    ['a comment of another subset', '5-frontend-routes.yaml', '18:17', 'GL013', /speaks of v1, and subset is v2/],
    ['a rule that nothing is left for', '5-frontend-routes.yaml', '23:5', 'GL008', /rule #1 can never fire: rule #0/],
    ['versions that nobody meets', '5-frontend-routes.yaml', '42:5', 'GL011', /no rule leads to subset v2 of frontend/],
    ['v3 neither', '5-frontend-routes.yaml', '45:5', 'GL011', /subset v3/],
  ]

  it.each(rows)('have %s', async (_, file, at, code, says) => {
    const { manifests } = await manifestsAt(seed)
    const texts = new Map(
      ['1-frontend', '2-mqtt-server', '3-gateway', '4-mqtt-server-routes', '5-frontend-routes'].map((name) => {
        const path = join(seed, `${name}.yaml`)
        return [path, readFileSync(path, 'utf8')]
      }),
    )
    const found = lint(manifests, texts).filter((one) => one.file.endsWith(file) && `${one.line}:${one.column}` === at)
    expect(found).toContainEqual(expect.objectContaining({ code, message: expect.stringMatching(says) }))
  })

  it('have nothing else wrong in the mesh rules of mqtt-server', async () => {
    const { manifests } = await manifestsAt(seed)
    expect(lint(manifests).filter(({ file }) => file.includes('4-mqtt-server'))).toEqual([])
  })
})

// --- one code each -------------------------------------------------------------------------------------------------------------------------

const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }
`

function service(
  name: string,
  versions: readonly string[],
  ports = '[{ number: 80, name: http, protocol: HTTP }]',
): string {
  const endpoints = versions.map(
    (version, index) => `{ address: 10.0.0.${index + 1}, labels: { version: ${version} } }`,
  )
  const subsets = versions.map((version) => `{ name: ${version}, labels: { version: ${version} } }`)
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name} }
spec: { hosts: [${name}.default.svc.cluster.local], resolution: STATIC, location: MESH_INTERNAL, ports: ${ports}, endpoints: [${endpoints.join(', ')}] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name} }
spec: { host: ${name}, subsets: [${subsets.join(', ')}] }
`
}

function routes(http: string, more = 'gateways: [edge]', name = 'front', hosts = 'shop.example.com'): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec:
  hosts: [${hosts}]
  ${more}
  http:
${http.replace(/^/gm, '  ')}
`
}

const to = (host: string, subset?: string): string =>
  `route: [{ destination: { host: ${host}${subset === undefined ? '' : `, subset: ${subset}`} } }]`

const rest = `- ${to('frontend', 'v1')}`
const pair = service('frontend', ['v1', 'v2'])

/** A front with v1 and v2 and rules for these callers of the back. */
function coupled(callers: readonly string[], toSubset = (version: string): string => version): string[] {
  const rules = callers.map(
    (version) => `- { match: [{ sourceLabels: { version: ${version} } }], ${to('api', toSubset(version))} }`,
  )
  return [
    gateway,
    pair,
    service('api', ['v1', 'v2']),
    routes(`- { match: [{ headers: { x-user: { exact: jason } } }], ${to('frontend', 'v2')} }\n${rest}`),
    routes(`${rules.join('\n')}\n- ${to('api', 'v1')}`, '', 'api-internal', 'api'),
  ]
}

const front = (http: string): string[] => [gateway, pair, routes(http)]
const match = (text: string): string[] => front(`- { match: [${text}], ${to('frontend', 'v2')} }\n${rest}`)
const workload = (version: string, image: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: api-${version} }
spec: { template: { metadata: { labels: { app: api, version: ${version} } }, spec: { containers: [{ name: api, image: "${image}" }] } } }
`

const stopped = (version: string): string =>
  workload(version, `api:${version}`).replace('spec: {', 'spec: { replicas: 0,')

/** v1 runs, and v2 is for whoever asks for it. */
const deployed: string[] = [
  gateway,
  'apiVersion: v1\nkind: Service\nmetadata: { name: api }\nspec: { selector: { app: api }, ports: [{ port: 80 }] }',
  `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: api }
spec: { host: api, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }
`,
  routes(`- { match: [{ headers: { x-user: {} } }], ${to('api', 'v2')} }\n- ${to('api', 'v1')}`),
  workload('v1', 'api:1'),
]

interface Row {
  readonly code: string
  readonly says: RegExp
  readonly has: readonly string[]
  readonly hasNot: readonly string[]
}

const rows: Row[] = [
  {
    code: 'GL001',
    says: /exact on x-forwarded-for is dead at a gateway.*write regex: '10\\\.0\\\.0\\\.9\(,\.\*\)\?'/,
    has: match('{ headers: { x-forwarded-for: { exact: 10.0.0.9 } } }'),
    hasNot: match('{ headers: { x-forwarded-for: { regex: "10\\\\.0\\\\.0\\\\.9(,.*)?" } } }'),
  },
  {
    code: 'GL001',
    says: /prefix 10\.0\.0\.9 takes 10\.0\.0\.90 as well/,
    has: match('{ headers: { X-Forwarded-For: { prefix: 10.0.0.9 } } }'),
    hasNot: match('{ headers: { X-Forwarded-For: { prefix: "10.0.0." } } }'),
  },
  {
    code: 'GL002',
    says: /version v2 is reached here, but api-internal has no rule.*go to v1/,
    has: coupled(['v1']),
    hasNot: coupled(['v1', 'v2']),
  },
  {
    code: 'GL002',
    says: /api has versions and no VirtualService in the mesh/,
    has: coupled(['v1', 'v2']).slice(0, 4),
    hasNot: [gateway, pair, routes(rest), service('api', ['v1', 'v2'])],
  },
  {
    code: 'GL003',
    says: /callers of version v2 are sent to v1: write subset: v2/,
    has: coupled(['v1', 'v2'], () => 'v1'),
    hasNot: coupled(['v1', 'v2']),
  },
  {
    code: 'GL003',
    says: /callers of version v2 are sent to v1: write subset: next, or versions cross/,
    has: coupled(['v1', 'v2'], () => 'v1').map((text) => text.replace('{ name: v2, labels', '{ name: next, labels')),
    hasNot: coupled(['v1', 'v2'], (version) => (version === 'v2' ? 'next' : version)).map((text) =>
      text.replace('{ name: v2, labels', '{ name: next, labels'),
    ),
  },
  {
    code: 'GL003',
    says: /callers of version v9 are sent to v1: api has no subset for v9: give its DestinationRule one, or versions/,
    has: coupled(['v1', 'v9'], () => 'v1'),
    hasNot: coupled(['v1', 'v2']),
  },
  {
    code: 'GL004',
    says: /api v2 runs the image of v1, api: whatever the tag points to/,
    has: [workload('v1', 'api'), workload('v2', 'api')],
    hasNot: [workload('v1', 'api:1'), workload('v2', 'api:2')],
  },
  {
    code: 'GL005',
    says: /your-domain\.com" is a placeholder/,
    has: [routes(rest, '', 'x', 'your-domain.com')],
    hasNot: [routes(rest, '', 'x', 'shop.example.com')],
  },
  {
    code: 'GL006',
    says: /<registry>\/api is a placeholder/,
    has: [workload('v1', '<registry>/api')],
    hasNot: [workload('v1', 'registry.test/api')],
  },
  {
    code: 'GL007',
    says: /weights draw v1 and v2 anew for each request/,
    has: front(
      '- route: [{ destination: { host: frontend, subset: v1 }, weight: 9 }, { destination: { host: frontend, subset: v2 }, weight: 1 }]',
    ),
    hasNot: front(
      '- route: [{ destination: { host: frontend, subset: v1 }, weight: 9 }, { destination: { host: frontend, subset: v2 }, weight: 0 }]',
    ),
  },
  {
    code: 'GL008',
    says: /rule #1 can never fire: rule #0 above/,
    has: front(
      `- { match: [{ uri: { prefix: / } }], ${to('frontend', 'v1')} }\n- { match: [{ uri: { exact: /a } }], ${to('frontend', 'v2')} }`,
    ),
    hasNot: front(
      `- { match: [{ uri: { exact: /a } }], ${to('frontend', 'v2')} }\n- { match: [{ uri: { prefix: / } }], ${to('frontend', 'v1')} }`,
    ),
  },
  {
    code: 'GL008',
    says: /put what stands behind the \? under queryParams/,
    has: match('{ uri: { prefix: "/a?b=" } }'),
    hasNot: match('{ queryParams: { b: {} } }'),
  },
  {
    code: 'GL008',
    says: /write x-a: \{\}/,
    has: match('{ withoutHeaders: { x-a: { regex: ".*" } } }'),
    hasNot: match('{ withoutHeaders: { x-a: {} } }'),
  },
  {
    code: 'GL008',
    says: /at a gateway sourceLabels are those of the gateway/,
    has: match('{ sourceLabels: { version: v2 } }'),
    hasNot: coupled(['v1', 'v2']),
  },
  {
    code: 'GL009',
    says: /x-user is no key of a match, so the match is empty/,
    has: match('{ headers: , x-user: { exact: jason } }'),
    hasNot: match('{ headers: { x-user: { exact: jason } } }'),
  },
  {
    code: 'GL010',
    says: /picks visitors of frontend and sends them to api: write host: frontend/,
    has: [
      gateway,
      pair,
      service('api', ['v3']),
      routes(`- { match: [{ headers: { x-user: {} } }], ${to('api', 'v3')} }\n${rest}`),
    ],
    hasNot: [
      gateway,
      pair,
      service('api', ['v3']),
      routes(`- { match: [{ uri: { prefix: /api/ } }], ${to('api', 'v3')} }\n${rest}`),
    ],
  },
  {
    code: 'GL010',
    says: /picks visitors of shop-primary and sends them to shop-extra/,
    has: [gateway, routes(`- { match: [{ headers: { x-user: {} } }], ${to('shop-extra')} }\n- ${to('shop-primary')}`)],
    hasNot: [
      gateway,
      routes(`- { match: [{ headers: { x-user: {} } }], ${to('shop-canary')} }\n- ${to('shop-primary')}`),
    ],
  },
  {
    code: 'GL011',
    says: /no rule leads to subset v2 of frontend/,
    has: front(rest),
    hasNot: match('{ headers: { x-user: {} } }'),
  },
  {
    code: 'GL012',
    says: /type LoadBalancer lets traffic in past the gateway/,
    has: [
      gateway,
      'apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { type: LoadBalancer, ports: [{ port: 80 }] }',
      routes(`- ${to('web')}`),
    ],
    hasNot: [
      gateway,
      'apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { type: ClusterIP, ports: [{ port: 80 }] }',
      routes(`- ${to('web')}`),
    ],
  },
  {
    code: 'GL014',
    says: /misses "a=b; user=jason"/,
    has: match('{ headers: { cookie: { regex: "^(.*?;)?(user=jason)(;.*)?$" } } }'),
    hasNot: match('{ headers: { cookie: { regex: "^(.*?;)?\\\\s*(user=jason)(;.*)?$" } } }'),
  },
  {
    code: 'GL014',
    says: /exact fits only while no other cookie comes along/,
    has: match('{ headers: { cookie: { exact: user=jason } } }'),
    hasNot: match('{ headers: { x-cookie: { exact: user=jason } } }'),
  },
  {
    code: 'GL015',
    says: /default\/front routes the same host at the same gateway/,
    has: [...front(rest), routes(rest, 'gateways: [edge]', 'second')],
    hasNot: [...front(rest), routes(rest, 'gateways: [edge]', 'second', 'other.example.com')],
  },
  {
    code: 'GL016',
    says: /requests that fit no rule get 404/,
    has: front(`- { match: [{ headers: { x-user: {} } }], ${to('frontend', 'v2')} }`),
    hasNot: front(rest),
  },
  {
    code: 'GL017',
    says: /subset v2 of api has no endpoint: none of the pods.* so its requests get 503/,
    has: [...deployed, stopped('v2')],
    hasNot: [...deployed, workload('v2', 'api:2')],
  },
  {
    code: 'GL017',
    says: /^api has no endpoint/,
    has: [gateway, pair, service('api', []), routes(`- ${to('api')}`)],
    hasNot: [gateway, pair, service('api', ['v1']), routes(`- ${to('api')}`)],
  },
  {
    code: 'GL018',
    says: /nothing in these files says what runs behind subset v2 of api, or behind any service/,
    has: deployed.slice(0, -1),
    hasNot: deployed,
  },
  // Of istioctl's codes those that the corpus has no case of.
  {
    code: 'IST0101',
    says: /gateway nowhere is not there \(did you mean edge\?\)/,
    has: [gateway, pair, routes(rest, 'gateways: [nowhere]')],
    hasNot: front(rest),
  },
  {
    code: 'IST0101',
    says: /host "frontnd" is no service \(did you mean frontend\?\)/,
    has: front(`- ${to('frontnd', 'v1')}`),
    hasNot: front(rest),
  },
  {
    code: 'IST0101',
    says: /mirror host "shadow" is no service/,
    has: front(`${rest}\n  mirror: { host: shadow }`),
    hasNot: front(`${rest}\n  mirror: { host: frontend }`),
  },
  {
    code: 'IST0109',
    says: /default\/one, default\/two all route api\.default\.svc\.cluster\.local in the mesh/,
    has: [
      service('api', ['v1']),
      routes(`- ${to('api')}`, '', 'one', 'api'),
      routes(`- ${to('api')}`, '', 'two', 'api.default.svc.cluster.local'),
    ],
    hasNot: [
      service('api', ['v1']),
      routes(`- ${to('api')}`, 'exportTo: ["."]', 'one', 'api'),
      routes(`- ${to('api')}`, 'exportTo: [elsewhere]', 'two', 'api'),
    ],
  },
  {
    code: 'IST0112',
    says: /frontend has the ports 80, 81: say which/,
    has: [
      service('frontend', ['v1'], '[{ number: 80, name: a, protocol: HTTP }, { number: 81, name: b, protocol: HTTP }]'),
      routes(rest, ''),
    ],
    hasNot: [pair, routes(rest, '')],
  },
  {
    code: 'IST0134',
    says: /port 90 speaks TCP/,
    has: [service('db', ['v1'], '[{ number: 90, name: t, protocol: TCP }]')],
    hasNot: [service('db', ['v1'], '[{ number: 90, name: t, protocol: HTTP }]')],
  },
  {
    code: 'IST0140',
    says: /frontend without a subset takes any version: the rules of VirtualService default\/inner/,
    has: [gateway, pair, routes(`- ${to('frontend')}`), routes(rest, '', 'inner', 'frontend')],
    hasNot: [gateway, pair, routes(rest), routes(rest, '', 'inner', 'frontend')],
  },
  {
    code: 'IST0145',
    says: /default\/other is on the same gateway with port 80/,
    has: [gateway, gateway.replace('name: edge', 'name: other')],
    hasNot: [gateway, gateway.replace('name: edge', 'name: other').replace('number: 80', 'number: 81')],
  },
  {
    code: 'IST0173',
    says: /subset v3 selects no pod: none of frontend has the labels version: v3/,
    has: [pair.replace('name: v2, labels: { version: v2 }', 'name: v3, labels: { version: v3 }')],
    hasNot: [pair],
  },
  {
    code: 'IST0174',
    says: /host "nobody" is no service/,
    has: [pair.replace('host: frontend', 'host: nobody')],
    hasNot: [pair],
  },
]

function found(documents: readonly string[]): readonly LintProblem[] {
  return lint(manifestsIn(documents.join('\n---\n')))
}

describe('check of manifests', () => {
  it.each(rows.map((row) => [row.code, row.says.source, row] as const))(
    '%s finds what %s says',
    (_, __, { code, says, has, hasNot }) => {
      expect(found(has)).toContainEqual(expect.objectContaining({ code, message: expect.stringMatching(says) }))
      expect(found(hasNot).filter((one) => one.code === code)).toEqual([])
    },
  )

  it('says of a subset without pods only once that its requests get 503', () => {
    const codes = found(deployed).map(({ code }) => code)
    expect(codes).toContain('IST0173')
    expect(codes).not.toContain('GL017')
  })

  it('has a case for each of our codes', () => {
    const tried = new Set([...rows.map(({ code }) => code), 'GL013'])
    expect(Object.keys(lintCodes).filter((code) => !tried.has(code))).toEqual([])
  })
})
