// A release of routes.yaml as a list of routes, first match wins: what a proxy that decides request by request can do of it.
// Knows neither Istio nor Envoy; says of everything it leaves out where it stands and why.

import type { Configuration } from '../config/configuration.ts'
import type { Problem } from '../config/problem.ts'
import { parseAddress } from '../rules/address.ts'
import { neverHoldsAnywhere } from '../rules/lint.ts'
import type { GrayRuleSpec, ReleaseSpec, ServiceSpec } from '../rules/release.ts'
import type { Place, RequestMatchSpec, StringMatchSpec, UpstreamUrl } from '../rules/types.ts'
import { compilePools, type VersionPools } from '../rules/version-pools.ts'
import { addressPatterns, forwardedForPatterns } from './address-patterns.ts'
import { alternatives, quoteRegex } from './regex-text.ts'
import { everybody, matchName, routeName, ruleLabel } from './route-names.ts'

/** One test of one part of a request; a route's alternatives are lists of them, all of which have to hold. */
export type Condition =
  | { readonly kind: 'uri'; readonly match: StringMatchSpec; readonly ignoreCase: boolean }
  | { readonly kind: 'method' | 'scheme' | 'authority'; readonly match: StringMatchSpec }
  /** `without`: no line fits, an absent header counting as empty. */
  | { readonly kind: 'header'; readonly name: string; readonly match: StringMatchSpec; readonly without: boolean }
  | { readonly kind: 'query'; readonly name: string; readonly match: StringMatchSpec }
  /** `without`: no cookie of that name with a value. */
  | { readonly kind: 'cookie'; readonly name: string; readonly match: StringMatchSpec; readonly without: boolean }
  | { readonly kind: 'port'; readonly port: number }

/** Where a route leads: a service in a version, from the pool of its owner. */
export interface Target {
  readonly service: ServiceSpec
  readonly version: string
  /** Undefined for services that forward nothing. */
  readonly pool: { readonly owner: string; readonly upstreams: readonly UpstreamUrl[] } | undefined
}

export interface EdgeRoute {
  /** For people: what led here. */
  readonly title: string
  readonly name: string
  /** Tells alternatives apart where nothing else does (route-names.ts). */
  readonly matchName: string | undefined
  /** What the service itself asks for; rewrites speak of this. */
  readonly own: readonly Condition[]
  /** What the gray rule asks for beside. */
  readonly visitor: readonly Condition[]
  readonly place: Place
  readonly version: string
  /** Undefined: nothing serves these requests (404). */
  readonly target: Target | undefined
}

export interface EdgeRoutes {
  readonly routes: readonly EdgeRoute[]
  /**
   * CORS preflights, before all others: they belong to no page, so each service answers them in stable, or where stable has no such service
   * in the first version that has. Empty where `routes` does just that.
   */
  readonly preflights: readonly EdgeRoute[]
  readonly omissions: readonly Problem[]
}

/** What a browser asks before a cross-origin request. */
const preflight: readonly Condition[] = [
  { kind: 'method', match: { kind: 'exact', value: 'OPTIONS' } },
  { kind: 'header', name: 'origin', match: { kind: 'present' }, without: false },
  { kind: 'header', name: 'access-control-request-method', match: { kind: 'present' }, without: false },
]

/** Values of a list that are written out; a longer one would make a table of thousands of routes. */
const longestList = 500

type Conjunction = readonly Condition[]

export function planEdgeRoutes(spec: ReleaseSpec, trust: Configuration['trust']): EdgeRoutes {
  return new Planner(spec, trust).plan()
}

class Planner {
  readonly #spec: ReleaseSpec
  readonly #trust: Configuration['trust']
  readonly #pools: VersionPools
  readonly #routes: EdgeRoute[] = []
  readonly #omissions: Problem[] = []

  constructor(spec: ReleaseSpec, trust: Configuration['trust']) {
    this.#spec = spec
    this.#trust = trust
    this.#pools = compilePools(spec)
  }

