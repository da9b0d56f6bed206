// Endpoints that answer badly, or not at all, so many times in a row are left out for a while (Envoy's outlier detection by consecutive
// errors, as Istio configures it). One for each pool and process; the counts stand at the endpoints, so that a reload forgets nothing.

import type { OutlierDetectionSpec } from '../rules/traffic-policy.ts'

/** What is known of one endpoint. */
export interface OutlierCounts {
  inARow5xx: number
  inARowGateway: number
  inARowLocal: number
  /** Milliseconds of the monotonic clock; -1 while it takes part. */
  ejectedUntil: number
  ejectedSince: number
  /** When it came back last; -1 for never. */
  backSince: number
  /** How often it was ejected in a row; one fewer for each sweep that finds it back. */
  ejections: number
}

export function noOutlier(): OutlierCounts {
  return {
    inARow5xx: 0,
    inARowGateway: 0,
    inARowLocal: 0,
    ejectedUntil: -1,
    ejectedSince: -1,
    backSince: -1,
    ejections: 0,
  }
}

const longestEjectionMs = 300_000

export class OutlierDetection<E extends { readonly outlier: OutlierCounts }> {
  readonly #spec: OutlierDetectionSpec
  readonly #endpoints: () => readonly E[]
  readonly #now: () => number
  /** Sweeps come at this moment and every interval from it on: only then an endpoint comes back. */
  readonly #firstSweep: number

  /** @param now milliseconds of a monotonic clock */
  constructor(spec: OutlierDetectionSpec, endpoints: () => readonly E[], now: () => number) {
    this.#spec = spec
    this.#endpoints = endpoints
    this.#now = now
    this.#firstSweep = now()
  }

  /** Out of balancing at the moment. The first look after its time takes it back. */
  isEjected({ outlier }: E): boolean {
    if (outlier.ejectedUntil < 0) return false
    if (this.#now() < outlier.ejectedUntil) return true
    outlier.backSince = outlier.ejectedUntil
    outlier.ejectedUntil = -1
    outlier.inARow5xx = outlier.inARowGateway = outlier.inARowLocal = 0
    return false
  }

  isLongEjected(endpoint: E, afterMs: number): boolean {
    return this.isEjected(endpoint) && this.#now() - endpoint.outlier.ejectedSince >= afterMs
  }

  /** It answered. */
  answered(endpoint: E, status: number): void {
    const { outlier } = endpoint
    if (this.#spec.splitExternalLocalOriginErrors) outlier.inARowLocal = 0
    this.#count(endpoint, status >= 500, status === 502 || status === 503 || status === 504)
  }

  /** No answer came, for whatever reason: all of them are of local origin to Envoy's router, resets too (Filter::onUpstreamReset). */
  failed(endpoint: E): void {
    const { splitExternalLocalOriginErrors, consecutiveLocalOriginFailures } = this.#spec
    if (!splitExternalLocalOriginErrors) this.#count(endpoint, true, true)
    else if (++endpoint.outlier.inARowLocal === consecutiveLocalOriginFailures) this.#eject(endpoint)
  }

  #count(endpoint: E, isError: boolean, isGatewayError: boolean): void {
    const { outlier } = endpoint
    const { consecutive5xxErrors, consecutiveGatewayErrors } = this.#spec
    outlier.inARow5xx = isError ? outlier.inARow5xx + 1 : 0
    outlier.inARowGateway = isGatewayError ? outlier.inARowGateway + 1 : 0
    const tooMany = consecutive5xxErrors > 0 && outlier.inARow5xx >= consecutive5xxErrors
    const tooManyGateway = consecutiveGatewayErrors > 0 && outlier.inARowGateway >= consecutiveGatewayErrors
    if (tooMany || tooManyGateway) this.#eject(endpoint)
  }

  #eject(endpoint: E): void {
    const { outlier } = endpoint
    outlier.inARow5xx = outlier.inARowGateway = outlier.inARowLocal = 0
    if (this.isEjected(endpoint) || !this.#mayEjectOneMore()) return
    const { intervalMs, baseEjectionTimeMs } = this.#spec
    const now = this.#now()
    const longest = Math.max(longestEjectionMs, baseEjectionTimeMs)
    const sweepsBack = outlier.backSince < 0 ? 0 : Math.floor((now - outlier.backSince) / intervalMs)
    outlier.ejections = Math.max(0, outlier.ejections - sweepsBack)
    // Envoy counts no further than the longest time needs: whoever is well again is soon forgiven.
    if (outlier.ejections * baseEjectionTimeMs < longest + baseEjectionTimeMs) outlier.ejections++
    const until = now + Math.min(baseEjectionTimeMs * outlier.ejections, longest)
    outlier.ejectedSince = now
    outlier.ejectedUntil = this.#firstSweep + Math.ceil((until - this.#firstSweep) / intervalMs) * intervalMs
  }

  /** Envoy counts with the one that would go: at 10 percent none of nine, one of ten. */
  #mayEjectOneMore(): boolean {
    const all = this.#endpoints()
    const ejected = all.filter((endpoint) => this.isEjected(endpoint)).length
    return 100 * (ejected + 1) <= this.#spec.maxEjectionPercent * all.length
  }
}
