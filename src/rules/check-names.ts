// What a schema cannot see in a configuration: names that nothing bears, bases that go round, hosts that two releases claim.
// Reports, and changes nothing.

import { hostProblem, sharedHosts } from './hosts.ts'
import { didYouMean, type RouteProblem } from './route-problem.ts'
import type { ReleaseSpec, ServiceSpec, VersionSpec } from './release.ts'
import type { Place } from './types.ts'
import { baseCycle } from './version-pools.ts'

type Say = (place: Place, message: string) => void

export function checkNames(specs: readonly ReleaseSpec[], report: (problem: RouteProblem) => void): void {
  const say: Say = (place, message) => report({ place, message })
  checkReleases(specs, say)
  for (const spec of specs) {
    checkStable(spec, say)
    checkServices(spec, say)
    for (const version of spec.versions.values()) checkVersion(spec, version, say)
    checkRules(spec, say)
  }
}

function checkReleases(specs: readonly ReleaseSpec[], say: Say): void {
  const names = new Map<string, ReleaseSpec>()
  for (const spec of specs) {
    const before = names.get(spec.name)
    if (before === undefined) names.set(spec.name, spec)
    else say(spec.place, `release ${spec.name} is there already (${at(before.place)})`)
    if (spec.hosts.length === 0) say(spec.place, `release ${spec.name} has no hosts, so no request reaches it`)
    for (const host of spec.hosts) {
      const problem = hostProblem(host)
      if (problem !== undefined) say(spec.place, problem)
    }
  }
  for (const { host, first, second } of sharedHosts(specs)) {
    const owner = specs[first] as ReleaseSpec
    const other = specs[second] as ReleaseSpec
    say(other.place, `host ${host} belongs to release ${owner.name} already (${at(owner.place)})`)
  }
}

function checkStable(spec: ReleaseSpec, say: Say): void {
  const { stable, draining, versions } = spec
  if (!versions.has(stable)) say(spec.place, `stable: ${unlisted('version', stable, versions.keys())}`)
  if (draining.has(stable)) say(spec.place, `draining: ${stable} is stable, and draws everyone whom no rule takes`)
  for (const name of draining) {
    if (!versions.has(name)) say(spec.place, `draining: ${unlisted('version', name, versions.keys())}`)
  }
}

function checkServices(spec: ReleaseSpec, say: Say): void {
  const names = new Map<string, ServiceSpec>()
  for (const service of spec.services) {
    const before = names.get(service.name)
    if (before === undefined) names.set(service.name, service)
    else say(service.place, `service ${service.name} is there already (${at(before.place)})`)
    const isServed = [...spec.versions.values()].some((version) => version.pools.has(service.name))
    if (needsPool(service) && !isServed) {
      say(service.place, `service ${service.name}: no version lists a pool for it`)
    }
  }
}

function checkVersion(spec: ReleaseSpec, version: VersionSpec, say: Say): void {
  const { name, place, base, pools } = version
  const services = spec.services.map((service) => service.name)
  for (const [service, upstreams] of pools) {
    if (!services.includes(service)) say(place, `version ${name}: ${unlisted('service', service, services)}`)
    if (upstreams.length === 0) say(place, `version ${name}: the pool of service ${service} has no endpoint`)
  }
  if (base !== undefined && !spec.versions.has(base)) {
    say(place, `version ${name}: base: ${unlisted('version', base, spec.versions.keys())}`)
  }
  const cycle = baseCycle(spec, name)
  // A circle is told once, at the version of it that comes first by name.
  if (cycle !== undefined && cycle.every((other) => name <= other)) {
    say(place, `version ${name}: bases go round: ${cycle.join(' -> ')}`)
  }
  if (pools.size === 0 && base === name && spec.services.some(needsPool)) {
    say(place, `version ${name} lists no pool and lets nobody lend it one: it would serve nothing`)
  }
  if (pools.size === 0 && base === undefined && spec.services.some(needsPool)) {
    say(place, `version ${name} lists no pool and names no base: it would be ${spec.stable} under another name`)
  }
}

function checkRules(spec: ReleaseSpec, say: Say): void {
  for (const { name, place, version, condition } of spec.gray) {
    const rule = name === undefined ? 'gray rule' : `gray rule ${name}`
    if (!spec.versions.has(version)) say(place, `${rule}: ${unlisted('version', version, spec.versions.keys())}`)
    // Istio's empty match takes every request; a rule that picks a version for everybody is `stable`, and said there.
    if (condition.kind === 'match' && condition.items.length === 0) say(place, `${rule}: match lists nothing`)
  }
}

/** Whether its requests are forwarded. */
export function needsPool(service: Pick<ServiceSpec, 'redirect' | 'directResponse'>): boolean {
  return service.redirect === undefined && service.directResponse === undefined
}

function unlisted(kind: string, name: string, known: Iterable<string>): string {
  return `${kind} ${name} is not listed${didYouMean(name, known)}`
}

function at({ file, line }: Place): string {
  return `${file}:${line}`
}
