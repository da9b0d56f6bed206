// Envoy's %START_TIME%: the moment of a request, in ISO 8601 with milliseconds or in a format of strftime's letters, in UTC.

const two = (value: number): string => String(value).padStart(2, '0')

const letters: Readonly<Record<string, (at: Date) => string>> = {
  Y: (at) => String(at.getUTCFullYear()),
  m: (at) => two(at.getUTCMonth() + 1),
  d: (at) => two(at.getUTCDate()),
  H: (at) => two(at.getUTCHours()),
  M: (at) => two(at.getUTCMinutes()),
  S: (at) => two(at.getUTCSeconds()),
  s: (at) => String(Math.floor(at.getTime() / 1000)),
  F: (at) => at.toISOString().slice(0, 10),
  T: (at) => at.toISOString().slice(11, 19),
  z: () => '+0000',
  Z: () => 'UTC',
  '%': () => '%',
}

/** `%3f` to `%9f` are fractions of a second (and `%f` nine digits of it), of which we know three. Unknown letters stay as they are. */
export function startTime(format: string): () => string {
  if (format === '') return () => new Date().toISOString()
  return () => {
    const at = new Date()
    return format.replaceAll(/%([1-9]?f|[A-Za-z%])/g, (whole, letter: string) => {
      if (!letter.endsWith('f')) return letters[letter]?.(at) ?? whole
      const digits = letter === 'f' ? 9 : Number(letter[0])
      return String(at.getUTCMilliseconds()).padStart(3, '0').padEnd(9, '0').slice(0, digits)
    })
  }
}
