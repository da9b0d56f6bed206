// The routes of one VirtualService at a gateway, taken apart: what is asked for (services, in their order) and who asks (gray rules, in
// theirs). That works for the shape of a gray release: each rule leads its visitors to one version of every service it speaks of.

import type { Place } from '../rules/types.ts'
import { type Entries, entriesOf, type ImportNotes, testedTwice } from './import-match.ts'
import type { HttpMatchRequest } from './model-virtual-service.ts'
import { readRouteName } from './route-names.ts'

/** One route as the importer reads it. */
export interface FlatRoute {
  readonly name: string | undefined
  readonly place: Place
  /** Undefined when one of its matches cannot be carried over. */
  readonly items: readonly Entries[] | undefined
  /** HTTPMatchRequest.name of each. */
  readonly matchNames: readonly (string | undefined)[]
  readonly version: string
  /** An answer of the edge's own that names no version: whoever asks gets it. */
  readonly isAnswer: boolean
  /** By a subset, a header, or the name of a host; else `version` is a stopgap, and the route leads everybody to what there is. */
  readonly namesVersion: boolean
  /** Of the service, in full; empty for an answer. */
  readonly host: string
  /** What tells services apart: the host, and what is done with a request. */
  readonly service: string
  /** Short name for people. */
  readonly label: string
  /** Nothing serves these visitors: 404. */
  readonly isNone: boolean
}

export interface ImportedService {
  readonly key: string
  readonly name: string
  /** ORed; empty takes everything. */
  readonly match: readonly Entries[]
}

export interface ImportedRule {
  readonly name: string | undefined
  readonly place: Place
  readonly version: string
  readonly items: readonly Entries[]
}

export interface ImportedRoutes {
  readonly stable: string
  readonly services: readonly ImportedService[]
  readonly rules: readonly ImportedRule[]
  /** Service and version to the route that leads there. */
  readonly routeOf: ReadonlyMap<string, FlatRoute>
}

export function readItems(
  matches: readonly HttpMatchRequest[],
  placeOf: (match: HttpMatchRequest) => Place,
  notes: ImportNotes,
): FlatRoute['items'] {
  const items = matches.map((match) => entriesOf(match, placeOf(match), notes))
  return items.includes(undefined) ? undefined : (items as Entries[])
}

export function takeApart(routes: readonly FlatRoute[], notes: ImportNotes): ImportedRoutes | undefined {
  const usable = routes.filter((route) => route.items !== undefined && testsOnce(route, notes))
  const serving = usable.filter(({ isNone }) => !isNone)
  const last =
    serving.findLast((route) => route.namesVersion && asksWhatOnly(route)) ??
    serving.findLast(({ isAnswer }) => !isAnswer) ??
    serving.at(-1)
  return last === undefined ? undefined : new Taking(usable, last.version, notes).result()
}

/** A match of routes.yaml holds one test of each thing. */
function testsOnce({ items, place }: FlatRoute, notes: ImportNotes): boolean {
  const twice = testedTwice(items ?? [])
  if (twice === undefined) return true
  const message = `two tests of ${twice} at once have no counterpart: this route is left out`
  notes.say(place, 'import-match', message)
  return false
}

/** What a service is asked by, when nothing but a guess can tell: these say what, everything else says who. */
const whatKeys = new Set(['uri', 'method', 'scheme', 'authority', 'port'])

function asksWhatOnly({ items = [] }: FlatRoute): boolean {
  return items.every((entries) => [...entries.keys()].every((key) => whatKeys.has(key)))
}

class Taking {
  readonly #routes: readonly FlatRoute[]
  readonly #stable: string
  readonly #notes: ImportNotes
  readonly #services: ImportedService[] = []
  readonly #rules: { rule: ImportedRule; key: string }[] = []
  readonly #routeOf = new Map<string, FlatRoute>()
  /** Rules that say what becomes of those whom no service takes, by their index. */
  readonly #ended = new Set<number>()
  /** Services that are an answer to whoever asks. */
  readonly #answers = new Set<string>()
  readonly #hosts = new Map<string, string>()
  /** Per service the rules that lead to it, by their index. */
  readonly #order = new Map<string, number[]>()

  constructor(routes: readonly FlatRoute[], stable: string, notes: ImportNotes) {
    this.#routes = routes
    this.#stable = stable
    this.#notes = notes
  }

