// Which promise an answer carries: who gets a pin, what stands in it, and the Set-Cookie line that brings it.
// Never decides a version, and never writes what the browser holds already.

import { Buffer } from 'node:buffer'
import { hash } from 'node:crypto'
import type { PinSpec, ReleaseSpec } from '../rules/release.ts'
import type { Decision, Pin, PinReading, PinState, Visit } from '../rules/types.ts'
import {
  hasFetchMetadata,
  isHtmlType,
  isPageRequest,
  isPrefetch,
  isRedirect,
  isStaticSubresource,
  isUpgrade,
  leavesPageOpen,
} from './page-kind.ts'
import type { RequestMarks } from './page-kind.ts'
import { isFrame, takesPartitioned } from './page-frame.ts'
import { pinCookieName } from './pin-cookie.ts'
import type { Fields } from './types.ts'

const seedBytes = 12
const historyLength = 3
/** Pages stay open longer than `ttl`, which binds documents only: their subresources need the cookie for another week. */
const openPageSeconds = 7 * 24 * 3600

/**
 * What the visitor is drawn by (16 characters of base64url): what the pin holds, so that neither a login nor another address flips anyone;
 * else from the identity, which gives clients without cookies the same draw each time; else random.
 */
export function seedFor(
  release: string,
  reading: PinReading,
  identity: string | undefined,
  randomBytes: (size: number) => Uint8Array,
): string {
  if (reading.state !== 'none') return reading.pin.seed
  // Salted with the release: nobody is the guinea pig of every release, and the seed tells nothing across them.
  const bytes =
    identity === undefined ? randomBytes(seedBytes) : hash('sha256', `graylane seed\n${release}\n${identity}`, 'buffer')
  return Buffer.from(bytes.buffer, bytes.byteOffset, seedBytes).toString('base64url')
}

/** An answer on its way to the client, when its pin is up for writing. */
export interface AnswerToPin {
  readonly release: ReleaseSpec
  readonly visit: Visit
  readonly decision: Decision
  /** What came in beside the visit's reading, which does not tell a forged pin from none. */
  readonly pinIn: PinState
  /** It has to be written anew (PinFinding). */
  readonly pinMoved: boolean
  readonly request: RequestMarks
  readonly status: number
  readonly head: Fields
  /** Seconds since 1970, now, at the answer. */
  readonly nowSeconds: number
}

/**
 * The pin to write with this answer, or undefined when the browser keeps what it has (docs/affinity.md, step 9). It goes with the page:
 * what is not shown in the place of another page must not take the pin of that page away.
 */
export function pinToWrite(answer: AnswerToPin): Pin | undefined {
  const { decision, visit, request, status, head } = answer
  if (decision.action !== 'serve' || request.method === 'HEAD') return undefined
  const due = visit.kind === 'document' ? isDue(answer) : visit.kind !== 'preflight' && mayPinSubresource(answer)
  return due && !leavesPageOpen(status, head) && !canWait(answer) ? newPin(answer) : undefined
}

/**
 * A redirect may lead to a file that is saved. What it leads to is decided alike, and brings the pin itself if it is a page; unless a rule
 * hit, which may hit for this URL alone.
 */
function canWait({ visit, decision, status }: AnswerToPin): boolean {
  return isRedirect(status) && visit.reading.state !== 'none' && decision.reason !== 'rule'
}

/** What the access log says of the pin. */
export function pinOut(reading: PinReading, written: Pin | undefined): 'kept' | 'set' | 'none' {
  if (written !== undefined) return 'set'
  return reading.state === 'held' ? 'kept' : 'none'
}

/**
 * The value of Set-Cookie. On plain http there is no Secure, without which browsers refuse SameSite=None: Lax is what works there. Chromium
 * forgets cookies of high priority last when a site has more than 180 (draft-west-cookie-priority); others ignore the word. A frame of
 * another site's page whose cookies are blocked may still have one that is kept for that page alone (Partitioned).
 */
export function setCookieLine(spec: PinSpec, value: string, encrypted: boolean, request: Fields): string {
  const sameSite = spec.sameSite === 'none' && encrypted ? 'None' : 'Lax'
  const partitioned = sameSite === 'None' && takesPartitioned(request) ? '; Partitioned' : ''
  const domain = spec.domain === undefined ? '' : `; Domain=${spec.domain}`
  const name = pinCookieName(spec, encrypted)
  const maxAge = spec.ttlSeconds + openPageSeconds
  return `${name}=${value}; Path=/${domain}; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=${sameSite}${encrypted ? '; Secure' : ''}${partitioned}`
}

