// One YAML document on its way to the long form: what was read, where it was written, and how to say what is wrong with it.

import { didYouMean } from '../rules/route-problem.ts'
import type { Origins } from './origins.ts'
import { quote, type Report } from './problem.ts'
import type { RoutesDocument } from './schema.ts'
import type { ReadFile, Sources } from './sources.ts'

/** What a load needs from around it; the tests hand in their own. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The address that stands for all of them: `::` takes IPv4 too, where the system has IPv6. */
  readonly anyAddress: string
  /** Where files come from; the disk by default. */
  readonly read?: ReadFile
}

/** The functions that read a part of the document want no more of it than that part. */
export interface Draft<Document = RoutesDocument> {
  readonly document: Document
  readonly origins: Origins
  readonly sources: Sources
  readonly surroundings: Surroundings
  readonly report: Report
}

/** Reports an error at the value of that key (or item), or at the owner itself. */
export const complain = reporting('error')
/** Reports a warning there. */
export const warn = reporting('warning')

function reporting(severity: 'error' | 'warning') {
  return (
    draft: Draft<unknown>,
    owner: object,
    key: string | number | undefined,
    code: string,
    message: string,
  ): void => {
    const keyPath = draft.origins.path(owner, key)
    draft.report({ ...draft.origins.place(owner, key), severity, code, message, keyPath })
  }
}

/** Reports an error at the key itself. */
export function complainOfKey(draft: Draft<unknown>, owner: object, key: string, code: string, message: string): void {
  const keyPath = draft.origins.path(owner, key)
  draft.report({ ...draft.origins.keyPlace(owner, key), severity: 'error', code, message, keyPath })
}

/** Reports a version that is not listed, at the value of that key, with the nearest that is. */
export function checkVersion(draft: Draft, owner: object, key: string | number, name: string): void {
  const { versions } = draft.document
  if (!versions.has(name)) complain(draft, owner, key, 'unknown-name', unlisted('version', name, versions))
}

/** The same for a service. */
export function checkService(draft: Draft, owner: object, key: string | number, name: string): void {
  const { services } = draft.document
  if (!services.has(name)) complain(draft, owner, key, 'unknown-name', unlisted('service', name, services))
}

export function unlisted(kind: string, name: string, known: ReadonlyMap<string, unknown>): string {
  return `${kind} ${quote(name)} is not listed${didYouMean(name, known.keys())}`
}
