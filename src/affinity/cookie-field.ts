// Finding and taking out one cookie of a Cookie field (RFC 6265 5.4: pairs parted by semicolons), by exact name, without a copy of the rest.
// Never decodes or unquotes a value: what it means is the reader's business.

const hostPrefix = '__Host-'

/** Where the value of the next cookie of exactly that name begins, just behind its `=`, looking from `from` on; -1 when there is none. */
export function nextCookie(field: string, name: string, from: number): number {
  for (let at = field.indexOf(name, from); at !== -1; at = field.indexOf(name, at + 1)) {
    const equals = equalsAfter(field, at + name.length)
    if (equals !== -1 && pairBefore(field, at) !== -1) return equals + 1
  }
  return -1
}

/** Index of the semicolon behind a value that begins at `from`, or the end of the field. */
export function cookieEnd(field: string, from: number): number {
  const semicolon = field.indexOf(';', from)
  return semicolon === -1 ? field.length : semicolon
}

/** The value of the first cookie of that name, white space around it cut. */
export function firstCookie(field: string, name: string): string | undefined {
  const from = nextCookie(field, name, 0)
  return from === -1 ? undefined : field.slice(from, cookieEnd(field, from)).trim()
}

/** The values of every cookie of exactly that name, in the order of the field, white space around them cut. */
export function findCookies(field: string, name: string): readonly string[] {
  const values: string[] = []
  for (let from = nextCookie(field, name, 0); from !== -1;) {
    const end = cookieEnd(field, from)
    values.push(field.slice(from, end).trim())
    from = nextCookie(field, name, end)
  }
  return values
}

/**
 * The field without the cookie of that name and without its `__Host-` form, wherever and however often they stand;
 * undefined when nothing else is left. Everything else keeps its bytes.
 */
export function withoutCookie(field: string, name: string): string | undefined {
  let kept = ''
  let from = 0
  let found = 0
  for (let at = field.indexOf(name); at !== -1; at = field.indexOf(name, at + 1)) {
    const equals = equalsAfter(field, at + name.length)
    const start = pairBefore(field, field.endsWith(hostPrefix, at) ? at - hostPrefix.length : at)
    if (equals === -1 || start === -1) continue
    const end = cookieEnd(field, equals)
    kept += field.slice(from, start)
    from = Math.min(end + 1, field.length)
    found += 1
    at = end
  }
  if (found === 0) return field
  if (found === 1 && isTidy(field)) return joined(field, kept.length, from)
  kept = (kept + field.slice(from)).trim()
  if (kept.endsWith(';')) kept = kept.slice(0, -1)
  return kept === '' ? undefined : kept
}

/** As browsers write it. */
function isTidy(field: string): boolean {
  const last = field.length - 1
  return !isBlank(field, 0) && !isBlank(field, last) && field.charCodeAt(last) !== 0x3b
}

/** Without what stands between two indexes, which is a pair and the semicolon behind it: nothing to trim, nothing to look through again. */
function joined(field: string, end: number, from: number): string | undefined {
  if (from === field.length) return end === 0 ? undefined : field.slice(0, end - 1)
  if (end > 0) return field.slice(0, end) + field.slice(from)
  let at = from
  while (isBlank(field, at)) at += 1
  return field.slice(at)
}

/**
 * Whether a Set-Cookie line sets the cookie of that name or its `__Host-` form: a backend must not write our pin. `=name=value` does too:
 * it sets one without a name, which comes back as `name=value` (RFC 6265bis 5.6 and 5.8.3).
 */
export function setsCookie(line: string, name: string): boolean {
  const first = line.indexOf('=')
  const from = first !== -1 && line.slice(0, first).trim() === '' ? first + 1 : 0
  const equals = line.indexOf('=', from)
  const own = line.slice(from, Math.max(equals, from)).trim()
  return own === name || own === hostPrefix + name
}

/** Index of the `=` behind a name that ends before `from`, or -1 when the name goes on. */
function equalsAfter(field: string, from: number): number {
  let at = from
  while (isBlank(field, at)) at += 1
  return field.charCodeAt(at) === 0x3d ? at : -1
}

/** Where the pair starts whose name begins at `nameAt` (just behind a semicolon, or 0), or -1 when no name begins there. */
function pairBefore(field: string, nameAt: number): number {
  let at = nameAt
  while (at > 0 && isBlank(field, at - 1)) at -= 1
  return at === 0 || field.charCodeAt(at - 1) === 0x3b ? at : -1
}

function isBlank(field: string, at: number): boolean {
  const code = field.charCodeAt(at)
  return code === 0x20 || code === 0x09
}
