// What a service does with a request, as the fields of Istio's HTTPRoute: word for word, with the version written where routes.yaml
// says %VERSION%, and the header by which the next hop knows the version.

import { type CorsPolicySpec, type FaultSpec, grpcStatuses, type RetriesSpec } from '../rules/route-actions.ts'
import type { ServiceSpec } from '../rules/release.ts'
import type { HeaderOperationsSpec } from '../rules/types.ts'
import { stringMatchText } from './export-match.ts'
import { durationText } from './export-names.ts'

/**
 * @param header by which the version travels
 * @param mirrorTarget Istio's Destination of a service in a version; undefined when nothing serves it
 */
export function istioActions(
  service: ServiceSpec,
  version: string,
  header: string,
  mirrorTarget: (service: string, version: string) => object | undefined,
): object {
  const { timeoutMs, retries, rewrite, redirect, directResponse, corsPolicy, fault, mirrors = [] } = service
  const copies = mirrors.flatMap((mirror) => {
    const destination = mirrorTarget(mirror.service, mirror.version)
    return destination === undefined ? [] : [{ destination, percentage: { value: mirror.percentage } }]
  })
  return {
    redirect: redirect && { ...redirect },
    directResponse: directResponse && {
      status: directResponse.status,
      body:
        typeof directResponse.body === 'string'
          ? directResponse.body === ''
            ? undefined
            : { string: directResponse.body }
          : { bytes: Buffer.from(directResponse.body).toString('base64') },
    },
    rewrite: rewrite && { ...rewrite },
    timeout:
      timeoutMs > 0 && redirect === undefined && directResponse === undefined ? durationText(timeoutMs) : undefined,
    retries: retries && retriesText(retries),
    fault: fault && faultText(fault),
    mirrors: copies.length > 0 ? copies : undefined,
    corsPolicy: corsPolicy && corsText(corsPolicy),
    headers: {
      request: redirect || directResponse ? undefined : operations(service, service.requestHeaders, header, version),
      response: operations(service, service.responseHeaders, header, version),
    },
  }
}

/** Ours is set last in routes.yaml, so nothing there may take it away. */
function operations(
  service: ServiceSpec,
  spec: HeaderOperationsSpec | undefined,
  header: string,
  version: string,
): object {
  const remove = (spec?.remove ?? []).filter((name) => name !== header)
  const add = [...(spec?.add ?? [])].filter(([name]) => name !== header)
  const set = [...(spec?.set ?? [])].filter(([name]) => name !== header)
  return {
    set: { ...written(set, service, version), [header]: version },
    add: add.length > 0 ? written(add, service, version) : undefined,
    remove: remove.length > 0 ? remove : undefined,
  }
}

function written(
  fields: readonly (readonly [string, string])[],
  service: ServiceSpec,
  version: string,
): Record<string, string> {
  return Object.fromEntries(fields.map(([name, value]) => [name, inWordsOfEnvoy(value, service, version)]))
}

/**
 * A header value of a service without the words that Envoy does not know, or knows as something else. `%%VERSION%` is a percent sign and
 * `VERSION%`: pairs are read from the left.
 */
export function inWordsOfEnvoy(value: string, service: ServiceSpec, version: string): string {
  return value.replaceAll(/%(?:%|[A-Z_]+(?:\([^)%]*\))?(?::\d+)?%)/g, (word) => {
    if (word === '%VERSION%') return version
    if (word === '%ROUTE_NAME%') return service.name
    return word === '%SCHEME%' ? '%REQ(:scheme)%' : word
  })
}

function retriesText(retries: RetriesSpec): object {
  const retryOn = [...retries.retryOn, ...retries.statusCodes].join(',')
  if (retries.attempts === 0) return { attempts: 0 }
  return {
    attempts: retries.attempts,
    perTryTimeout: retries.perTryTimeoutMs > 0 ? durationText(retries.perTryTimeoutMs) : undefined,
    retryOn: retryOn === '' ? undefined : retryOn,
    backoff: durationText(retries.backoffMs),
    retryIgnorePreviousHosts: retries.ignorePreviousHosts,
  }
}

function faultText({ delay, abort }: FaultSpec): object {
  return {
    delay: delay && { fixedDelay: durationText(delay.fixedDelayMs), percentage: { value: delay.percentage } },
    abort: abort && {
      ...(abort.grpcStatus === undefined
        ? { httpStatus: abort.status }
        : { grpcStatus: grpcStatuses[abort.grpcStatus] }),
      percentage: { value: abort.percentage },
    },
  }
}

function corsText(cors: CorsPolicySpec): object {
  return {
    allowOrigins: cors.allowOrigins.map(stringMatchText),
    allowMethods: list(cors.allowMethods),
    allowHeaders: list(cors.allowHeaders),
    exposeHeaders: list(cors.exposeHeaders),
    maxAge: cors.maxAgeSeconds === undefined ? undefined : `${cors.maxAgeSeconds}s`,
    allowCredentials: cors.allowCredentials,
    unmatchedPreflights: cors.unmatchedPreflights === 'FORWARD' ? undefined : cors.unmatchedPreflights,
  }
}

function list(values: readonly string[]): readonly string[] | undefined {
  return values.length > 0 ? values : undefined
}
