// Request fields as Envoy 1.40 has them before it looks for a route: what it keeps in one line, what it believes of nobody, and what it
// sets itself. Measured, field by field, on the real one with use_remote_address on (gateway) and off (sidecar).

import { randomUUID } from 'node:crypto'
import type { Head, RequestHead } from './exchange.ts'

/** Fields with room for one line: several are joined by a comma, without a blank; empty ones are left out. */
const singleLine: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'access-control-request-headers',
  'access-control-request-method',
  'authorization',
  'cache-control',
  'content-encoding',
  'content-type',
  'expect',
  'grpc-accept-encoding',
  'grpc-timeout',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'origin',
  'pragma',
  'referer',
  'user-agent',
  'via',
  'x-client-trace-id',
  'x-envoy-attempt-count',
  'x-envoy-decorator-operation',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-external-address',
  'x-envoy-is-timeout-retry',
  'x-envoy-original-host',
  'x-envoy-original-path',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-request-id',
])

/** Steering that no outsider has a say in, and that Envoy takes for outsiders all who do not come from its own mesh. */
const steering = [
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-force-trace',
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-internal',
  'x-envoy-ip-tags',
  'x-envoy-max-retries',
  'x-envoy-original-url',
  'x-envoy-retriable-header-names',
  'x-envoy-retriable-status-codes',
  'x-envoy-retry-grpc-on',
  'x-envoy-retry-on',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-stream-duration-ms',
  'x-forwarded-client-cert',
]
/** Taken from outsiders at the edge only. */
const edgeSteering = [
  ...steering,
  'x-envoy-decorator-operation',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-original-host',
  'x-envoy-original-path',
]

export function joinSingleLines(request: RequestHead): void {
  const repeated = request.repeatedNames()
  for (let i = 0; i < repeated.length; i++) {
    const name = repeated[i]!
    if (singleLine.has(name)) request.set(name, joined(request, name))
  }
}

export function isSingleLine(name: string): boolean {
  return singleLine.has(name)
}

/** '' when the field is absent or empty. */
export function joined(head: Pick<Head, 'lines'>, name: string): string {
  return joinLines(head.lines(name))
}

export function joinLines(lines: readonly string[]): string {
  return lines.length < 2 ? (lines[0] ?? '') : lines.filter((line) => line !== '').join(',')
}

export function removeSteering(request: RequestHead, atEdge: boolean): void {
  const names = atEdge ? edgeSteering : steering
  for (let i = 0; i < names.length; i++) if (request.has(names[i]!)) request.remove(names[i]!)
}

/** A gateway tells every request apart anew; a sidecar keeps the name that it came with. */
export function identify(request: RequestHead, atEdge: boolean): void {
  if (atEdge || joined(request, 'x-request-id') === '') request.set('x-request-id', randomUUID())
}

/** What our engine takes out and Envoy passes on: one word of TE, which is hop by hop otherwise, and an Expect that expects nothing. */
export function keepPassed(request: RequestHead): void {
  if (request.has('te')) {
    const words = joined(request, 'te').split(',')
    if (words.some((word) => word.trim() === 'trailers')) request.append('te', 'trailers')
  }
  if (request.has('expect') && !request.hasBody) request.set('expect', joined(request, 'expect'))
}
