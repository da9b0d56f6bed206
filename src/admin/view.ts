// What the admin server sees of the gateway. The gateway fits it as it is; tests hand in a small one.
// Nothing here changes how requests are decided: reload puts the files' configuration in force, and that is all.

import type { Configuration } from '../config/configuration.ts'
import type { Gateway } from '../gateway.ts'

export interface AdminView extends Pick<
  Gateway,
  'state' | 'listeners' | 'lastReload' | 'reload' | 'explain' | 'reloads' | 'endpointsOut'
> {
  readonly traffic: Pick<Gateway['traffic'], 'view' | 'decisions' | 'newest'>
  /** The configuration in force; holds Maps, Sets and keys, which configuration-json.ts takes care of. */
  configuration(): Pick<Configuration, 'file' | 'releases'>
  /** The processes that serve, where there are several. */
  workers?(): readonly object[]
}

export type ExplainInput = Parameters<AdminView['explain']>[0]

export interface MetricsText {
  readonly contentType: string
  text(): Promise<string>
}
