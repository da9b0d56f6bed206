// The meaning of matches and rules, as short as it can be said and with nothing of src/rules but its types. Slow on purpose:
// the compiled matchers and the index are compared with it.

import { BlockList, isIPv6 } from 'node:net'
import type { GrayRuleSpec } from '../../src/rules/release.ts'
import type { RequestMatchSpec, StringMatchSpec } from '../../src/rules/types.ts'
import { bytes, type PlainRequest } from './specs.ts'

function fits(spec: StringMatchSpec, value: string, ignoreCase = false): boolean {
  const fold = (text: string): string =>
    ignoreCase ? text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()) : text
  if (spec.kind === 'exact') return fold(value) === fold(bytes(spec.value))
  if (spec.kind === 'prefix') return fold(value).startsWith(fold(bytes(spec.value)))
  if (spec.kind === 'regex') return new RegExp(`^(?:${bytes(spec.value)})$`).test(value)
  return spec.kind === 'present' || [...spec.values].some((each) => bytes(each) === value)
}

function linesOf(request: PlainRequest, name: string): string[] {
  const target = request.query === '' ? request.path : `${request.path}?${request.query}`
  const pseudo: Record<string, string> = {
    ':method': request.method,
    ':scheme': request.scheme,
    ':authority': request.authority,
    host: request.authority,
    ':path': target,
  }
  if (Object.hasOwn(pseudo, name)) return [bytes(pseudo[name] as string)]
  return request.headers.filter(([field]) => field.toLowerCase() === name).map(([, value]) => bytes(value))
}

function parameter(query: string, name: string): string | undefined {
  const pair = query.split('&').find((each) => each === name || each.startsWith(`${name}=`))
  return pair?.slice(name.length + 1)
}

function isInBlock(ip: string, cidr: string): boolean {
  const list = new BlockList()
  const [address = '', length = isIPv6(address) ? '128' : '32'] = cidr.split('/')
  list.addSubnet(address, Number(length), isIPv6(address) ? 'ipv6' : 'ipv4')
  return isIPv6(ip) === isIPv6(address) && list.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4')
}

export function naiveMatches(spec: RequestMatchSpec, request: PlainRequest): boolean {
  const pairs = linesOf(request, 'cookie').flatMap((line) => line.split('; '))
  const cookie = (name: string): string | undefined =>
    pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1)
  const optional = (match: StringMatchSpec, value: string | undefined): boolean =>
    value !== undefined && fits(match, value)
  return (
    (spec.uri === undefined || fits(spec.uri, bytes(request.path), spec.ignoreUriCase)) &&
    (spec.scheme === undefined || fits(spec.scheme, request.scheme)) &&
    (spec.method === undefined || fits(spec.method, request.method)) &&
    (spec.authority === undefined || fits(spec.authority, bytes(request.authority))) &&
    (spec.port === undefined || spec.port === request.port) &&
    (spec.clientIp === undefined || spec.clientIp.some((cidr) => isInBlock(request.ip, cidr))) &&
    [...(spec.headers ?? [])].every(([name, match]) => linesOf(request, name).some((line) => fits(match, line))) &&
    [...(spec.withoutHeaders ?? [])].every(([name, match]) => {
      const lines = linesOf(request, name)
      return !(lines.length === 0 && match.kind !== 'present' ? [''] : lines).some((line) => fits(match, line))
    }) &&
    [...(spec.queryParams ?? [])].every(([name, match]) =>
      optional(match, parameter(bytes(request.query), bytes(name))),
    ) &&
    [...(spec.cookies ?? [])].every(([name, match]) => optional(match, cookie(bytes(name)))) &&
    [...(spec.sourceLabels ?? [])].every(([name, value]) => request.labels?.[name] === value)
  )
}

/** The index of the first explicit rule that hits, or -1: top to bottom, nothing clever. */
export function naiveFirstExplicit(
  rules: readonly GrayRuleSpec[],
  request: PlainRequest,
  identity: string | undefined,
): number {
  return rules.findIndex(({ condition }) => {
    if (condition.kind === 'match') return condition.items.some((item) => naiveMatches(item, request))
    return (
      condition.kind === 'users' &&
      identity !== undefined &&
      [...condition.users].some((user) => bytes(user) === identity)
    )
  })
}
