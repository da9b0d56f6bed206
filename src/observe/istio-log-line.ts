// Lines as Istio's proxies write them, for tools that read those: the text format field by field, or JSON with Istio's keys and ours behind
// them. What Istio logs of a request beside its path (user agent, request id, X-Forwarded-For) is logged here too; never its query.

import { Buffer } from 'node:buffer'

import { withPort } from '../rules/authority.ts'
import { hostOf } from './istio-series.ts'
import type { LogLines } from './log-lines.ts'
import { asciiJson, plainText, withoutQuery } from './log-text.ts'
import { pinLetters } from './pin-letters.ts'
import type { RequestRecord } from './record.ts'

/** https://istio.io/latest/docs/tasks/observability/logs/access-log/: the default format, a line feed at its end. */
export function createIstioTextWriter(lines: LogLines): (record: RequestRecord, time: number) => void {
  return (record, time) => {
    const of = valuesOf(record, time)
    add(
      lines,
      `[${of.startTime}] "${plainText(record.method)} ${plainText(of.path) || '-'} ${record.protocol}" ${record.status} ${record.flags} ` +
        `${of.details} - "-" ${record.bytesReceived} ${record.bytesSent} ${of.durationMs} ${of.upstreamMs ?? '-'} ` +
        `"${plainText(of.forwardedFor)}" "${plainText(of.userAgent ?? '-')}" "${plainText(of.requestId ?? '-')}" ` +
        `"${plainText(record.authority || '-')}" "${of.endpoint ?? '-'}" ${of.cluster ?? '-'} - ${of.local ?? '-'} ` +
        `${of.remote} - ${of.route}\n`,
    )
  }
}

/** Istio's JSON keys; missing values are null, numbers are numbers (Envoy 1.33). Ours follow: what decided, and the pin. */
export function createIstioJsonWriter(lines: LogLines): (record: RequestRecord, time: number) => void {
  return (record, time) => {
    const of = valuesOf(record, time)
    const line = JSON.stringify({
      start_time: of.startTime,
      route_name: of.route,
      method: record.method,
      path: of.path,
      protocol: record.protocol,
      response_code: record.status,
      response_flags: record.flags,
      response_code_details: of.details,
      connection_termination_details: null,
      upstream_transport_failure_reason: null,
      bytes_received: record.bytesReceived,
      bytes_sent: record.bytesSent,
      duration: of.durationMs,
      upstream_service_time: of.upstreamMs ?? null,
      x_forwarded_for: of.forwardedFor,
      user_agent: of.userAgent ?? null,
      request_id: of.requestId ?? null,
      authority: record.authority,
      upstream_host: of.endpoint ?? null,
      upstream_cluster: of.cluster ?? null,
      upstream_local_address: null,
      downstream_local_address: of.local ?? null,
      downstream_remote_address: of.remote,
      requested_server_name: null,
      release: record.release,
      service: record.service,
      version: record.version,
      pool_version: record.poolVersion,
      served_version: record.servedVersion ?? null,
      reason: record.reason,
      rule: record.rule,
      pin: pinLetters(record.pinIn, record.pinOut),
      edge_code: record.edgeCode,
      attempts: record.attempts,
      internal: record.internal,
    })
    add(lines, `${asciiJson(line)}\n`)
  }
}

interface Values {
  readonly startTime: string
  /** Without the query: it holds secrets more often than not. */
  readonly path: string
  readonly details: string
  /** Whole milliseconds, as Envoy has them. */
  readonly durationMs: number
  readonly upstreamMs: number | undefined
  readonly forwardedFor: string
  readonly userAgent: string | undefined
  readonly requestId: string | undefined
  readonly endpoint: string | undefined
  /** `outbound|port|subset|host`, as Istio names clusters. */
  readonly cluster: string | undefined
  readonly local: string | undefined
  readonly remote: string
  /** Istio's route name; here what decided: `service@version:reason/rule:pin`. */
  readonly route: string
}

function valuesOf(record: RequestRecord, time: number): Values {
  const { request, connection, endpoint, upstreamMs, service, poolVersion, release } = record
  const came = request?.get('x-forwarded-for')
  const peer = connection?.remoteAddress ?? record.clientAddress
  const port = endpoint.slice(endpoint.lastIndexOf(':') + 1)
  return {
    startTime: new Date(time - record.durationMs).toISOString(),
    path: withoutQuery(record.path),
    details: detailsOf(record),
    durationMs: Math.round(record.durationMs),
    upstreamMs: upstreamMs < 0 ? undefined : Math.round(upstreamMs),
    // As it is sent on: with the peer behind what came.
    forwardedFor: came === undefined ? peer : `${came},${peer}`,
    userAgent: request?.get('user-agent'),
    requestId: request?.get('x-request-id'),
    endpoint: endpoint === '' ? undefined : endpoint,
    cluster: endpoint === '' ? undefined : `outbound|${port}|${poolVersion}|${hostOf(service, release)}`,
    local: connection && withPort(connection.localAddress, connection.localPort),
    remote: withPort(peer, connection?.remotePort ?? 0),
    route: routeOf(record),
  }
}

/** No white space: it is one field of the text format. */
function routeOf({ service, version, reason, rule, pinIn, pinOut }: RequestRecord): string {
  if (version === '') return '-'
  const because = rule === '' ? reason : `${reason}/${plainText(rule).replaceAll(/\s/g, '_')}`
  return `${service === '' ? '-' : service}@${version}:${because}:${pinLetters(pinIn, pinOut)}`
}

/** Envoy's %RESPONSE_CODE_DETAILS% by its response flags. */
const detailsByFlag: Readonly<Record<string, string>> = {
  NR: 'route_not_found',
  NC: 'cluster_not_found',
  UH: 'no_healthy_upstream',
  UF: 'upstream_reset_before_response_started{connection_failure}',
  UO: 'upstream_reset_before_response_started{overflow}',
  UC: 'upstream_reset_before_response_started{connection_termination}',
  UT: 'response_timeout',
  DC: 'downstream_remote_disconnect',
  DPE: 'http1.codec_error',
  FI: 'fault_filter_abort',
  OM: 'overload',
}

function detailsOf({ flags, upstreamMs, edgeCode }: RequestRecord): string {
  for (const flag of flags.split(',')) if (detailsByFlag[flag] !== undefined) return detailsByFlag[flag]
  if (upstreamMs >= 0) return 'via_upstream'
  return edgeCode === '' ? 'direct_response' : edgeCode.toLowerCase()
}

function add(lines: LogLines, line: string): void {
  lines.raw(Buffer.from(line, 'latin1'))
  lines.count++
}
