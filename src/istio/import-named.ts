// The routes of an exported VirtualService, taken apart by their names: each says whom it leads and to which service. The last route of a
// rule asks for nothing but its visitors (a service that takes everything, or none), and stable's route for nothing but what its service
// is asked by; whatever else the others hold has to be the two put together, or nothing of this is believed.

import { bothTests, type StringMatchText } from './both-tests.ts'
import { addEntry, type Entries, subjectOf, testedTwice } from './import-match.ts'
import type { FlatRoute, ImportedRoutes, ImportedService } from './import-routes.ts'
import { everybody, readMatchName, readRouteName, type RouteName } from './route-names.ts'

/** Tests that all have to hold: what they are about, and the test as JSON. */
type Conditions = readonly (readonly [subject: string, test: string])[]

interface NamedRoute {
  readonly route: FlatRoute
  readonly named: RouteName
  readonly alternatives: readonly Conditions[]
}

/** @param order of the services; undefined when the routes are not what export writes under these names */
export function takeByName(routes: readonly FlatRoute[], order: readonly string[]): ImportedRoutes | undefined {
  const groups = groupsOf(routes)
  const stableRoutes = groups?.get(everybody)
  const [stable] = stableRoutes ?? []
  if (groups === undefined || stableRoutes === undefined || stable === undefined) return undefined
  const rules = [...groups].filter(([who]) => who !== everybody)
  const visitors = new Map(rules.map(([who, group]) => [who, (group.at(-1) as NamedRoute).alternatives]))
  visitors.set(everybody, [[]])
  const owns = ownConditions(stableRoutes, rules, visitors)
  if (owns === undefined) return undefined
  for (const [who, group] of groups) {
    if (!isWhole(who, group, owns, order)) return undefined
    const together = group.every((route) => isProduct(route, ownsOf(owns, route), visitors.get(who) ?? []))
    if (!together) return undefined
  }
  const services = order.flatMap((name): ImportedService[] => {
    const own = owns.get(name)
    return own === undefined ? [] : [{ key: name, name, match: takesAll(own) ? [] : own.map(entries) }]
  })
  const written = rules.map(([who, [first]]) => {
    const { place, version } = (first as NamedRoute).route
    const name = who.startsWith('#') ? undefined : who
    return { name, place, version, items: (visitors.get(who) ?? []).map(entries) }
  })
  if (testedTwice([...services.flatMap(({ match }) => match), ...written.flatMap(({ items }) => items)]))
    return undefined
  const routeOf = new Map<string, FlatRoute>()
  for (const { route, named } of [...groups.values()].flat()) {
    const key = `${named.service} ${route.version}`
    if (named.service !== undefined && !routeOf.has(key)) routeOf.set(key, route)
  }
  return { stable: stable.route.version, services, rules: written, routeOf }
}

/** Routes by whom they lead, in their order; undefined when one has another name, or the routes of a rule do not stand together. */
function groupsOf(routes: readonly FlatRoute[]): ReadonlyMap<string, readonly NamedRoute[]> | undefined {
  const groups = new Map<string, NamedRoute[]>()
  let current: string | undefined
  for (const route of routes) {
    const named = readRouteName(route.name)
    if (named === undefined || route.items === undefined || (named.service === undefined) !== route.isNone)
      return undefined
    if (named.who !== current && (groups.has(named.who) || current === everybody)) return undefined
    current = named.who
    const alternatives = route.items.length === 0 ? [[]] : route.items.map(conditionsOf)
    if (alternatives.includes(undefined)) return undefined
    const group = groups.get(current) ?? []
    group.push({ route, named, alternatives: alternatives as Conditions[] })
    groups.set(current, group)
  }
  return groups
}

/** One version, the services in their order, and an end behind which nobody of the rule falls to the next one. */
function isWhole(
  who: string,
  group: readonly NamedRoute[],
  owns: ReadonlyMap<string, readonly Conditions[]>,
  order: readonly string[],
): boolean {
  const last = group.at(-1) as NamedRoute
  const places = group.map(({ named }) => (named.service === undefined ? order.length : order.indexOf(named.service)))
  return (
    group.every(
      ({ route, named }) => route.version === last.route.version && (who !== everybody || named.service !== undefined),
    ) &&
    places.every((place, index) => place > (places[index - 1] ?? -1)) &&
    (who === everybody || takesAll(ownsOf(owns, last)))
  )
}

function ownsOf(owns: ReadonlyMap<string, readonly Conditions[]>, { named }: NamedRoute): readonly Conditions[] {
  return named.service === undefined ? [[]] : (owns.get(named.service) ?? [])
}

