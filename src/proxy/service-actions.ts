// What a service does with a request beside forwarding it: rewrite, redirect, direct response, header changes. Compiled once a
// snapshot; the semantics are those of Istio's HTTPRoute as Envoy 1.40 carries them out.

import type { RedirectSpec, RewriteSpec } from '../rules/route-actions.ts'
import type { Service, ServiceSpec } from '../rules/types.ts'
import type { EdgeAnswer } from './exchange.ts'
import { compileHeaderOperations, type HeaderOperations } from './header-format.ts'

export interface ServiceActions {
  readonly timeoutMs: number
  readonly requestHeaders: HeaderOperations | undefined
  readonly responseHeaders: HeaderOperations | undefined
  readonly rewrite: RewriteSpec | undefined
  readonly redirect: RedirectSpec | undefined
  readonly directResponse: ServiceSpec['directResponse']
}

/** Throws on a header value that cannot be compiled. */
export function compileServiceActions(service: Service): ServiceActions {
  const spec = service.spec
  return {
    timeoutMs: spec.timeoutMs,
    requestHeaders: spec.requestHeaders && compileHeaderOperations(spec.requestHeaders),
    responseHeaders: spec.responseHeaders && compileHeaderOperations(spec.responseHeaders),
    rewrite: spec.rewrite,
    redirect: spec.redirect,
    directResponse: spec.directResponse,
  }
}

/** Istio's HTTPRedirect: `uri` replaces the whole path, the query is kept unless `uri` has one, the Host's port stays unless it is the default. */
export function redirectAnswer(
  redirect: RedirectSpec,
  scheme: string,
  authority: string,
  path: string,
  query: string,
): EdgeAnswer {
  const newScheme = redirect.scheme ?? scheme
  let host = redirect.authority ?? authority
  if (redirect.port !== undefined) host = withoutPort(host) + portSuffix(newScheme, redirect.port)
  else if (redirect.scheme !== undefined && redirect.scheme !== scheme) host = withoutDefaultPort(host, scheme)
  const newPath = redirect.uri ?? path
  const suffix = query === '' || newPath.includes('?') ? '' : `?${query}`
  return {
    status: redirect.redirectCode,
    fields: [['location', `${newScheme}://${host}${newPath}${suffix}`]],
    body: '',
  }
}

/** Istio's HTTPDirectResponse: text/plain unless the header operations say otherwise. */
export function directAnswer(response: NonNullable<ServiceSpec['directResponse']>): EdgeAnswer {
  return { status: response.status, fields: [['content-type', 'text/plain']], body: response.body }
}

/**
 * Istio's HTTPRewrite.uri: the matched prefix is replaced as a string; with an exact or regex match the whole path is. A match
 * without uri has the prefix `/`.
 */
export function rewrittenPath(
  uri: string,
  path: string,
  matched: { kind: string; value?: string } | undefined,
): string {
  if (matched === undefined) return uri + path.slice(1)
  if (matched.kind === 'prefix' && matched.value !== undefined) return uri + path.slice(matched.value.length)
  return uri
}

function withoutPort(host: string): string {
  const colon = host.lastIndexOf(':')
  return colon < 0 || host.endsWith(']') ? host : host.slice(0, colon)
}

function withoutDefaultPort(host: string, scheme: string): string {
  const port = scheme === 'https' ? ':443' : ':80'
  return host.endsWith(port) ? host.slice(0, -port.length) : host
}

function portSuffix(scheme: string, port: number): string {
  return port === (scheme === 'https' ? 443 : 80) ? '' : `:${port}`
}
