// One parameter out of a raw query, as Envoy reads it for matching: no decoding, `&` alone parts, the first of a name counts.

/** The value behind the first `name=`, '' for a name without `=`, undefined when the name is not there. */
export function queryParameter(query: string, name: string): string | undefined {
  for (let start = 0; start < query.length;) {
    const ampersand = query.indexOf('&', start)
    const end = ampersand === -1 ? query.length : ampersand
    if (query.startsWith(name, start)) {
      const after = start + name.length
      if (after === end) return ''
      if (after < end && query.charCodeAt(after) === 0x3d) return query.slice(after + 1, end)
    }
    start = end + 1
  }
  return undefined
}
