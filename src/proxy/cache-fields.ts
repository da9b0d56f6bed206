// The fields by which caches work, both ways, while several versions are listed: conditions go to the version they were given by, answers
// leave with tags of their version and with what caches may do with them (affinity/cache-policy.ts).

import { cacheChanges, hasHashedName, isHashed, type Wanted } from '../affinity/cache-policy.ts'
import { asksForAsset, isHtmlType, isPageRequest, isWorkerScript, type RequestMarks } from '../affinity/page-kind.ts'
import { tagOfDate, tagsOf, versionedTag } from '../affinity/version-tags.ts'
import type { Visit } from '../rules/types.ts'
import type { Head } from './exchange.ts'

type Conditions = Pick<Head, 'get' | 'has' | 'remove' | 'set'>
export type CacheFields = Pick<Head, 'get' | 'remove' | 'set' | 'append'>

/** Fields that speak to caches of a CDN or in front of servers (RFC 9213 and its forerunners). */
const sharedCacheFields = [
  'cdn-cache-control',
  'surrogate-control',
  'cloudflare-cdn-cache-control',
  'vercel-cdn-cache-control',
  'edge-control',
  'x-accel-expires',
]

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
  if (range !== undefined) replace(head, 'if-range', tagsOf(range, version, 'drop').tags)
  const match = head.get('if-match')
  if (match !== undefined) replace(head, 'if-match', tagsOf(match, version, 'keep').tags)
}

function replace(head: Conditions, name: string, value: string | undefined): void {
  if (value === undefined) head.remove(name)
  else head.set(name, value)
}

export interface AnswerToCache {
  readonly request: RequestMarks
  readonly visit: Visit
  /** The canonical path. */
  readonly path: string
  readonly status: number
  readonly version: string
  readonly several: boolean
  readonly trust: boolean
  /** The header by which a page names its version. */
  readonly pageHeader: string
}

/** Whatever the app says: no cache keeps this answer. */
export function forbidStoring(head: CacheFields): void {
  head.set('cache-control', 'no-store')
  head.remove('expires')
  for (const name of sharedCacheFields) head.remove(name)
}

/** Towards the client. */
export function assertCaching(head: CacheFields, answer: AnswerToCache): void {
  const { request, version, several, status, path } = answer
  const type = head.get('content-type')
  const html = type !== undefined && isHtmlType(type)
  const wanted = wantedBy(answer, html)
  // The page reads its own version from here (docs/pages.md); a field of the app's own stays.
  if (wanted === 'page') head.append('server-timing', `graylane;desc="${version}"`)
  if (!several && (wanted !== 'asset' || (status < 400 && !html))) return

  const cacheControl = head.get('cache-control')
  const lastModified = head.get('last-modified')
  const changes = cacheChanges({
    several,
    trust: answer.trust,
    wanted,
    safe: request.method === 'GET' || request.method === 'HEAD',
    status,
    html,
    hashed: !isWorkerScript(request) && isHashed(path, cacheControl),
    cacheControl,
    dated: lastModified !== undefined || head.get('expires') !== undefined,
  })
  if (changes.cacheControl !== undefined && changes.cacheControl !== cacheControl) {
    head.set('cache-control', changes.cacheControl)
  }
  if (changes.dropExpires) head.remove('expires')
  if (changes.dropShared) for (const name of sharedCacheFields) head.remove(name)
  if (changes.varyByPage) head.append('vary', answer.pageHeader)
  if (several) assertTag(head, version, lastModified)
}

function assertTag(head: CacheFields, version: string, lastModified: string | undefined): void {
  const tag = head.get('etag')
  if (tag !== undefined) head.set('etag', versionedTag(tag, version))
  else if (lastModified !== undefined) head.append('etag', tagOfDate(lastModified, version))
}

function wantedBy({ request, visit, path }: AnswerToCache, html: boolean): Wanted {
  if (visit.kind === 'document' || isPageRequest(request, html)) return 'page'
  return asksForAsset(request) || hasHashedName(path) ? 'asset' : 'part'
}
