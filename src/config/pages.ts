// `page` in its long form.

import type { PageSpec } from '../rules/types.ts'
import { complain, type Draft } from './draft.ts'

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
  return {
    script: script === 'off' ? undefined : script,
    headers: headers.map((name) => name.toLowerCase()),
    parameters,
    origins,
  }
}
