// Releases that are right and yet not what anybody wants: gray rules that can never fire, versions nobody can tell apart. Warnings only;
// pure.

import { coversMatch } from './coverage.ts'
import { parseAddress } from './address.ts'
import { needsPool } from './check-names.ts'
import type { GrayRuleSpec, ReleaseSpec } from './release.ts'
import type { Place, RequestMatchSpec } from './types.ts'

export interface LintFinding {
  readonly place: Place
  /** Stable: GL and three digits. */
  readonly code: string
  /** A sentence without a full stop, with what to write. */
  readonly message: string
}

/** @param internal whether services call each other here: then one that no browser reaches has its callers */
export function lintRelease(spec: ReleaseSpec, internal = false): readonly LintFinding[] {
  const found: LintFinding[] = []
  const say = (place: Place, code: string, message: string): void => {
    found.push({ place, code, message })
  }
  lintOrder(spec, say)
  for (const rule of spec.gray) lintRule(spec, rule, say)
  if (!internal) lintServices(spec, say)
  lintPoolless(spec, say)
  lintPools(spec, say)
  return found.toSorted((a, b) => a.place.line - b.place.line || a.place.column - b.place.column)
}

type Say = (place: Place, code: string, message: string) => void

// --- rules in their order ------------------------------------------------------------------------------------------------------------------

interface Item {
  readonly rule: GrayRuleSpec
  readonly match: RequestMatchSpec
}

/** Only explicit rules cover others: a share lets some pass by. */
function lintOrder(spec: ReleaseSpec, say: Say): void {
  const before: Item[] = []
  for (const rule of spec.gray) {
    const items = itemsOf(spec, rule)
    const covers = items.map((match) => before.find((other) => coversMatch(other.match, match)))
    const covering = covers[0]
    if (items.length > 0 && covering !== undefined && covers.every((cover) => cover !== undefined)) {
      const names = [...new Set(covers.map((cover) => nameOf((cover as Item).rule)))]
      const takes = `${names.join(' and ')} above ${names.length === 1 ? 'takes' : 'take'}`
      say(
        rule.place,
        'GL008',
        `${nameOf(rule)} can never fire: ${takes} all of its visitors${sameVersion(rule, covering.rule)}`,
      )
    }
    // A rule that sleeps while its version drains lets everybody pass.
    if (!spec.draining.has(rule.version)) before.push(...items.map((match) => ({ rule, match })))
  }
}

function sameVersion(rule: GrayRuleSpec, other: GrayRuleSpec): string {
  return rule.version === other.version
    ? ', to the same version: take it out'
    : `, to ${other.version}: put it in front`
}

/** A rule as matches; none for a share and for long lists, of which nothing is said. */
function itemsOf(spec: ReleaseSpec, rule: GrayRuleSpec): readonly RequestMatchSpec[] {
  const { condition, place } = rule
  if (condition.kind === 'match') return condition.items
  if (condition.kind === 'share' || condition.users.size > 1000) return []
  const [source] = spec.identity
  if (spec.identity.length !== 1 || source === undefined) return []
  const match = { kind: 'in', values: condition.users } as const
  switch (source.kind) {
    case 'cookie':
      return [{ place, cookies: new Map([[source.name, match]]) }]
    case 'header':
      return [{ place, headers: new Map([[source.name, match]]) }]
    case 'clientIp':
      return [{ place, clientIp: [...condition.users].filter((user) => parseAddress(user) !== undefined) }]
    default:
      return []
  }
}

// --- one rule ------------------------------------------------------------------------------------------------------------------------------

function lintRule(spec: ReleaseSpec, rule: GrayRuleSpec, say: Say): void {
  const { condition, version, place } = rule
  const name = nameOf(rule)
  if (condition.kind === 'share') {
    if (version === spec.stable)
      say(place, 'GL008', `${name} draws visitors to stable, where they are anyway: take it out`)
    if (condition.share === 0)
      say(place, 'GL008', `${name} has a share of 0% and draws nobody: raise it or take it out`)
    return
  }
  if (condition.kind === 'users') {
    if (condition.users.size === 0) say(place, 'GL008', `${name} lists no user, so it can never fire`)
    return
  }
  const reasons = condition.items.map((item) => neverHolds(spec, item))
  for (const [index, reason] of reasons.entries()) {
    if (reason === undefined) continue
    const item = condition.items[index] as RequestMatchSpec
    const what = reasons.every((other) => other !== undefined)
      ? `${name} can never fire`
      : `this match of ${name} can never hold`
    say(item.place, 'GL008', `${what}: ${reason}`)
  }
}

