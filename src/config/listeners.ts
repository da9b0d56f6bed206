// `listen` and `trust` in their long form.

import type { TrustSpec } from '../affinity/types.ts'
import { parseAddress, parseCidr } from '../rules/address.ts'
import { certificateSpecs } from './certificates.ts'
import type { ListenSpec } from './configuration.ts'
import { complain, type Draft, warn } from './draft.ts'
import { quote } from './problem.ts'
import type { RoutesDocument } from './schema.ts'

type ListenerText = NonNullable<RoutesDocument['listen']>[number]

const loopback = '127.0.0.1'

export async function listenSpecs(draft: Draft<Pick<RoutesDocument, 'listen'>>): Promise<readonly ListenSpec[]> {
  const { listen } = draft.document
  if (listen === undefined) {
    complain(draft, draft.document, undefined, 'missing-key', 'listen is missing')
    return []
  }
  const specs: ListenSpec[] = []
  for (const item of listen) specs.push(await listenSpec(draft, item))
  for (const [index, spec] of specs.entries()) {
    const before = specs.slice(0, index).find((other) => collide(spec, other, draft.surroundings.anyAddress))
    if (before === undefined) continue
    complain(
      draft,
      listen[index] as ListenerText,
      'port',
      'value',
      `port ${spec.port} is taken by the listener of line ${before.place.line}`,
    )
  }
  return specs
}

async function listenSpec(draft: Draft<unknown>, item: ListenerText): Promise<ListenSpec> {
  const { port, internal, address, from, sourceLabels } = item
  if (address !== undefined && !isIp(address))
    complain(draft, item, 'address', 'value', `${quote(address)} is not an IP address`)
  for (const [key, value] of Object.entries({ from, sourceLabels })) {
    if (value !== undefined && !internal)
      complain(draft, item, key, 'value', `${key} is for listeners with internal: true`)
  }
  if (internal && address !== undefined && from === undefined && !isLoopback(address)) {
    const message = `an internal listener at ${address} needs from: [CIDR, ...]: whoever reaches it may choose versions`
    complain(draft, item, 'address', 'value', message)
  }
  checkCidrs(draft, from)
  return {
    port,
    address: address ?? (internal ? loopback : draft.surroundings.anyAddress),
    internal,
    from: from ?? [],
    sourceLabels: sourceLabels && Object.fromEntries(sourceLabels),
    tls: await certificateSpecs(draft, item.tls),
    place: draft.origins.place(item),
  }
}

/** Each item is an address or CIDR; reports those that are not, and blocks that are written as if they were one address. */
export function checkCidrs(draft: Draft<unknown>, list: readonly string[] = []): void {
  for (const [index, text] of list.entries()) {
    const block = parseCidr(text)?.text
    if (block === undefined) complain(draft, list, index, 'value', `${quote(text)} is not an address or CIDR`)
    else if (hasHostBits(text, block))
      warn(draft, list, index, 'slip', `${quote(text)} is all of ${block}: write that, or the address alone`)
  }
}

/** `10.1.2.3/8`: cleared, as Envoy does, and hardly meant. @param block the same as a canonical CIDR */
function hasHostBits(text: string, block: string): boolean {
  const [address = '', length] = text.split('/')
  return length !== undefined && parseCidr(address)?.text.split('/')[0] !== block.split('/')[0]
}

export function trustSpec(draft: Draft<Pick<RoutesDocument, 'trust'>>): TrustSpec {
  const { trust = [] } = draft.document
  if (isList(trust)) {
    checkCidrs(draft, trust)
    return { proxies: trust, hops: undefined, header: undefined }
  }
  const { proxies, hops, header } = trust
  checkCidrs(draft, proxies)
  if (proxies !== undefined && hops !== undefined) {
    complain(
      draft,
      trust,
      'hops',
      'value',
      'trust takes proxies or hops, not both: either addresses are trusted or a number of hops',
    )
  }
  if (header !== undefined && proxies === undefined && hops === undefined) {
    complain(draft, trust, 'header', 'value', 'trust.header is believed from trusted peers only: give proxies too')
  }
  return { proxies: proxies ?? [], hops, header: header?.toLowerCase() }
}

function isList(trust: NonNullable<RoutesDocument['trust']>): trust is string[] {
  return Array.isArray(trust)
}

/** An address and nothing around it: no port, brackets or zone. */
export function isIp(text: string): boolean {
  return parseAddress(text) !== undefined && !text.includes('/') && parseCidr(text) !== undefined
}

/** @param address an IP address */
export function isLoopback(address: string): boolean {
  const parsed = parseAddress(address)
  return parsed?.family === 4 ? parsed.value >>> 24 === 127 : parsed?.text === '::1'
}

/** Two that the system would not bind both. */
function collide(a: ListenSpec, b: ListenSpec, anyAddress: string): boolean {
  const isAny = ({ address }: ListenSpec): boolean =>
    address === '::' || address === '0.0.0.0' || address === anyAddress
  return a.port === b.port && a.port !== 0 && (a.address === b.address || isAny(a) || isAny(b))
}
