// What is configured, as the dashboard draws it: releases, their versions and pools, and the rules in their order. Made of the
// configuration in force; of long lists the first few are told, of credentials only that they are asked for.

import type { Configuration } from '../config/configuration.ts'

type ReleaseSpec = Configuration['releases'][number]
type VersionSpec = ReleaseSpec['versions'] extends ReadonlyMap<string, infer V> ? V : never
type Rule = ReleaseSpec['gray'][number]
type RequestMatch = Extract<Rule['condition'], { readonly kind: 'match' }>['items'][number]
type StringMatch = NonNullable<RequestMatch['uri']>

export interface Topology {
  readonly name: string
  readonly hosts: readonly string[]
  readonly stable: string
  /** In the order of the file: the first one that matches takes the request. */
  readonly services: readonly string[]
  readonly versions: readonly TopologyVersion[]
  readonly rules: readonly TopologyRule[]
}

export interface TopologyVersion {
  readonly name: string
  /** gray: a rule leads to it. idle: none does. */
  readonly role: 'stable' | 'gray' | 'draining' | 'idle'
  /** The version that lends its pools where this one has none. */
  readonly base: string
  /** Own pools only: service to its endpoints as `host:port`. */
  readonly pools: Readonly<Record<string, readonly string[]>>
  /** Hundredths of a percent, the sum of its shares. */
  readonly share: number
}

export interface TopologyRule {
  readonly label: string
  readonly version: string
  readonly kind: 'match' | 'users' | 'share'
  /** For people. */
  readonly detail: string
  /** `file:line`. */
  readonly place: string
}

/** Longer lists are cut. */
const shownValues = 4

export function topologyOf({ releases }: Pick<Configuration, 'releases'>): readonly Topology[] {
  return releases.map((release) => ({
    name: release.name,
    hosts: release.hosts,
    stable: release.stable,
    services: release.services.map(({ name }) => name),
    versions: Array.from(release.versions.values(), (version) => versionOf(version, release)),
    rules: release.gray.map((rule) => ruleOf(rule)),
  }))
}

function versionOf(version: VersionSpec, release: ReleaseSpec): TopologyVersion {
  const rules = release.gray.filter((rule) => rule.version === version.name)
  const pools = Array.from(version.pools, ([service, urls]) => [service, urls.map(hostOf)] as const)
  return {
    name: version.name,
    role: roleOf(version.name, release, rules.length > 0),
    base: version.base ?? release.stable,
    pools: Object.fromEntries(pools),
    share: rules.reduce((sum, { condition }) => sum + (condition.kind === 'share' ? condition.share : 0), 0),
  }
}

function roleOf(name: string, release: ReleaseSpec, hasRules: boolean): TopologyVersion['role'] {
  if (name === release.stable) return 'stable'
  if (release.draining.has(name)) return 'draining'
  return hasRules ? 'gray' : 'idle'
}

function hostOf({ hostname, port }: { readonly hostname: string; readonly port: number }): string {
  return hostname.includes(':') ? `[${hostname}]:${port}` : `${hostname}:${port}`
}

function ruleOf({ name, version, condition, place }: Rule): TopologyRule {
  return {
    label: name ?? `line ${place.line}`,
    version,
    kind: condition.kind,
    detail: conditionText(condition),
    place: `${place.file}:${place.line}`,
  }
}

function conditionText(condition: Rule['condition']): string {
  if (condition.kind === 'share') return `${condition.share / 100} %`
  if (condition.kind === 'users') return listed([...condition.users])
  return condition.items.map(matchText).join(' or ')
}

function matchText(match: RequestMatch): string {
  const parts = [
    ...(match.clientIp === undefined ? [] : [`address ${listed(match.clientIp)}`]),
    ...stringText('uri', match.uri),
    ...stringText('scheme', match.scheme),
    ...stringText('method', match.method),
    ...stringText('host', match.authority),
    ...mapText('header', match.headers),
    ...mapText('without header', match.withoutHeaders),
    ...mapText('query', match.queryParams),
    ...mapText('cookie', match.cookies),
    ...(match.port === undefined ? [] : [`port ${match.port}`]),
    ...(match.sourceLabels === undefined
      ? []
      : [`labels ${listed(Array.from(match.sourceLabels, (pair) => pair.join('=')))}`]),
  ]
  return parts.length === 0 ? 'everybody' : parts.join(' and ')
}

const secretName = /authorization|token|secret|password|session|api-?key/i

function mapText(what: string, matches: ReadonlyMap<string, StringMatch> | undefined): string[] {
  return [...(matches ?? [])].flatMap(([name, match]) =>
    secretName.test(name) ? [`${what} ${name} (not shown)`] : stringText(`${what} ${name}`, match),
  )
}

function stringText(what: string, match: StringMatch | undefined): string[] {
  if (match === undefined) return []
  if (match.kind === 'present') return [`${what} present`]
  if (match.kind === 'in') return [`${what} in ${listed([...match.values])}`]
  if (match.kind === 'prefix') return [`${what} = ${match.value}…`]
  return [`${what} ${match.kind === 'exact' ? '=' : '~'} ${match.value}`]
}

function listed(values: readonly string[]): string {
  const rest = values.length - shownValues
  const shown = values.slice(0, shownValues).join(', ')
  return rest > 0 ? `${shown} and ${rest} more` : shown
}
