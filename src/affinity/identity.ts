// Who a visitor is, for `users` lists and for the draw: the first identity that the request shows. What a cookie or header says is a
// claim and no proof, except of a token, which counts only when a key verifies it.

import { Buffer } from 'node:buffer'
import { LRUCache } from 'lru-cache'
import { formatAddress } from '../rules/address.ts'
import type { IdentitySource } from '../rules/identity-source.ts'
import type { ReleaseSpec } from '../rules/release.ts'
import type { Address, RequestFacts } from '../rules/types.ts'
import { fieldOf, readJsonCookie } from './json-field.ts'
import { createTokenReader } from './token.ts'

/** The first source that is present, as text of one character a byte, so that a `users` list holds just what people call themselves. */
export type ReadIdentity = (facts: RequestFacts, nowSeconds: number) => string | undefined

type ReadSource = ReadIdentity

const usualIpv6Prefix = 64
const blocksRemembered = 4_096

/** Throws on a key that cannot be read: the configuration that holds it was refused before. */
export function compileIdentity({
  identity,
  ignoredIdentities,
}: Pick<ReleaseSpec, 'identity' | 'ignoredIdentities'>): ReadIdentity {
  const sources = identity.map((source) => compileSource(source, ignoredIdentities ?? new Set()))
  const [only] = sources
  if (only !== undefined && sources.length === 1) return only
  return function readIdentity(facts, nowSeconds) {
    for (const read of sources) {
      const value = read(facts, nowSeconds)
      if (value !== undefined) return value
    }
    return undefined
  }
}

function compileSource(source: IdentitySource, ignored: ReadonlySet<string>): ReadSource {
  const orNobody = compileNobody(ignored)
  switch (source.kind) {
    case 'cookie':
      return (facts) => orNobody(facts.cookie(source.name))
    case 'header':
      return (facts) => orNobody(facts.headerLines(source.name).find((line) => line !== ''))
    case 'json':
      return (facts) => orNobody(wire(fieldOf(readJsonCookie(facts.cookie(source.cookie)), source.field)))
    case 'jwt': {
      const read = createTokenReader(source)
      const { kind, name } = source.place
      return (facts, nowSeconds) => {
        const token = kind === 'cookie' ? facts.cookie(name) : withoutScheme(facts.headerLines(name)[0])
        return token === undefined ? undefined : orNobody(wire(read(token, nowSeconds)))
      }
    }
    case 'clientIp':
      return compileClientIp(source.ipv6Prefix ?? usualIpv6Prefix)
  }
}

/** `null` in a cookie is what a program wrote when nobody was logged in: a million visitors are not one. */
function compileNobody(ignored: ReadonlySet<string>): (value: string | undefined) => string | undefined {
  const longest = Math.max(0, ...Array.from(ignored, (value) => value.length))
  return (value) => {
    if (value === undefined || value === '') return undefined
    return value.length <= longest && ignored.has(value.toLowerCase()) ? undefined : value
  }
}

/**
 * An IPv4 address, or the block of an IPv6 one: a host takes new addresses from its /64 every day (RFC 8981), and stays who it is.
 * Written as `2001:db8:1:2::/64`; a prefix of 128 keeps the address as it is.
 */
function compileClientIp(prefix: number): ReadSource {
  const texts = new LRUCache<bigint, string>({ max: blocksRemembered })
  return ({ clientAddress }) => {
    if (clientAddress.family === 4 || prefix === 128) return clientAddress.text
    const block = blockOf(clientAddress, prefix)
    let text = texts.get(block)
    if (text === undefined) {
      text = `${formatAddress({ family: 6, high: block >> 64n, low: block & 0xffff_ffff_ffff_ffffn })}/${prefix}`
      texts.set(block, text)
    }
    return text
  }
}

function blockOf({ high, low }: Extract<Address, { family: 6 }>, prefix: number): bigint {
  const host = BigInt(128 - prefix)
  return (((high << 64n) | low) >> host) << host
}

/** RFC 6750 2.1. */
function withoutScheme(value: string | undefined): string | undefined {
  return value !== undefined && /^bearer /i.test(value) ? value.slice('bearer '.length).trim() : value
}

/** Lists are compared as bytes of UTF-8, one character each. */
function wire(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(text, 'utf8').toString('latin1')
}
