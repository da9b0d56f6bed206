// How requests are spread over the endpoints of one pool, and how its connections are kept: Istio's DestinationRule.trafficPolicy with
// inheritance resolved (rule, subset, port level). It belongs to a Pool. Everything left out is Envoy's default or the engine's limit.

/** Milliseconds throughout. */
export interface TrafficPolicySpec {
  readonly loadBalancer?: LoadBalancerSpec
  readonly connectionPool?: ConnectionPoolSpec
  readonly outlierDetection?: OutlierDetectionSpec
  readonly tls?: UpstreamTlsSpec
}

// --- load balancing ------------------------------------------------------------------------------------------------------------------

/** LEAST_REQUEST is the default: of two endpoints drawn, the one with fewer requests in flight. */
export type LoadBalancerSpec =
  | {
      readonly kind: 'LEAST_REQUEST' | 'ROUND_ROBIN' | 'RANDOM'
      /** Not with RANDOM. */
      readonly warmup?: WarmupSpec
    }
  | ConsistentHashSpec

/** A new endpoint gets its share little by little, as (age / duration) ^ (1 / aggression), never below the minimum. */
export interface WarmupSpec {
  readonly durationMs: number
  /** 0 to 100; default 10. */
  readonly minimumPercent: number
  /** At least 1; default 1: linear. */
  readonly aggression: number
}

/** Equal keys go to one endpoint; a request without the key goes to any. When an endpoint leaves, about its own share moves. */
export interface ConsistentHashSpec {
  readonly kind: 'CONSISTENT_HASH'
  readonly key: HashKeySpec
  readonly ring:
    | { readonly kind: 'ringHash'; /** default 1024 */ readonly minimumRingSize: number }
    | { readonly kind: 'maglev'; /** a prime below 5000011; default 65537 */ readonly tableSize: number }
}

export type HashKeySpec =
  | { readonly kind: 'header'; /** lower case; all its lines count */ readonly name: string }
  | HashCookieSpec
  /** The trusted client address, without port. */
  | { readonly kind: 'sourceIp' }
  /** The first raw value. */
  | { readonly kind: 'queryParameter'; readonly name: string }

/** Of a request without this cookie: with `ttlSeconds` it is made up and set on the answer; without, there is no hash. */
export interface HashCookieSpec {
  readonly kind: 'cookie'
  readonly name: string
  /** '' leaves the attribute out. */
  readonly path: string
  /** 0 makes a session cookie; undefined sets none. */
  readonly ttlSeconds: number | undefined
  /** Further attributes in their order, e.g. SameSite; an empty value stands alone. */
  readonly attributes: readonly (readonly [name: string, value: string])[]
}

// --- connections ---------------------------------------------------------------------------------------------------------------------

/** Limits of one pool in one process; a request above them is answered 503 with flag UO. Undefined: the engine's `limits`. */
export interface ConnectionPoolSpec {
  /** tcp.maxConnections: to all endpoints of the pool together; each may always have one. */
  readonly maxConnections?: number
  /** tcp.connectTimeout. */
  readonly connectTimeoutMs?: number
  /** tcp.tcpKeepalive: time before the first probe. */
  readonly keepaliveMs?: number
  /** tcp.maxConnectionDuration: an older connection is not used again. */
  readonly maxConnectionDurationMs?: number
  /** http.http1MaxPendingRequests: requests that wait for a connection. */
  readonly maxPendingRequests?: number
  /** http.http2MaxRequests: requests under way, on HTTP/1.1 as well. */
  readonly maxRequests?: number
  /** http.maxRequestsPerConnection; 1 turns keep-alive off. */
  readonly maxRequestsPerConnection?: number
  /** http.maxRetries: retries under way at one time. */
  readonly maxRetries?: number
  /** http.idleTimeout, else tcp.idleTimeout; 0 keeps idle connections for ever. */
  readonly idleTimeoutMs?: number
}

/** Which endpoints are left out for a while because of what they answer. Undefined in a policy: nobody is. */
export interface OutlierDetectionSpec {
  /** Answers of 500 and above, and failures; 0 turns it off. Default 5. */
  readonly consecutive5xxErrors: number
  /** 502, 503, 504, and failures; 0 (default) turns it off. */
  readonly consecutiveGatewayErrors: number
  /** Count failures to connect and the like apart from answers. Default false. */
  readonly splitExternalLocalOriginErrors: boolean
  /** With the split only. Default 5. */
  readonly consecutiveLocalOriginFailures: number
  /** How often it is looked for endpoints to take back. Default 10 s. */
  readonly intervalMs: number
  /** Times the number of ejections so far, at most 300 s. Default 30 s. */
  readonly baseEjectionTimeMs: number
  /** Nobody goes when more than this would be out: at Istio's default of 10 no pool of less than ten endpoints ejects anyone. */
  readonly maxEjectionPercent: number
}

// --- TLS -----------------------------------------------------------------------------------------------------------------------------

/** ClientTLSSettings; the files are read already, since they are followed for changes. PEM texts. */
export type UpstreamTlsSpec =
  | { readonly mode: 'DISABLE' }
  | {
      readonly mode: 'SIMPLE' | 'MUTUAL'
      /** Server name to ask for. Default: the endpoint's name in the configuration. */
      readonly sni?: string
      /** Undefined: the system's. */
      readonly caCertificates?: string
      /** With MUTUAL, as is privateKey. */
      readonly clientCertificate?: string
      readonly privateKey?: string
      /** One of them has to stand in the certificate; empty: the server name has to. */
      readonly subjectAltNames: readonly string[]
      /** Any certificate does. */
      readonly insecureSkipVerify: boolean
    }
