// Is this request a page load, or does it belong to a page that is open already? Read from what browsers say of themselves.
// Never guesses from the path.

import type { PageKind } from '../rules/types.ts'
import { isFrame, isFrameOfOpenPage, type SharesPin } from './page-frame.ts'
import type { Fields } from './types.ts'

/** As much of a request as is needed here; the proxy's request head is one. Names in lower case. */
export interface RequestMarks extends Fields {
  readonly method: string
}

/**
 * Document, subresource, page that is loaded ahead, or preflight, by step 3 of docs/affinity.md.
 * On plain http browsers send no Sec-Fetch fields, and a frame of the same origin cannot be told from a page; nor can it
 * under a service worker that fetches pages itself, which leaves Sec-Fetch-Dest empty.
 * @param pageHeader by which a page names its version: only its scripts can, so what carries it is no page load
 * @param holdsPin,sharesPin see isFrameOfOpenPage
 */
export function pageKind(
  request: RequestMarks,
  pageHeader?: string,
  holdsPin = false,
  sharesPin?: SharesPin,
): PageKind {
  const { method } = request
  if (method === 'OPTIONS') return isPreflight(request) ? 'preflight' : 'subresource'
  if ((method !== 'GET' && method !== 'HEAD') || isUpgrade(request)) return 'subresource'
  const mode = request.get('sec-fetch-mode')
  if (isPrefetch(request)) return mode === 'navigate' && !isFrame(request) ? 'prefetch' : 'subresource'
  let document: boolean
  if (mode === undefined) document = wantsHtmlPage(request) && !isStamped(request, pageHeader)
  else if (mode !== 'navigate') document = !holdsPin && isNavigation(request)
  else document = !isDownload(request) && !(isFrame(request) && isFrameOfOpenPage(request, holdsPin, sharesPin))
  return document ? 'document' : 'subresource'
}

/**
 * A service worker that asks for the page in words of its own (`fetch(event.request, { cache: 'no-store' })`) has no navigation any more, but
 * hands on the field that browsers add to navigations alone (Upgrade Insecure Requests, 3.2.1). Whether it was a page, a frame or a page
 * loaded ahead, nothing tells: as long as a pin holds, the page that is open keeps it.
 */
function isNavigation(request: RequestMarks): boolean {
  if (request.get('sec-fetch-mode') === 'navigate') return true
  return request.get('upgrade-insecure-requests') !== undefined && wantsHtmlPage(request)
}

function isStamped(request: RequestMarks, pageHeader: string | undefined): boolean {
  return pageHeader !== undefined && request.get(pageHeader) !== undefined
}

/** A browser loads this ahead of a visit that may never come. */
export function isPrefetch(request: RequestMarks): boolean {
  return saysPrefetch(request.get('sec-purpose')) || saysPrefetch(request.get('purpose'))
}

export function isUpgrade(request: RequestMarks): boolean {
  return request.get('upgrade') !== undefined
}

/** Whether the client sends fetch metadata: a browser on https or localhost. */
export function hasFetchMetadata(request: RequestMarks): boolean {
  return (
    request.get('sec-fetch-mode') !== undefined ||
    request.get('sec-fetch-dest') !== undefined ||
    request.get('sec-fetch-site') !== undefined
  )
}

const codeDestinations: readonly string[] = [
  'script',
  'style',
  'xslt',
  'worker',
  'sharedworker',
  'serviceworker',
  'audioworklet',
  'paintworklet',
]
const staticDestinations: ReadonlySet<string> = new Set([
  ...codeDestinations,
  'image',
  'font',
  'audio',
  'video',
  'track',
  'manifest',
])

/**
 * Whether a subresource is a static asset: by Sec-Fetch-Dest, or without fetch metadata by an answer that is neither HTML nor JSON.
 * @param contentType Content-Type of the answer
 */
export function isStaticSubresource(request: RequestMarks, contentType: string | undefined): boolean {
  if (isWorkerScript(request)) return true
  if (hasFetchMetadata(request)) return staticDestinations.has(request.get('sec-fetch-dest') ?? '')
  const type = firstMediaType(contentType ?? '')
  return !isHtml(type) && type !== 'application/json' && !type.endsWith('+json')
}

