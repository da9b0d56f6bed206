// Rules that are never used, as istioctl analyze says it (IST0130, IST0131): equal matches, matches behind a rule without one, and
// prefixes that an earlier prefix covers. Compared as texts, as Istio's validation does; what that misses is told by lint-matches.ts.

import { every, type Say } from './analysis.ts'
import type { HttpMatchRequest, HttpRoute, StringMatch } from './model-virtual-service.ts'
import type { Manifests } from './read-manifests.ts'
import type { AnyResource, Resource } from './resource.ts'

export function analyzeRules(manifests: Manifests, say: Say): void {
  for (const resource of every(manifests, 'VirtualService')) analyzeRoutes(resource, manifests, say)
}

interface Seen {
  readonly route: HttpRoute
  readonly match: HttpMatchRequest
  readonly routeName: string
  readonly matchName: string
}

function analyzeRoutes(resource: Resource<'VirtualService'>, { origins }: Manifests, say: Say): void {
  const seen = new Map<string, string>()
  const prefixes: Seen[] = []
  let withoutMatch: string | undefined
  const routes = resource.spec.http ?? []
  for (const [number, route] of routes.entries()) {
    const routeName = named(route.name, number)
    const matches = route.match ?? []
    const unused = (why: string): void =>
      say(resource as AnyResource, origins.place(routes, number), 'IST0130', `rule ${routeName} is never used: ${why}`)
    if (matches.length === 0) {
      if (withoutMatch !== undefined)
        unused(`rule ${withoutMatch} takes everything, and only the last rule may have no match`)
      withoutMatch = routeName
      continue
    }
    let duplicates = 0
    for (const [index, match] of matches.entries()) {
      const matchName = named(match.name, index)
      if (withoutMatch !== undefined) {
        unused(`rule ${withoutMatch} has no match and takes everything`)
        continue
      }
      const text = canonical({ ...match, name: undefined })
      const before = seen.get(text)
      if (before !== undefined) {
        const message = `match ${matchName} of rule ${routeName} is never used: rule ${before} has the same`
        say(resource as AnyResource, origins.place(matches, index), 'IST0131', message)
        duplicates += 1
        continue
      }
      seen.set(text, routeName)
      if ((match.uri?.prefix ?? '') !== '') prefixes.push({ route, match, routeName, matchName })
    }
    if (duplicates === matches.length) unused('earlier rules have all its matches')
  }
  for (const [index, first] of prefixes.entries()) {
    for (const second of prefixes.slice(index + 1)) {
      if (!covers(first.match, second.match)) continue
      const message = `match ${second.matchName} (prefix ${second.match.uri?.prefix}) of rule ${second.routeName} is never used: rule ${first.routeName} has prefix ${first.match.uri?.prefix}`
      say(resource as AnyResource, origins.place(second.match, 'uri'), 'IST0131', message)
    }
  }
}

function named(name: string | undefined, index: number): string {
  return name === undefined || name === '' ? `#${index}` : JSON.stringify(name)
}

/** Istio compares everything but the prefix as text, and takes a match without method for one on GET. */
function covers(first: HttpMatchRequest, second: HttpMatchRequest): boolean {
  const prefix = first.uri?.prefix ?? ''
  const longer = second.uri?.prefix ?? ''
  if (prefix === longer || !longer.startsWith(prefix) || (first.port ?? 0) !== (second.port ?? 0)) return false
  const method = (match: HttpMatchRequest): string => textOf(match.method) || 'exact GET'
  return (
    method(first).startsWith(method(second)) &&
    textOf(first.authority).startsWith(textOf(second.authority)) &&
    sameKeys(first.headers, second.headers) &&
    sameKeys(first.queryParams, second.queryParams) &&
    sameKeys(first.withoutHeaders, second.withoutHeaders)
  )
}

type Matches = ReadonlyMap<string, StringMatch | null> | undefined

function sameKeys(first: Matches, second: Matches): boolean {
  const a = first ?? new Map<string, StringMatch | null>()
  const b = second ?? new Map<string, StringMatch | null>()
  return a.size === b.size && [...a].every(([key, match]) => b.has(key) && textOf(match).startsWith(textOf(b.get(key))))
}

function textOf(match: StringMatch | null | undefined): string {
  if ((match?.exact ?? '') !== '') return `exact ${match?.exact}`
  return (match?.prefix ?? '') === '' ? '' : `prefix ${match?.prefix}`
}

/** JSON with sorted keys; what is not set is not there. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, held: unknown) => {
    if (held instanceof Map)
      return Object.fromEntries([...held].toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)))
    if (typeof held !== 'object' || held === null || Array.isArray(held)) return held
    return Object.fromEntries(Object.entries(held).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  })
}
