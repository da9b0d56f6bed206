// Istio's HTTPFaultInjection as Envoy's fault filter carries it out: first the delay, then the abort, each drawn by itself.

import type { FaultSpec } from '../rules/route-actions.ts'
import type { EdgeAnswer, RequestHead } from './exchange.ts'

/** @param random 0 to 1, 1 excluded */
export function drawn(percentage: number, random: () => number): boolean {
  return percentage > 0 && random() * 100 < percentage
}

/** Milliseconds; 0 for none this time. */
export function drawDelay({ delay }: FaultSpec, random: () => number): number {
  return delay !== undefined && drawn(delay.percentage, random) ? delay.fixedDelayMs : 0
}

/**
 * Undefined for none this time. The body is Envoy's, in either mode: it tells who made the answer. A status of gRPC is for requests of
 * gRPC; others get its text with 200.
 */
export function drawAbort({ abort }: FaultSpec, request: RequestHead, random: () => number): EdgeAnswer | undefined {
  if (abort === undefined || !drawn(abort.percentage, random)) return undefined
  if (abort.grpcStatus === undefined || request.get('content-type')?.startsWith('application/grpc') !== true) {
    return { status: abort.status, fields: [['content-type', 'text/plain']], body: 'fault filter abort' }
  }
  const fields: EdgeAnswer['fields'] = [
    ['content-type', 'application/grpc'],
    ['grpc-status', String(abort.grpcStatus)],
    ['grpc-message', 'fault filter abort'],
  ]
  return { status: 200, fields, body: '' }
}
