// The field section of a head, request or response: strict RFC 9112 section 5, one pass, nothing repaired.
// What the framing and hop-by-hop fields say is settled here; nothing is thrown and no byte is read twice by different rules.

import { COLON, CR, LF, SP, TAB, isBlank, isDigit, lowerByte, tokenByte, valueByte } from './bytes.ts'
import {
  CONNECTION,
  CONTENT_LENGTH,
  TRANSFER_ENCODING,
  endOfName,
  idOfBytes,
  survivesConnection,
} from './field-names.ts'
import type { MessageHead } from './head.ts'

/** More bytes are needed. */
export const INCOMPLETE = 0
// Refusals are negative; a positive result is the length of the head.
export const BAD = -1
export const HEAD_TOO_LARGE = -2
export const TARGET_TOO_LONG = -3
export const BAD_VERSION = -4
export const BAD_METHOD = -5
export const UNKNOWN_CODING = -6
export const BAD_EXPECTATION = -7
export const MISSING_HOST = -8

/**
 * Reads field lines from `at` up to and with the empty line. Only notes where they stand, counted from `base`, where the head begins:
 * head.text is not there yet. Returns the position behind the head, INCOMPLETE, BAD, HEAD_TOO_LARGE or UNKNOWN_CODING.
 */
export function parseFields(
  head: MessageHead,
  bytes: Uint8Array,
  base: number,
  at: number,
  end: number,
  maxFields: number,
): number {
  const { usualOrder } = head
  let p = at
  for (;;) {
    if (p >= end) return INCOMPLETE
    if (bytes[p] === CR) {
      if (p + 1 >= end) return INCOMPLETE
      if (bytes[p + 1] !== LF) return BAD
      head.fieldsEnd = p - base
      return p + 2
    }
    const start = p
    const line = head.count & 31
    let id = usualOrder[line]!
    p = endOfName(id, bytes, start, end)
    if (p === end) return INCOMPLETE
    if (p === start || bytes[p] !== COLON) {
      while (p < end && tokenByte[bytes[p]!] === 1) p++
      if (p >= end) return INCOMPLETE
      // Also refuses folding (RFC 9112 5.2), space before the colon (5.1) and an empty name.
      if (bytes[p] !== COLON || p === start) return BAD
      id = usualOrder[line] = idOfBytes(bytes, start, p)
    }
    const nameEnd = p++
    while (p < end && (bytes[p] === SP || bytes[p] === TAB)) p++
    const valueStart = p
    while (p < end && valueByte[bytes[p]!] === 1) p++
    if (p >= end) return INCOMPLETE
    if (bytes[p] !== CR) return BAD
    if (p + 1 >= end) return INCOMPLETE
    if (bytes[p + 1] !== LF) return BAD
    let valueEnd = p
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === TAB)) valueEnd--
    p += 2
    if (head.count === maxFields) return HEAD_TOO_LARGE
    if (id === CONTENT_LENGTH) {
      // A second length is refused even when it is equal: RFC 9112 6.3 allows that, and whoever is behind us may count otherwise.
      if (head.contentLength !== -1) return BAD
      head.contentLength = decimal(bytes, valueStart, valueEnd)
      if (head.contentLength === -1) return BAD
      head.lengthPadded = bytes[valueStart] === 48 && valueEnd > valueStart + 1
    } else if (id === TRANSFER_ENCODING) {
      if (head.chunked) return BAD
      const coding = transferCoding(bytes, valueStart, valueEnd)
      if (coding < 0) return coding
      head.chunked = true
    }
    head.addLine(id, start - base, nameEnd - base, valueStart - base, valueEnd - base)
  }
}

/**
 * Reads all Connection lines (head.text has to be there): notes close, keep-alive and upgrade, and drops the fields that are
 * named (RFC 9110 7.6.1). False when an element is no token; what the others say holds even so.
 */
export function settleConnection(head: MessageHead): boolean {
  if (!head.hasId(CONNECTION)) return true
  let clean = true
  for (let line = 0; line < head.count; line++) {
    if (head.ids[line] !== CONNECTION) continue
    const value = head.valueAt(line)
    // What browsers, load balancers and backends send nearly always.
    if (value === 'keep-alive') head.keepAliveAsked = true
    else if (value === 'close') head.closeAsked = true
    else if (!settleOptions(head, value)) clean = false
  }
  return clean
}

function settleOptions(head: MessageHead, value: string): boolean {
  let clean = true
  for (const option of elements(value)) {
    // Empty list elements are to be ignored (RFC 9110 5.6.1.2).
    if (option === '') continue
    if (!isToken(option)) clean = false
    else if (option === 'close') head.closeAsked = true
    else if (option === 'keep-alive') head.keepAliveAsked = true
    else if (option === 'upgrade') head.upgradeAsked = true
    else if (!survivesConnection(option)) head.remove(option)
  }
  return clean
}

/** In lower case. White space of HTTP is SP and HTAB (RFC 9110 5.6.3); trim() takes a no-break space too. */
function elements(list: string): string[] {
  return list.toLowerCase().split(',').map(withoutBlanks)
}

function withoutBlanks(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

/** A decimal number of 1 to 15 digits (below 2^53), nothing else; -1 for anything else. */
function decimal(bytes: Uint8Array, from: number, to: number): number {
  if (to === from || to - from > 15) return -1
  let value = 0
  for (let i = from; i < to; i++) {
    const code = bytes[i]!
    if (!isDigit(code)) return -1
    value = value * 10 + code - 48
  }
  return value
}

const chunked = Uint8Array.from('chunked', (char) => char.charCodeAt(0))

/** 1 for `chunked` alone; UNKNOWN_CODING for other codings in due form with chunked last (RFC 9112 6.1: 501); else BAD. */
function transferCoding(bytes: Uint8Array, from: number, to: number): number {
  const last = to - chunked.length
  if (last < from) return BAD
  for (let i = 0; i < chunked.length; i++) if (lowerByte[bytes[last + i]!] !== chunked[i]) return BAD
  if (last === from) return 1
  const codings = elements(Buffer.from(bytes.subarray(from, last)).toString('latin1'))
  if (codings.pop() !== '' || codings.length === 0) return BAD
  return codings.every((coding) => coding !== 'chunked' && isToken(coding)) ? UNKNOWN_CODING : BAD
}

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127 || tokenByte[code] === 0) return false
  }
  return text !== ''
}
