// `versions` in their long form: the pools that each owns, listed or made from a service's `url`.

import type { VersionSpec } from '../rules/release.ts'
import type { UpstreamUrl } from '../rules/types.ts'
import { checkVersion, complain, complainOfKey, type Draft, unlisted, warn } from './draft.ts'
import { quote } from './problem.ts'
import type { ServiceText, VersionText } from './schema.ts'
import { serviceText } from './services.ts'
import { readUpstream, withoutPassword } from './written-values.ts'

export function versionSpecs(draft: Draft): ReadonlyMap<string, VersionSpec> {
  const { versions } = draft.document
  if (versions.size === 0) complain(draft, versions, undefined, 'value', 'versions lists nothing')
  const templates = urlTemplates(draft)
  for (const { name, service, url } of templates) checkTemplate(draft, name, service, url)
  return new Map([...versions].map(([name, version]) => [name, versionSpec(draft, name, version, templates)]))
}

function versionSpec(
  draft: Draft,
  name: string,
  version: VersionText | null,
  templates: readonly UrlTemplate[],
): VersionSpec {
  const { origins, document } = draft
  const pools = version === null ? new Map<string, readonly UpstreamUrl[]>() : listedPools(draft, version)
  for (const template of templates) {
    const upstream = fillTemplate(template.url, name)
    if (typeof upstream !== 'string' && !pools.has(template.name)) pools.set(template.name, [upstream])
  }
  if (version?.base !== undefined) checkBase(draft, name, version, version.base, pools)
  return { name, place: origins.keyPlace(document.versions, name), base: version?.base, pools }
}

function checkBase(
  draft: Draft,
  name: string,
  version: VersionText,
  base: string,
  pools: ReadonlyMap<string, unknown>,
): void {
  if (!draft.document.versions.has(base)) return checkVersion(draft, version, 'base', base)
  // Its own name: nobody lends to it, and what it has no pool for, it does not serve.
  if (![...draft.document.services.keys()].every((service) => pools.has(service))) return
  const message = `base ${base} lends nothing: ${name} has a pool of its own for every service`
  warn(draft, version, 'base', 'no-effect', message)
}

function listedPools(draft: Draft, version: VersionText): Map<string, readonly UpstreamUrl[]> {
  const { services } = draft.document
  const pools = new Map<string, readonly UpstreamUrl[]>()
  for (const [service, pool] of version.entries) {
    if (!services.has(service)) {
      complainOfKey(draft, version.entries, service, 'unknown-name', unlisted('service', service, services))
    }
    const urls = typeof pool === 'string' ? [pool] : pool
    const upstreams: UpstreamUrl[] = []
    for (const [index, url] of urls.entries()) {
      const upstream = readUpstream(url)
      if (typeof upstream !== 'string') {
        upstreams.push(upstream)
        if (upstream.protocol === 'https' && tlsModeOf(draft, service) === 'DISABLE')
          complain(
            draft,
            version.entries,
            service,
            'value',
            `${quote(url)}: trafficPolicy.tls of ${service} is DISABLE`,
          )
      } else if (typeof pool === 'string')
        complain(draft, version.entries, service, 'value', `${quote(withoutPassword(url))}: ${upstream}`)
      else complain(draft, pool, index, 'value', `${quote(withoutPassword(url))}: ${upstream}`)
    }
    pools.set(service, upstreams)
  }
  return pools
}

function tlsModeOf(draft: Draft, service: string): string | undefined {
  return serviceText(draft.document.services.get(service) ?? null)?.trafficPolicy?.tls?.mode
}

// --- url: http://frontend-{version}:80 ---------------------------------------------------------------------------------------------------

interface UrlTemplate {
  readonly name: string
  readonly service: ServiceText
  readonly url: string
}

function urlTemplates(draft: Draft): readonly UrlTemplate[] {
  const templates: UrlTemplate[] = []
  for (const [name, entry] of draft.document.services) {
    const service = serviceText(entry)
    if (service?.url !== undefined) templates.push({ name, service, url: service.url })
  }
  return templates
}

function fillTemplate(url: string, version: string): UpstreamUrl | string {
  return readUpstream(url.replaceAll('{version}', version))
}

/** Told once, for the first version that it does not work for. */
function checkTemplate(draft: Draft, name: string, service: ServiceText, url: string): void {
  for (const version of draft.document.versions.keys()) {
    const upstream = fillTemplate(url, version)
    if (typeof upstream !== 'string') continue
    return complain(
      draft,
      service,
      'url',
      'value',
      `${quote(withoutPassword(url))}, for ${name} ${version}: ${upstream}`,
    )
  }
}
