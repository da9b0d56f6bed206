// Which load generator is taken: wrk where it is installed, else autocannon.

import type { Children } from '../children.ts'
import { autocannon } from './autocannon.ts'
import type { LoadGenerator } from './load.ts'
import { wrk } from './wrk.ts'

/** The best that is there. `folder` takes what it needs. */
export async function loadGenerator(children: Children, folder: string): Promise<LoadGenerator> {
  const preferred = wrk(folder, children)
  return (await preferred.version()) === undefined ? autocannon(children) : preferred
}
