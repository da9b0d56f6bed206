// The time of day for those who ask several times a request: read from the system ten times a second.

const refreshMs = 100

let seconds = Math.floor(Date.now() / 1000)
let timer: NodeJS.Timeout | undefined

/** Seconds since 1970, up to a tenth of one late. */
export function coarseSeconds(): () => number {
  timer ??= setInterval(() => (seconds = Math.floor(Date.now() / 1000)), refreshMs).unref()
  return () => seconds
}
