// What a preview does to a decision: it outranks the pin and the rules, but never a page that says it is of another version.
// Pure, like decide.ts, which asks here first.

import type { Release } from './release.ts'
import type { Decision, Visit } from './types.ts'

/** Undefined where the preview does not matter, and everything is decided as without it. */
export function decidePreview(release: Release, visit: Visit): Decision | undefined {
  const { preview, kind, pageVersion } = visit
  if (preview === undefined || kind === 'preflight') return undefined
  // Another tab, whose page is not of the preview: what its version is, the pin has to say.
  if (kind === 'subresource' && pageVersion !== undefined && pageVersion !== preview.version) return undefined
  if (preview.held) {
    const { version } = preview
    return version === release.stable || visit.available(version)
      ? { action: 'serve', version, reason: 'preview', rule: undefined }
      : { action: 'unavailable', version, reason: 'unavailable', rule: undefined }
  }
  // The page was loaded while the preview held (the next page load takes the cookie away), and what it asks for would come from elsewhere.
  return kind !== 'document'
    ? { action: 'reload', version: release.stable, reason: 'stale', rule: undefined }
    : undefined
}
