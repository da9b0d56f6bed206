// Does a frame show a part of a page that is open, whose pin must stay what it is, or is it a visit of its own? Told by what browsers say of
// who loads it and of the page around it; where they do not say, no page may lose its pin.

import { withoutPort } from '../rules/authority.ts'
import type { Fields } from './types.ts'

/** Whether a release's pin is held by pages of that host too; the port does not count. */
export type SharesPin = (host: string) => boolean

/** What is loaded into a page: Sec-Fetch-Dest of an embedded navigable (Fetch Metadata, 2.1). */
export function isFrame(request: Fields): boolean {
  const dest = request.get('sec-fetch-dest')
  return dest === 'iframe' || dest === 'frame' || dest === 'object' || dest === 'embed'
}

/**
 * Whether a page that is open has this frame and the frame's pin: the page of the frame's own host, or with `pin.domain` of another host
 * of the release.
 * @param holdsPin the pin that came holds: were such a frame a visit, it could move the pin of the page around it
 * @param sharesPin undefined without `pin.domain`: a pin is for one host then
 */
export function isFrameOfOpenPage(request: Fields, holdsPin: boolean, sharesPin: SharesPin | undefined): boolean {
  const site = request.get('sec-fetch-site')
  if (site === 'same-origin') return true
  // Who began it, whoever redirected since: a login at another site that renews itself in a frame leads back to its page. And the page of
  // another port: cookies know none (RFC 6265 8.5).
  const loader = hostOf(request.get('referer'))
  if (loader !== undefined && (loader === bareHost(request.get('host') ?? '') || sharesPin?.(loader) === true))
    return true
  if (loader === undefined && sharesPin !== undefined && site === 'same-site') return true
  return holdsPin && !isAmongStrangers(request)
}

/**
 * Browsers that know it say how cookies stand in a page of another site, and nothing where all the pages around are of one site
 * (Storage Access Headers, 3.1): so much is sure of the frame's own page when a bank or a login in the frame leads back to it.
 */
function isAmongStrangers(request: Fields): boolean {
  return request.get('sec-fetch-storage-access') !== undefined
}

/**
 * Whether a browser takes cookies of this page only apart from those of its site (CHIPS): it says that it sends none of those (Storage
 * Access Headers, 3.1: `none`, or `inactive` as long as the frame has not asked for them).
 */
export function takesPartitioned(request: Fields): boolean {
  const access = request.get('sec-fetch-storage-access')
  return access === 'none' || access === 'inactive'
}

/** Of an absolute URL; undefined when there is none. */
function hostOf(url: string | undefined): string | undefined {
  const start = url?.indexOf('://') ?? -1
  if (url === undefined || start === -1) return undefined
  const end = url.indexOf('/', start + 3)
  return bareHost(url.slice(start + 3, end === -1 ? undefined : end))
}

function bareHost(authority: string): string {
  return withoutPort(authority).toLowerCase()
}
