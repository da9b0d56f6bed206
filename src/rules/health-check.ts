// How the endpoints of a service are asked whether they can serve. Words are those of Envoy's HealthCheck. Pure data.

/** Milliseconds throughout. */
export interface HealthCheckSpec {
  /** Path, with a query perhaps: `/healthz`. */
  readonly path: string
  /** Host field; default the endpoint's host as configured. */
  readonly host: string | undefined
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Failures in a row that take an endpoint out; the very first check counts alone. */
  readonly unhealthyThreshold: number
  /** Successes in a row that bring it back. */
  readonly healthyThreshold: number
}
