// A request head: RFC 9112 sections 3 and 5, read strictly. Says what came; what a target may hold is decided later (target.ts).
// Requests of a connection often differ in their first line alone: the fields are read once, then compared with those of the request before.

import { isIPv6 } from 'node:net'
import type { Refusal, RequestHead } from '../exchange.ts'
import { CR, LF, SLASH, SP, hexValue, hostByte, isDigit, targetByte, tokenByte } from './bytes.ts'
import { EXPECT, HOST, SEC_WEBSOCKET_KEY, UPGRADE } from './field-names.ts'
import { MessageHead } from './head.ts'
import type { Limits } from './limits.ts'
import {
  BAD,
  BAD_EXPECTATION,
  MISSING_HOST,
  BAD_METHOD,
  BAD_VERSION,
  HEAD_TOO_LARGE,
  INCOMPLETE,
  TARGET_TOO_LONG,
  UNKNOWN_CODING,
  parseFields,
  settleConnection,
} from './parse-fields.ts'

const MAX_METHOD = 32
/** RFC 9112 2.2 asks to ignore at least one empty line before a request; we take two. */
const MAX_EMPTY_LINES = 2
/** All that can stand before a target, and one more. */
const BEFORE_TARGET = 2 * MAX_EMPTY_LINES + MAX_METHOD + 2

/** Longer fields are read anew each time. */
const MAX_REMEMBERED = 8192

const usualOrder = new Uint8Array(32)
const noBytes = Buffer.alloc(0)

export class RequestMessage extends MessageHead implements RequestHead {
  /** Bytes of the head as it came. */
  length = 0
  repeats = false
  method = ''
  target = ''
  authority = ''
  /** Scheme of an absolute-form target, '' for origin form. */
  scheme: '' | 'http' | 'https' = ''
  /** Where the request line begins in `text`. */
  lineStart = 0
  /** Of a request that repeats fields, whose line does not stand in `text`. */
  #line = ''
  /** The fields as they came, with the empty line: the first so many bytes. */
  #remembered = noBytes
  #rememberedBytes = 0
  /** What the changes of this request are called, if they may be made once for several. */
  #changes: object | undefined
  /** The fields to send after the changes that were called so. */
  #sent = ''
  #sentFor: object | undefined
  websocket = false
  hasBody = false
  /** `Expect: 100-continue` from an HTTP/1.1 client that announces a body. */
  continueAsked = false

  constructor() {
    super(usualOrder)
  }

  override reset(): void {
    super.reset()
    this.repeats = false
    this.#line = ''
    this.#rememberedBytes = 0
    this.#changes = undefined
    this.#sent = ''
    this.#sentFor = undefined
    this.method = ''
    this.target = ''
    this.authority = ''
    this.scheme = ''
    this.websocket = false
    this.hasBody = false
    this.continueAsked = false
  }

  /** Leaves nothing of what came in memory that lives on. */
  wipe(): void {
    this.reset()
    this.#remembered.fill(0)
  }

  /** RFC 9112 9.3. */
  get keepsAlive(): boolean {
    return this.minorVersion === 1 ? !this.closeAsked : this.keepAliveAsked && !this.closeAsked
  }

  // --- the fields of the request before -----------------------------------------------------------------------------------------

