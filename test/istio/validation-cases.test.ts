// What Istio's validation (pkg/config/validation, development line of 1.32) lets pass and what it refuses, one case a sentence of its code. A refused
// resource takes no part as a whole, so one that is refused wrongly is a route that is missing, and one that is taken wrongly is a
// route that a cluster would not have.

import { describe, expect, it } from 'vitest'

import { isRefused } from '../../src/istio/resource.ts'
import { manifestsIn } from './manifests-at.ts'

type Row = [what: string, spec: string, refused?: string]

function said(kind: string, spec: string, name = 'one'): { refused: boolean; messages: string } {
  const head = `{apiVersion: networking.istio.io/v1, kind: ${kind}, metadata: {name: ${name}, namespace: shop}`
  const [resource] = manifestsIn(`${head}, spec: ${spec}}`).resources
  if (resource === undefined) throw new Error(`${kind} was not read: ${spec}`)
  return { refused: isRefused(resource), messages: resource.problems.map(({ message }) => message).join('\n') }
}

function table(kind: string, rows: readonly Row[], specOf: (part: string) => string): void {
  describe(`a ${kind}`, () => {
    it.each(rows)('with %s', (_, part, refused) => {
      const found = said(kind, specOf(part))
      if (refused === undefined) expect(found).toMatchObject({ refused: false })
      else expect(found).toEqual({ refused: true, messages: expect.stringContaining(refused) as string })
    })
  })
}

const to = 'route: [{destination: {host: back}}]'

table(
  'VirtualService',
  [
    ['a withoutHeaders of "*", which means absent', `match: [{withoutHeaders: {x-a: {regex: "*"}}}], ${to}`],
    ['a header of "*"', `match: [{headers: {x-a: {regex: "*"}}}], ${to}`, 'missing argument to repetition operator'],
    ['an empty prefix of the uri', `match: [{uri: {prefix: ""}}], ${to}`],
    ['an empty prefix of the method', `match: [{method: {prefix: ""}}], ${to}`, '"method": prefix string match'],
    ['an empty prefix of the authority', `match: [{authority: {prefix: ""}}], ${to}`, '"authority": prefix string'],
    ['a sourceNamespace that is no name', `match: [{sourceNamespace: a.b}], ${to}`, 'sourceNamespace match a.b'],
    ['a redirect to port 0, which is none', 'redirect: {port: 0}'],
    [
      'a prefixRewrite under an exact uri',
      'match: [{uri: {exact: /a}}], redirect: {prefixRewrite: /b}',
      'requires all URI matches to use prefix match type',
    ],
    ['a prefixRewrite without any uri', 'match: [{headers: {x-a: {exact: b}}}], redirect: {prefixRewrite: /b}'],
    ['a tab in a header value', `headers: {request: {set: {x-a: "a\\tb"}}}, ${to}`],
    ['a control character in a header value', `headers: {request: {set: {x-a: "a\\x01b"}}}, ${to}`, 'invalid header'],
  ],
  (rule) => `{hosts: [a.example.com], gateways: [edge], http: [{${rule}}]}`,
)

table(
  'VirtualService',
  [
    [
      'JWT claims at a gateway that is for the mesh too',
      `hosts: [a.b], gateways: [edge, mesh], http: [{match: [{headers: {"@request.auth.claims.group": {exact: beta}}}], ${to}}]`,
      'only supported for gateway',
    ],
    [
      'a Gateway called ./edge',
      `hosts: [a.b], gateways: [./edge], http: [{${to}}]`,
      'invalid value for namespace: "."',
    ],
    [
      'a tls route without a match beside its http',
      `hosts: [a.b], http: [{${to}}], tls: [{${to}}]`,
      'TLS route must have at least one match condition',
    ],
    [
      'a tls route for a name that is none of its hosts',
      `hosts: ["*.b.com"], tls: [{match: [{sniHosts: [a.c.com]}], ${to}}]`,
      'SNI host "a.c.com" is not a compatible subset',
    ],
    ['a tls route for one of its hosts', `hosts: ["*.b.com"], tls: [{match: [{sniHosts: [a.b.com]}], ${to}}]`],
    ['a tcp route to nowhere', 'hosts: [a.b], tcp: [{match: [{port: 80}]}]', 'TCP route is required'],
  ],
  (spec) => `{${spec}}`,
)

table(
  'Gateway',
  [
    [
      'mode PASSTHROUGH at an http server',
      '{port: {number: 80, name: a, protocol: HTTP}, hosts: ["*"], tls: {mode: PASSTHROUGH}}',
    ],
    [
      'mode SIMPLE at an http server',
      '{port: {number: 80, name: a, protocol: HTTP}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: c}}',
      'server cannot have TLS settings for plain text HTTP ports',
    ],
    ['a protocol in capitals and small letters', '{port: {number: 80, name: a, protocol: Http2}, hosts: ["*"]}'],
    ['Redis', '{port: {number: 6379, name: a, protocol: Redis}, hosts: ["*"]}'],
    [
      'a secret under ISTIO_MUTUAL',
      '{port: {number: 443, name: a, protocol: HTTPS}, hosts: ["*"], tls: {mode: ISTIO_MUTUAL, credentialName: c}}',
      'ISTIO_MUTUAL TLS cannot have associated credentialName',
    ],
    [
      'OPTIONAL_MUTUAL without a bundle',
      '{port: {number: 443, name: a, protocol: HTTPS}, hosts: ["*"], tls: {mode: OPTIONAL_MUTUAL, serverCertificate: c, privateKey: k}}',
      'requires a client CA bundle',
    ],
    [
      'files and a secret',
      '{port: {number: 443, name: a, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE, serverCertificate: c, privateKey: k, credentialName: s}}',
      'only one of credential_name',
    ],
  ],
  (server) => `{servers: [${server}]}`,
)

