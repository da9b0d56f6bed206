// Who may talk to the admin port. A page in somebody's browser may not, neither by DNS rebinding (its name ends up in Host) nor from
// another site (Origin, Sec-Fetch-Site); away from loopback only who holds the token may. Answers by value, never throws.

import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'

export interface GuardOptions {
  /** The address that was asked for: a name or an address, without brackets. */
  readonly host: string
  /** Bearer token that every request has to bring; undefined for none. */
  readonly token: string | undefined
}

/** What of a request is looked at. */
export interface GuardedRequest {
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly secFetchSite: string | undefined
  readonly authorization: string | undefined
  /** Address of our end of the connection. */
  readonly localAddress: string | undefined
}

export interface Refusal {
  readonly status: 401 | 403 | 421
  readonly title: string
}

/** Returns a check: undefined for a welcome request, else how to refuse it. */
export function createGuard(options: GuardOptions): (request: GuardedRequest) => Refusal | undefined {
  const expected = options.token === undefined ? undefined : digest(`Bearer ${options.token}`)
  return (request) => {
    const host = hostOf(request.host)
    if (host === undefined || !isOurs(host, options.host, request.localAddress)) {
      return { status: 421, title: 'This Host is not one of the admin server: use its address' }
    }
    const foreign = foreignPage(request)
    if (foreign !== undefined) return foreign
    if (expected !== undefined && !timingSafeEqual(digest(request.authorization ?? ''), expected)) {
      return { status: 401, title: 'A bearer token is required' }
    }
    return undefined
  }
}

/** Browsers say where a request comes from. `none` is the address bar. */
export function foreignPage(request: Pick<GuardedRequest, 'host' | 'origin' | 'secFetchSite'>): Refusal | undefined {
  const { host, origin, secFetchSite } = request
  const sameOrigin =
    origin === undefined || (host !== undefined && origin.toLowerCase() === `http://${host.toLowerCase()}`)
  const sameSite = secFetchSite === undefined || secFetchSite === 'same-origin' || secFetchSite === 'none'
  return sameOrigin && sameSite
    ? undefined
    : { status: 403, title: 'Pages of other origins may not use the admin server' }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/**
 * Loopback names and addresses, the configured one, and the address this connection came in at. A listener on all addresses may be
 * reached by addresses it does not know of (a published container port), so any literal does there: no DNS name can turn into one.
 */
function isOurs(host: string, configured: string, localAddress: string | undefined): boolean {
  if (isLoopback(host) || host === configured.toLowerCase()) return true
  if (isIP(host) === 0) return false
  return host === localAddress?.replace(/^::ffff:/, '') || configured === '0.0.0.0' || configured === '::'
}

/** Host without port and brackets, in lower case. */
function hostOf(field: string | undefined): string | undefined {
  return /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/
    .exec(field?.toLowerCase() ?? '')
    ?.slice(1)
    .find(Boolean)
}

/** Digests have one length, so comparing them tells nothing of the token's. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
