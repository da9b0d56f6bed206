// What an administrator may write, as the model has it: small enough to be read in one glance, and turned into the long form of a
// configuration for the gateways.

import { defaultOverload } from '../../src/config/overload.ts'
import type { Configuration } from '../../src/config/configuration.ts'
import type { GrayConditionSpec, ReleaseSpec, VersionSpec } from '../../src/rules/release.ts'
import type { Place } from '../../src/rules/types.ts'

export interface PlanRule {
  readonly version: string
  readonly on: { readonly ip: string } | { readonly user: string } | { readonly share: number }
  readonly fails: boolean
}

export interface Plan {
  readonly versions: readonly string[]
  /** Versions without an `api` of their own; `base` lends it. */
  readonly lean: ReadonlySet<string>
  readonly stable: string
  readonly draining: ReadonlySet<string>
  readonly rules: readonly PlanRule[]
  readonly epoch: number
  readonly repin: 'widen' | 'keep'
  readonly settle: number
  /** Seconds since 1970. */
  readonly writtenAt: number
}

export const allVersions = ['v1', 'v2', 'v3', 'v4'] as const
export const services = ['frontend', 'api'] as const
export const ttlSeconds = 1000
export const longestHistory = 3

const place: Place = { file: 'model.yaml', line: 1, column: 1 }

/** Where the endpoint of a service in a version is: nobody else is there. */
export function addressOf(service: string, version: string): string {
  return `127.1.${allVersions.indexOf(version as 'v1')}.${services.indexOf(service as 'api') + 1}`
}

/** The other way round. */
export function whoIs(address: string): { readonly service: string; readonly version: string } {
  const [, , version, service] = address.split('.').map(Number)
  return { service: services[service! - 1]!, version: allVersions[version!]! }
}

/** Of v1, the oldest of all, which always has everything. */
const lender = 'v1'

/** The version that owns the pool: itself, or the one that lends. */
export function ownerOf(plan: Plan, service: string, version: string): string {
  return service === 'api' && plan.lean.has(version) ? lender : version
}

export function ownersOf(plan: Plan, version: string): readonly (readonly [service: string, owner: string])[] {
  return services.map((service) => [service, ownerOf(plan, service, version)] as const)
}

export function configurationOf(plan: Plan, key: { readonly id: string; readonly secret: Uint8Array }): Configuration {
  return {
    file: 'model.yaml',
    text: '',
    hash: JSON.stringify([...plan.versions, ...plan.draining, ...plan.lean, plan]).padEnd(12),
    listen: [{ port: 80, address: '127.0.0.1', internal: false, from: [], sourceLabels: undefined, tls: [], place }],
    trust: { proxies: [], hops: undefined, header: undefined },
    path: 'strict',
    overload: defaultOverload,
    limits: {} as Configuration['limits'],
    accessLog: { format: 'json', path: 'off' },
    releases: [releaseOf(plan)],
    keys: new Map([['shop', [key]]]),
    tests: new Map(),
    files: [],
  }
}

function releaseOf(plan: Plan): ReleaseSpec {
  return {
    name: 'shop',
    place,
    hosts: ['*'],
    services: [
      {
        name: 'api',
        place,
        match: [{ place, uri: { kind: 'prefix', value: '/api/' } }],
        timeoutMs: 0,
        onStale: 'reload',
      },
      { name: 'frontend', place, match: [], timeoutMs: 0, onStale: 'reload' },
    ],
    versions: new Map(plan.versions.map((name) => [name, versionOf(plan, name)])),
    stable: plan.stable,
    draining: plan.draining,
    gray: plan.rules.map(({ version, on, fails }) => ({
      name: undefined,
      place,
      version,
      condition: conditionOf(on),
      onUnavailable: fails ? 'fail' : 'stable',
    })),
    identity: [{ kind: 'cookie', name: 'user' }],
    pin: {
      cookie: 'graylane',
      header: 'x-version',
      ttlSeconds,
      epoch: plan.epoch,
      repin: plan.repin,
      sameSite: 'lax',
      domain: undefined,
      pageHeader: 'x-page-version',
    },
    settleSeconds: plan.settle,
  }
}

function versionOf(plan: Plan, name: string): VersionSpec {
  const owned = services.filter((service) => ownerOf(plan, service, name) === name)
  return {
    name,
    place,
    base: plan.lean.has(name) ? lender : undefined,
    pools: new Map(
      owned.map((service) => [service, [{ protocol: 'http', hostname: addressOf(service, name), port: 80 }]]),
    ),
  }
}

function conditionOf(on: PlanRule['on']): GrayConditionSpec {
  if ('share' in on) return { kind: 'share', share: on.share }
  if ('user' in on) return { kind: 'users', users: new Set([on.user]) }
  return { kind: 'match', items: [{ place, clientIp: [on.ip] }] }
}
