// Matches of VirtualServices that do not do what they look like: X-Forwarded-For at a gateway, cookies, keys one step too far left, rules
// that an earlier one leaves nothing for.

import { coversMatch } from '../rules/coverage.ts'
import { neverHoldsAnywhere } from '../rules/lint.ts'
import { compileRegex } from '../rules/regex.ts'
import type { Place, RequestMatchSpec, StringMatchSpec } from '../rules/types.ts'
import { every, isAtGateway, isInMesh, type LintProblem, withoutNulls } from './analysis.ts'
import type { SayLint } from './lint-release.ts'
import type { HttpMatchRequest, HttpRoute, StringMatch } from './model-virtual-service.ts'
import type { Manifests } from './read-manifests.ts'
import { quoteRegex } from './regex-text.ts'
import type { AnyResource, Resource } from './resource.ts'
import { ruleName } from './route-names.ts'

/** @param known what istioctl's analysis found: nothing is said twice */
export function lintMatches(manifests: Manifests, known: readonly LintProblem[], say: SayLint): void {
  for (const resource of every(manifests, 'VirtualService')) {
    for (const route of resource.spec.http ?? []) {
      for (const match of route.match ?? []) lintMatch(resource, match, manifests, say)
    }
    lintMisplaced(resource, say)
    lintOrder(resource, manifests, known, say)
    lintRest(resource, manifests, say)
  }
}

// --- one match -----------------------------------------------------------------------------------------------------------------------------

function lintMatch(
  resource: Resource<'VirtualService'>,
  match: HttpMatchRequest,
  { origins }: Manifests,
  say: SayLint,
): void {
  const origin = resource as AnyResource
  for (const [name, value] of match.headers ?? []) {
    const place = origins.keyPlace(match.headers as object, name)
    const lower = name.toLowerCase()
    if (lower === 'x-forwarded-for' && isAtGateway(resource.spec)) {
      const message = forwardedForProblem(name, value)
      if (message !== undefined) say(origin, place, 'GL001', message)
    }
    const missed = lower === 'cookie' ? cookieProblem(value) : undefined
    if (missed !== undefined) say(origin, place, 'GL014', missed)
  }
  const labelled = match.sourceLabels !== undefined || match.sourceNamespace !== undefined
  if (labelled && !isInMesh(resource.spec) && match.gateways === undefined) {
    const message =
      'at a gateway sourceLabels are those of the gateway itself, so this never tells callers apart: add the gateway mesh'
    say(origin, origins.place(match), 'GL008', message)
  }
  const reason = neverHoldsAnywhere(requestMatch(match, origins.place(match)))
  if (reason !== undefined) say(origin, origins.place(match), 'GL008', `this match can never hold: ${reason}`)
}

function forwardedForProblem(name: string, value: StringMatch | null): string | undefined {
  if (value?.exact !== undefined) {
    const address = value.exact
    return (
      `exact on ${name} is dead at a gateway: it appends its peer before it matches ("${address},10.0.0.1"), and a client may send the ` +
      `header itself; write regex: '${quoteRegex(address)}(,.*)?', or x-envoy-external-address: { exact: ${address} } with numTrustedProxies`
    )
  }
  if (value?.prefix === undefined || /[,.:]$/.test(value.prefix)) return undefined
  return `prefix ${value.prefix} takes ${value.prefix}0 as well: write regex: '${quoteRegex(value.prefix)}(,.*)?'`
}

/** Browsers part cookies by a semicolon and a blank. */
function cookieProblem(value: StringMatch | null): string | undefined {
  if (value?.exact !== undefined)
    return `exact fits only while no other cookie comes along; ${cookieRegex(value.exact)}`
  if (value?.prefix !== undefined) return `prefix fits only while this cookie comes first; ${cookieRegex(value.prefix)}`
  if (value?.regex === undefined) return undefined
  const pair = /[\w-]+=[\w.-]+/.exec(value.regex.replaceAll('\\', ''))?.[0]
  const regex = compileRegex(value.regex)
  if (pair === undefined || !regex.ok || !regex.fits(pair) || regex.fits(`a=b; ${pair}`)) return undefined
  return `the regex fits "${pair}" and misses "a=b; ${pair}", which is how browsers send it: ${cookieRegex(pair)}`
}

function cookieRegex(pair: string): string {
  return `write regex: '(.*;)?\\s*${quoteRegex(pair)}\\s*(;.*)?'`
}

// --- keys beside instead of under ------------------------------------------------------------------------------------------------------------

