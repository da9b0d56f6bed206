// What differs between two texts of one file, as a unified diff: one that `patch` understands, or one to be looked at.

import { formatPatch, structuredPatch } from 'diff'
import type { ShownText } from './shown-text.ts'

/** @param path as people know it; empty when the texts are the same */
export function textPatch(path: string, before: string, after: string): string {
  return before === after ? '' : written(patchOf(path, before, after))
}

/** The same to be looked at. */
export function shownPatch(path: string, before: ShownText, after: ShownText): string {
  if (before.text === after.text) return ''
  const patch = patchOf(path, before.text, after.text)
  const [old, is] = [before.lines, after.lines]
  for (const hunk of patch.hunks) {
    let [oldAt, at] = [hunk.oldStart - 1, hunk.newStart - 1]
    hunk.lines = hunk.lines.map((line) => {
      const sign = line[0] ?? ''
      const oldLine = sign === ' ' || sign === '-' ? old[oldAt++] : undefined
      const newLine = sign === ' ' || sign === '+' ? is[at++] : undefined
      // A line that stays may be part of a value on one side only.
      const shown = oldLine === line.slice(1) ? (newLine ?? oldLine) : (oldLine ?? newLine)
      return shown === undefined ? line : sign + shown
    })
  }
  return written(patch)
}

function patchOf(path: string, before: string, after: string): ReturnType<typeof structuredPatch> {
  const name = path.replace(/^(?:\.\/|\/)+/, '')
  return structuredPatch(`a/${name}`, `b/${name}`, before, after, undefined, undefined, { context: 3 })
}

function written(patch: ReturnType<typeof structuredPatch>): string {
  return formatPatch(patch).replace(/^=+\n/, '')
}
