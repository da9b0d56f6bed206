// A 32-bit hash of a text that spreads well: FNV-1a, then the finalizer of MurmurHash3. Not for secrets.

export function hash32(text: string, seed = 0): number {
  let hash = 0x811c9dc5 ^ seed
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mixed(hash)
}

/** Every bit of the input changes about half of the output. */
export function mixed(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** One hash of two: their order counts (Envoy combines hash policies the same way). */
export function combined(first: number, second: number): number {
  return (((first << 1) | (first >>> 31)) ^ second) >>> 0
}
