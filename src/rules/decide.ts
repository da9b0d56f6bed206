// Which version answers a request, and why: steps 5 to 7 and 11 of docs/affinity.md, read top to bottom.
// Pure, but for the rule that a kept visit remembers: clock, chance and health come in with the visit. Never picks a service or an endpoint.

import { describeDecision, traceRules } from './describe.ts'
import { decidePreview } from './preview.ts'
import { draw } from './share.ts'
import type { Release, ShareRule } from './release.ts'
import type { Decision, GrayRule, Pin, Reason, RequestFacts, Step, Visit } from './types.ts'

type Trace = (step: Step) => void

/**
 * The version of a request at the edge.
 *
 * With `reload`, `version` is stable: what a service with `onStale: stable` serves instead. With `unavailable` it is the version that
 * cannot answer.
 */
export function decide(release: Release, facts: RequestFacts, visit: Visit, trace?: Trace): Decision {
  const previewed = visit.preview === undefined ? undefined : decidePreview(release, visit)
  const decision = previewed ?? decideByKind(release, facts, visit, trace)
  trace?.({ step: 'decision', outcome: describeDecision(decision) })
  return decision
}

/**
 * The version of a service-to-service call: the listener's fixed label `version`, the version the caller asked for, the
 * one version that owns an endpoint at the caller's address, else stable. A name that is not listed counts as not said. Health plays no
 * part: the pool answers 503 itself.
 * @param sourceAddressVersion asked only when nothing before it applied
 */
export function decideInternal(
  release: Release,
  listenerLabels: Readonly<Record<string, string>> | undefined,
  askedVersion: string | undefined,
  sourceAddressVersion: () => string | undefined,
  trace?: Trace,
): Decision {
  const decision =
    serveListed(release, listenerLabels?.['version'], 'source-labels') ??
    serveListed(release, askedVersion, 'asked') ??
    serveListed(release, sourceAddressVersion(), 'source-address') ??
    serve(release.stable, 'default')
  trace?.({ step: 'decision', outcome: describeDecision(decision) })
  return decision
}

function decideByKind(release: Release, facts: RequestFacts, visit: Visit, trace: Trace | undefined): Decision {
  switch (visit.kind) {
    case 'preflight':
      return serve(stableFor(release, visit), 'preflight')
    case 'document':
      return decideDocument(release, facts, visit, bindingPin(release, visit), trace)
    case 'subresource':
      return decideSubresource(release, facts, visit, trace)
    case 'prefetch':
      return decidePrefetch(release, facts, visit, trace)
  }
}

/**
 * A page loaded ahead is shown without a further request, and must not take the pin of the open page away: it is of the pin's version or
 * not loaded ahead at all. Else whoever follows prefetched links would never leave a version that is drained. Nor where pages of other
 * hosts may move the pin meanwhile: browsers forget only what pages of their own origin have loaded ahead (Clear-Site-Data).
 */
function decidePrefetch(release: Release, facts: RequestFacts, visit: Visit, trace: Trace | undefined): Decision {
  const { reading } = visit
  const { pin, versions } = release.spec
  const movesUnseen = pin.domain !== undefined && versions.size > 1
  if (reading.state !== 'held' && !movesUnseen) return decideSubresource(release, facts, visit, trace)
  const page = decideDocument(release, facts, visit, bindingPin(release, visit), trace)
  const stays = reading.state === 'held' && page.version === reading.pin.version && !movesUnseen
  if (page.action !== 'serve' || stays) return page
  return { action: 'refuse', version: page.version, reason: 'prefetch', rule: page.rule }
}

// --- subresources (step 5) ---------------------------------------------------------------------------------------------------

/** A subresource follows its page, whatever the rules say by now: of any age, draining too. */
function decideSubresource(release: Release, facts: RequestFacts, visit: Visit, trace: Trace | undefined): Decision {
  const { reading, pageVersion } = visit
  if (reading.state === 'none') return decideUnpinned(release, facts, visit, trace)

  const { pin } = reading
  // The page's own word comes first: a cookie cannot tell two tabs apart. What an older epoch was given is void, since a name may mean
  // another build by now; a pin that is stale because its version has gone may still hold the name of an older page.
  const pageCounts = pageVersion !== undefined && pin.epoch >= release.spec.pin.epoch
  if (pageCounts && pin.history.includes(pageVersion)) return followPage(release, pageVersion, 'page', visit)
  // Any other word is not believed, and yet tells that the page is not of the pin's version: it was given too long ago, in an older epoch,
  // or by an answer that lost the race for the cookie.
  return reading.state === 'held' && pageVersion === undefined
    ? followPage(release, pin.version, 'pin', visit)
    : reload(release, visit)
}

/**
 * Without a pin there is no page to follow: as a document, and whoever was drawn falls back like one. What the page says of itself cannot
 * be held against anything, so it opens nothing; but it tells that the answer would be of another version.
 */
function decideUnpinned(release: Release, facts: RequestFacts, visit: Visit, trace: Trace | undefined): Decision {
  const decision = decideDocument(release, facts, visit, undefined, trace)
  const crosses = visit.pageVersion !== undefined && visit.pageVersion !== decision.version
  return crosses ? reload(release, visit) : decision
}

