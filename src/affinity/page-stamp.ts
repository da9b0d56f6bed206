// What a page says of itself: its version, in a header or, where browsers let no header through (EventSource, WebSocket), in the query.
// Believed by nobody here: deciding holds it against the pin's history.

import { queryParameter } from '../rules/query-parameter.ts'
import type { PageSpec, PinSpec } from '../rules/release.ts'
import type { RequestMarks } from './page-kind.ts'

/** The version that the page names, by our own name first; undefined when it names none. */
export function pageVersion(
  request: RequestMarks,
  query: string,
  { pageHeader }: PinSpec,
  page: PageSpec | undefined,
): string | undefined {
  const own = request.get(pageHeader) ?? (query === '' ? undefined : queryParameter(query, pageHeader))
  if (own !== undefined || page === undefined) return own
  for (const name of page.headers) {
    const value = request.get(name)
    if (value !== undefined) return value
  }
  if (query === '') return undefined
  for (const name of page.parameters) {
    const value = queryParameter(query, name)
    if (value !== undefined) return value
  }
  return undefined
}

/** The query without that parameter, for the app never asked for it; the very string when it is not there. */
export function withoutParameter(query: string, name: string): string {
  if (!query.includes(name)) return query
  const pairs = query.split('&')
  const kept = pairs.filter((pair) => pair !== name && !pair.startsWith(`${name}=`))
  return kept.length === pairs.length ? query : kept.join('&')
}
