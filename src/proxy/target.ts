// The one form in which a request target is matched and sent: what rules see is what backends get. Pure: text in, path and query or a
// refusal out. Strict for routes.yaml; Istio's four modes do what Envoy does under them, repairs included.

/** `strict` is ours, the others are Istio's meshConfig.pathNormalization.normalization (BASE is its default). */
export type TargetMode = 'strict' | 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES'

export interface AcceptedTarget {
  readonly ok: true
  /** What is sent: path and, behind a `?`, the query. The very string that came when that is canonical already. */
  readonly target: string
  /** What rules match. */
  readonly path: string
  /** Everything behind the first `?`, raw; '' when there is none. */
  readonly query: string
}

export interface RefusedTarget {
  readonly ok: false
}

const refused: RefusedTarget = Object.freeze({ ok: false })

/** `target` in origin form, or `*`, which goes with OPTIONS only (RFC 9112 3.2.4). */
export function normalizeTarget(target: string, mode: TargetMode, method: string): AcceptedTarget | RefusedTarget {
  if (target === '*') return method === 'OPTIONS' ? { ok: true, target, path: target, query: '' } : refused
  return mode === 'strict' ? strictTarget(target) : istioTarget(target, mode)
}

// What a byte of a path is. Anything above PLAIN needs the slow way or ends the request.
const PLAIN = 0
const SLASH = 1
const ESCAPE = 2
const QUESTION = 3
const FORBIDDEN = 4

const kinds = Uint8Array.from({ length: 256 }, (_, code) => {
  if (code === 47) return SLASH
  if (code === 37) return ESCAPE
  if (code === 63) return QUESTION
  // Controls, SP, `#`, `\`, DEL and raw bytes above it.
  return code <= 32 || code === 35 || code === 92 || code >= 127 ? FORBIDDEN : PLAIN
})

/**
 * Dot segments to a backend that reads an escaped slash as a slash (nginx) or cuts off what follows a semicolon (servlet containers), and
 * to nobody else: `..%2f`, `..;/`. Behind one of them such a backend sees another path than our rules did.
 */
const disguisedDots = /(?:\/|%2f|%5c)\.\.?(?:;|%2f|%5c|%3b)|(?:%2f|%5c)\.\.?(?:\/|$)/i

function strictTarget(target: string): AcceptedTarget | RefusedTarget {
  if (target.charCodeAt(0) !== 47) return refused
  let canonical = true
  let end = 0
  for (; end < target.length; end++) {
    const kind = kindAt(target, end)
    if (kind === PLAIN) continue
    if (kind === QUESTION) break
    if (kind === FORBIDDEN) return refused
    if (kind === ESCAPE || segmentNeedsWork(target, end + 1)) canonical = false
  }
  if (!queryIsClean(target, end + 1)) return refused
  if (canonical) return accepted(target, end)
  const decoded = decodeUnreserved(target.slice(0, end))
  if (decoded === undefined || disguisedDots.test(decoded)) return refused
  const path = resolveDots(mergeSlashes(decoded))
  return path === undefined ? refused : accepted(path + target.slice(end), path.length)
}

function kindAt(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code < 256 ? kinds[code]! : FORBIDDEN
}

/** Is there an empty or a dot segment at `at`? Encoded dots are seen by their `%`. */
function segmentNeedsWork(target: string, at: number): boolean {
  if (at === target.length) return false
  const first = target.charCodeAt(at)
  if (first === 47) return true
  if (first !== 46) return false
  const second = target.charCodeAt(at + 1)
  return at + 1 === target.length || second === 47 || second === 63 || second === 46 || second === 59
}

/** The query stays as it is, so it may hold all that RFC 9112 lets a target hold, and what browsers leave raw in a query. */
function queryIsClean(target: string, from: number): boolean {
  for (let i = from; i < target.length; i++) {
    const code = target.charCodeAt(i)
    if (code <= 32 || code === 35 || code >= 127) return false
  }
  return true
}

function accepted(target: string, pathEnd: number): AcceptedTarget {
  return pathEnd >= target.length
    ? { ok: true, target, path: target, query: '' }
    : { ok: true, target, path: target.slice(0, pathEnd), query: target.slice(pathEnd + 1) }
}

