// Every metric that graylane exposes: name, type, help and labels in one place. To add one, add it here first.
// Label values come from the configuration or from fixed word lists, never from what a client sends.

export interface MetricName {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
}

/** Istio's standard labels, all of them: Kiali skips a series that lacks one. */
const istioLabels = [
  'reporter',
  'source_workload',
  'source_workload_namespace',
  'source_canonical_service',
  'source_canonical_revision',
  'source_app',
  'source_version',
  'source_cluster',
  'source_principal',
  'destination_workload',
  'destination_workload_namespace',
  'destination_app',
  'destination_version',
  'destination_service',
  'destination_service_name',
  'destination_service_namespace',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_cluster',
  'destination_principal',
  'request_protocol',
  'response_code',
  'grpc_response_status',
  'response_flags',
  'connection_security_policy',
] as const

export type IstioLabel = (typeof istioLabels)[number]

/** Upper bounds of Istio's histograms, in milliseconds or bytes; +Inf follows. */
export const istioBuckets: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
]

export const metricNames = {
  istioRequests: counter('istio_requests_total', 'Requests that ended.', istioLabels),
  istioDuration: histogram(
    'istio_request_duration_milliseconds',
    'Milliseconds from the first byte of a request to the end of its answer.',
  ),
  istioRequestBytes: histogram(
    'istio_request_bytes',
    'Bytes received from clients, on the wire: heads and framing included.',
  ),
  istioResponseBytes: histogram(
    'istio_response_bytes',
    'Bytes sent to clients, on the wire: heads and framing included.',
  ),

  decisions: counter('graylane_decisions_total', 'Decisions by version and reason.', ['version', 'reason']),
  pins: counter(
    'graylane_pins_total',
    'What became of pins on edge listeners: what a request came with (none, held, stale, forged, two) and pins set.',
    ['event'],
  ),
  servedVersions: counter(
    'graylane_served_version_total',
    'Answers of upstreams by whether they named their version in x-served-version.',
    ['service', 'named'],
  ),
  versionMismatches: counter(
    'graylane_version_mismatch_total',
    'Answers that named another version than the one they were asked of: crossings.',
    ['service', 'asked', 'served'],
  ),
  edgeAnswers: counter('graylane_edge_answers_total', 'Answers made by the edge itself, by EDGE_ code.', ['code']),

  reloads: counter('graylane_config_reloads_total', 'Reloads of the configuration that took effect.', []),
  reloadFailures: counter(
    'graylane_config_reload_failures_total',
    'Reloads that changed nothing because the configuration had errors.',
    [],
  ),
  lastReload: gauge(
    'graylane_config_last_reload_successful',
    'Whether the files, as they were read last, are in force (1), or were refused (0).',
    [],
  ),
  tlsFailures: counter(
    'graylane_tls_failed_connections_total',
    'TLS connections that ended before their first byte of HTTP: error (a failed handshake), left (by the client), closed (by us).',
    ['reason'],
  ),
  mirrored: counter(
    'graylane_mirrored_requests_total',
    'Copies of requests: answered, failed, or dropped (too many under way, a body too long to keep, nowhere to send it).',
    ['outcome'],
  ),
  certificateExpiry: gauge(
    'graylane_tls_certificate_expiry_timestamp_seconds',
    'When a certificate in force expires, since the Unix epoch.',
    ['listener', 'certificate'],
  ),
  configInfo: gauge('graylane_config_info', 'The configuration in force, by its hash.', ['hash']),
  istioBuild: gauge('istio_build', 'The version of graylane, by the name that Istio dashboards ask for.', [
    'component',
    'tag',
  ]),
  buildInfo: gauge('graylane_build_info', 'The version of graylane and of Node.', ['version', 'node']),
  overloads: counter(
    'graylane_overload_total',
    'Times that a rung of the overload ladder was entered: shorten-keep-alive, shed-requests, stop-accepting.',
    ['rung'],
  ),
  overloadRung: gauge(
    'graylane_overload_rung',
    'The rung in force, 0 for none to 3; of several processes the highest.',
    [],
  ),
  poolEndpoints: gauge('graylane_pool_endpoints', 'Endpoints of a pool: in balancing (in), or out of it (out).', [
    'release',
    'service',
    'version',
    'state',
  ]),
  lostLogLines: counter(
    'graylane_access_log_lost_lines_total',
    'Lines of the access log that could not be written: disk full, reader gone or too slow.',
    [],
  ),
  connectionsOpen: gauge('graylane_connections_open', 'Client connections that are open.', []),
  requestsActive: gauge('graylane_requests_active', 'Requests that are on their way.', []),
  longConnections: gauge(
    'graylane_long_connections',
    'WebSockets and event streams that are open, by service, version and kind (websocket, stream).',
    ['service', 'version', 'kind'],
  ),
  workerRestarts: counter(
    'graylane_worker_restarts_total',
    'Worker processes started again because one had ended unasked.',
    [],
  ),

  eventLoopLag: gauge(
    'graylane_event_loop_lag_seconds',
    'Delay of the event loop since the last scrape, by quantile word: mean, p50, p99, max.',
    ['stat'],
  ),
  cpuSeconds: counter('process_cpu_seconds_total', 'User and system CPU time spent.', []),
  residentMemory: gauge('process_resident_memory_bytes', 'Resident memory.', []),
  startTime: gauge('process_start_time_seconds', 'Start of the process since the Unix epoch.', []),
} as const satisfies Record<string, MetricName>

function counter(name: string, help: string, labels: readonly string[]): MetricName {
  return { name, type: 'counter', help, labels }
}

function gauge(name: string, help: string, labels: readonly string[]): MetricName {
  return { name, type: 'gauge', help, labels }
}

function histogram(name: string, help: string): MetricName {
  return { name, type: 'histogram', help, labels: istioLabels }
}
