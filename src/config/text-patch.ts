// What differs between two texts of one file, as a unified diff that `patch` understands.

import { createTwoFilesPatch } from 'diff'

/** @param path as people know it; empty when the texts are the same */
export function textPatch(path: string, before: string, after: string): string {
  if (before === after) return ''
  const name = path.replace(/^(?:\.\/|\/)+/, '')
  const patch = createTwoFilesPatch(`a/${name}`, `b/${name}`, before, after, undefined, undefined, { context: 3 })
  return patch.replace(/^=+\n/, '')
}
