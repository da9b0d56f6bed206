// The slips of people in YAML, told in their words rather than in YAML's.

import type { YAMLError } from 'yaml'
import { quote } from './problem.ts'
import type { SourceText } from './source-text.ts'

/** What a scan of the lexemes knows of brackets and quotes: offsets into the text. */
export interface Unclosed {
  /** Where the `{` or `[` stands that is never closed. */
  readonly openFlow: number | undefined
  /** Where the last quoted text begins. */
  readonly lastQuote: number | undefined
}

/** What is wrong with the syntax, and the offset where to look. */
export function syntaxMessage(
  source: SourceText,
  error: YAMLError,
  scan: Unclosed,
): { readonly offset: number; readonly message: string } {
  const offset = error.pos[0]
  const line = lineAt(source.text, offset)
  const cut = cutRegex(line.text, offset - line.start)
  if (cut !== undefined) return { offset: line.start + cut.column, message: cut.message }
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return { offset, message: 'a tab does not indent in YAML: use spaces' }
    case 'BAD_SCALAR_START':
      return { offset, message: `a value that begins with ${source.text[offset]} has to be in quotes` }
    case 'BLOCK_AS_IMPLICIT_KEY':
      return nestedMapping(line, offset)
    case 'MULTILINE_IMPLICIT_KEY':
      return { offset, message: notAKey }
    case 'MISSING_CHAR':
      return error.message.includes('quote')
        ? { offset: scan.lastQuote ?? offset, message: 'this quote is never closed' }
        : { offset, message: notAKey }
    case 'BAD_INDENT':
    case 'UNEXPECTED_TOKEN': {
      if (scan.openFlow !== undefined) {
        return { offset: scan.openFlow, message: `this ${source.text[scan.openFlow]} is never closed` }
      }
      const message = strayToken(source.text[offset] ?? '')
      if (message !== undefined) return { offset, message }
    }
  }
  return { offset, message: plainWords(error.message) }
}

const notAKey = 'not a key: is a colon with a space behind it missing, or is this line indented wrongly?'

function strayToken(char: string): string | undefined {
  if (char === '}' || char === ']') return `this ${char} closes nothing`
  if (char !== '' && '[{,'.includes(char)) return `a text with ${char} in it has to be in quotes here`
  if (/^[\s#]?$/.test(char)) return undefined
  return 'this does not belong to the value before it: put the whole value in quotes, or on a line of its own'
}

/** A value that YAML ends at `{ } [ ] ,` though a regex goes on; undefined when that is not it. */
function cutRegex(line: string, column: number): { readonly column: number; readonly message: string } | undefined {
  const found = /[{,]\s*["']?regex["']?\s*:\s+(?=[^\s"'])/.exec(line)
  if (found === null || column < found.index + found[0].length) return undefined
  const start = found.index + found[0].length
  return { column: start, message: regexNeedsQuotes(wholeRegex(line.slice(start))) }
}

export function regexNeedsQuotes(regex: string): string {
  return `inside braces a regex with , { } [ or ] has to be in quotes: regex: '${regex.replaceAll("'", "''")}'`
}

/** As far as the braces of the map: up to the first closing brace that the regex did not open itself. */
function wholeRegex(rest: string): string {
  let depth = 0
  for (const [index, char] of [...rest].entries()) {
    if (char === '{') depth += 1
    if (char === '}') depth -= 1
    if (depth < 0) return rest.slice(0, index).trimEnd()
  }
  return rest.trimEnd()
}

/** `ip: 2001:db8::` and `message: a: b`. */
function nestedMapping(line: { readonly text: string; readonly start: number }, offset: number) {
  const rest = line.text.slice(offset - line.start).trimEnd()
  const message = looksLikeIpv6(rest)
    ? ipv6NeedsQuotes(rest)
    : `a value with a colon and a space in it has to be in quotes, and keys of a map begin on a line of their own`
  return { offset, message }
}

export function looksLikeIpv6(text: string): boolean {
  return /^[0-9a-f:]*:[0-9a-f:.]*(\/\d+)?$/i.test(text) && text.split(':').length > 2
}

export function ipv6NeedsQuotes(text: string): string {
  return `an IPv6 address that ends in a colon has to be in quotes: ${quote(text)}`
}

function lineAt(text: string, offset: number): { readonly text: string; readonly start: number } {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const end = text.indexOf('\n', start)
  return { text: text.slice(start, end === -1 ? text.length : end), start }
}

/** YAML's own sentence, in lower case as all of ours. */
function plainWords(message: string): string {
  const [sentence = ''] = message.split('\n')
  return sentence.charAt(0).toLowerCase() + sentence.slice(1)
}
