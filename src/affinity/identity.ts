// Who a visitor is, for `users` lists and for the draw: the first identity that the request shows.
// Never verifies it: a configuration names only sources it believes.

import type { IdentitySource, RequestFacts } from '../rules/types.ts'

/** The first source that is present and not empty, as plain text, so that a `users` list holds just what people call themselves. */
export function readIdentity(sources: readonly IdentitySource[], facts: RequestFacts): string | undefined {
  for (const source of sources) {
    const value = readSource(source, facts)
    if (value) return value
  }
  return undefined
}

function readSource(source: IdentitySource, facts: RequestFacts): string | undefined {
  switch (source.kind) {
    case 'cookie':
      return facts.cookie(source.name)
    case 'header':
      return facts.headerLines(source.name).find((line) => line !== '')
    case 'clientIp':
      return facts.clientAddress.text
  }
}
