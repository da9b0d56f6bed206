// Names of routes.yaml as names of Kubernetes, which allows less: lower case, no dots or underscores, 63 characters.

/** Gives each name its own DNS-1123 label, the same for the same name. */
export class DnsNames {
  readonly #given = new Map<string, string>()
  readonly #taken = new Set<string>()

  of(name: string): string {
    const before = this.#given.get(name)
    if (before !== undefined) return before
    const plain = dnsLabel(name)
    let label = plain
    for (let number = 2; this.#taken.has(label); number += 1) label = `${plain.slice(0, 59)}-${number}`
    this.#given.set(name, label)
    this.#taken.add(label)
    return label
  }
}

function dnsLabel(name: string): string {
  const label = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '')
  return label === '' ? 'x' : label
}

/** A value of a Kubernetes label: as it is, but for an end that is no letter or digit. */
export function labelValue(name: string): string {
  return name.replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
}

/** Go's spelling of a duration. */
export function durationText(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`
}

/** Protobuf's spelling in JSON, which knows seconds alone: `0.25s`. */
export function protobufDuration(ms: number): string {
  return `${ms / 1000}s`
}
