// Whether a release's pins reach all of its hosts: an app at app.example.com and its API at api.example.com share one only by `domain`.

import { complain, type Draft } from './draft.ts'

export function checkPinDomain(draft: Draft): void {
  const { hosts, pin } = draft.document
  const named = hosts.filter((host) => host !== '*')
  const domain = pin.domain && bareDomain(pin.domain)
  if (domain === undefined) {
    if (named.length > 1 || named.some((host) => host.startsWith('*.'))) warnOfSeveralHosts(draft, named)
    return
  }
  const foreign = named.find((host) => !isWithin(host, domain))
  if (foreign !== undefined) {
    const message = `pin.domain ${domain} does not hold ${foreign} of hosts: browsers refuse the pin there`
    complain(draft, pin, 'domain', 'value', message)
  }
}

/** Releases that write one cookie take each other's pins away, and with them what holds their open pages. */
export function checkPinsApart(drafts: readonly Draft[]): void {
  const owners = new Map<string, string | undefined>()
  for (const draft of drafts) {
    const { name, pin } = draft.document
    if (pin.domain === undefined) continue
    const domain = bareDomain(pin.domain)
    const cookie = `${pin.cookie} of ${domain}`
    if (owners.has(cookie)) {
      const message = `release ${owners.get(cookie)} writes the cookie ${cookie} too, over the pins of this one: give one of them another pin.cookie`
      complain(draft, pin, 'domain', 'value', message)
    } else owners.set(cookie, name)
  }
}

/** As cookies have it: without the dot that some write in front. */
export function bareDomain(domain: string): string {
  return domain.replace(/^\./, '').toLowerCase()
}

function isWithin(host: string, domain: string): boolean {
  const bare = host.toLowerCase().replace(/^\*\./, '').replace(/:\d+$/, '')
  return bare === domain || bare.endsWith(`.${domain}`)
}

function warnOfSeveralHosts(draft: Draft, hosts: readonly string[]): void {
  const { document, origins } = draft
  const domain = commonDomain(hosts)
  const remedy =
    domain === undefined
      ? 'they have no domain in common, so each host decides for itself'
      : `if pages of one call another, set pin.domain: ${domain}`
  draft.report({
    ...origins.keyPlace(document, 'hosts'),
    severity: 'warning',
    code: 'pin-domain',
    message: `hosts are several, and a pin is for one host alone: ${remedy}`,
    keyPath: 'hosts',
  })
}

/** The longest name of two parts or more that all hosts end in. */
function commonDomain(hosts: readonly string[]): string | undefined {
  const [first = [], ...others] = hosts.map((host) => host.toLowerCase().replace(/^\*\./, '').split('.').toReversed())
  let length = 0
  while (length < first.length && others.every((other) => other[length] === first[length])) length += 1
  return length < 2 ? undefined : first.slice(0, length).toReversed().join('.')
}
