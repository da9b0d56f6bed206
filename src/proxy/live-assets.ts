// `assets: { tryLive: true }`: an asset that the decided version does not have is looked for in the other versions this browser was given,
// since a tab of one of them may be asking. Only ever hashed names, whose content is the same wherever it is found.

import { hasHashedName, isHashed } from '../affinity/cache-policy.ts'
import { asksForAsset, isCodeType, isHtmlType, isWorkerScript } from '../affinity/page-kind.ts'
import type { Service } from '../rules/release.ts'
import type { Decision, Visit } from '../rules/types.ts'
import type { EdgeRelease } from './edge.ts'
import type { PoolEndpoints } from './pool-endpoints.ts'
import type { RequestHead, ResponseHead } from './exchange.ts'

/** Where to look next. */
export interface NextPlace {
  readonly decision: Decision
  readonly pool: PoolEndpoints
}

export class LiveAssets {
  readonly #places: NextPlace[]
  /** What is asked for is an asset for sure; else its answer has to tell. */
  readonly #surely: boolean
  readonly #path: string
  #elsewhere = false

  private constructor(places: NextPlace[], surely: boolean, path: string) {
    this.#places = places
    this.#surely = surely
    this.#path = path
  }

  /** Undefined when this request is for no hashed asset, or there is nowhere else to look. */
  static for(
    release: EdgeRelease,
    service: Service,
    request: RequestHead,
    path: string,
    visit: Visit,
    decision: Decision,
  ): LiveAssets | undefined {
    const asksForOne =
      (request.method === 'GET' || request.method === 'HEAD') && visit.kind === 'subresource' && hasHashedName(path)
    if (!asksForOne || visit.reading.state === 'none' || isWorkerScript(request)) return undefined
    const { pin } = visit.reading
    if (pin.epoch < release.release.spec.pin.epoch) return undefined
    const places: NextPlace[] = []
    for (const version of pin.history) {
      if (version === decision.version || !release.release.spec.versions.has(version)) continue
      if (version !== release.release.stable && !release.available(version)) continue
      const pool = placeOf(release, service, version)
      if (pool === undefined || places.some((place) => place.pool === pool)) continue
      places.push({ decision: { action: 'serve', version, reason: 'asset', rule: undefined }, pool })
    }
    const own = placeOf(release, service, decision.version)
    if (places.length === 0 || own === undefined) return undefined
    // Found nowhere: the decided version says so itself, in its own words.
    places.push({ decision, pool: own })
    return new LiveAssets(places, asksForAsset(request), path)
  }

  /** The place to look in after this answer; undefined when the answer is the one to pass on. */
  after(head: ResponseHead): NextPlace | undefined {
    const taken = !isMissing(head) && (this.#surely || !this.#elsewhere || this.#isAsset(head))
    this.#elsewhere = true
    return taken ? undefined : this.#places.shift()
  }

  /** An API may name its answers like files: what another version knows of them is no business of this page. */
  #isAsset(head: ResponseHead): boolean {
    const type = head.get('content-type') ?? ''
    return isCodeType(type) || assetTypes.test(type) || isHashed(this.#path, false, head.get('cache-control'))
  }
}

function placeOf(release: EdgeRelease, service: Service, version: string): PoolEndpoints | undefined {
  const pool = service.pools.get(version)
  return pool && release.poolOf.get(pool)
}

const assetTypes = /^(?:font\/|image\/|audio\/|video\/|application\/wasm)/i

/** 404, or the app's own page in the place of a file (single-page apps answer so to any path). */
function isMissing(head: ResponseHead): boolean {
  if (head.status === 404 || head.status === 410) return true
  const type = head.get('content-type')
  return head.status === 200 && type !== undefined && isHtmlType(type)
}
