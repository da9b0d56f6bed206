// Makes preview links: from a configuration's own keys, for a version that it lists. Prints nothing; the edge opens them (affinity/preview.ts).

import { previewParameter, previewToken } from './affinity/preview.ts'
import type { Configuration } from './config/configuration.ts'
import { compileHosts } from './rules/hosts.ts'
import type { ReleaseSpec } from './rules/release.ts'
import { didYouMean } from './rules/route-problem.ts'

export interface PreviewWish {
  readonly version: string
  /** May be left out where there is only one. */
  readonly release?: string | undefined
  /** The page to open; default `/` of the release's first host, on https. */
  readonly url?: string | undefined
  /** Seconds since 1970. */
  readonly expiresAt: number
}

/** The link, or why there is none. */
export function createPreviewLink(
  { releases, keys }: Configuration,
  { version, release: name, url, expiresAt }: PreviewWish,
): { readonly link: string } | { readonly refused: string } {
  const release = name === undefined && releases.length === 1 ? releases[0] : releases.find((one) => one.name === name)
  if (release === undefined) {
    const names = releases.map((one) => one.name)
    const refused =
      name === undefined
        ? `several releases (${names.join(', ')}): say which (--release)`
        : `release ${name} is not in the file${didYouMean(name, names)}`
    return { refused }
  }
  if (!release.versions.has(version)) {
    return { refused: `version ${version} is not listed${didYouMean(version, release.versions.keys())}` }
  }
  const [signing] = keys.get(release.name) ?? []
  if (signing === undefined) return { refused: noKeys }
  const page = pageOf(url, release.hosts[0] ?? '*')
  if (typeof page === 'string') return { refused: page }
  const answering = compileHosts(releases.map((value) => ({ hosts: value.hosts, value })))(page.host)
  if (answering !== release) return { refused: elsewhere(page.host, answering, release) }
  const token = previewToken(release.name, { version, epoch: release.pin.epoch, expiresAt }, signing)
  page.search += `${page.search === '' ? '?' : '&'}${previewParameter}=${token}`
  return { link: page.href }
}

const noKeys =
  'no pin.keys, without which no gateway knows the signature: name one, as in pin: { keys: [{ file: pin.key }] }'

/** What is signed for one release, no other takes. */
function elsewhere(host: string, answering: ReleaseSpec | undefined, { name, hosts }: ReleaseSpec): string {
  const who = answering === undefined ? 'no release' : `release ${answering.name}`
  return `${who} answers for ${host}: ${name} answers for ${hosts.join(', ')}`
}

function pageOf(url: string | undefined, host: string): URL | string {
  if (url === undefined && host.includes('*')) return 'the release answers for any host: say which page (--url)'
  const page = URL.parse(url ?? `https://${host}/`)
  return page !== null && /^https?:$/.test(page.protocol)
    ? page
    : `${JSON.stringify(url)} is no http or https address, as https://shop.example.com/cart is`
}
