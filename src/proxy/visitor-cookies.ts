// A Cookie field and what it means to a release. Browsers send the same one with every request of a connection, so what was found in it
// is kept there, and counts as long as neither the field nor the release changes.

import { nextCookie, withoutCookie } from '../affinity/cookie-field.ts'
import { pinCookieName } from '../affinity/pin-cookie.ts'
import type { PinFinding } from '../affinity/types.ts'
import type { PreviewReading } from '../rules/types.ts'
import type { EdgeRelease } from './edge.ts'
import type { Head } from './exchange.ts'
import { FieldLine } from './field-line.ts'

export class VisitorCookies {
  readonly field: string | undefined
  readonly pin: PinFinding
  /** The browser's side of it is https: its pin and preview have the names and attributes of that. */
  readonly secure: boolean
  readonly #release: EdgeRelease
  readonly #encrypted: boolean
  readonly #mayPreview: boolean
  #sent: SentCookies | undefined

  /**
   * @param field all Cookie lines of the request, joined by `; `
   * @param encrypted as far as the connection tells, or the proxy in front
   */
  constructor(release: EdgeRelease, field: string | undefined, encrypted: boolean) {
    this.field = field
    this.#release = release
    this.#encrypted = encrypted
    this.#mayPreview = release.previews !== undefined && field !== undefined && field.includes(release.previews.cookie)
    this.secure = encrypted || (field !== undefined && this.#cameOverTls(field))
    this.pin = release.pins.read(field, this.secure)
  }

  /**
   * Browsers send cookies of the `__Host-` form over TLS alone (RFC 6265bis 4.1.3.2). A proxy in front that says so of pages and forgets it
   * of some calls must not part these from their page.
   */
  #cameOverTls(field: string): boolean {
    const { release, previews } = this.#release
    if (release.spec.pin.domain !== undefined) return false
    if (nextCookie(field, pinCookieName(release.spec.pin, true), 0) !== -1) return true
    return this.#mayPreview && nextCookie(field, previews!.secureCookie, 0) !== -1
  }

  holdsFor(release: EdgeRelease, field: string | undefined, encrypted: boolean): boolean {
    return this.#release === release && this.field === field && this.#encrypted === encrypted
  }

  preview(nowSeconds: number): PreviewReading | undefined {
    return this.#mayPreview ? this.#release.previews!.read(this.field, this.secure, nowSeconds) : undefined
  }

  /** Takes the pin out of what is sent, and a preview that counts. */
  stripOwn(head: Head, previewed: boolean): void {
    const { spec } = this.#release.release
    if (previewed) sendCookies(head, sentCookies(this.field, [spec.pin.cookie, this.#release.previews!.cookie]))
    else sendCookies(head, (this.#sent ??= sentCookies(this.field, [spec.pin.cookie])))
  }
}

/** The line to send in place of those that came. */
type SentCookies = FieldLine | 'as they came' | 'none'

/** Our cookies are a matter between the browser and the edge, and nobody's business behind us. */
export function stripCookie(head: Head, name: string): void {
  sendCookies(head, sentCookies(head.get('cookie'), [name]))
}

function sentCookies(field: string | undefined, without: readonly string[]): SentCookies {
  let rest = field
  for (const name of without) if (rest !== undefined) rest = withoutCookie(rest, name)
  if (rest === field) return 'as they came'
  return rest === undefined ? 'none' : new FieldLine('cookie', rest)
}

function sendCookies(head: Head, cookies: SentCookies): void {
  if (cookies === 'as they came') return
  if (cookies === 'none') head.remove('cookie')
  else head.setLine(cookies)
}