/** RFC 3986 6.2.2.2: `%61` is `a`. Undefined for `%00` and for a `%` without two hex digits. */
function decodeUnreserved(path: string): string | undefined {
  let out = ''
  let from = 0
  for (let at = path.indexOf('%'); at !== -1; at = path.indexOf('%', at + 3)) {
    const code = escapedCode(path, at)
    if (code <= 0) return undefined
    if (!isUnreserved(code)) continue
    out += path.slice(from, at) + String.fromCharCode(code)
    from = at + 3
  }
  return from === 0 ? path : out + path.slice(from)
}

/** The byte that `%XX` at this place stands for; -1 for a broken escape. */
function escapedCode(path: string, at: number): number {
  const high = hexDigit(path.charCodeAt(at + 1))
  const low = hexDigit(path.charCodeAt(at + 2))
  return high === -1 || low === -1 ? -1 : high * 16 + low
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const letter = code | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

/** RFC 3986 2.3. */
function isUnreserved(code: number): boolean {
  const letter = code | 32
  return (
    (letter >= 97 && letter <= 122) ||
    (code >= 48 && code <= 57) ||
    code === 45 ||
    code === 46 ||
    code === 95 ||
    code === 126
  )
}

function mergeSlashes(path: string): string {
  if (!path.includes('//')) return path
  let out = ''
  for (const segment of path.split('/')) if (segment !== '') out += `/${segment}`
  return path.endsWith('/') ? `${out}/` : out
}

/** RFC 3986 5.2.4. Undefined when `..` leads above the root. */
function resolveDots(path: string): string | undefined {
  if (!path.includes('/.')) return path
  const kept: string[] = []
  const segments = path.slice(1).split('/')
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1
    if (segment === '..' && kept.length === 0) return undefined
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
    // What ends in a dot segment is a directory: `/a/b/..` is `/a/`.
    if (last && (segment === '.' || segment === '..')) kept.push('')
  }
  return `/${kept.join('/')}`
}

// ------------------------------------------------------------------------------------------------ Istio's modes

/**
 * Envoy under Istio. A fragment is cut off (`http_reject_path_with_fragment: false`), raw bytes above 0x7f are refused, then, in Envoy's
 * order: escaped slashes are decoded, the path is made canonical, slashes are merged.
 */
function istioTarget(target: string, mode: Exclude<TargetMode, 'strict'>): AcceptedTarget | RefusedTarget {
  if (target.charCodeAt(0) !== 47 || !isPrintable(target)) return refused
  const fragment = target.indexOf('#')
  const whole = fragment === -1 ? target : target.slice(0, fragment)
  const question = whole.indexOf('?')
  const end = question === -1 ? whole.length : question
  if (mode === 'NONE') return accepted(whole, end)
  let path = whole.slice(0, end)
  if (mode === 'DECODE_AND_MERGE_SLASHES') path = path.replace(/%2f/gi, '/').replace(/%5c/gi, '\\')
  const canonical = envoyCanonicalPath(path)
  if (canonical === undefined) return refused
  path = mode === 'BASE' ? canonical : mergeSlashes(canonical)
  return accepted(path + whole.slice(end), path.length)
}

function isPrintable(target: string): boolean {
  for (let i = 0; i < target.length; i++) {
    const code = target.charCodeAt(i)
    if (code <= 32 || code >= 127) return false
  }
  return true
}

/** Envoy's PathCanonicalizer, which is Chromium's: `\` is `/`, broken escapes stay, `..` above the root is dropped. */
function envoyCanonicalPath(path: string): string | undefined {
  if (/%00/.test(path)) return undefined
  const decoded = path
    .replace(/%[0-9a-f]{2}/gi, (escape) => {
      const code = Number.parseInt(escape.slice(1), 16)
      return isUnreserved(code) ? String.fromCharCode(code) : escape
    })
    .replaceAll('\\', '/')
    .replace(/["<>^`{|}]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
  const kept: string[] = []
  const segments = decoded.slice(1).split('/')
  for (const [index, segment] of segments.entries()) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
    if (index === segments.length - 1 && (segment === '.' || segment === '..')) kept.push('')
  }
  return `/${kept.join('/')}`
}
