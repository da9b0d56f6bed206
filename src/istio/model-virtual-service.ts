// VirtualService, field by field (networking.istio.io).

import {
  bool,
  bytes,
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
import { destination, headers, percent } from './model-shared.ts'

export const stringMatch = message('StringMatch', { exact: string, prefix: string, regex: string }, [
  'exact',
  'prefix',
  'regex',
])
export type StringMatch = ValueOf<typeof stringMatch>

export const httpMatchRequest = message('HTTPMatchRequest', {
  name: string,
  uri: nested(stringMatch),
  scheme: nested(stringMatch),
  method: nested(stringMatch),
  authority: nested(stringMatch),
  headers: mapOf(nested(stringMatch)),
  port: uint,
  sourceLabels: mapOf(string),
  gateways: list(string),
  queryParams: mapOf(nested(stringMatch)),
  ignoreUriCase: bool,
  withoutHeaders: mapOf(nested(stringMatch)),
  sourceNamespace: string,
  statPrefix: string,
})
export type HttpMatchRequest = ValueOf<typeof httpMatchRequest>

export const httpRouteDestination = message('HTTPRouteDestination', {
  destination: nested(destination),
  weight: int,
  headers: nested(headers),
})
export type HttpRouteDestination = ValueOf<typeof httpRouteDestination>

export const httpRedirect = message(
  'HTTPRedirect',
  {
    uri: string,
    prefixRewrite: string,
    authority: string,
    port: uint,
    derivePort: oneOf('FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'),
    scheme: string,
    redirectCode: uint,
  },
  ['port', 'derivePort'],
)
export type HttpRedirect = ValueOf<typeof httpRedirect>

const httpBody = message('HTTPBody', { string, bytes }, ['string', 'bytes'])
export const httpDirectResponse = message('HTTPDirectResponse', { status: uint, body: nested(httpBody) })
export type HttpDirectResponse = ValueOf<typeof httpDirectResponse>

export const httpRewrite = message('HTTPRewrite', {
  uri: string,
  authority: string,
  uriRegexRewrite: nested(message('RegexRewrite', { match: string, rewrite: string })),
})
export type HttpRewrite = ValueOf<typeof httpRewrite>

export const httpRetry = message('HTTPRetry', {
  attempts: int,
  perTryTimeout: duration,
  retryOn: string,
  retryRemoteLocalities: bool,
  retryIgnorePreviousHosts: bool,
  backoff: duration,
})
export type HttpRetry = ValueOf<typeof httpRetry>

export const httpFaultInjection = message('HTTPFaultInjection', {
  delay: nested(
    message('Delay', { percent: int, fixedDelay: duration, exponentialDelay: duration, percentage: nested(percent) }, [
      'fixedDelay',
      'exponentialDelay',
    ]),
  ),
  abort: nested(
    message('Abort', { httpStatus: int, grpcStatus: string, http2Error: string, percentage: nested(percent) }, [
      'httpStatus',
      'grpcStatus',
      'http2Error',
    ]),
  ),
})
export type HttpFaultInjection = ValueOf<typeof httpFaultInjection>

const httpMirrorPolicy = message('HTTPMirrorPolicy', {
  destination: nested(destination),
  percentage: nested(percent),
})

export const corsPolicy = message('CorsPolicy', {
  allowOrigin: list(string),
  allowOrigins: list(nested(stringMatch)),
  allowMethods: list(string),
  allowHeaders: list(string),
  exposeHeaders: list(string),
  maxAge: duration,
  allowCredentials: bool,
  unmatchedPreflights: oneOf('UNSPECIFIED', 'FORWARD', 'IGNORE'),
})
export type CorsPolicy = ValueOf<typeof corsPolicy>

const delegate = message('Delegate', { name: string, namespace: string })

export const httpRoute = message('HTTPRoute', {
  name: string,
  match: list(nested(httpMatchRequest)),
  route: list(nested(httpRouteDestination)),
  redirect: nested(httpRedirect),
  directResponse: nested(httpDirectResponse),
  delegate: nested(delegate),
  rewrite: nested(httpRewrite),
  timeout: duration,
  retries: nested(httpRetry),
  fault: nested(httpFaultInjection),
  mirror: nested(destination),
  mirrors: list(nested(httpMirrorPolicy)),
  mirrorPercent: uint,
  mirrorPercentage: nested(percent),
  corsPolicy: nested(corsPolicy),
  headers: nested(headers),
})
export type HttpRoute = ValueOf<typeof httpRoute>

const l4Match = {
  destinationSubnets: list(string),
  port: uint,
  sourceSubnet: string,
  sourceLabels: mapOf(string),
  gateways: list(string),
  sourceNamespace: string,
}
const l4Route = list(nested(message('RouteDestination', { destination: nested(destination), weight: int })))

const tlsRoute = message('TLSRoute', {
  match: list(nested(message('TLSMatchAttributes', { sniHosts: list(string), ...l4Match }))),
  route: l4Route,
})
export type TlsRoute = ValueOf<typeof tlsRoute>

const tcpRoute = message('TCPRoute', {
  match: list(nested(message('L4MatchAttributes', l4Match))),
  route: l4Route,
})

export const virtualService = message('VirtualService', {
  hosts: list(string),
  gateways: list(string),
  http: list(nested(httpRoute)),
  tls: list(nested(tlsRoute)),
  tcp: list(nested(tcpRoute)),
  exportTo: list(string),
})
export type VirtualServiceSpec = ValueOf<typeof virtualService>
