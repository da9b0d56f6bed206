// The words of deciding: what a request shows (facts), what can be asked of it (matches), where it may go (pools), what comes out (a
// decision). release.ts says whole releases in them. Pure data. Nothing here knows of sockets, clocks, files or randomness.

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
// Specs: parts of a configuration in their long form
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

/** Changes to the fields of a message; `remove` is done first (as Envoy does). Values may hold Envoy's format words and %VERSION%. */
export interface HeaderOperationsSpec {
  readonly remove: readonly string[]
  readonly set: ReadonlyMap<string, string>
  readonly add: ReadonlyMap<string, string>
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

// ---------------------------------------------------------------------------------------------------------------
// Compiled: what the data path holds
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

/**
 * A page load, or everything else. A page that is loaded ahead of its visit (prefetch) moves no pin. A preflight belongs to no page and
 * carries no cookies.
 */
export type PageKind = 'document' | 'subresource' | 'prefetch' | 'preflight'

/** What deciding needs beside the facts; clock, randomness and health come in as values. */
export interface Visit {
  readonly kind: PageKind
  readonly reading: PinReading
  /** What the page says of itself (x-page-version); believed only when it stands in the pin's history; else the page is told to reload. */
  readonly pageVersion: string | undefined
  /** First identity present, or undefined. */
  readonly identity: string | undefined
  /** What the visitor is drawn by: the pin's seed, else the identity's hash, else random. */
  readonly seed: string
  readonly nowSeconds: number
  /** Is every pool of this version available? */
  readonly available: (version: string) => boolean
  /** Undefined where no version is new (`rollout.settle`). */
  readonly settling: Settling | undefined
  readonly preview?: PreviewReading | undefined
  /** For whoever keeps the visit for requests that differ in their target alone. */
  readonly found?: FoundRule | undefined
}

/** The explicit rule that hit the first of several such requests; null until it was looked for. */
export interface FoundRule {
  rule: GrayRule | undefined | null
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
  | 'prefetch'
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
  /**
   * serve: go to `version`; reload: 409, the page is of a version that is gone; unavailable: 503, the version cannot answer; refuse: 409, not
   * ahead of the visit, which will be of `version`.
   */
  readonly action: 'serve' | 'reload' | 'unavailable' | 'refuse'
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
