// Comments that say something else than the line they stand on: copied along, or left behind by a change. Whoever reads the file next
// believes one of the two. Reads lines of text, not resources.

import type { Place } from '../rules/types.ts'

export function lintComments(file: string, text: string, say: (place: Place, message: string) => void): void {
  for (const [index, line] of text.split('\n').entries()) {
    const parts = /^(\s*(?:- )?[\w.-]+:\s*)("?)([^"#]*?)\2\s+#(.*)$/.exec(line)
    if (parts === null) continue
    const [, before = '', quote = '', value = '', comment = ''] = parts
    const key = /([\w.-]+):\s*$/.exec(before)?.[1] ?? ''
    const message = contradiction(key, value.trim(), comment.trim())
    if (message !== undefined) say({ file, line: index + 1, column: before.length + quote.length + 1 }, message)
  }
}

function contradiction(key: string, value: string, comment: string): string | undefined {
  if (key === 'subset' || key === 'version') {
    const names = new Set(comment.match(/\bv\d+(?:\.\d+)*\b/g) ?? [])
    if (names.size === 0 || names.has(value) || !/^v\d/.test(value)) return undefined
    return `the comment speaks of ${[...names].join(', ')}, and ${key} is ${value}`
  }
  if (key === 'type' && comment.includes(value)) return `the comment speaks against ${value}, and type is ${value}`
  const pair = /\{\s*"([\w-]+)"\s*:\s*"([^"]*)"\s*\}/.exec(comment)
  if ((key !== 'exact' && key !== 'prefix' && key !== 'regex') || pair === null || pair[2] === value) return undefined
  return `the comment speaks of ${pair[1]}: ${pair[2]}, and ${key} is ${value}`
}
