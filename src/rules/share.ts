// Where a visitor stands in the draw of a version. Every gateway, now and after any update, has to come to the same number.
// Never uses randomness: whoever brings the same seed draws the same.

const places = 10_000

/**
 * The draw, 0 to 9999; a share of n hundredths of a percent takes the draws below n. The release's name salts it, so nobody is first
 * in line everywhere; the version's name makes each version draw its own people.
 *
 * Frozen: 32-bit FNV-1a over `release NUL version NUL seed` (UTF-16 code units; bytes, for the ASCII that names and seeds are), then
 * MurmurHash3's 32-bit finalizer, since FNV-1a alone spreads short inputs that differ at the end badly; unsigned, modulo 10000.
 */
export function draw(release: string, version: string, seed: string): number {
  let hash = 0x811c9dc5
  hash = separate(feed(hash, release))
  hash = separate(feed(hash, version))
  hash = feed(hash, seed)
  return finish(hash) % places
}

function feed(hash: number, text: string): number {
  let next = hash
  for (let i = 0; i < text.length; i += 1) next = Math.imul(next ^ text.charCodeAt(i), 0x01000193)
  return next
}

/** Feeds a NUL, which no name holds: `ab` + `c` and `a` + `bc` draw apart. */
function separate(hash: number): number {
  return Math.imul(hash, 0x01000193)
}

function finish(hash: number): number {
  let next = hash
  next = Math.imul(next ^ (next >>> 16), 0x85ebca6b)
  next = Math.imul(next ^ (next >>> 13), 0xc2b2ae35)
  return (next ^ (next >>> 16)) >>> 0
}
