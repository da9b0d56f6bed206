// DestinationRule, field by field (networking.istio.io).

import {
  any,
  bool,
  double,
  duration,
  int,
  list,
  mapOf,
  message,
  nested,
  oneOf,
  string,
  uint,
  type ValueOf,
} from './message.ts'
import { clientTls, portSelector, workloadSelector } from './model-shared.ts'

const cookieAttributes = list(nested(message('Attribute', { name: string, value: string })))
export type CookieAttributes = ValueOf<typeof cookieAttributes>

export const consistentHash = message(
  'ConsistentHashLB',
  {
    httpHeaderName: string,
    httpCookie: nested(
      message('HTTPCookie', {
        name: string,
        path: string,
        ttl: duration,
        attributes: cookieAttributes,
      }),
    ),
    useSourceIp: bool,
    httpQueryParameterName: string,
    ringHash: nested(message('RingHash', { minimumRingSize: uint })),
    maglev: nested(message('MagLev', { tableSize: uint })),
    minimumRingSize: uint,
  },
  ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
  ['ringHash', 'maglev'],
)
export type ConsistentHash = ValueOf<typeof consistentHash>

export const loadBalancer = message(
  'LoadBalancerSettings',
  {
    simple: oneOf('UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST'),
    consistentHash: nested(consistentHash),
    localityLbSetting: any,
    zoneAwareLbSetting: any,
    warmupDurationSecs: duration,
    warmup: nested(
      message('WarmupConfiguration', {
        duration: duration,
        minimumPercent: double,
        aggression: double,
      }),
    ),
  },
  ['simple', 'consistentHash'],
)
export type LoadBalancer = ValueOf<typeof loadBalancer>

export const connectionPool = message('ConnectionPoolSettings', {
  tcp: nested(
    message('TCPSettings', {
      maxConnections: int,
      connectTimeout: duration,
      tcpKeepalive: nested(message('TcpKeepalive', { probes: uint, time: duration, interval: duration })),
      maxConnectionDuration: duration,
      idleTimeout: duration,
    }),
  ),
  http: nested(
    message('HTTPSettings', {
      http1MaxPendingRequests: int,
      http2MaxRequests: int,
      maxRequestsPerConnection: int,
      maxRetries: int,
      idleTimeout: duration,
      h2UpgradePolicy: oneOf('DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE'),
      useClientProtocol: bool,
      maxConcurrentStreams: int,
      http2KeepAlive: any,
    }),
  ),
})
export type ConnectionPool = ValueOf<typeof connectionPool>

export const outlierDetection = message('OutlierDetection', {
  consecutiveErrors: int,
  splitExternalLocalOriginErrors: bool,
  consecutiveLocalOriginFailures: uint,
  consecutiveGatewayErrors: uint,
  consecutive5xxErrors: uint,
  interval: duration,
  baseEjectionTime: duration,
  maxEjectionPercent: int,
  minHealthPercent: int,
  outlierDetectionHttpErrorCodes: any,
})
export type OutlierDetection = ValueOf<typeof outlierDetection>

const policyFields = {
  loadBalancer: nested(loadBalancer),
  connectionPool: nested(connectionPool),
  outlierDetection: nested(outlierDetection),
  tls: nested(clientTls),
}

export const portTrafficPolicy = message('PortTrafficPolicy', { port: nested(portSelector), ...policyFields })
export type PortTrafficPolicy = ValueOf<typeof portTrafficPolicy>

export const trafficPolicy = message('TrafficPolicy', {
  ...policyFields,
  portLevelSettings: list(nested(portTrafficPolicy)),
  tunnel: any,
  proxyProtocol: any,
  retryBudget: nested(message('RetryBudget', { percent: double, minRetryConcurrency: uint, budgetInterval: duration })),
})
export type TrafficPolicy = ValueOf<typeof trafficPolicy>

export const subset = message('Subset', {
  name: string,
  labels: mapOf(string),
  trafficPolicy: nested(trafficPolicy),
})
export type Subset = ValueOf<typeof subset>

export const destinationRule = message('DestinationRule', {
  host: string,
  trafficPolicy: nested(trafficPolicy),
  subsets: list(nested(subset)),
  exportTo: list(string),
  workloadSelector: nested(workloadSelector),
})
export type DestinationRuleSpec = ValueOf<typeof destinationRule>
