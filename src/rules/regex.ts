// Regular expressions of rule authors: RE2 syntax and linear time by re2js, whole value, bytes, as Envoy runs them.
// The only importer of re2js. JavaScript's own engine never sees a rule author's pattern.

import { RE2JS } from 're2js'
import { readRegexLiteral, type RegexLiteral } from './regex-literals.ts'
import { wireText } from './wire-text.ts'

/** Istio's limit for a pattern, in bytes of UTF-8. */
export const longestPattern = 1024

/**
 * Longer values do not fit any pattern. Time is linear but not free (about 30 ns a byte), and a client chooses the length; 8 KiB is the
 * line that nginx takes by default, so a browser that gets through other edges never meets this limit. Envoy has none.
 */
export const longestValue = 8192

export type Regex =
  | { readonly ok: true; readonly fits: (value: string) => boolean; readonly literal: RegexLiteral | undefined }
  | { readonly ok: false; readonly message: string }

/**
 * A pattern as Istio reads it: RE2 syntax, always the whole value, bytes rather than characters (`.` is half an `é`, and so is `[^a]`:
 * Envoy 1.40 compiles with RE2's latin1 option).
 */
export function compileRegex(pattern: string): Regex {
  const bytes = wireText(pattern)
  if (bytes.length > longestPattern) {
    return { ok: false, message: `the regex has ${bytes.length} bytes; the most is ${longestPattern}` }
  }
  const compiled = parse(bytes)
  if (typeof compiled === 'string') return { ok: false, message: compiled }
  const literal = readRegexLiteral(bytes)
  return { ok: true, fits: chooseTest(compiled, literal), literal }
}

function parse(pattern: string): RE2JS | string {
  try {
    return RE2JS.compile(pattern)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** The automaton is asked only where a plain search leaves the verdict open. */
function chooseTest(compiled: RE2JS, literal: RegexLiteral | undefined): (value: string) => boolean {
  switch (literal?.kind) {
    case 'exact':
      return (value) => value === literal.text
    case 'prefix':
      // `.` does not fit a line feed.
      return (value) =>
        value.length <= longestValue && value.startsWith(literal.text) && !value.includes('\n', literal.text.length)
    case 'needs':
      return (value) => value.length <= longestValue && value.includes(literal.text) && compiled.testExact(value)
    case undefined:
      return (value) => value.length <= longestValue && compiled.testExact(value)
  }
}

export type Replacement =
  | { readonly ok: true; readonly replace: (value: string) => string }
  | { readonly ok: false; readonly message: string }

/**
 * Every match in a value replaced, as RE2::GlobalReplace does it (Envoy's regex_rewrite): not anchored, `\1`..`\9` are groups, `\0` is the
 * whole match, `\\` a backslash, and no empty match directly behind another. Bytes rather than characters, as above.
 */
export function compileReplacement(pattern: string, rewrite: string): Replacement {
  const compiled = parse(wireText(pattern))
  if (typeof compiled === 'string') return { ok: false, message: compiled }
  const parts = replacementParts(wireText(rewrite))
  if (parts === undefined)
    return { ok: false, message: 'a backslash in the rewrite stands before a digit or another backslash' }
  const groups = compiled.groupCount()
  const beyond = parts.find((part) => typeof part === 'number' && part > groups)
  if (beyond !== undefined) return { ok: false, message: `the rewrite names group ${beyond}; the regex has ${groups}` }
  return { ok: true, replace: (value) => (value.length > longestValue ? value : replaceAll(compiled, parts, value)) }
}

/** Texts, and numbers of groups. */
function replacementParts(rewrite: string): readonly (string | number)[] | undefined {
  const parts: (string | number)[] = []
  for (const [part] of rewrite.matchAll(/\\[^]?|[^\\]+/g)) {
    if (!part.startsWith('\\')) parts.push(part)
    else if (part === '\\\\') parts.push('\\')
    else if (/^\\\d$/.test(part)) parts.push(Number(part[1]))
    else return undefined
  }
  return parts
}

function replaceAll(compiled: RE2JS, parts: readonly (string | number)[], value: string): string {
  const matcher = compiled.matcher(value)
  let out = ''
  let from = 0
  let matched = false
  while (matcher.find()) {
    const [start, end] = [matcher.start(), matcher.end()]
    if (matched && start === end && start === from) continue
    out += value.slice(from, start)
    for (const part of parts) out += typeof part === 'string' ? part : (matcher.group(part) ?? '')
    from = end
    matched = true
  }
  return out + value.slice(from)
}
