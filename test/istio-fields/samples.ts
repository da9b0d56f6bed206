// What the field table of docs/istio.md rests on: manifests that use every field we carry out, and one sample for each that we do not.
// The table says what the reader says of these; nothing here is a claim of its own.

/** Together they use every field that is carried out; reading them finds nothing. */
export const carriedOut: readonly string[] = [
  `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  selector: { istio: ingressgateway }
  servers:
    - { name: plain, bind: 127.0.0.1, port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"], tls: { httpsRedirect: true } }
`,
  `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: all }
spec:
  hosts: [shop.example.com]
  gateways: [edge, mesh]
  exportTo: ["."]
  http:
    - name: matched
      match:
        - name: everything
          uri: { prefix: /a }
          ignoreUriCase: true
          scheme: { exact: http }
          method: { regex: "GET|HEAD" }
          authority: { prefix: shop }
          headers: { x-user: { exact: jason } }
          withoutHeaders: { x-bot: {} }
          queryParams: { k: { regex: "[a-z]+" } }
          port: 80
          statPrefix: matched
        - { gateways: [mesh], sourceLabels: { version: v1 }, sourceNamespace: default }
      route:
        - { destination: { host: frontend, subset: v1, port: { number: 80 } }, weight: 1, headers: { request: { set: { a: b } } } }
        - { destination: { host: frontend, subset: v2 }, weight: 99 }
      rewrite: { uri: /b, authority: in.example.com }
      timeout: 5s
      retries: { attempts: 2, perTryTimeout: 1s, retryOn: "connect-failure,503", backoff: 50ms, retryIgnorePreviousHosts: true }
      fault:
        delay: { fixedDelay: 10ms, percentage: { value: 0.1 } }
        abort: { httpStatus: 503, percentage: { value: 0.1 } }
      mirrors: [{ destination: { host: frontend, subset: v2 }, percentage: { value: 1 } }]
      corsPolicy:
        allowOrigins: [{ exact: "https://a.example.com" }]
        allowMethods: [GET]
        allowHeaders: [x-a]
        exposeHeaders: [x-b]
        maxAge: 60s
        allowCredentials: true
        unmatchedPreflights: IGNORE
      headers:
        request: { set: { x-a: "%REQ(x-b)%" }, add: { x-c: d }, remove: [x-e] }
        response: { set: { x-a: b } }
    - route: [{ destination: { host: frontend } }]
      rewrite: { uriRegexRewrite: { match: "/a/(.*)", rewrite: '/\\1' } }
      mirror: { host: frontend, subset: v2 }
      mirrorPercentage: { value: 1 }
      fault: { abort: { grpcStatus: UNAVAILABLE, percentage: { value: 0 } } }
    - redirect: { uri: /new, authority: a.example.com, scheme: https, port: 8443, redirectCode: 308 }
    - redirect: { prefixRewrite: /new, derivePort: FROM_REQUEST_PORT }
    - directResponse: { status: 200, body: { string: here } }
    - directResponse: { status: 200, body: { bytes: aGVyZQ== } }
    - delegate: { name: other, namespace: default }
`,
  `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: frontend }
spec:
  host: frontend
  exportTo: ["*"]
  trafficPolicy:
    loadBalancer: { simple: ROUND_ROBIN, warmup: { duration: 30s, minimumPercent: 10, aggression: 1 } }
    connectionPool:
      tcp: { maxConnections: 9, connectTimeout: 1s, tcpKeepalive: { time: 60s }, maxConnectionDuration: 1h, idleTimeout: 1h }
      http: { http1MaxPendingRequests: 9, http2MaxRequests: 9, maxRequestsPerConnection: 9, maxRetries: 9, idleTimeout: 1h }
    outlierDetection:
      consecutive5xxErrors: 5
      consecutiveGatewayErrors: 5
      splitExternalLocalOriginErrors: true
      consecutiveLocalOriginFailures: 5
      interval: 10s
      baseEjectionTime: 30s
      maxEjectionPercent: 50
    portLevelSettings: [{ port: { number: 80 }, loadBalancer: { simple: RANDOM }, connectionPool: { tcp: { maxConnections: 1 } }, outlierDetection: { interval: 1s }, tls: { mode: DISABLE } }]
  subsets:
    - name: v1
      labels: { version: v1 }
      trafficPolicy:
        loadBalancer: { consistentHash: { httpCookie: { name: pin, path: /, ttl: 1h, attributes: [{ name: SameSite, value: Lax }] }, ringHash: { minimumRingSize: 1024 } } }
        tls: { mode: MUTUAL, sni: a.example.com, caCertificates: ca.pem, clientCertificate: c.pem, privateKey: c.key, subjectAltNames: [a.example.com] }
    - { name: v2, labels: { version: v2 }, trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: x-user, maglev: { tableSize: 65537 } } }, tls: { mode: SIMPLE, insecureSkipVerify: true } } }
    - { name: v3, labels: { version: v3 }, trafficPolicy: { loadBalancer: { consistentHash: { useSourceIp: true } } } }
    - { name: v4, labels: { version: v4 }, trafficPolicy: { loadBalancer: { consistentHash: { httpQueryParameterName: k } } } }
`,
  `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: frontend }
spec:
  hosts: [frontend.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  exportTo: ["*"]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }]
  endpoints: [{ address: 10.0.0.1, ports: { http: 8080 }, labels: { version: v1 }, weight: 3, serviceAccount: frontend }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: by-selector }
spec: { hosts: [a.example.com], addresses: [10.0.0.9], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], workloadSelector: { labels: { app: a } } }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: a }
spec: { address: 10.0.0.2, labels: { app: a } }
`,
]

