// No proxy at all: what the backend and the load generator can do on this machine. Decides nothing, so it is checked for its bodies only.

import type { Contender } from '../contender.ts'

export const direct: Contender = {
  name: 'direct',
  about: 'no proxy: straight to the backend of v2',
  install: 'is this project',
  compilesAsItRuns: false,
  version: async () => process.version,
  command: () => undefined,
}
