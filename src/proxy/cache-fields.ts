// The fields by which caches work, both ways: conditions go to the version they were given by, answers leave with tags of their version and
// with what caches may do with them (affinity/cache-policy.ts).

import {
  type CacheFacts,
  cacheChanges,
  forOneBrowser,
  hasHashedName,
  isHashed,
  type Wanted,
} from '../affinity/cache-policy.ts'
import {
  asksForAsset,
  asksForCode,
  isCode,
  isHtmlType,
  isPageRequest,
  isWorkerScript,
  type RequestMarks,
} from '../affinity/page-kind.ts'
import { tagOfDate, tagsOf, versionedTag } from '../affinity/version-tags.ts'
import type { Visit } from '../rules/types.ts'
import type { Head, RequestHead } from './exchange.ts'
import { FieldLine } from './field-line.ts'
import { FieldNames } from './http1/field-names.ts'

type Conditions = Pick<Head, 'get' | 'has' | 'remove' | 'set'>
export type CacheFields = Pick<Head, 'get' | 'remove' | 'removeAll' | 'set' | 'setLine' | 'append' | 'appendLine'>

/** Fields that speak to caches of a CDN or in front of servers (RFC 9213 and its forerunners). */
const sharedCacheFields = new FieldNames([
  'cdn-cache-control',
  'surrogate-control',
  'cloudflare-cdn-cache-control',
  'vercel-cdn-cache-control',
  'edge-control',
  'x-accel-expires',
])
/** What Cache-Control says most often. */
const cacheControls = new Map(
  ['private, no-store', 'no-store', 'private, no-cache'].map((value) => [
    value,
    FieldLine.lasting('cache-control', value),
  ]),
)

/**
 * Towards the upstream. A browser's condition is about what it holds, which may be of another version; only a tag of ours tells.
 * A date does not: it goes unless a tag of this version came with it or stood for it.
 */
export function assertConditions(head: Conditions, method: string, version: string): void {
  const safe = method === 'GET' || method === 'HEAD'
  const noneMatch = head.get('if-none-match')
  let dated = false
  if (noneMatch !== undefined) {
    const { tags, date } = tagsOf(noneMatch, version, safe ? 'drop' : 'keep')
    replace(head, 'if-none-match', tags)
    dated = tags !== undefined
    if (date !== undefined && tags === undefined) head.set('if-modified-since', date)
    dated ||= date !== undefined
  }
  if (!dated && safe && head.has('if-modified-since')) head.remove('if-modified-since')
  const range = head.get('if-range')
  if (range !== undefined) assertRange(head, tagsOf(range, version, 'drop').tags)
  const match = head.get('if-match')
  if (match !== undefined) replace(head, 'if-match', tagsOf(match, version, 'keep').tags)
}

/** A condition that cannot hold asks for the whole file (RFC 9110 13.1.5): the rest of another build's must not be joined to it. */
export function assertRange(head: Conditions, condition: string | undefined): void {
  replace(head, 'if-range', condition)
  if (condition === undefined) head.remove('range')
}

function replace(head: Conditions, name: string, value: string | undefined): void {
  if (value === undefined) head.remove(name)
  else head.set(name, value)
}

export interface AnswerToCache {
  readonly request: RequestMarks & Pick<RequestHead, 'target'>
  readonly visit: Visit
  /** The canonical path. */
  readonly path: string
  readonly status: number
  readonly version: string
  readonly several: boolean
  readonly trust: boolean
  /** The header by which a page names its version. */
  readonly pageHeader: string
  /** The field that tells caches what an answer depends on beside its URL. */
  readonly varies: FieldLine
  /** The field by which an answer tells its page which version it is of. */
  readonly timing: FieldLine
}

/** Whatever the app says: no cache keeps this answer. */
export function forbidStoring(head: CacheFields): void {
  head.set('cache-control', 'no-store')
  head.remove('expires')
  head.removeAll(sharedCacheFields)
}

