// Pools that lead back to a listener of the same configuration: every request would come round until it is refused (508). Only what the
// file itself tells is looked at: names, and which addresses a machine has, are another matter where it is checked than where it runs.

import { parseAddress } from '../rules/address.ts'
import { withPort } from '../rules/authority.ts'
import type { VersionSpec } from '../rules/release.ts'
import type { UpstreamUrl } from '../rules/types.ts'
import type { ListenSpec } from './configuration.ts'
import { type Draft, warn } from './draft.ts'
import { isLoopback } from './listeners.ts'
import { serviceText } from './services.ts'

/** Warns at each URL of a pool that is a listener; mirrors and health checks go to pools, so they are told with them. */
export function warnOfOwnListeners(
  draft: Draft,
  versions: ReadonlyMap<string, VersionSpec>,
  listen: readonly ListenSpec[],
): void {
  for (const [version, { pools }] of versions) {
    for (const [service, urls] of pools) {
      for (const [index, url] of urls.entries()) {
        const listener = listen.find((one) => isReachedBy(url, one))
        if (listener === undefined) continue
        const [owner, key] = whereWritten(draft, version, service, index)
        const message = `${url.protocol}://${withPort(url.hostname, url.port)} is the listener of line ${listener.place.line}: requests of ${version} would come back here, and are refused then (508)`
        warn(draft, owner, key, 'loop', message)
      }
    }
  }
}

function whereWritten(
  { document: { versions, services } }: Draft,
  version: string,
  service: string,
  index: number,
): readonly [owner: object, key: string | number] {
  const entries = versions.get(version)?.entries
  const pool = entries?.get(service)
  if (entries !== undefined && pool !== undefined) return typeof pool === 'string' ? [entries, service] : [pool, index]
  return [serviceText(services.get(service) ?? null) as object, 'url']
}

/** A listener on all addresses is certainly at those of loopback; `localhost` means these (RFC 6761 6.3). */
function isReachedBy({ hostname, port }: UpstreamUrl, listener: ListenSpec): boolean {
  if (port !== listener.port) return false
  const bound = canonical(listener.address)
  const asked = hostname.toLowerCase() === 'localhost' ? ['127.0.0.1', '::1'] : [canonical(hostname)]
  return asked.some((address) => {
    if (address === bound) return true
    // The wildcard of IPv6 takes IPv4 as well.
    const isWithin = bound === '::' || (bound === '0.0.0.0' && !address.includes(':'))
    return isWithin && (isLoopback(address) || address === '0.0.0.0' || address === '::')
  })
}

function canonical(address: string): string {
  return parseAddress(address)?.text ?? address
}
