// Where a redirect leads what said its version in the query: there the browser asks again with what Location says and nothing else, so the
// stamp has to stand in it.

import { isRedirect } from './page-kind.ts'

/** An answer to a request that had its page's stamp in the query. */
interface StampedAnswer {
  readonly method: string
  readonly status: number
  readonly location: string | undefined
  /** Scheme and authority that were asked. */
  readonly origin: string
  /** Others to which pages of the release say their version (`page.origins`). */
  readonly origins: readonly string[]
  /** Name of the stamp, and what it said. */
  readonly name: string
  readonly version: string
}

/**
 * Location with the stamp; undefined where it stays as it is: it leads elsewhere, has one, or leads a form to a page, as every redirect does
 * but 307 and 308 (Fetch, HTTP-redirect fetch: the others make a GET of a POST).
 */
export function stampedLocation({
  method,
  status,
  location,
  origin,
  origins,
  name,
  version,
}: StampedAnswer): string | undefined {
  const again = status === 307 || status === 308 || method === 'GET' || method === 'HEAD'
  if (!again || !isRedirect(status) || location === undefined || location === '') return undefined
  if (location.includes(`${name}=`) || !leadsToUs(location, [origin, ...origins])) return undefined
  const hash = location.indexOf('#')
  const url = hash === -1 ? location : location.slice(0, hash)
  return `${url}${url.includes('?') ? '&' : '?'}${name}=${version}${location.slice(url.length)}`
}

function leadsToUs(location: string, origins: readonly string[]): boolean {
  // Browsers take a backslash for a slash (URL, 4.4).
  const named = /^(?:[a-z][a-z\d+.-]*:|[/\\]{2})/i.test(location)
  if (!named) return true
  return origins.some((origin) => {
    const from = location.startsWith('//') ? origin.slice(origin.indexOf('/')) : origin
    const rest = location.slice(from.length)
    return location.slice(0, from.length).toLowerCase() === from.toLowerCase() && /^(?:[/?#]|$)/.test(rest)
  })
}