/**
 * Set-Cookie lines that take away what else the browser sends under the pin's name; they go before the pin that is written: those for one
 * host where it is for `domain`, and that of a frame which has been let to the cookies of its site since.
 */
export function endOfOtherPins(spec: PinSpec, encrypted: boolean, pinIn: PinState, request: Fields): readonly string[] {
  if (pinIn === 'none') return []
  const end = 'Path=/; Max-Age=0; HttpOnly; SameSite='
  const lines: string[] = []
  if (spec.sameSite === 'none' && encrypted && request.get('sec-fetch-storage-access') === 'active') {
    const domain = spec.domain === undefined ? '' : `Domain=${spec.domain}; `
    lines.push(`${pinCookieName(spec, encrypted)}=; ${domain}${end}None; Secure; Partitioned`)
  }
  if (spec.domain === undefined) return lines
  if (!encrypted) return [...lines, `${spec.cookie}=; ${end}Lax`]
  return [...lines, `${spec.cookie}=; ${end}Lax; Secure`, `__Host-${spec.cookie}=; ${end}Lax; Secure`]
}

/**
 * A document's pin is written when there is none that holds, when the version changed, when it stands in the wrong place, and now and
 * then while it is still given.
 */
function isDue({ visit, decision, release, pinMoved, nowSeconds }: AnswerToPin): boolean {
  const { reading } = visit
  if (reading.state !== 'held' || reading.pin.version !== decision.version || pinMoved) return true
  const age = nowSeconds - reading.pin.issuedAt
  return age > release.pin.ttlSeconds / 8 && isStillGiven(decision, release)
}

/** A pin that nothing but itself gives is not renewed, so that it ends after `ttl` and the visitor comes home to stable. */
function isStillGiven(decision: Decision, release: ReleaseSpec): boolean {
  return decision.version === release.stable || decision.reason === 'rule' || decision.reason === 'share'
}

function mayPinSubresource(answer: AnswerToPin): boolean {
  const { reading } = answer.visit
  if (reading.state !== 'none') return isPageOfOldTab(answer, reading.pin)
  return isShownAsPage(answer) || isAnswerToClient(answer)
}

/**
 * A page that is no page load: the answer to a form that another site posted (without the pin, which is SameSite=Lax), or what was
 * prefetched before the first visit. What it asks for would follow another pin, or be decided anew each time.
 */
function isShownAsPage({ request, status, head }: AnswerToPin): boolean {
  return !isRedirect(status) && isHtmlType(head.get('content-type') ?? '') && isPageRequest(request, true)
}

/**
 * The answer to a form of a stamped tab, from which another one has taken the pin: what it loads has to be of its version. Not of a frame,
 * around which the page stays; nor of a script, which alone can send the header.
 */
function isPageOfOldTab(answer: AnswerToPin, pin: Pin): boolean {
  const { decision, request, release } = answer
  return (
    decision.reason === 'page' &&
    decision.version !== pin.version &&
    request.get(release.pin.pageHeader) === undefined &&
    !isFrame(request) &&
    isShownAsPage(answer)
  )
}

/** Clients without fetch metadata may keep cookies without ever loading a page (scripts, apps): their first API answer pins them. */
function isAnswerToClient({ pinIn, request, head }: AnswerToPin): boolean {
  return (
    (pinIn === 'none' || pinIn === 'forged') &&
    request.method !== 'OPTIONS' &&
    !hasFetchMetadata(request) &&
    !isUpgrade(request) &&
    !isPrefetch(request) &&
    !isStaticSubresource(request, head.get('content-type'))
  )
}

function newPin({ visit, decision, release, nowSeconds }: AnswerToPin): Pin {
  const old = visit.reading.state === 'none' ? undefined : visit.reading.pin
  const { epoch } = release.pin
  // What an older epoch promised is void: a name may mean another build since. A newer epoch stays: see isStale in pin-cookie.ts.
  const given = old === undefined || old.epoch < epoch ? [] : old.history
  const history = [decision.version, ...given.filter((version) => version !== decision.version)]
  return {
    version: decision.version,
    epoch: old?.version === decision.version ? Math.max(epoch, old.epoch) : epoch,
    issuedAt: nowSeconds,
    seed: visit.seed,
    history: history.slice(0, historyLength),
  }
}
