// The words that a header value may hold: Envoy's substitution format (`%REQ(x-user?:path):10%`, `%PROTOCOL%`, `%%`) and our %VERSION%.
// Reads them, and knows which there are; what they stand for is filled in by the proxy.

import { didYouMean } from './route-problem.ts'

/** A text, or a word with what stands behind it in brackets. */
export type FormatPart = string | FormatWord

export interface FormatWord {
  readonly word: string
  /** What stands in brackets, '' for nothing. */
  readonly argument: string
  /** `:10` behind the brackets cuts the value to so many characters; undefined for none. */
  readonly length: number | undefined
}

export type ParsedFormat = { readonly parts: readonly FormatPart[] } | { readonly problem: string }

/** Words that stand alone. */
const plainWords = new Set([
  'VERSION',
  'SCHEME',
  'PROTOCOL',
  'DOWNSTREAM_REMOTE_ADDRESS',
  'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT',
  'DOWNSTREAM_REMOTE_PORT',
  'DOWNSTREAM_DIRECT_REMOTE_ADDRESS',
  'DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT',
  'DOWNSTREAM_DIRECT_REMOTE_PORT',
  'DOWNSTREAM_LOCAL_ADDRESS',
  'DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT',
  'DOWNSTREAM_LOCAL_PORT',
  'UPSTREAM_HOST',
  'UPSTREAM_REMOTE_ADDRESS',
  'UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT',
  'UPSTREAM_REMOTE_PORT',
  'UPSTREAM_CLUSTER',
  'UPSTREAM_REQUEST_ATTEMPT_COUNT',
  'RESPONSE_CODE',
  'RESPONSE_FLAGS',
  'ROUTE_NAME',
  'HOSTNAME',
])
/** Words that need a name in brackets. */
const namingWords = new Set(['REQ', 'REQUEST_HEADER', 'RESP', 'RESPONSE_HEADER', 'ENVIRONMENT'])
const expression = /%([A-Z_0-9]*)(?:\(([^)]*)\))?(?::(\d+))?%/y

/** What is wrong is a sentence without a full stop; the caller knows the place. */
export function parseHeaderFormat(value: string): ParsedFormat {
  const parts: FormatPart[] = []
  let at = 0
  while (at < value.length) {
    const percent = value.indexOf('%', at)
    if (percent === -1) {
      parts.push(value.slice(at))
      break
    }
    if (percent > at) parts.push(value.slice(at, percent))
    expression.lastIndex = percent
    const found = expression.exec(value)
    if (found === null) {
      return {
        problem: 'a lone % in a header value: %% is a percent sign, words stand between two of them as in %VERSION%',
      }
    }
    at = expression.lastIndex
    const [whole, word = '', argument, length] = found
    if (whole === '%%') parts.push('%')
    else {
      const problem = problemOf(word, argument)
      if (problem !== undefined) return { problem }
      parts.push({ word, argument: argument ?? '', length: length === undefined ? undefined : Number(length) })
    }
  }
  return { parts }
}

function problemOf(word: string, argument: string | undefined): string | undefined {
  if (plainWords.has(word)) return argument === undefined ? undefined : `%${word}% takes nothing in brackets`
  if (namingWords.has(word)) return argument ? undefined : `%${word}% needs a name, as in %${word}(x-user)%`
  if (word === 'START_TIME') return undefined
  return `%${word}% is no word that is known here${didYouMean(word, [...plainWords, ...namingWords, 'START_TIME'])}`
}
