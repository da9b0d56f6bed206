// One release: as its configuration says it, every short form spelled out and every list file read; and compiled, as the data path
// holds it. Pure data, as types.ts, whose words it is written in.

import type { HealthCheckSpec } from './health-check.ts'
import type { IdentitySource } from './identity-source.ts'
import type { RouteActionsSpec } from './route-actions.ts'
import type { TrafficPolicySpec } from './traffic-policy.ts'
import type { GrayRule, Matcher, Place, Pool, RequestFacts, RequestMatchSpec, UpstreamUrl } from './types.ts'

// ---------------------------------------------------------------------------------------------------------------
// As configured
// ---------------------------------------------------------------------------------------------------------------

/** What makes a gray rule hit. `ip:` of routes.yaml is a match on clientIp. */
export type GrayConditionSpec =
  | { readonly kind: 'match'; /** ORed */ readonly items: readonly RequestMatchSpec[] }
  | { readonly kind: 'users'; /** identities */ readonly users: ReadonlySet<string> }
  | { readonly kind: 'share'; /** hundredths of a percent, 0 to 10000 */ readonly share: number }

export interface GrayRuleSpec {
  /** Undefined when the file gives none: `ruleLabels` says what it is called then. */
  readonly name: string | undefined
  readonly place: Place
  readonly version: string
  readonly condition: GrayConditionSpec
  /** What a document gets while the rule's version has an unavailable pool. Default: stable. */
  readonly onUnavailable: 'stable' | 'fail'
}

/** One service of routes.yaml: which requests are its own, and what is done with them. */
export interface ServiceSpec extends Omit<RouteActionsSpec, 'mirrors'> {
  readonly name: string
  readonly place: Place
  /** ORed; empty matches everything. */
  readonly match: readonly RequestMatchSpec[]
  /** What a subresource with a stale pin gets: 409 with reload, or (a chosen crossing) stable. */
  readonly onStale: 'reload' | 'stable'
  /** The app's words to caches stay, less what caches that visitors share may hold. Default: see affinity/cache-policy.ts. */
  readonly cache?: 'trust'
  /** WebSockets and streams whose version draws nobody any more end within so long. Default: they are kept. */
  readonly onSwitch?: { readonly closeWithinMs: number }
  readonly mirrors?: readonly ServiceMirrorSpec[]
  /** For the pools of every version. */
  readonly trafficPolicy?: TrafficPolicySpec
  /** Undefined: nobody asks; only refused connections tell. */
  readonly healthCheck?: HealthCheckSpec
}

/** Where a service's requests are copied to: a service of a listed version, so that no copy meets a version nobody chose. */
export interface ServiceMirrorSpec {
  readonly place: Place
  readonly service: string
  readonly version: string
  /** 0 to 100. */
  readonly percentage: number
}

export interface VersionSpec {
  readonly name: string
  readonly place: Place
  /** The version that lends its pools where this one owns none; default stable. */
  readonly base: string | undefined
  /** Service name to the URLs of its endpoints. */
  readonly pools: ReadonlyMap<string, readonly UpstreamUrl[]>
}

export interface PinSpec {
  /** Cookie name without the `__Host-` prefix that https adds. */
  readonly cookie: string
  /** Lower case. */
  readonly header: string
  readonly ttlSeconds: number
  readonly epoch: number
  readonly repin: 'widen' | 'keep'
  readonly sameSite: 'lax' | 'none'
  readonly domain: string | undefined
  /** Header by which a page names its own version; lower case. Default x-page-version. */
  readonly pageHeader: string
}

/** How pages name their own version, beside `pin.pageHeader`. */
export interface PageSpec {
  /** Path at which the edge serves graylane/page; undefined for nowhere. */
  readonly script: string | undefined
  /** Headers in which frameworks name the version of a page, lower case. */
  readonly headers: readonly string[]
  /** Query parameters likewise; they stay in the URL. */
  readonly parameters: readonly string[]
  /** Further origins whose requests the script stamps: those of this release's other hosts. */
  readonly origins: readonly string[]
}

export interface AssetsSpec {
  /** A hashed asset that is missing is looked for in the other versions of this browser (src/proxy/live-assets.ts). */
  readonly tryLive: boolean
}

export interface ReleaseSpec {
  readonly name: string
  readonly place: Place
  /** Istio wildcard hosts: exact, `*.suffix`, `*`. */
  readonly hosts: readonly string[]
  /** In the order of the file: first match wins. */
  readonly services: readonly ServiceSpec[]
  readonly versions: ReadonlyMap<string, VersionSpec>
  readonly stable: string
  readonly draining: ReadonlySet<string>
  readonly gray: readonly GrayRuleSpec[]
  readonly identity: readonly IdentitySource[]
  /** Values of sources other than the address that mean nobody, in lower case. */
  readonly ignoredIdentities?: ReadonlySet<string>
  readonly pin: PinSpec
  /** For so long a version that is new to a gateway draws nobody (`rollout.settle`). Default 0. */
  readonly settleSeconds?: number
  /** Undefined: a page names its version by `pin.pageHeader` alone. */
  readonly page?: PageSpec
  readonly assets?: AssetsSpec
}

// ---------------------------------------------------------------------------------------------------------------
// Compiled and frozen
// ---------------------------------------------------------------------------------------------------------------

export interface ShareRule extends GrayRule {
  /** Hundredths of a percent, 0 to 10000. */
  readonly share: number
}

export interface Service {
  readonly spec: ServiceSpec
  readonly name: string
  /** What it does, its mirrors with their pools. */
  readonly actions: RouteActionsSpec
  readonly matches: Matcher
  /** The item of `match` that fits, for rewrites that replace the matched prefix; undefined when the service matches everything. */
  readonly matched: (facts: RequestFacts) => RequestMatchSpec | undefined
  /** Decided version to its pool (own or base's); a version without an entry is not served by this service. */
  readonly pools: ReadonlyMap<string, Pool>
}

/** One release, compiled and frozen. */
export interface Release {
  readonly spec: ReleaseSpec
  readonly name: string
  readonly stable: string
  readonly services: readonly Service[]
  /** All pools of one version, for `is this version available as a whole`. */
  readonly poolsOf: ReadonlyMap<string, readonly Pool[]>
  /** Gray rules of all kinds in the file's order. */
  readonly gray: readonly GrayRule[]
  /** The first explicit rule (match or users) that hits, by the file's order. Indexed, not linear, where the rules allow. */
  readonly firstExplicit: FirstExplicit
  /** One of them looks at the path or the query. */
  readonly explicitReadsTarget: boolean
  readonly shares: readonly ShareRule[]
}

/** @param passesOver rules that do not count this time, even if they hit */
export type FirstExplicit = (
  facts: RequestFacts,
  identity: string | undefined,
  passesOver?: (rule: GrayRule) => boolean,
) => GrayRule | undefined

/** Everything that deciding needs, compiled from one configuration; immutable. */
export interface RouteTable {
  readonly releases: readonly Release[]
  /** By Host value as sent (port and case do not matter): exact, then the longest `*.` suffix, then `*`. */
  readonly releaseFor: (authority: string) => Release | undefined
  /** Internal traffic: short name or FQDN of a service (port and case do not matter). First release that has it. */
  readonly serviceFor: (authority: string) => { readonly release: Release; readonly service: Service } | undefined
}
