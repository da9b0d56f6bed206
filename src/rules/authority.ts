// A host with its port as URLs, Host fields and messages write it, and back. Text only: looks nothing up, checks nothing.

/** The authority of a URL (RFC 3986 3.2): IPv6 stands in brackets. */
export function withPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** An authority's host; IPv6 keeps its brackets. */
export function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(':')
  // The last colon of `[::1]` stands inside the brackets.
  return colon === -1 || authority.endsWith(']') ? authority : authority.slice(0, colon)
}
