// A configuration's releases compiled into the one frozen table that deciding reads. Everything that costs is paid here, once.
// Never half a table: one problem, and there is none.

import { checkNames } from './check-names.ts'
import { compileHosts, findByMeshName } from './hosts.ts'
import { compileRequestMatch, readsTarget } from './request-match.ts'
import type { MirrorSpec } from './route-actions.ts'
import type { RouteProblem } from './route-problem.ts'
import { ruleLabels } from './rule-labels.ts'
import { compileFirstExplicit, type ExplicitRule } from './rule-index.ts'
import type { GrayRuleSpec, Release, ReleaseSpec, RouteTable, Service, ServiceSpec, ShareRule } from './release.ts'
import type { GrayRule, Pool, RequestFacts, RequestMatchSpec } from './types.ts'
import { compilePools, type VersionPools } from './version-pools.ts'

export type { RouteProblem } from './route-problem.ts'

type Report = (problem: RouteProblem) => void

/** The table, or every problem there is, in the order of the file. */
export function compileRoutes(
  specs: readonly ReleaseSpec[],
): { readonly table: RouteTable } | { readonly problems: readonly RouteProblem[] } {
  const problems: RouteProblem[] = []
  const report: Report = (problem) => problems.push(problem)
  checkNames(specs, report)
  const releases = Object.freeze(specs.map((spec) => compileRelease(spec, report)))
  if (problems.length > 0) return { problems: problems.toSorted(byPlace) }
  return {
    table: Object.freeze({
      releases,
      releaseFor: compileHosts(releases.map((release) => ({ hosts: release.spec.hosts, value: release }))),
      serviceFor: compileServiceNames(releases),
    }),
  }
}

function compileRelease(spec: ReleaseSpec, report: Report): Release {
  const versionPools = compilePools(spec)
  const labels = ruleLabels(spec.gray)
  const gray = Object.freeze(spec.gray.map((rule, index) => compileRule(rule, index, labels[index] as string)))
  // Draining versions draw nobody (docs/affinity.md, step 11), by no kind of rule.
  const drawing = gray.filter((rule) => !spec.draining.has(rule.version))
  const explicit = explicitRules(spec, gray, report)
  return Object.freeze({
    spec,
    name: spec.name,
    stable: spec.stable,
    services: Object.freeze(spec.services.map((service) => compileService(spec, service, versionPools, report))),
    poolsOf: poolsByVersion(spec, versionPools),
    gray,
    firstExplicit: compileFirstExplicit(explicit, report),
    explicitReadsTarget: explicit.some(
      ({ condition }) => condition.kind === 'match' && condition.items.some(readsTarget),
    ),
    shares: Object.freeze(drawing.filter(isShare)),
  })
}

// --- gray rules ----------------------------------------------------------------------------------------------------------------

function compileRule(spec: GrayRuleSpec, index: number, label: string): GrayRule | ShareRule {
  const { version, place, onUnavailable, condition } = spec
  const rule = { index, version, label, place, onUnavailable }
  return Object.freeze(condition.kind === 'share' ? { ...rule, share: condition.share } : rule)
}

function isShare(rule: GrayRule): rule is ShareRule {
  return 'share' in rule
}

function explicitRules(spec: ReleaseSpec, gray: readonly GrayRule[], report: Report): readonly ExplicitRule[] {
  const explicit: ExplicitRule[] = []
  for (const [index, { condition }] of spec.gray.entries()) {
    const rule = gray[index] as GrayRule
    if (condition.kind === 'share') continue
    if (!spec.draining.has(rule.version)) explicit.push({ rule, condition })
    // A rule that sleeps while its version drains is read all the same: its slips are told now, not when it wakes.
    else if (condition.kind === 'match') for (const item of condition.items) compileRequestMatch(item, report)
  }
  return explicit
}

// --- services and pools ----------------------------------------------------------------------------------------------------------

function compileService(spec: ReleaseSpec, service: ServiceSpec, versionPools: VersionPools, report: Report): Service {
  const items = service.match.map((item) => ({ item, fits: compileRequestMatch(item, report) }))
  const matched = (facts: RequestFacts): RequestMatchSpec | undefined => items.find(({ fits }) => fits(facts))?.item
  const [only] = items
  const pools = new Map<string, Pool>()
  for (const version of spec.versions.keys()) {
    const pool = versionPools.poolFor(version, service.name)
    if (pool !== undefined) pools.set(version, pool)
  }
  return Object.freeze({
    spec: service,
    name: service.name,
    actions: { ...service, mirrors: mirrorsOf(service, versionPools, report) },
    matches:
      only === undefined
        ? () => true
        : items.length === 1
          ? only.fits
          : (facts: RequestFacts) => matched(facts) !== undefined,
    matched,
    pools,
  })
}

/** Copies go to the pool that the named version has for the named service, its own or its base's. */
function mirrorsOf({ mirrors = [] }: ServiceSpec, versionPools: VersionPools, report: Report): readonly MirrorSpec[] {
  return mirrors.flatMap(({ place, service, version, percentage }) => {
    const pool = versionPools.poolFor(version, service)
    if (pool !== undefined) return [{ pool, version, percentage }]
    report({ place, message: `${version} has no pool for ${service}, so nothing can be mirrored there` })
    return []
  })
}

function poolsByVersion(spec: ReleaseSpec, versionPools: VersionPools): ReadonlyMap<string, readonly Pool[]> {
  const byVersion = new Map<string, readonly Pool[]>()
  for (const version of spec.versions.keys()) {
    const pools = spec.services.map((service) => versionPools.poolFor(version, service.name))
    byVersion.set(version, Object.freeze(pools.filter((pool) => pool !== undefined)))
  }
  return byVersion
}

/** Internal traffic names a service, not a release: the first release that has it. */
function compileServiceNames(releases: readonly Release[]): RouteTable['serviceFor'] {
  const byName = new Map<string, { readonly release: Release; readonly service: Service }>()
  for (const release of releases) {
    for (const service of release.services) {
      const name = service.name.toLowerCase()
      if (!byName.has(name)) byName.set(name, Object.freeze({ release, service }))
    }
  }
  return (authority) => findByMeshName(authority, (name) => byName.get(name))
}

function byPlace(a: RouteProblem, b: RouteProblem): number {
  const { file, line, column } = a.place
  const other = b.place
  if (file !== other.file) return file < other.file ? -1 : 1
  return line - other.line || column - other.column
}
