// `page` in its long form.

import type { PageSpec } from '../rules/release.ts'
import { complain, type Draft, warn } from './draft.ts'

export function pageSpec(draft: Draft): PageSpec {
  const { page, pin } = draft.document
  const { script, headers, parameters, origins } = page
  for (const [index, name] of headers.entries()) {
    if (name.toLowerCase() !== pin.header.toLowerCase()) continue
    complain(
      draft,
      headers,
      index,
      'value',
      `${name} is what we tell the app; a page names its version in another header`,
    )
  }
  if (origins.length > 0) checkCors(draft)
  return {
    script: script === 'off' ? undefined : script,
    headers: headers.map((name) => name.toLowerCase()),
    parameters,
    origins,
  }
}

/** A browser refuses the whole request, not the stamp alone, when a CORS preflight does not allow the header. */
function checkCors(draft: Draft): void {
  const { services, pin } = draft.document
  const name = pin.pageHeader.toLowerCase()
  for (const entry of services.values()) {
    const policy = typeof entry === 'object' ? entry?.corsPolicy : undefined
    const allowed = policy?.allowHeaders ?? []
    if (policy === undefined || allowed.some((header) => header === '*' || header.toLowerCase() === name)) continue
    const key = policy.allowHeaders === undefined ? undefined : 'allowHeaders'
    const message = `pages stamp what they ask of page.origins with ${pin.pageHeader}, which this corsPolicy does not allow: browsers would refuse those requests`
    warn(draft, policy, key, 'page-stamp', message)
  }
}
