// The bytes of a key that a configuration names: of an environment variable, or of a file. They never stand in the configuration itself.

import { complain, type Draft } from './draft.ts'

interface KeySource {
  readonly env?: string | undefined
  readonly file?: string | undefined
}

/** Undefined after a report. @param example of what is wanted, as one writes it */
export async function readKey(draft: Draft, source: KeySource, example: string): Promise<Uint8Array | undefined> {
  const { env, file } = source
  if ((env === undefined) === (file === undefined)) {
    complain(draft, source, undefined, 'value', `a key comes from env or from file: ${example}`)
    return undefined
  }
  if (file !== undefined) return draft.sources.key(file, draft.origins.place(source, 'file'))
  const text = draft.surroundings.env[env as string]
  if (text !== undefined) return Buffer.from(text)
  complain(draft, source, 'env', 'key', `the environment variable ${env} is not set`)
  return undefined
}
