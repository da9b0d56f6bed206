// `trafficPolicy` of a service: Istio's DestinationRule.trafficPolicy, for the pools of every version of that service.

import { type Static, Type } from 'typebox'
import { CookieName, Duration, FieldName, FilePath, Refused, Section, Text, Whole } from './schema-parts.ts'

const noLocalities = (name: string) => Refused(`${name} does nothing here: the endpoints of a pool have no localities`)
const most = 4_294_967_295

const warmup = Section(
  {
    duration: Duration(),
    minimumPercent: Whole(0, 100, { default: 10 }),
    aggression: Text('a number from 1', { default: '1', pattern: '^[1-9]\\d{0,2}(\\.\\d{1,3})?$' }),
  },
  { title: 'WarmupConfiguration', description: 'A new endpoint gets its share little by little.' },
)

const consistentHash = Section(
  {
    httpHeaderName: Type.Optional(FieldName()),
    httpCookie: Type.Optional(
      Section({
        name: CookieName(),
        path: Text('a path', { default: '', pattern: '^[^;\\r\\n]*$' }),
        ttl: Type.Optional(Duration({ description: 'The cookie is made where it is missing; 0s for the session.' })),
        attributes: Type.Array(
          Section({
            name: Text('a name of an attribute', { pattern: '^[A-Za-z-]+$' }),
            value: Text('a value of an attribute', { default: '', pattern: '^[^;\\r\\n]*$' }),
          }),
          { default: [] },
        ),
      }),
    ),
    useSourceIp: Type.Optional(Type.Boolean()),
    httpQueryParameterName: Type.Optional(Text('a name of a parameter', { pattern: '.' })),
    ringHash: Type.Optional(Section({ minimumRingSize: Whole(1, 8_388_608, { default: 1_024 }) })),
    maglev: Type.Optional(Section({ tableSize: Whole(2, 5_000_010, { default: 65_537, description: 'A prime.' }) })),
    minimumRingSize: Refused('minimumRingSize stands under ringHash'),
  },
  {
    title: 'ConsistentHashLB',
    description:
      'One of httpHeaderName, httpCookie, useSourceIp and httpQueryParameterName. Endpoints of one version only.',
  },
)

const loadBalancer = Section(
  {
    simple: Type.Optional(Type.Enum(['LEAST_REQUEST', 'ROUND_ROBIN', 'RANDOM', 'UNSPECIFIED', 'LEAST_CONN'])),
    consistentHash: Type.Optional(consistentHash),
    warmup: Type.Optional(warmup),
    warmupDurationSecs: Refused('warmupDurationSecs is the old name: write warmup: { duration: 30s }'),
    localityLbSetting: noLocalities('localityLbSetting'),
    zoneAwareLbSetting: noLocalities('zoneAwareLbSetting'),
  },
  { title: 'LoadBalancerSettings' },
)

const http2Only = (name: string) => Refused(`${name} is about HTTP/2 to the upstreams, which is not spoken`)

const connectionPool = Section(
  {
    tcp: Type.Optional(
      Section({
        maxConnections: Type.Optional(Whole(1, most)),
        connectTimeout: Type.Optional(Duration()),
        tcpKeepalive: Type.Optional(
          Section({
            time: Duration({ default: '2h' }),
            probes: Refused('how many probes there are is the system’s'),
            interval: Refused('the time between two probes is the system’s'),
          }),
        ),
        maxConnectionDuration: Type.Optional(Duration()),
        idleTimeout: Type.Optional(Duration()),
      }),
    ),
    http: Type.Optional(
      Section({
        http1MaxPendingRequests: Type.Optional(Whole(1, most)),
        http2MaxRequests: Type.Optional(Whole(1, most, { description: 'Requests under way, on HTTP/1.1 as well.' })),
        maxRequestsPerConnection: Type.Optional(Whole(1, most)),
        maxRetries: Type.Optional(Whole(1, most)),
        idleTimeout: Type.Optional(Duration()),
        h2UpgradePolicy: http2Only('h2UpgradePolicy'),
        useClientProtocol: http2Only('useClientProtocol'),
        maxConcurrentStreams: http2Only('maxConcurrentStreams'),
        http2KeepAlive: http2Only('http2KeepAlive'),
      }),
    ),
  },
  { title: 'ConnectionPoolSettings', description: 'Limits of each pool in each process; above them: 503.' },
)

const outlierDetection = Section(
  {
    consecutive5xxErrors: Whole(0, most, { default: 5, description: '0 turns it off.' }),
    consecutiveGatewayErrors: Whole(0, most, { default: 0, description: '0 turns it off.' }),
    splitExternalLocalOriginErrors: Type.Boolean({ default: false }),
    consecutiveLocalOriginFailures: Type.Optional(Whole(0, most)),
    interval: Duration({ default: '10s' }),
    baseEjectionTime: Duration({ default: '30s', description: 'Times the number of ejections so far.' }),
    maxEjectionPercent: Whole(0, 100, {
      default: 10,
      description: "Istio's default ejects nobody out of less than ten endpoints.",
    }),
    minHealthPercent: Refused('there is no panic mode here: an ejected endpoint stays out'),
    consecutiveErrors: Refused('consecutiveErrors is the old name: write consecutive5xxErrors'),
  },
  { title: 'OutlierDetection' },
)

const tls = Section(
  {
    mode: Type.Enum(['DISABLE', 'SIMPLE', 'MUTUAL']),
    sni: Type.Optional(Text('a host', { pattern: '^[A-Za-z0-9._-]+$' })),
    caCertificates: Type.Optional(FilePath()),
    clientCertificate: Type.Optional(FilePath()),
    privateKey: Type.Optional(FilePath()),
    subjectAltNames: Type.Array(Text('a name'), { default: [] }),
    insecureSkipVerify: Type.Boolean({ default: false, description: 'Any certificate does: for tests.' }),
    credentialName: Refused('credentialName is a secret of Kubernetes: mount it and name its files'),
    caCrl: Refused('caCrl is not honoured'),
  },
  { title: 'ClientTLSSettings', description: 'Files are relative to this one.' },
)

export const trafficPolicy = Section(
  {
    loadBalancer: Type.Optional(loadBalancer),
    connectionPool: Type.Optional(connectionPool),
    outlierDetection: Type.Optional(outlierDetection),
    tls: Type.Optional(tls),
    portLevelSettings: Refused('a pool is one set of URLs: a service for each port has a policy of its own'),
    tunnel: Refused('tunnel is about TCP, which is not spoken'),
    proxyProtocol: Refused('proxyProtocol is not honoured'),
  },
  { title: 'TrafficPolicy', description: 'For the pools of every version.' },
)

export type TrafficPolicyText = Static<typeof trafficPolicy>