function takesAll(alternatives: readonly Conditions[]): boolean {
  return alternatives.some((conditions) => conditions.length === 0)
}

// --- what services are asked by ----------------------------------------------------------------------------------------------------------

/** From stable's routes; where stable has no such service, what is left of a rule's matches without its visitors. */
function ownConditions(
  stable: readonly NamedRoute[],
  rules: readonly (readonly [string, readonly NamedRoute[]])[],
  visitors: ReadonlyMap<string, readonly Conditions[]>,
): ReadonlyMap<string, readonly Conditions[]> | undefined {
  const owns = new Map(stable.map(({ named, alternatives }) => [named.service as string, alternatives]))
  const found = new Map<string, Conditions[]>()
  for (const [who, group] of rules) {
    for (const { named, alternatives, route } of group) {
      const { matchNames } = route
      const { service } = named
      if (service === undefined || owns.has(service)) continue
      const own = found.get(service) ?? []
      found.set(service, own)
      for (const [index, conditions] of alternatives.entries()) {
        const at =
          alternatives.length === 1 && matchNames[index] === undefined
            ? { own: 0, visitor: 0 }
            : readMatchName(matchNames[index])
        const visitor = at && visitors.get(who)?.[at.visitor]
        if (visitor === undefined) return undefined
        const rest = conditions.filter((one) => !visitor.some((other) => isSame(one, other)))
        own[at?.own ?? 0] = distinct([...(own[at?.own ?? 0] ?? []), ...rest])
      }
    }
  }
  // An alternative that no visitor can meet (another port) leaves a gap.
  for (const [service, own] of found)
    owns.set(
      service,
      own.filter((conditions) => conditions !== undefined),
    )
  return owns
}

// --- conditions --------------------------------------------------------------------------------------------------------------------------

/** Undefined: no request meets them, or no match says them. */
function conditionsOf(entriesGiven: Entries): Conditions | undefined {
  return combined([...entriesGiven].map(([key, test]) => [subjectOf(key), test] as const))
}

/** Whether a route's matches are each of what its service asks for with each of the visitors. */
function isProduct(
  { alternatives }: NamedRoute,
  owns: readonly Conditions[],
  visitors: readonly Conditions[],
): boolean {
  const wanted = owns.flatMap((own) => visitors.map((visitor) => combined([...own, ...visitor])))
  const texts = (list: readonly (Conditions | undefined)[]): string =>
    [...new Set(list.flatMap((conditions) => (conditions === undefined ? [] : [textOf(conditions)])))].toSorted().join()
  return texts(wanted) === texts(alternatives)
}

/** As export puts conditions into one match: see export-match.ts. Undefined when no request meets them. */
function combined(conditions: Conditions): Conditions | undefined {
  const result: (readonly [string, string])[] = []
  for (const [subject, test] of distinct(conditions)) {
    // The whole of a path that a rewrite speaks of.
    if (subject === 'uri' && test === '{"uri":{"prefix":"/"}}') continue
    const at = result.findIndex(([other]) => other === subject)
    if (at === -1 || !isMerged(subject)) {
      result.push([subject, test])
      continue
    }
    if (subject === 'port') return undefined
    const both = bothTests(JSON.parse(result[at]?.[1] ?? '{}') as StringMatchText, JSON.parse(test) as StringMatchText)
    if (both === undefined || both === 'never') return undefined
    result[at] = [subject, JSON.stringify(both)]
  }
  return result.filter(
    ([subject, test]) =>
      test !== '{}' || !isImplied(subject) || result.every(([other, value]) => other !== subject || value === '{}'),
  )
}

/** Tests of one value, of which a match holds one. */
function isMerged(subject: string): boolean {
  return subject === 'port' || subject.startsWith('queryParams.')
}

/** That it is there goes without saying beside a test of its value. */
function isImplied(subject: string): boolean {
  return subject.startsWith('headers.') || subject.startsWith('cookies.')
}

function textOf(conditions: Conditions): string {
  return JSON.stringify(conditions.map((one) => JSON.stringify(one)).toSorted())
}

function distinct(conditions: Conditions): Conditions {
  return conditions.filter((one, index) => conditions.findIndex((other) => isSame(one, other)) === index)
}

function isSame(a: readonly [string, string], b: readonly [string, string]): boolean {
  return a[0] === b[0] && a[1] === b[1]
}

function entries(conditions: Conditions): Entries {
  const result = new Map<string, string>()
  for (const [subject, test] of conditions) addEntry(result, subject, test)
  return result
}