/** Old names that Istio warns of (IST0133) or says nothing of, and that still do what they did. */
export const oldNames: readonly string[] = [
  `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: old }
spec: { hosts: [a.test], http: [{ route: [{ destination: { host: f } }], mirror: { host: f }, mirrorPercent: 5, corsPolicy: { allowOrigin: ["https://a.test"] } }] }
`,
  `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: old }
spec:
  host: f
  subsets:
    - { name: a, labels: { version: a }, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN, warmupDurationSecs: 30s } } }
    - { name: b, labels: { version: b }, trafficPolicy: { loadBalancer: { consistentHash: { useSourceIp: true, minimumRingSize: 64 } } } }
`,
]

/** The field as the table names it, and a spec that uses it. */
export type Sample = readonly [
  field: string,
  kind: 'Gateway' | 'VirtualService' | 'DestinationRule' | 'ServiceEntry' | 'WorkloadEntry',
  spec: string,
]

const route = (fields: string): string =>
  `{ hosts: [a.test], http: [{ route: [{ destination: { host: f } }], ${fields} }] }`
const policy = (fields: string): string => `{ host: f, trafficPolicy: { ${fields} } }`
const server = (fields: string): string =>
  `{ servers: [{ port: { number: 443, name: s, protocol: HTTPS }, hosts: ["*"], ${fields} }] }`
const entry = (fields: string): string =>
  `{ hosts: [a.test], ports: [{ number: 80, name: h, protocol: HTTP }], ${fields} }`

