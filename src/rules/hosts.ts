// Which release a Host belongs to, by Istio's rules for wildcards, and which service a mesh name means.
// Ports and case never count here.

import { withoutPort } from './authority.ts'
import { asciiLowerCase } from './wire-text.ts'

/** Finds by a Host value as sent. */
export type HostTable<T> = (authority: string) => T | undefined

/**
 * Exact hosts first, then the longest `*.` suffix (any depth, never the bare domain), then `*`. A host that is given twice belongs to the
 * first; `sharedHosts` finds those.
 * @param dotCounts `example.com.` is another host than `example.com`, as it is for Envoy; else the same (RFC 9110 4.2.3, nginx)
 */
export function compileHosts<T>(
  entries: readonly { readonly hosts: readonly string[]; readonly value: T }[],
  dotCounts = false,
): HostTable<T> {
  const exact = new Map<string, T>()
  const suffixes = new Map<number, Map<string, T>>()
  let everything: T | undefined
  for (const { hosts, value } of entries) {
    for (const host of hosts.map(asciiLowerCase).map(bare)) {
      if (host === '*') everything ??= value
      else if (host.startsWith('*')) addOnce(suffixesOf(suffixes, host.length - 1), host.slice(1), value)
      else addOnce(exact, host, value)
    }
  }
  if (exact.size === 0 && suffixes.size === 0) return () => everything
  // Longest first. Walking lengths rather than labels: what a client sends decides nothing about the work.
  const byLength = [...suffixes].toSorted(([a], [b]) => b - a)
  let last = ''
  let lastFound = find(last)
  // Connections bring the same Host again and again.
  return function findHost(authority) {
    if (authority === last) return lastFound
    last = authority
    return (lastFound = find(authority))
  }

  function bare(host: string): string {
    return !dotCounts && host.length > 1 && host.endsWith('.') ? host.slice(0, -1) : host
  }

  function find(authority: string): T | undefined {
    const host = bare(hostOf(authority))
    const found = exact.get(host)
    if (found !== undefined) return found
    for (const [length, values] of byLength) {
      if (host.length <= length) continue
      const value = values.get(host.slice(-length))
      if (value !== undefined) return value
    }
    return everything
  }
}

/** Hosts that more than one entry names: nothing says whose they are. One wildcard inside another is no conflict, precedence decides. */
export function sharedHosts(
  entries: readonly { readonly hosts: readonly string[] }[],
): readonly { readonly host: string; readonly first: number; readonly second: number }[] {
  const owners = new Map<string, number>()
  const shared: { host: string; first: number; second: number }[] = []
  for (const [index, { hosts }] of entries.entries()) {
    for (const host of new Set(hosts.map(asciiLowerCase))) {
      const first = owners.get(host)
      if (first === undefined) owners.set(host, index)
      else shared.push({ host, first, second: index })
    }
  }
  return shared
}

/** What is wrong with a host of a release, or undefined. */
export function hostProblem(host: string): string | undefined {
  const rest = host.startsWith('*.') ? host.slice(2) : host
  if (host === '*') return undefined
  if (rest === '') return 'a host must not be empty'
  if (rest.includes('*')) return `host ${host}: a wildcard stands in front, as in *.example.com`
  if (/:\d*$/.test(rest) && !rest.endsWith(']')) return `host ${host}: leave the port out, it does not count`
  if (/[\s/]/.test(rest)) return `host ${host}: not a host name`
  return undefined
}

/**
 * The service that a mesh name means: `mqtt-server`, `mqtt-server.shop`, `mqtt-server.shop.svc` or that with any domain behind it. A
 * service whose own name has dots is found by that name first.
 * @param find takes a name in lower case
 */
export function findByMeshName<T>(authority: string, find: (name: string) => T | undefined): T | undefined {
  const host = hostOf(authority)
  const found = find(host)
  if (found !== undefined) return found
  const svc = host.endsWith('.svc') ? host.length - 4 : host.indexOf('.svc.')
  const name = svc === -1 ? host : host.slice(0, svc)
  const namespace = name.lastIndexOf('.')
  return namespace > 0 ? find(name.slice(0, namespace)) : undefined
}

/** In lower case, without the port. */
function hostOf(authority: string): string {
  return asciiLowerCase(withoutPort(authority))
}

function suffixesOf<T>(suffixes: Map<number, Map<string, T>>, length: number): Map<string, T> {
  let values = suffixes.get(length)
  if (values === undefined) {
    values = new Map()
    suffixes.set(length, values)
  }
  return values
}

function addOnce<T>(values: Map<string, T>, key: string, value: T): void {
  if (!values.has(key)) values.set(key, value)
}
