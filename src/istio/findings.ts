// What a validation finds, each thing at the place of the value that is wrong. Codes are those of istioctl analyze: IST0106 for what
// Istio refuses, IST0133 for what it warns of.

import type { Origins } from '../config/origins.ts'
import type { Problem } from '../config/problem.ts'

export class Findings {
  readonly problems: Problem[] = []
  readonly #origins: Origins

  constructor(origins: Origins) {
    this.#origins = origins
  }

  /** `key` undefined: at the owner as a whole. */
  error(owner: object, key: string | number | undefined, message: string): void {
    this.#add('error', 'IST0106', owner, key, message)
  }

  warn(owner: object, key: string | number | undefined, message: string): void {
    this.#add('warning', 'IST0133', owner, key, message)
  }

  /** Istio lets it pass, Envoy then refuses the configuration or cannot carry it out; so we refuse it. */
  refusedByEnvoy(owner: object, key: string | number | undefined, message: string): void {
    this.#add('error', 'envoy', owner, key, message)
  }

  /** Fine with Istio, and not done here. */
  notHonoured(owner: object, key: string | number | undefined, message: string): void {
    this.#add('warning', 'not-honoured', owner, key, message)
  }

  #add(
    severity: Problem['severity'],
    code: string,
    owner: object,
    key: string | number | undefined,
    message: string,
  ): void {
    const place = this.#origins.place(owner, key)
    this.problems.push({ ...place, severity, code, message, keyPath: this.#origins.path(owner, key) })
  }
}