/** An answer that brings a pin: a cache that visitors share would hand one visitor's draw to all of them. */
export function keepFromShared(head: CacheFields): void {
  head.set('cache-control', forOneBrowser(head.get('cache-control')))
  head.removeAll(sharedCacheFields)
}

/** Towards the client. */
export function assertCaching(head: CacheFields, answer: AnswerToCache): void {
  const { several } = answer
  const facts = new AnswerFacts(head, answer)
  // The page reads its own version from here (docs/pages.md); a field of the app's own stays. HTML that a service worker fetches may be
  // shown as a page much later, under another pin.
  if (facts.wanted === 'page' || (facts.wanted === 'part' && facts.html)) head.appendLine(answer.timing)
  // With one version too: what a browser keeps of it may be asked about when another one alone is listed.
  assertTag(head, answer.version)
  if (!several && (facts.wanted !== 'asset' || (facts.status < 400 && !facts.html))) return

  const changes = cacheChanges(facts)
  if (changes.cacheControl !== undefined) setCacheControl(head, changes.cacheControl)
  if (changes.dropExpires) head.remove('expires')
  if (changes.dropShared) head.removeAll(sharedCacheFields)
  if (changes.varyBy === 'pin and page') head.appendLine(answer.varies)
  else if (changes.varyBy === 'page') {
    head.append('vary', answer.pageHeader)
    // Calls without CORS and workers say it in the query.
    head.remove('no-vary-search')
  }
}

/** What a decision about caching may ask of an answer; most decisions ask little. */
class AnswerFacts implements CacheFacts {
  readonly several: boolean
  readonly trust: boolean
  readonly status: number
  readonly wanted: Wanted
  readonly #head: CacheFields
  readonly #request: AnswerToCache['request']
  readonly #visit: Visit
  readonly #path: string
  /** Null until it was asked for. */
  #type: string | undefined | null = null

  constructor(head: CacheFields, { several, trust, status, request, visit, path }: AnswerToCache) {
    this.several = several
    this.trust = trust
    this.status = status
    this.#head = head
    this.#request = request
    this.#visit = visit
    this.#path = path
    this.wanted = visit.kind === 'document' ? 'page' : this.#wantedByPage()
  }

  #wantedByPage(): Wanted {
    if (isPageRequest(this.#request, this.html)) return 'page'
    return asksForAsset(this.#request) || hasHashedName(this.#path) ? 'asset' : 'part'
  }

  get safe(): boolean {
    const { method } = this.#request
    return method === 'GET' || method === 'HEAD'
  }

  get html(): boolean {
    const type = this.#contentType()
    return type !== undefined && isHtmlType(type)
  }

  get code(): boolean {
    return isCode(this.#contentType(), this.#path) || asksForCode(this.#request)
  }

  /** Asked of most answers more than once. */
  #contentType(): string | undefined {
    if (this.#type === null) this.#type = this.#head.get('content-type')
    return this.#type
  }

  get unpinned(): boolean {
    return this.#visit.reading.state === 'none' && this.#request.get('sec-fetch-site') === 'same-origin'
  }

  get hashed(): boolean {
    return !isWorkerScript(this.#request) && isHashed(this.#path, this.#request.target.includes('?'), this.cacheControl)
  }

  get cacheControl(): string | undefined {
    return this.#head.get('cache-control')
  }

  get dated(): boolean {
    return this.#head.get('last-modified') !== undefined || this.#head.get('expires') !== undefined
  }
}

function setCacheControl(head: CacheFields, value: string): void {
  const line = cacheControls.get(value)
  if (line !== undefined) head.setLine(line)
  else if (value !== head.get('cache-control')) head.set('cache-control', value)
}

function assertTag(head: CacheFields, version: string): void {
  const tag = head.get('etag')
  if (tag !== undefined) return head.set('etag', versionedTag(tag, version))
  const lastModified = head.get('last-modified')
  if (lastModified !== undefined) head.append('etag', tagOfDate(lastModified, version))
}