  plan(): EdgeRoutes {
    const { gray, stable } = this.#spec
    for (const [index, rule] of gray.entries()) this.#rule(rule, ruleLabel(rule.name, index))
    this.#everything(stable, [[]], `everybody else: ${stable}`, everybody, this.#spec.place)
    const isSaid = gray.length === 0 && this.#spec.services.every((service) => this.#target(service, stable))
    return { routes: this.#routes, preflights: isSaid ? [] : this.#preflights(), omissions: this.#omissions }
  }

  #preflights(): readonly EdgeRoute[] {
    const { services, stable, versions, place } = this.#spec
    const routes: EdgeRoute[] = []
    const about = { matchName: undefined, visitor: preflight, place }
    for (const service of services) {
      const version = [stable, ...versions.keys()].find((one) => this.#target(service, one) !== undefined)
      if (version === undefined) continue
      const target = this.#target(service, version)
      const name = routeName({ who: everybody, service: service.name })
      const owns = service.match.length === 0 ? [[]] : service.match.flatMap((item) => this.#item(item))
      for (const own of owns) routes.push({ ...about, title: `preflights: ${version}`, name, own, version, target })
      if (service.match.length === 0) return routes
    }
    const name = routeName({ who: everybody, service: undefined })
    return [...routes, { ...about, title: `preflights: ${stable}`, name, own: [], version: stable, target: undefined }]
  }

  #rule(rule: GrayRuleSpec, who: string): void {
    const title = `gray rule ${rule.name ?? `of line ${rule.place.line}`}: ${rule.version}`
    if (this.#spec.draining.has(rule.version)) {
      return this.#omit(rule.place, 'draining', `${title} is left out: a draining version draws nobody`)
    }
    if (rule.condition.kind === 'share') {
      const share = rule.condition.share / 100
      const message = `${title}, share ${share}%: left out, since weights draw each request anew and tear pages apart`
      return this.#omit(rule.place, 'share', message)
    }
    const items =
      rule.condition.kind === 'users'
        ? this.#users(rule, rule.condition.users)
        : rule.condition.items.flatMap((item) => this.#item(item))
    if (rule.onUnavailable === 'fail') {
      this.#omit(
        rule.place,
        'onUnavailable',
        `${title}: onUnavailable: fail is what every rule does here: a pool that is out answers 503`,
      )
    }
    if (items.length > 0) this.#everything(rule.version, items, title, who, rule.place)
  }

  /** All services of one version, in their order, for those whom these conditions take. */
  #everything(version: string, visitors: readonly Conjunction[], title: string, who: string, place: Place): void {
    const { stable, services } = this.#spec
    for (const service of services) {
      const target = this.#target(service, version)
      if (target === undefined) continue
      const owns = service.match.length === 0 ? [[]] : service.match.flatMap((item) => this.#item(item))
      const name = routeName({ who, service: service.name })
      const isNamed = owns.length * visitors.length > 1 && this.#target(service, stable) === undefined
      for (const [o, own] of owns.entries()) {
        for (const [v, visitor] of visitors.entries()) {
          const alternative = isNamed ? matchName(o, v) : undefined
          const about = { title: `${title}, ${service.name}`, name, matchName: alternative, place, version, target }
          this.#routes.push({ ...about, own, visitor })
        }
      }
      // What stands behind a service that takes everything is never asked.
      if (service.match.length === 0) return
    }
    if (who === everybody) return
    // A request that the rule took and no service does must not fall to the rules below.
    const name = routeName({ who, service: undefined })
    const about = { title: `${title}, no service`, name, matchName: undefined, place, version, target: undefined }
    for (const visitor of visitors) this.#routes.push({ ...about, own: [], visitor })
  }

  /** Undefined: this version has no such service. */
  #target(service: ServiceSpec, version: string): Target | undefined {
    const pool = this.#pools.poolFor(version, service.name)
    const isServed = pool !== undefined || service.redirect !== undefined || service.directResponse !== undefined
    return isServed ? { service, version, pool } : undefined
  }

  // --- conditions --------------------------------------------------------------------------------------------------------------------

  /** Several conjunctions where lists or addresses need several patterns; none where it cannot be said, or never holds. */
  #item(item: RequestMatchSpec): readonly Conjunction[] {
    const { place, port, sourceLabels } = item
    if (sourceLabels !== undefined) {
      this.#omit(place, 'sourceLabels', 'a match on sourceLabels never holds at an edge listener: left out')
      return []
    }
    const never = neverHoldsAnywhere(item)
    if (never !== undefined) {
      this.#omit(place, 'never', `a match that can never hold is left out: ${never}`)
      return []
    }
    const parts: (readonly Conjunction[])[] = []
    if (port !== undefined) parts.push([[{ kind: 'port', port }]])
    if (item.uri !== undefined) {
      // The flag concerns exact and prefix, so a list has to stay one when it is written as one text.
      const ignoreCase = item.ignoreUriCase === true && item.uri.kind !== 'in'
      parts.push(this.#each(item.uri, place, 'uri', (match) => ({ kind: 'uri', match, ignoreCase })))
    }
    for (const kind of ['method', 'scheme', 'authority'] as const) {
      const match = item[kind]
      if (match !== undefined) parts.push(this.#each(match, place, kind, (one) => ({ kind, match: one })))
    }
    for (const [name, match] of item.headers ?? []) parts.push(this.#header(name, match, false, place))
    for (const [name, match] of item.withoutHeaders ?? []) parts.push(this.#header(name, match, true, place))
    for (const [name, match] of item.queryParams ?? []) {
      parts.push(this.#each(match, place, `queryParams.${name}`, (one) => ({ kind: 'query', name, match: one })))
    }
    for (const [name, match] of item.cookies ?? []) {
      parts.push(
        this.#each(match, place, `cookies.${name}`, (one) => ({ kind: 'cookie', name, match: one, without: false })),
      )
    }
    if (item.clientIp !== undefined) parts.push(this.#clientIp(item.clientIp, place))
    return product(parts)
  }

  #header(name: string, match: StringMatchSpec, without: boolean, place: Place): readonly Conjunction[] {
    if (isSpelling(name, this.#spec.pin.header)) {
      const message = `a match on ${name} never sees what a client sends, since ${this.#spec.pin.header} is ours to set: left out`
      this.#omit(place, 'pin-header', message)
      return without ? [[]] : []
    }
    const lists = this.#each(match, place, `headers.${name}`, (one): Condition => ({
      kind: 'header',
      name,
      match: one,
      without,
    }))
    // None of several patterns: all of them have to miss.
    return without && lists.length > 1 ? [lists.flat()] : lists
  }

  /** A list becomes patterns of alternatives; everything else stays what it is. */
  #each(
    match: StringMatchSpec,
    place: Place,
    what: string,
    make: (match: StringMatchSpec) => Condition,
  ): readonly Conjunction[] {
    if (match.kind !== 'in') return [[make(match)]]
    if (!this.#fits(match.values, place, what)) return []
    return valuePatterns([...match.values], place).map((one) => [make(one)])
  }

  #fits(values: ReadonlySet<string>, place: Place, what: string): boolean {
    if (values.size <= longestList) return true
    this.#omit(
      place,
      'list',
      `${what}: a list of ${values.size} values is too long to be written out (at most ${longestList}): left out`,
    )
    return false
  }

