// `page` in its long form.

import type { PageSpec } from '../rules/types.ts'
import type { Draft } from './draft.ts'

export function pageSpec({ document: { page } }: Draft): PageSpec {
  const { script, headers, parameters, origins } = page
  return {
    script: script === 'off' ? undefined : script,
    headers: headers.map((name) => name.toLowerCase()),
    parameters,
    origins,
  }
}
