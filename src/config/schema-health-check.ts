// `healthCheck` of a service in routes.yaml. Part of schema.ts.

import { type Static, Type } from 'typebox'
import { Duration, Refused, Section, Text, Whole } from './schema-parts.ts'

export const healthCheck = Section(
  {
    path: Text('a path', { pattern: '^/[!-~]*$', description: 'An answer of 200 to 399 means healthy.' }),
    host: Type.Optional(Text('a host', { pattern: '^[^\\s/]+$', description: "Default: the endpoint's own." })),
    interval: Duration({ default: '5s' }),
    timeout: Duration({ default: '1s' }),
    unhealthyThreshold: Whole(1, 100, { default: 3, description: 'Failures in a row that take an endpoint out.' }),
    healthyThreshold: Whole(1, 100, { default: 2, description: 'Successes in a row that bring it back.' }),
    failureThreshold: Refused('failureThreshold is called unhealthyThreshold'),
    successThreshold: Refused('successThreshold is called healthyThreshold'),
    periodSeconds: Refused('periodSeconds is written interval: 5s'),
    timeoutSeconds: Refused('timeoutSeconds is written timeout: 1s'),
    httpGet: Refused('path stands under healthCheck itself, as in healthCheck: { path: /healthz }'),
  },
  { title: 'HealthCheck', description: "Each endpoint is asked for this path, as Envoy's http_health_check does." },
)

export type HealthCheckText = Static<typeof healthCheck>
