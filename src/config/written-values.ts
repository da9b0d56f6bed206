// Texts that stand for numbers and addresses, as the schema's patterns let them through.

import { parseAddress } from '../rules/address.ts'
import type { UpstreamUrl } from '../rules/types.ts'

const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Longest time that timers take: 2^31 - 1 ms, some 24 days. */
export const longestTimerMs = 2_147_483_647

/** `1.5s` in milliseconds, rounded to whole ones. The text fits the schema's pattern. */
export function durationMs(text: string): number {
  const [, number = '', unit = ''] = /^([\d.]+)([a-z]+)$/.exec(text) ?? []
  return Math.round(Number(number) * (unitMs[unit] ?? Number.NaN))
}

/** `0.5%` in hundredths of a percent. The text fits the schema's pattern. */
export function hundredthsOfPercent(text: string): number {
  return Math.round(Number(text.slice(0, -1)) * 100)
}

/** The endpoint of `http://host:port` or `https://host:port`, or what is wrong with it. */
export function readUpstream(text: string): UpstreamUrl | string {
  const found = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)(.*)$/.exec(text)
  if (found === null) return `not a URL: write http://${/^[\w.:-]+$/.test(text) ? text : 'host:port'}`
  const [, scheme = '', authority = '', rest = ''] = found
  const protocol = scheme.toLowerCase()
  if (protocol !== 'http' && protocol !== 'https') return `scheme ${scheme} is not known, http is`
  if (authority.includes('@')) return 'a URL of a pool has no user and no password'
  if (rest !== '' && rest !== '/') return `a URL of a pool ends behind the port: leave ${rest} out, or use rewrite`
  const parts = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(authority)
  if (parts === null) return `${authority} is not a host with a port`
  const [, host = '', digits = protocol === 'https' ? '443' : '80'] = parts
  const port = Number(digits)
  if (port < 1 || port > 65_535) return `port ${digits} is not between 1 and 65535`
  const hostname = host.startsWith('[') ? host.slice(1, -1) : host
  if (host === '') return 'the host is missing'
  return isHost(host) ? { protocol, hostname, port } : `${host} is not a host name or address`
}

/** A URL as messages show it: without the password that somebody may have put in. */
export function withoutPassword(url: string): string {
  return url.replace(/\/\/[^/?#]*@/, '//...@')
}

/** A DNS name, a four-part IPv4 address, or IPv6 in brackets. */
function isHost(host: string): boolean {
  if (host.startsWith('[')) return parseAddress(host) !== undefined && !host.includes('%')
  // 010.0.0.1 and 127.1 are addresses to some programs: a name never ends in a number.
  if (/(^|\.)\d+$/.test(host)) return parseAddress(host) !== undefined
  return (
    host.length <= 253 &&
    /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i.test(host)
  )
}