  /** The first identity that is present decides: each source in turn, with those before it absent. */
  #users(rule: GrayRuleSpec, users: ReadonlySet<string>): readonly Conjunction[] {
    const { place } = rule
    if (!this.#fits(users, place, 'users')) return []
    this.#omit(
      place,
      'users',
      `the ${users.size} users are written out as they are now: a file that changes has to be exported again`,
    )
    const result: Conjunction[] = []
    const absent: Condition[] = []
    for (const source of this.#spec.identity) {
      if (source.kind === 'clientIp') {
        const addresses = [...users].filter((user) => parseAddress(user)?.text === user)
        const here = addresses.length === 0 ? [] : this.#clientIp(addresses, place)
        result.push(...product([[absent], here]))
        break
      }
      if (source.kind === 'json' || source.kind === 'jwt') {
        const message = `users: an identity inside a ${source.kind === 'jwt' ? 'token' : 'cookie of JSON'} cannot be read by a match: left out`
        this.#omit(place, 'identity', message)
        return []
      }
      const { kind, name } = source
      const found = valuePatterns([...users], place).map((match): Conjunction => [
        { kind, name, match, without: false },
      ])
      result.push(...product([[[...absent]], found]))
      absent.push({ kind, name, match: { kind: 'regex', value: String.raw`\S.*`, place }, without: true })
    }
    return result
  }

  #clientIp(cidrs: readonly string[], place: Place): readonly Conjunction[] {
    const { proxies, header } = this.#trust
    const byChain = header === undefined && proxies.length > 0
    const { patterns, inexpressible } = byChain ? forwardedForPatterns(cidrs, proxies) : addressPatterns(cidrs)
    for (const cidr of inexpressible) {
      const where = byChain ? ' behind these trusted proxies' : ''
      this.#omit(
        place,
        'address',
        `${cidr} cannot be written as a pattern over the text of an address${where}: left out`,
      )
    }
    const name = header ?? (byChain ? 'x-forwarded-for' : 'x-envoy-external-address')
    if (patterns.length > longestList) {
      const message = `a list of ${cidrs.length} addresses is too long to be written out: left out`
      this.#omit(place, 'list', message)
      return []
    }
    const single = cidrs.length === 1 && !byChain ? parseAddress(cidrs[0] as string)?.text : undefined
    const matches: readonly StringMatchSpec[] =
      single !== undefined && single === cidrs[0]
        ? [{ kind: 'exact', value: single }]
        : patterns.map((value) => ({ kind: 'regex', value, place }))
    return matches.map((match): Conjunction => [{ kind: 'header', name, match, without: false }])
  }

  #omit(place: Place, what: string, message: string): void {
    // The same condition of a service is met once for each rule.
    if (this.#omissions.some((other) => other.message === message && other.line === place.line)) return
    // A draining version draws nobody here either, and a list is there, if only as it is now.
    const severity = what === 'draining' || what === 'users' ? 'info' : 'warning'
    this.#omissions.push({ ...place, severity, code: `export-${what}`, message })
  }
}

/** Every way to take one of each. */
function product(parts: readonly (readonly Conjunction[])[]): readonly Conjunction[] {
  return parts.reduce<readonly Conjunction[]>(
    (done, part) => done.flatMap((before) => part.map((one) => [...before, ...one])),
    [[]],
  )
}

function valuePatterns(values: readonly string[], place: Place): readonly StringMatchSpec[] {
  const [only] = values
  if (only !== undefined && values.length === 1) return [{ kind: 'exact', value: only }]
  return alternatives(values.map(quoteRegex)).map((value) => ({ kind: 'regex', value, place }))
}

/** As the edge tells spellings of its own header: `x_version` and `x.version` are `x-version` to many backends. */
function isSpelling(name: string, of: string): boolean {
  return name.replaceAll(/[._]/g, '-') === of.replaceAll(/[._]/g, '-')
}
