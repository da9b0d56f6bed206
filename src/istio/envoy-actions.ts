// What a service does with a request in the words of Envoy: retries and mirrors of a route, and the settings of its fault and cors filters,
// as istiod translates the same fields.

import type { CorsPolicySpec, FaultSpec, RetriesSpec } from '../rules/route-actions.ts'
import type { ServiceSpec } from '../rules/release.ts'
import { stringMatcher } from './envoy-match.ts'
import { protobufDuration } from './export-names.ts'

const types = 'type.googleapis.com/envoy.extensions'
const fault = { name: 'envoy.filters.http.fault', type: `${types}.filters.http.fault.v3.HTTPFault` }
const cors = { name: 'envoy.filters.http.cors', type: `${types}.filters.http.cors.v3.Cors` }

/** Of a listener, in Envoy's order; each does nothing but what a route's own settings say. */
export function actionFilters(services: readonly ServiceSpec[]): readonly object[] {
  return [
    ...(services.some((service) => service.fault !== undefined) ? [fault] : []),
    ...(services.some((service) => service.corsPolicy !== undefined) ? [cors] : []),
  ].map(({ name, type }) => ({ name, typed_config: { '@type': type } }))
}

/** `typed_per_filter_config` of a route. */
export function filterSettings(service: ServiceSpec): object | undefined {
  if (service.fault === undefined && service.corsPolicy === undefined) return undefined
  return {
    [fault.name]: service.fault && { '@type': fault.type, ...faultText(service.fault) },
    [cors.name]: service.corsPolicy && {
      '@type': `${types}.filters.http.cors.v3.CorsPolicy`,
      ...corsText(service.corsPolicy),
    },
  }
}

/**
 * @param clusterOf the cluster that serves a service in a version
 * @param header by which a copy is told the version that it goes to, as its original is told its own
 */
export function retriesAndMirrors(
  { retries, mirrors = [] }: ServiceSpec,
  clusterOf: (service: string, version: string) => string | undefined,
  header: string,
): object {
  const copies = mirrors.flatMap(({ service, version, percentage }) => {
    const cluster = clusterOf(service, version)
    if (cluster === undefined) return []
    return [
      {
        cluster,
        runtime_fraction: { default_value: fraction(percentage) },
        disable_shadow_host_suffix_append: true,
        request_headers_mutations: [
          { append: { header: { key: header, value: version }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' } },
        ],
      },
    ]
  })
  return {
    retry_policy: retries === undefined || retries.attempts === 0 ? undefined : retriesText(retries),
    request_mirror_policies: copies.length === 0 ? undefined : copies,
  }
}

function retriesText(retries: RetriesSpec): object {
  const codes = [...retries.statusCodes]
  return {
    retry_on: [...retries.retryOn, ...(codes.length > 0 ? ['retriable-status-codes'] : [])].join(','),
    num_retries: retries.attempts,
    per_try_timeout: retries.perTryTimeoutMs > 0 ? protobufDuration(retries.perTryTimeoutMs) : undefined,
    retriable_status_codes: codes.length > 0 ? codes : undefined,
    retry_back_off: { base_interval: protobufDuration(retries.backoffMs) },
    ...(retries.ignorePreviousHosts && {
      retry_host_predicate: [
        {
          name: 'envoy.retry_host_predicates.previous_hosts',
          typed_config: { '@type': `${types}.retry.host.previous_hosts.v3.PreviousHostsPredicate` },
        },
      ],
      host_selection_retry_max_attempts: 5,
    }),
  }
}

function faultText({ delay, abort }: FaultSpec): object {
  return {
    delay: delay && { fixed_delay: protobufDuration(delay.fixedDelayMs), percentage: fraction(delay.percentage) },
    abort: abort && {
      ...(abort.grpcStatus === undefined ? { http_status: abort.status } : { grpc_status: abort.grpcStatus }),
      percentage: fraction(abort.percentage),
    },
  }
}

function corsText(policy: CorsPolicySpec): object {
  const { allowMethods, allowHeaders, exposeHeaders, maxAgeSeconds, allowCredentials, unmatchedPreflights } = policy
  return {
    // The text `*` alone means every origin, to Envoy too.
    allow_origin_string_match: policy.allowOrigins.flatMap((origin) =>
      origin.kind === 'present' ? [] : [stringMatcher(origin)],
    ),
    allow_methods: joined(allowMethods),
    allow_headers: joined(allowHeaders),
    expose_headers: joined(exposeHeaders),
    max_age: maxAgeSeconds === undefined ? undefined : String(maxAgeSeconds),
    allow_credentials: allowCredentials,
    forward_not_matching_preflights: unmatchedPreflights !== 'IGNORE',
  }
}

function joined(values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : values.join(',')
}

/** Four decimals of a percent, which is what Istio gives Envoy. */
function fraction(percentage: number): object {
  return { numerator: Math.round(percentage * 10_000), denominator: 'MILLION' }
}
