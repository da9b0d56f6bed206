// `overload` of routes.yaml: where the rungs of the ladder begin. Part of schema.ts.

import { Duration, Percentage, Section, Whole } from './schema-parts.ts'

function rung(memory: string, lag: string, description: string) {
  return Section(
    {
      memory: Percentage({ default: memory, description: 'Of memoryBytes, or of the heap that Node allows itself.' }),
      lag: Duration({
        default: lag,
        description: 'By which the event loop runs late, in the median of a quarter of a second.',
      }),
    },
    { default: {}, description },
  )
}

/** Each process looks at itself four times a second. */
export const overload = Section(
  {
    memoryBytes: Whole(0, 1_099_511_627_776, {
      default: 0,
      description: 'What one process may use. 0: what its container has, else the machine.',
    }),
    shortenKeepAlive: rung('80%', '250ms', 'Idle connections end after a tenth of limits.idleTimeout.'),
    shedRequests: rung('90%', '1s', 'Requests from outside get 503 with Retry-After; service-to-service calls go on.'),
    stopAccepting: rung('95%', '3s', 'New connections are reset.'),
  },
  { default: {}, description: 'What is given up first when there is too much to do.' },
)