function followPage(release: Release, version: string, reason: Reason, visit: Visit): Decision {
  // The browser was given this version, and it has gone: there is nothing left that would not cross.
  if (!release.spec.versions.has(version)) return reload(release, visit)
  // Half a fallback never happens (step 7): the page stays on its version, and fails with it. Stable has nowhere to fall.
  return version === stableFor(release, visit) || visit.available(version)
    ? serve(version, reason)
    : { action: 'unavailable', version, reason: 'unavailable', rule: undefined }
}

// --- documents (steps 6, 7, 11) ----------------------------------------------------------------------------------------------

function decideDocument(
  release: Release,
  facts: RequestFacts,
  visit: Visit,
  bound: Pin | undefined,
  trace: Trace | undefined,
): Decision {
  if (bound !== undefined && release.spec.pin.repin === 'keep')
    return onHealthy(release, bound.version, 'pin', undefined, visit)
  const hit = firstHit(release, facts, visit, bound)
  if (trace !== undefined) traceRules(release, visit, bound?.version, hit, trace)
  if (hit !== undefined) return onHealthy(release, hit.version, 'share' in hit ? 'share' : 'rule', hit, visit)
  if (bound !== undefined) return onHealthy(release, bound.version, 'pin', undefined, visit)
  return serve(stableFor(release, visit), 'stable')
}

/** The pin that binds a document: genuine, listed, younger than `ttl` and not draining. */
function bindingPin(release: Release, visit: Visit): Pin | undefined {
  if (visit.reading.state !== 'held') return undefined
  const { pin } = visit.reading
  const { draining, pin: spec, versions } = release.spec
  const isYoung = visit.nowSeconds - pin.issuedAt < spec.ttlSeconds
  return isYoung && versions.has(pin.version) && !draining.has(pin.version) ? pin : undefined
}

/**
 * The first rule, explicit or share, that hits. Rules for draining versions are not among those that can (compile.ts). A share moves only
 * those on stable or unpinned, and still hits for those whom it gave its version already: otherwise the rules below it would take them.
 * So it is with rules for a version that settles: they hit for those who have it from another gateway.
 */
function firstHit(
  release: Release,
  facts: RequestFacts,
  visit: Visit,
  bound: Pin | undefined,
): GrayRule | ShareRule | undefined {
  const isTooNew = visit.settling && tooNewFor(visit, bound)
  const explicit = firstExplicit(release, facts, visit, isTooNew)
  const { shares } = release
  for (let i = 0; i < shares.length; i += 1) {
    const share = shares[i]!
    if (explicit !== undefined && explicit.index < share.index) break
    if (isTooNew?.(share) === true) continue
    const mayHave =
      bound === undefined || bound.version === stableFor(release, visit) || bound.version === share.version
    if (mayHave && draw(release.name, share.version, visit.seed) < share.share) return share
  }
  return explicit
}

/** Rules that do not look at the target say the same of every request for which a visit is kept. */
function firstExplicit(
  release: Release,
  facts: RequestFacts,
  visit: Visit,
  isTooNew: ((rule: GrayRule) => boolean) | undefined,
): GrayRule | undefined {
  const { found, identity } = visit
  if (found === undefined || release.explicitReadsTarget || isTooNew !== undefined)
    return release.firstExplicit(facts, identity, isTooNew)
  if (found.rule === null) found.rule = release.firstExplicit(facts, identity)
  return found.rule
}

function tooNewFor(visit: Visit, bound: Pin | undefined): (rule: GrayRule) => boolean {
  return ({ version }) => settles(visit, version) && version !== bound?.version
}

/** A version with an unavailable pool gives its documents to stable as a whole visit, unless the rule says to fail. */
function onHealthy(
  release: Release,
  version: string,
  reason: Reason,
  rule: GrayRule | undefined,
  visit: Visit,
): Decision {
  // Stable has nothing to fall back to: it serves, and the pool that is out answers 503.
  const stable = stableFor(release, visit)
  if (version === stable || visit.available(version)) return serve(version, reason, rule)
  return rule?.onUnavailable === 'fail'
    ? { action: 'unavailable', version, reason: 'unavailable', rule }
    : serve(stable, 'fallback', rule)
}

// --- versions that are new (step 11) --------------------------------------------------------------------------------------------

/** Whether other gateways may not know the version yet: it draws nobody, but whoever has a pin of it keeps it. */
function settles({ settling, nowSeconds }: Visit, version: string): boolean {
  return settling !== undefined && nowSeconds < (settling.drawsFrom.get(version) ?? 0)
}

/** Where everyone else is: a version that is new does not become stable before its time. */
function stableFor(release: Release, visit: Visit): string {
  const before = visit.settling?.stableBefore
  return before !== undefined && settles(visit, release.stable) ? before : release.stable
}

// --- shapes ------------------------------------------------------------------------------------------------------------------

function serve(version: string, reason: Reason, rule?: GrayRule): Decision {
  return { action: 'serve', version, reason, rule }
}

function reload(release: Release, visit: Visit): Decision {
  return { action: 'reload', version: stableFor(release, visit), reason: 'stale', rule: undefined }
}

function serveListed(release: Release, version: string | undefined, reason: Reason): Decision | undefined {
  return version !== undefined && release.spec.versions.has(version) ? serve(version, reason) : undefined
}