  result(): ImportedRoutes {
    const plain = this.#plainRoutes()
    for (const route of plain) this.#addService(route, route.items as Entries[])
    this.#checkApart(plain)
    for (const route of this.#routes) if (!plain.includes(route)) this.#gray(route)
    this.#checkOrder()
    this.#checkReach()
    const rules = this.#rules.map(({ rule }) => rule)
    return { stable: this.#stable, services: this.#services, rules, routeOf: this.#routeOf }
  }

  /**
   * The routes for everybody: those at the end that lead to stable, and before them those to stable that ask nobody's name. Not one that
   * asks for more than a later route of the same service: that is a rule which leads to stable.
   */
  #plainRoutes(): readonly FlatRoute[] {
    const leads = (route: FlatRoute): boolean => !route.isAnswer && (!this.#isStable(route) || route.isNone)
    const suffix = this.#routes.findLastIndex(leads) + 1
    return this.#routes.filter((route, index) => {
      if (this.#isApart(route)) return true
      if (!this.#isStable(route) || route.isNone) return false
      const items = route.items as Entries[]
      const later = this.#routes
        .slice(index + 1)
        .filter((other) => other.service === route.service && this.#isStable(other))
      if (later.some((other) => visitorsOf(items, other.items as Entries[]) !== undefined)) return false
      return asksWhatOnly(route) || (index >= suffix && later.length === 0)
    })
  }

  /** No part of any version: an answer, or a service that nobody has versions of. Whoever asks for it gets it, by whatever asks. */
  #isApart({ isAnswer, isNone, namesVersion, host }: FlatRoute): boolean {
    if (isAnswer) return true
    return !namesVersion && !isNone && !this.#routes.some((other) => other.namesVersion && other.host === host)
  }

  /** Of a service that stable has no version of, what everybody gets is stable's. */
  #isStable(route: FlatRoute): boolean {
    if (route.version === this.#stable || !route.namesVersion) return true
    const isOwn = ({ host, version }: FlatRoute): boolean => host === route.host && version === this.#stable
    return asksWhatOnly(route) && route.host !== '' && !this.#routes.some(isOwn)
  }

  #addService(route: FlatRoute, match: readonly Entries[]): ImportedService {
    const whole = match.some((entries) => entries.size === 0) ? [] : match
    const same = this.#services.filter(({ key }) => key === route.service)
    const names = new Set(this.#services.map(({ name }) => name))
    let name = route.label
    for (let number = 2; names.has(name); number += 1) name = `${route.label}-${number}`
    const service = { key: route.service, name, match: whole }
    const known = same.find((other) => sameItems(other.match, whole))
    if (known !== undefined) return known
    this.#services.push(service)
    this.#hosts.set(name, route.host)
    if (route.isAnswer) this.#answers.add(name)
    const isStable = this.#isStable(route)
    if (isStable && route.namesVersion && route.version !== this.#stable) {
      const message = `everybody gets ${route.version} of ${route.label}: here that is part of ${this.#stable}`
      this.#notes.say(route.place, 'import-stable', message)
    }
    this.#routeOf.set(`${service.name} ${isStable && !route.isAnswer ? this.#stable : route.version}`, route)
    return service
  }

  // --- gray rules ------------------------------------------------------------------------------------------------------------------------

  #gray(route: FlatRoute): void {
    const items = (route.items as Entries[]).length === 0 ? [new Map<string, string>()] : (route.items as Entries[])
    const name = route.name === undefined ? 'this route' : `route ${route.name}`
    if (route.isNone) return void this.#ended.add(this.#rule(route, items))
    const known = this.#services.filter(({ key }) => key === route.service)
    // One that is asked for alike and does something else for these visitors is the same service all the same: Importer tells of it.
    const alike = this.#services.filter(({ name: own }) => route.host !== '' && this.#hosts.get(own) === route.host)
    for (const service of new Set([...known, ...alike])) {
      const visitors = visitorsOf(items, service.match)
      if (visitors !== undefined) return this.#lead(route, service, visitors)
    }
    // Stable has no such service: what is asked for has to be told from who asks by its keys.
    const own = distinct(items.map((entries) => pick(entries, (key) => whatKeys.has(key))))
    const visitors = known.length === 0 ? visitorsOf(items, own) : undefined
    if (visitors !== undefined) return this.#lead(route, this.#insertService(route, own), visitors)
    const message = `${name} mixes what is asked for and who asks in a way that no list of services and rules can say: it is left out`
    this.#notes.say(route.place, 'import-shape', message)
  }

  /** Before the first that takes everything: behind that nothing is ever asked. */
  #insertService(route: FlatRoute, own: readonly Entries[]): ImportedService {
    const service = this.#addService(route, own)
    const at = this.#services.findIndex(({ match }) => match.length === 0)
    if (service.match.length > 0 && at !== -1 && at < this.#services.indexOf(service)) {
      this.#services.splice(this.#services.indexOf(service), 1)
      this.#services.splice(at, 0, service)
    }
    return service
  }

  #lead(route: FlatRoute, service: ImportedService, visitors: readonly Entries[]): void {
    const index = this.#rule(route, visitors)
    this.#order.set(service.name, [...(this.#order.get(service.name) ?? []), index])
    const key = `${service.name} ${route.version}`
    if (!this.#routeOf.has(key)) this.#routeOf.set(key, route)
  }

