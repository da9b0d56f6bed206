// How long a worker may take to load a configuration before it counts as hung. Guards against one that never answers, nothing else.

import type { Content } from './messages.ts'

const atLeastMs = 30_000
/** A list of a million lines (13 MiB) takes about a second on a machine of its own, ten times that on one that is busy. */
const perMebibyteMs = 3000

export function loadLimitMs({ files }: Content): number {
  let bytes = 0
  for (const content of files.values()) bytes += content.length
  return atLeastMs + (bytes / 1024 ** 2) * perMebibyteMs
}