/** `headers:` and, one step too far left, the header itself: Kubernetes drops it, and the match takes everybody. */
function lintMisplaced(resource: Resource<'VirtualService'>, say: SayLint): void {
  for (const problem of resource.problems) {
    const found = /^spec\.http\[(\d+)\]\.match\[(\d+)\]\.([^.[\]]+)$/.exec(problem.keyPath ?? '')
    if (problem.code !== 'unknown-field' || found === null) continue
    const [, route, item, key] = found
    const match = resource.spec.http?.[Number(route)]?.match?.[Number(item)]
    const left = match === undefined ? 0 : Object.keys(match).length
    const rest = left === 0 ? 'the match is empty and takes everybody' : 'it is left out of the match'
    const dead =
      key?.toLowerCase() === 'x-forwarded-for' ? '; and there by regex, since exact is dead at a gateway' : ''
    const message = `${key} is no key of a match, so ${rest}: a header stands under headers, one step further in (headers: { ${key}: ... })${dead}`
    say(resource as AnyResource, problem, 'GL009', message)
  }
}

// --- the order of rules ----------------------------------------------------------------------------------------------------------------------

function lintOrder(
  resource: Resource<'VirtualService'>,
  manifests: Manifests,
  known: readonly LintProblem[],
  say: SayLint,
): void {
  const routes = resource.spec.http ?? []
  const before: { readonly match: RequestMatchSpec; readonly name: string }[] = []
  for (const [index, route] of routes.entries()) {
    const place = manifests.origins.place(routes, index)
    const items = itemsOf(route, place)
    const covers = items.map((match) => before.find((other) => coversMatch(other.match, match)))
    const told = known.some(
      (problem) => problem.code === 'IST0130' && problem.line === place.line && problem.file === place.file,
    )
    if (covers.every((cover) => cover !== undefined) && !told) {
      const names = [...new Set(covers.map((cover) => cover?.name))].join(' and ')
      say(
        resource as AnyResource,
        place,
        'GL008',
        `rule ${ruleName(route, index)} can never fire: rule ${names} above takes all of its requests`,
      )
    }
    // What a delegate takes is not known here.
    if (route.delegate === undefined) before.push(...items.map((match) => ({ match, name: ruleName(route, index) })))
  }
}

function itemsOf(route: HttpRoute, place: Place): readonly RequestMatchSpec[] {
  const matches = route.match ?? []
  return matches.length === 0 ? [{ place }] : matches.map((match) => requestMatch(match, place))
}

/** Whoever no rule takes gets 404. */
function lintRest(resource: Resource<'VirtualService'>, { origins }: Manifests, say: SayLint): void {
  const routes = resource.spec.http ?? []
  const { hosts = [] } = resource.spec
  if (routes.length === 0 || hosts.length === 0) return
  const isWhole = routes.some((route) =>
    itemsOf(route, resource.place).some((match) => coversMatch(match, { place: resource.place })),
  )
  if (isWhole) return
  say(
    resource as AnyResource,
    origins.place(resource.spec, 'http'),
    'GL016',
    'requests that fit no rule get 404: a last rule without match takes them',
  )
}

// --- as our own matches ------------------------------------------------------------------------------------------------------------------------

/** For comparison only: a namespace and gateways are kept as labels that no pod has. */
function requestMatch(match: HttpMatchRequest, place: Place): RequestMatchSpec {
  const labels = new Map(withoutNulls(match.sourceLabels))
  if (match.sourceNamespace !== undefined) labels.set('\0namespace', match.sourceNamespace)
  if (match.gateways !== undefined) labels.set('\0gateways', match.gateways.join(' '))
  return {
    place,
    ...(match.uri && { uri: textMatch(match.uri, place) }),
    ...(match.ignoreUriCase === true && { ignoreUriCase: true }),
    ...(match.scheme && { scheme: textMatch(match.scheme, place) }),
    ...(match.method && { method: textMatch(match.method, place) }),
    ...(match.authority && { authority: textMatch(match.authority, place) }),
    ...(match.headers && { headers: textMatches(match.headers, place) }),
    ...(match.withoutHeaders && { withoutHeaders: textMatches(match.withoutHeaders, place) }),
    ...(match.queryParams && { queryParams: textMatches(match.queryParams, place) }),
    ...(match.port !== undefined && match.port !== 0 && { port: match.port }),
    ...(labels.size > 0 && { sourceLabels: labels }),
  }
}

function textMatches(
  matches: ReadonlyMap<string, StringMatch | null>,
  place: Place,
): ReadonlyMap<string, StringMatchSpec> {
  return new Map([...matches].map(([name, match]) => [name.toLowerCase(), textMatch(match, place)]))
}

function textMatch(match: StringMatch | null, place: Place): StringMatchSpec {
  if (match?.exact !== undefined) return { kind: 'exact', value: match.exact }
  if (match?.prefix !== undefined) return { kind: 'prefix', value: match.prefix }
  return match?.regex === undefined || match.regex === '*'
    ? { kind: 'present' }
    : { kind: 'regex', value: match.regex, place }
}
