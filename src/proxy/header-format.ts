// Header operations of a route: values with Envoy's format words, parsed once when a configuration is compiled and filled in per request.
// A value that comes out empty adds no field (Envoy 1.40 does the same).

import { hostname } from 'node:os'
import { withPort } from '../rules/authority.ts'
import { type FormatPart, type FormatWord, parseHeaderFormat } from '../rules/header-format.ts'
import type { HeaderOperationsSpec } from '../rules/types.ts'
import { wireText } from '../rules/wire-text.ts'
import type { Head, RequestHead } from './exchange.ts'
import { isSingleLine, joinLines } from './mesh-fields.ts'
import { startTime } from './start-time.ts'

/** What a format word may ask for. Texts are '' where there is nothing (yet). */
export interface FormatContext {
  readonly request: RequestHead
  /** As the upstream is asked: rewritten once the request's own operations are done. */
  readonly target: string
  readonly authority: string
  /** Undefined while there is no answer. */
  readonly response: Pick<Head, 'sentLines'> | undefined
  readonly version: string
  /** Of the client as we believe it, and of the socket's peer. */
  readonly clientAddressText: string
  readonly peerAddress: string
  readonly peerPort: number
  readonly localAddress: string
  readonly localPort: number
  readonly scheme: string
  readonly upstream: { readonly address: string; readonly port: number } | undefined
  readonly cluster: string
  readonly routeName: string
  readonly attempts: number
  /** Of the upstream's answer; 0 without one, and for answers of the edge's own: Envoy knows it no sooner. */
  readonly status: number
  readonly flags: string
}

type Part = string | ((context: FormatContext) => string)
type Operation = readonly [name: string, parts: readonly Part[]]

export interface HeaderOperations {
  readonly remove: readonly string[]
  readonly set: readonly Operation[]
  readonly add: readonly Operation[]
}

/** Throws on a value that `parseHeaderFormat` refuses: whoever reads configurations has told it with its place before. */
export function compileHeaderOperations(spec: HeaderOperationsSpec): HeaderOperations {
  return { remove: spec.remove, set: operations(spec.set), add: operations(spec.add) }
}

function operations(fields: ReadonlyMap<string, string>): readonly Operation[] {
  return Array.from(fields, ([name, value]) => [name, compileFormat(value)] as const)
}

/** Envoy's order: remove, then set, then add; all values are made of what is left after the first. */
export function applyHeaderOperations(
  { remove, set, add }: HeaderOperations,
  head: Pick<Head, 'remove' | 'set' | 'append'>,
  context: FormatContext,
): void {
  for (const name of remove) head.remove(name)
  const setValues = set.map((operation) => fill(operation[1], context))
  const addValues = add.map((operation) => fill(operation[1], context))
  for (let i = 0; i < set.length; i++) if (setValues[i] !== '') head.set(set[i]![0], setValues[i]!)
  for (let i = 0; i < add.length; i++) if (addValues[i] !== '') head.append(add[i]![0], addValues[i]!)
}

function compileFormat(value: string): readonly Part[] {
  const parsed = parseHeaderFormat(value)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed.parts.map(compilePart)
}

function compilePart(part: FormatPart): Part {
  // Values of the request are bytes, one character each, and so is what stands between them.
  if (typeof part === 'string') return wireText(part)
  const { length } = part
  const read = reader(part)
  if (length === undefined) return read
  return typeof read === 'string' ? read.slice(0, length) : (context) => read(context).slice(0, length)
}

function reader({ word, argument }: FormatWord): Part {
  switch (word) {
    case 'REQ':
    case 'REQUEST_HEADER':
      return firstOf(argument, requestField)
    case 'RESP':
    case 'RESPONSE_HEADER':
      return firstOf(argument, (name) => (context) => context.response?.sentLines(name)[0])
    case 'START_TIME':
      return startTime(argument)
    case 'ENVIRONMENT':
      return process.env[argument] ?? ''
    case 'HOSTNAME':
      return hostname()
    default:
      return words[word]!
  }
}

/** Undefined: there is no such field. */
type FieldReader = (context: FormatContext) => string | undefined

/** `X?Y`: Y where X is absent; an empty X is there. */
function firstOf(argument: string, readerOf: (name: string) => FieldReader): (context: FormatContext) => string {
  const [first = '', second] = argument.toLowerCase().split('?')
  const read = readerOf(first)
  if (second === undefined) return (context) => read(context) ?? ''
  const instead = readerOf(second)
  return (context) => read(context) ?? instead(context) ?? ''
}

/** Of several lines the first one, unless they are one to Envoy. */
function requestField(name: string): FieldReader {
  switch (name) {
    case ':method':
      return ({ request }) => request.method
    case ':path':
      return (context) => context.target
    case ':authority':
    case 'host':
      return (context) => context.authority
    case ':scheme':
      return ({ scheme }) => scheme
    default:
      return isSingleLine(name)
        ? ({ request }) => (request.sentLines(name).length === 0 ? undefined : joinLines(request.sentLines(name)))
        : ({ request }) => request.sentLines(name)[0]
  }
}

const words: Readonly<Record<string, (context: FormatContext) => string>> = {
  VERSION: (context) => context.version,
  SCHEME: (context) => context.scheme,
  PROTOCOL: ({ request }) => (request.minorVersion === 1 ? 'HTTP/1.1' : 'HTTP/1.0'),
  DOWNSTREAM_REMOTE_ADDRESS: (context) => withPort(context.clientAddressText, clientPort(context)),
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (context) => context.clientAddressText,
  DOWNSTREAM_REMOTE_PORT: (context) => String(clientPort(context)),
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: (context) => withPort(context.peerAddress, context.peerPort),
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: (context) => context.peerAddress,
  DOWNSTREAM_DIRECT_REMOTE_PORT: (context) => String(context.peerPort),
  DOWNSTREAM_LOCAL_ADDRESS: (context) => withPort(context.localAddress, context.localPort),
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (context) => context.localAddress,
  DOWNSTREAM_LOCAL_PORT: (context) => String(context.localPort),
  UPSTREAM_HOST: upstreamHost,
  UPSTREAM_REMOTE_ADDRESS: upstreamHost,
  UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: ({ upstream }) => upstream?.address ?? '',
  UPSTREAM_REMOTE_PORT: ({ upstream }) => (upstream === undefined ? '' : String(upstream.port)),
  UPSTREAM_CLUSTER: (context) => context.cluster,
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (context) => String(context.attempts),
  RESPONSE_CODE: (context) => String(context.status),
  RESPONSE_FLAGS: (context) => context.flags,
  ROUTE_NAME: (context) => context.routeName,
}

/** An address out of X-Forwarded-For has no port; Envoy writes 0. */
function clientPort(context: FormatContext): number {
  return context.clientAddressText === context.peerAddress ? context.peerPort : 0
}

function upstreamHost({ upstream }: FormatContext): string {
  return upstream === undefined ? '' : withPort(upstream.address, upstream.port)
}

function fill(parts: readonly Part[], context: FormatContext): string {
  const [only] = parts
  if (parts.length === 1 && typeof only === 'string') return only
  let out = ''
  for (const part of parts) out += typeof part === 'string' ? part : part(context)
  return out
}
