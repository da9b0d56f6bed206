// Header values with Envoy's format words (`%REQ(x-user)%`, `%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%`, `%%`) and our %VERSION%,
// parsed once at compile and filled in per request. A value that comes out empty adds no field (Envoy 1.40 does the same).

import type { HeaderOperationsSpec } from '../rules/types.ts'
import type { Head, RequestHead } from './exchange.ts'

/** What a format word may ask for. */
export interface FormatContext {
  readonly request: RequestHead
  readonly version: string
  readonly clientAddressText: string
  readonly scheme: string
}

type Part = string | ((context: FormatContext) => string)

export interface HeaderOperations {
  readonly remove: readonly string[]
  readonly set: readonly (readonly [name: string, parts: readonly Part[]])[]
  readonly add: readonly (readonly [name: string, parts: readonly Part[]])[]
}

export function compileHeaderOperations(spec: HeaderOperationsSpec): HeaderOperations {
  return {
    remove: spec.remove,
    set: [...spec.set].map(([name, value]) => [name, compileFormat(value)] as const),
    add: [...spec.add].map(([name, value]) => [name, compileFormat(value)] as const),
  }
}

/** Envoy's order: remove, then set and add. */
export function applyHeaderOperations(operations: HeaderOperations, head: Head, context: FormatContext): void {
  for (const name of operations.remove) head.remove(name)
  for (const [name, parts] of operations.set) {
    const value = fill(parts, context)
    if (value !== '') head.set(name, value)
  }
  for (const [name, parts] of operations.add) {
    const value = fill(parts, context)
    if (value !== '') head.append(name, value)
  }
}

/** Throws on a lone `%` or an unknown word: a configuration with one is refused before it is put to use. */
function compileFormat(value: string): readonly Part[] {
  const parts: Part[] = []
  let at = 0
  while (at < value.length) {
    const percent = value.indexOf('%', at)
    if (percent < 0) {
      parts.push(value.slice(at))
      break
    }
    if (percent > at) parts.push(value.slice(at, percent))
    const end = value.indexOf('%', percent + 1)
    if (end < 0) throw new Error(`a lone % in '${value}': write %% for a percent sign`)
    parts.push(end === percent + 1 ? '%' : word(value.slice(percent + 1, end)))
    at = end + 1
  }
  return parts
}

function word(text: string): Part {
  switch (text) {
    case 'VERSION':
      return (context) => context.version
    case 'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT':
      return (context) => context.clientAddressText
    case 'PROTOCOL':
      return (context) => (context.request.minorVersion === 1 ? 'HTTP/1.1' : 'HTTP/1.0')
    case 'SCHEME':
      return (context) => context.scheme
  }
  if (text.startsWith('REQ(') && text.endsWith(')')) {
    const name = text.slice(4, -1).toLowerCase()
    if (name === ':method') return (context) => context.request.method
    if (name === ':path') return (context) => context.request.target
    if (name === ':authority') return (context) => context.request.authority
    if (name === 'cookie' || name === 'authorization') throw new Error(`%${text}% would copy a secret`)
    return (context) => context.request.get(name) ?? ''
  }
  throw new Error(`%${text}% is not a format word known here`)
}

function fill(parts: readonly Part[], context: FormatContext): string {
  let out = ''
  for (const part of parts) out += typeof part === 'string' ? part : part(context)
  return out
}
