// What istioctl's analyzers find beyond the corpus, each case after one of their own test data.

import { describe, expect, it } from 'vitest'

import { analyze, lint } from '../../src/istio/lint.ts'
import { manifestsIn } from './manifests-at.ts'

function virtualService(name: string, namespace: string, spec: string): string {
  const rest = spec.includes('http:')
    ? ''
    : ', http: [{ route: [{ destination: { host: back.shop.svc.cluster.local } }] }]'
  return `{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: ${name}, namespace: ${namespace} }, spec: { ${spec}${rest} } }`
}

function entry(name: string, namespace: string, spec: string): string {
  return `{ apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: { name: ${name}, namespace: ${namespace} }, spec: { ${spec} } }`
}

const http = 'ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DNS'

interface Row {
  readonly what: string
  readonly code: string
  readonly documents: readonly string[]
  readonly says: readonly string[]
}

const rows: Row[] = [
  {
    what: 'a VirtualService for one namespace that meets one for all, whose wildcard has its host',
    code: 'IST0109',
    documents: [
      virtualService('own', 'shop', 'hosts: ["*.api.example"], exportTo: ["."]'),
      virtualService('all', 'mall', 'hosts: ["*.example"]'),
    ],
    says: [
      'VirtualService shop/own: shop/own, mall/all all route *.api.example in the mesh, where only one exported to shop alone, else the oldest, counts: make them one',
      'VirtualService mall/all: shop/own, mall/all all route *.api.example in the mesh, where only one exported to shop alone, else the oldest, counts: make them one',
    ],
  },
  {
    what: 'two that are exported to different namespaces',
    code: 'IST0109',
    documents: [
      virtualService('own', 'shop', 'hosts: ["*.api.example"], exportTo: ["."]'),
      virtualService('other', 'mall', 'hosts: ["*.api.example"], exportTo: ["."]'),
    ],
    says: [],
  },
  {
    what: 'a service that its namespace keeps to itself',
    code: 'IST0101',
    documents: [
      entry('back', 'mall', `hosts: [back.example.com], exportTo: ["."], ${http}`),
      virtualService('front', 'shop', 'hosts: [a.b], http: [{ route: [{ destination: { host: back.example.com } }] }]'),
    ],
    says: [
      'VirtualService shop/front: host "back.example.com" is a service of namespace mall, which exports it elsewhere: requests get 503',
    ],
  },
  {
    what: 'a gateway of the Kubernetes Gateway API, which no host is looked for in',
    code: 'IST01',
    documents: [
      '{ apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: { name: edge, namespace: shop }, spec: {} }',
      entry('back', 'shop', `hosts: [back.shop.svc.cluster.local], ${http}`),
      virtualService('front', 'shop', 'hosts: [a.b], gateways: [edge]'),
    ],
    says: [
      'VirtualService shop/front: gateway edge is one of the Kubernetes Gateway API, which is not served here: no request reaches this VirtualService',
    ],
  },
  {
    what: 'a port that speaks tcp in small letters without an address',
    code: 'IST0134',
    documents: [entry('db', 'shop', 'hosts: [db.example.com], ports: [{ number: 22, name: tcp, protocol: tcp }]')],
    says: [
      'ServiceEntry shop/db: port 22 speaks TCP, so nothing but addresses tells which connections are meant: give addresses, or protocol: HTTP',
    ],
  },
]

describe('analysis', () => {
  it.each(rows)('of $what', ({ code, documents, says }) => {
    const found = analyze(manifestsIn(documents.join('\n---\n'))).filter((problem) => problem.code.startsWith(code))
    expect(found.map(({ origin, message }) => `${origin}: ${message}`)).toEqual(says)
  })
})

it('names a Gateway of another gateway than the one that is served, as serve does', () => {
  const gateway = (name: string, selector: string): string =>
    `{ apiVersion: networking.istio.io/v1, kind: Gateway, metadata: { name: ${name} }, spec: { selector: ${selector}, servers: [{ port: { number: 80, name: a, protocol: HTTP }, hosts: ["*"] }] } }`
  const manifests = manifestsIn(
    `${gateway('edge', '{ istio: ingressgateway }')}\n---\n${gateway('own', '{ app: own }')}`,
  )
  expect(lint(manifests).map(({ line, code, message }) => `${line} ${code}: ${message}`)).toEqual([
    '3 not-honoured: Gateway default/own selects another gateway than the one served here, which bears the labels istio: ingressgateway, app: istio-ingressgateway',
  ])
})
