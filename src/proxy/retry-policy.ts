// When a route tries again, as Envoy's router decides it, and how long it waits before.

import type { RetriesSpec } from '../rules/route-actions.ts'
import type { ResponseHead, UpstreamFailure } from './exchange.ts'

/** Envoy's default buffer of a connection: a longer body streams on and is sent once. */
export const replayBytes = 1_048_576

const mostBaseIntervals = 10

/** Does this answer deserve another attempt? Envoy's RetryStateImpl::wouldRetryFromHeaders. */
export function retriesAnswer(
  { retryOn, statusCodes }: RetriesSpec,
  head: Pick<ResponseHead, 'status' | 'has'>,
): boolean {
  const { status } = head
  if (status < 400 && statusCodes.size === 0) return false
  // Whoever is told to slow down is not asked again, unless the route says so.
  if (head.has('x-envoy-ratelimited')) return retryOn.has('envoy-ratelimited')
  if (status >= 500 && status < 600 && retryOn.has('5xx')) return true
  if ((status === 502 || status === 503 || status === 504) && retryOn.has('gateway-error')) return true
  if (status === 409 && retryOn.has('retriable-4xx')) return true
  return statusCodes.has(status)
}

/**
 * And this failure? `5xx` and `gateway-error` mean every one of them; a code among `retryOn` none, since nobody sent it. Never what came
 * of limits of our own, or of the deadline of the whole.
 */
export function retriesFailure({ retryOn }: RetriesSpec, failure: UpstreamFailure): boolean {
  switch (failure) {
    case 'overflow':
    case 'timeout':
    case 'no-endpoint':
      return false
    case 'connect-refused':
    case 'connect-timeout':
      if (retryOn.has('connect-failure') || retryOn.has('reset-before-request')) return true
  }
  return retryOn.has('reset') || retryOn.has('5xx') || retryOn.has('gateway-error')
}

/**
 * Milliseconds before retry `n` (from 1): at random up to 2^(n-1) base intervals, at most ten. `random`: 0 to 1, 1 excluded. So does the
 * code of Envoy 1.40 (JitteredExponentialBackOffStrategy); its documentation says 2^n - 1.
 */
export function backOffMs(baseMs: number, n: number, random: number): number {
  const intervals = Math.min(2 ** (n - 1), mostBaseIntervals)
  return Math.floor(random * intervals * baseMs)
}
