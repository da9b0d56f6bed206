// One pool as a cluster of Envoy: its endpoints, how names are resolved, TLS towards it, and of its trafficPolicy what fits.

import type { Problem } from '../config/problem.ts'
import type { HealthCheckSpec } from '../rules/health-check.ts'
import type { ServiceSpec } from '../rules/release.ts'
import type { UpstreamUrl } from '../rules/types.ts'
import { protobufDuration } from './export-names.ts'
import { isAddress } from './export-services.ts'

export function envoyCluster(
  name: string,
  service: ServiceSpec,
  upstreams: readonly UpstreamUrl[],
  omissions: Problem[],
): object {
  const secure = upstreams.filter(({ protocol }) => protocol === 'https')
  if (secure.length > 0 && secure.length < upstreams.length) {
    const message = `${service.name}: a cluster speaks https to all its endpoints or to none, and this pool mixes both: https is left out`
    omissions.push({ ...service.place, severity: 'warning', code: 'export-tls', message })
  }
  if (service.trafficPolicy !== undefined) {
    const message = `${service.name}: of trafficPolicy only loadBalancer.simple and connectTimeout are written for Envoy; export istio carries it`
    if (!omissions.some((other) => other.message === message))
      omissions.push({ ...service.place, severity: 'warning', code: 'export-policy', message })
  }
  const { loadBalancer, connectionPool } = service.trafficPolicy ?? {}
  return {
    name,
    type: upstreams.every(({ hostname }) => isAddress(hostname)) ? 'STATIC' : 'STRICT_DNS',
    connect_timeout: protobufDuration(connectionPool?.connectTimeoutMs ?? 2000),
    lb_policy:
      loadBalancer === undefined || loadBalancer.kind === 'CONSISTENT_HASH' ? 'LEAST_REQUEST' : loadBalancer.kind,
    health_checks: service.healthCheck && [healthCheckText(service.healthCheck)],
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: upstreams.map((upstream) => endpoint(upstream, service.healthCheck !== undefined)) }],
    },
    transport_socket:
      secure.length > 0 && secure.length === upstreams.length ? tlsSocket(secure[0] as UpstreamUrl) : undefined,
  }
}

function endpoint({ hostname, port, weight }: UpstreamUrl, isChecked: boolean): object {
  return {
    endpoint: {
      address: { socket_address: { address: hostname, port_value: port } },
      // By default Envoy asks for the cluster's name.
      health_check_config: isChecked ? { hostname } : undefined,
    },
    load_balancing_weight: weight === undefined || weight === 1 ? undefined : weight,
  }
}

function healthCheckText(check: HealthCheckSpec): object {
  return {
    timeout: protobufDuration(check.timeoutMs),
    interval: protobufDuration(check.intervalMs),
    unhealthy_threshold: check.unhealthyThreshold,
    healthy_threshold: check.healthyThreshold,
    http_health_check: { path: check.path, host: check.host },
  }
}

function tlsSocket({ hostname }: UpstreamUrl): object {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      sni: hostname,
      auto_sni_san_validation: true,
      common_tls_context: { validation_context: { system_root_certs: {} } },
    },
  }
}