  /** Keeps bytes[at..to), the fields of this head, unless they mean something else under another request line. */
  rememberFields(bytes: Buffer, at: number, to: number): void {
    const length = to - at
    const meansTheSame = this.scheme === '' && this.target !== '*' && !this.hasId(EXPECT) && !this.hasId(UPGRADE)
    if (!meansTheSame || this.minorVersion === 0 || this.closeAsked || length > MAX_REMEMBERED) return
    if (this.#remembered.length < length) this.#remembered = Buffer.allocUnsafeSlow(Math.max(1024, length))
    bytes.copy(this.#remembered, 0, at, to)
    this.#rememberedBytes = length
  }

  /** Where the same fields end if they come again at bytes[at..end); -1 if others come. */
  endOfSameFields(bytes: Buffer, at: number, end: number): number {
    const to = at + this.#rememberedBytes
    // Others mostly have another length, and then no line ends there.
    if (to === at || to > end || bytes[to - 1] !== LF || bytes[to - 3] !== LF) return -1
    return bytes.compare(this.#remembered, 0, this.#rememberedBytes, at, to) === 0 ? to : -1
  }

  /** Takes in the next request: another line, and the same fields, unchanged. */
  repeat(line: string): void {
    this.restore()
    this.repeats = true
    this.#line = line
    this.#changes = undefined
  }

  repeatChanges(changes: object): boolean {
    if (!this.repeats) return false
    this.#changes = changes
    return this.#sentFor === changes
  }

  /** The fields to send: the lines that stay and those that were added, each with its CRLF. */
  fieldsToSend(): string {
    const changes = this.#changes
    if (changes !== undefined && this.#sentFor === changes) return this.#sent
    const fields = this.keptFields()
    if (changes === undefined) return fields
    this.#sentFor = changes
    // In one piece of its own: what is joined of slices keeps the whole head, and is joined again by each write.
    return (this.#sent = Buffer.from(fields, 'latin1').toString('latin1'))
  }

  /** The request line as it came, and the fields to send. */
  lineAndFields(): string {
    return this.repeats ? this.#line + this.fieldsToSend() : this.keptFields(this.lineStart)
  }

  /** RFC 9110 9.2.2. */
  get idempotent(): boolean {
    const method = this.method
    return method === 'GET' || method === 'HEAD' || method === 'PUT' || method === 'DELETE' || method === 'OPTIONS'
  }
}

/**
 * Reads one head from the start of `bytes` into `head`, which is empty or holds the request before on the same connection.
 * Returns its length in bytes, INCOMPLETE, or why it is refused (negative).
 */
export function parseRequest(head: RequestMessage, bytes: Buffer, limits: Limits): number {
  const end = Math.min(bytes.length, limits.headBytes)
  const result = parse(head, bytes, end, limits)
  if (result !== INCOMPLETE) return result
  return bytes.length >= limits.headBytes ? HEAD_TOO_LARGE : INCOMPLETE
}

/** So many bytes came behind `before` others and ended no line: may the head be too large by now, which it was not then? */
export function passesLimit(before: number, more: number, { headBytes, targetBytes }: Limits): boolean {
  const line = targetBytes + BEFORE_TARGET
  return before + more >= headBytes || (before < line && before + more >= line)
}

/** Whether what is INCOMPLETE is nothing but empty lines so far, and whole ones. */
export function areEmptyLines(bytes: Buffer): boolean {
  return bytes[0] === CR && bytes.length <= 2 * MAX_EMPTY_LINES && bytes.at(-1) === LF
}

/** Whether a request asks for no content, be it only begun, or refused: that answer has none either (RFC 9110 9.3.2). */
export function beginsHead(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, BEFORE_TARGET).trimStart().startsWith('HEAD ')
}

/** What a negative result of parseRequest says. */
export function refusalOf(result: number): Refusal {
  switch (result) {
    case HEAD_TOO_LARGE:
      return 'head-too-large'
    case TARGET_TOO_LONG:
      return 'target-too-long'
    case BAD_VERSION:
      return 'version-not-supported'
    case BAD_METHOD:
      return 'method-not-allowed'
    case UNKNOWN_CODING:
      return 'not-implemented'
    case BAD_EXPECTATION:
      return 'expectation-failed'
    case MISSING_HOST:
      return 'missing-host'
    default:
      return 'bad-request'
  }
}

function parse(head: RequestMessage, bytes: Buffer, end: number, limits: Limits): number {
  let p = 0
  for (let skipped = 0; p < end && bytes[p] === CR; skipped++) {
    if (skipped === MAX_EMPTY_LINES) return BAD
    if (p + 1 >= end) return INCOMPLETE
    if (bytes[p + 1] !== LF) return BAD
    p += 2
  }
  const methodStart = p
  while (p < end && tokenByte[bytes[p]!] === 1) p++
  const methodEnd = p
  if (methodEnd - methodStart > MAX_METHOD) return BAD
  if (p >= end) return INCOMPLETE
  if (bytes[p] !== SP || methodEnd === methodStart) return BAD
  const targetStart = ++p
  while (p < end && targetByte[bytes[p]!] === 1) p++
  const targetEnd = p
  if (targetEnd - targetStart > limits.targetBytes) return TARGET_TOO_LONG
  if (p >= end) return INCOMPLETE
  if (bytes[p] !== SP || targetEnd === targetStart) return BAD
  const version = parseVersion(bytes, p + 1, end)
  if (version < 0 || version === INCOMPLETE) return version
  const fieldsStart = p + 11
  const mayRepeat = version === 2 && bytes[targetStart] === SLASH && head.count <= limits.fields
  const sameEnd = mayRepeat ? head.endOfSameFields(bytes, fieldsStart, end) : -1
  if (sameEnd !== -1) {
    const line = bytes.toString('latin1', methodStart, fieldsStart)
    head.repeat(line)
    head.method = methodOf(line, methodStart, bytes, methodStart, methodEnd)
    head.target = line.slice(targetStart - methodStart, targetEnd - methodStart)
    head.length = sameEnd
    settleConnection(head)
    return isRefused(head.method) ? BAD_METHOD : sameEnd
  }
  head.reset()
  head.minorVersion = version === 2 ? 1 : 0
  const headEnd = parseFields(head, bytes, 0, fieldsStart, end, limits.fields)
  if (headEnd <= 0) return headEnd
  head.length = headEnd
  head.text = bytes.toString('latin1', 0, headEnd)
  head.lineStart = methodStart
  head.method = methodOf(head.text, 0, bytes, methodStart, methodEnd)
  head.target = head.text.slice(targetStart, targetEnd)
  const verdict = settle(head)
  if (verdict < 0) return verdict
  head.rememberFields(bytes, fieldsStart, headEnd)
  return headEnd
}

/** 1 for HTTP/1.0 and 2 for HTTP/1.1, each with its CRLF. */
function parseVersion(bytes: Buffer, at: number, end: number): number {
  if (at + 10 > end) return bytes.indexOf(LF, at) === -1 ? INCOMPLETE : BAD
  const named =
    bytes[at] === 72 && bytes[at + 1] === 84 && bytes[at + 2] === 84 && bytes[at + 3] === 80 && bytes[at + 4] === 47
  if (!named || bytes[at + 6] !== 46 || bytes[at + 8] !== CR || bytes[at + 9] !== LF) return BAD
  const major = bytes[at + 5]!
  const minor = bytes[at + 7]!
  if (!isDigit(major) || !isDigit(minor)) return BAD
  if (major !== 49 || minor > 49) return BAD_VERSION
  return minor - 47
}

function methodOf(text: string, textStart: number, bytes: Buffer, from: number, to: number): string {
  const first = bytes[from]!
  if (to - from === 3 && first === 71 && bytes[from + 1] === 69 && bytes[from + 2] === 84) return 'GET'
  return text.slice(from - textStart, to - textStart)
}

/** What the fields mean together. Returns 1 or a refusal. */
function settle(head: RequestMessage): number {
  if (isRefused(head.method)) return BAD_METHOD
  // RFC 9112 6.3: both framings together "ought to be handled as an error"; 6.1: chunked does not exist in HTTP/1.0.
  if (head.chunked && (head.contentLength !== -1 || head.minorVersion === 0)) return BAD
  head.hasBody = head.chunked || head.contentLength > 0
  if (!settleConnection(head)) return BAD
  if (head.minorVersion === 1 && !head.hasId(HOST)) return MISSING_HOST
  if (!settleHost(head) || !settleTarget(head)) return BAD
  if (head.hasId(EXPECT) && !settleExpectation(head)) return BAD_EXPECTATION
  if (head.hasId(UPGRADE)) head.websocket = isWebsocket(head)
  return 1
}

/** CONNECT, TRACE, and what a backend that is careless about letter case takes for them. */
function isRefused(method: string): boolean {
  const { length } = method
  if (length !== 5 && length !== 7) return false
  const upper = method.toUpperCase()
  return upper === 'TRACE' || upper === 'CONNECT'
}

/** RFC 9112 3.2: exactly one Host in HTTP/1.1, at most one in 1.0. An empty one is for whoever routes to refuse. */
function settleHost(head: RequestMessage): boolean {
  const line = head.lineOfId(HOST)
  if (line === -1) return true
  if (head.isRepeated(HOST)) return false
  if (head.valueStart(line) === head.valueEnd(line)) return true
  head.authority = knownAuthority(head, line)
  return head.authority !== ''
}

/** Hosts that passed the check. Few are asked for, each many times; the text is the same object then, whose hash is known. */
const authorities: string[] = Array.from({ length: 256 }, () => '')

/** The value of the Host line; '' when it is none. */
function knownAuthority(head: RequestMessage, line: number): string {
  const from = head.valueStart(line)
  const length = head.valueEnd(line) - from
  const { text } = head
  const middle = text.charCodeAt(from + (length >> 1))
  const slot = (length * 31 + text.charCodeAt(from) * 7 + middle * 3 + text.charCodeAt(from + length - 1)) & 255
  const known = authorities[slot]!
  const authority = head.valueAt(line)
  if (authority !== '' && authority === known) return known
  if (!isAuthority(authority)) return ''
  // A slice would keep the whole head.
  return (authorities[slot] = Buffer.from(authority, 'latin1').toString('latin1'))
}

function settleTarget(head: RequestMessage): boolean {
  const target = head.target
  const first = target.charCodeAt(0)
  if (first === SLASH) return true
  if (target === '*') return head.method === 'OPTIONS'
  const scheme = target.slice(0, 8).toLowerCase()
  if (scheme === 'https://') head.scheme = 'https'
  else if (scheme.startsWith('http://')) head.scheme = 'http'
  else return false
  const start = head.scheme.length + 3
  let end = start
  while (end < target.length && !endsAuthority(target.charCodeAt(end))) end++
  // The authority of the target wins over Host (RFC 9112 3.2.2). Userinfo fails the check: `@` is no host byte.
  head.authority = target.slice(start, end)
  // RFC 9112 3.2.4: OPTIONS without a path asks about the whole server.
  if (end === target.length && head.method === 'OPTIONS') head.target = '*'
  else head.target = target.charCodeAt(end) === SLASH ? target.slice(end) : `/${target.slice(end)}`
  return isAuthority(head.authority)
}

function endsAuthority(code: number): boolean {
  return code === SLASH || code === 63 || code === 35
}

/** uri-host [ ":" port ] (RFC 9110 7.2), not empty. */
export function isAuthority(text: string): boolean {
  const bracket = text.charCodeAt(0) === 91
  let p = 0
  if (bracket) {
    p = text.indexOf(']') + 1
    const address = text.slice(1, p - 1)
    // A zone says something on the client's own machine only.
    if (p === 0 || !isIPv6(address) || address.includes('%')) return false
  } else {
    for (; p < text.length; p++) {
      const code = text.charCodeAt(p)
      if (hostByte[code] === 1) continue
      if (code !== 37) break
      if (hexValue[text.charCodeAt(p + 1)]! > 15 || !(hexValue[text.charCodeAt(p + 2)]! <= 15)) return false
      p += 2
    }
    if (p === 0) return false
  }
  if (p === text.length) return true
  if (text.charCodeAt(p) !== 58 || text.length - p > 6) return false
  let port = 0
  for (let i = p + 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (!isDigit(code)) return false
    port = port * 10 + code - 48
  }
  return port <= 65_535
}

/** RFC 9110 10.1.1: 100-continue is the only expectation there is; HTTP/1.0 has none. */
function settleExpectation(head: RequestMessage): boolean {
  if (head.minorVersion === 0 || !head.hasBody) head.dropId(EXPECT)
  if (head.minorVersion === 0) return true
  const value = head.get('expect')!
  if (value !== '100-continue' && value.toLowerCase() !== '100-continue') return false
  head.continueAsked = head.hasBody
  return true
}

/** RFC 6455 4.1. A list (`websocket, h2c`) is not taken: nobody may pick the other one behind us. */
function isWebsocket(head: RequestMessage): boolean {
  if (head.method !== 'GET' || head.minorVersion === 0 || head.hasBody || !head.upgradeAsked) return false
  const upgrade = head.lines('upgrade')
  return upgrade.length === 1 && upgrade[0]!.toLowerCase() === 'websocket' && head.hasId(SEC_WEBSOCKET_KEY)
}
