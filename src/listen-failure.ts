// Why an address cannot be listened on, in words, and which line of the configuration asks for it.

import type { Place } from './rules/types.ts'

/** Undefined for errors of another kind. */
export function listenReason(error: unknown): string | undefined {
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  if (code === 'EADDRINUSE') return `port ${port} on ${address} is taken by another process`
  if (code === 'EACCES' && port !== undefined) return `port ${port} on ${address} may not be bound by this user`
  if (code === 'EADDRNOTAVAIL') return `${address} is no address of this machine`
  return undefined
}

/**
 * For a listener that fails: throws the same error with its place, and the reason in words.
 * @param ours what this gateway listens on: to move a port to another address takes two reloads
 */
export function failsAt(
  { place }: { readonly place?: Place },
  ours: Iterable<{ readonly address: string; readonly port: number }>,
): (error: unknown) => never {
  return (error) => {
    const { code, address, port, message } = error as NodeJS.ErrnoException & { address?: string; port?: number }
    const overlaps = (one: { readonly address: string; readonly port: number }): boolean =>
      one.port === port && (isAny(one.address) || isAny(address))
    const isOurs = code === 'EADDRINUSE' && Array.from(ours).some(overlaps)
    const reason = isOurs
      ? `port ${port} is bound by this gateway at another address: take that listener out first, then add this one`
      : (listenReason(error) ?? message)
    throw Object.assign(error as Error, { message: reason, place })
  }
}

function isAny(address: string | undefined): boolean {
  return address === '::' || address === '0.0.0.0'
}
