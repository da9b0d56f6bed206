// The words of deciding: what a configuration says (specs), what a request shows (facts), what comes out (a decision).
// Pure data. Nothing here knows of sockets, clocks, files or randomness.

import type { HealthCheckSpec } from './health-check.ts'
import type { IdentitySource } from './identity-source.ts'
import type { RouteActionsSpec } from './route-actions.ts'
import type { TrafficPolicySpec } from './traffic-policy.ts'

/** Where something stands in a configuration file. Lines and columns count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

// ---------------------------------------------------------------------------------------------------------------
// Facts: one request, as the rules see it
// ---------------------------------------------------------------------------------------------------------------

/** An IP address. IPv4-mapped IPv6 (`::ffff:10.0.0.1`) is held as IPv4, so that one rule covers both spellings. */
export type Address =
  | { readonly family: 4; /** unsigned 32 bit */ readonly value: number; readonly text: string }
  | { readonly family: 6; readonly high: bigint; readonly low: bigint; readonly text: string }

/**
 * One request, read lazily: a fact that no rule asks for is never computed. Names are given in lower case. Text is as it came over the
 * wire, one character a byte (latin1); rule texts are brought into that shape when they are compiled (wire-text.ts).
 */
export interface RequestFacts {
  readonly method: string
  readonly scheme: 'http' | 'https'
  /** The Host field as sent, with port and case (Istio matches `authority` on the raw value). */
  readonly authority: string
  /** The canonical path, without the query. */
  readonly path: string
  /** Everything behind the first `?`, raw; '' when there is none. */
  readonly query: string
  /** The port of the listener that took the request. */
  readonly port: number
  readonly clientAddress: Address
  /** Labels of the calling workload; known on internal listeners only. */
  readonly sourceLabels: Readonly<Record<string, string>> | undefined
  /** Each line of that field in order, white space around it cut; empty when there is none. */
  headerLines(name: string): readonly string[]
  /** The first cookie of that name, or undefined. */
  cookie(name: string): string | undefined
}

// ---------------------------------------------------------------------------------------------------------------
// Specs: a configuration in its long form, every short form spelled out, every list file read
// ---------------------------------------------------------------------------------------------------------------

/** Istio's StringMatch, and `in`. `present` is Istio's empty match `{}`. */
export type StringMatchSpec =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'regex'; readonly value: string; readonly place: Place }
  | { readonly kind: 'in'; readonly values: ReadonlySet<string> }
  | { readonly kind: 'present' }

/** Istio's HTTPMatchRequest plus `clientIp` and `cookies`. Every field that is given has to hold. */
export interface RequestMatchSpec {
  readonly place: Place
  readonly uri?: StringMatchSpec
  /** Istio: concerns exact and prefix of `uri` only. */
  readonly ignoreUriCase?: boolean
  readonly scheme?: StringMatchSpec
  readonly method?: StringMatchSpec
  readonly authority?: StringMatchSpec
  /** Names in lower case; a second test of one header (Istio's maps can hold that) stands under another spelling. */
  readonly headers?: ReadonlyMap<string, StringMatchSpec>
  readonly withoutHeaders?: ReadonlyMap<string, StringMatchSpec>
  readonly queryParams?: ReadonlyMap<string, StringMatchSpec>
  readonly cookies?: ReadonlyMap<string, StringMatchSpec>
  /** Addresses and CIDRs, already checked by `parseCidr`. */
  readonly clientIp?: readonly string[]
  readonly port?: number
  readonly sourceLabels?: ReadonlyMap<string, string>
}

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

