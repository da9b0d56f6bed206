// What caches may do with an answer while one URL means several builds: from facts to changes, by docs/caching.md.
// Pure. Never sees a body; the fields themselves are read and written by proxy/cache-fields.ts.

/** What the browser asked for, as far as caching goes. part: anything else of a page, API answers too. */
export type Wanted = 'page' | 'asset' | 'part'

export interface CacheFacts {
  /** More than one version is listed. */
  readonly several: boolean
  /** `cache: trust` of the service. */
  readonly trust: boolean
  readonly wanted: Wanted
  /** GET or HEAD: no cache keeps another method's answer unless told to in so many words. */
  readonly safe: boolean
  readonly status: number
  readonly html: boolean
  /** JavaScript, a style sheet, or JSON that code imports: what browsers keep in memory, too. */
  readonly code: boolean
  /** Of a page's own origin, without a pin: from a browser that takes no cookies, in which Vary finds no difference between two versions. */
  readonly unpinned: boolean
  /** The name in the URL, or the app's own word, says that this URL never means other content. */
  readonly hashed: boolean
  /** Cache-Control as the app sent it. */
  readonly cacheControl: string | undefined
  /** Expires or Last-Modified is there, by which caches may take an answer for fresh (RFC 9111 4.2). */
  readonly dated: boolean
}

export interface CacheChanges {
  /** Takes the place of Cache-Control; undefined leaves it. */
  readonly cacheControl: string | undefined
  /** CDN-Cache-Control, Surrogate-Control and their kin go. */
  readonly dropShared: boolean
  /** Expires goes. */
  readonly dropExpires: boolean
  /** What decides the version, beside the URL: nothing that matters here, what the page names, or that and the pin. */
  readonly varyBy: 'nothing' | 'page' | 'pin and page'
}

const nothing: CacheChanges = { cacheControl: undefined, dropShared: false, dropExpires: false, varyBy: 'nothing' }
const sharedGoes: CacheChanges = { ...nothing, dropShared: true }
/**
 * Whatever a browser keeps, it takes without asking for a page that it loads on the way back: from its HTTP cache unless Vary tells it that
 * another pin was there, and code from its memory, where Vary does not count (measured in Chromium).
 */
const kept: CacheChanges = { ...sharedGoes, varyBy: 'pin and page' }
/** `no-cache` is not enough for a page: the back button would revive it under another pin (measured in Chromium). */
const notKept: CacheChanges = { ...sharedGoes, cacheControl: 'private, no-store', dropExpires: true }
const mistake: CacheChanges = { ...sharedGoes, cacheControl: 'no-store', dropExpires: true }
const revalidated: CacheChanges = { ...kept, cacheControl: 'private, no-cache', dropExpires: true }
const revalidatedAsIs: CacheChanges = { ...revalidated, cacheControl: 'private, no-cache, no-transform' }

export function cacheChanges(facts: CacheFacts): CacheChanges {
  // An error, or the app's own page, under the name of an asset: kept for a year by the words that were meant for the asset.
  if (facts.wanted === 'asset' && facts.safe && (facts.status >= 400 || facts.html)) return mistake
  if (!facts.several) return nothing
  if (facts.wanted === 'page') return facts.trust ? trusted(facts.cacheControl) : notKept
  if (!facts.safe) return nothing
  const { cacheControl } = facts
  if (says(cacheControl, 'no-store')) return sharedGoes
  if (facts.hashed) return nothing
  if (facts.trust) return trusted(cacheControl)
  if (facts.code || facts.unpinned) return notKept
  if (cacheControl === undefined && !facts.dated && !isCacheableByItself(facts.status)) return kept
  return says(cacheControl, 'no-transform') ? revalidatedAsIs : revalidated
}

/** The app's words for the browser's own cache, which two tabs of two versions share; none for caches that visitors share. */
function trusted(cacheControl: string | undefined): CacheChanges {
  return { ...sharedGoes, cacheControl: forOneBrowser(cacheControl), varyBy: 'page' }
}

/** Cache-Control without what it says to caches that visitors share. */
export function forOneBrowser(cacheControl: string | undefined): string {
  const words = (cacheControl ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '' && !/^(?:public|private|s-maxage|proxy-revalidate)(?:[\s=]|$)/i.test(word))
  return ['private', ...words].join(', ')
}

/** Redirects that caches keep without being told to (RFC 9110 15.1). */
function isCacheableByItself(status: number): boolean {
  return status === 301 || status === 308
}

function says(cacheControl: string | undefined, directive: string): boolean {
  return cacheControl !== undefined && cacheControl.toLowerCase().includes(directive)
}

const stableSeconds = 86_400

/**
 * Whether an app means that a URL has one content for ever: it says immutable, or gives an answer with a hash in its name a day or
 * more. A name alone is not enough: an API may name its answers so. Nor is the word alone where the URL has no room for a build:
 * servers say it of a whole folder, and each version of its own `/static/app.js`.
 * @param queried the URL has a query
 */
export function isHashed(path: string, queried: boolean, cacheControl: string | undefined): boolean {
  if (cacheControl === undefined) return false
  if (says(cacheControl, 'immutable')) return queried || !lettersAlone.test(path)
  const age = /\bmax-age\s*=\s*"?(\d+)/i.exec(cacheControl)?.[1]
  return age !== undefined && Number(age) >= stableSeconds && hasHashedName(path)
}

/**
 * Words as people write them, the extension's digit apart (`.woff2`). Eight capitals are a hash (esbuild's), as are capitals inside a word.
 * Each word fits in one way alone, so that no path takes long.
 */
const lettersAlone = /^(?:[/._-](?:[A-Z]?[a-z]+|[A-Z]{0,7}))+\d?$/

/**
 * Whether the last segment of a path is named by a bundler: a part of 8 or more of [A-Za-z0-9_-], a digit among them, that people would not
 * write (`dashboard2.js`), and behind it the extension. Without the extension every id of an API would look like a hash.
 */
export function hasHashedName(path: string): boolean {
  const extension = path.lastIndexOf('.')
  if (extension === -1 || extension === path.length - 1) return false
  let length = 0
  let digit = false
  for (let at = extension - 1; at >= 0; at -= 1) {
    const code = path.charCodeAt(at)
    const isDigit = code >= 0x30 && code <= 0x39
    const lower = code | 0x20
    if (isDigit || (lower >= 0x61 && lower <= 0x7a) || code === 0x5f || code === 0x2d) {
      length += 1
      digit ||= isDigit
      continue
    }
    if (length >= 8 && digit && !isOfPeople(path, at + 1, length)) return path.indexOf('/', extension) === -1
    if (code === 0x2f) return false
    length = 0
    digit = false
  }
  return false
}

/** Words and their numbers; but a version of a library in three parts (`jquery-3.7.1.min.js`) names one content as a hash does. */
function isOfPeople(path: string, from: number, length: number): boolean {
  return words.test(path.slice(from, from + length)) && !libraryVersion.test(path.slice(from))
}

const words = /^(?:[A-Z]?[a-z]*|[A-Z]+)\d{0,3}(?:[-_](?:[A-Z]?[a-z]*|[A-Z]+)\d{0,3})*$/
const libraryVersion = /\d\.\d+\.\d/