it('refuses a Gateway whose name has a dot: VirtualServices could not tell it from a namespace', () => {
  const server = '{port: {number: 80, name: a, protocol: HTTP}, hosts: ["*"]}'
  expect(said('Gateway', `{servers: [${server}]}`, 'my.gateway').messages).toBe('invalid gateway name: "my.gateway"')
})

table(
  'DestinationRule',
  [
    ['certificates beside ISTIO_MUTUAL', 'trafficPolicy: {tls: {mode: ISTIO_MUTUAL, caCertificates: a.pem}}'],
    [
      'a maglev table without a size',
      'trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true, maglev: {}}}}',
      'tableSize must be set',
    ],
    ['no idle timeout for HTTP', 'trafficPolicy: {connectionPool: {http: {idleTimeout: 0s}}}', 'greater than 1ms'],
    ['no idle timeout for TCP, which turns it off', 'trafficPolicy: {connectionPool: {tcp: {idleTimeout: 0s}}}'],
    [
      'a port level policy that says nothing',
      'trafficPolicy: {portLevelSettings: [{port: {number: 80}}]}',
      'at least one field',
    ],
    [
      'names to verify and insecureSkipVerify',
      'trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true, subjectAltNames: [a]}}',
      'SubjectAltNames when InsecureSkipVerify',
    ],
    [
      'two attributes of one name in its cookie',
      'trafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: c, attributes: [{name: a}, {name: a}]}}}}',
      'duplicate cookie attribute name: a',
    ],
    [
      'a selector and everybody',
      'workloadSelector: {matchLabels: {app: a}}, exportTo: ["*"]',
      'beyond current namespace',
    ],
    [
      'a selector and its own namespace',
      'workloadSelector: {matchLabels: {app: a}}, exportTo: ["."], subsets: [{name: v1}]',
    ],
  ],
  (part) => `{host: back, ${part}}`,
)

const http = 'ports: [{number: 80, name: http, protocol: HTTP}]'
table(
  'ServiceEntry',
  [
    [
      'an endpoint port that is none of its ports',
      `hosts: [a.b], ${http}, resolution: STATIC, endpoints: [{address: 10.0.0.1, ports: {https: 8443}}]`,
      'endpoint port https is not defined by the service entry, whose ports are http',
    ],
    [
      'a block of addresses and DNS',
      `hosts: [a.b], ${http}, addresses: [10.0.0.0/8], resolution: DNS`,
      'CIDR addresses',
    ],
    ['a block of addresses and STATIC', `hosts: [a.b], ${http}, addresses: [10.0.0.0/8], resolution: STATIC`],
    [
      'two hosts at a TCP port',
      'hosts: [a.b, c.d], ports: [{number: 1, name: a, protocol: TCP}], addresses: [10.0.0.1], resolution: STATIC',
      'multiple hosts provided with non-HTTP, non-TLS ports',
    ],
    [
      'two hosts at a TCP port that goes where it went',
      'hosts: [a.b, c.d], ports: [{number: 1, name: a, protocol: TCP}]',
    ],
    [
      'a wildcard that DNS would have to resolve',
      `hosts: ["*.b"], ${http}, resolution: DNS, workloadSelector: {labels: {app: a}}`,
      'hosts must be FQDN',
    ],
    ['DYNAMIC_DNS for one name', `hosts: [a.b], ${http}, resolution: DYNAMIC_DNS`, 'must be wildcarded'],
    [
      'a wildcard in its selector',
      `hosts: [a.b], ${http}, workloadSelector: {labels: {app: "a*"}}`,
      'wildcard is not supported',
    ],
    [
      'an endpoint of another network without an address',
      `hosts: [a.b], ${http}, resolution: STATIC, endpoints: [{network: two}, {address: 10.0.0.1}]`,
    ],
  ],
  (spec) => `{${spec}}`,
)

table(
  'WorkloadEntry',
  [
    ['a socket without its path', 'address: "unix://relative"', 'relative is not an absolute path to a file'],
    ['a folder for a socket', 'address: unix:///folder/', '/folder/ is not an absolute path to a file'],
    ['an abstract socket', 'address: unix://@name'],
    ['a name', 'address: vm.example.com'],
    ['something that is no name', 'address: "vm_1"', 'not a valid FQDN or an IP address'],
  ],
  (spec) => `{${spec}}`,
)