/**
 * Whether the answer to a subresource is shown as a page all the same: in a frame, after a form was posted, or when a prefetched page is
 * opened. Navigations say so; without fetch metadata what was asked for and what came have to be HTML both.
 * @param html the answer is HTML
 */
export function isPageRequest(request: RequestMarks, html: boolean): boolean {
  const mode = request.get('sec-fetch-mode')
  if (mode !== undefined && isNavigation(request)) return true
  return html && (mode === undefined || isPrefetch(request)) && wantsHtmlPage(request)
}

/** Whether a browser asks for a static asset and nothing else: by Sec-Fetch-Dest, or by the first type in Accept. */
export function asksForAsset(request: RequestMarks): boolean {
  if (importsModule(request)) return true
  if (hasFetchMetadata(request)) return staticDestinations.has(request.get('sec-fetch-dest') ?? '')
  const accept = request.get('accept')
  return accept !== undefined && (accept.startsWith('text/css') || accept.startsWith('image/'))
}

/**
 * Whether code imports it: a module of JSON or of text. By the very Accept that browsers send for these destinations and nothing else (Fetch,
 * 5.5), on plain http and through a service worker too.
 */
function importsModule(request: Fields): boolean {
  const accept = request.get('accept')
  return accept === 'application/json,*/*;q=0.5' || accept === 'text/plain,*/*;q=0.5'
}

/** A service worker's own script (Service Workers, "Service-Worker"): it stays registered, and is asked for again and again. */
export function isWorkerScript(request: RequestMarks): boolean {
  return request.get('service-worker') !== undefined || request.get('sec-fetch-dest') === 'serviceworker'
}

/** @param contentType Content-Type of an answer */
export function isHtmlType(contentType: string): boolean {
  return beginsWithHtml(contentType)
}

/**
 * Whether a browser that navigates keeps the page that it has: nothing comes (RFC 9110 15.3.5), a file that is saved (RFC 6266), or it is
 * sent to a program beside it (`Location: mailto:`).
 */
export function leavesPageOpen(status: number, answer: Fields): boolean {
  if (status === 204 || status === 205) return true
  if (isRedirect(status)) return otherScheme.test(answer.get('location') ?? '')
  if (answer.get('content-disposition')?.trimStart().toLowerCase().startsWith('attachment') === true) return true
  const type = firstMediaType(answer.get('content-type') ?? '')
  return type.includes('/') && (savedTexts.has(type) || !shownTypes.some((shown) => shown.test(type)))
}

/** 304 is none: the page that the browser holds is shown. */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308
}

const otherScheme = /^(?!https?:)[a-z][a-z\d+.-]*:/i

/** What Chromium shows in the place of a page (measured): all texts but these, and a few of other kinds. It saves what it does not know. */
const savedTexts: ReadonlySet<string> = new Set(
  (
    'text/csv text/x-csv text/comma-separated-values text/tsv text/tab-separated-values text/rtf text/ldif text/qif text/x-qif text/ofx ' +
    'text/calendar text/x-calendar text/vcalendar text/x-vcalendar text/vcard text/x-vcard text/x-vcf text/directory'
  ).split(' '),
)
const shownTypes: readonly RegExp[] = [
  /^text\//,
  // The last is one that says nothing (MIME Sniffing, 7): browsers look at the bytes.
  /^application\/.*(?:xml|json|javascript|pdf|signed-exchange|unknown)$/,
  /^image\/(?:p?jpe?g|(?:x-|a)?png|gif|webp|avif|jxl|bmp|svg\+xml|x-xbitmap|x-icon|vnd\.microsoft\.icon)$/,
  /^(?:audio|video)\/(?:mp4|ogg|webm)$/,
  /^audio\/(?:(?:x-)?(?:mp3|mpeg|m4a|wav|mpegurl)|flac|aac)$/,
  /^video\/(?:x-m4v|x-matroska|3gpp)$/,
  /^(?:multipart\/x-mixed-replace|unknown\/unknown|\*\/\*)$/,
]

