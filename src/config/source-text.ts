// Bytes of a file to text with places: UTF-8 and nothing else, with or without a byte order mark, lines ended by LF or CRLF.
// Never repairs: a byte that is no UTF-8 could be half of somebody's name.

import { isUtf8 } from 'node:buffer'
import { lastAtMost } from '../rules/address.ts'
import type { Place } from '../rules/types.ts'
import type { Report } from './problem.ts'

/** A text and where its lines begin. */
export interface SourceText {
  readonly file: string
  readonly text: string
  /** Line and column of an offset, both from 1. An offset behind the last character belongs to the last line that has any. */
  placeOf(offset: number): Place
}

/** The text, or undefined after a report. */
export function decodeSource(file: string, bytes: Uint8Array, report: Report): SourceText | undefined {
  const wrong = encodingProblem(bytes)
  if (wrong !== undefined) {
    report({ file, ...wrong, severity: 'error', code: 'encoding' })
    return undefined
  }
  const source = sourceText(file, new TextDecoder().decode(bytes))
  // YAML 1.2.2 section 5.1 allows no control characters but these; a terminal or a log would obey them.
  const control = /[^\P{Cc}\t\n\r]/u.exec(source.text)
  if (control === null) return source
  const code = control[0].charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()
  report({
    ...source.placeOf(control.index),
    severity: 'error',
    code: 'encoding',
    message: `control character U+${code}`,
  })
  return undefined
}

function sourceText(file: string, text: string): SourceText {
  const starts = lineStarts(text)
  const content = text.trimEnd().length
  return {
    file,
    text,
    placeOf(offset) {
      const at = Math.max(0, Math.min(offset, Math.max(content, 0)))
      const line = lastAtMost(starts, at)
      return { file, line: line + 1, column: at - (starts[line] ?? 0) + 1 }
    },
  }
}

function encodingProblem(bytes: Uint8Array): { line: number; column: number; message: string } | undefined {
  const [first, second] = bytes
  const hasMark = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
  // Without a mark, ASCII in UTF-16 shows as every other byte being 0.
  if (hasMark || (bytes.length > 1 && (first === 0) !== (second === 0))) {
    return { line: 1, column: 1, message: 'the file is UTF-16: save it as UTF-8' }
  }
  if (isUtf8(bytes)) return undefined
  return { ...firstBadByte(bytes), message: 'not UTF-8 here: save the file as UTF-8' }
}

/** Line and column of the first byte that cannot be UTF-8, by halving. */
function firstBadByte(bytes: Uint8Array): { line: number; column: number } {
  let line = 1
  let start = 0
  for (
    let end = bytes.indexOf(0x0a);
    end !== -1 && isUtf8(bytes.subarray(start, end));
    end = bytes.indexOf(0x0a, start)
  ) {
    line += 1
    start = end + 1
  }
  const end = bytes.indexOf(0x0a, start)
  const bad = bytes.subarray(start, end === -1 ? bytes.length : end)
  let good = 0
  for (let length = 1; length <= Math.min(bad.length, 10_000); length += 1)
    if (isUtf8(bad.subarray(0, length))) good = length
  return { line, column: new TextDecoder().decode(bad.subarray(0, good)).length + 1 }
}

function lineStarts(text: string): readonly number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}
