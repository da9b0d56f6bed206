// HTTPMatchRequests in the words of our own matcher, and which of them are for a proxy at all.

import type { Origins } from '../config/origins.ts'
import type { Place, RequestMatchSpec, StringMatchSpec } from '../rules/types.ts'
import type { HttpMatchRequest, StringMatch } from './model-virtual-service.ts'
import { selects } from './names.ts'

/** The proxy for which routes are made: the gateway, or the sidecar of a workload. */
export interface ProxyIdentity {
  readonly namespace: string
  readonly labels: ReadonlyMap<string, string>
  /** `namespace/name` of the Gateways it stands for here, or `mesh`. */
  readonly gateways: ReadonlySet<string>
  /** Of its listener: the Gateway server's, or the service's. */
  readonly port: number
}

/**
 * `port`, `gateways`, `sourceLabels` and `sourceNamespace` are tests of the proxy, made once; with `gateways` the last two are not looked
 * at (Istio's sourceMatchHTTP). Names of gateways are full already.
 */
export function isForProxy(match: HttpMatchRequest, proxy: ProxyIdentity): boolean {
  if (match.port !== undefined && match.port !== 0 && match.port !== proxy.port) return false
  const { gateways = [] } = match
  if (gateways.length > 0) return gateways.some((name) => proxy.gateways.has(name))
  if (!selects(match.sourceLabels, proxy.labels)) return false
  return (
    match.sourceNamespace === undefined || match.sourceNamespace === '' || match.sourceNamespace === proxy.namespace
  )
}

/**
 * Takes every request that the proxy was made for: nothing behind it in its VirtualService is reached, and Istio makes no more routes of
 * it; joined with the routes of other VirtualServices of the same host it goes behind them.
 */
export function isCatchAll(match: HttpMatchRequest | undefined): boolean {
  if (match === undefined) return true
  const { uri } = match
  const anyPath = uri === undefined || stringMatchSpec(uri, undefined)?.kind === 'present'
  return (anyPath || uri.prefix === '/' || uri.regex === '.*') && hasNothingButUri(match)
}

function hasNothingButUri(match: HttpMatchRequest): boolean {
  const conditions = [match.headers, match.withoutHeaders, match.queryParams]
  if (conditions.some((map) => map !== undefined && map.size > 0)) return false
  return match.method === undefined && match.authority === undefined && match.scheme === undefined
}

export function requestMatchSpec(match: HttpMatchRequest, place: Place, origins: Origins): RequestMatchSpec {
  const one = (of: StringMatch | undefined): StringMatchSpec | undefined => stringMatchSpec(of, origins)
  const uri = one(match.uri)
  const spec: Record<string, unknown> = { place }
  // An empty match of the path is Envoy's prefix `/`, and takes everything.
  if (uri !== undefined && uri.kind !== 'present') spec['uri'] = uri
  if (match.ignoreUriCase === true) spec['ignoreUriCase'] = true
  for (const name of ['scheme', 'method', 'authority'] as const) {
    const condition = one(match[name])
    if (condition !== undefined) spec[name] = condition
  }
  for (const [name, isHeader] of [
    ['headers', true],
    ['withoutHeaders', true],
    ['queryParams', false],
  ] as const) {
    const map = match[name]
    if (map === undefined || map.size === 0) continue
    const tests = new Map<string, StringMatchSpec | undefined>()
    for (const [key, value] of map) {
      // Two spellings of one header are two tests to Envoy; both have to hold.
      const lower = isHeader ? key.toLowerCase() : key
      tests.set(tests.has(lower) ? key : lower, one(value ?? {}))
    }
    spec[name] = tests
  }
  return spec as unknown as RequestMatchSpec
}

/** A match without a kind asks only that something is there. */
function stringMatchSpec(match: StringMatch | undefined, origins: Origins | undefined): StringMatchSpec | undefined {
  if (match === undefined) return undefined
  if (match.exact !== undefined) return { kind: 'exact', value: match.exact }
  if (match.prefix !== undefined) return { kind: 'prefix', value: match.prefix }
  // `*` is no regex: Istio takes it for "present".
  if (match.regex === undefined || match.regex === '*') return { kind: 'present' }
  const place = origins?.place(match, 'regex') ?? { file: '', line: 1, column: 1 }
  return { kind: 'regex', value: match.regex, place }
}

/** For origins of CORS, which are StringMatches too. */
export function originSpec(match: StringMatch, origins: Origins): StringMatchSpec {
  return stringMatchSpec(match, origins) as StringMatchSpec
}
