// What is configured, as the dashboard draws it: releases, their versions and pools, and the rules in their order. Made of the
// configuration in force.

import type { Configuration } from '../config/configuration.ts'
import { ruleLabels } from '../config/gray-rules.ts'
import { withPort } from '../rules/authority.ts'
import { ruleCondition, type RuleCondition } from './rule-condition.ts'

type ReleaseSpec = Configuration['releases'][number]
type VersionSpec = ReleaseSpec['versions'] extends ReadonlyMap<string, infer V> ? V : never

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
  readonly condition: RuleCondition
  /** `file:line`. */
  readonly place: string
}

export function topologyOf({ releases }: Pick<Configuration, 'releases'>): readonly Topology[] {
  return releases.map((release) => ({
    name: release.name,
    hosts: release.hosts,
    stable: release.stable,
    services: release.services.map(({ name }) => name),
    versions: Array.from(release.versions.values(), (version) => versionOf(version, release)),
    rules: rulesOf(release),
  }))
}

function versionOf(version: VersionSpec, release: ReleaseSpec): TopologyVersion {
  const rules = release.gray.filter((rule) => rule.version === version.name)
  const pools = Array.from(
    version.pools,
    ([service, urls]) => [service, urls.map(({ hostname, port }) => withPort(hostname, port))] as const,
  )
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

function rulesOf({ gray }: ReleaseSpec): readonly TopologyRule[] {
  const labels = ruleLabels(gray)
  return gray.map(({ version, condition, place }, index) => ({
    label: labels[index] as string,
    version,
    condition: ruleCondition(condition),
    place: `${place.file}:${place.line}`,
  }))
}
