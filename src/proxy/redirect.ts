// Istio's HTTPRedirect and HTTPDirectResponse as Envoy answers them: nothing is forwarded.

import { withoutPort } from '../rules/authority.ts'
import type { DirectResponseSpec, RedirectSpec } from '../rules/route-actions.ts'
import type { RequestFacts, StringMatchSpec } from '../rules/types.ts'
import type { EdgeAnswer } from './exchange.ts'
import { replacePrefix } from './rewrite.ts'

type Asked = Pick<RequestFacts, 'scheme' | 'authority' | 'path' | 'query'>

/** Location as Envoy builds it: from the Host as sent, case and port included. `listenerPort`: the port as configured. */
export function redirectAnswer(
  redirect: RedirectSpec,
  { scheme, authority, path, query }: Asked,
  matched: StringMatchSpec | undefined,
  listenerPort: number,
): EdgeAnswer {
  const newScheme = redirect.scheme ?? scheme
  const port = redirect.derivePort === 'FROM_REQUEST_PORT' ? listenerPort : redirect.port
  const host = redirect.authority ?? authority
  const newPath =
    redirect.prefixRewrite === undefined ? redirect.uri : replacePrefix(redirect.prefixRewrite, path, matched)
  const target = newPath ?? path
  const suffix = query === '' || target.includes('?') ? '' : `?${query}`
  return {
    status: redirect.redirectCode,
    fields: [['location', `${newScheme}://${withPort(host, port, newScheme, scheme)}${target}${suffix}`]],
    body: '',
  }
}

/**
 * A port that is given replaces the Host's, unless it is the default of the resulting scheme: Istio then gives Envoy none, and the Host's
 * stays. When the scheme changes, the default port of the old one is dropped.
 */
function withPort(host: string, port: number | undefined, newScheme: string, scheme: string): string {
  if (port !== undefined && port !== defaultPort(newScheme)) return `${withoutPort(host)}:${port}`
  const old = `:${defaultPort(scheme)}`
  return newScheme !== scheme && host.endsWith(old) ? host.slice(0, -old.length) : host
}

function defaultPort(scheme: string): number {
  return scheme === 'https' ? 443 : 80
}

/**
 * text/plain unless the response header operations say otherwise. With 201 and 3xx Envoy names the place that was asked for, which the
 * operations may replace too.
 */
export function directAnswer({ status, body }: DirectResponseSpec, asked: Asked): EdgeAnswer {
  const fields: EdgeAnswer['fields'][number][] = body.length === 0 ? [] : [['content-type', 'text/plain']]
  if (status === 201 || (status >= 300 && status < 400)) {
    const { scheme, authority, path, query } = asked
    fields.push(['location', `${scheme}://${authority}${path}${query === '' ? '' : `?${query}`}`])
  }
  return { status, fields, body }
}