/** Fields, and values of fields, that are not carried out. */
export const notCarriedOut: readonly Sample[] = [
  [
    'VirtualService.tls',
    'VirtualService',
    '{ hosts: [a.test], tls: [{ match: [{ sniHosts: [a.test] }], route: [{ destination: { host: f } }] }] }',
  ],
  ['VirtualService.tcp', 'VirtualService', '{ hosts: [a.test], tcp: [{ route: [{ destination: { host: f } }] }] }'],
  ['HTTPRetry.retryRemoteLocalities', 'VirtualService', route('retries: { attempts: 1, retryRemoteLocalities: true }')],
  ['Delay.percent', 'VirtualService', route('fault: { delay: { fixedDelay: 1s, percent: 5 } }')],
  ['Delay.exponentialDelay', 'VirtualService', route('fault: { delay: { exponentialDelay: 1s } }')],
  ['Abort.http2Error', 'VirtualService', route('fault: { abort: { http2Error: x } }')],
  [
    'HTTPMatchRequest.headers (JWT claims)',
    'VirtualService',
    '{ hosts: [a.test], gateways: [g], http: [{ match: [{ headers: { "@request.auth.claims.sub": { exact: a } } }], route: [{ destination: { host: f } }] }] }',
  ],
  [
    'HTTPRedirect.redirectCode (305)',
    'VirtualService',
    '{ hosts: [a.test], http: [{ redirect: { uri: /a, redirectCode: 305 } }] }',
  ],
  ['LoadBalancerSettings.simple (PASSTHROUGH)', 'DestinationRule', policy('loadBalancer: { simple: PASSTHROUGH }')],
  [
    'LoadBalancerSettings.localityLbSetting',
    'DestinationRule',
    policy('loadBalancer: { localityLbSetting: { enabled: true } }'),
  ],
  ['LoadBalancerSettings.zoneAwareLbSetting', 'DestinationRule', policy('loadBalancer: { zoneAwareLbSetting: {} }')],
  ['HTTPSettings.h2UpgradePolicy', 'DestinationRule', policy('connectionPool: { http: { h2UpgradePolicy: UPGRADE } }')],
  [
    'HTTPSettings.useClientProtocol',
    'DestinationRule',
    policy('connectionPool: { http: { useClientProtocol: true } }'),
  ],
  ['OutlierDetection.consecutiveErrors', 'DestinationRule', policy('outlierDetection: { consecutiveErrors: 5 }')],
  ['OutlierDetection.minHealthPercent', 'DestinationRule', policy('outlierDetection: { minHealthPercent: 50 }')],
  ['ClientTLSSettings.mode (ISTIO_MUTUAL)', 'DestinationRule', policy('tls: { mode: ISTIO_MUTUAL }')],
  ['ClientTLSSettings.credentialName', 'DestinationRule', policy('tls: { mode: SIMPLE, credentialName: c }')],
  ['TrafficPolicy.tunnel', 'DestinationRule', policy('tunnel: { targetHost: a, targetPort: 80 }')],
  ['TrafficPolicy.proxyProtocol', 'DestinationRule', policy('proxyProtocol: { version: V1 }')],
  ['TrafficPolicy.retryBudget', 'DestinationRule', policy('retryBudget: { percent: 20 }')],
  ['DestinationRule.workloadSelector', 'DestinationRule', '{ host: f, workloadSelector: { matchLabels: { app: a } } }'],
  ['Port.protocol (HTTPS at a Gateway)', 'Gateway', server('tls: { mode: SIMPLE, credentialName: c }')],
  ['ServerTLSSettings.mode (PASSTHROUGH)', 'Gateway', server('tls: { mode: PASSTHROUGH }')],
  ['ServiceEntry.resolution (NONE)', 'ServiceEntry', entry('resolution: NONE')],
  [
    'ServiceEntry.resolution (DYNAMIC_DNS)',
    'ServiceEntry',
    '{ hosts: ["*.a.test"], ports: [{ number: 80, name: h, protocol: HTTP }], resolution: DYNAMIC_DNS }',
  ],
  [
    'Server.defaultEndpoint',
    'Gateway',
    '{ servers: [{ port: { number: 80, name: h, protocol: HTTP }, hosts: ["*"], defaultEndpoint: 127.0.0.1:80 }] }',
  ],
  [
    'HTTPSettings.maxConcurrentStreams',
    'DestinationRule',
    policy('connectionPool: { http: { maxConcurrentStreams: 5 } }'),
  ],
  ['HTTPSettings.http2KeepAlive', 'DestinationRule', policy('connectionPool: { http: { http2KeepAlive: {} } }')],
  ['TcpKeepalive.probes', 'DestinationRule', policy('connectionPool: { tcp: { tcpKeepalive: { probes: 5 } } }')],
  ['TcpKeepalive.interval', 'DestinationRule', policy('connectionPool: { tcp: { tcpKeepalive: { interval: 5s } } }')],
  [
    'OutlierDetection.outlierDetectionHttpErrorCodes',
    'DestinationRule',
    policy('outlierDetection: { outlierDetectionHttpErrorCodes: [] }'),
  ],
  ['ClientTLSSettings.caCrl', 'DestinationRule', policy('tls: { mode: SIMPLE, caCrl: a.pem }')],
  ['ServiceEntry.subjectAltNames', 'ServiceEntry', entry('resolution: DNS, subjectAltNames: [a.test]')],
  ['WorkloadEntry.locality', 'WorkloadEntry', '{ address: 10.0.0.1, locality: a/b }'],
  ['WorkloadEntry.network', 'WorkloadEntry', '{ address: 10.0.0.1, network: net1 }'],
]