/**
 * Whether browsers run it or dress a page by it: JavaScript under any of its names (WHATWG MIME Sniffing, 4.6), a style sheet, or what
 * servers without a type for it call a file of that name.
 */
export function isCode(contentType: string | undefined, path: string): boolean {
  if (contentType === undefined || nameless.test(contentType)) return codeName.test(path)
  return isCodeType(contentType)
}

/** By its type alone. */
export function isCodeType(contentType: string): boolean {
  return beginsWithType(contentType, 'text/css') || contentType.toLowerCase().includes('script')
}

const nameless = /^(?:text\/plain|(?:application|binary)\/octet-stream)/i
const codeName = /\.(?:[cm]?js|css)$/i

/** Whether code is asked for, whatever the answer calls it: browsers run and keep it all the same. */
export function asksForCode(request: RequestMarks): boolean {
  const dest = request.get('sec-fetch-dest')
  return (dest !== undefined && codeDestinations.includes(dest)) || importsModule(request)
}

/** What a browser asks before a cross-origin request (Fetch standard, CORS-preflight request); it never carries cookies. */
function isPreflight(request: RequestMarks): boolean {
  return request.get('origin') !== undefined && request.get('access-control-request-method') !== undefined
}

/** `prefetch`, and `prefetch;prerender` or `prefetch;anonymous-client-ip` of speculation rules. */
function saysPrefetch(purpose: string | undefined): boolean {
  if (purpose === undefined) return false
  return purpose
    .toLowerCase()
    .split(/[;,]/)
    .some((part) => part.trim() === 'prefetch')
}

/** `<a download>`: navigates to nowhere, and asks for no type. Under a service worker page loads have no destination either. */
function isDownload(request: RequestMarks): boolean {
  return request.get('sec-fetch-dest') === 'empty' && !wantsHtmlPage(request)
}

/** Fields by which scripts and frameworks ask for parts of a page as HTML: jQuery, htmx, Turbo, React server components, Next.js, Unpoly. */
const partMarks = [
  'x-requested-with',
  'hx-request',
  'turbo-frame',
  'x-turbo-request-id',
  'rsc',
  'next-router-prefetch',
  'x-up-version',
] as const

/**
 * Without fetch metadata only the first type in Accept tells: a page load puts HTML first, an asset or API call does not. Navigations of
 * Android's web views bring X-Requested-With.
 */
function wantsHtmlPage(request: RequestMarks): boolean {
  const accept = request.get('accept')
  if (accept === undefined || !beginsWithHtml(accept)) return false
  return (
    request.get('upgrade-insecure-requests') !== undefined || partMarks.every((name) => request.get(name) === undefined)
  )
}

function isHtml(type: string): boolean {
  return type === 'text/html' || type === 'application/xhtml+xml'
}

/** Whether the first media type of a list is HTML. Asked of every page load and every answer, so nothing is copied. */
function beginsWithHtml(list: string): boolean {
  return beginsWithType(list, 'text/html') || beginsWithType(list, 'application/xhtml+xml')
}

function beginsWithType(list: string, type: string): boolean {
  const start = skipBlanks(list, 0)
  // Capital letters differ from small ones in this bit alone; the marks of these types have it set (RFC 9110 8.3.1: types ignore case).
  for (let i = 0; i < type.length; i += 1) if ((list.charCodeAt(start + i) | 0x20) !== type.charCodeAt(i)) return false
  const end = skipBlanks(list, start + type.length)
  return end === list.length || list.charCodeAt(end) === 0x2c || list.charCodeAt(end) === 0x3b
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09) at += 1
  return at
}

/** The first media type of a list, without parameters, in lower case. */
function firstMediaType(list: string): string {
  let end = 0
  for (; end < list.length; end += 1) {
    const code = list.charCodeAt(end)
    if (code === 0x2c || code === 0x3b) break
  }
  return list.slice(0, end).trim().toLowerCase()
}