/** Why no request of a browser meets this match, or undefined. */
function neverHolds(spec: ReleaseSpec, item: RequestMatchSpec): string | undefined {
  if (item.sourceLabels !== undefined)
    return 'callers with sourceLabels come in at internal listeners, where gray rules are not asked'
  if (item.clientIp?.length === 0) return 'its list of addresses is empty'
  for (const name of item.headers?.keys() ?? []) {
    if (sameSpelling(name, spec.pin.header))
      return `${name} is set by the edge and never believed from outside: use another header`
  }
  return neverHoldsAnywhere(item)
}

/** What holds for every proxy that reads such a match. */
export function neverHoldsAnywhere(item: RequestMatchSpec): string | undefined {
  const { uri, withoutHeaders, headers } = item
  if ((uri?.kind === 'exact' || uri?.kind === 'prefix') && uri.value.includes('?')) {
    return 'uri is the path without its query: put what stands behind the ? under queryParams'
  }
  if ((uri?.kind === 'exact' || uri?.kind === 'prefix') && uri.value !== '' && !uri.value.startsWith('/')) {
    return `a path begins with a slash: write /${uri.value}`
  }
  for (const [name, match] of withoutHeaders ?? []) {
    if (match.kind === 'regex' && /^\^?\(?\.\*\)?\$?$/.test(match.value)) {
      return `withoutHeaders takes an absent ${name} for an empty one, which .* fits: write ${name}: {}`
    }
    const wanted = headers?.get(name)
    if (wanted !== undefined && match.kind === 'present')
      return `${name} has to be there (headers) and may not (withoutHeaders)`
  }
  return undefined
}

// --- services and versions -------------------------------------------------------------------------------------------------------------------

function lintServices(spec: ReleaseSpec, say: Say): void {
  const before: { readonly name: string; readonly items: readonly RequestMatchSpec[] }[] = []
  for (const service of spec.services) {
    const items = service.match.length === 0 ? [{ place: service.place }] : service.match
    const covering = before.find((other) => items.every((item) => other.items.some((wide) => coversMatch(wide, item))))
    if (covering !== undefined && everyVersionHas(spec, covering.name)) {
      say(
        service.place,
        'GL008',
        `service ${service.name} gets no request: ${covering.name} above takes them all; the first match wins, so put it in front`,
      )
    }
    before.push({ name: service.name, items })
  }
}

function everyVersionHas(spec: ReleaseSpec, service: string): boolean {
  return [...spec.versions.values()].every(({ pools }) => pools.has(service))
}

/** A service that no version can serve: its requests go on as if it were not listed. */
function lintPoolless(spec: ReleaseSpec, say: Say): void {
  for (const { name, place, ...service } of spec.services) {
    if (!needsPool(service) || [...spec.versions.values()].some(({ pools }) => pools.has(name))) continue
    const message = `service ${name} has no pool in any version: its requests go to the next service that matches, else they get 404; list its pool under versions`
    say(place, 'GL017', message)
  }
}

/** Two versions with the same pools are one build under two names. */
function lintPools(spec: ReleaseSpec, say: Say): void {
  const seen = new Map<string, string>()
  for (const { name, pools, place } of spec.versions.values()) {
    if (pools.size === 0) continue
    const text = JSON.stringify(
      [...pools]
        .map(([service, urls]) => [service, urls.map(({ hostname, port }) => `${hostname}:${port}`)])
        .toSorted(),
    )
    const twin = seen.get(text)
    if (twin !== undefined)
      say(place, 'GL004', `version ${name} has the pools of ${twin}: both are one build under two names`)
    seen.set(text, twin ?? name)
  }
}

function nameOf(rule: GrayRuleSpec): string {
  return rule.name === undefined ? `the gray rule of line ${rule.place.line}` : `gray rule ${rule.name}`
}

function sameSpelling(name: string, of: string): boolean {
  return name.replaceAll(/[._]/g, '-') === of.replaceAll(/[._]/g, '-')
}
