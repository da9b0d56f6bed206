// The one form in which a request target is matched and sent. Pure: text in, path and query or a refusal out.

/** Ours, and Istio's meshConfig.pathNormalization.normalization. */
export type TargetMode = 'strict' | 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES'

export interface NormalTarget {
  readonly refused: false
  /** What is sent: path and query. */
  readonly target: string
  /** What rules match: without the query. */
  readonly path: string
  /** Behind the first `?`, raw; '' when there is none. */
  readonly query: string
}

export interface RefusedTarget {
  readonly refused: true
}

const refusal: RefusedTarget = Object.freeze({ refused: true })

export function normalizeTarget(target: string, mode: TargetMode): NormalTarget | RefusedTarget {
  if (mode === 'strict' && target.includes('#')) return refusal
  const at = target.indexOf('?')
  return at === -1
    ? { refused: false, target, path: target, query: '' }
    : { refused: false, target, path: target.slice(0, at), query: target.slice(at + 1) }
}
