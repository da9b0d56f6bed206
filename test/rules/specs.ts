// Short ways to write specs, requests and facts for the tests of rules: the long forms hold much that a test does not care for.

import { Buffer } from 'node:buffer'
import { parseAddress } from '../../src/rules/address.ts'
import type {
  GrayConditionSpec,
  GrayRuleSpec,
  PinSpec,
  ReleaseSpec,
  ServiceSpec,
  VersionSpec,
} from '../../src/rules/release.ts'
import type {
  Address,
  Pin,
  Place,
  RequestFacts,
  RequestMatchSpec,
  StringMatchSpec,
  UpstreamUrl,
  Visit,
} from '../../src/rules/types.ts'

export const place = (line = 1): Place => ({ file: 'routes.yaml', line, column: 1 })

export const exact = (value: string): StringMatchSpec => ({ kind: 'exact', value })
export const prefix = (value: string): StringMatchSpec => ({ kind: 'prefix', value })
export const regex = (value: string): StringMatchSpec => ({ kind: 'regex', value, place: place(99) })
export const oneOf = (...values: readonly string[]): StringMatchSpec => ({ kind: 'in', values: new Set(values) })
export const present: StringMatchSpec = { kind: 'present' }

type Names = 'headers' | 'withoutHeaders' | 'queryParams' | 'cookies'
type Named = { readonly [name: string]: StringMatchSpec }

export interface ShortMatch extends Omit<RequestMatchSpec, Names | 'sourceLabels' | 'place'> {
  readonly headers?: Named
  readonly withoutHeaders?: Named
  readonly queryParams?: Named
  readonly cookies?: Named
  readonly sourceLabels?: Readonly<Record<string, string>>
}

export function match(short: ShortMatch): RequestMatchSpec {
  const { headers, withoutHeaders, queryParams, cookies, sourceLabels, ...rest } = short
  return {
    ...rest,
    place: place(),
    ...(headers && { headers: new Map(Object.entries(headers)) }),
    ...(withoutHeaders && { withoutHeaders: new Map(Object.entries(withoutHeaders)) }),
    ...(queryParams && { queryParams: new Map(Object.entries(queryParams)) }),
    ...(cookies && { cookies: new Map(Object.entries(cookies)) }),
    ...(sourceLabels && { sourceLabels: new Map(Object.entries(sourceLabels)) }),
  }
}

/** A request as people write it: UTF-8 text, fields in the order of their lines. */
export interface PlainRequest {
  readonly method: string
  readonly scheme: 'http' | 'https'
  readonly authority: string
  readonly path: string
  readonly query: string
  readonly port: number
  readonly ip: string
  readonly labels: Readonly<Record<string, string>> | undefined
  readonly headers: readonly (readonly [name: string, value: string])[]
}

export function request(changes: Partial<PlainRequest> = {}): PlainRequest {
  return {
    method: 'GET',
    scheme: 'http',
    authority: 'shop.example.com',
    path: '/',
    query: '',
    port: 8080,
    ip: '203.0.113.7',
    labels: undefined,
    headers: [],
    ...changes,
  }
}

/** What comes over the wire: one character a byte. */
export const bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

export function factsOf(plain: PlainRequest): RequestFacts {
  const lines = (name: string): string[] =>
    plain.headers.filter(([field]) => field.toLowerCase() === name).map(([, value]) => bytes(value))
  return {
    method: plain.method,
    scheme: plain.scheme,
    authority: bytes(plain.authority),
    path: bytes(plain.path),
    query: bytes(plain.query),
    port: plain.port,
    clientAddress: parseAddress(plain.ip) as Address,
    sourceLabels: plain.labels,
    headerLines: lines,
    cookie: (name) => {
      const pairs = lines('cookie').flatMap((line) => line.split('; '))
      return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1)
    },
  }
}

const upstream = (hostname: string, port = 80): UpstreamUrl => ({ protocol: 'http', hostname, port })

export function service(
  name: string,
  items: readonly ShortMatch[] = [],
  changes: Partial<ServiceSpec> = {},
): ServiceSpec {
  return { name, place: place(), match: items.map(match), timeoutMs: 0, onStale: 'reload', ...changes }
}

/** Services to hosts of their pools. */
export function version(
  name: string,
  pools: Readonly<Record<string, readonly string[]>>,
  base?: string,
  line = 1,
): VersionSpec {
  const entries = Object.entries(pools).map(([of, hosts]) => [of, hosts.map((host) => upstream(host))] as const)
  return { name, place: place(line), base, pools: new Map(entries) }
}

const pin: PinSpec = {
  cookie: 'graylane',
  header: 'x-version',
  ttlSeconds: 8 * 3600,
  epoch: 1,
  repin: 'widen',
  sameSite: 'lax',
  domain: undefined,
  pageHeader: 'x-page-version',
}

export interface ShortRelease extends Partial<Omit<ReleaseSpec, 'versions' | 'pin' | 'draining'>> {
  readonly versions?: readonly VersionSpec[]
  readonly pin?: Partial<PinSpec>
  readonly draining?: readonly string[]
}

/** A release `shop` with frontend and api in v1 (stable), v2 and v3. */
export function release(short: ShortRelease = {}): ReleaseSpec {
  const { versions, pin: pinChanges, draining, ...rest } = short
  const listed = versions ?? ['v1', 'v2', 'v3'].map((name) => version(name, { frontend: ['f'], api: ['a'] }))
  return {
    name: 'shop',
    place: place(),
    hosts: ['*'],
    services: [service('api', [{ uri: prefix('/api/') }]), service('frontend')],
    stable: 'v1',
    gray: [],
    identity: [{ kind: 'clientIp' }],
    ...rest,
    versions: new Map(listed.map((each) => [each.name, each])),
    draining: new Set(draining),
    pin: { ...pin, ...pinChanges },
  }
}

export function rule(
  name: string,
  to: string,
  condition: GrayConditionSpec,
  changes: Partial<GrayRuleSpec> = {},
): GrayRuleSpec {
  return { name, place: place(), version: to, condition, onUnavailable: 'stable', ...changes }
}

export const matches = (...items: readonly ShortMatch[]): GrayConditionSpec => ({
  kind: 'match',
  items: items.map(match),
})
export const users = (...names: readonly string[]): GrayConditionSpec => ({ kind: 'users', users: new Set(names) })
export const share = (percent: number): GrayConditionSpec => ({ kind: 'share', share: Math.round(percent * 100) })

// --- visits --------------------------------------------------------------------------------------------------------------------

export const now = 1_800_000_000
export const ttl = 8 * 3600
const pinOf = (to: string, changes: Partial<Pin> = {}): Pin => ({
  version: to,
  epoch: 1,
  issuedAt: now - 60,
  seed: 'seed',
  history: [to],
  ...changes,
})
export const held = (to: string, changes?: Partial<Pin>): Visit['reading'] => ({
  state: 'held',
  pin: pinOf(to, changes),
})
export const stale = (to: string, changes?: Partial<Pin>): Visit['reading'] => ({
  state: 'stale',
  pin: pinOf(to, changes),
})

export function visit(changes: Partial<Visit> & { readonly down?: readonly string[] } = {}): Visit {
  const { down = [], ...rest } = changes
  return {
    kind: 'document',
    reading: { state: 'none' },
    pageVersion: undefined,
    identity: undefined,
    seed: 'seed',
    nowSeconds: now,
    available: (name) => !down.includes(name),
    settling: undefined,
    ...rest,
  }
}
