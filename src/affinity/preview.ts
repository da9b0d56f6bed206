// A look at one version without being moved to it: a signed link, and the session cookie that visiting it sets. Both end by themselves.
// Never touches the pin. A signature that fails is no preview, whatever else it says.

import { createHmac } from 'node:crypto'
import { queryParameter } from '../rules/query-parameter.ts'
import type { ReleaseSpec } from '../rules/release.ts'
import type { PreviewReading } from '../rules/types.ts'
import { findCookies } from './cookie-field.ts'
import type { KeyRing } from './key-ring.ts'
import { withoutParameter } from './page-stamp.ts'
import { decodeName, encodeName, isSame, sign } from './signature.ts'
import type { PinKey } from './types.ts'

/** The parameter of a link. */
export const previewParameter = 'graylane-preview'

export interface Preview {
  readonly version: string
  /** Of the release when the link was made: raising it ends previews like pins. */
  readonly epoch: number
  /** Seconds since 1970. */
  readonly expiresAt: number
}

/** What a request with a link gets: the cookie, and where to go on; `opened` undefined for a link that has ended or is not ours. */
export interface PreviewLink {
  readonly opened: { readonly setCookie: string; readonly query: string } | undefined
}

export interface PreviewReader {
  /** Name of the cookie, without the `__Host-` that https adds. */
  readonly cookie: string
  /** Its name on https. */
  readonly secureCookie: string
  /** Undefined when the query holds no link. */
  openLink(query: string, encrypted: boolean, nowSeconds: number): PreviewLink | undefined
  /** Undefined when no genuine preview came. @param cookieField all Cookie lines, joined by `; ` */
  read(cookieField: string | undefined, encrypted: boolean, nowSeconds: number): PreviewReading | undefined
  /** Set-Cookie that ends the preview in the browser. */
  end(encrypted: boolean): string
}

const tokenLengthAtMost = 200

/** The value of `graylane-preview` in a link. */
export function previewToken(release: string, preview: Preview, key: PinKey): string {
  return encode('link', release, preview, key)
}

export function createPreviewReader(release: ReleaseSpec, keyRing: KeyRing): PreviewReader {
  const { pin, name: releaseName } = release
  const cookie = `${pin.cookie}-preview`
  const secureCookie = pin.domain === undefined ? `__Host-${cookie}` : cookie
  const attributes = `; Path=/${pin.domain === undefined ? '' : `; Domain=${pin.domain}`}; HttpOnly; SameSite=Lax`

  function holds({ version, epoch, expiresAt }: Preview, nowSeconds: number): boolean {
    return nowSeconds < expiresAt && epoch >= release.pin.epoch && release.versions.has(version)
  }

  return {
    cookie,
    secureCookie,
    openLink(query, encrypted, nowSeconds) {
      if (!query.includes(previewParameter)) return undefined
      const token = queryParameter(query, previewParameter)
      if (token === undefined) return undefined
      const preview = decode('link', releaseName, token, keyRing)
      if (preview === undefined || !holds(preview, nowSeconds)) return { opened: undefined }
      const value = encode('cookie', releaseName, preview, keyRing.signing)
      const setCookie = `${encrypted ? secureCookie : cookie}=${value}${attributes}${encrypted ? '; Secure' : ''}`
      return { opened: { setCookie, query: withoutParameter(query, previewParameter) } }
    },
    read(cookieField, encrypted, nowSeconds) {
      if (cookieField === undefined || !cookieField.includes(cookie)) return undefined
      for (const value of findCookies(cookieField, encrypted ? secureCookie : cookie).slice(0, 2)) {
        const preview = decode('cookie', releaseName, value, keyRing)
        if (preview !== undefined) return { held: holds(preview, nowSeconds), version: preview.version }
      }
      return undefined
    },
    end: (encrypted) => `${encrypted ? secureCookie : cookie}=${attributes}; Max-Age=0${encrypted ? '; Secure' : ''}`,
  }
}

// --- tokens: `1.<key id>.<version>.<epoch>.<expires>.<mac>` ----------------------------------------------------------------------------

type Kind = 'link' | 'cookie'

function encode(kind: Kind, release: string, { version, epoch, expiresAt }: Preview, key: PinKey): string {
  const fields = ['1', key.id, encodeName(version), epoch, expiresAt].join('.')
  return `${fields}.${macOf(kind, release, fields, key)}`
}

function decode(kind: Kind, release: string, token: string, keyRing: KeyRing): Preview | undefined {
  if (token.length > tokenLengthAtMost) return undefined
  const parts = token.split('.')
  const [format, keyId, version, epoch, expiresAt, mac] = parts
  if (parts.length !== 6 || format !== '1' || mac === undefined) return undefined
  const key = keyRing.find(keyId!)
  if (key === undefined || !isSame(mac, macOf(kind, release, token.slice(0, -mac.length - 1), key))) return undefined
  return { version: decodeName(version!), epoch: Number(epoch), expiresAt: Number(expiresAt) }
}

/** With a key of its own, made from the pin key: nothing that is signed here is ever a pin, nor the other way round; a link is no cookie. */
function macOf(kind: Kind, release: string, fields: string, key: PinKey): string {
  const derived = createHmac('sha256', key.secret).update('graylane preview key').digest()
  return sign(`graylane preview ${kind}\n${release}\n${fields}`, derived)
}