/** Changes to the fields of a message; `remove` is done first (as Envoy does). Values may hold Envoy's format words and %VERSION%. */
export interface HeaderOperationsSpec {
  readonly remove: readonly string[]
  readonly set: ReadonlyMap<string, string>
  readonly add: ReadonlyMap<string, string>
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

/** An upstream as configured: http://host:port. Names are resolved by the proxy. */
export interface UpstreamUrl {
  readonly protocol: 'http' | 'https'
  /** Name or address, without brackets. */
  readonly hostname: string
  readonly port: number
  /** Share among the endpoints of its pool (WorkloadEntry.weight); default 1. */
  readonly weight?: number
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
// The compiled form: what the data path holds
// ---------------------------------------------------------------------------------------------------------------

export type Matcher = (facts: RequestFacts) => boolean

/** One gray rule, compiled. `index` is its place in the list, which is its precedence. */
export interface GrayRule {
  readonly index: number
  readonly version: string
  /** What people call it, `ruleLabels`: its name, or `line N`. */
  readonly label: string
  readonly place: Place
  readonly onUnavailable: 'stable' | 'fail'
}

export interface ShareRule extends GrayRule {
  /** Hundredths of a percent, 0 to 10000. */
  readonly share: number
}

/** Where a service's requests go, for one version: the version that owns the pool, and its endpoints. */
export interface Pool {
  /** `release/service@owner`, unique in a snapshot; labels health and metrics. */
  readonly key: string
  readonly release: string
  readonly service: string
  /** The version that owns the pool: the decided one, or its base. */
  readonly owner: string
  /** Empty: every request of the pool is answered 503. */
  readonly upstreams: readonly UpstreamUrl[]
  readonly trafficPolicy?: TrafficPolicySpec
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

// ---------------------------------------------------------------------------------------------------------------
// Deciding
// ---------------------------------------------------------------------------------------------------------------

/** What a genuine pin says. Times in seconds since 1970. */
export interface Pin {
  readonly version: string
  readonly epoch: number
  readonly issuedAt: number
  readonly seed: string
  /** The last versions this browser was given in this epoch, newest first, at most three; holds `version` itself. */
  readonly history: readonly string[]
}

/** The pin a request came with. Stale: genuine, but its version is not listed or its epoch is old. */
export type PinReading =
  | { readonly state: 'none' }
  | { readonly state: 'held'; readonly pin: Pin }
  | { readonly state: 'stale'; readonly pin: Pin }

/** What became of the pins that came. forged: a signature that fails (or cannot be checked any more). two: genuine ones that differ. */
export type PinState = PinReading['state'] | 'forged' | 'two'

/** A page load, or everything else. A preflight belongs to no page and carries no cookies. */
export type PageKind = 'document' | 'subresource' | 'preflight'

/** What deciding needs beside the facts; clock, randomness and health come in as values. */
export interface Visit {
  readonly kind: PageKind
  readonly reading: PinReading
  /** What the page says of itself (x-page-version); believed only when it stands in the pin's history; else the page is told to reload. */
  readonly pageVersion: string | undefined
  /** First identity present, or undefined. */
  readonly identity: string | undefined
  /** The visitor's draw: the pin's seed, else the identity's hash, else random. */
  readonly seed: string
  readonly nowSeconds: number
  /** Is every pool of this version available? */
  readonly available: (version: string) => boolean
  /** Undefined where no version is new (`rollout.settle`). */
  readonly settling: Settling | undefined
  readonly preview?: PreviewReading | undefined
}

/** A genuine preview cookie. Not held: its time, its version or its epoch is over. */
export interface PreviewReading {
  readonly held: boolean
  readonly version: string
}

/** What other gateways may not know yet: a new version draws nobody before its time, and everyone else stays where stable was. */
export interface Settling {
  /** Version to the second since 1970 from which on it draws. */
  readonly drawsFrom: ReadonlyMap<string, number>
  /** What was stable before a version that is new became it; undefined when stable is none of these. */
  readonly stableBefore: string | undefined
}

/**
 * Why a version was chosen. Stable words: they are metric labels and log fields.
 * rule: an explicit gray rule · share: a share drew the visitor · pin: the promise held · page: the page named its version ·
 * stable: nothing else applied · preflight: a CORS preflight · preview: a signed link was followed · stale: the pin's version or epoch is gone ·
 * fallback: the version has an unavailable pool, so the whole visit goes to stable · unavailable: the same, but it may not fall back ·
 * asset: a hashed asset that the decided version lacks, found in another one of this browser (assets.tryLive) ·
 * source-labels, asked, source-address, default: the four ways of an internal caller.
 */
export type Reason =
  | 'rule'
  | 'share'
  | 'pin'
  | 'page'
  | 'stable'
  | 'preflight'
  | 'preview'
  | 'stale'
  | 'fallback'
  | 'unavailable'
  | 'asset'
  | 'source-labels'
  | 'asked'
  | 'source-address'
  | 'default'

export interface Decision {
  /** serve: go to `version`; reload: 409, the page is of a version that is gone; unavailable: 503, the version cannot answer. */
  readonly action: 'serve' | 'reload' | 'unavailable'
  readonly version: string
  readonly reason: Reason
  /** The gray rule behind `rule`, `share`, and behind a `fallback` or `unavailable` that a rule led to. */
  readonly rule: GrayRule | undefined
}

/** A line of `graylane explain`: one step of the decision, in the order in which it was taken. */
export interface Step {
  readonly step: string
  readonly outcome: string
}