  #rule(route: FlatRoute, items: readonly Entries[]): number {
    const key = `${route.version} ${textOf(items)}`
    const known = this.#rules.findIndex((other) => other.key === key)
    if (known !== -1) return known
    const { name, place, version } = route
    const who = readRouteName(name)?.who ?? name
    this.#rules.push({ key, rule: { name: who, place, version, items } })
    return this.#rules.length - 1
  }

  /** A rule holds for every service; in manifests one may speak of some and leave the others to the rules below. */
  #checkReach(): void {
    for (const [index, { rule }] of this.#rules.entries()) {
      if (this.#ended.has(index)) continue
      const asked = this.#services.slice(
        0,
        this.#services.findIndex(({ match }) => match.length === 0) + 1 || undefined,
      )
      const other = asked
        .filter(({ name }) => !this.#answers.has(name) && this.#order.get(name)?.includes(index) !== true)
        .map(({ name }) => name)
      if (other.length === 0) continue
      const message = `a rule for ${rule.version} says nothing of ${other.join(', ')}: here its visitors get ${rule.version} of every service`
      this.#notes.say(rule.place, 'import-reach', message)
    }
  }

  /** What is no part of a version stands among the services, which are looked for whoever asks. */
  #checkApart(plain: readonly FlatRoute[]): void {
    for (const [index, apart] of this.#routes.entries()) {
      if (!this.#isApart(apart) || (apart.items ?? []).length === 0) continue
      const before = this.#routes.slice(0, index).find((route) => !plain.includes(route) && mayMeet(route, apart))
      if (before === undefined) continue
      const { line } = before.place
      const message = `visitors of the route in line ${line} never came as far as this one: here everybody gets it`
      this.#notes.say(apart.place, 'import-order', message)
    }
  }

  /** One list of rules for all services: each service has to have met them in that order. */
  #checkOrder(): void {
    for (const [name, order] of this.#order) {
      const wrong = order.findIndex((rule, index) => index > 0 && rule < (order[index - 1] as number))
      if (wrong === -1) continue
      const place = this.#rules[order[wrong] as number]?.rule.place as Place
      this.#notes.say(
        place,
        'import-order',
        `${name} has its rules in another order than the services before it: here one order holds for all`,
      )
    }
  }
}

// --- sets of entries -------------------------------------------------------------------------------------------------------------------------

/** Those who ask, when the items are every combination of what is asked for with them; undefined when they are not. */
function visitorsOf(items: readonly Entries[], own: readonly Entries[]): readonly Entries[] | undefined {
  const whats = own.length === 0 ? [new Map<string, string>()] : own
  const byWhat = whats.map((what) =>
    distinct(items.filter((entries) => holds(entries, what)).map((entries) => pick(entries, (key) => !what.has(key)))),
  )
  const [first] = byWhat
  if (first === undefined || first.length === 0 || first.length * whats.length !== distinct(items).length)
    return undefined
  return byWhat.every((visitors) => sameItems(visitors, first)) ? first : undefined
}

/** Whether one request may fit both; only paths are compared. */
function mayMeet({ items: a }: FlatRoute, { items: b }: FlatRoute): boolean {
  const [left, right] = [pathsOf(a), pathsOf(b)]
  return left.some((one) => right.some((other) => one.fits(other.text) || other.fits(one.text)))
}

interface Paths {
  readonly text: string
  fits(path: string): boolean
}

/** A pattern is taken for the text that it begins with. */
function pathsOf(items: FlatRoute['items'] = []): readonly Paths[] {
  const paths = items.map((entries): Paths => {
    const { exact, regex = '', prefix = literalBeginning(regex) } = uriOf(entries)
    if (exact !== undefined) return { text: exact, fits: (path) => path === exact }
    return { text: prefix, fits: (path) => path.startsWith(prefix) }
  })
  return paths.length === 0 ? [{ text: '', fits: () => true }] : paths
}

function literalBeginning(regex: string): string {
  if (regex.includes('|')) return ''
  const [literal = ''] = /^[^\\.[\](){}*+?^$]*/.exec(regex) ?? []
  // A quantifier speaks of the last letter, which may be missing.
  return /^[*?{]/.test(regex.slice(literal.length)) ? literal.slice(0, -1) : literal
}

function uriOf(entries: Entries): { readonly exact?: string; readonly prefix?: string; readonly regex?: string } {
  return (JSON.parse(entries.get('uri') ?? '{}') as { uri?: object }).uri ?? {}
}

function holds(entries: Entries, part: Entries): boolean {
  return [...part].every(([key, test]) => entries.get(key) === test)
}

function pick(entries: Entries, wanted: (key: string) => boolean): Entries {
  return new Map([...entries].filter(([key]) => wanted(key)))
}

function distinct(items: readonly Entries[]): readonly Entries[] {
  return [...new Map(items.map((entries) => [textOf([entries]), entries])).values()]
}

function sameItems(a: readonly Entries[], b: readonly Entries[]): boolean {
  return textOf(a) === textOf(b)
}

function textOf(items: readonly Entries[]): string {
  return JSON.stringify(
    items
      .map((entries) => [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      .map((one) => JSON.stringify(one))
      .toSorted(),
  )
}
